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

#include <string.h>

#include "ist/ist.h"
#include "numa/marks.h"
#include "train/pass.h"
#include "train/subnet.h"

enum { TILE = IST__LABEL_TILE, LANES = IST__LANES };

/* ------------------------------------------------------------------------------------------------ what is mine -- */

/* A step as seen here: of all labels, or of those that were chosen, which are the layer then. */
typedef struct work {
    const ist__step *step;
    const ist__scratch *scratch;
    const ist__wide *wide;
    const ist__kernel_set *kernels;
    const ist__layer *layer; /* but its outputs are: */
    int32_t labels;
    float *weight, *state[2], *bias, *bias_state[2]; /* of the first label */
    const ist__choice *choice;                       /* NULL: all labels */
    const ist__label_batch *targets;
    const float *input; /* (inputs, ld) activations below */
    float sharpness, scale;
    bool sigmoid;
    int32_t tiles, waves;
    int32_t slots; /* tiles of the longest wave */
} work;

static float *moved(float *from, int64_t by)
{
    return from ? from + by : NULL;
}

static work work_of(const ist__step *step)
{
    const ist__scratch *s = step->scratch;
    const ist__sample *sample = &s->wide.sample;
    const int32_t top = step->shape->hidden_count;
    const ist__layer *layer = &step->shape->layer[top];
    work w = {.step = step,
              .scratch = s,
              .wide = &s->wide,
              .kernels = step->engine->kernels,
              .layer = layer,
              .labels = layer->outputs,
              .weight = step->param + layer->weight,
              .bias = step->param + layer->offset,
              .targets = &s->wide.targets[step->parity],
              .input = top == 0 ? s->input[step->parity] : s->y[top - 1],
              .sharpness = step->output_scale,
              .scale = step->output_scale / (float)step->batch,
              .sigmoid = step->shape->loss == IST_LOSS_BINARY};
    for (int i = 0; i < 2; i++) {
        w.state[i] = moved(step->state[i], layer->weight);
        w.bias_state[i] = moved(step->state[i], layer->offset);
    }
    if (sample->drawn > 0) {
        w.choice = sample->choice[step->parity];
        w.labels = w.choice->labels;
        w.weight = sample->weight;
        w.bias = sample->bias;
        for (int i = 0; i < 2; i++) {
            w.state[i] = step->state[i] ? sample->state[i] : NULL;
            w.bias_state[i] = step->state[i] ? sample->bias_state[i] : NULL;
        }
    }
    w.waves = ist__wide_cut(w.wide, w.labels, &w.tiles);
    w.slots = (w.tiles + w.waves - 1) / w.waves;
    return w;
}

void ist__wide_assemble(const ist__step *step, const ist__rows *labels, int32_t parity, ist__draw_place place)
{
    const ist__scratch *s = step->scratch;
    const ist__wide *wide = &s->wide;
    ist__label_batch_make(&wide->targets[parity], labels, s->index[parity], step->batch, s->ld,
                          step->shape->loss == IST_LOSS_BINARY);
    if (wide->sample.drawn > 0)
        ist__sample_draw(&wide->sample, parity, &wide->targets[parity], step->shape->width[step->shape->layer_count],
                         step->dropout.seed, place);
}

/* Tiles [first, first + count) of a wave, which stand in slots 0, 1, .. */
typedef struct wave {
    int32_t first, count;
} wave;

static wave wave_at(const work *w, int32_t number)
{
    int64_t first, last;
    ist__share(w->tiles, number, w->waves, &first, &last);
    return (wave){(int32_t)first, (int32_t)(last - first)};
}

/* My slots [*first, *last) of a wave.  Those of the longest wave are shared out, so that they are the same in all. */
static void my_slots(const work *w, wave of, const ist__worker *worker, int32_t *first, int32_t *last)
{
    int64_t a, b;
    ist__share(w->slots, worker->rank, worker->size, &a, &b);
    *first = (int32_t)a < of.count ? (int32_t)a : of.count;
    *last = (int32_t)b < of.count ? (int32_t)b : of.count;
}

/* A tile: labels [label, label + labels), which stand at `block`. */
typedef struct tile {
    int32_t number, label, labels;
    float *block;
} tile;

static tile tile_at(const work *w, wave of, int32_t slot)
{
    const int32_t label = (of.first + slot) * TILE, left = w->labels - label;
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
    const ist__view view = {w->weight + t->label / LANES * layer->panel_stride, 1, layer->panel_stride, LANES,
                            LANES * LANES};
    w->kernels->product(t->labels, (int32_t)ld, layer->inputs, &view, w->input, ld, t->block, ld);
}

/* A panel of the layer and its place among the chosen ones; which copy goes where is the caller's. */
typedef struct pair {
    float *mine, *its;
    int64_t floats;
} pair;
enum { PAIRS = 6 };

static void find_pairs(const work *w, int32_t place, pair out[PAIRS])
{
    const ist__layer *layer = w->layer;
    const ist__step *step = w->step;
    const int32_t panel = w->wide->sample.panel[step->parity][place], left = layer->outputs - panel * LANES;
    const int64_t from = layer->weight + panel * layer->panel_stride, to = place * layer->panel_stride;
    const int64_t weights = (int64_t)layer->inputs * LANES, biases = left < LANES ? left : LANES;
    const int64_t bias = layer->offset + (int64_t)panel * LANES, my_bias = (int64_t)place * LANES;
    out[0] = (pair){w->weight + to, step->param + from, weights};
    out[1] = (pair){w->bias + my_bias, step->param + bias, biases};
    for (int i = 0; i < 2; i++) {
        out[2 + i] = (pair){moved(w->state[i], to), moved(step->state[i], from), weights};
        out[4 + i] = (pair){moved(w->bias_state[i], my_bias), moved(step->state[i], bias), biases};
    }
}

