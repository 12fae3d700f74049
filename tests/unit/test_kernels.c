/* The kernels against naive loops in double precision, and their bits: for every set of kernels that this machine can
 * run, however rows are split, with memory behind the columns left alone. */
#include "ist_test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ist/ist.h"
#include "kernel_sets.h"

enum { ROWS = 5, PAD = 3, MOST = 200 };
static const int32_t column_counts[] = {1, 2, 7, 16, 17, 100, 128, MOST};
static const float CANARY = 12345.0F;

#define EACH_COLUMNS(columns)                                                           \
  for (size_t index = 0; index < sizeof column_counts / sizeof *column_counts; index++) \
    for (int32_t columns = column_counts[index]; columns; columns = 0)

static int64_t stride(int32_t columns)
{
    return columns + PAD;
}

/* (rows, columns) with canaries between rows, and nothing behind the last row: sanitizers watch there. */
static size_t block_bytes(int32_t rows, int32_t columns)
{
    return ((size_t)(rows - 1) * (size_t)stride(columns) + (size_t)columns) * sizeof(float);
}

static float *block(int32_t rows, int32_t columns, uint32_t seed)
{
    float *at = malloc(block_bytes(rows, columns));
    for (int64_t i = 0; i < (int64_t)(block_bytes(rows, columns) / sizeof *at); i++)
        at[i] = i % stride(columns) < columns ? noise(&seed) : CANARY;
    return at;
}

static bool canaries_live(int32_t rows, int32_t columns, const float *at)
{
    for (int32_t r = 0; r + 1 < rows; r++)
        for (int32_t c = columns; c < stride(columns); c++)
            if (at[r * stride(columns) + c] != CANARY) return false;
    return true;
}

/* ------------------------------------------------------------------------------------------ naive, in double ---- */

static double activated(int32_t activation, double v)
{
    const double u = 0.79788456080286536 * (v + 0.044715 * v * v * v); /* sqrt(2 / pi) */
    switch (activation) {
    case IST_RELU: return v <= 0 ? 0 : v;
    case IST_GELU: return v / 2 * (1 + tanh(u));
    case IST_TANH: return tanh(v);
    case IST_SILU: return v / (1 + exp(-v));
    default: return v;
    }
}

/* y and xhat (columns) of one row. */
static void naive_norm(int32_t columns, const double *z, double gamma, double beta, int32_t activation, double *xhat,
                       double *y, double *inv_std)
{
    double mean = 0, variance = 0;
    for (int32_t c = 0; c < columns; c++) mean += z[c] / columns;
    for (int32_t c = 0; c < columns; c++) variance += (z[c] - mean) * (z[c] - mean) / columns;
    *inv_std = 1 / sqrt(variance + (double)IST__NORM_EPSILON);
    for (int32_t c = 0; c < columns; c++) {
        xhat[c] = (z[c] - mean) * *inv_std;
        y[c] = activated(activation, gamma * xhat[c] + beta);
    }
}

static void to_double(int32_t columns, const float *from, double *to)
{
    for (int32_t c = 0; c < columns; c++) to[c] = (double)from[c];
}

/* ---------------------------------------------------------------------------------------------------- batch norm -- */

