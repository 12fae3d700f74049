/* wide.h - the output layer of very many labels: its logits are never all there at once. [M4]
 *
 * Labels are cut into tiles of IST__LABEL_TILE, and tiles into waves of as many as fit what config->logits_bytes allows.
 * Neither waves nor threads show in the bits.
 */
#ifndef IST_TRAIN_WIDE_H
#define IST_TRAIN_WIDE_H

#include "model/shape.h"
#include "numa/team.h"
#include "train/label_batch.h"
#include "train/optimizer.h"

struct ist__step;

enum {
    IST__WIDE = 4096,             /* classes from which on an output is wide, also where every row has one label */
    IST__LOGITS_BYTES = 256 << 20 /* of a team, when config->logits_bytes is 0 */
};

/* In the team's region. */
typedef struct ist__wide {
    int32_t tiles;               /* of all labels; 0: the output is not wide */
    int32_t slots;               /* tiles that the block holds: those of a wave, or one more */
    int32_t waves;               /* which are shares of the tiles */
    float *block;                /* (labels of the slots, ld): products, then exps or sigmoids, then the gradient */
    float *top, *sum;            /* (tiles, ld): of softmax the largest logit and the sum of exps; sum also of losses */
    float *most;                 /* (ld) largest logit of all */
    double *total;               /* (ld) sum of exps; or loss */
    double *wanted;              /* (ld) logits of the targets, by their shares */
    float *factor;               /* (ld) from exps to gradients */
    float *spread;               /* (ld) what smoothing takes off every gradient */
    float *logit;                /* (targets) of each */
    ist__label_batch targets[2]; /* of even and odd steps */
} ist__wide;

/* Is the output of a net of this shape trained so?  A function of what is trained, and how; of the machine only in that other
 * engines than the native one cannot. */
bool ist__output_is_wide(const ist__engine *engine, const ist__shape *shape, const ist__extent *data,
                         const ist_train_config *config);

/* What only a wide output does (lists of labels, sigmoids): can it be done here?  IST_E_ARGUMENT. */
ist_status ist__wide_check(const ist__engine *engine, const ist__shape *shape, const ist__extent *data,
                           const ist_train_config *config, ist__error *error);

/* Fill in how the tiles are cut; threads: that will work on them at least. */
void ist__wide_cut(ist__wide *wide, const ist__shape *shape, const ist_train_config *config, int64_t ld,
                   int32_t threads);
/* Labels that the block has room for. */
int64_t ist__wide_room(const ist__wide *wide, const ist__shape *shape);

/* The labels of the batch whose rows index[parity] holds; by one thread of the team. */
void ist__wide_assemble(const struct ist__step *step, const ist__rows *rows, int32_t parity, const ist__worker *worker);

/* In turn, by all threads of the team, with barriers of the team between:
 *   logits  complete activations below: what the loss needs of each tile of mine
 *   losses  of my columns, to scratch->loss; what gradients need
 *   waves   the gradients; the layer takes its step; the gradient of the activations below is left in d of that layer, of
 *           which all of my band is complete on return.  Barriers inside
 * Without softmax the loss comes last: waves makes it, and the others do nothing. */
void ist__wide_logits(const struct ist__step *step, const ist__worker *worker);
void ist__wide_losses(const struct ist__step *step, const ist__worker *worker);
void ist__wide_waves(const struct ist__step *step, ist__worker *worker);

#endif
