/* predictor.c - keeps a net's weights in panels, a piece for each thread, and runs rows through them.
 *
 * Up to IST__FEW_ROWS rows go through as they lie, row after row, by kernels that read each weight once for all of them.
 * More go through as columns of a block, by the kernels of evaluation.  Both give the same bits, and with the native
 * engine those of ist__evaluate: an answer depends neither on how many rows are asked about at once, nor on threads.
 *
 * Floor: train.  Hot: every function below "rows".
 */
#include "train/predictor.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "train/assemble.h"
#include "train/fold.h"
#include "train/pass.h"
#include "train/room.h"

enum { PANEL = IST__PANEL, SPARES = 64 };

/* The panels of a layer that one thread multiplies when all do. */
typedef struct slice {
    int32_t first, panels;
    const float *weight;
} slice;

typedef struct piece {
    ist__region region;
    slice layer[IST_MAX_HIDDEN + 1];
} piece;

/* What rows pass through. */
typedef struct space {
    float *input, *output; /* room_floats each; the layers take turns, so these are swapped */
} space;

/* Of a thread that asks alone. */
typedef struct own_space {
    ist__region region;
} own_space;

struct ist__predictor {
    const ist__host *host;
    const ist__kernel_set *kernels;
    ist__net net;     /* its small arrays alone, plain */
    ist__shape shape; /* with panels */
    int32_t answer, rows_at_once;
    float *scale[IST_MAX_HIDDEN + 1], *shift[IST_MAX_HIDDEN + 1]; /* (outputs, whole panels), both in `folds` */
    float *folds;
    int32_t piece_count;
    piece *pieces;
    int64_t room_floats; /* of a buffer: rows_at_once columns of the widest layer, or of the input */
    ist__region together;
    _Atomic(own_space *) spare[SPARES]; /* work space of calls that have ended; NULL: none */
};

static int32_t panels_of(int32_t neurons)
{
    return (neurons + PANEL - 1) / PANEL;
}

/* ----------------------------------------------------------------------------------------------------- create -- */

static slice slice_of(const ist__predictor *p, int32_t l, int32_t thread)
{
    int64_t first, last;
    ist__share(panels_of(p->shape.width[l + 1]), thread, p->piece_count, &first, &last);
    return (slice){.first = (int32_t)first, .panels = (int32_t)(last - first)};
}

static int64_t slice_floats(const ist__predictor *p, int32_t l, const slice *s)
{
    return s->panels * p->shape.layer[l].panel_stride;
}

static ist_status make_folds(ist__predictor *p, const ist__net *net, ist__error *error)
{
    int64_t floats = 0;
    for (int32_t l = 0; l < p->shape.layer_count; l++) floats += 2 * PANEL * (int64_t)panels_of(p->shape.width[l + 1]);
    float *next = p->folds = ist__alloc(floats, sizeof *next);
    if (!next) return ist__fail(error, IST_E_MEMORY, "no memory for a predictor");
    for (int32_t l = 0; l < p->shape.layer_count; l++) {
        const int32_t outputs = p->shape.width[l + 1];
        p->scale[l] = next;
        p->shift[l] = next + PANEL * (int64_t)panels_of(outputs);
        next = p->shift[l] + PANEL * (int64_t)panels_of(outputs);
        ist__fold_layer(net, l, 0, outputs, p->scale[l], p->shift[l]);
    }
    return IST_OK;
}

static ist_status check_room(const ist__predictor *p, ist__error *error)
{
    const ist__plan *plan = p->host->plan;
    ist__need *needs = ist__alloc(p->host->machine->node_count, sizeof *needs);
    if (!needs) return ist__fail(error, IST_E_MEMORY, "no memory for a predictor");
    for (int32_t t = 0; t < plan->team_count; t++)
        needs[plan->teams[t].node].weights += p->shape.floats * (int64_t)sizeof(float) / plan->team_count;
    needs[plan->teams[0].node].work += 2 * p->room_floats * (int64_t)sizeof(float);
    const ist_status status = ist__room_check(p->host, needs, "this predictor", error);
    ist__free(needs);
    return status;
}

