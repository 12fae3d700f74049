/* The baselines as users call them: bits that do not depend on the crew, runs that are resumed, what is refused. */
#define _GNU_SOURCE
#include "fixture_run.h"

static run_spec baseline(int32_t method, int32_t subnets)
{
    run_spec spec = run_spec_wide();
    spec.made_for = method == IST_METHOD_ENSEMBLE ? subnets : 1;
    spec.output_norm = IST_NORM_BATCH;
    spec.train.method = method;
    spec.train.subnets = subnets;
    return spec;
}

TEST(every_method_gives_the_same_bits_on_any_crew)
{
    static const int32_t crews[][2] = {{1, 1}, {1, 3}, {2, 1}, {3, 1}, {5, 2}};
    for (int32_t method = IST_METHOD_DATA_PARALLEL; method <= IST_METHOD_MASKED; method++)
        for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer += IST_ADAM) {
            run_spec spec = baseline(method, 3);
            spec.train.optimizer = optimizer;
            for (size_t i = 1; i < sizeof crews / sizeof *crews; i++) {
                run_spec first = spec, other = spec;
                first.teams = first.threads = 1;
                other.teams = crews[i][0];
                other.threads = crews[i][1];
                file_check_same(run_to_the_end(&first), run_to_the_end(&other));
            }
        }
}

TEST(every_way_to_hold_the_data_serves_every_method)
{
    for (int32_t method = IST_METHOD_DATA_PARALLEL; method <= IST_METHOD_MASKED; method++) {
        run_spec spec = baseline(method, 4);
        spec.teams = 2;
        spec.train.data = IST_DATA_SHARED;
        run shared = run_open(&spec);
        spec.train.data = IST_DATA_REPLICATE;
        run copied = run_open(&spec);
        run_go(&shared, 0);
        run_go(&copied, 0);
        file_check_same(model_bytes(shared.model), model_bytes(copied.model));
        run_close(&shared);
        run_close(&copied);
    }
}

TEST(replicas_of_a_regression_give_the_same_bits_on_any_crew)
{
    for (int32_t method = IST_METHOD_DATA_PARALLEL; method <= IST_METHOD_LOCAL_SGD; method++) {
        run_spec spec = baseline(method, 3), other;
        spec.output_norm = IST_NORM_NONE;
        spec.loss = IST_LOSS_MSE;
        other = spec;
        other.teams = 2;
        other.threads = 2;
        file_check_same(run_to_the_end(&spec), run_to_the_end(&other));
    }
}

TEST(a_resumed_run_is_the_run_that_was_never_stopped)
{
    for (int32_t method = IST_METHOD_DATA_PARALLEL; method <= IST_METHOD_MASKED; method++)
        for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
            const char *path = scratch_path("stopped.ist");
            run_spec spec = baseline(method, 3);
            spec.train.optimizer = IST_ADAM;
            spec.train.state = state;
            run first = run_open(&spec);
            run_go(&first, 2);
            CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
            run_close(&first);
            spec.teams = 2;
            run second = run_open(&spec);
            CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_OK);
            run_go(&second, 0);
            file_check_same(trainer_bytes(second.trainer), run_to_the_end(&spec));
            run_close(&second);
        }
}

TEST(a_run_is_not_resumed_by_another_method)
{
    const char *path = scratch_path("method.ist");
    run_spec spec = baseline(IST_METHOD_LOCAL_SGD, 3);
    run first = run_open(&spec);
    run_go(&first, 1);
    CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
    run_close(&first);
    spec.train.method = IST_METHOD_DATA_PARALLEL;
    run second = run_open(&spec);
    CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(second.context), "method") != NULL);
    run_close(&second);
}

/* The status of a trainer of this kind. */
static ist_status create(const run_spec *spec)
{
    run_spec plain = *spec;
    plain.train.method = IST_METHOD_IST;
    plain.train.subnets = 0;
    run r = run_open(&plain);
    ist_trainer *trainer = NULL;
    const ist_status status = ist_trainer_create(r.context, &trainer, r.model, r.dataset, &spec->train);
    if (status != IST_OK) check_one_line(r.context);
    ist_trainer_destroy(trainer);
    run_close(&r);
    return status;
}

TEST(what_a_method_cannot_do_is_refused)
{
    run_spec spec = baseline(IST_METHOD_ENSEMBLE, 3);
    CHECK_EQ(create(&spec), IST_OK);
    spec.train.method = IST_METHOD_MASKED + 1;
    CHECK_EQ(create(&spec), IST_E_ARGUMENT);
    spec.train.method = -1;
    CHECK_EQ(create(&spec), IST_E_ARGUMENT);

    spec = baseline(IST_METHOD_ENSEMBLE, 3);
    spec.hidden_norm = IST_NORM_NONE; /* the second hidden layer would be scaled by 1/n */
    CHECK_EQ(create(&spec), IST_E_ARGUMENT);
    spec.hidden_count = 1;
    CHECK_EQ(create(&spec), IST_OK);
    spec.output_norm = IST_NORM_NONE;
    CHECK_EQ(create(&spec), IST_E_ARGUMENT);

    spec = baseline(IST_METHOD_DATA_PARALLEL, 3);
    spec.hidden_norm = spec.output_norm = IST_NORM_NONE;
    CHECK_EQ(create(&spec), IST_OK);
    spec.made_for = 3; /* its layers are scaled by 1/3 */
    CHECK_EQ(create(&spec), IST_E_ARGUMENT);
}

/* A net without hidden layers has nothing to deal, but replicas of it can be trained. */
TEST(replicas_of_a_linear_model_are_trained)
{
    for (int32_t method = IST_METHOD_DATA_PARALLEL; method <= IST_METHOD_LOCAL_SGD; method++) {
        run_spec spec = baseline(method, 4);
        spec.hidden_count = 0;
        spec.output_norm = IST_NORM_NONE;
        run_spec elsewhere = spec;
        elsewhere.teams = 3;
        file_check_same(run_to_the_end(&spec), run_to_the_end(&elsewhere));
    }
}