static void check_norm_forward(const ist__kernel_set *set, int32_t columns, bool affine, int32_t activation,
                               float offset)
{
    float *z = block(ROWS, columns, 11), *y = block(ROWS, columns, 12);
    float gamma[ROWS] = {0.5F, -1.5F, 1, 0, 2}, beta[ROWS] = {0.1F, 0.2F, -0.3F, 1, 0}, inv_std[ROWS];
    double before[MOST], xhat[MOST], expected[MOST], inv;
    for (int32_t r = 0; r < ROWS; r++)
        for (int32_t c = 0; c < columns; c++) z[r * stride(columns) + c] += offset;
    float *start = malloc(block_bytes(ROWS, columns));
    memcpy(start, z, block_bytes(ROWS, columns));
    float *out = affine || activation != IST__LINEAR ? y : z; /* in place where that is allowed */
    set->batch_norm_forward(ROWS, columns, stride(columns), z, affine ? gamma : NULL, affine ? beta : NULL, activation,
                            out, inv_std);
    const double tolerance = offset == 0 ? 5e-6 : 2e-3; /* a variance from E z^2 - mean^2 would be off by 0.1 */
    for (int32_t r = 0; r < ROWS && (columns > 1 || offset == 0); r++) {
        to_double(columns, start + r * stride(columns), before);
        naive_norm(columns, before, affine ? (double)gamma[r] : 1, affine ? (double)beta[r] : 0, activation, xhat,
                   expected, &inv);
        CHECK_NEAR((double)inv_std[r] / inv, 1, tolerance);
        for (int32_t c = 0; c < columns; c++) {
            CHECK_NEAR(z[r * stride(columns) + c], xhat[c], tolerance);
            CHECK_NEAR(out[r * stride(columns) + c], expected[c], tolerance);
        }
    }
    CHECK(canaries_live(ROWS, columns, z) && canaries_live(ROWS, columns, y));
    free(z);
    free(y);
    free(start);
}

/* In place, as evaluation uses it: y is the same, xhat is not wanted. */
TEST(batch_norm_forward_in_place)
{
    const float gamma[ROWS] = {0.5F, -1.5F, 1, 0, 2}, beta[ROWS] = {0.1F, 0.2F, -0.3F, 1, 0};
    EACH_SET (i, set)
        EACH_COLUMNS (columns)
            for (int32_t activation = IST_RELU; activation <= IST_SILU; activation++) {
                float *z = block(ROWS, columns, 13), *y = block(ROWS, columns, 14), *both = block(ROWS, columns, 13);
                float inv_std[ROWS];
                set->batch_norm_forward(ROWS, columns, stride(columns), z, gamma, beta, activation, y, inv_std);
                set->batch_norm_forward(ROWS, columns, stride(columns), both, gamma, beta, activation, both, inv_std);
                CHECK_MEM(y, both, block_bytes(ROWS, columns));
                free(z);
                free(y);
                free(both);
            }
}

TEST(batch_norm_forward_is_the_definition)
{
    EACH_SET (i, set)
        EACH_COLUMNS (columns)
            for (int variant = 0; variant < 4; variant++)
                for (int32_t activation = IST__LINEAR; activation <= IST_SILU; activation++)
                    check_norm_forward(set, columns, variant & 1, activation, variant & 2 ? 1000.0F : 0.0F);
}

/* sum_c weight[c] y[c] of one row, in double: what the backward is the gradient of. */
static double weighed(int32_t columns, const double *z, double gamma, double beta, int32_t activation,
                      const float *weight)
{
    double xhat[MOST], y[MOST], inv, sum = 0;
    naive_norm(columns, z, gamma, beta, activation, xhat, y, &inv);
    for (int32_t c = 0; c < columns; c++) sum += (double)weight[c] * y[c];
    return sum;
}

