/* marks.c - hands each mark to the probes, the timeline and likwid.
 *
 * Probes: provider ist, phase_begin and phase_end (team, rank, name, round), one place each in the library.  A probe is
 * a nop and a note in the file that says where the arguments are; the kernel puts a trap there when somebody asks.
 *
 * likwid: regions of the names below.  Who owns main() decides whether likwid runs, by likwid_markerInit and
 * likwid_markerClose; here its functions are looked for among what the process has loaded, so that libist neither links it
 * nor reads the environment.
 *
 * Floor: numa.  Hot while somebody listens.
 */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "numa/marks.h"

#include <dlfcn.h>
#include <string.h>

#include "numa/pulse.h"
#include "numa/trace.h"

#if IST_WITH_USDT
#  define STAP_SDT_ARG_CONSTRAINT nr /* values in registers: tools do not know every way to address memory */
#  include <sys/sdt.h>
#  ifdef __clang__ /* what the header's macros expand to is not ours to mend */
#    pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#  endif
#  define PROBE(probe, worker, mark) \
    DTRACE_PROBE4(ist, probe, (worker)->home, (worker)->home_rank, kinds[mark].name, (worker)->round)
#else
#  define PROBE(probe, worker, mark) ((void)(worker))
#endif

typedef struct kind {
    const char *name, *counts;
    const char *region; /* likwid's; NULL: none.  No two of them nest, or one would count the other's events */
} kind;

static const kind kinds[IST__MARKS] = {
    [IST__MARK_BETWEEN] = {"between rounds", NULL, NULL},
    [IST__MARK_CLOSE] = {"close round", "round", NULL},
    [IST__MARK_DEAL] = {"deal", "round", NULL},
    [IST__MARK_ROUND] = {"round", "round", NULL},
    [IST__MARK_GATHER] = {"gather", NULL, "gather"},
    [IST__MARK_TRAIN] = {"train", NULL, NULL},
    [IST__MARK_WRITE_BACK] = {"write back", NULL, "write_back"},
    [IST__MARK_SUBNET] = {"subnet", "subnet", NULL},
    [IST__MARK_WHOLE] = {"whole net", NULL, NULL},
    [IST__MARK_STEP] = {"step", "step", NULL},
    [IST__MARK_ASSEMBLE] = {"assemble", NULL, "assemble"},
    [IST__MARK_FORWARD] = {"forward", "layer", "forward"},
    [IST__MARK_LOSS] = {"loss", NULL, "loss"},
    [IST__MARK_BACKWARD] = {"backward", "layer", "backward"},
    [IST__MARK_UPDATE] = {"update", "layer", "update"},
    [IST__MARK_TEAM_BARRIER] = {"team barrier", NULL, "barrier"},
    [IST__MARK_ALL_BARRIER] = {"all barrier", NULL, "barrier"},
    [IST__MARK_CALIBRATE] = {"calibrate", NULL, NULL},
    [IST__MARK_EVALUATE] = {"evaluate", NULL, NULL},
};

const char *ist__mark_name(int32_t mark)
{
    return kinds[mark].name;
}

const char *ist__mark_counts(int32_t mark)
{
    return kinds[mark].counts;
}

const char *ist__count_name(int32_t count)
{
    static const char *const name[IST__COUNTS] = {[IST__COUNT_LOSS] = "loss", [IST__COUNT_GFLOPS] = "GFLOP/s"};
    return name[count];
}

/* ------------------------------------------------------------------------------------------------------ marks -- */

static void tell_begin(const ist__worker *worker, int32_t mark, int64_t number, int64_t now_ns)
{
    const ist__listener *listener = worker->listener;
    if (listener->lane) ist__trace_begin(listener->lane, mark, number, now_ns);
    if (listener->likwid && kinds[mark].region) (void)listener->likwid->start_region(kinds[mark].region);
}

static void tell_end(const ist__worker *worker, int32_t mark, int64_t now_ns)
{
    const ist__listener *listener = worker->listener;
    if (listener->likwid && kinds[mark].region) (void)listener->likwid->stop_region(kinds[mark].region);
    if (listener->lane) ist__trace_end(listener->lane, now_ns);
}

