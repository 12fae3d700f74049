/* team.c - the crew: one flat OpenMP region, teams inside it, barriers of a team and of all.
 *
 * Life of a thread in a run: save its mask, name and floating-point environment, bind to its core, read back, work, restore
 * them.  Under STRICT they meet before they work, so that nobody begins when one binding was refused.
 *
 * A crew of one thread still opens a region of two, whose second thread idles: OpenBLAS asks omp_in_parallel(), which
 * is false in a region of one, and would then use every core of the machine.
 *
 * Barriers.  A thread reads the phase of its team, then arrives by counting; the last one resets the count and opens
 * the next phase.  Nobody can open the phase between my reading and my arriving, because I am missing.  For the barrier
 * of all, the last of each team arrives for it at the one barrier above, then opens its own team: so waiting threads
 * read a line of their own team, and each team sends one arrival across.  Arrivals are acquire and release, phases are
 * opened with release and read with acquire: what was written before is seen after.  No fences: thread sanitizers
 * cannot see them.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include "numa/team.h"

#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/floats.h"
#include "base/mem.h"
#include "numa/errno_name.h"
#include "numa/marks.h"
#include "numa/near.h"
#include "numa/pulse.h"
#include "numa/thread_name.h"
#include "numa/trace.h"

/* Pauses before the first yield.  A pause is 10 to 140 cycles: enough for threads that each have a core to meet without
 * the system, short enough to lose little when the core was needed by the one we wait for. */
enum { SPINS_ALONE = 4000, SPINS_CROWDED = 16 };
/* Then yields, and who still waits naps: some teams may work for seconds while others have nothing to do, and on a
 * machine that is shared, or that is a guest whose processors are threads of the host, a waiter that runs takes the time
 * of those we wait for.  A nap makes a wait of milliseconds longer by at most this and the timer's slack. */
enum { YIELDS = 256, NAP_NS = 100 * 1000 };

/* Count and phase on lines of their own: arrivals do not disturb those who wait. */
typedef struct barrier {
    _Atomic int32_t arrived;
    int32_t members;
    char pad_arrived[IST__CACHE_LINE_BYTES - 8];
    _Atomic uint32_t phase;
    int32_t spins;
    char pad_phase[IST__CACHE_LINE_BYTES - 8];
} barrier;
_Static_assert(sizeof(barrier) == 2 * IST__CACHE_LINE_BYTES, "a barrier fills two cache lines");

/* What the threads of a team tell one another all the time: pages of the team's own, on its node. */
typedef struct team_words {
    barrier barrier;
    ist__claim_word claimed[]; /* (threads) */
} team_words;

struct ist__crew {
    const ist__topology *topology;
    const ist__plan *plan;
    int32_t placement;
    ist__team_pages pages; /* (team_count) the team_words of each team */
    barrier *all;          /* one, its members are the teams */
    int32_t *team_of;      /* (threads) */
    int32_t *first;        /* (team_count) first thread of a team */
    int32_t *bound_pu;     /* (threads) of the last run; -1: not bound */
    int32_t *bind_errno;   /* (threads) of the last run */
    ist__pulse *pulse;     /* (threads) */
    const void **stack;    /* (threads) of the last run: where they worked */
    int32_t refusals, first_errno;
    ist__likwid likwid;
    ist__trace *trace; /* borrowed; NULL: none */
};

/* --------------------------------------------------------------------------------------------------- barriers -- */

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#else
    __asm__ volatile("" ::: "memory"); /* no hint that every such CPU knows */
#endif
}

static uint32_t phase_of(barrier *b)
{
    return atomic_load_explicit(&b->phase, memory_order_relaxed);
}

/* True for the last one, who must open the barrier. */
static bool arrive(barrier *b)
{
    return atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) + 1 == b->members;
}

static void open_barrier(barrier *b, uint32_t phase)
{
    atomic_store_explicit(&b->arrived, 0, memory_order_relaxed); /* seen before the new phase is */
    atomic_store_explicit(&b->phase, phase + 1, memory_order_release);
}

