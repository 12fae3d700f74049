/* The block that is assembled from rows of a dataset: every element the definition's bits, for every set of kernels,
 * whatever is odd about sizes and bands; nothing is read behind the last row and nothing written beside the block. */
#define _GNU_SOURCE
#include "ist_test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel_sets.h"

enum { ROWS = 80, MOST_FEATURES = 300, PAD = 5 };
static const float SENTINEL = -12345.0F;

/* ROWS rows with gaps between them; behind the last feature of the last row begins a page that nobody may touch. */
typedef struct table {
    bool bytes;
    int32_t features;
    int64_t stride; /* elements from row to row */
    char *x, *mapping;
    size_t mapping_bytes;
    float shift[MOST_FEATURES], factor[MOST_FEATURES];
    uint32_t index[ROWS]; /* with repetitions, the last row among them */
} table;

static int64_t element_bytes(bool bytes)
{
    return bytes ? 1 : (int64_t)sizeof(float);
}

static void put(const table *t, int64_t at, uint32_t bits)
{
    const float number = (float)(int32_t)bits * 1.1e-7F;
    if (t->bytes) t->x[at] = (char)(bits >> 24);
    else memcpy(t->x + at * (int64_t)sizeof number, &number, sizeof number);
}

static float get(const table *t, int64_t at)
{
    float number;
    if (t->bytes) return (float)(uint8_t)t->x[at];
    memcpy(&number, t->x + at * (int64_t)sizeof number, sizeof number);
    return number;
}

