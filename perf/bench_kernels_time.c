#define _GNU_SOURCE /* sched_setaffinity, CPU_* */
#include "bench_kernels_time.h"

#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/share.h"
#include "probe.h"
#include "stats.h"

static const double PROBE_S = 0.001, SAMPLE_S = 0.003, KEEP = 0.96, BUSY = 0.98;
/* SLICE: rows that kernels are given at once in training; fewer would load operands more often than training does. */
enum { SLICE = 128, REPEATS_MOST = 64 };

/* --------------------------------------------------------------------------------------------------------- threads */

static double thread_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Items [first, last), by `threads` threads that stand on a processor each, `repeats` times.  Returns seconds from the
 * first start to the last end; *busy as bench_sample has it.
 * A region of one thread is not parallel to OpenBLAS, which would then start threads of its own: it gets a second one
 * that does nothing. */
static double run(const bench_kernel *k, const bench_data *data, const bench_set *set, int32_t threads, int32_t first,
                  int32_t last, int32_t repeats, double *busy)
{
    double begin_s = 1e300, last_begin_s = 0, end_s = 0, least_busy = 1;
    const int32_t panels = (last - first + BENCH_PANEL - 1) / BENCH_PANEL,
                  team = set->blas && threads < 2 ? 2 : threads;
    (void)probe_cpu(0);
#pragma omp parallel num_threads(team) reduction(min : begin_s, least_busy) reduction(max : last_begin_s, end_s)
    {
        const int32_t rank = omp_get_thread_num();
        cpu_set_t before, own;
        const int cpu = rank < threads ? probe_cpu(rank) : -1;
        const bool bound = cpu >= 0 && sched_getaffinity(0, sizeof before, &before) == 0;
        if (bound) {
            CPU_ZERO(&own);
            CPU_SET((size_t)cpu, &own);
            (void)sched_setaffinity(0, sizeof own, &own); /* refused: as good as it gets, `busy` shows */
        }
        int64_t from, to;
        ist__share(panels, rank < threads ? rank : 0, threads, &from, &to);
        from = first + from * BENCH_PANEL;
        to = first + to * BENCH_PANEL < last ? first + to * BENCH_PANEL : last;
#pragma omp barrier
        if (rank < threads && from < to) {
            const double run_s = thread_seconds();
            begin_s = last_begin_s = probe_now_s();
            for (int32_t i = 0; i < repeats; i++) k->run(data, set, rank, (int32_t)from, (int32_t)to);
            end_s = probe_now_s();
            if (end_s > begin_s) least_busy = (thread_seconds() - run_s) / (end_s - begin_s);
        }
        if (bound) (void)sched_setaffinity(0, sizeof before, &before);
    }
    const double apart = 1 - (last_begin_s - begin_s) / (end_s - begin_s); /* a late thread was not running either */
    *busy = least_busy < apart ? least_busy : apart;
    return end_s - begin_s;
}

void bench_run_all(const bench_kernel *k, const bench_data *data, const bench_set *set, int32_t threads)
{
    double busy;
    run(k, data, set, threads, 0, k->items(&data->shape), 1, &busy);
}

/* --------------------------------------------------------------------------------------------------------- samples */

void bench_calibrate(bench_case *c, const bench_data *data)
{
    const int32_t items = c->kernel->items(&c->shape), least = SLICE * c->threads;
    double busy;
    c->next = 0;
    c->repeats = 1;
    /* OpenBLAS copies the activations in each call: it is given all its rows at once. */
    c->slice = c->set->blas || least > items ? items : least;
    double seconds = 1e300;
    for (int i = 0; i < 2; i++) { /* the first run also brings data near */
        const double now = run(c->kernel, data, c->set, c->threads, 0, c->slice, 1, &busy);
        seconds = now < seconds ? now : seconds;
    }
    const double times = SAMPLE_S / (seconds > 1e-9 ? seconds : 1e-9);
    if (c->slice == items) {
        c->repeats = times < 1 ? 1 : times > REPEATS_MOST ? REPEATS_MOST : (int32_t)times;
    } else if (times * c->slice >= items) {
        const double whole = times * c->slice / items;
        c->slice = items;
        c->repeats = whole > REPEATS_MOST ? REPEATS_MOST : (int32_t)whole;
    } else if (times >= 1) {
        c->slice *= (int32_t)times;
    }
}

bool bench_probe(bench_probes *probes, int32_t threads)
{
    if (probes->count == probes->room) {
        const int32_t room = probes->room ? 2 * probes->room : 1024;
        double *more = realloc(probes->peak, (size_t)room * sizeof *more);
        if (!more) return false;
        probes->peak = more;
        probes->room = room;
    }
    probes->peak[probes->count++] = probe_peak_gflops(probe_best_isa(), threads, PROBE_S);
    return true;
}

bool bench_take(bench_case *c, const bench_data *data, bench_probes *probes)
{
    const int32_t items = c->kernel->items(&c->shape), first = c->next;
    const int32_t last = items - first < c->slice ? items : first + c->slice;
    c->next = last < items ? last : 0; /* slices go around: a matrix that no cache holds comes from memory */
    bench_data_refresh(data);
    bench_sample *s = &c->samples[c->taken++];
    const double seconds = run(c->kernel, data, c->set, c->threads, first, last, c->repeats, &s->busy);
    s->items_per_s = (double)(last - first) * c->repeats / seconds;
    if (!bench_probe(probes, c->threads)) return false;
    const double before = probes->peak[probes->count - 2], after = probes->peak[probes->count - 1];
    s->peak = (before + after) / 2;
    s->lowest = before < after ? before : after;
    return true;
}

double bench_good_peak(const bench_probes *probes)
{
    double *sorted = malloc((size_t)(probes->count + 1) * sizeof *sorted);
    if (!sorted) return 0;
    memcpy(sorted, probes->peak, (size_t)probes->count * sizeof *sorted);
    const double good = stats_quantile(sorted, probes->count, 0.9);
    free(sorted);
    return good;
}

int32_t bench_kept(const bench_case *c, double good_peak)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < c->taken; i++) kept += bench_keeps(&c->samples[i], good_peak);
    return kept;
}

bool bench_keeps(const bench_sample *sample, double good_peak)
{
    return sample->lowest >= KEEP * good_peak && sample->busy >= BUSY;
}
