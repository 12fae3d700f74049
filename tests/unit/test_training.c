/* The whole round, by every engine, against plain twins of it: one subnet is plain SGD, and several are what one worker
 * gives that does one subnet after another. */
#define _GNU_SOURCE
#include <math.h>

#include "api/fixture_run.h"
#include "fixture_plain.h"

/* ------------------------------------------------------------------------------------------ one subnet is plain SGD -- */

static run_spec one_subnet(int32_t optimizer)
{
    run_spec spec = run_spec_small();
    spec.made_for = 1;
    spec.train.optimizer = optimizer;
    spec.train.epochs = 2.5;
    if (optimizer == IST_ADAM) spec.train.lr = 0.01;
    return spec;
}

/* Parameters after a whole run; free() them. */
static float *parameters_of(const run_spec *spec)
{
    run r = run_open(spec);
    run_go(&r, 0);
    float *param = plain_copy(r.model->net.param, r.model->net.shape.floats);
    run_close(&r);
    return param;
}

static void check_one_subnet_is_plain(int32_t engine, int32_t optimizer)
{
    run_spec spec = one_subnet(optimizer);
    spec.engine = engine;
    run r = run_open(&spec);
    const int64_t steps = 20; /* 2.5 epochs of 61 rows, 8 at a time: 19.06 */
    const size_t bytes = (size_t)r.model->net.shape.floats * sizeof(float);
    plain_run plain = plain_open(&r, &spec.train, steps);
    plain.whole = true;
    plain_go(&plain);
    const int32_t local_steps[] = {1, 7, 19, 20, 1000};
    for (size_t i = 0; i < sizeof local_steps / sizeof *local_steps; i++) {
        spec.train.local_steps = local_steps[i];
        float *param = parameters_of(&spec);
        CHECK_MEM(param, plain.param, bytes);
        free(param);
    }
    CHECK(memcmp(r.model->net.param, plain.param, bytes) != 0); /* it did move */
    plain_close(&plain);
    run_close(&r);
}

TEST(one_subnet_is_the_plain_optimiser_bit_for_bit)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        check_one_subnet_is_plain(IST_ENGINE_NATIVE, optimizer);
}

TEST(one_subnet_is_the_plain_optimiser_with_openblas_too)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        check_one_subnet_is_plain(IST_ENGINE_OPENBLAS, optimizer);
}

TEST(one_subnet_is_the_plain_optimiser_with_the_reference_too)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        check_one_subnet_is_plain(IST_ENGINE_REFERENCE, optimizer);
}

/* ------------------------------------------------------------------------- rounds of several subnets, done plainly -- */

/* Local steps of the run, from its definition: as few as see that many rows. */
static int64_t steps_of(const run_spec *spec)
{
    const double samples = spec->train.epochs * (double)spec->rows;
    int64_t steps = 0;
    while ((double)(steps * spec->train.batch * spec->train.subnets) < samples) steps++;
    return spec->train.rounds > 0 ? spec->train.rounds * spec->train.local_steps : steps;
}

static void check_rounds_with(const run_spec *spec)
{
    run_spec alone = *spec;
    alone.teams = alone.threads = 1;
    const int32_t n = spec->train.subnets;
    const int64_t steps = steps_of(spec), most = spec->train.local_steps;
    run r = run_open(spec), one = run_open(&alone);
    plain_run plain = plain_open(&one, &spec->train, steps);
    plain_go(&plain);
    run_go(&r, 0);

    const ist_progress p = run_progress(&r);
    CHECK_EQ(p.steps, steps);
    CHECK_EQ(p.step, steps);
    CHECK_EQ(p.rounds, (steps + most - 1) / most);
    CHECK_EQ(p.round, p.rounds);
    CHECK_EQ(p.round, plain.round);
    CHECK_EQ(p.samples, steps * spec->train.batch * n);

    const size_t bytes = (size_t)r.model->net.shape.floats * sizeof(float);
    CHECK_MEM(r.model->net.param, plain.param, bytes);
    for (int32_t i = 0; i < plain.states && spec->train.state == IST_STATE_CARRIED; i++)
        CHECK_MEM(r.trainer->training->master_state[i].base, plain.state[i], bytes);
    plain_close(&plain);
    run_close(&one);
    run_close(&r);
}

