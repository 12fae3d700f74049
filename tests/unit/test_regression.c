/* The loss of a regression: kernels against naive loops in double precision, and their bits, for every set that this machine
 * can run; and the oracle of training steps against finite differences. */
#define _GNU_SOURCE
#include <float.h>
#include <math.h>

#include "api/fixture_run.h"
#include "fixture_oracle.h"
#include "kernel_sets.h"

enum { OUTPUTS = 5, PAD = 3, MOST = 100, FLOATS = OUTPUTS * (MOST + PAD) };
static const int32_t column_counts[] = {1, 7, 16, 17, MOST};
static const float CANARY = 12345.0F;
static const ist__error_rule rules[] = {{0, 1}, {0, 0.01F}, {0.5F, 1}, {1e-6F, 1}, {100, 0.25F}};
enum { RULES = sizeof rules / sizeof *rules, COUNTS = sizeof column_counts / sizeof *column_counts };

typedef struct loss_case {
    float block[FLOATS], wanted[FLOATS], d[FLOATS], loss[MOST + PAD];
} loss_case;

static void fill(loss_case *c, uint32_t seed)
{
    for (int32_t i = 0; i < FLOATS; i++) c->block[i] = 3 * noise(&seed), c->wanted[i] = noise(&seed), c->d[i] = CANARY;
    for (int32_t i = 0; i < MOST + PAD; i++) c->loss[i] = CANARY;
}

TEST(losses_and_gradients_follow_their_formulas)
{
    EACH_SET (i, set)
        for (int rule = 0; rule < RULES; rule++)
            for (int count = 0; count < COUNTS; count++) {
                const int32_t columns = column_counts[count], ld = columns + PAD;
                const double delta = (double)rules[rule].delta;
                loss_case c;
                fill(&c, 7);
                set->regression_loss(OUTPUTS, 0, columns, ld, c.block, c.wanted, &rules[rule], c.d, c.loss);
                for (int32_t s = 0; s < columns; s++) {
                    double loss = 0;
                    for (int32_t k = 0; k < OUTPUTS; k++) {
                        const double e = (double)c.block[k * ld + s] - (double)c.wanted[k * ld + s], size = fabs(e);
                        const bool line = delta > 0 && size > delta;
                        const double slope = delta == 0 ? 2 * e : line ? (e > 0 ? delta : -delta) : e;
                        loss += delta == 0 ? e * e : line ? delta * (size - delta / 2) : e * e / 2;
                        CHECK_NEAR(c.d[k * ld + s], slope / OUTPUTS * (double)rules[rule].scale, 2e-6 * (1 + size));
                    }
                    CHECK_NEAR(c.loss[s], loss / OUTPUTS, 2e-6 * (1 + loss));
                }
                for (int32_t k = 0; k < OUTPUTS; k++)
                    for (int32_t s = columns; s < ld; s++) CHECK(c.d[k * ld + s] == CANARY);
                CHECK(c.loss[columns] == CANARY);
            }
}

TEST(bits_depend_neither_on_the_instruction_set_nor_on_how_columns_are_split)
{
    EACH_SET (i, set)
        for (int rule = 0; rule < RULES; rule++)
            for (int count = 0; count < COUNTS; count++) {
                const int32_t columns = column_counts[count], ld = columns + PAD;
                loss_case plain, wide, split;
                fill(&plain, 9), fill(&wide, 9), fill(&split, 9);
                ist__kernels_portable->regression_loss(OUTPUTS, 0, columns, ld, plain.block, plain.wanted, &rules[rule],
                                                       plain.d, plain.loss);
                set->regression_loss(OUTPUTS, 0, columns, ld, wide.block, wide.wanted, &rules[rule], wide.d, wide.loss);
                for (int32_t s = 0; s < columns; s += 3)
                    set->regression_loss(OUTPUTS, s, s + 3 < columns ? s + 3 : columns, ld, split.block, split.wanted,
                                         &rules[rule], split.d, split.loss);
                CHECK_MEM(&plain, &wide, sizeof plain);
                CHECK_MEM(&plain, &split, sizeof plain);
                /* In place; and no gradient. */
                set->regression_loss(OUTPUTS, 0, columns, ld, wide.block, wide.wanted, &rules[rule], wide.block,
                                     wide.loss);
                for (int32_t k = 0; k < OUTPUTS; k++)
                    CHECK_MEM(wide.block + k * ld, plain.d + k * ld, (size_t)columns * sizeof(float));
                set->regression_loss(OUTPUTS, 0, columns, ld, split.block, split.wanted, &rules[rule], NULL, wide.loss);
                CHECK_MEM(wide.loss, plain.loss, sizeof plain.loss);
            }
}

/* And on every machine: recorded on one. */
TEST(bits_are_the_recorded_ones)
{
    uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a */
    for (int rule = 0; rule < RULES; rule++) {
        loss_case c;
        fill(&c, 11);
        ist__kernel_set_at(0)->regression_loss(OUTPUTS, 0, MOST, MOST + PAD, c.block, c.wanted, &rules[rule], c.d,
                                               c.loss);
        const unsigned char *bytes = (const unsigned char *)&c;
        for (size_t i = 0; i < sizeof c; i++) hash = (hash ^ bytes[i]) * 0x100000001b3U;
    }
    CHECK_EQ(hash, 0x4eb582bd9e17c9e4U);
}

