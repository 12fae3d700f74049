/* kernels.h - everything in a training step that is not a matrix product.
 *
 * Blocks are feature-major: row = feature (neuron), column = sample, `ld` floats from row to row (ld >= columns).  A
 * function handles the rows it is given and no others, so threads that own disjoint bands of rows need no lock.
 *
 * Bits: sums over the batch are formed in 16 lanes (column c adds to lane c mod 16, ascending), and the lanes are added
 * in a fixed tree (lanes.h); all else is element by element, without contraction.  So the bits depend neither on
 * threads nor on the instruction set.  Nothing from libm is used but sqrt, which IEEE 754 rounds correctly.  A NaN goes
 * through everything, ReLU too, so that a net that has diverged shows it.
 * Floor: math.  [any thread on disjoint rows]
 */
#ifndef IST_MATH_KERNELS_H
#define IST_MATH_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#define IST__NORM_EPSILON 1e-5F /* added to the variance in batch norm */

/* Batch norm with batch statistics, then ReLU or not. [M6]
 * z        (rows, columns) in: pre-activations; out: xhat = (z - mean) * inv_std
 * gamma, beta (rows), or NULL both: no affine part
 * y        out (rows, columns): max(0, gamma xhat + beta) if relu, else gamma xhat + beta; may be z itself: then z ends
 *          as y, and xhat is there for a backward only where both are the same (gamma NULL, relu false)
 * inv_std  out (rows): 1 / sqrt(variance + IST__NORM_EPSILON), variance divided by columns */
void ist__batch_norm_forward(int32_t rows, int32_t columns, int64_t ld, float *z, const float *gamma, const float *beta,
                             bool relu, float *y, float *inv_std);

/* Its backward.  d in: dL/dy; out: dL/dz.  y (what forward gave) masks ReLU where relu (y <= 0: no gradient).
 * dgamma, dbeta out (rows), NULL both when there is no affine part. */
void ist__batch_norm_backward(int32_t rows, int32_t columns, int64_t ld, const float *xhat, const float *y, bool relu,
                              const float *gamma, const float *inv_std, float *d, float *dgamma, float *dbeta);

/* y = scale[r] z + shift[r], then ReLU or not; scale NULL: 1.  y may be z.  Serves bias (training without norm) and
 * folded batch norm (evaluation with stored statistics). */
void ist__affine_relu_forward(int32_t rows, int32_t columns, int64_t ld, const float *z, const float *scale,
                              const float *shift, bool relu, float *y);
/* Backward of bias and ReLU: d in dL/dy, out dL/dz; dbias out (rows) = row sums of d. */
void ist__bias_relu_backward(int32_t rows, int32_t columns, int64_t ld, const float *y, bool relu, float *d,
                             float *dbias);

/* Mean of each row and sum of squared deviations from it: mean, m2 out (rows). */
void ist__row_moments(int32_t rows, int32_t columns, int64_t ld, const float *z, float *mean, float *m2);

/* Softmax and cross-entropy of columns [first, last) of logits (classes, ld). [M4]
 * labels   (columns of the whole block) class ids
 * d        out (classes, ld): (softmax - onehot) * scale, or the probabilities themselves when labels is NULL; may be
 *          `logits` itself; NULL: not wanted
 * loss     out per column (indexed as columns are): -log softmax[label], nats; NULL, or no labels: not wanted
 * best     out per column: index of the largest logit, the first of equal ones; NULL: not wanted */
void ist__softmax_cross_entropy(int32_t classes, int32_t first, int32_t last, int64_t ld, const float *logits,
                                const int32_t *labels, float scale, float *d, float *loss, int32_t *best);

/* Optimiser steps on `count` numbers. [M8]  g is the gradient; keep = 1 - lr weight_decay multiplies w first. */
void ist__update_sgd(int64_t count, float *w, const float *g, float lr, float keep);
void ist__update_momentum(int64_t count, float *w, float *v, const float *g, float lr, float keep, float mu,
                          bool nesterov); /* v = mu v + g; w -= lr v, or lr (g + mu v) */
typedef struct ist__adam {
    float beta1, beta2, epsilon;
    float correct1, correct2; /* 1 / (1 - beta1^t), 1 / (1 - beta2^t) */
} ist__adam;
void ist__update_adam(int64_t count, float *w, float *m, float *v, const float *g, float lr, float keep,
                      const ist__adam *adam); /* w -= lr m correct1 / (sqrt(v correct2) + epsilon) */

/* Own elementary functions, the same bits on every machine; error bounds are stated in elementary.c. */
float ist__exp(float x);                          /* 0 below -87.33654, FLT_MAX above 88.72283, NaN of NaN */
double ist__log(double x);                        /* x > 0; of 0 -infinity, of less and of NaN NaN */
double ist__cos_pi(double x);                     /* cos(pi x), x in [0, 1] */
double ist__power(double base, int64_t exponent); /* by squaring; exponent >= 0 */

/* Sum of `count` numbers in order, in double precision. */
double ist__sum(int64_t count, const float *values);

#endif
