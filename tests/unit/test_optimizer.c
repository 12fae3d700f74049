/* The course of the learning rate through a phase. */
#include "ist_test.h"

#include <math.h>

#include "train/optimizer.h"

enum { STEPS = 200 };

static ist_train_config config_with(int32_t schedule)
{
    ist_train_config config = IST_TRAIN_CONFIG_INIT;
    config.optimizer = IST_SGD;
    config.schedule = schedule;
    config.lr = 0.7;
    return config;
}

static double lr_at(const ist_train_config *config, bool ramps, int64_t step)
{
    const ist__lr_curve curve = {config->lr, config->schedule, ramps, step, STEPS};
    return (double)ist__optimizer_at(config, &curve, 0).lr;
}

TEST(a_constant_rate_is_that_and_a_cosine_ends_near_zero)
{
    const ist_train_config constant = config_with(IST_LR_CONSTANT), cosine = config_with(IST_LR_COSINE);
    for (int64_t k = 0; k < STEPS; k++) {
        CHECK(lr_at(&constant, true, k) == (double)0.7F);
        const float before_there_were_floors = (float)(0.7 * (0.5 * (1 + ist__cos_pi((double)k / STEPS))));
        CHECK(lr_at(&cosine, true, k) == (double)before_there_were_floors); /* to the last bit */
        CHECK_NEAR(lr_at(&cosine, true, k), 0.35 * (1 + cos(3.14159265358979323846 * (double)k / STEPS)), 1e-7);
    }
}

TEST(a_cosine_comes_down_to_the_floor)
{
    ist_train_config config = config_with(IST_LR_COSINE);
    config.lr_floor = 0.2;
    CHECK(lr_at(&config, true, 0) == (double)0.7F);
    CHECK_NEAR(lr_at(&config, true, STEPS / 2), 0.7 * (0.2 + 0.8 / 2), 1e-7);
    CHECK_NEAR(lr_at(&config, true, STEPS - 1), 0.7 * 0.2, 1e-4);
    CHECK(lr_at(&config, true, STEPS - 1) > 0.7 * 0.2);
    config.lr_floor = 1;
    CHECK_NEAR(lr_at(&config, true, STEPS - 1), 0.7, 1e-7);
}

TEST(steps_go_down_where_they_are_due_and_not_below_the_floor)
{
    const double every[] = {0.1, 0.3, 1.0 / 3, 0.25, 0.005, 1, 0.28, 1.0 / 22}; /* the last two: rounding is late */
    for (size_t i = 0; i < sizeof every / sizeof *every; i++) {
        ist_train_config config = config_with(IST_LR_STEP);
        config.lr_step_every = every[i];
        config.lr_step_factor = 0.5;
        config.lr_floor = 1.0 / 16;
        for (int64_t k = 0; k < STEPS; k++) {
            int32_t stairs = 0;
            while ((double)k + 1e-6 >= (stairs + 1) * every[i] * STEPS) stairs++;
            CHECK_NEAR(lr_at(&config, true, k), 0.7 * fmax(pow(0.5, stairs), 1.0 / 16), 1e-7);
        }
    }
}

TEST(tiny_stairs_and_no_floor_end_at_zero)
{
    ist_train_config config = config_with(IST_LR_STEP);
    config.lr_step_every = 1e-300;
    CHECK(lr_at(&config, true, STEPS - 1) == 0);
    CHECK(lr_at(&config, true, 0) == (double)0.7F);
}

TEST(a_ramp_rises_from_its_first_step_in_a_line)
{
    for (int32_t schedule = IST_LR_CONSTANT; schedule <= IST_LR_STEP; schedule++) {
        const ist_train_config flat = config_with(schedule);
        ist_train_config ramped = flat;
        ramped.lr_ramp = 0.1;                                /* 20 steps */
        CHECK_NEAR(lr_at(&ramped, true, 0), 0.7 / 20, 1e-7); /* not 0: a step that does nothing */
        for (int64_t k = 0; k < STEPS; k++) {
            const double part = k < 20 ? (double)(k + 1) / 20 : 1;
            CHECK_NEAR(lr_at(&ramped, true, k), lr_at(&flat, true, k) * part, 1e-7);
            CHECK(lr_at(&ramped, false, k) == lr_at(&flat, true, k)); /* a phase without one */
        }
    }
}

TEST(a_ramp_of_less_than_a_step_is_none)
{
    ist_train_config config = config_with(IST_LR_CONSTANT);
    config.lr_ramp = 1e-6;
    CHECK(lr_at(&config, true, 0) == (double)0.7F);
}

TEST(decay_and_adam_follow_the_rate)
{
    ist_train_config config = config_with(IST_LR_STEP);
    config.optimizer = IST_ADAM;
    config.weight_decay = 0.01;
    config.lr_step_every = 0.5;
    const ist__lr_curve early = {0.7, IST_LR_STEP, true, 0, STEPS}, late = {0.7, IST_LR_STEP, true, 150, STEPS};
    const ist__rule a = ist__optimizer_at(&config, &early, 9), b = ist__optimizer_at(&config, &late, 9);
    CHECK_NEAR(b.adam.rate, a.adam.rate / 10, 1e-7);
    CHECK_NEAR(a.keep, 1 - 0.007, 1e-7);
    CHECK_NEAR(b.keep, 1 - 0.0007, 1e-7);
}
