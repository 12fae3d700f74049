/* bench_kernels_work.c - the table of kernels that ist-bench-kernels times, and the arrays they work on. */
#define _GNU_SOURCE /* madvise */
#include "bench_kernels.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ist/ist.h"
#include "math/gemm.h"

enum {
    TILE = 128,
    ALIGN_FLOATS = 16
}; /* TILE: rows that OpenBLAS and the optimiser take in turn, as the library does */

/* ------------------------------------------------------------------------------------------------------- arrays -- */

static float noise(uint32_t *state) /* -1 .. 1 */
{
    *state = *state * 1664525U + 1013904223U;
    return (float)(*state >> 8) * 0x1p-23F - 1;
}

/* The next `count` words of `memory`; NULL memory: only counted.  An odd number of cache lines lies between arrays, or
 * all would begin at the same place of a page, where stores delay loads of other arrays. */
static void *take(char *memory, size_t *used, int64_t count)
{
    char *at = memory ? memory + *used : NULL;
    const size_t lines = ((size_t)count + ALIGN_FLOATS - 1) / ALIGN_FLOATS;
    *used += ((lines | 1U) + 4) * ALIGN_FLOATS * sizeof(float);
    return at;
}

static size_t lay_out(bench_data *b, int32_t threads)
{
    const bench_shape *s = &b->shape;
    const int64_t panels = (s->outputs + BENCH_PANEL - 1) / BENCH_PANEL, inputs = s->inputs, outputs = s->outputs;
    size_t used = 0;
    char *memory = b->memory;
    b->plain = take(memory, &used, outputs * inputs);
    b->panel = take(memory, &used, panels * b->panel_stride);
    for (int i = 0; i < 2; i++) b->state[i] = take(memory, &used, panels * b->panel_stride);
    b->x = take(memory, &used, inputs * b->ld);
    b->dx = take(memory, &used, inputs * b->ld);
    b->y = take(memory, &used, outputs * b->ld);
    b->z = take(memory, &used, outputs * b->ld);
    b->d = take(memory, &used, outputs * b->ld);
    b->d_fresh = take(memory, &used, outputs * b->ld);
    b->gamma = take(memory, &used, outputs);
    b->beta = take(memory, &used, outputs);
    b->inv_std = take(memory, &used, outputs);
    b->dgamma = take(memory, &used, outputs);
    b->dbeta = take(memory, &used, outputs);
    b->shift = take(memory, &used, inputs);
    b->factor = take(memory, &used, inputs);
    b->loss = take(memory, &used, b->ld);
    b->labels = take(memory, &used, b->ld);
    b->best = take(memory, &used, b->ld);
    b->columns = take(memory, &used, inputs);
    b->turned = take(memory, &used, (int64_t)threads * s->batch * IST__TURNED_ROWS);
    b->gradient = take(memory, &used, (int64_t)threads * TILE * inputs);
    b->samples.x = take(memory, &used, (s->batch * inputs + 3) / 4);
    return used;
}

/* A gradient that goes through a backward again and again shrinks, at last to subnormal numbers, which are slow. */
void bench_data_refresh(const bench_data *b)
{
    memcpy(b->d, b->d_fresh, (size_t)(b->shape.outputs * b->ld) * sizeof *b->d);
}

static void fill(const bench_data *b)
{
    const bench_shape *s = &b->shape;
    uint32_t seed = 1;
    for (int64_t i = 0; i < (int64_t)s->outputs * s->inputs; i++) b->plain[i] = noise(&seed);
    for (int32_t o = 0; o < s->outputs; o++)
        for (int32_t i = 0; i < s->inputs; i++) {
            const int64_t at = bench_panel_place(b, o, i);
            b->panel[at] = b->plain[(int64_t)o * s->inputs + i];
            b->state[0][at] = noise(&seed);
            b->state[1][at] = 1.5F + noise(&seed); /* a sum of squares is positive */
        }
    for (int32_t i = 0; i < s->inputs; i++) {
        for (int32_t c = 0; c < s->batch; c++) b->x[i * b->ld + c] = noise(&seed);
        b->shift[i] = 128 + 10 * noise(&seed);
        b->factor[i] = 0.02F + 0.01F * noise(&seed);
    }
    for (int32_t o = 0; o < s->outputs; o++) {
        for (int32_t c = 0; c < s->batch; c++) {
            b->z[o * b->ld + c] = noise(&seed);
            b->y[o * b->ld + c] = noise(&seed);
            b->d_fresh[o * b->ld + c] = noise(&seed);
        }
        b->gamma[o] = 1 + noise(&seed) / 2;
        b->beta[o] = noise(&seed);
        b->inv_std[o] = 1 / b->gamma[o]; /* so that a repeated backward neither grows nor vanishes */
    }
    for (int32_t i = 0; i < s->inputs / 2; i++) b->columns[i] = 2 * i + (noise(&seed) > 0);
    uint8_t *bytes = (uint8_t *)b->memory + ((const char *)b->samples.x - (const char *)b->memory);
    for (int64_t i = 0; i < (int64_t)s->batch * s->inputs; i++) bytes[i] = (uint8_t)(128 + 127 * noise(&seed));
    for (int32_t c = 0; c < s->batch; c++) b->labels[c] = (int32_t)((unsigned)c * 7919U % (unsigned)s->outputs);
    bench_data_refresh(b);
}