static void check_norm_backward(const ist__kernel_set *set, int32_t columns, bool affine, int32_t activation)
{
    const double h = 1e-6;
    float *z = block(ROWS, columns, 21), *y = block(ROWS, columns, 22), *d = block(ROWS, columns, 23);
    float *weight = block(ROWS, columns, 23); /* the same as d */
    float gamma[ROWS] = {0.5F, -1.5F, 1, 0.25F, 2}, beta[ROWS] = {0.1F, 0.2F, -0.3F, 1, 0};
    float inv_std[ROWS], dgamma[ROWS], dbeta[ROWS];
    double at[MOST];
    float *start = malloc(block_bytes(ROWS, columns));
    memcpy(start, z, block_bytes(ROWS, columns));
    set->batch_norm_forward(ROWS, columns, stride(columns), z, affine ? gamma : NULL, affine ? beta : NULL, activation,
                            y, inv_std);
    set->batch_norm_backward(ROWS, columns, stride(columns), z, activation == IST_RELU ? y : NULL, activation,
                             affine ? gamma : NULL, affine ? beta : NULL, inv_std, d, affine ? dgamma : NULL,
                             affine ? dbeta : NULL);
    for (int32_t r = 0; r < ROWS; r++) {
        const double g = affine ? (double)gamma[r] : 1, b = affine ? (double)beta[r] : 0;
        const float *w = weight + r * stride(columns);
        to_double(columns, start + r * stride(columns), at);
        for (int32_t c = 0; c < columns; c++) {
            const double here = at[c];
            at[c] = here + h;
            double slope = weighed(columns, at, g, b, activation, w);
            at[c] = here - h;
            slope = (slope - weighed(columns, at, g, b, activation, w)) / (2 * h);
            at[c] = here;
            CHECK_NEAR(d[r * stride(columns) + c], slope, 2e-5 * (1 + fabs(slope)));
        }
        if (!affine) continue;
        const double dg =
            (weighed(columns, at, g + h, b, activation, w) - weighed(columns, at, g - h, b, activation, w)) / (2 * h);
        const double db =
            (weighed(columns, at, g, b + h, activation, w) - weighed(columns, at, g, b - h, activation, w)) / (2 * h);
        CHECK_NEAR(dgamma[r], dg, 2e-5 * (1 + fabs(dg)));
        CHECK_NEAR(dbeta[r], db, 2e-5 * (1 + fabs(db)));
    }
    CHECK(canaries_live(ROWS, columns, d) && canaries_live(ROWS, columns, z));
    free(z);
    free(y);
    free(d);
    free(weight);
    free(start);
}

TEST(batch_norm_backward_is_the_slope)
{
    EACH_SET (i, set)
        EACH_COLUMNS (columns)
            for (int affine = 0; affine <= 1; affine++)
                for (int32_t activation = IST__LINEAR; activation <= IST_SILU; activation++) {
                    if (columns < 3) continue; /* two values are always -1 and 1: slopes are all epsilon, tried below */
                    check_norm_backward(set, columns, affine, activation);
                }
}

TEST(batch_norm_of_one_sample_passes_nothing_back)
{
    EACH_SET (i, set) {
        float z = 42, y = 0, inv_std = 0, gamma = 3, beta = 0.5F, d = 2, dgamma = -1, dbeta = -1;
        set->batch_norm_forward(1, 1, 1, &z, &gamma, &beta, IST_RELU, &y, &inv_std);
        CHECK(z == 0 && y == 0.5F);
        CHECK_NEAR(inv_std, 1 / sqrt((double)IST__NORM_EPSILON), 1e-3);
        set->batch_norm_backward(1, 1, 1, &z, &y, IST_RELU, &gamma, &beta, &inv_std, &d, &dgamma, &dbeta);
        CHECK(d == 0 && dgamma == 0 && dbeta == 2);
    }
}

/* --------------------------------------------------------------------------------------- bias, activation, sums -- */

TEST(affine_forward_is_the_definition)
{
    const float scale[ROWS] = {0.5F, -1.5F, 1, 0, 2}, shift[ROWS] = {0.1F, 0.2F, -0.3F, 1, 0};
    EACH_SET (i, set)
        EACH_COLUMNS (columns)
            for (int variant = 0; variant < 20; variant++) {
                const bool scaled = variant & 1, in_place = variant & 2;
                const int32_t activation = IST__LINEAR + variant / 4;
                float *z = block(ROWS, columns, 31), *kept = block(ROWS, columns, 31), *y = block(ROWS, columns, 32);
                float *out = in_place ? z : y;
                set->affine_forward(ROWS, columns, stride(columns), z, scaled ? scale : NULL, shift, activation, out);
                for (int32_t r = 0; r < ROWS; r++)
                    for (int32_t c = 0; c < columns; c++) {
                        const int64_t at = r * stride(columns) + c;
                        float expected = scaled ? scale[r] * kept[at] : kept[at];
                        expected += shift[r]; /* one rounding an operation: equal where nothing is smooth */
                        if (activation == IST_RELU && expected < 0) expected = 0;
                        if (activation <= IST_RELU) CHECK(out[at] == expected);
                        else CHECK_NEAR(out[at], activated(activation, (double)expected), 1e-6);
                    }
                CHECK(canaries_live(ROWS, columns, out));
                free(z);
                free(kept);
                free(y);
            }
}