static ist_status make_pieces(ist__predictor *p, ist__error *error)
{
    const ist__host *host = p->host;
    p->pieces = ist__alloc(p->piece_count, sizeof *p->pieces);
    if (!p->pieces) return ist__fail(error, IST_E_MEMORY, "no memory for a predictor");
    ist_status status = IST_OK;
    for (int32_t t = 0, thread = 0; t < host->plan->team_count; t++)
        for (int32_t r = 0; r < host->plan->teams[t].threads && !status; r++, thread++) {
            piece *mine = &p->pieces[thread];
            size_t bytes = 0;
            for (int32_t l = 0; l < p->shape.layer_count; l++) {
                mine->layer[l] = slice_of(p, l, thread);
                bytes += ist__region_size((size_t)slice_floats(p, l, &mine->layer[l]) * sizeof(float));
            }
            status = ist__region_create(&mine->region, host->topology, bytes, host->plan->teams[t].node,
                                        host->placement, host->refusals, error);
        }
    if (status) return status;
    return ist__region_create(&p->together, host->topology, 2 * (size_t)p->room_floats * sizeof(float),
                              host->plan->teams[0].node, host->placement, host->refusals, error);
}

typedef struct filling {
    ist__predictor *predictor;
    const ist__net *net;
} filling;

/* A panel of the layer from the master, which is plain: rows of neurons, but at the output rows of inputs. */
static void fill_panel(const ist__kernel_set *kernels, const ist__layer *from, const float *param, int32_t panel,
                       float *to)
{
    const int32_t first = panel * PANEL, count = from->outputs - first < PANEL ? from->outputs - first : PANEL;
    const float *weight = param + from->weight;
    if (from->is_output) {
        for (int64_t k = 0; k < from->inputs; k++)
            memcpy(to + k * PANEL, weight + k * from->outputs + first, (size_t)count * sizeof *to);
        return; /* what is beyond the last neuron is 0, as the region is */
    }
    const float *rows[PANEL] = {0};
    for (int32_t j = 0; j < count; j++) rows[j] = weight + (int64_t)(first + j) * from->inputs;
    kernels->pack_panel(rows, NULL, from->inputs, to);
}

/* Each thread touches its piece first. */
static void fill(void *argument, ist__worker *worker)
{
    const filling *f = argument;
    ist__predictor *p = f->predictor;
    piece *mine = &p->pieces[worker->thread];
    for (int32_t l = 0; l < p->shape.layer_count; l++) {
        slice *s = &mine->layer[l];
        float *weight = ist__region_take(&mine->region, (size_t)slice_floats(p, l, s) * sizeof(float));
        for (int32_t i = 0; i < s->panels; i++)
            fill_panel(p->kernels, &f->net->shape.layer[l], f->net->param, s->first + i,
                       weight + i * p->shape.layer[l].panel_stride);
        s->weight = weight;
    }
    if (worker->thread == 0) ist__pages_touch(p->together.base, 2 * (size_t)p->room_floats * sizeof(float));
}

/* Whole panels and whole vectors of columns, so that kernels may run to their end. */
static int64_t room_floats(const ist__predictor *p)
{
    const int32_t widest = ist__shape_widest(&p->shape);
    const int64_t features = p->shape.width[0], width = PANEL * (int64_t)panels_of(widest);
    const int64_t rows = ist__padded_columns(p->rows_at_once > IST__FEW_ROWS ? p->rows_at_once : IST__FEW_ROWS);
    return (features > width ? (features + PANEL - 1) / PANEL * PANEL : width) * rows;
}

