/* kernels.h - the kernels of a training step, as a table for each instruction set.
 *
 * Blocks are feature-major: row = feature (neuron), column = sample, `ld` floats from row to row.  A function handles
 * the rows it is given and no others, so threads that own disjoint bands of rows need no lock.
 *
 * Bits: an element of a product is one chain of fused multiply-adds from 0, in ascending order of what is summed over,
 * in a lane of its own.  Sums over the batch are formed in 16 lanes (column c adds to lane c mod 16, ascending), and the
 * lanes are added in a fixed tree (lanes.h).  All else is element by element, without contraction.  So the bits depend
 * neither on threads, nor on how work is cut, nor on the instruction set.  Nothing from libm is used but sqrt, which IEEE
 * 754 rounds correctly.  A NaN goes through everything, activations too, so that a net that has diverged shows it.
 *
 * body_*.h say what is computed; kernels_portable.c, kernels_avx2.c and kernels_avx512.c compile them for the registers
 * that they are named for.  tests/unit/test_kernels.c holds every table that a machine can run against the portable one.
 * Floor: math.  [any thread on disjoint rows]
 */
#ifndef IST_MATH_KERNELS_H
#define IST_MATH_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#define IST__NORM_EPSILON 1e-5F /* added to the variance in batch norm */

/* How the loss looks at the last layer's numbers. [M4] */
typedef struct ist__loss_rule {
    float sharpness; /* logits are this times the numbers given; above 0 */
    float smoothing; /* the target is 1 - smoothing at the label, plus smoothing / classes everywhere; [0, 1) */
    float scale;     /* of gradients */
} ist__loss_rule;

/* How the loss of a regression looks at them. [M4] */
typedef struct ist__error_rule {
    float delta; /* Huber's: beyond it the loss is a line; 0: squares everywhere */
    float scale; /* of gradients */
} ist__error_rule;

/* Which elements of a block dropout takes out: a draw of 16 bits each, of which those below `threshold` fall.  Draw of
 * neuron r and column c: half r % 2 (0: the lower) of word r % 8 / 2 of Philox 4x32-10 of this key at the counter
 * (c, r / 8, 0, 0). [M15] */
typedef struct ist__drops {
    uint32_t key[2];
    uint32_t threshold; /* 0 .. 65535 */
    float factor;       /* of those that stay */
} ist__drops;

enum { IST__LINEAR = -1 }; /* no activation: that of the output; the others are IST_RELU .. IST_SILU */

enum { IST__LANES = 16 }; /* samples or neurons that stand in the lanes of a vector; panels are as wide */

/* A matrix as products read it: element (r, k) is at[(r / 16) row_panel + (r % 16) row + (k / 16) step_panel +
 * (k % 16) step].  Serves plain rows, their transpose, and weights in panels of 16 neurons, from either side. */
typedef struct ist__view {
    const float *at;
    int64_t row, row_panel, step, step_panel;
} ist__view;

/* A layer for few samples, which lie one after the other: whole panels of neurons. */
enum { IST__FEW_ROWS = 4 };
typedef struct ist__few {
    int32_t rows; /* 1 .. IST__FEW_ROWS */
    int32_t panels, inputs;
    const float *weight; /* the first panel, at input 0; panel_stride floats apart */
    int64_t panel_stride;
    const float *x; /* (rows, ldx) */
    int64_t ldx;
    const float *scale, *shift; /* (16 panels) */
    int32_t activation;
    float *y; /* out (rows, ldy): 16 numbers of each panel */
    int64_t ldy;
} ist__few;

/* Samples of which few features are not 0: sample c has entries first[c] .. first[c] + count[c] - 1, features ascending. */
typedef struct ist__sparse_columns {
    const int64_t *first;
    const int32_t *count;
    const int32_t *feature;
    const float *value;
} ist__sparse_columns;

/* The same by feature: those that occur, each with entries begin[f] .. begin[f + 1] - 1, samples ascending. */
typedef struct ist__sparse_features {
    int32_t count;
    const int32_t *feature; /* (count) none twice */
    const int32_t *begin;   /* (count + 1) */
    const int32_t *column;
    const float *value;
} ist__sparse_features;

