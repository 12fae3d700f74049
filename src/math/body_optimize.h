/* body_optimize.h - an optimiser's step, sixteen numbers at a time. [M8]
 *
 * rule_apply is one step on 16 numbers in registers: body_product.h calls it with gradients that it has just summed up,
 * so that a weight is read and written once a step.  The kind of the rule is a constant where that is inlined.
 * Included by kernels_*.c alone, see kernels.h.
 */
#ifndef IST_MATH_BODY_OPTIMIZE_H
#define IST_MATH_BODY_OPTIMIZE_H

#include "ist/ist.h"
#include "math/kernels.h"
#include "math/lanes.h"

/* The numbers of a rule, once in every lane. */
typedef struct rule_lanes {
    lanes_f32 lr, keep, momentum, beta1, rest1, beta2, rest2, rate, epsilon;
} rule_lanes;

LANES_INLINE rule_lanes rule_spread(const ist__rule *rule)
{
    return (rule_lanes){.lr = lanes_part_all(rule->lr),
                        .keep = lanes_part_all(rule->keep),
                        .momentum = lanes_part_all(rule->momentum),
                        .beta1 = lanes_part_all(rule->adam.beta1),
                        .rest1 = lanes_part_all(1.0F - rule->adam.beta1),
                        .beta2 = lanes_part_all(rule->adam.beta2),
                        .rest2 = lanes_part_all(1.0F - rule->adam.beta2),
                        .rate = lanes_part_all(rule->adam.rate),
                        .epsilon = lanes_part_all(rule->adam.epsilon)};
}

/* 1 / d for d in 2^-126 .. 2^126, within 2 units in the last place.  A guess from the exponent, 12 % off, then twice
 * r (1 + e + e^2) with e = 1 - d r, which is off by e^3.  Why not the division: it takes as long as the root, and both go
 * through the one divider, while this goes where multiply-adds go. */
LANES_INLINE lanes_f32 reciprocal(lanes_f32 d)
{
    const lanes_f32 one = lanes_part_all(1);
    lanes_f32 r = (lanes_f32)(0x7ef311c7U - (lanes_u32)d);
    LANES_UNROLL
    for (int i = 0; i < 2; i++) {
        const lanes_f32 e = lanes_part_fma(-d, r, one);
        r = lanes_part_fma(lanes_part_fma(e, e, e), r, r);
    }
    return r;
}

/* One register's worth of numbers. */
LANES_INLINE void rule_apply(int32_t kind, const rule_lanes *r, lanes_f32 g, lanes_f32 *w, lanes_f32 *s, lanes_f32 *t)
{
    const lanes_f32 kept = r->keep * *w;
    switch (kind) {
    case IST_SGD: *w = lanes_part_fma(-r->lr, g, kept); break;
    case IST_ADAM: {
        *s = lanes_part_fma(r->beta1, *s, r->rest1 * g);
        *t = lanes_part_fma(r->beta2, *t, r->rest2 * g * g);
        const lanes_f32 quotient = reciprocal(lanes_part_sqrt(*t) + r->epsilon);
        *w = lanes_part_fma(-(r->rate * *s), quotient, kept);
        break;
    }
    default: {
        *s = lanes_part_fma(r->momentum, *s, g);
        *w = lanes_part_fma(-r->lr, kind == IST_NESTEROV ? lanes_part_fma(r->momentum, *s, g) : *s, kept);
    }
    }
}

LANES_INLINE void step_of_kind(int32_t kind, const rule_lanes *r, int64_t count, const float *g, float *w, float *s,
                               float *t)
{
    for (int64_t i = 0; i < count; i += LANES) {
        const int32_t n = count - i < LANES ? (int32_t)(count - i) : LANES;
        const lanes grad = lanes_load(g + i, n);
        lanes weight = lanes_load(w + i, n), first = lanes_all(0), second = lanes_all(0);
        if (kind != IST_SGD) first = lanes_load(s + i, n);
        if (kind == IST_ADAM) second = lanes_load(t + i, n);
        LANES_EACH (p) rule_apply(kind, r, grad.part[p], &weight.part[p], &first.part[p], &second.part[p]);
        lanes_store(w + i, weight, n);
        if (kind != IST_SGD) lanes_store(s + i, first, n);
        if (kind == IST_ADAM) lanes_store(t + i, second, n);
    }
}

static void step(const ist__rule *rule, int64_t count, const float *g, float *w, float *s, float *t)
{
    const rule_lanes r = rule_spread(rule);
    switch (rule->kind) {
    case IST_SGD: step_of_kind(IST_SGD, &r, count, g, w, s, t); break;
    case IST_MOMENTUM: step_of_kind(IST_MOMENTUM, &r, count, g, w, s, t); break;
    case IST_NESTEROV: step_of_kind(IST_NESTEROV, &r, count, g, w, s, t); break;
    default: step_of_kind(IST_ADAM, &r, count, g, w, s, t);
    }
}

#endif
