/* kernels.c - which kernels this processor can run.
 *
 * Why at run time: one package serves every x86-64, and the registers differ fourfold in width.  Why it may: all sets
 * give the same bits (kernels.h), so the choice shows in time alone.  engine.c chooses once for a context.
 *
 * Floor: math.
 */
#include "math/kernels.h"

#include <stddef.h>
#include <string.h>

static bool runs_avx2(void)
{
#if defined(__x86_64__)
    return ist__kernels_avx2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

static bool runs_avx512(void)
{
#if defined(__x86_64__) /* all that the build allows the compiler to use in kernels_avx512.c */
    return ist__kernels_avx512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

const ist__kernel_set *ist__kernel_set_at(int32_t i)
{
    if (runs_avx512() && i-- == 0) return ist__kernels_avx512;
    if (runs_avx2() && i-- == 0) return ist__kernels_avx2;
    return i == 0 ? ist__kernels_portable : NULL;
}

const ist__kernel_set *ist__kernel_set_named(const char *name)
{
    const ist__kernel_set *set;
    for (int32_t i = 0; (set = ist__kernel_set_at(i)); i++)
        if (strcmp(set->name, name) == 0) return set;
    return NULL;
}
