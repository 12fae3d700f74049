/* One local step of a subnet, by every engine, against the masked whole net of math/reference.h, in double precision. */
#define _GNU_SOURCE
#include <math.h>

#include "api/fixture_run.h"
#include "api/handles.h"
#include "base/rng.h"
#include "fixture_oracle.h"
#include "model/exchange.h"
#include "train/subnet.h"

static const double learning_rate = 0.5, mu = 0.9, beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8;
enum { UPDATES_BEFORE = 4, STEP_NUMBER = 5 };

/* A net of random numbers, a deal, one subnet's block and the scratch of a team. */
typedef struct bench {
    run_spec spec;
    run r;
    const ist__shape *whole;
    float *master, *state[2];
    ist__deal deal;
    int32_t subnet;
    ist__shape part;
    float *block, *part_state[2];
    ist__region region;
    ist__scratch scratch;
    ist__rows rows;
    ist__step step;
    double loss;
} bench;

static const ist__engine *engine_of(const bench *b)
{
    return &b->r.context->host.engine;
}

static void gather(const bench *b, const float *master, float *block)
{
    const ist__panel_moves moves = {engine_of(b)->kernels->pack_panel, engine_of(b)->kernels->unpack_panel};
    ist__gather(b->whole, &b->deal, b->subnet, master, &b->part, block, &moves, 0, 1);
}

static void write_back(const bench *b, float *master, const float *block)
{
    const ist__panel_moves moves = {engine_of(b)->kernels->pack_panel, engine_of(b)->kernels->unpack_panel};
    ist__write_back(b->whole, &b->deal, b->subnet, master, &b->part, block, &moves, 0, 1);
}

/* Panels begin on cache lines.  What was in a block before must not matter. */
static float *block_room(int64_t floats)
{
    float *block = aligned_alloc(64, (size_t)floats * sizeof *block);
    CHECK(block != NULL);
    for (int64_t i = 0; i < floats; i++) block[i] = 7;
    return block;
}

static run_spec spec_of(int32_t depth, int32_t norms, int32_t optimizer)
{
    run_spec spec = run_spec_small();
    spec.hidden_count = depth;
    spec.hidden[2] = 8;
    spec.hidden_norm = norms & 1;
    spec.output_norm = norms >> 1;
    spec.made_for = depth == 0 ? 1 : 3;
    spec.train.optimizer = optimizer;
    spec.train.batch = 23;
    spec.train.lr = learning_rate;
    spec.train.momentum = mu;
    spec.train.beta1 = beta1;
    spec.train.beta2 = beta2;
    spec.train.epsilon = epsilon;
    spec.train.schedule = IST_LR_CONSTANT;
    return spec;
}

static bench bench_open(const run_spec *spec, int32_t subnet)
{
    bench b = {.spec = *spec, .r = run_open(spec), .subnet = subnet};
    const ist__net *net = &b.r.model->net;
    b.whole = &net->shape;
    b.master = table_room(net->shape.floats, sizeof(float));
    block_fill(&net->shape, 0.5F, 1, b.master);
    for (int i = 0; i < 2; i++) {
        b.state[i] = table_room(net->shape.floats, sizeof(float));
        block_fill(&net->shape, 0.1F, 2 + (uint64_t)i, b.state[i]);
        for (int64_t k = 0; k < net->shape.floats; k++) b.state[i][k] = fabsf(b.state[i][k]); /* a second moment */
    }
    CHECK_EQ(ist__deal_create(&b.deal, &net->shape, spec->made_for, NULL), IST_OK);
    ist__deal_round(&b.deal, 1, 6);
    b.part = ist__deal_shape(&b.deal, &net->shape, subnet, engine_of(&b)->kind == IST_ENGINE_NATIVE);
    b.block = block_room(b.part.floats);
    gather(&b, b.master, b.block);
    for (int i = 0; i < 2; i++) {
        b.part_state[i] = block_room(b.part.floats);
        gather(&b, b.state[i], b.part_state[i]);
    }
    const ist__extent data = ist__dataset_extent(b.r.dataset, spec->train.batch, spec->rows);
    const size_t bytes = ist__scratch_bytes(engine_of(&b), &b.part, &data, &spec->train, spec->threads);
    CHECK_EQ(ist__region_create(&b.region, b.r.context->host.topology, bytes, -1, IST_PLACE_NONE, NULL, NULL), IST_OK);
    ist__scratch_take(&b.scratch, &b.region, engine_of(&b), &b.part, &data, &spec->train, spec->threads);
    b.rows = ist__dataset_rows(b.r.dataset);
    return b;
}

