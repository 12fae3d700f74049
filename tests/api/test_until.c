/* Runs until a goal: the bits of a run that nobody looks at, ended where the first evaluation meets the goal. */
#define _GNU_SOURCE
#include <math.h>
#include <stdbool.h>

#include "fixture_run.h"

enum { ROUNDS = 8 };

static run_spec spec_of(void)
{
    run_spec spec = run_spec_small();
    spec.train.rounds = ROUNDS;
    return spec;
}

static ist_goal goal_of(const run *r, double accuracy, double loss, int64_t every)
{
    ist_goal goal = IST_GOAL_INIT;
    goal.dataset = r->dataset;
    goal.accuracy = accuracy;
    goal.loss = loss;
    goal.every_rounds = every;
    return goal;
}

/* By hand: after each round. */
static void look_at_all(const run_spec *spec, ist_evaluation found[ROUNDS])
{
    run r = run_open(spec);
    for (int i = 0; i < ROUNDS; i++) {
        found[i] = (ist_evaluation)IST_EVALUATION_INIT;
        run_go(&r, 1);
        CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
        CHECK_EQ(ist_model_evaluate(r.model, r.dataset, NULL, &found[i]), IST_OK);
    }
    run_close(&r);
}

static void check_end(const run_spec *spec, const ist_evaluation *all, double accuracy, double loss, int64_t every,
                      int64_t round, int32_t how)
{
    run r = run_open(spec);
    const ist_goal goal = goal_of(&r, accuracy, loss, every);
    ist_evaluation last = IST_EVALUATION_INIT;
    int32_t ended = -1;
    CHECK_EQ(ist_trainer_run_until(r.trainer, &goal, NULL, NULL, &last, &ended), IST_OK);
    CHECK_EQ(ended, how);
    CHECK_EQ(run_progress(&r).round, round);
    const ist_evaluation *expected = &all[round - 1];
    CHECK(last.rows == expected->rows && last.correct == expected->correct && last.loss == expected->loss);
    run_close(&r);
}

TEST(it_ends_where_the_first_evaluation_meets_the_goal)
{
    const run_spec spec = spec_of();
    ist_evaluation all[ROUNDS];
    look_at_all(&spec, all);
    CHECK(all[ROUNDS - 1].loss < all[1].loss && all[ROUNDS - 1].accuracy < 1.01);
    for (int64_t every = 1; every <= 3; every++)
        for (int i = 0; i < ROUNDS; i += 3) {
            int64_t by_accuracy = every, by_loss = every;
            while (by_accuracy < ROUNDS && all[by_accuracy - 1].accuracy < all[i].accuracy) by_accuracy += every;
            while (by_loss < ROUNDS && all[by_loss - 1].loss > all[i].loss) by_loss += every;
            if (by_accuracy > ROUNDS) by_accuracy = ROUNDS;
            if (by_loss > ROUNDS) by_loss = ROUNDS;
            const bool accurate = all[by_accuracy - 1].accuracy >= all[i].accuracy;
            const bool low = all[by_loss - 1].loss <= all[i].loss;
            check_end(&spec, all, all[i].accuracy, 0, every, by_accuracy,
                      accurate ? IST_ENDED_ACCURACY : IST_ENDED_RUN);
            check_end(&spec, all, 0, all[i].loss, every, by_loss, low ? IST_ENDED_LOSS : IST_ENDED_RUN);
        }
    check_end(&spec, all, 0, 1e-9, 3, ROUNDS, IST_ENDED_RUN);
    check_end(&spec, all, 0, 0, ROUNDS + 9, ROUNDS, IST_ENDED_RUN);
}

TEST(looking_changes_no_bit_of_the_run)
{
    for (int kind = 0; kind < 4; kind++) {
        run_spec spec = spec_of();
        spec.teams = 2;
        spec.hidden_norm = spec.output_norm = IST_NORM_BATCH;
        if (kind == 1) spec.train.repartition_fraction = 0.4;
        if (kind == 2) spec.train.average_from = 0.2;
        if (kind == 3) spec.train.optimizer = IST_ADAM;
        run plain = run_open(&spec), seen = run_open(&spec);
        const ist_goal goal = goal_of(&seen, 0, 1e-9, kind + 1);
        run_go(&plain, 0);
        CHECK_EQ(ist_trainer_calibrate(plain.trainer), IST_OK);
        CHECK_EQ(ist_trainer_run_until(seen.trainer, &goal, NULL, NULL, NULL, NULL), IST_OK);
        file_check_same(trainer_bytes(plain.trainer), trainer_bytes(seen.trainer));
        run_close(&plain);
        run_close(&seen);
    }
}

TEST(a_run_that_is_over_is_evaluated_once_more)
{
    const run_spec spec = spec_of();
    run r = run_open(&spec);
    const ist_goal goal = goal_of(&r, 0, 1e9, 1);
    ist_evaluation last = IST_EVALUATION_INIT;
    int32_t ended = -1;
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_run_until(r.trainer, &goal, NULL, NULL, &last, &ended), IST_OK);
    CHECK(ended == IST_ENDED_LOSS && last.rows == spec.rows && run_progress(&r).round == ROUNDS);
    run_close(&r);
}

/* ------------------------------------------------------------------------------------------------- ended by others -- */

typedef struct caller {
    ist_trainer *trainer;
    int64_t calls, end_at, stop_at;
} caller;

