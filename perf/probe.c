#define _GNU_SOURCE /* sched_setaffinity, CPU_*, madvise */
#include "probe.h"

#include <omp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "probe_kernels.h"

enum { CHUNK_TURNS = 1000 }; /* about 5 microseconds: the clock is read seldom and the end is met closely */

double probe_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ------------------------------------------------------------------------------------------------ instruction sets */

int probe_has(int isa)
{
#ifdef __x86_64__
    if (isa == PROBE_AVX512) return __builtin_cpu_supports("avx512f") != 0;
    if (isa == PROBE_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return isa == PROBE_PORTABLE;
}

int probe_best_isa(void)
{
    return probe_has(PROBE_AVX512) ? PROBE_AVX512 : probe_has(PROBE_AVX2) ? PROBE_AVX2 : PROBE_PORTABLE;
}

const char *probe_isa_name(int isa)
{
    return isa == PROBE_AVX512 ? "avx512" : isa == PROBE_AVX2 ? "avx2" : "portable";
}

static float run_loop(int isa, int64_t turns)
{
#ifdef __x86_64__
    if (isa == PROBE_AVX512) return probe_loop_avx512(turns);
    if (isa == PROBE_AVX2) return probe_loop_avx2(turns);
#endif
    (void)isa;
    return probe_loop_portable(turns);
}

/* --------------------------------------------------------------------------------------------------------- threads */

/* The processor is the first one of its core, of those we may use. */
static int first_of_core(int cpu, const cpu_set_t *allowed)
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *file = fopen(path, "r");
    int first = cpu;
    if (file != NULL) {
        if (fscanf(file, "%d", &first) != 1) first = cpu;
        fclose(file);
    }
    return first == cpu || first < 0 || first >= CPU_SETSIZE || !CPU_ISSET((size_t)first, allowed);
}

/* Where thread 0, 1, .. stands, and how many cores that is; count 0: the kernel does not say. */
typedef struct places {
    int cpus[CPU_SETSIZE];
    int count, cores;
} places;

/* Found once, outside of parallel regions: neither a probe nor a sample must read files. */
static const places *find_places(void)
{
    static places found;
    cpu_set_t allowed;
    if (found.cores > 0) return &found;
    found.cores = 1;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return &found;
    for (int want_first = 1; want_first >= 0; want_first--) {
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET((size_t)cpu, &allowed) && first_of_core(cpu, &allowed) == want_first)
                found.cpus[found.count++] = cpu;
        if (want_first) found.cores = found.count;
    }
    return &found;
}

int probe_cores(void)
{
    return find_places()->cores;
}

int probe_cpu(int thread)
{
    const places *p = find_places();
    return p->count > 0 ? p->cpus[thread % p->count] : -1;
}

static void stand_on(int cpu, cpu_set_t *before)
{
    CPU_ZERO(before);
    if (cpu < 0 || sched_getaffinity(0, sizeof *before, before) != 0) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    (void)sched_setaffinity(0, sizeof one, &one); /* refused: the probe is then as bound as everything else here */
}

static void stand_as(const cpu_set_t *before)
{
    if (CPU_COUNT(before) > 0) (void)sched_setaffinity(0, sizeof *before, before);
}

/* ------------------------------------------------------------------------------------------------------------ peak */

double probe_peak_gflops(int isa, int threads, double seconds)
{
    if (!probe_has(isa) || threads < 1) return 0.0;
    (void)find_places();
    const double lanes = isa == PROBE_AVX512 ? 16.0 : isa == PROBE_AVX2 ? 8.0 : 4.0;
    double gflops = 0.0, sum = 0.0;
#pragma omp parallel num_threads(threads) reduction(+ : gflops, sum)
    {
        cpu_set_t before;
        stand_on(probe_cpu(omp_get_thread_num()), &before);
        /* The core needs some time to turn on wide registers, and threads do not start all at once. */
        const double warm = probe_now_s() + 0.1 * seconds;
        while (probe_now_s() < warm) sum += (double)run_loop(isa, CHUNK_TURNS);
#pragma omp barrier
        const double begin = probe_now_s();
        double end = begin;
        int64_t chunks = 0;
        for (; end - begin < seconds; chunks++) {
            sum += (double)run_loop(isa, CHUNK_TURNS);
            end = probe_now_s();
        }
        gflops = 2e-9 * lanes * PROBE_MULTIPLY_ADDS * CHUNK_TURNS * (double)chunks / (end - begin);
        stand_as(&before);
    }
    return sum > 0.0 ? gflops : 0.0; /* always; but now the sums are needed */
}