static void bench_close(bench *b)
{
    for (int i = 0; i < 2; i++) {
        free(b->state[i]);
        free(b->part_state[i]);
    }
    free(b->master);
    free(b->block);
    ist__deal_destroy(&b->deal);
    ist__region_destroy(&b->region);
    run_close(&b->r);
}

static uint32_t row_at(const bench *b, int32_t c)
{
    return (uint32_t)((c * 5 + 2) % b->spec.rows);
}

static void step_work(void *argument, ist__worker *worker)
{
    bench *b = argument;
    ist__subnet_prepare(&b->step, worker);
    const double loss = ist__subnet_step(&b->step, worker);
    if (worker->rank == 0) b->loss = loss;
}

/* batches: to draw from, at position 7; then there is a next batch, too, whose rows index[1 - parity] holds. */
static void take_step(bench *b, int32_t parity, ist__batches *batches)
{
    const ist__net *net = &b->r.model->net;
    for (int32_t c = 0; c < b->spec.train.batch; c++) b->scratch.index[parity][c] = row_at(b, c);
    const ist__lr_curve curve = {b->spec.train.lr, b->spec.train.schedule, true, 0, 100};
    b->step = (ist__step){.engine = engine_of(b),
                          .shape = &b->part,
                          .param = b->block,
                          .state = {b->part_state[0], b->part_state[1]},
                          .rule = ist__optimizer_at(&b->spec.train, &curve, UPDATES_BEFORE),
                          .dropout = ist__dropout_of(&b->spec.train),
                          .place = {STEP_NUMBER, b->subnet},
                          .next_place = {STEP_NUMBER + 1, b->subnet},
                          .output_scale = (float)net->output_scale,
                          .smoothing = (float)b->spec.train.label_smoothing,
                          .scratch = &b->scratch,
                          .rows = &b->rows,
                          .scaling = {net->shift, net->factor, net->normalization_count == 1},
                          .target_scaling = {net->target_shift, net->target_factor, net->target_count == 1},
                          .batch = b->spec.train.batch,
                          .parity = parity,
                          .next_rows = batches ? &b->rows : NULL,
                          .batches = batches,
                          .draw_position = 7};
    CHECK_EQ(ist__crew_run(b->r.context->host.crew, step_work, b, NULL), IST_OK);
}

/* Is it kept?  By the generator alone; layer 0 is the input, l + 1 what hidden layer l gives. */
static bool is_kept(const bench *b, int32_t layer, int32_t neuron, int32_t sample, int64_t step)
{
    const ist_train_config *c = &b->spec.train;
    ist__rng keys = ist__rng_make(c->seed, IST__FOR_DROPOUT, (uint32_t)step, (uint32_t)b->subnet);
    keys.counter[0] = (uint32_t)layer;
    ist__rng draws = {.counter = {(uint32_t)sample, (uint32_t)neuron / 8, 0, 0}, .used = 4};
    for (int i = 0; i < 2; i++) draws.key[i] = ist__rng_u32(&keys);
    uint32_t word = 0;
    for (int32_t w = 0; w <= neuron % 8 / 2; w++) word = ist__rng_u32(&draws);
    const uint32_t draw = neuron % 2 ? word >> 16 : word & 0xFFFF;
    return draw >= (layer == 0 ? c->input_dropout : c->hidden_dropout) * 65536;
}

/* The masks of the whole net's neurons from those of the block's. */
static void drop_in_oracle(const bench *b, oracle *o, double **kept)
{
    const int32_t batch = b->spec.train.batch;
    for (int32_t l = 0; l <= b->whole->hidden_count; l++) {
        const double p = l == 0 ? b->spec.train.input_dropout : b->spec.train.hidden_dropout;
        const int32_t width = b->whole->width[l], *group = NULL;
        const int32_t count = l == 0 ? width : ist__deal_group(&b->deal, l - 1, b->subnet, &group);
        kept[l] = table_room((int64_t)batch * width, sizeof(double));
        for (int32_t c = 0; c < batch; c++)
            for (int32_t k = 0; k < count; k++)
                kept[l][(int64_t)c * width + (group ? group[k] : k)] =
                    is_kept(b, l, k, c, STEP_NUMBER) ? 1 / (1 - p) : 0;
    }
    o->net.kept = (const double *const *)kept;
}

