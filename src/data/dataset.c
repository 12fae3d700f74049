/* dataset.c - a table of rows, opened from files, and its moments.  arrays.c lays one over the caller's memory.
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

/* -------------------------------------------------------------------------------------------------------- open -- */

static ist_status fail_rows(const char *x_path, int64_t x_rows, const char *y_path, int64_t y_rows, const char *what,
                            ist__error *error)
{
    char x_shown[IST__SHOWN_PATH_BYTES], y_shown[IST__SHOWN_PATH_BYTES];
    ist__show_path(x_shown, x_path);
    ist__show_path(y_shown, y_path);
    return ist__fail(error, IST_E_SHAPE, "%s: %lld rows, but %s: %lld %s", x_shown, (long long)x_rows, y_shown,
                     (long long)y_rows, what);
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
    return rows == dataset->rows ? IST_OK : fail_rows(x_path, dataset->rows, y_path, rows, "labels", error);
}

/* Targets from a file of their own, which are numbers as features are. */
static ist_status load_targets(ist_dataset *dataset, const char *x_path, const char *y_path, ist__error *error)
{
    ist__matrix matrix;
    const ist_status status = ist__load_targets(y_path, &matrix, error);
    if (status) return status;
    ist__free(dataset->owned_labels); /* classes inside a sparse file are not asked for */
    dataset->labels = dataset->owned_labels = NULL;
    dataset->classes = 0;
    dataset->targets = dataset->owned_targets = matrix.x;
    dataset->target_stride = matrix.features;
    dataset->target_count = (int32_t)matrix.features;
    if (matrix.rows == dataset->rows) return IST_OK;
    return fail_rows(x_path, dataset->rows, y_path, matrix.rows, "rows of targets", error);
}

static ist_status load_sparse(ist_dataset *dataset, const char *x_path, const char *y_path, const ist__dataset_ask *ask,
                              const ist__hands *hands, ist__error *error)
{
    ist__sparse sparse;
    char shown[IST__SHOWN_PATH_BYTES];
    ist__show_path(shown, x_path);
    ist_status status = ist__sparse_load(x_path, &ask->sparse, hands, &sparse, error);
    if (status) return status;
    status = ist__sparse_rescale(&sparse, &ask->scale, shown, hands, error);
    if (status) {
        ist__sparse_destroy(&sparse);
        return status;
    }
    const bool either = ask->keep_sparse == IST_ROWS_AUTO && !y_path;
    if (ask->keep_sparse == IST_ROWS_SPARSE || (either && !ist__dataset_can_be_dense(&sparse, ask))) {
        if (ask->need_labels && sparse.label_entries == 0)
            status = ist__fail(error, IST_E_SHAPE, "%s: no row has a label", shown);
        dataset->sparse = sparse;
        dataset->rows = sparse.rows;
        dataset->features = sparse.features;
        dataset->classes = sparse.labels;
        dataset->type = IST_FLOAT32;
        dataset->labels = ist__sparse_classes(&dataset->sparse);
        return status;
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
    if (ask->scale.log1p || ask->scale.row_length != 0)
        return ist__fail(error, IST_E_FORMAT, "%s: %s is for sparse files", shown,
                         ask->scale.log1p ? "log1p" : "row_length");
    if (ask->keep_sparse == IST_ROWS_SPARSE)
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
    if (status || !y_path) return status;
    return ask->targets ? load_targets(dataset, x_path, y_path, error) : load_labels(dataset, x_path, y_path, error);
}

ist_status ist__dataset_open_as(ist_dataset **out, const char *x_path, const char *y_path, const ist__dataset_ask *ask,
                                const ist__hands *hands, ist__error *error)
{
    if (!out || !x_path) return ist__fail(error, IST_E_ARGUMENT, "dataset: no path of features");
    ist_dataset *dataset = ist__dataset_new();
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

ist__rows ist__dataset_rows(const ist_dataset *dataset)
{
    return (ist__rows){.sparse = dataset->sparse.rows > 0 ? &dataset->sparse : NULL,
                       .x = dataset->x,
                       .row_stride_bytes = dataset->row_stride_bytes,
                       .type = dataset->type,
                       .features = dataset->features,
                       .labels = dataset->labels,
                       .targets = dataset->targets,
                       .target_stride = dataset->target_stride,
                       .target_count = dataset->target_count};
}

ist__extent ist__dataset_extent(const ist_dataset *dataset, int64_t batch, int64_t stream_rows)
{
    const ist__sparse *s = &dataset->sparse;
    ist__extent extent = {.rows = dataset->rows, .type = dataset->type, .sparse = s->rows > 0};
    extent.lists = extent.sparse && !dataset->labels;
    if (!extent.sparse) return extent;
    const int64_t times = (batch + stream_rows - 1) / stream_rows + 1; /* a batch may begin in the midst of an epoch */
    extent.nonzeros = s->nonzeros;
    extent.label_entries = s->label_entries;
    extent.batch_nonzeros = ist__sparse_most(s->rows, s->row_begin, batch, times);
    extent.batch_labels = ist__sparse_most(s->rows, s->label_begin, batch, times);
    return extent;
}

void ist__dataset_destroy(ist_dataset *dataset)
{
    if (!dataset) return;
    ist__free(dataset->owned_x);
    ist__free(dataset->owned_labels);
    ist__free(dataset->owned_targets);
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

/* Means of the block's features, and sums of squared distances from them. */
static void squares_of_block(const ist_dataset *dataset, int32_t first, double *centre, double *sums)
{
    const int32_t width = block_width(dataset, first);
    for (int32_t j = 0; j < width; j++) centre[j] = value_at(dataset, 0, first + j);
    sum_block(dataset, first, width, centre, 1, sums);
    for (int32_t j = 0; j < width; j++) centre[j] += sums[j] / (double)dataset->rows;
    sum_block(dataset, first, width, centre, 2, sums);
}

static void moments_of_block(const ist_dataset *dataset, int32_t first, float *shift, float *factor)
{
    double centre[BLOCK] = {0}, sums[BLOCK];
    squares_of_block(dataset, first, centre, sums);
    for (int32_t j = 0; j < block_width(dataset, first); j++) {
        shift[first + j] = (float)centre[j];
        factor[first + j] = factor_of(sums[j] / (double)dataset->rows);
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

/* The targets as a table of their own. */
static ist_dataset table_of_targets(const ist_dataset *dataset)
{
    return (ist_dataset){.rows = dataset->rows,
                         .features = dataset->target_count,
                         .type = IST_FLOAT32,
                         .row_stride_bytes = dataset->target_stride * (int64_t)sizeof(float),
                         .x = dataset->targets};
}

void ist__dataset_target_moments(const ist_dataset *dataset, float *shift, float *factor)
{
    const ist_dataset table = table_of_targets(dataset);
    for (int32_t first = 0; first < table.features; first += BLOCK) moments_of_block(&table, first, shift, factor);
}

void ist__dataset_target_squares(const ist_dataset *dataset, double *squares)
{
    const ist_dataset table = table_of_targets(dataset);
    double centre[BLOCK] = {0};
    for (int32_t first = 0; first < table.features; first += BLOCK)
        squares_of_block(&table, first, centre, squares + first);
}
