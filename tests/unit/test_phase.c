/* The arithmetic of phases: how many steps and rounds each has, J of a round, the learning rate's place, what is refused. */
#include <math.h>
#include <string.h>

#include "ist_test.h"
#include "train/phase.h"

enum { ROWS = 1000 };

static ist_train_config small(void)
{
    ist_train_config c = IST_TRAIN_CONFIG_INIT;
    c.subnets = 4;
    c.local_steps = 10;
    c.batch = 16;
    c.epochs = 20;
    c.lr = 0.5;
    return c;
}

/* The round at which so many samples are reached is the first that ends there or later. */
static void walk_samples(const ist__phases *all)
{
    enum { BATCH = 7 };
    double samples = 0;
    CHECK_EQ(ist__phases_round_at(all, 0, BATCH), 0);
    CHECK_EQ(ist__phases_round_at(all, -1, BATCH), 0);
    for (int64_t round = 0; round < all->rounds; round++) {
        const ist__phase *p = ist__phase_of_round(all, round);
        const int64_t steps = ist__phases_steps_before(all, round + 1) - ist__phases_steps_before(all, round);
        CHECK_EQ(ist__phases_round_at(all, samples + 0.5, BATCH), round + 1);
        samples += (double)steps * BATCH * p->subnets;
        CHECK_EQ(ist__phases_round_at(all, samples, BATCH), round + 1);
    }
    CHECK_EQ(ist__phases_round_at(all, samples + 1, BATCH), all->rounds);
    CHECK_EQ(ist__phases_round_at(all, 1e300, BATCH), all->rounds);
}

/* Every round in turn: it has steps, none is part of two phases, and a position tells the steps before it. */
static void walk(const ist__phases *all)
{
    int64_t step = 0, round = 0;
    for (int32_t i = 0; i < all->count; i++) {
        const ist__phase *p = &all->phase[i];
        CHECK_EQ(p->first_step, step);
        CHECK_EQ(p->first_round, round);
        CHECK(p->steps >= 1 && p->rounds >= 1);
        CHECK_EQ(p->ramps, i == 0);
        for (int64_t r = 0; r < p->rounds; r++, round++) {
            CHECK(ist__phase_of_round(all, round) == p);
            CHECK_EQ(ist__phases_steps_before(all, round), step);
            const int32_t steps = ist__phase_round_steps(p, step);
            CHECK(steps >= 1);
            step += steps;
        }
        CHECK_EQ(step, p->first_step + p->steps);
    }
    walk_samples(all);
    CHECK_EQ(all->steps, step);
    CHECK_EQ(all->rounds, round);
    CHECK_EQ(ist__phases_steps_before(all, round), step);
    CHECK(ist__phase_of_round(all, round) == &all->phase[all->count - 1]);
}

TEST(without_phases_there_is_one_of_subnets)
{
    const ist_train_config c = small();
    const ist__phases all = ist__phases_of(&c, ROWS);
    walk(&all);
    CHECK_EQ(all.count, 1);
    CHECK_EQ(all.phase[0].kind, IST_PHASE_SUBNETS);
    CHECK_EQ(all.phase[0].subnets, 4);
    CHECK_EQ(all.steps, 313); /* 20000 samples, 64 a step: 312.5 */
    CHECK_EQ(all.rounds, 32);
    CHECK_EQ(all.phase[0].first_batch, 0);
    CHECK_EQ(ist__phase_round_steps(&all.phase[0], 310), 3);
    CHECK(!ist__has_full_width(&c));
}

TEST(three_phases_share_the_epochs)
{
    ist_train_config c = small();
    c.warmup_epochs = 1.5;
    c.full_width_epochs = 2.3;
    c.warmup_lr = 0.25;
    c.full_width_lr = 0.125;
    c.full_width_schedule = IST_LR_CONSTANT;
    const ist__phases all = ist__phases_of(&c, ROWS);
    CHECK(ist__has_full_width(&c));
    walk(&all);
    CHECK_EQ(all.count, 3);
    static const struct {
        int32_t kind, subnets, schedule;
        int64_t steps, rounds, first_batch;
        double lr;
    } expected[3] = {{IST_PHASE_WARMUP, 1, IST_LR_CONSTANT, 94, 10, 0, 0.25}, /* 1500 samples, 16 a step: 93.75 */
                     {IST_PHASE_SUBNETS, 4, IST_LR_COSINE, 254, 26, 0, 0.5},  /* 16200, 64 a step: 253.1 */
                     {IST_PHASE_FULL_WIDTH, 1, IST_LR_CONSTANT, 144, 15, 94, 0.125}}; /* 2300: 143.75 */
    for (int i = 0; i < 3; i++) {
        const ist__phase *p = &all.phase[i];
        CHECK_EQ(p->kind, expected[i].kind);
        CHECK_EQ(p->subnets, expected[i].subnets);
        CHECK_EQ(p->schedule, expected[i].schedule);
        CHECK_EQ(p->steps, expected[i].steps);
        CHECK_EQ(p->rounds, expected[i].rounds);
        CHECK_EQ(p->first_batch, expected[i].first_batch);
        CHECK(p->lr == expected[i].lr);
    }
    c.warmup_lr = c.full_width_lr = 0; /* as lr */
    const ist__phases same = ist__phases_of(&c, ROWS);
    CHECK(same.phase[0].lr == 0.5 && same.phase[2].lr == 0.5);
}

