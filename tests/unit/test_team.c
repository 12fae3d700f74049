/* test_team.c - the crew: who works, what barriers promise, and that every mask is as it was.
 *
 * Nothing is CHECKed inside the region (a CHECK leaves by a jump): workers count, and the count is checked after.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "again.h"
#include "affinity.h"
#include "base/clock.h"
#include "fixture_crew.h"
#include "ist_test.h"
#include "numa/report.h"

/* Rounds of a barrier test: an emulated machine or a sanitizer gets fewer. */
static int rounds(void)
{
#if defined(__has_feature)
#  if __has_feature(thread_sanitizer)
    return 300;
#  endif
#endif
    return getenv("NUMA_VM") ? 10 : 3000;
}

/* ------------------------------------------------------------------------------------------------ who works -- */

typedef struct roll {
    atomic_int seen[MOST_THREADS][MOST_THREADS]; /* [team][rank] */
    atomic_int wrong, begun;
    int32_t teams, size;
    pthread_t caller;
} roll;

static void call_roll(void *argument, ist__worker *w)
{
    roll *r = argument;
    atomic_fetch_add(&r->begun, 1);
    atomic_fetch_add(&r->seen[w->team][w->rank], 1);
    if (w->teams != r->teams || w->size != r->size) atomic_fetch_add(&r->wrong, 1);
    if (w->team == 0 && w->rank == 0 && !pthread_equal(pthread_self(), r->caller)) atomic_fetch_add(&r->wrong, 1);
    if (!omp_in_parallel()) atomic_fetch_add(&r->wrong, 1); /* OpenBLAS would use every core */
}

TEST(every_worker_is_seen_once)
{
    static roll r;
    for (int32_t teams = 1; teams <= 4; teams++)
        for (int32_t threads = 1; threads <= 3; threads++) {
            crew c;
            crew_make(&c, NULL, teams, threads, IST_PLACE_TRY);
            memset(&r, 0, sizeof r);
            r.teams = teams;
            r.size = threads;
            r.caller = pthread_self();
            CHECK_EQ(ist__crew_run(c.crew, call_roll, &r, NULL), IST_OK);
            CHECK_EQ(r.wrong, 0);
            CHECK_EQ(r.begun, teams * threads);
            for (int32_t t = 0; t < teams; t++)
                for (int32_t k = 0; k < threads; k++) CHECK_EQ(r.seen[t][k], 1);
            crew_destroy(&c);
        }
}

/* ------------------------------------------------------------------------------------------------- barriers -- */

typedef struct board {
    int written[MOST_THREADS][16]; /* plain numbers, a line each: only the barrier orders them */
    atomic_int stale;
    int rounds;
    int32_t threads;
} board;

/* Threads from..to must have written `round`. */
static void read_board(board *b, int32_t from, int32_t to, int round)
{
    for (int32_t i = from; i < to; i++)
        if (b->written[i][0] != round) atomic_fetch_add(&b->stale, 1);
}

static void write_and_read(void *argument, ist__worker *w)
{
    board *b = argument;
    const int32_t first = w->team * w->size, me = first + w->rank;
    for (int round = 1; round <= b->rounds; round++) {
        b->written[me][0] = 2 * round;
        ist__team_barrier(w);
        read_board(b, first, first + w->size, 2 * round);
        ist__team_barrier(w);
        b->written[me][0] = 2 * round + 1;
        ist__all_barrier(w);
        read_board(b, 0, b->threads, 2 * round + 1);
        ist__all_barrier(w);
    }
}

static void check_barriers(int32_t teams, int32_t threads, int how_many)
{
    static board b;
    crew c;
    crew_make(&c, NULL, teams, threads, IST_PLACE_TRY);
    memset(&b, 0, sizeof b);
    b.rounds = how_many;
    b.threads = teams * threads;
    CHECK_EQ(ist__crew_run(c.crew, write_and_read, &b, NULL), IST_OK);
    CHECK_EQ(b.stale, 0);
    for (int32_t i = 0; i < b.threads; i++) CHECK_EQ(b.written[i][0], 2 * how_many + 1);
    crew_destroy(&c);
}

