/* tensors.c - a net as named tensors.
 *
 * Why names and shapes are PyTorch's: `layers` and `norms` as two lists of modules read such a file without a line of code in
 * between, and whoever reads it without PyTorch loses nothing.  All weights are (outputs, inputs) for that reason, though ours of
 * the output layer lie transposed (docs/format.md): they pass through a room of some rows at a time, a cache line's worth.
 *
 * Floor: train.  Cold: as fast as files are written.
 */
#include "train/tensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "train/fold.h"

enum { ROWS_AT_A_TIME = IST__CACHE_LINE_BYTES / sizeof(float) };

int32_t ist__tensor_item_bytes(int32_t type)
{
    return type == IST_FLOAT64 ? 8 : 4;
}

int64_t ist__tensor_count(const ist__tensor *tensor)
{
    return tensor->dims == 2 ? tensor->size[0] * tensor->size[1] : tensor->size[0];
}

uint64_t ist__tensor_bytes(const ist__tensor *tensor)
{
    return (uint64_t)ist__tensor_count(tensor) * (uint64_t)ist__tensor_item_bytes(tensor->type);
}

int64_t ist__weight_room(const ist__shape *shape)
{
    int64_t most = (int64_t)shape->layer[shape->layer_count - 1].inputs * ROWS_AT_A_TIME;
    for (int32_t l = 0; l < shape->layer_count; l++)
        if (shape->layer[l].inputs > most) most = shape->layer[l].inputs;
    return most;
}

/* ------------------------------------------------------------------------------------------------------- views -- */

static ist_status fold(ist__net_view *view, ist__error *error)
{
    const ist__net *net = view->net;
    const ist__shape *shape = &net->shape;
    int64_t floats = 0;
    for (int32_t l = 0; l < shape->layer_count; l++) floats += 2 * (int64_t)shape->layer[l].outputs;
    float *next = view->memory = ist__alloc(floats, sizeof *next);
    if (!next) return ist__fail(error, IST_E_MEMORY, "no memory to fold %lld norms", (long long)floats / 2);
    for (int32_t l = 0; l < shape->layer_count; l++) {
        const int32_t outputs = shape->layer[l].outputs;
        view->scale[l] = next;
        view->shift[l] = next + outputs;
        next += 2 * (int64_t)outputs;
        ist__fold_layer(net, l, 0, outputs, view->scale[l], view->shift[l]);
        for (int32_t i = 0; shape->layer[l].is_output && i < outputs; i++) {
            view->scale[l][i] *= (float)net->output_scale;
            view->shift[l][i] *= (float)net->output_scale;
            if (!ist__targets_are_scaled(net)) continue;
            const int32_t at = net->target_count == 1 ? 0 : i;
            view->scale[l][i] /= net->target_factor[at];
            view->shift[l][i] = view->shift[l][i] / net->target_factor[at] + net->target_shift[at];
        }
    }
    return IST_OK;
}

ist_status ist__net_view_open(ist__net_view *out, const ist__net *net, bool folded, ist__error *error)
{
    ist__net_view view = {.net = net, .folded = folded};
    const int64_t floats = ist__weight_room(&net->shape);
    ist_status status = IST_OK;
    view.room = ist__alloc(floats, sizeof *view.room);
    if (!view.room) status = ist__fail(error, IST_E_MEMORY, "no memory for %lld weights", (long long)floats);
    if (!status && folded) status = fold(&view, error);
    if (status) ist__net_view_close(&view);
    else *out = view;
    return status;
}

void ist__net_view_close(ist__net_view *view)
{
    ist__free(view->memory);
    ist__free(view->room);
    memset(view, 0, sizeof *view);
}

/* ------------------------------------------------------------------------------------------------------- names -- */

/* One more tensor; the name of one in a layer has its number. */
static void add(ist__tensor *out, int32_t *count, ist__tensor_kind kind, int32_t layer, const char *name, int64_t rows,
                int64_t columns)
{
    ist__tensor *t = &out[(*count)++];
    *t = (ist__tensor){.kind = kind, .layer = layer, .type = IST_FLOAT32, .dims = 1, .size = {rows, columns}};
    if (kind == IST__TENSOR_OUTPUT_SCALE || kind == IST__TENSOR_HUBER_DELTA) t->type = IST_FLOAT64;
    if (kind == IST__TENSOR_SUBNETS || kind == IST__TENSOR_ACTIVATION || kind == IST__TENSOR_LOSS) t->type = IST_INT32;
    if (kind == IST__TENSOR_WEIGHT) t->dims = 2;
    snprintf(t->name, sizeof t->name, name, layer);
}

