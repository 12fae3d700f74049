/* The baselines: data parallel, local SGD, ensemble.  With one subnet each is plain SGD, bit for bit; with several they
 * are what their definitions say, on batches that hold a whole shard, so that the order of rows does not matter. */
#define _GNU_SOURCE
#include <math.h>

#include "api/fixture_run.h"
#include "api/handles.h"

enum { REPLICAS = 3, SHARD = 16, FULL = REPLICAS * SHARD };

static run_spec baseline(int32_t method, int32_t subnets)
{
    run_spec spec = run_spec_small();
    spec.made_for = method == IST_METHOD_ENSEMBLE ? subnets : 1;
    spec.output_norm = IST_NORM_BATCH;
    spec.train.method = method;
    spec.train.subnets = subnets;
    return spec;
}

/* Parameters after a whole run; free() them. */
static float *parameters_of(const run_spec *spec, int64_t *floats)
{
    run r = run_open(spec);
    run_go(&r, 0);
    *floats = r.model->net.shape.floats;
    float *param = table_room(*floats, sizeof *param);
    memcpy(param, r.model->net.param, (size_t)*floats * sizeof *param);
    run_close(&r);
    return param;
}

static void check_same_runs(const run_spec *a, const run_spec *b)
{
    int64_t floats, other;
    float *first = parameters_of(a, &floats), *second = parameters_of(b, &other);
    CHECK_EQ(floats, other);
    CHECK_MEM(first, second, (size_t)floats * sizeof *first);
    free(first);
    free(second);
}

/* ------------------------------------------------------------------------------------------------------ one of them -- */

TEST(one_replica_or_member_is_plain_sgd_bit_for_bit)
{
    for (int32_t method = IST_METHOD_DATA_PARALLEL; method <= IST_METHOD_MASKED; method++)
        for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
            for (int32_t engine = IST_ENGINE_REFERENCE; engine <= IST_ENGINE_NATIVE; engine++)
                for (int32_t norm = IST_NORM_NONE; norm <= IST_NORM_BATCH; norm++) {
                    run_spec spec = baseline(method, 1);
                    spec.engine = engine;
                    spec.hidden_norm = norm;
                    if (method != IST_METHOD_ENSEMBLE) spec.output_norm = norm;
                    if (method == IST_METHOD_ENSEMBLE && norm == IST_NORM_NONE) spec.hidden_count = 1;
                    spec.train.optimizer = optimizer;
                    spec.train.weight_decay = 0.01;
                    run_spec plain = spec;
                    plain.train.method = IST_METHOD_IST;
                    check_same_runs(&spec, &plain);
                }
}

/* ---------------------------------------------------------------------------------------------------- data parallel -- */

/* Batches that hold all rows of a shard, n of them, are one batch of all rows. */
static run_spec full_batches(int32_t method)
{
    run_spec spec = baseline(method, REPLICAS);
    spec.rows = FULL;
    spec.hidden_norm = spec.output_norm = IST_NORM_NONE; /* whose statistics would be those of a shard */
    spec.train.batch = SHARD;
    spec.train.rounds = 3;
    spec.train.local_steps = 4;
    return spec;
}

TEST(replicas_with_a_third_of_the_batch_are_one_net_with_all_of_it)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_NESTEROV; optimizer++)
        for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++) {
            run_spec replicas = full_batches(IST_METHOD_DATA_PARALLEL), whole = replicas;
            replicas.engine = whole.engine = engine;
            replicas.train.optimizer = whole.train.optimizer = optimizer;
            replicas.train.weight_decay = whole.train.weight_decay = 0.1;
            whole.train.method = IST_METHOD_IST;
            whole.train.subnets = 1;
            whole.train.batch = FULL;
            int64_t floats;
            float *a = parameters_of(&replicas, &floats), *b = parameters_of(&whole, &floats);
            CHECK(largest_difference(a, b, floats) < 2e-6);
            free(b);
            whole.train.lr *= 1.01; /* and the comparison sees a percent of a step */
            b = parameters_of(&whole, &floats);
            CHECK(largest_difference(a, b, floats) > 1e-5);
            free(a);
            free(b);
        }
}

