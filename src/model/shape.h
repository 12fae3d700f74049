/* shape.h - the layers of a net and where their arrays lie in one block of floats.
 *
 * Floor: model; uses base/ only.  A whole net and a subnet differ in widths alone, so the same functions serve both. [M1]
 */
#ifndef IST_MODEL_SHAPE_H
#define IST_MODEL_SHAPE_H

#include <stdbool.h>

#include "base/status.h"

/* One layer.  Offsets are in floats from the start of the block; every array starts on a 64-byte boundary.
 * weight  in panels of `panel` output neurons that lie interleaved: the weight from input i to output o is at
 *         weight + (o / panel) panel_stride + i panel + o % panel.
 *         In a plain shape (the master, files, engines that call BLAS) a hidden layer has panels of 1, so (outputs,
 *         inputs), one row an output neuron; the output layer has one panel of all outputs, so (inputs, outputs), one
 *         row an input neuron: a hidden neuron's outgoing weights move as one row.
 *         In a shape with panels (subnets of the native engine) all layers have panels of 16; idle lanes of the last
 *         panel hold 0
 * gain    gamma (outputs) of a hidden layer with batch norm; -1: none
 * offset  beta (outputs) beside gamma, or the bias (outputs) where there is no norm; -1: none
 * statistics  index of mean (outputs) in the block of statistics, variance follows at statistics + outputs; -1: none */
typedef struct ist__layer {
    int32_t inputs, outputs;
    int32_t norm;       /* IST_NORM_* */
    int32_t activation; /* IST_RELU .. IST_SILU; of the output IST__NO_ACTIVATION */
    bool is_output;
    int32_t panel;        /* output neurons that lie interleaved */
    int64_t panel_stride; /* floats from panel to panel */
    int64_t weight, gain, offset;
    int64_t statistics;
} ist__layer;

enum { IST__PANEL = 16, IST__NO_ACTIVATION = -1 };

typedef struct ist__shape {
    bool panels; /* weights lie in panels of IST__PANEL neurons */
    int32_t hidden_count;
    int32_t layer_count; /* hidden_count + 1 */
    int32_t hidden_norm, output_norm;
    int32_t activation;                /* IST_RELU .., of hidden layers */
    int32_t loss;                      /* IST_LOSS_* */
    float huber_delta;                 /* of IST_LOSS_HUBER */
    int32_t width[IST_MAX_HIDDEN + 2]; /* features, hidden widths, classes */
    ist__layer layer[IST_MAX_HIDDEN + 1];
    int64_t floats;            /* of a parameter block, alignment gaps included */
    int64_t parameters;        /* trained numbers, without gaps */
    int64_t statistics_floats; /* of a block of statistics */
} ist__shape;

/* Check a configuration and lay the arrays out.  IST_E_ARGUMENT names the field. */
ist_status ist__shape_make(ist__shape *out, const ist_model_config *config, ist__error *error);

/* The shape of a subnet: hidden widths replaced by hidden (hidden_count), weights in panels or plain, all else as in
 * `whole`. */
ist__shape ist__shape_narrow(const ist__shape *whole, const int32_t *hidden, bool panels);

/* The first hidden[h] neurons of each hidden layer, seen where they lie in a block of this shape: widths and parameters are
 * theirs, offsets, strides and floats the block's. */
ist__shape ist__shape_first(const ist__shape *block, const int32_t *hidden);

/* Floats of a layer's weights in its block, gaps between panels included. */
int64_t ist__layer_weight_floats(const ist__layer *layer);

/* The widest layer's outputs, features not counted. */
int32_t ist__shape_widest(const ist__shape *shape);
/* Of the first `layers` layers. */
int32_t ist__shape_widest_below(const ist__shape *shape, int32_t layers);

/* Are the outputs numbers, not classes? */
bool ist__shape_regresses(const ist__shape *shape);
/* Where the loss of a regression becomes a line; 0: nowhere. */
float ist__shape_loss_delta(const ist__shape *shape);
/* Bytes of what is known of a row beside its features: its label, or its targets. */
int64_t ist__shape_answer_bytes(const ist__shape *shape);

/* The arrays of a layer in turn, so that files and exchanges need no list of their own. */
enum { IST__ARRAYS_PER_LAYER = 3 };
typedef struct ist__array {
    int64_t offset;        /* floats into the block */
    int64_t rows, columns; /* columns 1: a vector over neurons */
    bool decays;           /* weight decay applies: weights only */
    int64_t stride;        /* floats from row to row: columns, and more where these are the first ones of a block's */
} ist__array;
/* Array `which` (0 weight, 1 gain, 2 offset) of layer l of a plain shape, and the vectors of any; false when the layer
 * has no such array. */
bool ist__shape_array(const ist__shape *shape, int32_t l, int32_t which, ist__array *out);

/* Are these the same layers?  Of two whole nets. */
bool ist__shape_same(const ist__shape *a, const ist__shape *b);

/* Products of one training step on `batch` rows, in flops: forward, gradients of weights, and of inputs but for the
 * first layer. [M9] */
double ist__shape_step_flops(const ist__shape *shape, int64_t batch);
/* The same where only the weights of `own`, first neurons of `shape`, take their step. */
double ist__shape_masked_flops(const ist__shape *shape, const ist__shape *own, int64_t batch);
/* Products of a forward pass over `rows` rows. */
double ist__shape_forward_flops(const ist__shape *shape, int64_t rows);

#endif
