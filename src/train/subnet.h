/* subnet.h - one local step of one subnet by one team: batch, forward, loss, backward, update. [M4]
 *
 * A thread owns the tiles of its band in every layer: it computes their forward, their batch norm, their share of the
 * gradient of inputs and their rows of the update.  What it needs of others it reads after a barrier of the team; the
 * data flow needs 4 of them for one hidden layer and 2 more for each further one (one more with batch norm on the
 * output).  There is no lock and no traffic between teams.
 */
#ifndef IST_TRAIN_SUBNET_H
#define IST_TRAIN_SUBNET_H

#include "data/batches.h"
#include "model/shape.h"
#include "numa/pages.h"
#include "numa/team.h"
#include "train/optimizer.h"

/* A team's work space for steps of any of its subnets, in the team's own region; see ist__scratch_bytes. */
typedef struct ist__scratch {
    int64_t ld;                         /* padded batch */
    float *input[2];                    /* (features, ld) of even and odd steps: the next is assembled while some
                                             thread still reads this one */
    float *z[IST_MAX_HIDDEN + 1];       /* (outputs, ld) of each layer */
    float *y[IST_MAX_HIDDEN + 1];       /* (outputs, ld) hidden layers; the output's is z */
    float *d[IST_MAX_HIDDEN + 1];       /* (outputs, ld) gradient of y, then of z */
    float *inv_std[IST_MAX_HIDDEN + 1]; /* (outputs) */
    float *loss;                        /* (ld) of each sample */
    int32_t *labels;                    /* (ld) */
    uint32_t *index[2];                 /* (ld) row numbers of even and odd steps */
    float *own;                         /* each thread's own: gradients of gain and offset of a tile, then of its
                                             weights, own_floats apart */
    int64_t own_floats;
    int32_t tile_most; /* neurons of the largest tile */
} ist__scratch;

/* Bytes of a region for ist__scratch_take: shape is the widest of the team's subnets. */
size_t ist__scratch_bytes(const ist__shape *shape, int32_t batch, int32_t optimizer, int32_t threads);
void ist__scratch_take(ist__scratch *out, ist__region *region, const ist__shape *shape, int32_t batch,
                       int32_t optimizer, int32_t threads);

/* A step; the same for all threads of the team. */
typedef struct ist__step {
    const ist__shape *shape;
    float *param;
    float *state[2];
    ist__optimizer optimizer;
    const ist__scratch *scratch;
    const ist__rows *rows;
    const float *shift, *factor; /* normalization */
    int32_t uniform_normalization;
    int32_t batch;
    int32_t parity;        /* 0, 1: which input and index buffers; index[parity] is filled and published */
    ist__batches *batches; /* rank 0 draws the next batch's rows while others compute; NULL: no next */
    int64_t next_position; /* of that batch in the stream */
} ist__step;

/* Run it.  Returns the batch's loss sum on rank 0 (in sample order), 0 on others.  Afterwards other threads may still be
 * updating their rows: wait at the team's barrier before reading param. */
double ist__subnet_step(const ist__step *step, ist__worker *worker);

#endif
