/* body_product.h - matrix products, and the weight step that is fused into one.
 *
 * The register tile.  R rows of A times V vectors of columns of B stay in registers as sums; for each k the V vectors of
 * row k of B are loaded once and R elements of A are spread over the lanes, one after another: R V multiply-adds for
 * R + V loads.  Nothing is packed: A is read where it lies, element by element, B row by row.  docs/design/0005 has the
 * picture and the measurements.
 *
 * Order.  An element's chain of multiply-adds runs through k = 0, 1, .. in one lane.  Between blocks of k it rests in C,
 * which holds it exactly.  So neither tiles nor blocks show in the bits.
 *
 * Blocks.  The steps are cut so that a block of B (BLOCK_STEPS rows) stays in the second cache while all rows of A pass
 * over it.
 * Included by kernels_*.c alone, see kernels.h.
 */
#ifndef IST_MATH_BODY_PRODUCT_H
#define IST_MATH_BODY_PRODUCT_H

#include "ist/ist.h"
#include "math/body_optimize.h"
#include "math/kernels.h"
#include "math/lanes.h"

/* R V sums, V vectors of B and one spread element must fit the registers: 32 of them, or 16. */
#if LANES_PART == 16 || defined(__aarch64__)
enum { TILE_R = 8, TILE_V = 3 };
#else
enum { TILE_R = 4, TILE_V = 3 };
#endif
enum { SUMS_R = 8, SUMS_V = 4 }; /* of the largest tile below */
enum { BLOCK_STEPS = 512, PANEL = IST__LANES };

/* sum[r][v] += A[r, k] B[k, v] for `steps` steps; a moves by `step` floats, its rows lie `row` floats apart.  `ahead` is
 * what will be read of A later; a step asks for one line of it, into that cache, and moves on by ahead_step floats. */
LANES_INLINE void multiply_add(const int R, const int V, int32_t steps, const float *a, int64_t row, int64_t step,
                               const float *b, int64_t ldb, const float *ahead, int64_t ahead_step, const int cache,
                               lanes_f32 sum[SUMS_R][SUMS_V])
{
    for (int32_t k = 0; k < steps; k++) {
        lanes_f32 column[SUMS_V];
        if (cache == 2) __builtin_prefetch(ahead, 0, 2);
        else __builtin_prefetch(ahead, 0, 3);
        ahead += ahead_step;
        LANES_UNROLL
        for (int v = 0; v < V; v++) column[v] = lanes_part_load(b + v * LANES_PART);
        LANES_UNROLL
        for (int r = 0; r < R; r++) {
            const lanes_f32 factor = lanes_part_all(a[r * row]);
            LANES_UNROLL
            for (int v = 0; v < V; v++) sum[r][v] = lanes_part_fma(factor, column[v], sum[r][v]);
        }
        a += step;
        b += ldb;
    }
}

/* ---------------------------------------------------------------------------------------------------- products -- */

/* Memory answers after about 250 cycles, a step takes 12. */
enum { STEPS_AHEAD = 32 };

/* Neurons in panels, inputs as steps. */
LANES_INLINE bool is_panel(int64_t row, int64_t step)
{
    return row == 1 && step == PANEL;
}

typedef struct tile_work {
    int32_t steps;  /* of this block */
    int32_t run;    /* steps between two jumps of A: 16 where its steps lie in panels, else all */
    const float *a; /* first row and step of the tile */
    int64_t row, step, step_panel;
    const float *b;
    int64_t ldb;
    float *c;
    int64_t ldc;
    const float *ahead; /* of neurons in panels: what will be read later, and how far a step moves on in it */
    int64_t ahead_step;
    bool first; /* block of steps: sums begin at 0, else at what C holds */
} tile_work;

LANES_INLINE void multiply_tile_by(const int R, const int V, const int64_t row, const int64_t step, const tile_work *t)
{
    lanes_f32 sum[SUMS_R][SUMS_V];
    LANES_UNROLL
    for (int r = 0; r < R; r++) {
        LANES_UNROLL
        for (int v = 0; v < V; v++)
            sum[r][v] = t->first ? lanes_part_all(0) : lanes_part_load(t->c + r * t->ldc + v * LANES_PART);
    }
    const float *a = t->a, *b = t->b;
    if (t->run >= t->steps) {
        if (is_panel(row, step)) multiply_add(R, V, t->steps, a, row, step, b, t->ldb, t->ahead, t->ahead_step, 2, sum);
        else multiply_add(R, V, t->steps, a, row, step, b, t->ldb, a + STEPS_AHEAD * step, step, 3, sum);
    } else {
        for (int32_t left = t->steps; left > 0; left -= t->run) {
            multiply_add(R, V, left < t->run ? left : t->run, a, row, step, b, t->ldb, a + 2 * t->step_panel,
                         R * row / PANEL, 3, sum);
            a += t->step_panel;
            b += t->run * t->ldb;
        }
    }
    LANES_UNROLL
    for (int r = 0; r < R; r++) {
        LANES_UNROLL
        for (int v = 0; v < V; v++) lanes_part_store(t->c + r * t->ldc + v * LANES_PART, sum[r][v]);
    }
}