/* Rows of a dataset from which a batch is assembled. */
typedef struct ist__samples {
    const void *x; /* (.., features) bytes or floats */
    int64_t row_stride_bytes;
    bool bytes;            /* uint8; else float32 */
    const uint32_t *index; /* (count) row numbers; NULL: first_row, first_row + 1, .. */
    int64_t first_row;
} ist__samples;

/* With c1 = 1 / (1 - beta1^t) and c2 = 1 / (1 - beta2^t), Adam's lr (s c1) / (sqrt(t c2) + epsilon) is rate s / (sqrt(t) +
 * epsilon'): rate = lr c1 / sqrt(c2), epsilon' = epsilon / sqrt(c2). */
typedef struct ist__adam {
    float beta1, beta2;
    float rate, epsilon; /* the latter already divided */
} ist__adam;

/* One step of an optimiser on numbers w with gradient g and state s, t. [M8]  keep = 1 - lr weight_decay comes first; a
 * product that is added to something is fused with the addition.
 * SGD       w = keep w - lr g
 * MOMENTUM  s = momentum s + g;  w = keep w - lr s;  NESTEROV  w = keep w - lr (g + momentum s)
 * ADAM      s = beta1 s + (1 - beta1) g;  t = beta2 t + ((1 - beta2) g) g;
 *           w = keep w - (rate s) r, where r is 1 / (sqrt(t) + epsilon) within 2 units in the last place */
typedef struct ist__rule {
    int32_t kind; /* IST_SGD .. IST_ADAM */
    float lr, keep, momentum;
    ist__adam adam;
} ist__rule;

