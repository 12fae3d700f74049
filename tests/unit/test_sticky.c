/* Sticky deals: an exact cover in every round, uniform among those that move, the same whichever way a round is reached;
 * and an exchange that moves only what changes hands gives the bits of one that moves everything. */
#define _GNU_SOURCE
#include <math.h>

#include "api/fixture_run.h"
#include "api/handles.h"
#include "fixture_oracle.h"
#include "fixture_plain.h"
#include "model/exchange.h"
#include "model/traffic.h"

static const double FRACTIONS[] = {0.01, 0.1, 0.25, 0.5, 0.99};
enum { FRACTION_COUNT = 5, FEATURES = 21, CLASSES = 19 };
static const int32_t three[3] = {70, 41, 53};

static ist__shape shape_of(int32_t depth, int32_t norms)
{
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    config.features = FEATURES;
    config.classes = CLASSES;
    config.hidden_count = depth;
    config.hidden = three;
    config.hidden_norm = norms & 1;
    config.output_norm = norms >> 1;
    ist__shape shape;
    CHECK_EQ(ist__shape_make(&shape, &config, NULL), IST_OK);
    return shape;
}

static ist__deal sticky(const ist__shape *shape, int32_t n, double fraction)
{
    ist__deal deal;
    CHECK_EQ(ist__deal_create(&deal, shape, n, NULL), IST_OK);
    ist__deal_stick(&deal, fraction);
    return deal;
}

static void check_cover(const ist__deal *deal)
{
    for (int32_t h = 0; h < deal->hidden_count; h++) {
        int32_t seen[70] = {0};
        for (int32_t k = 0; k < three[h]; k++) seen[deal->order[h][k]]++;
        for (int32_t i = 0; i < three[h]; i++) CHECK_EQ(seen[i], 1);
    }
}

TEST(every_round_is_an_exact_cover_and_who_stays_keeps_its_seat)
{
    const ist__shape shape = shape_of(3, 1);
    for (int f = 0; f < FRACTION_COUNT; f++)
        for (int32_t n = 2; n <= 41; n += n < 5 ? 1 : 12) {
            ist__deal deal = sticky(&shape, n, FRACTIONS[f]);
            int32_t before[3][70];
            for (int64_t round = 0; round < 20; round++) {
                ist__deal_round(&deal, 3, round);
                check_cover(&deal);
                for (int32_t h = 0; h < 3; h++) {
                    int32_t changed = 0;
                    for (int32_t k = 0; k < three[h]; k++) {
                        const bool other = round == 0 || deal.order[h][k] != before[h][k];
                        CHECK_EQ(deal.came[h][k], other);
                        CHECK_EQ(deal.leaves[h][k], deal.next[h][k] != deal.order[h][k]);
                        changed += other;
                    }
                    const int32_t most = (int32_t)(FRACTIONS[f] * three[h] + 0.5);
                    if (round > 0) CHECK(changed <= (most < 2 ? 2 : most) && changed != 1);
                    memcpy(before[h], deal.order[h], (size_t)three[h] * sizeof(int32_t));
                }
            }
            ist__deal_destroy(&deal);
        }
}

/* Who stays with its subnet has not moved: nobody changes seats within a subnet. */
TEST(nobody_changes_seats_within_a_subnet)
{
    const ist__shape shape = shape_of(3, 1);
    ist__deal deal = sticky(&shape, 4, 0.5);
    for (int64_t round = 0; round < 50; round++) {
        ist__deal_round(&deal, 8, round);
        for (int32_t h = 0; h < 3; h++)
            for (int32_t s = 0; s < 4; s++)
                for (int32_t a = deal.first[h][s]; a < deal.first[h][s + 1]; a++)
                    for (int32_t b = deal.first[h][s]; b < deal.first[h][s + 1]; b++)
                        CHECK(a == b || deal.order[h][a] != deal.next[h][b]);
    }
    ist__deal_destroy(&deal);
}