/* Rows of panels, from either side, stand at distances that the compiler knows: it then needs no registers for them, of
 * which eight rows would take more than there are. */
LANES_INLINE void multiply_tile(const int R, const int V, const tile_work *t)
{
    if (is_panel(t->row, t->step)) multiply_tile_by(R, V, 1, PANEL, t);
    else if (t->row == PANEL && t->step == 1) multiply_tile_by(R, V, PANEL, 1, t);
    else multiply_tile_by(R, V, t->row, t->step, t);
}

#define TILE(R, V)                                        \
  static void multiply_tile_##R##_##V(const tile_work *t) \
  {                                                       \
    multiply_tile(R, V, t);                               \
  }
TILE(1, 1)
TILE(1, 2)
TILE(1, 3)
TILE(2, 1)
TILE(2, 2)
TILE(2, 3)
TILE(4, 1)
TILE(4, 2)
TILE(4, 3)
#if LANES_PART == 16 || defined(__aarch64__)
TILE(8, 1)
TILE(8, 2)
TILE(8, 3)
#endif
#undef TILE

static void (*const multiply_tiles[][TILE_V])(const tile_work *) = {
    {multiply_tile_1_1, multiply_tile_1_2, multiply_tile_1_3},
    {multiply_tile_2_1, multiply_tile_2_2, multiply_tile_2_3},
    {multiply_tile_4_1, multiply_tile_4_2, multiply_tile_4_3},
#if LANES_PART == 16 || defined(__aarch64__)
    {multiply_tile_8_1, multiply_tile_8_2, multiply_tile_8_3},
#endif
};

/* Of `left` vectors, or panels, the next tile takes as many as it can; but of the last four two, where it could take
 * three, for one alone is slow. */
LANES_INLINE int next_vectors(int left, int most)
{
    return left == 4 && most == 3 ? 2 : left < most ? left : most;
}

/* Rows of the next tile: the largest power of two that is left, and not more than a tile has; *which is its place in
 * multiply_tiles. */
LANES_INLINE int next_rows(int32_t left, int *which)
{
    int rows = 1;
    for (*which = 0; 2 * rows <= left && 2 * rows <= TILE_R; ++*which) rows *= 2;
    return rows;
}

/* How far a step moves on in the next panel, so that all of it was asked for when the passes over this one are done. */
static int64_t ahead_step(int vectors)
{
    const int passes = PANEL / TILE_R * ((vectors + TILE_V - 1) / TILE_V);
    return (PANEL + passes - 1) / passes;
}

/* Steps [k, k + work->steps) of a product; `vectors` of columns.  All columns of a panel's rows come before the next rows, so
 * that these steps of A stay near.  Where neurons lie in panels, the next panel is asked for meanwhile: so weights come from
 * memory evenly, and not all in the passes that need them first. */
static void multiply_block(const ist__view *a, int32_t m, int32_t k, int vectors, const float *b, float *c, int64_t ldc,
                           tile_work *t)
{
    const float *steps = a->at + k / PANEL * a->step_panel + k % PANEL * a->step;
    for (int32_t first = 0; first < m; first += PANEL) {
        const int32_t end = m - first < PANEL ? m : first + PANEL;
        t->ahead = steps + (first / PANEL + 1) * a->row_panel;
        for (int v = 0, some; v < vectors; v += some) {
            some = next_vectors(vectors - v, TILE_V);
            t->b = b + v * LANES_PART;
            for (int32_t r = first; r < end;) {
                int which;
                const int rows = next_rows(end - r, &which);
                t->a = steps + r / PANEL * a->row_panel + r % PANEL * a->row;
                t->c = c + r * ldc + v * LANES_PART;
                multiply_tiles[which][some - 1](t);
                r += rows;
                t->ahead += t->steps * t->ahead_step;
            }
        }
    }
}

