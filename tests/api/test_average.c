/* The mean of the master over rounds, as a host asks for it; and models copied. */
#define _GNU_SOURCE
#include "fixture_run.h"

static run_spec averaged(double from)
{
    run_spec spec = run_spec_small();
    spec.train.rounds = 6;
    spec.train.average_from = from;
    return spec;
}

TEST(the_mean_of_one_round_is_the_calibrated_master)
{
    for (int32_t norm = IST_NORM_NONE; norm <= IST_NORM_BATCH; norm++) {
        run_spec spec = averaged(0.9);
        spec.hidden_norm = norm;
        run r = run_open(&spec);
        CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
        ist_model *mean = run_model(r.context, &spec);
        run_go(&r, 0);
        CHECK_EQ(run_progress(&r).averaged, 1);
        CHECK_EQ(ist_trainer_average(r.trainer, mean), IST_OK);
        CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
        file_check_same(model_bytes(mean), model_bytes(r.model));
        ist_model_destroy(mean);
        run_close(&r);
    }
}

TEST(the_mean_is_measured_by_itself_and_leaves_the_master_alone)
{
    const run_spec spec = averaged(0.4);
    run r = run_open(&spec);
    ist_model *mean = run_model(r.context, &spec);
    ist_evaluation of_mean = IST_EVALUATION_INIT, of_master = IST_EVALUATION_INIT, again = IST_EVALUATION_INIT;
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    CHECK_EQ(ist_model_evaluate(r.model, r.dataset, NULL, &of_master), IST_OK);
    CHECK_EQ(ist_trainer_average(r.trainer, mean), IST_OK);
    CHECK_EQ(ist_model_evaluate(mean, r.dataset, NULL, &of_mean), IST_OK);
    CHECK_EQ(ist_model_evaluate(r.model, r.dataset, NULL, &again), IST_OK);
    CHECK(again.loss == of_master.loss && of_mean.loss != of_master.loss);
    CHECK(of_mean.accuracy > 0.5);
    ist_model_destroy(mean);
    run_close(&r);
}

TEST(a_mean_is_resumed_bit_for_bit_before_and_after_it_began)
{
    const double fraction[] = {1, 0.3};
    for (int f = 0; f < 2; f++)
        for (int64_t rounds = 1; rounds <= 6; rounds++) {
            run_spec spec = averaged(0.5), elsewhere = spec;
            spec.train.repartition_fraction = elsewhere.train.repartition_fraction = fraction[f];
            elsewhere.teams = 2;
            const char *path = scratch_path("averaged.ist");
            run whole = run_open(&spec), first = run_open(&spec), second = run_open(&elsewhere);
            ist_model *a = run_model(whole.context, &spec), *b = run_model(second.context, &spec);
            run_go(&whole, 0);
            run_go(&first, rounds);
            CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
            CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_OK);
            CHECK_EQ(run_progress(&second).averaged, rounds > 3 ? rounds - 3 : 0);
            file_check_same(trainer_bytes(second.trainer), file_read(path));
            if (rounds < 6) run_go(&second, 0);
            CHECK_EQ(ist_trainer_average(whole.trainer, a), IST_OK);
            CHECK_EQ(ist_trainer_average(second.trainer, b), IST_OK);
            file_check_same(model_bytes(a), model_bytes(b));
            file_check_same(trainer_bytes(second.trainer), trainer_bytes(whole.trainer));
            ist_model_destroy(a);
            ist_model_destroy(b);
            run_close(&whole);
            run_close(&first);
            run_close(&second);
        }
}

TEST(the_mean_is_part_of_what_a_run_is)
{
    const char *path = scratch_path("averaged.ist");
    run_spec spec = averaged(0.5), other = averaged(0.6), none = averaged(1), decayed = averaged(0.5);
    decayed.train.average_decay = 0.1;
    run r = run_open(&spec), o = run_open(&other), n = run_open(&none), d = run_open(&decayed);
    run_go(&r, 4);
    CHECK_EQ(ist_trainer_save(r.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_resume(o.trainer, path), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(o.context), "average_from") != NULL);
    CHECK_EQ(ist_trainer_resume(n.trainer, path), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(n.context), "average_from") != NULL);
    CHECK_EQ(ist_trainer_resume(d.trainer, path), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(d.context), "average_decay") != NULL);
    CHECK_EQ(ist_trainer_save(n.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_resume(r.trainer, path), IST_E_ARGUMENT);
    run_close(&r);
    run_close(&o);
    run_close(&n);
    run_close(&d);
}