/* y only where it is read, z and shift likewise. */
static void run_bias_backward(const ist__kernel_set *set, int32_t columns, int32_t activation, const float *z,
                              const float *y, float *d, float *dbias)
{
    const float shift[ROWS] = {0.1F, 0.2F, -0.3F, 1, 0};
    const bool smooth = activation > IST_RELU;
    set->bias_backward(ROWS, columns, stride(columns), smooth ? z : NULL, smooth ? shift : NULL,
                       activation == IST_RELU ? y : NULL, activation, d, dbias);
}

TEST(bias_backward_is_the_slope)
{
    const double shift[ROWS] = {0.1, 0.2, -0.3, 1, 0}, h = 1e-5;
    EACH_SET (i, set)
        EACH_COLUMNS (columns)
            for (int32_t activation = IST__LINEAR; activation <= IST_SILU; activation++) {
                float *y = block(ROWS, columns, 41), *d = block(ROWS, columns, 42), *kept = block(ROWS, columns, 42);
                float *z = block(ROWS, columns, 43), dbias[ROWS];
                y[0] = 0; /* at the kink: no gradient */
                run_bias_backward(set, columns, activation, z, y, d, dbias);
                for (int32_t r = 0; r < ROWS; r++) {
                    double sum = 0;
                    for (int32_t c = 0; c < columns; c++) {
                        const int64_t at = r * stride(columns) + c;
                        const double v = (double)z[at] + shift[r];
                        const double slope = (activated(activation, v + h) - activated(activation, v - h)) / (2 * h);
                        if (activation > IST_RELU) CHECK_NEAR(d[at], (double)kept[at] * slope, 2e-6);
                        else CHECK(d[at] == (activation == IST_RELU && y[at] <= 0 ? 0 : kept[at]));
                        sum += (double)d[at];
                    }
                    CHECK_NEAR(dbias[r], sum, 1e-5);
                }
                CHECK(canaries_live(ROWS, columns, d));
                free(y);
                free(d);
                free(z);
                free(kept);
            }
}

TEST(relu_lets_nan_through)
{
    EACH_SET (i, set) {
        float z[3] = {NAN, -0.0F, -INFINITY}, y[3], shift = 0, inv_std, dbias;
        set->affine_forward(1, 3, 3, z, NULL, &shift, IST_RELU, y);
        CHECK(isnan(y[0]) && y[1] == 0 && !signbit(y[1]) && y[2] == 0);
        set->batch_norm_forward(1, 3, 3, z, NULL, NULL, IST_RELU, y, &inv_std);
        CHECK(isnan(y[0]) && isnan(y[1]) && isnan(inv_std));
        float d[2] = {NAN, 1};
        const float alive[2] = {1, 1};
        set->bias_backward(1, 2, 2, NULL, NULL, alive, IST_RELU, d, &dbias);
        CHECK(isnan(dbias) && d[1] == 1);
    }
}

TEST(smooth_activations_let_nan_through_and_saturate)
{
    EACH_SET (i, set)
        for (int32_t activation = IST_GELU; activation <= IST_SILU; activation++) {
            const float z[6] = {NAN, -NAN, INFINITY, -INFINITY, 3e38F, -3e38F}, shift = 0;
            const bool odd = activation == IST_TANH;
            float y[6], d[6] = {1, 1, 1, 1, 1, 1}, dbias;
            set->affine_forward(1, 6, 6, z, NULL, &shift, activation, y);
            CHECK(isnan(y[0]) && isnan(y[1]));
            for (int c = 2; c < 6; c++) CHECK(y[c] == (c % 2 ? (odd ? -1 : 0) : odd ? 1 : z[c]));
            set->bias_backward(1, 6, 6, z, &shift, NULL, activation, d, &dbias);
            CHECK(isnan(d[0]) && isnan(d[1]) && isnan(dbias));
            for (int c = 2; c < 6; c++) CHECK(d[c] == (c % 2 || odd ? 0 : 1));
            float lost[1] = {NAN};
            set->bias_backward(1, 1, 1, z + 3, &shift, NULL, activation, lost, &dbias);
            CHECK(isnan(lost[0]) && isnan(dbias));
        }
}