/* The weights and state of a tile's chosen labels, and their bias as logits see it. */
static void fetch(const work *w, const tile *t)
{
    const ist__sample *sample = &w->wide->sample;
    const float more = w->choice->more / w->sharpness;
    for (int32_t place = t->label / LANES; place * LANES < t->label + t->labels; place++) {
        pair pairs[PAIRS];
        find_pairs(w, place, pairs);
        for (int i = 0; i < PAIRS; i++)
            if (pairs[i].mine) memcpy(pairs[i].mine, pairs[i].its, (size_t)pairs[i].floats * sizeof(float));
        const float raise = sample->own[w->step->parity][place] ? 0 : more;
        for (int32_t i = place * LANES; i < (place + 1) * LANES && i < w->labels; i++)
            sample->raised[i] = w->bias[i] + raise;
    }
}

static void put_back(const work *w, const tile *t)
{
    for (int32_t place = t->label / LANES; place * LANES < t->label + t->labels; place++) {
        pair pairs[PAIRS];
        find_pairs(w, place, pairs);
        for (int i = 0; i < PAIRS; i++)
            if (pairs[i].mine) memcpy(pairs[i].its, pairs[i].mine, (size_t)pairs[i].floats * sizeof(float));
    }
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

/* fresh: for the first time in this step */
static void look_at(const work *w, const tile *t, bool fresh)
{
    const int64_t ld = w->scratch->ld, at = t->number * ld;
    const float *bias = (w->choice ? w->wide->sample.raised : w->bias) + t->label;
    if (w->choice && fresh) fetch(w, t);
    multiply(w, t);
    keep_targets(w, t, bias);
    if (w->sigmoid)
        w->kernels->label_sigmoids(t->labels, (int32_t)ld, ld, w->sharpness, bias, w->scale, t->block,
                                   w->wide->sum + at);
    else
        w->kernels->label_exps(t->labels, (int32_t)ld, ld, w->sharpness, bias, t->block, w->wide->top + at,
                               w->wide->sum + at);
}

IST__PHASE static void look_at_wave(const work *w, int32_t number, bool fresh, const ist__worker *worker)
{
    const wave of = wave_at(w, number);
    int32_t first, last;
    my_slots(w, of, worker, &first, &last);
    ist__mark_begin(worker, IST__MARK_FORWARD, w->step->shape->hidden_count);
    for (int32_t slot = first; slot < last; slot++) {
        const tile t = tile_at(w, of, slot);
        look_at(w, &t, fresh);
    }
    ist__mark_end(worker, IST__MARK_FORWARD);
}

void ist__wide_logits(const ist__step *step, const ist__worker *worker)
{
    const work w = work_of(step);
    if (w.sigmoid) return;
    for (int32_t number = w.waves - 1; number >= 0; number--) look_at_wave(&w, number, true, worker);
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
    const float smoothing = w->step->smoothing, even = smoothing / (float)w->labels;
    w->kernels->label_totals(w->tiles, begin, end, w->scratch->ld, wide->top, wide->sum, wide->most, wide->total);
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
    for (int32_t t = 0; t < w->tiles; t++) {
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
    const int64_t ld = w->scratch->ld;
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
    float *const state[2] = {moved(w->bias_state[0], t->label), moved(w->bias_state[1], t->label)};
    ist__optimizer_vector(w->step->engine, &w->step->rule, t->labels, gradient, w->bias + t->label, state);
}

IST__PHASE static void differentiate_wave(const work *w, wave of, const ist__worker *worker)
{
    int32_t first, last;
    my_slots(w, of, worker, &first, &last);
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
    const int32_t labels = (end < w->labels ? end : w->labels) - label;
    const int64_t ld = w->scratch->ld;
    int32_t row, row_end;
    int64_t column, column_end;
    if (worker->rank >= parts * bands) return;
    ist__band(w->step->engine, layer->inputs, worker->rank / parts, bands, &row, &row_end);
    ist__share(ld / LANES, worker->rank % parts, parts, &column, &column_end);
    column *= LANES;
    if (row == row_end) return;
    const ist__view view = {w->weight + label / LANES * layer->panel_stride + (int64_t)row * LANES, LANES,
                            LANES * LANES, 1, layer->panel_stride};
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
    my_slots(w, of, worker, &first, &last);
    if (first == last) return;
    const ist__layer *layer = w->layer;
    const tile t = tile_at(w, of, first);
    const int32_t end = (of.first + last) * TILE;
    const int64_t at = t.label / LANES * layer->panel_stride;
    ist__mark_begin(worker, IST__MARK_UPDATE, w->step->shape->hidden_count);
    w->kernels->weight_step(&w->step->rule, (end < w->labels ? end : w->labels) - t.label, layer->inputs,
                            w->step->batch, w->scratch->ld, t.block, w->input, w->weight + at, moved(w->state[0], at),
                            moved(w->state[1], at), layer->panel_stride, own_of(w, worker) + 2 * w->scratch->tile_most);
    for (int32_t slot = first; w->choice && slot < last; slot++) {
        const tile chosen = tile_at(w, of, slot);
        put_back(w, &chosen);
    }
    ist__mark_end(worker, IST__MARK_UPDATE);
}

void ist__wide_waves(const ist__step *step, ist__worker *worker)
{
    const work w = work_of(step);
    const bool goes_down = step->shape->hidden_count > 0;
    for (int32_t number = 0; number < w.waves; number++) {
        const wave of = wave_at(&w, number);
        if (number > 0 || w.sigmoid) look_at_wave(&w, number, false, worker);
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
