/* host_state.h - what a library could change of the process that calls it, each aspect told as text: so two states compare as
 * strings, and a difference can be read.  Include after #define _GNU_SOURCE.
 *
 *     host_watch(&host_signals);          from here on
 *     host_compare("the call's name");    after each call: notes the first difference
 *     CHECK_STR(host_difference, "");
 *
 * No CHECK in here: calls may come from any thread.
 */
#ifndef IST_TESTS_HOST_STATE_H
#define IST_TESTS_HOST_STATE_H

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <wchar.h>
#if defined(__x86_64__)
#  include <xmmintrin.h>
#endif

enum { HOST_TEXT_BYTES = 1 << 16, HOST_POOL = 4 };

typedef struct host_text {
    size_t length;
    char text[HOST_TEXT_BYTES];
} host_text;

typedef struct host_aspect {
    const char *name;
    void (*tell)(host_text *out);
    int saving; /* 1: a save under way is part of it */
} host_aspect;

__attribute__((format(printf, 2, 3))) static inline void host_say(host_text *out, const char *format, ...)
{
    const size_t room = sizeof out->text - out->length;
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(out->text + out->length, room, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length < room) out->length += (size_t)length;
}

/* ----------------------------------------------------------------------------------------------------- threads -- */

static inline void host_tell_mask(host_text *out, const cpu_set_t *mask)
{
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, mask)) host_say(out, " %zu", cpu);
}

/* The masks and names of the caller and of its OpenMP pool. */
static inline void host_tell_affinity(host_text *out)
{
    cpu_set_t masks[HOST_POOL];
    char names[HOST_POOL][16];
    memset(masks, 0, sizeof masks);
    memset(names, 0, sizeof names);
#pragma omp parallel num_threads(HOST_POOL) default(none) shared(masks, names)
    {
        const int thread = omp_get_thread_num();
        (void)sched_getaffinity(0, sizeof masks[thread], &masks[thread]);
        (void)pthread_getname_np(pthread_self(), names[thread], sizeof names[thread]);
    }
    for (int i = 0; i < HOST_POOL; i++) {
        host_say(out, "thread %d \"%s\" may run on", i, names[i]);
        host_tell_mask(out, &masks[i]);
        host_say(out, "\n");
    }
}

static inline void host_tell_openmp(host_text *out)
{
    omp_sched_t kind;
    int chunk, given = 0;
    omp_get_schedule(&kind, &chunk);
    host_say(out, "threads %d of %d, dynamic %d, levels %d, schedule %d, %d, cancellation %d\n", omp_get_max_threads(),
             omp_get_thread_limit(), omp_get_dynamic(), omp_get_max_active_levels(), (int)kind, chunk,
             omp_get_cancellation());
    host_say(out, "bind %d, partition %d", (int)omp_get_proc_bind(), omp_get_partition_num_places());
    for (int place = 0; place < omp_get_num_places(); place++) {
        int ids[CPU_SETSIZE];
        const int count = omp_get_place_num_procs(place);
        omp_get_place_proc_ids(place, ids);
        host_say(out, "; place %d:", place);
        for (int i = 0; i < count; i++) host_say(out, " %d", ids[i]);
    }
#pragma omp parallel default(none) shared(given)
    {
#pragma omp single
        given = omp_get_num_threads();
    }
    host_say(out, "; a region has %d threads\n", given);
}

/* What OpenBLAS would use for a call of the host's own, asked of the library that is loaded. */
static inline void host_tell_blas(host_text *out)
{
    int (*ask)(void) = NULL;
    const char *const names[] = {"openblas_get_num_threads", "openblas_get_parallel", "openblas_get_num_procs"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *const symbol = dlsym(RTLD_DEFAULT, names[i]);
        memcpy(&ask, &symbol, sizeof ask);
        host_say(out, "%s %d\n", names[i], ask ? ask() : -1);
    }
}

/* How the system treats the calling thread. */
static inline void host_tell_scheduling(host_text *out)
{
    struct sched_param parameter;
    unsigned long nodes[16] = {0};
    int policy = 0, mode = -1;
    memset(&parameter, 0, sizeof parameter);
    (void)pthread_getschedparam(pthread_self(), &policy, &parameter);
    const long refused = syscall(SYS_get_mempolicy, &mode, nodes, sizeof nodes * 8, NULL, 0UL);
    host_say(out, "policy %d, priority %d, nice %d, slack %d\n", policy, parameter.sched_priority,
             getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid)), prctl(PR_GET_TIMERSLACK));
    host_say(out, "memory policy %ld %d %lx, no huge pages %d, dumpable %d\n", refused, mode, nodes[0],
             prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), prctl(PR_GET_DUMPABLE));
}

/* ----------------------------------------------------------------------------------------------------- process -- */

static inline void host_tell_locale(host_text *out)
{
    const struct lconv *now = localeconv();
    host_say(out, "%s; point \"%s\", thousands \"%s\", of the thread %p\n", setlocale(LC_ALL, NULL), now->decimal_point,
             now->thousands_sep, (void *)uselocale((locale_t)0));
}

static inline void host_tell_set(host_text *out, const sigset_t *set)
{
    for (int s = 1; s < NSIG; s++)
        if (sigismember(set, s) == 1) host_say(out, " %d", s);
}

