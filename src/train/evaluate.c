/* evaluate.c - forward passes of the whole net on all teams: chunks of rows are split over the teams, a layer's neurons
 * over the threads of a team.
 *
 * Why products of a fixed shape: with stored statistics every chunk is 128 columns, whatever batch was asked for, and row
 * i of the dataset stands in column i mod 128: so no answer depends on the batch.  With the native engine an answer does not
 * depend on the place either.  OpenBLAS's kernels for Haswell and Zen round differently in columns 8 .. 119 than beside
 * them: there one row asked for alone may differ in the last bits from the same row inside a file. [M10]
 *
 * Floor: train.
 */
#include "train/evaluate.h"

#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "numa/marks.h"
#include "train/assemble.h"
#include "train/fold.h"
#include "train/front.h"
#include "train/pass.h"
#include "train/tops.h"

enum { PRODUCT_COLUMNS = 128 };

/* A team's buffers for one chunk. */
typedef struct chunk_buffers {
    ist__region region;
    float *input;           /* (features, ld); of sparse rows a chunk of the front */
    float *activation[2];   /* (widest, ld) of even and odd layers */
    float *inv_std;         /* (widest) */
    float *loss;            /* (ld) */
    float *targets;         /* (targets, ld) of a regression, as outputs are to be; else little */
    int32_t *labels, *best; /* (ld) */
    ist__tops_team tops;
} chunk_buffers;

/* What batch norm or bias come to, as z -> scale z + shift, for each layer. */
typedef struct folds {
    float *memory;
    float *scale[IST_MAX_HIDDEN + 1], *shift[IST_MAX_HIDDEN + 1]; /* (outputs) */
} folds;

typedef struct evaluation {
    const ist__host *host;
    const ist__net *net;
    ist__rows rows;
    int64_t row_count;
    bool batch_statistics;
    int32_t batch;           /* rows of a chunk */
    int32_t product_columns; /* multiplied for each chunk */
    int64_t ld;
    uint32_t *order; /* (row_count) NULL: as they stand */
    folds fold;
    ist__front front;     /* of sparse rows */
    chunk_buffers *lanes; /* (teams) */
    const ist__answers *answers;
    double *errors; /* (chunks, 2, targets) sums of squares and sizes; NULL: not wanted */
    ist__tops tops; /* where answers->top are wanted */
} evaluation;

/* --------------------------------------------------------------------------------------------------- folding -- */

static ist_status make_folds(folds *out, const ist__shape *shape, ist__error *error)
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

/* Batch norm with stored statistics, or the bias and the 1/n scale, of neurons [first, last) of layer l. */
static void fold_layer(folds *fold, const ist__net *net, int32_t l, int32_t first, int32_t last)
{
    ist__fold_layer(net, l, first, last, fold->scale[l], fold->shift[l]);
}

/* ---------------------------------------------------------------------------------------------------- chunks -- */

/* Neurons of the widest of the first `layers` layers. */
static int32_t widest_of(const ist__shape *shape, int32_t layers)
{
    int32_t widest = 0;
    for (int32_t l = 1; l <= layers; l++)
        if (shape->width[l] > widest) widest = shape->width[l];
    return widest;
}

/* Layers whose activations are held whole. */
static int32_t layers_held(const evaluation *e)
{
    return e->net->shape.layer_count - (e->answers->top ? 1 : 0);
}

