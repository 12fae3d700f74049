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

/* The sum of `count` numbers, a multiple of 64 of them, on a 64-byte boundary: the answer is needed, so all are read.  Four
 * streams side by side: the hardware foresees each, and one alone does not take all that memory gives. */
#define PROBE_READ(type, width)                                       \
  const int64_t vectors = count / 4 / (width);                        \
  const type *at = (const type *)(const void *)x;                     \
  type sums[4] = {{0}, {0}, {0}, {0}};                                \
  for (int64_t i = 0; i < vectors; i++)                               \
    for (int64_t s = 0; s < 4; s++) {                                 \
      __builtin_prefetch(at + s * vectors + i + 256 / (width), 0, 3); \
      sums[s] += at[s * vectors + i];                                 \
    }                                                                 \
  sums[0] += sums[1] + sums[2] + sums[3];                             \
  float sum = 0;                                                      \
  for (int i = 0; i < (width); i++) sum += sums[0][i];

float probe_read_avx512(const float *x, int64_t count);
float probe_read_avx2(const float *x, int64_t count);
float probe_read_portable(const float *x, int64_t count);

float probe_loop_avx512(int64_t turns);   /* 16 lanes, on x86-64 alone */
float probe_loop_avx2(int64_t turns);     /* 8 lanes, on x86-64 alone */
float probe_loop_portable(int64_t turns); /* 4 lanes */

#endif
