/* evaluate.h - the whole net: statistics of batch norm (calibrate.c); loss, accuracy, probabilities. [M6] */
#ifndef IST_TRAIN_EVALUATE_H
#define IST_TRAIN_EVALUATE_H

#include "data/dataset.h"
#include "model/params.h"
#include "train/host.h"

/* Measure mean and variance of every normed layer on `rows` rows of the dataset (all of them if it has fewer), drawn
 * by (seed), as one pooled batch: layer by layer, each fed by the layer below with its new statistics.  The sums are
 * formed in a fixed order.  Sets net->calibrated. */
ist_status ist__calibrate(const ist__host *host, ist__net *net, const ist_dataset *data, uint64_t seed, int64_t rows,
                          ist__error *error);

/* Bytes that it takes, while it works, for the rows that team `team` measures; sparse rows: beside a copy of the first layer
 * (front.h), which evaluation takes, too. */
size_t ist__calibrate_bytes(const ist__shape *shape, const ist__extent *data, int64_t rows, int32_t team,
                            int32_t teams);

enum { IST__CHUNK_COLUMNS = 128 }; /* rows that go through the layers together, where nothing else says how many */

/* Products of a forward pass over all these rows; of sparse ones what their values are multiplied with. */
double ist__evaluate_flops(const ist__net *net, const ist_dataset *data);

/* What is wanted of every row; NULL: not wanted. */
typedef struct ist__answers {
    float *loss;          /* (rows) cross-entropy, or the loss of a regression: needs labels or targets */
    int32_t *best;        /* (rows) class of the largest logit */
    float *probabilities; /* (rows, classes); or of a regression the targets, (rows, targets), in their own units */
    /* Of a regression: errors in the targets' own units, summed over rows in a fixed order; needs targets. */
    double *squares, *sizes; /* (targets), NULL both */
    /* Of classes: the best labels of each row, most probable first; then no array of all classes is made, and `best` and
     * `probabilities` are NULL.  loss then is that of rows with any number of labels. */
    int32_t top_count; /* 1 .. classes */
    int32_t *top;      /* (rows, top_count) */
    float *top_score;  /* (rows, top_count) probabilities; NULL: not wanted */
} ist__answers;

/* Run all rows through the whole net.  config: checked; batch 1 or more: rows whose statistics are one, drawn by its order;
 * both are of no account with STORED ones. */
ist_status ist__evaluate(const ist__host *host, const ist__net *net, const ist_dataset *data,
                         const ist_evaluate_config *config, const ist__answers *answers, ist__error *error);

#endif