bool bench_data_make(bench_data *out, const bench_shape *shape, int32_t threads)
{
    const size_t huge = (size_t)1 << 21;
    *out = (bench_data){.shape = *shape};
    out->ld = (shape->batch + BENCH_PANEL - 1) / BENCH_PANEL * BENCH_PANEL;
    out->panel_stride = (int64_t)shape->inputs * BENCH_PANEL + 128;
    out->memory_bytes = (lay_out(out, threads) + huge - 1) / huge * huge;
    out->memory = aligned_alloc(huge, out->memory_bytes);
    if (!out->memory) return false;
    (void)madvise(out->memory, out->memory_bytes, MADV_HUGEPAGE); /* refused: small pages, a little slower */
    memset(out->memory, 0, out->memory_bytes);
    lay_out(out, threads);
    const float lr = 1e-3F;
    const ist__rule plain = {.kind = IST_SGD, .lr = lr, .keep = 1 - 1e-5F, .momentum = 0.9F};
    const ist__adam adam = {.beta1 = 0.9F, .beta2 = 0.999F, .rate = 1e-3F, .epsilon = 1e-8F};
    out->rule[0] = out->rule[1] = out->rule[2] = plain;
    out->rule[1].kind = IST_MOMENTUM;
    out->rule[2].kind = IST_ADAM;
    out->rule[2].adam = adam;
    out->samples.bytes = true;
    out->samples.row_stride_bytes = shape->inputs;
    fill(out);
    return true;
}

void bench_data_free(bench_data *data)
{
    free(data->memory);
    data->memory = NULL;
}

/* --------------------------------------------------------------------------------------------------------- items -- */

static int32_t outputs_of(const bench_shape *s)
{
    return s->outputs;
}

static int32_t inputs_of(const bench_shape *s)
{
    return s->inputs;
}

static int32_t samples_of(const bench_shape *s)
{
    return s->batch;
}

/* ----------------------------------------------------------------------------------------------------------- costs -- */

static double weights(const bench_shape *s)
{
    return (double)s->outputs * s->inputs;
}

static double cells(int32_t rows, const bench_shape *s) /* of an activation */
{
    return (double)rows * s->batch;
}

static bench_cost cost_product(const bench_shape *s)
{
    return (bench_cost){2 * weights(s) * s->batch, 4 * (weights(s) + cells(s->inputs, s) + cells(s->outputs, s))};
}

/* The operations of the rule, and its arrays: each read and written. */
static bench_cost cost_step(const bench_shape *s, double rule_flops, double arrays)
{
    return (bench_cost){weights(s) * (2.0 * s->batch + rule_flops),
                        4 * (2 * arrays * weights(s) + cells(s->inputs, s) + cells(s->outputs, s))};
}

static bench_cost cost_sgd(const bench_shape *s)
{
    return cost_step(s, 3, 1);
}

static bench_cost cost_momentum(const bench_shape *s)
{
    return cost_step(s, 5, 2);
}

static bench_cost cost_adam(const bench_shape *s)
{
    return cost_step(s, 15, 3);
}

static bench_cost cost_norm_forward(const bench_shape *s) /* z read and written, y written */
{
    return (bench_cost){8 * cells(s->outputs, s), 12 * cells(s->outputs, s)};
}

static bench_cost cost_norm_backward(const bench_shape *s) /* xhat and y read, d read and written */
{
    return (bench_cost){7 * cells(s->outputs, s), 16 * cells(s->outputs, s)};
}

static bench_cost cost_softmax(const bench_shape *s) /* 23 of 29 are the exp; logits read, d written */
{
    return (bench_cost){29 * cells(s->outputs, s), 8 * cells(s->outputs, s)};
}

static bench_cost cost_drop(const bench_shape *s) /* of 200 and more operations on whole numbers nothing is counted */
{
    return (bench_cost){cells(s->outputs, s), 8 * cells(s->outputs, s)};
}

