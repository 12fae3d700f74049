/* cli_watchdog.c - says who keeps a run waiting when it stands still.
 *
 * Teams wait for each other at barriers, which yield and nap: so a thread that the system does not run, a page that comes
 * from a dead disk, a log on a file system that hangs look all the same from outside, a run that does nothing.  A thread of
 * the tool reads what each thread began last.  It ends nothing, since it cannot know that a step is not merely long.
 *
 * Its line is one write, past the progress line, whose state belongs to the main thread.
 */
#define _POSIX_C_SOURCE 200809L
#include "cli_watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli_say.h"

struct cli_watchdog {
    const ist_trainer *trainer;
    double seconds;
    ist_thread_state *threads; /* (count) */
    int32_t count;
    atomic_bool on;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool over;
    int told;
};

/* All that the threads have begun so far: the same number twice is a run that stands still. */
static int64_t look(cli_watchdog *w)
{
    int64_t beats = 0;
    w->threads->struct_size = sizeof *w->threads;
    if (ist_trainer_threads(w->trainer, w->threads, w->count, &w->count) != IST_OK) return -1;
    for (int32_t i = 0; i < w->count; i++) beats += w->threads[i].beats;
    return beats;
}

/* "team 1, thread 0 on processor 3: step 17, subnet 2", of one that works while others wait. */
static void describe(const ist_thread_state *t, char *out, size_t cap)
{
    char on[32] = "", subnet[32] = "";
    if (t->processor >= 0) snprintf(on, sizeof on, " on processor %d", t->processor);
    if (t->subnet >= 0) snprintf(subnet, sizeof subnet, ", subnet %d", t->subnet);
    snprintf(out, cap, "team %d, thread %d%s: round %lld%s, %s", t->team, t->rank, on, (long long)t->round, subnet,
             *t->doing ? t->doing : "nothing");
}

static void tell(cli_watchdog *w, double still_s)
{
    char line[768], who[160] = "nobody works, all wait";
    int32_t working = 0, waiting = 0;
    for (int32_t i = 0; i < w->count; i++) {
        const ist_thread_state *t = &w->threads[i];
        if (t->waiting || !*t->doing) waiting++;
        else if (working++ == 0) describe(t, who, sizeof who);
    }
    char more[48] = "";
    if (working > 1) snprintf(more, sizeof more, " (and %d more)", working - 1);
    const char *verb = cli_say_verb();
    const int length = snprintf(
        line, sizeof line, "%sist%s%s: note: nothing has moved for %.0f s; %d of %d threads wait, for %s%s\n",
        cli_progress_is_live() ? "\r\033[K" : "", *verb ? " " : "", verb, still_s, waiting, w->count, who, more);
    if (!cli_is_quiet() && write(STDERR_FILENO, line, (size_t)length) < 0) return; /* nobody reads it */
    w->told++;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Until `seconds` have gone, or the end: true. */
static bool rest(cli_watchdog *w, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const double at = (double)until.tv_sec + 1e-9 * (double)until.tv_nsec + seconds;
    until.tv_sec = (time_t)at;
    until.tv_nsec = (long)((at - (double)until.tv_sec) * 1e9);
    while (!w->over && pthread_cond_timedwait(&w->wake, &w->lock, &until) != ETIMEDOUT) continue;
    return w->over;
}

static void *work(void *argument)
{
    cli_watchdog *w = argument;
    int64_t before = -1;
    double since_s = now_s(), patience_s = w->seconds;
    const double every_s = w->seconds < 4 ? w->seconds / 4 : 1;
    pthread_mutex_lock(&w->lock);
    while (!rest(w, every_s)) {
        const int64_t beats = atomic_load(&w->on) ? look(w) : -1;
        if (beats < 0 || beats != before) {
            before = beats;
            since_s = now_s();
            patience_s = w->seconds;
        } else if (now_s() - since_s >= patience_s) {
            tell(w, now_s() - since_s);
            patience_s *= 2;
        }
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Signals are the main thread's. */
static bool start_thread(cli_watchdog *w)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    const int refusal = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return refusal == 0;
}

cli_watchdog *cli_watchdog_start(const ist_trainer *trainer, double seconds)
{
    int32_t count = 0;
    if (!(seconds > 0) || ist_trainer_threads(trainer, NULL, 0, &count) != IST_OK || count < 1) return NULL;
    cli_watchdog *w = calloc(1, sizeof *w);
    ist_thread_state *threads = calloc((size_t)count, sizeof *threads);
    pthread_condattr_t steady;
    if (!w || !threads || pthread_condattr_init(&steady) != 0) {
        free(w);
        free(threads);
        return NULL;
    }
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    w->trainer = trainer;
    w->seconds = seconds;
    w->threads = threads;
    w->count = count;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, &steady);
    pthread_condattr_destroy(&steady);
    if (start_thread(w)) return w;
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(threads);
    free(w);
    return NULL;
}

void cli_watchdog_watch(cli_watchdog *w, bool on)
{
    if (w) atomic_store(&w->on, on);
}

int cli_watchdog_end(cli_watchdog *w)
{
    if (!w) return 0;
    pthread_mutex_lock(&w->lock);
    w->over = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    const int told = w->told;
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w->threads);
    free(w);
    return told;
}