TEST(what_is_not_a_number_shows_and_leaves_its_neighbours_alone)
{
    EACH_SET (i, set)
        for (int rule = 0; rule < RULES; rule++)
            for (int which = 0; which < 4; which++) {
                loss_case c, well;
                fill(&c, 13), fill(&well, 13);
                const float bad = which & 1 ? INFINITY : NAN;
                if (which & 2) c.wanted[2 * MOST + 5] = bad;
                else c.block[2 * MOST + 5] = bad;
                set->regression_loss(OUTPUTS, 0, MOST, MOST, c.block, c.wanted, &rules[rule], c.d, c.loss);
                set->regression_loss(OUTPUTS, 0, MOST, MOST, well.block, well.wanted, &rules[rule], well.d, well.loss);
                CHECK(!isfinite(c.loss[5]));
                if (isnan(bad)) CHECK(isnan(c.loss[5]) && isnan(c.d[2 * MOST + 5]));
                c.loss[5] = well.loss[5];
                c.d[2 * MOST + 5] = well.d[2 * MOST + 5];
                CHECK_MEM(c.loss, well.loss, sizeof c.loss);
                CHECK_MEM(c.d, well.d, sizeof c.d);
            }
}

TEST(hubers_loss_is_smooth_where_it_becomes_a_line)
{
    const ist__error_rule rule = {0.5F, 1};
    EACH_SET (i, set) {
        const float block[4] = {0.5F, nextafterf(0.5F, 1), -0.5F, 1e30F}, wanted[4] = {0};
        float d[4], loss[4];
        set->regression_loss(1, 0, 4, 4, block, wanted, &rule, d, loss);
        CHECK(d[0] == 0.5F && d[1] == 0.5F && d[2] == -0.5F && d[3] == 0.5F);
        CHECK(loss[0] == 0.125F && loss[2] == 0.125F);
        CHECK_NEAR(loss[1], 0.125, 1e-6);
        CHECK_NEAR(loss[3] / 5e29F, 1, 1e-6); /* no square of it is formed that is too large */
    }
}

/* ------------------------------------------------------------------------------------------------------- oracle -- */

enum { BATCH = 7 };

static void check_oracle(int32_t loss, int32_t hidden_norm, int32_t depth, bool masked)
{
    const int32_t hidden[2] = {6, 5};
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    config.features = 4;
    config.classes = 3;
    config.hidden_count = depth;
    config.hidden = hidden;
    config.hidden_norm = hidden_norm;
    config.output_norm = IST_NORM_NONE;
    config.loss = loss;
    config.huber_delta = 0.4;
    ist__shape shape;
    CHECK_EQ(ist__shape_make(&shape, &config, NULL), IST_OK);
    float *param = table_room(shape.floats, sizeof *param);
    block_fill(&shape, 0.7F, 3, param);
    oracle o, gradient;
    oracle_make(&o, &shape);
    oracle_make(&gradient, &shape);
    oracle_load(&o, &shape, param);
    for (int32_t h = 1; h <= depth && masked; h++) o.active[h][1] = o.active[h][3] = 0;
    double x[BATCH * 4], y[BATCH * 3], value;
    uint64_t stream = 3;
    for (int i = 0; i < BATCH * 4; i++) x[i] = (double)table_noise(&stream);
    for (int i = 0; i < BATCH * 3; i++) y[i] = (double)table_noise(&stream);
    o.net.loss = loss;
    o.net.huber_delta = 0.4;
    o.net.targets = y;
    CHECK_EQ(ist__reference_step(&o.net, BATCH, x, NULL, &value, NULL, &gradient.net), IST_OK);
    int64_t flat = 0;
    for (int32_t l = 0; l < shape.layer_count; l++)
        for (int64_t i = 0; i < (int64_t)shape.layer[l].inputs * shape.layer[l].outputs; i++) {
            const double here = o.weight[l][i], h = 1e-6;
            double up, down;
            o.weight[l][i] = here + h;
            CHECK_EQ(ist__reference_step(&o.net, BATCH, x, NULL, &up, NULL, NULL), IST_OK);
            o.weight[l][i] = here - h;
            CHECK_EQ(ist__reference_step(&o.net, BATCH, x, NULL, &down, NULL, NULL), IST_OK);
            o.weight[l][i] = here;
            CHECK_NEAR(gradient.weight[l][i], (up - down) / (2 * h), 1e-7);
            flat += gradient.weight[l][i] == 0;
        }
    CHECK(flat < shape.parameters / (masked ? 1 : 2));
    oracle_free(&o);
    oracle_free(&gradient);
    free(param);
}

TEST(the_oracle_has_the_slopes_of_its_loss)
{
    for (int32_t loss = IST_LOSS_MSE; loss <= IST_LOSS_HUBER; loss++)
        for (int32_t depth = 0; depth <= 2; depth++)
            for (int32_t norm = IST_NORM_NONE; norm <= IST_NORM_BATCH; norm++)
                for (int masked = 0; masked <= 1; masked++) check_oracle(loss, norm, depth, masked);
}
