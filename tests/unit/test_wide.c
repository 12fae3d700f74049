/* A wide output: its step against double precision, and its bits, whatever the memory, the threads and the kernels. */
#define _GNU_SOURCE
#include <math.h>

#include "api/fixture_run.h"
#include "api/handles.h"
#include "fixture_oracle.h"
#include "train/subnet.h"

enum { LABELS = 700, LISTS = 5, BATCH = 23, ROWS = 61 };

/* Row r has r % LISTS labels, one of which all rows with labels have. */
typedef struct lists {
    ist__sparse sparse;
    int64_t begin[ROWS + 1];
    int32_t label[ROWS * LISTS];
} lists;

static void lists_make(lists *l)
{
    for (int32_t r = 0; r < ROWS; r++) {
        const int32_t count = r % LISTS;
        l->begin[r + 1] = l->begin[r] + count;
        for (int32_t k = 0; k < count; k++) l->label[l->begin[r] + k] = k == 0 ? 3 : 128 * k + r * 2;
    }
    l->sparse = (ist__sparse){.rows = ROWS, .labels = LABELS, .label_begin = l->begin, .label = l->label};
}

/* What is trained. */
typedef struct kind {
    int32_t loss, hidden_count;
    bool lists;
    double smoothing, output_scale;
    int32_t optimizer;
    int32_t sampled;
} kind;

typedef struct bench {
    kind kind;
    run_spec spec;
    run r;
    ist__shape part;
    int64_t floats;
    float *block, *state[2];
    ist__region region;
    ist__scratch scratch;
    lists lists;
    ist__rows rows, labels; /* labels: whose labels count */
    ist__rule rule;
    int64_t steps; /* done */
    double loss;
} bench;

static run_spec spec_of(const kind *k, int32_t threads, int32_t engine)
{
    run_spec spec = run_spec_small();
    spec.threads = threads;
    spec.engine = engine;
    spec.rows = ROWS;
    spec.classes = LABELS;
    spec.hidden_count = k->hidden_count;
    spec.hidden[1] = 20;
    spec.made_for = 1;
    spec.loss = k->loss;
    spec.output_scale = k->output_scale;
    spec.train.batch = BATCH;
    spec.train.optimizer = k->optimizer;
    spec.train.label_smoothing = k->smoothing;
    return spec;
}

static float *room_of(const bench *b, float size, uint64_t stream)
{
    const ist__shape *whole = &b->r.model->net.shape;
    float *plain = table_room(whole->floats, sizeof *plain), *block;
    block_fill(whole, size, stream, plain);
    if (stream > 1)
        for (int64_t i = 0; i < whole->floats; i++) plain[i] = fabsf(plain[i]); /* a second moment */
    CHECK(!posix_memalign((void **)&block, 64, (size_t)b->part.floats * sizeof *block));
    memset(block, 0, (size_t)b->part.floats * sizeof *block);
    for (int32_t l = 0; l < whole->layer_count; l++) {
        const ist__layer *from = &whole->layer[l], *to = &b->part.layer[l];
        for (int32_t i = 0; i < from->outputs; i++) {
            for (int32_t j = 0; j < from->inputs; j++)
                block[oracle_place(&b->part, l, i, j)] = plain[oracle_place(whole, l, i, j)];
            if (from->gain >= 0) block[to->gain + i] = plain[from->gain + i];
            if (from->offset >= 0) block[to->offset + i] = plain[from->offset + i];
        }
    }
    free(plain);
    return block;
}

