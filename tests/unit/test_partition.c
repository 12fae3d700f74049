/* The deal: an exact cover, and fair by the laws of chance. */
#define _GNU_SOURCE
#include <math.h>

#include "api/fixture_run.h"
#include "model/partition.h"

enum { WIDEST = 67 };

typedef struct deal_of_layer {
    int32_t width, subnets;
    int32_t first[WIDEST + 1], order[WIDEST], owner[WIDEST];
} deal_of_layer;

static void deal_layer(deal_of_layer *d, int32_t width, int32_t subnets, uint64_t seed)
{
    int32_t seats_left[WIDEST];
    d->width = width;
    d->subnets = subnets;
    ist__partition_seats(width, subnets, d->first);
    ist__partition_deal(width, subnets, d->first, ist__rng_make(seed, IST__FOR_DEAL, 0, 0), seats_left, d->order);
    for (int32_t s = 0; s < subnets; s++)
        for (int32_t k = d->first[s]; k < d->first[s + 1]; k++) d->owner[d->order[k]] = s;
}

TEST(seats_differ_by_at_most_one_and_larger_subnets_come_first)
{
    for (int32_t width = 1; width <= WIDEST; width++)
        for (int32_t n = 1; n <= width; n++) {
            int32_t first[WIDEST + 1];
            ist__partition_seats(width, n, first);
            CHECK_EQ(first[0], 0);
            CHECK_EQ(first[n], width);
            for (int32_t s = 0; s < n; s++) {
                const int32_t size = first[s + 1] - first[s];
                CHECK(size >= 1 && (size == width / n || size == width / n + 1));
                if (s > 0) CHECK(size <= first[s] - first[s - 1]);
            }
        }
}

TEST(deal_is_an_exact_cover)
{
    for (int32_t width = 1; width <= WIDEST; width++)
        for (int32_t n = 1; n <= width; n++) {
            deal_of_layer d;
            deal_layer(&d, width, n, (uint64_t)(width * 1000 + n));
            int32_t seen[WIDEST] = {0};
            for (int32_t k = 0; k < width; k++) {
                CHECK(d.order[k] >= 0 && d.order[k] < width);
                seen[d.order[k]]++;
            }
            for (int32_t i = 0; i < width; i++) CHECK_EQ(seen[i], 1);
        }
}

TEST(each_group_ascends)
{
    for (int32_t n = 1; n <= WIDEST; n++) {
        deal_of_layer d;
        deal_layer(&d, WIDEST, n, (uint64_t)n);
        for (int32_t s = 0; s < n; s++)
            for (int32_t k = d.first[s] + 1; k < d.first[s + 1]; k++) CHECK(d.order[k - 1] < d.order[k]);
    }
}

TEST(the_same_key_gives_the_same_deal_and_another_key_another)
{
    deal_of_layer a, b, c;
    deal_layer(&a, WIDEST, 5, 77);
    deal_layer(&b, WIDEST, 5, 77);
    deal_layer(&c, WIDEST, 5, 78);
    CHECK_MEM(a.order, b.order, sizeof a.order);
    CHECK(memcmp(a.order, c.order, sizeof a.order) != 0);
}

/* Within six standard deviations of the binomial law. */
static void check_chance(int32_t hits, int32_t trials, double chance)
{
    CHECK_NEAR(hits, trials * chance, 6 * sqrt(trials * chance * (1 - chance)));
}

enum { DEALS = 20000, DEALT = 10, GROUPS = 4 };

TEST(every_neuron_comes_to_every_subnet_equally_often)
{
    int32_t hits[DEALT][GROUPS] = {{0}};
    deal_of_layer d;
    for (int32_t k = 0; k < DEALS; k++) {
        deal_layer(&d, DEALT, GROUPS, (uint64_t)k * 77);
        for (int32_t i = 0; i < DEALT; i++) hits[i][d.owner[i]]++;
    }
    for (int32_t i = 0; i < DEALT; i++)
        for (int32_t s = 0; s < GROUPS; s++)
            check_chance(hits[i][s], DEALS, (double)(d.first[s + 1] - d.first[s]) / DEALT); /* sizes 3 3 2 2 */
}

TEST(every_pair_of_neurons_meets_equally_often)
{
    int32_t hits[DEALT][DEALT][GROUPS] = {{{0}}};
    deal_of_layer d;
    for (int32_t k = 0; k < DEALS; k++) {
        deal_layer(&d, DEALT, GROUPS, (uint64_t)k * 1013 + 5);
        for (int32_t i = 0; i < DEALT; i++)
            for (int32_t j = 0; j < i; j++)
                if (d.owner[i] == d.owner[j]) hits[i][j][d.owner[i]]++;
    }
    for (int32_t i = 0; i < DEALT; i++)
        for (int32_t j = 0; j < i; j++)
            for (int32_t s = 0; s < GROUPS; s++) {
                const double size = d.first[s + 1] - d.first[s];
                check_chance(hits[i][j][s], DEALS, size * (size - 1) / (DEALT * (DEALT - 1)));
            }
}

