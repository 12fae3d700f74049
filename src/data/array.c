/* array.c - the numbers behind an NPY or idx header.
 *
 * The claim of a header is held against the file's size before a byte is allocated for it.  Unsigned bytes are read
 * straight to where they stay; all other types pass through a small chunk, where they become float32 (or class ids)
 * by way of double, which holds every value of interest exactly.
 *
 * Floor: data.  Cold: once a file.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "data/loaders.h"

enum { CHUNK = 1024 }; /* numbers converted at a time */

void ist__array_add_dim(ist__array *array, uint64_t size)
{
    if (array->dims++ == 0) {
        array->rows = size;
        array->features = 1;
    } else if (__builtin_mul_overflow(array->features, size, &array->features)) {
        array->features = UINT64_MAX;
    }
}

static size_t number_bytes(ist__number number)
{
    static const size_t bytes[] = {[IST__U8] = 1,  [IST__I8] = 1,  [IST__U16] = 2, [IST__I16] = 2, [IST__U32] = 4,
                                   [IST__I32] = 4, [IST__U64] = 8, [IST__I64] = 8, [IST__F32] = 4, [IST__F64] = 8};
    return bytes[number];
}

/* ------------------------------------------------------------------------------------------------- conversion -- */

static uint64_t bits_of(const unsigned char *from, size_t bytes, bool big_endian)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < bytes; i++) bits |= (uint64_t)from[big_endian ? bytes - 1 - i : i] << (8 * i);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* count numbers as stored -> to (count). */
static void convert(const ist__array *array, const unsigned char *from, size_t count, double *to)
{
    const size_t bytes = number_bytes(array->number);
    for (size_t i = 0; i < count; i++, from += bytes) {
        const uint64_t bits = bits_of(from, bytes, array->big_endian);
        switch (array->number) {
        case IST__U8: to[i] = (uint8_t)bits; break;
        case IST__I8: to[i] = (int8_t)bits; break;
        case IST__U16: to[i] = (uint16_t)bits; break;
        case IST__I16: to[i] = (int16_t)bits; break;
        case IST__U32: to[i] = (uint32_t)bits; break;
        case IST__I32: to[i] = (int32_t)bits; break;
        case IST__U64: to[i] = (double)bits; break;
        case IST__I64: to[i] = (double)(int64_t)bits; break;
        case IST__F32: to[i] = (double)float_of((uint32_t)bits); break;
        case IST__F64: to[i] = double_of(bits); break;
        }
    }
}

/* The next `count` <= CHUNK numbers of the file. */
static ist_status next_numbers(ist__reader *reader, const ist__array *array, size_t count, double *to,
                               ist__error *error)
{
    unsigned char chunk[CHUNK * 8];
    const ist_status status = ist__reader_bytes(reader, chunk, count * number_bytes(array->number), "numbers", error);
    if (!status) convert(array, chunk, count, to);
    return status;
}

/* ----------------------------------------------------------------------------------------------------- claims -- */

