/* cli_triad.c - bandwidth of memory: a = b + s c by as many threads as there are cores of ours on a node, each bound to
 * one, each with arrays that no cache holds; the best of a few passes counts. */
#define _GNU_SOURCE /* pthread_setaffinity_np */
#include "cli_triad.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_json.h"
#include "cli_say.h"

enum { NUMBERS = 4 << 20, PASSES = 6 }; /* 16 MiB an array and thread */

typedef struct walker {
    pthread_t thread;
    int pu, touch_pu; /* where it works; where its memory is touched first */
    struct walk *walk;
    double best_s; /* of a pass */
    bool failed;
} walker;

/* All of them; nobody begins before all are there. */
typedef struct walk {
    pthread_mutex_t gate;
    pthread_barrier_t meet;
    bool off; /* some could not be made */
} walk;

static void stand_on(int pu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (pu < 0 || pu >= CPU_SETSIZE) return;
    CPU_SET((size_t)pu, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set); /* refused: it is measured where it stands */
}

static void *run_walker(void *argument)
{
    walker *w = argument;
    pthread_mutex_lock(&w->walk->gate);
    pthread_mutex_unlock(&w->walk->gate);
    if (w->walk->off) return NULL;
    stand_on(w->touch_pu);
    float *a = malloc(3 * sizeof *a * NUMBERS);
    w->failed = !a;
    if (a) memset(a, 0, 3 * sizeof *a * NUMBERS);
    stand_on(w->pu);
    for (int pass = 0; pass < PASSES; pass++) {
        pthread_barrier_wait(&w->walk->meet);
        const double began = cli_wall_s();
        for (int i = 0; a && i < NUMBERS; i++) a[i] = a[NUMBERS + i] + 1.5F * a[2 * NUMBERS + i];
        __asm__ volatile("" : : "r"(a) : "memory"); /* it is needed */
        pthread_barrier_wait(&w->walk->meet);
        const double took = cli_wall_s() - began;
        if (pass == 0 || took < w->best_s) w->best_s = took;
    }
    free(a);
    return NULL;
}

/* GB/s of all of them together, each array counted once; 0: it could not be measured. */
static double triad(walker *walkers, int count)
{
    walk all = {.gate = PTHREAD_MUTEX_INITIALIZER};
    if (count < 1 || pthread_barrier_init(&all.meet, NULL, (unsigned)count)) return 0;
    pthread_mutex_lock(&all.gate);
    int made = 0;
    for (; made < count; made++) {
        walkers[made].walk = &all;
        if (pthread_create(&walkers[made].thread, NULL, run_walker, &walkers[made])) break;
    }
    bool failed = all.off = made < count;
    pthread_mutex_unlock(&all.gate);
    for (int i = 0; i < made; i++) {
        pthread_join(walkers[i].thread, NULL);
        failed |= walkers[i].failed;
    }
    pthread_barrier_destroy(&all.meet);
    return failed ? 0 : 1e-9 * 3 * sizeof(float) * (double)NUMBERS * count / walkers[0].best_s;
}

static int pu_of(const json_t *node, size_t i)
{
    const json_t *pus = json_object_get(node, "pus");
    const size_t count = json_array_size(pus);
    return count ? (int)json_integer_value(json_array_get(pus, i % count)) : -1;
}

#define SET(field, value_) cli_rate_set(rates, offsetof(ist_rates, field), value_, CLI_MEASURED)

void cli_triad_measure(cli_rates *rates, ist_context *context)
{
    json_t *report = cli_context_report(context);
    const json_t *nodes = json_object_get(json_object_get(report, "machine"), "nodes"), *node, *with[2] = {NULL, NULL};
    size_t i;
    json_array_foreach(nodes, i, node)
    {
        if (json_array_size(json_object_get(node, "pus")) == 0) continue;
        if (!with[0]) with[0] = node;
        else if (!with[1]) with[1] = node;
    }
    const int count = (int)json_array_size(json_object_get(with[0], "pus"));
    walker *walkers = count > 0 ? calloc((size_t)count, sizeof *walkers) : NULL;
    if (walkers) {
        for (int k = 0; k < count; k++) walkers[k].pu = walkers[k].touch_pu = pu_of(with[0], (size_t)k);
        const double one = triad(walkers, 1), all = triad(walkers, count);
        if (one > 0) SET(fill_gb_per_s, one);
        if (all > 0) SET(node_gb_per_s, all);
        for (int k = 0; k < count; k++) walkers[k].touch_pu = pu_of(with[1], (size_t)k);
        const double across = with[1] ? triad(walkers, count) : 0;
        if (across > 0) SET(between_gb_per_s, across);
    }
    free(walkers);
    json_decref(report);
    const long second = sysconf(_SC_LEVEL2_CACHE_SIZE), third = sysconf(_SC_LEVEL3_CACHE_SIZE);
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (second > 0 || third > 0)
        SET(cache_bytes,
            (double)(second > 0 ? second : 0) + (double)(third > 0 ? third : 0) / (double)(cores > 0 ? cores : 1));
}