static table make(bool bytes, int32_t features)
{
    table t = {.bytes = bytes, .features = features, .stride = features + PAD};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const int64_t elements = (ROWS - 1) * t.stride + features;
    const size_t size = (size_t)(elements * element_bytes(bytes)), room = (size + page - 1) / page * page;
    t.mapping_bytes = room + page;
    t.mapping = mmap(NULL, t.mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(t.mapping != MAP_FAILED);
    CHECK_EQ(mprotect(t.mapping + room, page, PROT_NONE), 0);
    t.x = t.mapping + (room - size);

    uint32_t state = 5;
    for (int64_t i = 0; i < elements; i++) put(&t, i, state = state * 1664525U + 1013904223U);
    for (int i = 0; i < MOST_FEATURES; i++) {
        t.shift[i] = 31.5F + 0.1F * (float)i;
        t.factor[i] = (i % 2 ? -0.3F : 0.7F) / (float)(i + 1);
    }
    for (uint32_t i = 0; i < ROWS; i++) t.index[i] = ROWS - 1 - i * i * 31 % ROWS;
    return t;
}

static void unmake(table *t)
{
    munmap(t->mapping, t->mapping_bytes);
}

/* The element as the header says it, in float and in this order. */
static float expected(const table *t, int64_t row, int32_t f, bool uniform)
{
    const volatile float difference = get(t, row * t->stride + f) - t->shift[uniform ? 0 : f];
    return difference * t->factor[uniform ? 0 : f];
}

/* bands: first, last, first, last, .., 0, 0.  What no band names must be left alone. */
static void check_assembly(const ist__kernel_set *set, const table *t, int32_t count, bool indexed, bool uniform,
                           const int32_t *bands)
{
    static float out[MOST_FEATURES * (ROWS + PAD)], want[MOST_FEATURES * (ROWS + PAD)];
    const int32_t ld = count + PAD, first_row = indexed ? 0 : ROWS - count;
    const ist__samples samples = {.x = t->x,
                                  .row_stride_bytes = t->stride * element_bytes(t->bytes),
                                  .bytes = t->bytes,
                                  .index = indexed ? t->index : NULL,
                                  .first_row = first_row};
    for (int32_t i = 0; i < t->features * ld; i++) out[i] = want[i] = SENTINEL;
    for (; bands[1] > 0; bands += 2) {
        set->assemble(&samples, count, bands[0], bands[1], t->shift, t->factor, uniform, out, ld);
        for (int32_t f = bands[0]; f < bands[1]; f++)
            for (int32_t c = 0; c < count; c++)
                want[f * ld + c] = expected(t, indexed ? (int64_t)t->index[c] : first_row + c, f, uniform);
    }
    CHECK_MEM(out, want, (size_t)(t->features * ld) * sizeof *out);
}

TEST(assembly_is_the_plain_loop_for_any_size_and_band)
{
    const int32_t counts[] = {1, 2, 15, 16, 17, 31, 32, 33, ROWS};
    const int32_t widths[] = {1, 3, 15, 16, 17, 64, 65, 127, 128, 211, MOST_FEATURES};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (int bytes = 0; bytes <= 1; bytes++) {
            table t = make(bytes, widths[w]);
            const int32_t width = widths[w], cut = width / 3, end = width - width / 5;
            const int32_t whole[] = {0, width, 0, 0}, parts[] = {0, cut, cut, cut + 1, end, width, 0, 0};
            EACH_SET (i, set)
                for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
                    for (int mode = 0; mode < 4; mode++) {
                        check_assembly(set, &t, counts[c], mode & 1, mode & 2, whole);
                        if (cut > 0) check_assembly(set, &t, counts[c], mode & 1, mode & 2, parts);
                    }
            unmake(&t);
        }
}

TEST(assembly_of_nothing_writes_nothing)
{
    EACH_SET (i, set) {
        float x[4] = {1, 2, 3, 4}, out[4] = {9, 9, 9, 9}, shift = 0, factor = 1;
        const ist__samples samples = {.x = x, .row_stride_bytes = sizeof x};
        set->assemble(&samples, 0, 0, 4, &shift, &factor, true, out, 1);
        set->assemble(&samples, 1, 2, 2, &shift, &factor, true, out, 1);
        CHECK_MEM(out, ((float[]){9, 9, 9, 9}), sizeof out);
        set->assemble(&samples, 1, 1, 3, &shift, &factor, true, out, 1);
        CHECK_MEM(out, ((float[]){9, 2, 3, 9}), sizeof out);
    }
}

/* A difference and a product, each rounded: a fused operation would keep bits of one that is lost in between. */
TEST(assembly_rounds_twice)
{
    EACH_SET (i, set) {
        enum { SIDE = 16 };
        static float x[SIDE][SIDE], out[SIDE][SIDE];
        const float shift = -1, factor = 3;
        for (int r = 0; r < SIDE; r++)
            for (int f = 0; f < SIDE; f++) x[r][f] = 0x1p-24F; /* 1 + x is 1 */
        const ist__samples samples = {.x = x, .row_stride_bytes = sizeof x[0]};
        set->assemble(&samples, SIDE, 0, SIDE, &shift, &factor, true, &out[0][0], SIDE);
        for (int f = 0; f < SIDE; f++)
            for (int c = 0; c < SIDE; c++) CHECK(out[f][c] == 3);
    }
}

/* Datasets of more bytes than 32 bits count: memory that is reserved, hardly touched. */
TEST(rows_beyond_32_bits_are_reached)
{
    enum { FEATURES = 20, COUNT = 16 };
    const int64_t stride = (int64_t)1 << 29, rows = 12;
    uint8_t *x =
        mmap(NULL, (size_t)(rows * stride), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (x == MAP_FAILED) SKIP("no 6 GB of addresses");
    uint32_t index[COUNT];
    for (uint32_t c = 0; c < COUNT; c++) index[c] = 11 - c % 4;
    for (int64_t row = 8; row < rows; row++) memset(x + row * stride, (int)row, FEATURES);
    EACH_SET (i, set) {
        float out[FEATURES * COUNT];
        const float shift = 0, factor = 1;
        const ist__samples samples = {.x = x, .row_stride_bytes = stride, .bytes = true, .index = index};
        set->assemble(&samples, COUNT, 0, FEATURES, &shift, &factor, true, out, COUNT);
        for (int32_t k = 0; k < FEATURES * COUNT; k++) CHECK(out[k] == (float)index[k % COUNT]);
    }
    munmap(x, (size_t)(rows * stride));
}
