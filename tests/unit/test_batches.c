/* test_batches.c - every row once an epoch, uniformly, and the same at any position. */
#include "ist_test.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "data/batches.h"

enum { SEED = 7 };

/* ------------------------------------------------------------------------------------------------------ shards -- */

TEST(shard_sizes_differ_by_one_at_most_and_sum_up)
{
    const int64_t rows[] = {1, 2, 7, 64, 1000, 7200, 4294967294};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int32_t n = 1; n <= 70; n++) {
            int64_t sum = 0;
            for (int32_t s = 0; s < n; s++) {
                const int64_t size = ist__shard_rows(rows[i], n, s);
                CHECK(size == rows[i] / n || size == rows[i] / n + 1);
                if (s > 0) CHECK(size <= ist__shard_rows(rows[i], n, s - 1));
                sum += size;
            }
            CHECK_EQ(sum, rows[i]);
        }
}

TEST(shards_are_an_exact_cover_and_ascending)
{
    enum { MOST = 203 };
    for (int64_t rows = 1; rows <= MOST; rows += 1 + rows / 9)
        for (int32_t n = 1; n <= rows && n <= 40; n++) {
            int seen[MOST] = {0};
            for (int32_t s = 0; s < n; s++) {
                uint32_t list[MOST];
                const int64_t size = ist__shard_rows(rows, n, s);
                CHECK_EQ(ist__shard_list(SEED, rows, n, s, list, NULL), IST_OK);
                for (int64_t i = 0; i < size; i++) {
                    CHECK(list[i] < rows);
                    if (i > 0) CHECK(list[i] > list[i - 1]);
                    seen[list[i]]++;
                }
            }
            for (int64_t row = 0; row < rows; row++) CHECK_EQ(seen[row], 1);
        }
}

/* 10 rows to shards of 4, 3, 3, in 20000 deals.  Bounds are five standard deviations. */
TEST(shards_are_uniform)
{
    enum { DEALS = 20000 };
    int hits[3][10] = {{0}}, together = 0;
    for (uint64_t seed = 0; seed < DEALS; seed++)
        for (int32_t s = 0; s < 3; s++) {
            uint32_t list[10];
            CHECK_EQ(ist__shard_list(seed, 10, 3, s, list, NULL), IST_OK);
            const int64_t size = ist__shard_rows(10, 3, s);
            for (int64_t i = 0; i < size; i++) hits[s][list[i]]++;
            if (s == 0) together += list[0] == 0 && list[1] == 1;
        }
    for (int row = 0; row < 10; row++) {
        CHECK_NEAR(hits[0][row], DEALS * 0.4, 5 * sqrt(DEALS * 0.4 * 0.6));
        CHECK_NEAR(hits[1][row], DEALS * 0.3, 5 * sqrt(DEALS * 0.3 * 0.7));
        CHECK_NEAR(hits[2][row], DEALS * 0.3, 5 * sqrt(DEALS * 0.3 * 0.7));
    }
    const double both = 4.0 / 10 * 3 / 9;
    CHECK_NEAR(together, DEALS * both, 5 * sqrt(DEALS * both * (1 - both)));
}

/* ------------------------------------------------------------------------------------------------------ orders -- */

static ist__batches make(uint64_t seed, int32_t policy, int64_t rows, int32_t subnets, int32_t subnet)
{
    ist__batches b;
    CHECK_EQ(ist__batches_create(&b, seed, policy, rows, subnets, subnet, NULL), IST_OK);
    CHECK_EQ(b.rows, ist__shard_rows(rows, subnets, subnet));
    return b;
}

/* count rows from position first, asked of a new object. */
static void rows_at(int32_t policy, int64_t rows, int32_t subnets, int32_t subnet, int64_t first, int64_t count,
                    uint32_t *out)
{
    ist__batches b = make(SEED, policy, rows, subnets, subnet);
    ist__batches_rows(&b, first, count, out);
    ist__batches_destroy(&b);
}

TEST(an_epoch_of_a_shard_has_each_local_row_once)
{
    enum { ROWS = 103, SUBNETS = 4, EPOCHS = 5 };
    for (int32_t s = 0; s < SUBNETS; s++) {
        ist__batches b = make(SEED, IST_DATA_SHARD, ROWS, SUBNETS, s);
        for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
            uint32_t out[ROWS];
            int seen[ROWS] = {0};
            ist__batches_rows(&b, epoch * b.rows, b.rows, out);
            for (int64_t i = 0; i < b.rows; i++) {
                CHECK(out[i] < b.rows);
                seen[out[i]]++;
            }
            for (int64_t i = 0; i < b.rows; i++) CHECK_EQ(seen[i], 1);
        }
        ist__batches_destroy(&b);
    }
}