/* (batch, classes), normalized; NULL: it has classes. */
static double *targets_of(const bench *b)
{
    const ist__net *net = &b->r.model->net;
    const int32_t batch = b->spec.train.batch, count = b->spec.classes;
    if (!b->r.table.y) return NULL;
    double *targets = table_room((int64_t)batch * count, sizeof *targets);
    for (int32_t c = 0; c < batch; c++)
        for (int32_t k = 0; k < count; k++) {
            const double y = (double)b->r.table.y[(int64_t)row_at(b, c) * count + k];
            targets[c * count + k] = (y - (double)net->target_shift[k]) * (double)net->target_factor[k];
        }
    return targets;
}

/* The masked whole net's gradient in the layout of the master, and its loss. */
static double reference_gradient(const bench *b, double *block)
{
    const ist__net *net = &b->r.model->net;
    const ist__shape *whole = &net->shape;
    const int32_t batch = b->spec.train.batch, features = b->spec.features;
    oracle o, gradient;
    oracle_make(&o, whole);
    oracle_make(&gradient, whole);
    oracle_load(&o, whole, b->master);
    oracle_mask(&o, &b->deal, b->subnet);
    double *kept[IST_MAX_HIDDEN + 1];
    drop_in_oracle(b, &o, kept);
    o.net.output_scale = net->output_scale;
    o.net.smoothing = b->spec.train.label_smoothing;
    double *x = table_room((int64_t)batch * features, sizeof *x), loss = 0;
    int32_t *labels = table_room(batch, sizeof *labels);
    double *targets = targets_of(b);
    o.net.loss = b->spec.loss;
    o.net.huber_delta = b->spec.huber_delta;
    o.net.targets = targets;
    for (int32_t c = 0; c < batch; c++) {
        const int64_t row = row_at(b, c);
        labels[c] = b->r.table.labels[row];
        for (int32_t f = 0; f < features; f++) {
            const int32_t k = net->normalization_count == 1 ? 0 : f;
            x[c * features + f] =
                ((double)b->r.table.x[row * features + f] - (double)net->shift[k]) * (double)net->factor[k];
        }
    }
    CHECK_EQ(ist__reference_step(&o.net, batch, x, labels, &loss, NULL, &gradient.net), IST_OK);
    oracle_store(&gradient, whole, block);
    for (int32_t l = 0; l <= whole->hidden_count; l++) free(kept[l]);
    free(x);
    free(labels);
    free(targets);
    oracle_free(&o);
    oracle_free(&gradient);
    return loss;
}

/* What the optimiser subtracts from a number, over the learning rate, by its textbook formula. */
static double step_along(int32_t optimizer, double gradient, double first, double second)
{
    const double t = UPDATES_BEFORE + 1, velocity = mu * first + gradient;
    const double m = beta1 * first + (1 - beta1) * gradient, v = beta2 * second + (1 - beta2) * gradient * gradient;
    switch (optimizer) {
    case IST_SGD: return gradient;
    case IST_MOMENTUM: return velocity;
    case IST_NESTEROV: return gradient + mu * velocity;
    default: return m / (1 - pow(beta1, t)) / (sqrt(v / (1 - pow(beta2, t))) + epsilon);
    }
}

/* Every number of an array: moved by the step, or not at all where the mask says that it rests. */
static void check_array(const bench *b, const ist__array *a, const double *gradient, const float *after)
{
    double most = 0, of_all = 0; /* where a norm cancels a gradient, rounding errors of the others' size are left */
    for (int64_t i = 0; i < b->whole->floats; i++) of_all = fmax(of_all, fabs(gradient[i]));
    for (int64_t i = a->offset; i < a->offset + a->rows * a->columns; i++) most = fmax(most, fabs(gradient[i]));
    const int32_t optimizer = b->spec.train.optimizer;
    const double decay = a->decays ? b->spec.train.weight_decay : 0;
    for (int64_t i = a->offset; i < a->offset + a->rows * a->columns; i++) {
        const double before = (double)b->master[i], moved = (before - (double)after[i]) / learning_rate;
        const double expected =
            step_along(optimizer, gradient[i], (double)b->state[0][i], (double)b->state[1][i]) + decay * before;
        const double slack = optimizer == IST_ADAM ? 1e-4 * (1 + fabs(expected)) : 1e-4 * most + 5e-5 * of_all + 1e-6;
        if (gradient[i] == 0 && memcmp(&after[i], &b->master[i], sizeof(float)) == 0) continue; /* rests, or dead */
        CHECK_NEAR(moved, expected, slack);
    }
}

