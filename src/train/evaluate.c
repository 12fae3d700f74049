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
    ist__folds fold;
    ist__front front;     /* of sparse rows */
    chunk_buffers *lanes; /* (teams) */
    const ist__answers *answers;
    double *errors; /* (chunks, 2, targets) sums of squares and sizes; NULL: not wanted */
    ist__tops tops; /* where answers->top are wanted */
} evaluation;

/* ---------------------------------------------------------------------------------------------------- chunks -- */

/* Layers whose activations are held whole. */
static int32_t layers_held(const evaluation *e)
{
    return e->net->shape.layer_count - (e->answers->top ? 1 : 0);
}

static ist_status make_lanes(evaluation *e, ist__error *error)
{
    const ist__shape *shape = &e->net->shape;
    const size_t wide = (size_t)ist__shape_widest_below(shape, layers_held(e)), ld = (size_t)e->ld;
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
        e.batch = e.product_columns = answers->top ? IST__TOPS_COLUMNS : IST__CHUNK_COLUMNS;
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
    ist_status status = ist__folds_make(&e.fold, &net->shape, error);
    for (int32_t l = 0; l < net->shape.layer_count && !status; l++)
        ist__folds_layer(&e.fold, net, l, 0, net->shape.layer[l].outputs);
    if (!status && e.batch_statistics && config->order == IST_ORDER_SHUFFLED) status = shuffle(&e, error);
    if (!status && answers->squares) status = make_errors(&e, error);
    if (!status && e.rows.sparse) status = ist__front_create(&e.front, host, net, error);
    if (!status) status = make_lanes(&e, error);
    if (!status) status = ist__crew_run(host->crew, run_chunks, &e, error);
    if (!status && e.errors) add_errors(&e);
    free_evaluation(&e);
    return status;
}

double ist__evaluate_flops(const ist__net *net, const ist_dataset *data)
{
    const double dense = ist__shape_forward_flops(&net->shape, data->rows);
    if (data->sparse.rows == 0) return dense;
    const double places = (double)data->rows * net->shape.width[0]; /* of a first layer that multiplied zeros, too */
    return dense - 2.0 * (places - (double)data->sparse.nonzeros) * net->shape.width[1];
}