TEST(a_round_is_the_same_whichever_way_it_is_reached)
{
    const ist__shape shape = shape_of(3, 1);
    ist__deal steps = sticky(&shape, 4, 0.1), leaps = sticky(&shape, 4, 0.1), other = sticky(&shape, 4, 0.1);
    for (int64_t round = 0; round <= 30; round++) ist__deal_round(&steps, 3, round);
    ist__deal_round(&leaps, 5, 40); /* another seed, and too far */
    ist__deal_round(&leaps, 3, 30);
    ist__deal_round(&other, 4, 30);
    for (int32_t h = 0; h < 3; h++) {
        CHECK_MEM(steps.order[h], leaps.order[h], (size_t)three[h] * sizeof(int32_t));
        CHECK_MEM(steps.came[h], leaps.came[h], (size_t)three[h]);
        CHECK_MEM(steps.leaves[h], leaps.leaves[h], (size_t)three[h]);
        CHECK(memcmp(steps.order[h], other.order[h], (size_t)three[h] * sizeof(int32_t)) != 0);
    }
    ist__deal_round(&steps, 3, 7); /* backwards */
    ist__deal_round(&leaps, 3, 7);
    CHECK_MEM(steps.order[0], leaps.order[0], sizeof(int32_t) * 70);
    ist__deal_destroy(&steps);
    ist__deal_destroy(&leaps);
    ist__deal_destroy(&other);
}

TEST(a_fraction_of_one_is_the_deal_without_memory)
{
    const ist__shape shape = shape_of(3, 1);
    ist__deal whole = sticky(&shape, 4, 1), plain = sticky(&shape, 4, 1), one = sticky(&shape, 1, 0.1);
    CHECK(!ist__deal_sticks(&whole) && !ist__deal_sticks(&one));
    for (int64_t round = 9; round < 12; round++) {
        ist__deal_round(&whole, 3, round);
        for (int32_t h = 0; h < 3; h++) {
            const ist__rng rng = ist__rng_make(3, IST__FOR_DEAL, (uint32_t)round, (uint32_t)h);
            ist__partition_deal(three[h], 4, plain.first[h], rng, plain.free, plain.order[h]);
            CHECK_MEM(whole.order[h], plain.order[h], (size_t)three[h] * sizeof(int32_t));
        }
    }
    ist__deal_round(&one, 3, 5);
    for (int32_t i = 0; i < 70; i++) CHECK_EQ(one.order[0][i], i);
    ist__deal_destroy(&whole);
    ist__deal_destroy(&plain);
    ist__deal_destroy(&one);
}

/* Within six standard deviations of the binomial law. */
static void check_chance(int32_t hits, int32_t trials, double chance)
{
    CHECK_NEAR(hits, trials * chance, 6 * sqrt(trials * chance * (1 - chance)));
}

/* Of the third round of many seeds: where a neuron is, whether it moved, and whither. */
TEST(who_moves_and_whither_is_uniform)
{
    enum { SEEDS = 20000, N = 3, NEURON = 20 };
    const ist__shape shape = shape_of(3, 1);
    ist__deal deal = sticky(&shape, N, 0.25);
    int32_t at[N] = {0}, changed[N] = {0}, from[N] = {0}, whither[N][N] = {{0}};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        ist__deal_round(&deal, seed, 2);
        int32_t here = 0, there = 0;
        for (int32_t s = 0; s < N; s++)
            for (int32_t k = deal.first[1][s]; k < deal.first[1][s + 1]; k++) {
                if (deal.order[1][k] == NEURON) here = s;
                if (deal.next[1][k] == NEURON) there = s;
            }
        for (int32_t s = 0; s < N; s++) changed[s] += deal.leaves[1][deal.first[1][s] + 3];
        at[here]++;
        from[here]++;
        whither[here][there]++;
    }
    for (int32_t s = 0; s < N; s++) {
        const double seats = deal.first[1][s + 1] - deal.first[1][s], change = ist__deal_change(&deal, 1, s);
        check_chance(at[s], SEEDS, seats / 41);
        check_chance(changed[s], SEEDS, change);
        check_chance(from[s] - whither[s][s], from[s], change);
        for (int32_t to = 0; to < N; to++) {
            const double room = deal.first[1][to + 1] - deal.first[1][to];
            if (to != s) check_chance(whither[s][to], from[s], change * room / (41 - seats));
        }
    }
    ist__deal_destroy(&deal);
}

