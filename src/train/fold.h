/* fold.h - what batch norm with stored statistics, or the bias and the 1/n scale, come to for a neuron, [M6] [M7]
 * and what the target normalization makes of an output. */
#ifndef IST_TRAIN_FOLD_H
#define IST_TRAIN_FOLD_H

#include "model/params.h"

/* z -> scale[i] z + shift[i] for neurons [first, last) of layer l: what evaluation computes.  scale, shift: (outputs).  The
 * scale of the logits is not in it. */
void ist__fold_layer(const ist__net *net, int32_t l, int32_t first, int32_t last, float *scale, float *shift);

/* The same for all layers of a net. */
typedef struct ist__folds {
    float *memory;                                                /* for ist__free; NULL is fine */
    float *scale[IST_MAX_HIDDEN + 1], *shift[IST_MAX_HIDDEN + 1]; /* (outputs) of each layer */
} ist__folds;
ist_status ist__folds_make(ist__folds *out, const ist__shape *shape, ist__error *error); /* room; IST_E_MEMORY */
void ist__folds_layer(ist__folds *folds, const ist__net *net, int32_t l, int32_t first, int32_t last);

/* Of a regression: what output k says, in its target's own units. */
float ist__target_of(const ist__net *net, int32_t k, float output);

#endif
