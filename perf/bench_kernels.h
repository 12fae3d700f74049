/* bench_kernels.h - what ist-bench-kernels times and verifies: the kernels of a training step, as a table.
 *
 * A kernel works on `items` (rows of its result, or samples) in any ranges that begin at multiples of 16; so threads and
 * samples of time take whole panels.  The table is bench_kernels_work.c, expected results are bench_kernels_check.c.
 */
#ifndef IST_PERF_BENCH_KERNELS_H
#define IST_PERF_BENCH_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/kernels.h"

enum { BENCH_PANEL = IST__LANES, BENCH_THREADS_MOST = 64, BENCH_PARTS_MOST = 3 };

/* A layer and a batch. */
typedef struct bench_shape {
    int32_t outputs, inputs, batch;
} bench_shape;

/* All arrays of one shape, in one piece of memory. */
typedef struct bench_data {
    bench_shape shape;
    int64_t ld;           /* batch, padded to whole vectors */
    int64_t panel_stride; /* floats: 128 more than a panel has, so that panels do not fall on the same cache sets */
    ist__rule rule[3];    /* SGD, momentum, Adam */
    ist__samples samples; /* (batch, inputs) bytes */
    float *plain;         /* (outputs, inputs) weights */
    float *panel;         /* weights in panels; as many floats in state[] */
    float *state[2];      /* in panels; for OpenBLAS's row (outputs, inputs) */
    float *x, *dx;        /* (inputs, ld) */
    float *y, *z, *d;     /* (outputs, ld) */
    float *d_fresh;       /* (outputs, ld) what d is at first */
    float *gamma, *beta, *inv_std, *dgamma, *dbeta; /* (outputs) */
    float *shift, *factor;                          /* (inputs) */
    float *loss;                                    /* (ld) */
    int32_t *labels, *best;                         /* (ld) */
    int32_t *columns;                               /* (inputs / 2) ascending: what pack_columns takes */
    float *turned;                                  /* (threads, batch, IST__TURNED_ROWS) */
    float *gradient;                                /* (threads, 128, inputs) tiles of OpenBLAS's row */
    void *memory;
    size_t memory_bytes;
} bench_data;

/* False when there is no memory.  Numbers are the same in every run. */
bool bench_data_make(bench_data *out, const bench_shape *shape, int32_t threads);
void bench_data_free(bench_data *data);
/* Put back what kernels spoil, before each check and each sample of time. */
void bench_data_refresh(const bench_data *data);

/* Who computes: kernels of the library, or OpenBLAS with the kernels for what is no product. */
typedef struct bench_set {
    const char *name;
    const ist__kernel_set *kernels;
    bool blas;
} bench_set;

typedef struct bench_cost {
    double flops; /* a multiply-add is two */
    double bytes; /* each operand once, twice where it is read and written */
} bench_cost;

typedef struct bench_value {
    double value, bound; /* what it must be, and how far from it is right */
} bench_value;

/* What element (row, column) of result `part` will be if the kernel runs now. */
typedef bench_value bench_expectation(const bench_data *data, const bench_set *set, int32_t part, int32_t row,
                                      int32_t column);

/* Results are called parts: of Adam the weights, its first and its second state. */
typedef struct bench_kernel {
    const char *name;
    bool takes_outputs, takes_inputs; /* shapes that differ only elsewhere are the same work */
    bool blas;                        /* OpenBLAS can do it, too */
    bool product;                     /* slow where multiply-adds are not fused */
    bool updates;                     /* its results are operands, too */
    int32_t (*items)(const bench_shape *shape);
    bench_cost (*cost)(const bench_shape *shape);
    void (*run)(const bench_data *data, const bench_set *set, int32_t thread, int32_t first, int32_t last);
    /* Result `part`: its extent, where element (row, column) is, and what it will be. */
    int32_t parts;
    void (*extent)(const bench_data *data, int32_t part, int32_t *rows, int32_t *columns);
    float *(*place)(const bench_data *data, const bench_set *set, int32_t part, int32_t row, int32_t column);
    bench_expectation *expect;
} bench_kernel;

extern const bench_kernel bench_kernels[];
extern const int32_t bench_kernel_count;

static inline int64_t bench_panel_place(const bench_data *data, int32_t output, int32_t input)
{
    return output / BENCH_PANEL * data->panel_stride + (int64_t)input * BENCH_PANEL + output % BENCH_PANEL;
}

enum { BENCH_DROPS = 1 << 14 }; /* of 65536 */

/* bench_kernels_check.c: what `expect` of the table is. */
bench_expectation bench_expect_forward, bench_expect_forward_plain, bench_expect_backward, bench_expect_sgd,
    bench_expect_momentum, bench_expect_adam, bench_expect_norm_forward, bench_expect_norm_backward,
    bench_expect_softmax, bench_expect_drop, bench_expect_assemble, bench_expect_pack, bench_expect_pack_columns,
    bench_expect_unpack;

/* Largest error of a kernel on a sample of its results; bad: an error above its bound, or NaN. */
typedef struct bench_error {
    double error, bound; /* where error / bound is largest */
    bool bad;
} bench_error;

/* Runs kernel `k` once through `run_all` (which runs all items, with all threads) and looks at the results. */
bench_error bench_check(const bench_kernel *k, const bench_data *data, const bench_set *set,
                        void (*run_all)(const bench_kernel *k, const bench_data *data, const bench_set *set,
                                        int32_t threads),
                        int32_t threads);

/* Products and weight steps of a small layer of odd sizes, bit by bit against ist__reference_gemm.  NULL: equal; else
 * the first kernel that differs. */
const char *bench_check_bits(const bench_set *set);

#endif
