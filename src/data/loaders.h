/* loaders.h - what the files behind formats.h share.  Rows, features and columns in error lines count from 1.
 *
 * NPY and idx are the same thing after their headers: a claim of so many numbers of one type, then the numbers.  So
 * idx.c and npy.c read a header into an ist__array, and array.c loads either.  CSV (csv.c) has nothing to claim.
 */
#ifndef IST_DATA_LOADERS_H
#define IST_DATA_LOADERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reader.h"
#include "base/status.h"
#include "data/formats.h"

enum { IST__MAX_FEATURES = 1 << 24, IST__MAX_LABEL = (1 << 24) - 1 };
#define IST__MAX_ROWS 4294967294 /* 2^32 - 2: orders of rows are uint32_t */

typedef enum ist__number {
    IST__U8,
    IST__I8,
    IST__U16,
    IST__I16,
    IST__U32,
    IST__I32,
    IST__U64,
    IST__I64,
    IST__F32,
    IST__F64
} ist__number;

/* The claim of a header; the reader stands at the first number. */
typedef struct ist__array {
    int32_t dims;      /* >= 1 */
    uint64_t rows;     /* the first dimension */
    uint64_t features; /* the product of the others, 1 without; UINT64_MAX when it overflows */
    ist__number number;
    bool big_endian;
} ist__array;

/* Both are called with the first IST__MAGIC_BYTES of the file already read. */
enum { IST__MAGIC_BYTES = 4 };
ist_status ist__idx_header(ist__reader *reader, const unsigned char magic[IST__MAGIC_BYTES], ist__array *out,
                           ist__error *error);
ist_status ist__npy_header(ist__reader *reader, ist__array *out, ist__error *error);
/* The dictionary of such a header by itself: text (length), which stands at `offset` of the file `path`. */
ist_status ist__npy_parse(const char *text, size_t length, uint64_t offset, const char *path, ist__array *out,
                          ist__error *error);

/* Add one dimension, outermost first. */
void ist__array_add_dim(ist__array *array, uint64_t size);

ist_status ist__array_features(ist__reader *reader, const ist__array *array, ist__matrix *out, ist__error *error);
ist_status ist__array_targets(ist__reader *reader, const ist__array *array, ist__matrix *out, ist__error *error);
/* *out: (*rows), for ist__free. */
ist_status ist__array_labels(ist__reader *reader, const ist__array *array, int32_t **out, int64_t *rows,
                             ist__error *error);

ist_status ist__csv_features(ist__reader *reader, ist__matrix *out, ist__error *error);
ist_status ist__csv_labels(ist__reader *reader, int32_t **out, int64_t *rows, ist__error *error);

/* A decimal number ("-1.5e3"; no spaces, no nan, no inf) at p: where it ends, or NULL if there is none.  What is too
 * large for a double becomes infinite. */
const char *ist__parse_decimal(const char *p, const char *end, double *value);

/* A number as a class id; IST_E_FORMAT naming the row. */
ist_status ist__label_of(const ist__reader *reader, int64_t row, double value, int32_t *label, ist__error *error);

#endif
