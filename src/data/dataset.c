/* dataset.c - a table of rows, opened from files or laid over the caller's memory, and its moments.
 *
 * Floor: data.  Cold.  Thread safety: a dataset does not change once it is made; any threads may read it.
 */
#include "data/dataset.h"

#include <float.h>
#include <math.h>

#include "base/mem.h"
#include "base/reader.h"
#include "data/formats.h"
#include "data/loaders.h"

size_t ist__type_bytes(int32_t type)
{
    switch (type) {
    case IST_UINT8: return 1;
    case IST_FLOAT32:
    case IST_INT32: return 4;
    case IST_FLOAT64: return 8;
    default: return 0;
    }
}

/* ----------------------------------------------------------------------------------------------- open and wrap -- */

static ist_status fail_rows(const char *x_path, int64_t x_rows, const char *y_path, int64_t y_rows, ist__error *error)
{
    char x_shown[IST__SHOWN_PATH_BYTES], y_shown[IST__SHOWN_PATH_BYTES];
    ist__show_path(x_shown, x_path);
    ist__show_path(y_shown, y_path);
    return ist__fail(error, IST_E_SHAPE, "%s: %lld rows, but %s: %lld labels", x_shown, (long long)x_rows, y_shown,
                     (long long)y_rows);
}

/* Labels from a file of their own. */
static ist_status load_labels(ist_dataset *dataset, const char *x_path, const char *y_path, ist__error *error)
{
    int32_t *labels;
    int64_t rows;
    if (dataset->labels) {
        char shown[IST__SHOWN_PATH_BYTES];
        ist__show_path(shown, x_path);
        return ist__fail(error, IST_E_SHAPE, "%s: has labels inside, and needs no file of labels", shown);
    }
    const ist_status status = ist__load_labels(y_path, &labels, &rows, &dataset->classes, error);
    if (status) return status;
    dataset->labels = dataset->owned_labels = labels;
    return rows == dataset->rows ? IST_OK : fail_rows(x_path, dataset->rows, y_path, rows, error);
}

static ist_status load_sparse(ist_dataset *dataset, const char *x_path, const char *y_path, const ist__dataset_ask *ask,
                              const ist__hands *hands, ist__error *error)
{
    ist__sparse sparse;
    ist_status status = ist__sparse_load(x_path, &ask->sparse, hands, &sparse, error);
    if (status) return status;
    if (ask->keep_sparse) {
        dataset->sparse = sparse;
        dataset->rows = sparse.rows;
        dataset->features = sparse.features;
        dataset->classes = sparse.labels;
        dataset->type = IST_FLOAT32;
        return IST_OK;
    }
    ist__dataset_ask dense = *ask;
    dense.need_labels = ask->need_labels && !y_path;
    status = ist__dataset_of_sparse(dataset, &sparse, x_path, &dense, hands, error);
    ist__sparse_destroy(&sparse);
    return status;
}

static ist_status load_dense(ist_dataset *dataset, const char *x_path, const char *y_path, const ist__dataset_ask *ask,
                             ist__error *error)
{
    char shown[IST__SHOWN_PATH_BYTES];
    ist__show_path(shown, x_path);
    ist__matrix matrix;
    if (ask->keep_sparse)
        return ist__fail(error, IST_E_FORMAT, "%s: byte 0: neither XMC nor libsvm text, nor a data file of ist", shown);
    const ist_status status = ist__load_features(x_path, &matrix, error);
    if (status) return status;
    dataset->x = dataset->owned_x = matrix.x;
    dataset->rows = matrix.rows;
    dataset->features = (int32_t)matrix.features;
    dataset->type = matrix.type;
    dataset->row_stride_bytes = matrix.features * (int64_t)ist__type_bytes(matrix.type);
    if (ask->need_labels && !y_path)
        return ist__fail(error, IST_E_SHAPE, "%s: has no labels inside, and needs a file of labels", shown);
    return IST_OK;
}

