/* gemm.h - one entry for matrix products, engines behind it.
 *
 * Floor: math; uses base/ only.  Matrices are row-major float32.  Every product runs in the calling thread: the teams
 * split work themselves, in pieces whose shape never depends on the number of threads, so neither do the bits.
 */
#ifndef IST_MATH_GEMM_H
#define IST_MATH_GEMM_H

#include <stdbool.h>

#include "base/status.h"

/* C = alpha op(A) op(B) + beta C;  op(A) is (m, k), op(B) (k, n), C (m, n); beta 0 never reads C.
 * engine  IST_ENGINE_OPENBLAS or IST_ENGINE_REFERENCE.
 * Any thread; OpenMP threads, not others, for OPENBLAS.  Best inside an active parallel region (two threads or more):
 * elsewhere each OPENBLAS call opens one of two threads, or OpenBLAS would use every core. */
void ist__gemm(int32_t engine, bool transpose_a, bool transpose_b, int32_t m, int32_t n, int32_t k, float alpha,
               const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

typedef struct ist__blas_info {
    const char *config;    /* e.g. "OpenBLAS 0.3.21 ... MAX_THREADS=64" */
    const char *core_type; /* kernels chosen at run time, e.g. "Haswell" */
    int32_t parallel;      /* openblas_get_parallel(): 0 serial, 1 pthread, 2 OpenMP */
    int32_t max_threads;   /* concurrent callers it can serve */
} ist__blas_info;
ist__blas_info ist__blas_describe(void);

/* Is it the OpenMP build, and may so many threads call it at once?  IST_E_BLAS with what was found and what to do. */
ist_status ist__blas_judge(const ist__blas_info *blas, int32_t threads, ist__error *error);

#endif