static inline void host_tell_signals(host_text *out)
{
    for (int s = 1; s < NSIG; s++) {
        struct sigaction action;
        void *handler = NULL;
        memset(&action, 0, sizeof action);
        if (sigaction(s, NULL, &action) != 0) continue;
        memcpy(&handler, &action.sa_handler, sizeof handler);
        host_say(out, "%d: %p, flags %x, blocks", s, handler, (unsigned)action.sa_flags);
        host_tell_set(out, &action.sa_mask);
        host_say(out, "\n");
    }
    sigset_t blocked, pending;
    stack_t stack;
    struct itimerval timer;
    memset(&stack, 0, sizeof stack);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    (void)sigpending(&pending);
    (void)sigaltstack(NULL, &stack);
    host_say(out, "blocked");
    host_tell_set(out, &blocked);
    host_say(out, "; pending");
    host_tell_set(out, &pending);
    host_say(out, "; stack %p %zu %d\n", stack.ss_sp, stack.ss_size, stack.ss_flags);
    for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++)
        if (getitimer((__itimer_which_t)which, &timer) == 0)
            host_say(out, "timer %d: %s\n", which, timer.it_value.tv_sec + timer.it_value.tv_usec > 0 ? "set" : "none");
}

/* Which files are open, where in them, with which flags. */
static inline void host_tell_descriptors(host_text *out)
{
    DIR *folder = opendir("/proc/self/fd");
    if (!folder) return;
    for (int fd = 0; fd < 256; fd++) {
        char path[64], target[256];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        const ssize_t length = fd == dirfd(folder) ? -1 : readlink(path, target, sizeof target - 1);
        if (length < 0) continue;
        target[length] = '\0';
        host_say(out, "%d: %s, flags %x %x, at %lld\n", fd, target, (unsigned)fcntl(fd, F_GETFD),
                 (unsigned)fcntl(fd, F_GETFL), (long long)lseek(fd, 0, SEEK_CUR));
    }
    closedir(folder);
}

static inline void host_tell_process(host_text *out)
{
    char folder[512] = "";
    const mode_t mask = umask(022);
    (void)umask(mask);
    host_say(out, "in %s, umask %o, user %d %d, group %d, session %d\n", getcwd(folder, sizeof folder), (unsigned)mask,
             (int)getuid(), (int)geteuid(), (int)getgid(), (int)getsid(0));
    for (int which = 0; which < RLIM_NLIMITS; which++) {
        struct rlimit limit;
        if (getrlimit((__rlimit_resource_t)which, &limit) == 0)
            host_say(out, "limit %d: %llu %llu\n", which, (unsigned long long)limit.rlim_cur,
                     (unsigned long long)limit.rlim_max);
    }
}

static inline void host_tell_environment(host_text *out)
{
    host_say(out, "at %p\n", (void *)environ);
    for (char **entry = environ; *entry; entry++) host_say(out, "%p %s\n", (void *)*entry, *entry);
}

/* What was written to the streams, buffered or not. */
static inline void host_tell_output(host_text *out)
{
    for (int fd = 1; fd <= 2; fd++) {
        struct stat about;
        memset(&about, 0, sizeof about);
        (void)fstat(fd, &about);
        host_say(out, "%d: %lld bytes in the file, %zu in the stream, mode %d\n", fd, (long long)about.st_size,
                 __fpending(fd == 1 ? stdout : stderr), fwide(fd == 1 ? stdout : stderr, 0));
    }
}

/* Rounding, flushing to zero, traps, and the exceptions raised so far. */
static inline void host_tell_floats(host_text *out)
{
    host_say(out, "rounding %d, traps %x, raised %x", fegetround(), (unsigned)fegetexcept(),
             (unsigned)fetestexcept(FE_ALL_EXCEPT));
#if defined(__x86_64__)
    host_say(out, ", mxcsr %x", _mm_getcsr());
#endif
    host_say(out, "\n");
}

/* Where the host's stream of rand() stands: what comes next.  srand(HOST_SEED) first. */
enum { HOST_SEED = 4711 };
static inline void host_tell_random(host_text *out)
{
    host_say(out, "next %d\n", rand());
    srand(HOST_SEED);
}

static const host_aspect host_affinity = {"affinity", host_tell_affinity, 0};
static const host_aspect host_openmp = {"OpenMP", host_tell_openmp, 0};
static const host_aspect host_blas = {"BLAS", host_tell_blas, 0};
static const host_aspect host_scheduling = {"scheduling", host_tell_scheduling, 0};
static const host_aspect host_locale = {"locale", host_tell_locale, 0};
static const host_aspect host_signals = {"signals", host_tell_signals, 0};
static const host_aspect host_descriptors = {"descriptors", host_tell_descriptors, 1};
static const host_aspect host_process = {"process", host_tell_process, 0};
static const host_aspect host_environment = {"environment", host_tell_environment, 0};
static const host_aspect host_output = {"output", host_tell_output, 0};
static const host_aspect host_floats = {"floats", host_tell_floats, 0};
static const host_aspect host_random = {"rand", host_tell_random, 0};

/* ---------------------------------------------------------------------------------------------------- watching -- */

static const host_aspect *host_watched; /* NULL: none */
static host_text host_before, host_now;
static char host_difference[2048]; /* the first found */

static inline void host_note(const char *call, const char *was, const char *is)
{
    if (*host_difference) return;
    size_t from = 0;
    while (was[from] && was[from] == is[from]) from++;
    while (from > 0 && was[from - 1] != '\n') from--;
    snprintf(host_difference, sizeof host_difference, "after %.400s: was \"%.600s\", is \"%.600s\"", call, was + from,
             is + from);
}

static inline void host_watch(const host_aspect *aspect)
{
    host_watched = aspect;
    host_before.length = 0;
    *host_before.text = '\0';
    aspect->tell(&host_before);
}

static inline void host_compare(const char *call)
{
    if (!host_watched) return;
    host_now.length = 0;
    *host_now.text = '\0';
    host_watched->tell(&host_now);
    if (strcmp(host_now.text, host_before.text) != 0) host_note(call, host_before.text, host_now.text);
}

#endif
