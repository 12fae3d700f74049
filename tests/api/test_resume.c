/* A run saved and resumed is the run that was never stopped, bit for bit; what does not fit is refused by name and
 * changes nothing. */
#define _GNU_SOURCE
#include "fixture_run.h"

/* Save after `rounds` rounds on one crew, resume on another, go on to the end: the file that a run without a stop gives. */
static void check_resumed_with(const run_spec *spec, int64_t rounds, int32_t teams, int32_t threads)
{
    const char *path = scratch_path("stopped.ist");
    run first = run_open(spec);
    if (rounds > 0) run_go(&first, rounds);
    CHECK_EQ(run_progress(&first).round, rounds);
    CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
    run_close(&first);

    run_spec elsewhere = *spec;
    elsewhere.teams = teams;
    elsewhere.threads = threads;
    run second = run_open(&elsewhere);
    CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_OK);
    file_check_same(trainer_bytes(second.trainer), file_read(path));
    CHECK_EQ(run_progress(&second).round, rounds);
    run_go(&second, 0);
    file_check_same(trainer_bytes(second.trainer), run_to_the_end(spec));
    run_close(&second);
}

static void check_resumed(const run_spec *spec, int64_t rounds, int32_t teams, int32_t threads)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++) {
        run_spec with = *spec;
        with.engine = engine;
        check_resumed_with(&with, rounds, teams, threads);
    }
}

TEST(resumed_is_never_stopped_for_every_optimiser_and_state)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
            run_spec spec = run_spec_small();
            spec.train.optimizer = optimizer;
            spec.train.state = state;
            check_resumed(&spec, 1, 1, 1); /* step 4 of an epoch of 2.6: mid-epoch */
        }
}

TEST(resumed_is_never_stopped_on_other_teams_and_threads)
{
    run_spec spec = run_spec_small();
    check_resumed(&spec, 2, 3, 1);
    check_resumed(&spec, 1, 1, 3);
    spec.teams = 2;
    spec.threads = 2;
    check_resumed(&spec, 2, 1, 1);
}

TEST(resumed_is_never_stopped_at_every_round)
{
    run_spec spec = run_spec_small();
    spec.train.local_steps = 2; /* 11 steps: 6 rounds, the last one short */
    for (int64_t rounds = 0; rounds <= 6; rounds++) check_resumed(&spec, rounds, 2, 1);
}

TEST(resumed_is_never_stopped_at_every_round_of_a_sticky_deal)
{
    for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
        run_spec spec = run_spec_small();
        spec.train.local_steps = 2;
        spec.train.state = state;
        spec.train.repartition_fraction = 0.3;
        for (int64_t rounds = 0; rounds <= 6; rounds += 2) check_resumed(&spec, rounds, 2, 1);
    }
}

static const double uneven[3] = {2, 1, 3}, others[3] = {2, 1, 4};

TEST(resumed_is_never_stopped_with_shares)
{
    run_spec spec = run_spec_small();
    spec.hidden_norm = IST_NORM_BATCH;
    spec.train.shares = uneven;
    check_resumed(&spec, 1, 3, 1);
}

TEST(resumed_is_never_stopped_for_every_way_to_hold_the_data)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        run_spec spec = run_spec_small();
        spec.train.data = data;
        check_resumed(&spec, 1, 3, 1);
    }
}

