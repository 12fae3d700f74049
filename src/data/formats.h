/* formats.h - NPY, idx (.gz) and CSV into memory.  The format is recognised by content, .csv by its name. */
#ifndef IST_DATA_FORMATS_H
#define IST_DATA_FORMATS_H

#include <stdbool.h>

#include "base/status.h"

bool ist__named_csv(const char *path); /* .csv, .csv.gz */

/* Features: (rows, features) of type IST_UINT8 or IST_FLOAT32, contiguous, for ist__free. */
typedef struct ist__matrix {
    int64_t rows;
    int64_t features;
    int32_t type;
    void *x;
} ist__matrix;

ist_status ist__load_features(const char *path, ist__matrix *out, ist__error *error);

/* Targets, the same way but always IST_FLOAT32; an array of one dimension is (rows, 1). */
ist_status ist__load_targets(const char *path, ist__matrix *out, ist__error *error);

/* Labels: (*rows) class ids, each 0 .. 2^24 - 1, for ist__free; *classes is the largest plus one. */
ist_status ist__load_labels(const char *path, int32_t **labels, int64_t *rows, int32_t *classes, ist__error *error);

#endif
