/* arrays.c - a dataset over the caller's memory, or a copy of it.
 *
 * Targets are read once here, whoever they belong to: one that is not finite would only be noticed as a run that has
 * diverged.  Features are as many times more, and are the caller's word unless they are copied anyway.
 *
 * Floor: data.  Cold.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "data/dataset.h"
#include "data/loaders.h"

/* A table of the caller's. */
typedef struct table {
    const char *whose, *name; /* in error lines */
    const void *at;
    int64_t rows, stride;
    int32_t columns, type;
    int64_t first; /* what the caller counts its first row as */
} table;

static ist_status check_type(const table *t, bool bytes_too, ist__error *error)
{
    if (t->type == IST_FLOAT32 || t->type == IST_FLOAT64 || (bytes_too && t->type == IST_UINT8)) return IST_OK;
    return ist__fail(error, IST_E_ARGUMENT, "%s: %s type %d is none of %sIST_FLOAT32, IST_FLOAT64", t->whose, t->name,
                     t->type, bytes_too ? "IST_UINT8, " : "");
}

static ist_status check_columns(const table *t, ist__error *error)
{
    if (t->columns >= 1 && t->columns <= IST__MAX_FEATURES) return IST_OK;
    return ist__fail(error, IST_E_ARGUMENT, "%s: %d %ss, but 1 .. %d can be used", t->whose, t->columns, t->name,
                     IST__MAX_FEATURES);
}

/* With a type that is known. */
static ist_status check_table(const table *t, ist__error *error)
{
    const int64_t bytes = (int64_t)ist__type_bytes(t->type);
    if (!t->at) return ist__fail(error, IST_E_ARGUMENT, "%s: no %ss", t->whose, t->name);
    const ist_status status = check_columns(t, error);
    if (status) return status;
    if (t->stride < t->columns * bytes || t->stride > INT64_MAX / t->rows)
        return ist__fail(error, IST_E_ARGUMENT, "%s: rows %lld bytes apart, but a row has %lld bytes", t->whose,
                         (long long)t->stride, (long long)(t->columns * bytes));
    if (t->stride % bytes != 0 || (uintptr_t)t->at % (uintptr_t)bytes != 0)
        return ist__fail(error, IST_E_ARGUMENT, "%s: %s rows that do not start at multiples of %lld bytes", t->whose,
                         t->type == IST_FLOAT32 ? "float32" : "float64", (long long)bytes);
    return IST_OK;
}

static ist_status check_rows(const char *whose, int64_t rows, ist__error *error)
{
    if (rows >= 1 && rows <= IST__MAX_ROWS) return IST_OK;
    return ist__fail(error, IST_E_ARGUMENT, "%s: %lld rows, but 1 .. %lld can be used", whose, (long long)rows,
                     (long long)IST__MAX_ROWS);
}

/* first: what the caller counts the first of them as. */
static ist_status check_classes(const char *whose, const int32_t *labels, int64_t first, int64_t rows, int32_t classes,
                                ist__error *error)
{
    for (int64_t row = 0; row < rows; row++)
        if (labels[row] < 0 || labels[row] >= classes)
            return ist__fail(error, IST_E_ARGUMENT, "%s: labels[%lld] is %d, not one of 0 .. %d", whose,
                             (long long)(first + row), labels[row], classes - 1);
    return IST_OK;
}

static ist_status check_class_count(int32_t classes, ist__error *error)
{
    if (classes >= 1 && classes <= IST__MAX_LABEL + 1) return IST_OK;
    return ist__fail(error, IST_E_ARGUMENT, "dataset: %d classes, but 1 .. %d can be used", classes,
                     IST__MAX_LABEL + 1);
}

static ist_status check_labels(const int32_t *labels, int64_t rows, int32_t classes, ist__error *error)
{
    if (!labels && classes != 0) return ist__fail(error, IST_E_ARGUMENT, "dataset: %d classes, but no labels", classes);
    if (!labels) return IST_OK;
    const ist_status status = check_class_count(classes, error);
    return status ? status : check_classes("dataset", labels, 0, rows, classes, error);
}

static double number_at(const table *t, int64_t row, int32_t column)
{
    const char *from = (const char *)t->at + row * t->stride;
    switch (t->type) {
    case IST_UINT8: return (double)((const uint8_t *)(const void *)from)[column];
    case IST_FLOAT32: return (double)((const float *)(const void *)from)[column];
    default: return ((const double *)(const void *)from)[column];
    }
}

