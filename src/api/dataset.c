/* dataset.c - public functions of datasets. */
#include "api/handles.h"

ist_status ist_dataset_open(ist_context *context, ist_dataset **out, const char *x_path, const char *y_path)
{
    if (!context || !out || !x_path) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    return ist__dataset_open(out, x_path, y_path, &context->error);
}

ist_status ist_dataset_wrap(ist_context *context, ist_dataset **out, const void *x, int32_t type, int64_t rows,
                            int32_t features, int64_t row_stride_bytes, const int32_t *labels, int32_t classes)
{
    if (!context || !out || !x) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    return ist__dataset_wrap(out, x, type, rows, features, row_stride_bytes, labels, classes, &context->error);
}

void ist_dataset_destroy(ist_dataset *dataset)
{
    ist__dataset_destroy(dataset);
}

int64_t ist_dataset_rows(const ist_dataset *dataset)
{
    return dataset ? dataset->rows : 0;
}

int32_t ist_dataset_features(const ist_dataset *dataset)
{
    return dataset ? dataset->features : 0;
}

int32_t ist_dataset_classes(const ist_dataset *dataset)
{
    return dataset ? dataset->classes : 0;
}
