/* test_split.c - rows held out of a dataset. */
#include "ist_test.h"

#include <math.h>
#include <string.h>

#include "data/dataset.h"

enum { ROWS = 1000, FEATURES = 3 };

static float x[ROWS][FEATURES];
static int32_t labels[ROWS];

/* Row r is made of r, so that a copy tells where it comes from. */
static ist_dataset *numbered(void)
{
    ist_dataset *d = NULL;
    for (int r = 0; r < ROWS; r++) {
        for (int f = 0; f < FEATURES; f++) x[r][f] = (float)(r * FEATURES + f);
        labels[r] = r % 7;
    }
    CHECK_EQ(ist__dataset_wrap(&d, x, IST_FLOAT32, ROWS, FEATURES, sizeof x[0], labels, 7, NULL), IST_OK);
    return d;
}

/* Each row of the part is one of the whole, and they ascend; is_there[r] counts it. */
static void check_part(const ist_dataset *part, int *is_there)
{
    int last = -1;
    CHECK_EQ(part->classes, 7);
    for (int64_t i = 0; i < part->rows; i++) {
        const float *row = (const float *)part->x + i * FEATURES;
        const int r = (int)row[0] / FEATURES;
        CHECK(r > last && r < ROWS);
        CHECK(memcmp(row, x[r], sizeof x[r]) == 0);
        CHECK_EQ(part->labels[i], labels[r]);
        is_there[r]++;
        last = r;
    }
}

TEST(every_row_is_in_one_part)
{
    ist_dataset *d = numbered(), *rest = NULL, *held = NULL;
    int is_there[ROWS] = {0};
    CHECK_EQ(ist__dataset_split(d, 0.2, 5, &rest, &held, NULL), IST_OK);
    CHECK_EQ(held->rows, 200);
    CHECK_EQ(rest->rows, 800);
    check_part(held, is_there);
    check_part(rest, is_there);
    for (int r = 0; r < ROWS; r++) CHECK_EQ(is_there[r], 1);
    ist__dataset_destroy(rest);
    ist__dataset_destroy(held);
    ist__dataset_destroy(d);
}

TEST(the_seed_draws_and_draws_evenly)
{
    ist_dataset *d = numbered();
    int drawn[ROWS] = {0};
    for (uint64_t seed = 0; seed < 400; seed++) {
        ist_dataset *rest = NULL, *held = NULL, *again = NULL, *other = NULL;
        CHECK_EQ(ist__dataset_split(d, 0.25, seed, &rest, &held, NULL), IST_OK);
        check_part(held, drawn);
        if (seed < 3) {
            CHECK_EQ(ist__dataset_split(d, 0.25, seed, &other, &again, NULL), IST_OK);
            CHECK(memcmp(again->x, held->x, (size_t)held->rows * sizeof x[0]) == 0);
            ist__dataset_destroy(again);
            ist__dataset_destroy(other);
            CHECK_EQ(ist__dataset_split(d, 0.25, seed + 1, &other, &again, NULL), IST_OK);
            CHECK(memcmp(again->x, held->x, (size_t)held->rows * sizeof x[0]) != 0);
            ist__dataset_destroy(again);
            ist__dataset_destroy(other);
        }
        ist__dataset_destroy(rest);
        ist__dataset_destroy(held);
    }
    double chi2 = 0; /* 400 draws of a quarter: each row 100 times, variance 75 */
    for (int r = 0; r < ROWS; r++) chi2 += (drawn[r] - 100.0) * (drawn[r] - 100.0) / 75.0;
    CHECK(chi2 > 800 && chi2 < 1200);
    ist__dataset_destroy(d);
}

TEST(sparse_rows_keep_their_values_and_labels)
{
    static const int64_t row_begin[] = {0, 2, 2, 3, 6}, label_begin[] = {0, 1, 3, 3, 4};
    static const int32_t feature[] = {0, 4, 1, 0, 2, 3}, label[] = {5, 0, 2, 1};
    static const float value[] = {1, 2, 3, 4, 5, 6};
    ist_dataset whole = {.rows = 4, .features = 5, .classes = 6, .type = IST_FLOAT32};
    whole.sparse = (ist__sparse){.rows = 4,
                                 .features = 5,
                                 .labels = 6,
                                 .nonzeros = 6,
                                 .label_entries = 4,
                                 .row_begin = row_begin,
                                 .feature = feature,
                                 .value = value,
                                 .label_begin = label_begin,
                                 .label = label};
    ist_dataset *part[2] = {NULL, NULL};
    CHECK_EQ(ist__dataset_split(&whole, 0.5, 1, &part[0], &part[1], NULL), IST_OK);
    int64_t values = 0, entries = 0;
    for (int p = 0; p < 2; p++) {
        const ist__sparse *s = &part[p]->sparse;
        CHECK_EQ(part[p]->rows, 2);
        CHECK_EQ(s->rows, 2);
        CHECK_EQ(s->row_begin[2], s->nonzeros);
        CHECK_EQ(s->label_begin[2], s->label_entries);
        CHECK_EQ(ist__sparse_check(s, NULL, "part", NULL), IST_OK);
        for (int64_t i = 0; i < s->nonzeros; i++) { /* the value tells which entry it is */
            CHECK_EQ(s->feature[i], feature[(int)s->value[i] - 1]);
            values += (int64_t)s->value[i];
        }
        for (int64_t i = 0; i < s->label_entries; i++) entries += s->label[i];
    }
    CHECK_EQ(values, 21);
    CHECK_EQ(entries, 8);
    for (int p = 0; p < 2; p++) ist__dataset_destroy(part[p]);
}

TEST(a_part_is_never_empty_and_fractions_are_judged)
{
    ist_dataset *d = numbered(), *rest = NULL, *held = NULL;
    const double wrong[] = {0, 1, -0.5, 2, (double)NAN};
    ist__error error = {.status = IST_OK};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_EQ(ist__dataset_split(d, wrong[i], 1, &rest, &held, &error), IST_E_ARGUMENT);
    CHECK(!rest && !held);
    CHECK_EQ(ist__dataset_split(d, 1e-9, 1, &rest, &held, NULL), IST_OK);
    CHECK_EQ(held->rows, 1);
    ist__dataset_destroy(rest);
    ist__dataset_destroy(held);
    CHECK_EQ(ist__dataset_split(d, 0.99999999, 1, &rest, &held, NULL), IST_OK);
    CHECK_EQ(rest->rows, 1);
    ist__dataset_destroy(rest);
    ist__dataset_destroy(held);
    d->rows = 1;
    CHECK_EQ(ist__dataset_split(d, 0.5, 1, &rest, &held, &error), IST_E_SHAPE);
    ist__dataset_destroy(d);
}
