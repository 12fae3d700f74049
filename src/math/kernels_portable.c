/* kernels_portable.c - the kernels for the instruction set that the whole library is built for (SSE2, NEON, ..). */
#include "math/body.h"

static const ist__kernel_set set = SET_NAMED("portable");
const ist__kernel_set *const ist__kernels_portable = &set;