ist_status ist__predictor_create(ist__predictor **out, const ist__host *host, const ist__net *net, int32_t answer,
                                 int32_t rows_at_once, ist__error *error)
{
    ist__predictor *p = ist__alloc(1, sizeof *p);
    if (!p) return ist__fail(error, IST_E_MEMORY, "no memory for a predictor");
    p->host = host;
    p->kernels = host->engine.kernels;
    p->answer = answer;
    p->rows_at_once = rows_at_once;
    p->piece_count = host->plan->thread_count;
    p->shape = ist__shape_narrow(&net->shape, net->shape.width + 1, true);
    p->room_floats = room_floats(p);
    ist_status status = ist__net_create(&p->net, &net->shape, net->subnets, error);
    if (!status) ist__net_copy_small(&p->net, net);
    if (!status) status = make_folds(p, net, error);
    if (!status) status = check_room(p, error);
    if (!status) status = make_pieces(p, error);
    filling all = {p, net};
    if (!status) status = ist__crew_run(host->crew, fill, &all, error);
    if (status) ist__predictor_destroy(p);
    else *out = p;
    return status;
}

static void free_space(own_space *own)
{
    if (own) ist__region_destroy(&own->region);
    ist__free(own);
}

void ist__predictor_destroy(ist__predictor *p)
{
    if (!p) return;
    for (int32_t t = 0; p->pieces && t < p->piece_count; t++) ist__region_destroy(&p->pieces[t].region);
    for (int i = 0; i < SPARES; i++) free_space(atomic_load(&p->spare[i]));
    ist__region_destroy(&p->together);
    ist__net_destroy(&p->net);
    ist__free(p->pieces);
    ist__free(p->folds);
    ist__free(p);
}

int32_t ist__predictor_features(const ist__predictor *predictor)
{
    return predictor->shape.width[0];
}

/* ------------------------------------------------------------------------------------------------------- rows -- */

/* Who works on a block of rows: pieces [first, last), and of all else share rank of size. */
typedef struct party {
    const ist__predictor *p;
    const ist__question *question;
    int32_t first, last;
    ist__worker *worker; /* NULL: alone */
    int32_t rank, size;
} party;

static void meet(const party *who)
{
    if (who->worker) ist__team_barrier(who->worker);
}

static const char *row_at(const ist__question *q, int64_t row)
{
    return (const char *)q->x + row * q->row_stride_bytes;
}

/* Features [first, last) of a row, `stride` floats apart; the numbers that `assemble` gives. */
static void scale_row(const ist__predictor *p, const ist__question *q, int64_t row, int64_t first, int64_t last,
                      float *out, int64_t stride)
{
    const ist__net *net = &p->net;
    const int64_t step = net->normalization_count > 1;
    const char *x = row_at(q, row);
    for (int64_t i = first; i < last; i++) {
        const float value = q->type == IST_UINT8     ? (float)((const uint8_t *)(const void *)x)[i]
                            : q->type == IST_FLOAT32 ? ((const float *)(const void *)x)[i]
                                                     : (float)((const double *)(const void *)x)[i];
        out[(i - first) * stride] = (value - net->shift[i * step]) * net->factor[i * step];
    }
}

/* Layer l for rows that lie one after the other, ldx and ldy floats apart. */
static void layer_of_few(const party *who, int32_t l, int32_t rows, const float *x, int64_t ldx, float *y, int64_t ldy)
{
    const ist__predictor *p = who->p;
    const ist__layer *layer = &p->shape.layer[l];
    for (int32_t i = who->first; i < who->last; i++) {
        const slice *s = &p->pieces[i].layer[l];
        const int64_t at = (int64_t)s->first * PANEL;
        const ist__few few = {.rows = rows,
                              .panels = s->panels,
                              .inputs = layer->inputs,
                              .weight = s->weight,
                              .panel_stride = layer->panel_stride,
                              .x = x,
                              .ldx = ldx,
                              .scale = p->scale[l] + at,
                              .shift = p->shift[l] + at,
                              .activation = layer->activation,
                              .y = y + at,
                              .ldy = ldy};
        if (s->panels > 0) p->kernels->few(&few);
    }
}