TEST(after_enough_rounds_every_neuron_has_met_every_other)
{
    enum { NEURONS = 53 };
    const ist__shape shape = shape_of(3, 1);
    ist__deal deal = sticky(&shape, 4, 0.01); /* two neurons a round */
    static bool met[NEURONS][NEURONS];
    int32_t pairs = 0;
    for (int64_t round = 0; round < 4000; round++) {
        ist__deal_round(&deal, 3, round);
        for (int32_t s = 0; s < 4; s++)
            for (int32_t a = deal.first[2][s]; a < deal.first[2][s + 1]; a++)
                for (int32_t b = deal.first[2][s]; b < deal.first[2][s + 1]; b++)
                    met[deal.order[2][a]][deal.order[2][b]] = true;
    }
    for (int32_t i = 0; i < NEURONS; i++)
        for (int32_t j = 0; j < NEURONS; j++) pairs += met[i][j];
    CHECK_EQ(pairs, NEURONS * NEURONS);
    ist__deal_destroy(&deal);
}

/* ---------------------------------------------------------------------------------------------------- exchange -- */

typedef struct twin {
    ist__shape whole;
    float *master, *lazy;            /* all is written back each round; only what leaves */
    float *block[4], *lazy_block[4]; /* of each subnet */
} twin;

static float *room(int64_t floats)
{
    float *block = aligned_alloc(64, (size_t)(floats + 15) / 16 * 64);
    CHECK(block != NULL);
    for (int64_t i = 0; i < floats; i++) block[i] = 0;
    return block;
}

/* Training: every number of the block becomes another; idle lanes and gaps stay. */
static void shake(const ist__shape *part, float *block, float by)
{
    for (int32_t l = 0; l < part->layer_count; l++) {
        const ist__layer *layer = &part->layer[l];
        for (int32_t i = 0; i < layer->outputs; i++) {
            for (int32_t j = 0; j < layer->inputs; j++) block[oracle_place(part, l, i, j)] += by;
            if (layer->gain >= 0) block[layer->gain + i] += by;
            if (layer->offset >= 0 && !layer->is_output) block[layer->offset + i] += by;
        }
    }
}

static void check_lazy_exchange(int32_t depth, int32_t norms, double fraction, bool panels, int32_t workers)
{
    enum { ROUNDS = 12 };
    const ist__kernel_set *set = ist__kernel_set_at(0);
    const ist__panel_moves moves = {set->pack_panel, set->unpack_panel};
    twin t = {.whole = shape_of(depth, norms)};
    ist__deal deal = sticky(&t.whole, 4, fraction);
    const size_t bytes = (size_t)t.whole.floats * sizeof(float);
    t.master = room(t.whole.floats);
    t.lazy = room(t.whole.floats);
    for (int64_t i = 0; i < t.whole.floats; i++) t.master[i] = t.lazy[i] = (float)i;
    for (int64_t round = 0; round < ROUNDS; round++) {
        ist__deal_round(&deal, 6, round);
        for (int32_t s = 0; s < 4; s++) {
            const ist__shape part = ist__deal_shape(&deal, &t.whole, s, panels);
            if (round == 0) {
                t.block[s] = room(part.floats);
                t.lazy_block[s] = room(part.floats);
            }
            for (int32_t rank = 0; rank < workers; rank++) {
                ist__gather(&t.whole, &deal, s, t.master, &part, t.block[s], &moves, rank, workers);
                (round == 0 ? ist__gather : ist__gather_new)(&t.whole, &deal, s, t.lazy, &part, t.lazy_block[s], &moves,
                                                             rank, workers);
            }
            CHECK_MEM(t.block[s], t.lazy_block[s], (size_t)part.floats * sizeof(float));
        }
        int64_t old = 0;
        for (int32_t s = 0; s < 4; s++) {
            const ist__shape part = ist__deal_shape(&deal, &t.whole, s, panels);
            shake(&part, t.block[s], (float)(100 * round + s + 1));
            shake(&part, t.lazy_block[s], (float)(100 * round + s + 1));
            const bool last = round == ROUNDS - 1;
            for (int32_t rank = 0; rank < workers; rank++) {
                ist__write_back(&t.whole, &deal, s, t.master, &part, t.block[s], &moves, rank, workers);
                (last ? ist__write_back : ist__write_back_leaving)(&t.whole, &deal, s, t.lazy, &part, t.lazy_block[s],
                                                                   &moves, rank, workers);
            }
        }
        for (int64_t i = 0; i < t.whole.floats; i++) old += t.master[i] != t.lazy[i];
        CHECK((old > 0) == (round < ROUNDS - 1)); /* it is lazy, until it is whole */
    }
    CHECK_MEM(t.master, t.lazy, bytes);
    for (int32_t s = 0; s < 4; s++) {
        free(t.block[s]);
        free(t.lazy_block[s]);
    }
    free(t.master);
    free(t.lazy);
    ist__deal_destroy(&deal);
}

