/* Our own exp, log, cos and powers against libm's, and their bits against those of another machine. */
#include "ist_test.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "math/kernels.h"
#include "math/lanes_activation.h"

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* FNV-1a, to hold many bits in one number. */
static uint64_t hash(uint64_t seed, const void *data, size_t bytes)
{
    const unsigned char *byte = data;
    for (size_t i = 0; i < bytes; i++) seed = (seed ^ byte[i]) * 0x100000001b3U;
    return seed;
}

static double error_in_ulps(double got, double exact, int digits)
{
    return fabs(got - exact) / ldexp(1, ilogb(exact) - digits + 1);
}

TEST(exp_is_within_two_units)
{
    double worst = 0;
    for (uint32_t bits = 0; bits < 0x42b20000U; bits += 997) /* 0 .. 89 and 0 .. -89 */
        for (uint32_t sign = 0; sign <= 1; sign++) {
            const float x = float_of(bits | sign << 31);
            if (x > 88.72283F || x < -87.33654F) continue;
            worst = fmax(worst, error_in_ulps((double)ist__exp(x), exp((double)x), 24));
        }
    CHECK_NEAR(worst, 0, 2);
    CHECK(worst > 0.4); /* or nothing was compared */
}

TEST(exp_at_its_ends)
{
    CHECK(ist__exp(0) == 1 && ist__exp(-0.0F) == 1);
    CHECK(ist__exp(-87.33654F) >= FLT_MIN);
    CHECK(ist__exp(-87.33655F) == 0 && ist__exp(-1e30F) == 0 && ist__exp(-INFINITY) == 0);
    CHECK_NEAR(ist__exp(88.72283F) / FLT_MAX, 1, 1e-5);
    CHECK(ist__exp(88.72284F) == FLT_MAX && ist__exp(1e30F) == FLT_MAX && ist__exp(INFINITY) == FLT_MAX);
    CHECK(isnan(ist__exp(NAN)) && isnan(ist__exp(-NAN)));
}

TEST(exp_of_a_lane_is_exp_of_a_number)
{
    for (uint32_t start = 0; start < 0x43000000U; start += 0x00100003U) {
        float x[LANES], all[LANES];
        for (uint32_t i = 0; i < LANES; i++) x[i] = float_of((start + i * 77777U) | (i & 1) << 31);
        lanes_store_16(all, lanes_exp(lanes_load_16(x)));
        for (int i = 0; i < LANES; i++) {
            const float one = ist__exp(x[i]);
            CHECK_MEM(&one, &all[i], sizeof one);
        }
    }
}

/* ------------------------------------------------------------------------------------------------ activations -- */

static double sigmoid(double t)
{
    return 1 / (1 + exp(-t));
}

static double silu(double x)
{
    return x * sigmoid(x);
}

static double silu_slope(double x)
{
    return sigmoid(x) + x * sigmoid(x) * sigmoid(-x);
}

static const double gelu_slope_at_0 = 1.5957691216057308, cubic = 0.044715; /* 2 sqrt(2 / pi) */

static double gelu(double x)
{
    return x * sigmoid(gelu_slope_at_0 * (x + cubic * x * x * x));
}

static double gelu_slope(double x)
{
    const double t = gelu_slope_at_0 * (x + cubic * x * x * x);
    return sigmoid(t) + x * gelu_slope_at_0 * (1 + 3 * cubic * x * x) * sigmoid(t) * sigmoid(-t);
}

static double tanh_slope(double x)
{
    return 1 / (cosh(x) * cosh(x));
}

/* All of them at sixteen numbers. */
enum { FUNCTIONS = 6 };
static void run_all(const float *x, float out[FUNCTIONS][LANES])
{
    const lanes v = lanes_load_16(x);
    lanes_store_16(out[0], lanes_silu(v));
    lanes_store_16(out[1], lanes_gelu(v));
    lanes_store_16(out[2], lanes_tanh(v));
    lanes_store_16(out[3], lanes_silu_slope(v));
    lanes_store_16(out[4], lanes_gelu_slope(v));
    lanes_store_16(out[5], lanes_tanh_slope(v));
}

/* The bounds that lanes_activation.h states: of values against max(1, |x|) (tanh: against its own size), of slopes as they are. */
TEST(activations_and_their_slopes_are_within_their_bounds)
{
    double (*const exact[FUNCTIONS])(double) = {silu, gelu, tanh, silu_slope, gelu_slope, tanh_slope};
    double worst[FUNCTIONS] = {0};
    for (uint32_t start = 0; start < 0x43000000U; start += 16381U) { /* 0 .. 128 and back */
        float x[LANES], out[FUNCTIONS][LANES];
        for (uint32_t i = 0; i < LANES; i++) x[i] = float_of((start + i / 2 * 2039U) | (i & 1) << 31);
        run_all(x, out);
        for (int f = 0; f < FUNCTIONS; f++)
            for (int i = 0; i < LANES; i++) {
                const double at = (double)x[i], right = exact[f](at);
                double size = f < 2 ? fmax(1, fabs(at)) : 1;
                if (f == 2) size = fmax(fabs(right), 1e-37);
                worst[f] = fmax(worst[f], fabs((double)out[f][i] - right) / size);
            }
    }
    for (int f = 0; f < FUNCTIONS; f++) {
        CHECK_NEAR(worst[f], 0, f < 3 ? 0x1p-22 : 0x1p-21);
        CHECK(worst[f] > 0x1p-26); /* or nothing was compared */
    }
}

