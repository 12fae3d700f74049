/* reference.h - the naive twin of a whole training step, in double precision: the oracle of the tests.
 *
 * Written to be obviously right, from the definitions in docs/math.md, sharing no code with the fast path.  All
 * arrays are doubles; activations are sample-major here (sample, neuron), on purpose unlike the fast path.
 * Floor: math.
 */
#ifndef IST_MATH_REFERENCE_H
#define IST_MATH_REFERENCE_H

#include <stdbool.h>

#include "base/status.h"

/* A fully connected net with masks.  layers = hidden layers + 1; width (layers + 1): features, hidden widths, classes.
 * weight[l]  (width[l + 1], width[l]) row-major: row = output neuron, for every l, the output layer too
 * gamma[l], beta[l] (width[l + 1]) of hidden layers when hidden_norm is IST_NORM_BATCH; bias[l] otherwise; likewise
 *            output_norm batch: no parameters; none: bias[layers - 1]
 * active[l]  (width[l]) for l = 0 .. layers: 1 if the neuron takes part; an inactive one is as if it did not exist */
typedef struct ist__reference_net {
    int32_t layers;
    const int32_t *width;
    int32_t hidden_norm, output_norm;
    double epsilon; /* of batch norm */
    double **weight, **gamma, **beta, **bias;
    const unsigned char *const *active;
    int32_t activation;  /* IST_RELU .. IST_SILU, of hidden layers */
    double output_scale; /* of logits, after norm or bias */
    double smoothing;    /* of labels, in gradients alone */
    /* Dropout: kept[l] (batch, width[l]) for l = 0 .. layers - 1 is what input or output of a hidden layer is multiplied
     * with, 0 or more; NULL: 1 */
    const double *const *kept;
    /* A regression: labels are of no account. */
    const double *targets; /* (batch, classes) as outputs are to be; NULL: cross-entropy */
    int32_t loss;          /* IST_LOSS_MSE, IST_LOSS_HUBER */
    double huber_delta;
} ist__reference_net;

/* Mean loss over the batch (cross-entropy, or the error of a regression) with batch statistics, labels as they are; and gradients, by the smoothed ones, of all parameters (same shapes as the net's,
 * written into `gradient`, zero for inactive ones; gradient NULL: loss only).
 * x (batch, width[0]), labels (batch).  logits out (batch, classes) or NULL.  IST_E_MEMORY. */
ist_status ist__reference_step(const ist__reference_net *net, int32_t batch, const double *x, const int32_t *labels,
                               double *loss, double *logits, ist__reference_net *gradient);

/* C = alpha op(A) op(B) + beta C in float32.  Each element is one chain of fused multiply-adds from 0, ascending in k;
 * then alpha sum, plus beta C unless beta is 0.  So its bits depend on its row of op(A) and column of op(B) alone, on every
 * machine: this is what the kernels of kernels.h are held against, bit for bit. */
void ist__reference_gemm(bool transpose_a, bool transpose_b, int32_t m, int32_t n, int32_t k, float alpha,
                         const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

#endif
