/* probe_avx2.c - compiled with -mavx2 -mfma (perf/CMakeLists.txt); empty on other processors. */
#include "probe_kernels.h"

#if defined(__AVX2__) && defined(__FMA__)
#  include <immintrin.h>

float probe_loop_avx2(int64_t turns)
{
    PROBE_LOOP(__m256, _mm256_set1_ps, _mm256_add_ps, _mm256_fmadd_ps)
    return _mm256_cvtss_f32(a);
}

typedef float lanes8 __attribute__((vector_size(32)));

float probe_read_avx2(const float *x, int64_t count)
{
    PROBE_READ(lanes8, 8)
    return sum;
}
#endif
