/* subnet.c - the training step.
 *
 * Hazards and the barriers that answer them, in order:
 *   B1  the batch is assembled, and all have left the last step  before the first product
 *   B2  y of a hidden layer complete         before the next layer's product (one a layer)
 *   B3  logits complete                      before softmax, which is split by samples
 *   B4  d of the output complete             before it is multiplied
 *   B5  d of the output's batch norm         only with batch norm on the output
 *   B6  d of the top hidden layer complete   before it goes down, or its weights take their step
 *   B7  all have read W of layer l, and d of layer l - 1 is complete: then W of layer l may change (one a layer)
 *
 * The next batch is assembled between B3 and B4, where threads that got no samples of the softmax would wait; its rows
 * were drawn a step before.
 *
 * Floor: train.  Hot: this is where users' time goes.
 */
#include "train/subnet.h"

#include <string.h>

#include "math/gemm.h"
#include "numa/marks.h"
#include "train/pass.h"

/* ----------------------------------------------------------------------------------------------- work space -- */

/* What a thread needs for itself: the gradients of gain and offset of its tile; and for the weight step, with the native
 * engine a few rows of d turned around, else the gradient of a tile's weights, unless that is fused into the product. */
static void size_own(ist__scratch *s, const ist__engine *engine, const ist__shape *shape, int32_t optimizer)
{
    enum { LINE_FLOATS = 16 };
    int64_t weights = 0;
    s->tile_most = 0;
    for (int32_t l = 0; l < shape->layer_count; l++) {
        const ist__layer *layer = &shape->layer[l];
        const int32_t rows = layer->is_output ? layer->inputs : layer->outputs;
        const int32_t columns = layer->is_output ? layer->outputs : layer->inputs;
        const int64_t floats = (int64_t)ist__tile_rows(engine, rows) * columns;
        if (floats > weights) weights = floats;
        const int32_t tile = ist__tile_rows(engine, layer->outputs); /* natively the same for all, as is a wide one's */
        if (tile > s->tile_most) s->tile_most = tile;
    }
    if (ist__optimizer_fuses(engine, optimizer)) weights = 0;
    if (shape->panels) weights = s->ld * IST__TURNED_ROWS;
    s->own_floats = (2 * s->tile_most + weights + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

/* One list of buffers serves both the sum of their sizes and their handing out, so the two cannot differ. */
static size_t for_each_buffer(ist__scratch *s, ist__region *region, const ist__engine *engine, const ist__shape *shape,
                              const ist__extent *data, const ist_train_config *config, int32_t threads)
{
    const bool wide = ist__output_is_wide(engine, shape, data, config);
    size_t total = 0;
#define BUFFER(pointer, count)                                \
  do {                                                        \
    const size_t bytes = (size_t)(count) * sizeof *(pointer); \
    total += ist__region_size(bytes);                         \
    if (region) (pointer) = ist__region_take(region, bytes);  \
  } while (0)
    for (int i = 0; i < 2; i++) {
        if (!data->sparse) BUFFER(s->input[i], shape->width[0] * s->ld);
        BUFFER(s->index[i], s->ld);
        if (ist__shape_regresses(shape)) BUFFER(s->targets[i], shape->width[shape->layer_count] * s->ld);
        else BUFFER(s->labels[i], s->ld);
    }
    for (int32_t l = 0; l < shape->layer_count - wide; l++) {
        const int64_t floats = shape->width[l + 1] * s->ld;
        BUFFER(s->z[l], floats);
        if (shape->layer[l].is_output) s->y[l] = s->z[l];
        else BUFFER(s->y[l], floats);
        BUFFER(s->d[l], floats);
        BUFFER(s->inv_std[l], shape->width[l + 1]);
    }
    BUFFER(s->loss, s->ld);
    if (wide) total += ist__wide_take(&s->wide, region, shape, data, config, s->ld, threads);
    total += ist__sparse_batch_take(&s->sparse, region, data, s->ld);
    size_own(s, engine, shape, config->optimizer);
    BUFFER(s->own, s->own_floats * threads);
#undef BUFFER
    return total;
}

size_t ist__scratch_bytes(const ist__engine *engine, const ist__shape *shape, const ist__extent *data,
                          const ist_train_config *config, int32_t threads)
{
    ist__scratch scratch = {.ld = ist__padded_columns(config->batch)};
    return for_each_buffer(&scratch, NULL, engine, shape, data, config, threads);
}

void ist__scratch_take(ist__scratch *out, ist__region *region, const ist__engine *engine, const ist__shape *shape,
                       const ist__extent *data, const ist_train_config *config, int32_t threads)
{
    *out = (ist__scratch){.ld = ist__padded_columns(config->batch)};
    for_each_buffer(out, region, engine, shape, data, config, threads);
}

bool ist__step_is_wide(const ist__step *step)
{
    return step->scratch->wide.tiles > 0;
}

/* -------------------------------------------------------------------------------------------------- forward -- */

IST__PHASE static void assemble(const ist__step *step, const ist__rows *rows, int32_t parity, ist__draw_place place,
                                const ist__worker *worker)
{
    const ist__scratch *s = step->scratch;
    ist__mark_begin(worker, IST__MARK_ASSEMBLE, 0);
    if (worker->rank == 0 && ist__step_is_wide(step)) ist__wide_assemble(step, rows, parity, place);
    if (rows->sparse) {
        ist__sparse_batch_load(&s->sparse, parity, rows, s->index[parity], step->batch, s->labels[parity],
                               &step->dropout, place, worker);
        ist__mark_end(worker, IST__MARK_ASSEMBLE);
        return;
    }
    ist__assemble_share(step->engine, rows, s->index[parity], 0, step->batch, &step->scaling, s->input[parity], s->ld,
                        s->labels[parity], worker);
    ist__assemble_targets(step->engine, rows, s->index[parity], 0, step->batch, &step->target_scaling,
                          s->targets[parity], s->ld, worker);
    int32_t first, last;
    ist__assemble_band(rows->features, worker, &first, &last);
    ist__dropout_apply(&step->dropout, step->dropout.input, place, 0, step->engine, first, last, step->batch, s->ld,
                       s->input[parity]);
    ist__mark_end(worker, IST__MARK_ASSEMBLE);
}

/* The present batch by feature, by the thread that has the fewest samples of the softmax. */
IST__PHASE static void turn_batch(const ist__step *step, const ist__worker *worker)
{
    if (!step->rows->sparse || worker->rank != worker->size - 1) return;
    ist__mark_begin(worker, IST__MARK_ASSEMBLE, 0);
    ist__sparse_batch_turn(&step->scratch->sparse, step->parity, step->batch, step->shape->width[0]);
    ist__mark_end(worker, IST__MARK_ASSEMBLE);
}

void ist__subnet_prepare(const ist__step *step, const ist__worker *worker)
{
    assemble(step, step->rows, step->parity, step->place, worker);
}

/* Does layer l read samples of few features? */
static bool reads_sparse(const ist__step *step, int32_t l)
{
    return l == 0 && step->rows->sparse;
}

static ist__layer_pass pass_of(const ist__step *step, int32_t l)
{
    const ist__layer *layer = &step->shape->layer[l];
    const float *offset = layer->offset >= 0 ? step->param + layer->offset : NULL;
    return (ist__layer_pass){.kind = layer->norm == IST_NORM_BATCH ? IST__PASS_BATCH_NORM : IST__PASS_AFFINE,
                             .gamma = layer->gain >= 0 ? step->param + layer->gain : NULL,
                             .beta = offset,
                             .inv_std = step->scratch->inv_std[l],
                             .shift = offset};
}

/* Neurons [row, row + rows) of layer l. */
static void forward_tile(const ist__step *step, int32_t l, const ist__layer_pass *pass, int32_t row, int32_t rows)
{
    const ist__scratch *s = step->scratch;
    const ist__layer *layer = &step->shape->layer[l];
    const ist__layer_pass of_rows = ist__pass_from(pass, row);
    float *z = s->z[l] + row * s->ld, *y = s->y[l] + row * s->ld;
    if (reads_sparse(step, l)) {
        const ist__sparse_columns input = ist__sparse_batch_columns(&s->sparse, step->parity);
        ist__forward_sparse_rows(layer, step->param + layer->weight, step->engine, &of_rows, &input, row, rows, z, y,
                                 s->ld, step->batch, step->batch);
    } else {
        const float *input = l == 0 ? s->input[step->parity] : s->y[l - 1];
        ist__forward_rows(layer, step->param, step->engine, &of_rows, row, rows, input, z, y, s->ld, step->batch,
                          step->batch);
    }
    if (layer->is_output) return;
    ist__dropout_apply(&step->dropout, step->dropout.hidden, step->place, l + 1, step->engine, row, row + rows,
                       step->batch, s->ld, s->y[l]);
}

IST__PHASE static void forward(const ist__step *step, ist__worker *worker)
{
    const int32_t layers = step->shape->layer_count - ist__step_is_wide(step);
    for (int32_t l = 0; l < layers; l++) {
        const int32_t width = step->shape->width[l + 1];
        const int32_t most = reads_sparse(step, l) ? IST__SPARSE_TILE : ist__tile_rows(step->engine, width);
        const ist__layer_pass pass = pass_of(step, l);
        ist__tiles tiles = ist__tiles_begin(step->engine, width, most, worker);
        ist__mark_begin(worker, IST__MARK_FORWARD, l);
        for (int32_t row, rows; ist__tiles_next(&tiles, &row, &rows);) forward_tile(step, l, &pass, row, rows);
        ist__mark_end(worker, IST__MARK_FORWARD);
        ist__team_barrier(worker); /* B2, B3 */
    }
}

/* Gradient of the last layer's numbers, and loss, of samples [begin, end). */
static void differentiate_samples(const ist__step *step, int32_t begin, int32_t end)
{
    const ist__scratch *s = step->scratch;
    const ist__shape *shape = step->shape;
    const int32_t top = shape->hidden_count, outputs = shape->layer[top].outputs;
    const float each = 1.0F / (float)step->batch;
    if (ist__shape_regresses(shape)) {
        const ist__error_rule rule = {ist__shape_loss_delta(shape), each};
        step->engine->kernels->regression_loss(outputs, begin, end, s->ld, s->y[top], s->targets[step->parity], &rule,
                                               s->d[top], s->loss);
        return;
    }
    const ist__loss_rule rule = {step->output_scale, step->smoothing, each};
    step->engine->kernels->softmax_cross_entropy(outputs, begin, end, s->ld, s->y[top], s->labels[step->parity], &rule,
                                                 s->d[top], s->loss, NULL);
}

/* Softmax and loss of this worker's samples; whole vectors of 16, so that no two threads share a cache line. */
IST__PHASE static void differentiate_loss(const ist__step *step, const ist__worker *worker)
{
    enum { LANES = IST__LANES };
    const ist__scratch *s = step->scratch;
    int64_t first, last;
    ist__share(s->ld / LANES, worker->rank, worker->size, &first, &last);
    const int32_t begin = (int32_t)first * LANES;
    const int32_t end = (int32_t)last * LANES < step->batch ? (int32_t)last * LANES : step->batch;
    ist__mark_begin(worker, IST__MARK_LOSS, 0);
    if (begin < end) differentiate_samples(step, begin, end);
    ist__mark_end(worker, IST__MARK_LOSS);
}

/* ------------------------------------------------------------------------------------------------- backward -- */

/* The optimiser's state of a parameter at `offset` of the block; NULL where there is none. */
typedef struct state_at {
    float *array[2];
} state_at;

static state_at find_state(const ist__step *step, int64_t offset)
{
    return (state_at){
        {step->state[0] ? step->state[0] + offset : NULL, step->state[1] ? step->state[1] + offset : NULL}};
}

static float *own_scratch(const ist__step *step, const ist__worker *worker)
{
    return step->scratch->own + worker->home_rank * step->scratch->own_floats;
}

/* What takes its step: of a masked step the subnet's own part of the whole net. */
static const ist__shape *own_of(const ist__step *step)
{
    return step->own ? step->own : step->shape;
}

/* A vector of parameters at `offset` of the block takes its step, or leaves its gradient there. */
static void update_vector(const ist__step *step, int64_t offset, int32_t count, const float *gradient)
{
    const state_at state = find_state(step, offset);
    if (step->gradient) memcpy(step->gradient + offset, gradient, (size_t)count * sizeof *gradient);
    else ist__optimizer_vector(step->engine, &step->rule, count, gradient, step->param + offset, state.array);
}

/* d of rows [row, row + rows) of layer l from gradient of y to gradient of z; gain and offset take their step. */
static void backward_rows(const ist__step *step, int32_t l, int32_t row, int32_t rows, const ist__worker *worker)
{
    const ist__scratch *s = step->scratch;
    const ist__kernel_set *kernels = step->engine->kernels;
    const ist__layer *layer = &step->shape->layer[l];
    const int64_t at = row * s->ld;
    float *gain_gradient = own_scratch(step, worker), *offset_gradient = gain_gradient + s->tile_most;
    if (layer->norm == IST_NORM_BATCH) {
        const bool affine = layer->gain >= 0;
        kernels->batch_norm_backward(rows, step->batch, s->ld, s->z[l] + at, s->y[l] + at, layer->activation,
                                     affine ? step->param + layer->gain + row : NULL,
                                     affine ? step->param + layer->offset + row : NULL, s->inv_std[l] + row,
                                     s->d[l] + at, affine ? gain_gradient : NULL, affine ? offset_gradient : NULL);
    } else {
        kernels->bias_backward(rows, step->batch, s->ld, s->z[l] + at, step->param + layer->offset + row, s->y[l] + at,
                               layer->activation, s->d[l] + at, offset_gradient);
    }
    const int64_t vectors[2] = {layer->gain, layer->offset};
    const float *const gradients[2] = {gain_gradient, offset_gradient};
    for (int v = 0; v < 2; v++)
        if (vectors[v] >= 0) update_vector(step, vectors[v] + row, rows, gradients[v]);
}

/* What dropout does to the gradient of rows [row, row + rows) of layer l.  With ReLU what fell is 0, and its mask takes it
 * for that: so the others are multiplied, and nothing is drawn again. */
static void drop_gradient(const ist__step *step, int32_t l, int32_t row, int32_t rows)
{
    const ist__scratch *s = step->scratch;
    const uint32_t chance = step->dropout.hidden;
    if (chance == 0) return;
    if (step->shape->activation == IST_RELU)
        step->engine->kernels->scale(rows, step->batch, s->ld, ist__dropout_factor(chance), s->d[l] + row * s->ld);
    else
        ist__dropout_apply(&step->dropout, chance, step->place, l + 1, step->engine, row, row + rows, step->batch,
                           s->ld, s->d[l]);
}

/* Gradient of y of layer l for rows [row, row + rows), y before dropout, from d of layer l + 1. */
static void pull_gradient(const ist__step *step, int32_t l, int32_t row, int32_t rows)
{
    enum { SPAN = IST__LANES };
    const ist__scratch *s = step->scratch;
    const ist__layer *above = &step->shape->layer[l + 1];
    const float *weight = step->param + above->weight;
    const int32_t k = above->outputs, engine = step->engine->kind;
    float *d = s->d[l] + row * s->ld;
    if (above->is_output && ist__step_is_wide(step)) { /* it is there */
    } else if (engine == IST_ENGINE_NATIVE) {          /* inputs are rows here, neurons steps */
        const ist__view view = {weight + (int64_t)row * SPAN, SPAN, SPAN * SPAN, 1, above->panel_stride};
        step->engine->kernels->product(rows, step->batch, k, &view, s->d[l + 1], s->ld, d, s->ld);
    } else if (above->is_output) { /* stored (inputs, outputs) */
        ist__gemm(engine, false, false, rows, step->batch, k, 1, weight + (int64_t)row * k, k, s->d[l + 1], s->ld, 0, d,
                  s->ld);
    } else {
        ist__gemm(engine, true, false, rows, step->batch, k, 1, weight + row, above->inputs, s->d[l + 1], s->ld, 0, d,
                  s->ld);
    }
    drop_gradient(step, l, row, rows);
}

/* The rule that turns the update of a weight into its gradient: w = 0 w + g. */
static const ist__rule keep_gradient = {.kind = IST_SGD, .lr = -1, .keep = 0};

/* The first layer's weights of rows [row, row + rows), from the features that occur; decay waits for the round's end. */
static void update_sparse(const ist__step *step, int32_t row, int32_t rows, const ist__worker *worker)
{
    const ist__scratch *s = step->scratch;
    const ist__layer *layer = &step->shape->layer[0];
    const int64_t offset = layer->weight + row / IST__PANEL * layer->panel_stride;
    const state_at state = find_state(step, offset);
    const ist__sparse_features input = ist__sparse_batch_features(&s->sparse);
    ist__rule rule = step->rule;
    rule.keep = 1;
    step->engine->kernels->sparse_step(&rule, rows, step->batch, s->ld, s->d[0] + row * s->ld, &input,
                                       step->param + offset, state.array[0], state.array[1], layer->panel_stride,
                                       own_scratch(step, worker) + 2 * s->tile_most);
}

/* The weights of rows [row, row + rows) of layer l take their step.  Rows are output neurons in a hidden layer, input
 * neurons in the output layer. */
static void update_rows(const ist__step *step, int32_t l, int32_t row, int32_t rows, const ist__worker *worker)
{
    const ist__scratch *s = step->scratch;
    const ist__layer *layer = &own_of(step)->layer[l];
    const float *input = l == 0 ? s->input[step->parity] : s->y[l - 1];
    float *scratch = own_scratch(step, worker) + 2 * s->tile_most;
    if (reads_sparse(step, l)) {
        update_sparse(step, row, rows, worker);
        return;
    }
    const ist__rule *rule = step->gradient ? &keep_gradient : &step->rule;
    float *target = step->gradient ? step->gradient : step->param;
    if (step->engine->kind == IST_ENGINE_NATIVE) {
        const bool by_input = layer->is_output;
        const int64_t offset =
            layer->weight + (by_input ? (int64_t)row * IST__PANEL : row / IST__PANEL * layer->panel_stride);
        const state_at state = find_state(step, offset);
        const int32_t outputs = by_input ? layer->outputs : rows, inputs = by_input ? rows : layer->inputs;
        step->engine->kernels->weight_step(rule, outputs, inputs, step->batch, s->ld,
                                           s->d[l] + (by_input ? 0 : row * s->ld), input + (by_input ? row * s->ld : 0),
                                           target + offset, state.array[0], state.array[1], layer->panel_stride,
                                           scratch);
        return;
    }
    const float *of_rows = (layer->is_output ? input : s->d[l]) + row * s->ld;
    const float *of_columns = layer->is_output ? s->d[l] : input;
    const int32_t columns = layer->is_output ? layer->outputs : layer->inputs;
    const int64_t stride = layer->is_output ? columns : layer->panel_stride;
    const int64_t offset = layer->weight + (int64_t)row * stride;
    const state_at state = find_state(step, offset);
    if (step->gradient) /* of which a row may go on behind what is the subnet's own */
        ist__gemm(step->engine->kind, false, true, rows, columns, step->batch, 1, of_rows, s->ld, of_columns, s->ld, 0,
                  target + offset, stride);
    else
        ist__optimizer_product(step->engine, rule, rows, columns, step->batch, s->ld, of_rows, of_columns,
                               target + offset, state.array, scratch);
}

IST__PHASE static void backward_tile(const ist__step *step, int32_t l, int32_t row, int32_t rows, bool pull,
                                     const ist__worker *worker)
{
    ist__mark_begin(worker, IST__MARK_BACKWARD, l);
    if (pull) pull_gradient(step, l, row, rows);
    backward_rows(step, l, row, rows, worker);
    ist__mark_end(worker, IST__MARK_BACKWARD);
}

IST__PHASE static void update_tile(const ist__step *step, int32_t l, int32_t row, int32_t rows,
                                   const ist__worker *worker)
{
    const ist__layer *layer = &own_of(step)->layer[l];
    const int32_t own = (layer->is_output ? layer->inputs : layer->outputs) - row;
    if (own <= 0) return;
    ist__mark_begin(worker, IST__MARK_UPDATE, l);
    update_rows(step, l, row, rows < own ? rows : own, worker);
    ist__mark_end(worker, IST__MARK_UPDATE);
}

enum { PULL = 1, BACKWARD = 2, UPDATE = 4, UPDATE_ABOVE = 8 };

/* Walk the tiles of `width` neurons with the team, and do the named parts of layer l to each. */
static void walk_tiles(const ist__step *step, int32_t width, int32_t l, int32_t parts, ist__worker *worker)
{
    const bool whole = parts == UPDATE && step->engine->kind == IST_ENGINE_NATIVE; /* which cuts its work itself */
    ist__tiles tiles =
        ist__tiles_begin(step->engine, width, whole ? width : ist__tile_rows(step->engine, width), worker);
    for (int32_t row, rows; ist__tiles_next(&tiles, &row, &rows);) {
        if (parts & BACKWARD) backward_tile(step, l, row, rows, parts & PULL, worker);
        if (parts & UPDATE) update_tile(step, l, row, rows, worker);
        if (parts & UPDATE_ABOVE) update_tile(step, l + 1, row, rows, worker); /* after its rows were read */
    }
}

static void backward_output(const ist__step *step, ist__worker *worker)
{
    const int32_t top = step->shape->hidden_count;
    walk_tiles(step, step->shape->width[top + 1], top, BACKWARD, worker);
    if (step->shape->output_norm == IST_NORM_BATCH) ist__team_barrier(worker); /* B5 */
}

static void backward(const ist__step *step, ist__worker *worker)
{
    const ist__shape *shape = step->shape, *own = own_of(step);
    const int32_t top = shape->hidden_count;
    if (ist__step_is_wide(step)) ist__wide_waves(step, worker);
    else backward_output(step, worker);
    if (top == 0) {
        if (!ist__step_is_wide(step)) walk_tiles(step, shape->width[0], 0, UPDATE, worker);
        return;
    }
    /* Who takes a tile reads and updates the same rows of the output layer, in this order: no barrier between. */
    const int32_t above = ist__step_is_wide(step) ? 0 : UPDATE_ABOVE;
    walk_tiles(step, (top == 1 ? own : shape)->width[top], top - 1, PULL | BACKWARD | above, worker);
    ist__team_barrier(worker); /* B6 */
    for (int32_t l = top - 1; l > 0; l--) {
        walk_tiles(step, (l == 1 ? own : shape)->width[l], l - 1, PULL | BACKWARD, worker);
        ist__team_barrier(worker); /* B7 */
        walk_tiles(step, own->width[l + 1], l, UPDATE, worker);
    }
    walk_tiles(step, own->width[1], 0, UPDATE, worker);
}

void ist__subnet_decay(const ist__step *step, float keep, const ist__worker *worker)
{
    const ist__layer *layer = &step->shape->layer[0];
    int32_t first, last;
    ist__band(step->engine, layer->outputs, worker->rank, worker->size, &first, &last);
    for (int32_t row = first; row < last; row += IST__PANEL)
        step->engine->kernels->scale(1, layer->inputs * IST__PANEL, 0, keep,
                                     step->param + layer->weight + row / IST__PANEL * layer->panel_stride);
}

double ist__subnet_step(const ist__step *step, ist__worker *worker)
{
    const ist__scratch *s = step->scratch;
    ist__team_barrier(worker); /* B1 */
    if (worker->rank == 0 && step->batches)
        ist__batches_rows(step->batches, step->draw_position, step->batch, s->index[step->parity]);
    forward(step, worker);
    if (ist__step_is_wide(step)) {
        ist__wide_logits(step, worker);
        ist__team_barrier(worker); /* W1 */
        ist__wide_losses(step, worker);
    } else differentiate_loss(step, worker);
    turn_batch(step, worker);
    if (step->next_rows) assemble(step, step->next_rows, 1 - step->parity, step->next_place, worker);
    ist__team_barrier(worker); /* B4, W2 */
    backward(step, worker);
    return worker->rank == 0 ? ist__sum(step->batch, s->loss) : 0;
}
