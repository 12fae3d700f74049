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
#  include <immintrin.h> /* square roots and fused multiply-adds: the vector extensions have no name for them */
#elif defined(__aarch64__)
#  include <arm_neon.h>
#endif

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
/* gcc 12 takes a vector's number of elements for the bits of one. */
#  pragma GCC diagnostic ignored "-Wanalyzer-shift-count-overflow"
#endif

#if defined(LANES_ROLLED) /* for builds with sanitizers, which would take minutes to compile */
#  define LANES_UNROLL
#elif defined(__clang__)
#  define LANES_UNROLL _Pragma("unroll")
#else
#  define LANES_UNROLL _Pragma("GCC unroll 16")
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

/* value in every lane.  Not {0} + value, which would have to turn -0 to 0, and so is no plain broadcast. */
LANES_INLINE lanes_f32 lanes_part_all(float value)
{
    return value - (lanes_f32){0};
}

LANES_INLINE lanes lanes_all(float value)
{
    lanes r;
    LANES_EACH (i) r.part[i] = lanes_part_all(value);
    return r;
}

LANES_INLINE lanes_int lanes_int_all(int32_t value)
{
    lanes_int r;
    LANES_EACH (i) r.part[i] = (lanes_i32){0} + value;
    return r;
}

LANES_INLINE lanes_f32 lanes_part_load(const float *from)
{
    return *(const lanes_f32_memory *)(const void *)from;
}

LANES_INLINE void lanes_part_store(float *to, lanes_f32 value)
{
    *(lanes_f32_memory *)(void *)to = value;
}

LANES_INLINE lanes lanes_load_16(const float *from)
{
    lanes r;
    LANES_EACH (i) r.part[i] = lanes_part_load(from + i * LANES_PART);
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
    LANES_EACH (i) lanes_part_store(to + i * LANES_PART, v.part[i]);
}

LANES_INLINE void lanes_int_store_16(int32_t *to, lanes_int v)
{
    LANES_EACH (i) *(lanes_i32_memory *)(void *)(to + i * LANES_PART) = v.part[i];
}

/* Sixteen bytes as floats.  gcc makes scalar code of the portable form. */
LANES_INLINE lanes lanes_load_bytes_16(const uint8_t *from)
{
    lanes r;
#if LANES_PART == 16
    r.part[0] = (lanes_f32)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)from)));
#elif LANES_PART == 8
    LANES_EACH (i)
        r.part[i] = (lanes_f32)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(from + 8 * i))));
#elif defined(__x86_64__)
    const __m128i all = _mm_loadu_si128((const void *)from), zero = _mm_setzero_si128();
    const __m128i low = _mm_unpacklo_epi8(all, zero), high = _mm_unpackhi_epi8(all, zero);
    r.part[0] = (lanes_f32)_mm_cvtepi32_ps(_mm_unpacklo_epi16(low, zero));
    r.part[1] = (lanes_f32)_mm_cvtepi32_ps(_mm_unpackhi_epi16(low, zero));
    r.part[2] = (lanes_f32)_mm_cvtepi32_ps(_mm_unpacklo_epi16(high, zero));
    r.part[3] = (lanes_f32)_mm_cvtepi32_ps(_mm_unpackhi_epi16(high, zero));
#else
    typedef uint8_t bytes_part __attribute__((vector_size(LANES_PART)));
    typedef uint8_t bytes_memory __attribute__((vector_size(LANES_PART), aligned(1), may_alias));
    LANES_EACH (i) {
        const bytes_part some = *(const bytes_memory *)(const void *)(from + i * LANES_PART);
        r.part[i] = __builtin_convertvector(some, lanes_f32);
    }
#endif
    return r;
}

/* The first n of 16; the other lanes are 0, and what follows in memory is not touched. */
LANES_INLINE lanes lanes_load(const float *from, int32_t n)
{
    if (n >= LANES) return lanes_load_16(from);
    float whole[LANES] = {0};
    for (int32_t i = 0; i < n; i++) whole[i] = from[i];
    return lanes_load_16(whole);
}

