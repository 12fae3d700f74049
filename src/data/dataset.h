/* dataset.h - rows of features, and a class or targets for each.
 *
 * Floor: data; uses base/ only.  Bytes stay bytes (a quarter of the memory traffic); everything else is float32.
 */
#ifndef IST_DATA_DATASET_H
#define IST_DATA_DATASET_H

#include <stdatomic.h>

#include "base/share.h"
#include "data/batches.h"
#include "data/sparse.h"

struct ist_dataset {
    int64_t rows;
    int32_t features;
    int32_t classes; /* 0 without labels */
    int32_t type;    /* IST_UINT8 or IST_FLOAT32 */
    int64_t row_stride_bytes;
    const void *x;         /* (rows, features) of type; NULL: sparse rows only */
    const int32_t *labels; /* (rows), or NULL; of sparse rows where each has one label, and then theirs */
    const float *targets;  /* (rows, target_count), rows target_stride floats apart; or NULL: never both */
    int64_t target_stride;
    int32_t target_count; /* 0 without targets */
    void *owned_x;        /* what destroy frees; NULL when borrowed */
    void *owned_labels;
    void *owned_targets;
    ist__sparse sparse; /* rows 0: dense rows only.  Either, never both */
    atomic_int *users;  /* trainings; use.c says more */
};

/* What the caller says of files; all 0: nothing. */
typedef struct ist__dataset_ask {
    ist__sparse_ask sparse;
    ist__sparse_scale scale;
    int32_t keep_sparse;       /* IST_ROWS_* */
    bool need_labels;          /* refuse files without */
    bool targets;              /* y_path has numbers, not classes */
    int64_t dense_limit_bytes; /* of sparse files; 0: by what they have, */
    int64_t room_bytes;        /* and this; 0: not known */
} ist__dataset_ask;

/* y_path NULL: labels are inside, or there are none.  hands: who helps; may be NULL. */
ist_status ist__dataset_open_as(ist_dataset **out, const char *x_path, const char *y_path, const ist__dataset_ask *ask,
                                const ist__hands *hands, ist__error *error);
/* The same with an ask of 0, but features of libsvm text counted from 1, and alone. */
ist_status ist__dataset_open(ist_dataset **out, const char *x_path, const char *y_path, ist__error *error);
ist_status ist__dataset_wrap(ist_dataset **out, const void *x, int32_t type, int64_t rows, int32_t features,
                             int64_t row_stride_bytes, const int32_t *labels, int32_t classes, ist__error *error);
/* As ist_dataset_from_arrays tells. */
ist_status ist__dataset_arrays(ist_dataset **out, const ist_dataset_arrays *arrays, ist__error *error);
/* As ist_dataset_from_rows tells. */
ist_status ist__dataset_fill(ist_dataset **out, const ist_rows_config *config, ist_fill_fn fill, void *user,
                             ist__error *error);
/* As ist_dataset_from_csr tells. */
ist_status ist__dataset_csr(ist_dataset **out, const ist_csr *csr, const ist__dataset_ask *ask, const ist__hands *hands,
                            ist__error *error);

/* As ist_dataset_split tells. */
ist_status ist__dataset_split(const ist_dataset *dataset, double fraction, uint64_t seed, ist_dataset **rest,
                              ist_dataset **held, ist__error *error);

/* An empty one, with what use.c needs; NULL when out of memory. */
ist_dataset *ist__dataset_new(void);

/* use.c: who trains on it.  A training takes it, and leaves it once; IST_E_ARGUMENT while another one changes its rows. */
ist_status ist__dataset_use(const ist_dataset *dataset, ist__error *error);
void ist__dataset_leave(const ist_dataset *dataset);
/* From here on the caller, who uses it, may change its rows and nobody else may use it, until the caller leaves it.
 * IST_E_ARGUMENT when there are others.  All three: [any thread] */
ist_status ist__dataset_hold(const ist_dataset *dataset, ist__error *error);
/* Are the rows and what belongs to each the dataset's own memory? */
bool ist__dataset_owns(const ist_dataset *dataset);

/* Bytes of a row of features, and of its label or targets, without gaps. */
size_t ist__dataset_row_bytes(const ist_dataset *dataset);
size_t ist__dataset_answer_bytes(const ist_dataset *dataset);

/* Rows for a dataset that owns its own: can they join it?  And one of them, which may, as the dataset holds it.  [any thread] */
ist_status ist__dataset_feed_check(const ist_dataset *dataset, const ist_feed *feed, ist__error *error);
void ist__dataset_feed_take(const ist_dataset *dataset, const ist_feed *feed, int64_t row, void *x, void *answer);
/* Put a row that was taken so into its place; others may read other places meanwhile. */
void ist__dataset_put(const ist_dataset *dataset, int64_t row, const void *x, const void *answer);

/* All its rows, as training reads them. */
ist__rows ist__dataset_rows(const ist_dataset *dataset);

/* What they take.  A batch is `batch` rows of a stream that brings every row once in so many: stream_rows, 1 or more. */
ist__extent ist__dataset_extent(const ist_dataset *dataset, int64_t batch, int64_t stream_rows);

void ist__dataset_destroy(ist_dataset *dataset);

/* Dense rows of sparse ones: *dataset is filled, and destroy frees what it owns, also after a failure.  Without
 * need_labels labels that are not one a row are left away.   * IST_E_SHAPE: labels, or too large; IST_E_MEMORY. */
ist_status ist__dataset_of_sparse(ist_dataset *dataset, const ist__sparse *s, const char *path,
                                  const ist__dataset_ask *ask, const ist__hands *hands, ist__error *error);

/* Can they be dense, within the ask's limit, and no label be lost that it needs? */
bool ist__dataset_can_be_dense(const ist__sparse *s, const ist__dataset_ask *ask);

/* Bytes of one element of a type; 0 for an unknown one. */
size_t ist__type_bytes(int32_t type);

/* Means and deviations for normalization: shift and factor (count), count 1 (all values together) or features.
 * Sums are double precision in a fixed order; a deviation of 0 gives factor 1. */
void ist__dataset_moments(const ist_dataset *dataset, int32_t count, float *shift, float *factor);
/* The same of each target: (target_count); and the sum of its squared distances from its mean. */
void ist__dataset_target_moments(const ist_dataset *dataset, float *shift, float *factor);
void ist__dataset_target_squares(const ist_dataset *dataset, double *squares);

#endif
