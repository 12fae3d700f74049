/* team.h - the crew: one flat OpenMP region, teams inside it, barriers of a team and of all.
 *
 * Why one flat region: nested regions are built anew by the runtime each time, and the runtime decides where their
 * threads stand.  Here a thread is bound by us inside our own region, knows its team and rank, and has its old mask
 * back before the region ends.  Nothing of omp_set_* is called.
 */
#ifndef IST_NUMA_TEAM_H
#define IST_NUMA_TEAM_H

#include <stdatomic.h>

#include "base/mem.h"
#include "base/share.h"
#include "numa/bind.h"
#include "numa/plan.h"

struct ist__listener;
struct ist__pulse;
struct ist__trace;
typedef struct ist__crew ist__crew; /* opaque: plan, barriers, what binding gave */

/* How much of a thread's band is taken, for claim.c. */
typedef struct ist__claim_word {
    _Atomic uint64_t word;
    char pad[IST__CACHE_LINE_BYTES - 8];
} ist__claim_word;
_Static_assert(sizeof(ist__claim_word) == IST__CACHE_LINE_BYTES, "a claim's word fills a cache line");

typedef struct ist__worker {
    ist__crew *crew;
    int32_t team, teams;                  /* my team, of how many */
    int32_t rank, size;                   /* my place in the team, of how many threads */
    int32_t thread, threads;              /* my place among the threads of all teams, of how many */
    int32_t home, home_rank;              /* team and rank as planned, in ist__worker_of_all too */
    bool joined;                          /* my team is all teams together */
    double waited_s;                      /* at barriers, since the run began */
    int64_t round;                        /* what it works on, counted from 1; 0: no round (marks.h) */
    const struct ist__listener *listener; /* of marks; NULL: nobody */
    struct ist__pulse *pulse;             /* mine, for who looks from outside (pulse.h) */
    ist__claim_word *claimed;             /* (size of the planned team) by rank, on the team's node: claim.h */
    uint32_t walk;                        /* walks begun in this run: claim.h */
    void *barrier_state;                  /* private to team.c */
} ist__worker;

/* topology and plan: borrowed.  placement: IST_PLACE_*. */
ist_status ist__crew_create(ist__crew **out, const ist__topology *topology, const ist__plan *plan, int32_t placement,
                            ist__error *error);
void ist__crew_destroy(ist__crew *crew);

/* Run work(argument, worker) on every thread of every team, bound to its core, and return when all are done.  Worker
 * (0, 0) is the calling thread.  Meanwhile threads are called "ist/t1.c3": team 1, rank 3.  Masks and names of all
 * threads are restored on return.
 * IST_E_PLACEMENT when the runtime gives fewer threads than planned (work is then not begun), or when IST_PLACE_STRICT
 * and a binding was refused (likewise). */
typedef void (*ist__work)(void *argument, ist__worker *worker);
ist_status ist__crew_run(ist__crew *crew, ist__work work, void *argument, ist__error *error);

/* Keep a timeline of the runs from here on; NULL: no more.  Borrowed.  Not while a run is going. */
void ist__crew_trace(ist__crew *crew, struct ist__trace *trace);

/* What its threads do, in team-major order: as long as the crew is, in a run or not.  [any thread] */
const struct ist__pulse *ist__crew_pulses(const ist__crew *crew);

/* Wait for the threads of my team; of all teams.  Bounded spinning, then yielding, then short naps: oversubscription
 * is slow, never stuck.  What a thread wrote before is seen by all after. */
void ist__team_barrier(ist__worker *worker);
void ist__all_barrier(ist__worker *worker);

/* The same thread as one of a single team that all threads make up, in the order of teams: team 0 of 1, whose barrier is
 * that of all.  So what a team does, all of them can do together; every thread must take part.  Waiting is counted in
 * what is returned: hand waited_s back. */
ist__worker ist__worker_of_all(const ist__worker *worker);

/* What the last run got: for each thread in team-major order the PU it was bound to (-1: not bound). */
typedef struct ist__crew_state {
    int32_t threads;
    int32_t bind_refused;    /* threads whose binding was refused in the last run */
    int32_t bind_errno;      /* of the first refusal, 0 if none */
    const int32_t *bound_pu; /* (threads) */
    const void *const
        *stack; /* (threads) an address on the stack where they worked; NULL: they did not.  Only to ask where
                                 its page is: the thread may have ended */
    const struct ist__team_pages *pages; /* of barriers and claims, borrowed */
} ist__crew_state;
ist__crew_state ist__crew_last(const ist__crew *crew);

#endif