TEST(row_moments_are_mean_and_squares)
{
    EACH_SET (i, set)
        EACH_COLUMNS (columns) {
            float *z = block(ROWS, columns, 51), mean[ROWS], m2[ROWS];
            for (int32_t c = 0; c < columns; c++) z[stride(columns) + c] += 1000; /* a row far from 0 */
            set->row_moments(ROWS, columns, stride(columns), z, mean, m2);
            for (int32_t r = 0; r < ROWS; r++) {
                double sum = 0, squares = 0;
                for (int32_t c = 0; c < columns; c++) sum += (double)z[r * stride(columns) + c] / columns;
                for (int32_t c = 0; c < columns; c++) squares += pow((double)z[r * stride(columns) + c] - sum, 2);
                CHECK_NEAR(mean[r], sum, r == 1 ? 2e-4 : 1e-6);
                CHECK_NEAR(m2[r], squares, (r == 1 ? 1e-4 : 2e-6) * (1 + squares));
            }
            free(z);
        }
}

/* The order that kernels.h and lanes.h promise, spelled out. */
static float sum_as_promised(int32_t columns, const float *values)
{
    float lane[16] = {0};
    for (int32_t c = 0; c < columns; c++) lane[c % 16] += values[c];
    for (int width = 8; width >= 1; width /= 2)
        for (int i = 0; i < width; i++) lane[i] += lane[i + width];
    return lane[0];
}

TEST(sums_have_the_promised_order)
{
    EACH_SET (i, set)
        EACH_COLUMNS (columns) {
            float *z = block(ROWS, columns, 61), mean[ROWS], m2[ROWS], total[ROWS];
            set->row_moments(ROWS, columns, stride(columns), z, mean, m2);
            run_bias_backward(set, columns, IST__LINEAR, NULL, NULL, z, total);
            for (int32_t r = 0; r < ROWS; r++) {
                const float promised = sum_as_promised(columns, z + r * stride(columns));
                const float promised_mean = promised / (float)columns;
                CHECK_MEM(&total[r], &promised, sizeof promised);
                CHECK_MEM(&mean[r], &promised_mean, sizeof promised);
            }
            free(z);
        }
}

/* ------------------------------------------------------------------------------------------------------- softmax -- */

enum { CLASSES = 35 };
static const ist__loss_rule plain_loss = {1, 0, 1};
static const ist__loss_rule loss_rules[] = {{1, 0, 0.25F}, {2.5F, 0, 0.25F}, {1, 0.3F, 0.25F}, {0.125F, 0.75F, 0.5F}};

static void check_softmax(const ist__kernel_set *set, int32_t columns, int32_t first, int32_t last, bool in_place,
                          bool labelled, const ist__loss_rule *rule)
{
    const double sharpness = (double)rule->sharpness, smoothing = (double)rule->smoothing;
    float *logits = block(CLASSES, columns, 71), *kept = block(CLASSES, columns, 71),
          *fresh = block(CLASSES, columns, 72);
    float *d = in_place ? logits : fresh, *before = malloc(block_bytes(CLASSES, columns)), loss[MOST];
    const int64_t ld = stride(columns);
    int32_t labels[MOST] = {0}, best[MOST];
    for (int32_t c = 0; c < columns; c++) labels[c] = c * 11 % CLASSES, loss[c] = CANARY, best[c] = -5;
    memcpy(before, d, block_bytes(CLASSES, columns));
    set->softmax_cross_entropy(CLASSES, first, last, ld, logits, labelled ? labels : NULL, rule, d, loss, best);
    for (int32_t c = 0; c < columns; c++) {
        if (c < first || c >= last) { /* none of our columns */
            for (int32_t k = 0; k < CLASSES; k++) CHECK(d[k * ld + c] == before[k * ld + c]);
            CHECK(loss[c] == CANARY && best[c] == -5);
            continue;
        }
        double sum = 0;
        int32_t top = 0;
        for (int32_t k = 0; k < CLASSES; k++) {
            sum += exp(sharpness * (double)kept[k * ld + c]);
            if (kept[k * ld + c] > kept[top * ld + c]) top = k;
        }
        CHECK_EQ(best[c], top);
        if (labelled) CHECK_NEAR(loss[c], log(sum) - sharpness * (double)kept[labels[c] * ld + c], 4e-6);
        for (int32_t k = 0; k < CLASSES; k++) {
            const double p = exp(sharpness * (double)kept[k * ld + c]) / sum;
            const double target = (1 - smoothing) * (k == labels[c]) + smoothing / CLASSES;
            CHECK_NEAR(d[k * ld + c], labelled ? (p - target) * (double)rule->scale * sharpness : p, 4e-7);
        }
    }
    CHECK(canaries_live(CLASSES, columns, d) && canaries_live(CLASSES, columns, logits));
    free(logits);
    free(kept);
    free(fresh);
    free(before);
}

