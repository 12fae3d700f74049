/* Running a trainer: callbacks, stopping, progress, and that it learns. */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <signal.h>

#include "fixture_run.h"

/* ---------------------------------------------------------------------------------------------------------- callback -- */

typedef struct watch {
    ist_trainer *trainer;
    pthread_t caller;
    int64_t calls, last_round, last_step;
    int64_t end_at, stop_at; /* rounds; 0: never */
    int wrong;
} watch;

static int32_t on_round(void *user, const ist_progress *p)
{
    watch *w = user;
    w->calls++;
    w->wrong += !pthread_equal(pthread_self(), w->caller);
    w->wrong += p->round != w->last_round + 1 || p->step <= w->last_step || p->step > p->steps;
    w->wrong += !(p->loss > 0) || !(p->seconds > 0) || p->struct_size != sizeof *p;
    w->last_round = p->round;
    w->last_step = p->step;
    if (w->stop_at && p->round == w->stop_at) ist_trainer_stop(w->trainer);
    return w->end_at && p->round >= w->end_at;
}

static run_spec long_run(void)
{
    run_spec spec = run_spec_small();
    spec.train.rounds = 6;
    spec.train.local_steps = 3;
    return spec;
}

static watch watch_of(const run *r)
{
    return (watch){.trainer = r->trainer, .caller = pthread_self()};
}

TEST(the_callback_comes_once_a_round_in_the_calling_thread)
{
    run_spec spec = long_run();
    spec.teams = spec.threads = 2;
    run r = run_open(&spec);
    watch w = watch_of(&r);
    CHECK_EQ(ist_trainer_run(r.trainer, 0, on_round, &w), IST_OK);
    CHECK_EQ(w.calls, 6);
    CHECK_EQ(w.wrong, 0);
    CHECK_EQ(w.last_step, run_progress(&r).steps);
    run_close(&r);
}

TEST(a_callback_that_returns_non_zero_ends_the_call_after_its_round)
{
    run_spec spec = long_run();
    run r = run_open(&spec);
    watch w = watch_of(&r);
    w.end_at = 2;
    CHECK_EQ(ist_trainer_run(r.trainer, 0, on_round, &w), IST_OK);
    CHECK_EQ(w.calls, 2);
    CHECK_EQ(run_progress(&r).round, 2);
    CHECK_EQ(ist_trainer_run(r.trainer, 0, on_round, &w), IST_OK); /* again: one round more */
    CHECK_EQ(run_progress(&r).round, 3);
    run_go(&r, 0);
    file_check_same(trainer_bytes(r.trainer), run_to_the_end(&spec));
    run_close(&r);
}

TEST(stop_from_the_callback_ends_the_call_after_its_round)
{
    run_spec spec = long_run();
    run r = run_open(&spec);
    watch w = watch_of(&r);
    w.stop_at = 4;
    CHECK_EQ(ist_trainer_run(r.trainer, 0, on_round, &w), IST_OK);
    CHECK_EQ(w.calls, 4);
    CHECK_EQ(w.wrong, 0);
    run_go(&r, 0); /* a stop is over with its call */
    file_check_same(trainer_bytes(r.trainer), run_to_the_end(&spec));
    run_close(&r);
}

static int32_t wake_stopper(void *user, const ist_progress *p)
{
    (void)p;
    __atomic_store_n((int *)user, 1, __ATOMIC_RELEASE);
    return 0;
}

typedef struct stopper {
    ist_trainer *trainer;
    int running;
} stopper;

static void *stop_when_running(void *argument)
{
    stopper *s = argument;
    while (!__atomic_load_n(&s->running, __ATOMIC_ACQUIRE)) sched_yield();
    ist_trainer_stop(s->trainer);
    return NULL;
}

TEST(stop_from_another_thread_ends_the_call_at_a_whole_round)
{
    run_spec spec = long_run();
    spec.train.rounds = 10 * 1000 * 1000; /* hours */
    spec.train.schedule = IST_LR_CONSTANT;
    spec.teams = 2;
    run r = run_open(&spec);
    stopper s = {.trainer = r.trainer};
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, stop_when_running, &s), 0);
    CHECK_EQ(ist_trainer_run(r.trainer, 0, wake_stopper, &s.running), IST_OK);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    const ist_progress p = run_progress(&r);
    CHECK(p.round >= 1 && p.round < p.rounds);
    CHECK_EQ(p.step, 3 * p.round);
    run_close(&r);
}

static ist_trainer *interrupted;

static void on_signal(int number)
{
    (void)number;
    ist_trainer_stop(interrupted);
}

static int32_t raise_signal(void *user, const ist_progress *p)
{
    (void)user;
    return p->round == 2 ? raise(SIGUSR1) : 0;
}

TEST(stop_from_a_signal_handler_ends_the_call_at_a_whole_round)
{
    run_spec spec = long_run();
    run r = run_open(&spec);
    interrupted = r.trainer;
    struct sigaction action = {.sa_handler = on_signal};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(ist_trainer_run(r.trainer, 0, raise_signal, NULL), IST_OK);
    CHECK_EQ(run_progress(&r).round, 2);
    run_close(&r);
}

