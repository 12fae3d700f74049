/* formats.c - which format is it, and the rules that hold for all of them.
 *
 * NPY and idx tell by their first bytes; CSV has no such bytes and is believed by its name, .csv or .csv.gz.  Gzip is
 * the reader's business.
 *
 * Floor: data.  Cold: once a file.
 */
#include "data/formats.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/reader.h"
#include "data/loaders.h"

typedef enum format { FORMAT_CSV, FORMAT_ARRAY } format;

static bool ends_with(const char *text, size_t length, const char *end)
{
    const size_t bytes = strlen(end);
    if (length < bytes) return false;
    for (size_t i = 0; i < bytes; i++) {
        const char c = text[length - bytes + i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != end[i]) return false;
    }
    return true;
}

bool ist__named_csv(const char *path)
{
    size_t length = strlen(path);
    if (ends_with(path, length, ".gz")) length -= strlen(".gz");
    return ends_with(path, length, ".csv");
}

/* Tell the format of an opened file; for an array read its header too. */
static ist_status recognise(ist__reader *reader, const char *path, format *kind, ist__array *array, ist__error *error)
{
    *kind = FORMAT_CSV;
    if (ist__named_csv(path)) return IST_OK;

    *kind = FORMAT_ARRAY;
    unsigned char magic[IST__MAGIC_BYTES] = {0};
    size_t have = 0, got = 1;
    while (have < sizeof magic && got > 0) {
        const ist_status status = ist__reader_some(reader, magic + have, sizeof magic - have, &got, error);
        if (status) return status;
        have += got;
    }
    if (have == 0) return ist__fail(error, IST_E_FORMAT, "%s: byte 0: the file is empty", ist__reader_path(reader));
    if (have == sizeof magic && memcmp(magic, "\x93NUM", sizeof magic) == 0)
        return ist__npy_header(reader, array, error);
    if (have == sizeof magic && magic[0] == 0 && magic[1] == 0) return ist__idx_header(reader, magic, array, error);
    return ist__fail(error, IST_E_FORMAT, "%s: byte 0: neither NPY nor idx, nor sparse text, and not named .csv",
                     ist__reader_path(reader));
}

typedef ist_status (*array_loader)(ist__reader *reader, const ist__array *array, ist__matrix *out, ist__error *error);

static ist_status load_matrix(const char *path, array_loader load, ist__matrix *out, ist__error *error)
{
    ist__reader *reader;
    ist_status status = ist__reader_open(&reader, path, error);
    if (status) return status;

    format kind;
    ist__array array = {0};
    ist__matrix matrix = {0};
    status = recognise(reader, path, &kind, &array, error);
    if (!status && kind == FORMAT_CSV) status = ist__csv_features(reader, &matrix, error);
    else if (!status) status = load(reader, &array, &matrix, error);
    ist__reader_close(reader);
    if (!status) *out = matrix;
    return status;
}

ist_status ist__load_features(const char *path, ist__matrix *out, ist__error *error)
{
    return load_matrix(path, ist__array_features, out, error);
}

ist_status ist__load_targets(const char *path, ist__matrix *out, ist__error *error)
{
    return load_matrix(path, ist__array_targets, out, error);
}

ist_status ist__load_labels(const char *path, int32_t **labels, int64_t *rows, int32_t *classes, ist__error *error)
{
    ist__reader *reader;
    ist_status status = ist__reader_open(&reader, path, error);
    if (status) return status;

    format kind;
    ist__array array = {0};
    int32_t *ids = NULL;
    int64_t count = 0;
    status = recognise(reader, path, &kind, &array, error);
    if (!status && kind == FORMAT_CSV) status = ist__csv_labels(reader, &ids, &count, error);
    else if (!status) status = ist__array_labels(reader, &array, &ids, &count, error);
    ist__reader_close(reader);
    if (status) return status;

    int32_t largest = 0;
    for (int64_t i = 0; i < count; i++) largest = ids[i] > largest ? ids[i] : largest;
    *labels = ids;
    *rows = count;
    *classes = largest + 1;
    return IST_OK;
}

ist_status ist__label_of(const ist__reader *reader, int64_t row, double value, int32_t *label, ist__error *error)
{
    if (isfinite(value) && value >= 0 && value <= IST__MAX_LABEL && value == (double)(int32_t)value) {
        *label = (int32_t)value;
        return IST_OK;
    }
    return ist__fail(error, IST_E_FORMAT, "%s: row %lld: %.10g is not a class id (a whole number, 0 .. %d)",
                     ist__reader_path(reader), (long long)row, value, IST__MAX_LABEL);
}