TEST(softmax_is_the_definition)
{
    EACH_SET (i, set)
        EACH_COLUMNS (columns)
            for (int variant = 0; variant < 16; variant++) {
                const ist__loss_rule *rule = &loss_rules[variant / 4];
                check_softmax(set, columns, 0, columns, variant & 1, variant & 2, rule);
                check_softmax(set, columns, columns / 3, columns - columns / 5, variant & 1, variant & 2, rule);
            }
}

TEST(softmax_does_not_feel_a_shift_nor_where_columns_are_cut)
{
    EACH_SET (i, set)
        EACH_COLUMNS (columns) {
            const int64_t ld = stride(columns);
            float *here = block(CLASSES, columns, 81), *there = malloc(block_bytes(CLASSES, columns));
            float loss_here[MOST], loss_there[MOST];
            int32_t labels[MOST] = {0}, best_here[MOST], best_there[MOST];
            for (int32_t c = 0; c < columns; c++) labels[c] = c % CLASSES;
            memcpy(there, here, block_bytes(CLASSES, columns));
            for (int32_t k = 0; k < CLASSES; k++)
                for (int32_t c = 0; c < columns; c++) { /* few bits, so that the shift is exact */
                    here[k * ld + c] = rintf(here[k * ld + c] * 64) / 64;
                    there[k * ld + c] = here[k * ld + c] + 4096;
                }
            set->softmax_cross_entropy(CLASSES, 0, columns, ld, here, labels, &plain_loss, here, loss_here, best_here);
            for (int32_t c = 0; c < columns; c += 5)
                set->softmax_cross_entropy(CLASSES, c, c + 5 < columns ? c + 5 : columns, ld, there, labels,
                                           &plain_loss, there, loss_there, best_there);
            CHECK_MEM(here, there, block_bytes(CLASSES, columns));
            CHECK_MEM(loss_here, loss_there, (size_t)columns * sizeof(float));
            CHECK_MEM(best_here, best_there, (size_t)columns * sizeof(int32_t));
            free(here);
            free(there);
        }
}

TEST(softmax_of_huge_logits_is_finite)
{
    EACH_SET (i, set) { /* columns: very far apart, all very large, equal, one -infinity */
        float logits[3][4] = {{1e30F, 3e38F, 0, -INFINITY}, {-1e30F, 3e38F, 0, 1}, {0, 3e38F, 0, 1}}, d[3][4], loss[4];
        const int32_t labels[4] = {0, 1, 2, 1};
        set->softmax_cross_entropy(3, 0, 4, 4, &logits[0][0], labels, &plain_loss, &d[0][0], loss, NULL);
        CHECK(loss[0] == 0);
        for (int c = 1; c < 3; c++) CHECK_NEAR(loss[c], log(3), 1e-6);
        CHECK_NEAR(loss[3], log(2), 1e-6);
        CHECK(d[0][0] == 0 && d[1][0] == 0 && d[0][3] == 0);
        const int32_t other[1] = {1};
        set->softmax_cross_entropy(3, 0, 1, 4, &logits[0][0], other, &plain_loss, NULL, loss, NULL);
        CHECK(isfinite(loss[0]) && loss[0] > 1e30F);
    }
}

