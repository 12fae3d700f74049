/* tops.h - the last layer of rows whose classes are too many for all their logits: only the best labels of a row stay, and
 * what its loss wants. [M20]
 *
 * Labels pass in tiles of IST__TOPS_TILE; a thread owns a run of tiles, packs the weights of one, multiplies them by the hidden
 * layer of the chunk, and keeps what matters of the products before the next tile takes their place.  So memory is a
 * tile of logits a thread, whatever the number of classes, besides 8 bytes a tile and row of a chunk where losses or scores are wanted.
 *
 * Order: of equal logits the lower label is the better; a NaN stands behind all numbers.  So a row's list does not depend on who
 * looked at which labels.  Sums of exps run over labels within a tile, then over tiles, both ascending.
 *
 * Floor: train.  Thread safety: all threads of a team work on its chunk together.
 */
#ifndef IST_TRAIN_TOPS_H
#define IST_TRAIN_TOPS_H

#include "data/dataset.h"
#include "numa/pages.h"
#include "train/pass.h"

enum {
    IST__TOPS_TILE = IST__LABEL_TILE,
    IST__TOPS_COLUMNS = 256 /* rows at a time, where nothing else says how many */
};

typedef struct ist__tops {
    const ist__engine *engine;
    const ist__layer *layer; /* the output, of a plain shape */
    const float *param;
    float sharpness;         /* logits are this times the layer's outputs */
    int32_t most;            /* labels kept of a row, 1 .. classes */
    const ist_dataset *data; /* whose labels; NULL: no losses */
    bool sums;               /* losses or scores are wanted */
    bool binary;             /* each label is a question of its own: sigmoids */
    int64_t ld;              /* columns of a chunk, padded */
    int64_t pairs;           /* labels of a chunk's rows, at most: set by ist__tops_prepare */
} ist__tops;

/* What one thread of a team works on. */
typedef struct ist__tops_seat {
    float *block;        /* (tile, ld) logits */
    float *packed;       /* the tile's weights in panels, or NULL where they are read as they lie */
    float *inv_std;      /* (tile) */
    float *top;          /* (ld) the tile's largest logits, where no sums are kept */
    float *none;         /* (tile) bias 0 */
    float *logit;        /* (ld, most) of the best, descending */
    int32_t *label;      /* (ld, most) */
    int32_t kept;        /* of each row */
    int32_t *next;       /* (ld) which of a row's own labels comes next */
    int64_t *pair_begin; /* (ld) where a row's own labels stand in the chunk's pairs */
    float *largest;      /* (ld) of all labels */
    double *total;       /* (ld) sum of exp(logit - largest) of all labels */
} ist__tops_seat;

typedef struct ist__tops_team {
    ist__tops_seat *seats; /* (threads) */
    float *tops, *sums;    /* (tiles, ld), where sums are kept: of exps, or with `binary` of log(1 + exp(logit)) */
    float *pair_logit;     /* (pairs) of each row's own labels, ascending */
} ist__tops_team;

/* Where the answers go; row numbers count in all of them. */
typedef struct ist__tops_out {
    int32_t *label; /* (rows, most) */
    float *score;   /* (rows, most) probabilities; NULL: not wanted */
    float *loss;    /* (rows) nats; softmax: mean over the row's labels, of none 0; binary: sum over all labels of the
                       loss of each; NULL: not wanted */
} ist__tops_out;

/* Rows of a chunk: column c is row index[c], or first + c where index is NULL. */
typedef struct ist__tops_rows {
    const uint32_t *index;
    int64_t first;
    int32_t count;
} ist__tops_rows;

void ist__tops_prepare(ist__tops *tops);

/* Room of a team of so many threads, and its pieces, all on the team's node. */
size_t ist__tops_bytes(const ist__tops *tops, int32_t threads);
void ist__tops_take(const ist__tops *tops, ist__region *region, int32_t threads, ist__tops_team *out);

/* One chunk, by a team.  pass: of the whole layer, inv_std unused; hidden (inputs, ld) complete, product_columns of it are
 * multiplied.  The caller waits at the team's barrier before hidden changes. */
void ist__tops_chunk(const ist__tops *tops, const ist__tops_team *team, const ist__layer_pass *pass,
                     const float *hidden, const ist__tops_rows *rows, int32_t product_columns, const ist__tops_out *out,
                     ist__worker *worker);

#endif
