/* body_softmax.h - softmax and cross-entropy, 16 columns (samples) at a time, one in each lane.
 *
 * Three passes over the classes: the largest logit (which is subtracted, so that no exp overflows), the exps and their
 * sum, the quotients.  Sums run over classes in ascending order inside one lane, so a column's result depends on that
 * column alone: not on the batch, nor on where its block of 16 begins.
 * Included by kernels_*.c alone, see kernels.h.
 */
#ifndef IST_MATH_BODY_SOFTMAX_H
#define IST_MATH_BODY_SOFTMAX_H

#include <stddef.h>

#include "math/kernels.h"
#include "math/lanes_exp.h"

/* Largest logit of each column, and its class in `best`.  A NaN is not looked for here: it comes out of the sum. */
LANES_INLINE lanes largest_logit(int32_t classes, int32_t n, int64_t ld, const float *logits, lanes_int *best)
{
    lanes top = lanes_load(logits, n);
    *best = lanes_int_all(0);
    for (int32_t k = 1; k < classes; k++) {
        const lanes x = lanes_load(logits + k * ld, n);
        const lanes_int higher = lanes_greater(x, top);
        top = lanes_choose(higher, x, top);
        *best = lanes_int_choose(higher, lanes_int_all(k), *best);
    }
    return top;
}

/* Sum of exp(logit - top), where logit is `sharpness` times what lies there; the exps themselves go to d unless it is
 * NULL. */
LANES_INLINE lanes sum_of_exps(int32_t classes, int32_t n, int64_t ld, const float *block, lanes sharpness, lanes top,
                               float *d)
{
    lanes sum = lanes_all(0);
    for (int32_t k = 0; k < classes; k++) {
        const lanes e = lanes_exp(lanes_sub(lanes_mul(sharpness, lanes_load(block + k * ld, n)), top));
        if (d) lanes_store(d + k * ld, e, n);
        sum = lanes_add(sum, e);
    }
    return sum;
}

/* From exps to probabilities, or to the gradient when there are labels. */
LANES_INLINE void normalise(int32_t classes, int32_t n, int64_t ld, lanes sum, const int32_t *labels,
                            const ist__loss_rule *rule, float *d)
{
    int32_t label[LANES] = {0};
    for (int32_t i = 0; labels && i < n; i++) label[i] = labels[i];
    const lanes_int wanted = lanes_int_load_16(label);
    const float spread = rule->smoothing / (float)classes;
    const lanes off = lanes_all(spread), on = lanes_all(1 - rule->smoothing + spread);
    const lanes scale = lanes_all(rule->scale * rule->sharpness);
    for (int32_t k = 0; k < classes; k++) {
        lanes p = lanes_div(lanes_load(d + k * ld, n), sum);
        if (labels) {
            const lanes target = lanes_choose(lanes_int_equal(wanted, lanes_int_all(k)), on, off);
            p = lanes_mul(lanes_sub(p, target), scale);
        }
        lanes_store(d + k * ld, p, n);
    }
}

/* One block of n <= 16 columns; all pointers are at its first column. */
LANES_INLINE void softmax_block(int32_t classes, int32_t n, int64_t ld, const float *block, const int32_t *labels,
                                const ist__loss_rule *rule, float *d, float *loss, int32_t *best)
{
    lanes_int best_lanes;
    const lanes sharpness = lanes_all(rule->sharpness); /* above 0: the largest stays the largest */
    const lanes top = lanes_mul(sharpness, largest_logit(classes, n, ld, block, &best_lanes));
    if (best) {
        int32_t index[LANES];
        lanes_int_store_16(index, best_lanes);
        for (int32_t i = 0; i < n; i++) best[i] = index[i];
    }
    if (!d && !loss) return;

    float label_logit[LANES] = {0}, top_logit[LANES], total[LANES]; /* read now: d may be the block itself */
    for (int32_t i = 0; loss && i < n; i++) label_logit[i] = rule->sharpness * block[labels[i] * ld + i];
    const lanes sum = sum_of_exps(classes, n, ld, block, sharpness, top, d);
    lanes_store_16(top_logit, top);
    lanes_store_16(total, sum);
    for (int32_t i = 0; loss && i < n; i++)
        loss[i] = (float)(ist__log((double)total[i]) + ((double)top_logit[i] - (double)label_logit[i]));
    if (d) normalise(classes, n, ld, sum, labels, rule, d);
}

static void softmax_cross_entropy(int32_t classes, int32_t first, int32_t last, int64_t ld, const float *block,
                                  const int32_t *labels, const ist__loss_rule *rule, float *d, float *loss,
                                  int32_t *best)
{
    for (int32_t c = first; c < last; c += LANES)
        softmax_block(classes, last - c < LANES ? last - c : LANES, ld, block + c, labels ? labels + c : NULL, rule,
                      d ? d + c : NULL, loss && labels ? loss + c : NULL, best ? best + c : NULL);
}

#endif