static void bench_open(bench *b, const kind *k, int32_t threads, int32_t engine, int64_t logits_bytes)
{
    memset(b, 0, sizeof *b);
    b->kind = *k;
    b->spec = spec_of(k, threads, engine);
    b->r = run_open(&b->spec);
    const ist__net *net = &b->r.model->net;
    const ist__engine *e = &b->r.context->host.engine;
    b->part = ist__shape_narrow(&net->shape, net->shape.width + 1, true);
    b->block = room_of(b, 0.5F, 1);
    for (int i = 0; i < 2; i++) b->state[i] = room_of(b, 0.1F, 2 + (uint64_t)i);
    lists_make(&b->lists);
    b->rows = b->labels = ist__dataset_rows(b->r.dataset);
    if (k->lists) b->labels = (ist__rows){.sparse = &b->lists.sparse};
    ist__extent data = ist__dataset_extent(b->r.dataset, BATCH, ROWS);
    data.lists = true;
    data.batch_labels = BATCH * LISTS;
    ist_train_config config = b->spec.train;
    config.logits_bytes = logits_bytes;
    config.sampled_labels = k->sampled;
    const size_t bytes = ist__scratch_bytes(e, &b->part, &data, &config, threads);
    CHECK_EQ(ist__region_create(&b->region, b->r.context->host.topology, bytes, -1, IST_PLACE_NONE, NULL, NULL),
             IST_OK);
    ist__scratch_take(&b->scratch, &b->region, e, &b->part, &data, &config, threads);
    CHECK(b->region.used_bytes <= bytes);
    const ist__lr_curve curve = {0.5, IST_LR_CONSTANT, false, 0, 100};
    b->rule = ist__optimizer_at(&b->spec.train, &curve, 4);
}

static void bench_close(bench *b)
{
    free(b->block);
    free(b->state[0]);
    free(b->state[1]);
    ist__region_destroy(&b->region);
    run_close(&b->r);
}

static uint32_t row_at(int32_t c)
{
    return (uint32_t)(c * 5 + 2) % ROWS;
}

static void step_work(void *argument, ist__worker *worker)
{
    bench *b = argument;
    const ist__net *net = &b->r.model->net;
    const ist__step step = {.engine = &b->r.context->host.engine,
                            .shape = &b->part,
                            .param = b->block,
                            .state = {b->state[0], b->state[1]},
                            .rule = b->rule,
                            .output_scale = (float)net->output_scale,
                            .smoothing = (float)b->kind.smoothing,
                            .scratch = &b->scratch,
                            .rows = &b->rows,
                            .scaling = {net->shift, net->factor, net->normalization_count == 1},
                            .batch = BATCH};
    CHECK(ist__step_is_wide(&step));
    ist__subnet_prepare(&step, worker);
    ist__team_barrier(worker);
    if (worker->rank == 0) ist__wide_assemble(&step, &b->labels, 0, (ist__draw_place){b->steps, 3});
    ist__team_barrier(worker);
    const double loss = ist__subnet_step(&step, worker);
    if (worker->rank == 0) b->loss += loss;
    ist__team_barrier(worker);
}

static void take_steps(bench *b, int32_t count)
{
    for (int32_t c = 0; c < BATCH; c++) b->scratch.index[0][c] = row_at(c);
    for (int32_t k = 0; k < count; k++, b->steps++)
        CHECK_EQ(ist__crew_run(b->r.context->host.crew, step_work, b, NULL), IST_OK);
}

/* --------------------------------------------------------------------------------------- in double precision -- */

/* What the logit of a label is raised by; -INFINITY: the last step did not see it. */
static double raise_of(const bench *b, int32_t label)
{
    const ist__sample *s = &b->scratch.wide.sample;
    if (s->drawn == 0) return 0;
    for (int32_t i = 0; i < s->choice[0]->count; i++)
        if (s->panel[0][i] == label / IST__PANEL) return s->own[0][i] ? 0 : (double)s->choice[0]->more;
    return -INFINITY;
}

