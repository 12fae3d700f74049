/* Phases at full width as users call them: bits that depend on no crew, oracles at both ends, runs that are resumed, what
 * is told and what is refused. */
#define _GNU_SOURCE
#include "fixture_run.h"

/* All three phases; lengths that no round or epoch divides. */
static run_spec phased(void)
{
    run_spec spec = run_spec_wide();
    spec.output_norm = IST_NORM_BATCH;
    spec.train.rounds = 0;
    spec.train.epochs = 4.5;
    spec.train.warmup_epochs = 0.7;
    spec.train.full_width_epochs = 1.1;
    spec.train.warmup_lr = 0.02;
    spec.train.full_width_lr = 0.04;
    return spec;
}

TEST(all_phases_give_the_same_bits_on_any_crew)
{
    static const int32_t crews[][2] = {{1, 1}, {1, 2}, {1, 3}, {1, 4}, {2, 1}, {3, 1}, {5, 2}};
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++)
        for (size_t i = 1; i < sizeof crews / sizeof *crews; i++) {
            run_spec first = phased();
            first.engine = engine;
            first.train.optimizer = i % 2 ? IST_ADAM : IST_MOMENTUM;
            first.train.state = i % 3 ? IST_STATE_CARRIED : IST_STATE_RESET;
            if (i % 4 == 0) first.train.input_dropout = first.train.hidden_dropout = 0.2;
            run_spec other = first;
            other.teams = crews[i][0];
            other.threads = crews[i][1];
            file_check_same(run_to_the_end(&first), run_to_the_end(&other));
        }
}

static file_bytes model_at_the_end(const run_spec *spec)
{
    run r = run_open(spec);
    run_go(&r, 0);
    const file_bytes bytes = model_bytes(r.model);
    run_close(&r);
    return bytes;
}

/* The run of one subnet that a phase of `epochs` is. */
static run_spec plain(run_spec spec, double lr, int32_t schedule)
{
    spec.train.warmup_epochs = spec.train.full_width_epochs = 0;
    spec.train.subnets = 1;
    spec.train.data = IST_DATA_SHARED;
    spec.train.lr = lr;
    spec.train.schedule = schedule;
    return spec;
}

TEST(a_warm_up_alone_is_a_run_of_one_subnet)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
            run_spec spec = phased();
            spec.train.optimizer = optimizer;
            spec.train.state = state;
            spec.train.full_width_epochs = 0;
            spec.train.warmup_epochs = spec.train.epochs;
            spec.train.lr_ramp = spec.train.hidden_dropout = 0.25;
            spec.teams = 2;
            const run_spec alone = plain(spec, 0.02, IST_LR_CONSTANT);
            file_check_same(model_at_the_end(&spec), model_at_the_end(&alone));
        }
}

TEST(a_last_phase_alone_is_a_run_of_one_subnet)
{
    for (int32_t schedule = IST_LR_CONSTANT; schedule <= IST_LR_COSINE; schedule++) {
        run_spec spec = phased();
        spec.train.warmup_epochs = 0;
        spec.train.full_width_epochs = spec.train.epochs;
        spec.train.full_width_schedule = schedule;
        spec.threads = 3;
        const run_spec alone = plain(spec, 0.04, schedule);
        file_check_same(model_at_the_end(&spec), model_at_the_end(&alone));
    }
}

/* With no lr of their own phases have that of the run; and the last one goes on in the stream of rows where the warm-up
 * ended. */
TEST(a_warm_up_and_a_last_phase_are_one_run_of_one_subnet)
{
    run_spec spec = phased();
    spec.train.subnets = 1;
    spec.train.data = IST_DATA_SHARED;
    spec.train.schedule = spec.train.full_width_schedule = IST_LR_CONSTANT;
    spec.train.warmup_lr = spec.train.full_width_lr = 0;
    spec.train.local_steps = 5;
    spec.train.epochs = 80.0 / 90 * 3; /* 30 steps */
    spec.train.warmup_epochs = 80.0 / 90;
    spec.train.full_width_epochs = 80.0 / 90 * 2;
    run_spec alone = spec;
    alone.train.warmup_epochs = alone.train.full_width_epochs = 0;
    file_check_same(model_at_the_end(&spec), model_at_the_end(&alone));
}

