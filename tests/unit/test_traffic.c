/* What crosses nodes in a round, against a count number by number. */
#define _GNU_SOURCE
#include <math.h>

#include "api/fixture_run.h"
#include "api/handles.h"
#include "fixture_oracle.h"
#include "model/traffic.h"

enum { FEATURES = 21, CLASSES = 19, STRIPES = 7, NODES = 3 };

typedef struct made {
    ist__shape whole;
    ist__deal deal;
    int64_t last[STRIPES];
    int32_t home[STRIPES];
    ist__stripe_homes homes;
} made;

/* Stripes end in the middle of rows; two are empty; two nodes have several. */
static void made_open(made *m, int32_t depth, int32_t norms, int32_t subnets, int64_t round)
{
    static const int32_t hidden[3] = {70, 41, 53};
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    config.features = FEATURES;
    config.classes = CLASSES;
    config.hidden_count = depth;
    config.hidden = hidden;
    config.hidden_norm = norms & 1;
    config.output_norm = norms >> 1;
    CHECK_EQ(ist__shape_make(&m->whole, &config, NULL), IST_OK);
    CHECK_EQ(ist__deal_create(&m->deal, &m->whole, subnets, NULL), IST_OK);
    ist__deal_round(&m->deal, 11, round);
    const int64_t floats = m->whole.floats;
    const int64_t last[STRIPES] = {0,          floats / 7 + 3, floats / 3 + 1, floats / 3 + 1, floats / 2 + 5,
                                   floats - 9, floats + 90};
    const int32_t home[STRIPES] = {2, 0, 1, 2, 2, 0, 1};
    memcpy(m->last, last, sizeof last);
    memcpy(m->home, home, sizeof home);
    m->homes = (ist__stripe_homes){STRIPES, m->last, m->home};
}

static int32_t home_of(const made *m, int64_t at)
{
    int32_t k = 0;
    while (m->last[k] <= at) k++;
    return m->home[k];
}

static int32_t neuron_of(const made *m, int32_t w, int32_t s, int32_t k)
{
    const int32_t *neurons;
    if (w == 0 || w == m->whole.layer_count) return k;
    ist__deal_group(&m->deal, w - 1, s, &neurons);
    return neurons[k];
}

/* Number by number: every weight, gamma, beta and bias of the subnet. */
static ist__traffic count_plainly(const made *m, int32_t s, int32_t node)
{
    const ist__shape part = ist__deal_shape(&m->deal, &m->whole, s, false);
    ist__traffic sum = {0, 0};
    for (int32_t l = 0; l < part.layer_count; l++) {
        const ist__layer *all = &m->whole.layer[l];
        for (int32_t i = 0; i < part.layer[l].outputs; i++) {
            const int32_t to = neuron_of(m, l + 1, s, i);
            for (int32_t j = 0; j < part.layer[l].inputs; j++) {
                sum.moved++;
                sum.crossed += home_of(m, oracle_place(&m->whole, l, to, neuron_of(m, l, s, j))) != node;
            }
            const int64_t vectors[2] = {all->gain, all->offset};
            for (int v = 0; v < 2; v++) {
                if (vectors[v] < 0) continue;
                sum.moved++;
                sum.crossed += home_of(m, vectors[v] + to) != node;
            }
        }
    }
    return sum;
}

TEST(what_crosses_is_what_a_count_number_by_number_finds)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++)
            for (int64_t round = 0; round < 4; round++) {
                made m;
                made_open(&m, depth, norms, depth == 0 ? 1 : 4, round);
                for (int32_t s = 0; s < m.deal.subnets; s++)
                    for (int32_t node = 0; node < NODES; node++) {
                        const ist__shape part = ist__deal_shape(&m.deal, &m.whole, s, false);
                        const ist__traffic want = count_plainly(&m, s, node);
                        const ist__traffic got = ist__traffic_count(&m.whole, &m.deal, s, NULL, &m.homes, node);
                        CHECK_EQ(got.moved, part.parameters);
                        CHECK_EQ(got.moved, want.moved);
                        CHECK_EQ(got.crossed, want.crossed);
                        CHECK(got.crossed > 0 && got.crossed < got.moved);
                    }
                ist__deal_destroy(&m.deal);
            }
}

TEST(nothing_crosses_where_all_stripes_are_at_home)
{
    made m;
    made_open(&m, 3, 1, 4, 0);
    for (int32_t k = 0; k < STRIPES; k++) m.home[k] = 2;
    for (int32_t s = 0; s < 4; s++) {
        const ist__traffic home = ist__traffic_count(&m.whole, &m.deal, s, NULL, &m.homes, 2);
        const ist__traffic away = ist__traffic_count(&m.whole, &m.deal, s, NULL, &m.homes, 1);
        CHECK_EQ(home.crossed, 0);
        CHECK_EQ(away.crossed, away.moved);
    }
    ist__deal_destroy(&m.deal);
}

TEST(what_is_expected_is_the_mean_over_deals)
{
    enum { ROUNDS = 3000 };
    made m;
    made_open(&m, 3, 1, 4, 0);
    for (int32_t s = 0; s < 4; s++) {
        double sum = 0, squares = 0;
        for (int64_t round = 0; round < ROUNDS; round++) {
            ist__deal_round(&m.deal, 5, round);
            const double crossed = (double)ist__traffic_count(&m.whole, &m.deal, s, NULL, &m.homes, 1).crossed;
            sum += crossed;
            squares += crossed * crossed;
        }
        const double mean = sum / ROUNDS, deviation = sqrt((squares / ROUNDS - mean * mean) / ROUNDS);
        CHECK_NEAR(mean, ist__traffic_expected(&m.whole, &m.deal, s, &m.homes, 1).crossed, 6 * deviation);
    }
    ist__deal_destroy(&m.deal);
}

/* ------------------------------------------------------------------------------------------------- of a whole run -- */

/* A small net is one huge page, which is the stripe of the last team; the first one's is empty. */
static ist_progress crossed_with_homes(int32_t state, int32_t first, int32_t second)
{
    run_spec spec = run_spec_small();
    spec.teams = 2;
    spec.train.state = state;
    spec.train.optimizer = IST_ADAM;
    run r = run_open(&spec);
    ist__training *t = r.trainer->training;
    CHECK_EQ(t->homes.count, 2);
    CHECK_EQ(t->homes.last[0], 0);
    int32_t home[2] = {first, second};
    const int32_t *old = t->homes.home;
    t->homes.home = home;
    run_go(&r, 2);
    t->homes.home = old;
    const ist_progress p = run_progress(&r);
    CHECK(p.bytes_moved == p.bytes_crossed + t->bytes_stayed);
    run_close(&r);
    return p;
}

TEST(a_run_adds_both_ways_and_the_carried_state)
{
    for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
        const ist_progress home = crossed_with_homes(state, 1, 0), away = crossed_with_homes(state, 0, 1);
        CHECK(home.bytes_moved > 0 && home.bytes_crossed == 0);
        CHECK(away.bytes_moved == home.bytes_moved && away.bytes_crossed == away.bytes_moved);
    }
}
