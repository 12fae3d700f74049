/* lanes_activation.h - GELU, tanh and SiLU and their slopes, in 16 lanes, from lanes_exp and operations that IEEE 754 rounds
 * correctly: the same bits on every instruction set.  ReLU is lanes_relu. [M1] [M4]
 *
 *   SiLU  x s(x)             s(t) = 1 / (1 + e^-t)
 *   GELU  x s(2 u)           u = sqrt(2 / pi) (x + 0.044715 x^3): its tanh form, because (1 + tanh u) / 2 = s(2 u)
 *   tanh  (1 - e) / (1 + e)  with e = e^(-2 |x|) and the sign of x; its power series where |x| < 1/4 and 1 - e would cancel
 *
 * Both s(t) and 1 - s(t) are made of e^-|t|, which never overflows; neither is the difference of two like numbers.
 * Absolute error: GELU and SiLU 2^-22 max(1, |x|), tanh 2^-22 |tanh x|; slopes 2^-21.  tests/unit/test_elementary.c tries a
 * million floats of the whole range.
 * Ends: x of -infinity gives 0, of infinity x (tanh: -1, 1); slopes 0 and 1 (tanh: 0).  NaN: NaN.
 */
#ifndef IST_MATH_LANES_ACTIVATION_H
#define IST_MATH_LANES_ACTIVATION_H

#include "math/lanes_exp.h"

LANES_INLINE lanes lanes_absolute(lanes x)
{
    LANES_EACH (i) x.part[i] = (lanes_f32)((lanes_i32)x.part[i] & 0x7fffffff);
    return x;
}

/* x, but `least` where it is below that.  NaN stays. */
LANES_INLINE lanes lanes_at_least(lanes x, float least)
{
    return lanes_choose(lanes_greater(lanes_all(least), x), lanes_all(least), x);
}

LANES_INLINE lanes lanes_within(lanes x, float bound) /* -bound .. bound */
{
    x = lanes_at_least(x, -bound);
    return lanes_choose(lanes_greater(x, lanes_all(bound)), lanes_all(bound), x);
}

/* s(t), and 1 - s(t) = s(-t). */
typedef struct lanes_share {
    lanes on, off;
} lanes_share;

LANES_INLINE lanes_share lanes_sigmoid(lanes t)
{
    const lanes e = lanes_exp(lanes_sub(lanes_all(0), lanes_absolute(t)));
    const lanes more = lanes_div(lanes_all(1), lanes_add(lanes_all(1), e)), less = lanes_mul(e, more);
    const lanes_int negative = lanes_greater(lanes_all(0), t);
    return (lanes_share){lanes_choose(negative, less, more), lanes_choose(negative, more, less)};
}

#define GELU_SLOPE 0x1.988454p+0F /* 2 sqrt(2 / pi) */
#define GELU_CUBIC 0x1.6e4e26p-5F /* 0.044715 */
#define GELU_THIRD 0x1.12ba9ep-3F /* 3 times that */
/* Beyond these s is 0 or 1 to the last bit, and so is the slope; an infinity would meet the 0. */
#define SILU_END 100.0F
#define GELU_END 16.0F

LANES_INLINE lanes lanes_silu(lanes x)
{
    return lanes_mul(lanes_at_least(x, -SILU_END), lanes_sigmoid(x).on);
}

/* s + x s (1 - s) */
LANES_INLINE lanes lanes_silu_slope(lanes x)
{
    x = lanes_within(x, SILU_END);
    const lanes_share s = lanes_sigmoid(x);
    return lanes_add(s.on, lanes_mul(x, lanes_mul(s.on, s.off)));
}

/* 2 u */
LANES_INLINE lanes lanes_gelu_argument(lanes x)
{
    const lanes cubic = lanes_add(lanes_all(1), lanes_mul(lanes_all(GELU_CUBIC), lanes_mul(x, x)));
    return lanes_mul(lanes_mul(lanes_all(GELU_SLOPE), x), cubic);
}

LANES_INLINE lanes lanes_gelu(lanes x)
{
    return lanes_mul(lanes_at_least(x, -GELU_END), lanes_sigmoid(lanes_gelu_argument(x)).on);
}

/* s + x (2 u)' s (1 - s) */
LANES_INLINE lanes lanes_gelu_slope(lanes x)
{
    x = lanes_within(x, GELU_END);
    const lanes_share s = lanes_sigmoid(lanes_gelu_argument(x));
    const lanes squares = lanes_add(lanes_all(1), lanes_mul(lanes_all(GELU_THIRD), lanes_mul(x, x)));
    const lanes inner = lanes_mul(lanes_all(GELU_SLOPE), squares);
    return lanes_add(s.on, lanes_mul(lanes_mul(x, inner), lanes_mul(s.on, s.off)));
}

/* x - x^3 / 3 + 2 x^5 / 15 - 17 x^7 / 315 + 62 x^9 / 2835: what is left out is below 1e-8 of the sum for |x| < 1/4. */
LANES_INLINE lanes lanes_tanh_series(lanes x)
{
    const lanes x2 = lanes_mul(x, x);
    lanes p = lanes_add(lanes_mul(x2, lanes_all(62.0F / 2835)), lanes_all(-17.0F / 315));
    p = lanes_add(lanes_mul(p, x2), lanes_all(2.0F / 15));
    p = lanes_add(lanes_mul(p, x2), lanes_all(-1.0F / 3));
    return lanes_add(x, lanes_mul(x, lanes_mul(x2, p)));
}

LANES_INLINE lanes lanes_tanh(lanes x)
{
    const lanes size = lanes_absolute(x), one = lanes_all(1);
    const lanes e = lanes_exp(lanes_mul(lanes_all(-2), size));
    const lanes far = lanes_div(lanes_sub(one, e), lanes_add(one, e));
    const lanes signed_far = lanes_choose(lanes_greater(lanes_all(0), x), lanes_sub(lanes_all(0), far), far);
    return lanes_choose(lanes_greater(lanes_all(0.25F), size), lanes_tanh_series(x), signed_far);
}

/* 1 - tanh^2 = 4 e / (1 + e)^2 */
LANES_INLINE lanes lanes_tanh_slope(lanes x)
{
    const lanes e = lanes_exp(lanes_mul(lanes_all(-2), lanes_absolute(x))), sum = lanes_add(lanes_all(1), e);
    return lanes_div(lanes_mul(lanes_all(4), e), lanes_mul(sum, sum));
}

#endif
