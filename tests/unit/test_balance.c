/* Seats by shares, and shares by speed. */
#define _GNU_SOURCE
#include <math.h>

#include "api/fixture_run.h"
#include "api/handles.h"
#include "model/partition.h"
#include "train/balance.h"

enum { MOST = 64 };

TEST(equal_shares_give_even_seats)
{
    for (int32_t width = 1; width <= 67; width++)
        for (int32_t n = 1; n <= width; n++) {
            double shares[67];
            int32_t even[68], by[68];
            for (int32_t s = 0; s < n; s++) shares[s] = 0.7;
            ist__partition_seats(width, n, even);
            ist__partition_seats_by(width, n, shares, by);
            CHECK_MEM(even, by, ((size_t)n + 1) * sizeof *by);
        }
}

TEST(seats_follow_shares_and_nobody_is_without)
{
    uint64_t stream = 7;
    for (int32_t trial = 0; trial < 2000; trial++) {
        const int32_t n = 1 + trial % MOST, width = n + trial % 301;
        double shares[MOST], sum = 0, cut = 0;
        int32_t first[MOST + 1];
        for (int32_t s = 0; s < n; s++) sum += shares[s] = exp(4 * (double)table_noise(&stream));
        ist__partition_seats_by(width, n, shares, first);
        CHECK_EQ(first[0], 0);
        CHECK_EQ(first[n], width);
        for (int32_t s = 0; s < n; s++) cut += width * shares[s] / sum < 1;
        for (int32_t s = 0; s < n; s++) {
            const double seats = first[s + 1] - first[s], quota = width * shares[s] / sum;
            CHECK(seats >= 1);
            if (cut == 0) CHECK(fabs(seats - quota) < 1);
            for (int32_t q = 0; q < n; q++) /* more share, no fewer seats but for a remainder */
                if (shares[q] >= shares[s]) CHECK(first[q + 1] - first[q] >= seats - 1);
        }
    }
}

TEST(seats_of_a_few_known_shares)
{
    static const double two[4] = {2, 1, 1, 1}, lopsided[3] = {1e6, 1e-6, 1e-6};
    int32_t first[5];
    ist__partition_seats_by(10, 4, two, first);
    const int32_t ten[5] = {0, 4, 6, 8, 10};
    CHECK_MEM(first, ten, sizeof ten);
    ist__partition_seats_by(11, 4, two, first); /* 4.4 2.2 2.2 2.2: the first remainder is largest */
    const int32_t eleven[5] = {0, 5, 7, 9, 11};
    CHECK_MEM(first, eleven, sizeof eleven);
    ist__partition_seats_by(5, 3, lopsided, first);
    const int32_t five[4] = {0, 3, 4, 5};
    CHECK_MEM(first, five, sizeof five);
}

/* ------------------------------------------------------------------------------------------------------- speed -- */

/* Seconds that a team needs for `share` of the neurons: a part grows with it, a part with its square. */
static double work_s(double share, int32_t subnets, double speed)
{
    const double each = share / subnets;
    return subnets * (0.3 * each + each * each) / speed;
}

static double wait_s(int32_t teams, const int32_t *subnets, const double *speed, const double *share)
{
    double longest = 0, wait = 0;
    for (int32_t k = 0; k < teams; k++) longest = fmax(longest, work_s(share[k], subnets[k], speed[k]));
    for (int32_t k = 0; k < teams; k++) wait += longest - work_s(share[k], subnets[k], speed[k]);
    return wait;
}

static void check_balance(int32_t teams, const int32_t *subnets, const double *speed)
{
    double share[8], seconds[8];
    int32_t all = 0;
    for (int32_t k = 0; k < teams; k++) all += subnets[k];
    for (int32_t k = 0; k < teams; k++) share[k] = (double)subnets[k] / all;
    const double before = wait_s(teams, subnets, speed, share);
    for (int look = 0; look < 12; look++) {
        double old[8], sum = 0;
        memcpy(old, share, sizeof old);
        for (int32_t k = 0; k < teams; k++) seconds[k] = work_s(share[k], subnets[k], speed[k]);
        ist__balance_look(teams, subnets, seconds, share);
        for (int32_t k = 0; k < teams; k++) {
            const double even = (double)subnets[k] / all;
            sum += share[k];
            CHECK(share[k] <= 1.5001 * old[k] && share[k] >= old[k] / 1.5001);
            CHECK(share[k] <= 2.0001 * even && share[k] >= 0.2499 * even);
        }
        CHECK_NEAR(sum, 1, 1e-9);
    }
    CHECK(wait_s(teams, subnets, speed, share) < 0.5 * before);
}