/* The mean over the batch of what the step makes smaller; told: of what it tells. */
static double objective(const bench *b, const oracle *o, const double *x, bool told)
{
    static double logit[BATCH * LABELS];
    const int32_t labels[BATCH] = {0};
    double loss, sum = 0;
    CHECK_EQ(ist__reference_step(&o->net, BATCH, x, labels, &loss, logit, NULL), IST_OK);
    const double smoothing = told ? 0 : b->kind.smoothing;
    for (int32_t c = 0; c < BATCH; c++) {
        double *z = logit + c * LABELS;
        for (int32_t k = 0; k < LABELS; k++) z[k] += raise_of(b, k);
        const int64_t row = row_at(c), first = b->kind.lists ? b->lists.begin[row] : row;
        const int64_t count = b->kind.lists ? b->lists.begin[row + 1] - first : 1;
        const int32_t *label = (b->kind.lists ? b->lists.label : b->r.table.labels) + first;
        double top = z[0], exps = 0, even = 0;
        for (int32_t k = 0; k < LABELS; k++) top = fmax(top, z[k]);
        for (int32_t k = 0; k < LABELS; k++) {
            exps += exp(z[k] - top);
            if (smoothing > 0) even += z[k] / LABELS;
        }
        if (b->kind.loss == IST_LOSS_BINARY) {
            for (int32_t k = 0; k < LABELS; k++) sum += log1p(exp(z[k]));
            for (int64_t i = 0; i < count; i++) sum -= z[label[i]];
        } else {
            for (int64_t i = 0; i < count; i++)
                sum += (log(exps) + top - (1 - smoothing) * z[label[i]] - smoothing * even) / (double)count;
        }
    }
    return sum / BATCH;
}

static void load(const bench *b, oracle *o, double *x)
{
    const ist__net *net = &b->r.model->net;
    oracle_make(o, &net->shape);
    oracle_load(o, &b->part, b->block);
    o->net.output_scale = net->output_scale;
    for (int32_t c = 0; c < BATCH; c++)
        for (int32_t f = 0; f < b->spec.features; f++)
            x[c * b->spec.features + f] = (double)b->r.table.x[row_at(c) * (uint32_t)b->spec.features + (uint32_t)f];
}

/* Gradients go where the weights were: w = 0 w + g, and 1 w + g of vectors. */
static void check_gradients(const kind *k, int64_t logits_bytes)
{
    static bench b;
    bench_open(&b, k, 2, IST_ENGINE_NATIVE, logits_bytes);
    oracle before, after;
    double x[BATCH * 6];
    load(&b, &before, x);
    b.rule = (ist__rule){.kind = IST_SGD, .lr = -1, .keep = 0};
    take_steps(&b, 1);
    CHECK_NEAR(b.loss / BATCH, objective(&b, &before, x, true), 2e-6 * (1 + b.loss / BATCH));
    oracle_make(&after, &b.r.model->net.shape);
    oracle_load(&after, &b.part, b.block);
    int32_t checked = 0, rest = 0;
    for (int32_t l = 0; l < before.net.layers; l++) {
        const int32_t outputs = before.width[l + 1], inputs = before.width[l], weights = outputs * inputs;
        const bool vector = l == before.net.layers - 1;
        for (int32_t i = 0; i < weights + (vector ? outputs : 0); i += vector ? 499 : 19) {
            double *at = i < weights ? &before.weight[l][i] : &before.bias[l][i - weights];
            const double h = 1e-5, here = *at;
            *at = here + h;
            double slope = objective(&b, &before, x, false);
            *at = here - h;
            slope = (slope - objective(&b, &before, x, false)) / (2 * h);
            *at = here;
            const double found = i < weights ? after.weight[l][i] : after.bias[l][i - weights] - here;
            if (raise_of(&b, i < weights ? i / inputs : i - weights) < 0 && vector) {
                CHECK(i < weights ? found == here : found == 0);
                rest++;
            } else CHECK_NEAR(found, slope, 2e-4 * fabs(slope) + 1e-6);
            checked++;
        }
    }
    CHECK(checked >= 8 && (rest > 0) == (k->sampled > 0));
    oracle_free(&before);
    oracle_free(&after);
    bench_close(&b);
}

static const kind kinds[] = {{IST_LOSS_CROSS_ENTROPY, 2, false, 0, 1, IST_ADAM, 0},
                             {IST_LOSS_CROSS_ENTROPY, 2, false, 0.3, 0.75, IST_SGD, 0},
                             {IST_LOSS_CROSS_ENTROPY, 1, true, 0, 1.5, IST_MOMENTUM, 0},
                             {IST_LOSS_CROSS_ENTROPY, 2, true, 0.25, 1, IST_ADAM, 0},
                             {IST_LOSS_BINARY, 2, true, 0, 0.75, IST_ADAM, 0},
                             {IST_LOSS_BINARY, 1, true, 0, 1, IST_SGD, 0},
                             {IST_LOSS_CROSS_ENTROPY, 0, true, 0, 1, IST_ADAM, 0},
                             {IST_LOSS_CROSS_ENTROPY, 2, true, 0, 0.75, IST_ADAM, 100},
                             {IST_LOSS_CROSS_ENTROPY, 1, false, 0, 1, IST_MOMENTUM, 200}};
