/* narrow.c - one subnet as a net of its own.  Floor: model.  Cold. */
#include "model/narrow.h"

#include <string.h>

#include "model/exchange.h"

/* Of a neuron of the first layer nothing is different in a narrow net; above it, inputs are missing. */
static void copy_statistics(ist__net *out, const ist__net *whole, const ist__deal *deal, int32_t subnet)
{
    const ist__layer *wide = &whole->shape.layer[0], *narrow = &out->shape.layer[0];
    const int32_t *neurons = NULL;
    bool all = whole->calibrated != 0;
    for (int32_t l = 1; l < out->shape.layer_count; l++) all &= out->shape.layer[l].statistics < 0;
    if (wide->statistics >= 0 && !wide->is_output) {
        const int32_t count = ist__deal_group(deal, 0, subnet, &neurons);
        for (int32_t i = 0; i < count; i++) {
            const int64_t from = wide->statistics + neurons[i], to = narrow->statistics + i;
            out->statistics[to] = whole->statistics[from];
            out->statistics[to + narrow->outputs] = whole->statistics[from + wide->outputs];
        }
    } else if (wide->statistics >= 0) {
        memcpy(out->statistics, whole->statistics, (size_t)whole->shape.statistics_floats * sizeof *out->statistics);
    }
    out->calibrated = all;
}

ist_status ist__narrow_open(ist__net *out, const ist__net *whole, const ist__deal *deal, int32_t subnet,
                            ist__error *error)
{
    const ist__shape shape = ist__deal_shape(deal, &whole->shape, subnet, false);
    const ist_status status = ist__net_create(out, &shape, 1, error);
    if (status) return status;
    out->output_scale = whole->output_scale;
    ist__net_copy_normalization(out, whole);
    copy_statistics(out, whole, deal, subnet);
    return IST_OK;
}

void ist__narrow_fill(ist__net *net, const ist__net *whole, const ist__deal *deal, int32_t subnet)
{
    ist__gather(&whole->shape, deal, subnet, whole->param, &net->shape, net->param, NULL, 0, 1);
}
