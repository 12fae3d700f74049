/* bench_kernels_check.c - is what the kernels compute right?
 *
 * A sample of each result is computed again by a naive loop in double precision, from the operands as they are before the
 * kernel runs.  Bounds.  A sum of k rounded terms is off by at most SURE sqrt(k) u sum |term|, u = 2^-24, unless
 * rounding errors conspire (Higham and Mary, SIAM Journal on Scientific Computing 41(5), 2019); the worst case, with k in
 * place of its root, would not notice a term left out.  Such a bound is carried through the rest of a formula to first
 * order, with a few u for its other operations.
 */
#include "bench_kernels.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "ist/ist.h"
#include "math/reference.h"

static const double U = 0x1p-24, SURE = 6;
enum { SAMPLES = 48 };

/* A sum of `count` terms that add up to `value`, and to `size` without their signs. */
static bench_value sum_of(int32_t count, double value, double size)
{
    return (bench_value){value, SURE * sqrt(count) * U * size};
}

static double at(const float *from, int64_t i)
{
    return (double)from[i];
}

/* ------------------------------------------------------------------------------------------------------- products -- */

/* sum over k of a[k a_step] b[k b_step] */
static bench_value dot(int32_t count, const float *a, int64_t a_step, const float *b, int64_t b_step)
{
    double value = 0, size = 0;
    for (int32_t k = 0; k < count; k++) {
        const double term = at(a, k * a_step) * at(b, k * b_step);
        value += term;
        size += fabs(term);
    }
    return sum_of(count, value, size);
}

bench_value bench_expect_forward_plain(const bench_data *b, const bench_set *set, int32_t part, int32_t row,
                                       int32_t column)
{
    (void)set, (void)part;
    return dot(b->shape.inputs, b->plain + (int64_t)row * b->shape.inputs, 1, b->x + column, b->ld);
}

bench_value bench_expect_forward(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    if (set->blas) return bench_expect_forward_plain(b, set, part, row, column);
    return dot(b->shape.inputs, b->panel + bench_panel_place(b, row, 0), BENCH_PANEL, b->x + column, b->ld);
}

bench_value bench_expect_backward(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)part;
    double value = 0, size = 0;
    for (int32_t k = 0; k < b->shape.outputs; k++) {
        const double weight =
            set->blas ? at(b->plain, (int64_t)k * b->shape.inputs + row) : at(b->panel, bench_panel_place(b, k, row));
        const double term = weight * at(b->d, k * b->ld + column);
        value += term;
        size += fabs(term);
    }
    return sum_of(b->shape.outputs, value, size);
}

/* --------------------------------------------------------------------------------------------------- weight steps -- */

/* What is known of a weight before its step. */
typedef struct weight_before {
    bench_value g;
    double w, s, t;
} weight_before;

static weight_before look_at(const bench_data *b, const bench_set *set, int32_t row, int32_t column)
{
    const int64_t place = set->blas ? (int64_t)row * b->shape.inputs + column : bench_panel_place(b, row, column);
    return (weight_before){.g = dot(b->shape.batch, b->d + row * b->ld, 1, b->x + column * b->ld, 1),
                           .w = at(set->blas ? b->plain : b->panel, place),
                           .s = at(b->state[0], place),
                           .t = at(b->state[1], place)};
}

/* keep w - lr along */
static bench_value stepped(const ist__rule *rule, double w, bench_value along)
{
    const double lr = (double)rule->lr, keep = (double)rule->keep;
    const double size = fabs(keep * w) + fabs(lr * along.value);
    return (bench_value){keep * w - lr * along.value, lr * along.bound + 3 * U * size};
}

bench_value bench_expect_sgd(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)part;
    const weight_before before = look_at(b, set, row, column);
    return stepped(&b->rule[0], before.w, before.g);
}

bench_value bench_expect_momentum(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    const weight_before before = look_at(b, set, row, column);
    const double kept = (double)b->rule[1].momentum * before.s;
    const bench_value s = {kept + before.g.value, before.g.bound + 2 * U * (fabs(kept) + fabs(before.g.value))};
    return part == 1 ? s : stepped(&b->rule[1], before.w, s);
}

