/* optimizer.h - one step of SGD, momentum, Nesterov or Adam on a tile of rows. [M8] */
#ifndef IST_TRAIN_OPTIMIZER_H
#define IST_TRAIN_OPTIMIZER_H

#include <stdbool.h>

#include "ist/ist.h"
#include "math/engine.h"

/* Arrays of optimiser state beside the parameters: 0 for SGD, 1 for momentum and Nesterov, 2 for Adam. */
int32_t ist__optimizer_states(int32_t kind);

/* How the learning rate runs through a phase of a run, and where in it a step is. */
typedef struct ist__lr_curve {
    double lr;           /* at its height, above 0 */
    int32_t schedule;    /* IST_LR_* */
    bool ramps;          /* config->lr_ramp holds: lr rises in a line first */
    int64_t step, steps; /* step of so many, 0 .. steps - 1 */
} ist__lr_curve;

/* The numbers of a step; updates: how often the state was updated before (Adam's t - 1). */
ist__rule ist__optimizer_at(const ist_train_config *config, const ist__lr_curve *curve, int64_t updates);

/* Is the rule part of the product, with an engine other than native?  SGD is with OpenBLAS; the reference engine keeps to
 * the rule's own rounding. */
bool ist__optimizer_fuses(const ist__engine *engine, int32_t kind);

/* For engines other than native: weight (rows, columns) contiguous takes a step along gradient = d (rows, batch) times
 * x^T (columns, batch), both with leading dimension ld; state[i] lie as weight does.
 * scratch  (rows, columns) private to the caller, for the gradient; not touched where it is fused */
void ist__optimizer_product(const ist__engine *engine, const ist__rule *rule, int32_t rows, int32_t columns,
                            int32_t batch, int64_t ld, const float *d, const float *x, float *weight,
                            float *const *state, float *scratch);

/* A vector of `count` parameters without decay (gamma, beta, bias). */
void ist__optimizer_vector(const ist__engine *engine, const ist__rule *rule, int32_t count, const float *gradient,
                           float *vector, float *const *state);

#endif