enum { KINDS = sizeof kinds / sizeof *kinds };

TEST(losses_and_gradients_are_those_of_double_precision)
{
    for (int k = 0; k < KINDS; k++) check_gradients(&kinds[k], k % 2);
}

/* ---------------------------------------------------------------------------------------------------------- bits -- */

TEST(neither_memory_nor_threads_nor_kernels_show_in_the_bits)
{
    for (int k = 0; k < KINDS; k++) {
        static bench first, b;
        bench_open(&first, &kinds[k], 1, IST_ENGINE_NATIVE, 0);
        CHECK_EQ(first.scratch.wide.room, first.scratch.wide.tiles);
        take_steps(&first, 3);
        const int32_t engines[] = {IST_ENGINE_NATIVE, IST_ENGINE_NATIVE_PORTABLE};
        for (int32_t threads = 1; threads <= 4; threads++)
            for (int64_t tiles = k % 2 ? 0 : 4; tiles >= 0; tiles -= 2) {
                bench_open(&b, &kinds[k], threads, engines[(threads + tiles / 2) % 2],
                           1 + tiles * IST__LABEL_TILE * 32 * (int64_t)sizeof(float));
                if (kinds[k].sampled == 0) CHECK_EQ(b.scratch.wide.room, tiles > threads ? tiles : threads);
                take_steps(&b, 3);
                CHECK_MEM(b.block, first.block, (size_t)first.part.floats * sizeof(float));
                for (int i = 0; i < ist__optimizer_states(kinds[k].optimizer); i++)
                    CHECK_MEM(b.state[i], first.state[i], (size_t)first.part.floats * sizeof(float));
                CHECK(b.loss == first.loss);
                bench_close(&b);
            }
        bench_close(&first);
    }
}

TEST(sigmoids_begin_with_about_one_label_a_row)
{
    run_spec spec = spec_of(&kinds[4], 1, IST_ENGINE_NATIVE);
    run r = run_open(&spec);
    const ist__net *net = &r.model->net;
    const ist__layer *output = &net->shape.layer[net->shape.hidden_count];
    for (int32_t k = 0; k < LABELS; k++) CHECK_NEAR(exp((double)net->param[output->offset + k]), 1.0 / 1024, 1e-9);
    run_close(&r);
}

TEST(rows_without_labels_change_nothing)
{
    static bench b;
    bench_open(&b, &kinds[2], 1, IST_ENGINE_NATIVE, 0);
    memset(b.lists.begin, 0, sizeof b.lists.begin);
    float *before = table_room(b.part.floats, sizeof *before);
    memcpy(before, b.block, (size_t)b.part.floats * sizeof *before);
    b.rule = (ist__rule){.kind = IST_SGD, .lr = 0.5F, .keep = 1};
    take_steps(&b, 1);
    CHECK(b.loss == 0);
    CHECK_MEM(before, b.block, (size_t)b.part.floats * sizeof *before);
    free(before);
    bench_close(&b);
}

TEST(a_logit_that_is_not_a_number_is_seen)
{
    for (int k = 0; k < KINDS && kinds[k].sampled == 0; k++) {
        static bench b;
        bench_open(&b, &kinds[k], 1, IST_ENGINE_NATIVE, 1);
        b.block[b.part.layer[b.part.hidden_count].offset + 400] = NAN;
        take_steps(&b, 1);
        CHECK(isnan(b.loss));
        bench_close(&b);
    }
}