static ist_status make_lanes(evaluation *e, ist__error *error)
{
    const ist__shape *shape = &e->net->shape;
    const size_t wide = (size_t)widest_of(shape, layers_held(e)), ld = (size_t)e->ld;
    const size_t targets = e->rows.targets ? (size_t)e->rows.target_count * ld : 0;
    const size_t input = e->rows.sparse ? (size_t)ist__front_chunk_floats(e->ld) : (size_t)shape->width[0] * ld;
    const size_t sizes[] = {input, wide * ld, wide * ld, wide, ld, ld, ld, targets};
    size_t least = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) least += ist__region_size(sizes[i] * sizeof(float));
    const int32_t teams = e->host->plan->team_count;
    e->lanes = ist__alloc(teams, sizeof *e->lanes);
    if (!e->lanes) return ist__fail(error, IST_E_MEMORY, "no memory for %d teams", teams);
    for (int32_t t = 0; t < teams; t++) {
        chunk_buffers *lane = &e->lanes[t];
        const int32_t threads = e->host->plan->teams[t].threads;
        const ist_status status = ist__region_create(
            &lane->region, e->host->topology, least + (e->answers->top ? ist__tops_bytes(&e->tops, threads) : 0),
            e->host->plan->teams[t].node, e->host->placement, e->host->refusals, error);
        if (status) return status;
        void **const buffers[] = {(void **)&lane->input,   (void **)&lane->activation[0], (void **)&lane->activation[1],
                                  (void **)&lane->inv_std, (void **)&lane->loss,          (void **)&lane->labels,
                                  (void **)&lane->best,    (void **)&lane->targets};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            *buffers[i] = ist__region_take(&lane->region, sizes[i] * sizeof(float));
        if (e->answers->top) ist__tops_take(&e->tops, &lane->region, threads, &lane->tops);
    }
    return IST_OK;
}

static void free_evaluation(evaluation *e)
{
    for (int32_t t = 0; e->lanes && t < e->host->plan->team_count; t++) ist__region_destroy(&e->lanes[t].region);
    ist__free(e->lanes);
    ist__free(e->order);
    ist__free(e->errors);
    ist__free(e->fold.memory);
    ist__front_destroy(&e->front);
}

static ist__scaling scaling_of(const ist__net *net)
{
    return (ist__scaling){net->shift, net->factor, net->normalization_count == 1};
}

/* Rows [first, first + count) as columns of the lane's input; the columns beyond stay what they were: finite. */
static void load_chunk(const evaluation *e, chunk_buffers *lane, int64_t first, int32_t count,
                       const ist__worker *worker)
{
    const uint32_t *index = e->order ? e->order + first : NULL;
    const int64_t first_row = e->order ? 0 : first;
    if (e->rows.sparse) {
        const ist__front_chunk chunk = ist__front_chunk_at(lane->input, e->ld);
        ist__front_load(&chunk, &e->rows, index, first_row, count, (int32_t)e->ld, lane->labels, worker);
        return;
    }
    const ist__scaling scaling = scaling_of(e->net);
    ist__assemble_share(&e->host->engine, &e->rows, index, first_row, count, &scaling, lane->input, e->ld, lane->labels,
                        worker);
    if (!e->answers->loss || !e->rows.targets) return;
    const ist__scaling of_targets = {e->net->target_shift, e->net->target_factor, e->net->target_count == 1};
    ist__assemble_targets(&e->host->engine, &e->rows, index, first_row, count, &of_targets, lane->targets, e->ld,
                          worker);
}

static ist__layer_pass pass_of(const evaluation *e, const chunk_buffers *lane, int32_t l)
{
    const ist__net *net = e->net;
    const ist__layer *layer = &net->shape.layer[l];
    const bool normed = e->batch_statistics && layer->norm == IST_NORM_BATCH;
    return (ist__layer_pass){.kind = normed ? IST__PASS_BATCH_NORM : IST__PASS_AFFINE,
                             .gamma = layer->gain >= 0 ? net->param + layer->gain : NULL,
                             .beta = layer->gain >= 0 ? net->param + layer->offset : NULL,
                             .inv_std = lane->inv_std,
                             .scale = e->fold.scale[l],
                             .shift = e->fold.shift[l]};
}

static float *forward_chunk(const evaluation *e, chunk_buffers *lane, int32_t count, ist__worker *worker)
{
    float *input = lane->input;
    for (int32_t l = 0; l < layers_held(e); l++) {
        const ist__layer_pass pass = pass_of(e, lane, l);
        float *output = lane->activation[l & 1];
        ist__front_forward(&e->front, &e->rows, e->net, l, &e->host->engine, &pass, input, output, e->ld, count,
                           e->product_columns, worker);
        ist__team_barrier(worker);
        input = output;
    }
    return input;
}

/* The number of the row in column c of a chunk that begins at `first`. */
static int64_t row_at(const evaluation *e, int64_t first, int64_t c)
{
    return e->order ? e->order[first + c] : first + c;
}

