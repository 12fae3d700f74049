/* crc.c - the CRC-32 of zlib and gzip, fast.
 *
 * Why not zlib's alone: a checkpoint of a big net is summed while teams train, and every second of that is taken from them;
 * zlib 1.2 sums about 1 GB/s.  A remainder by a polynomial can be taken 64 bytes at a time, when 128-bit pieces are carried
 * forward by a product without carries (Gopal et al., "Fast CRC computation for generic polynomials using PCLMULQDQ
 * instruction", Intel 2009): a piece times x^n mod P stands for itself n bits further on.  What is left at the end is 16 bytes
 * with the remainder of all, and zlib sums those and the tail.
 *
 * Floor: base.
 */
#include "base/crc.h"

#include <zlib.h>
#if defined(__x86_64__)
#  include <immintrin.h>
#endif

static uint32_t sum(uint32_t crc, const unsigned char *at, size_t count)
{
    enum { CHUNK = 1 << 24 }; /* zlib counts in unsigned int */
    while (count > 0) {
        const size_t chunk = count < CHUNK ? count : CHUNK;
        crc = (uint32_t)crc32(crc, at, (unsigned)chunk);
        at += chunk;
        count -= chunk;
    }
    return crc;
}

#if defined(__x86_64__)
enum { LANE = 16, BLOCK = 4 * LANE };

__attribute__((target("pclmul,sse2"))) static __m128i load(const unsigned char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* value, carried forward by what the two halves of `by` say, plus what stands there. */
__attribute__((target("pclmul,sse2"))) static __m128i carry(__m128i value, __m128i by, __m128i there)
{
    const __m128i low = _mm_clmulepi64_si128(value, by, 0x00), high = _mm_clmulepi64_si128(value, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

/* count: a multiple of BLOCK, not 0. */
__attribute__((target("pclmul,sse2"))) static uint32_t sum_blocks(uint32_t crc, const unsigned char *at, size_t count)
{
    /* x^n mod P, bits reversed: n = 4 x 128 + 32 and 4 x 128 - 32; 128 + 32 and 128 - 32. */
    const __m128i far = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4), near = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    __m128i a = _mm_xor_si128(load(at), _mm_cvtsi32_si128((int)~crc)), b = load(at + LANE), c = load(at + 2 * LANE),
            d = load(at + 3 * LANE);
    for (const unsigned char *end = at + count; (at += BLOCK) < end;) {
        a = carry(a, far, load(at));
        b = carry(b, far, load(at + LANE));
        c = carry(c, far, load(at + 2 * LANE));
        d = carry(d, far, load(at + 3 * LANE));
    }
    d = carry(carry(carry(a, near, b), near, c), near, d);
    unsigned char left[LANE];
    _mm_storeu_si128((__m128i *)(void *)left, d);
    return sum(0xffffffffU, left, LANE); /* zlib turns all bits over, before and behind: so it begins with none set */
}
#endif

uint32_t ist__crc(uint32_t crc, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
#if defined(__x86_64__)
    if (count >= BLOCK && __builtin_cpu_supports("pclmul")) {
        const size_t blocks = count / BLOCK * BLOCK;
        crc = sum_blocks(crc, at, blocks);
        at += blocks;
        count -= blocks;
    }
#endif
    return sum(crc, at, count);
}
