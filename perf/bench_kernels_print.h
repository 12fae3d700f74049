/* bench_kernels_print.h - lines of ist-bench-kernels, as a table, CSV or JSON. */
#ifndef IST_PERF_BENCH_KERNELS_PRINT_H
#define IST_PERF_BENCH_KERNELS_PRINT_H

#include "bench_kernels_time.h"

enum { PRINT_TABLE, PRINT_CSV, PRINT_JSON };

/* The machine, for one number of threads. */
typedef struct bench_machine {
    int32_t threads;
    double good_peak;    /* 90th percentile of the probes, GFLOP/s; of the widest instruction set */
    double isa_share[3]; /* peak of each PROBE_* instruction set, as a share of that */
    double triad_gb_per_s;
    const char *blas_config, *blas_core_type;
} bench_machine;

void bench_print_begin(int format, const bench_machine *machines, int32_t count, bool timed);
/* What the samples of a case say, and its check. */
void bench_print_case(int format, const bench_case *c, const bench_machine *machine);
void bench_print_end(int format);

#endif