/* Lanes of a last panel that stand for no neuron: whoever reads whole panels counts on their zeros. */
static int64_t count_idle_lanes_not_zero(const ist__shape *part, const float *block)
{
    int64_t wrong = 0;
    for (int32_t l = 0; l < part->layer_count; l++) {
        const ist__layer *layer = &part->layer[l];
        const int32_t full = layer->outputs / layer->panel, lanes = layer->outputs % layer->panel;
        const float *last = block + layer->weight + full * layer->panel_stride;
        for (int32_t i = 0; lanes > 0 && i < layer->inputs; i++)
            for (int32_t j = lanes; j < layer->panel; j++) wrong += last[(int64_t)i * layer->panel + j] != 0;
    }
    return wrong;
}

/* A step of one subnet, written back, against the masked gradient. */
static void check_engine_step(const run_spec *spec, int32_t subnet, void (*prepare)(ist_model *model))
{
    bench b = bench_open(spec, subnet);
    if (prepare) prepare(b.r.model);
    const ist__shape *whole = &b.r.model->net.shape;
    take_step(&b, 0, NULL);
    double *gradient = table_room(whole->floats, sizeof *gradient);
    const double loss = reference_gradient(&b, gradient);
    CHECK_NEAR(b.loss / spec->train.batch, loss, 1e-5 * (1 + loss));

    float *after = table_room(whole->floats, sizeof *after);
    memcpy(after, b.master, (size_t)whole->floats * sizeof(float));
    write_back(&b, after, b.block);
    CHECK_EQ(count_idle_lanes_not_zero(&b.part, b.block), 0);
    for (int32_t i = 0; i < ist__optimizer_states(spec->train.optimizer); i++)
        CHECK_EQ(count_idle_lanes_not_zero(&b.part, b.part_state[i]), 0);
    const ist__layer *output = &whole->layer[whole->hidden_count];
    for (int32_t c = 0; c < output->outputs && output->offset >= 0; c++) /* not written back: its mean is the round's */
        after[output->offset + c] = b.block[b.part.layer[b.part.hidden_count].offset + c];
    int64_t moved = 0;
    for (int32_t l = 0; l < whole->layer_count; l++)
        for (int32_t which = 0; which < IST__ARRAYS_PER_LAYER; which++) {
            ist__array a;
            if (!ist__shape_array(whole, l, which, &a)) continue;
            check_array(&b, &a, gradient, after);
            for (int64_t i = a.offset; i < a.offset + a.rows * a.columns; i++) {
                moved += after[i] != b.master[i];
                if (spec->train.optimizer == IST_SGD && fabs(gradient[i]) > 1e-5) CHECK(after[i] != b.master[i]);
            }
        }
    CHECK(2 * moved > b.part.parameters);
    CHECK(moved <= b.part.parameters);
    free(after);
    free(gradient);
    bench_close(&b);
}

static void check_subnet_step(const run_spec *spec, int32_t subnet, void (*prepare)(ist_model *model))
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++) {
        run_spec with = *spec;
        with.engine = engine;
        check_engine_step(&with, subnet, prepare);
    }
}

static void check_all_depths(int32_t optimizer)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++) {
            const run_spec spec = spec_of(depth, norms, optimizer);
            check_subnet_step(&spec, depth == 0 ? 0 : 1, NULL);
        }
}

TEST(sgd_steps_along_the_masked_gradient)
{
    check_all_depths(IST_SGD);
}

TEST(momentum_steps_as_its_formula_says)
{
    check_all_depths(IST_MOMENTUM);
}

TEST(nesterov_steps_as_its_formula_says)
{
    check_all_depths(IST_NESTEROV);
}