LANES_INLINE lanes lanes_load_bytes(const uint8_t *from, int32_t n)
{
    if (n >= LANES) return lanes_load_bytes_16(from);
    uint8_t whole[LANES] = {0};
    for (int32_t i = 0; i < n; i++) whole[i] = from[i];
    return lanes_load_bytes_16(whole);
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

/* Store past the caches, for what is larger than they are: a line that is written whole is not read first.  `to` is on
 * a 64-byte boundary.  Other threads may rely on it only after lanes_stream_end. */
LANES_INLINE void lanes_stream_16(float *to, lanes v)
{
#if LANES_PART == 16
    _mm512_stream_ps(to, (__m512)v.part[0]);
#elif LANES_PART == 8
    LANES_EACH (i) _mm256_stream_ps(to + i * LANES_PART, (__m256)v.part[i]);
#elif defined(__x86_64__)
    LANES_EACH (i) _mm_stream_ps(to + i * LANES_PART, (__m128)v.part[i]);
#else
    lanes_store_16(to, v);
#endif
}

LANES_INLINE void lanes_stream_end(void)
{
#if defined(__x86_64__)
    _mm_sfence(); /* such stores are not in order with others, a barrier's for example */
#endif
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

/* a b + c, rounded once: the one operation of all products.  A processor without it gets the same bits slowly. */
#if LANES_PART > 4 || defined(__aarch64__) || (defined(__x86_64__) && defined(__FMA__))
#  define LANES_FUSED true
LANES_INLINE lanes_f32 lanes_part_fma(lanes_f32 a, lanes_f32 b, lanes_f32 c)
{
#  if LANES_PART == 16
    return (lanes_f32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#  elif LANES_PART == 8
    return (lanes_f32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#  elif defined(__aarch64__)
    return (lanes_f32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#  else
    return (lanes_f32)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
#  endif
}
#else
#  define LANES_FUSED false
/* The product is exact in double precision.  The sum is not, and rounding it to double and then to float would round
 * twice: so it is rounded to odd first (Boldo and Melquiond, IEEE Transactions on Computers 57(4), 2008): where the sum
 * is inexact and even, it moves to its odd neighbour on the side of what was lost. */
static __attribute__((noinline, unused)) lanes_f32 lanes_part_fma(lanes_f32 a, lanes_f32 b, lanes_f32 c)
{
    typedef double doubles __attribute__((vector_size(32)));
    typedef int64_t longs __attribute__((vector_size(32)));
    const doubles product = __builtin_convertvector(a, doubles) * __builtin_convertvector(b, doubles);
    const doubles addend = __builtin_convertvector(c, doubles), sum = product + addend;
    const doubles part = sum - product, lost = (product - (sum - part)) + (addend - part);
    const longs bits = (longs)sum;
    const longs inexact = (longs)(lost != 0) & (longs)(lost == lost); /* infinite sums lose NaN */
    const longs away = 1 + 2 * (((longs)lost ^ bits) < 0);            /* 1 where both have the same sign, else -1 */
    return __builtin_convertvector((doubles)(bits + (away & inexact & ((bits & 1) - 1))), lanes_f32);
}
#endif

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

/* ----------------------------------------------------------------------------------------------- transposition -- */

/* The square of LANES_PART rows turned around its diagonal.  Step s swaps blocks of s x s: rows i and i + s give the
 * even blocks of both, and the odd ones. */
LANES_INLINE void lanes_turn_parts(lanes_f32 row[LANES_PART])
{
#define TURN_LOW(a, b, s)  __builtin_shufflevector(a, b, TURN_##s(0))
#define TURN_HIGH(a, b, s) __builtin_shufflevector(a, b, TURN_##s(s))
/* clang-format off */
#if LANES_PART == 16
#  define TURN_8(o) 0 + o, 1 + o, 2 + o, 3 + o, 4 + o, 5 + o, 6 + o, 7 + o, \
                    16 + o, 17 + o, 18 + o, 19 + o, 20 + o, 21 + o, 22 + o, 23 + o
#  define TURN_4(o) 0 + o, 1 + o, 2 + o, 3 + o, 16 + o, 17 + o, 18 + o, 19 + o, \
                    8 + o, 9 + o, 10 + o, 11 + o, 24 + o, 25 + o, 26 + o, 27 + o
#  define TURN_2(o) 0 + o, 1 + o, 16 + o, 17 + o, 4 + o, 5 + o, 20 + o, 21 + o, \
                    8 + o, 9 + o, 24 + o, 25 + o, 12 + o, 13 + o, 28 + o, 29 + o
#  define TURN_1(o) 0 + o, 16 + o, 2 + o, 18 + o, 4 + o, 20 + o, 6 + o, 22 + o, \
                    8 + o, 24 + o, 10 + o, 26 + o, 12 + o, 28 + o, 14 + o, 30 + o
#elif LANES_PART == 8
#  define TURN_4(o) 0 + o, 1 + o, 2 + o, 3 + o, 8 + o, 9 + o, 10 + o, 11 + o
#  define TURN_2(o) 0 + o, 1 + o, 8 + o, 9 + o, 4 + o, 5 + o, 12 + o, 13 + o
#  define TURN_1(o) 0 + o, 8 + o, 2 + o, 10 + o, 4 + o, 12 + o, 6 + o, 14 + o
#else
#  define TURN_2(o) 0 + o, 1 + o, 4 + o, 5 + o
#  define TURN_1(o) 0 + o, 4 + o, 2 + o, 6 + o
#endif
/* clang-format on */
#define TURN_STEP(s)                                \
  LANES_UNROLL for (int i = 0; i < LANES_PART; i++) \
  {                                                 \
    if (i & (s)) continue;                          \
    const lanes_f32 a = row[i], b = row[i + (s)];   \
    row[i] = TURN_LOW(a, b, s);                     \
    row[i + (s)] = TURN_HIGH(a, b, s);              \
  }
#if LANES_PART == 16
    TURN_STEP(8)
#endif
#if LANES_PART >= 8
    TURN_STEP(4)
#endif
    TURN_STEP(2)
    TURN_STEP(1)
}

/* Sixteen rows of sixteen turned around the diagonal. */
LANES_INLINE void lanes_turn(lanes row[LANES])
{
    enum { PARTS = LANES / LANES_PART };
    lanes_f32 block[PARTS][PARTS][LANES_PART]; /* [block row][block column][row within] */
    for (int i = 0; i < LANES; i++)
        LANES_EACH (p) block[i / LANES_PART][p][i % LANES_PART] = row[i].part[p];
    for (int r = 0; r < PARTS; r++)
        for (int c = 0; c < PARTS; c++) lanes_turn_parts(block[r][c]);
    for (int i = 0; i < LANES; i++)
        LANES_EACH (p) row[i].part[p] = block[p][i / LANES_PART][i % LANES_PART];
}

/* ------------------------------------------------------------------------------------------- masks and choices -- */

LANES_INLINE lanes_int lanes_greater(lanes a, lanes b) /* false where one is NaN */
{
    lanes_int r;
    LANES_EACH (i) r.part[i] = (lanes_i32)(a.part[i] > b.part[i]);
    return r;
}

LANES_INLINE lanes_int lanes_int_add(lanes_int a, lanes_int b) /* modulo 2^32 */
{
    LANES_EACH (i) a.part[i] = (lanes_i32)((lanes_u32)a.part[i] + (lanes_u32)b.part[i]);
    return a;
}

LANES_INLINE lanes_int lanes_int_xor(lanes_int a, lanes_int b)
{
    LANES_EACH (i) a.part[i] ^= b.part[i];
    return a;
}

/* The lower (0) or upper (1) 16 bits of each lane. */
LANES_INLINE lanes_int lanes_int_half(lanes_int a, int half)
{
    LANES_EACH (i) a.part[i] = (lanes_i32)(half ? (lanes_u32)a.part[i] >> 16 : (lanes_u32)a.part[i] & 0xFFFFU);
    return a;
}

/* Products of 64 bits. */
typedef struct lanes_wide {
    lanes_int low, high;
} lanes_wide;

/* Each lane, taken as unsigned, times `factor`. */
LANES_INLINE lanes_wide lanes_int_multiply(lanes_int a, uint32_t factor)
{
    typedef uint64_t pairs __attribute__((vector_size(4 * LANES_PART)));
    const pairs lower = (pairs){0} + 0xFFFFFFFFU;
    lanes_wide r;
    LANES_EACH (i) {
        const pairs both = (pairs)a.part[i];
#if LANES_PART == 16
        const __m512i f = _mm512_set1_epi32((int32_t)factor);
        const pairs even = (pairs)_mm512_mul_epu32((__m512i)both, f),
                    odd = (pairs)_mm512_mul_epu32((__m512i)(both >> 32), f);
#elif LANES_PART == 8
        const __m256i f = _mm256_set1_epi32((int32_t)factor);
        const pairs even = (pairs)_mm256_mul_epu32((__m256i)both, f),
                    odd = (pairs)_mm256_mul_epu32((__m256i)(both >> 32), f);
#elif defined(__x86_64__)
        const __m128i f = _mm_set1_epi32((int32_t)factor);
        const pairs even = (pairs)_mm_mul_epu32((__m128i)both, f), odd = (pairs)_mm_mul_epu32((__m128i)(both >> 32), f);
#else
        const pairs even = (both & lower) * factor, odd = (both >> 32) * factor;
#endif
        r.low.part[i] = (lanes_i32)((even & lower) | (odd << 32));
        r.high.part[i] = (lanes_i32)((even >> 32) | (odd & ~lower));
    }
    return r;
}

LANES_INLINE lanes_int lanes_int_less(lanes_int a, lanes_int b)
{
    LANES_EACH (i) a.part[i] = (lanes_i32)(a.part[i] < b.part[i]);
    return a;
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
