/* batches.h - which rows a subnet sees at a step.
 *
 * The rows of subnet s are an endless stream: epoch after epoch, each a fresh permutation of its rows.  A batch is the
 * next B positions of the stream, so every batch is full, no row of an epoch is ever dropped (an epoch's last rows and
 * the next one's first share a batch), and the batch of any step can be computed from its number alone: that is what
 * makes a resumed run the same run.
 *
 * Floor: data.  Thread safety: ist__batches is written by ist__batches_rows (it keeps the epoch's order): one caller.
 */
#ifndef IST_DATA_BATCHES_H
#define IST_DATA_BATCHES_H

#include <stdint.h>

#include "base/status.h"
#include "data/sparse.h"

/* The deal of rows: SHARD gives row list s once for all; otherwise the rows are dealt anew each epoch. */
typedef struct ist__batches {
    uint64_t seed;
    int32_t policy; /* IST_DATA_* */
    int32_t subnets, subnet;
    int64_t dataset_rows;
    int64_t rows;    /* rows of this subnet in an epoch */
    int64_t epoch;   /* whose order is held; -1: none yet */
    uint32_t *order; /* SHARD: (rows) permutation of the shard's local rows; else (dataset_rows) of all rows */
} ist__batches;

/* Rows of a subnet: of `rows` dataset rows, subnet s has rows / n, and one more when s < rows % n. */
int64_t ist__shard_rows(int64_t rows, int32_t subnets, int32_t subnet);

/* The rows of shard s, ascending: out (ist__shard_rows).  A seeded uniform deal of all rows to subnets: an exact cover.
 * IST_E_MEMORY. */
ist_status ist__shard_list(uint64_t seed, int64_t rows, int32_t subnets, int32_t subnet, uint32_t *out,
                           ist__error *error);

/* Row numbers that `order` has: what its owner must find room for. */
int64_t ist__batches_order_rows(int32_t policy, int64_t dataset_rows, int32_t subnets, int32_t subnet);

/* With room for the order that belongs to the caller (order_rows numbers), who may set `order` later, but before the
 * first batch: so it can lie on the node of those who read it. */
ist_status ist__batches_make(ist__batches *batches, uint64_t seed, int32_t policy, int64_t dataset_rows,
                             int32_t subnets, int32_t subnet, uint32_t *order, ist__error *error);
/* With an order of its own; IST_E_MEMORY. */
ist_status ist__batches_create(ist__batches *batches, uint64_t seed, int32_t policy, int64_t dataset_rows,
                               int32_t subnets, int32_t subnet, ist__error *error);
void ist__batches_destroy(ist__batches *batches); /* what ist__batches_create made */

/* The row numbers at stream positions first .. first + count - 1: out (count).  With SHARD they are local numbers (an
 * index into ist__shard_list), otherwise dataset rows.  No two subnets get the same order.  [seed, epoch, subnet] */
void ist__batches_rows(ist__batches *batches, int64_t first, int64_t count, uint32_t *out);

/* Where rows are read from while training: a dataset, or a team's own copy of some of its rows; sparse rows always where
 * the dataset has them. */
typedef struct ist__rows {
    const ist__sparse *sparse; /* NULL: rows are dense */
    const uint32_t *list;      /* of sparse rows: row i is row list[i] of those; NULL: row i */
    const void *x;             /* NULL with sparse rows */
    int64_t row_stride_bytes;
    int32_t type;
    int32_t features;
    const int32_t *labels; /* of classes, by the dataset's row where there is a list; or, never both: */
    const float *targets;  /* target_stride floats apart, of a regression */
    int64_t target_stride;
    int32_t target_count;
} ist__rows;

/* Do rows have lists of labels, which may be of any length, and not one class each? */
bool ist__rows_have_lists(const ist__rows *rows);

/* How much there is to train on: all that memory is planned by. */
typedef struct ist__extent {
    int64_t rows;
    int32_t type; /* of dense rows */
    bool sparse;
    bool lists;                      /* of labels, as ist__rows_have_lists says */
    int64_t nonzeros, label_entries; /* of sparse rows: of all of them, and at most in one batch: */
    int64_t batch_nonzeros, batch_labels;
} ist__extent;

#endif
