/* wide.c - the output layer of very many labels: logits, loss, gradients and step, a wave of labels at a time.
 *
 * Why: a block of (labels, batch) is 700 MB for 670,000 labels and a batch of 256, and there would be three of them.  Here is one,
 * of the size that the caller allows.  What a wave needs of the others is two numbers a tile and column; so products are formed
 * twice, but those of the wave that is still in the block when the gradients begin: all of them where all fit.
 *
 * Order.  A tile's sums run over its labels ascending, sums over tiles run over tiles ascending, and the gradient of the
 * activations below is one chain over all labels ascending, which rests in memory from wave to wave.  So neither waves nor
 * threads show in the bits.
 *
 * A thread has the same slots of the block in every wave: it alone writes there.  Barriers, beside those of subnet.c:
 *   W1  logits of all tiles are known            before the sums over them, which are split by columns
 *   W2  those sums are known                     before the gradients (both in subnet.c)
 *   W3  the gradients of a wave are complete     before they go down, by rows of the layer below (one a wave)
 *   W4  all have read weights and gradients      before the thread whose they are changes them (one a wave)
 *   W5  without softmax alone: losses of all tiles are known
 *   W6  where the layer below has fewer panels than the team threads: its rows are complete
 *
 * Floor: train.  Hot.
 */
#include "train/wide.h"

#include "ist/ist.h"
#include "numa/marks.h"
#include "train/pass.h"
#include "train/subnet.h"

enum { TILE = IST__LABEL_TILE, LANES = IST__LANES };

/* ----------------------------------------------------------------------------------------------- work space -- */

bool ist__output_is_wide(const ist__engine *engine, const ist__shape *shape, const ist__extent *data,
                         const ist_train_config *config)
{
    if (engine->kind != IST_ENGINE_NATIVE || config->method == IST_METHOD_DATA_PARALLEL) return false;
    if (ist__shape_regresses(shape) || shape->output_norm != IST_NORM_NONE) return false;
    return data->lists || shape->loss == IST_LOSS_BINARY || shape->width[shape->layer_count] >= IST__WIDE;
}

ist_status ist__wide_check(const ist__engine *engine, const ist__shape *shape, const ist__extent *data,
                           const ist_train_config *config, ist__error *error)
{
    const bool binary = shape->loss == IST_LOSS_BINARY;
    const char *what = data->lists ? "rows with lists of labels" : "the loss of sigmoids";
    if (binary && config->label_smoothing > 0)
        return ist__fail(error, IST_E_ARGUMENT, "label_smoothing is %g, but sigmoids have no sum to spread",
                         config->label_smoothing);
    if (!data->lists && !binary) return IST_OK;
    if (config->method == IST_METHOD_DATA_PARALLEL)
        return ist__fail(error, IST_E_ARGUMENT, "%s: not with data parallel, which keeps all gradients", what);
    if (engine->kind != IST_ENGINE_NATIVE)
        return ist__fail(error, IST_E_ARGUMENT, "%s need the native engine, this is %s", what,
                         ist__engine_name(engine));
    if (shape->output_norm != IST_NORM_NONE)
        return ist__fail(error, IST_E_ARGUMENT, "%s need an output without norm", what);
    if (data->sparse && shape->hidden_count == 0)
        return ist__fail(error, IST_E_ARGUMENT, "%s need a hidden layer between sparse features and labels", what);
    return IST_OK;
}

void ist__wide_cut(ist__wide *wide, const ist__shape *shape, const ist_train_config *config, int64_t ld,
                   int32_t threads)
{
    const int64_t budget = config->logits_bytes > 0 ? config->logits_bytes : IST__LOGITS_BYTES;
    int64_t room = budget / (TILE * ld * (int64_t)sizeof(float));
    if (room < threads) room = threads;
    if (room < 1) room = 1;
    wide->tiles = (shape->width[shape->layer_count] + TILE - 1) / TILE;
    wide->waves = (int32_t)((wide->tiles + room - 1) / room);
    wide->slots = (wide->tiles + wide->waves - 1) / wide->waves;
}

int64_t ist__wide_room(const ist__wide *wide, const ist__shape *shape)
{
    const int64_t room = (int64_t)wide->slots * TILE, labels = shape->width[shape->layer_count];
    return room < labels ? room : labels;
}

void ist__wide_assemble(const ist__step *step, const ist__rows *rows, int32_t parity, const ist__worker *worker)
{
    const ist__scratch *s = step->scratch;
    if (worker->rank != worker->size - 1) return;
    ist__label_batch_make(&s->wide.targets[parity], rows, s->index[parity], step->batch, s->ld,
                          step->shape->loss == IST_LOSS_BINARY);
}

