/* Rows to panels and back, and the search for numbers that are not finite: for every set of kernels that this machine
 * can run, with memory around them left alone. */
#include "ist_test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/kernels.h"

enum { PANEL = IST__LANES, WIDTH = 2 * 2100, STRIDE = WIDTH + 3, EDGE = 16 }; /* rows start on any boundary */
static const float UNTOUCHED = 12345.0F;

/* Tails of every length around one and two squares; and panels that kernels may take for large. */
static const int64_t counts[] = {1, 2, 15, 16, 17, 31, 32, 33, 100, 2047, 2048, 2063, 2100};

/* Which rows are there: all, the first ones, some, one, none. */
static const unsigned present[] = {0xffff, 0x1fff, 0x0001, 0xa5c2, 0x8000, 0};

#define EACH_SET(i, set)                          \
  for (int32_t i = 0; ist__kernel_set_at(i); i++) \
    for (const ist__kernel_set *set = ist__kernel_set_at(i); set; set = NULL)

typedef struct bench {
    float *rows;      /* (PANEL, STRIDE) each number its own */
    float *room;      /* EDGE, a panel of WIDTH lines, EDGE */
    int32_t *columns; /* (WIDTH / 2) ascending, in no regular steps */
} bench;

static void clear_room(bench *b)
{
    for (int64_t i = 0; i < (int64_t)PANEL * WIDTH + 2 * EDGE; i++) b->room[i] = UNTOUCHED;
}

static bench bench_open(void)
{
    bench b = {.rows = malloc(sizeof(float) * PANEL * STRIDE),
               .room = aligned_alloc(64, sizeof(float) * ((size_t)PANEL * WIDTH + 2 * EDGE)),
               .columns = malloc(sizeof(int32_t) * WIDTH / 2)};
    CHECK(b.rows && b.room && b.columns);
    for (int32_t i = 0; i < PANEL * STRIDE; i++) b.rows[i] = (float)(i + 1);
    for (int32_t k = 0; k < WIDTH / 2; k++) b.columns[k] = 2 * k + (k / 3) % 2;
    clear_room(&b);
    return b;
}

static void bench_close(bench *b)
{
    free(b->rows);
    free(b->room);
    free(b->columns);
}

static bool has_row(unsigned rows, int j)
{
    return rows >> j & 1;
}

static void check_pack(const ist__kernel_set *set, unsigned there, int64_t count, bool picked)
{
    bench b = bench_open();
    const float *rows[PANEL];
    float *panel = b.room + EDGE;
    int64_t wrong = 0;
    for (int j = 0; j < PANEL; j++) rows[j] = has_row(there, j) ? b.rows + j * STRIDE : NULL;
    set->pack_panel(rows, picked ? b.columns : NULL, count, panel);
    for (int64_t k = 0; k < count; k++)
        for (int j = 0; j < PANEL; j++)
            wrong += panel[k * PANEL + j] != (rows[j] ? rows[j][picked ? b.columns[k] : k] : 0);
    CHECK_EQ(wrong, 0);
    for (int64_t i = 0; i < EDGE; i++) CHECK(b.room[i] == UNTOUCHED && panel[count * PANEL + i] == UNTOUCHED);
    bench_close(&b);
}

TEST(a_panel_has_the_numbers_of_its_rows_and_zeros)
{
    EACH_SET (i, set)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (size_t p = 0; p < sizeof present / sizeof *present; p++) {
                check_pack(set, present[p], counts[c], false);
                check_pack(set, present[p], counts[c], true);
            }
}

/* Rows that are not there must not show, whatever stands in the others. */
TEST(idle_lanes_are_zero_beside_numbers_that_are_not)
{
    float row[20], room[20 * PANEL + PANEL];
    float *panel = room + (64 - (uintptr_t)room % 64) / sizeof(float); /* the next line */
    const float *rows[PANEL] = {row};
    for (int j = 0; j < 20; j++) row[j] = j % 2 ? NAN : -INFINITY;
    EACH_SET (i, set) {
        set->pack_panel(rows, NULL, 20, panel);
        for (int64_t k = 0; k < 20; k++)
            for (int j = 1; j < PANEL; j++) CHECK(panel[k * PANEL + j] == 0 && !signbit(panel[k * PANEL + j]));
    }
}