/* Each phase is a run: here the first two, and the last two, as trainers of the same model one after another. */
static file_bytes one_after_another(const run_spec *first, const run_spec *second)
{
    run r = run_open(first);
    run_go(&r, 0);
    ist_trainer *trainer = NULL;
    CHECK_EQ(ist_trainer_create(r.context, &trainer, r.model, r.dataset, &second->train), IST_OK);
    CHECK_EQ(ist_trainer_run(trainer, 0, NULL, NULL), IST_OK);
    const file_bytes bytes = model_bytes(r.model);
    ist_trainer_destroy(trainer);
    run_close(&r);
    return bytes;
}

TEST(phases_are_runs_one_after_another)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        run_spec spec = phased();
        spec.teams = 2;
        spec.train.data = data;
        spec.train.optimizer = IST_ADAM;
        spec.train.lr = 0.01;
        spec.train.state = IST_STATE_RESET;
        spec.train.local_steps = 2;
        spec.train.local_steps_last = 5;
        run_spec warm = plain(spec, 0.02, IST_LR_CONSTANT), narrow = spec, last = plain(spec, 0.04, IST_LR_COSINE);
        warm.train.epochs = 0.7;
        last.train.epochs = 1.1;
        warm.train.local_steps_last = last.train.local_steps_last = 0;
        narrow.train.warmup_epochs = narrow.train.full_width_epochs = 0;
        narrow.train.epochs = 2.7;
        spec.train.epochs = 3.4;
        spec.train.full_width_epochs = 0;
        file_check_same(model_at_the_end(&spec), one_after_another(&warm, &narrow));
        spec.train.epochs = 3.8;
        spec.train.full_width_epochs = 1.1;
        spec.train.warmup_epochs = 0;
        file_check_same(model_at_the_end(&spec), one_after_another(&narrow, &last));
    }
}

/* --------------------------------------------------------------------------------------------------- stop, resume -- */

static void check_resumed(const run_spec *spec)
{
    const char *path = scratch_path("stopped.ist");
    run whole = run_open(spec);
    const int64_t rounds = run_progress(&whole).rounds;
    run_go(&whole, 0);
    for (int64_t stop = 1; stop < rounds; stop++) {
        run first = run_open(spec);
        run_go(&first, stop);
        const ist_progress at = run_progress(&first);
        CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
        run_close(&first);
        run_spec other = *spec;
        other.teams = 2;
        run second = run_open(&other);
        CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_OK);
        const ist_progress again = run_progress(&second);
        CHECK_EQ(again.phase, at.phase);
        CHECK_EQ(again.local_steps, at.local_steps);
        CHECK_EQ(again.step, at.step);
        run_go(&second, 0);
        file_check_same(trainer_bytes(second.trainer), trainer_bytes(whole.trainer));
        run_close(&second);
    }
    run_close(&whole);
}

TEST(a_run_resumed_in_any_phase_is_the_run_that_was_never_stopped)
{
    for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
        run_spec spec = phased();
        spec.train.optimizer = IST_ADAM;
        spec.train.state = state;
        check_resumed(&spec);
    }
}

TEST(sticky_deals_and_a_schedule_of_local_steps_are_resumed_too)
{
    run_spec spec = phased();
    spec.train.repartition_fraction = 0.3;
    spec.train.epochs = 5;
    spec.train.local_steps = 1;
    spec.train.local_steps_last = 6;
    check_resumed(&spec);
}

TEST(a_file_of_another_position_is_refused)
{
    const char *path = scratch_path("position.ist");
    run_spec spec = phased();
    run first = run_open(&spec);
    run_go(&first, 1);
    CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
    run_close(&first);
    static const struct {
        const char *word;
        double warmup, full_width;
        int32_t last;
    } other[] = {{"warmup_epochs", 0.8, 1.1, 0}, {"full_width_epochs", 0.7, 1.2, 0}, {"local_steps_last", 0.7, 1.1, 9}};
    for (int i = 0; i < 3; i++) {
        run_spec wrong = spec;
        wrong.train.warmup_epochs = other[i].warmup;
        wrong.train.full_width_epochs = other[i].full_width;
        wrong.train.local_steps_last = other[i].last;
        run second = run_open(&wrong);
        CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_E_ARGUMENT);
        CHECK(strstr(ist_context_error(second.context), other[i].word) != NULL);
        run_close(&second);
    }
}