/* Errors of target k in a chunk, in column order. */
static void sum_errors(const evaluation *e, const float *outputs, int32_t k, int64_t first, int32_t count)
{
    double *sums = e->errors + first / e->batch * 2 * e->rows.target_count;
    double squares = 0, sizes = 0;
    for (int32_t c = 0; c < count; c++) {
        const float wanted = e->rows.targets[row_at(e, first, c) * e->rows.target_stride + k];
        const double error = (double)ist__target_of(e->net, k, outputs[c]) - (double)wanted;
        squares += error * error;
        sizes += error < 0 ? -error : error;
    }
    sums[k] = squares;
    sums[e->rows.target_count + k] = sizes;
}

/* Of a regression: losses of my columns, numbers of my targets. */
static void answer_regression(const evaluation *e, chunk_buffers *lane, const float *outputs, int64_t first,
                              int32_t count, const ist__worker *worker)
{
    const ist__shape *shape = &e->net->shape;
    const int32_t targets = shape->width[shape->layer_count];
    const ist__answers *a = e->answers;
    int64_t from, to;
    ist__share(count, worker->rank, worker->size, &from, &to);
    if (a->loss && from < to) {
        const ist__error_rule rule = {ist__shape_loss_delta(shape), 1};
        e->host->engine.kernels->regression_loss(targets, (int32_t)from, (int32_t)to, e->ld, outputs, lane->targets,
                                                 &rule, NULL, lane->loss);
        for (int64_t c = from; c < to; c++) a->loss[row_at(e, first, c)] = lane->loss[c];
    }
    ist__share(targets, worker->rank, worker->size, &from, &to);
    for (int32_t k = (int32_t)from; k < (int32_t)to; k++) {
        const float *mine = outputs + k * e->ld;
        if (e->errors) sum_errors(e, mine, k, first, count);
        for (int32_t c = 0; a->probabilities && c < count; c++)
            a->probabilities[row_at(e, first, c) * targets + k] = ist__target_of(e->net, k, mine[c]);
    }
}

/* Sigmoids of columns [from, to), each label by itself. */
static void answer_sigmoids(const evaluation *e, chunk_buffers *lane, float *logits, int64_t from, int64_t to)
{
    const int32_t classes = e->net->shape.width[e->net->shape.layer_count];
    const float sharpness = (float)e->net->output_scale;
    for (int64_t c = from; c < to; c++) {
        double loss = 0;
        if (e->answers->loss) loss = -(double)(sharpness * logits[lane->labels[c] * e->ld + c]);
        for (int64_t k = 0; k < classes; k++) {
            float *at = &logits[k * e->ld + c];
            const float x = sharpness * *at, tail = ist__exp(x < 0 ? x : -x);
            if (e->answers->loss) loss += (x > 0 ? (double)x : 0) + ist__log(1 + (double)tail);
            if (e->answers->probabilities) *at = ist__sigmoid(x);
        }
        lane->loss[c] = (float)loss;
    }
}

/* Softmax of my columns, and what is wanted of them, into the caller's arrays. */
static void answer_chunk(const evaluation *e, chunk_buffers *lane, float *logits, int64_t first, int32_t count,
                         const ist__worker *worker)
{
    const int32_t classes = e->net->shape.width[e->net->shape.layer_count];
    const ist__answers *a = e->answers;
    int64_t from, to;
    ist__share(count, worker->rank, worker->size, &from, &to);
    if (from == to) return;
    const bool binary = e->net->shape.loss == IST_LOSS_BINARY;
    float *d = a->probabilities && !binary ? logits : NULL; /* softmax in place */
    const ist__loss_rule rule = {.sharpness = (float)e->net->output_scale, .smoothing = 0, .scale = 1};
    e->host->engine.kernels->softmax_cross_entropy(classes, (int32_t)from, (int32_t)to, e->ld, logits,
                                                   a->loss ? lane->labels : NULL, &rule, d, a->loss ? lane->loss : NULL,
                                                   a->best ? lane->best : NULL);
    if (binary) answer_sigmoids(e, lane, logits, from, to);
    for (int64_t c = from; c < to; c++) {
        const int64_t row = row_at(e, first, c);
        if (a->loss) a->loss[row] = lane->loss[c];
        if (a->best) a->best[row] = lane->best[c];
        for (int32_t k = 0; a->probabilities && k < classes; k++)
            a->probabilities[row * classes + k] = logits[k * e->ld + c];
    }
}

