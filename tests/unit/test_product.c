/* Products and weight steps of every kernel set this machine runs, bit for bit against the chain that defines them. */
#include "ist_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ist/ist.h"
#include "math/kernels.h"
#include "math/reference.h"

enum { LANES = IST__LANES, GUARD = 64 };

static float noise(uint32_t *state) /* -1 .. 1 */
{
    *state = *state * 1664525U + 1013904223U;
    return (float)(*state >> 8) * 0x1p-23F - 1;
}

static int64_t up(int64_t count)
{
    return (count + LANES - 1) / LANES * LANES;
}

static float *block(int64_t count, uint32_t seed)
{
    float *values = aligned_alloc(64, (size_t)up(count + GUARD) * sizeof *values);
    CHECK(values != NULL);
    for (int64_t i = 0; i < up(count + GUARD); i++) values[i] = noise(&seed);
    return values;
}

/* The ways a matrix of (rows, steps) lies in memory. */
enum { ROWS, TURNED, PANELS, TURNED_PANELS, LAYOUTS };
typedef struct layout {
    ist__view view; /* at: NULL */
    int64_t floats;
} layout;

static layout layout_of(int kind, int32_t m, int32_t k)
{
    enum { GAP = 128 };
    const int64_t lda = (kind == ROWS ? k : m) + 3, row_panels = up(m) / LANES, step_panels = up(k) / LANES;
    switch (kind) {
    case ROWS: return (layout){{NULL, lda, LANES * lda, 1, LANES}, m * lda};
    case TURNED: return (layout){{NULL, 1, LANES, lda, LANES * lda}, k * lda};
    case PANELS: {
        const int64_t stride = (int64_t)k * LANES + GAP;
        return (layout){{NULL, 1, stride, LANES, LANES * LANES}, row_panels * stride};
    }
    default: {
        const int64_t stride = up(m) * LANES + GAP;
        return (layout){{NULL, LANES, LANES * LANES, 1, stride}, step_panels * stride};
    }
    }
}

static float element(const ist__view *a, int32_t r, int32_t k)
{
    return a->at[r / LANES * a->row_panel + r % LANES * a->row + k / LANES * a->step_panel + k % LANES * a->step];
}

/* Elements of C that are not the chain's, and bytes touched around it. */
static int64_t wrong_product(const ist__kernel_set *set, int kind, int32_t m, int32_t columns, int32_t k)
{
    layout l = layout_of(kind, m, k);
    float *a = block(l.floats, 1), *plain = block((int64_t)m * k, 0);
    const int64_t ldb = up(columns), ldc = up(columns) + LANES;
    float *b = block(k * ldb, 2), *c = block(m * ldc, 3), *want = block(m * ldc, 3);
    l.view.at = a;
    for (int32_t r = 0; r < m; r++)
        for (int32_t s = 0; s < k; s++) plain[(int64_t)r * k + s] = element(&l.view, r, s);
    ist__reference_gemm(false, false, m, (int32_t)ldb, k, 1, plain, k, b, ldb, 0, want, ldc);
    set->product(m, columns, k, &l.view, b, ldb, c, ldc);
    int64_t wrong = 0;
    for (int64_t i = 0; i < m * ldc + GUARD; i++) wrong += memcmp(&c[i], &want[i], sizeof *c) != 0;
    /* Cut after some steps, whole panels of them, and gone on with. */
    const int32_t cut = k / 2 / LANES * LANES;
    const ist__view rest = {l.view.at + cut / LANES * l.view.step_panel, l.view.row, l.view.row_panel, l.view.step,
                            l.view.step_panel};
    set->product(m, columns, cut, &l.view, b, ldb, c, ldc);
    set->product_onto(m, columns, k - cut, &rest, b + cut * ldb, ldb, c, ldc);
    for (int64_t i = 0; i < m * ldc + GUARD; i++) wrong += memcmp(&c[i], &want[i], sizeof *c) != 0;
    free(a);
    free(plain);
    free(b);
    free(c);
    free(want);
    return wrong;
}

TEST(products_are_the_chain_that_defines_them)
{
    static const int32_t m[] = {1, 2, 7, 8, 16, 35, 131, 257}, columns[] = {1, 16, 33, 64, 80, 128},
                         k[] = {1, 15, 16, 17, 513, 1030};
    const ist__kernel_set *set;
    for (int32_t i = 0; (set = ist__kernel_set_at(i)); i++)
        for (int kind = 0; kind < LAYOUTS; kind++)
            for (size_t n = 0; n < 8 * 6; n++) /* every m with every k, columns in turn */
                CHECK_EQ(wrong_product(set, kind, m[n % 8], columns[(n + n / 8) % 6], k[n / 8]), 0);
}

TEST(a_product_of_no_steps_is_zero)
{
    const ist__kernel_set *set;
    for (int32_t i = 0; (set = ist__kernel_set_at(i)); i++) CHECK_EQ(wrong_product(set, ROWS, 5, 20, 0), 0);
}