/* Neurons that keep their seats write all back before the whole net is gathered. */
TEST(sticky_deals_leave_nothing_in_their_blocks_at_the_end_of_their_phase)
{
    run_spec spec = phased();
    spec.train.repartition_fraction = 0.2;
    run one = run_open(&spec), another = run_open(&spec);
    run_go(&one, 0);
    const int64_t rounds = run_progress(&another).rounds;
    for (int64_t i = 0; i < rounds; i++) run_go(&another, 1); /* every call ends with a whole master */
    file_check_same(model_bytes(one.model), model_bytes(another.model));
    run_close(&one);
    run_close(&another);
}

/* ----------------------------------------------------------------------------------------------------- progress -- */

typedef struct told {
    ist_progress last;
    int32_t rounds[3]; /* by IST_PHASE_* */
    int64_t steps[3], samples[3];
    double flops[3]; /* of a step */
    int wrong;
} told;

static int32_t listen(void *user, const ist_progress *p)
{
    told *t = user;
    const int64_t steps = p->step - t->last.step;
    t->wrong += steps != p->local_steps || p->round != t->last.round + 1;
    t->rounds[p->phase]++;
    t->steps[p->phase] += steps;
    t->samples[p->phase] += p->samples - t->last.samples;
    t->flops[p->phase] = (p->flops - t->last.flops) / (double)steps;
    t->last = *p;
    return 0;
}

TEST(progress_tells_the_phase_and_counts_steps_samples_and_products)
{
    run_spec spec = phased();
    run r = run_open(&spec);
    told t = {.last = run_progress(&r)};
    CHECK_EQ(t.last.phase, IST_PHASE_WARMUP);
    CHECK_EQ(t.last.local_steps, 3);
    CHECK(t.last.lr == 0.02);
    CHECK_EQ(ist_trainer_run(r.trainer, 0, listen, &t), IST_OK);
    CHECK_EQ(t.wrong, 0);
    CHECK_EQ(t.steps[IST_PHASE_WARMUP], 8);      /* 63 samples of 90 rows, 8 a step */
    CHECK_EQ(t.steps[IST_PHASE_SUBNETS], 11);    /* 243, 24 a step: 10.1 */
    CHECK_EQ(t.steps[IST_PHASE_FULL_WIDTH], 13); /* 99: 12.4 */
    CHECK_EQ(t.rounds[IST_PHASE_WARMUP], 3);
    CHECK_EQ(t.rounds[IST_PHASE_SUBNETS], 4);
    CHECK_EQ(t.rounds[IST_PHASE_FULL_WIDTH], 5);
    for (int phase = 0; phase < 3; phase++)
        CHECK_EQ(t.samples[phase], t.steps[phase] * 8 * (phase == IST_PHASE_SUBNETS ? 3 : 1));
    const ist_progress p = run_progress(&r);
    CHECK_EQ(ist_trainer_rounds_until(r.trainer, 0.7), 3);
    CHECK_EQ(ist_trainer_rounds_until(r.trainer, 0.72), 4); /* 64 samples are 0.711 */
    CHECK_EQ(ist_trainer_rounds_until(r.trainer, 1e9), 12);
    CHECK_EQ(ist_trainer_rounds_until(NULL, 1), 0);
    CHECK_EQ(p.round, 12);
    CHECK_EQ(p.rounds, 12);
    CHECK_EQ(p.step, 32);
    CHECK_EQ(p.steps, 32);
    CHECK_EQ(p.phase, IST_PHASE_FULL_WIDTH);
    CHECK(p.bytes_moved > 0);
    /* forward, gradient of weights, and of inputs but in the first layer: docs/math.md [M9] */
    const double whole = 2.0 * 8 * (2 * 20 * 290 + 3 * 290 * 205 + 3 * 205 * 70);
    CHECK(t.flops[IST_PHASE_WARMUP] == whole && t.flops[IST_PHASE_FULL_WIDTH] == whole);
    CHECK(t.flops[IST_PHASE_SUBNETS] < whole);
    run_close(&r);
}