static uint64_t saturating_product(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static ist_status check_claim(ist__reader *reader, const ist__array *array, ist__error *error)
{
    const char *path = ist__reader_path(reader);
    const unsigned long long at = ist__reader_offset(reader), rows = array->rows, features = array->features;
    if (rows == 0) return ist__fail(error, IST_E_FORMAT, "%s: byte %llu: claims no rows", path, at);
    if (features == 0) return ist__fail(error, IST_E_FORMAT, "%s: byte %llu: claims rows without features", path, at);

    const uint64_t row_bytes = saturating_product(features, number_bytes(array->number));
    char what[96];
    snprintf(what, sizeof what, "data (%llu rows of %llu bytes)", rows, (unsigned long long)row_bytes);
    const ist_status status = ist__reader_justify(reader, saturating_product(rows, row_bytes), what, error);
    if (status) return status;

    if (rows > IST__MAX_ROWS)
        return ist__fail(error, IST_E_FORMAT, "%s: byte %llu: %llu rows, but at most %llu can be used", path, at, rows,
                         (unsigned long long)IST__MAX_ROWS);
    if (features > IST__MAX_FEATURES)
        return ist__fail(error, IST_E_FORMAT, "%s: byte %llu: rows of %llu features, but at most %d can be used", path,
                         at, features, IST__MAX_FEATURES);
    return IST_OK;
}

/* --------------------------------------------------------------------------------------------------- features -- */

/* what: "feature", "target" */
static ist_status fail_not_finite(const ist__reader *reader, const char *what, uint64_t index, uint64_t features,
                                  ist__error *error)
{
    return ist__fail(error, IST_E_FORMAT, "%s: row %llu, %s %llu: not a finite float32", ist__reader_path(reader),
                     (unsigned long long)(index / features + 1), what, (unsigned long long)(index % features + 1));
}

static ist_status read_floats(ist__reader *reader, const ist__array *array, const char *what, float *to,
                              ist__error *error)
{
    const uint64_t count = array->rows * array->features;
    double numbers[CHUNK];
    for (uint64_t done = 0; done < count; done += CHUNK) {
        const size_t some = count - done < CHUNK ? (size_t)(count - done) : CHUNK;
        const ist_status status = next_numbers(reader, array, some, numbers, error);
        if (status) return status;
        for (size_t i = 0; i < some; i++) {
            if (!isfinite(numbers[i]) || fabs(numbers[i]) > (double)FLT_MAX)
                return fail_not_finite(reader, what, done + i, array->features, error);
            to[done + i] = (float)numbers[i];
        }
    }
    return IST_OK;
}

/* keep_bytes: unsigned bytes stay bytes */
static ist_status read_matrix(ist__reader *reader, const ist__array *array, bool keep_bytes, const char *what,
                              ist__matrix *out, ist__error *error)
{
    ist_status status = check_claim(reader, array, error);
    if (status) return status;

    const bool bytes = keep_bytes && array->number == IST__U8;
    const uint64_t count = array->rows * array->features;
    /* Raw: pages are taken as the file fills them, and not because it says that it will. */
    void *x = ist__alloc_raw((int64_t)count, bytes ? 1 : sizeof(float));
    if (!x) return ist__fail(error, IST_E_MEMORY, "out of memory for %llu %ss", (unsigned long long)count, what);
    status =
        bytes ? ist__reader_bytes(reader, x, count, "features", error) : read_floats(reader, array, what, x, error);
    if (!status) status = ist__reader_end(reader, error);
    if (status) {
        ist__free(x);
        return status;
    }
    *out = (ist__matrix){.rows = (int64_t)array->rows,
                         .features = (int64_t)array->features,
                         .type = bytes ? IST_UINT8 : IST_FLOAT32,
                         .x = x};
    return IST_OK;
}

ist_status ist__array_features(ist__reader *reader, const ist__array *array, ist__matrix *out, ist__error *error)
{
    if (array->dims < 2)
        return ist__fail(error, IST_E_FORMAT, "%s: byte %llu: features need 2 or more dimensions, this has %d",
                         ist__reader_path(reader), (unsigned long long)ist__reader_offset(reader), array->dims);
    return read_matrix(reader, array, true, "feature", out, error);
}

ist_status ist__array_targets(ist__reader *reader, const ist__array *array, ist__matrix *out, ist__error *error)
{
    return read_matrix(reader, array, false, "target", out, error);
}

/* ----------------------------------------------------------------------------------------------------- labels -- */

static ist_status read_labels(ist__reader *reader, const ist__array *array, int32_t *to, ist__error *error)
{
    double numbers[CHUNK];
    for (uint64_t done = 0; done < array->rows; done += CHUNK) {
        const size_t some = array->rows - done < CHUNK ? (size_t)(array->rows - done) : CHUNK;
        ist_status status = next_numbers(reader, array, some, numbers, error);
        for (size_t i = 0; i < some && !status; i++)
            status = ist__label_of(reader, (int64_t)(done + i + 1), numbers[i], &to[done + i], error);
        if (status) return status;
    }
    return IST_OK;
}

ist_status ist__array_labels(ist__reader *reader, const ist__array *array, int32_t **out, int64_t *rows,
                             ist__error *error)
{
    if (array->dims != 1)
        return ist__fail(error, IST_E_FORMAT, "%s: byte %llu: labels need 1 dimension, this has %d",
                         ist__reader_path(reader), (unsigned long long)ist__reader_offset(reader), array->dims);
    ist_status status = check_claim(reader, array, error);
    if (status) return status;

    int32_t *labels = ist__alloc_raw((int64_t)array->rows, sizeof *labels);
    if (!labels)
        return ist__fail(error, IST_E_MEMORY, "out of memory for %llu labels", (unsigned long long)array->rows);
    status = read_labels(reader, array, labels, error);
    if (!status) status = ist__reader_end(reader, error);
    if (status) {
        ist__free(labels);
        return status;
    }
    *out = labels;
    *rows = (int64_t)array->rows;
    return IST_OK;
}