TEST(moving_what_changes_hands_is_as_good_as_moving_everything)
{
    for (int32_t depth = 1; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++)
            for (int f = 0; f < FRACTION_COUNT - 1; f++)
                for (int panels = 0; panels <= 1; panels++)
                    check_lazy_exchange(depth, norms, FRACTIONS[f], panels == 1, 1 + f % 3);
}

/* ----------------------------------------------------------------------------------------------------- traffic -- */

/* Numbers that a marked neuron is part of, one by one; of the shared output bias all. */
static int64_t count_marked(const ist__shape *whole, const ist__deal *deal, int32_t s, unsigned char *const *marks)
{
    const ist__shape part = ist__deal_shape(deal, whole, s, false);
    int64_t moved = 0;
    for (int32_t l = 0; l < part.layer_count; l++) {
        const ist__layer *layer = &part.layer[l];
        for (int32_t i = 0; i < layer->outputs; i++) {
            const bool out = !layer->is_output && ist__deal_marks(deal, l, s, marks)[i];
            for (int32_t j = 0; j < layer->inputs; j++)
                moved += out || (l > 0 && ist__deal_marks(deal, l - 1, s, marks)[j]);
            moved += (out || layer->is_output) * ((layer->gain >= 0) + (layer->offset >= 0));
        }
    }
    return moved;
}

TEST(traffic_counts_what_changes_hands)
{
    enum { ROUNDS = 2000 };
    const int32_t home[2] = {0, 1};
    for (int32_t norms = 0; norms < 4; norms++)
        for (int f = 1; f < 4; f++) {
            const ist__shape whole = shape_of(3, norms);
            ist__deal deal = sticky(&whole, 4, FRACTIONS[f]);
            const int64_t last[2] = {whole.floats / 3, whole.floats};
            const ist__stripe_homes homes = {2, last, home};
            double moved = 0, squares = 0, crossed = 0;
            for (int64_t round = 1; round <= ROUNDS; round++) {
                ist__deal_round(&deal, 4, round);
                const ist__traffic come = ist__traffic_count(&whole, &deal, 2, deal.came, &homes, 1);
                const ist__traffic home_too = ist__traffic_count(&whole, &deal, 2, deal.came, &homes, 0);
                if (round < 20) {
                    CHECK_EQ(come.moved, count_marked(&whole, &deal, 2, deal.came));
                    const ist__traffic go = ist__traffic_count(&whole, &deal, 2, deal.leaves, &homes, 1);
                    CHECK_EQ(go.moved, count_marked(&whole, &deal, 2, deal.leaves));
                }
                CHECK_EQ(come.crossed + home_too.crossed, come.moved); /* foreign to one is at home with the other */
                moved += (double)come.moved;
                squares += (double)come.moved * (double)come.moved;
                crossed += (double)come.crossed;
            }
            const ist__traffic_mean mean = ist__traffic_expected(&whole, &deal, 2, &homes, 1);
            const double deviation = sqrt((squares / ROUNDS - moved / ROUNDS * (moved / ROUNDS)) / ROUNDS);
            CHECK_NEAR(moved / ROUNDS, mean.moved, 8 * deviation); /* rounds are not independent */
            CHECK_NEAR(crossed / ROUNDS, mean.crossed, 0.03 * mean.crossed);
            ist__deal_destroy(&deal);
        }
}