TEST(the_rule_halves_the_wait_of_uneven_teams)
{
    static const int32_t one[4] = {1, 1, 1, 1}, uneven[2] = {2, 1}, three[3] = {3, 2, 2};
    static const double half[4] = {0.5, 1, 1, 1}, same[3] = {1, 1, 1}, spread[4] = {1, 1.3, 0.8, 2};
    check_balance(4, one, half); /* a team with half the threads */
    check_balance(4, one, spread);
    check_balance(2, uneven, same); /* a team with twice the subnets */
    check_balance(3, three, same);
}

TEST(the_faster_team_gets_more_and_equal_ones_keep_what_they_have)
{
    static const int32_t one[3] = {1, 1, 1}, idle[3] = {1, 0, 1};
    double share[3] = {1.0 / 3, 1.0 / 3, 1.0 / 3};
    ist__balance_look(3, one, (const double[]){2, 1, 1}, share);
    CHECK(share[0] < 1.0 / 3 && share[1] > 1.0 / 3);
    CHECK_NEAR(share[1], share[2], 1e-12);
    CHECK_NEAR(share[1] / share[0], sqrt(2), 1e-9); /* share / sqrt(seconds) */
    double still[3] = {0.2, 0.3, 0.5};
    ist__balance_look(3, one, (const double[]){1, 1.04, 1.02}, still);
    CHECK(still[0] == 0.2 && still[1] == 0.3 && still[2] == 0.5);
    double two[3] = {0.5, 0, 0.5};
    ist__balance_look(3, idle, (const double[]){1, 0, 2}, two); /* a team without subnets is not asked */
    CHECK(two[0] > 0.5 && two[1] == 0);
    ist__balance_look(3, one, (const double[]){1, 0, 2}, share); /* a clock that did not move */
    CHECK_NEAR(share[1], share[2], 1e-12);
    ist__balance_look(3, one, (const double[]){1, NAN, 2}, share);
    CHECK_NEAR(share[1], share[2], 1e-12);
}

TEST(no_seats_exceed_what_blocks_have_room_for)
{
    for (int32_t n = 1; n <= 9; n++)
        for (int32_t width = n; width < 80; width++)
            for (int32_t s = 0; s < n; s++) {
                double share[9];
                int32_t first[10];
                for (int32_t q = 0; q < n; q++) share[q] = n == 1 ? 1 : (1 - fmin(2.0 / n, 1)) / (n - 1) + 1e-9;
                share[s] = fmin(2.0 / n, 1);
                ist__partition_seats_by(width, n, share, first);
                CHECK(first[s + 1] - first[s] <= ist__balance_most(width, n));
                CHECK(ist__balance_most(width, n) + n - 1 <= width);
            }
}

/* A run whose first team has twice the subnets: its subnets come to hold fewer neurons than the other one. */
TEST(a_run_gives_more_to_the_team_that_has_less_to_do)
{
    run_spec spec = run_spec_wide();
    spec.made_for = 3;
    spec.teams = 2;
    spec.hidden_norm = IST_NORM_BATCH;
    spec.train.rounds = 60;
    spec.train.balance = IST_BALANCE_ADAPTIVE;
    run r = run_open(&spec);
    const ist__training *t = r.trainer->training;
    /* As if the clock had said so: what the test asks is the way from times to seats. */
    for (int round = 0; round < 12; round++) {
        for (int32_t k = 0; k < 2; k++) r.trainer->training->teams[k].busy_s += k == 0 ? 2 : 1;
        run_go(&r, IST__BALANCE_ROUNDS);
    }
    CHECK(t->shares[2] > 1.2 / 3);
    CHECK_EQ(t->shares[0], t->shares[1]);
    CHECK_EQ(t->subnets[2].shape.width[1], t->deal.first[0][3] - t->deal.first[0][2]);
    CHECK(t->subnets[2].shape.width[1] > t->subnets[0].shape.width[1]);
    CHECK((size_t)t->subnets[2].shape.floats * sizeof(float) <= t->subnets[2].room_bytes);
    run_close(&r);
}

TEST(given_shares_shape_the_subnets)
{
    static const double shares[3] = {2, 1, 1};
    run_spec spec = run_spec_wide();
    spec.made_for = 3;
    spec.train.shares = shares;
    run r = run_open(&spec);
    CHECK_EQ(r.trainer->training->subnets[0].shape.width[1], 145);
    CHECK_EQ(r.trainer->training->subnets[2].shape.width[2], 51);
    run_go(&r, 0);
    run_close(&r);
}
