/* pass.c - one layer forward, tile by tile.
 *
 * Training and evaluation share this file, so that what is evaluated is what was trained.  Floor: train.  Hot.
 */
#include "train/pass.h"

#include "math/gemm.h"

_Static_assert((int)IST__PANEL == (int)IST__LANES, "a panel of a shape is a vector of the kernels");
_Static_assert((int)IST__NO_ACTIVATION == (int)IST__LINEAR, "an output is the same for shapes and kernels");
enum { NATIVE_TILE = 128, TILE_LEAST = 64, TILES_MOST = 32, LANES = IST__LANES };

int32_t ist__tile_rows(const ist__engine *engine, int32_t width)
{
    if (engine->kind == IST_ENGINE_NATIVE) return NATIVE_TILE;
    /* Large enough that packing the activations once a tile is cheap, small enough that 32 threads find work. */
    const int32_t rows = (width / TILES_MOST + LANES - 1) / LANES * LANES;
    return rows < TILE_LEAST ? TILE_LEAST : rows;
}

static int32_t unit_of(const ist__engine *engine, int32_t width)
{
    return engine->kind == IST_ENGINE_NATIVE ? IST__PANEL : ist__tile_rows(engine, width);
}

ist__tiles ist__tiles_begin(const ist__engine *engine, int32_t width, int32_t most, ist__worker *worker)
{
    const int32_t unit = unit_of(engine, width), units = (width + unit - 1) / unit;
    return (ist__tiles){ist__claims_begin(worker, units, most > unit ? most / unit : 1), width, unit};
}

bool ist__tiles_next(ist__tiles *tiles, int32_t *row, int32_t *rows)
{
    int32_t first, count;
    if (!ist__claims_next(&tiles->claims, &first, &count)) return false;
    const int32_t end = (first + count) * tiles->unit;
    *row = first * tiles->unit;
    *rows = (end < tiles->width ? end : tiles->width) - *row;
    return true;
}

void ist__band(const ist__engine *engine, int32_t width, int32_t rank, int32_t size, int32_t *first, int32_t *last)
{
    const int32_t unit = unit_of(engine, width), units = (width + unit - 1) / unit;
    int64_t a, b;
    ist__share(units, rank, size, &a, &b);
    *first = (int32_t)a * unit;
    *last = (int32_t)b * unit < width ? (int32_t)b * unit : width;
}

int64_t ist__padded_columns(int32_t columns)
{
    return ((int64_t)columns + LANES - 1) / LANES * LANES;
}

/* Weights of the neurons from `row` (a multiple of 16) on, as a product reads them: neurons by inputs. */
static ist__view view_neurons(const ist__layer *layer, const float *weight, int32_t row)
{
    enum { SPAN = IST__LANES };
    const int64_t stride = layer->panel_stride, panel = layer->panel;
    if (panel == 1) return (ist__view){weight + row * stride, stride, SPAN * stride, 1, SPAN};
    if (panel == SPAN) return (ist__view){weight + row / SPAN * stride, 1, stride, SPAN, SPAN * SPAN};
    return (ist__view){weight + row, 1, SPAN, panel, SPAN * panel}; /* one panel of all neurons */
}

static void multiply(const ist__layer *layer, const float *param, const ist__engine *engine, int32_t row, int32_t rows,
                     const float *input, float *z, int64_t ld, int32_t columns)
{
    const float *weight = param + layer->weight;
    const int32_t k = layer->inputs;
    if (engine->kind == IST_ENGINE_NATIVE) {
        const ist__view view = view_neurons(layer, weight, row);
        engine->kernels->product(rows, columns, k, &view, input, ld, z, ld);
    } else if (layer->is_output) { /* stored (inputs, outputs): the tile is a run of columns */
        ist__gemm(engine->kind, true, false, rows, columns, k, 1, weight + row, layer->outputs, input, ld, 0, z, ld);
    } else {
        ist__gemm(engine->kind, false, false, rows, columns, k, 1, weight + (int64_t)row * k, k, input, ld, 0, z, ld);
    }
}