static ist_status check_finite(const table *t, ist__error *error)
{
    for (int64_t row = 0; row < t->rows && t->type != IST_UINT8; row++)
        for (int32_t column = 0; column < t->columns; column++) {
            const double value = number_at(t, row, column);
            if (!isfinite(value) || fabs(value) > (double)FLT_MAX)
                return ist__fail(error, IST_E_ARGUMENT, "%s: row %lld, %s %d: not a finite float32", t->whose,
                                 (long long)(t->first + row), t->name, column);
        }
    return IST_OK;
}

/* A row without gaps, doubles as float32. */
static void copy_row(const table *t, int64_t row, int32_t type, void *to)
{
    if (t->type == type) memcpy(to, (const char *)t->at + row * t->stride, (size_t)t->columns * ist__type_bytes(type));
    else
        for (int32_t column = 0; column < t->columns; column++)
            ((float *)to)[column] = (float)number_at(t, row, column);
}

/* A copy of all; *t becomes the copy. */
static ist_status copy_table(table *t, void **owned, ist__error *error)
{
    const int32_t type = t->type == IST_UINT8 ? IST_UINT8 : IST_FLOAT32;
    const size_t bytes = ist__type_bytes(type), row_bytes = (size_t)t->columns * bytes;
    *owned = ist__alloc_raw(t->rows * t->columns, bytes);
    if (!*owned)
        return ist__fail(error, IST_E_MEMORY, "out of memory for %lld rows of %d %ss", (long long)t->rows, t->columns,
                         t->name);
    for (int64_t row = 0; row < t->rows; row++) copy_row(t, row, type, (char *)*owned + (size_t)row * row_bytes);
    t->at = *owned;
    t->type = type;
    t->stride = (int64_t)row_bytes;
    return IST_OK;
}

static table features_of(const ist_dataset_arrays *a)
{
    const int64_t row_bytes = (int64_t)a->features * (int64_t)ist__type_bytes(a->x_type);
    return (table){"dataset",   "feature", a->x, a->rows, a->x_row_stride_bytes ? a->x_row_stride_bytes : row_bytes,
                   a->features, a->x_type, 0};
}

static table targets_of(const ist_dataset_arrays *a)
{
    const int64_t row_bytes = (int64_t)a->targets * (int64_t)ist__type_bytes(a->y_type);
    return (table){"dataset",  "target",  a->y, a->rows, a->y_row_stride_bytes ? a->y_row_stride_bytes : row_bytes,
                   a->targets, a->y_type, 0};
}

/* What there is, before anything is copied. */
static ist_status check_arrays(const ist_dataset_arrays *a, const table *x, const table *y, ist__error *error)
{
    if (a->copy < 0 || a->copy > 1) return ist__fail(error, IST_E_ARGUMENT, "copy is %d, expected 0 or 1", a->copy);
    ist_status status = check_type(x, true, error);
    if (!status) status = check_rows("dataset", a->rows, error);
    if (!status) status = check_table(x, error);
    if (!status) status = check_labels(a->labels, a->rows, a->classes, error);
    if (status || (!a->y && a->targets == 0)) return status;
    if (a->labels) return ist__fail(error, IST_E_ARGUMENT, "dataset: labels and targets, but rows have one of them");
    status = check_type(y, false, error);
    if (!status) status = check_table(y, error);
    return status ? status : check_finite(y, error);
}

static ist_status take(ist_dataset *d, const ist_dataset_arrays *a, table x, table y, ist__error *error)
{
    ist_status status = IST_OK;
    const bool owns_x = a->copy || x.type == IST_FLOAT64;
    if (owns_x) status = check_finite(&x, error);
    if (!status && owns_x) status = copy_table(&x, &d->owned_x, error);
    if (!status && y.at && (a->copy || y.type == IST_FLOAT64)) status = copy_table(&y, &d->owned_targets, error);
    if (!status && a->copy && a->labels) {
        d->owned_labels = ist__alloc_raw(a->rows, sizeof *a->labels);
        if (!d->owned_labels) return ist__fail(error, IST_E_MEMORY, "out of memory for labels");
        memcpy(d->owned_labels, a->labels, (size_t)a->rows * sizeof *a->labels);
    }
    if (status) return status;
    d->rows = a->rows;
    d->features = a->features;
    d->classes = a->classes;
    d->type = x.type;
    d->row_stride_bytes = x.stride;
    d->x = x.at;
    d->labels = d->owned_labels ? d->owned_labels : a->labels;
    if (!y.at) return IST_OK;
    d->targets = y.at;
    d->target_stride = y.stride / (int64_t)sizeof(float);
    d->target_count = y.columns;
    return IST_OK;
}

