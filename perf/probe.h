/* probe.h - what the machine can do right now: multiply-adds and memory bandwidth.
 *
 * A benchmark on a shared machine means little without the peak of the same moment: clocks change, and a neighbour on
 * the other hyperthread of a core takes half of it.  So probes are short and stand right beside what is measured.
 *
 * Threads are OpenMP threads, bound for the time of a probe to one allowed processor each (first one of every core,
 * then their siblings) and given back their old affinity afterwards.  Not inside a parallel region. */
#ifndef IST_PERF_PROBE_H
#define IST_PERF_PROBE_H

#include <stddef.h>

enum { PROBE_PORTABLE = 0, PROBE_AVX2 = 1, PROBE_AVX512 = 2 };

#define PROBE_SECONDS     0.004             /* long enough for 400 chunks of work, short beside any sample */
#define PROBE_TRIAD_BYTES ((size_t)1 << 26) /* one array: 64 MiB, three of them exceed most caches */

int probe_has(int isa); /* this program and this processor have it */
int probe_best_isa(void);
const char *probe_isa_name(int isa); /* "portable", "avx2", "avx512" */

/* fp32 GFLOP/s (a multiply-add is two) of `threads` threads together; 0 for an isa that is not here. */
double probe_peak_gflops(int isa, int threads, double seconds);

/* GB/s of a = b + s c, fastest of the passes that fit in `seconds` (at least 3).  As STREAM does, each array counts
 * once, although a store may also read its line.  0 when there is no memory for the arrays. */
double probe_triad_gb_per_s(int threads, size_t array_bytes, double seconds);

/* GB/s of reading an array once, fastest of `passes`; each thread reads its own part, which it touched first.  The array
 * stays for the next call with the same arguments, until one with 0 threads.  0 when there is no memory for it. */
double probe_read_gb_per_s(int isa, int threads, size_t bytes, int passes);

int probe_cores(void); /* with a processor that we may use; 1 when the kernel does not say */
/* Where thread 0, 1, .. of a probe stands; -1 when the kernel does not say.  The first call of the process is to be made
 * outside of parallel regions. */
int probe_cpu(int thread);

double probe_now_s(void); /* monotonic */

#endif
