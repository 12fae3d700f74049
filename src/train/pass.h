/* pass.h - the forward pass of a net by one team, and how a layer's neurons are split between its threads.
 *
 * A tile is a run of neurons that are multiplied and then normalised while their products are still in the second
 * cache.  A thread owns a band of whole units.  With the native engine a unit is a panel of 16 neurons and a tile is
 * nothing but a unit of work.  With OpenBLAS a tile is one call, whose shape decides the order of its sums: so there a
 * tile's size depends on the layer's width alone, and a unit is a tile. [M10]
 */
#ifndef IST_TRAIN_PASS_H
#define IST_TRAIN_PASS_H

#include "math/engine.h"
#include "model/shape.h"
#include "numa/claim.h"

/* Neurons of a tile of a layer of `width` neurons. */
int32_t ist__tile_rows(const ist__engine *engine, int32_t width);

/* A walk of a team over the neurons of a layer, each tile by whichever thread is free (claim.h).  The numbers are the same
 * whoever does a tile, and of whatever size it is. */
typedef struct ist__tiles {
    ist__claims claims;
    int32_t width, unit;
} ist__tiles;

/* In tiles of at most `most` neurons, but a unit at least. */
ist__tiles ist__tiles_begin(const ist__engine *engine, int32_t width, int32_t most, ist__worker *worker);
/* The next tile, neurons [*row, *row + *rows); false: none is left. */
bool ist__tiles_next(ist__tiles *tiles, int32_t *row, int32_t *rows);

/* The units of worker `rank` of `size`, as a run of neurons [*first, *last). */
void ist__band(const ist__engine *engine, int32_t width, int32_t rank, int32_t size, int32_t *first, int32_t *last);

/* Columns are padded to whole vectors, so that rows start on cache lines. */
int64_t ist__padded_columns(int32_t columns);

/* What becomes of a layer's products. */
enum {
    IST__PASS_PRODUCT,    /* nothing: they are what is measured */
    IST__PASS_BATCH_NORM, /* batch norm with the statistics of these columns, then activation */
    IST__PASS_AFFINE      /* scale and shift (a bias, or folded batch norm), then activation */
};
typedef struct ist__layer_pass {
    int32_t kind;               /* IST__PASS_* */
    const float *gamma, *beta;  /* BATCH_NORM: (outputs); NULL: no affine part */
    float *inv_std;             /* BATCH_NORM: out (outputs) */
    const float *scale, *shift; /* AFFINE: (outputs); scale NULL: 1 */
} ist__layer_pass;

/* One layer for the band of this worker: z = W input, then as `pass` says, with the layer's activation.
 * input    (inputs, ld) complete
 * z        out (outputs, ld): the products; normalised with BATCH_NORM
 * y        out (outputs, ld), unused by PRODUCT; may be z with AFFINE, and with BATCH_NORM at the output
 * columns  samples; product_columns >= columns are multiplied, so that evaluation can fix the shape of its products
 * The caller waits at the team's barrier before anybody reads z or y. */
void ist__forward_layer(const ist__layer *layer, const float *param, const ist__engine *engine,
                        const ist__layer_pass *pass, const float *input, float *z, float *y, int64_t ld,
                        int32_t columns, int32_t product_columns, const ist__worker *worker);

/* What `pass` of a whole layer says of the neurons from `row` on. */
ist__layer_pass ist__pass_from(const ist__layer_pass *pass, int32_t row);

/* Neurons [first, first + rows) of a layer, at most a tile of them, by the caller alone: z and y are their rows, and inv_std,
 * scale and shift stand at neuron `first`, as gamma and beta do.  first is a multiple of 16. */
void ist__forward_rows(const ist__layer *layer, const float *param, const ist__engine *engine,
                       const ist__layer_pass *pass, int32_t first, int32_t rows, const float *input, float *z, float *y,
                       int64_t ld, int32_t columns, int32_t product_columns);

/* The same for the first layer, of samples of few features, with the native engine; weight as layer->weight of a shape
 * with panels.  input tells of product_columns samples, of which those behind `columns` are empty. */
void ist__forward_sparse(const ist__layer *layer, const float *weight, const ist__engine *engine,
                         const ist__layer_pass *pass, const ist__sparse_columns *input, float *z, float *y, int64_t ld,
                         int32_t columns, int32_t product_columns, const ist__worker *worker);
void ist__forward_sparse_rows(const ist__layer *layer, const float *weight, const ist__engine *engine,
                              const ist__layer_pass *pass, const ist__sparse_columns *input, int32_t first,
                              int32_t rows, float *z, float *y, int64_t ld, int32_t columns, int32_t product_columns);

/* Neurons of a tile of samples of few features. */
enum { IST__SPARSE_TILE = 64 };

#endif