TEST(a_column_does_not_depend_on_its_place)
{
    enum { M = 19, K = 100, COLUMNS = 128 };
    float *a = block(M * K, 1), *b = block(K * COLUMNS, 2), *c = block(M * COLUMNS, 3);
    const ist__kernel_set *set;
    for (int32_t i = 0; (set = ist__kernel_set_at(i)); i++) {
        const ist__view view = {a, K, LANES * K, 1, LANES};
        for (int32_t k = 0; k < K; k++)
            for (int32_t j = 1; j < COLUMNS; j++) b[k * COLUMNS + j] = b[k * COLUMNS];
        set->product(M, COLUMNS, K, &view, b, COLUMNS, c, COLUMNS);
        int64_t wrong = 0;
        for (int32_t r = 0; r < M; r++)
            for (int32_t j = 1; j < COLUMNS; j++) wrong += c[r * COLUMNS + j] != c[r * COLUMNS];
        CHECK_EQ(wrong, 0);
    }
    free(a);
    free(b);
    free(c);
}

/* Sums that one rounding gets right and two do not, overflow, cancellation, subnormal numbers, NaN. */
TEST(a_multiply_add_is_rounded_once)
{
    static const float cases[][3] = {{0x1.000002p0F, 0x1.000002p0F, -1},
                                     {0x1.fffffep0F, 0x1.fffffep0F, 0x1p-30F},
                                     {0x1.800002p0F, 0x1.000002p0F, 0x1p-24F},
                                     {0x1p-75F, 0x1p-75F, 0x1p-149F},
                                     {0x1.8p-75F, 0x1p-75F, -0x1p-149F},
                                     {0x1p100F, 0x1p100F, -1},
                                     {0x1.fffffep127F, 1, 0x1p103F},
                                     {3, -3, 9},
                                     {-0.0F, 1, 0},
                                     {NAN, 1, 1},
                                     {INFINITY, 0, 1},
                                     {INFINITY, 1, -INFINITY},
                                     {0x1.000002p0F, 0x1.fffffep-1F, 0x1p60F}};
    const ist__kernel_set *set;
    float b[2 * LANES] __attribute__((aligned(64))), c[LANES] __attribute__((aligned(64)));
    for (int32_t i = 0; (set = ist__kernel_set_at(i)); i++) {
        for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
            const float a[2] = {1, cases[n][0]}; /* the chain: the addend, then the product */
            const ist__view view = {a, 2, 2 * LANES, 1, LANES};
            for (int j = 0; j < LANES; j++) {
                b[j] = cases[n][2];
                b[LANES + j] = cases[n][1];
            }
            set->product(1, LANES, 2, &view, b, LANES, c, LANES);
            const float want = fmaf(cases[n][0], cases[n][1], cases[n][2]);
            for (int j = 0; j < LANES; j++)
                CHECK((isnan(want) && isnan(c[j])) || memcmp(&want, &c[j], sizeof want) == 0);
        }
        uint32_t seed = 5; /* and a great many at random, of all sizes */
        for (int n = 0; n < 20000; n++) {
            float a[2] = {1, ldexpf(noise(&seed), (int)(30 * noise(&seed)))}, want[LANES];
            const ist__view view = {a, 2, 2 * LANES, 1, LANES};
            for (int j = 0; j < LANES; j++) {
                b[LANES + j] = ldexpf(noise(&seed), (int)(30 * noise(&seed)));
                b[j] = -a[1] * b[LANES + j] * (1 + ldexpf(noise(&seed), (int)(-15 + 14 * noise(&seed))));
                want[j] = fmaf(a[1], b[LANES + j], b[j]);
            }
            set->product(1, LANES, 2, &view, b, LANES, c, LANES);
            CHECK_MEM(c, want, sizeof want);
        }
    }
}

static ist__rule rule_of(int32_t kind)
{
    return (ist__rule){.kind = kind,
                       .lr = 0.3F,
                       .keep = 0.99F,
                       .momentum = 0.9F,
                       .adam = {.beta1 = 0.9F, .beta2 = 0.99F, .rate = 0.4F, .epsilon = 1e-8F}};
}