/* The last layer, of which only the best labels stay; hidden: the layer below it. */
static void answer_tops(const evaluation *e, const chunk_buffers *lane, const float *hidden, int64_t first,
                        int32_t count, ist__worker *worker)
{
    const ist__answers *a = e->answers;
    const ist__layer_pass pass = pass_of(e, lane, e->net->shape.layer_count - 1);
    const ist__tops_rows rows = {e->order ? e->order + first : NULL, first, count};
    const ist__tops_out out = {a->top, a->top_score, a->loss};
    ist__tops_chunk(&e->tops, &lane->tops, &pass, hidden, &rows, e->product_columns, &out, worker);
}

static void run_chunks(void *argument, ist__worker *worker)
{
    const evaluation *e = argument;
    chunk_buffers *lane = &e->lanes[worker->team];
    const int64_t chunks = (e->row_count + e->batch - 1) / e->batch;
    int64_t begin, end;
    ist__share(chunks, worker->team, worker->teams, &begin, &end);
    ist__mark_begin(worker, IST__MARK_EVALUATE, 0);
    for (int64_t chunk = begin; chunk < end; chunk++) {
        const int64_t first = chunk * e->batch, left = e->row_count - first;
        const int32_t count = left < e->batch ? (int32_t)left : e->batch;
        load_chunk(e, lane, first, count, worker);
        ist__team_barrier(worker);
        float *logits = forward_chunk(e, lane, count, worker);
        if (e->answers->top) answer_tops(e, lane, logits, first, count, worker);
        else if (ist__shape_regresses(&e->net->shape)) answer_regression(e, lane, logits, first, count, worker);
        else answer_chunk(e, lane, logits, first, count, worker);
        ist__team_barrier(worker); /* before the next chunk overwrites the logits of a net without hidden layers */
    }
    ist__mark_end(worker, IST__MARK_EVALUATE);
}

/* Chunks in order: no sum depends on who formed its parts. */
static void add_errors(const evaluation *e)
{
    const int32_t targets = e->rows.target_count;
    const int64_t chunks = (e->row_count + e->batch - 1) / e->batch;
    for (int32_t k = 0; k < targets; k++) {
        double squares = 0, sizes = 0;
        for (int64_t chunk = 0; chunk < chunks; chunk++) {
            squares += e->errors[chunk * 2 * targets + k];
            sizes += e->errors[(chunk * 2 + 1) * targets + k];
        }
        e->answers->squares[k] = squares;
        e->answers->sizes[k] = sizes;
    }
}

static ist_status make_errors(evaluation *e, ist__error *error)
{
    const int64_t chunks = (e->row_count + e->batch - 1) / e->batch;
    e->errors = ist__alloc(chunks * 2 * e->rows.target_count, sizeof *e->errors);
    if (e->errors) return IST_OK;
    return ist__fail(error, IST_E_MEMORY, "no memory for the errors of %d targets", e->rows.target_count);
}

/* Always the same for so many rows: no seed, so that a model has one accuracy on a file. */
static ist_status shuffle(evaluation *e, ist__error *error)
{
    e->order = ist__alloc(e->row_count, sizeof *e->order);
    if (!e->order)
        return ist__fail(error, IST_E_MEMORY, "no memory for the order of %lld rows", (long long)e->row_count);
    ist__rng rng = ist__rng_make(0, IST__FOR_EVALUATION, 0, 0);
    ist__rng_permutation(&rng, e->row_count, e->order);
    return IST_OK;
}

