/* body_sparse.h - the first layer of rows of which few features are not 0: forward, and the weight step.
 *
 * Neurons stand in the lanes.  Each entry of a row takes one line of weights from every panel, wherever it lies, so memory
 * is all that counts: a line is asked for AHEAD entries before it is needed, and some panels go together, so that an entry
 * is read and spread once for all of them.  Panels outside, columns inside: the lines that a batch touches in a few panels
 * stay in the second cache while its columns pass, and frequent features come from memory once.
 *
 * An element is the chain of multiply-adds of body_product.h without its zeros, which add nothing: so the bits are the
 * same.  Included by kernels_*.c alone, see kernels.h.
 */
#ifndef IST_MATH_BODY_SPARSE_H
#define IST_MATH_BODY_SPARSE_H

#include "math/body_optimize.h"
#include "math/body_product.h"
#include "math/kernels.h"
#include "math/lanes.h"

enum { SPARSE_PANELS = 4, SPARSE_AHEAD = 8, STEP_AHEAD = 4, SPARSE_STEP_PANELS = 2 };

/* Ask for the lines of one feature in P panels. */
LANES_INLINE void ask_lines(const int P, const float *weight, int64_t panel_stride, int32_t feature)
{
    LANES_UNROLL
    for (int p = 0; p < P; p++) __builtin_prefetch(weight + p * panel_stride + (int64_t)feature * LANES, 0, 3);
}

/* One column of P panels: sum[p] (16). */
LANES_INLINE void sparse_column(const int P, int32_t count, const int32_t *feature, const float *value,
                                const float *weight, int64_t panel_stride, lanes *sum)
{
    LANES_UNROLL
    for (int p = 0; p < P; p++) sum[p] = lanes_all(0);
    for (int32_t j = 0; j < count; j++) {
        if (j + SPARSE_AHEAD < count) ask_lines(P, weight, panel_stride, feature[j + SPARSE_AHEAD]);
        const lanes_f32 factor = lanes_part_all(value[j]);
        const float *line = weight + (int64_t)feature[j] * LANES;
        LANES_UNROLL
        for (int p = 0; p < P; p++) {
            LANES_EACH (i)
                sum[p].part[i] =
                    lanes_part_fma(factor, lanes_part_load(line + p * panel_stride + i * LANES_PART), sum[p].part[i]);
        }
    }
}

/* P panels, of which the last may have fewer rows of z than 16. */
LANES_INLINE void sparse_panels(const int P, int32_t outputs, int32_t columns, const ist__sparse_columns *x,
                                const float *weight, int64_t panel_stride, float *z, int64_t ldz)
{
    lanes square[SPARSE_PANELS][LANES];
    for (int32_t c = 0; c < columns; c += LANES) {
        for (int32_t i = 0; i < LANES; i++) {
            lanes sum[SPARSE_PANELS];
            const bool there = c + i < columns;
            const int64_t first = there ? x->first[c + i] : 0;
            for (int32_t j = 0; c + i + 1 < columns && j < SPARSE_AHEAD && j < x->count[c + i + 1]; j++)
                ask_lines(P, weight, panel_stride, x->feature[x->first[c + i + 1] + j]);
            sparse_column(P, there ? x->count[c + i] : 0, x->feature + first, x->value + first, weight, panel_stride,
                          sum);
            LANES_UNROLL
            for (int p = 0; p < P; p++) square[p][i] = sum[p];
        }
        for (int p = 0; p < P; p++) {
            lanes_turn(square[p]);
            for (int o = 0; o < LANES && p * LANES + o < outputs; o++)
                lanes_store_16(z + (p * LANES + o) * ldz + c, square[p][o]);
        }
    }
}

static void sparse_product(int32_t outputs, int32_t columns, const ist__sparse_columns *x, const float *weight,
                           int64_t panel_stride, float *z, int64_t ldz)
{
    for (int32_t o = 0; o < outputs;) {
        const int32_t left = (outputs - o + LANES - 1) / LANES;
        const int some = left >= SPARSE_PANELS ? SPARSE_PANELS : left >= 2 ? 2 : 1;
        const float *at = weight + o / LANES * panel_stride;
        if (some == SPARSE_PANELS)
            sparse_panels(SPARSE_PANELS, outputs - o, columns, x, at, panel_stride, z + o * ldz, ldz);
        else if (some == 2) sparse_panels(2, outputs - o, columns, x, at, panel_stride, z + o * ldz, ldz);
        else sparse_panels(1, outputs - o, columns, x, at, panel_stride, z + o * ldz, ldz);
        o += some * LANES;
    }
}

/* ------------------------------------------------------------------------------------------------- weight step -- */

