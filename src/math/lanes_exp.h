/* lanes_exp.h - e^x in 16 lanes; ist__exp (elementary.c) is one of these lanes.
 *
 * e^x = 2^k e^r with k the integer next to x / ln 2 and |r| <= ln 2 / 2.  ln 2 is split in two floats (Cody and Waite):
 * the upper one has 16 bits, so k times it is exact and so is the first subtraction.  e^r is its Taylor sum up to
 * r^7 / 7!, whose rest is below 6e-9: 0.05 units in the last place.  2^k is put together from two halves, because
 * 2^128 is no float while e^88.7 is one.
 *
 * Error: below 2 units in the last place; tests/unit/test_elementary.c tries two million floats of the whole range.
 * x < -87.33654: 0.  x > 88.72283: FLT_MAX, never infinite.  NaN: NaN.
 */
#ifndef IST_MATH_LANES_EXP_H
#define IST_MATH_LANES_EXP_H

#include "math/lanes.h"

#include <float.h>

LANES_INLINE lanes_f32 lanes_exp_part(lanes_f32 x)
{
    const float low = -87.33654F, high = 88.72283F; /* of results that are normal numbers */
    const float round = 0x1.8p23F;                  /* adding it leaves the nearest integer in the last bits */
    const float ln2_upper = 0x1.62e4p-1F, ln2_lower = 0x1.7f7d1cp-20F;

    const lanes_f32 t = x * 0x1.715476p0F + round; /* 1 / ln 2 */
    const lanes_f32 k = t - round;
    const lanes_f32 r = (x - k * ln2_upper) - k * ln2_lower;

    lanes_f32 p = r * (1.0F / 5040) + 1.0F / 720;
    p = p * r + 1.0F / 120;
    p = p * r + 1.0F / 24;
    p = p * r + 1.0F / 6;
    p = p * r + 0.5F;
    p = (p * (r * r) + r) + 1.0F;

    /* Unsigned, because these bits are anything when x is out of range; what comes of them is replaced below. */
    const lanes_u32 n = (lanes_u32)t - 0x4b400000U; /* bits of `round` */
    const lanes_u32 half = ((n + 1024U) >> 1) - 512U;
    p = p * (lanes_f32)((half + 127U) << 23) * (lanes_f32)((n - half + 127U) << 23);

    const lanes_i32 below = (lanes_i32)(x < low), above = (lanes_i32)(x > high);
    const lanes_i32 largest = (lanes_i32)((lanes_f32){0} + FLT_MAX);
    return (lanes_f32)(((lanes_i32)p & ~(below | above)) | (largest & above));
}

LANES_INLINE lanes lanes_exp(lanes x)
{
    LANES_EACH (i) x.part[i] = lanes_exp_part(x.part[i]);
    return x;
}

#endif