TEST(an_epoch_of_all_subnets_has_each_row_once)
{
    enum { ROWS = 103, SUBNETS = 4, EPOCHS = 6 };
    int moved = 0, owner[ROWS];
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        int seen[ROWS] = {0};
        for (int32_t s = 0; s < SUBNETS; s++) {
            uint32_t out[ROWS], same[ROWS];
            const int64_t rows = ist__shard_rows(ROWS, SUBNETS, s);
            rows_at(IST_DATA_REPLICATE, ROWS, SUBNETS, s, epoch * rows, rows, out);
            rows_at(IST_DATA_SHARED, ROWS, SUBNETS, s, epoch * rows, rows, same);
            CHECK_MEM(out, same, (size_t)rows * sizeof *out);
            for (int64_t i = 0; i < rows; i++) {
                CHECK(out[i] < ROWS);
                seen[out[i]]++;
                moved += epoch > 0 && owner[out[i]] != s;
                owner[out[i]] = s;
            }
        }
        for (int i = 0; i < ROWS; i++) CHECK_EQ(seen[i], 1);
    }
    CHECK_NEAR(moved, 5 * ROWS * 0.75, 5 * sqrt(5 * ROWS * 0.75 * 0.25)); /* dealt anew each epoch */
}

TEST(walking_and_jumping_agree)
{
    enum { ROWS = 61, SUBNETS = 3, LENGTH = 400 };
    const int64_t counts[] = {1, 7, 20, 21, 61, 130}; /* from one row to several epochs at once */
    for (int32_t policy = IST_DATA_SHARD; policy <= IST_DATA_SHARED; policy++)
        for (int32_t s = 0; s < SUBNETS; s++) {
            uint32_t all[LENGTH], out[LENGTH];
            rows_at(policy, ROWS, SUBNETS, s, 0, LENGTH, all);
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                ist__batches b = make(SEED, policy, ROWS, SUBNETS, s);
                for (int64_t p = 0; p + counts[c] <= LENGTH; p += counts[c]) {
                    ist__batches_rows(&b, p, counts[c], out);
                    CHECK_MEM(out, all + p, (size_t)counts[c] * sizeof *out);
                    rows_at(policy, ROWS, SUBNETS, s, p, counts[c], out);
                    CHECK_MEM(out, all + p, (size_t)counts[c] * sizeof *out);
                }
                ist__batches_rows(&b, 0, counts[c], out); /* and back */
                CHECK_MEM(out, all, (size_t)counts[c] * sizeof *out);
                ist__batches_destroy(&b);
            }
        }
}

TEST(positions_beyond_32_bits_are_fine)
{
    uint32_t one[10], two[10];
    rows_at(IST_DATA_SHARD, 40, 4, 1, 10 * 4000000000, 10, one);
    rows_at(IST_DATA_SHARD, 40, 4, 1, 10 * 4000000000 + 3, 7, two);
    CHECK_MEM(one + 3, two, 7 * sizeof *one);
}

static void check_differ(const uint32_t *a, const uint32_t *b, int64_t count)
{
    CHECK(memcmp(a, b, (size_t)count * sizeof *a) != 0);
}

TEST(no_two_subnets_epochs_or_seeds_have_the_same_order)
{
    enum { ROWS = 400, SUBNETS = 8, EACH = ROWS / SUBNETS };
    for (int32_t policy = IST_DATA_SHARD; policy <= IST_DATA_SHARED; policy++) {
        uint32_t order[SUBNETS][3 * EACH], other[EACH];
        for (int32_t s = 0; s < SUBNETS; s++) rows_at(policy, ROWS, SUBNETS, s, 0, 3 * EACH, order[s]);
        for (int32_t s = 0; s < SUBNETS; s++) {
            for (int32_t t = 0; t < s; t++)
                for (int epoch = 0; epoch < 3; epoch++)
                    check_differ(order[s] + epoch * EACH, order[t] + epoch * EACH, EACH);
            check_differ(order[s], order[s] + EACH, EACH);
            check_differ(order[s] + EACH, order[s] + 2 * EACH, EACH);
            ist__batches b = make(SEED + 1, policy, ROWS, SUBNETS, s);
            ist__batches_rows(&b, 0, EACH, other);
            check_differ(order[s], other, EACH);
            ist__batches_destroy(&b);
        }
    }
}