static void check_rounds(const run_spec *spec)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++) {
        run_spec with = *spec;
        with.engine = engine;
        check_rounds_with(&with);
    }
}

static run_spec dealt(int32_t subnets, int32_t local_steps)
{
    run_spec spec = run_spec_small();
    spec.made_for = spec.train.subnets = subnets;
    spec.train.local_steps = local_steps;
    return spec;
}

TEST(all_steps_of_every_subnet_reach_the_master_for_each_count_of_subnets)
{
    for (int32_t n = 1; n <= 5; n++) {
        run_spec spec = dealt(n, 4);
        spec.teams = n > 2 ? 2 : 1;
        check_rounds(&spec);
    }
}

TEST(epochs_shorter_than_a_round_and_last_rounds_that_are_short_are_trained)
{
    for (int32_t n = 1; n <= 5; n += 2) {
        run_spec spec = dealt(n, 50); /* an epoch is 8 steps for one subnet, 2 for five */
        spec.train.epochs = 7;
        check_rounds(&spec);
        spec.train.epochs = 0.1; /* one step, maybe two */
        check_rounds(&spec);
        spec.train.local_steps = 3;
        spec.train.epochs = 3.3;
        check_rounds(&spec);
    }
}

TEST(rounds_asked_for_are_whole_rounds)
{
    run_spec spec = dealt(3, 5);
    spec.train.rounds = 4;
    spec.train.epochs = 0; /* ignored */
    check_rounds(&spec);
}

TEST(every_optimiser_and_both_ways_of_its_state_move_with_the_neurons)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
            run_spec spec = dealt(4, 3);
            spec.teams = 2;
            spec.train.epochs = 2;
            spec.train.optimizer = optimizer;
            spec.train.state = state;
            spec.train.weight_decay = 0.01;
            check_rounds(&spec);
        }
}

TEST(each_way_to_hold_the_data_gives_the_rows_of_the_dataset)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        run_spec spec = dealt(3, 4);
        spec.teams = 3;
        spec.train.data = data;
        check_rounds(&spec);
    }
}

TEST(nets_of_every_depth_and_norm_are_dealt_and_written_back)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++) {
            run_spec spec = dealt(depth == 0 ? 1 : 3, 4);
            spec.hidden_count = depth;
            spec.hidden[2] = 7;
            spec.hidden_norm = norms & 1;
            spec.output_norm = norms >> 1;
            spec.train.epochs = 2;
            spec.threads = 2;
            check_rounds(&spec);
        }
}

/* Everything that changes a step, at once. */
static void enrich(run_spec *spec)
{
    spec->output_scale = 3;
    spec->train.schedule = IST_LR_STEP;
    spec->train.lr_step_every = 0.2;
    spec->train.lr_step_factor = 0.5;
    spec->train.lr_floor = 0.05;
    spec->train.lr_ramp = 0.3;
    spec->train.label_smoothing = 0.1;
    spec->train.input_dropout = 0.2;
    spec->train.hidden_dropout = 0.4;
}

TEST(rich_recipes_take_the_steps_of_the_plain_twin)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        run_spec spec = dealt(3, 4);
        spec.teams = 2;
        spec.threads = 2;
        spec.train.data = data;
        enrich(&spec);
        check_rounds(&spec);
    }
    run_spec one = dealt(1, 3);
    enrich(&one);
    check_rounds(&one);
}

