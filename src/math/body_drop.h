/* body_drop.h - dropout, and the scaling of what it leaves, in 16 lanes.
 *
 * Why the numbers are drawn here and not by base/rng.h: a mask has as many elements as the layer, and a generator that
 * makes four numbers at a time would cost more than batch norm does.  In lanes sixteen blocks of Philox are made together,
 * one a column, and a block serves eight neurons with 16 bits each: some two instructions an element with AVX-512.  The
 * mask is never stored: what fell is 0, and says so itself.
 *
 * Source: Salmon, Moraes, Dror and Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011; tests/unit/test_dropout.c
 * holds it against Random123's.
 * Included by kernels_*.c alone, see kernels.h.
 */
#ifndef IST_MATH_BODY_DROP_H
#define IST_MATH_BODY_DROP_H

#include "math/body_norm.h"
#include "math/kernels.h"
#include "math/lanes.h"

enum { PHILOX_ROUNDS = 10, DRAWN_ROWS = 8 };

/* The four words of Philox 4x32 at sixteen counters. */
typedef struct philox {
    lanes_int word[4];
} philox;

LANES_INLINE philox draw_16(const uint32_t *key, lanes_int column, uint32_t group)
{
    const uint32_t multiply[2] = {0xD2511F53U, 0xCD9E8D57U}, advance[2] = {0x9E3779B9U, 0xBB67AE85U};
    philox p = {{column, lanes_int_all((int32_t)group), lanes_int_all(0), lanes_int_all(0)}};
    uint32_t k[2] = {key[0], key[1]};
    LANES_UNROLL
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        const lanes_wide a = lanes_int_multiply(p.word[0], multiply[0]), b = lanes_int_multiply(p.word[2], multiply[1]);
        p = (philox){{lanes_int_xor(lanes_int_xor(b.high, p.word[1]), lanes_int_all((int32_t)k[0])), b.low,
                      lanes_int_xor(lanes_int_xor(a.high, p.word[3]), lanes_int_all((int32_t)k[1])), a.low}};
        k[0] += advance[0];
        k[1] += advance[1];
    }
    return p;
}

/* Up to eight rows of one block of n columns. */
LANES_INLINE void drop_block(const ist__drops *drops, const philox *drawn, int32_t rows, int32_t n, int64_t ld,
                             float *y)
{
    const lanes_int threshold = lanes_int_all((int32_t)drops->threshold);
    const lanes factor = lanes_all(drops->factor);
    for (int32_t r = 0; r < rows; r++) {
        const lanes_int draw = lanes_int_half(drawn->word[r / 2], r % 2);
        const lanes stay = lanes_mul(lanes_load(y + r * ld, n), factor);
        lanes_store(y + r * ld, lanes_choose(lanes_int_less(draw, threshold), lanes_all(0), stay), n);
    }
}

static void drop(const ist__drops *drops, int32_t first, int32_t rows, int32_t columns, int64_t ld, float *y)
{
    static const int32_t number[LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int32_t r = 0; r < rows; r += DRAWN_ROWS, y += DRAWN_ROWS * ld) {
        const uint32_t group = (uint32_t)(first + r) / DRAWN_ROWS;
        const int32_t some = rows - r < DRAWN_ROWS ? rows - r : DRAWN_ROWS;
        BLOCKS (c, n, columns) {
            const lanes_int column = lanes_int_add(lanes_int_load_16(number), lanes_int_all(c));
            const philox drawn = draw_16(drops->key, column, group);
            if (some == DRAWN_ROWS && n == LANES) drop_block(drops, &drawn, DRAWN_ROWS, LANES, ld, y + c);
            else drop_block(drops, &drawn, some, n, ld, y + c);
        }
    }
}

static void scale(int32_t rows, int32_t columns, int64_t ld, float factor, float *y)
{
    for (int32_t r = 0; r < rows; r++, y += ld)
        BLOCKS (c, n, columns) lanes_store(y + c, lanes_mul(lanes_load(y + c, n), lanes_all(factor)), n);
}

#endif
