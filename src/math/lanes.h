/* lanes.h - sixteen floats that are computed on together, with the same bits on every instruction set.
 *
 * Why: a sum over the batch must not depend on how wide the registers of a machine are.  So the width is part of the
 * definition: always 16 lanes, held in one AVX-512 register, two AVX2 ones or four of 128 bits (SSE2, NEON), and a
 * fixed tree that adds them up.  Every operation here is one correctly rounded IEEE operation a lane; files that use
 * them are compiled with -ffp-contract=off, so that no multiply and add is fused on one machine and not on another.
 *
 * Which registers: those that the including file is compiled for (kernels_avx512.c, kernels_avx2.c, else 128 bits).
 * All functions are forced inline: what one file makes of them never meets what another made.
 * Floor: math.
 */
#ifndef IST_MATH_LANES_H
#define IST_MATH_LANES_H

#include <stdint.h>

enum { LANES = 16 };

#if defined(__AVX512F__)
#  define LANES_PART 16
#elif defined(__AVX2__)
#  define LANES_PART 8
#else
#  define LANES_PART 4
#endif

#if defined(__x86_64__)
#  include <immintrin.h> /* square roots alone: the vector extensions have no name for them */
#elif defined(__aarch64__)
#  include <arm_neon.h>
#endif

#define LANES_INLINE  static inline __attribute__((always_inline))
#define LANES_EACH(i) for (int i = 0; i < LANES / LANES_PART; i++)

typedef float lanes_f32 __attribute__((vector_size(4 * LANES_PART)));
typedef int32_t lanes_i32 __attribute__((vector_size(4 * LANES_PART)));
typedef uint32_t lanes_u32 __attribute__((vector_size(4 * LANES_PART)));
typedef float lanes_f32_memory __attribute__((vector_size(4 * LANES_PART), aligned(4), may_alias));
typedef int32_t lanes_i32_memory __attribute__((vector_size(4 * LANES_PART), aligned(4), may_alias));

typedef struct lanes {
    lanes_f32 part[LANES / LANES_PART];
} lanes;
typedef struct lanes_int { /* numbers, or masks: all bits set where true */
    lanes_i32 part[LANES / LANES_PART];
} lanes_int;

/* ------------------------------------------------------------------------------------------------------- memory -- */

LANES_INLINE lanes lanes_all(float value)
{
    lanes r;
    LANES_EACH (i) r.part[i] = (lanes_f32){0} + value;
    return r;
}

LANES_INLINE lanes_int lanes_int_all(int32_t value)
{
    lanes_int r;
    LANES_EACH (i) r.part[i] = (lanes_i32){0} + value;
    return r;
}

LANES_INLINE lanes lanes_load_16(const float *from)
{
    lanes r;
    LANES_EACH (i) r.part[i] = *(const lanes_f32_memory *)(const void *)(from + i * LANES_PART);
    return r;
}

LANES_INLINE lanes_int lanes_int_load_16(const int32_t *from)
{
    lanes_int r;
    LANES_EACH (i) r.part[i] = *(const lanes_i32_memory *)(const void *)(from + i * LANES_PART);
    return r;
}

LANES_INLINE void lanes_store_16(float *to, lanes v)
{
    LANES_EACH (i) *(lanes_f32_memory *)(void *)(to + i * LANES_PART) = v.part[i];
}

LANES_INLINE void lanes_int_store_16(int32_t *to, lanes_int v)
{
    LANES_EACH (i) *(lanes_i32_memory *)(void *)(to + i * LANES_PART) = v.part[i];
}

/* The first n of 16; the other lanes are 0, and what follows in memory is not touched. */
LANES_INLINE lanes lanes_load(const float *from, int32_t n)
{
    if (n >= LANES) return lanes_load_16(from);
    float whole[LANES] = {0};
    for (int32_t i = 0; i < n; i++) whole[i] = from[i];
    return lanes_load_16(whole);
}

LANES_INLINE void lanes_store(float *to, lanes v, int32_t n)
{
    if (n >= LANES) {
        lanes_store_16(to, v);
        return;
    }
    float whole[LANES];
    lanes_store_16(whole, v);
    for (int32_t i = 0; i < n; i++) to[i] = whole[i];
}

/* -------------------------------------------------------------------------------------------------- arithmetic -- */

LANES_INLINE lanes lanes_add(lanes a, lanes b)
{
    LANES_EACH (i) a.part[i] += b.part[i];
    return a;
}