TEST(resumed_is_never_stopped_with_a_normalization)
{
    run_spec spec = run_spec_small();
    const char *path = scratch_path("normalized.ist");
    run whole = run_open(&spec), first = run_open(&spec), second = run_open(&spec);
    CHECK_EQ(ist_model_measure_normalization(whole.model, whole.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    CHECK_EQ(ist_model_measure_normalization(first.model, first.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    run_go(&whole, 0);
    run_go(&first, 1);
    CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_OK); /* the normalization is in the file */
    run_go(&second, 0);
    file_check_same(trainer_bytes(second.trainer), trainer_bytes(whole.trainer));
    run_close(&whole);
    run_close(&first);
    run_close(&second);
}

TEST(statistics_are_resumed_too)
{
    const run_spec spec = run_spec_small();
    const char *path = scratch_path("calibrated.ist");
    run first = run_open(&spec), second = run_open(&spec);
    ist_evaluation a = IST_EVALUATION_INIT, b = IST_EVALUATION_INIT;
    run_go(&first, 2);
    CHECK_EQ(ist_trainer_calibrate(first.trainer), IST_OK);
    CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_OK);
    CHECK_EQ(ist_model_evaluate(first.model, first.dataset, NULL, &a), IST_OK);
    CHECK_EQ(ist_model_evaluate(second.model, second.dataset, NULL, &b), IST_OK);
    CHECK(a.loss == b.loss && a.correct == b.correct);
    run_close(&first);
    run_close(&second);
}

/* Begun on one machine, ended on another, or looked into with the plain loops: where the bits are the same, so is the
 * run. */
static void check_changed_engine(int32_t begun, int32_t ended)
{
    run_spec spec = run_spec_small(), elsewhere = spec;
    spec.engine = begun;
    elsewhere.engine = ended;
    run_check_resumed(&spec, &elsewhere);
}

TEST(resumed_is_never_stopped_with_another_engine_of_the_same_bits)
{
    static const int32_t engine[] = {IST_ENGINE_NATIVE, IST_ENGINE_NATIVE_PORTABLE, IST_ENGINE_REFERENCE};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) check_changed_engine(engine[i], engine[j]);
}

TEST(progress_goes_on_where_it_stood)
{
    run_spec spec = run_spec_small();
    spec.train.schedule = IST_LR_COSINE;
    const char *path = scratch_path("progress.ist");
    run first = run_open(&spec), second = run_open(&spec);
    run_go(&first, 2);
    CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_OK);
    const ist_progress a = run_progress(&first), b = run_progress(&second);
    CHECK(a.round == b.round && a.rounds == b.rounds && a.step == b.step && a.steps == b.steps);
    CHECK(a.samples == b.samples && a.epoch == b.epoch && a.loss == b.loss);
    CHECK(a.flops == b.flops && a.bytes_moved == b.bytes_moved);
    CHECK(a.lr == b.lr && a.lr < spec.train.lr && a.phase == b.phase && a.local_steps == b.local_steps);
    CHECK(b.seconds == 0); /* times are of this trainer */
    run_close(&first);
    run_close(&second);
}

/* ---------------------------------------------------------------------------------------------------------- refusals -- */

/* Resuming from the path is refused and nothing of the trainer changes, now or in what it trains next. */
static void check_refused(run *r, const char *path, ist_status status, const char *name)
{
    file_bytes before = trainer_bytes(r->trainer);
    CHECK_EQ(ist_trainer_resume(r->trainer, path), status);
    check_one_line(r->context);
    CHECK(strstr(ist_context_error(r->context), name) != NULL);
    file_check_same(before, trainer_bytes(r->trainer));
}

/* A checkpoint of the small run after one round. */
static const char *small_checkpoint(const run_spec *spec)
{
    const char *path = scratch_path("small.ist");
    run r = run_open(spec);
    run_go(&r, 1);
    CHECK_EQ(ist_trainer_save(r.trainer, path), IST_OK);
    run_close(&r);
    return path;
}

static void check_option(const run_spec *spec, const char *path, const char *name)
{
    run r = run_open(spec);
    run_go(&r, 2);
    check_refused(&r, path, IST_E_ARGUMENT, name);
    run_close(&r);
}