static bool still(barrier *b, uint32_t phase)
{
    return atomic_load_explicit(&b->phase, memory_order_acquire) == phase;
}

/* mark: IST__MARK_TEAM_BARRIER or IST__MARK_ALL_BARRIER. */
static void wait_for(ist__worker *worker, barrier *b, uint32_t phase, int32_t mark)
{
    if (!still(b, phase)) return;
    const int64_t began = ist__nanoseconds();
    ist__mark_begin_at(worker, mark, 0, began);
    const struct timespec nap = {.tv_nsec = NAP_NS};
    for (int32_t tries = 0; still(b, phase); tries++) {
        if (tries < b->spins) {
            relax();
        } else if (tries < b->spins + YIELDS) {
            sched_yield();
        } else {
            nanosleep(&nap, NULL);
            tries--; /* stay here, and never overflow */
        }
    }
    const int64_t ended = ist__nanoseconds();
    ist__mark_end_at(worker, mark, ended);
    worker->waited_s += 1e-9 * (double)(ended - began);
}

/* By the last of each team. */
static void meet_teams(ist__worker *worker, int32_t mark)
{
    barrier *all = worker->crew->all;
    const uint32_t phase = phase_of(all);
    if (arrive(all)) open_barrier(all, phase);
    else wait_for(worker, all, phase, mark);
}

void ist__team_barrier(ist__worker *worker)
{
    barrier *team = worker->barrier_state;
    const uint32_t phase = phase_of(team);
    if (!arrive(team)) {
        wait_for(worker, team, phase, IST__MARK_TEAM_BARRIER);
        return;
    }
    if (worker->joined) meet_teams(worker, IST__MARK_TEAM_BARRIER);
    open_barrier(team, phase);
}

void ist__all_barrier(ist__worker *worker)
{
    barrier *team = worker->barrier_state;
    const uint32_t phase = phase_of(team);
    if (!arrive(team)) {
        wait_for(worker, team, phase, IST__MARK_ALL_BARRIER);
        return;
    }
    meet_teams(worker, IST__MARK_ALL_BARRIER);
    open_barrier(team, phase);
}

ist__worker ist__worker_of_all(const ist__worker *worker)
{
    ist__worker view = *worker;
    view.team = 0;
    view.teams = 1;
    view.rank = worker->thread;
    view.size = worker->threads;
    view.joined = true;
    return view;
}

/* ------------------------------------------------------------------------------------------- create, destroy -- */

static team_words *words_of(const ist__crew *crew, int32_t team)
{
    return (team_words *)ist__team_page(&crew->pages, team);
}

static size_t most_words(const ist__plan *plan)
{
    int32_t most = 0;
    for (int32_t t = 0; t < plan->team_count; t++)
        if (plan->teams[t].threads > most) most = plan->teams[t].threads;
    return sizeof(team_words) + (size_t)most * sizeof(ist__claim_word);
}

static void fill_crew(ist__crew *crew)
{
    const ist__plan *plan = crew->plan;
    const bool crowded = plan->oversubscribed || crew->placement == IST_PLACE_NONE ||
                         plan->thread_count > ist__topology_machine(crew->topology)->pus_allowed;
    const int32_t spins = crowded ? SPINS_CROWDED : SPINS_ALONE;
    int32_t thread = 0;
    for (int32_t t = 0; t < plan->team_count; t++) {
        crew->first[t] = thread;
        words_of(crew, t)->barrier = (barrier){.members = plan->teams[t].threads, .spins = spins};
        for (int32_t r = 0; r < plan->teams[t].threads; r++) crew->team_of[thread++] = t;
    }
    crew->all->members = plan->team_count;
    crew->all->spins = spins;
}

/* What the last run found is forgotten. */
static void clear_findings(ist__crew *crew)
{
    crew->refusals = crew->first_errno = 0;
    for (int32_t i = 0; i < crew->plan->thread_count; i++) {
        crew->bound_pu[i] = -1;
        crew->bind_errno[i] = 0;
        crew->stack[i] = NULL;
    }
}