static void beat(const ist__worker *worker, int32_t mark, int64_t number)
{
    ist__pulse *pulse = worker->pulse;
    if (!pulse) return;                                                              /* of a test */
    const int64_t beats = atomic_load_explicit(&pulse->beats, memory_order_relaxed); /* nobody else writes it */
    atomic_store_explicit(&pulse->beats, beats + 1, memory_order_relaxed);
    if (mark == IST__MARK_TEAM_BARRIER || mark == IST__MARK_ALL_BARRIER) {
        ist__pulse_set(&pulse->waiting, 1);
        return;
    }
    ist__pulse_set(&pulse->mark, mark);
    ist__pulse_set(&pulse->number, (int32_t)number);
    if (mark == IST__MARK_SUBNET) ist__pulse_set(&pulse->subnet, (int32_t)number);
}

/* Not inlined: one place for each probe. */
__attribute__((noinline)) void ist__mark_begin_at(const ist__worker *worker, int32_t mark, int64_t number,
                                                  int64_t now_ns)
{
    PROBE(phase_begin, worker, mark);
    beat(worker, mark, number);
    if (worker->listener) tell_begin(worker, mark, number, now_ns);
}

__attribute__((noinline)) void ist__mark_end_at(const ist__worker *worker, int32_t mark, int64_t now_ns)
{
    PROBE(phase_end, worker, mark);
    if ((mark == IST__MARK_TEAM_BARRIER || mark == IST__MARK_ALL_BARRIER) && worker->pulse)
        ist__pulse_set(&worker->pulse->waiting, 0);
    if (worker->listener) tell_end(worker, mark, now_ns);
}

void ist__mark_begin(const ist__worker *worker, int32_t mark, int64_t number)
{
    ist__mark_begin_at(worker, mark, number, IST__MARK_NOW);
}

void ist__mark_end(const ist__worker *worker, int32_t mark)
{
    ist__mark_end_at(worker, mark, IST__MARK_NOW);
}

void ist__mark_round(ist__worker *worker, int64_t round)
{
    worker->round = round;
    if (worker->pulse) atomic_store_explicit(&worker->pulse->round, round, memory_order_relaxed);
    if (worker->listener && worker->listener->lane) ist__trace_round(worker->listener->lane, round);
}

void ist__mark_bytes(const ist__worker *worker, double bytes)
{
    if (worker->listener && worker->listener->lane) ist__trace_bytes(worker->listener->lane, bytes);
}

void ist__mark_count(const ist__worker *worker, int32_t count, double value)
{
    if (worker->listener && worker->listener->lane) ist__trace_count(worker->listener->lane, count, value);
}

/* -------------------------------------------------------------------------------------------------- listeners -- */

#if IST_WITH_LIKWID
static void find(void *function, const char *name)
{
    void *const symbol = dlsym(RTLD_DEFAULT, name);
    memcpy(function, &symbol, sizeof symbol); /* POSIX lets functions be found through void *, C has no cast for it */
}
#endif

ist__likwid ist__likwid_find(void)
{
    ist__likwid likwid = {NULL, NULL, NULL};
#if IST_WITH_LIKWID
    find(&likwid.thread_init, "likwid_markerThreadInit");
    find(&likwid.start_region, "likwid_markerStartRegion");
    find(&likwid.stop_region, "likwid_markerStopRegion");
    if (!likwid.thread_init || !likwid.stop_region) likwid.start_region = NULL;
#endif
    return likwid;
}

void ist__marks_join(ist__worker *worker, ist__listener *listener, ist__trace *trace, int32_t thread,
                     const ist__likwid *likwid)
{
    const bool counts = likwid->start_region != NULL;
    if (counts) likwid->thread_init(); /* it notes the processor that this thread is on */
    *listener = (ist__listener){trace ? ist__trace_join(trace, thread) : NULL, counts ? likwid : NULL};
    worker->listener = trace || counts ? listener : NULL;
}
