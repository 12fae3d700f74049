/* labels.h - the labels of a row, whether it has one or a list.  [any thread] */
#ifndef IST_DATA_LABELS_H
#define IST_DATA_LABELS_H

#include "data/dataset.h"

typedef struct ist__row_labels {
    const int32_t *at; /* (count) ascending */
    int32_t count;     /* 0: the row, or the dataset, has none */
} ist__row_labels;

static inline ist__row_labels ist__labels_of(const ist_dataset *data, int64_t row)
{
    const ist__sparse *s = &data->sparse;
    if (s->rows > 0)
        return (ist__row_labels){s->label + s->label_begin[row],
                                 (int32_t)(s->label_begin[row + 1] - s->label_begin[row])};
    if (data->labels) return (ist__row_labels){data->labels + row, 1};
    return (ist__row_labels){NULL, 0};
}

#endif
