/* Dropout: the kernel of every set against Random123's generator; how often it drops; what its masks depend on. */
#include "ist_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "kernel_sets.h"
#include "train/dropout.h"

enum { ROWS = 27, MOST = 150 };
static const int32_t column_counts[] = {1, 15, 16, 17, 128, 133};

/* The definition in kernels.h, by the generator of base/rng.h. */
static uint32_t draw_of(const uint32_t key[2], int32_t neuron, int32_t column)
{
    ist__rng rng = {.key = {key[0], key[1]}, .counter = {(uint32_t)column, (uint32_t)neuron / 8, 0, 0}, .used = 4};
    uint32_t word = 0;
    for (int32_t w = 0; w <= neuron % 8 / 2; w++) word = ist__rng_u32(&rng);
    return neuron % 2 ? word >> 16 : word & 0xFFFF;
}

static void fill(float block[ROWS][MOST])
{
    uint32_t seed = 3;
    for (int32_t r = 0; r < ROWS; r++)
        for (int32_t c = 0; c < MOST; c++) block[r][c] = noise(&seed);
}

TEST(every_set_drops_what_the_generator_says)
{
    const ist__drops drops = {.key = {0xDEADBEEF, 7}, .threshold = 20000, .factor = 1.5F};
    EACH_SET (i, set)
        for (size_t k = 0; k < sizeof column_counts / sizeof *column_counts; k++)
            for (int32_t first = 0; first <= 16; first += 8) {
                const int32_t columns = column_counts[k];
                float before[ROWS][MOST], y[ROWS][MOST];
                fill(before);
                memcpy(y, before, sizeof y);
                set->drop(&drops, first, ROWS, columns, MOST, y[0]);
                for (int32_t r = 0; r < ROWS; r++)
                    for (int32_t c = 0; c < MOST; c++) {
                        const bool falls = c < columns && draw_of(drops.key, first + r, c) < drops.threshold;
                        const float expected = c >= columns ? before[r][c] : falls ? 0.0F : before[r][c] * drops.factor;
                        CHECK_MEM(&y[r][c], &expected, sizeof expected);
                    }
            }
}

TEST(bits_do_not_depend_on_how_neurons_are_split)
{
    const ist__drops drops = {.key = {5, 6}, .threshold = 40000, .factor = 2};
    EACH_SET (i, set) {
        float whole[ROWS][MOST], split[ROWS][MOST];
        fill(whole);
        fill(split);
        set->drop(&drops, 0, ROWS, MOST, MOST, whole[0]);
        set->drop(&drops, 16, ROWS - 16, MOST, MOST, split[16]);
        set->drop(&drops, 0, 8, MOST, MOST, split[0]);
        set->drop(&drops, 8, 8, MOST, MOST, split[8]);
        CHECK_MEM(whole, split, sizeof whole);
    }
}

TEST(scale_multiplies_and_stays_inside)
{
    EACH_SET (i, set)
        for (size_t k = 0; k < sizeof column_counts / sizeof *column_counts; k++) {
            float before[ROWS][MOST], y[ROWS][MOST];
            fill(before);
            memcpy(y, before, sizeof y);
            set->scale(ROWS, column_counts[k], MOST, 1.7F, y[0]);
            for (int32_t r = 0; r < ROWS; r++)
                for (int32_t c = 0; c < MOST; c++)
                    CHECK(y[r][c] == (c < column_counts[k] ? before[r][c] * 1.7F : before[r][c]));
        }
}

/* ----------------------------------------------------------------------------------------------------- chances -- */

static ist__dropout dropout_with(double input, double hidden, uint64_t seed)
{
    ist_train_config config = IST_TRAIN_CONFIG_INIT;
    config.input_dropout = input;
    config.hidden_dropout = hidden;
    config.seed = seed;
    return ist__dropout_of(&config);
}

TEST(chances_are_the_nearest_of_sixteen_bits)
{
    const ist__dropout some = dropout_with(0.2, 0.5, 1), edge = dropout_with(0.9999999, 1e-6, 1),
                       none = dropout_with(0, 0, 1);
    CHECK_EQ(some.input, 13107);
    CHECK_EQ(some.hidden, 32768);
    CHECK_EQ(edge.input, 65535); /* never all */
    CHECK_EQ(edge.hidden, 0);
    CHECK(none.input == 0 && none.hidden == 0);
    CHECK(ist__dropout_factor(32768) == 2 && ist__dropout_factor(0) == 1 && ist__dropout_factor(65535) == 65536);
}

/* --------------------------------------------------------------------------------------------------------- masks -- */

enum { NEURONS = 256, SAMPLES = 128 };
typedef float mask[NEURONS][SAMPLES];

/* 1 over the survivors' factor where a neuron of a sample is kept. */
static void mask_of(uint64_t seed, int64_t step, int32_t subnet, int32_t layer, double chance, mask out)
{
    const ist__dropout dropout = dropout_with(0, chance, seed);
    const ist__engine engine = {.kernels = ist__kernel_set_at(0)};
    for (int32_t r = 0; r < NEURONS; r++)
        for (int32_t c = 0; c < SAMPLES; c++) out[r][c] = 1;
    ist__dropout_apply(&dropout, dropout.hidden, (ist__draw_place){step, subnet}, layer, &engine, 0, NEURONS, SAMPLES,
                       SAMPLES, out[0]);
}