static void check_unpack(const ist__kernel_set *set, unsigned there, int64_t count, bool picked)
{
    bench b = bench_open();
    float *rows[PANEL], *panel = b.room + EDGE;
    int64_t wrong = 0, same = 0;
    for (int j = 0; j < PANEL; j++) rows[j] = has_row(there, j) ? b.rows + j * STRIDE : NULL;
    for (int64_t i = 0; i < count * PANEL; i++) panel[i] = (float)(-1 - i);
    set->unpack_panel(panel, picked ? b.columns : NULL, count, rows);
    for (int64_t k = 0; k < count; k++)
        for (int j = 0; j < PANEL; j++)
            if (rows[j]) wrong += rows[j][picked ? b.columns[k] : k] != panel[k * PANEL + j];
    for (int32_t i = 0; i < PANEL * STRIDE; i++) same += b.rows[i] == (float)(i + 1);
    CHECK_EQ(wrong, 0);
    CHECK_EQ(same, PANEL * STRIDE - count * __builtin_popcount(there)); /* nothing else was written */
    bench_close(&b);
}

TEST(rows_get_the_numbers_of_a_panel_and_no_others)
{
    EACH_SET (i, set)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (size_t p = 0; p < sizeof present / sizeof *present; p++) {
                check_unpack(set, present[p], counts[c], false);
                check_unpack(set, present[p], counts[c], true);
            }
}

/* Through the one way and back by the other set, bit for bit, numbers that are none too. */
TEST(a_round_trip_keeps_every_bit)
{
    EACH_SET (i, set)
        for (int picked = 0; picked <= 1; picked++) {
            bench b = bench_open();
            const float *from[PANEL];
            float *to[PANEL], *before = malloc(sizeof(float) * PANEL * STRIDE);
            const int32_t *columns = picked ? b.columns : NULL;
            for (uint32_t k = 0; k < PANEL * STRIDE; k++) {
                const uint32_t bits = k * 2654435761U;
                memcpy(&b.rows[k], &bits, sizeof bits);
            }
            memcpy(before, b.rows, sizeof(float) * PANEL * STRIDE);
            for (int j = 0; j < PANEL; j++) from[j] = to[j] = b.rows + j * STRIDE;
            set->pack_panel(from, columns, 2063, b.room + EDGE);
            for (int64_t k = 0; k < 2063; k++)
                for (int j = 0; j < PANEL; j++) to[j][picked ? columns[k] : k] = 0;
            ist__kernels_portable->unpack_panel(b.room + EDGE, columns, 2063, to);
            CHECK_MEM(b.rows, before, sizeof(float) * PANEL * STRIDE);
            free(before);
            bench_close(&b);
        }
}

TEST(each_number_that_is_not_finite_is_found_wherever_it_stands)
{
    enum { MOST = 100 };
    const float bad[] = {INFINITY, -INFINITY, NAN, -NAN}, good[] = {FLT_MAX, -FLT_MAX, 0, -0.0F, 1e-45F, 1};
    float values[MOST + 1];
    values[MOST] = NAN; /* not asked for */
    EACH_SET (i, set)
        for (int64_t count = 0; count <= MOST; count++)
            for (size_t g = 0; g < sizeof good / sizeof *good; g++) {
                float *at = values + MOST - count; /* on any boundary */
                for (int64_t k = 0; k < count; k++) at[k] = good[g];
                CHECK(set->all_finite(count, at));
                for (int64_t k = 0; k < count; k++) {
                    at[k] = bad[(g + (size_t)k) % 4];
                    CHECK(!set->all_finite(count, at));
                    at[k] = good[g];
                }
            }
}

/* The least bits that make an infinity, a quiet and a signalling NaN. */
TEST(all_payloads_are_found)
{
    EACH_SET (i, set)
        for (uint32_t payload = 0; payload < 1U << 23; payload = 2 * payload + 1)
            for (uint32_t sign = 0; sign <= 1; sign++) {
                float values[17] = {0};
                uint32_t bits = sign << 31 | 0x7f800000U | payload;
                memcpy(&values[5], &bits, sizeof bits);
                CHECK(!set->all_finite(17, values));
                bits ^= 0x00800000U; /* one bit of the exponent less: finite */
                memcpy(&values[5], &bits, sizeof bits);
                CHECK(set->all_finite(17, values));
            }
}