/* Fill the dataset; what it owns is freed by destroy, also after a failure. */
static ist_status load(ist_dataset *dataset, const char *x_path, const char *y_path, const ist__dataset_ask *ask,
                       const ist__hands *hands, ist__error *error)
{
    ist__sparse_kind kind = IST__SPARSE_TEXT;
    ist_status status = IST_OK;
    if (ask->sparse.text == IST_TEXT_AUTO) status = ist__sparse_recognise(x_path, &kind, error);
    if (status) return status;
    if (kind == IST__SPARSE_NOT) status = load_dense(dataset, x_path, y_path, ask, error);
    else status = load_sparse(dataset, x_path, y_path, ask, hands, error);
    return status || !y_path ? status : load_labels(dataset, x_path, y_path, error);
}

ist_status ist__dataset_open_as(ist_dataset **out, const char *x_path, const char *y_path, const ist__dataset_ask *ask,
                                const ist__hands *hands, ist__error *error)
{
    if (!out || !x_path) return ist__fail(error, IST_E_ARGUMENT, "dataset: no path of features");
    ist_dataset *dataset = ist__alloc(1, sizeof *dataset);
    if (!dataset) return ist__fail(error, IST_E_MEMORY, "out of memory");
    const ist_status status = load(dataset, x_path, y_path, ask, hands, error);
    if (status) {
        ist__dataset_destroy(dataset);
        return status;
    }
    *out = dataset;
    return IST_OK;
}

ist_status ist__dataset_open(ist_dataset **out, const char *x_path, const char *y_path, ist__error *error)
{
    const ist__dataset_ask ask = {.sparse = {.index_base = 1}};
    return ist__dataset_open_as(out, x_path, y_path, &ask, NULL, error);
}

static ist_status check_table(const void *x, int32_t type, int64_t rows, int32_t features, int64_t stride,
                              ist__error *error)
{
    if (!x) return ist__fail(error, IST_E_ARGUMENT, "dataset: no features");
    if (type != IST_UINT8 && type != IST_FLOAT32)
        return ist__fail(error, IST_E_ARGUMENT, "dataset: type %d is neither IST_UINT8 nor IST_FLOAT32", type);
    if (rows < 1 || rows > IST__MAX_ROWS)
        return ist__fail(error, IST_E_ARGUMENT, "dataset: %lld rows, but 1 .. %lld can be used", (long long)rows,
                         (long long)IST__MAX_ROWS);
    if (features < 1 || features > IST__MAX_FEATURES)
        return ist__fail(error, IST_E_ARGUMENT, "dataset: %d features, but 1 .. %d can be used", features,
                         IST__MAX_FEATURES);
    const int64_t bytes = (int64_t)ist__type_bytes(type);
    if (stride < features * bytes || stride > INT64_MAX / rows)
        return ist__fail(error, IST_E_ARGUMENT, "dataset: rows %lld bytes apart, but a row has %lld bytes",
                         (long long)stride, (long long)(features * bytes));
    if (stride % bytes != 0 || (uintptr_t)x % (uintptr_t)bytes != 0)
        return ist__fail(error, IST_E_ARGUMENT, "dataset: float32 rows that do not start at multiples of 4 bytes");
    return IST_OK;
}

static ist_status check_labels(const int32_t *labels, int64_t rows, int32_t classes, ist__error *error)
{
    if (!labels && classes != 0) return ist__fail(error, IST_E_ARGUMENT, "dataset: %d classes, but no labels", classes);
    if (!labels) return IST_OK;
    if (classes < 1 || classes > IST__MAX_LABEL + 1)
        return ist__fail(error, IST_E_ARGUMENT, "dataset: %d classes, but 1 .. %d can be used", classes,
                         IST__MAX_LABEL + 1);
    for (int64_t row = 0; row < rows; row++)
        if (labels[row] < 0 || labels[row] >= classes)
            return ist__fail(error, IST_E_ARGUMENT, "dataset: labels[%lld] is %d, not one of 0 .. %d", (long long)row,
                             labels[row], classes - 1);
    return IST_OK;
}

ist_status ist__dataset_wrap(ist_dataset **out, const void *x, int32_t type, int64_t rows, int32_t features,
                             int64_t row_stride_bytes, const int32_t *labels, int32_t classes, ist__error *error)
{
    if (!out) return ist__fail(error, IST_E_ARGUMENT, "dataset: no place for the handle");
    ist_status status = check_table(x, type, rows, features, row_stride_bytes, error);
    if (!status) status = check_labels(labels, rows, classes, error);
    if (status) return status;

    ist_dataset *dataset = ist__alloc(1, sizeof *dataset);
    if (!dataset) return ist__fail(error, IST_E_MEMORY, "out of memory");
    *dataset = (ist_dataset){.rows = rows,
                             .features = features,
                             .classes = classes,
                             .type = type,
                             .row_stride_bytes = row_stride_bytes,
                             .x = x,
                             .labels = labels};
    *out = dataset;
    return IST_OK;
}