TEST(a_place_on_the_curve_is_counted_from_the_phase)
{
    ist_train_config c = small();
    c.warmup_epochs = c.full_width_epochs = 1;
    const ist__phases all = ist__phases_of(&c, ROWS);
    const ist__phase *last = &all.phase[2];
    const ist__lr_curve curve = ist__phase_curve(last, last->first_step + 7);
    CHECK_EQ(curve.step, 7);
    CHECK_EQ(curve.steps, 63);
    CHECK_EQ(curve.schedule, IST_LR_COSINE);
    CHECK(!curve.ramps && ist__phase_curve(&all.phase[0], 0).ramps);
}

TEST(phases_may_be_all_there_is_or_one_step)
{
    ist_train_config c = small();
    c.epochs = c.warmup_epochs = 3;
    ist__phases all = ist__phases_of(&c, ROWS);
    walk(&all);
    CHECK_EQ(all.count, 1);
    CHECK_EQ(all.phase[0].kind, IST_PHASE_WARMUP);
    c.warmup_epochs = 0;
    c.full_width_epochs = 3;
    all = ist__phases_of(&c, ROWS);
    CHECK_EQ(all.count, 1);
    CHECK_EQ(all.phase[0].kind, IST_PHASE_FULL_WIDTH);
    CHECK(all.phase[0].ramps);
    c.epochs = 0.3; /* 0.3 - 0.1 - 0.2 is not 0 in binary */
    c.warmup_epochs = 0.1;
    c.full_width_epochs = 0.2;
    CHECK_EQ(ist__phases_check(&c, NULL), IST_OK);
    all = ist__phases_of(&c, ROWS);
    walk(&all);
    CHECK_EQ(all.count, 2);
    c.epochs = 1;
    c.warmup_epochs = 1e-6; /* a thousandth of a row */
    c.full_width_epochs = 0.016;
    all = ist__phases_of(&c, ROWS);
    walk(&all);
    CHECK_EQ(all.count, 3);
    CHECK_EQ(all.phase[0].steps, 1);
    CHECK_EQ(all.phase[2].steps, 1);
    CHECK_EQ(all.phase[2].first_batch, 1);
    c.warmup_epochs = c.full_width_epochs = 0.49995; /* a tenth of a row is left */
    all = ist__phases_of(&c, ROWS);
    walk(&all);
    CHECK_EQ(all.count, 3);
    CHECK_EQ(all.phase[1].steps, 1);
    CHECK_EQ(all.phase[1].rounds, 1);
}

TEST(any_lengths_have_whole_rounds_in_each_phase)
{
    static const double parts[] = {0, 0.001, 0.016, 0.1, 1, 1.7};
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 6; k++)
            for (int32_t j = 1; j < 300; j += 37) {
                ist_train_config c = small();
                c.epochs = 4.3;
                c.warmup_epochs = parts[i];
                c.full_width_epochs = parts[k];
                c.local_steps = j;
                c.local_steps_last = 301 - j;
                const ist__phases all = ist__phases_of(&c, ROWS);
                walk(&all);
                CHECK_EQ(all.count, 1 + (i > 0) + (k > 0));
            }
}

/* ------------------------------------------------------------------------------------------------ schedules of J -- */

/* J by its definition, in long double and libm's pow. */
static int32_t wanted(const ist_train_config *c, int64_t step, int64_t steps)
{
    const long double last = (long double)c->local_steps_last / c->local_steps;
    const int64_t j = (int64_t)floorl(c->local_steps * powl(last, (long double)step / (long double)steps) + 0.5L);
    return (int32_t)(steps - step < j ? steps - step : j);
}

