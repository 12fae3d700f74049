/* probe_kernels.h - the loops of the probes, a file for each instruction set. */
#ifndef IST_PERF_PROBE_KERNELS_H
#define IST_PERF_PROBE_KERNELS_H

#include <stdint.h>

/* Twelve accumulators, each changed twice a turn: a multiply-add takes 4 cycles and two start in each, so that eight
 * would do.  x = 0.5 x + 1 goes to 2: no overflow and no subnormal numbers, which are slow. */
enum { PROBE_ACCUMULATORS = 12, PROBE_MULTIPLY_ADDS = 2 * PROBE_ACCUMULATORS };

/* PROBE_LOOP(type, set, add, multiply_add): the body of a probe of `turns` turns.  The accumulators start apart, or gcc
 * would keep one for all of them; their sum `a` is the answer, so that no compiler leaves out the work. */
#define PROBE_LOOP(type, set, add, multiply_add)                                                 \
  const type half = set(0.5F), one = set(1.0F);                                                  \
  type a = set(1.0F), b = set(1.1F), c = set(1.2F), d = set(1.3F), e = set(1.4F), f = set(1.5F); \
  type g = set(1.6F), h = set(1.7F), i = set(1.8F), j = set(1.9F), k = set(2.1F), l = set(2.2F); \
  for (int64_t turn = 0; turn < turns; turn++) {                                                 \
    PROBE_ONCE(multiply_add)                                                                     \
    PROBE_ONCE(multiply_add)                                                                     \
  }                                                                                              \
  a = add(add(add(a, b), add(c, d)), add(add(e, f), add(g, h)));                                 \
  a = add(a, add(add(i, j), add(k, l)));

#define PROBE_ONCE(multiply_add)  \
  a = multiply_add(a, half, one); \
  b = multiply_add(b, half, one); \
  c = multiply_add(c, half, one); \
  d = multiply_add(d, half, one); \
  e = multiply_add(e, half, one); \
  f = multiply_add(f, half, one); \
  g = multiply_add(g, half, one); \
  h = multiply_add(h, half, one); \
  i = multiply_add(i, half, one); \
  j = multiply_add(j, half, one); \
  k = multiply_add(k, half, one); \
  l = multiply_add(l, half, one);

float probe_loop_avx512(int64_t turns);   /* 16 lanes, on x86-64 alone */
float probe_loop_avx2(int64_t turns);     /* 8 lanes, on x86-64 alone */
float probe_loop_portable(int64_t turns); /* 4 lanes */

#endif