static bench_cost cost_assemble(const bench_shape *s) /* a byte read, a float written */
{
    return (bench_cost){2 * cells(s->inputs, s), 5 * cells(s->inputs, s)};
}

static bench_cost cost_pack(const bench_shape *s)
{
    return (bench_cost){0, 8 * weights(s)};
}

static bench_cost cost_pack_columns(const bench_shape *s) /* half the columns, but all cache lines of them */
{
    return (bench_cost){0, 6 * weights(s)};
}

/* ----------------------------------------------------------------------------------------------------------- runs -- */

static void gemm(bool transpose_a, bool transpose_b, int32_t m, int32_t n, int32_t k, float alpha, const float *a,
                 int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    ist__gemm(IST_ENGINE_OPENBLAS, transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

static void run_forward(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    (void)thread;
    const bench_shape *s = &b->shape;
    float *z = b->y + first * b->ld;
    if (set->blas) {
        gemm(false, false, last - first, s->batch, s->inputs, 1, b->plain + (int64_t)first * s->inputs, s->inputs, b->x,
             b->ld, 0, z, b->ld);
        return;
    }
    const ist__view view = {.at = b->panel + first / BENCH_PANEL * b->panel_stride,
                            .row = 1,
                            .row_panel = b->panel_stride,
                            .step = BENCH_PANEL,
                            .step_panel = BENCH_PANEL * BENCH_PANEL};
    set->kernels->product(last - first, s->batch, s->inputs, &view, b->x, b->ld, z, b->ld);
}

static void run_forward_plain(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    (void)thread;
    const int64_t k = b->shape.inputs;
    const ist__view view = {b->plain + first * k, k, BENCH_PANEL * k, 1, BENCH_PANEL};
    set->kernels->product(last - first, b->shape.batch, (int32_t)k, &view, b->x, b->ld, b->y + first * b->ld, b->ld);
}

/* dX = W' D, rows are inputs. */
static void run_backward(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    (void)thread;
    const bench_shape *s = &b->shape;
    float *dx = b->dx + first * b->ld;
    if (set->blas) {
        gemm(true, false, last - first, s->batch, s->outputs, 1, b->plain + first, s->inputs, b->d, b->ld, 0, dx,
             b->ld);
        return;
    }
    const ist__view view = {.at = b->panel + (int64_t)first * BENCH_PANEL,
                            .row = BENCH_PANEL,
                            .row_panel = BENCH_PANEL * BENCH_PANEL,
                            .step = 1,
                            .step_panel = b->panel_stride};
    set->kernels->product(last - first, s->batch, s->outputs, &view, b->d, b->ld, dx, b->ld);
}

/* OpenBLAS: SGD in one call; else a tile of the gradient, then the optimiser on it. */
static void blas_weight_step(const bench_data *b, const bench_set *set, const ist__rule *rule, int32_t thread,
                             int32_t first, int32_t last)
{
    const int32_t k = b->shape.inputs, batch = b->shape.batch;
    if (rule->kind == IST_SGD) {
        gemm(false, true, last - first, k, batch, -rule->lr, b->d + first * b->ld, b->ld, b->x, b->ld, rule->keep,
             b->plain + (int64_t)first * k, k);
        return;
    }
    float *gradient = b->gradient + (int64_t)thread * TILE * k;
    for (int32_t row = first; row < last; row += TILE) {
        const int32_t rows = last - row < TILE ? last - row : TILE;
        const int64_t at = (int64_t)row * k;
        gemm(false, true, rows, k, batch, 1, b->d + row * b->ld, b->ld, b->x, b->ld, 0, gradient, k);
        set->kernels->step(rule, (int64_t)rows * k, gradient, b->plain + at, b->state[0] + at, b->state[1] + at);
    }
}

static void weight_step(const bench_data *b, const bench_set *set, const ist__rule *rule, int32_t thread, int32_t first,
                        int32_t last)
{
    if (set->blas) {
        blas_weight_step(b, set, rule, thread, first, last);
        return;
    }
    const int64_t at = first / BENCH_PANEL * b->panel_stride;
    float *turned = b->turned + (int64_t)thread * b->shape.batch * IST__TURNED_ROWS;
    set->kernels->weight_step(rule, last - first, b->shape.inputs, b->shape.batch, b->ld, b->d + first * b->ld, b->x,
                              b->panel + at, rule->kind == IST_SGD ? NULL : b->state[0] + at,
                              rule->kind == IST_ADAM ? b->state[1] + at : NULL, b->panel_stride, turned);
}

static void run_sgd(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    weight_step(b, set, &b->rule[0], thread, first, last);
}

static void run_momentum(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    weight_step(b, set, &b->rule[1], thread, first, last);
}

static void run_adam(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    weight_step(b, set, &b->rule[2], thread, first, last);
}

static void run_norm_forward(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    (void)thread;
    set->kernels->batch_norm_forward(last - first, b->shape.batch, b->ld, b->z + first * b->ld, b->gamma + first,
                                     b->beta + first, IST_RELU, b->y + first * b->ld, b->dbeta + first);
}

static void run_norm_backward(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    (void)thread;
    const int64_t at = first * b->ld;
    set->kernels->batch_norm_backward(last - first, b->shape.batch, b->ld, b->z + at, b->y + at, IST_RELU,
                                      b->gamma + first, b->beta + first, b->inv_std + first, b->d + at,
                                      b->dgamma + first, b->dbeta + first);
}

static void run_softmax(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    (void)thread;
    const ist__loss_rule rule = {.sharpness = 1, .smoothing = 0, .scale = 1.0F / (float)b->shape.batch};
    set->kernels->softmax_cross_entropy(b->shape.outputs, first, last, b->ld, b->z, b->labels, &rule, b->d, b->loss,
                                        b->best);
}

static void run_drop(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    (void)thread; /* a factor of 1: done again and again, what stays must not grow */
    const ist__drops drops = {.key = {1, 2}, .threshold = BENCH_DROPS, .factor = 1};
    set->kernels->drop(&drops, first, last - first, b->shape.batch, b->ld, b->y + first * b->ld);
}

static void run_assemble(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    (void)thread;
    set->kernels->assemble(&b->samples, b->shape.batch, first, last, b->shift, b->factor, false, b->dx, b->ld);
}

/* Rows of the panel at output `first`. */
static void rows_of_panel(const bench_data *b, int32_t first, int32_t last, float *rows[BENCH_PANEL])
{
    for (int32_t j = 0; j < BENCH_PANEL; j++)
        rows[j] = first + j < last ? b->plain + (int64_t)(first + j) * b->shape.inputs : NULL;
}

static void pack(const bench_data *b, const bench_set *set, const int32_t *columns, int32_t count, int32_t first,
                 int32_t last)
{
    for (; first < last; first += BENCH_PANEL) {
        float *rows[BENCH_PANEL];
        const float *from[BENCH_PANEL];
        rows_of_panel(b, first, last, rows);
        for (int32_t j = 0; j < BENCH_PANEL; j++) from[j] = rows[j];
        set->kernels->pack_panel(from, columns, count, b->state[0] + first / BENCH_PANEL * b->panel_stride);
    }
}

static void run_pack(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    (void)thread;
    pack(b, set, NULL, b->shape.inputs, first, last);
}

static void run_pack_columns(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    (void)thread;
    pack(b, set, b->columns, b->shape.inputs / 2, first, last);
}

static void run_unpack(const bench_data *b, const bench_set *set, int32_t thread, int32_t first, int32_t last)
{
    (void)thread;
    for (; first < last; first += BENCH_PANEL) {
        float *rows[BENCH_PANEL];
        rows_of_panel(b, first, last, rows);
        set->kernels->unpack_panel(b->panel + first / BENCH_PANEL * b->panel_stride, NULL, b->shape.inputs, rows);
    }
}

/* -------------------------------------------------------------------------------------------------------- results -- */

static void extent_output(const bench_data *b, int32_t part, int32_t *rows, int32_t *columns)
{
    *rows = b->shape.outputs;
    *columns = part == 0 ? b->shape.batch : 1;
}

static void extent_input(const bench_data *b, int32_t part, int32_t *rows, int32_t *columns)
{
    (void)part;
    *rows = b->shape.inputs;
    *columns = b->shape.batch;
}

static void extent_weights(const bench_data *b, int32_t part, int32_t *rows, int32_t *columns)
{
    (void)part;
    *rows = b->shape.outputs;
    *columns = b->shape.inputs;
}

static void extent_half(const bench_data *b, int32_t part, int32_t *rows, int32_t *columns)
{
    (void)part;
    *rows = b->shape.outputs;
    *columns = b->shape.inputs / 2;
}

static void extent_norm_forward(const bench_data *b, int32_t part, int32_t *rows, int32_t *columns)
{
    (void)part;
    extent_output(b, 0, rows, columns);
}

static void extent_softmax(const bench_data *b, int32_t part, int32_t *rows, int32_t *columns)
{
    *rows = part == 0 ? b->shape.outputs : 1;
    *columns = b->shape.batch;
}

static float *place_y(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)set, (void)part;
    return b->y + row * b->ld + column;
}

static float *place_dx(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)set, (void)part;
    return b->dx + row * b->ld + column;
}