TEST(adam_steps_as_its_formula_says)
{
    check_all_depths(IST_ADAM);
}

TEST(smoothed_labels_change_the_gradient_and_not_the_loss)
{
    for (int32_t norms = 0; norms < 4; norms++) {
        run_spec spec = spec_of(1, norms, IST_SGD);
        spec.train.label_smoothing = 0.25;
        check_subnet_step(&spec, 1, NULL);
    }
}

TEST(regressions_step_along_the_masked_gradient)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t which = 0; which < 4; which++) {
            run_spec spec = spec_of(depth, which & 1, which & 2 ? IST_MOMENTUM : IST_SGD);
            spec.loss = which & 2 ? IST_LOSS_HUBER : IST_LOSS_MSE;
            spec.activation = (depth + which) % 4;
            spec.huber_delta = 0.75;
            spec.classes = depth == 3 ? 1 : depth == 2 ? 19 : 4;
            if (depth == 2) spec.threads = 3;
            check_subnet_step(&spec, depth == 0 ? 0 : 1, NULL);
        }
}

static void scale_logits(ist_model *model)
{
    CHECK_EQ(ist__net_set_output_scale(&model->net, 2.5, NULL), IST_OK);
}

TEST(scaled_logits_are_scaled_in_loss_and_gradient)
{
    for (int32_t depth = 0; depth <= 2; depth++)
        for (int32_t norms = 0; norms < 4; norms++) {
            const run_spec spec = spec_of(depth, norms, IST_SGD);
            check_subnet_step(&spec, 0, scale_logits);
        }
}

/* Chances that 16 bits can say, so that the oracle need not know of their rounding. */
TEST(what_is_dropped_takes_no_part_in_a_step)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++)
            for (int32_t which = 1; which <= 3; which++) {
                run_spec spec = spec_of(depth, norms, which == 3 ? IST_ADAM : IST_SGD);
                spec.train.input_dropout = which & 1 ? 0.25 : 0;
                spec.train.hidden_dropout = which & 2 ? 0.375 : 0;
                check_subnet_step(&spec, depth == 0 ? 0 : 2, NULL);
            }
}

/* Finite differences of the oracle are in test_reference.c. */
TEST(every_activation_steps_along_its_gradient)
{
    for (int32_t activation = IST_GELU; activation <= IST_SILU; activation++)
        for (int32_t norms = 0; norms < 4; norms++)
            for (int dropped = 0; dropped <= 1; dropped++) {
                run_spec spec = spec_of(1 + (activation + norms) % 3, norms, dropped ? IST_MOMENTUM : IST_SGD);
                spec.activation = activation;
                spec.train.input_dropout = dropped ? 0.25 : 0;
                spec.train.hidden_dropout = dropped ? 0.375 : 0;
                check_subnet_step(&spec, 1, NULL);
            }
}

TEST(threads_do_not_change_what_is_dropped)
{
    run_spec spec = spec_of(2, 3, IST_MOMENTUM); /* several tiles of 64 neurons in all layers */
    spec.made_for = 2;
    spec.hidden[0] = 300;
    spec.hidden[1] = 270;
    spec.classes = 67;
    spec.threads = 3;
    spec.train.input_dropout = 0.125;
    spec.train.hidden_dropout = 0.5;
    spec.train.label_smoothing = 0.1;
    for (spec.activation = IST_RELU; spec.activation <= IST_SILU; spec.activation++)
        check_subnet_step(&spec, 1, scale_logits);
}

TEST(each_subnet_of_a_deal_steps_along_its_own_gradient)
{
    run_spec spec = spec_of(2, 1, IST_SGD);
    for (int32_t s = 0; s < 3; s++) check_subnet_step(&spec, s, NULL);
}

TEST(decay_shrinks_weights_and_spares_gains_and_offsets)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++) {
        run_spec spec = spec_of(2, 1, optimizer);
        spec.train.weight_decay = 0.05;
        check_subnet_step(&spec, 0, NULL);
    }
}

TEST(threads_and_tiles_do_not_change_the_gradient)
{
    run_spec spec = spec_of(2, 3, IST_MOMENTUM); /* several tiles of 64 neurons in all layers */
    spec.made_for = 2;
    spec.hidden[0] = 300;
    spec.hidden[1] = 270;
    spec.classes = 67;
    spec.threads = 3;
    check_subnet_step(&spec, 1, NULL);
}