bench_value bench_expect_adam(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    const weight_before before = look_at(b, set, row, column);
    const ist__adam *adam = &b->rule[2].adam;
    const double rest1 = (double)(1 - adam->beta1), rest2 = (double)(1 - adam->beta2);
    const double g = before.g.value, g_bound = before.g.bound;
    const double s_kept = (double)adam->beta1 * before.s, t_kept = (double)adam->beta2 * before.t;
    const bench_value s = {s_kept + rest1 * g, rest1 * g_bound + 3 * U * (fabs(s_kept) + fabs(rest1 * g))};
    const bench_value t = {t_kept + rest2 * g * g, rest2 * 2 * fabs(g) * g_bound + 4 * U * (t_kept + rest2 * g * g)};
    if (part == 1) return s;
    if (part == 2) return t;
    const double root = sqrt(t.value), below = root + (double)adam->epsilon;
    const double below_bound = t.bound / (2 * root) + 3 * U * below;
    const double rate = (double)adam->rate / (double)b->rule[2].lr; /* stepped() multiplies with lr */
    const double step = rate * s.value / below;
    const double bound = rate * s.bound / below + fabs(step) * (below_bound / below + 10 * U);
    return stepped(&b->rule[2], before.w, (bench_value){step, bound});
}

/* ----------------------------------------------------------------------------------------- batch norm and softmax -- */

bench_value bench_expect_norm_forward(const bench_data *b, const bench_set *set, int32_t part, int32_t row,
                                      int32_t column)
{
    (void)set;
    const int32_t count = b->shape.batch;
    const float *z = b->z + row * b->ld;
    double mean = 0, variance = 0, size = 0;
    for (int32_t c = 0; c < count; c++) mean += at(z, c) / count;
    for (int32_t c = 0; c < count; c++) {
        variance += (at(z, c) - mean) * (at(z, c) - mean) / count;
        size += fabs(at(z, c)) / count;
    }
    const double inv_std = 1 / sqrt(variance + (double)IST__NORM_EPSILON), xhat = (at(z, column) - mean) * inv_std;
    const double sum_bound = SURE * sqrt(count) * U;
    const bench_value hat = {xhat, sum_bound * (size * inv_std + fabs(xhat)) + 6 * U * (1 + fabs(xhat))};
    if (part == 0) return hat;
    const double gain = at(b->gamma, row), offset = at(b->beta, row), y = gain * xhat + offset;
    return (bench_value){y > 0 ? y : 0, fabs(gain) * hat.bound + 2 * U * (fabs(gain * xhat) + fabs(offset))};
}

bench_value bench_expect_norm_backward(const bench_data *b, const bench_set *set, int32_t part, int32_t row,
                                       int32_t column)
{
    (void)set;
    const int32_t count = b->shape.batch;
    const float *xhat = b->z + row * b->ld, *y = b->y + row * b->ld, *d = b->d + row * b->ld;
    double dgamma = 0, dbeta = 0, dgamma_size = 0, dbeta_size = 0;
    for (int32_t c = 0; c < count; c++) {
        const double g = y[c] > 0 ? at(d, c) : 0;
        dbeta += g;
        dbeta_size += fabs(g);
        dgamma += g * at(xhat, c);
        dgamma_size += fabs(g * at(xhat, c));
    }
    const bench_value gain = sum_of(count, dgamma, dgamma_size), offset = sum_of(count, dbeta, dbeta_size);
    if (part == 1) return gain;
    if (part == 2) return offset;
    const double g = y[column] > 0 ? at(d, column) : 0, x = at(xhat, column);
    const double factor = at(b->gamma, row) * at(b->inv_std, row);
    const double size = fabs(g) + fabs(dbeta / count) + fabs(x * dgamma / count);
    return (bench_value){factor * (g - dbeta / count - x * dgamma / count),
                         fabs(factor) * ((offset.bound + fabs(x) * gain.bound) / count + 6 * U * size)};
}