/* ------------------------------------------------------------------------------------------------ what is mine -- */

/* A step as seen here. */
typedef struct work {
    const ist__step *step;
    const ist__scratch *scratch;
    const ist__wide *wide;
    const ist__kernel_set *kernels;
    const ist__layer *layer;
    const ist__label_batch *targets;
    const float *input; /* (inputs, ld) activations below */
    float sharpness, scale;
    bool sigmoid;
} work;

static work work_of(const ist__step *step)
{
    const ist__scratch *s = step->scratch;
    const int32_t top = step->shape->hidden_count;
    return (work){.step = step,
                  .scratch = s,
                  .wide = &s->wide,
                  .kernels = step->engine->kernels,
                  .layer = &step->shape->layer[top],
                  .targets = &s->wide.targets[step->parity],
                  .input = top == 0 ? s->input[step->parity] : s->y[top - 1],
                  .sharpness = step->output_scale,
                  .scale = step->output_scale / (float)step->batch,
                  .sigmoid = step->shape->loss == IST_LOSS_BINARY};
}

/* Tiles [first, first + count) of a wave, which stand in slots 0, 1, .. */
typedef struct wave {
    int32_t first, count;
} wave;

static wave wave_at(const ist__wide *wide, int32_t number)
{
    int64_t first, last;
    ist__share(wide->tiles, number, wide->waves, &first, &last);
    return (wave){(int32_t)first, (int32_t)(last - first)};
}

/* My slots [*first, *last) of a wave.  Those of the longest wave are shared out, so that they are the same in all. */
static void my_slots(const ist__wide *wide, wave w, const ist__worker *worker, int32_t *first, int32_t *last)
{
    int64_t a, b;
    ist__share(wide->slots, worker->rank, worker->size, &a, &b);
    *first = (int32_t)a < w.count ? (int32_t)a : w.count;
    *last = (int32_t)b < w.count ? (int32_t)b : w.count;
}

/* A tile: labels [label, label + labels), which stand at `block`. */
typedef struct tile {
    int32_t number, label, labels;
    float *block;
} tile;

static tile tile_at(const work *w, wave of, int32_t slot)
{
    const int32_t label = (of.first + slot) * TILE, left = w->layer->outputs - label;
    return (tile){of.first + slot, label, left < TILE ? left : TILE,
                  w->wide->block + (int64_t)slot * TILE * w->scratch->ld};
}

static float *own_of(const work *w, const ist__worker *worker)
{
    return w->scratch->own + worker->home_rank * w->scratch->own_floats;
}

/* ----------------------------------------------------------------------------------------------------- forward -- */

/* Products of a tile with the batch. */
static void multiply(const work *w, const tile *t)
{
    const ist__layer *layer = w->layer;
    const int64_t ld = w->scratch->ld;
    const ist__view view = {w->step->param + layer->weight + t->label / LANES * layer->panel_stride, 1,
                            layer->panel_stride, LANES, LANES * LANES};
    w->kernels->product(t->labels, (int32_t)ld, layer->inputs, &view, w->input, ld, t->block, ld);
}

/* Logits of the targets of a tile, from its products, as kernels form them. */
static void keep_targets(const work *w, const tile *t, const float *bias)
{
    const ist__label_batch *b = w->targets;
    for (int64_t i = ist__label_batch_find(b, t->label); i < *b->count; i++) {
        const int32_t row = b->target[i].label - t->label;
        if (row >= t->labels) return;
        w->wide->logit[i] = w->sharpness * (t->block[row * w->scratch->ld + b->target[i].column] + bias[row]);
    }
}

static void look_at(const work *w, const tile *t)
{
    const int64_t ld = w->scratch->ld, at = t->number * ld;
    const float *bias = w->step->param + w->layer->offset + t->label;
    multiply(w, t);
    keep_targets(w, t, bias);
    if (w->sigmoid)
        w->kernels->label_sigmoids(t->labels, (int32_t)ld, ld, w->sharpness, bias, w->scale, t->block,
                                   w->wide->sum + at);
    else
        w->kernels->label_exps(t->labels, (int32_t)ld, ld, w->sharpness, bias, t->block, w->wide->top + at,
                               w->wide->sum + at);
}