/* ----------------------------------------------------------------------------------------------------------- triad */

static void triad(float *restrict x, const float *restrict y, const float *restrict z, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) x[i] = y[i] + 3.0F * z[i];
}

double probe_triad_gb_per_s(int threads, size_t array_bytes, double seconds)
{
    const size_t count = array_bytes / sizeof(float), bytes = 3 * count * sizeof(float);
    if (threads < 1 || count == 0) return 0.0;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 0.0;
    (void)madvise(memory, bytes, MADV_HUGEPAGE); /* as libist's own blocks; refused: small pages, a little slower */
    float *x = memory, *y = x + count, *z = y + count;
    (void)find_places();
    double best_s = 1e30, stop_s = 0.0;
    int enough = 0;
#pragma omp parallel num_threads(threads)
    {
        const size_t t = (size_t)omp_get_thread_num(), all = (size_t)omp_get_num_threads();
        const size_t begin = count * t / all, end = count * (t + 1) / all;
        cpu_set_t before;
        stand_on(probe_cpu((int)t), &before);
        for (size_t i = begin; i < end; i++) { /* first touch by who will use it */
            x[i] = 0.0F;
            y[i] = 1.0F;
            z[i] = 2.0F;
        }
#pragma omp barrier
#pragma omp master
        stop_s = probe_now_s() + seconds;
#pragma omp barrier
        for (int pass = 0; !enough; pass++) {
            const double start_s = probe_now_s();
            triad(x, y, z, begin, end);
#pragma omp barrier
#pragma omp master
            {
                const double now_s = probe_now_s();
                if (pass > 0 && now_s - start_s < best_s) best_s = now_s - start_s;
                enough = pass >= 3 && now_s >= stop_s;
            }
#pragma omp barrier
        }
        stand_as(&before);
    }
    munmap(memory, bytes);
    return 1e-9 * (double)bytes / best_s;
}

/* ------------------------------------------------------------------------------------------------------------ read */

static float read_once(int isa, const float *x, int64_t count)
{
#ifdef __x86_64__
    if (isa == PROBE_AVX512) return probe_read_avx512(x, count);
    if (isa == PROBE_AVX2) return probe_read_avx2(x, count);
#endif
    (void)isa;
    return probe_read_portable(x, count);
}

double probe_read_gb_per_s(int isa, int threads, size_t bytes, int passes)
{
    enum { UNIT = 64 }; /* floats that a turn of the loops reads, and whole cache lines */
    static struct {
        float *memory;
        size_t bytes;
        int threads;
    } kept;
    const size_t units = bytes / (UNIT * sizeof(float));
    const int again = kept.memory && kept.bytes == bytes && kept.threads == threads;
    if (!again && kept.memory) {
        munmap(kept.memory, kept.bytes);
        kept.memory = NULL;
    }
    if (threads < 1 || units < (size_t)threads || !probe_has(isa)) return 0.0;
    if (!again) {
        void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return 0.0;
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
        kept.memory = memory;
        kept.bytes = bytes;
        kept.threads = threads;
    }
    (void)find_places();
    double best_s = 1e30, sum = 0.0, start_s = 0.0;
#pragma omp parallel num_threads(threads) reduction(+ : sum)
    {
        const size_t t = (size_t)omp_get_thread_num(), all = (size_t)omp_get_num_threads();
        const size_t begin = units * t / all * UNIT, end = units * (t + 1) / all * UNIT;
        cpu_set_t before;
        stand_on(probe_cpu((int)t), &before);
        for (size_t i = begin; !again && i < end; i++) kept.memory[i] = 1.0F;
        for (int pass = 0; pass < passes; pass++) {
#pragma omp barrier
#pragma omp master
            start_s = probe_now_s();
            sum += (double)read_once(isa, kept.memory + begin, (int64_t)(end - begin));
#pragma omp barrier
#pragma omp master
            {
                const double now_s = probe_now_s();
                if (now_s - start_s < best_s) best_s = now_s - start_s;
            }
        }
        stand_as(&before);
    }
    return sum > 0.0 ? 1e-9 * (double)(units * UNIT * sizeof(float)) / best_s : 0.0;
}