bench_value bench_expect_softmax(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)set;
    const int32_t classes = b->shape.outputs, label = b->labels[column];
    const float *logits = b->z + column;
    double top = at(logits, 0), total = 0;
    for (int32_t k = 1; k < classes; k++) top = fmax(top, at(logits, k * b->ld));
    for (int32_t k = 0; k < classes; k++) total += exp(at(logits, k * b->ld) - top);
    if (part == 1) {
        const double loss = log(total) + top - at(logits, label * b->ld);
        return (bench_value){loss, SURE * sqrt(classes) * U + 8 * U * (1 + fabs(loss) + fabs(top))};
    }
    const double off = at(logits, row * b->ld) - top, p = exp(off) / total;
    return (bench_value){(p - (row == label)) / b->shape.batch,
                         (p * (SURE * sqrt(classes) + 8 + fabs(off)) + 2) * U / b->shape.batch};
}

/* As kernels.h says, by the generator of base/rng.h. */
bench_value bench_expect_drop(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)set, (void)part;
    ist__rng rng = {.key = {1, 2}, .counter = {(uint32_t)column, (uint32_t)row / 8, 0, 0}, .used = 4};
    uint32_t word = 0;
    for (int32_t w = 0; w <= row % 8 / 2; w++) word = ist__rng_u32(&rng);
    const uint32_t draw = row % 2 ? word >> 16 : word & 0xFFFF;
    return (bench_value){draw < BENCH_DROPS ? 0 : at(b->y + row * b->ld, column), 0};
}

/* ---------------------------------------------------------------------------------------------------- what is moved -- */

bench_value bench_expect_assemble(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)set, (void)part;
    const uint8_t *bytes = b->samples.x;
    const double byte = bytes[(int64_t)column * b->shape.inputs + row];
    const double value = (byte - at(b->shift, row)) * at(b->factor, row);
    return (bench_value){value, 3 * U * fabs(value)};
}

bench_value bench_expect_pack(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)set, (void)part;
    return (bench_value){at(b->plain, (int64_t)row * b->shape.inputs + column), 0};
}

bench_value bench_expect_pack_columns(const bench_data *b, const bench_set *set, int32_t part, int32_t row,
                                      int32_t column)
{
    return bench_expect_pack(b, set, part, row, b->columns[column]);
}

bench_value bench_expect_unpack(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)set, (void)part;
    return (bench_value){at(b->panel, bench_panel_place(b, row, column)), 0};
}

/* ------------------------------------------------------------------------------------------------------ the checks -- */

typedef struct check {
    float *place;
    bench_value want;
} check;

/* The corners first, then anywhere. */
static int32_t pick(int32_t which, int32_t count, uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    if (which < 2) return which == 0 ? 0 : count - 1;
    return (int32_t)((uint64_t)*seed * (uint64_t)count >> 32);
}

bench_error bench_check(const bench_kernel *k, const bench_data *data, const bench_set *set,
                        void (*run_all)(const bench_kernel *k, const bench_data *data, const bench_set *set,
                                        int32_t threads),
                        int32_t threads)
{
    check checks[BENCH_PARTS_MOST * SAMPLES];
    int32_t count = 0;
    uint32_t seed = 7;
    bench_data_refresh(data);
    for (int32_t part = 0; part < k->parts; part++) {
        int32_t rows, columns;
        k->extent(data, part, &rows, &columns);
        for (int32_t i = 0; i < SAMPLES; i++) {
            const int32_t r = pick(i < 4 ? i / 2 : 2, rows, &seed), c = pick(i < 4 ? i % 2 : 2, columns, &seed);
            checks[count++] = (check){k->place(data, set, part, r, c), k->expect(data, set, part, r, c)};
        }
    }
    for (int32_t i = 0; i < count && !k->updates; i++) *checks[i].place = NAN; /* it must be written */
    run_all(k, data, set, threads);
    bench_error worst = {0};
    double worst_share = -1;
    for (int32_t i = 0; i < count; i++) {
        const double error = fabs((double)*checks[i].place - checks[i].want.value), bound = checks[i].want.bound;
        if (!(error <= bound)) worst.bad = true;
        const double share = bound > 0 ? error / bound : error;
        if (share > worst_share || isnan(share)) {
            worst_share = share;
            worst.error = error;
            worst.bound = bound;
        }
    }
    return worst;
}