IST__PHASE static void look_at_wave(const work *w, int32_t number, const ist__worker *worker)
{
    const wave of = wave_at(w->wide, number);
    int32_t first, last;
    my_slots(w->wide, of, worker, &first, &last);
    ist__mark_begin(worker, IST__MARK_FORWARD, w->step->shape->hidden_count);
    for (int32_t slot = first; slot < last; slot++) {
        const tile t = tile_at(w, of, slot);
        look_at(w, &t);
    }
    ist__mark_end(worker, IST__MARK_FORWARD);
}

void ist__wide_logits(const ist__step *step, const ist__worker *worker)
{
    const work w = work_of(step);
    if (w.sigmoid) return;
    for (int32_t number = w.wide->waves - 1; number >= 0; number--) look_at_wave(&w, number, worker);
}

/* -------------------------------------------------------------------------------------------------------- loss -- */

/* The logits of my columns' targets, by their shares. */
static void sum_targets(const work *w, int32_t begin, int32_t end)
{
    const ist__label_batch *b = w->targets;
    for (int32_t c = begin; c < end; c++) w->wide->wanted[c] = 0;
    for (int64_t i = 0; i < *b->count; i++) {
        const ist__target *t = &b->target[i];
        if (t->column >= begin && t->column < end)
            w->wide->wanted[t->column] += (double)t->share * (double)w->wide->logit[i];
    }
}

static void lose_softmax(const work *w, int32_t begin, int32_t end)
{
    const ist__wide *wide = w->wide;
    const float smoothing = w->step->smoothing, even = smoothing / (float)w->layer->outputs;
    w->kernels->label_totals(wide->tiles, begin, end, w->scratch->ld, wide->top, wide->sum, wide->most, wide->total);
    for (int32_t c = begin; c < end; c++) {
        const float weight = w->targets->weight[c];
        wide->factor[c] = weight > 0 ? (float)((double)w->scale / wide->total[c]) : 0;
        wide->spread[c] = weight > 0 ? even * w->scale : 0;
        w->scratch->loss[c] =
            weight > 0 ? (float)(ist__log(wide->total[c]) + ((double)wide->most[c] - wide->wanted[c])) : 0;
    }
}

static void lose_sigmoid(const work *w, int32_t begin, int32_t end)
{
    const ist__wide *wide = w->wide;
    for (int32_t c = begin; c < end; c++) wide->total[c] = 0;
    for (int32_t t = 0; t < wide->tiles; t++) {
        const float *sum = wide->sum + t * w->scratch->ld;
        for (int32_t c = begin; c < end; c++) wide->total[c] += (double)sum[c];
    }
    for (int32_t c = begin; c < end; c++) w->scratch->loss[c] = (float)(wide->total[c] - wide->wanted[c]);
}

/* My columns: whole vectors, so that no two threads share a cache line. */
IST__PHASE static void lose(const work *w, const ist__worker *worker)
{
    int64_t first, last;
    ist__share(w->scratch->ld / LANES, worker->rank, worker->size, &first, &last);
    const int32_t begin = (int32_t)first * LANES, end = (int32_t)last * LANES;
    if (begin == end) return;
    ist__mark_begin(worker, IST__MARK_LOSS, 0);
    sum_targets(w, begin, end);
    if (w->sigmoid) lose_sigmoid(w, begin, end);
    else lose_softmax(w, begin, end);
    ist__mark_end(worker, IST__MARK_LOSS);
}

void ist__wide_losses(const ist__step *step, const ist__worker *worker)
{
    const work w = work_of(step);
    if (!w.sigmoid) lose(&w, worker);
}

/* ---------------------------------------------------------------------------------------------------- backward -- */

/* From exps or sigmoids to the gradient of the products, and the bias takes its step. */
static void differentiate(const work *w, const tile *t, const ist__worker *worker)
{
    const ist__wide *wide = w->wide;
    const ist__label_batch *b = w->targets;
    const int64_t ld = w->scratch->ld, offset = w->layer->offset + t->label;
    const float on = w->scale * (1 - w->step->smoothing);
    float *gradient = own_of(w, worker);
    if (!w->sigmoid)
        w->kernels->label_gradient(t->labels, (int32_t)ld, ld, wide->top + t->number * ld, wide->most, wide->factor,
                                   wide->spread, t->block);
    for (int64_t i = ist__label_batch_find(b, t->label); i < *b->count; i++) {
        const int32_t row = b->target[i].label - t->label;
        if (row >= t->labels) break;
        t->block[row * ld + b->target[i].column] -= on * b->target[i].share;
    }
    w->kernels->bias_backward(t->labels, w->step->batch, ld, NULL, NULL, NULL, IST__LINEAR, t->block, gradient);
    float *state[2];
    for (int i = 0; i < 2; i++) state[i] = w->step->state[i] ? w->step->state[i] + offset : NULL;
    ist__optimizer_vector(w->step->engine, &w->step->rule, t->labels, gradient, w->step->param + offset, state);
}

