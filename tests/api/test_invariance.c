/* The strongest promise: a run's bits are a function of data, model and configuration, never of teams, threads or where
 * they stand, whatever the engine; and a run that was stopped and resumed is the run that was not. */
#define _GNU_SOURCE
#include "fixture_run.h"

/* The checkpoint of a run is the same file on every one of these crews. */
static void check_crews_of(int32_t engine, run_spec spec, const int32_t (*crews)[2], size_t count)
{
    spec.engine = engine;
    file_bytes expected = {0};
    for (size_t i = 0; i < count; i++) {
        spec.teams = crews[i][0];
        spec.threads = crews[i][1];
        const file_bytes found = run_to_the_end(&spec);
        if (i == 0) {
            expected = found;
            continue;
        }
        CHECK_EQ(found.count, expected.count);
        CHECK_MEM(found.data, expected.data, found.count);
        free(found.data);
    }
    file_free(&expected);
}

static void check_crews(run_spec spec, const int32_t (*crews)[2], size_t count)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++)
        check_crews_of(engine, spec, crews, count);
}

#define CHECK_CREWS(spec, ...)                                 \
  do {                                                         \
    static const int32_t crews_[][2] = {__VA_ARGS__};          \
    check_crews(spec, crews_, sizeof crews_ / sizeof *crews_); \
  } while (0)

TEST(one_two_three_or_four_threads_a_team_give_the_same_bits)
{
    CHECK_CREWS(run_spec_wide(), {1, 1}, {1, 2}, {1, 3}, {1, 4});
}

TEST(any_number_of_teams_gives_the_same_bits)
{
    CHECK_CREWS(run_spec_wide(), {1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 2}); /* three subnets */
}

TEST(more_subnets_than_teams_give_the_same_bits)
{
    run_spec spec = run_spec_wide();
    spec.made_for = 7;
    CHECK_CREWS(spec, {1, 1}, {2, 2}, {3, 1}, {7, 1});
}

TEST(one_subnet_gives_the_same_bits_on_any_crew)
{
    run_spec spec = run_spec_wide();
    spec.made_for = 1;
    CHECK_CREWS(spec, {1, 1}, {1, 4}, {3, 2});
}

TEST(every_way_to_hold_the_data_gives_the_same_bits_on_any_crew)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        run_spec spec = run_spec_wide();
        spec.train.data = data;
        CHECK_CREWS(spec, {1, 1}, {2, 2}, {3, 1});
    }
}

TEST(every_optimiser_and_state_gives_the_same_bits_on_any_crew)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
            run_spec spec = run_spec_wide();
            spec.train.optimizer = optimizer;
            spec.train.state = state;
            CHECK_CREWS(spec, {1, 1}, {2, 2});
        }
}

TEST(every_depth_and_norm_gives_the_same_bits_on_any_crew)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++) {
            run_spec spec = run_spec_wide();
            spec.hidden_count = depth;
            spec.hidden[2] = 130;
            spec.hidden_norm = norms & 1;
            spec.output_norm = norms >> 1;
            if (depth == 0) {
                spec.made_for = 1;
                spec.features = 150;
            }
            CHECK_CREWS(spec, {1, 1}, {2, 2});
        }
}

TEST(regressions_give_the_same_bits_on_any_crew)
{
    for (int32_t loss = IST_LOSS_MSE; loss <= IST_LOSS_HUBER; loss++) {
        run_spec spec = run_spec_wide();
        spec.loss = loss;
        spec.train.data = loss == IST_LOSS_MSE ? IST_DATA_SHARD : IST_DATA_REPLICATE;
        CHECK_CREWS(spec, {1, 1}, {1, 3}, {2, 2}, {5, 1});
    }
}

TEST(copies_of_the_data_change_nothing_against_shared_data)
{
    run_spec spec = run_spec_wide();
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

TEST(where_teams_stand_and_whether_they_are_bound_changes_nothing)
{
    run_spec spec = run_spec_wide();
    const file_bytes expected = run_to_the_end(&spec);
    for (int32_t at = IST_AT_NUMA; at <= IST_AT_MACHINE; at++)
        for (int32_t placement = IST_PLACE_NONE; placement <= IST_PLACE_TRY; placement++) {
            ist_context_config config = IST_CONTEXT_CONFIG_INIT;
            config.team_at = at;
            config.placement = placement;
            run r = {.table = table_make(spec.rows, spec.features, spec.classes)};
            CHECK_EQ(ist_context_create(&r.context, &config), IST_OK);
            r.dataset = run_dataset(r.context, &r.table);
            r.model = run_model(r.context, &spec);
            CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec.train), IST_OK);
            run_go(&r, 0);
            file_bytes found = trainer_bytes(r.trainer);
            CHECK_EQ(found.count, expected.count);
            CHECK_MEM(found.data, expected.data, found.count);
            file_free(&found);
            run_close(&r);
        }
    free(expected.data);
}

TEST(the_seed_the_data_and_the_local_steps_do_change_the_bits)
{
    run_spec spec = run_spec_small(), other = spec;
    other.train.seed = 2;
    run a = run_open(&spec), b = run_open(&other);
    other.train.seed = 1;
    other.train.local_steps = 5;
    run c = run_open(&other);
    run_go(&a, 0);
    run_go(&b, 0);
    run_go(&c, 0);
    file_bytes of_a = model_bytes(a.model), of_b = model_bytes(b.model), of_c = model_bytes(c.model);
    CHECK_EQ(of_a.count, of_b.count);
    CHECK(memcmp(of_a.data, of_b.data, of_a.count) != 0);
    CHECK(memcmp(of_a.data, of_c.data, of_a.count) != 0);
    file_free(&of_a);
    file_free(&of_b);
    file_free(&of_c);
    run_close(&a);
    run_close(&b);
    run_close(&c);
}

TEST(a_run_in_pieces_is_the_run_in_one_piece)
{
    run_spec spec = run_spec_small();
    const file_bytes expected = run_to_the_end(&spec);
    run r = run_open(&spec);
    ist_progress p = run_progress(&r);
    for (int64_t pieces = 0; p.round < p.rounds; p = run_progress(&r), pieces++) {
        run_go(&r, 1 + pieces % 2);
        ist_evaluation out = IST_EVALUATION_INIT; /* looking on changes nothing */
        CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
        CHECK_EQ(ist_model_evaluate(r.model, r.dataset, NULL, &out), IST_OK);
    }
    CHECK_EQ(p.step, p.steps);
    run again = run_open(&spec);
    run_go(&again, 0);
    CHECK_EQ(ist_trainer_calibrate(again.trainer), IST_OK);
    file_check_same(trainer_bytes(again.trainer), trainer_bytes(r.trainer));
    free(expected.data);
    run_close(&again);
    run_close(&r);
}
