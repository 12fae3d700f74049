/* Tiles of a wide output: kernels against naive loops in double precision, and their bits, for every set that this machine
 * can run. */
#include "ist_test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_sets.h"

enum { LABELS = IST__LABEL_TILE, COLUMNS = 48, LD = 64, TILES = 3, FLOATS = LABELS * LD };
static const float CANARY = 12345.0F, SHARPNESS = 0.75F, SCALE = 0.125F;
static const int32_t label_counts[] = {1, 2, 35, LABELS};

#define EACH_COUNT(labels)                                                            \
  for (size_t index = 0; index < sizeof label_counts / sizeof *label_counts; index++) \
    for (int32_t labels = label_counts[index]; labels; labels = 0)

typedef struct tile {
    _Alignas(64) float block[FLOATS];
    _Alignas(64) float bias[LABELS], top[LD], sum[LD], factor[LD], spread[LD], most[LD];
} tile;

/* Products of -10 .. 10. */
static tile *tile_of(uint32_t seed)
{
    tile *t = aligned_alloc(64, sizeof *t);
    CHECK(t != NULL);
    for (int32_t i = 0; i < FLOATS; i++) t->block[i] = i % LD < COLUMNS ? 10 * noise(&seed) : CANARY;
    for (int32_t i = 0; i < LABELS; i++) t->bias[i] = noise(&seed);
    for (int32_t i = 0; i < LD; i++) {
        t->top[i] = t->sum[i] = t->most[i] = CANARY;
        t->factor[i] = noise(&seed);
        t->spread[i] = noise(&seed);
    }
    return t;
}

static double logit_of(const tile *t, int32_t label, int32_t column)
{
    return (double)SHARPNESS * ((double)t->block[label * LD + column] + (double)t->bias[label]);
}

static bool canaries_live(const tile *t)
{
    for (int32_t c = COLUMNS; c < LD; c++)
        for (int32_t r = 0; r < LABELS; r++)
            if (t->block[r * LD + c] != CANARY) return false;
    for (int32_t c = COLUMNS; c < LD; c++)
        if (t->top[c] != CANARY || t->sum[c] != CANARY || t->most[c] != CANARY) return false;
    return true;
}

TEST(exps_of_a_tile_are_their_definition)
{
    EACH_SET (i, set) EACH_COUNT(labels)
        {
            tile *t = tile_of(1), *kept = tile_of(1);
            set->label_exps(labels, COLUMNS, LD, SHARPNESS, t->bias, t->block, t->top, t->sum);
            for (int32_t c = 0; c < COLUMNS; c++) {
                double top = logit_of(kept, 0, c), sum = 0;
                for (int32_t r = 0; r < labels; r++) top = fmax(top, logit_of(kept, r, c));
                CHECK_NEAR(t->top[c], top, 2e-6);
                for (int32_t r = 0; r < labels; r++) {
                    CHECK_NEAR(t->block[r * LD + c], exp(logit_of(kept, r, c) - top), 3e-6);
                    sum += (double)t->block[r * LD + c];
                }
                CHECK_NEAR(t->sum[c], sum, 2e-5 * sum);
            }
            CHECK(canaries_live(t));
            for (int32_t r = labels; r < LABELS; r++) CHECK(t->block[r * LD] == kept->block[r * LD]);
            free(t);
            free(kept);
        }
}

/* What tiles say together: softmax of all labels, its logarithm, and the gradient. */
TEST(tiles_together_are_the_softmax)
{
    EACH_SET (i, set) {
        static _Alignas(64) float top[TILES * LD], sum[TILES * LD];
        _Alignas(64) float most[LD] = {0};
        double total[LD] = {0};
        tile *t[TILES], *kept[TILES];
        for (uint32_t k = 0; k < TILES; k++) {
            t[k] = tile_of(k), kept[k] = tile_of(k);
            for (int32_t c = 0; c < COLUMNS; c++) t[k]->bias[5] = kept[k]->bias[5] = (float)k * 20; /* tops differ */
            set->label_exps(LABELS, COLUMNS, LD, SHARPNESS, t[k]->bias, t[k]->block, top + k * LD, sum + k * LD);
        }
        set->label_totals(TILES, 16, COLUMNS, LD, top, sum, most, total);
        CHECK(total[15] == 0 && total[COLUMNS] == 0 && most[15] == 0 && most[COLUMNS] == 0);
        set->label_totals(TILES, 0, 16, LD, top, sum, most, total);
        for (uint32_t k = 0; k < TILES; k++)
            set->label_gradient(LABELS, COLUMNS, LD, top + k * LD, most, t[0]->factor, t[0]->spread, t[k]->block);
        for (int32_t c = 0; c < COLUMNS; c++) {
            double all = 0;
            for (int32_t k = 0; k < TILES; k++)
                for (int32_t r = 0; r < LABELS; r++) all += exp(logit_of(kept[k], r, c));
            CHECK_NEAR(log(total[c]) + (double)most[c], log(all), 1e-5);
            for (int32_t k = 0; k < TILES; k++)
                for (int32_t r = 0; r < LABELS; r++) { /* the block holds exps: times all, they are exps over all */
                    const double p = exp(logit_of(kept[k], r, c)) / all;
                    CHECK_NEAR(t[k]->block[r * LD + c],
                               p * total[c] * (double)t[0]->factor[c] - (double)t[0]->spread[c], 1e-5);
                }
        }
        for (int32_t k = 0; k < TILES; k++) {
            free(t[k]);
            free(kept[k]);
        }
    }
}

