/* gemm.c - the one entry for matrix products, and what must be true of OpenBLAS before it is called.
 *
 * Engines.  OPENBLAS calls cblas_sgemm, always single-threaded: the teams split the work themselves.  REFERENCE is the
 * plain loop of reference.c, for tests.  The native engine does not come here (kernels.h).
 *
 * Traps of OpenBLAS, all measured (docs/design):
 * - Debian's builds share one soname, so the loader may take any.  The serial build gives wrong results when several
 *   threads call it (no lock around its buffers); the pthread build starts threads of its own in each call.  Only the
 *   OpenMP build is silent inside a parallel region.  We ask the library that was loaded, not the one we linked.
 * - Outside of an active parallel region, and a region of one thread is not active, the OpenMP build uses every core,
 *   and its bits would follow their number.  There is no way to tell one call to be single-threaded without changing
 *   the process; so such a call is made from one thread of a region of two.
 * - Each caller takes one of 2 * MAX_THREADS packing buffers; 512 more exist as a last resort, then it crashes.
 *
 * Floor: math; the only file that includes cblas.h.
 */
#include "math/gemm.h"

#include <cblas.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "math/reference.h"

static void openblas(bool transpose_a, bool transpose_b, int32_t m, int32_t n, int32_t k, float alpha, const float *a,
                     int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, m, n,
                k, alpha, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

void ist__gemm(int32_t engine, bool transpose_a, bool transpose_b, int32_t m, int32_t n, int32_t k, float alpha,
               const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    if (m <= 0 || n <= 0) return;
    const bool fits = lda <= INT32_MAX && ldb <= INT32_MAX && ldc <= INT32_MAX; /* what cblas takes */
    if (engine != IST_ENGINE_OPENBLAS || !fits) {
        ist__reference_gemm(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    } else if (omp_in_parallel() || omp_get_max_threads() == 1) {
        openblas(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    } else {
#pragma omp parallel num_threads(2)
#pragma omp master
        openblas(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    }
}

/* Packing buffers from the configuration line, "OpenBLAS 0.3.21 .. MAX_THREADS=64": two a thread, at least 50. */
static int32_t count_buffers(const char *config)
{
    static const char key[] = "MAX_THREADS=";
    enum { FEWEST = 50, MOST = 1 << 20 };
    const char *found = strstr(config, key);
    const long threads = found ? strtol(found + sizeof key - 1, NULL, 10) : 0;
    if (threads <= FEWEST / 2) return FEWEST;
    return threads < MOST ? 2 * (int32_t)threads : 2 * MOST;
}

ist__blas_info ist__blas_describe(void)
{
    const char *config = openblas_get_config();
    return (ist__blas_info){.config = config,
                            .core_type = openblas_get_corename(),
                            .parallel = openblas_get_parallel(),
                            .max_threads = count_buffers(config)};
}

ist_status ist__blas_judge(const ist__blas_info *blas, int32_t threads, ist__error *error)
{
    if (blas->parallel != OPENBLAS_OPENMP)
        return ist__fail(error, IST_E_BLAS,
                         "the OpenBLAS that was loaded is its %s build (%s), which threads cannot share; let the "
                         "loader find the OpenMP build first (rpath or LD_LIBRARY_PATH to its folder, as "
                         ".../openblas-openmp), or use --engine native",
                         blas->parallel == OPENBLAS_SEQUENTIAL ? "serial" : "pthread", blas->config);
    if (threads > blas->max_threads)
        return ist__fail(error, IST_E_BLAS,
                         "%d threads would call OpenBLAS at once, but this build has buffers for %d (%s); use fewer "
                         "threads, an OpenBLAS built with a larger NUM_THREADS, or --engine native",
                         (int)threads, (int)blas->max_threads, blas->config);
    return IST_OK;
}