ist_status ist__crew_create(ist__crew **out, const ist__topology *topology, const ist__plan *plan, int32_t placement,
                            ist__error *error)
{
    if (placement < IST_PLACE_NONE || placement > IST_PLACE_STRICT)
        return ist__fail(error, IST_E_ARGUMENT, "placement is %d: not one of IST_PLACE_*", placement);
    ist__crew *crew = ist__alloc(1, sizeof *crew);
    if (!crew) return ist__fail(error, IST_E_MEMORY, "out of memory for the threads");
    *crew = (ist__crew){.topology = topology,
                        .plan = plan,
                        .placement = placement,
                        .likwid = ist__likwid_find(),
                        .all = ist__alloc(1, sizeof *crew->all),
                        .team_of = ist__alloc(plan->thread_count, sizeof *crew->team_of),
                        .first = ist__alloc(plan->team_count, sizeof *crew->first),
                        .bound_pu = ist__alloc(plan->thread_count, sizeof *crew->bound_pu),
                        .bind_errno = ist__alloc(plan->thread_count, sizeof *crew->bind_errno),
                        .pulse = ist__alloc(plan->thread_count, sizeof *crew->pulse),
                        .stack = ist__alloc(plan->thread_count, sizeof *crew->stack)};
    const bool paged = ist__team_pages_create(&crew->pages, topology, plan, placement, most_words(plan));
    if (!paged || !crew->all || !crew->team_of || !crew->first || !crew->bound_pu || !crew->bind_errno ||
        !crew->pulse || !crew->stack) {
        ist__crew_destroy(crew);
        return ist__fail(error, IST_E_MEMORY, "out of memory for %d threads", plan->thread_count);
    }
    fill_crew(crew);
    for (int32_t i = 0; i < plan->thread_count; i++) ist__pulse_set(&crew->pulse[i].mark, -1);
    clear_findings(crew);
    *out = crew;
    return IST_OK;
}

void ist__crew_destroy(ist__crew *crew)
{
    if (!crew) return;
    ist__team_pages_destroy(&crew->pages);
    ist__free(crew->all);
    ist__free(crew->team_of);
    ist__free(crew->first);
    ist__free(crew->bound_pu);
    ist__free(crew->bind_errno);
    ist__free(crew->pulse);
    ist__free(crew->stack);
    ist__free(crew);
}

/* -------------------------------------------------------------------------------------------------------- run -- */

static ist__worker make_worker(ist__crew *crew, int32_t thread)
{
    const int32_t team = crew->team_of[thread];
    team_words *words = words_of(crew, team);
    return (ist__worker){.crew = crew,
                         .team = team,
                         .teams = crew->plan->team_count,
                         .rank = thread - crew->first[team],
                         .size = crew->plan->teams[team].threads,
                         .thread = thread,
                         .threads = crew->plan->thread_count,
                         .home = team,
                         .home_rank = thread - crew->first[team],
                         .pulse = &crew->pulse[thread],
                         .claimed = words->claimed,
                         .barrier_state = &words->barrier};
}

/* Remember the mask, then bind; a thread whose mask cannot be remembered is left alone.  What happened goes to the
 * thread's own entries.  Returns what must be restored, or NULL. */
static ist__binding *bind_thread(ist__crew *crew, const ist__worker *worker, int32_t thread)
{
    const ist__team_plan *team = &crew->plan->teams[worker->team];
    const int32_t pu = ist__topology_machine(crew->topology)->cores[team->core[worker->rank]].pu;
    ist__binding *saved = NULL;
    if (crew->placement == IST_PLACE_NONE) return NULL;
    int refusal = ist__bind_save(crew->topology, &saved);
    if (refusal == 0) refusal = ist__bind_to(crew->topology, pu);
    crew->bind_errno[thread] = refusal;
    if (refusal == 0) crew->bound_pu[thread] = pu;
    return saved;
}

static bool any_refused(const ist__crew *crew)
{
    for (int32_t i = 0; i < crew->plan->thread_count; i++)
        if (crew->bind_errno[i] != 0) return true;
    return false;
}