/* onto: sums begin at what C holds */
static void multiply(bool onto, int32_t m, int32_t columns, int32_t k, const ist__view *a, const float *b, int64_t ldb,
                     float *c, int64_t ldc)
{
    const int vectors = (columns + LANES - 1) / LANES * (LANES / LANES_PART);
    const bool even_steps = a->step_panel == PANEL * a->step;
    int32_t first = 0;
    do { /* once even when k is 0: the sums are 0 then */
        const int32_t steps = k - first < BLOCK_STEPS ? k - first : BLOCK_STEPS;
        tile_work t = {.steps = steps,
                       .run = even_steps ? steps : PANEL,
                       .row = a->row,
                       .step = a->step,
                       .step_panel = a->step_panel,
                       .ldb = ldb,
                       .ldc = ldc,
                       .ahead_step = ahead_step(vectors),
                       .first = first == 0 && !onto};
        multiply_block(a, m, first, vectors, b + first * ldb, c, ldc, &t);
        first += steps;
    } while (first < k);
}

static void product(int32_t m, int32_t columns, int32_t k, const ist__view *a, const float *b, int64_t ldb, float *c,
                    int64_t ldc)
{
    multiply(false, m, columns, k, a, b, ldb, c, ldc);
}

static void product_onto(int32_t m, int32_t columns, int32_t k, const ist__view *a, const float *b, int64_t ldb,
                         float *c, int64_t ldc)
{
    multiply(true, m, columns, k, a, b, ldb, c, ldc);
}

/* ------------------------------------------------------------------------------------------------- weight step -- */

/* A tile of the weight step: R inputs, V vectors of neurons, which are one panel or, where a vector is a panel, up to
 * three. */
#if LANES_PART == 16
enum { STEP_R = 8, STEP_PANELS = 3 };
#elif defined(__aarch64__)
enum { STEP_R = 6, STEP_PANELS = 1 };
#elif LANES_PART == 8
enum { STEP_R = 6, STEP_PANELS = 1 };
#else
enum { STEP_R = 2, STEP_PANELS = 1 };
#endif
enum { STEP_V = STEP_PANELS * PANEL / LANES_PART, RUN = 16 };

typedef struct step_work {
    const rule_lanes *rule;
    int32_t batch;
    const float *x; /* first input of the group */
    int64_t ld;
    const float *turned; /* (batch, V vectors) */
    float *w, *s, *t;    /* first panel, first input of the group */
    int64_t panel_stride;
} step_work;

LANES_INLINE int64_t step_place(int64_t panel_stride, int r, int v)
{
    return v * LANES_PART / PANEL * panel_stride + r * PANEL + v * LANES_PART % PANEL;
}

/* The weights from R inputs, `input` and on: sum up their gradient, then step. */
LANES_INLINE void step_tile(const int kind, const int R, const int V, const step_work *work, int32_t input)
{
    const int64_t place = (int64_t)input * PANEL;
    lanes_f32 sum[SUMS_R][SUMS_V];
    LANES_UNROLL
    for (int r = 0; r < R; r++) {
        LANES_UNROLL
        for (int v = 0; v < V; v++) sum[r][v] = lanes_part_all(0);
    }
    /* Ask for the weights little by little: all at once, they would hold up what the sums need of the caches. */
    const float *x = work->x + input * work->ld, *next_x = x + R * work->ld, *turned = work->turned;
    const int32_t rows_a_run = (R * RUN + work->batch - 1) / work->batch;
    for (int32_t left = work->batch, row = 0; left > 0; left -= RUN) {
        for (int32_t end = row + rows_a_run; row < end && row < R; row++) {
            LANES_UNROLL
            for (int v = 0; v < V; v++) {
                const int64_t at = place + step_place(work->panel_stride, row, v);
                __builtin_prefetch(work->w + at, 1, 3);
                if (kind != IST_SGD) __builtin_prefetch(work->s + at, 1, 3);
                if (kind == IST_ADAM) __builtin_prefetch(work->t + at, 1, 3);
            }
        }
        multiply_add(R, V, left < RUN ? left : RUN, x, work->ld, 1, turned, V * LANES_PART, next_x, R, 3, sum);
        x += RUN;
        next_x += R * RUN;
        turned += RUN * V * LANES_PART;
    }
    const rule_lanes *rule = work->rule;
    __asm__("" : "+r"(rule)); /* read it now: held in registers from tile to tile it would drive sums out of them */
    LANES_UNROLL
    for (int r = 0; r < R; r++) {
        LANES_UNROLL
        for (int v = 0; v < V; v++) {
            const int64_t at = place + step_place(work->panel_stride, r, v);
            lanes_f32 w = lanes_part_load(work->w + at), s = {0}, t = {0};
            if (kind != IST_SGD) s = lanes_part_load(work->s + at);
            if (kind == IST_ADAM) t = lanes_part_load(work->t + at);
            rule_apply(kind, rule, sum[r][v], &w, &s, &t);
            lanes_part_store(work->w + at, w);
            if (kind != IST_SGD) lanes_part_store(work->s + at, s);
            if (kind == IST_ADAM) lanes_part_store(work->t + at, t);
        }
    }
}