ist_status ist__evaluate(const ist__host *host, const ist__net *net, const ist_dataset *data,
                         const ist_evaluate_config *config, const ist__answers *answers, ist__error *error)
{
    evaluation e = {.host = host,
                    .net = net,
                    .rows = ist__dataset_rows(data),
                    .row_count = data->rows,
                    .batch_statistics = config->statistics == IST_STATISTICS_BATCH,
                    .answers = answers};
    if (e.batch_statistics) {
        e.batch = e.product_columns = data->rows < config->batch ? (int32_t)data->rows : config->batch;
    } else {
        e.batch = e.product_columns = answers->top ? IST__TOPS_COLUMNS : PRODUCT_COLUMNS;
    }
    e.ld = ist__padded_columns(e.product_columns);
    if (answers->top) {
        e.tops = (ist__tops){.engine = &host->engine,
                             .layer = &net->shape.layer[net->shape.layer_count - 1],
                             .param = net->param,
                             .sharpness = (float)net->output_scale,
                             .most = answers->top_count,
                             .data = answers->loss ? data : NULL,
                             .sums = answers->loss || answers->top_score,
                             .binary = net->shape.loss == IST_LOSS_BINARY,
                             .ld = e.ld};
        ist__tops_prepare(&e.tops);
    }
    ist_status status = make_folds(&e.fold, &net->shape, error);
    for (int32_t l = 0; l < net->shape.layer_count && !status; l++)
        fold_layer(&e.fold, net, l, 0, net->shape.layer[l].outputs);
    if (!status && e.batch_statistics && config->order == IST_ORDER_SHUFFLED) status = shuffle(&e, error);
    if (!status && answers->squares) status = make_errors(&e, error);
    if (!status && e.rows.sparse) status = ist__front_create(&e.front, host, net, error);
    if (!status) status = make_lanes(&e, error);
    if (!status) status = ist__crew_run(host->crew, run_chunks, &e, error);
    if (!status && e.errors) add_errors(&e);
    free_evaluation(&e);
    return status;
}

/* ----------------------------------------------------------------------------------------------- calibration -- */

/* The pooled batch, as chunks of PRODUCT_COLUMNS columns that stay with their team through all layers. */
typedef struct calibration {
    const ist__host *host;
    ist__net *net;
    ist__rows rows;
    int64_t row_count, chunks;
    uint32_t *index;     /* (row_count) dataset rows */
    int32_t last_normed; /* layers above need no measuring */
    folds fold;
    ist__front front;     /* of sparse rows */
    int64_t room;         /* floats of one activation: the widest layer or the input, times PRODUCT_COLUMNS */
    ist__region *regions; /* (teams) two activations for each of the team's chunks, of even and odd layers */
    float *moments;       /* (chunks, 2, widest) mean and squared deviations of each chunk */
} calibration;

static int32_t chunk_columns(const calibration *c, int64_t chunk)
{
    const int64_t left = c->row_count - chunk * PRODUCT_COLUMNS;
    return left < PRODUCT_COLUMNS ? (int32_t)left : PRODUCT_COLUMNS;
}

static float *chunk_moments(const calibration *c, int64_t chunk)
{
    return c->moments + chunk * 2 * widest_of(&c->net->shape, c->last_normed + 1);
}

/* Mean and variance of neurons [first, last) over all chunks, merged in chunk order in double precision. */
static void merge_moments(const calibration *c, const ist__layer *layer, int32_t first, int32_t last)
{
    const int32_t wide = widest_of(&c->net->shape, c->last_normed + 1);
    float *mean = c->net->statistics + layer->statistics, *variance = mean + layer->outputs;
    for (int32_t i = first; i < last; i++) {
        double count = 0, m = 0, m2 = 0;
        for (int64_t k = 0; k < c->chunks; k++) {
            const float *of_chunk = chunk_moments(c, k);
            const double more = chunk_columns(c, k), delta = (double)of_chunk[i] - m, all = count + more;
            m += delta * (more / all);
            m2 += (double)of_chunk[wide + i] + delta * delta * (count * more / all);
            count = all;
        }
        mean[i] = (float)m;
        variance[i] = (float)(m2 / count);
    }
}

/* This team's chunks [begin, end), and where the activation of each lies. */
typedef struct chunk_run {
    int64_t begin, end;
    float *first;
} chunk_run;

static float *activation_of(const calibration *c, const chunk_run *run, int64_t chunk, int32_t layer)
{
    return run->first + (2 * (chunk - run->begin) + (layer & 1)) * c->room;
}

static void load_pool(const calibration *c, const chunk_run *run, const ist__worker *worker)
{
    const ist__scaling scaling = scaling_of(c->net);
    for (int64_t k = run->begin; k < run->end; k++) {
        float *input = activation_of(c, run, k, 0);
        const uint32_t *index = c->index + k * PRODUCT_COLUMNS;
        const ist__front_chunk chunk = ist__front_chunk_at(input, PRODUCT_COLUMNS);
        const int32_t count = chunk_columns(c, k);
        if (c->rows.sparse) ist__front_load(&chunk, &c->rows, index, 0, count, PRODUCT_COLUMNS, NULL, worker);
        else
            ist__assemble_share(&c->host->engine, &c->rows, index, 0, count, &scaling, input, PRODUCT_COLUMNS, NULL,
                                worker);
    }
}

