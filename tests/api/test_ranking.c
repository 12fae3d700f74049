/* Labels ranked through the public header. */
#define _GNU_SOURCE
#include <math.h>
#include <sys/resource.h>

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

/* A layer below so wide that its weights are read where they lie. */
TEST(the_best_labels_of_very_many_inputs)
{
    run_spec spec = run_spec_small();
    spec.features = 16400;
    spec.classes = 300;
    spec.hidden_count = 0;
    spec.made_for = 1;
    spec.rows = 40;
    run r = run_open(&spec);
    float *all = table_room(spec.rows * spec.classes, sizeof *all), scores[40];
    int32_t labels[40];
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, all), IST_OK);
    CHECK_EQ(ist_model_top(r.model, r.dataset, NULL, 1, labels, scores), IST_OK);
    for (int64_t row = 0; row < spec.rows; row++) {
        const float *of_row = all + row * spec.classes;
        for (int32_t c = 0; c < spec.classes; c++) CHECK(of_row[c] <= of_row[labels[row]]);
        CHECK_NEAR(scores[row] / of_row[labels[row]], 1, 1e-4);
    }
    free(all);
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

static double peak_mib(void)
{
    struct rusage usage;
    CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    return (double)usage.ru_maxrss / 1024;
}

/* All logits of these rows would be 130 MiB, those of 128 rows 64. */
TEST(memory_is_that_of_tiles)
{
    run_spec spec = run_spec_small();
    spec.classes = 1 << 17;
    spec.rows = 260;
    spec.hidden_count = 1;
    spec.made_for = 1;
    spec.threads = 2;
    run r = {.table = table_make(spec.rows, spec.features, spec.classes), .context = run_context(1, 2, spec.engine)};
    r.dataset = run_dataset(r.context, &r.table);
    r.model = run_model(r.context, &spec);
    const double before = peak_mib();
    ist_ranking found = IST_RANKING_INIT;
    static int32_t top[260];
    CHECK_EQ(ist_model_calibrate(r.model, r.dataset, 500, 1), IST_OK);
    CHECK_EQ(ist_model_rank(r.model, r.dataset, NULL, NULL, &found), IST_OK);
    CHECK_EQ(ist_model_top(r.model, r.dataset, NULL, 1, top, NULL), IST_OK);
    const ist_evaluation e = evaluated(&r);
    CHECK(e.loss == found.loss);
    CHECK(peak_mib() - before < 30);
    run_close(&r);
}

/* ------------------------------------------------------------------------------------------------- lists of labels -- */

enum { LIST_ROWS = 500, LIST_FEATURES = 40, LIST_LABELS = 300, LIST_MOST = 9 };

/* Sparse rows with 0 to LIST_MOST - 1 labels each, and the same features as dense rows. */
typedef struct listed {
    int64_t row_begin[LIST_ROWS + 1], label_begin[LIST_ROWS + 1];
    int32_t feature[LIST_ROWS * LIST_FEATURES], label[LIST_ROWS * LIST_MOST];
    float value[LIST_ROWS * LIST_FEATURES], dense[LIST_ROWS * LIST_FEATURES];
    ist_dataset *sparse, *plain;
} listed;

static listed *listed_open(ist_context *context)
{
    listed *l = table_room(1, sizeof *l);
    uint64_t seed = 4;
    for (int32_t i = 0; i < LIST_ROWS; i++) {
        int64_t *end = &l->row_begin[i + 1], *last = &l->label_begin[i + 1];
        *end = l->row_begin[i];
        *last = l->label_begin[i];
        for (int32_t f = 0; f < LIST_FEATURES; f++) {
            const float x = table_noise(&seed);
            if (x < 0.5F) continue;
            l->dense[i * LIST_FEATURES + f] = x;
            l->feature[*end] = f;
            l->value[(*end)++] = x;
        }
        int32_t label = (i * 17) % 101;
        for (int32_t k = 0; k < (i * 5) % LIST_MOST; k++, label += 1 + (i + k) % 23) l->label[(*last)++] = label;
    }
    ist_csr csr = IST_CSR_INIT;
    csr.rows = LIST_ROWS;
    csr.features = LIST_FEATURES;
    csr.labels = LIST_LABELS;
    csr.row_begin = l->row_begin;
    csr.feature = l->feature;
    csr.value = l->value;
    csr.label_begin = l->label_begin;
    csr.label = l->label;
    ist_dataset_config config = IST_DATASET_CONFIG_INIT;
    config.sparse = 1;
    CHECK_EQ(ist_dataset_from_csr(context, &l->sparse, &csr, &config), IST_OK);
    CHECK_EQ(ist_dataset_wrap(context, &l->plain, l->dense, IST_FLOAT32, LIST_ROWS, LIST_FEATURES, LIST_FEATURES * 4,
                              NULL, 0),
             IST_OK);
    return l;
}