/* Numbers that a weight step leaves other than the definition: gradient by reference product, then the rule. */
static int64_t wrong_weights(const ist__kernel_set *set, int32_t kind, int32_t outputs, int32_t inputs, int32_t batch)
{
    enum { GAP = 128, ARRAYS = 3 };
    const int64_t ld = up(batch), panels = up(outputs) / LANES, stride = (int64_t)inputs * LANES + GAP;
    const int64_t floats = panels * stride, count = (int64_t)outputs * inputs;
    const ist__rule rule = rule_of(kind);
    float *d = block(outputs * ld, 1), *x = block(inputs * ld, 2),
          *turned = block((int64_t)batch * IST__TURNED_ROWS, 3);
    float *gradient = block(count, 0), *got[ARRAYS], *plain[ARRAYS];
    for (int i = 0; i < ARRAYS; i++) {
        got[i] = block(floats, 10 + (uint32_t)i);
        plain[i] = block(count, 0);
        for (int64_t at = 0; i == 2 && at < floats + GUARD; at++) got[i][at] = fabsf(got[i][at]);
    }
#define AT(o, j) ((o) / LANES * stride + (int64_t)(j)*LANES + (o) % LANES)
    for (int i = 0; i < ARRAYS; i++) {
        for (int32_t o = 0; o < up(outputs); o++)
            for (int32_t j = 0; j < inputs; j++) {
                if (o >= outputs) got[i][AT(o, j)] = 0; /* idle lanes */
                else plain[i][(int64_t)o * inputs + j] = got[i][AT(o, j)];
            }
    }
    float *before[ARRAYS];
    for (int i = 0; i < ARRAYS; i++) {
        before[i] = block(floats, 0);
        memcpy(before[i], got[i], (size_t)(floats + GUARD) * sizeof **got);
    }
    ist__reference_gemm(false, true, outputs, inputs, batch, 1, d, ld, x, ld, 0, gradient, inputs);
    ist__kernels_portable->step(&rule, count, gradient, plain[0], plain[1], plain[2]);
    const int states = kind == IST_SGD ? 0 : kind == IST_ADAM ? 2 : 1;
    set->weight_step(&rule, outputs, inputs, batch, ld, d, x, got[0], states > 0 ? got[1] : NULL,
                     states > 1 ? got[2] : NULL, stride, turned);
    for (int i = 0; i <= states; i++) /* what may change, as it should be */
        for (int32_t o = 0; o < outputs; o++)
            for (int32_t j = 0; j < inputs; j++) before[i][AT(o, j)] = plain[i][(int64_t)o * inputs + j];
    int64_t wrong = 0;
    for (int i = 0; i < ARRAYS; i++)
        for (int64_t at = 0; at < floats + GUARD; at++) wrong += got[i][at] != before[i][at];
#undef AT
    for (int i = 0; i < ARRAYS; i++) {
        free(got[i]);
        free(plain[i]);
        free(before[i]);
    }
    free(d);
    free(x);
    free(turned);
    free(gradient);
    return wrong;
}

TEST(weights_step_along_the_gradient_in_one_pass)
{
    static const int32_t outputs[] = {1, 16, 35, 48, 64, 130}, inputs[] = {1, 7, 8, 16, 37, 100},
                         batch[] = {1, 7, 16, 33, 128};
    const ist__kernel_set *set;
    for (int32_t i = 0; (set = ist__kernel_set_at(i)); i++)
        for (int32_t kind = IST_SGD; kind <= IST_ADAM; kind++)
            for (size_t n = 0; n < 36; n++)
                CHECK_EQ(wrong_weights(set, kind, outputs[n % 6], inputs[n / 6], batch[(n + n / 6) % 5]), 0);
}

/* Numbers of `few` that product and affine_forward do not give, and bytes touched around them. */
static int64_t wrong_few(const ist__kernel_set *set, int32_t rows, int32_t panels, int32_t inputs, int32_t activation)
{
    const int64_t neurons = panels * (int64_t)LANES, ldx = inputs + 5, ldy = neurons + 3;
    const layout l = layout_of(PANELS, (int32_t)neurons, inputs);
    float *weight = block(l.floats, 1), *x = block(rows * ldx, 2), *y = block(rows * ldy, 3),
          *want = block(rows * ldy, 3);
    float *scale = block(neurons, 4), *shift = block(neurons, 5);
    float *b = block((int64_t)inputs * LANES, 6), *c = block(neurons * LANES, 7);
    for (int32_t r = 0; r < rows; r++)
        for (int32_t k = 0; k < inputs; k++) b[k * LANES + r] = x[r * ldx + k];
    ist__view view = l.view;
    view.at = weight;
    set->product((int32_t)neurons, rows, inputs, &view, b, LANES, c, LANES);
    set->affine_forward((int32_t)neurons, LANES, LANES, c, scale, shift, activation, c);
    for (int32_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < neurons; o++) want[r * ldy + o] = c[o * LANES + r];
    const ist__few few = {rows, panels, inputs, weight, l.view.row_panel, x, ldx, scale, shift, activation, y, ldy};
    set->few(&few);
    int64_t wrong = 0;
    for (int64_t i = 0; i < rows * ldy + GUARD; i++) wrong += memcmp(&y[i], &want[i], sizeof *y) != 0;
    float *const all[] = {weight, x, y, want, scale, shift, b, c};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    return wrong;
}

TEST(a_layer_for_few_rows_has_the_bits_of_one_for_many)
{
    static const int32_t panels[] = {1, 2, 3, 4, 5, 9}, inputs[] = {1, 15, 16, 17, 513};
    const ist__kernel_set *set;
    for (int32_t i = 0; (set = ist__kernel_set_at(i)); i++)
        for (int32_t rows = 1; rows <= IST__FEW_ROWS; rows++)
            for (size_t n = 0; n < 30; n++)
                CHECK_EQ(wrong_few(set, rows, panels[n % 6], inputs[n / 6], (int32_t)(n % 5) - 1), 0);
}