/* Layer l for columns of a block. */
static void layer_of_many(const party *who, int32_t l, int32_t columns, const float *x, float *y, int64_t ld)
{
    const ist__predictor *p = who->p;
    const ist__layer *layer = &p->shape.layer[l];
    for (int32_t i = who->first; i < who->last; i++) {
        const slice *s = &p->pieces[i].layer[l];
        const int32_t row = s->first * PANEL;
        const int32_t rows = layer->outputs - row < s->panels * PANEL ? layer->outputs - row : s->panels * PANEL;
        const ist__view view = {s->weight, 1, layer->panel_stride, PANEL, PANEL * PANEL};
        float *z = y + row * ld;
        if (s->panels == 0) continue;
        p->kernels->product(rows, columns, layer->inputs, &view, x, ld, z, ld);
        p->kernels->affine_forward(rows, columns, ld, z, p->scale[l] + row, p->shift[l] + row, layer->activation, z);
    }
}

/* From logits, a column a row, to the caller's array: my share of the columns. */
static void answer_columns(const party *who, float *logits, int64_t ld, int64_t first, int32_t rows)
{
    const ist__predictor *p = who->p;
    const int32_t classes = p->shape.width[p->shape.layer_count];
    int64_t from, to;
    ist__share(ist__padded_columns(rows) / IST__LANES, who->rank, who->size, &from, &to);
    from *= IST__LANES;
    to = to * IST__LANES < rows ? to * IST__LANES : rows;
    if (from >= to) return;
    if (ist__shape_regresses(&p->shape)) {
        for (int64_t c = from; c < to; c++)
            for (int32_t k = 0; k < classes; k++)
                who->question->answers[(first + c) * classes + k] = ist__target_of(&p->net, k, logits[k * ld + c]);
        return;
    }
    const ist__loss_rule rule = {.sharpness = (float)p->net.output_scale, .smoothing = 0, .scale = 1};
    const bool binary = p->shape.loss == IST_LOSS_BINARY;
    if (p->answer == IST_ANSWER_PROBABILITIES && !binary)
        p->kernels->softmax_cross_entropy(classes, (int32_t)from, (int32_t)to, ld, logits, NULL, &rule, logits, NULL,
                                          NULL);
    const float factor = p->answer == IST_ANSWER_LOGITS || binary ? rule.sharpness : 1;
    for (int64_t c = from; c < to; c++) {
        float *out = who->question->answers + (first + c) * classes;
        for (int64_t k = 0; k < classes; k++) out[k] = logits[k * ld + c] * factor;
        for (int64_t k = 0; binary && p->answer == IST_ANSWER_PROBABILITIES && k < classes; k++)
            out[k] = ist__sigmoid(out[k]);
    }
}

static void run_few(const party *who, space s, int64_t first, int32_t rows)
{
    const ist__predictor *p = who->p;
    const ist__question *q = who->question;
    const int64_t ld = p->room_floats / IST__FEW_ROWS / PANEL * PANEL;
    const int32_t classes = p->shape.width[p->shape.layer_count];
    if (who->rank == 0)
        for (int32_t r = 0; r < rows; r++) scale_row(p, q, first + r, 0, p->shape.width[0], s.input + r * ld, 1);
    for (int32_t l = 0; l < p->shape.layer_count; l++) {
        meet(who);
        layer_of_few(who, l, rows, s.input, ld, s.output, ld);
        s = (space){s.output, s.input};
    }
    meet(who);
    if (who->rank > 0) return;
    for (int64_t k = 0; k < classes; k++)
        for (int32_t r = 0; r < rows; r++) s.output[k * IST__LANES + r] = s.input[r * ld + k];
    const party me = {.p = p, .question = q, .rank = 0, .size = 1};
    answer_columns(&me, s.output, IST__LANES, first, rows);
}

/* My share of the features of some rows, a column each. */
static void load_columns(const party *who, int64_t first, int32_t rows, float *input, int64_t ld)
{
    const ist__predictor *p = who->p;
    const ist__question *q = who->question;
    const ist__samples samples = {
        .x = q->x, .row_stride_bytes = q->row_stride_bytes, .bytes = q->type == IST_UINT8, .first_row = first};
    int64_t begin, end;
    ist__share(panels_of(p->shape.width[0]), who->rank, who->size, &begin, &end);
    const int32_t features = p->shape.width[0], from = (int32_t)begin * PANEL;
    const int32_t to = (int32_t)end * PANEL < features ? (int32_t)end * PANEL : features;
    if (from >= to) return;
    if (q->type != IST_FLOAT64)
        p->kernels->assemble(&samples, rows, from, to, p->net.shift, p->net.factor, p->net.normalization_count == 1,
                             input, ld);
    else
        for (int32_t c = 0; c < rows; c++) scale_row(p, q, first + c, from, to, input + from * ld + c, ld);
}