static void listed_close(listed *l)
{
    ist_dataset_destroy(l->sparse);
    ist_dataset_destroy(l->plain);
    free(l);
}

TEST(rows_with_lists_of_labels)
{
    for (int32_t teams = 1; teams <= 2; teams++) {
        ist_context *context = run_context(teams, 3 - teams, IST_ENGINE_NATIVE);
        listed *l = listed_open(context);
        run_spec spec = run_spec_small();
        spec.features = LIST_FEATURES;
        spec.classes = LIST_LABELS;
        spec.hidden_count = 1;
        spec.made_for = 1;
        ist_model *model = run_model(context, &spec);
        CHECK_EQ(ist_model_calibrate(model, l->sparse, 300, 1), IST_OK);
        static int32_t top[LIST_ROWS * IST_RANKS], dense[LIST_ROWS * IST_RANKS];
        CHECK_EQ(ist_model_top(model, l->sparse, NULL, IST_RANKS, top, NULL), IST_OK);
        CHECK_EQ(ist_model_top(model, l->plain, NULL, IST_RANKS, dense, NULL), IST_OK);
        CHECK_MEM(top, dense, sizeof top);
        float *all = table_room(LIST_ROWS * LIST_LABELS, sizeof *all);
        CHECK_EQ(ist_model_predict(model, l->plain, NULL, all), IST_OK);
        double hits[IST_RANKS] = {0}, loss = 0;
        int64_t without = 0;
        for (int32_t i = 0; i < LIST_ROWS; i++) {
            const int64_t begin = l->label_begin[i], end = l->label_begin[i + 1];
            for (int64_t j = begin; j < end; j++) {
                const int32_t label = l->label[j];
                loss -= log((double)all[i * LIST_LABELS + label]) / (double)(end - begin);
                for (int32_t k = 0; k < IST_RANKS; k++)
                    for (int32_t n = 0; n <= k; n++) hits[k] += top[i * IST_RANKS + n] == label;
            }
            without += begin == end;
        }
        ist_ranking found = IST_RANKING_INIT;
        CHECK_EQ(ist_model_rank(model, l->sparse, l->sparse, NULL, &found), IST_OK);
        CHECK_EQ(found.rows, LIST_ROWS);
        CHECK_EQ(found.labels, l->label_begin[LIST_ROWS]);
        CHECK_EQ(found.rows_without, without);
        CHECK_NEAR(found.loss, loss / LIST_ROWS, 1e-4);
        for (int32_t k = 0; k < IST_RANKS; k++) CHECK_NEAR(found.precision[k], hits[k] / (k + 1) / LIST_ROWS, 1e-9);
        ist_evaluation e = IST_EVALUATION_INIT;
        CHECK_EQ(ist_model_evaluate(model, l->sparse, NULL, &e), IST_OK);
        CHECK(e.accuracy == found.precision[0] && e.loss == found.loss);
        CHECK(e.flops == found.flops);
        CHECK(found.flops ==
              2.0 * spec.hidden[0] * ((double)l->row_begin[LIST_ROWS] + (double)LIST_ROWS * LIST_LABELS));
        CHECK(hits[4] > 0);
        free(all);
        ist_model_destroy(model);
        listed_close(l);
        ist_context_destroy(context);
    }
}