typedef struct ist__kernel_set {
    const char *name; /* "avx512", "avx2", "portable" */
    bool fused;       /* the processor multiplies and adds in one instruction; else products are exact but slow */

    /* C (m, columns) = A (m, k) B (k, columns).  columns counts up to a multiple of 16: B and C have room for that.
     * b, c  rows ldb and ldc apart, both multiples of 16, on 64-byte boundaries */
    void (*product)(int32_t m, int32_t columns, int32_t k, const ist__view *a, const float *b, int64_t ldb, float *c,
                    int64_t ldc);
    /* The same, added to what C holds: a product of all steps is one of the first ones, then of the others onto it, to the
     * bit. */
    void (*product_onto)(int32_t m, int32_t columns, int32_t k, const ist__view *a, const float *b, int64_t ldb,
                         float *c, int64_t ldc);

    /* The same product, then y = f(scale z + shift), of few columns: product and affine_forward give the same bits. */
    void (*few)(const ist__few *few);

    /* Weights in panels take a step along gradient = D X^T, which is never stored.  Whole panels of outputs from the
     * first one on (the last may have fewer than 16 neurons; its idle lanes keep the value 0), `inputs` inputs.
     * d, x    (outputs, ld), (inputs, ld): `batch` columns are summed over
     * weight  the first panel, at the first input; s, t (state, or NULL) lie as weight does; panel_stride floats apart
     * turned  work space (batch, IST__TURNED_ROWS) private to the caller */
    void (*weight_step)(const ist__rule *rule, int32_t outputs, int32_t inputs, int32_t batch, int64_t ld,
                        const float *d, const float *x, float *weight, float *s, float *t, int64_t panel_stride,
                        float *turned);

    /* The product of neurons in panels with samples of few features: z (outputs, columns), counted up to a multiple of
     * 16, with 0 behind the samples.  The bits are those of `product` with the zeros.  weight: the first panel. */
    void (*sparse_product)(int32_t outputs, int32_t columns, const ist__sparse_columns *x, const float *weight,
                           int64_t panel_stride, float *z, int64_t ldz);
    /* The step of weight_step, for the weights (and state) of the features that occur; others are left alone. */
    void (*sparse_step)(const ist__rule *rule, int32_t outputs, int32_t batch, int64_t ld, const float *d,
                        const ist__sparse_features *x, float *weight, float *s, float *t, int64_t panel_stride,
                        float *turned);

    /* The optimiser's step on `count` numbers.  s, t: NULL where the rule has none. */
    void (*step)(const ist__rule *rule, int64_t count, const float *g, float *w, float *s, float *t);

    /* Sixteen rows to a panel and back: panel[k * 16 + j] = rows[j][columns ? columns[k] : k], k < count.
     * rows[j] NULL: 0, and nothing to write back.  columns ascend.  panel is on a 64-byte boundary. */
    void (*pack_panel)(const float *const *rows, const int32_t *columns, int64_t count, float *panel);
    void (*unpack_panel)(const float *panel, const int32_t *columns, int64_t count, float *const *rows);

    /* Features [first, last) of `count` samples: out[f * ld + c] = (x[sample c][f] - shift[f]) * factor[f]; columns
     * count .. ld - 1 are left alone.  `out` is the whole block: row f of it is feature f.
     * shift, factor  (features), or single numbers when uniform */
    void (*assemble)(const ist__samples *samples, int32_t count, int32_t first, int32_t last, const float *shift,
                     const float *factor, bool uniform, float *out, int64_t ld);

    /* Batch norm with batch statistics, then the activation f. [M6]
     * z        (rows, columns) in: pre-activations; out: xhat = (z - mean) * inv_std
     * gamma, beta (rows), or NULL both: no affine part
     * activation  IST_RELU .. IST_SILU, or IST__LINEAR
     * y        out (rows, columns): f(gamma xhat + beta); may be z itself: then z ends as y, and xhat is there for a
     *          backward only where both are the same (gamma NULL, LINEAR)
     * inv_std  out (rows): 1 / sqrt(variance + IST__NORM_EPSILON), variance divided by columns */
    void (*batch_norm_forward)(int32_t rows, int32_t columns, int64_t ld, float *z, const float *gamma,
                               const float *beta, int32_t activation, float *y, float *inv_std);
    /* Its backward.  d in: dL/dy; out: dL/dz.  With ReLU y (what forward gave) is read: no gradient where y <= 0; with the
     * others gamma xhat + beta is made again.  y may be NULL, or changed, where it is not read; gamma and beta are
     * forward's.
     * dgamma, dbeta out (rows), NULL both when there is no affine part. */
    void (*batch_norm_backward)(int32_t rows, int32_t columns, int64_t ld, const float *xhat, const float *y,
                                int32_t activation, const float *gamma, const float *beta, const float *inv_std,
                                float *d, float *dgamma, float *dbeta);

    /* y = f(scale[r] z + shift[r]); scale NULL: 1.  y may be z.  Serves bias (training without norm) and folded batch norm
     * (evaluation with stored statistics). */
    void (*affine_forward)(int32_t rows, int32_t columns, int64_t ld, const float *z, const float *scale,
                           const float *shift, int32_t activation, float *y);
    /* Backward of bias and activation: d in dL/dy, out dL/dz; dbias out (rows) = row sums of d.  With ReLU y is read, with
     * the other activations z and shift as forward had them; what is not read may be NULL. */
    void (*bias_backward)(int32_t rows, int32_t columns, int64_t ld, const float *z, const float *shift, const float *y,
                          int32_t activation, float *d, float *dbias);

    /* Mean of each row and sum of squared deviations from it: mean, m2 out (rows). */
    void (*row_moments)(int32_t rows, int32_t columns, int64_t ld, const float *z, float *mean, float *m2);

    /* Softmax and cross-entropy of columns [first, last) of a block (classes, ld): logits = rule->sharpness * block. [M4]
     * labels   (columns of the whole block) class ids
     * d        out (classes, ld): (softmax - target) * scale * sharpness, the gradient of the block; or the
     *          probabilities themselves when labels is NULL; may be the block itself; NULL: not wanted
     * loss     out per column (indexed as columns are): -log softmax[label], nats, whatever the smoothing; NULL, or no
     *          labels: not wanted
     * best     out per column: index of the largest logit, the first of equal ones; NULL: not wanted */
    void (*softmax_cross_entropy)(int32_t classes, int32_t first, int32_t last, int64_t ld, const float *block,
                                  const int32_t *labels, const ist__loss_rule *rule, float *d, float *loss,
                                  int32_t *best);

    /* A wide output, tile by tile of `labels` <= IST__LABEL_TILE rows of it. [M4]  All columns of blocks are handled:
     * `columns` and `first` are multiples of 16.  A logit is sharpness (product + bias[label]), rounded twice.
     * label_exps     block (labels, ld) in: products; out: exp(logit - top).  top, sum out (columns): the largest logit,
     *                and the sum of what the block holds
     * label_totals   of all tiles, top and sum (tiles, ld): most, total out, indexed as columns are: the largest logit, and
     *                the sum of exp(logit - most) in double precision, for columns [first, last)
     * label_gradient block out: itself exp(top - most) factor - spread; all four (columns)
     * label_sigmoids block in: products; out: scale / (1 + exp(-logit)).  loss out (columns): sum of log(1 + exp(logit))
     * label_tops     the same top and sum as label_exps of bias 0, and the block is left as it is; sum NULL: not wanted */
    void (*label_exps)(int32_t labels, int32_t columns, int64_t ld, float sharpness, const float *bias, float *block,
                       float *top, float *sum);
    void (*label_totals)(int32_t tiles, int32_t first, int32_t last, int64_t ld, const float *top, const float *sum,
                         float *most, double *total);
    void (*label_gradient)(int32_t labels, int32_t columns, int64_t ld, const float *top, const float *most,
                           const float *factor, const float *spread, float *block);
    void (*label_sigmoids)(int32_t labels, int32_t columns, int64_t ld, float sharpness, const float *bias, float scale,
                           float *block, float *loss);
    void (*label_tops)(int32_t labels, int32_t columns, int64_t ld, float sharpness, const float *block, float *top,
                       float *sum);

    /* Loss of a regression for columns [first, last) of a block (outputs, ld): mean over outputs of e^2, or of Huber's
     * function of e, where e = block - wanted. [M4]
     * wanted   (outputs, ld) targets
     * d        out (outputs, ld): gradient of the block, times scale; may be the block itself; NULL: not wanted
     * loss     out per column (indexed as columns are) */
    void (*regression_loss)(int32_t outputs, int32_t first, int32_t last, int64_t ld, const float *block,
                            const float *wanted, const ist__error_rule *rule, float *d, float *loss);

    /* Neurons [first, first + rows) of y (rows, columns): 0 where drops says so, times drops->factor elsewhere.  first is
     * a multiple of 8.  The part of a row beyond `columns` is left alone. */
    void (*drop)(const ist__drops *drops, int32_t first, int32_t rows, int32_t columns, int64_t ld, float *y);
    /* y times factor. */
    void (*scale)(int32_t rows, int32_t columns, int64_t ld, float factor, float *y);

    /* Is none of `count` numbers infinite or NaN? */
    bool (*all_finite)(int64_t count, const float *values);
} ist__kernel_set;