TEST(labels_of_a_batch_are_sorted)
{
    static lists l;
    lists_make(&l);
    ist__target target[ROWS * LISTS], spare[ROWS * LISTS];
    float weight[ROWS + 3];
    int64_t count = 0, expected = 0;
    uint32_t index[ROWS];
    const ist__rows rows = {.sparse = &l.sparse};
    const ist__label_batch b = {&count, target, spare, weight};
    for (uint32_t c = 0; c < ROWS; c++) index[c] = (c * 7) % ROWS;
    ist__label_batch_make(&b, &rows, index, ROWS, ROWS + 3, false);
    CHECK_EQ(count, l.begin[ROWS]);
    for (int32_t c = 0; c < ROWS + 3; c++) CHECK(weight[c] == (c < ROWS && index[c] % LISTS > 0 ? 1.0F : 0.0F));
    for (int64_t i = 0; i < count; i++) {
        const int64_t row = index[target[i].column];
        bool found = false;
        for (int64_t k = l.begin[row]; k < l.begin[row + 1]; k++) found |= l.label[k] == target[i].label;
        CHECK(found && target[i].share == 1.0F / (float)(row % LISTS));
        if (i == 0) continue;
        const ist__target *a = &target[i - 1], *z = &target[i];
        CHECK(a->label < z->label || (a->label == z->label && a->column < z->column));
    }
    for (int32_t label = 0; label < LABELS; label++) {
        CHECK_EQ(ist__label_batch_find(&b, label), expected);
        while (expected < count && target[expected].label == label) expected++;
    }
    ist__label_batch_make(&b, &rows, index, ROWS, ROWS, true);
    for (int64_t i = 0; i < count; i++) CHECK(target[i].share == 1);
}

/* ------------------------------------------------------------------------------------------------------- sampling -- */

TEST(a_sample_of_all_labels_is_no_sample)
{
    const kind all = {IST_LOSS_CROSS_ENTROPY, 2, true, 0, 0.75, IST_ADAM, 0};
    kind sampled = all;
    sampled.sampled = LABELS;
    static bench first, b;
    bench_open(&first, &all, 1, IST_ENGINE_NATIVE, 0);
    bench_open(&b, &sampled, 2, IST_ENGINE_NATIVE, 1);
    take_steps(&first, 3);
    take_steps(&b, 3);
    CHECK_MEM(b.block, first.block, (size_t)first.part.floats * sizeof(float));
    CHECK(b.loss == first.loss);
    bench_close(&b);
    bench_close(&first);
}

/* 44 panels, of which 3 have labels of the batch, 10 of the others: each as often as any other; targets find their labels. */
TEST(samples_are_even_and_have_the_batch)
{
    enum { PANELS = 44, DRAWN = 10, OWN = 3, STEPS = 20000, ALL = PANELS * IST__PANEL - 4 };
    static int32_t hits[PANELS], pairs;
    const int32_t labels[] = {17, 31, 320, 321, ALL - 1};
    enum { TARGETS = sizeof labels / sizeof *labels };
    ist__choice choice[2];
    int32_t panel[2][PANELS];
    bool own[2][PANELS];
    uint64_t marks[2];
    ist__sample s = {.drawn = DRAWN, .panels = PANELS, .room = PANELS, .marks = marks};
    for (int i = 0; i < 2; i++) s.choice[i] = &choice[i], s.panel[i] = panel[i], s.own[i] = own[i];
    for (int32_t step = 0; step < STEPS; step++) {
        ist__target target[TARGETS];
        int64_t count = TARGETS;
        for (int i = 0; i < TARGETS; i++) target[i] = (ist__target){labels[i], i, 1};
        const ist__label_batch batch = {&count, target, NULL, NULL};
        ist__sample_draw(&s, step % 2, &batch, ALL, 5, (ist__draw_place){step, 2});
        const ist__choice *c = &choice[step % 2];
        const int32_t *chosen = panel[step % 2];
        CHECK_EQ(c->count, OWN + DRAWN);
        CHECK_EQ(c->labels, c->count * IST__PANEL - 4);
        CHECK_NEAR(c->more, log((PANELS - OWN) / (double)DRAWN), 1e-6);
        bool both[2] = {false, false};
        for (int32_t i = 0; i < c->count; i++) {
            CHECK(i == 0 || chosen[i] > chosen[i - 1]);
            CHECK_EQ(own[step % 2][i], chosen[i] == 1 || chosen[i] == 20 || chosen[i] == PANELS - 1);
            hits[chosen[i]]++;
            both[0] |= chosen[i] == 5, both[1] |= chosen[i] == 40;
        }
        pairs += both[0] && both[1];
        for (int i = 0; i < TARGETS; i++)
            CHECK_EQ(chosen[target[i].label / IST__PANEL] * IST__PANEL + target[i].label % IST__PANEL, labels[i]);
    }
    const double p = DRAWN / (double)(PANELS - OWN), q = p * (DRAWN - 1) / (PANELS - OWN - 1);
    for (int32_t i = 0; i < PANELS; i++) {
        if (i == 1 || i == 20 || i == PANELS - 1) CHECK_EQ(hits[i], STEPS);
        else CHECK_NEAR(hits[i], STEPS * p, 4 * sqrt(STEPS * p * (1 - p)));
    }
    CHECK_NEAR(pairs, STEPS * q, 4 * sqrt(STEPS * q));
}

