/* elementary.c - exp, log, cos and powers of our own.
 *
 * Why not libm's: its last bits differ between versions and processors, and a run must not.  What stands here is made
 * of additions, multiplications and divisions alone, which IEEE 754 rounds correctly everywhere.  None of it is in an
 * inner loop but exp, which has its vector form in lanes_exp.h.
 *
 * Error bounds, tried in tests/unit/test_elementary.c: ist__exp 2 units in the last place, ist__log 2, ist__cos_pi
 * 2^-52 absolute, ist__power as many units as the exponent says.
 *
 * Floor: math.
 */
#include "math/kernels.h"
#include "math/lanes_exp.h"

#include <string.h>

float ist__exp(float x)
{
    return lanes_exp_part((lanes_f32){0} + x)[0];
}

float ist__sigmoid(float x)
{
    const float e = ist__exp(x < 0 ? x : -x);
    return (x < 0 ? e : 1) / (1 + e);
}

/* x = 2^e m, m in [1, 2) first; x > 0 and finite. */
static double split(double x, int32_t *e)
{
    union {
        double number;
        uint64_t bits;
    } u;
    *e = 0;
    if (x < 0x1p-1022) { /* no leading 1 is stored */
        x *= 0x1p54;
        *e = -54;
    }
    u.number = x;
    *e += (int32_t)(u.bits >> 52) - 1023;
    u.bits = (u.bits & 0x000fffffffffffffU) | 0x3ff0000000000000U;
    return u.number;
}

/* log m = 2 artanh s = 2 (s + s^3/3 + s^5/5 + ..), s = (m - 1) / (m + 1).  With m in [sqrt(1/2), sqrt(2)] s^2 is below
 * 0.0295, and the term s^25/25 below 2^-64 of the sum. */
double ist__log(double x)
{
    const double ln2_upper = 0x1.62e42fee00000p-1, ln2_lower = 0x1.a39ef35793c76p-33; /* times e: exact */
    if (!(x > 0)) return x == 0 ? -__builtin_inf() : __builtin_nan("");
    if (x > 0x1.fffffffffffffp1023) return x;
    int32_t e;
    double m = split(x, &e);
    if (m > 0x1.6a09e667f3bcdp0) {
        m *= 0.5;
        e++;
    }
    const double s = (m - 1) / (m + 1), s2 = s * s;
    double sum = 0;
    for (int32_t k = 23; k >= 3; k -= 2) sum = (sum + 1.0 / k) * s2;
    return e * ln2_upper + (2 * s + (2 * s * sum + e * ln2_lower));
}

/* Taylor sum of cos (first = 0) or sin (first = 1) at |x| <= pi / 4: the first term left out is below 2^-58. */
static double taylor(double x, int32_t first)
{
    const double x2 = x * x;
    double sum = 1;
    for (int32_t k = 16 + first; k > first; k -= 2) sum = 1 - sum * (x2 / (k * (k - 1)));
    return first ? x * sum : sum;
}

double ist__cos_pi(double x)
{
    const double pi = 0x1.921fb54442d18p1;
    if (x > 0.5) return -ist__cos_pi(1 - x); /* 1 - x is exact from 0.5 on, 0.5 - x from 0.25 on */
    return x > 0.25 ? taylor(pi * (0.5 - x), 1) : taylor(pi * x, 0);
}

double ist__power(double base, int64_t exponent)
{
    double result = 1;
    while (exponent > 0) {
        if (exponent & 1) result *= base;
        exponent >>= 1;
        base *= base;
    }
    return result;
}

double ist__sum(int64_t count, const float *values)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)values[i];
    return sum;
}
