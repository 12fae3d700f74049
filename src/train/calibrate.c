/* calibrate.c - statistics of batch norm: one pooled batch goes through the layers, whose chunks stay with their teams.
 *
 * Floor: train.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "numa/marks.h"
#include "train/assemble.h"
#include "train/evaluate.h"
#include "train/fold.h"
#include "train/front.h"
#include "train/pass.h"

/* The pooled batch, as chunks of IST__CHUNK_COLUMNS columns that stay with their team through all layers. */
typedef struct calibration {
    const ist__host *host;
    ist__net *net;
    ist__rows rows;
    int64_t row_count, chunks;
    uint32_t *index;     /* (row_count) dataset rows */
    int32_t last_normed; /* layers above need no measuring */
    ist__folds fold;
    ist__front front;     /* of sparse rows */
    int64_t room;         /* floats of one activation: the widest layer or the input, times IST__CHUNK_COLUMNS */
    ist__region *regions; /* (teams) two activations for each of the team's chunks, of even and odd layers */
    float *moments;       /* (chunks, 2, widest) mean and squared deviations of each chunk */
} calibration;

static int32_t chunk_columns(const calibration *c, int64_t chunk)
{
    const int64_t left = c->row_count - chunk * IST__CHUNK_COLUMNS;
    return left < IST__CHUNK_COLUMNS ? (int32_t)left : IST__CHUNK_COLUMNS;
}

static float *chunk_moments(const calibration *c, int64_t chunk)
{
    return c->moments + chunk * 2 * ist__shape_widest_below(&c->net->shape, c->last_normed + 1);
}

/* Mean and variance of neurons [first, last) over all chunks, merged in chunk order in double precision. */
static void merge_moments(const calibration *c, const ist__layer *layer, int32_t first, int32_t last)
{
    const int32_t wide = ist__shape_widest_below(&c->net->shape, c->last_normed + 1);
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
    const ist__scaling scaling = {c->net->shift, c->net->factor, c->net->normalization_count == 1};
    for (int64_t k = run->begin; k < run->end; k++) {
        float *input = activation_of(c, run, k, 0);
        const uint32_t *index = c->index + k * IST__CHUNK_COLUMNS;
        const ist__front_chunk chunk = ist__front_chunk_at(input, IST__CHUNK_COLUMNS);
        const int32_t count = chunk_columns(c, k);
        if (c->rows.sparse) ist__front_load(&chunk, &c->rows, index, 0, count, IST__CHUNK_COLUMNS, NULL, worker);
        else
            ist__assemble_share(&c->host->engine, &c->rows, index, 0, count, &scaling, input, IST__CHUNK_COLUMNS, NULL,
                                worker);
    }
}

/* Layer l of my neurons for my team's chunks; where it has batch norm, only products and their moments. */
static void measure_layer(const calibration *c, const chunk_run *run, int32_t l, const ist__worker *worker)
{
    const ist__layer *layer = &c->net->shape.layer[l];
    const bool normed = layer->norm == IST_NORM_BATCH;
    const int32_t wide = ist__shape_widest_below(&c->net->shape, c->last_normed + 1);
    const ist__layer_pass pass = {
        .kind = normed ? IST__PASS_PRODUCT : IST__PASS_AFFINE, .scale = c->fold.scale[l], .shift = c->fold.shift[l]};
    int32_t first, last;
    ist__band(&c->host->engine, layer->outputs, worker->rank, worker->size, &first, &last);
    for (int64_t k = run->begin; k < run->end; k++) {
        float *z = activation_of(c, run, k, l + 1), *moments = chunk_moments(c, k) + first;
        ist__front_forward(&c->front, &c->rows, c->net, l, &c->host->engine, &pass, activation_of(c, run, k, l), z,
                           IST__CHUNK_COLUMNS, IST__CHUNK_COLUMNS, IST__CHUNK_COLUMNS, worker);
        if (normed && first < last)
            c->host->engine.kernels->row_moments(last - first, chunk_columns(c, k), IST__CHUNK_COLUMNS,
                                                 z + first * IST__CHUNK_COLUMNS, moments, moments + wide);
    }
}

/* Apply the statistics just found to my neurons. */
static void normalize_layer(const calibration *c, const chunk_run *run, int32_t l, const ist__worker *worker)
{
    const ist__layer *layer = &c->net->shape.layer[l];
    int32_t first, last;
    ist__band(&c->host->engine, layer->outputs, worker->rank, worker->size, &first, &last);
    for (int64_t k = run->begin; k < run->end && first < last; k++) {
        float *z = activation_of(c, run, k, l + 1) + first * IST__CHUNK_COLUMNS;
        c->host->engine.kernels->affine_forward(last - first, IST__CHUNK_COLUMNS, IST__CHUNK_COLUMNS, z,
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
                ist__folds_layer(&c->fold, c->net, l, (int32_t)first, (int32_t)last);
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
    return (rows + IST__CHUNK_COLUMNS - 1) / IST__CHUNK_COLUMNS;
}

/* Of one chunk, of the widest layer. */
static int64_t activation_floats(const ist__shape *shape, bool sparse)
{
    const int64_t wide =
        (int64_t)ist__shape_widest_below(shape, find_last_normed(shape) + 1); /* layers above are not measured */
    const int64_t input = sparse ? ist__front_chunk_floats(1) : shape->width[0];
    return (wide > input ? wide : input) * IST__CHUNK_COLUMNS;
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
    const int32_t teams = c->host->plan->team_count, wide = ist__shape_widest_below(shape, c->last_normed + 1);
    ist_status status = ist__folds_make(&c->fold, shape, error);
    for (int32_t l = 0; l < shape->layer_count && !status; l++)
        if (shape->layer[l].norm == IST_NORM_NONE) ist__folds_layer(&c->fold, c->net, l, 0, shape->layer[l].outputs);
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