IST__PHASE static void differentiate_wave(const work *w, wave of, const ist__worker *worker)
{
    int32_t first, last;
    my_slots(w->wide, of, worker, &first, &last);
    ist__mark_begin(worker, IST__MARK_BACKWARD, w->step->shape->hidden_count);
    for (int32_t slot = first; slot < last; slot++) {
        const tile t = tile_at(w, of, slot);
        differentiate(w, &t, worker);
    }
    ist__mark_end(worker, IST__MARK_BACKWARD);
}

/* The columns are shared, too, where the layer below has fewer panels than the team threads: into so many parts. */
static int32_t column_parts(const work *w, const ist__worker *worker)
{
    const int32_t panels = (w->layer->inputs + LANES - 1) / LANES, vectors = (int32_t)(w->scratch->ld / LANES);
    const int32_t parts = worker->size / panels;
    return parts < 1 ? 1 : parts < vectors ? parts : vectors;
}

/* The gradient of the activations below goes on by this wave's labels. */
IST__PHASE static void pull(const work *w, wave of, bool first_wave, const ist__worker *worker)
{
    const ist__layer *layer = w->layer;
    const int32_t parts = column_parts(w, worker), bands = worker->size / parts, l = w->step->shape->hidden_count - 1;
    const int32_t label = of.first * TILE, end = (of.first + of.count) * TILE;
    const int32_t labels = (end < layer->outputs ? end : layer->outputs) - label;
    const int64_t ld = w->scratch->ld;
    int32_t row, row_end;
    int64_t column, column_end;
    if (worker->rank >= parts * bands) return;
    ist__band(w->step->engine, layer->inputs, worker->rank / parts, bands, &row, &row_end);
    ist__share(ld / LANES, worker->rank % parts, parts, &column, &column_end);
    column *= LANES;
    if (row == row_end) return;
    const ist__view view = {w->step->param + layer->weight + label / LANES * layer->panel_stride + (int64_t)row * LANES,
                            LANES, LANES * LANES, 1, layer->panel_stride};
    ist__mark_begin(worker, IST__MARK_BACKWARD, l);
    (first_wave ? w->kernels->product : w->kernels->product_onto)(row_end - row, (int32_t)(column_end * LANES - column),
                                                                  labels, &view, w->wide->block + column, ld,
                                                                  w->scratch->d[l] + row * ld + column, ld);
    ist__mark_end(worker, IST__MARK_BACKWARD);
}

/* The weights of my labels take their step. */
IST__PHASE static void update(const work *w, wave of, const ist__worker *worker)
{
    int32_t first, last;
    my_slots(w->wide, of, worker, &first, &last);
    if (first == last) return;
    const ist__layer *layer = w->layer;
    const tile t = tile_at(w, of, first);
    const int32_t end = (of.first + last) * TILE;
    const int64_t offset = layer->weight + t.label / LANES * layer->panel_stride;
    float *const *state = w->step->state;
    ist__mark_begin(worker, IST__MARK_UPDATE, w->step->shape->hidden_count);
    w->kernels->weight_step(&w->step->rule, (end < layer->outputs ? end : layer->outputs) - t.label, layer->inputs,
                            w->step->batch, w->scratch->ld, t.block, w->input, w->step->param + offset,
                            state[0] ? state[0] + offset : NULL, state[1] ? state[1] + offset : NULL,
                            layer->panel_stride, own_of(w, worker) + 2 * w->scratch->tile_most);
    ist__mark_end(worker, IST__MARK_UPDATE);
}

void ist__wide_waves(const ist__step *step, ist__worker *worker)
{
    const work w = work_of(step);
    const bool goes_down = step->shape->hidden_count > 0;
    for (int32_t number = 0; number < w.wide->waves; number++) {
        const wave of = wave_at(w.wide, number);
        if (number > 0 || w.sigmoid) look_at_wave(&w, number, worker);
        differentiate_wave(&w, of, worker);
        if (goes_down) {
            ist__team_barrier(worker); /* W3 */
            pull(&w, of, number == 0, worker);
            ist__team_barrier(worker); /* W4 */
        }
        update(&w, of, worker);
    }
    if (w.sigmoid) {
        ist__team_barrier(worker); /* W5 */
        lose(&w, worker);
    }
    if (w.sigmoid || column_parts(&w, worker) > 1) ist__team_barrier(worker); /* W5: losses; W6 */
}