static void run_many(const party *who, space s, int64_t first, int32_t rows)
{
    const ist__predictor *p = who->p;
    const int64_t ld = ist__padded_columns(rows);
    load_columns(who, first, rows, s.input, ld);
    for (int32_t l = 0; l < p->shape.layer_count; l++) {
        meet(who);
        layer_of_many(who, l, rows, s.input, s.output, ld);
        s = (space){s.output, s.input};
    }
    meet(who);
    answer_columns(who, s.input, ld, first, rows);
}

static void run_rows(const party *who, space s)
{
    const ist__question *q = who->question;
    for (int64_t first = 0; first < q->rows; first += who->p->rows_at_once) {
        const int64_t left = q->rows - first;
        const int32_t rows = left < who->p->rows_at_once ? (int32_t)left : who->p->rows_at_once;
        if (first > 0) meet(who); /* the answers of the last block have been read */
        if (rows > IST__FEW_ROWS) run_many(who, s, first, rows);
        else run_few(who, s, first, rows);
    }
}

/* --------------------------------------------------------------------------------------------- alone, together -- */

/* In a region, for its large pages: a strip of a block of columns crosses more small ones than a core knows by heart. */
static own_space *take_space(const ist__predictor *p)
{
    ist__predictor *shared = (ist__predictor *)(uintptr_t)p; /* the spares alone, which are atomic */
    for (int i = 0; i < SPARES; i++) {
        own_space *found = atomic_exchange(&shared->spare[i], NULL);
        if (found) return found;
    }
    own_space *made = ist__alloc(1, sizeof *made);
    if (!made) return NULL;
    if (ist__region_create(&made->region, p->host->topology, 2 * (size_t)p->room_floats * sizeof(float), -1,
                           IST_PLACE_NONE, NULL, NULL) == IST_OK)
        return made;
    ist__free(made);
    return NULL;
}

static void give_space(const ist__predictor *p, own_space *own)
{
    ist__predictor *shared = (ist__predictor *)(uintptr_t)p;
    for (int i = 0; i < SPARES; i++) {
        own_space *none = NULL;
        if (atomic_compare_exchange_strong(&shared->spare[i], &none, own)) return;
    }
    free_space(own);
}

static space space_in(const ist__predictor *p, const ist__region *region)
{
    float *memory = (float *)(void *)region->base;
    return (space){memory, memory + p->room_floats};
}

ist_status ist__predictor_alone(const ist__predictor *p, const ist__question *question)
{
    own_space *mine = take_space(p);
    if (!mine) return IST_E_MEMORY;
    const party me = {.p = p, .question = question, .last = p->piece_count, .size = 1};
    run_rows(&me, space_in(p, &mine->region));
    give_space(p, mine);
    return IST_OK;
}

typedef struct asking {
    ist__predictor *predictor;
    const ist__question *question;
} asking;

static void ask(void *argument, ist__worker *worker)
{
    const asking *a = argument;
    ist__worker joined = ist__worker_of_all(worker);
    const party us = {.p = a->predictor,
                      .question = a->question,
                      .first = worker->thread,
                      .last = worker->thread + 1,
                      .worker = &joined,
                      .rank = worker->thread,
                      .size = worker->threads};
    run_rows(&us, space_in(a->predictor, &a->predictor->together));
    worker->waited_s = joined.waited_s;
}

ist_status ist__predictor_together(ist__predictor *p, const ist__question *question, ist__error *error)
{
    asking all = {p, question};
    return ist__crew_run(p->host->crew, ask, &all, error);
}
