/* dropout.h - features and outputs of hidden neurons that are 0 for a sample of a step. [M15]
 *
 * What falls is a function of (seed, step, subnet, layer, neuron of the block, sample) and of nothing else: not of
 * threads, bands or kernels.  (seed, step, subnet, layer) make a key, under which the kernel `drop` draws.
 */
#ifndef IST_TRAIN_DROPOUT_H
#define IST_TRAIN_DROPOUT_H

#include "ist/ist.h"
#include "math/engine.h"

/* Chances in 1 / 65536: that a feature, or a hidden neuron's output, is 0. */
typedef struct ist__dropout {
    uint64_t seed;
    uint32_t input, hidden; /* 0: none; 65535 at most */
} ist__dropout;

ist__dropout ist__dropout_of(const ist_train_config *config);

/* Whose step: the masks of no two are alike. */
typedef struct ist__draw_place {
    int64_t step; /* of the run */
    int32_t subnet;
} ist__draw_place;

/* The survivors' factor for a chance, which makes the mean what it was. */
float ist__dropout_factor(uint32_t chance);

/* Neurons [first, last) of an activation (neurons, ld); layer 0: the input, l + 1: the output of hidden layer l.
 * first is a multiple of 8.  Nothing happens for chance 0. */
void ist__dropout_apply(const ist__dropout *dropout, uint32_t chance, ist__draw_place place, int32_t layer,
                        const ist__engine *engine, int32_t first, int32_t last, int32_t columns, int64_t ld, float *y);

/* The same of the features of one sample, of which `count` are there, ascending: what falls has the value 0 then. */
void ist__dropout_entries(const ist__dropout *dropout, uint32_t chance, ist__draw_place place, int32_t column,
                          int32_t count, const int32_t *feature, float *value);

#endif
