/* label_batch.h - the labels of a batch, as a wide output reads them: label by label. [M4] */
#ifndef IST_TRAIN_LABEL_BATCH_H
#define IST_TRAIN_LABEL_BATCH_H

#include "data/dataset.h"

/* A label of a sample: of several, each has its share. */
typedef struct ist__target {
    int32_t label, column;
    float share;
} ist__target;

/* All arrays lie in the team's region. */
typedef struct ist__label_batch {
    int64_t *count;      /* (1) */
    ist__target *target; /* (room) labels ascend, and columns of the same label */
    ist__target *spare;  /* (room) to sort in */
    float *weight;       /* (ld) 1; of columns without labels, and beyond the batch, 0 */
} ist__label_batch;

/* Targets that a batch of so many columns can have: of rows with lists of labels, or of one label each. */
int64_t ist__label_room(const ist__extent *data, int64_t ld);

/* The labels of rows index[0 .. batch - 1].  whole: each has a share of 1; else those of a row share it evenly. */
void ist__label_batch_make(const ist__label_batch *out, const ist__rows *rows, const uint32_t *index, int32_t batch,
                           int64_t ld, bool whole);

/* The first target from this label on. */
int64_t ist__label_batch_find(const ist__label_batch *labels, int32_t label);

#endif
