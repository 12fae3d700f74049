/* fixture_plain.h - a run done plainly: one worker, one subnet after another, rows straight from the dataset; no crew of
 * teams, no shards, no bands, no batch assembled ahead, weights gathered number by number.  What the round of src/train
 * gives must be these bits, with every engine.  Include after api/fixture_run.h.
 */
#ifndef IST_TESTS_FIXTURE_PLAIN_H
#define IST_TESTS_FIXTURE_PLAIN_H

#include <string.h>
#include "api/fixture_run.h"
#include "api/handles.h"
#include "fixture_oracle.h"
#include "train/subnet.h"

typedef struct plain_run {
    ist_train_config config; /* subnets resolved */
    const ist_dataset *data;
    const ist__host *host;   /* of a context with one thread */
    const ist__net *net;     /* shape and normalization */
    int64_t steps;           /* of the whole run */
    int32_t states;          /* arrays of optimiser state */
    float *param, *state[2]; /* the master: (shape.floats) each */
    ist__deal deal;
    ist__batches *batches; /* (subnets) */
    uint32_t **rows;       /* (subnets) dataset row of each of the subnet's own rows, NULL: they are dataset rows */
    ist__region region;    /* of the scratch */
    ist__scratch scratch;
    bool whole;    /* no rounds: all steps on one block; for one subnet */
    int64_t round; /* done */
} plain_run;

static inline float *plain_copy(const float *from, int64_t floats)
{
    float *copy = table_room(floats, sizeof *copy);
    if (from) memcpy(copy, from, (size_t)floats * sizeof *copy);
    return copy;
}

/* A shape as subnets have it with this engine. */
static inline ist__shape plain_shape(const plain_run *p, const ist__shape *shape)
{
    return ist__shape_narrow(shape, shape->width + 1, p->host->engine.kind == IST_ENGINE_NATIVE);
}

/* From the model's present parameters, fresh optimiser state.  `r` must have one team of one thread. */
static inline plain_run plain_open(const run *r, const ist_train_config *config, int64_t steps)
{
    const ist__net *net = &r->model->net;
    const int64_t floats = net->shape.floats;
    plain_run p = {.config = *config, .data = r->dataset, .host = &r->context->host, .net = net, .steps = steps};
    ist__error error;
    if (p.config.subnets == 0) p.config.subnets = net->subnets;
    const int32_t n = p.config.subnets;
    p.states = ist__optimizer_states(config->optimizer);
    p.param = plain_copy(net->param, floats);
    for (int32_t i = 0; i < p.states; i++) p.state[i] = plain_copy(NULL, floats);
    CHECK_EQ(ist__deal_create(&p.deal, &net->shape, n, &error), IST_OK);
    p.batches = table_room(n, sizeof *p.batches);
    p.rows = table_room(n, sizeof *p.rows);
    for (int32_t s = 0; s < n; s++) {
        CHECK_EQ(ist__batches_create(&p.batches[s], config->seed, config->data, p.data->rows, n, s, &error), IST_OK);
        if (config->data != IST_DATA_SHARD) continue;
        p.rows[s] = table_room(p.batches[s].rows, sizeof **p.rows);
        CHECK_EQ(ist__shard_list(config->seed, p.data->rows, n, s, p.rows[s], &error), IST_OK);
    }
    const ist__shape widest = plain_shape(&p, &net->shape);
    const ist__extent data = ist__dataset_extent(p.data, config->batch, p.data->rows / n);
    const size_t bytes = ist__scratch_bytes(&p.host->engine, &widest, &data, config, 1);
    CHECK_EQ(ist__region_create(&p.region, p.host->topology, bytes, -1, IST_PLACE_NONE, NULL, &error), IST_OK);
    ist__scratch_take(&p.scratch, &p.region, &p.host->engine, &widest, &data, config, 1);
    return p;
}

static inline void plain_close(plain_run *p)
{
    for (int32_t s = 0; s < p->config.subnets; s++) {
        ist__batches_destroy(&p->batches[s]);
        free(p->rows[s]);
    }
    free(p->batches);
    free(p->rows);
    free(p->param);
    free(p->state[0]);
    free(p->state[1]);
    ist__deal_destroy(&p->deal);
    ist__region_destroy(&p->region);
}

/* Panels begin on cache lines. */
static inline float *plain_block(int64_t floats)
{
    float *block = aligned_alloc(64, (size_t)floats * sizeof *block);
    if (block) memset(block, 0, (size_t)floats * sizeof *block);
    return block;
}

/* Numbers of subnet s from the master to its block or back, one by one; the output bias, which all subnets share, goes
 * back only where asked. */
static inline void plain_move(const plain_run *p, int32_t s, float *master, const ist__shape *part, float *block,
                              bool back, bool shared_too)
{
    const ist__shape *whole = &p->net->shape;
    for (int32_t l = 0; l < whole->layer_count; l++) {
        const ist__layer *from = &whole->layer[l], *to = &part->layer[l];
        const int32_t *outputs = NULL, *inputs = NULL;
        if (!to->is_output) ist__deal_group(&p->deal, l, s, &outputs);
        if (l > 0) ist__deal_group(&p->deal, l - 1, s, &inputs);
        for (int32_t i = 0; i < to->outputs; i++) {
            const int32_t o = outputs ? outputs[i] : i;
            for (int32_t j = 0; j < to->inputs; j++) {
                float *a = &master[oracle_place(whole, l, o, inputs ? inputs[j] : j)];
                float *b = &block[oracle_place(part, l, i, j)];
                if (back) *a = *b;
                else *b = *a;
            }
            const int64_t of_master[2] = {from->gain, from->offset}, of_block[2] = {to->gain, to->offset};
            for (int v = 0; v < 2; v++) {
                if (of_block[v] < 0) continue;
                float *a = &master[of_master[v] + o], *b = &block[of_block[v] + i];
                if (!back) *b = *a;
                else if (!to->is_output || shared_too) *a = *b;
            }
        }
    }
}