TEST(local_steps_go_from_the_first_to_the_last)
{
    static const int32_t ends[][2] = {{10, 500}, {500, 10}, {1, 2}, {2, 1}, {1, 7}, {3, 100000}, {100, 101}, {1, 1}};
    for (int e = 0; e < 8; e++)
        for (int32_t batch = 1; batch < 200; batch += 33) {
            ist_train_config c = small();
            c.batch = batch;
            c.local_steps = ends[e][0];
            c.local_steps_last = ends[e][1];
            const ist__phases all = ist__phases_of(&c, ROWS);
            walk(&all);
            CHECK_EQ(all.steps, (20 * ROWS + 4 * batch - 1) / (4 * batch));
            int64_t step = 0, rounds = 0;
            for (int32_t j; step < all.steps; step += j, rounds++) {
                j = ist__phase_round_steps(&all.phase[0], step);
                CHECK_EQ(j, wanted(&c, step, all.steps));
            }
            CHECK_EQ(all.rounds, rounds);
        }
}

TEST(local_steps_grow_over_a_long_run_too)
{
    ist_train_config c = small();
    c.epochs = 5000;
    c.local_steps = 1;
    c.local_steps_last = 3;
    const ist__phases all = ist__phases_of(&c, ROWS);
    CHECK_EQ(all.steps, 78125);
    /* J is 2 from f = log 1.5 / log 3 on, 3 from log 2.5 / log 3 on. */
    CHECK_NEAR((double)all.rounds, 78125 * (0.36907 + 0.46497 / 2 + 0.16596 / 3), 3);
    CHECK_EQ(ist__phase_round_steps(&all.phase[0], 0), 1);
    CHECK_EQ(ist__phase_round_steps(&all.phase[0], 78000), 3);
    CHECK_EQ(ist__phases_steps_before(&all, all.rounds), all.steps);
}

TEST(phases_at_full_width_keep_their_local_steps)
{
    ist_train_config c = small();
    c.local_steps_last = 40;
    c.warmup_epochs = c.full_width_epochs = 2;
    const ist__phases all = ist__phases_of(&c, ROWS);
    walk(&all);
    CHECK_EQ(all.phase[0].rounds, 13); /* 125 steps */
    CHECK_EQ(all.phase[2].rounds, 13);
    CHECK(all.phase[1].rounds < 25);
}

/* ------------------------------------------------------------------------------------------------------ refusals -- */

static void refused(const ist_train_config *c, const char *word)
{
    ist__error error = {0};
    CHECK_EQ(ist__phases_check(c, &error), IST_E_ARGUMENT);
    CHECK(strstr(error.text, word) != NULL);
}

TEST(what_phases_cannot_be_is_refused_by_name)
{
    ist_train_config c = small();
    CHECK_EQ(ist__phases_check(&c, NULL), IST_OK);
    c.method = IST_METHOD_LOCAL_SGD;
    c.local_steps_last = 7; /* every method has rounds */
    CHECK_EQ(ist__phases_check(&c, NULL), IST_OK);
    c.rounds = 5;
    refused(&c, "local_steps_last is 7");
    c.local_steps_last = 0;
    CHECK_EQ(ist__phases_check(&c, NULL), IST_OK);
    c.rounds = 0;
    c.warmup_epochs = 1;
    refused(&c, "warmup_epochs");
    c.method = IST_METHOD_IST;
    CHECK_EQ(ist__phases_check(&c, NULL), IST_OK);
    c.rounds = 5;
    refused(&c, "rounds");
    c.rounds = 0;
    c.full_width_epochs = 19;
    CHECK_EQ(ist__phases_check(&c, NULL), IST_OK);
    c.full_width_epochs = 19.001;
    refused(&c, "full_width_epochs 19.001");
    c.full_width_epochs = NAN;
    refused(&c, "full_width_epochs");
    c.full_width_epochs = 0;
    c.warmup_epochs = -1;
    refused(&c, "warmup_epochs is -1");
    c = small();
    c.warmup_lr = -1;
    refused(&c, "warmup_lr");
    c.warmup_lr = NAN;
    refused(&c, "warmup_lr");
    c.warmup_lr = 0.5;
    c.full_width_lr = 10;
    c.weight_decay = 0.1;
    refused(&c, "full_width_lr * weight_decay");
    c = small();
    c.full_width_schedule = IST_LR_STEP + 1;
    refused(&c, "full_width_schedule");
    c = small();
    c.local_steps_last = -1;
    refused(&c, "local_steps_last");
}