static bool is_normalized(const ist__net *net)
{
    return net->normalization_count > 1 || net->shift[0] != 0 || net->factor[0] != 1;
}

bool ist__targets_are_scaled(const ist__net *net)
{
    return net->target_count > 1 ||
           (net->target_count == 1 && (net->target_shift[0] != 0 || net->target_factor[0] != 1));
}

/* The output scale first: where files have no gaps, eight bytes a number stand well at their beginning. */
int32_t ist__net_view_tensors(const ist__net_view *view, ist__tensor out[IST__TENSORS_MOST])
{
    const ist__net *net = view->net;
    int32_t n = 0;
    if (view->all || (!view->folded && net->output_scale != 1))
        add(out, &n, IST__TENSOR_OUTPUT_SCALE, -1, "net.output_scale", 1, 1);
    const bool regresses = ist__shape_regresses(&net->shape);
    if (net->shape.loss == IST_LOSS_HUBER && (view->all || net->shape.huber_delta != 1))
        add(out, &n, IST__TENSOR_HUBER_DELTA, -1, "net.huber_delta", 1, 1);
    if (view->all || (!view->folded && net->subnets > 1)) add(out, &n, IST__TENSOR_SUBNETS, -1, "net.subnets", 1, 1);
    if (view->all || net->shape.activation != IST_RELU)
        add(out, &n, IST__TENSOR_ACTIVATION, -1, "net.activation", 1, 1);
    if (net->shape.loss != IST_LOSS_CROSS_ENTROPY) add(out, &n, IST__TENSOR_LOSS, -1, "net.loss", 1, 1);
    if (view->all || is_normalized(net)) {
        add(out, &n, IST__TENSOR_SHIFT, -1, "input.shift", net->normalization_count, 1);
        add(out, &n, IST__TENSOR_FACTOR, -1, "input.factor", net->normalization_count, 1);
    }
    if (regresses && (view->all || (!view->folded && ist__targets_are_scaled(net)))) {
        add(out, &n, IST__TENSOR_TARGET_SHIFT, -1, "target.shift", net->target_count, 1);
        add(out, &n, IST__TENSOR_TARGET_FACTOR, -1, "target.factor", net->target_count, 1);
    }
    for (int32_t l = 0; l < net->shape.layer_count; l++) {
        const ist__layer *layer = &net->shape.layer[l];
        const int32_t outputs = layer->outputs;
        const bool normed = layer->norm == IST_NORM_BATCH && !view->folded;
        add(out, &n, IST__TENSOR_WEIGHT, l, "layers.%d.weight", outputs, layer->inputs);
        if (!normed) add(out, &n, IST__TENSOR_BIAS, l, "layers.%d.bias", outputs, 1);
        if (normed && layer->gain >= 0) {
            add(out, &n, IST__TENSOR_GAIN, l, "norms.%d.weight", outputs, 1);
            add(out, &n, IST__TENSOR_BETA, l, "norms.%d.bias", outputs, 1);
        }
        if (normed && (view->all || net->calibrated)) {
            add(out, &n, IST__TENSOR_MEAN, l, "norms.%d.running_mean", outputs, 1);
            add(out, &n, IST__TENSOR_VARIANCE, l, "norms.%d.running_var", outputs, 1);
        }
    }
    return n;
}

const char *ist__tensor_objection(ist__tensor_kind kind, float value)
{
    if (!isfinite(value)) return "a number that is not finite";
    if (kind == IST__TENSOR_VARIANCE && value < 0) return "a variance below 0";
    const bool factor = kind == IST__TENSOR_FACTOR || kind == IST__TENSOR_TARGET_FACTOR;
    return factor && value == 0 ? "a factor of 0" : NULL;
}

/* ------------------------------------------------------------------------------------------------------- bytes -- */

/* Where the numbers of a tensor lie in a net; NULL: nowhere as they are, or a weight. */
static float *vector_of(const ist__net *net, const ist__tensor *tensor)
{
    if (tensor->kind == IST__TENSOR_SHIFT) return net->shift;
    if (tensor->kind == IST__TENSOR_FACTOR) return net->factor;
    if (tensor->kind == IST__TENSOR_TARGET_SHIFT) return net->target_shift;
    if (tensor->kind == IST__TENSOR_TARGET_FACTOR) return net->target_factor;
    const ist__layer *layer = &net->shape.layer[tensor->layer];
    switch (tensor->kind) {
    case IST__TENSOR_BIAS:
    case IST__TENSOR_BETA: return net->param + layer->offset;
    case IST__TENSOR_GAIN: return net->param + layer->gain;
    case IST__TENSOR_MEAN: return net->statistics + layer->statistics;
    case IST__TENSOR_VARIANCE: return net->statistics + layer->statistics + layer->outputs;
    default: return NULL;
    }
}