static ist_status make(ist_dataset **out, const ist_dataset_arrays *arrays, table x, table y, ist__error *error)
{
    if (!out) return ist__fail(error, IST_E_ARGUMENT, "dataset: no place for the handle");
    ist_status status = check_arrays(arrays, &x, &y, error);
    if (status) return status;
    ist_dataset *dataset = ist__dataset_new();
    if (!dataset) return ist__fail(error, IST_E_MEMORY, "out of memory");
    status = take(dataset, arrays, x, y, error);
    if (status) ist__dataset_destroy(dataset);
    else *out = dataset;
    return status;
}

ist_status ist__dataset_arrays(ist_dataset **out, const ist_dataset_arrays *arrays, ist__error *error)
{
    return make(out, arrays, features_of(arrays), targets_of(arrays), error);
}

ist_status ist__dataset_wrap(ist_dataset **out, const void *x, int32_t type, int64_t rows, int32_t features,
                             int64_t row_stride_bytes, const int32_t *labels, int32_t classes, ist__error *error)
{
    if (x && type != IST_UINT8 && type != IST_FLOAT32)
        return ist__fail(error, IST_E_ARGUMENT, "dataset: type %d is neither IST_UINT8 nor IST_FLOAT32", type);
    const ist_dataset_arrays arrays = {.rows = rows, .features = features, .labels = labels, .classes = classes};
    const table table_x = {"dataset",        "feature", x,    rows,
                           row_stride_bytes, features,  type, 0}; /* a stride of 0 is none here */
    return make(out, &arrays, table_x, (table){"dataset", "target", NULL, rows, 0, 0, IST_FLOAT32, 0}, error);
}

/* ------------------------------------------------------------------------------------------------------- fed rows -- */

static table fed_features(const ist_dataset *d, const ist_feed *f)
{
    const int64_t row_bytes = (int64_t)d->features * (int64_t)ist__type_bytes(f->x_type);
    return (table){"feed",      "feature", f->x, f->rows, f->x_row_stride_bytes ? f->x_row_stride_bytes : row_bytes,
                   d->features, f->x_type, 0};
}

static table fed_targets(const ist_dataset *d, const ist_feed *f)
{
    const int64_t row_bytes = (int64_t)d->target_count * (int64_t)ist__type_bytes(f->y_type);
    return (table){"feed",          "target",  f->y, f->rows, f->y_row_stride_bytes ? f->y_row_stride_bytes : row_bytes,
                   d->target_count, f->y_type, 0};
}

ist_status ist__dataset_feed_check(const ist_dataset *d, const ist_feed *f, ist__error *error)
{
    const table x = fed_features(d, f), y = fed_targets(d, f);
    if (!ist__dataset_owns(d))
        return ist__fail(error, IST_E_ARGUMENT,
                         "feed: the rows of the dataset are lent, and are not written to: make it with copy 1");
    ist_status status = check_rows("feed", f->rows, error);
    if (status) return status;
    if (d->type == IST_UINT8 ? f->x_type != IST_UINT8 : f->x_type != IST_FLOAT32 && f->x_type != IST_FLOAT64)
        return ist__fail(error, IST_E_ARGUMENT, "feed: x_type is %d, expected %s as the dataset has", f->x_type,
                         d->type == IST_UINT8 ? "IST_UINT8" : "IST_FLOAT32 or IST_FLOAT64");
    status = check_table(&x, error);
    if (status) return status;
    if (d->labels ? !f->labels || f->y : !f->y || f->labels)
        return ist__fail(error, IST_E_ARGUMENT, "feed: expected %s alone, as the dataset has",
                         d->labels ? "labels" : "targets in y");
    if (d->labels) status = check_classes("feed", f->labels, 0, f->rows, d->classes, error);
    else status = check_type(&y, false, error);
    if (!status && !d->labels) status = check_table(&y, error);
    if (!status && !d->labels) status = check_finite(&y, error);
    return status ? status : check_finite(&x, error);
}

void ist__dataset_feed_take(const ist_dataset *d, const ist_feed *f, int64_t row, void *x, void *answer)
{
    const table from = fed_features(d, f), targets = fed_targets(d, f);
    copy_row(&from, row, d->type, x);
    if (d->labels) memcpy(answer, &f->labels[row], sizeof *f->labels);
    else copy_row(&targets, row, IST_FLOAT32, answer);
}