static void normalize_uniformly(ist_model *model)
{
    const float shift = 0.3F, factor = 1.7F;
    CHECK_EQ(ist_model_set_normalization(model, 1, &shift, &factor), IST_OK);
}

static void normalize_each(ist_model *model)
{
    const float shift[6] = {0.3F, -0.2F, 0, 1, -1, 0.5F}, factor[6] = {1.7F, 0.4F, 1, -2, 0.5F, 3};
    CHECK_EQ(ist_model_set_normalization(model, 6, shift, factor), IST_OK);
}

TEST(inputs_are_seen_through_the_normalization)
{
    const run_spec spec = spec_of(1, 0, IST_SGD);
    check_subnet_step(&spec, 0, normalize_uniformly);
    check_subnet_step(&spec, 0, normalize_each);
}

TEST(a_batch_of_one_steps_along_the_gradient)
{
    run_spec spec = spec_of(2, 0, IST_SGD); /* with batch norm a single sample is its own mean: all gradients are 0 */
    spec.train.batch = 1;
    check_subnet_step(&spec, 1, NULL);
}

TEST(a_batch_of_one_under_batch_norm_gives_finite_numbers)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++)
        for (int32_t norms = 1; norms < 4; norms++) {
            run_spec spec = spec_of(2, norms, IST_SGD);
            spec.engine = engine;
            spec.train.batch = 1;
            bench b = bench_open(&spec, 0);
            take_step(&b, 0, NULL);
            CHECK(b.loss >= 0 && b.loss < 100);
            for (int64_t i = 0; i < b.part.floats; i++) CHECK(b.block[i] - b.block[i] == 0);
            bench_close(&b);
        }
}

TEST(a_step_assembles_the_next_batch_and_draws_the_one_after)
{
    enum { BATCH = 23, FEATURES = 6 };
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++)
        for (int32_t parity = 0; parity < 2; parity++) {
            run_spec spec = spec_of(2, 1, IST_SGD);
            spec.engine = engine;
            spec.threads = 2;
            spec.train.input_dropout = 0.5;
            bench b = bench_open(&spec, 0);
            ist__batches batches;
            CHECK_EQ(ist__batches_create(&batches, 3, IST_DATA_SHARED, spec.rows, 3, 0, NULL), IST_OK);
            for (int32_t c = 0; c < BATCH; c++) b.scratch.index[1 - parity][c] = (uint32_t)(c * 2 + 1);
            take_step(&b, parity, &batches);
            uint32_t drawn[BATCH];
            ist__batches_rows(&batches, 7, BATCH, drawn);
            CHECK_MEM(b.scratch.index[parity], drawn, sizeof drawn);
            for (int32_t c = 0; c < BATCH; c++) {
                const int64_t row = c * 2 + 1;
                CHECK_EQ(b.scratch.index[1 - parity][c], row);
                CHECK_EQ(b.scratch.labels[1 - parity][c], b.r.table.labels[row]);
                for (int32_t f = 0; f < FEATURES; f++)
                    CHECK(b.scratch.input[1 - parity][f * b.scratch.ld + c] ==
                          (is_kept(&b, 0, f, c, STEP_NUMBER + 1) ? 2 * b.r.table.x[row * FEATURES + f] : 0));
            }
            ist__batches_destroy(&batches);
            bench_close(&b);
        }
}

TEST(work_space_is_as_large_as_was_said)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++)
        for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++) {
            run_spec spec = spec_of(3, 1, optimizer);
            spec.engine = engine;
            spec.hidden[0] = 700; /* tiles of more than 64 neurons are as wide as the layer over 32 */
            spec.hidden[1] = 3000;
            bench b = bench_open(&spec, 0);
            const ist__extent data = ist__dataset_extent(b.r.dataset, 23, spec.rows);
            CHECK(b.region.used_bytes <= ist__scratch_bytes(engine_of(&b), &b.part, &data, &spec.train, 1));
            CHECK(b.scratch.ld >= 23 && b.scratch.ld % 16 == 0);
            CHECK((unsigned char *)(b.scratch.own + b.scratch.own_floats) <= b.region.base + b.region.used_bytes);
            bench_close(&b);
        }
}