/* Rows [first, first + rows) of the output layer's weights into `room`, as (rows, inputs); back: the other way. */
static void turn(float *weight, const ist__layer *layer, int32_t first, int32_t rows, float *room, bool back)
{
    for (int32_t i = 0; i < layer->inputs; i++)
        for (int32_t r = 0; r < rows; r++) {
            float *there = weight + (int64_t)i * layer->outputs + first + r;
            float *here = room + (int64_t)r * layer->inputs + i;
            if (back) *there = *here;
            else *here = *there;
        }
}

static ist_status stream_weight(const ist__net_view *view, int32_t l, ist__take_bytes take, void *user)
{
    const ist__layer *layer = &view->net->shape.layer[l];
    const int64_t inputs = layer->inputs;
    float *weight = view->net->param + layer->weight;
    if (!layer->is_output && !view->folded)
        return take(user, weight, (size_t)(layer->outputs * inputs) * sizeof *weight);
    const int32_t most = layer->is_output ? ROWS_AT_A_TIME : 1;
    ist_status status = IST_OK;
    for (int32_t first = 0; first < layer->outputs && !status; first += most) {
        const int32_t rows = layer->outputs - first < most ? layer->outputs - first : most;
        if (layer->is_output) turn(weight, layer, first, rows, view->room, false);
        else memcpy(view->room, weight + first * inputs, (size_t)inputs * sizeof *weight);
        for (int32_t r = 0; view->folded && r < rows; r++)
            for (int64_t i = 0; i < inputs; i++) view->room[r * inputs + i] *= view->scale[l][first + r];
        status = take(user, view->room, (size_t)(rows * inputs) * sizeof *view->room);
    }
    return status;
}

ist_status ist__net_view_stream(const ist__net_view *view, const ist__tensor *tensor, ist__take_bytes take, void *user)
{
    const ist__net *net = view->net;
    const size_t bytes = (size_t)ist__tensor_bytes(tensor);
    if (tensor->kind == IST__TENSOR_WEIGHT) return stream_weight(view, tensor->layer, take, user);
    if (tensor->kind == IST__TENSOR_OUTPUT_SCALE) return take(user, &net->output_scale, bytes);
    const double delta = (double)net->shape.huber_delta;
    if (tensor->kind == IST__TENSOR_HUBER_DELTA) return take(user, &delta, bytes);
    if (tensor->kind == IST__TENSOR_SUBNETS) return take(user, &net->subnets, bytes);
    if (tensor->kind == IST__TENSOR_LOSS) return take(user, &net->shape.loss, bytes);
    if (tensor->kind == IST__TENSOR_ACTIVATION) return take(user, &net->shape.activation, bytes);
    if (tensor->kind == IST__TENSOR_BIAS && view->folded) return take(user, view->shift[tensor->layer], bytes);
    return take(user, vector_of(net, tensor), bytes);
}

ist_status ist__net_fill(ist__net *net, const ist__tensor *tensor, float *room, ist__give_bytes give, void *user)
{
    const size_t bytes = (size_t)ist__tensor_bytes(tensor);
    if (tensor->kind == IST__TENSOR_OUTPUT_SCALE) return give(user, &net->output_scale, bytes);
    double delta; /* the shape has it: it was made with it, or is compared with it */
    if (tensor->kind == IST__TENSOR_HUBER_DELTA) return give(user, &delta, bytes);
    if (tensor->kind == IST__TENSOR_SUBNETS) return give(user, &net->subnets, bytes);
    if (tensor->kind == IST__TENSOR_LOSS) return give(user, &net->shape.loss, bytes);
    if (tensor->kind == IST__TENSOR_ACTIVATION) return give(user, &net->shape.activation, bytes);
    if (tensor->kind != IST__TENSOR_WEIGHT) return give(user, vector_of(net, tensor), bytes);
    const ist__layer *layer = &net->shape.layer[tensor->layer];
    float *weight = net->param + layer->weight;
    if (!layer->is_output) return give(user, weight, bytes);
    ist_status status = IST_OK;
    for (int32_t first = 0; first < layer->outputs && !status; first += ROWS_AT_A_TIME) {
        const int32_t left = layer->outputs - first, rows = left < ROWS_AT_A_TIME ? left : ROWS_AT_A_TIME;
        status = give(user, room, (size_t)rows * (size_t)layer->inputs * sizeof *room);
        if (!status) turn(weight, layer, first, rows, room, true);
    }
    return status;
}
