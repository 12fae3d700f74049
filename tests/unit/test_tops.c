/* The best labels of rows, their scores and losses, without an array of all logits: against a naive forward pass in double
 * precision, and bit for bit whoever does the work. */
#define _GNU_SOURCE
#include <float.h>
#include <math.h>

#include "api/fixture_run.h"
#include "api/handles.h"
#include "fixture_oracle.h"
#include "kernel_sets.h"
#include "train/evaluate.h"
#include "train/tops.h"

enum { MOST = 7 };

/* --------------------------------------------------------------------------------------------------------- kernel -- */

TEST(a_tile_is_summed_as_in_training_and_left_as_it_is)
{
    enum { LABELS = 37, COLUMNS = 48, LD = 64 };
    static _Alignas(64) float block[LABELS * LD], work[LABELS * LD];
    const float zero[LABELS] = {0};
    uint32_t seed = 5;
    for (int32_t i = 0; i < LABELS * LD; i++) block[i] = 30 * noise(&seed);
    EACH_SET (i, set) {
        float top[LD], sum[LD], top_only[LD], other_top[LD], other_sum[LD];
        memcpy(work, block, sizeof work);
        set->label_tops(LABELS, COLUMNS, LD, 1.7F, work, top, sum);
        set->label_tops(LABELS, COLUMNS, LD, 1.7F, work, top_only, NULL);
        CHECK_MEM(work, block, sizeof work);
        set->label_exps(LABELS, COLUMNS, LD, 1.7F, zero, work, other_top, other_sum);
        CHECK_MEM(top, other_top, COLUMNS * sizeof *top);
        CHECK_MEM(top, top_only, COLUMNS * sizeof *top);
        CHECK_MEM(sum, other_sum, COLUMNS * sizeof *sum);
        for (int32_t c = 0; c < COLUMNS; c++) {
            double most = -DBL_MAX, total = 0;
            for (int32_t r = 0; r < LABELS; r++) most = fmax(most, (double)(1.7F * block[r * LD + c]));
            for (int32_t r = 0; r < LABELS; r++) total += exp((double)(1.7F * block[r * LD + c]) - most);
            CHECK(top[c] == (float)most);
            CHECK_NEAR(sum[c] / total, 1, 1e-5);
        }
    }
}

/* ----------------------------------------------------------------------------------------------------- naive twin -- */

/* Logits (rows, classes) of a net without norm, and with ReLU. */
static double *naive_logits(const run *r)
{
    const ist__net *net = &r->model->net;
    const ist__shape *shape = &net->shape;
    double *input = table_room(r->table.rows * shape->width[0], sizeof *input);
    for (int64_t i = 0; i < r->table.rows * shape->width[0]; i++) input[i] = (double)r->table.x[i];
    for (int32_t l = 0; l < shape->layer_count; l++) {
        const ist__layer *layer = &shape->layer[l];
        double *output = table_room(r->table.rows * layer->outputs, sizeof *output);
        for (int64_t row = 0; row < r->table.rows; row++)
            for (int32_t o = 0; o < layer->outputs; o++) {
                double z = 0;
                for (int32_t j = 0; j < layer->inputs; j++)
                    z += (double)net->param[oracle_place(shape, l, o, j)] * input[row * layer->inputs + j];
                z = z * (l > 0 ? 1.0 / net->subnets : 1) + (double)net->param[layer->offset + o];
                output[row * layer->outputs + o] = layer->is_output ? z * net->output_scale : fmax(z, 0);
            }
        free(input);
        input = output;
    }
    return input;
}

static double naive_total(int32_t classes, const double *logits)
{
    double most = logits[0], sum = 0;
    for (int32_t c = 1; c < classes; c++) most = fmax(most, logits[c]);
    for (int32_t c = 0; c < classes; c++) sum += exp(logits[c] - most);
    return most + log(sum);
}

/* ------------------------------------------------------------------------------------------------------- subjects -- */

/* Several tiles, the last not whole, two chunks, the last not whole. */
static run_spec spec_of(int32_t engine)
{
    run_spec spec = run_spec_small();
    spec.engine = engine;
    spec.rows = 300;
    spec.hidden_count = 1;
    spec.hidden[0] = 21;
    spec.classes = 701;
    spec.hidden_norm = IST_NORM_NONE;
    spec.output_scale = 1.5;
    return spec;
}

typedef struct found {
    int32_t *top;
    float *score, *loss;
} found;

static found find(const run *r, int32_t most, int32_t statistics)
{
    const int64_t rows = r->table.rows;
    found f = {.top = table_room(rows * most, sizeof *f.top),
               .score = table_room(rows * most, sizeof *f.score),
               .loss = table_room(rows, sizeof *f.loss)};
    const ist__answers answers = {.top_count = most, .top = f.top, .top_score = f.score, .loss = f.loss};
    ist_evaluate_config config = IST_EVALUATE_CONFIG_INIT;
    config.batch = 100;
    config.statistics = statistics;
    ist__error error;
    CHECK_EQ(ist__evaluate(&r->context->host, &r->model->net, r->dataset, &config, &answers, &error), IST_OK);
    return f;
}