TEST(every_deal_of_a_small_layer_comes_equally_often)
{
    int32_t hits[64] = {0}, kinds = 0;
    for (int32_t k = 0; k < DEALS; k++) { /* 5 neurons to seats 3 and 2: ten deals */
        deal_of_layer d;
        deal_layer(&d, 5, 2, (uint64_t)k);
        int32_t code = 0;
        for (int32_t i = 0; i < 5; i++) code |= d.owner[i] << i;
        hits[code]++;
    }
    for (int32_t code = 0; code < 64; code++) {
        if (hits[code] == 0) continue;
        kinds++;
        check_chance(hits[code], DEALS, 0.1);
    }
    CHECK_EQ(kinds, 10);
}

/* --------------------------------------------------------------------------------------------- the deal of a round -- */

static ist__deal round_deal(const ist__shape *shape, int32_t n, uint64_t seed, int64_t round)
{
    ist__deal deal;
    CHECK_EQ(ist__deal_create(&deal, shape, n, NULL), IST_OK);
    ist__deal_round(&deal, seed, round);
    return deal;
}

static ist__shape shape_of(int32_t count, const int32_t *hidden)
{
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    config.features = 3;
    config.classes = 2;
    config.hidden_count = count;
    config.hidden = hidden;
    ist__shape shape;
    CHECK_EQ(ist__shape_make(&shape, &config, NULL), IST_OK);
    return shape;
}

static const int32_t three[3] = {40, 40, 23};

static bool same_order(const ist__deal *a, int32_t h, const ist__deal *b, int32_t g)
{
    return memcmp(a->order[h], b->order[g], 40 * sizeof(int32_t)) == 0;
}

TEST(deals_differ_by_round_by_layer_and_by_seed)
{
    const ist__shape shape = shape_of(3, three);
    ist__deal a = round_deal(&shape, 4, 1, 0), same = round_deal(&shape, 4, 1, 0), round = round_deal(&shape, 4, 1, 1),
              seed = round_deal(&shape, 4, 2, 0), high = round_deal(&shape, 4, 1 + (1ULL << 32), 0);
    for (int32_t h = 0; h < 2; h++) {
        CHECK(same_order(&a, h, &same, h));
        CHECK(!same_order(&a, h, &round, h));
        CHECK(!same_order(&a, h, &seed, h));
        CHECK(!same_order(&a, h, &high, h));
    }
    CHECK(!same_order(&a, 0, &a, 1));
    ist__deal_round(&round, 1, 0); /* a deal has no memory */
    CHECK(same_order(&a, 0, &round, 0) && same_order(&a, 1, &round, 1));
    ist__deal *all[] = {&a, &same, &round, &seed, &high};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) ist__deal_destroy(all[i]);
}

TEST(layers_are_dealt_independently)
{
    const ist__shape shape = shape_of(3, three);
    ist__deal deal = round_deal(&shape, 4, 1, 0);
    int32_t together = 0;
    enum { ROUNDS = 4000 };
    for (int64_t round = 0; round < ROUNDS; round++) {
        ist__deal_round(&deal, 3, round);
        int32_t where[2] = {0};
        for (int32_t h = 0; h < 2; h++)
            for (int32_t k = 0; k < 40; k++)
                if (deal.order[h][k] == 7) where[h] = k / 10;
        together += where[0] == where[1];
    }
    check_chance(together, ROUNDS, 0.25);
    ist__deal_destroy(&deal);
}

TEST(groups_cover_each_layer_and_shapes_follow_them)
{
    const ist__shape shape = shape_of(3, three);
    ist__deal deal = round_deal(&shape, 4, 9, 5);
    int32_t seen[3][40] = {{0}};
    for (int32_t s = 0; s < 4; s++) {
        const ist__shape part = ist__deal_shape(&deal, &shape, s, s % 2 == 1);
        CHECK_EQ(part.panels, s % 2 == 1);
        CHECK_EQ(part.width[0], 3);
        CHECK_EQ(part.width[4], 2);
        for (int32_t h = 0; h < 3; h++) {
            const int32_t *neurons, count = ist__deal_group(&deal, h, s, &neurons);
            CHECK_EQ(part.width[h + 1], count);
            for (int32_t k = 0; k < count; k++) seen[h][neurons[k]]++;
        }
    }
    for (int32_t h = 0; h < 3; h++)
        for (int32_t i = 0; i < three[h]; i++) CHECK_EQ(seen[h][i], 1);
    ist__deal_destroy(&deal);
    ist__deal_destroy(&deal);
}

TEST(one_subnet_gets_everything_and_too_many_are_refused)
{
    const ist__shape shape = shape_of(3, three), flat = shape_of(0, NULL);
    ist__deal deal = round_deal(&shape, 1, 9, 5), other;
    for (int32_t i = 0; i < 40; i++) CHECK_EQ(deal.order[0][i], i);
    ist__deal_destroy(&deal);
    ist__error error;
    CHECK_EQ(ist__deal_create(&other, &shape, 24, &error), IST_E_ARGUMENT);
    CHECK(strstr(error.text, "layer 3") != NULL);
    CHECK_EQ(ist__deal_create(&other, &flat, 2, &error), IST_E_ARGUMENT);
    CHECK_EQ(ist__deal_create(&other, &flat, 1, &error), IST_OK);
    ist__deal_destroy(&other);
    deal = round_deal(&shape, 23, 9, 5); /* one neuron each in the narrowest layer */
    ist__deal_destroy(&deal);
}
