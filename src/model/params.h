/* params.h - the net that is trained: shape, master parameters, statistics of batch norm, normalization of inputs.
 *
 * The memory of `param` belongs to the floor above (it is striped over nodes); the small arrays belong to the net.
 */
#ifndef IST_MODEL_PARAMS_H
#define IST_MODEL_PARAMS_H

#include "model/shape.h"

typedef struct ist__net {
    ist__shape shape;
    int32_t subnets;             /* made for so many: fan-in of the initial weights, the 1/n scale [M7] */
    double output_scale;         /* of logits, after norm or bias */
    int32_t calibrated;          /* statistics are those of the present parameters */
    uint64_t means, variances;   /* not calibrated: bit l: given by name for layer l as it is now (train/named.c) */
    float *param;                /* (shape.floats), borrowed */
    float *statistics;           /* (shape.statistics_floats) mean, variance of each normed layer */
    int32_t normalization_count; /* 1: the same for all features; else features */
    float *shift, *factor;       /* (features) room, normalization_count used: x seen as (x - shift) * factor */
    int32_t target_count;        /* of a regression, likewise: 1 or classes; else 0 */
    float *target_shift,
        *target_factor; /* (classes) room, NULL where none regresses: outputs are (y - shift) * factor */
} ist__net;

/* Small arrays, no normalization (shift 0, factor 1); param is left NULL.  IST_E_ARGUMENT for subnets out of range. */
ist_status ist__net_create(ist__net *out, const ist__shape *shape, int32_t subnets, ist__error *error);
ist_status ist__net_set_output_scale(ist__net *net, double scale, ist__error *error); /* 1 at first; IST_E_ARGUMENT */
void ist__net_destroy(ist__net *net);                                                 /* a zeroed one is fine */

/* All parameters may be others now: no statistics are theirs. */
static inline void ist__net_changed(ist__net *net)
{
    net->calibrated = 0;
    net->means = net->variances = 0;
}

/* Uniform weights from (seed, layer), bounded as suits the activation, gamma 1, beta and bias 0, but for the output of
 * sigmoids. [M7] */
void ist__net_initialize(ist__net *net, uint64_t seed);

/* All that `from` knows, parameters and statistics too, for `out`, whose shape is the same. */
void ist__net_copy(ist__net *out, const ist__net *from);
void ist__net_copy_normalization(ist__net *out, const ist__net *from); /* of inputs and targets */
void ist__net_copy_small(ist__net *out, const ist__net *from);         /* all but the parameters */

/* What the whole net's products are multiplied with in layer l: 1/n where their inputs are dealt neurons and no batch
 * norm follows that would absorb it, else 1. [M7] */
float ist__net_scale(const ist__net *net, int32_t l);

#endif