TEST(a_changed_option_is_refused_by_name)
{
    run_spec spec = run_spec_small();
    spec.engine = IST_ENGINE_NATIVE;
    spec.output_norm = IST_NORM_BATCH; /* no layer without norm: the model may be made for others than train it */
    const char *path = small_checkpoint(&spec);
#define OPTION(field, value, name)    \
  do {                                \
    run_spec other = spec;            \
    other.field = (value);            \
    check_option(&other, path, name); \
  } while (0)
    OPTION(train.subnets, 2, "subnets");
    OPTION(train.local_steps, 5, "local_steps");
    OPTION(train.batch, 9, "batch");
    OPTION(train.state, IST_STATE_RESET, "state");
    OPTION(train.schedule, IST_LR_CONSTANT, "schedule");
    OPTION(train.data, IST_DATA_SHARED, "data");
    OPTION(train.calibration_batches, 5, "calibration_batches");
    OPTION(train.epochs, 4.5, "epochs");
    OPTION(train.rounds, 3, "rounds");
    OPTION(train.lr, 0.051, "lr");
    OPTION(train.momentum, 0.8, "momentum");
    OPTION(train.beta1, 0.8, "beta1");
    OPTION(train.beta2, 0.8, "beta2");
    OPTION(train.epsilon, 1e-7, "epsilon");
    OPTION(train.weight_decay, 0.1, "weight_decay");
    OPTION(train.seed, 2, "seed");
    OPTION(train.repartition_fraction, 0.5, "repartition_fraction");
    OPTION(train.balance, IST_BALANCE_ADAPTIVE, "balance");
    OPTION(train.shares, uneven, "share of subnet 1"); /* 1 / 3 before and after of the first */
    OPTION(train.optimizer, IST_NESTEROV, "optimizer");
    OPTION(train.optimizer, IST_SGD, "optimizer");
    OPTION(train.optimizer, IST_ADAM, "optimizer");
    OPTION(engine, IST_ENGINE_OPENBLAS, "engine"); /* other bits */
    OPTION(rows, 62, "rows");
    OPTION(features, 7, "shape");
    OPTION(classes, 5, "shape");
    OPTION(hidden[0], 14, "shape");
    OPTION(hidden_count, 1, "shape");
    OPTION(hidden_norm, IST_NORM_NONE, "shape");
    OPTION(output_norm, IST_NORM_NONE, "shape");
    OPTION(activation, IST_TANH, "activation");
    spec.train.subnets = 3;
    OPTION(made_for, 2, "model subnets");
#undef OPTION
}

TEST(other_shares_are_refused_by_name_and_the_same_in_other_words_are_not)
{
    run_spec spec = run_spec_small();
    spec.train.shares = uneven;
    const char *path = small_checkpoint(&spec);
    const double same[3] = {4, 2, 6};
    run_spec other = spec;
    other.train.shares = others;
    check_option(&other, path, "share of subnet 0");
    other.train.shares = NULL;
    check_option(&other, path, "share of subnet 1");
    other.train.shares = same;
    run r = run_open(&other);
    CHECK_EQ(ist_trainer_resume(r.trainer, path), IST_OK);
    run_close(&r);
}

/* Shares that followed the clock are taken on, and go into the next checkpoint. */
TEST(adaptive_shares_go_on_where_they_were)
{
    run_spec spec = run_spec_small();
    spec.train.rounds = 40;
    spec.train.balance = IST_BALANCE_ADAPTIVE;
    spec.teams = 2; /* of which the first trains two of the three subnets */
    const char *path = scratch_path("adaptive.ist");
    run r = run_open(&spec), s = run_open(&spec);
    run_go(&r, 30);
    CHECK_EQ(ist_trainer_save(r.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_resume(s.trainer, path), IST_OK);
    ist_team_times a[2] = {{.struct_size = sizeof *a}}, b[2] = {{.struct_size = sizeof *b}};
    int32_t count;
    CHECK_EQ(ist_trainer_teams(r.trainer, a, 2, &count), IST_OK);
    CHECK_EQ(ist_trainer_teams(s.trainer, b, 2, &count), IST_OK);
    for (int32_t k = 0; k < 2; k++) CHECK_NEAR(a[k].share, b[k].share, 1e-12);
    file_check_same(file_read(path), trainer_bytes(s.trainer));
    run_go(&s, 0);
    run_close(&r);
    run_close(&s);
}

TEST(a_refused_trainer_goes_on_as_if_nothing_was)
{
    run_spec spec = run_spec_small(), other = spec;
    const char *path = small_checkpoint(&spec);
    other.train.seed = 2;
    run r = run_open(&other);
    run_go(&r, 1);
    check_refused(&r, path, IST_E_ARGUMENT, "seed");
    run_go(&r, 0);
    file_check_same(trainer_bytes(r.trainer), run_to_the_end(&other));
    run_close(&r);
}

TEST(a_model_is_no_checkpoint)
{
    const run_spec spec = run_spec_small();
    const char *path = scratch_path("model.ist");
    run r = run_open(&spec);
    CHECK_EQ(ist_model_save(r.model, path), IST_OK);
    run_go(&r, 1);
    check_refused(&r, path, IST_E_FORMAT, "checkpoint");
    check_refused(&r, scratch_path("missing.ist"), IST_E_IO, "missing.ist");
    run_close(&r);
}

/* A run with little to copy, but with all sections: the checkpoint of adam has two arrays of state. */
static run_spec tiny(int32_t optimizer)
{
    run_spec spec = run_spec_small();
    spec.features = 2;
    spec.classes = 2;
    spec.hidden[0] = spec.hidden[1] = 3;
    spec.train.optimizer = optimizer;
    return spec;
}

TEST(a_checkpoint_truncated_anywhere_is_refused_and_changes_nothing)
{
    const int32_t optimizers[] = {IST_SGD, IST_MOMENTUM, IST_ADAM};
    for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
        const run_spec spec = tiny(optimizers[i]);
        file_bytes whole = file_read(small_checkpoint(&spec));
        const char *path = scratch_path("truncated.ist");
        run r = run_open(&spec);
        run_go(&r, 2);
        file_bytes before = trainer_bytes(r.trainer);
        for (size_t length = 0; length < whole.count; length++) {
            file_write(path, whole.data, length);
            CHECK_EQ(ist_trainer_resume(r.trainer, path), IST_E_FORMAT);
            check_one_line(r.context);
        }
        file_check_same(before, trainer_bytes(r.trainer)); /* a change by any of them would have stayed */
        file_free(&whole);
        run_close(&r);
    }
}

