/* shape.c - lays out the arrays of a net.
 *
 * Why a file of its own: offsets are computed here and nowhere else; master, subnet blocks, optimiser state and files
 * all follow this one layout.  Floor: model.  Cold.
 */
#include "model/shape.h"

#include <string.h>

#include "base/bounds.h"

enum { FLOATS_PER_LINE = 16 };
/* Floats between panels: eight cache lines, so that the same inputs of neighbouring panels, which the gradient of inputs
 * reads together, are not all in the same few sets of a cache when a layer's width is a power of two. */
enum { PANEL_GAP = 8 * FLOATS_PER_LINE };

static int64_t claim(int64_t *total, int64_t count)
{
    const int64_t at = *total;
    *total += (count + FLOATS_PER_LINE - 1) / FLOATS_PER_LINE * FLOATS_PER_LINE;
    return at;
}

int64_t ist__layer_weight_floats(const ist__layer *layer)
{
    return ((int64_t)layer->outputs + layer->panel - 1) / layer->panel * layer->panel_stride;
}

static void lay_out(ist__shape *shape)
{
    shape->layer_count = shape->hidden_count + 1;
    shape->floats = shape->parameters = shape->statistics_floats = 0;
    for (int32_t l = 0; l < shape->layer_count; l++) {
        ist__layer *layer = &shape->layer[l];
        layer->inputs = shape->width[l];
        layer->outputs = shape->width[l + 1];
        layer->is_output = l == shape->hidden_count;
        layer->norm = layer->is_output ? shape->output_norm : shape->hidden_norm;
        layer->activation = layer->is_output ? IST__NO_ACTIVATION : shape->activation;
        const int64_t weights = (int64_t)layer->inputs * layer->outputs;
        const bool has_norm = layer->norm == IST_NORM_BATCH;
        const bool has_gain = has_norm && !layer->is_output; /* the output's batch norm has no affine part */
        const bool has_offset = has_gain || !has_norm;
        layer->panel = shape->panels ? IST__PANEL : layer->is_output ? layer->outputs : 1;
        layer->panel_stride = (int64_t)layer->inputs * layer->panel + (shape->panels ? PANEL_GAP : 0);
        layer->weight = claim(&shape->floats, ist__layer_weight_floats(layer));
        layer->gain = has_gain ? claim(&shape->floats, layer->outputs) : -1;
        layer->offset = has_offset ? claim(&shape->floats, layer->outputs) : -1;
        layer->statistics = has_norm ? claim(&shape->statistics_floats, 2 * (int64_t)layer->outputs) : -1;
        shape->parameters += weights + (has_gain + has_offset) * (int64_t)layer->outputs;
    }
}

/* What hidden layers and the output are for. */
static ist_status check_purpose(const ist_model_config *config, ist__error *error)
{
    if (config->loss == IST_LOSS_CROSS_ENTROPY && config->classes < 2)
        return ist__fail(error, IST_E_ARGUMENT, "classes is %d, expected 2 or more of cross-entropy", config->classes);
    if (config->loss == IST_LOSS_CROSS_ENTROPY) return IST_OK;
    const bool binary = config->loss == IST_LOSS_BINARY;
    if (config->output_norm != IST_NORM_NONE)
        return ist__fail(error, IST_E_ARGUMENT, "output_norm is %d, expected IST_NORM_NONE for %s", config->output_norm,
                         binary ? "sigmoids" : "a regression");
    if (binary) return IST_OK;
    if (config->output_scale != 1)
        return ist__fail(error, IST_E_ARGUMENT, "output_scale is %g, expected 1 for a regression",
                         config->output_scale);
    return IST_OK;
}

ist_status ist__shape_make(ist__shape *out, const ist_model_config *config, ist__error *error)
{
    ist_status status = ist__bounds_check("ist_model_config", config, error);
    if (!status) status = check_purpose(config, error);
    if (status) return status;
    if (config->hidden_count > 0 && !config->hidden)
        return ist__fail(error, IST_E_ARGUMENT, "hidden is NULL, expected %d widths", config->hidden_count);
    ist__shape shape;
    memset(&shape, 0, sizeof shape);
    shape.hidden_count = config->hidden_count;
    shape.hidden_norm = config->hidden_norm;
    shape.output_norm = config->output_norm;
    shape.activation = config->activation;
    shape.loss = config->loss;
    shape.huber_delta = (float)config->huber_delta;
    shape.width[0] = config->features;
    for (int32_t h = 0; h < config->hidden_count; h++) {
        status = ist__bound_check("ist_model_config.hidden", config->hidden[h], error);
        if (status) return status;
        shape.width[h + 1] = config->hidden[h];
    }
    shape.width[config->hidden_count + 1] = config->classes;
    lay_out(&shape);
    *out = shape;
    return IST_OK;
}

