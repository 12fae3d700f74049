/* Sparse products and weight steps of every kernel set this machine runs, bit for bit against the dense ones. */
#include "ist_test.h"

#include <stdlib.h>
#include <string.h>

#include "ist/ist.h"
#include "kernel_sets.h"

enum { LANES = IST__LANES, FEATURES = 61, GAP = 32 };

static int64_t up(int64_t count)
{
    return (count + LANES - 1) / LANES * LANES;
}

static float *block(int64_t count, uint32_t seed)
{
    float *values = aligned_alloc(64, (size_t)up(count) * sizeof *values);
    CHECK(values != NULL);
    for (int64_t i = 0; i < up(count); i++) values[i] = noise(&seed);
    return values;
}

/* A batch both ways, and dense (FEATURES, ld): some columns are empty, one feature stands in all others, many in none. */
typedef struct batch {
    int32_t columns, count[128], feature[128 * FEATURES];
    int64_t ld, first[128];
    float value[128 * FEATURES];
    int32_t distinct[FEATURES], begin[FEATURES + 1], column[128 * FEATURES];
    float turned_value[128 * FEATURES];
    float *x;
} batch;

static batch *batch_make(int32_t columns)
{
    batch *b = calloc(1, sizeof *b);
    CHECK(b != NULL);
    uint32_t seed = 5;
    int32_t entries = 0, distinct = 0;
    b->columns = columns;
    b->ld = up(columns);
    b->x = aligned_alloc(64, (size_t)(FEATURES * b->ld) * sizeof *b->x);
    CHECK(b->x != NULL);
    memset(b->x, 0, (size_t)(FEATURES * b->ld) * sizeof *b->x);
    for (int32_t c = 0; c < columns; c++) {
        b->first[c] = entries;
        for (int32_t f = 0; f < FEATURES && c % 5 != 3; f++) {
            if (f != 7 && (noise(&seed) < 0.6F || f % 3 == 1)) continue;
            b->feature[entries] = f;
            b->value[entries] = b->x[f * b->ld + c] = noise(&seed);
            entries++;
        }
        b->count[c] = entries - (int32_t)b->first[c];
    }
    entries = 0;
    for (int32_t f = 0; f < FEATURES; f++) {
        const int32_t before = entries;
        for (int32_t c = 0; c < columns; c++) {
            if (b->x[f * b->ld + c] == 0) continue;
            b->column[entries] = c;
            b->turned_value[entries++] = b->x[f * b->ld + c];
        }
        if (entries == before) continue;
        b->distinct[distinct] = f;
        b->begin[distinct++] = before;
        b->begin[distinct] = entries;
    }
    CHECK(distinct > 1 && distinct < FEATURES);
    b->begin[distinct] = entries;
    b->distinct[distinct] = -1;
    return b;
}

static void batch_free(batch *b)
{
    free(b->x);
    free(b);
}

static ist__sparse_columns columns_of(const batch *b)
{
    return (ist__sparse_columns){b->first, b->count, b->feature, b->value};
}

static ist__sparse_features features_of(const batch *b)
{
    int32_t count = 0;
    while (b->distinct[count] >= 0) count++;
    return (ist__sparse_features){count, b->distinct, b->begin, b->column, b->turned_value};
}

static const int32_t outputs_tried[] = {1, 16, 17, 47, 64, 65, 112}, columns_tried[] = {1, 15, 16, 33, 100};
#define EACH(outputs, columns)                                                   \
  for (size_t o_ = 0; o_ < sizeof outputs_tried / sizeof *outputs_tried; o_++)   \
    for (size_t c_ = 0; c_ < sizeof columns_tried / sizeof *columns_tried; c_++) \
      for (int32_t outputs = outputs_tried[o_], columns = columns_tried[c_]; columns; columns = 0)

TEST(products_of_sparse_columns_are_those_with_zeros)
{
    const int64_t stride = FEATURES * LANES + GAP;
    EACH_SET (i, set) EACH(outputs, columns)
        {
            batch *b = batch_make(columns);
            const int64_t panels = up(outputs) / LANES, size = (outputs + 1) * b->ld;
            float *weight = block(panels * stride, 1), *z = block(size, 2), *want = block(size, 2);
            const ist__view view = {weight, 1, stride, LANES, LANES * LANES};
            const ist__sparse_columns x = columns_of(b);
            set->product(outputs, columns, FEATURES, &view, b->x, b->ld, want, b->ld);
            set->sparse_product(outputs, columns, &x, weight, stride, z, b->ld);
            CHECK(memcmp(z, want, (size_t)size * sizeof *z) == 0); /* and nothing behind the last row */
            free(weight);
            free(z);
            free(want);
            batch_free(b);
        }
}

static ist__rule rule_of(int32_t kind)
{
    return (ist__rule){.kind = kind,
                       .lr = 0.3F,
                       .keep = kind == IST_NESTEROV ? 0.99F : 1,
                       .momentum = 0.9F,
                       .adam = {.beta1 = 0.9F, .beta2 = 0.99F, .rate = 0.2F, .epsilon = 1e-7F}};
}

/* Lines that ought to have moved and have not, or are not the dense step's; and the other way round. */
static int wrong_lines(const batch *b, int64_t panels, int64_t stride, const float *got, const float *want,
                       const float *old)
{
    int wrong = 0;
    for (int64_t p = 0; p < panels; p++)
        for (int32_t f = 0; f < FEATURES; f++) {
            const int64_t at = p * stride + f * LANES;
            bool occurs = false;
            for (int32_t c = 0; c < b->columns; c++) occurs |= b->x[f * b->ld + c] != 0;
            wrong += memcmp(got + at, (occurs ? want : old) + at, LANES * sizeof *got) != 0;
        }
    return wrong;
}

TEST(steps_of_sparse_batches_move_what_occurs_as_dense_ones_do)
{
    const int64_t stride = FEATURES * LANES + GAP;
    EACH_SET (i, set) EACH(outputs, columns)
        {
            for (int32_t kind = IST_SGD; kind <= IST_ADAM; kind++) {
                batch *b = batch_make(columns);
                const int64_t panels = up(outputs) / LANES, size = panels * stride;
                const ist__rule rule = rule_of(kind);
                const ist__sparse_features x = features_of(b);
                float *d = block(outputs * b->ld, 9), *turned = block(b->ld * IST__TURNED_ROWS, 10);
                float *old[3], *got[3], *want[3];
                for (uint32_t k = 0; k < 3; k++) {
                    old[k] = block(size, 20 + k);
                    for (int64_t n = 0; n < size; n++) old[k][n] = k == 2 && old[k][n] < 0 ? -old[k][n] : old[k][n];
                    got[k] = block(size, 0);
                    want[k] = block(size, 0);
                    memcpy(got[k], old[k], (size_t)size * sizeof **got);
                    memcpy(want[k], old[k], (size_t)size * sizeof **want);
                }
                set->weight_step(&rule, outputs, FEATURES, columns, b->ld, d, b->x, want[0], want[1], want[2], stride,
                                 turned);
                set->sparse_step(&rule, outputs, columns, b->ld, d, &x, got[0], got[1], got[2], stride, turned);
                for (int k = 0; k < 3; k++) {
                    CHECK_EQ(wrong_lines(b, panels, stride, got[k], want[k], old[k]), 0);
                    free(old[k]);
                    free(got[k]);
                    free(want[k]);
                }
                free(d);
                free(turned);
                batch_free(b);
            }
        }
}
