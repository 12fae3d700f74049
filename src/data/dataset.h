/* dataset.h - rows of features, and a class for each.
 *
 * Floor: data; uses base/ only.  Bytes stay bytes (a quarter of the memory traffic); everything else is float32.
 */
#ifndef IST_DATA_DATASET_H
#define IST_DATA_DATASET_H

#include "base/status.h"

struct ist_dataset {
    int64_t rows;
    int32_t features;
    int32_t classes; /* 0 without labels */
    int32_t type;    /* IST_UINT8 or IST_FLOAT32 */
    int64_t row_stride_bytes;
    const void *x;         /* (rows, features) of type */
    const int32_t *labels; /* (rows), or NULL */
    void *owned_x;         /* what destroy frees; NULL when borrowed */
    void *owned_labels;
};

/* y_path NULL: no labels. */
ist_status ist__dataset_open(ist_dataset **out, const char *x_path, const char *y_path, ist__error *error);
ist_status ist__dataset_wrap(ist_dataset **out, const void *x, int32_t type, int64_t rows, int32_t features,
                             int64_t row_stride_bytes, const int32_t *labels, int32_t classes, ist__error *error);
void ist__dataset_destroy(ist_dataset *dataset);

/* Bytes of one element of a type; 0 for an unknown one. */
size_t ist__type_bytes(int32_t type);

/* Means and deviations for normalization: shift and factor (count), count 1 (all values together) or features.
 * Sums are double precision in a fixed order; a deviation of 0 gives factor 1. */
void ist__dataset_moments(const ist_dataset *dataset, int32_t count, float *shift, float *factor);

#endif