/* ----------------------------------------------------------------------------------------------------- whole runs -- */

/* Enough classes that an output is wide by itself. */
static run_spec run_spec_classes(void)
{
    run_spec spec = run_spec_small();
    spec.classes = IST__WIDE + 3;
    spec.train.rounds = 3;
    spec.train.local_steps = 2;
    spec.train.optimizer = IST_ADAM;
    return spec;
}

TEST(whole_runs_depend_neither_on_teams_nor_threads_nor_memory)
{
    run_spec spec = run_spec_classes();
    file_bytes first = {0, NULL};
    for (int variant = 0; variant < 6; variant++) {
        spec.train.sampled_labels = variant < 3 ? 0 : 500;
        if (variant % 3 == 0) {
            file_free(&first);
            first = run_to_the_end(&spec);
        }
        run_spec other = spec;
        other.teams = variant % 3 == 1 ? 3 : 1;
        other.threads = variant % 3 == 2 ? 3 : 1;
        other.train.logits_bytes = variant % 3 == 0 ? 1 : 700000;
        file_bytes bytes = run_to_the_end(&other);
        CHECK_EQ(bytes.count, first.count);
        CHECK_MEM(bytes.data, first.data, first.count);
        file_free(&bytes);
    }
    file_free(&first);
}

TEST(a_run_that_is_resumed_with_other_memory_is_the_one_never_stopped)
{
    for (int32_t loss = IST_LOSS_CROSS_ENTROPY; loss <= IST_LOSS_BINARY; loss += IST_LOSS_BINARY) {
        run_spec spec = run_spec_classes(), other = spec;
        spec.loss = other.loss = loss;
        spec.train.sampled_labels = other.train.sampled_labels = loss == IST_LOSS_BINARY ? 0 : 300;
        other.train.logits_bytes = 1;
        run_check_resumed(&spec, &other);
    }
}

/* The block of logits is what is allowed, and no more. */
TEST(memory_is_what_was_allowed)
{
    run_spec spec = run_spec_classes();
    spec.made_for = 1;
    run r = run_open(&spec);
    const ist__net *net = &r.model->net;
    const ist__shape part = ist__shape_narrow(&net->shape, net->shape.width + 1, true);
    const ist__extent data = ist__dataset_extent(r.dataset, spec.train.batch, spec.rows);
    const ist__engine *engine = &r.context->host.engine;
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        spec.train.logits_bytes = i == 0 ? 1 << 20 : 100000;
        bytes[i] = ist__scratch_bytes(engine, &part, &data, &spec.train, 1);
    }
    const int64_t all = (IST__WIDE + 3) * 16 * (int64_t)sizeof(float),
                  tile = IST__LABEL_TILE * 16 * (int64_t)sizeof(float);
    CHECK((int64_t)(bytes[0] - bytes[1]) > all - 100000 && (int64_t)(bytes[0] - bytes[1]) < all - 100000 + 2 * tile);
    run_close(&r);
}
