/* sample.h - some labels of a wide output, drawn anew for each step: sampled softmax. [M4]
 *
 * Labels come in whole panels.  Those of the batch's own labels are always there; of all others so many are drawn, evenly and
 * without replacement, and stand for the rest: their exps count by how many panels each stands for.  Weights and state of what was
 * chosen are copied together, and there the step is that of a smaller layer; then they are copied back.  All else rests.
 */
#ifndef IST_TRAIN_SAMPLE_H
#define IST_TRAIN_SAMPLE_H

#include "model/shape.h"
#include "numa/pages.h"
#include "train/dropout.h"
#include "train/label_batch.h"

/* Which panels, of one batch. */
typedef struct ist__choice {
    int32_t count;  /* of panels */
    int32_t labels; /* in them: the last panel of all may have fewer than 16 */
    float more;     /* what the logits of drawn labels are raised by: log of panels that each stands for */
} ist__choice;

/* Arrays lie in the team's region. */
typedef struct ist__sample {
    int32_t drawn;                        /* panels a step; 0: no sampling */
    int32_t panels;                       /* of all labels */
    int32_t room;                         /* for panels that are chosen */
    ist__choice *choice[2];               /* (1) of even and odd steps */
    int32_t *panel[2];                    /* (room) ascending */
    bool *own[2];                         /* (room): has labels of the batch */
    uint64_t *marks;                      /* (panels bits) to draw with */
    float *weight, *state[2];             /* (room panels) as the layer's own, panel_stride floats apart */
    float *bias, *bias_state[2], *raised; /* (16 room); raised: the bias as logits see it */
} ist__sample;

/* Fill in the sizes; targets: that a batch can have. */
void ist__sample_size(ist__sample *sample, const ist__shape *shape, const ist_train_config *config, int64_t targets);

/* Choose for the batch of this place, and number its targets by where they stand among the chosen ones. */
void ist__sample_draw(const ist__sample *sample, int32_t parity, const ist__label_batch *targets, int32_t labels,
                      uint64_t seed, ist__draw_place place);

#endif
