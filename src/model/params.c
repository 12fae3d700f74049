/* params.c - creates and initialises the master net.  Floor: model.  Cold. */
#include "model/params.h"

#include <math.h>
#include <string.h>

#include "base/bounds.h"
#include "base/mem.h"
#include "base/rng.h"

ist_status ist__net_create(ist__net *out, const ist__shape *shape, int32_t subnets, ist__error *error)
{
    if (ist__bound_check("ist_model_config.subnets", subnets, error)) return IST_E_ARGUMENT;
    if (subnets > 1 && shape->hidden_count == 0)
        return ist__fail(error, IST_E_ARGUMENT, "%d subnets, but a net without hidden layers has nothing to deal",
                         subnets);
    for (int32_t h = 1; h <= shape->hidden_count; h++)
        if (shape->width[h] < subnets)
            return ist__fail(error, IST_E_ARGUMENT, "%d subnets, but hidden layer %d has only %d neurons", subnets, h,
                             shape->width[h]);
    ist__net net = {.shape = *shape, .subnets = subnets, .output_scale = 1, .normalization_count = 1};
    net.statistics = ist__alloc(shape->statistics_floats, sizeof *net.statistics);
    net.shift = ist__alloc(shape->width[0], sizeof *net.shift);
    net.factor = ist__alloc(shape->width[0], sizeof *net.factor);
    bool whole = net.statistics && net.shift && net.factor;
    if (ist__shape_regresses(shape)) {
        const int32_t targets = shape->width[shape->layer_count];
        net.target_count = 1;
        net.target_shift = ist__alloc(targets, sizeof *net.target_shift);
        net.target_factor = ist__alloc(targets, sizeof *net.target_factor);
        whole &= net.target_shift && net.target_factor;
        if (net.target_factor) net.target_factor[0] = 1;
    }
    if (!whole) {
        ist__net_destroy(&net);
        return ist__fail(error, IST_E_MEMORY, "no memory for the statistics of a net with %d features",
                         shape->width[0]);
    }
    net.factor[0] = 1;
    *out = net;
    return IST_OK;
}

ist_status ist__net_set_output_scale(ist__net *net, double scale, ist__error *error)
{
    const ist_status status = ist__bound_check("ist_model_config.output_scale", scale, error);
    if (status) return status;
    net->output_scale = scale;
    return IST_OK;
}

void ist__net_destroy(ist__net *net)
{
    ist__free(net->statistics);
    ist__free(net->shift);
    ist__free(net->factor);
    ist__free(net->target_shift);
    ist__free(net->target_factor);
    memset(net, 0, sizeof *net);
}

/* A subnet sees inputs / n of a dealt layer's neurons: that is the fan-in its weights must be right for. */
static int32_t fan_in(const ist__net *net, int32_t l)
{
    const int32_t inputs = net->shape.layer[l].inputs;
    return l == 0 ? inputs : (inputs + net->subnets - 1) / net->subnets;
}

/* The variance of weights times fan-in is a third of this: 2 where an activation lets about half of its input through, 1
 * for tanh, which is its input near 0. [M7] */
static float gain_of(int32_t activation)
{
    return activation == IST_TANH ? 3.0F : 6.0F;
}

/* Of sigmoids: each of C labels has a chance of about 1 / C, or thousands of labels would first have to be unlearned; by the
 * next power of two, so that no logarithm is needed. */
static float first_bias(const ist__net *net, const ist__layer *layer)
{
    const float ln2 = 0x1.62e43p-1F;
    int32_t bits = 0;
    if (!layer->is_output || net->shape.loss != IST_LOSS_BINARY) return 0;
    while (bits < 31 && (1U << bits) < (uint32_t)layer->outputs) bits++;
    return -ln2 * (float)bits;
}

void ist__net_initialize(ist__net *net, uint64_t seed)
{
    for (int32_t l = 0; l < net->shape.layer_count; l++) {
        const ist__layer *layer = &net->shape.layer[l];
        const float bias = first_bias(net, layer);
        const float bound = sqrtf(gain_of(net->shape.activation) / (float)fan_in(net, l));
        ist__rng rng = ist__rng_make(seed, IST__FOR_WEIGHTS, 0, (uint32_t)l);
        float *weight = net->param + layer->weight;
        const int64_t weights = (int64_t)layer->inputs * layer->outputs;
        for (int64_t i = 0; i < weights; i++) weight[i] = bound * (2 * ist__rng_uniform(&rng) - 1);
        for (int32_t j = 0; j < layer->outputs; j++) {
            if (layer->gain >= 0) net->param[layer->gain + j] = 1;
            if (layer->offset >= 0) net->param[layer->offset + j] = bias;
        }
    }
    ist__net_changed(net);
}

void ist__net_copy_normalization(ist__net *out, const ist__net *from)
{
    const size_t inputs = (size_t)from->normalization_count * sizeof *from->shift;
    const size_t targets = (size_t)from->target_count * sizeof *from->target_shift;
    out->normalization_count = from->normalization_count;
    memcpy(out->shift, from->shift, inputs);
    memcpy(out->factor, from->factor, inputs);
    out->target_count = from->target_count;
    if (targets == 0) return;
    memcpy(out->target_shift, from->target_shift, targets);
    memcpy(out->target_factor, from->target_factor, targets);
}

void ist__net_copy_small(ist__net *out, const ist__net *from)
{
    const ist__net own = *out;
    *out = *from;
    out->param = own.param;
    out->statistics = own.statistics;
    out->shift = own.shift;
    out->factor = own.factor;
    out->target_shift = own.target_shift;
    out->target_factor = own.target_factor;
    memcpy(out->statistics, from->statistics, (size_t)from->shape.statistics_floats * sizeof *from->statistics);
    ist__net_copy_normalization(out, from);
}

void ist__net_copy(ist__net *out, const ist__net *from)
{
    if (out->param == from->param) return;
    memcpy(out->param, from->param, (size_t)from->shape.floats * sizeof *from->param);
    ist__net_copy_small(out, from);
}

float ist__net_scale(const ist__net *net, int32_t l)
{
    const bool dealt_inputs = l > 0;
    const bool absorbed = net->shape.layer[l].norm == IST_NORM_BATCH;
    return dealt_inputs && !absorbed ? 1.0F / (float)net->subnets : 1.0F;
}