void ist__dataset_destroy(ist_dataset *dataset)
{
    if (!dataset) return;
    ist__free(dataset->owned_x);
    ist__free(dataset->owned_labels);
    ist__sparse_destroy(&dataset->sparse);
    ist__free(dataset);
}

/* ----------------------------------------------------------------------------------------------------- moments -- */

/* Features are taken a block at a time, so that the sums of a block stay in registers and cache while all rows pass,
 * and no memory is asked for.  Sums are of distances to a value that is in the data: a constant feature then has
 * exactly the deviation 0, and sums of bytes are exact. */
enum { BLOCK = 256 };

static double value_at(const ist_dataset *dataset, int64_t row, int32_t feature)
{
    const char *from = (const char *)dataset->x + row * dataset->row_stride_bytes;
    return dataset->type == IST_UINT8 ? (double)((const uint8_t *)(const void *)from)[feature]
                                      : (double)((const float *)(const void *)from)[feature];
}

/* sums[j] = the sum over rows of (x[row][first + j] - centre[j])^power, power 1 or 2; rows in order. */
static void sum_block(const ist_dataset *dataset, int32_t first, int32_t width, const double *centre, int32_t power,
                      double *sums)
{
    for (int32_t j = 0; j < width; j++) sums[j] = 0.0;
    for (int64_t row = 0; row < dataset->rows; row++)
        for (int32_t j = 0; j < width; j++) {
            const double distance = value_at(dataset, row, first + j) - centre[j];
            sums[j] += power == 1 ? distance : distance * distance;
        }
}

static int32_t block_width(const ist_dataset *dataset, int32_t first)
{
    return dataset->features - first < BLOCK ? dataset->features - first : BLOCK;
}

/* 1 / deviation; 1 when there is no deviation that float32 can be divided by.  (Hosts may trap divisions by zero.) */
static float factor_of(double variance)
{
    const double factor = variance > 0.0 ? 1.0 / sqrt(variance) : 1.0;
    return factor <= (double)FLT_MAX ? (float)factor : 1.0F;
}

static void moments_of_block(const ist_dataset *dataset, int32_t first, float *shift, float *factor)
{
    double centre[BLOCK] = {0}, sums[BLOCK];
    const int32_t width = block_width(dataset, first);
    const double rows = (double)dataset->rows;
    for (int32_t j = 0; j < width; j++) centre[j] = value_at(dataset, 0, first + j);
    sum_block(dataset, first, width, centre, 1, sums);
    for (int32_t j = 0; j < width; j++) centre[j] += sums[j] / rows;
    sum_block(dataset, first, width, centre, 2, sums);
    for (int32_t j = 0; j < width; j++) {
        shift[first + j] = (float)centre[j];
        factor[first + j] = factor_of(sums[j] / rows);
    }
}

/* The sum over all values of (x - centre)^power. */
static double sum_all(const ist_dataset *dataset, double centre, int32_t power)
{
    double centres[BLOCK], sums[BLOCK], all = 0.0;
    for (int32_t j = 0; j < BLOCK; j++) centres[j] = centre;
    for (int32_t first = 0; first < dataset->features; first += BLOCK) {
        const int32_t width = block_width(dataset, first);
        sum_block(dataset, first, width, centres, power, sums);
        for (int32_t j = 0; j < width; j++) all += sums[j];
    }
    return all;
}

void ist__dataset_moments(const ist_dataset *dataset, int32_t count, float *shift, float *factor)
{
    if (count != 1) {
        for (int32_t first = 0; first < dataset->features; first += BLOCK)
            moments_of_block(dataset, first, shift, factor);
        return;
    }
    const double values = (double)dataset->rows * (double)dataset->features, origin = value_at(dataset, 0, 0);
    const double mean = origin + sum_all(dataset, origin, 1) / values;
    shift[0] = (float)mean;
    factor[0] = factor_of(sum_all(dataset, mean, 2) / values);
}
