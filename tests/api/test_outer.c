/* The outer step, as a host asks for it: resumed bit for bit, refused where it makes no sense. */
#define _GNU_SOURCE
#include "fixture_run.h"

static run_spec outer_run(double lr, double momentum)
{
    run_spec spec = run_spec_small();
    spec.train.rounds = 6;
    spec.train.outer_lr = lr;
    spec.train.outer_momentum = momentum;
    return spec;
}

TEST(a_run_with_an_outer_step_is_resumed_bit_for_bit)
{
    for (int64_t rounds = 0; rounds <= 6; rounds += 2)
        for (int averaged = 0; averaged < 2; averaged++) {
            run_spec spec = outer_run(0.8, 0.6), elsewhere = spec;
            if (averaged) spec.train.average_from = elsewhere.train.average_from = 0.5;
            elsewhere.teams = 3;
            const char *path = scratch_path("outer.ist");
            run first = run_open(&spec), second = run_open(&elsewhere);
            if (rounds > 0) run_go(&first, rounds);
            CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
            CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_OK);
            file_check_same(trainer_bytes(second.trainer), file_read(path));
            run_go(&second, 0);
            file_check_same(trainer_bytes(second.trainer), run_to_the_end(&spec));
            run_close(&first);
            run_close(&second);
        }
}

TEST(a_changed_outer_step_is_refused_by_name)
{
    const char *path = scratch_path("outer.ist");
    run_spec spec = outer_run(0.8, 0.6), lr = outer_run(0.9, 0.6), momentum = outer_run(0.8, 0.5),
             none = outer_run(1, 0);
    const struct {
        const run_spec *spec;
        const char *name;
    } other[] = {{&lr, "outer_lr"}, {&momentum, "outer_momentum"}, {&none, "outer_lr"}};
    run r = run_open(&spec);
    run_go(&r, 2);
    CHECK_EQ(ist_trainer_save(r.trainer, path), IST_OK);
    for (int i = 0; i < 3; i++) {
        run o = run_open(other[i].spec);
        file_bytes before = trainer_bytes(o.trainer);
        CHECK_EQ(ist_trainer_resume(o.trainer, path), IST_E_ARGUMENT);
        CHECK(strstr(ist_context_error(o.context), other[i].name) != NULL);
        file_check_same(before, trainer_bytes(o.trainer));
        run_close(&o);
    }
    run_close(&r);
}

static void check_refused(const run_spec *spec, const char *name)
{
    run_spec fine = *spec;
    fine.train = (ist_train_config)IST_TRAIN_CONFIG_INIT;
    run r = run_open(&fine);
    ist_trainer *trainer = NULL;
    CHECK_EQ(ist_trainer_create(r.context, &trainer, r.model, r.dataset, &spec->train), IST_E_ARGUMENT);
    CHECK(trainer == NULL);
    check_one_line(r.context);
    CHECK(strstr(ist_context_error(r.context), name) != NULL);
    run_close(&r);
}

TEST(outer_steps_that_cannot_be_are_refused_by_name)
{
    const double bad_lr[] = {0, -1, 10.1, 0.0 / 0.0}, bad_momentum[] = {-0.1, 1, 0.0 / 0.0};
    for (int i = 0; i < 4; i++) {
        const run_spec spec = outer_run(bad_lr[i], 0);
        check_refused(&spec, "outer_lr is");
    }
    for (int i = 0; i < 3; i++) {
        const run_spec spec = outer_run(1, bad_momentum[i]);
        check_refused(&spec, "outer_momentum is");
    }
    for (int32_t method = IST_METHOD_DATA_PARALLEL; method <= IST_METHOD_MASKED; method++) {
        run_spec spec = outer_run(0.5, 0);
        spec.output_norm = IST_NORM_BATCH;
        spec.train.method = method;
        check_refused(&spec, "outer_lr: for the method IST alone");
        spec.train.outer_momentum = 0.5;
        check_refused(&spec, "outer_momentum: for the method IST alone");
    }
    run_spec sticky = outer_run(0.5, 0);
    sticky.train.repartition_fraction = 0.5;
    check_refused(&sticky, "repartition_fraction");
}