/* ---------------------------------------------------------------------------------------------------- filled rows -- */

enum {
    FILL_BYTES = 1 << 20
}; /* of features at once, where the caller says nothing: they are checked while caches have them */

static ist_status check_rows_config(const ist_rows_config *c, const table *x, const table *y, ist__error *error)
{
    ist_status status = check_rows("dataset", c->rows, error);
    if (!status) status = check_columns(x, error);
    if (status) return status;
    if (c->x_type != IST_UINT8 && c->x_type != IST_FLOAT32)
        return ist__fail(error, IST_E_ARGUMENT, "x_type is %d, expected IST_UINT8 or IST_FLOAT32", c->x_type);
    if (c->rows_at_once < 0)
        return ist__fail(error, IST_E_ARGUMENT, "rows_at_once is %lld, expected 0 or more", (long long)c->rows_at_once);
    if (c->classes != 0 && c->targets != 0)
        return ist__fail(error, IST_E_ARGUMENT, "dataset: classes and targets, but rows have one of them");
    if (c->classes != 0) return check_class_count(c->classes, error);
    return c->targets != 0 ? check_columns(y, error) : IST_OK;
}

/* Memory of 0s, so that what is not filled is at least always the same. */
static ist_status make_memory(ist_dataset *d, const ist_rows_config *c, ist__error *error)
{
    d->x = d->owned_x = ist__alloc(c->rows * c->features, ist__type_bytes(c->x_type));
    if (c->classes > 0) d->labels = d->owned_labels = ist__alloc(c->rows, sizeof *d->labels);
    if (c->targets > 0) d->targets = d->owned_targets = ist__alloc(c->rows * c->targets, sizeof *d->targets);
    if (!d->x || (c->classes > 0 && !d->labels) || (c->targets > 0 && !d->targets))
        return ist__fail(error, IST_E_MEMORY, "out of memory for %lld rows of %d features", (long long)c->rows,
                         c->features);
    d->rows = c->rows;
    d->features = c->features;
    d->classes = c->classes;
    d->type = c->x_type;
    d->row_stride_bytes = (int64_t)ist__dataset_row_bytes(d);
    d->target_stride = d->target_count = c->targets;
    return IST_OK;
}

static ist_status fill_some(ist_dataset *d, int64_t first, int64_t count, ist_fill_fn fill, void *user,
                            ist__error *error)
{
    char *at = (char *)d->owned_x + first * d->row_stride_bytes;
    int32_t *labels = d->labels ? (int32_t *)d->owned_labels + first : NULL;
    float *targets = d->targets ? (float *)d->owned_targets + first * d->target_stride : NULL;
    const int32_t ended = fill(user, first, count, at, labels, targets);
    if (ended != 0)
        return ist__fail(error, IST_E_ARGUMENT, "fill ended with %d for %lld rows from row %lld on", ended,
                         (long long)count, (long long)first);
    const table x = {"dataset", "feature", at, count, d->row_stride_bytes, d->features, d->type, first};
    const table y = {"dataset",       "target",    targets, count, d->target_stride * (int64_t)sizeof(float),
                     d->target_count, IST_FLOAT32, first};
    ist_status status = check_finite(&x, error);
    if (!status && labels) status = check_classes("dataset", labels, first, count, d->classes, error);
    return status || !targets ? status : check_finite(&y, error);
}

ist_status ist__dataset_fill(ist_dataset **out, const ist_rows_config *c, ist_fill_fn fill, void *user,
                             ist__error *error)
{
    const table x = {"dataset", "feature", NULL, c->rows, 0, c->features, c->x_type, 0};
    const table y = {"dataset", "target", NULL, c->rows, 0, c->targets, IST_FLOAT32, 0};
    ist_status status = check_rows_config(c, &x, &y, error);
    if (status) return status;
    ist_dataset *d = ist__dataset_new();
    if (!d) return ist__fail(error, IST_E_MEMORY, "out of memory");
    status = make_memory(d, c, error);
    int64_t step = c->rows_at_once;
    if (!status && step == 0) step = FILL_BYTES / d->row_stride_bytes > 0 ? FILL_BYTES / d->row_stride_bytes : 1;
    for (int64_t first = 0; first < c->rows && !status; first += step) {
        if (step > c->rows - first) step = c->rows - first;
        status = fill_some(d, first, step, fill, user, error);
    }
    if (status) ist__dataset_destroy(d);
    else *out = d;
    return status;
}