/* `count` steps of subnet s from step `first` of the run on, on a block of its shape. */
static inline void plain_steps(const plain_run *p, const ist__shape *shape, int32_t s, float *param,
                               float *const *state, int64_t first, int32_t count, ist__worker *worker)
{
    const ist__rows rows = ist__dataset_rows(p->data);
    const bool carried = p->config.state == IST_STATE_CARRIED;
    for (int32_t j = 0; j < count; j++) {
        const int64_t at = first + j;
        uint32_t *index = p->scratch.index[0];
        ist__batches_rows(&p->batches[s], at * p->config.batch, p->config.batch, index);
        for (int32_t c = 0; p->rows[s] && c < p->config.batch; c++) index[c] = p->rows[s][index[c]];
        const ist__lr_curve curve = {p->config.lr, p->config.schedule, true, at, p->steps};
        const ist__step step = {
            .engine = &p->host->engine,
            .shape = shape,
            .param = param,
            .state = {state[0], state[1]},
            .rule = ist__optimizer_at(&p->config, &curve, carried ? at : j),
            .dropout = ist__dropout_of(&p->config),
            .place = {at, s},
            .output_scale = (float)p->net->output_scale,
            .smoothing = (float)p->config.label_smoothing,
            .scratch = &p->scratch,
            .rows = &rows,
            .scaling = {p->net->shift, p->net->factor, p->net->normalization_count == 1},
            .target_scaling = {p->net->target_shift, p->net->target_factor, p->net->target_count == 1},
            .batch = p->config.batch};
        ist__subnet_prepare(&step, worker);
        ist__subnet_step(&step, worker);
    }
}

typedef struct plain_part {
    ist__shape shape;
    float *param, *state[2];
} plain_part;

static inline void plain_part_open(plain_run *p, int32_t s, plain_part *part)
{
    part->shape = ist__deal_shape(&p->deal, &p->net->shape, s, p->host->engine.kind == IST_ENGINE_NATIVE);
    part->param = plain_block(part->shape.floats);
    plain_move(p, s, p->param, &part->shape, part->param, false, true);
    for (int32_t i = 0; i < p->states; i++) {
        part->state[i] = plain_block(part->shape.floats);
        if (p->config.state == IST_STATE_CARRIED)
            plain_move(p, s, p->state[i], &part->shape, part->state[i], false, true);
    }
}

static inline void plain_part_close(plain_run *p, int32_t s, plain_part *part, bool shared_too)
{
    plain_move(p, s, p->param, &part->shape, part->param, true, shared_too);
    for (int32_t i = 0; i < p->states && p->config.state == IST_STATE_CARRIED; i++)
        plain_move(p, s, p->state[i], &part->shape, part->state[i], true, shared_too);
    free(part->param);
    free(part->state[0]);
    free(part->state[1]);
}

/* One array of the output bias becomes the mean of the parts', summed in order. */
static inline void plain_mean(const plain_run *p, const plain_part *parts, int32_t which, float *master)
{
    const ist__shape *whole = &p->net->shape;
    const int32_t n = p->config.subnets, top = whole->hidden_count;
    const ist__layer *output = &whole->layer[top];
    if (output->offset < 0) return;
    for (int32_t c = 0; c < output->outputs; c++) {
        float sum = 0;
        for (int32_t s = 0; s < n; s++) {
            const float *block = which < 0 ? parts[s].param : parts[s].state[which];
            sum += block[parts[s].shape.layer[top].offset + c];
        }
        master[output->offset + c] = sum / (float)n;
    }
}

static inline void plain_round(plain_run *p, int64_t first, int32_t count, ist__worker *worker)
{
    const int32_t n = p->config.subnets;
    plain_part *parts = calloc((size_t)n, sizeof *parts);
    ist__deal_round(&p->deal, p->config.seed, p->round);
    for (int32_t s = 0; s < n; s++) plain_part_open(p, s, &parts[s]);
    for (int32_t s = 0; s < n; s++)
        plain_steps(p, &parts[s].shape, s, parts[s].param, parts[s].state, first, count, worker);
    plain_mean(p, parts, -1, p->param);
    for (int32_t i = 0; i < p->states && p->config.state == IST_STATE_CARRIED; i++)
        plain_mean(p, parts, i, p->state[i]);
    for (int32_t s = 0; s < n; s++) plain_part_close(p, s, &parts[s], false);
    free(parts);
}

/* On the one thread of a crew: every round of the run. */
static inline void plain_work(void *argument, ist__worker *worker)
{
    plain_run *p = argument;
    if (p->whole) {
        plain_part part = {.state = {NULL, NULL}};
        ist__deal_round(&p->deal, p->config.seed, 0); /* of one subnet: all neurons, in order */
        plain_part_open(p, 0, &part);
        plain_steps(p, &part.shape, 0, part.param, part.state, 0, (int32_t)p->steps, worker);
        plain_part_close(p, 0, &part, true);
        return;
    }
    const int32_t most = p->config.local_steps;
    for (int64_t first = 0; first < p->steps; first += most, p->round++)
        plain_round(p, first, p->steps - first < most ? (int32_t)(p->steps - first) : most, worker);
}

static inline void plain_go(plain_run *p)
{
    ist__error error;
    CHECK_EQ(p->host->plan->thread_count, 1);
    CHECK_EQ(ist__crew_run(p->host->crew, plain_work, p, &error), IST_OK);
}

#endif