/* All 120 orders of 5 rows, 24000 draws: chi-square with 119 degrees of freedom, mean 119, deviation 15.4. */
TEST(orders_are_uniform)
{
    for (int32_t policy = IST_DATA_SHARD; policy <= IST_DATA_SHARED; policy++) {
        int hits[3125] = {0}, kinds = 0;
        double chi = 0;
        for (uint64_t seed = 0; seed < 240; seed++) {
            ist__batches b = make(seed, policy, 5, 1, 0);
            for (int64_t epoch = 0; epoch < 100; epoch++) {
                uint32_t out[5], code = 0;
                ist__batches_rows(&b, epoch * 5, 5, out);
                for (int i = 0; i < 5; i++) code = code * 5 + out[i];
                hits[code]++;
            }
            ist__batches_destroy(&b);
        }
        for (int code = 0; code < 3125; code++) {
            if (hits[code] == 0) continue;
            kinds++;
            chi += (hits[code] - 200.0) * (hits[code] - 200.0) / 200.0;
        }
        CHECK_EQ(kinds, 120);
        CHECK_NEAR(chi, 119, 6 * 15.4);
    }
}

/* These values are the identity of runs: a change here makes old checkpoints continue on other rows. */
TEST(orders_of_seed_1_are_what_they_were)
{
    const uint32_t shard[] = {1, 2, 3, 4, 10, 14, 17}, own[] = {4, 0, 5, 6, 1, 2, 3}, dealt[] = {10, 14, 3, 7, 9, 6, 1};
    uint32_t out[10];
    CHECK_EQ(ist__shard_list(1, 20, 3, 1, out, NULL), IST_OK);
    CHECK_MEM(out, shard, sizeof shard);
    ist__batches b = make(1, IST_DATA_SHARD, 20, 3, 1);
    ist__batches_rows(&b, 7, 7, out);
    CHECK_MEM(out, own, sizeof own);
    ist__batches_destroy(&b);
    b = make(1, IST_DATA_SHARED, 20, 3, 1);
    ist__batches_rows(&b, 7, 7, out);
    CHECK_MEM(out, dealt, sizeof dealt);
    ist__batches_destroy(&b);
}

TEST(more_subnets_than_rows_are_refused)
{
    ist__batches b = {.rows = -5};
    ist__error error;
    CHECK_EQ(ist__batches_create(&b, 1, IST_DATA_SHARD, 3, 4, 0, &error), IST_E_ARGUMENT);
    CHECK_EQ(ist__batches_create(&b, 1, IST_DATA_SHARED, 3, 4, 3, &error), IST_E_ARGUMENT);
    CHECK_EQ(ist__batches_create(&b, 1, IST_DATA_SHARD, 3, 2, 2, &error), IST_E_ARGUMENT);
    CHECK_EQ(ist__batches_create(&b, 1, IST_DATA_SHARD, 3, 0, 0, &error), IST_E_ARGUMENT);
    CHECK_EQ(b.rows, -5);
    CHECK_EQ(ist__batches_create(&b, 1, IST_DATA_SHARD, 3, 3, 2, &error), IST_OK);
    ist__batches_destroy(&b);
}

/* Sum of the `count` largest of numbers that stand there `times` times each, by sorting. */
static int64_t most_by_sorting(int64_t rows, const int64_t *begin, int64_t count, int64_t times)
{
    int64_t length[64], sum = 0;
    for (int64_t i = 0; i < rows; i++) length[i] = begin[i + 1] - begin[i];
    for (int64_t taken = 0; taken < count; taken++) {
        int64_t best = 0;
        for (int64_t i = 0; i < rows; i++)
            if (length[i] > length[best]) best = i;
        sum += length[best];
        if (taken % times == times - 1) length[best] = -1;
    }
    return sum;
}

TEST(the_most_entries_of_a_batch_are_those_of_its_longest_rows)
{
    ist__rng rng = ist__rng_make(3, IST__FOR_BATCHES, 0, 0);
    for (int trial = 0; trial < 200; trial++) {
        const int64_t rows = 1 + ist__rng_below(&rng, 40), times = 1 + ist__rng_below(&rng, 3);
        int64_t begin[64] = {0};
        for (int64_t i = 0; i < rows; i++) begin[i + 1] = begin[i] + (trial % 4 == 0 ? 5 : ist__rng_below(&rng, 9));
        const int64_t count = 1 + ist__rng_below(&rng, (uint32_t)(rows * times));
        CHECK_EQ(ist__sparse_most(rows, begin, count, times), most_by_sorting(rows, begin, count, times));
    }
}