static void found_free(found *f)
{
    free(f->top);
    free(f->score);
    free(f->loss);
}

static run subject(const run_spec *spec)
{
    run r = run_open(spec);
    block_fill(&r.model->net.shape, 0.6F, 8, r.model->net.param);
    return r;
}

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The labels found are those of the largest logits, within rounding, and each is another one. */
static void check_row(int32_t classes, const double *logits, double *sorted, const int32_t *top)
{
    memcpy(sorted, logits, (size_t)classes * sizeof *sorted);
    qsort(sorted, (size_t)classes, sizeof *sorted, descending);
    for (int32_t i = 0; i < MOST; i++) {
        CHECK(top[i] >= 0 && top[i] < classes);
        CHECK_NEAR(logits[top[i]], sorted[i], 2e-5);
        for (int32_t j = 0; j < i; j++) CHECK(top[i] != top[j]);
    }
}

/* ------------------------------------------------------------------------------------------------------------ cases -- */

static void check_naive(int32_t engine, int32_t hidden_count)
{
    run_spec spec = spec_of(engine);
    spec.threads = 2;
    spec.hidden_count = hidden_count;
    if (hidden_count == 0) spec.made_for = 1;
    run r = subject(&spec);
    found f = find(&r, MOST, IST_STATISTICS_STORED);
    double *logits = naive_logits(&r), *sorted = table_room(spec.classes, sizeof *sorted);
    for (int64_t row = 0; row < spec.rows; row++) {
        const double *of_row = logits + row * spec.classes, total = naive_total(spec.classes, of_row);
        check_row(spec.classes, of_row, sorted, f.top + row * MOST);
        for (int32_t i = 0; i < MOST; i++)
            CHECK_NEAR(f.score[row * MOST + i], exp(of_row[f.top[row * MOST + i]] - total), 1e-5);
        CHECK_NEAR(f.loss[row], total - of_row[r.table.labels[row]], 1e-4);
    }
    free(logits);
    free(sorted);
    found_free(&f);
    run_close(&r);
}

TEST(the_best_labels_are_those_of_a_naive_pass)
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++)
        for (int32_t hidden = 0; hidden < 3; hidden++) check_naive(engine, hidden);
}

static void check_same(const run *a, const run *b, int32_t most)
{
    found x = find(a, most, IST_STATISTICS_STORED), y = find(b, most, IST_STATISTICS_STORED);
    const size_t rows = (size_t)a->table.rows;
    CHECK_MEM(x.top, y.top, rows * (size_t)most * sizeof *x.top);
    CHECK_MEM(x.score, y.score, rows * (size_t)most * sizeof *x.score);
    CHECK_MEM(x.loss, y.loss, rows * sizeof *x.loss);
    found_free(&x);
    found_free(&y);
}

TEST(the_best_labels_do_not_depend_on_who_works)
{
    run_spec spec = spec_of(IST_ENGINE_NATIVE);
    run one = subject(&spec);
    const int32_t crews[][3] = {{1, 2, IST_ENGINE_NATIVE_PORTABLE},
                                {1, 3, IST_ENGINE_NATIVE},
                                {2, 1, IST_ENGINE_NATIVE},
                                {1, 5, IST_ENGINE_NATIVE},
                                {3, 2, IST_ENGINE_NATIVE}};
    for (size_t i = 0; i < sizeof crews / sizeof *crews; i++) {
        spec.teams = crews[i][0];
        spec.threads = crews[i][1];
        spec.engine = crews[i][2];
        run r = subject(&spec);
        check_same(&one, &r, MOST);
        check_same(&one, &r, 300); /* more than a tile has */
        run_close(&r);
    }
    run_close(&one);
}

/* All labels, sorted by hand: the whole order is told, and scores add up to 1. */
TEST(all_labels_are_sorted_when_all_are_asked_for)
{
    run_spec spec = spec_of(IST_ENGINE_NATIVE);
    spec.threads = 3;
    spec.rows = 20;
    run r = subject(&spec);
    found f = find(&r, spec.classes, IST_STATISTICS_STORED);
    for (int64_t row = 0; row < spec.rows; row++) {
        const int32_t *top = f.top + row * spec.classes;
        const float *score = f.score + row * spec.classes;
        double sum = 0;
        bool *seen = table_room(spec.classes, sizeof *seen);
        for (int32_t i = 0; i < spec.classes; i++) {
            CHECK(!seen[top[i]]);
            seen[top[i]] = true;
            CHECK(i == 0 || score[i] <= score[i - 1]);
            sum += (double)score[i];
        }
        CHECK_NEAR(sum, 1, 1e-5);
        free(seen);
    }
    found_free(&f);
    run_close(&r);
}

/* Logits are the output's biases alone. */
static run biased(const run_spec *spec, float **bias)
{
    run r = run_open(spec);
    const ist__shape *shape = &r.model->net.shape;
    const ist__layer *output = &shape->layer[shape->hidden_count];
    memset(r.model->net.param, 0, (size_t)shape->floats * sizeof(float));
    *bias = r.model->net.param + output->offset;
    return r;
}

