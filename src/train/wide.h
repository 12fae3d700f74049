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
#include "train/sample.h"

struct ist__step;

enum {
    IST__WIDE = 4096,             /* classes from which on an output is wide, also where every row has one label */
    IST__LOGITS_BYTES = 256 << 20 /* of a team, when config->logits_bytes is 0 */
};

/* In the team's region. */
typedef struct ist__wide {
    int32_t tiles;               /* at most; 0: the output is not wide */
    int32_t room;                /* tiles that the block holds, unless they are fewer; a wave has no more */
    float *block;                /* (labels of the slots, ld): products, then exps or sigmoids, then the gradient */
    float *top, *sum;            /* (tiles, ld): of softmax the largest logit and the sum of exps; sum also of losses */
    float *most;                 /* (ld) largest logit of all */
    double *total;               /* (ld) sum of exps; or loss */
    double *wanted;              /* (ld) logits of the targets, by their shares */
    float *factor;               /* (ld) from exps to gradients */
    float *spread;               /* (ld) what smoothing takes off every gradient */
    float *logit;                /* (targets) of each */
    ist__label_batch targets[2]; /* of even and odd steps */
    ist__sample sample;          /* drawn 0: all labels, always */
} ist__wide;

/* Is the output of a net of this shape trained so?  A function of what is trained, and how; of the machine only in that other
 * engines than the native one cannot. */
bool ist__output_is_wide(const ist__engine *engine, const ist__shape *shape, const ist__extent *data,
                         const ist_train_config *config);

/* What only a wide output does (lists of labels, sigmoids): can it be done here?  IST_E_ARGUMENT. */
ist_status ist__wide_check(const ist__engine *engine, const ist__shape *shape, const ist__extent *data,
                           const ist_train_config *config, ist__error *error);

/* The bytes of its memory, and the memory itself where there is a region.  threads: that will work on it at least. */
size_t ist__wide_take(ist__wide *out, ist__region *region, const ist__shape *shape, const ist__extent *data,
                      const ist_train_config *config, int64_t ld, int32_t threads);

/* So many labels are tiles, and these are so many waves. */
int32_t ist__wide_cut(const ist__wide *wide, int32_t labels, int32_t *tiles);

/* The labels of the batch whose rows index[parity] holds, place its step; by one thread of the team.  labels: rows that they
 * are of, step->rows or next_rows. */
void ist__wide_assemble(const struct ist__step *step, const ist__rows *labels, int32_t parity, ist__draw_place place);

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