TEST(a_run_that_is_over_does_nothing_more)
{
    run_spec spec = long_run();
    run r = run_open(&spec);
    run_go(&r, 0);
    const file_bytes before = trainer_bytes(r.trainer);
    watch w = watch_of(&r);
    CHECK_EQ(ist_trainer_run(r.trainer, 0, on_round, &w), IST_OK);
    CHECK_EQ(ist_trainer_run(r.trainer, 5, on_round, &w), IST_OK);
    CHECK_EQ(w.calls, 0);
    file_check_same(before, trainer_bytes(r.trainer));
    run_close(&r);
}

/* ---------------------------------------------------------------------------------------------------------- progress -- */

TEST(progress_of_a_new_trainer_is_zero_and_knows_the_run)
{
    run_spec spec = run_spec_small(); /* 4 epochs of 61 rows, 3 subnets of batches of 8: 10.2 steps, 4 a round */
    run r = run_open(&spec);
    const ist_progress p = run_progress(&r);
    CHECK(p.round == 0 && p.step == 0 && p.samples == 0 && p.epoch == 0 && p.seconds == 0 && p.flops == 0);
    CHECK_EQ(p.steps, 11);
    CHECK_EQ(p.rounds, 3);
    CHECK(p.lr == spec.train.lr);
    run_close(&r);
}

TEST(samples_are_steps_times_batch_times_subnets)
{
    for (int32_t n = 1; n <= 4; n++) {
        run_spec spec = run_spec_small();
        spec.made_for = n;
        run r = run_open(&spec);
        for (ist_progress p = run_progress(&r); p.round < p.rounds; p = run_progress(&r)) {
            run_go(&r, 1);
            const ist_progress q = run_progress(&r);
            CHECK_EQ(q.round, p.round + 1);
            CHECK_EQ(q.samples, q.step * 8 * n);
            CHECK(q.epoch == (double)q.samples / 61);
            CHECK(q.bytes_moved > p.bytes_moved && q.flops > p.flops && q.seconds > p.seconds);
            CHECK(q.bytes_moved * (double)p.round == p.bytes_moved * (double)q.round);
            CHECK(q.flops * (double)p.step == p.flops * (double)q.step);
        }
        CHECK_EQ(run_progress(&r).step, run_progress(&r).steps);
        CHECK(run_progress(&r).epoch >= 4);
        run_close(&r);
    }
}

/* All phases are counted and none twice: their means over threads add up to the time of the run, but for what each call
 * takes to begin and end. */
static void check_times(int32_t engine, int32_t teams, int32_t threads)
{
    run_spec spec = run_spec_wide();
    spec.engine = engine;
    spec.teams = teams;
    spec.threads = threads;
    spec.train.rounds = 8;
    spec.train.local_steps = engine == IST_ENGINE_REFERENCE ? 8 : 60; /* tenths of a second, against what crews cost */
    run r = run_open(&spec);
    for (int call = 0; call < 2; call++) {
        run_go(&r, call == 0 ? 4 : 0);
        const ist_progress p = run_progress(&r);
        const double sum = p.gather_s + p.train_s + p.wait_s + p.writeback_s;
        CHECK(p.gather_s > 0 && p.train_s > 0 && p.wait_s >= 0 && p.writeback_s > 0);
        CHECK(sum <= p.seconds * 1.001);
        CHECK(sum >= 0.8 * p.seconds - 0.05);
        if (teams * threads > 1) CHECK(p.wait_s > 0);
    }
    run_close(&r);
}

TEST(times_of_the_phases_add_up_to_that_of_the_run)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++) {
        check_times(engine, 1, 1);
        check_times(engine, 1, 2);
        check_times(engine, 2, 1);
        check_times(engine, 4, 2); /* more threads than this machine may have cores, and a team without a subnet */
    }
}

/* ---------------------------------------------------------------------------------------------------------- learning -- */

static ist_evaluation evaluate(run *r)
{
    ist_evaluation out = IST_EVALUATION_INIT;
    CHECK_EQ(ist_trainer_calibrate(r->trainer), IST_OK);
    CHECK_EQ(ist_model_evaluate(r->model, r->dataset, NULL, &out), IST_OK);
    return out;
}

static run_spec learner(int32_t subnets, int32_t hidden_norm, int32_t output_norm)
{
    run_spec spec = run_spec_small();
    spec.rows = 240;
    spec.features = 12;
    spec.hidden_count = 1;
    spec.hidden[0] = 48;
    spec.hidden_norm = hidden_norm;
    spec.output_norm = output_norm;
    spec.made_for = subnets;
    spec.train.epochs = 40;
    spec.train.local_steps = 5;
    return spec;
}

