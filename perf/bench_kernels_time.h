/* bench_kernels_time.h - how long a kernel takes, on a machine that others use too.
 *
 * Samples are short, and each has a probe of the multiply-add peak before and after it.  A sample counts when both probes
 * reach KEEP of what good ones reach (the 90th percentile) and its threads had their processors to themselves; it
 * is compared with the peak of its own two probes. */
#ifndef IST_PERF_BENCH_KERNELS_TIME_H
#define IST_PERF_BENCH_KERNELS_TIME_H

#include "bench_kernels.h"

typedef struct bench_sample {
    double items_per_s;
    double peak;   /* mean of its two probes, GFLOP/s of all threads */
    double lowest; /* of the two */
    double busy;   /* the least share of the time that a thread was running */
} bench_sample;

/* One line of the answer. */
typedef struct bench_case {
    const bench_kernel *kernel;
    const bench_set *set;
    bench_shape shape;
    int32_t threads;
    bench_error error;
    int32_t slice, repeats; /* items of a sample, and how often */
    int32_t next;           /* item */
    int32_t taken;
    bench_sample *samples;
} bench_case;

/* Probes of one number of threads. */
typedef struct bench_probes {
    int32_t count, room;
    double *peak;
} bench_probes;

/* Run all items of a kernel once. */
void bench_run_all(const bench_kernel *k, const bench_data *data, const bench_set *set, int32_t threads);

/* Choose slice and repeats so that a sample takes a few milliseconds. */
void bench_calibrate(bench_case *c, const bench_data *data);

/* One more probe.  False without memory. */
bool bench_probe(bench_probes *probes, int32_t threads);

/* What good probes reach: their 90th percentile. */
double bench_good_peak(const bench_probes *probes);

/* One more sample, between the last probe and one more. */
bool bench_take(bench_case *c, const bench_data *data, bench_probes *probes);

/* Does the sample count? */
bool bench_keeps(const bench_sample *sample, double good_peak);
int32_t bench_kept(const bench_case *c, double good_peak); /* how many do */

#endif
