/* sparse_batch.h - a batch of sparse rows in a team's own memory, by sample and by feature.
 *
 * By sample it is copied from the dataset, each thread its samples, while the step before runs; by feature it is sorted
 * while its own step is between forward and backward, by one thread.  A step reads nothing of the rows but these copies.
 */
#ifndef IST_TRAIN_SPARSE_BATCH_H
#define IST_TRAIN_SPARSE_BATCH_H

#include "data/batches.h"
#include "math/kernels.h"
#include "numa/pages.h"
#include "numa/team.h"
#include "train/dropout.h"

typedef struct ist__sparse_entry {
    int32_t feature, column;
    float value;
} ist__sparse_entry;

typedef struct ist__sparse_batch {
    struct {
        int64_t *first;   /* (ld) */
        int32_t *count;   /* (ld) */
        int32_t *feature; /* (room) */
        float *value;     /* (room) */
    } samples[2];         /* of even and odd steps */
    struct {
        int32_t *count;           /* (1) */
        int32_t *feature;         /* (room) */
        int32_t *begin;           /* (room + 1) */
        int32_t *column;          /* (room) */
        float *value;             /* (room) */
    } features;                   /* of the present step */
    ist__sparse_entry *sorted[2]; /* (room) while they are made */
} ist__sparse_batch;

/* Bytes of a region, for `ld` samples of such data; with a region they are taken of it.  Nothing for dense rows. */
size_t ist__sparse_batch_take(ist__sparse_batch *batch, ist__region *region, const ist__extent *data, int64_t ld);

/* My share of the samples, rows index (count) of `rows`; labels (count) where rows have one each.  drops: what dropout takes
 * out of the inputs at that place. */
void ist__sparse_batch_load(const ist__sparse_batch *batch, int32_t parity, const ist__rows *rows,
                            const uint32_t *index, int32_t count, int32_t *labels, const ist__dropout *drops,
                            ist__draw_place place, const ist__worker *worker);

/* The same by feature, of `count` loaded samples; one thread. */
void ist__sparse_batch_turn(const ist__sparse_batch *batch, int32_t parity, int32_t count, int32_t features);

ist__sparse_columns ist__sparse_batch_columns(const ist__sparse_batch *batch, int32_t parity);
ist__sparse_features ist__sparse_batch_features(const ist__sparse_batch *batch);

#endif
