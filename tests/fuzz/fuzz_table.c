/* fuzz_table.c - what the loaders of tables promise of any file. */
#include "fuzz_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/reader.h"
#include "data/formats.h"
#include "data/loaders.h"

typedef struct answer {
    ist_status features_status, labels_status;
    ist__matrix matrix;
    int32_t *labels, classes;
    int64_t rows;
} answer;

static ist_status load_csv(const char *path, bool labels, answer *a, ist__error *error)
{
    ist__reader *reader;
    ist_status status = ist__reader_open(&reader, path, error);
    if (status) return status;
    status =
        labels ? ist__csv_labels(reader, &a->labels, &a->rows, error) : ist__csv_features(reader, &a->matrix, error);
    ist__reader_close(reader);
    for (int64_t i = 0; labels && !status && i < a->rows; i++)
        if (a->labels[i] >= a->classes) a->classes = a->labels[i] + 1;
    return status;
}

static void check_features(const answer *a, uint64_t most)
{
    const ist__matrix *m = &a->matrix;
    fuzz_require(m->x && m->rows > 0 && m->features > 0 && m->features <= IST__MAX_FEATURES);
    const uint64_t count = (uint64_t)m->rows * (uint64_t)m->features;
    fuzz_require(count <= most);
    for (uint64_t i = 0; m->type == IST_FLOAT32 && i < count; i++) fuzz_require(isfinite(((const float *)m->x)[i]));
}

static void check_labels(const answer *a)
{
    fuzz_require(a->labels && a->rows > 0 && a->classes > 0 && a->classes <= IST__MAX_LABEL + 1);
    for (int64_t i = 0; i < a->rows; i++) fuzz_require(a->labels[i] >= 0 && a->labels[i] < a->classes);
}

static void load(const char *path, bool csv, uint64_t most, answer *a)
{
    ist__error error = {IST_OK, ""};
    memset(a, 0, sizeof *a);
    a->features_status = csv ? load_csv(path, false, a, &error) : ist__load_features(path, &a->matrix, &error);
    if (a->features_status) {
        fuzz_check_refusal(a->features_status, error.text);
        fuzz_require(!a->matrix.x);
    } else {
        check_features(a, most);
    }
    a->labels_status =
        csv ? load_csv(path, true, a, &error) : ist__load_labels(path, &a->labels, &a->rows, &a->classes, &error);
    if (a->labels_status) {
        fuzz_check_refusal(a->labels_status, error.text);
        fuzz_require(!a->labels);
    } else {
        check_labels(a);
    }
}

static void check_same(const answer *a, const answer *b)
{
    fuzz_require(a->features_status == b->features_status && a->labels_status == b->labels_status);
    fuzz_require(a->matrix.rows == b->matrix.rows && a->matrix.features == b->matrix.features);
    const size_t size = a->matrix.type == IST_UINT8 ? 1 : sizeof(float);
    const size_t count = (size_t)a->matrix.rows * (size_t)a->matrix.features;
    if (a->matrix.x) fuzz_require(memcmp(a->matrix.x, b->matrix.x, count * size) == 0);
    fuzz_require(a->rows == b->rows && a->classes == b->classes);
    if (a->labels) fuzz_require(memcmp(a->labels, b->labels, (size_t)a->rows * sizeof *a->labels) == 0);
}

static void release(answer *a)
{
    ist__free(a->matrix.x);
    ist__free(a->labels);
}

void fuzz_tables(const uint8_t *data, size_t size, bool csv)
{
    answer plain, packed;
    if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b) return; /* packed by itself: the business of target_gzip */
    load(fuzz_file(0, data, size), csv, size, &plain);
    size_t length;
    void *gzip = fuzz_gzip(data, size, 1 + (int)(size % 3), &length);
    load(fuzz_file(1, gzip, length), csv, size, &packed);
    free(gzip);
    check_same(&plain, &packed);
    release(&plain);
    release(&packed);
}
