/* tensors.h - a net as named tensors, as other programs see it: the names, shapes and bytes of docs/export.md.
 *
 * One list serves what writes (export.c, onnx.c) and what reads (import.c), so that the two cannot differ.
 */
#ifndef IST_TRAIN_TENSORS_H
#define IST_TRAIN_TENSORS_H

#include "model/params.h"

typedef enum ist__tensor_kind {
    IST__TENSOR_OUTPUT_SCALE, /* (1) float64 */
    IST__TENSOR_HUBER_DELTA,  /* (1) float64 */
    IST__TENSOR_SUBNETS,      /* (1) int32 */
    IST__TENSOR_LOSS,         /* (1) int32, IST_LOSS_MSE, .. */
    IST__TENSOR_ACTIVATION,   /* (1) int32, IST_RELU .. */
    IST__TENSOR_SHIFT,        /* (1) or (features): x is seen as (x - shift) * factor */
    IST__TENSOR_FACTOR,
    IST__TENSOR_TARGET_SHIFT, /* (1) or (targets): outputs are (y - shift) * factor */
    IST__TENSOR_TARGET_FACTOR,
    IST__TENSOR_WEIGHT, /* (outputs, inputs) of every layer, the output too */
    IST__TENSOR_BIAS,   /* (outputs) */
    IST__TENSOR_GAIN,   /* (outputs) each, of batch norm */
    IST__TENSOR_BETA,
    IST__TENSOR_MEAN,
    IST__TENSOR_VARIANCE
} ist__tensor_kind;

/* Of a net at most nine, of a layer weight, bias, four of its norm (ONNX has some at every norm). */
enum { IST__TENSOR_NAME_BYTES = 32, IST__TENSORS_MOST = 9 + 6 * (IST_MAX_HIDDEN + 1) };

typedef struct ist__tensor {
    char name[IST__TENSOR_NAME_BYTES];
    ist__tensor_kind kind;
    int32_t layer; /* -1: of the net */
    int32_t type;  /* IST_FLOAT32, IST_FLOAT64, IST_INT32 */
    int32_t dims;  /* 1 or 2 */
    int64_t size[2];
} ist__tensor;

int32_t ist__tensor_item_bytes(int32_t type); /* of a number: IST_FLOAT32 .. */
int64_t ist__tensor_count(const ist__tensor *tensor);
uint64_t ist__tensor_bytes(const ist__tensor *tensor);

/* What is there to be looked at: a net as it is, or folded. */
typedef struct ist__net_view {
    const ist__net *net;
    bool folded;
    bool all;      /* not folded: nothing is left out */
    float *memory; /* scale and shift of each layer, one after the other; NULL: not folded */
    float *scale[IST_MAX_HIDDEN + 1], *shift[IST_MAX_HIDDEN + 1]; /* (outputs) */
    float *room; /* of rows that are not in memory as they are wanted */
} ist__net_view;

/* folded: every layer becomes W x + b, the scale of the logits, or the targets' own units, in the last one; not for a net that lacks statistics.
 * IST_E_MEMORY. */
ist_status ist__net_view_open(ist__net_view *out, const ist__net *net, bool folded, ist__error *error);
void ist__net_view_close(ist__net_view *view); /* a zeroed one is fine */

/* Are targets seen otherwise than they are? */
bool ist__targets_are_scaled(const ist__net *net);

/* Why a number cannot be one of this kind, in words; NULL: it can. */
const char *ist__tensor_objection(ist__tensor_kind kind, float value);

/* All tensors of a view: what is as if it were not there (shift 0 and factor 1, 1 subnet, ReLU, cross-entropy, delta 1, output scale 1) is left out, and
 * so are statistics that are not of these parameters.  Returns how many. */
int32_t ist__net_view_tensors(const ist__net_view *view, ist__tensor out[IST__TENSORS_MOST]);

/* Hand a tensor's bytes over in pieces, from first to last, until `take` fails.  Float32 weights of hidden layers that are not
 * folded come from where they lie. */
typedef ist_status (*ist__take_bytes)(void *user, const void *bytes, size_t count);
ist_status ist__net_view_stream(const ist__net_view *view, const ist__tensor *tensor, ist__take_bytes take, void *user);

/* The way back, for a net whose param is there: numbers for a tensor of its view (not folded), as pieces that `give` fills in
 * the same order.  room: ist__weight_room floats. */
typedef ist_status (*ist__give_bytes)(void *user, void *bytes, size_t count);
ist_status ist__net_fill(ist__net *net, const ist__tensor *tensor, float *room, ist__give_bytes give, void *user);

/* Floats of room that rows of weights pass through: of the output layer, which lies transposed, 16 rows. */
int64_t ist__weight_room(const ist__shape *shape);

#endif