TEST(all_replicas_are_the_same_after_every_round)
{
    run_spec spec = baseline(IST_METHOD_DATA_PARALLEL, REPLICAS);
    spec.teams = 2;
    spec.train.optimizer = IST_ADAM;
    run r = run_open(&spec);
    for (int round = 0; round < 2; round++) {
        run_go(&r, 1);
        const ist__subnet *replica = r.trainer->training->subnets;
        for (int32_t s = 1; s < REPLICAS; s++)
            CHECK_MEM(replica[s].param, replica[0].param, (size_t)replica[0].shape.floats * sizeof(float));
        CHECK(memcmp(replica[1].gradient, replica[0].gradient, (size_t)replica[0].shape.floats * sizeof(float)) != 0);
    }
    run_close(&r);
}

/* -------------------------------------------------------------------------------------------------------- local SGD -- */

static void check_averaging(double dropout)
{
    run_spec local = full_batches(IST_METHOD_LOCAL_SGD), parallel = full_batches(IST_METHOD_DATA_PARALLEL);
    local.train.input_dropout = parallel.train.input_dropout = dropout;
    local.train.hidden_dropout = parallel.train.hidden_dropout = dropout;
    local.output_scale = parallel.output_scale = 1.5;
    parallel.teams = 2; /* replicas take turns */
    local.train.optimizer = parallel.train.optimizer = IST_SGD;
    local.train.local_steps = 1;
    local.train.rounds = 12;
    int64_t floats;
    float *a = parameters_of(&local, &floats), *b = parameters_of(&parallel, &floats);
    CHECK(largest_difference(a, b, floats) < 2e-6);
    free(a);
    local.train.local_steps = 4; /* averaged less often it is another method */
    local.train.rounds = 3;
    a = parameters_of(&local, &floats);
    CHECK(largest_difference(a, b, floats) > 1e-5);
    free(a);
    free(b);
}

TEST(averaging_after_every_step_of_sgd_is_data_parallel)
{
    check_averaging(0);
}

TEST(replicas_draw_the_same_masks_in_turns_as_one_by_one)
{
    check_averaging(0.25);
}

/* A batch of the same rows: replicas would be alike if their masks were. */
TEST(no_two_replicas_draw_the_same_masks)
{
    for (int32_t method = IST_METHOD_DATA_PARALLEL; method <= IST_METHOD_LOCAL_SGD; method++) {
        run_spec spec = baseline(method, 2);
        spec.rows = 2;
        spec.train.batch = 1;
        spec.train.rounds = spec.train.local_steps = 1;
        spec.train.data = IST_DATA_SHARED;
        spec.hidden_norm = spec.output_norm = IST_NORM_NONE;
        spec.train.hidden_dropout = 0.5;
        run r = run_open(&spec);
        memcpy(r.table.x + spec.features, r.table.x, (size_t)spec.features * sizeof(float));
        r.table.labels[1] = r.table.labels[0];
        run_go(&r, 0);
        const ist__subnet *replica = r.trainer->training->subnets;
        const bool parallel = method == IST_METHOD_DATA_PARALLEL;
        const float *a = parallel ? replica[0].gradient : replica[0].param;
        const float *b = parallel ? replica[1].gradient : replica[1].param;
        CHECK(memcmp(a, b, (size_t)replica[0].shape.floats * sizeof(float)) != 0);
        run_close(&r);
    }
}

/* The mean of replicas that trained alone: each block just before the average is not kept, but with one round left the
 * replicas but the first stand as they were. */
TEST(a_round_ends_in_the_mean_of_all_replicas)
{
    run_spec spec = full_batches(IST_METHOD_LOCAL_SGD);
    spec.train.rounds = 1;
    spec.engine = IST_ENGINE_REFERENCE; /* blocks lie as the master does */
    run r = run_open(&spec);
    const ist__net *net = &r.model->net;
    run_go(&r, 0);
    const ist__subnet *replica = r.trainer->training->subnets;
    CHECK_MEM(net->param, replica[0].param, (size_t)net->shape.floats * sizeof(float));

    /* Replica 0 by itself is a run of one subnet on the rows of its shard, in the order of subnet 0. */
    float *x = table_room((int64_t)SHARD * spec.features, sizeof *x);
    int32_t *labels = table_room(SHARD, sizeof *labels);
    memcpy(x, replica[0].shard, sizeof *x * (size_t)(SHARD * spec.features));
    memcpy(labels, replica[0].shard_answers, sizeof *labels * SHARD);
    table alone = {.rows = SHARD, .features = spec.features, .classes = spec.classes, .x = x, .labels = labels};
    ist_dataset *shard = run_dataset(r.context, &alone);
    ist_model *model = run_model(r.context, &spec);
    ist_train_config config = spec.train;
    config.method = IST_METHOD_IST;
    config.subnets = 1;
    ist_trainer *trainer = NULL;
    CHECK_EQ(ist_trainer_create(r.context, &trainer, model, shard, &config), IST_OK);
    CHECK_EQ(ist_trainer_run(trainer, 0, NULL, NULL), IST_OK);
    for (int64_t i = 0; i < net->shape.floats; i++) {
        const double sum = (double)model->net.param[i] + (double)replica[1].param[i] + (double)replica[2].param[i];
        CHECK(fabs(sum / REPLICAS - (double)net->param[i]) <= 1e-6 * (1 + fabs(sum)));
    }
    CHECK(largest_difference(replica[1].param, replica[2].param, net->shape.floats) > 1e-4);
    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    ist_dataset_destroy(shard);
    free(x);
    free(labels);
    run_close(&r);
}