/* Layer l of my neurons for my team's chunks; where it has batch norm, only products and their moments. */
static void measure_layer(const calibration *c, const chunk_run *run, int32_t l, const ist__worker *worker)
{
    const ist__layer *layer = &c->net->shape.layer[l];
    const bool normed = layer->norm == IST_NORM_BATCH;
    const int32_t wide = widest_of(&c->net->shape, c->last_normed + 1);
    const ist__layer_pass pass = {
        .kind = normed ? IST__PASS_PRODUCT : IST__PASS_AFFINE, .scale = c->fold.scale[l], .shift = c->fold.shift[l]};
    int32_t first, last;
    ist__band(&c->host->engine, layer->outputs, worker->rank, worker->size, &first, &last);
    for (int64_t k = run->begin; k < run->end; k++) {
        float *z = activation_of(c, run, k, l + 1), *moments = chunk_moments(c, k) + first;
        ist__front_forward(&c->front, &c->rows, c->net, l, &c->host->engine, &pass, activation_of(c, run, k, l), z,
                           PRODUCT_COLUMNS, PRODUCT_COLUMNS, PRODUCT_COLUMNS, worker);
        if (normed && first < last)
            c->host->engine.kernels->row_moments(last - first, chunk_columns(c, k), PRODUCT_COLUMNS,
                                                 z + first * PRODUCT_COLUMNS, moments, moments + wide);
    }
}

/* Apply the statistics just found to my neurons. */
static void normalize_layer(const calibration *c, const chunk_run *run, int32_t l, const ist__worker *worker)
{
    const ist__layer *layer = &c->net->shape.layer[l];
    int32_t first, last;
    ist__band(&c->host->engine, layer->outputs, worker->rank, worker->size, &first, &last);
    for (int64_t k = run->begin; k < run->end && first < last; k++) {
        float *z = activation_of(c, run, k, l + 1) + first * PRODUCT_COLUMNS;
        c->host->engine.kernels->affine_forward(last - first, PRODUCT_COLUMNS, PRODUCT_COLUMNS, z,
                                                c->fold.scale[l] + first, c->fold.shift[l] + first, layer->activation,
                                                z);
    }
}

static void measure(void *argument, ist__worker *worker)
{
    calibration *c = argument;
    chunk_run run;
    ist__share(c->chunks, worker->team, worker->teams, &run.begin, &run.end);
    run.first = (float *)(void *)c->regions[worker->team].base;
    ist__mark_begin(worker, IST__MARK_CALIBRATE, 0);
    load_pool(c, &run, worker);
    ist__team_barrier(worker);
    for (int32_t l = 0; l <= c->last_normed; l++) {
        const ist__layer *layer = &c->net->shape.layer[l];
        measure_layer(c, &run, l, worker);
        if (layer->norm == IST_NORM_BATCH) {
            ist__all_barrier(worker); /* moments of all chunks */
            int64_t first, last;      /* teams may differ in size: rank 0 of each takes its team's share */
            ist__share(layer->outputs, worker->team, worker->teams, &first, &last);
            if (worker->rank == 0) {
                merge_moments(c, layer, (int32_t)first, (int32_t)last);
                fold_layer(&c->fold, c->net, l, (int32_t)first, (int32_t)last);
            }
            ist__all_barrier(worker); /* scale and shift of all neurons */
            normalize_layer(c, &run, l, worker);
        }
        ist__team_barrier(worker);
    }
    ist__mark_end(worker, IST__MARK_CALIBRATE);
}

static int32_t find_last_normed(const ist__shape *shape)
{
    int32_t last = -1;
    for (int32_t l = 0; l < shape->layer_count; l++)
        if (shape->layer[l].norm == IST_NORM_BATCH) last = l;
    return last;
}