TEST(a_logit_that_is_not_a_number_gives_such_a_loss)
{
    EACH_SET (i, set)
        for (int32_t where = 0; where < 3; where++)
            for (int infinite = 0; infinite <= 1; infinite++) {
                float logits[3][2] = {{1, 1}, {2, 2}, {0, 0}}, d[3][2], loss[2];
                int32_t best[2];
                const int32_t labels[2] = {1, 1};
                logits[where][0] = infinite ? INFINITY : NAN;
                set->softmax_cross_entropy(3, 0, 2, 2, &logits[0][0], labels, &plain_loss, &d[0][0], loss, best);
                CHECK(isnan(loss[0]) && isnan(d[0][0] + d[1][0] + d[2][0]) && best[0] >= 0 && best[0] < 3);
                CHECK(isfinite(loss[1])); /* the neighbour is well */
            }
}

TEST(of_equal_logits_the_first_is_best)
{
    EACH_SET (i, set) {
        const float logits[4][3] = {{1, 0, -0.0F}, {3, 0, 0}, {3, 0, -0.0F}, {2, 0, 0}};
        int32_t best[3];
        set->softmax_cross_entropy(4, 0, 3, 3, &logits[0][0], NULL, &plain_loss, NULL, NULL, best);
        CHECK_EQ(best[0], 1);
        CHECK_EQ(best[1], 0);
        CHECK_EQ(best[2], 0);
    }
}

/* --------------------------------------------------------------------------------------------------------- bits -- */

typedef struct everything { /* what all kernels together make of one input */
    float z[ROWS][MOST], y[ROWS][MOST], d[ROWS][MOST], a[ROWS][MOST], b[ROWS][MOST], p[ROWS][MOST];
    float inv_std[ROWS], dgamma[ROWS], dbeta[ROWS], dbias[ROWS], mean[ROWS], m2[ROWS], loss[MOST];
    float w[3][MOST], v[2][MOST], m[MOST];
    int32_t best[MOST];
} everything;

/* Rows [first, last) of all that goes by rows. */
static void run_rows(const ist__kernel_set *set, everything *e, int32_t activation, int32_t columns, int32_t first,
                     int32_t last)
{
    const float gamma[ROWS] = {0.5F, -1.5F, 1, 0.3F, 2}, beta[ROWS] = {0.1F, 0.2F, -0.3F, 1, 0};
    const int32_t rows = last - first;
    const float *g = gamma + first, *b = beta + first;
    float(*z)[MOST] = e->z + first, (*y)[MOST] = e->y + first, (*d)[MOST] = e->d + first;
    float(*a)[MOST] = e->a + first, (*back)[MOST] = e->b + first;
    set->row_moments(rows, columns, MOST, *z, e->mean + first, e->m2 + first);
    set->affine_forward(rows, columns, MOST, *z, g, b, activation, *a);
    set->batch_norm_forward(rows, columns, MOST, *z, g, b, activation, *y, e->inv_std + first);
    set->batch_norm_backward(rows, columns, MOST, *z, *y, activation, g, b, e->inv_std + first, *d, e->dgamma + first,
                             e->dbeta + first);
    set->bias_backward(rows, columns, MOST, *z, b, *a, activation, *back, e->dbias + first);
}

static void run_rest(const ist__kernel_set *set, everything *e, int32_t columns)
{
    const ist__adam adam = {.beta1 = 0.9F, .beta2 = 0.999F, .rate = 0.15F, .epsilon = 1e-8F};
    const ist__loss_rule hundredth = {1, 0, 0.01F};
    int32_t labels[MOST] = {0};
    for (int32_t c = 0; c < columns; c++) labels[c] = c % ROWS;
    set->softmax_cross_entropy(ROWS, 0, columns, MOST, *e->y, labels, &hundredth, *e->p, e->loss, e->best);
    ist__rule rule = {.kind = IST_SGD, .lr = 0.1F, .keep = 0.999F, .momentum = 0.9F, .adam = adam};
    set->step(&rule, columns, e->d[0], e->w[0], NULL, NULL);
    rule.kind = IST_NESTEROV;
    set->step(&rule, columns, e->d[1], e->w[1], e->v[0], NULL);
    rule.kind = IST_ADAM;
    set->step(&rule, columns, e->d[2], e->w[2], e->m, e->v[1]);
}