/* ------------------------------------------------------------------------------------------------- whole runs -- */

static void check_run(const run_spec *spec)
{
    run_spec alone = *spec;
    alone.teams = alone.threads = 1;
    run r = run_open(spec), one = run_open(&alone);
    const int64_t steps = run_progress(&r).steps;
    plain_run plain = plain_open(&one, &spec->train, steps);
    ist__deal_stick(&plain.deal, spec->train.repartition_fraction);
    plain_go(&plain);
    run_go(&r, 1);
    run_go(&r, 3);
    run_go(&r, 0);
    const size_t bytes = (size_t)r.model->net.shape.floats * sizeof(float);
    CHECK_MEM(r.model->net.param, plain.param, bytes);
    for (int32_t i = 0; i < plain.states && spec->train.state == IST_STATE_CARRIED; i++)
        CHECK_MEM(r.trainer->training->master_state[i].base, plain.state[i], bytes);
    plain_close(&plain);
    run_close(&one);
    run_close(&r);
}

static run_spec sticky_run(double fraction)
{
    run_spec spec = run_spec_small();
    spec.train.rounds = 9;
    spec.train.repartition_fraction = fraction;
    spec.train.subnets = 3;
    return spec;
}

TEST(a_sticky_run_is_its_plain_twin)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++)
            for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++) {
                run_spec spec = sticky_run(optimizer % 2 ? 0.1 : 0.4);
                spec.train.optimizer = optimizer;
                spec.train.state = state;
                spec.train.lr = 0.01;
                spec.engine = engine;
                spec.teams = 2;
                spec.hidden_norm = optimizer / 2;
                check_run(&spec);
            }
}

TEST(a_sticky_run_moves_less)
{
    double before = 0;
    for (int f = FRACTION_COUNT - 1; f >= 0; f--) {
        run_spec spec = sticky_run(FRACTIONS[f]);
        spec.hidden[0] = 130;
        spec.hidden[1] = 110;
        run r = run_open(&spec);
        run_go(&r, 0);
        const double moved = run_progress(&r).bytes_moved;
        CHECK(before == 0 || moved < before);
        before = moved;
        run_close(&r);
    }
}

/* An accident in the fourth round of one call. */
static int32_t spoil(void *user, const ist_progress *progress)
{
    ist__training *t = user;
    if (progress->round == 3) t->phases.phase[0].lr = 1e30;
    return 0;
}

TEST(a_sticky_round_that_fails_leaves_the_last_whole_one)
{
    for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
        run_spec spec = sticky_run(0.2);
        spec.hidden_norm = IST_NORM_NONE;
        spec.train.state = state;
        spec.teams = 2;
        run good = run_open(&spec), bad = run_open(&spec);
        run_go(&good, 3);
        const size_t bytes = (size_t)good.model->net.shape.floats * sizeof(float);
        CHECK_EQ(ist_trainer_run(bad.trainer, 0, spoil, bad.trainer->training), IST_E_DIVERGED);
        CHECK_EQ(run_progress(&bad).round, 3);
        CHECK_MEM(bad.model->net.param, good.model->net.param, bytes);
        if (state == IST_STATE_CARRIED)
            CHECK_MEM(bad.trainer->training->master_state[0].base, good.trainer->training->master_state[0].base, bytes);
        run_close(&good);
        run_close(&bad);
    }
}