TEST(of_equal_labels_the_lowest_come_first)
{
    run_spec spec = spec_of(IST_ENGINE_NATIVE);
    const int32_t expected[MOST] = {600, 3, 255, 256, 511, 700, 0};
    for (spec.threads = 1; spec.threads <= 4; spec.threads++) {
        float *bias;
        run r = biased(&spec, &bias);
        for (int32_t i = 1; i + 1 < MOST; i++) bias[expected[i]] = 1;
        bias[600] = 2;
        found f = find(&r, MOST, IST_STATISTICS_STORED);
        for (int64_t row = 0; row < spec.rows; row++) CHECK_MEM(f.top + row * MOST, expected, sizeof expected);
        found_free(&f);
        run_close(&r);
    }
}

TEST(what_is_not_a_number_comes_last_and_shows_in_the_loss)
{
    run_spec spec = spec_of(IST_ENGINE_NATIVE);
    const int32_t expected[MOST] = {520, 1, 2, 3, 4, 5, 6};
    for (spec.threads = 1; spec.threads <= 4; spec.threads++) {
        float *bias;
        run r = biased(&spec, &bias);
        for (int32_t tile = 0; tile < spec.classes; tile += IST__TOPS_TILE) bias[tile] = NAN;
        bias[600] = NAN;
        bias[520] = 1; /* in a tile that begins with one that is none */
        found f = find(&r, MOST, IST_STATISTICS_STORED);
        for (int64_t row = 0; row < spec.rows; row++) {
            CHECK_MEM(f.top + row * MOST, expected, sizeof expected);
            CHECK(isnan(f.loss[row]) && isnan(f.score[row * MOST]));
        }
        found_free(&f);
        for (int32_t i = 0; i < spec.classes; i++) bias[i] = NAN;
        f = find(&r, MOST, IST_STATISTICS_STORED);
        for (int32_t i = 0; i < MOST; i++) CHECK_EQ(f.top[i], i);
        found_free(&f);
        run_close(&r);
    }
}

/* The existing pass, which makes all probabilities, agrees: batch norm everywhere, by stored statistics and by those of the
 * rows at hand. */
TEST(batch_norm_of_the_output_is_that_of_the_pass_over_all_classes)
{
    for (int32_t statistics = IST_STATISTICS_STORED; statistics <= IST_STATISTICS_BATCH; statistics++) {
        run_spec spec = spec_of(IST_ENGINE_NATIVE);
        spec.hidden_norm = spec.output_norm = IST_NORM_BATCH;
        spec.threads = 2;
        run r = subject(&spec);
        CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
        found f = find(&r, MOST, statistics);
        ist_evaluate_config config = IST_EVALUATE_CONFIG_INIT;
        config.batch = 100;
        config.statistics = statistics;
        float *all = table_room(spec.rows * spec.classes, sizeof *all);
        CHECK_EQ(ist_model_predict(r.model, r.dataset, &config, all), IST_OK);
        for (int64_t row = 0; row < spec.rows; row++) {
            const float *of_row = all + row * spec.classes;
            for (int32_t i = 0; i < MOST; i++) CHECK_NEAR(f.score[row * MOST + i], of_row[f.top[row * MOST + i]], 1e-5);
            for (int32_t c = 0; c < spec.classes; c++) CHECK(of_row[c] <= f.score[row * MOST] + 1e-5F);
            CHECK_NEAR(f.loss[row], -log((double)of_row[r.table.labels[row]]), 1e-3);
        }
        free(all);
        found_free(&f);
        run_close(&r);
    }
}

/* Sigmoids: each label is a question of its own, and all of them are in the loss. */
TEST(labels_that_are_asked_about_one_by_one)
{
    run_spec spec = spec_of(IST_ENGINE_NATIVE);
    spec.threads = 2;
    spec.loss = IST_LOSS_BINARY;
    run r = subject(&spec);
    found f = find(&r, MOST, IST_STATISTICS_STORED);
    double *logits = naive_logits(&r), *sorted = table_room(spec.classes, sizeof *sorted);
    for (int64_t row = 0; row < spec.rows; row++) {
        const double *of_row = logits + row * spec.classes;
        double loss = -of_row[r.table.labels[row]];
        for (int32_t c = 0; c < spec.classes; c++) loss += log(1 + exp(of_row[c]));
        check_row(spec.classes, of_row, sorted, f.top + row * MOST);
        for (int32_t i = 0; i < MOST; i++)
            CHECK_NEAR(f.score[row * MOST + i], 1 / (1 + exp(-of_row[f.top[row * MOST + i]])), 1e-5);
        CHECK_NEAR(f.loss[row] / loss, 1, 1e-5);
    }
    free(logits);
    free(sorted);
    found_free(&f);
    spec.threads = 5;
    spec.engine = IST_ENGINE_NATIVE_PORTABLE;
    run s = subject(&spec);
    check_same(&r, &s, MOST);
    run_close(&s);
    run_close(&r);
}
