/* fold.c - batch norm with stored statistics as a scale and a shift.  Floor: train. */
#include "train/fold.h"

#include <math.h>

#include "base/mem.h"
#include "math/kernels.h"

void ist__fold_layer(const ist__net *net, int32_t l, int32_t first, int32_t last, float *scale, float *shift)
{
    const ist__layer *layer = &net->shape.layer[l];
    const float *mean = net->statistics + layer->statistics, *variance = mean + layer->outputs;
    for (int32_t i = first; i < last; i++) {
        const float offset = layer->offset >= 0 ? net->param[layer->offset + i] : 0;
        const float gain = layer->gain >= 0 ? net->param[layer->gain + i] : 1;
        const bool normed = layer->norm == IST_NORM_BATCH;
        scale[i] = normed ? gain / sqrtf(variance[i] + IST__NORM_EPSILON) : ist__net_scale(net, l);
        shift[i] = normed ? offset - mean[i] * scale[i] : offset;
    }
}

ist_status ist__folds_make(ist__folds *out, const ist__shape *shape, ist__error *error)
{
    int64_t floats = 0;
    for (int32_t l = 1; l <= shape->layer_count; l++) floats += 2 * (int64_t)shape->width[l];
    float *next = out->memory = ist__alloc(floats, sizeof *next);
    if (!next) return ist__fail(error, IST_E_MEMORY, "no memory to fold %lld statistics", (long long)floats / 2);
    for (int32_t l = 0; l < shape->layer_count; l++) {
        out->scale[l] = next;
        out->shift[l] = next + shape->width[l + 1];
        next += 2 * (int64_t)shape->width[l + 1];
    }
    return IST_OK;
}

void ist__folds_layer(ist__folds *folds, const ist__net *net, int32_t l, int32_t first, int32_t last)
{
    ist__fold_layer(net, l, first, last, folds->scale[l], folds->shift[l]);
}

float ist__target_of(const ist__net *net, int32_t k, float output)
{
    const int32_t at = net->target_count == 1 ? 0 : k;
    return (float)((double)output / (double)net->target_factor[at] + (double)net->target_shift[at]);
}
