/* An optimiser's step against its formulas, in double over many steps and bit for bit; and the search for a number that
 * is not finite: for every set of kernels that this machine can run. */
#include "ist_test.h"

#include <float.h>
#include <math.h>

#include "ist/ist.h"
#include "kernel_sets.h"

static const float CANARY = 12345.0F;

enum { STEPS = 200, MOST_NUMBERS = 100 };
static const int64_t counts[] = {0, 1, 15, 16, 17, MOST_NUMBERS};

/* The formulas of kernels.h in float, an operation a time: the bits of a step, but for Adam's quotient. */
static void plain_step(const ist__rule *rule, int64_t count, const float *g, float *w, float *s, float *t)
{
    const ist__adam *adam = &rule->adam;
    for (int64_t i = 0; i < count; i++) {
        const float kept = rule->keep * w[i];
        if (rule->kind == IST_ADAM) {
            s[i] = fmaf(adam->beta1, s[i], (1 - adam->beta1) * g[i]);
            t[i] = fmaf(adam->beta2, t[i], (1 - adam->beta2) * g[i] * g[i]);
            w[i] = kept - adam->rate * s[i] / (sqrtf(t[i]) + adam->epsilon);
            continue;
        }
        float way = g[i];
        if (rule->kind != IST_SGD) way = s[i] = fmaf(rule->momentum, s[i], g[i]);
        if (rule->kind == IST_NESTEROV) way = fmaf(rule->momentum, s[i], g[i]);
        w[i] = fmaf(-rule->lr, way, kept);
    }
}

/* Numbers under a rule and what it keeps of them; canaries behind the last. */
typedef struct numbers {
    float w[MOST_NUMBERS + 1], s[MOST_NUMBERS + 1], t[MOST_NUMBERS + 1];
} numbers;

static void check_rule(const ist__kernel_set *set, int32_t kind, int64_t count)
{
    const double lr = 0.03125, keep = 1 - 0.03125 * 0.0625, mu = 0.875, beta1 = 0.875, beta2 = 0.96875, epsilon = 1e-8;
    numbers fast = {0}, plain;
    float g[MOST_NUMBERS];
    double dw[MOST_NUMBERS], dv[MOST_NUMBERS] = {0}, dm[MOST_NUMBERS] = {0};
    uint32_t seed = 91;
    for (int64_t i = 0; i < count; i++) dw[i] = (double)(fast.w[i] = noise(&seed));
    fast.w[count] = fast.s[count] = fast.t[count] = CANARY;
    plain = fast;
    for (int time = 1; time <= STEPS; time++) {
        for (int64_t i = 0; i < count; i++) g[i] = noise(&seed) + fast.w[i] * 0.5F;
        const double c1 = 1 / (1 - pow(beta1, time)), c2 = 1 / (1 - pow(beta2, time));
        for (int64_t i = 0; i < count; i++) {
            const double slope = (double)g[i];
            dm[i] = beta1 * dm[i] + (1 - beta1) * slope;
            dv[i] = kind == IST_ADAM ? beta2 * dv[i] + (1 - beta2) * slope * slope : mu * dv[i] + slope;
            double way = slope;
            if (kind == IST_MOMENTUM) way = dv[i];
            if (kind == IST_NESTEROV) way = slope + mu * dv[i];
            if (kind == IST_ADAM) way = dm[i] * c1 / (sqrt(dv[i] * c2) + epsilon);
            dw[i] = keep * dw[i] - lr * way;
        }
        const ist__rule rule = {
            .kind = kind,
            .lr = (float)lr,
            .keep = (float)keep,
            .momentum = (float)mu,
            .adam = {(float)beta1, (float)beta2, (float)(lr * c1 / sqrt(c2)), (float)(epsilon / sqrt(c2))}};
        set->step(&rule, count, g, fast.w, kind == IST_SGD ? NULL : fast.s, kind == IST_ADAM ? fast.t : NULL);
        plain_step(&rule, count, g, plain.w, plain.s, plain.t);
        for (int64_t i = 0; i < count && kind == IST_ADAM; i++) {
            CHECK_NEAR(fast.w[i], plain.w[i], 1.3e-7); /* a place of a number below 2 */
            plain.w[i] = fast.w[i];
        }
        CHECK_MEM(&fast, &plain, sizeof fast);
        for (int64_t i = 0; i < count; i++) CHECK_NEAR(fast.w[i], dw[i], 2e-5);
    }
}

TEST(optimisers_follow_their_formulas)
{
    EACH_SET (i, set)
        for (int32_t kind = IST_SGD; kind <= IST_ADAM; kind++)
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) check_rule(set, kind, counts[c]);
}

/* ------------------------------------------------------------------------------------------------------ finite -- */

TEST(one_number_that_is_not_finite_is_found)
{
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    EACH_SET (i, set)
        for (int64_t count = 0; count <= 70; count++) {
            float values[70];
            uint32_t seed = 95;
            for (int64_t k = 0; k < 70; k++) values[k] = k < count ? noise(&seed) * FLT_MAX : NAN; /* none behind */
            CHECK(set->all_finite(count, values));
            for (int64_t k = 0; k < count; k++) {
                const float kept = values[k];
                values[k] = bad[k % 4];
                CHECK(!set->all_finite(count, values));
                values[k] = kept;
            }
        }
}
