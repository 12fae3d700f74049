/* fixture_oracle.h - a net of floats as src/model lays it out, turned into the double precision net of math/reference.h,
 * and its gradients turned back.  Include after api/fixture_run.h. */
#ifndef IST_TESTS_FIXTURE_ORACLE_H
#define IST_TESTS_FIXTURE_ORACLE_H

#include <string.h>
#include "api/fixture_run.h"
#include "math/kernels.h"
#include "math/reference.h"
#include "model/partition.h"
#include "model/shape.h"

typedef struct oracle {
    ist__reference_net net;
    int32_t width[IST_MAX_HIDDEN + 2];
    double *weight[IST_MAX_HIDDEN + 1], *gamma[IST_MAX_HIDDEN + 1], *beta[IST_MAX_HIDDEN + 1],
        *bias[IST_MAX_HIDDEN + 1];
    unsigned char *active[IST_MAX_HIDDEN + 2];
} oracle;

/* Everything zero, all neurons active.  It points into itself: do not copy it. */
static inline void oracle_make(oracle *o, const ist__shape *shape)
{
    memset(o, 0, sizeof *o);
    memcpy(o->width, shape->width, sizeof o->width);
    for (int32_t l = 0; l <= shape->layer_count; l++) {
        o->active[l] = table_room(shape->width[l], 1);
        memset(o->active[l], 1, (size_t)shape->width[l]);
    }
    for (int32_t l = 0; l < shape->layer_count; l++) {
        const ist__layer *layer = &shape->layer[l];
        o->weight[l] = table_room((int64_t)layer->inputs * layer->outputs, sizeof(double));
        o->gamma[l] = table_room(layer->outputs, sizeof(double));
        o->beta[l] = table_room(layer->outputs, sizeof(double));
        o->bias[l] = table_room(layer->outputs, sizeof(double));
    }
    o->net = (ist__reference_net){.layers = shape->layer_count,
                                  .width = o->width,
                                  .hidden_norm = shape->hidden_norm,
                                  .output_norm = shape->output_norm,
                                  .epsilon = (double)IST__NORM_EPSILON,
                                  .weight = o->weight,
                                  .gamma = o->gamma,
                                  .beta = o->beta,
                                  .bias = o->bias,
                                  .active = (const unsigned char *const *)o->active,
                                  .activation = shape->activation,
                                  .output_scale = 1};
}

static inline void oracle_free(oracle *o)
{
    for (int32_t l = 0; l <= o->net.layers; l++) free(o->active[l]);
    for (int32_t l = 0; l < o->net.layers; l++) {
        free(o->weight[l]);
        free(o->gamma[l]);
        free(o->beta[l]);
        free(o->bias[l]);
    }
}

/* Where the weight of layer l to output neuron i from input j lies in a block of `shape`, plain or in panels. */
static inline int64_t oracle_place(const ist__shape *shape, int32_t l, int32_t i, int32_t j)
{
    const ist__layer *layer = &shape->layer[l];
    return layer->weight + i / layer->panel * layer->panel_stride + (int64_t)j * layer->panel + i % layer->panel;
}

/* Fill from a block of floats. */
static inline void oracle_load(oracle *o, const ist__shape *shape, const float *param)
{
    for (int32_t l = 0; l < shape->layer_count; l++) {
        const ist__layer *layer = &shape->layer[l];
        for (int32_t i = 0; i < layer->outputs; i++) {
            for (int32_t j = 0; j < layer->inputs; j++)
                o->weight[l][(int64_t)i * layer->inputs + j] = (double)param[oracle_place(shape, l, i, j)];
            if (layer->gain >= 0) o->gamma[l][i] = (double)param[layer->gain + i];
            if (layer->offset < 0) continue;
            double *offset = layer->gain >= 0 ? o->beta[l] : o->bias[l];
            offset[i] = (double)param[layer->offset + i];
        }
    }
}

/* The other way: into a block of doubles laid out as `shape` (shape->floats of them). */
static inline void oracle_store(const oracle *o, const ist__shape *shape, double *block)
{
    for (int32_t l = 0; l < shape->layer_count; l++) {
        const ist__layer *layer = &shape->layer[l];
        for (int32_t i = 0; i < layer->outputs; i++) {
            for (int32_t j = 0; j < layer->inputs; j++)
                block[oracle_place(shape, l, i, j)] = o->weight[l][(int64_t)i * layer->inputs + j];
            if (layer->gain >= 0) block[layer->gain + i] = o->gamma[l][i];
            if (layer->offset >= 0) block[layer->offset + i] = layer->gain >= 0 ? o->beta[l][i] : o->bias[l][i];
        }
    }
}

/* Only the neurons of this subnet take part. */
static inline void oracle_mask(oracle *o, const ist__deal *deal, int32_t subnet)
{
    for (int32_t h = 0; h < deal->hidden_count; h++) {
        const int32_t *neurons, count = ist__deal_group(deal, h, subnet, &neurons);
        memset(o->active[h + 1], 0, (size_t)o->width[h + 1]);
        for (int32_t k = 0; k < count; k++) o->active[h + 1][neurons[k]] = 1;
    }
}

/* Each number of a plain block, gaps left out, gets noise of this size: around 1 for gains, around 0 else. */
static inline void block_fill(const ist__shape *shape, float size, uint64_t stream, float *block)
{
    for (int32_t l = 0; l < shape->layer_count; l++)
        for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER; which++) {
            ist__array a;
            if (!ist__shape_array(shape, l, which, &a)) continue;
            for (int64_t i = 0; i < a.rows * a.columns; i++)
                block[a.offset + i] = (which == 1 ? 1.0F : 0.0F) + size * table_noise(&stream);
        }
}

#endif
