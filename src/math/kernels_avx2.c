/* kernels_avx2.c - the kernels for AVX2; the build compiles this file, and no other, for that instruction set. */
#include "math/kernels.h"

#include <stddef.h>

#if defined(__x86_64__) && defined(__AVX2__)
#  include "math/body.h"

static const ist__kernel_set set = SET_NAMED("avx2");
const ist__kernel_set *const ist__kernels_avx2 = &set;
#else
const ist__kernel_set *const ist__kernels_avx2 = NULL;
#endif