TEST(a_checkpoint_with_any_byte_flipped_is_refused_and_changes_nothing)
{
    const run_spec spec = tiny(IST_ADAM);
    file_bytes whole = file_read(small_checkpoint(&spec));
    const char *path = scratch_path("flipped.ist");
    run r = run_open(&spec);
    run_go(&r, 2);
    file_bytes before = trainer_bytes(r.trainer);
    for (size_t at = 0; at < whole.count; at++) {
        const unsigned char was = whole.data[at];
        for (unsigned bit = at < 16 ? 0 : at % 8; bit <= (at < 16 ? 7 : at % 8);
             bit++) { /* the header has no checksum */
            whole.data[at] = (unsigned char)(was ^ (1U << bit));
            file_write(path, whole.data, whole.count);
            CHECK_EQ(ist_trainer_resume(r.trainer, path), IST_E_FORMAT);
            check_one_line(r.context);
        }
        whole.data[at] = was;
    }
    file_check_same(before, trainer_bytes(r.trainer));
    file_write(path, whole.data, whole.count);
    CHECK_EQ(ist_trainer_resume(r.trainer, path), IST_OK);
    file_free(&whole);
    run_close(&r);
}

TEST(bytes_after_the_end_are_refused)
{
    const run_spec spec = tiny(IST_MOMENTUM);
    file_bytes whole = file_read(small_checkpoint(&spec));
    const char *path = scratch_path("longer.ist");
    unsigned char *longer = table_room((int64_t)whole.count + 20, 1);
    memcpy(longer, whole.data, whole.count);
    run r = run_open(&spec);
    for (size_t more = 1; more <= 20; more++) {
        file_write(path, longer, whole.count + more);
        check_refused(&r, path, IST_E_FORMAT, "longer.ist");
    }
    free(longer);
    file_free(&whole);
    run_close(&r);
}

TEST(an_error_line_stays_one_line_whatever_the_path)
{
    const run_spec spec = run_spec_small();
    run_spec other = spec;
    other.train.seed = 2;
    const char *path = scratch_path("two\nlines.ist");
    run first = run_open(&spec), second = run_open(&other);
    CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_E_ARGUMENT);
    check_one_line(second.context);
    char longer[300];
    memset(longer, 'x', sizeof longer);
    memcpy(longer + 200, ".ist", 5);
    path = scratch_path(longer);
    CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(second.context), "seed") != NULL);
    run_close(&first);
    run_close(&second);
}

TEST(a_checkpoint_is_written_whole_or_not_at_all)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    const int files = scratch_count();
    char nowhere[700];
    snprintf(nowhere, sizeof nowhere, "%s/missing/run.ist", scratch_folder);
    CHECK_EQ(ist_trainer_save(r.trainer, nowhere), IST_E_IO);
    check_one_line(r.context);
    CHECK_EQ(ist_trainer_save(r.trainer, "/dev/full"), IST_E_IO);
    check_one_line(r.context);
    CHECK_EQ(ist_trainer_save(r.trainer, scratch_folder), IST_E_IO);
    CHECK_EQ(ist_trainer_save(r.trainer, ""), IST_E_IO);
    CHECK_EQ(scratch_count(), files);
    run_close(&r);
}