/* What becomes of the products of some rows, of which pass tells. */
static void finish(const ist__layer *layer, const ist__engine *engine, const ist__layer_pass *pass, int32_t rows,
                   float *z, float *y, int64_t ld, int32_t columns, int32_t product_columns)
{
    const ist__kernel_set *kernels = engine->kernels;
    if (pass->kind == IST__PASS_BATCH_NORM)
        kernels->batch_norm_forward(rows, columns, ld, z, pass->gamma, pass->beta, layer->activation, y, pass->inv_std);
    else if (pass->kind == IST__PASS_AFFINE)
        kernels->affine_forward(rows, product_columns, ld, z, pass->scale, pass->shift, layer->activation, y);
}

void ist__forward_rows(const ist__layer *layer, const float *param, const ist__engine *engine,
                       const ist__layer_pass *pass, int32_t first, int32_t rows, const float *input, float *z, float *y,
                       int64_t ld, int32_t columns, int32_t product_columns)
{
    multiply(layer, param, engine, first, rows, input, z, ld, product_columns);
    finish(layer, engine, pass, rows, z, y, ld, columns, product_columns);
}

static const float *from_neuron(const float *of_layer, int32_t neuron)
{
    return of_layer ? of_layer + neuron : NULL;
}

ist__layer_pass ist__pass_from(const ist__layer_pass *pass, int32_t row)
{
    return (ist__layer_pass){.kind = pass->kind,
                             .gamma = from_neuron(pass->gamma, row),
                             .beta = from_neuron(pass->beta, row),
                             .inv_std = pass->inv_std ? pass->inv_std + row : NULL,
                             .scale = from_neuron(pass->scale, row),
                             .shift = from_neuron(pass->shift, row)};
}

void ist__forward_layer(const ist__layer *layer, const float *param, const ist__engine *engine,
                        const ist__layer_pass *pass, const float *input, float *z, float *y, int64_t ld,
                        int32_t columns, int32_t product_columns, const ist__worker *worker)
{
    int32_t first, last;
    ist__band(engine, layer->outputs, worker->rank, worker->size, &first, &last);
    const int32_t tile = ist__tile_rows(engine, layer->outputs);
    for (int32_t row = first; row < last; row += tile) {
        const int32_t rows = last - row < tile ? last - row : tile;
        const ist__layer_pass of_rows = ist__pass_from(pass, row);
        ist__forward_rows(layer, param, engine, &of_rows, row, rows, input, z + row * ld, y ? y + row * ld : NULL, ld,
                          columns, product_columns);
    }
}

void ist__forward_sparse_rows(const ist__layer *layer, const float *weight, const ist__engine *engine,
                              const ist__layer_pass *pass, const ist__sparse_columns *input, int32_t first,
                              int32_t rows, float *z, float *y, int64_t ld, int32_t columns, int32_t product_columns)
{
    engine->kernels->sparse_product(rows, product_columns, input, weight + first / IST__PANEL * layer->panel_stride,
                                    layer->panel_stride, z, ld);
    finish(layer, engine, pass, rows, z, y, ld, columns, product_columns);
}

void ist__forward_sparse(const ist__layer *layer, const float *weight, const ist__engine *engine,
                         const ist__layer_pass *pass, const ist__sparse_columns *input, float *z, float *y, int64_t ld,
                         int32_t columns, int32_t product_columns, const ist__worker *worker)
{
    int32_t first, last;
    ist__band(engine, layer->outputs, worker->rank, worker->size, &first, &last);
    for (int32_t row = first; row < last; row += IST__SPARSE_TILE) {
        const int32_t rows = last - row < IST__SPARSE_TILE ? last - row : IST__SPARSE_TILE;
        const ist__layer_pass of_rows = ist__pass_from(pass, row);
        ist__forward_sparse_rows(layer, weight, engine, &of_rows, input, row, rows, z + row * ld, y + row * ld, ld,
                                 columns, product_columns);
    }
}