TEST(barriers_order_writes)
{
    for (int32_t teams = 1; teams <= 4; teams++)
        for (int32_t threads = 1; threads <= 3; threads++) check_barriers(teams, threads, rounds() / 6);
}

TEST(barriers_of_two_threads_many_times)
{
    check_barriers(1, 2, 10 * rounds());
    check_barriers(2, 1, 10 * rounds());
}

TEST(barriers_hold_when_oversubscribed)
{
    int32_t cores = omp_get_num_procs() < 8 ? omp_get_num_procs() : 8;
    check_barriers(4, cores, rounds() / 3);
    check_barriers(cores, 4, rounds() / 3);
}

/* Nobody may pass before the last one comes. */
static void come_late(void *argument, ist__worker *w)
{
    board *b = argument;
    if (w->team == w->teams - 1 && w->rank == w->size - 1) {
        for (int i = 0; i < 200; i++) sched_yield();
        b->written[0][0] = 1;
    }
    ist__all_barrier(w);
    if (b->written[0][0] != 1) atomic_fetch_add(&b->stale, 1);
}

TEST(all_wait_for_the_last)
{
    static board b;
    crew c;
    crew_make(&c, NULL, 3, 2, IST_PLACE_TRY);
    for (int i = 0; i < 20; i++) {
        memset(&b, 0, sizeof b);
        CHECK_EQ(ist__crew_run(c.crew, come_late, &b, NULL), IST_OK);
        CHECK_EQ(b.stale, 0);
    }
    crew_destroy(&c);
}

/* ------------------------------------------------------------------------------------------------ time waited -- */

static const double late_s = 0.04;

typedef struct waits {
    bool all;           /* which barrier */
    double waited_s[4]; /* at it, of each thread */
} waits;

/* The last thread of team 1 comes late. */
static void come_late_again(void *argument, ist__worker *w)
{
    waits *p = argument;
    ist__all_barrier(w);
    const double before = w->waited_s, until = ist__seconds() + late_s;
    while (w->team == 1 && w->rank == 1 && ist__seconds() < until) sched_yield();
    if (p->all) ist__all_barrier(w);
    else ist__team_barrier(w);
    p->waited_s[2 * w->team + w->rank] = w->waited_s - before;
}

/* must: which of the four threads have to wait for the late one. */
static void check_waits(bool all, const bool *must)
{
    crew c;
    crew_make(&c, NULL, 2, 2, IST_PLACE_TRY);
    int right = 0;
    for (int tries = 0; tries < 20 && right < 4; tries++) { /* a thread may be late for reasons of the system's */
        waits p = {.all = all};
        CHECK_EQ(ist__crew_run(c.crew, come_late_again, &p, NULL), IST_OK);
        right = 0;
        for (int i = 0; i < 4; i++) right += must[i] == (p.waited_s[i] > late_s / 2);
    }
    CHECK_EQ(right, 4);
    crew_destroy(&c);
}

TEST(the_time_waited_is_that_of_those_who_came_early)
{
    check_waits(true, (const bool[4]){true, true, true, false});
    check_waits(false, (const bool[4]){false, false, true, false});
}

static void note_wait(void *argument, ist__worker *w)
{
    if (w->waited_s != 0) atomic_fetch_add((atomic_int *)argument, 1);
    ist__all_barrier(w);
}

TEST(each_run_counts_its_waits_from_zero)
{
    atomic_int wrong = 0;
    crew c;
    crew_make(&c, NULL, 2, 2, IST_PLACE_TRY);
    for (int i = 0; i < 3; i++) CHECK_EQ(ist__crew_run(c.crew, note_wait, &wrong, NULL), IST_OK);
    CHECK_EQ(wrong, 0);
    crew_destroy(&c);
}

/* --------------------------------------------------------------------------------------------------- binding -- */

typedef struct masks {
    affinity of[MOST_THREADS];
    int32_t size; /* threads of a team */
} masks;

