/* kernels_avx512.c - the kernels for AVX-512; the build compiles this file, and no other, for that instruction set. */
#include "math/kernels.h"

#include <stddef.h>

#if defined(__x86_64__) && defined(__AVX512F__)
#  include "math/body.h"

static const ist__kernel_set set = SET_NAMED("avx512");
const ist__kernel_set *const ist__kernels_avx512 = &set;
#else
const ist__kernel_set *const ist__kernels_avx512 = NULL;
#endif