static float *place_weight(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    float *const panel[] = {b->panel, b->state[0], b->state[1]}, *const plain[] = {b->plain, b->state[0], b->state[1]};
    if (set->blas) return plain[part] + (int64_t)row * b->shape.inputs + column;
    return panel[part] + bench_panel_place(b, row, column);
}

static float *place_norm_forward(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)set;
    return (part == 0 ? b->z : b->y) + row * b->ld + column;
}

static float *place_norm_backward(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)set;
    if (part == 0) return b->d + row * b->ld + column;
    return (part == 1 ? b->dgamma : b->dbeta) + row;
}

static float *place_softmax(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)set;
    return part == 0 ? b->d + row * b->ld + column : b->loss + column;
}

static float *place_packed(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)set, (void)part;
    return b->state[0] + bench_panel_place(b, row, column);
}

static float *place_plain(const bench_data *b, const bench_set *set, int32_t part, int32_t row, int32_t column)
{
    (void)set, (void)part;
    return b->plain + (int64_t)row * b->shape.inputs + column;
}

/* ---------------------------------------------------------------------------------------------------------- table -- */

#define PRODUCT .takes_outputs = true, .takes_inputs = true, .product = true
#define STEP \
  PRODUCT, .blas = true, .updates = true, .items = outputs_of, .extent = extent_weights, .place = place_weight
