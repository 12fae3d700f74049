/* test_claim.c - work that whoever is free takes: each unit is done once, and nobody waits for a thread that has stopped.
 *
 * Nothing is CHECKed inside the region (a CHECK leaves by a jump): workers count, and the count is checked after.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "fixture_crew.h"
#include "ist_test.h"
#include "numa/claim.h"

enum { MOST_UNITS = 301, MOST_WALKS = 600, THREADS = 4, WALKS_A_BARRIER = 3 };

typedef struct tally {
    atomic_uchar (*done)[MOST_UNITS]; /* [walk of a team] */
    int32_t walks, most;
    bool together; /* all threads as one team */
    atomic_int large;
} tally;

/* As many units as the walk's number says: fewer than threads, too. */
static int32_t units_of(int32_t walk)
{
    return walk % MOST_UNITS;
}

static void walk_all(void *argument, ist__worker *worker)
{
    tally *t = argument;
    ist__worker all = ist__worker_of_all(worker), *me = t->together ? &all : worker;
    for (int32_t k = 0; k < t->walks; k++) {
        if (k % WALKS_A_BARRIER == 0) ist__team_barrier(me);
        ist__claims claims = ist__claims_begin(me, units_of(k), t->most);
        int32_t first, count;
        while (ist__claims_next(&claims, &first, &count)) {
            if (count > t->most) atomic_fetch_add(&t->large, 1);
            for (int32_t i = first; i < first + count; i++) atomic_fetch_add(&t->done[me->team * t->walks + k][i], 1);
        }
    }
}

/* Runs of the same crew, one behind the other. */
static void check_walks(int32_t teams, int32_t threads, int32_t most, bool together, int32_t runs)
{
    crew c;
    crew_make(&c, NULL, teams, threads, IST_PLACE_NONE);
    for (int32_t run = 0; run < runs; run++) {
        tally t = {.walks = MOST_WALKS / teams, .most = most, .together = together};
        t.done = calloc((size_t)(t.walks * teams), sizeof *t.done);
        CHECK(t.done != NULL);
        CHECK_EQ(ist__crew_run(c.crew, walk_all, &t, NULL), IST_OK);
        for (int32_t team = 0; team < (together ? 1 : teams); team++)
            for (int32_t k = 0; k < t.walks; k++)
                for (int32_t i = 0; i < MOST_UNITS; i++) CHECK_EQ(t.done[team * t.walks + k][i], i < units_of(k));
        CHECK_EQ(atomic_load(&t.large), 0);
        free(t.done);
    }
    crew_destroy(&c);
}

TEST(each_unit_is_done_once)
{
    for (int32_t most = 1; most < 2 * MOST_UNITS; most *= 3) check_walks(1, THREADS, most, false, 1);
    check_walks(1, 1, 8, false, 1);
    check_walks(2, 3, 8, false, 1);
}

TEST(walks_are_counted_anew_in_each_run)
{
    check_walks(1, THREADS, 8, false, 5);
}

TEST(a_joined_team_has_its_own_bands)
{
    check_walks(2, 2, 8, true, 2);
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

typedef struct halt {
    int32_t units, most, sleeper;
    atomic_int others, taken[THREADS];
} halt;

/* One thread takes a piece and stops until all else is done. */
static void walk_past_a_sleeper(void *argument, ist__worker *worker)
{
    halt *t = argument;
    ist__team_barrier(worker);
    ist__claims claims = ist__claims_begin(worker, t->units, t->most);
    int32_t first, count;
    while (ist__claims_next(&claims, &first, &count)) {
        atomic_fetch_add(&t->taken[worker->rank], count);
        if (worker->rank == t->sleeper)
            while (atomic_load(&t->others) < worker->size - 1) pause_ms(1);
        else pause_ms(1);
    }
    atomic_fetch_add(&t->others, 1);
}

TEST(what_a_thread_that_stopped_has_left_is_done_by_others)
{
    crew c;
    crew_make(&c, NULL, 1, THREADS, IST_PLACE_NONE);
    for (int32_t sleeper = 0; sleeper < THREADS; sleeper++) {
        halt t = {.units = 40 * THREADS, .most = 8, .sleeper = sleeper};
        CHECK_EQ(ist__crew_run(c.crew, walk_past_a_sleeper, &t, NULL), IST_OK);
        int32_t sum = 0;
        for (int32_t r = 0; r < THREADS; r++) sum += atomic_load(&t.taken[r]);
        CHECK_EQ(sum, t.units);
        CHECK(atomic_load(&t.taken[sleeper]) <= t.most);
    }
    crew_destroy(&c);
}
