/* probe_avx512.c - compiled with -mavx512f (perf/CMakeLists.txt); empty on other processors. */
#include "probe_kernels.h"

#ifdef __AVX512F__
#  include <immintrin.h>

float probe_loop_avx512(int64_t turns)
{
    PROBE_LOOP(__m512, _mm512_set1_ps, _mm512_add_ps, _mm512_fmadd_ps)
    return _mm512_cvtss_f32(a);
}

typedef float lanes16 __attribute__((vector_size(64)));

float probe_read_avx512(const float *x, int64_t count)
{
    PROBE_READ(lanes16, 16)
    return sum;
}
#endif