TEST(regressions_take_the_steps_of_the_plain_twin)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++)
        for (int32_t one = 0; one <= 1; one++) {
            run_spec spec = dealt(one ? 1 : 3, 4);
            spec.teams = 2;
            spec.threads = 2;
            spec.loss = data == IST_DATA_SHARD ? IST_LOSS_MSE : IST_LOSS_HUBER;
            spec.huber_delta = 0.5;
            spec.hidden_norm = data == IST_DATA_SHARED ? IST_NORM_NONE : IST_NORM_BATCH;
            spec.train.data = data;
            check_rounds(&spec);
        }
}

TEST(a_batch_of_one_and_a_batch_longer_than_the_shard_are_trained)
{
    run_spec spec = dealt(3, 4);
    spec.train.batch = 1;
    spec.train.epochs = 0.5;
    check_rounds(&spec);
    spec.train.batch = 50; /* a shard has 20 or 21 rows */
    spec.train.epochs = 9;
    check_rounds(&spec);
}

/* ------------------------------------------------------------------------------------- what a round leaves alone -- */

TEST(weights_between_subnets_rest_bit_for_bit)
{
    for (int32_t n = 2; n <= 5; n++) {
        run_spec spec = dealt(n, 6);
        spec.train.weight_decay = 0.1;
        spec.train.rounds = 3;
        run r = run_open(&spec);
        const ist__net *net = &r.model->net;
        const ist__layer *middle = &net->shape.layer[1];
        for (int64_t round = 0; round < spec.train.rounds; round++) {
            float *before = plain_copy(net->param, net->shape.floats);
            run_go(&r, 1);
            int32_t group[2][16], idle = 0, moved = 0;
            for (int32_t h = 0; h < 2; h++)
                for (int32_t s = 0; s < n; s++) {
                    const int32_t *neurons, count = ist__deal_group(&r.trainer->training->deal, h, s, &neurons);
                    for (int32_t k = 0; k < count; k++) group[h][neurons[k]] = s;
                }
            for (int32_t i = 0; i < middle->outputs; i++)
                for (int32_t j = 0; j < middle->inputs; j++) {
                    const int64_t at = middle->weight + (int64_t)i * middle->inputs + j;
                    const bool same = memcmp(&before[at], &net->param[at], sizeof(float)) == 0;
                    if (group[1][i] != group[0][j]) CHECK(same);
                    idle += group[1][i] != group[0][j];
                    moved += !same;
                }
            CHECK(idle >= middle->outputs * middle->inputs / 3);
            CHECK_EQ(moved, middle->outputs * middle->inputs - idle); /* decay moves every other one */
            free(before);
        }
        run_close(&r);
    }
}

TEST(after_enough_rounds_every_weight_has_moved)
{
    run_spec spec = dealt(3, 2);
    spec.train.rounds = 60; /* a middle weight rests in 2 of 3 rounds: (2/3)^60 is 3e-11 */
    spec.train.weight_decay = 0.01;
    run r = run_open(&spec);
    const ist__net *net = &r.model->net;
    float *before = plain_copy(net->param, net->shape.floats);
    run_go(&r, 0);
    for (int32_t l = 0; l < net->shape.layer_count; l++) {
        const ist__layer *layer = &net->shape.layer[l];
        for (int64_t i = 0; i < (int64_t)layer->inputs * layer->outputs; i++)
            CHECK(before[layer->weight + i] != net->param[layer->weight + i]);
    }
    free(before);
    run_close(&r);
}

/* ------------------------------------------------------------------------------------------------- the subnets' rows -- */

/* Rows of the dataset that subnet s sees at positions first .. first + count - 1 of its stream. */
static void rows_seen(int32_t policy, int32_t n, int32_t s, int64_t rows, int64_t first, int64_t count, uint32_t *out)
{
    ist__error error;
    ist__batches batches;
    CHECK_EQ(ist__batches_create(&batches, 9, policy, rows, n, s, &error), IST_OK);
    ist__batches_rows(&batches, first, count, out);
    if (policy == IST_DATA_SHARD) {
        uint32_t *list = table_room(batches.rows, sizeof *list);
        CHECK_EQ(ist__shard_list(9, rows, n, s, list, &error), IST_OK);
        for (int64_t i = 0; i < count; i++) out[i] = list[out[i]];
        free(list);
    }
    ist__batches_destroy(&batches);
}