/* All inputs of a group of panels. */
LANES_INLINE void step_inputs(const int kind, const int V, int32_t inputs, const step_work *work)
{
    int32_t i = 0;
    for (; i + STEP_R <= inputs; i += STEP_R) step_tile(kind, STEP_R, V, work, i);
    for (; i < inputs; i++) step_tile(kind, 1, V, work, i);
}

#define STEP(KIND, NAME)                                                                           \
  static void step_inputs_##NAME(int32_t panels, int32_t inputs, const step_work *group)           \
  {                                                                                                \
    if (panels == 1) step_inputs(KIND, PANEL / LANES_PART, inputs, group);                         \
    if (STEP_PANELS > 1 && panels == 2) step_inputs(KIND, STEP_V > 2 ? 2 : STEP_V, inputs, group); \
    if (STEP_PANELS > 1 && panels == 3) step_inputs(KIND, STEP_V, inputs, group);                  \
  }
STEP(IST_SGD, sgd)
STEP(IST_MOMENTUM, momentum)
STEP(IST_NESTEROV, nesterov)
STEP(IST_ADAM, adam)
#undef STEP

/* Up to `rows` rows of d, of which `outputs` are there, turned around: turned[c * rows + o] = d[o * ld + c]. */
static void turn_rows(int32_t rows, int32_t outputs, int32_t batch, int64_t ld, const float *d, float *turned)
{
    for (int32_t o = 0; o < rows; o += LANES) {
        for (int32_t c = 0; c < batch; c += LANES) {
            lanes square[LANES];
            const int32_t n = batch - c < LANES ? batch - c : LANES;
            for (int i = 0; i < LANES; i++)
                square[i] = o + i < outputs ? lanes_load(d + (o + i) * ld + c, n) : lanes_all(0);
            lanes_turn(square);
            for (int i = 0; i < n; i++) lanes_store_16(turned + (int64_t)(c + i) * rows + o, square[i]);
        }
    }
}

/* Inputs whose activations stay in the second cache while all neurons pass over them. */
static int32_t inputs_of_block(int64_t ld)
{
    enum { BLOCK_FLOATS = 128 * 1024 };
    const int64_t inputs = BLOCK_FLOATS / ld / STEP_R * STEP_R;
    return inputs < STEP_R ? STEP_R : (int32_t)inputs;
}

static void weight_step(const ist__rule *rule, int32_t outputs, int32_t inputs, int32_t batch, int64_t ld,
                        const float *d, const float *x, float *weight, float *s, float *t, int64_t panel_stride,
                        float *turned)
{
    const rule_lanes spread = rule_spread(rule);
    step_work work = {.rule = &spread, .batch = batch, .ld = ld, .turned = turned, .panel_stride = panel_stride};
    const int32_t panels = (outputs + PANEL - 1) / PANEL, block = inputs_of_block(ld);
    for (int32_t i = 0; i < inputs; i += block) {
        const int32_t count = inputs - i < block ? inputs - i : block;
        work.x = x + i * ld;
        for (int32_t p = 0, some; p < panels; p += some) {
            some = next_vectors(panels - p, STEP_PANELS);
            turn_rows(some * PANEL, outputs - p * PANEL, batch, ld, d + (int64_t)p * PANEL * ld, turned);
            const int64_t place = p * panel_stride + (int64_t)i * PANEL;
            work.w = weight + place;
            work.s = s ? s + place : NULL;
            work.t = t ? t + place : NULL;
            switch (rule->kind) {
            case IST_SGD: step_inputs_sgd(some, count, &work); break;
            case IST_MOMENTUM: step_inputs_momentum(some, count, &work); break;
            case IST_NESTEROV: step_inputs_nesterov(some, count, &work); break;
            default: step_inputs_adam(some, count, &work);
            }
        }
    }
}

#endif