static int32_t on_round(void *user, const ist_progress *progress)
{
    caller *c = user;
    c->calls++;
    if (progress->round == c->stop_at) ist_trainer_stop(c->trainer);
    return progress->round == c->end_at;
}

TEST(callbacks_and_stops_end_it)
{
    static const struct {
        int64_t end_at, stop_at, every, rounds, evaluated;
        int32_t ended;
    } cases[] = {{3, 0, 5, 3, 0, IST_ENDED_ASKED},          {0, 3, 5, 3, 0, IST_ENDED_ASKED},
                 {5, 0, 2, 5, 1, IST_ENDED_ASKED},          {6, 0, 3, 6, 1, IST_ENDED_ASKED},
                 {0, 6, 3, 6, 1, IST_ENDED_ASKED},          {ROUNDS, 0, 3, ROUNDS, 1, IST_ENDED_RUN},
                 {0, ROUNDS, 20, ROUNDS, 1, IST_ENDED_RUN}, {0, 0, 3, ROUNDS, 1, IST_ENDED_RUN}};
    const run_spec spec = spec_of();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run r = run_open(&spec);
        const ist_goal goal = goal_of(&r, 0, 1e-9, cases[i].every);
        caller c = {.trainer = r.trainer, .end_at = cases[i].end_at, .stop_at = cases[i].stop_at};
        ist_evaluation last = IST_EVALUATION_INIT;
        int32_t ended = -1;
        last.rows = 77;
        CHECK_EQ(ist_trainer_run_until(r.trainer, &goal, on_round, &c, &last, &ended), IST_OK);
        CHECK_EQ(ended, cases[i].ended);
        CHECK(c.calls == cases[i].rounds && run_progress(&r).round == cases[i].rounds);
        CHECK_EQ(last.rows, cases[i].evaluated ? spec.rows : 0);
        const ist_goal easy = goal_of(&r, 0, 1e9, 1); /* an old stop does not count */
        CHECK_EQ(ist_trainer_run_until(r.trainer, &easy, NULL, NULL, NULL, &ended), IST_OK);
        CHECK_EQ(ended, IST_ENDED_LOSS);
        run_close(&r);
    }
}

TEST(a_run_that_diverges_says_so_and_tells_no_evaluation)
{
    run_spec spec = spec_of();
    spec.hidden_norm = IST_NORM_NONE;
    spec.train.optimizer = IST_SGD;
    spec.hidden[0] = 60;
    spec.hidden[1] = 50;
    spec.train.rounds = 200;
    spec.train.lr = 1e6;
    run r = run_open(&spec);
    const ist_goal goal = goal_of(&r, 0, 1e-9, 100);
    ist_evaluation last = IST_EVALUATION_INIT;
    int32_t ended = -1;
    last.rows = 77;
    CHECK_EQ(ist_trainer_run_until(r.trainer, &goal, NULL, NULL, &last, &ended), IST_E_DIVERGED);
    CHECK(last.rows == 77 && ended == -1);
    run_close(&r);
}

static void check_refused(run *r, const ist_goal *goal, ist_status status, const char *part)
{
    ist_evaluation last = IST_EVALUATION_INIT;
    int32_t ended = -1;
    last.rows = 77;
    CHECK_EQ(ist_trainer_run_until(r->trainer, goal, NULL, NULL, &last, &ended), status);
    CHECK(strstr(ist_context_error(r->context), part) != NULL);
    CHECK(last.rows == 77 && ended == -1 && run_progress(r).round == 0);
}

TEST(goals_that_cannot_be_are_refused_before_a_round)
{
    const run_spec spec = spec_of();
    run r = run_open(&spec);
    table narrow = table_make(10, 3, 4);
    ist_dataset *other = run_dataset(r.context, &narrow);
    ist_goal goal = goal_of(&r, 0.5, 0, 1);
    ist_evaluation last = {.struct_size = sizeof last - 1};
    CHECK_EQ(ist_trainer_run_until(NULL, &goal, NULL, NULL, NULL, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_run_until(r.trainer, &goal, NULL, NULL, &last, NULL), IST_E_ARGUMENT);
    check_refused(&r, NULL, IST_E_ARGUMENT, "goal is NULL");
    goal.dataset = NULL;
    check_refused(&r, &goal, IST_E_ARGUMENT, "dataset is NULL");
    goal.dataset = other;
    check_refused(&r, &goal, IST_E_SHAPE, "3");
    goal = goal_of(&r, 1.5, 0, 1);
    check_refused(&r, &goal, IST_E_ARGUMENT, "accuracy is 1.5, expected 0 .. 1");
    goal = goal_of(&r, 0, NAN, 1);
    check_refused(&r, &goal, IST_E_ARGUMENT, "loss is");
    goal = goal_of(&r, 0, -1, 1);
    check_refused(&r, &goal, IST_E_ARGUMENT, "loss is -1, expected 0 or more");
    goal = goal_of(&r, 0.5, 0, 0);
    check_refused(&r, &goal, IST_E_ARGUMENT, "every_rounds is 0, expected 1 .. 2147483647");
    goal.struct_size = 8;
    check_refused(&r, &goal, IST_E_ARGUMENT, "struct_size is 8");
    ist_dataset_destroy(other);
    table_free(&narrow);
    run_close(&r);
}