TEST(activations_at_their_ends)
{
    const float x[LANES] = {INFINITY, -INFINITY, 3e38F, -3e38F, NAN,    -NAN,    0,      -0.0F,
                            1e19F,    -1e19F,    1000,  -1000,  1e-30F, -1e-30F, 1e-40F, -1e-40F};
    float out[FUNCTIONS][LANES];
    run_all(x, out);
    for (int i = 0; i < LANES; i++)
        for (int f = 0; f < FUNCTIONS; f++) {
            const bool tangent = f == 2 || f == 5, slope = f >= 3, small = fabsf(x[i]) < 1;
            if (isnan(x[i])) CHECK(isnan(out[f][i]));
            else if (small && slope) CHECK(out[f][i] == (tangent ? 1 : 0.5F));
            else if (small) CHECK(out[f][i] == (tangent ? x[i] : x[i] / 2));
            else if (slope) CHECK(out[f][i] == (x[i] > 0 && !tangent ? 1 : 0));
            else CHECK(out[f][i] == (tangent ? copysignf(1, x[i]) : x[i] > 0 ? x[i] : 0));
        }
}

TEST(log_is_within_two_units)
{
    double worst = error_in_ulps(ist__log(0x1p-1074), -1074 * log(2), 53), x = 1e-320;
    for (; x < 1e308; x *= 1.0137) worst = fmax(worst, error_in_ulps(ist__log(x), (double)logl((long double)x), 53));
    for (x = 0.4; x < 2.5; x += 1.7e-5) /* where log is small, and where the exponent changes */
        worst = fmax(worst, error_in_ulps(ist__log(x), (double)logl((long double)x), 53));
    for (int e = 1; e <= 52; e++) {
        worst = fmax(worst, error_in_ulps(ist__log(1 + ldexp(1, -e)), log1p(ldexp(1, -e)), 53));
        worst = fmax(worst, error_in_ulps(ist__log(1 - ldexp(1, -e)), log1p(-ldexp(1, -e)), 53));
    }
    CHECK_NEAR(worst, 0, 2);
    CHECK(worst > 0.4);
    CHECK(ist__log(1) == 0);
}

TEST(log_at_its_ends)
{
    CHECK(ist__log(0) == -(double)INFINITY && ist__log(-0.0) == -(double)INFINITY);
    CHECK(isnan(ist__log(-1)) && isnan(ist__log((double)NAN)) && isnan(ist__log(-(double)INFINITY)));
    CHECK(ist__log((double)INFINITY) == (double)INFINITY);
    CHECK_NEAR(ist__log(DBL_MAX), log(DBL_MAX), 2e-13);
}

TEST(cos_pi_is_the_cosine)
{
    const long double pi = 3.14159265358979323846264338327950288L;
    for (int i = 0; i <= 100000; i++) {
        const double x = i / 100000.0;
        CHECK_NEAR(ist__cos_pi(x), cosl(pi * (long double)x), 0x1p-52);
        CHECK(x < 0.5 || ist__cos_pi(x) == -ist__cos_pi(1 - x));
    }
    CHECK(ist__cos_pi(0) == 1 && ist__cos_pi(0.5) == 0 && ist__cos_pi(1) == -1);
}

TEST(powers)
{
    CHECK(ist__power(0.3, 0) == 1 && ist__power(0, 0) == 1 && ist__power(0, 5) == 0);
    CHECK(ist__power(2, 1000) == 0x1p1000 && ist__power(-3, 21) == -10460353203.0);
    for (int64_t k = 1; k < 100000; k = k * 3 + 1)
        CHECK_NEAR(ist__power(0.999, k) / (double)powl(0.999L, (long double)k), 1, (double)k * 1e-13);
    CHECK(ist__power(0.9, INT64_MAX) == 0);
}

TEST(sum_runs_in_order_and_in_double)
{
    const float up[] = {1e30F, 1, -1e30F}, down[] = {1e30F, -1e30F, 1}, fine[] = {1, 0x1p-40F, -1};
    CHECK(ist__sum(3, up) == 0 && ist__sum(3, down) == 1 && ist__sum(3, fine) == 0x1p-40 && ist__sum(0, up) == 0);
}

/* The bits themselves, recorded on one machine: they must come out on every other. */
TEST(bits_are_the_same_everywhere)
{
    const uint64_t start = 0xcbf29ce484222325U;
    uint64_t e = start, l = start, c = start, p = start;
    for (int32_t i = 0; i < 50000; i++) {
        const float exp_i = ist__exp((float)(i - 25000) * 0.0035F);
        const double log_i = ist__log((i + 1) * 0.00371), cos_i = ist__cos_pi(i / 49999.0);
        const double power_i = ist__power(1 - i * 1e-7, i);
        e = hash(e, &exp_i, sizeof exp_i);
        l = hash(l, &log_i, sizeof log_i);
        c = hash(c, &cos_i, sizeof cos_i);
        p = hash(p, &power_i, sizeof power_i);
    }
    CHECK_EQ(e, 0xdcf6624e8ff71414U);
    CHECK_EQ(l, 0x4dcb2a7b7b20a0dbU);
    CHECK_EQ(c, 0xeddbbdbf0511441fU);
    CHECK_EQ(p, 0x97fd1cc2e31fc394U);
}