#define ROWS   .takes_outputs = true, .items = outputs_of, .updates = true
#define PANELS .takes_outputs = true, .takes_inputs = true, .items = outputs_of, .parts = 1

/* clang-format off */
const bench_kernel bench_kernels[] = {
    {.name = "forward", PRODUCT, .blas = true, .items = outputs_of, .cost = cost_product, .run = run_forward,
     .parts = 1, .extent = extent_output, .place = place_y, .expect = bench_expect_forward},
    {.name = "forward_plain", PRODUCT, .items = outputs_of, .cost = cost_product, .run = run_forward_plain,
     .parts = 1, .extent = extent_output, .place = place_y, .expect = bench_expect_forward_plain},
    {.name = "backward", PRODUCT, .blas = true, .items = inputs_of, .cost = cost_product, .run = run_backward,
     .parts = 1, .extent = extent_input, .place = place_dx, .expect = bench_expect_backward},
    {.name = "step_sgd", STEP, .cost = cost_sgd, .run = run_sgd, .parts = 1, .expect = bench_expect_sgd},
    {.name = "step_momentum", STEP, .cost = cost_momentum, .run = run_momentum,
     .parts = 2, .expect = bench_expect_momentum},
    {.name = "step_adam", STEP, .cost = cost_adam, .run = run_adam, .parts = 3, .expect = bench_expect_adam},
    {.name = "norm_forward", ROWS, .cost = cost_norm_forward, .run = run_norm_forward,
     .parts = 2, .extent = extent_norm_forward, .place = place_norm_forward, .expect = bench_expect_norm_forward},
    {.name = "norm_backward", ROWS, .cost = cost_norm_backward, .run = run_norm_backward,
     .parts = 3, .extent = extent_output, .place = place_norm_backward, .expect = bench_expect_norm_backward},
    {.name = "softmax", .takes_outputs = true, .items = samples_of, .cost = cost_softmax, .run = run_softmax,
     .parts = 2, .extent = extent_softmax, .place = place_softmax, .expect = bench_expect_softmax},
    {.name = "drop", ROWS, .cost = cost_drop, .run = run_drop,
     .parts = 1, .extent = extent_output, .place = place_y, .expect = bench_expect_drop},
    {.name = "assemble", .takes_inputs = true, .items = inputs_of, .cost = cost_assemble, .run = run_assemble,
     .parts = 1, .extent = extent_input, .place = place_dx, .expect = bench_expect_assemble},
    {.name = "pack", PANELS, .cost = cost_pack, .run = run_pack,
     .extent = extent_weights, .place = place_packed, .expect = bench_expect_pack},
    {.name = "pack_columns", PANELS, .cost = cost_pack_columns, .run = run_pack_columns,
     .extent = extent_half, .place = place_packed, .expect = bench_expect_pack_columns},
    {.name = "unpack", PANELS, .cost = cost_pack, .run = run_unpack,
     .extent = extent_weights, .place = place_plain, .expect = bench_expect_unpack},
};
/* clang-format on */
const int32_t bench_kernel_count = sizeof bench_kernels / sizeof *bench_kernels;