LANES_INLINE lanes lanes_sub(lanes a, lanes b)
{
    LANES_EACH (i) a.part[i] -= b.part[i];
    return a;
}

LANES_INLINE lanes lanes_mul(lanes a, lanes b)
{
    LANES_EACH (i) a.part[i] *= b.part[i];
    return a;
}

LANES_INLINE lanes lanes_div(lanes a, lanes b)
{
    LANES_EACH (i) a.part[i] /= b.part[i];
    return a;
}

LANES_INLINE lanes_f32 lanes_part_sqrt(lanes_f32 v)
{
#if LANES_PART == 16
    return (lanes_f32)_mm512_sqrt_ps((__m512)v);
#elif LANES_PART == 8
    return (lanes_f32)_mm256_sqrt_ps((__m256)v);
#elif defined(__x86_64__)
    return (lanes_f32)_mm_sqrt_ps((__m128)v);
#elif defined(__aarch64__)
    return (lanes_f32)vsqrtq_f32((float32x4_t)v);
#else
    for (int i = 0; i < LANES_PART; i++) v[i] = __builtin_sqrtf(v[i]);
    return v;
#endif
}

LANES_INLINE lanes lanes_sqrt(lanes a)
{
    LANES_EACH (i) a.part[i] = lanes_part_sqrt(a.part[i]);
    return a;
}

/* Sum of the 16 lanes: lane i + lane i + 8, of these i + (i + 4), of these i + (i + 2), then the last two. */
LANES_INLINE float lanes_sum(lanes a)
{
#if LANES_PART == 4
    const lanes_f32 four = (a.part[0] + a.part[2]) + (a.part[1] + a.part[3]);
#else
#  if LANES_PART == 16
    const __typeof__(a.part[0]) v = a.part[0];
    typedef float eight_floats __attribute__((vector_size(32)));
    const eight_floats eight = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                               __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
#  else
    const lanes_f32 eight = a.part[0] + a.part[1];
#  endif
    typedef float four_floats __attribute__((vector_size(16)));
    const four_floats four =
        __builtin_shufflevector(eight, eight, 0, 1, 2, 3) + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
#endif
    return (four[0] + four[2]) + (four[1] + four[3]);
}

/* ------------------------------------------------------------------------------------------- masks and choices -- */

LANES_INLINE lanes_int lanes_greater(lanes a, lanes b) /* false where one is NaN */
{
    lanes_int r;
    LANES_EACH (i) r.part[i] = (lanes_i32)(a.part[i] > b.part[i]);
    return r;
}

LANES_INLINE lanes_int lanes_int_equal(lanes_int a, lanes_int b)
{
    LANES_EACH (i) a.part[i] = (lanes_i32)(a.part[i] == b.part[i]);
    return a;
}

LANES_INLINE lanes_int lanes_int_choose(lanes_int mask, lanes_int yes, lanes_int no)
{
    LANES_EACH (i) no.part[i] = (yes.part[i] & mask.part[i]) | (no.part[i] & ~mask.part[i]);
    return no;
}

LANES_INLINE lanes lanes_choose(lanes_int mask, lanes yes, lanes no)
{
    LANES_EACH (i)
        no.part[i] = (lanes_f32)(((lanes_i32)yes.part[i] & mask.part[i]) | ((lanes_i32)no.part[i] & ~mask.part[i]));
    return no;
}

/* a where mask, else +0 */
LANES_INLINE lanes lanes_where(lanes_int mask, lanes a)
{
    LANES_EACH (i) a.part[i] = (lanes_f32)((lanes_i32)a.part[i] & mask.part[i]);
    return a;
}

/* a, with +0 where gate <= 0.  A NaN in the gate lets a through: nothing hides a net that has diverged. */
LANES_INLINE lanes lanes_unless_negative(lanes gate, lanes a)
{
    const lanes_f32 zero = {0};
    LANES_EACH (i) a.part[i] = (lanes_f32)((lanes_i32)a.part[i] & ~(lanes_i32)(gate.part[i] <= zero));
    return a;
}

LANES_INLINE lanes lanes_relu(lanes a)
{
    return lanes_unless_negative(a, a);
}

/* a with +0 in the lanes from n on. */
LANES_INLINE lanes lanes_first(lanes a, int32_t n)
{
    static const int32_t number[LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    if (n >= LANES) return a;
    const lanes_int index = lanes_int_load_16(number);
    LANES_EACH (i) a.part[i] = (lanes_f32)((lanes_i32)a.part[i] & (lanes_i32)(index.part[i] < n));
    return a;
}

#endif
