/* body_assemble.h - a batch from rows of a dataset: gathered, converted, normalised and turned around.
 *
 * Rows lie in memory sample by sample; kernels want feature by feature (samples in the vector lanes).  So squares of 16
 * samples by 16 features are loaded along the rows, turned around in registers, and stored along the columns.
 *
 * Why the prefetches: the arithmetic is a few dozen instructions a square, and all else is waiting for memory.  Rows come
 * in random order, which no hardware foresees, so they are asked for a strip of features ahead: long enough a piece of
 * each row to pay for the way to its page, short enough that the pieces of all samples stay in the second cache.  The
 * result is written 16 features at a time, and hardware does not foresee their jumps of `ld` either.
 *
 * Edges.  Where the samples or features are no multiple of 16, the last square is moved back until it is whole: what is
 * written twice is the same twice.  Smaller squares there are only when there is less than one.
 * Included by kernels_*.c alone, see kernels.h.
 */
#ifndef IST_MATH_BODY_ASSEMBLE_H
#define IST_MATH_BODY_ASSEMBLE_H

#include "math/kernels.h"
#include "math/lanes.h"

enum { STRIP_SQUARES = 8, STRIP_FEATURES = STRIP_SQUARES * LANES, CACHE_LINE = 64 };

/* A band of a batch; what `assemble` is given. */
typedef struct band {
    const ist__samples *samples;
    int32_t count, first, last;
    float *out;
    int64_t ld;
} band;

LANES_INLINE const char *sample_at(const ist__samples *samples, int32_t c)
{
    const int64_t row = samples->index ? (int64_t)samples->index[c] : samples->first_row + c;
    return (const char *)samples->x + row * samples->row_stride_bytes;
}

/* Ask for the strip from feature f on, of samples [c, end). */
LANES_INLINE void ask_for_strip(const band *b, int32_t f, int32_t c, int32_t end)
{
    const int64_t size = b->samples->bytes ? 1 : (int64_t)sizeof(float);
    const int64_t strip_end = (b->last - f < STRIP_FEATURES ? b->last : f + STRIP_FEATURES) * size;
    for (; c < end; c++) {
        const char *row = sample_at(b->samples, c);
        for (int64_t at = f * size; at < strip_end; at += CACHE_LINE) __builtin_prefetch(row + at, 0, 2);
    }
}

/* Features f .. f + height - 1 of samples c .. c + width - 1. */
LANES_INLINE void assemble_square(const bool bytes, const int32_t width, const int32_t height, const band *b, int32_t f,
                                  int32_t c, lanes shift, lanes factor)
{
    lanes square[LANES];
    LANES_UNROLL
    for (int32_t i = 0; i < LANES; i++) {
        square[i] = lanes_all(0);
        if (i >= width) continue;
        const char *row = sample_at(b->samples, c + i);
        if (bytes) square[i] = lanes_load_bytes((const uint8_t *)(const void *)row + f, height);
        else square[i] = lanes_load((const float *)(const void *)row + f, height);
        square[i] = lanes_mul(lanes_sub(square[i], shift), factor);
    }
    lanes_turn(square);
    LANES_UNROLL
    for (int32_t i = 0; i < LANES; i++)
        if (i < height) lanes_store(b->out + (f + i) * b->ld + c, square[i], width);
}

/* The whole band in squares of this size. */
LANES_INLINE void assemble_band(const bool bytes, const int32_t width, const int32_t height, const band *b,
                                const float *shift, const float *factor, bool uniform)
{
    ask_for_strip(b, b->first, 0, b->count);
    for (int32_t start = b->first, part = 0; start < b->last; start += LANES, part = (part + 1) % STRIP_SQUARES) {
        const int32_t next_strip = start + (STRIP_SQUARES - part) * LANES;
        ask_for_strip(b, next_strip, b->count * part / STRIP_SQUARES, b->count * (part + 1) / STRIP_SQUARES);

        const int32_t f = b->last - start < height ? b->last - height : start;
        const lanes shifts = uniform ? lanes_all(*shift) : lanes_load(shift + f, height);
        const lanes factors = uniform ? lanes_all(*factor) : lanes_load(factor + f, height);
        for (int32_t from = 0; from < b->count; from += LANES) {
            const int32_t c = b->count - from < width ? b->count - width : from;
            for (int32_t i = f + LANES; i < f + 2 * LANES && i < b->last; i++)
                __builtin_prefetch(b->out + i * b->ld + c, 1, 3);
            assemble_square(bytes, width, height, b, f, c, shifts, factors);
        }
    }
}

static void assemble(const ist__samples *samples, int32_t count, int32_t first, int32_t last, const float *shift,
                     const float *factor, bool uniform, float *out, int64_t ld)
{
    const band b = {.samples = samples, .count = count, .first = first, .last = last, .out = out, .ld = ld};
    const int32_t width = count < LANES ? count : LANES, height = last - first < LANES ? last - first : LANES;
    if (width < LANES || height < LANES) assemble_band(samples->bytes, width, height, &b, shift, factor, uniform);
    else if (samples->bytes) assemble_band(true, LANES, LANES, &b, shift, factor, uniform);
    else assemble_band(false, LANES, LANES, &b, shift, factor, uniform);
}

#endif
