/* fuzz_sparse.c - what the loader of sparse rows promises of any file. */
#include "fuzz_sparse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/sparse.h"

static void check_lists(int64_t rows, const int64_t *begin, const int32_t *number, int64_t entries, int32_t end)
{
    fuzz_require(begin[0] == 0 && begin[rows] == entries);
    for (int64_t r = 0; r < rows; r++) {
        fuzz_require(begin[r] <= begin[r + 1] && begin[r + 1] <= entries);
        for (int64_t i = begin[r]; i < begin[r + 1]; i++)
            fuzz_require(number[i] >= 0 && number[i] < end && (i == begin[r] || number[i] > number[i - 1]));
    }
}

static void check(const ist__sparse *s)
{
    fuzz_require(s->rows > 0 && s->features > 0 && s->labels >= 0 && s->row_begin && s->label_begin);
    check_lists(s->rows, s->row_begin, s->feature, s->nonzeros, s->features);
    check_lists(s->rows, s->label_begin, s->label, s->label_entries, s->labels);
    for (int64_t i = 0; i < s->nonzeros; i++) fuzz_require(isfinite(s->value[i]));
}

static ist_status load(const char *path, const ist__sparse_ask *ask, ist__sparse *out)
{
    ist__error error = {IST_OK, ""};
    memset(out, 0, sizeof *out);
    const ist_status status = ist__sparse_load(path, ask, NULL, out, &error);
    if (status) {
        fuzz_check_refusal(status, error.text);
        fuzz_require(!out->row_begin && !out->owned[0]);
    } else {
        check(out);
    }
    return status;
}

static void check_same(const ist__sparse *a, const ist__sparse *b)
{
    fuzz_require(a->rows == b->rows && a->features == b->features && a->labels == b->labels);
    fuzz_require(a->nonzeros == b->nonzeros && a->label_entries == b->label_entries);
    const size_t rows = (size_t)a->rows + 1, entries = (size_t)a->nonzeros, labels = (size_t)a->label_entries;
    fuzz_require(memcmp(a->row_begin, b->row_begin, rows * sizeof *a->row_begin) == 0);
    fuzz_require(memcmp(a->label_begin, b->label_begin, rows * sizeof *a->label_begin) == 0);
    if (entries > 0) {
        fuzz_require(memcmp(a->feature, b->feature, entries * sizeof *a->feature) == 0);
        fuzz_require(memcmp(a->value, b->value, entries * sizeof *a->value) == 0);
    }
    if (labels > 0) fuzz_require(memcmp(a->label, b->label, labels * sizeof *a->label) == 0);
}

void fuzz_sparse(const uint8_t *data, size_t size, int32_t text, bool packed_too)
{
    const char *path = fuzz_file(0, data, size), *packed_path = NULL;
    const bool is_gzip = size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
    if (packed_too && !is_gzip) {
        size_t length;
        void *gzip = fuzz_gzip(data, size, 1 + (int)(size % 3), &length);
        packed_path = fuzz_file(1, gzip, length);
        free(gzip);
    }
    for (int32_t base = 0; base <= 1; base++) {
        const ist__sparse_ask ask = {.text = text, .index_base = base};
        ist__sparse plain, packed;
        const ist_status status = load(path, &ask, &plain);
        if (packed_path) {
            fuzz_require(load(packed_path, &ask, &packed) == status);
            if (!status) check_same(&plain, &packed);
            ist__sparse_destroy(&packed);
        }
        ist__sparse_destroy(&plain);
    }
}
