/* Ranking metrics against their definitions, written down plainly. */
#include "ist_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/labels.h"
#include "kernel_sets.h"
#include "train/rank.h"

enum { ROWS = 60, LABELS = 23, KEPT = 5 };

/* Rows with lists of 0 .. LABELS labels, among which some labels are frequent and the last one is in no row. */
typedef struct lists {
    int64_t begin[ROWS + 1];
    int32_t label[ROWS * LABELS];
    bool has[ROWS][LABELS];
    int32_t top[ROWS * KEPT];
    ist_dataset data;
} lists;

static uint32_t below(uint32_t *seed, uint32_t limit)
{
    return (uint32_t)((noise(seed) + 1) / 2 * (float)limit) % limit;
}

static void make(lists *l, uint32_t seed)
{
    memset(l, 0, sizeof *l);
    for (int32_t row = 0; row < ROWS; row++) {
        const uint32_t chance = row % 7 == 0 ? 0 : 1 + below(&seed, 9); /* some rows have none */
        for (int32_t k = 0; k + 1 < LABELS; k++) l->has[row][k] = below(&seed, 20) < chance * (k < 4 ? 2 : 1);
        l->begin[row + 1] = l->begin[row];
        for (int32_t k = 0; k < LABELS; k++)
            if (l->has[row][k]) l->label[l->begin[row + 1]++] = k;
        int32_t order[LABELS];
        for (int32_t k = 0; k < LABELS; k++) order[k] = k;
        for (int32_t k = 0; k < KEPT; k++) {
            const int32_t other = k + (int32_t)below(&seed, (uint32_t)(LABELS - k)), held = order[k];
            l->top[row * KEPT + k] = order[other];
            order[other] = held;
        }
    }
    l->data = (ist_dataset){.rows = ROWS,
                            .classes = LABELS,
                            .sparse = {.rows = ROWS,
                                       .labels = LABELS,
                                       .label_entries = l->begin[ROWS],
                                       .label_begin = l->begin,
                                       .label = l->label}};
}

static int larger(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

TEST(metrics_are_their_definitions)
{
    lists l;
    make(&l, 3);
    double inverse[LABELS], propensity[LABELS];
    ist__inverse_propensities(&l.data, LABELS, inverse);
    for (int32_t k = 0; k < LABELS; k++) {
        double rows = 0;
        for (int32_t row = 0; row < ROWS; row++) rows += l.has[row][k];
        const double c = (log(ROWS) - 1) * pow(2.5, 0.55);
        propensity[k] = 1 / (1 + c * exp(-0.55 * log(rows + 1.5)));
        CHECK_NEAR(inverse[k] * propensity[k], 1, 1e-12);
    }
    ist_ranking found = IST_RANKING_INIT;
    ist__rank_rows(&l.data, KEPT, l.top, inverse, &found);
    CHECK_EQ(found.rows, ROWS);
    CHECK_EQ(found.labels, l.begin[ROWS]);
    int64_t without = 0;
    for (int32_t row = 0; row < ROWS; row++) without += l.begin[row] == l.begin[row + 1];
    CHECK(without >= 9);
    CHECK_EQ(found.rows_without, without);
    for (int32_t k = 1; k <= KEPT; k++) {
        double precision = 0, ndcg = 0, psp = 0, psp_best = 0;
        for (int32_t row = 0; row < ROWS; row++) {
            double gain = 0, ideal = 0, could[LABELS] = {0};
            int32_t own = 0;
            for (int32_t j = 0; j < LABELS; j++)
                if (l.has[row][j]) could[own++] = 1 / propensity[j];
            qsort(could, (size_t)own, sizeof *could, larger);
            for (int32_t place = 1; place <= k; place++) {
                const int32_t label = l.top[row * KEPT + place - 1];
                if (l.has[row][label]) {
                    precision += 1.0 / k;
                    gain += log(2) / log(place + 1);
                    psp += 1 / propensity[label] / k;
                }
                if (place <= own) {
                    ideal += log(2) / log(place + 1);
                    psp_best += could[place - 1] / k;
                }
            }
            if (own > 0) ndcg += gain / ideal;
        }
        CHECK_NEAR(found.precision[k - 1], precision / ROWS, 1e-12);
        CHECK_NEAR(found.ndcg[k - 1], ndcg / ROWS, 1e-12);
        CHECK_NEAR(found.psp[k - 1], psp / psp_best, 1e-12);
        CHECK(found.precision[k - 1] > 0.05 && found.precision[k - 1] < 0.95);
    }
    int32_t best[ROWS];
    for (int32_t row = 0; row < ROWS; row++) best[row] = l.top[row * KEPT];
    CHECK_EQ(ist__count_right(&l.data, best), (int64_t)lround(found.precision[0] * ROWS));
}

/* Best labels first in every row: nothing better can be had. */
TEST(a_perfect_ranking_is_worth_1)
{
    lists l;
    make(&l, 4);
    double inverse[LABELS];
    ist__inverse_propensities(&l.data, LABELS, inverse);
    for (int32_t row = 0; row < ROWS; row++)
        for (int32_t k = 0; k < KEPT; k++) { /* by inverse propensity, then what is wrong */
            int32_t best = -1;
            for (int32_t j = 0; j < LABELS; j++) {
                bool taken = false;
                for (int32_t i = 0; i < k; i++) taken |= l.top[row * KEPT + i] == j;
                if (taken) continue;
                const double worth = l.has[row][j] ? inverse[j] : 0;
                if (best < 0 || worth > (l.has[row][best] ? inverse[best] : 0)) best = j;
            }
            l.top[row * KEPT + k] = best;
        }
    ist_ranking found = IST_RANKING_INIT;
    ist__rank_rows(&l.data, KEPT, l.top, inverse, &found);
    const double some = 1 - (double)found.rows_without / ROWS;
    CHECK_NEAR(found.precision[0], some, 1e-12);
    for (int32_t k = 0; k < KEPT; k++) {
        CHECK_NEAR(found.ndcg[k], some, 1e-12);
        CHECK_NEAR(found.psp[k], 1, 1e-12);
    }
}

TEST(labels_that_are_not_kept_were_wrong)
{
    const int32_t labels[3] = {1, 0, 1}, top[6] = {1, 0, 1, 0, 1, 0};
    ist_dataset data = {.rows = 3, .classes = 2, .labels = labels};
    ist_ranking found = IST_RANKING_INIT;
    ist__rank_rows(&data, 2, top, NULL, &found);
    CHECK_NEAR(found.precision[0], 2.0 / 3, 1e-15);
    CHECK_NEAR(found.precision[1], 1.0 / 2, 1e-15);
    CHECK_NEAR(found.precision[4], 1.0 / 5, 1e-15);
    CHECK_NEAR(found.ndcg[0], 2.0 / 3, 1e-15);
    CHECK_NEAR(found.ndcg[4], (2 + 1 / log2(3)) / 3, 1e-15);
    CHECK_EQ(found.rows_without, 0);
    for (int32_t k = 0; k < IST_RANKS; k++) CHECK(found.psp[k] == 0);
}