ist__shape ist__shape_narrow(const ist__shape *whole, const int32_t *hidden, bool panels)
{
    ist__shape shape = *whole;
    shape.panels = panels;
    for (int32_t h = 0; h < whole->hidden_count; h++) shape.width[h + 1] = hidden[h];
    lay_out(&shape);
    return shape;
}

ist__shape ist__shape_first(const ist__shape *block, const int32_t *hidden)
{
    ist__shape shape = *block;
    shape.parameters = 0;
    for (int32_t h = 0; h < block->hidden_count; h++) shape.width[h + 1] = hidden[h];
    for (int32_t l = 0; l < block->layer_count; l++) {
        ist__layer *layer = &shape.layer[l];
        layer->inputs = shape.width[l];
        layer->outputs = shape.width[l + 1];
        const int64_t vectors = (layer->gain >= 0) + (layer->offset >= 0);
        shape.parameters += (layer->inputs + vectors) * layer->outputs;
    }
    return shape;
}

int32_t ist__shape_widest_below(const ist__shape *shape, int32_t layers)
{
    int32_t widest = 0;
    for (int32_t l = 1; l <= layers; l++)
        if (shape->width[l] > widest) widest = shape->width[l];
    return widest;
}

int32_t ist__shape_widest(const ist__shape *shape)
{
    return ist__shape_widest_below(shape, shape->layer_count);
}

bool ist__shape_regresses(const ist__shape *shape)
{
    return shape->loss == IST_LOSS_MSE || shape->loss == IST_LOSS_HUBER;
}

float ist__shape_loss_delta(const ist__shape *shape)
{
    return shape->loss == IST_LOSS_HUBER ? shape->huber_delta : 0;
}

int64_t ist__shape_answer_bytes(const ist__shape *shape)
{
    const int64_t numbers = ist__shape_regresses(shape) ? shape->width[shape->layer_count] : 1;
    return numbers * (int64_t)sizeof(int32_t); /* float32 are as large */
}

bool ist__shape_array(const ist__shape *shape, int32_t l, int32_t which, ist__array *out)
{
    const ist__layer *layer = &shape->layer[l];
    if (which == 0) {
        const bool flip = layer->is_output;
        *out = (ist__array){layer->weight, flip ? layer->inputs : layer->outputs, flip ? layer->outputs : layer->inputs,
                            true, flip ? layer->panel : layer->panel_stride};
        return true;
    }
    *out = (ist__array){which == 1 ? layer->gain : layer->offset, layer->outputs, 1, false, 1};
    return out->offset >= 0;
}

bool ist__shape_same(const ist__shape *a, const ist__shape *b)
{
    return a->hidden_count == b->hidden_count && a->hidden_norm == b->hidden_norm && a->output_norm == b->output_norm &&
           a->activation == b->activation && a->loss == b->loss && a->huber_delta == b->huber_delta &&
           memcmp(a->width, b->width, (size_t)(a->layer_count + 1) * sizeof *a->width) == 0;
}

double ist__shape_masked_flops(const ist__shape *shape, const ist__shape *own, int64_t batch)
{
    double products = ist__shape_forward_flops(shape, batch) + ist__shape_forward_flops(own, batch);
    for (int32_t l = 1; l < shape->layer_count; l++) /* what is below the first hidden layer's gradient needs none */
        products += 2.0 * (double)batch * (l == 1 ? own : shape)->layer[l].inputs * shape->layer[l].outputs;
    return products;
}

double ist__shape_step_flops(const ist__shape *shape, int64_t batch)
{
    return ist__shape_masked_flops(shape, shape, batch);
}

double ist__shape_forward_flops(const ist__shape *shape, int64_t rows)
{
    double flops = 0;
    for (int32_t l = 0; l < shape->layer_count; l++)
        flops += 2.0 * (double)rows * shape->layer[l].inputs * shape->layer[l].outputs;
    return flops;
}