static everything *start_of_everything(void)
{
    everything *e = calloc(1, sizeof *e);
    uint32_t seed = 101;
    for (int32_t r = 0; r < ROWS; r++)
        for (int32_t c = 0; c < MOST; c++)
            e->z[r][c] = noise(&seed), e->d[r][c] = noise(&seed), e->b[r][c] = noise(&seed);
    for (int32_t c = 0; c < MOST; c++) e->w[0][c] = e->w[1][c] = e->w[2][c] = noise(&seed);
    return e;
}

TEST(bits_do_not_depend_on_how_rows_are_split)
{
    EACH_SET (i, set)
        EACH_COLUMNS (columns)
            for (int32_t activation = IST_RELU; activation <= IST_SILU; activation++) {
                everything *whole = start_of_everything(), *split = start_of_everything();
                run_rows(set, whole, activation, columns, 0, ROWS);
                run_rows(set, split, activation, columns, 3, ROWS);
                run_rows(set, split, activation, columns, 0, 1);
                run_rows(set, split, activation, columns, 1, 3);
                CHECK_MEM(whole, split, sizeof *whole);
                free(whole);
                free(split);
            }
}

TEST(bits_are_the_same_on_every_instruction_set)
{
    EACH_SET (i, set)
        EACH_COLUMNS (columns)
            for (int32_t activation = IST_RELU; activation <= IST_SILU; activation++) {
                everything *plain = start_of_everything(), *wide = start_of_everything();
                run_rows(ist__kernels_portable, plain, activation, columns, 0, ROWS);
                run_rest(ist__kernels_portable, plain, columns);
                run_rows(set, wide, activation, columns, 0, ROWS);
                run_rest(set, wide, columns);
                CHECK_MEM(plain, wide, sizeof *plain);
                free(plain);
                free(wide);
            }
}

TEST(bits_of_smoothed_and_scaled_losses_are_the_same_on_every_instruction_set)
{
    EACH_SET (i, set)
        EACH_COLUMNS (columns)
            for (size_t which = 0; which < sizeof loss_rules / sizeof *loss_rules; which++) {
                everything *plain = start_of_everything(), *wide = start_of_everything();
                int32_t labels[MOST];
                for (int32_t c = 0; c < MOST; c++) labels[c] = c % ROWS;
                ist__kernels_portable->softmax_cross_entropy(ROWS, 0, columns, MOST, *plain->z, labels,
                                                             &loss_rules[which], *plain->p, plain->loss, plain->best);
                set->softmax_cross_entropy(ROWS, 0, columns, MOST, *wide->z, labels, &loss_rules[which], *wide->p,
                                           wide->loss, wide->best);
                CHECK_MEM(plain, wide, sizeof *plain);
                free(plain);
                free(wide);
            }
}

/* And on every machine: recorded on one. */
static uint64_t hash_of(int32_t activation)
{
    everything *e = start_of_everything();
    run_rows(ist__kernel_set_at(0), e, activation, 100, 0, ROWS);
    run_rest(ist__kernel_set_at(0), e, 100);
    uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a */
    const unsigned char *bytes = (const unsigned char *)e;
    for (size_t i = 0; i < sizeof *e; i++) hash = (hash ^ bytes[i]) * 0x100000001b3U;
    free(e);
    return hash;
}

TEST(bits_are_the_recorded_ones)
{
    CHECK_EQ(hash_of(IST_RELU), 0xa2dd295ab693417dU);
    CHECK_EQ(hash_of(IST_GELU), 0xd368824bfaf3fa6eU);
    CHECK_EQ(hash_of(IST_TANH), 0x0f45ef51e215c691U);
    CHECK_EQ(hash_of(IST_SILU), 0xd38a46447c0ac1e6U);
}

TEST(the_build_made_all_sets)
{
#if defined(__x86_64__)
    CHECK(ist__kernels_avx2 != NULL && ist__kernels_avx512 != NULL);
#endif
    CHECK(ist__kernel_set_at(0) != NULL && ist__kernel_set_at(3) == NULL);
}
