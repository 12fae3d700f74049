/* body_labels.h - a tile of a wide output, 16 columns (samples) at a time, one in each lane.
 *
 * A column's sums run over the tile's labels in ascending order, and over tiles in ascending order in double precision:
 * so they depend on that column alone, and not on which thread had which tile.
 * Included by kernels_*.c alone, see kernels.h.
 */
#ifndef IST_MATH_BODY_LABELS_H
#define IST_MATH_BODY_LABELS_H

#include "math/kernels.h"
#include "math/lanes_exp.h"

/* The logit of a label, from its product. */
LANES_INLINE lanes label_logit(const float *product, float bias, lanes sharpness)
{
    return lanes_mul(sharpness, lanes_add(lanes_load_16(product), lanes_all(bias)));
}

static void label_exps(int32_t labels, int32_t columns, int64_t ld, float sharpness, const float *bias, float *block,
                       float *top, float *sum)
{
    const lanes sharp = lanes_all(sharpness);
    for (int32_t c = 0; c < columns; c += LANES) {
        float *at = block + c;
        lanes most = label_logit(at, bias[0], sharp), total = lanes_all(0);
        for (int32_t r = 1; r < labels; r++) { /* a NaN is not looked for here: it comes out of the sum */
            const lanes logit = label_logit(at + r * ld, bias[r], sharp);
            most = lanes_choose(lanes_greater(logit, most), logit, most);
        }
        for (int32_t r = 0; r < labels; r++) {
            const lanes e = lanes_exp(lanes_sub(label_logit(at + r * ld, bias[r], sharp), most));
            total = lanes_add(total, e);
            lanes_store_16(at + r * ld, e);
        }
        lanes_store_16(top + c, most);
        lanes_store_16(sum + c, total);
    }
}

static void label_totals(int32_t tiles, int32_t first, int32_t last, int64_t ld, const float *top, const float *sum,
                         float *most, double *total)
{
    for (int32_t c = first; c < last; c += LANES) {
        double all[LANES] = {0};
        float part[LANES];
        lanes m = lanes_load_16(top + c);
        for (int32_t t = 1; t < tiles; t++) {
            const lanes one = lanes_load_16(top + t * ld + c);
            m = lanes_choose(lanes_greater(one, m), one, m);
        }
        for (int32_t t = 0; t < tiles; t++) {
            const lanes e = lanes_exp(lanes_sub(lanes_load_16(top + t * ld + c), m));
            lanes_store_16(part, lanes_mul(e, lanes_load_16(sum + t * ld + c)));
            for (int32_t i = 0; i < LANES; i++) all[i] += (double)part[i];
        }
        lanes_store_16(most + c, m);
        for (int32_t i = 0; i < LANES; i++) total[c + i] = all[i];
    }
}

static void label_gradient(int32_t labels, int32_t columns, int64_t ld, const float *top, const float *most,
                           const float *factor, const float *spread, float *block)
{
    for (int32_t c = 0; c < columns; c += LANES) {
        const lanes e = lanes_exp(lanes_sub(lanes_load_16(top + c), lanes_load_16(most + c)));
        const lanes times = lanes_mul(e, lanes_load_16(factor + c)), less = lanes_load_16(spread + c);
        for (int32_t r = 0; r < labels; r++) {
            float *at = block + r * ld + c;
            lanes_store_16(at, lanes_sub(lanes_mul(lanes_load_16(at), times), less));
        }
    }
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|).  The logarithms of a tile are one, of the product of what they are taken of:
 * at most 2^IST__LABEL_TILE, which a double holds. */
static void label_sigmoids(int32_t labels, int32_t columns, int64_t ld, float sharpness, const float *bias, float scale,
                           float *block, float *loss)
{
    const lanes sharp = lanes_all(sharpness), one = lanes_all(1), zero = lanes_all(0), times = lanes_all(scale);
    for (int32_t c = 0; c < columns; c += LANES) {
        double product[LANES], sum[LANES] = {0};
        float small[LANES], above[LANES];
        for (int32_t i = 0; i < LANES; i++) product[i] = 1;
        for (int32_t r = 0; r < labels; r++) {
            float *at = block + r * ld + c;
            const lanes x = label_logit(at, bias[r], sharp), minus = lanes_sub(zero, x);
            const lanes_int negative = lanes_greater(zero, x);
            const lanes e = lanes_exp(lanes_choose(negative, x, minus));
            const lanes sigmoid = lanes_div(lanes_choose(negative, e, one), lanes_add(one, e));
            lanes_store_16(at, lanes_mul(sigmoid, times));
            lanes_store_16(small, e);
            lanes_store_16(above, lanes_choose(negative, zero, x));
            for (int32_t i = 0; i < LANES; i++) {
                product[i] *= 1 + (double)small[i];
                sum[i] += (double)above[i];
            }
        }
        for (int32_t i = 0; i < LANES; i++) loss[c + i] = (float)(sum[i] + ist__log(product[i]));
    }
}

#endif