static int32_t note_lr(void *user, const ist_progress *p)
{
    double *lr = user;
    lr[p->round] = p->lr;
    return 0;
}

TEST(each_phase_has_its_own_learning_rate)
{
    run_spec spec = phased();
    run r = run_open(&spec);
    double lr[13] = {0};
    CHECK_EQ(ist_trainer_run(r.trainer, 0, note_lr, lr), IST_OK);
    for (int round = 1; round <= 3; round++) CHECK_NEAR(lr[round], 0.02, 1e-8);
    CHECK(lr[4] < 0.05 && lr[4] > 0.04);
    CHECK(lr[7] < 0.002 && lr[7] > 0);
    CHECK(lr[8] < 0.04 && lr[8] > 0.035);
    CHECK(lr[12] < 0.001 && lr[12] > 0);
    run_close(&r);
}

TEST(a_schedule_of_local_steps_is_kept_by_every_method)
{
    for (int32_t method = IST_METHOD_IST; method <= IST_METHOD_MASKED; method++) {
        run_spec spec = phased();
        spec.train.warmup_epochs = spec.train.full_width_epochs = 0;
        spec.train.method = method;
        spec.train.subnets = 3;
        spec.made_for = method == IST_METHOD_DATA_PARALLEL || method == IST_METHOD_LOCAL_SGD ? 1 : 3;
        spec.train.local_steps = 1;
        spec.train.local_steps_last = 5; /* 17 steps: 1 1 1 1 1 2 2 2 3 3 */
        run r = run_open(&spec);
        told t = {.last = run_progress(&r)};
        CHECK_EQ(t.last.rounds, 10);
        CHECK_EQ(ist_trainer_run(r.trainer, 0, listen, &t), IST_OK);
        CHECK_EQ(t.wrong, 0);
        CHECK_EQ(t.last.step, 17);
        CHECK_EQ(t.last.local_steps, 3);
        run_close(&r);
    }
}

/* -------------------------------------------------------------------------------------------------------- failures -- */

TEST(a_last_phase_that_diverges_leaves_the_master_of_the_round_before)
{
    run_spec spec = phased();
    spec.hidden_norm = spec.output_norm = IST_NORM_NONE;
    spec.made_for = 1;
    spec.train.optimizer = IST_SGD;
    spec.train.full_width_lr = 1e6;
    spec.teams = 2;
    run r = run_open(&spec);
    CHECK_EQ(ist_trainer_run(r.trainer, 0, NULL, NULL), IST_E_DIVERGED);
    CHECK(strstr(ist_context_error(r.context), "whole net") != NULL);
    const ist_progress p = run_progress(&r);
    CHECK(p.round >= 7 && p.round < p.rounds); /* warm-up and subnets went well */
    run again = run_open(&spec);
    run_go(&again, p.round);
    file_check_same(model_bytes(r.model), model_bytes(again.model));
    run_close(&again);
    run_close(&r);
}

static void refused(const run_spec *spec, const char *word)
{
    run_spec fine = *spec;
    fine.train = run_spec_wide().train;
    run r = run_open(&fine);
    ist_trainer *trainer = NULL;
    CHECK_EQ(ist_trainer_create(r.context, &trainer, r.model, r.dataset, &spec->train), IST_E_ARGUMENT);
    CHECK(trainer == NULL);
    check_one_line(r.context);
    CHECK(strstr(ist_context_error(r.context), word) != NULL);
    run_close(&r);
}

TEST(what_phases_cannot_be_is_refused_by_name)
{
    run_spec spec = phased();
    spec.train.method = IST_METHOD_ENSEMBLE;
    refused(&spec, "warmup_epochs");
    spec = phased();
    spec.train.rounds = 3;
    refused(&spec, "rounds");
    spec = phased();
    spec.train.full_width_epochs = 4;
    refused(&spec, "full_width_epochs");
    spec = phased();
    spec.output_norm = IST_NORM_NONE; /* logits are scaled by 1/3 in the whole net, and not in a subnet */
    refused(&spec, "made for 3 subnets");
    spec.train.warmup_epochs = 0;
    refused(&spec, "full_width_epochs");
}
