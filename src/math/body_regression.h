/* body_regression.h - squared and Huber's loss, 16 columns (samples) at a time, one in each lane.
 *
 * A column's loss is a sum over outputs in ascending order, in double precision, so it depends on that column alone.  An
 * error that is not a number compares with nothing, and so comes out of both loss and gradient; of an infinite one the
 * loss is infinite.
 * Included by kernels_*.c alone, see kernels.h.
 */
#ifndef IST_MATH_BODY_REGRESSION_H
#define IST_MATH_BODY_REGRESSION_H

#include "math/kernels.h"
#include "math/lanes.h"

/* The error, but not beyond -delta .. delta. */
LANES_INLINE lanes clip_error(lanes e, lanes low, lanes high)
{
    return lanes_choose(lanes_greater(e, high), high, lanes_choose(lanes_greater(low, e), low, e));
}

/* One block of n <= 16 columns; all pointers are at its first column. */
LANES_INLINE void regression_block(const bool huber, int32_t outputs, int32_t n, int64_t ld, const float *block,
                                   const float *wanted, const ist__error_rule *rule, float *d, float *loss)
{
    double sum[LANES] = {0};
    float term[LANES];
    const lanes high = lanes_all(rule->delta), low = lanes_all(-rule->delta), half = lanes_all(0.5F);
    const lanes scale = lanes_all((huber ? rule->scale : 2 * rule->scale) / (float)outputs);
    for (int32_t k = 0; k < outputs; k++) {
        const lanes e = lanes_sub(lanes_load(block + k * ld, n), lanes_load(wanted + k * ld, n));
        /* Of a clipped error c: c (e - c / 2) is e^2 / 2 within, and delta (|e| - delta / 2) beyond. */
        const lanes c = huber ? clip_error(e, low, high) : e;
        lanes_store_16(term, lanes_mul(c, huber ? lanes_sub(e, lanes_mul(half, c)) : e));
        for (int32_t i = 0; i < LANES; i++) sum[i] += (double)term[i];
        if (d) lanes_store(d + k * ld, lanes_mul(c, scale), n);
    }
    for (int32_t i = 0; i < n; i++) loss[i] = (float)(sum[i] / (double)outputs);
}

static void regression_loss(int32_t outputs, int32_t first, int32_t last, int64_t ld, const float *block,
                            const float *wanted, const ist__error_rule *rule, float *d, float *loss)
{
    for (int32_t c = first; c < last; c += LANES) {
        const int32_t n = last - c < LANES ? last - c : LANES;
        float *gradient = d ? d + c : NULL;
        if (rule->delta > 0) regression_block(true, outputs, n, ld, block + c, wanted + c, rule, gradient, loss + c);
        else regression_block(false, outputs, n, ld, block + c, wanted + c, rule, gradient, loss + c);
    }
}

#endif
