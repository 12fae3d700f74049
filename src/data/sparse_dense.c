/* sparse_dense.c - sparse rows as dense ones, for who takes nothing else.
 *
 * Why a limit: ten lines of text that name feature 16777215 ask for 640 MB.  So there may be 128 numbers for every one
 * that the file has, and 64 MiB for all; the caller may say another limit.
 *
 * Floor: data.  Cold.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/reader.h"
#include "data/dataset.h"
#include "data/loaders.h"

enum { FREE_BYTES = 64 << 20, PER_NUMBER = 128 };

typedef struct job {
    const ist__sparse *sparse;
    float *x;
} job;

static void fill_rows(void *argument, int32_t rank, int32_t size)
{
    const job *j = argument;
    const ist__sparse *s = j->sparse;
    int64_t first, last;
    ist__share(s->rows, rank, size, &first, &last);
    for (int64_t row = first; row < last; row++) {
        float *to = j->x + row * s->features;
        memset(to, 0, (size_t)s->features * sizeof *to);
        for (int64_t i = s->row_begin[row]; i < s->row_begin[row + 1]; i++)
            to[s->feature[i]] = s->value ? s->value[i] : 1;
    }
}

static ist_status check_size(const ist__sparse *s, const char *path, const ist__dataset_ask *ask, ist__error *error)
{
    char dense[IST__BYTES_TEXT], limit[IST__BYTES_TEXT];
    if (s->features > IST__MAX_FEATURES)
        return ist__fail(error, IST_E_SHAPE, "%s: %d features, but dense rows have at most %d", path, s->features,
                         IST__MAX_FEATURES);
    int64_t limit_bytes = FREE_BYTES + PER_NUMBER * (int64_t)sizeof(float) * s->nonzeros;
    if (ask->room_bytes > 0 && ask->room_bytes < limit_bytes) limit_bytes = ask->room_bytes;
    if (ask->dense_limit_bytes > 0) limit_bytes = ask->dense_limit_bytes;
    const int64_t bytes = s->rows * s->features * (int64_t)sizeof(float); /* < 2^32 * 2^24 * 4 */
    if (bytes <= limit_bytes) return IST_OK;
    return ist__fail(
        error, IST_E_SHAPE,
        "%s: %lld rows of %d features, of which %.3g in a row are not 0, are %s as dense rows, and the limit "
        "is %s: keep them sparse",
        path, (long long)s->rows, s->features, (double)s->nonzeros / (double)s->rows, ist__show_bytes(dense, bytes),
        ist__show_bytes(limit, limit_bytes));
}

/* Why the labels of the rows are not one class each; IST_OK: they are. */
static ist_status check_labels(const ist__sparse *s, const char *path, ist__error *error)
{
    for (int64_t row = 0; row < s->rows; row++) {
        const int64_t count = s->label_begin[row + 1] - s->label_begin[row];
        if (count == 1) continue;
        return ist__fail(error, IST_E_SHAPE,
                         "%s: %lld labels for %lld rows, row %lld has %lld: dense rows need one class each", path,
                         (long long)s->label_entries, (long long)s->rows, (long long)row + 1, (long long)count);
    }
    if (s->labels > IST__MAX_LABEL + 1)
        return ist__fail(error, IST_E_SHAPE, "%s: %d labels, but classes are at most %d", path, s->labels,
                         IST__MAX_LABEL + 1);
    return IST_OK;
}

bool ist__dataset_can_be_dense(const ist__sparse *s, const ist__dataset_ask *ask)
{
    if (ask->need_labels && check_labels(s, "", NULL)) return false;
    return check_size(s, "", ask, NULL) == IST_OK;
}

ist_status ist__dataset_of_sparse(ist_dataset *dataset, const ist__sparse *s, const char *path,
                                  const ist__dataset_ask *ask, const ist__hands *hands, ist__error *error)
{
    char shown[IST__SHOWN_PATH_BYTES];
    ist__show_path(shown, path);
    ist_status status = check_labels(s, shown, error);
    const bool labels = status == IST_OK;
    if (status && ask->need_labels) return status;
    status = check_size(s, shown, ask, error);
    if (status) return status;
    job j = {.sparse = s, .x = ist__alloc_raw(s->rows * s->features, sizeof(float))};
    dataset->x = dataset->owned_x = j.x;
    int32_t *ids = labels ? ist__alloc(s->rows, sizeof *ids) : NULL;
    dataset->labels = dataset->owned_labels = ids;
    if (!j.x || (labels && !ids)) return ist__fail(error, IST_E_MEMORY, "out of memory for dense rows of %s", shown);
    ist__hands_run(hands, fill_rows, &j);
    if (labels) memcpy(ids, s->label, (size_t)s->rows * sizeof *ids);
    dataset->rows = s->rows;
    dataset->features = s->features;
    dataset->classes = labels ? s->labels : 0;
    dataset->type = IST_FLOAT32;
    dataset->row_stride_bytes = s->features * (int64_t)sizeof(float);
    return IST_OK;
}