TEST(no_two_subnets_see_the_same_batches)
{
    enum { ROWS = 60, SUBNETS = 4, SEEN = 45, EPOCH = ROWS / SUBNETS };
    for (int32_t policy = IST_DATA_SHARD; policy <= IST_DATA_SHARED; policy++) {
        uint32_t seen[SUBNETS][SEEN];
        for (int32_t s = 0; s < SUBNETS; s++) rows_seen(policy, SUBNETS, s, ROWS, 0, SEEN, seen[s]);
        for (int32_t epoch = 0; epoch < SEEN / EPOCH; epoch++) { /* in each epoch all see each row once */
            int32_t times[ROWS] = {0};
            for (int32_t s = 0; s < SUBNETS; s++)
                for (int32_t i = 0; i < EPOCH; i++) times[seen[s][epoch * EPOCH + i]]++;
            for (int32_t row = 0; row < ROWS; row++) CHECK_EQ(times[row], 1);
        }
        for (int32_t a = 0; a < SUBNETS; a++)
            for (int32_t b = 0; b < a; b++)
                for (int32_t i = 0; i < SEEN; i++) CHECK(seen[a][i] != seen[b][i]);
    }
}

/* ------------------------------------------------------------------------------------------------------ divergence -- */

static void check_divergence(int32_t engine)
{
    run_spec spec = dealt(3, 2);
    spec.engine = engine;
    spec.hidden_norm = IST_NORM_NONE;
    spec.hidden[0] = 60; /* so many that some are alive after a step far too large */
    spec.hidden[1] = 50;
    spec.teams = 2;
    spec.train.optimizer = IST_SGD;
    spec.train.schedule = IST_LR_CONSTANT;
    spec.train.rounds = 200;
    spec.train.lr = 1e6;
    run r = run_open(&spec);
    CHECK_EQ(ist_trainer_run(r.trainer, 0, NULL, NULL), IST_E_DIVERGED);
    check_one_line(r.context);
    const ist_progress p = run_progress(&r);
    CHECK(p.round < spec.train.rounds);
    CHECK_EQ(p.step, p.round * spec.train.local_steps);
    const ist__net *net = &r.model->net;
    for (int64_t i = 0; i < net->shape.floats; i++) CHECK(net->param[i] - net->param[i] == 0);

    run again = run_open(&spec); /* just as far, and then stopped */
    if (p.round > 0) run_go(&again, p.round);
    CHECK_MEM(again.model->net.param, net->param, (size_t)net->shape.floats * sizeof(float));
    CHECK_EQ(ist_trainer_run(r.trainer, 0, NULL, NULL), IST_E_DIVERGED); /* the same again */
    CHECK_EQ(run_progress(&r).round, p.round);
    CHECK_MEM(again.model->net.param, net->param, (size_t)net->shape.floats * sizeof(float));
    run_close(&again);
    run_close(&r);
}

TEST(a_run_that_diverges_keeps_the_last_whole_round)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++) check_divergence(engine);
}

static void check_late_divergence(int32_t engine)
{
    run_spec spec = dealt(2, 3);
    spec.engine = engine;
    spec.hidden_norm = IST_NORM_NONE;
    spec.train.rounds = 10;
    spec.train.optimizer = IST_SGD;
    run r = run_open(&spec);
    run_go(&r, 2);
    const ist__net *net = &r.model->net;
    float *before = plain_copy(net->param, net->shape.floats);
    r.trainer->training->phases.phase[0].lr = 1e30; /* an accident in the third round */
    CHECK_EQ(ist_trainer_run(r.trainer, 0, NULL, NULL), IST_E_DIVERGED);
    CHECK_EQ(run_progress(&r).round, 2);
    CHECK_MEM(net->param, before, (size_t)net->shape.floats * sizeof(float));
    free(before);
    run_close(&r);
}