static double kept_of(mask m)
{
    double kept = 0;
    for (int32_t r = 0; r < NEURONS; r++)
        for (int32_t c = 0; c < SAMPLES; c++) kept += m[r][c] > 0;
    return kept / (NEURONS * SAMPLES);
}

/* Chances of 32768 coins: within 4.5 deviations. */
TEST(as_many_are_kept_as_was_said_and_the_mean_stays)
{
    const double chances[] = {0.05, 0.2, 0.5, 0.8};
    for (int i = 0; i < 4; i++) {
        mask m;
        mask_of(11, 3, 1, 1, chances[i], m);
        const double kept = 1 - chances[i], deviation = sqrt(kept * chances[i] / (NEURONS * SAMPLES));
        CHECK_NEAR(kept_of(m), kept, 4.5 * deviation);
        double sum = 0;
        for (int32_t r = 0; r < NEURONS; r++)
            for (int32_t c = 0; c < SAMPLES; c++) sum += (double)m[r][c];
        CHECK_NEAR(sum / (NEURONS * SAMPLES), 1, 4.5 * deviation / kept);
    }
}

/* No neuron and no sample is favoured: 6 deviations of 128 and 256 coins, over all of them. */
TEST(every_neuron_and_every_sample_is_dropped_as_often)
{
    mask m;
    mask_of(12, 0, 0, 2, 0.5, m);
    for (int32_t r = 0; r < NEURONS; r++) {
        int32_t kept = 0;
        for (int32_t c = 0; c < SAMPLES; c++) kept += m[r][c] > 0;
        CHECK(abs(kept - SAMPLES / 2) < 34);
    }
    for (int32_t c = 0; c < SAMPLES; c++) {
        int32_t kept = 0;
        for (int32_t r = 0; r < NEURONS; r++) kept += m[r][c] > 0;
        CHECK(abs(kept - NEURONS / 2) < 48);
    }
}

/* Of two independent masks of one half, half of the places agree: 4.5 deviations. */
static void check_apart(mask a, mask b)
{
    int32_t alike = 0;
    for (int32_t r = 0; r < NEURONS; r++)
        for (int32_t c = 0; c < SAMPLES; c++) alike += (a[r][c] > 0) == (b[r][c] > 0);
    CHECK(abs(alike - NEURONS * SAMPLES / 2) < 407);
}

TEST(masks_of_steps_subnets_layers_and_seeds_have_nothing_to_do_with_each_other)
{
    const int64_t far = (int64_t)1 << 32; /* steps beyond 32 bits */
    const struct {
        uint64_t seed;
        int64_t step;
        int32_t subnet, layer;
    } place[] = {{1, 0, 0, 1}, {1, 1, 0, 1},   {1, 0, 1, 1}, {1, 0, 0, 2}, {1, 0, 0, 0},
                 {2, 0, 0, 1}, {1, far, 0, 1}, {1, 1, 1, 2}, {1, 2, 0, 1}, {1, 0, 2, 1}};
    enum { PLACES = sizeof place / sizeof *place };
    mask *m = malloc(PLACES * sizeof *m);
    CHECK(m != NULL);
    for (int i = 0; i < PLACES; i++) {
        mask_of(place[i].seed, place[i].step, place[i].subnet, place[i].layer, 0.5, m[i]);
        for (int j = 0; j < i; j++) check_apart(m[i], m[j]);
    }
    free(m);
}

TEST(neighbours_in_a_mask_have_nothing_to_do_with_each_other)
{
    mask m, moved;
    mask_of(13, 5, 2, 1, 0.5, m);
    for (int32_t by = 1; by <= 32; by++) { /* neurons of one draw, and of the next ones */
        for (int32_t r = 0; r < NEURONS; r++) memcpy(moved[r], m[(r + by) % NEURONS], sizeof m[r]);
        check_apart(m, moved);
        for (int32_t r = 0; r < NEURONS; r++)
            for (int32_t c = 0; c < SAMPLES; c++) moved[r][c] = m[r][(c + by) % SAMPLES];
        check_apart(m, moved);
    }
}

TEST(the_same_place_gives_the_same_mask)
{
    mask a, b;
    mask_of(14, 9, 3, 1, 0.3, a);
    mask_of(14, 9, 3, 1, 0.3, b);
    CHECK_MEM(a, b, sizeof a);
}

/* Part of the identity of a run: recorded once. */
TEST(masks_are_the_recorded_ones)
{
    mask m;
    mask_of(1, 100, 2, 1, 0.25, m);
    uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a */
    for (int32_t r = 0; r < NEURONS; r++)
        for (int32_t c = 0; c < SAMPLES; c++) hash = (hash ^ (m[r][c] > 0)) * 0x100000001b3U;
    CHECK_EQ(hash, 0xdf247e9652663f2bU);
}
