/* subnet.h - one local step of one subnet by one team: batch, forward, loss, backward, update. [M4]
 *
 * Who takes a tile of a layer computes its forward and batch norm, its share of the gradient of inputs or its rows of the
 * update; threads begin with tiles of their own band and go on with what is left of others' (claim.h).  What they need of
 * one another they read after a barrier of the team; the data flow needs 5 of them for one hidden layer, 7 for two and 2
 * more for each further one (one more with batch norm on the output).  There is no lock and no traffic between teams.
 */
#ifndef IST_TRAIN_SUBNET_H
#define IST_TRAIN_SUBNET_H

#include "model/shape.h"
#include "numa/pages.h"
#include "numa/team.h"
#include "train/assemble.h"
#include "train/dropout.h"
#include "train/optimizer.h"
#include "train/sparse_batch.h"
#include "train/wide.h"

/* A team's work space for steps of any of its subnets, in the team's own region; see ist__scratch_bytes. */
typedef struct ist__scratch {
    int64_t ld;                         /* padded batch */
    float *input[2];                    /* (features, ld) of even and odd steps; of sparse rows */
    ist__sparse_batch sparse;           /* instead */
    float *z[IST_MAX_HIDDEN + 1];       /* (outputs, ld) of each layer */
    float *y[IST_MAX_HIDDEN + 1];       /* (outputs, ld) hidden layers; the output's is z */
    float *d[IST_MAX_HIDDEN + 1];       /* (outputs, ld) gradient of y, then of z */
    float *inv_std[IST_MAX_HIDDEN + 1]; /* (outputs) */
    float *loss;                        /* (ld) of each sample */
    int32_t *labels[2];                 /* (ld) of even and odd steps; of a regression */
    float *targets[2];                  /* (outputs, ld) instead */
    uint32_t *index[2];                 /* (ld) row numbers of even and odd steps */
    float *own; /* each thread's own, by home_rank: gradients of gain and offset of a tile, then what the
                                             weight step needs, own_floats apart */
    int64_t own_floats;
    int32_t tile_most; /* neurons of the largest tile */
    ist__wide wide;    /* instead of z, y and d of a wide output */
} ist__scratch;

/* Bytes of a region for ist__scratch_take: shape is the widest of the team's subnets. */
size_t ist__scratch_bytes(const ist__engine *engine, const ist__shape *shape, const ist__extent *data,
                          const ist_train_config *config, int32_t threads);
void ist__scratch_take(ist__scratch *out, ist__region *region, const ist__engine *engine, const ist__shape *shape,
                       const ist__extent *data, const ist_train_config *config, int32_t threads);

/* A step; the same for all threads of the team. */
typedef struct ist__step {
    const ist__engine *engine;
    const ist__shape *shape; /* with panels if the engine is native */
    float *param;
    float *state[2];
    float *
        gradient; /* laid out as param: where gradients go, and then nothing takes its step; NULL: param steps by rule */
    const ist__shape *own; /* first neurons of shape, whose weights alone take a step or leave a gradient; NULL: all */
    ist__rule rule;
    ist__dropout dropout;
    ist__draw_place place, next_place; /* of this step's masks; of the next one's, whose batch is assembled meanwhile */
    float output_scale;                /* of logits */
    float smoothing;                   /* of labels */
    const ist__scratch *scratch;
    const ist__rows *rows;
    ist__scaling scaling, target_scaling; /* of inputs; of targets, where rows have them */
    int32_t batch;
    int32_t parity; /* 0, 1: which buffers are this step's; the other ones are the next one's */
    /* While this step runs, the next one's batch is assembled and the rows of the one after that are drawn. */
    const ist__rows *next_rows; /* index[1 - parity] holds the rows of the next step, which are of these; NULL: none */
    ist__batches *batches;      /* to draw from; NULL: no step after the next */
    int64_t draw_position;      /* in the stream, of the batch after the next */
} ist__step;

/* Is the output layer wide (wide.h)? */
bool ist__step_is_wide(const ist__step *step);

/* Before the first of a run of steps: assemble the batch whose rows index[parity] holds. */
void ist__subnet_prepare(const ist__step *step, const ist__worker *worker);

/* Run a step whose batch is assembled by all threads of the team.  Returns the batch's loss sum on rank 0 (in sample
 * order), 0 on others.  Afterwards other threads may still be updating their rows: wait at the team's barrier before
 * reading param. */
double ist__subnet_step(const ist__step *step, ist__worker *worker);

/* What weight decay of a round's steps comes to for the first layer's weights, where rows are sparse: each of them times
 * `keep`.  By all threads of the team, each its own, after a barrier behind the last step. */
void ist__subnet_decay(const ist__step *step, float keep, const ist__worker *worker);

#endif
