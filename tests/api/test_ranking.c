/* Labels ranked through the public header. */
#define _GNU_SOURCE
#include <math.h>

#include "fixture_run.h"

/* Rows enough to learn from, and as many classes as make an output wide. */
static run_spec spec_wide(void)
{
    run_spec spec = run_spec_small();
    spec.classes = 5000;
    spec.rows = 400;
    spec.hidden_count = 1;
    spec.threads = 2;
    return spec;
}

static ist_evaluation evaluated(const run *r)
{
    ist_evaluation out = IST_EVALUATION_INIT;
    CHECK_EQ(ist_model_evaluate(r->model, r->dataset, NULL, &out), IST_OK);
    return out;
}

/* Of rows with one label each, whose probabilities are all at hand. */
static void check_single(run_spec spec)
{
    run r = run_open(&spec);
    run_go(&r, 2);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    ist_ranking found = IST_RANKING_INIT;
    CHECK_EQ(ist_model_rank(r.model, r.dataset, r.dataset, NULL, &found), IST_OK);
    float *all = table_room(spec.rows * spec.classes, sizeof *all);
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, all), IST_OK);
    double hits[IST_RANKS] = {0}, gains[IST_RANKS] = {0};
    for (int64_t row = 0; row < spec.rows; row++) {
        const float *of_row = all + row * spec.classes, own = of_row[r.table.labels[row]];
        int32_t place = 0; /* of the row's label; equal ones are not expected */
        for (int32_t c = 0; c < spec.classes; c++) place += of_row[c] > own;
        for (int32_t k = place; k < IST_RANKS; k++) {
            hits[k] += 1;
            gains[k] += 1 / log2(place + 2);
        }
    }
    for (int32_t k = 0; k < IST_RANKS; k++) {
        CHECK_NEAR(found.precision[k], hits[k] / (k + 1) / (double)spec.rows, 1e-9);
        CHECK_NEAR(found.ndcg[k], gains[k] / (double)spec.rows, 1e-9);
        CHECK(found.psp[k] >= 0 && found.psp[k] <= 1 && (found.psp[k] > 0) == (hits[k] > 0));
    }
    const ist_evaluation e = evaluated(&r);
    CHECK(e.accuracy == found.precision[0]);
    CHECK_NEAR(e.loss, found.loss, 1e-5);
    CHECK_EQ(found.rows, spec.rows);
    CHECK_EQ(found.labels, spec.rows);
    CHECK_EQ(found.rows_without, 0);
    CHECK(found.seconds > 0 && found.flops == e.flops);
    free(all);
    run_close(&r);
}

TEST(of_one_label_a_row)
{
    run_spec spec = run_spec_small();
    spec.rows = 300;
    check_single(spec);
    spec = spec_wide();
    spec.train.lr = 1;
    spec.train.momentum = 0;
    check_single(spec);
}

TEST(the_best_labels_with_their_probabilities)
{
    run_spec spec = spec_wide();
    run r = run_open(&spec);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    enum { K = 12 };
    float *all = table_room(spec.rows * spec.classes, sizeof *all), *scores = table_room(spec.rows * K, sizeof *scores);
    int32_t *labels = table_room(spec.rows * K, sizeof *labels), *alone = table_room(spec.rows * K, sizeof *alone);
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, all), IST_OK);
    CHECK_EQ(ist_model_top(r.model, r.dataset, NULL, K, labels, scores), IST_OK);
    CHECK_EQ(ist_model_top(r.model, r.dataset, NULL, K, alone, NULL), IST_OK);
    CHECK_MEM(labels, alone, (size_t)spec.rows * K * sizeof *labels);
    for (int64_t row = 0; row < spec.rows; row++)
        for (int32_t i = 0; i < K; i++) {
            const float found = scores[row * K + i], own = all[row * spec.classes + labels[row * K + i]];
            int32_t higher = 0;
            for (int32_t c = 0; c < spec.classes; c++) higher += all[row * spec.classes + c] > own * 1.00001F;
            CHECK(higher <= i);
            CHECK_NEAR(found / own, 1, 1e-5);
        }
    free(all);
    free(scores);
    free(labels);
    free(alone);
    run_close(&r);
}

TEST(what_cannot_be_ranked_is_refused_in_a_line)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    int32_t labels[61 * 4];
    ist_ranking found = IST_RANKING_INIT, before;
    found.rows = 77;
    before = found;
    CHECK_EQ(ist_model_rank(r.model, r.dataset, NULL, NULL, &found), IST_E_ARGUMENT); /* no statistics */
    check_one_line(r.context);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    CHECK_EQ(ist_model_rank(NULL, r.dataset, NULL, NULL, &found), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_rank(r.model, NULL, NULL, NULL, &found), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_rank(r.model, r.dataset, NULL, NULL, NULL), IST_E_ARGUMENT);
    found.struct_size = 8;
    CHECK_EQ(ist_model_rank(r.model, r.dataset, NULL, NULL, &found), IST_E_ARGUMENT);
    found.struct_size = before.struct_size;
    CHECK_MEM(&found, &before, sizeof found);
    CHECK_EQ(ist_model_top(r.model, r.dataset, NULL, 0, labels, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_top(r.model, r.dataset, NULL, 5, labels, NULL), IST_E_ARGUMENT);
    check_one_line(r.context);
    CHECK_EQ(ist_model_top(r.model, r.dataset, NULL, 4, NULL, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_top(r.model, r.dataset, NULL, 4, labels, NULL), IST_OK);
    const float x[2 * 6] = {0};
    const int32_t y[2] = {0, 1};
    ist_dataset *two = NULL;
    CHECK_EQ(ist_dataset_wrap(r.context, &two, x, IST_FLOAT32, 2, 6, 24, y, 2), IST_OK);
    CHECK_EQ(ist_model_rank(r.model, r.dataset, two, NULL, &found), IST_E_ARGUMENT); /* propensities of two rows */
    check_one_line(r.context);
    CHECK_EQ(ist_model_rank(r.model, two, r.dataset, NULL, &found), IST_OK);
    ist_dataset_destroy(two);
    run_close(&r);

    run_spec other = run_spec_small();
    other.loss = IST_LOSS_MSE;
    run s = run_open(&other);
    CHECK_EQ(ist_model_rank(s.model, s.dataset, NULL, NULL, &found), IST_E_ARGUMENT);
    check_one_line(s.context);
    CHECK_EQ(ist_model_top(s.model, s.dataset, NULL, 1, labels, NULL), IST_E_ARGUMENT);
    run_close(&s);
}
