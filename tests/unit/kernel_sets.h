/* kernel_sets.h - what tests of kernels share: a loop over the sets that this machine can run, and numbers for them. */
#ifndef IST_TESTS_KERNEL_SETS_H
#define IST_TESTS_KERNEL_SETS_H

#include "math/kernels.h"

/* A loop in the shape of a statement; the inner one runs once and names the set. */
#define EACH_SET(i, set)                          \
  for (int32_t i = 0; ist__kernel_set_at(i); i++) \
    for (const ist__kernel_set *set = ist__kernel_set_at(i); set; set = NULL)

static inline float noise(uint32_t *state) /* -1 .. 1 */
{
    *state = *state * 1664525U + 1013904223U;
    return (float)(*state >> 8) * 0x1p-23F - 1;
}

#endif
