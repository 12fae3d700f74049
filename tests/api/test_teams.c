/* How long each team worked and waited. */
#define _GNU_SOURCE
#include "fixture_run.h"

enum { TEAMS = 3 };

static run_spec three_teams(void)
{
    run_spec spec = run_spec_small();
    spec.teams = TEAMS;
    spec.made_for = 4; /* so one team has two of them */
    spec.train.rounds = 6;
    return spec;
}

static int32_t ask_teams(const run *r, ist_team_times *teams)
{
    int32_t count = 0;
    for (int32_t k = 0; k < TEAMS; k++) teams[k] = (ist_team_times){.struct_size = sizeof *teams};
    CHECK_EQ(ist_trainer_teams(r->trainer, teams, TEAMS, &count), IST_OK);
    return count;
}

TEST(every_team_is_told_with_what_it_trains)
{
    const run_spec spec = three_teams();
    run r = run_open(&spec);
    ist_team_times teams[TEAMS];
    CHECK_EQ(ask_teams(&r, teams), TEAMS);
    int32_t subnets = 0;
    for (int32_t k = 0; k < TEAMS; k++) {
        CHECK_EQ(teams[k].struct_size, sizeof *teams);
        CHECK_EQ(teams[k].team, k);
        CHECK_EQ(teams[k].threads, 1);
        CHECK(teams[k].busy_s == 0 && teams[k].wait_s == 0);
        subnets += teams[k].subnets;
    }
    CHECK_EQ(subnets, 4);
    CHECK_EQ(teams[0].subnets, 2);
    run_close(&r);
}

/* Teams work or wait: all of them have the same sum, the rounds' time, but for the moments between their clocks. */
TEST(work_and_wait_make_up_the_rounds)
{
    const run_spec spec = three_teams();
    run r = run_open(&spec);
    ist_team_times teams[TEAMS], before[TEAMS];
    run_go(&r, 2);
    ask_teams(&r, before);
    run_go(&r, 0);
    ask_teams(&r, teams);
    const double seconds = run_progress(&r).seconds;
    for (int32_t k = 0; k < TEAMS; k++) {
        CHECK(before[k].busy_s > 0 && before[k].wait_s >= 0);
        CHECK(teams[k].busy_s > before[k].busy_s && teams[k].wait_s >= before[k].wait_s);
        CHECK(teams[k].busy_s + teams[k].wait_s <= seconds * 1.01);
        CHECK_NEAR(teams[k].busy_s + teams[k].wait_s, teams[0].busy_s + teams[0].wait_s, 0.5 * seconds);
    }
    run_close(&r);
}

typedef struct within {
    const run *run;
    int32_t rounds, wrong;
    double busy_s;
} within;

static int32_t look(void *user, const ist_progress *progress)
{
    within *w = user;
    ist_team_times one = {.struct_size = sizeof one};
    int32_t count = 0;
    (void)progress;
    w->rounds++;
    w->wrong += ist_trainer_teams(w->run->trainer, &one, 1, &count) != IST_OK || count != TEAMS;
    w->wrong += !(one.busy_s > w->busy_s);
    w->busy_s = one.busy_s;
    return 0;
}

TEST(teams_may_be_asked_about_after_every_round)
{
    const run_spec spec = three_teams();
    run r = run_open(&spec);
    within w = {.run = &r};
    CHECK_EQ(ist_trainer_run(r.trainer, 3, look, &w), IST_OK);
    CHECK_EQ(w.rounds, 3);
    CHECK_EQ(w.wrong, 0);
    run_close(&r);
}

TEST(a_larger_struct_keeps_its_distance_and_its_tail)
{
    const run_spec spec = three_teams();
    run r = run_open(&spec);
    struct later {
        ist_team_times times;
        int64_t tail;
    } teams[TEAMS];
    memset(teams, 0x55, sizeof teams);
    teams[0].times.struct_size = sizeof *teams;
    int32_t count = 0;
    CHECK_EQ(ist_trainer_teams(r.trainer, &teams[0].times, 2, &count), IST_OK);
    CHECK_EQ(count, TEAMS);
    CHECK_EQ(teams[1].times.team, 1);
    CHECK_EQ(teams[1].times.struct_size, sizeof *teams);
    for (int32_t k = 0; k < TEAMS; k++) CHECK_EQ(teams[k].tail, 0x5555555555555555);
    CHECK_EQ(teams[2].times.team, 0x55555555); /* beyond the capacity */
    run_close(&r);
}

TEST(wrong_arguments_leave_all_as_it_was)
{
    const run_spec spec = three_teams();
    run r = run_open(&spec);
    ist_team_times one = {.struct_size = sizeof one - 1, .team = 77};
    int32_t count = 55;
    CHECK_EQ(ist_trainer_teams(NULL, &one, 1, &count), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_teams(r.trainer, &one, 1, &count), IST_E_ARGUMENT);
    check_one_line(r.context);
    CHECK_EQ(ist_trainer_teams(r.trainer, NULL, 1, &count), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_teams(r.trainer, &one, -1, &count), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_teams(r.trainer, NULL, 0, NULL), IST_E_ARGUMENT);
    CHECK_EQ(count, 55);
    CHECK_EQ(one.team, 77);
    CHECK_EQ(ist_trainer_teams(r.trainer, NULL, 0, &count), IST_OK);
    CHECK_EQ(count, TEAMS);
    run_close(&r);
}
