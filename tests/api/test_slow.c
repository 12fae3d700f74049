/* A run that diverged goes on from its last good round with a smaller learning rate: the same on every machine, and
 * resumed as if never stopped. */
#define _GNU_SOURCE
#include "fixture_run.h"

#include <math.h>

/* `before` rounds, the learning rate halved, `behind` rounds more. */
static run slowed(const run_spec *spec, int64_t before, int64_t behind)
{
    run r = run_open(spec);
    run_go(&r, before);
    CHECK_EQ(ist_trainer_scale_lr(r.trainer, 0.5), IST_OK);
    if (behind > 0) run_go(&r, behind);
    return r;
}

static void check_resumed(const run_spec *spec)
{
    const char *path = scratch_path("slowed.ist");
    run whole = slowed(spec, 2, 0), first = slowed(spec, 2, 1);
    run_go(&whole, 0);
    CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
    run_close(&first);
    run_spec elsewhere = *spec;
    elsewhere.teams = 2;
    elsewhere.threads = 2;
    run second = run_open(&elsewhere);
    CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_OK);
    CHECK(run_progress(&second).lr_scale == 0.5);
    CHECK_EQ(run_progress(&second).lr_scalings, 1);
    run_go(&second, 0);
    file_check_same(trainer_bytes(second.trainer), trainer_bytes(whole.trainer));
    run_close(&second);
    run_close(&whole);
}

TEST(resumed_is_never_stopped_for_every_method_and_optimiser)
{
    for (int32_t method = IST_METHOD_IST; method <= IST_METHOD_MASKED; method++)
        for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++) {
            run_spec spec = run_spec_small();
            spec.output_norm = IST_NORM_BATCH;
            spec.train.method = method;
            spec.train.optimizer = optimizer;
            spec.train.subnets = 3;
            spec.train.rounds = 5;
            if (method == IST_METHOD_DATA_PARALLEL || method == IST_METHOD_LOCAL_SGD) spec.made_for = 1;
            check_resumed(&spec);
        }
}

TEST(a_sticky_deal_and_shares_are_slowed_too)
{
    static const double uneven[3] = {2, 1, 3};
    run_spec spec = run_spec_small();
    spec.train.rounds = 5;
    spec.train.shares = uneven;
    check_resumed(&spec);
    spec.train.shares = NULL;
    spec.train.repartition_fraction = 0.3;
    check_resumed(&spec);
}

TEST(a_file_of_another_scale_is_taken_on_and_one_without_goes_back)
{
    const run_spec spec = run_spec_small();
    run plain = run_open(&spec), r = slowed(&spec, 1, 0);
    run_go(&plain, 1);
    const char *path = scratch_path("plain.ist");
    CHECK_EQ(ist_trainer_save(plain.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_resume(r.trainer, path), IST_OK);
    CHECK(run_progress(&r).lr_scale == 1);
    CHECK_EQ(run_progress(&r).lr_scalings, 0);
    file_check_same(trainer_bytes(r.trainer), file_read(path));
    run_close(&plain);
    run_close(&r);
}

/* Goes wrong in the first round behind the warm-up, and well from there with a small part of its learning rate. */
static run_spec wild(int32_t optimizer)
{
    run_spec spec = run_spec_small();
    spec.rows = 200;
    spec.hidden[0] = 60;
    spec.hidden[1] = 50;
    spec.hidden_norm = IST_NORM_NONE;
    spec.made_for = 1;
    spec.train.subnets = 1;
    spec.train.optimizer = optimizer;
    spec.train.warmup_epochs = 1;
    spec.train.warmup_lr = 0.01;
    spec.train.lr = 1e6;
    return spec;
}

static run retried(const run_spec *spec)
{
    run r = run_open(spec);
    CHECK_EQ(ist_trainer_run(r.trainer, 0, NULL, NULL), IST_E_DIVERGED);
    CHECK(run_progress(&r).round > 0 && run_progress(&r).round < run_progress(&r).rounds);
    CHECK_EQ(ist_trainer_scale_lr(r.trainer, 1e-8), IST_OK);
    run_go(&r, 0);
    const ist_progress p = run_progress(&r);
    CHECK_EQ(p.round, p.rounds);
    CHECK(p.lr_scale == 1e-8);
    CHECK(p.lr > 0 && p.lr <= 0.01 && isfinite(p.loss));
    return r;
}

TEST(a_run_that_diverged_goes_on_the_same_with_any_teams)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_NESTEROV; optimizer++) {
        run_spec spec = wild(optimizer), elsewhere = wild(optimizer);
        elsewhere.threads = 3;
        run one = retried(&spec), other = retried(&elsewhere), never = run_open(&spec);
        file_check_same(trainer_bytes(one.trainer), trainer_bytes(other.trainer));
        /* The round that failed has left nothing behind: as if the run had been slowed before it. */
        run check = run_open(&spec);
        CHECK_EQ(ist_trainer_run(check.trainer, 0, NULL, NULL), IST_E_DIVERGED);
        const int64_t good = run_progress(&check).round;
        run_go(&never, good);
        CHECK_EQ(ist_trainer_scale_lr(never.trainer, 1e-8), IST_OK);
        run_go(&never, 0);
        file_check_same(trainer_bytes(one.trainer), trainer_bytes(never.trainer));
        run_close(&one);
        run_close(&other);
        run_close(&never);
        run_close(&check);
    }
}

TEST(factors_multiply_and_others_are_refused)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    static const double wrong[] = {0, -1, 1.5, NAN, INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_EQ(ist_trainer_scale_lr(r.trainer, wrong[i]), IST_E_ARGUMENT);
        check_one_line(r.context);
    }
    CHECK_EQ(ist_trainer_scale_lr(NULL, 0.5), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_scale_lr(r.trainer, 0.5), IST_OK);
    CHECK_EQ(ist_trainer_scale_lr(r.trainer, 0.25), IST_OK);
    CHECK(run_progress(&r).lr_scale == 0.125);
    CHECK_EQ(run_progress(&r).lr_scalings, 2);
    while (ist_trainer_scale_lr(r.trainer, 1e-100) == IST_OK) continue; /* until nothing is left */
    CHECK(run_progress(&r).lr_scale > 0);
    run_close(&r);
}