typedef struct sparse_work {
    const rule_lanes *rule;
    const ist__sparse_features *x;
    const float *turned; /* (batch, 16 panels) */
    float *w, *s, *t;    /* first panel of the group */
    int64_t panel_stride;
} sparse_work;

LANES_INLINE void ask_step(const int kind, const int P, const sparse_work *work, int32_t feature)
{
    LANES_UNROLL
    for (int p = 0; p < P; p++) {
        const int64_t at = p * work->panel_stride + (int64_t)feature * LANES;
        __builtin_prefetch(work->w + at, 1, 3);
        if (kind != IST_SGD) __builtin_prefetch(work->s + at, 1, 3);
        if (kind == IST_ADAM) __builtin_prefetch(work->t + at, 1, 3);
    }
}

/* The lines of one feature. */
LANES_INLINE void sparse_step_lines(const int kind, const int P, const sparse_work *work, int32_t f)
{
    const ist__sparse_features *x = work->x;
    lanes sum[SPARSE_STEP_PANELS];
    LANES_UNROLL
    for (int p = 0; p < P; p++) sum[p] = lanes_all(0);
    for (int32_t j = x->begin[f]; j < x->begin[f + 1]; j++) {
        const lanes_f32 factor = lanes_part_all(x->value[j]);
        const float *row = work->turned + (int64_t)x->column[j] * P * LANES;
        LANES_UNROLL
        for (int p = 0; p < P; p++) {
            LANES_EACH (i)
                sum[p].part[i] =
                    lanes_part_fma(factor, lanes_part_load(row + p * LANES + i * LANES_PART), sum[p].part[i]);
        }
    }
    const rule_lanes *rule = work->rule;
    LANES_UNROLL
    for (int p = 0; p < P; p++) {
        LANES_EACH (i) {
            const int64_t at = p * work->panel_stride + (int64_t)x->feature[f] * LANES + i * LANES_PART;
            lanes_f32 w = lanes_part_load(work->w + at), s = {0}, t = {0};
            if (kind != IST_SGD) s = lanes_part_load(work->s + at);
            if (kind == IST_ADAM) t = lanes_part_load(work->t + at);
            rule_apply(kind, rule, sum[p].part[i], &w, &s, &t);
            lanes_part_store(work->w + at, w);
            if (kind != IST_SGD) lanes_part_store(work->s + at, s);
            if (kind == IST_ADAM) lanes_part_store(work->t + at, t);
        }
    }
}

LANES_INLINE void sparse_step_panels(const int kind, const int P, const sparse_work *work)
{
    const ist__sparse_features *x = work->x;
    for (int32_t f = 0; f < x->count && f < STEP_AHEAD; f++) ask_step(kind, P, work, x->feature[f]);
    for (int32_t f = 0; f < x->count; f++) {
        if (f + STEP_AHEAD < x->count) ask_step(kind, P, work, x->feature[f + STEP_AHEAD]);
        sparse_step_lines(kind, P, work, f);
    }
}

#define SPARSE_STEP(KIND, NAME)                                       \
  static void sparse_step_##NAME(int panels, const sparse_work *work) \
  {                                                                   \
    if (panels == 1) sparse_step_panels(KIND, 1, work);               \
    else sparse_step_panels(KIND, SPARSE_STEP_PANELS, work);          \
  }
SPARSE_STEP(IST_SGD, sgd)
SPARSE_STEP(IST_MOMENTUM, momentum)
SPARSE_STEP(IST_NESTEROV, nesterov)
SPARSE_STEP(IST_ADAM, adam)
#undef SPARSE_STEP

static void sparse_step(const ist__rule *rule, int32_t outputs, int32_t batch, int64_t ld, const float *d,
                        const ist__sparse_features *x, float *weight, float *s, float *t, int64_t panel_stride,
                        float *turned)
{
    const rule_lanes spread = rule_spread(rule);
    const int32_t panels = (outputs + LANES - 1) / LANES;
    for (int32_t p = 0, some; p < panels; p += some) {
        some = panels - p < SPARSE_STEP_PANELS ? 1 : SPARSE_STEP_PANELS;
        turn_rows(some * LANES, outputs - p * LANES, batch, ld, d + (int64_t)p * LANES * ld, turned);
        const int64_t at = p * panel_stride;
        const sparse_work work = {&spread, x, turned, weight + at, s ? s + at : NULL, t ? t + at : NULL, panel_stride};
        switch (rule->kind) {
        case IST_SGD: sparse_step_sgd(some, &work); break;
        case IST_MOMENTUM: sparse_step_momentum(some, &work); break;
        case IST_NESTEROV: sparse_step_nesterov(some, &work); break;
        default: sparse_step_adam(some, &work);
        }
    }
}

#endif
