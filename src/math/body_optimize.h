/* body_optimize.h - optimiser steps, number by number. [M8]
 *
 * Bound by memory: each number is read and written once.  No sums, so lanes matter for speed alone.
 * Included by kernels_*.c alone, see kernel_set.h.
 */
#ifndef IST_MATH_BODY_OPTIMIZE_H
#define IST_MATH_BODY_OPTIMIZE_H

#include "math/kernels.h"
#include "math/lanes.h"

LANES_INLINE int32_t lanes_left(int64_t count, int64_t i)
{
    return count - i < LANES ? (int32_t)(count - i) : LANES;
}

static void update_sgd(int64_t count, float *w, const float *g, float lr, float keep)
{
    for (int64_t i = 0; i < count; i += LANES) {
        const int32_t n = lanes_left(count, i);
        const lanes kept = lanes_mul(lanes_all(keep), lanes_load(w + i, n));
        lanes_store(w + i, lanes_sub(kept, lanes_mul(lanes_all(lr), lanes_load(g + i, n))), n);
    }
}

static void update_momentum(int64_t count, float *w, float *v, const float *g, float lr, float keep, float mu,
                            bool nesterov)
{
    const lanes mu_all = lanes_all(mu);
    for (int64_t i = 0; i < count; i += LANES) {
        const int32_t n = lanes_left(count, i);
        const lanes grad = lanes_load(g + i, n), kept = lanes_mul(lanes_all(keep), lanes_load(w + i, n));
        const lanes speed = lanes_add(lanes_mul(mu_all, lanes_load(v + i, n)), grad);
        const lanes way = nesterov ? lanes_add(grad, lanes_mul(mu_all, speed)) : speed;
        lanes_store(v + i, speed, n);
        lanes_store(w + i, lanes_sub(kept, lanes_mul(lanes_all(lr), way)), n);
    }
}

static void update_adam(int64_t count, float *w, float *m, float *v, const float *g, float lr, float keep,
                        const ist__adam *adam)
{
    const lanes beta1 = lanes_all(adam->beta1), rest1 = lanes_all(1.0F - adam->beta1);
    const lanes beta2 = lanes_all(adam->beta2), rest2 = lanes_all(1.0F - adam->beta2);
    for (int64_t i = 0; i < count; i += LANES) {
        const int32_t n = lanes_left(count, i);
        const lanes grad = lanes_load(g + i, n), kept = lanes_mul(lanes_all(keep), lanes_load(w + i, n));
        const lanes first = lanes_add(lanes_mul(beta1, lanes_load(m + i, n)), lanes_mul(rest1, grad));
        const lanes second = lanes_add(lanes_mul(beta2, lanes_load(v + i, n)), lanes_mul(rest2, lanes_mul(grad, grad)));
        const lanes root = lanes_sqrt(lanes_mul(second, lanes_all(adam->correct2)));
        const lanes top = lanes_mul(lanes_all(lr), lanes_mul(first, lanes_all(adam->correct1)));
        lanes_store(m + i, first, n);
        lanes_store(v + i, second, n);
        lanes_store(w + i, lanes_sub(kept, lanes_div(top, lanes_add(root, lanes_all(adam->epsilon)))), n);
    }
}

#endif