TEST(sigmoids_of_a_tile_are_their_definition)
{
    EACH_SET (i, set) EACH_COUNT(labels)
        {
            tile *t = tile_of(1), *kept = tile_of(1);
            set->label_sigmoids(labels, COLUMNS, LD, SHARPNESS, t->bias, SCALE, t->block, t->top);
            for (int32_t c = 0; c < COLUMNS; c++) {
                double loss = 0;
                for (int32_t r = 0; r < labels; r++) {
                    const double x = logit_of(kept, r, c);
                    loss += log1p(exp(x));
                    CHECK_NEAR(t->block[r * LD + c], (double)SCALE / (1 + exp(-x)), 1e-7);
                }
                CHECK_NEAR(t->top[c], loss, 2e-6 * (1 + loss));
            }
            CHECK(canaries_live(t));
            free(t);
            free(kept);
        }
}

/* Labels that are far from likely are the rule: none of 2^-30 may be lost. */
TEST(small_sigmoids_count)
{
    EACH_SET (i, set) {
        tile *t = tile_of(1);
        for (int32_t j = 0; j < FLOATS; j++) t->block[j] = -20 / SHARPNESS;
        for (int32_t j = 0; j < LABELS; j++) t->bias[j] = 0;
        t->block[1] = t->block[2] = 1e30F;
        t->block[LD + 2] = -1e30F;
        set->label_sigmoids(LABELS, COLUMNS, LD, SHARPNESS, t->bias, SCALE, t->block, t->top);
        CHECK_NEAR(t->top[0] / (LABELS * log1p(exp(-20))), 1, 1e-5);
        CHECK_NEAR(t->block[0] / ((double)SCALE * exp(-20)), 1, 1e-5);
        CHECK(t->block[1] == SCALE && t->block[LD + 2] == 0);
        CHECK_NEAR(t->top[2] / (0.75 * 1e30), 1, 1e-6);
        free(t);
    }
}

TEST(what_is_not_a_number_is_seen)
{
    EACH_SET (i, set)
        for (int32_t where = 0; where < 3; where++)
            for (int infinite = 0; infinite <= 1; infinite++) {
                tile *t = tile_of(1), *u = tile_of(1);
                _Alignas(64) float most[LD];
                double total[LD];
                t->block[where * LD + 3] = u->block[where * LD + 3] = infinite ? INFINITY : NAN;
                set->label_exps(3, COLUMNS, LD, SHARPNESS, t->bias, t->block, t->top, t->sum);
                set->label_totals(1, 0, COLUMNS, LD, t->top, t->sum, most, total);
                CHECK(isnan(total[3]) && isfinite(total[2]) && isfinite(total[4]));
                set->label_sigmoids(3, COLUMNS, LD, SHARPNESS, u->bias, SCALE, u->block, u->top);
                CHECK(!isfinite(u->top[3]) && isfinite(u->top[2]));
                free(t);
                free(u);
            }
}

TEST(all_sets_give_the_same_bits)
{
    tile *plain = tile_of(5), *sigmoid = tile_of(6);
    double want[LD] = {0}, got[LD] = {0};
    const ist__kernel_set *p = ist__kernels_portable;
    p->label_exps(LABELS, COLUMNS, LD, SHARPNESS, plain->bias, plain->block, plain->top, plain->sum);
    p->label_totals(1, 0, COLUMNS, LD, plain->top, plain->sum, plain->most, want);
    p->label_gradient(LABELS, COLUMNS, LD, plain->top, plain->most, plain->factor, plain->spread, plain->block);
    p->label_sigmoids(LABELS, COLUMNS, LD, SHARPNESS, sigmoid->bias, SCALE, sigmoid->block, sigmoid->top);
    EACH_SET (i, set) {
        tile *t = tile_of(5), *u = tile_of(6);
        for (int32_t c = 0; c < COLUMNS; c += 16) /* a column does not depend on where columns are cut */
            set->label_exps(LABELS, 16, LD, SHARPNESS, t->bias, t->block + c, t->top + c, t->sum + c);
        set->label_totals(1, 0, COLUMNS, LD, t->top, t->sum, t->most, got);
        set->label_gradient(LABELS, COLUMNS, LD, t->top, t->most, t->factor, t->spread, t->block);
        set->label_sigmoids(LABELS, COLUMNS, LD, SHARPNESS, u->bias, SCALE, u->block, u->top);
        CHECK_MEM(t, plain, sizeof *t);
        CHECK_MEM(u, sigmoid, sizeof *u);
        CHECK_MEM(got, want, sizeof got);
        free(t);
        free(u);
    }
    free(plain);
    free(sigmoid);
}