/* The rows to pool: a seeded sample without replacement, ascending, so that memory is walked forward. */
static ist_status draw_rows(calibration *c, int64_t dataset_rows, uint64_t seed, ist__error *error)
{
    c->index = ist__alloc(c->row_count, sizeof *c->index);
    if (!c->index) return ist__fail(error, IST_E_MEMORY, "no memory to draw %lld rows", (long long)c->row_count);
    ist__rng rng = ist__rng_make(seed, IST__FOR_CALIBRATION, 0, 0);
    int64_t wanted = c->row_count;
    for (int64_t row = 0; row < dataset_rows && wanted > 0; row++) /* each row in turn, with the chance that is fair */
        if (ist__rng_below(&rng, (uint32_t)(dataset_rows - row)) < (uint32_t)wanted)
            c->index[c->row_count - wanted--] = (uint32_t)row;
    return IST_OK;
}

static int64_t chunks_of(int64_t rows)
{
    return (rows + PRODUCT_COLUMNS - 1) / PRODUCT_COLUMNS;
}

/* Of one chunk, of the widest layer. */
static int64_t activation_floats(const ist__shape *shape, bool sparse)
{
    const int64_t wide = (int64_t)widest_of(shape, find_last_normed(shape) + 1); /* layers above are not measured */
    const int64_t input = sparse ? ist__front_chunk_floats(1) : shape->width[0];
    return (wide > input ? wide : input) * PRODUCT_COLUMNS;
}

/* Of the two activations of each of a team's chunks. */
static size_t pool_bytes(const ist__shape *shape, bool sparse, int64_t chunks, int32_t team, int32_t teams)
{
    int64_t begin, end;
    ist__share(chunks, team, teams, &begin, &end);
    return (size_t)((end - begin) * 2 * activation_floats(shape, sparse)) * sizeof(float);
}

static ist_status prepare(calibration *c, ist__error *error)
{
    const ist__shape *shape = &c->net->shape;
    const int32_t teams = c->host->plan->team_count, wide = widest_of(shape, c->last_normed + 1);
    ist_status status = make_folds(&c->fold, shape, error);
    for (int32_t l = 0; l < shape->layer_count && !status; l++)
        if (shape->layer[l].norm == IST_NORM_NONE) fold_layer(&c->fold, c->net, l, 0, shape->layer[l].outputs);
    if (status) return status;
    c->moments = ist__alloc(c->chunks * 2 * wide, sizeof *c->moments);
    c->regions = ist__alloc(teams, sizeof *c->regions);
    if (!c->moments || !c->regions) return ist__fail(error, IST_E_MEMORY, "no memory to measure batch norm");
    c->room = activation_floats(shape, c->rows.sparse);
    for (int32_t t = 0; t < teams && !status; t++)
        status = ist__region_create(&c->regions[t], c->host->topology,
                                    pool_bytes(shape, c->rows.sparse, c->chunks, t, teams),
                                    c->host->plan->teams[t].node, c->host->placement, c->host->refusals, error);
    return status;
}

size_t ist__calibrate_bytes(const ist__shape *shape, const ist__extent *data, int64_t rows, int32_t team, int32_t teams)
{
    if (find_last_normed(shape) < 0) return 0;
    return pool_bytes(shape, data->sparse, chunks_of(rows < data->rows ? rows : data->rows), team, teams);
}

ist_status ist__calibrate(const ist__host *host, ist__net *net, const ist_dataset *data, uint64_t seed, int64_t rows,
                          ist__error *error)
{
    calibration c = {
        .host = host, .net = net, .rows = ist__dataset_rows(data), .last_normed = find_last_normed(&net->shape)};
    if (c.last_normed >= 0) {
        c.row_count = rows < data->rows ? rows : data->rows;
        c.chunks = chunks_of(c.row_count);
        ist_status status = draw_rows(&c, data->rows, seed, error);
        if (!status) status = prepare(&c, error);
        if (!status && c.rows.sparse) status = ist__front_create(&c.front, host, net, error);
        if (!status) status = ist__crew_run(host->crew, measure, &c, error);
        for (int32_t t = 0; c.regions && t < host->plan->team_count; t++) ist__region_destroy(&c.regions[t]);
        ist__front_destroy(&c.front);
        ist__free(c.regions);
        ist__free(c.moments);
        ist__free(c.fold.memory);
        ist__free(c.index);
        if (status) return status;
    }
    net->calibrated = 1;
    return IST_OK;
}