/* --------------------------------------------------------------------------------------------------------- ensemble -- */

/* Nobody meets: it does not matter how often a round ends. */
TEST(members_do_not_notice_the_end_of_a_round)
{
    run_spec few = baseline(IST_METHOD_ENSEMBLE, REPLICAS), many = few;
    few.train.local_steps = 12;
    few.train.rounds = 1;
    many.train.local_steps = 2;
    many.train.rounds = 6;
    check_same_runs(&few, &many);
    few.train.method = many.train.method = IST_METHOD_IST;
    int64_t floats;
    float *a = parameters_of(&few, &floats), *b = parameters_of(&many, &floats);
    CHECK(largest_difference(a, b, floats) > 1e-4);
    free(a);
    free(b);
}

TEST(members_have_no_weights_to_each_other)
{
    run_spec spec = baseline(IST_METHOD_ENSEMBLE, REPLICAS);
    run r = run_open(&spec);
    run_go(&r, 0);
    const ist__net *net = &r.model->net;
    const ist__layer *middle = &net->shape.layer[1];
    const ist__deal *deal = &r.trainer->training->deal;
    int64_t zeros = 0, expected = (int64_t)middle->inputs * middle->outputs;
    for (int64_t i = 0; i < (int64_t)middle->inputs * middle->outputs; i++)
        zeros += net->param[middle->weight + i] == 0.0F;
    for (int32_t s = 0; s < REPLICAS; s++) {
        const int32_t *outputs, *inputs;
        const int32_t output_count = ist__deal_group(deal, 1, s, &outputs);
        const int32_t input_count = ist__deal_group(deal, 0, s, &inputs);
        expected -= (int64_t)output_count * input_count;
        for (int32_t o = 0; o < output_count; o++)
            for (int32_t i = 0; i < input_count; i++)
                CHECK(net->param[middle->weight + (int64_t)outputs[o] * middle->inputs + inputs[i]] != 0.0F);
    }
    CHECK_EQ(zeros, expected);
    run_close(&r);
}

/* ------------------------------------------------------------------------------------------------------- accounting -- */

TEST(flops_and_bytes_are_those_of_the_method)
{
    for (int32_t method = IST_METHOD_IST; method <= IST_METHOD_ENSEMBLE; method++) {
        run_spec spec = baseline(method, REPLICAS);
        spec.train.optimizer = IST_ADAM;
        spec.train.rounds = 2;
        run r = run_open(&spec);
        run_go(&r, 0);
        const ist_progress p = run_progress(&r);
        const double whole = (double)ist_model_parameter_count(r.model) * sizeof(float);
        const double step = ist__shape_step_flops(&r.model->net.shape, spec.train.batch);
        const double steps = 2.0 * spec.train.local_steps;
        CHECK_EQ(p.samples, REPLICAS * (int64_t)steps * spec.train.batch);
        if (method == IST_METHOD_LOCAL_SGD) CHECK(p.bytes_moved == 2 * (3 * (2 * REPLICAS + 2)) * whole);
        if (method == IST_METHOD_DATA_PARALLEL)
            CHECK(p.bytes_moved == 2 * (REPLICAS + 2 + 3 + 2 * REPLICAS * spec.train.local_steps) * whole);
        if (method == IST_METHOD_LOCAL_SGD || method == IST_METHOD_DATA_PARALLEL)
            CHECK(fabs(p.flops - REPLICAS * steps * step) < 1);
        else CHECK(p.flops < steps * step && p.bytes_moved < 2 * 6 * (REPLICAS + 1) * whole);
        run_close(&r);
    }
}
