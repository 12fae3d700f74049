/* probe_portable.c - 128-bit registers, which every processor has.  In a file of its own although it needs no options:
 * a compiler that sees the loop beside its caller finds that it gives the same answer each time, and runs it once. */
#include "probe_kernels.h"

#ifdef __ARM_FEATURE_FMA
#  include <arm_neon.h>
#endif

typedef float lanes4 __attribute__((vector_size(16)));

static inline lanes4 set4(float value)
{
    return (lanes4){value, value, value, value};
}

static inline lanes4 add4(lanes4 x, lanes4 y)
{
    return x + y;
}

/* x86-64 without AVX2 multiplies, then adds: its peak is that of the two. */
static inline lanes4 multiply_add4(lanes4 x, lanes4 y, lanes4 z)
{
#ifdef __ARM_FEATURE_FMA
    return vfmaq_f32(z, x, y);
#else
    return x * y + z;
#endif
}

float probe_loop_portable(int64_t turns)
{
    PROBE_LOOP(lanes4, set4, add4, multiply_add4)
    return a[0];
}

float probe_read_portable(const float *x, int64_t count)
{
    PROBE_READ(lanes4, 4)
    return sum;
}