static void check_learns_with(const run_spec *spec)
{
    run r = run_open(spec);
    const ist_evaluation before = evaluate(&r);
    run_go(&r, 1);
    const double first = run_progress(&r).loss;
    run_go(&r, 0);
    const ist_evaluation after = evaluate(&r);
    CHECK(after.accuracy > 0.95);
    CHECK(before.accuracy < 0.8);
    CHECK(after.loss < before.loss / 2);
    CHECK(run_progress(&r).loss < first / 2);
    run_close(&r);
}

static void check_learns(const run_spec *spec)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++) {
        run_spec with = *spec;
        with.engine = engine;
        check_learns_with(&with);
    }
}

TEST(one_subnet_learns)
{
    const run_spec spec = learner(1, IST_NORM_BATCH, IST_NORM_NONE);
    check_learns(&spec);
}

TEST(four_subnets_learn_under_every_norm)
{
    for (int32_t norms = 0; norms < 4; norms++) {
        const run_spec spec = learner(4, norms & 1, norms >> 1);
        check_learns(&spec);
    }
}

TEST(every_optimiser_and_state_learns)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
            run_spec spec = learner(3, IST_NORM_BATCH, IST_NORM_NONE);
            spec.train.optimizer = optimizer;
            spec.train.state = state;
            if (optimizer == IST_SGD) spec.train.lr = 0.2;
            if (optimizer == IST_ADAM) spec.train.lr = 0.01;
            check_learns(&spec);
        }
}

TEST(a_learning_rate_of_zero_is_that_of_the_optimiser_and_learns)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++) {
        run_spec spec = learner(3, IST_NORM_BATCH, IST_NORM_BATCH);
        spec.train.optimizer = optimizer;
        spec.train.lr = 0;
        run r = run_open(&spec);
        run_go(&r, 0);
        CHECK(evaluate(&r).accuracy > 0.95);
        run_close(&r);
        const file_bytes unnamed = run_to_the_end(&spec);
        spec.train.lr = ist_default_lr(optimizer);
        CHECK(spec.train.lr > 0);
        file_check_same(unnamed, run_to_the_end(&spec));
    }
    CHECK(ist_default_lr(-1) == 0 && ist_default_lr(IST_ADAM + 1) == 0);
}

TEST(two_hidden_layers_and_none_learn)
{
    run_spec spec = learner(3, IST_NORM_BATCH, IST_NORM_NONE);
    spec.hidden_count = 2;
    spec.hidden[1] = 30;
    check_learns(&spec);
    spec = learner(1, IST_NORM_BATCH, IST_NORM_NONE);
    spec.hidden_count = 0;
    check_learns(&spec);
}

TEST(wild_inputs_are_learnt_once_they_are_normalized)
{
    run_spec spec = learner(3, IST_NORM_NONE, IST_NORM_NONE);
    run r = run_open(&spec);
    for (int64_t i = 0; i < spec.rows; i++)
        for (int32_t f = 0; f < spec.features; f++) {
            float *x = &r.table.x[i * spec.features + f];
            *x = *x * powf(10, (float)(f % 5)) + 300.0F * (float)f;
        }
    ist_trainer_destroy(r.trainer); /* it holds copies of the rows */
    CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec.train), IST_OK);
    run_go(&r, 0);
    CHECK(evaluate(&r).accuracy > 0.95);
    run_close(&r);
}

TEST(two_trainers_may_train_one_model_in_turn)
{
    run_spec spec = learner(3, IST_NORM_BATCH, IST_NORM_NONE);
    run r = run_open(&spec);
    ist_trainer *second = NULL;
    spec.train.subnets = 3;
    spec.train.optimizer = IST_ADAM;
    spec.train.lr = 0.01;
    CHECK_EQ(ist_trainer_create(r.context, &second, r.model, r.dataset, &spec.train), IST_OK);
    run_go(&r, 3);
    CHECK_EQ(ist_trainer_run(second, 0, NULL, NULL), IST_OK);
    CHECK(evaluate(&r).accuracy > 0.95);
    ist_trainer_destroy(second);
    run_close(&r);
}

/* -------------------------------------------------------------------------------------------------------- divergence -- */

static void check_diverges(int32_t engine)
{
    run_spec spec = run_spec_small();
    spec.engine = engine;
    spec.hidden_norm = IST_NORM_NONE;
    spec.hidden[0] = 60;
    spec.hidden[1] = 50;
    spec.teams = 2;
    spec.train.optimizer = IST_SGD;
    spec.train.rounds = 100;
    spec.train.lr = 1e6;
    spec.train.schedule = IST_LR_CONSTANT;
    run r = run_open(&spec);
    watch w = watch_of(&r);
    CHECK_EQ(ist_trainer_run(r.trainer, 0, on_round, &w), IST_E_DIVERGED);
    check_one_line(r.context);
    CHECK_EQ(w.calls, run_progress(&r).round); /* the round that failed is not told as done */
    ist_evaluation out = IST_EVALUATION_INIT;
    CHECK_EQ(ist_model_evaluate(r.model, r.dataset, NULL, &out), IST_OK);
    run_close(&r);
}

TEST(a_run_that_diverges_says_so_and_does_not_tell_of_the_round)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++) check_diverges(engine);
}