TEST(divergence_after_good_rounds_leaves_those)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++) check_late_divergence(engine);
}

/* Of three subnets the second goes wrong, while the team of the third has long been done: it must have waited. */
static void check_no_early_write_back(int32_t engine)
{
    run_spec spec = dealt(3, 10);
    spec.engine = engine;
    spec.hidden_norm = IST_NORM_NONE;
    spec.hidden[0] = 120;
    spec.hidden[1] = 90;
    spec.teams = 2;
    spec.train.rounds = 10;
    run r = run_open(&spec);
    run_go(&r, 1);
    const ist__net *net = &r.model->net;
    float *before = plain_copy(net->param, net->shape.floats);
    ist__subnet *bad = &r.trainer->training->subnets[1];
    CHECK_EQ(bad->team, 0);
    for (int64_t i = 0; i < bad->batches.rows * spec.features; i++) ((float *)bad->shard)[i] = 1e38F;
    CHECK_EQ(ist_trainer_run(r.trainer, 0, NULL, NULL), IST_E_DIVERGED);
    CHECK(strstr(ist_context_error(r.context), "subnet 1") != NULL);
    CHECK_MEM(net->param, before, (size_t)net->shape.floats * sizeof(float));
    free(before);
    run_close(&r);
}

TEST(a_round_in_which_one_subnet_diverges_is_written_back_by_none)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++) check_no_early_write_back(engine);
}

/* ------------------------------------------------------------------------------------------------- sums of progress -- */

TEST(progress_adds_up_exactly)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++) {
        run_spec spec = dealt(3, 4);
        spec.train.optimizer = optimizer;
        spec.train.epochs = 3;
        run r = run_open(&spec);
        run_go(&r, 0);
        const ist_progress p = run_progress(&r);
        const double arrays = optimizer == IST_SGD ? 1 : optimizer == IST_ADAM ? 3 : 2, batch = spec.train.batch;
        double numbers = 0, products = 0;
        for (int32_t s = 0; s < 3; s++) { /* widths 13 and 10 among three: 5 4 4, and 4 3 3 */
            const double d = spec.features, c = spec.classes, a = s < 1 ? 5 : 4, b = s < 1 ? 4 : 3;
            numbers += d * a + 2 * a + a * b + 2 * b + b * c + c;
            products += 2 * d * a + 3 * a * b + 3 * b * c;
        }
        CHECK_EQ(p.samples, p.step * spec.train.batch * 3);
        CHECK(p.epoch == (double)p.samples / (double)spec.rows);
        CHECK(p.bytes_moved == 2 * arrays * numbers * 4 * (double)p.round);
        CHECK(p.flops == 2 * batch * products * (double)p.step);
        CHECK(p.seconds > 0 && p.gather_s >= 0 && p.train_s > 0 && p.wait_s >= 0 && p.writeback_s >= 0);
        CHECK(p.gather_s + p.train_s + p.wait_s + p.writeback_s <= p.seconds * 1.001 + 1e-3);
        CHECK(p.loss > 0 && p.loss < 10);
        run_close(&r);
    }
}

TEST(learning_rates_follow_their_schedule)
{
    run_spec spec = dealt(3, 4);
    spec.train.rounds = 5;
    for (int32_t schedule = IST_LR_CONSTANT; schedule <= IST_LR_COSINE; schedule++) {
        spec.train.schedule = schedule;
        run r = run_open(&spec);
        for (int32_t round = 0; round < 5; round++) {
            run_go(&r, 1);
            const double last = 4 * round + 3, angle = 3.14159265358979323846 * last / 20;
            const double expected = schedule == IST_LR_COSINE ? 0.5 * (1 + cos(angle)) : 1;
            CHECK_NEAR(run_progress(&r).lr, spec.train.lr * expected, 1e-7);
        }
        run_close(&r);
    }
}