TEST(a_mean_that_is_not_there_or_does_not_fit_is_refused_and_changes_nothing)
{
    const run_spec spec = averaged(0.5);
    run_spec wider = spec;
    wider.hidden[1]++;
    run r = run_open(&spec), stranger = run_open(&spec);
    ist_model *out = run_model(r.context, &spec), *wide = run_model(r.context, &wider);
    file_bytes before = model_bytes(out);
    CHECK_EQ(ist_trainer_average(NULL, out), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_average(r.trainer, NULL), IST_E_ARGUMENT);
    check_one_line(r.context);
    run_go(&r, 3);
    CHECK_EQ(ist_trainer_average(r.trainer, out), IST_E_ARGUMENT); /* the next round is the first */
    CHECK(strstr(ist_context_error(r.context), "no round is averaged yet") != NULL);
    file_check_same(before, model_bytes(out));
    run_go(&r, 0);
    before = model_bytes(r.model);
    CHECK_EQ(ist_trainer_average(r.trainer, r.model), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_average(r.trainer, stranger.model), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_average(r.trainer, wide), IST_E_SHAPE);
    check_one_line(r.context);
    file_check_same(before, model_bytes(r.model));
    CHECK_EQ(ist_trainer_average(r.trainer, out), IST_OK);
    run_close(&stranger);
    ist_model_destroy(out);
    ist_model_destroy(wide);
    run_close(&r);

    const run_spec none = averaged(1);
    r = run_open(&none);
    out = run_model(r.context, &none);
    run_go(&r, 0);
    CHECK_EQ(run_progress(&r).averaged, 0);
    CHECK_EQ(ist_trainer_average(r.trainer, out), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(r.context), "average_from") != NULL);
    ist_model_destroy(out);
    run_close(&r);
}

TEST(parts_and_decays_out_of_range_are_refused_by_name)
{
    run_spec spec = run_spec_small();
    run r = run_open(&spec);
    ist_trainer *trainer = NULL;
    const double from[] = {-0.1, 1.1, 0.0 / 0.0}, decay[] = {-0.1, 1, 0.0 / 0.0};
    for (int i = 0; i < 3; i++) {
        ist_train_config config = spec.train;
        config.average_from = from[i];
        CHECK_EQ(ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT);
        CHECK(strstr(ist_context_error(r.context), "average_from") != NULL);
        config = spec.train;
        config.average_decay = decay[i];
        CHECK_EQ(ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT);
        CHECK(strstr(ist_context_error(r.context), "average_decay") != NULL);
    }
    CHECK(trainer == NULL);
    run_close(&r);
}

/* -------------------------------------------------------------------------------------------------------- copies -- */

TEST(a_copy_is_the_model_it_was_made_from)
{
    run_spec spec = run_spec_small(), other = spec;
    other.made_for = 2;
    run r = run_open(&spec);
    ist_model *copy = run_model(r.context, &other);
    CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    run_go(&r, 2);
    CHECK_EQ(ist_model_copy(copy, r.model), IST_OK); /* without statistics: it is not calibrated */
    ist_evaluation a = IST_EVALUATION_INIT, b = IST_EVALUATION_INIT;
    CHECK_EQ(ist_model_evaluate(copy, r.dataset, NULL, &b), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    CHECK_EQ(ist_model_copy(copy, r.model), IST_OK);
    CHECK_EQ(ist_model_evaluate(r.model, r.dataset, NULL, &a), IST_OK);
    CHECK_EQ(ist_model_evaluate(copy, r.dataset, NULL, &b), IST_OK);
    CHECK(a.loss == b.loss && a.correct == b.correct);
    file_check_same(model_bytes(copy), model_bytes(r.model));
    file_bytes before = model_bytes(copy);
    run_go(&r, 1); /* it is a copy: the other one goes its way */
    file_check_same(before, model_bytes(copy));
    before = model_bytes(r.model);
    CHECK_EQ(ist_model_copy(r.model, r.model), IST_OK);
    file_check_same(before, model_bytes(r.model));
    ist_model_destroy(copy);
    run_close(&r);
}

TEST(copies_between_shapes_and_contexts_are_refused)
{
    run_spec spec = run_spec_small();
    run r = run_open(&spec), stranger = run_open(&spec);
    file_bytes before = model_bytes(r.model);
    CHECK_EQ(ist_model_copy(NULL, r.model), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_copy(r.model, NULL), IST_E_ARGUMENT);
    check_one_line(r.context);
    CHECK_EQ(ist_model_copy(r.model, stranger.model), IST_E_ARGUMENT);
#define OTHER(field, value)                                       \
  do {                                                            \
    run_spec other = spec;                                        \
    other.field = (value);                                        \
    ist_model *model = run_model(r.context, &other);              \
    CHECK_EQ(ist_model_copy(r.model, model), IST_E_SHAPE);        \
    CHECK(strstr(ist_context_error(r.context), "shape") != NULL); \
    ist_model_destroy(model);                                     \
  } while (0)
    OTHER(features, 7);
    OTHER(classes, 5);
    OTHER(hidden[0], 14);
    OTHER(hidden_count, 1);
    OTHER(hidden_norm, IST_NORM_NONE);
    OTHER(output_norm, IST_NORM_BATCH);
#undef OTHER
    file_check_same(before, model_bytes(r.model));
    run_close(&stranger);
    run_close(&r);
}
