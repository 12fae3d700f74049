/* body_panel.h - rows of neurons to panels of sixteen, and back.
 *
 * Memory is what bounds both ways, so the plainest loops that keep it busy were taken.  Whole rows turn around in
 * registers, sixteen by sixteen.  Picked columns go one by one: gathers, scatters, compression of whole lines by masks,
 * and prefetching were all tried on AVX-512, and none was faster (two threads, rows of 4096, a half or a quarter of the
 * columns), for lines of the master, not instructions, take the time.
 * Included by kernels_*.c alone, see kernels.h.
 */
#ifndef IST_MATH_BODY_PANEL_H
#define IST_MATH_BODY_PANEL_H

#include <stddef.h>
#include <string.h>

#include "math/kernels.h"
#include "math/lanes.h"

/* The numbers of sixteen rows in column c. */
LANES_INLINE lanes pick_column(const float *const *rows, int64_t c)
{
    lanes v = lanes_all(0); /* each is set below, but gcc cannot tell */
    LANES_EACH (i) {
        LANES_UNROLL
        for (int j = 0; j < LANES_PART; j++) v.part[i][j] = rows[i * LANES_PART + j][c];
    }
    return v;
}

/* Panels of this many inputs belong to layers larger than a cache.  Past the caches they go in two thirds of the time;
 * a smaller block, which the first step finds in the cache, would take up to five times as long. */
enum { STREAMED_COLUMNS = 2048 };

LANES_INLINE void put(float *to, lanes v, bool stream)
{
    if (stream) lanes_stream_16(to, v);
    else lanes_store_16(to, v);
}

/* All rows are there; numbers of those that mask hides become 0. */
LANES_INLINE void pack(const float *const *rows, lanes_int mask, const int32_t *columns, int64_t count, bool stream,
                       float *panel)
{
    int64_t k = 0;
    for (; !columns && k + LANES <= count; k += LANES) {
        lanes square[LANES];
        LANES_UNROLL
        for (int j = 0; j < LANES; j++) square[j] = lanes_load_16(rows[j] + k);
        lanes_turn(square);
        LANES_UNROLL
        for (int j = 0; j < LANES; j++) put(panel + (k + j) * LANES, lanes_where(mask, square[j]), stream);
    }
    for (; k < count; k++)
        put(panel + k * LANES, lanes_where(mask, pick_column(rows, columns ? columns[k] : k)), stream);
    if (stream) lanes_stream_end();
}

static void pack_panel(const float *const *rows, const int32_t *columns, int64_t count, float *panel)
{
    const float *from[LANES], *any = NULL;
    int32_t is_there[LANES];
    for (int j = 0; j < LANES; j++)
        if (rows[j]) any = rows[j];
    if (!any) {
        memset(panel, 0, (size_t)(count * LANES) * sizeof *panel);
        return;
    }
    for (int j = 0; j < LANES; j++) { /* where there is no row another is read, and hidden: no branch in the loops */
        from[j] = rows[j] ? rows[j] : any;
        is_there[j] = rows[j] ? -1 : 0;
    }
    const lanes_int mask = lanes_int_load_16(is_there);
    if (count >= STREAMED_COLUMNS) pack(from, mask, columns, count, true, panel);
    else pack(from, mask, columns, count, false, panel);
}

/* Lane j of `count` <= 16 lines of a panel to a row, from its column `first` on or to the columns given. */
LANES_INLINE void unpack_lane(const float *panel, int j, const int32_t *columns, int64_t first, int64_t count,
                              float *row)
{
    if (columns)
        for (int64_t k = 0; k < count; k++) row[columns[first + k]] = panel[(first + k) * LANES + j];
    else
        for (int64_t k = 0; k < count; k++) row[first + k] = panel[(first + k) * LANES + j];
}

static void unpack_panel(const float *panel, const int32_t *columns, int64_t count, float *const *rows)
{
    int64_t k = 0;
    for (; !columns && k + LANES <= count; k += LANES) {
        lanes square[LANES];
        LANES_UNROLL
        for (int j = 0; j < LANES; j++) square[j] = lanes_load_16(panel + (k + j) * LANES);
        lanes_turn(square);
        LANES_UNROLL
        for (int j = 0; j < LANES; j++)
            if (rows[j]) lanes_store_16(rows[j] + k, square[j]);
    }
    for (; k + LANES <= count; k += LANES)
        for (int j = 0; j < LANES; j++)
            if (rows[j]) unpack_lane(panel, j, columns, k, LANES, rows[j]);
    for (int j = 0; j < LANES; j++)
        if (rows[j]) unpack_lane(panel, j, columns, k, count - k, rows[j]);
}

/* NaN and infinities have all exponent bits set: one more in the exponent carries into the sign. */
LANES_INLINE lanes_u32 exponent_full(lanes_u32 bits)
{
    return (bits & 0x7fffffffU) + 0x00800000U;
}

static bool all_finite(int64_t count, const float *values)
{
    lanes_u32 found[LANES / LANES_PART] = {{0}};
    int64_t k = 0;
    for (; k + LANES <= count; k += LANES) {
        const lanes v = lanes_load_16(values + k);
        LANES_EACH (i) found[i] |= exponent_full((lanes_u32)v.part[i]);
    }
    const lanes rest = lanes_load(values + k, (int32_t)(count - k)); /* and zeros */
    uint32_t any = 0;
    LANES_EACH (i) {
        found[i] |= exponent_full((lanes_u32)rest.part[i]);
        for (int j = 0; j < LANES_PART; j++) any |= found[i][j];
    }
    return !(any >> 31);
}

#endif