/* ------------------------------------------------------------------------------------------------------------ bits -- */

static bool same(int32_t rows, int32_t columns, const float *a, int64_t a_ld, const float *b, int64_t b_ld)
{
    for (int32_t r = 0; r < rows; r++)
        if (memcmp(a + r * a_ld, b + r * b_ld, (size_t)columns * sizeof *a) != 0) return false;
    return true;
}

enum { OUTPUTS = 83, INPUTS = 67, BATCH = 23 };

/* One weight step against the chain of multiply-adds and the optimiser of the portable kernels, which is element by
 * element. */
static bool same_step(const bench_kernel *k, const bench_data *b, const bench_set *set, const ist__rule *rule)
{
    static float gradient[OUTPUTS][INPUTS], want[BENCH_PARTS_MOST][OUTPUTS][INPUTS];
    ist__reference_gemm(false, true, OUTPUTS, INPUTS, BATCH, 1, b->d, b->ld, b->x, b->ld, 0, gradient[0], INPUTS);
    for (int32_t p = 0; p < BENCH_PARTS_MOST; p++)
        for (int32_t o = 0; o < OUTPUTS; o++)
            for (int32_t i = 0; i < INPUTS; i++) want[p][o][i] = *k->place(b, set, p, o, i);
    ist__kernels_portable->step(rule, OUTPUTS * INPUTS, gradient[0], want[0][0], want[1][0], want[2][0]);
    k->run(b, set, 0, 0, OUTPUTS);
    for (int32_t p = 0; p < k->parts; p++)
        for (int32_t o = 0; o < OUTPUTS; o++)
            for (int32_t i = 0; i < INPUTS; i++)
                if (memcmp(&want[p][o][i], k->place(b, set, p, o, i), sizeof(float)) != 0) return false;
    return true;
}

static bool same_bits(const bench_kernel *k, const bench_data *b, const bench_set *set)
{
    static float want[OUTPUTS + INPUTS][BATCH];
    const char *name = k->name;
    bench_data_refresh(b);
    if (strcmp(name, "step_sgd") == 0) return same_step(k, b, set, &b->rule[0]);
    if (strcmp(name, "step_momentum") == 0) return same_step(k, b, set, &b->rule[1]);
    if (strcmp(name, "step_adam") == 0) return same_step(k, b, set, &b->rule[2]);
    if (strcmp(name, "backward") == 0) {
        ist__reference_gemm(true, false, INPUTS, BATCH, OUTPUTS, 1, b->plain, INPUTS, b->d, b->ld, 0, want[0], BATCH);
        k->run(b, set, 0, 0, INPUTS);
        return same(INPUTS, BATCH, want[0], BATCH, b->dx, b->ld);
    }
    ist__reference_gemm(false, false, OUTPUTS, BATCH, INPUTS, 1, b->plain, INPUTS, b->x, b->ld, 0, want[0], BATCH);
    k->run(b, set, 0, 0, OUTPUTS);
    return same(OUTPUTS, BATCH, want[0], BATCH, b->y, b->ld);
}

const char *bench_check_bits(const bench_set *set)
{
    const bench_shape shape = {OUTPUTS, INPUTS, BATCH};
    const char *differs = NULL;
    for (int32_t i = 0; i < bench_kernel_count && !differs; i++) {
        if (!bench_kernels[i].product) continue;
        bench_data data; /* made anew: a step changes the weights in panels alone */
        if (!bench_data_make(&data, &shape, 1)) return "all, for want of memory";
        if (!same_bits(&bench_kernels[i], &data, set)) differs = bench_kernels[i].name;
        bench_data_free(&data);
    }
    return differs;
}