static void run_thread(ist__crew *crew, int32_t thread, ist__work work, void *argument)
{
    IST__OUR_FLOATS; /* a thread has those of who started it, which may be the host */
    ist__worker worker = make_worker(crew, thread);
    atomic_store_explicit(&worker.claimed[worker.rank].word, 0, memory_order_relaxed); /* walks are counted anew */
    ist__binding *saved = bind_thread(crew, &worker, thread);
    if (crew->bound_pu[thread] >= 0)
        ist__stack_settle(ist__topology_machine(crew->topology), crew->plan->teams[worker.team].node, &worker);
    crew->stack[thread] = &worker;
    ist__listener listener;
    char name[IST__THREAD_NAME_BYTES];
    ist__thread_name_set(worker.team, worker.rank, name);
    ist__pulse_set(&worker.pulse->pu, crew->bound_pu[thread]);
    ist__pulse_set(&worker.pulse->subnet, -1);
    ist__marks_join(&worker, &listener, crew->trace, thread, &crew->likwid);
    bool go = true;
    if (crew->placement == IST_PLACE_STRICT) {
        ist__all_barrier(&worker); /* now all entries are written, and nobody writes them before the run ends */
        go = !any_refused(crew);
    }
    if (go) work(argument, &worker);
    ist__pulse_set(&worker.pulse->mark, -1);
    ist__thread_name_restore(name);
    ist__bind_restore(crew->topology, saved);
}

const ist__pulse *ist__crew_pulses(const ist__crew *crew)
{
    return crew->pulse;
}

void ist__crew_trace(ist__crew *crew, ist__trace *trace)
{
    crew->trace = trace;
}

/* Add up what the threads found; the region's end has made their entries visible. */
static void count_refusals(ist__crew *crew)
{
    for (int32_t i = 0; i < crew->plan->thread_count; i++)
        if (crew->bind_errno[i] != 0 && crew->refusals++ == 0) crew->first_errno = crew->bind_errno[i];
}

ist_status ist__crew_run(ist__crew *crew, ist__work work, void *argument, ist__error *error)
{
    const int32_t planned = crew->plan->thread_count;
    const int asked = planned > 1 ? planned : 2;
    int given = 0;
    ist__binding *before = NULL;
#if defined(__clang__) /* its libomp gives a thread that opens its first region the mask of the process */
    (void)ist__bind_save(crew->topology, &before);
#endif
    clear_findings(crew);
#pragma omp parallel num_threads(asked) default(none) shared(crew, work, argument, asked, planned, given)
    {
        const int32_t thread = omp_get_thread_num();
        if (thread == 0) given = omp_get_num_threads();
        if (omp_get_num_threads() == asked && thread < planned) run_thread(crew, thread, work, argument);
    }
    (void)ist__bind_restore(crew->topology, before);
    if (given != asked)
        return ist__fail(error, IST_E_PLACEMENT,
                         "%d threads are needed, the OpenMP run time gives %d (OMP_THREAD_LIMIT=%d, OMP_DYNAMIC=%s%s)",
                         asked, given, omp_get_thread_limit(), omp_get_dynamic() ? "true" : "false",
                         omp_in_parallel() ? ", and this is called inside a parallel region" : "");
    count_refusals(crew);
    if (crew->placement != IST_PLACE_STRICT || crew->refusals == 0) return IST_OK;
    return ist__fail(error, IST_E_PLACEMENT, "strict placement: the system refuses to bind %d of %d threads: %s (%d)",
                     crew->refusals, planned, ist__errno_name(crew->first_errno), crew->first_errno);
}

ist__crew_state ist__crew_last(const ist__crew *crew)
{
    return (ist__crew_state){.threads = crew->plan->thread_count,
                             .bind_refused = crew->refusals,
                             .bind_errno = crew->first_errno,
                             .bound_pu = crew->bound_pu,
                             .stack = crew->stack,
                             .pages = &crew->pages};
}