enum { IST__TURNED_ROWS = 48, IST__LABEL_TILE = 128 };

/* The kernels for an instruction set; NULL where the compiler was not told of it. */
extern const ist__kernel_set *const ist__kernels_portable;
extern const ist__kernel_set *const ist__kernels_avx2;
extern const ist__kernel_set *const ist__kernels_avx512;

/* Table number i of those that this processor can run, fastest first; NULL beyond the last. */
const ist__kernel_set *ist__kernel_set_at(int32_t i);
/* The one of this name, if this processor can run it; else NULL. */
const ist__kernel_set *ist__kernel_set_named(const char *name);

/* Own elementary functions, the same bits on every machine; error bounds are stated in elementary.c. */
float ist__exp(float x);                          /* 0 below -87.33654, FLT_MAX above 88.72283, NaN of NaN */
float ist__sigmoid(float x);                      /* 1 / (1 + e^-x) */
double ist__log(double x);                        /* x > 0; of 0 -infinity, of less and of NaN NaN */
double ist__cos_pi(double x);                     /* cos(pi x), x in [0, 1] */
double ist__power(double base, int64_t exponent); /* by squaring; exponent >= 0 */

/* Sum of `count` numbers in order, in double precision. */
double ist__sum(int64_t count, const float *values);

#endif