/* The masks of the pool's threads, in a plain region of the host's own kind. */
static void read_pool(masks *m, int threads)
{
#pragma omp parallel num_threads(threads)
    m->of[omp_get_thread_num()] = affinity_now();
}

static void note_mask(void *argument, ist__worker *w)
{
    masks *m = argument;
    m->of[w->team * m->size + w->rank] = affinity_now();
}

static void check_pool(const masks *before, const masks *after, int threads)
{
    for (int i = 0; i < threads; i++) CHECK(affinity_equal(&before->of[i], &after->of[i]));
}

static void check_bound(const crew *c, const masks *m)
{
    const ist__machine *machine = ist__topology_machine(c->topology);
    const ist__crew_state state = ist__crew_last(c->crew);
    CHECK_EQ(state.bind_refused, 0);
    CHECK_EQ(state.bind_errno, 0);
    CHECK_EQ(state.threads, c->plan.thread_count);
    for (int32_t i = 0; i < state.threads; i++) {
        const ist__team_plan *team = &c->plan.teams[i / m->size];
        CHECK_EQ(state.bound_pu[i], machine->cores[team->core[i % m->size]].pu);
        CHECK_EQ(affinity_count(&m->of[i]), 1);
        CHECK(affinity_has(&m->of[i], state.bound_pu[i]));
    }
}

static void check_masks_come_back(void)
{
    static masks before, inside, after;
    enum { ALL = 4 };
    crew c;
    crew_make(&c, NULL, 1, ALL, IST_PLACE_STRICT);
    for (int i = 0; i < ALL / 2; i++) { /* the other way round than any run time binds them */
        const int32_t core = c.plan.teams[0].core[i];
        c.plan.teams[0].core[i] = c.plan.teams[0].core[ALL - 1 - i];
        c.plan.teams[0].core[ALL - 1 - i] = core;
    }
    const affinity caller = affinity_now();
    read_pool(&before, ALL);
    inside.size = ALL;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(ist__crew_run(c.crew, note_mask, &inside, NULL), IST_OK);
        check_bound(&c, &inside);
        read_pool(&after, ALL);
        check_pool(&before, &after, ALL);
    }
    const affinity now = affinity_now();
    CHECK(affinity_equal(&caller, &now));
    crew_destroy(&c);
}

TEST(masks_are_set_inside_and_restored_after)
{
    check_masks_come_back();
}

TEST(masks_come_back_under_omp_proc_bind)
{
    if (again_child()) check_masks_come_back();
    else CHECK_EQ(again("masks_come_back_under_omp_proc_bind", "OMP_PROC_BIND", "close"), 0);
}

TEST(threads_born_after_a_run_inherit_the_old_mask)
{
    static masks after;
    crew c;
    crew_make(&c, NULL, 1, 2, IST_PLACE_TRY);
    const affinity caller = affinity_now();
    after.size = 2;
    CHECK_EQ(ist__crew_run(c.crew, note_mask, &after, NULL), IST_OK);
    read_pool(&after, 6); /* four of them are new */
    for (int i = 0; i < 6; i++) CHECK(affinity_equal(&after.of[i], &caller));
    crew_destroy(&c);
}

TEST(placement_none_binds_nothing)
{
    static masks inside;
    const affinity caller = affinity_now();
    crew c;
    crew_make(&c, NULL, 2, 2, IST_PLACE_NONE);
    inside.size = 2;
    CHECK_EQ(ist__crew_run(c.crew, note_mask, &inside, NULL), IST_OK);
    const ist__crew_state state = ist__crew_last(c.crew);
    CHECK_EQ(state.bind_refused, 0);
    for (int i = 0; i < 4; i++) {
        CHECK(affinity_equal(&inside.of[i], &caller));
        CHECK_EQ(state.bound_pu[i], -1);
    }
    crew_destroy(&c);
}

/* -------------------------------------------------------------------------------------------------- refusals -- */

