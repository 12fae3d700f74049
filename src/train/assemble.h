/* assemble.h - a team turns rows of a dataset into a feature-major block, each thread its features. */
#ifndef IST_TRAIN_ASSEMBLE_H
#define IST_TRAIN_ASSEMBLE_H

#include "data/batches.h"
#include "math/engine.h"
#include "numa/team.h"

/* Inputs are seen as (x - shift) factor, and so are targets. */
typedef struct ist__scaling {
    const float *shift, *factor; /* (features), (targets), or one of each when uniform */
    bool uniform;
} ist__scaling;

/* The features [*first, *last) of my share of so many. */
void ist__assemble_band(int32_t features, const ist__worker *worker, int32_t *first, int32_t *last);

/* My share of the features of `count` rows: those that index (count) names, or first_row, first_row + 1, .. when it is
 * NULL.  out (features, ld); labels out (count), written by rank 0; NULL, or rows without labels: not wanted. */
void ist__assemble_share(const ist__engine *engine, const ist__rows *rows, const uint32_t *index, int64_t first_row,
                         int32_t count, const ist__scaling *scaling, float *out, int64_t ld, int32_t *labels,
                         const ist__worker *worker);

/* My share of the targets of the same rows, scaled: out (targets, ld).  Nothing to do for rows without. */
void ist__assemble_targets(const ist__engine *engine, const ist__rows *rows, const uint32_t *index, int64_t first_row,
                           int32_t count, const ist__scaling *scaling, float *out, int64_t ld,
                           const ist__worker *worker);

#endif