TEST(refused_bindings_are_counted_or_fatal)
{
#ifndef IST_WITH_HWLOC
    SKIP("this library was built without hwloc");
#endif
    static roll r;
    static masks before, after;
    ist__error error = {0};
    read_pool(&before, 4);
    crew c;
    crew_make(&c, "numa:2 core:2 pu:1", 2, 2, IST_PLACE_TRY);
    r.teams = r.size = 2;
    r.caller = pthread_self();
    CHECK_EQ(ist__crew_run(c.crew, call_roll, &r, &error), IST_OK);
    CHECK_EQ(r.begun, 4);
    CHECK_EQ(ist__crew_last(c.crew).bind_refused, 4);
    CHECK_EQ(ist__crew_last(c.crew).bind_errno, ENOSYS);
    CHECK_EQ(ist__crew_last(c.crew).bound_pu[3], -1);
    crew_destroy(&c);

    r.begun = 0;
    crew_make(&c, "numa:2 core:2 pu:1", 2, 2, IST_PLACE_STRICT);
    CHECK_EQ(ist__crew_run(c.crew, call_roll, &r, &error), IST_E_PLACEMENT);
    CHECK(strstr(error.text, "ENOSYS") != NULL);
    CHECK_EQ(r.begun, 0);
    CHECK_EQ(ist__crew_last(c.crew).bind_refused, 4);
    crew_destroy(&c);
    read_pool(&after, 4);
    check_pool(&before, &after, 4);
}

/* One thread of the plan cannot be bound: under STRICT nobody begins, and those that were bound are restored. */
TEST(one_refusal_stops_all_under_strict)
{
    static roll r;
    static masks before, after;
    read_pool(&before, 4);
    crew c;
    crew_make(&c, NULL, 2, 2, IST_PLACE_STRICT);
    ist__machine *machine = (ist__machine *)(uintptr_t)ist__topology_machine(c.topology);
    ist__core wrong = machine->cores[0];
    wrong.pu = 8000; /* no such processor */
    ist__core *cores = machine->cores;
    ist__core two[2] = {cores[0], wrong};
    machine->cores = two;
    for (int t = 0; t < 2; t++)
        for (int k = 0; k < 2; k++) c.plan.teams[t].core[k] = t == 1 && k == 1;
    const ist_status status = ist__crew_run(c.crew, call_roll, &r, NULL);
    machine->cores = cores;
    CHECK_EQ(status, IST_E_PLACEMENT);
    CHECK_EQ(r.begun, 0);
    CHECK_EQ(ist__crew_last(c.crew).bind_refused, 1);
    CHECK_EQ(ist__crew_last(c.crew).bound_pu[0], cores[0].pu);
    CHECK_EQ(ist__crew_last(c.crew).bound_pu[3], -1);
    read_pool(&after, 4);
    check_pool(&before, &after, 4);
    crew_destroy(&c);
}

TEST(too_few_threads_are_refused)
{
    if (!again_child()) {
        CHECK_EQ(again("too_few_threads_are_refused", "OMP_THREAD_LIMIT", "2"), 0);
        return;
    }
    static roll r;
    static masks before, after;
    ist__error error = {0};
    read_pool(&before, 2);
    crew c;
    crew_make(&c, NULL, 2, 2, IST_PLACE_TRY);
    CHECK_EQ(ist__crew_run(c.crew, call_roll, &r, &error), IST_E_PLACEMENT);
    CHECK(strstr(error.text, "OMP_THREAD_LIMIT=2") != NULL);
    CHECK_EQ(r.begun, 0);
    read_pool(&after, 2);
    check_pool(&before, &after, 2);
    crew_destroy(&c);
}

TEST(dynamic_threads_give_all_or_nothing)
{
    if (!again_child()) {
        CHECK_EQ(again("dynamic_threads_give_all_or_nothing", "OMP_DYNAMIC", "true"), 0);
        return;
    }
    static roll r;
    crew c;
    crew_make(&c, NULL, 4, 8, IST_PLACE_TRY);
    r.teams = 4;
    r.size = 8;
    r.caller = pthread_self();
    const ist_status status = ist__crew_run(c.crew, call_roll, &r, NULL);
    CHECK(status == IST_OK || status == IST_E_PLACEMENT);
    CHECK_EQ(r.begun, status == IST_OK ? 32 : 0);
    crew_destroy(&c);
}

TEST(a_call_from_inside_a_region_is_refused)
{
    static roll r;
    crew c;
    crew_make(&c, NULL, 2, 1, IST_PLACE_TRY);
    ist_status status = IST_OK;
    ist__error error = {0};
#pragma omp parallel num_threads(2)
    if (omp_get_thread_num() == 0) status = ist__crew_run(c.crew, call_roll, &r, &error);
    CHECK_EQ(status, IST_E_PLACEMENT);
    CHECK(strstr(error.text, "parallel region") != NULL);
    CHECK_EQ(r.begun, 0);
    crew_destroy(&c);
}

TEST(an_unknown_placement_is_refused)
{
    crew c;
    crew_make(&c, NULL, 1, 1, IST_PLACE_TRY);
    ist__crew *other = NULL;
    CHECK_EQ(ist__crew_create(&other, c.topology, &c.plan, 3, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist__crew_create(&other, c.topology, &c.plan, -1, NULL), IST_E_ARGUMENT);
    CHECK(other == NULL);
    ist__crew_destroy(NULL);
    crew_destroy(&c);
}

/* ----------------------------------------------------------------------------------------- shares and report -- */

TEST(shares_cover_everything_once)
{
    static const int64_t counts[] = {0, 1, 5, 12, 13, 1000003, INT64_C(1) << 61};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int32_t size = 1; size <= 13; size++) {
            int64_t at = 0;
            for (int32_t rank = 0; rank < size; rank++) {
                int64_t first = -1, last = -1;
                ist__share(counts[i], rank, size, &first, &last);
                CHECK_EQ(first, at);
                CHECK(last - first == counts[i] / size || last - first == counts[i] / size + 1);
                at = last;
            }
            CHECK_EQ(at, counts[i]);
        }
}

TEST(report_tells_asked_against_got)
{
    static masks inside;
    crew c;
    crew_make(&c, NULL, 1, 2, IST_PLACE_TRY);
    inside.size = 2;
    CHECK_EQ(ist__crew_run(c.crew, note_mask, &inside, NULL), IST_OK);
    const ist__machine *machine = ist__topology_machine(c.topology);
    const ist__refusals refusals = {.bind_memory = 3, .bind_memory_errno = EPERM, .huge_pages = 1};
    json_t *plan = ist__report_plan(machine, &c.plan, c.crew);
    json_t *system = ist__report_system(IST_PLACE_TRY, c.crew, &refusals);
    const json_t *team = json_array_get(json_object_get(plan, "teams"), 0);
    const int32_t pu = machine->cores[c.plan.teams[0].core[1]].pu;
    CHECK_EQ(json_integer_value(json_array_get(json_object_get(team, "pus"), 1)), pu);
    CHECK_EQ(json_array_size(json_object_get(team, "bound")), 2);
    CHECK_EQ(json_integer_value(json_array_get(json_object_get(team, "bound"), 1)), pu);
    CHECK_STR(json_string_value(json_object_get(system, "placement")), "try");
    CHECK_EQ(json_integer_value(json_object_get(system, "bind_refused")), 0);
    CHECK(json_is_null(json_object_get(system, "bind_error")));
    CHECK_EQ(json_integer_value(json_object_get(system, "memory_refused")), 3);
    CHECK_STR(json_string_value(json_object_get(system, "memory_error")), "EPERM");
    CHECK_EQ(json_integer_value(json_object_get(system, "huge_pages_refused")), 1);
    CHECK(json_is_string(json_object_get(system, "huge_pages")));
    CHECK(json_is_string(json_object_get(system, "numa_balancing")));
    CHECK_EQ(json_object_size(system), 11);
    json_decref(plan);
    json_decref(system);
    crew_destroy(&c);
}
