/* Calibration, evaluation and prediction of the whole net, by every engine, against a naive forward pass in double
 * precision. */
#define _GNU_SOURCE
#include <math.h>

#include "api/fixture_run.h"
#include "api/handles.h"
#include "base/rng.h"
#include "fixture_oracle.h"
#include "train/evaluate.h"

/* ----------------------------------------------------------------------------------------------------- naive twin -- */

static double naive_activation(int32_t activation, double v)
{
    switch (activation) {
    case IST_GELU: return v / 2 * (1 + tanh(0.79788456080286536 * (v + 0.044715 * v * v * v))); /* sqrt(2 / pi) */
    case IST_TANH: return tanh(v);
    case IST_SILU: return v / (1 + exp(-v));
    default: return v < 0 ? 0 : v;
    }
}

/* A forward pass over all rows at once.  measured: out, statistics of these rows laid out as the net's, and used; NULL:
 * the net's stored ones are used.  logits: out (rows, classes). */
static void naive_forward(const ist__net *net, int64_t rows, const double *x, double *measured, double *logits)
{
    const ist__shape *shape = &net->shape;
    double *input = table_room(rows * shape->width[0], sizeof *input);
    memcpy(input, x, (size_t)(rows * shape->width[0]) * sizeof *input);
    for (int32_t l = 0; l < shape->layer_count; l++) {
        const ist__layer *layer = &shape->layer[l];
        double *output = table_room(rows * layer->outputs, sizeof *output);
        for (int32_t i = 0; i < layer->outputs; i++) {
            double mean = 0, variance = 0;
            for (int64_t r = 0; r < rows; r++) {
                double z = 0;
                for (int32_t j = 0; j < layer->inputs; j++)
                    z += (double)net->param[oracle_place(shape, l, i, j)] * input[r * layer->inputs + j];
                output[r * layer->outputs + i] = z;
                mean += z / (double)rows;
            }
            for (int64_t r = 0; r < rows; r++) variance += pow(output[r * layer->outputs + i] - mean, 2) / (double)rows;
            if (layer->statistics >= 0 && measured) {
                measured[layer->statistics + i] = mean;
                measured[layer->statistics + layer->outputs + i] = variance;
            } else if (layer->statistics >= 0) {
                mean = (double)net->statistics[layer->statistics + i];
                variance = (double)net->statistics[layer->statistics + layer->outputs + i];
            }
            const double gain = layer->gain >= 0 ? (double)net->param[layer->gain + i] : 1;
            const double offset = layer->offset >= 0 ? (double)net->param[layer->offset + i] : 0;
            const double alone = l > 0 ? 1.0 / net->subnets : 1; /* where no norm follows */
            for (int64_t r = 0; r < rows; r++) {
                double *y = &output[r * layer->outputs + i];
                *y = layer->statistics >= 0 ? gain * (*y - mean) / sqrt(variance + 1e-5) + offset : alone * *y + offset;
                if (!layer->is_output) *y = naive_activation(shape->activation, *y);
            }
        }
        free(input);
        input = output;
    }
    memcpy(logits, input, (size_t)(rows * shape->width[shape->layer_count]) * sizeof *logits);
    free(input);
}

/* Rows of the table as doubles; list NULL: all in order. */
static double *naive_rows(const table *t, const int64_t *list, int64_t count)
{
    double *x = table_room(count * t->features, sizeof *x);
    for (int64_t i = 0; i < count; i++)
        for (int32_t f = 0; f < t->features; f++)
            x[i * t->features + f] = (double)t->x[(list ? list[i] : i) * t->features + f];
    return x;
}

static void naive_softmax(int32_t classes, const double *logits, double *probabilities)
{
    double most = logits[0], sum = 0;
    for (int32_t c = 1; c < classes; c++) most = fmax(most, logits[c]);
    for (int32_t c = 0; c < classes; c++) sum += exp(logits[c] - most);
    for (int32_t c = 0; c < classes; c++) probabilities[c] = exp(logits[c] - most) / sum;
}

/* --------------------------------------------------------------------------------------------------------- subjects -- */

static run_spec spec_of(int32_t engine, int32_t depth, int32_t norms)
{
    run_spec spec = run_spec_small();
    spec.engine = engine;
    spec.rows = 300; /* three chunks of 128 columns */
    spec.hidden_count = depth;
    spec.hidden[2] = 9;
    spec.hidden_norm = norms & 1;
    spec.output_norm = norms >> 1;
    spec.made_for = depth == 0 ? 1 : 3;
    spec.train.batch = 32;
    spec.train.calibration_batches = 100; /* more than there are: all rows */
    return spec;
}

static void for_each_engine(void (*check)(int32_t engine))
{
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++) check(engine);
}

/* A run whose parameters are random in every array. */
static run subject(const run_spec *spec)
{
    run r = run_open(spec);
    block_fill(&r.model->net.shape, 0.6F, 8, r.model->net.param);
    return r;
}

static float *probabilities_of(run *r, int32_t batch, int32_t statistics)
{
    ist_evaluate_config config = IST_EVALUATE_CONFIG_INIT;
    config.batch = batch;
    config.statistics = statistics;
    float *out = table_room(r->table.rows * r->table.classes, sizeof *out);
    CHECK_EQ(ist_model_predict(r->model, r->dataset, &config, out), IST_OK);
    return out;
}

static ist_evaluation evaluation_of(run *r, int32_t batch, int32_t statistics)
{
    ist_evaluate_config config = IST_EVALUATE_CONFIG_INIT;
    config.batch = batch;
    config.statistics = statistics;
    ist_evaluation out = IST_EVALUATION_INIT;
    CHECK_EQ(ist_model_evaluate(r->model, r->dataset, &config, &out), IST_OK);
    return out;
}

/* Probabilities, loss and accuracy are those of these logits (rows, classes). */
static void check_answers(run *r, int32_t batch, int32_t statistics, const double *logits)
{
    const int32_t classes = r->table.classes;
    float *found = probabilities_of(r, batch, statistics);
    const ist_evaluation e = evaluation_of(r, batch, statistics);
    double *expected = table_room(classes, sizeof *expected), loss = 0;
    int64_t correct = 0;
    for (int64_t i = 0; i < r->table.rows; i++) {
        naive_softmax(classes, logits + i * classes, expected);
        int32_t best = 0;
        for (int32_t c = 0; c < classes; c++) {
            CHECK_NEAR(found[i * classes + c], expected[c], 2e-5);
            if (expected[c] > expected[best]) best = c;
        }
        loss -= log(expected[r->table.labels[i]]);
        correct += best == r->table.labels[i];
    }
    CHECK_EQ(e.rows, r->table.rows);
    CHECK_EQ(e.correct, correct);
    CHECK(e.accuracy == (double)correct / (double)r->table.rows);
    CHECK_NEAR(e.loss, loss / (double)r->table.rows, 2e-5 * (1 + loss / (double)r->table.rows));
    CHECK(e.seconds > 0);
    CHECK(e.flops == ist__shape_forward_flops(&r->model->net.shape, r->table.rows));
    free(expected);
    free(found);
}

/* ------------------------------------------------------------------------------------------------------ calibration -- */

static void check_statistics(const ist__net *net, const double *expected)
{
    for (int32_t l = 0; l < net->shape.layer_count; l++) {
        const ist__layer *layer = &net->shape.layer[l];
        for (int32_t i = 0; layer->statistics >= 0 && i < 2 * layer->outputs; i++) {
            const double value = expected[layer->statistics + i];
            CHECK_NEAR(net->statistics[layer->statistics + i], value, 1e-5 * (1 + fabs(value)));
        }
    }
}

static void check_calibration(int32_t engine)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 1; norms < 4; norms++) {
            run_spec spec = spec_of(engine, depth, norms);
            spec.activation = (depth + 2 * norms) % 4;
            run r = subject(&spec);
            const ist__net *net = &r.model->net;
            double *expected = table_room(net->shape.statistics_floats, sizeof *expected);
            double *logits = table_room(spec.rows * spec.classes, sizeof *logits);
            double *x = naive_rows(&r.table, NULL, spec.rows);
            naive_forward(net, spec.rows, x, expected, logits);
            CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
            check_statistics(net, expected);
            free(expected);
            free(logits);
            free(x);
            run_close(&r);
        }
}

TEST(calibration_measures_mean_and_variance_layer_by_layer)
{
    for_each_engine(check_calibration);
}

static void check_pool(int32_t engine)
{
    run_spec spec = spec_of(engine, 2, 3);
    spec.train.calibration_batches = 5;
    enum { POOLED = 5 * 32 };
    run r = subject(&spec);
    const ist__net *net = &r.model->net;
    int64_t list[POOLED], drawn = 0;
    ist__rng rng = ist__rng_make(spec.train.seed, IST__FOR_CALIBRATION, 0, 0);
    for (int64_t row = 0; row < spec.rows && drawn < POOLED; row++) /* selection sampling: Knuth's algorithm S */
        if (ist__rng_below(&rng, (uint32_t)(spec.rows - row)) < (uint32_t)(POOLED - drawn)) list[drawn++] = row;
    CHECK_EQ(drawn, POOLED);
    double *expected = table_room(net->shape.statistics_floats, sizeof *expected);
    double *logits = table_room((int64_t)POOLED * spec.classes, sizeof *logits);
    double *x = naive_rows(&r.table, list, POOLED);
    naive_forward(net, POOLED, x, expected, logits);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    check_statistics(net, expected);
    free(expected);
    free(logits);
    free(x);
    run_close(&r);
}

TEST(calibration_pools_as_many_rows_as_its_batches_hold)
{
    for_each_engine(check_pool);
}

TEST(calibration_says_what_it_will_take)
{
    run_spec spec = spec_of(IST_ENGINE_AUTO, 1, 1);
    run r = subject(&spec);
    ist__shape shape = r.model->net.shape;
    const int32_t features = shape.width[0], wide = ist__shape_widest(&shape);
    const ist__extent many = {.rows = 100000}, few = {.rows = 129};
    const int64_t floats = 2 * 128 * (int64_t)(wide > features ? wide : features);
    CHECK_EQ(ist__calibrate_bytes(&shape, &many, 257, 0, 1), 3 * floats * 4); /* chunks of 128 rows */
    CHECK_EQ(ist__calibrate_bytes(&shape, &few, 257, 0, 1), 2 * floats * 4);  /* there are no more rows */
    CHECK_EQ(ist__calibrate_bytes(&shape, &many, 257, 0, 2) + ist__calibrate_bytes(&shape, &many, 257, 1, 2),
             3 * floats * 4);
    for (int32_t l = 0; l < shape.layer_count; l++) shape.layer[l].norm = IST_NORM_NONE;
    CHECK_EQ(ist__calibrate_bytes(&shape, &many, 257, 0, 1), 0);
    run_close(&r);
}

static void check_calibrating_crews(int32_t engine)
{
    run_spec spec = spec_of(engine, 2, 3);
    spec.hidden[0] = 200;
    spec.hidden[1] = 150;
    spec.classes = 70;
    run one = subject(&spec);
    CHECK_EQ(ist_trainer_calibrate(one.trainer), IST_OK);
    const size_t bytes = (size_t)one.model->net.shape.statistics_floats * sizeof(float);
    const int32_t crews[][2] = {{1, 2}, {1, 3}, {2, 1}, {3, 2}, {5, 1}};
    for (size_t i = 0; i < sizeof crews / sizeof *crews; i++) {
        spec.teams = crews[i][0];
        spec.threads = crews[i][1];
        run r = subject(&spec);
        CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
        CHECK_MEM(r.model->net.statistics, one.model->net.statistics, bytes);
        run_close(&r);
    }
    run_close(&one);
}

TEST(calibration_gives_the_same_bits_on_any_teams_and_threads)
{
    for_each_engine(check_calibrating_crews);
}

TEST(a_net_without_batch_norm_needs_no_calibration)
{
    const run_spec spec = spec_of(IST_ENGINE_AUTO, 2, 0);
    run r = subject(&spec);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    evaluation_of(&r, 0, IST_STATISTICS_STORED);
    run_close(&r);
}

static void check_uncalibrated(run *r)
{
    ist_evaluation out = IST_EVALUATION_INIT;
    memset(&out, 0x5a, sizeof out);
    const ist_evaluation before = out;
    CHECK_EQ(ist_model_evaluate(r->model, r->dataset, NULL, &out), IST_E_ARGUMENT);
    check_one_line(r->context);
    CHECK_MEM(&out, &before, sizeof out);
    evaluation_of(r, 0, IST_STATISTICS_BATCH); /* needs none */
    CHECK_EQ(ist_trainer_calibrate(r->trainer), IST_OK);
    evaluation_of(r, 0, IST_STATISTICS_STORED);
}

TEST(statistics_of_other_parameters_are_not_used)
{
    const run_spec spec = spec_of(IST_ENGINE_AUTO, 2, 1);
    run r = run_open(&spec);
    check_uncalibrated(&r);
    run_go(&r, 1);
    check_uncalibrated(&r);
    const float shift = 1, factor = 2;
    CHECK_EQ(ist_model_set_normalization(r.model, 1, &shift, &factor), IST_OK);
    check_uncalibrated(&r);
    CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    check_uncalibrated(&r);
    run_close(&r);
}

TEST(a_run_that_has_nothing_left_to_train_keeps_the_statistics)
{
    run_spec spec = spec_of(IST_ENGINE_AUTO, 2, 1);
    spec.train.rounds = 1;
    run r = run_open(&spec);
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    run_go(&r, 0);
    evaluation_of(&r, 0, IST_STATISTICS_STORED);
    run_close(&r);
}

/* ------------------------------------------------------------------------------------------------------- evaluation -- */

static void check_stored_statistics(int32_t engine)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++) {
            run_spec spec = spec_of(engine, depth, norms);
            spec.threads = 2;
            spec.activation = (depth + norms) % 4;
            run r = subject(&spec);
            CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
            double *logits = table_room(spec.rows * spec.classes, sizeof *logits);
            double *x = naive_rows(&r.table, NULL, spec.rows);
            naive_forward(&r.model->net, spec.rows, x, NULL, logits);
            check_answers(&r, 0, IST_STATISTICS_STORED, logits);
            free(logits);
            free(x);
            run_close(&r);
        }
}

TEST(stored_statistics_give_the_answers_of_the_naive_net)
{
    for_each_engine(check_stored_statistics);
}

/* Logits of ist__reference_step, whose layers above the first have weights / subnets where no norm follows. */
static void reference_logits(run *r, int32_t batch, double *logits)
{
    const ist__net *net = &r->model->net;
    oracle o;
    oracle_make(&o, &net->shape);
    oracle_load(&o, &net->shape, net->param);
    for (int32_t l = 1; l < net->shape.layer_count; l++) {
        const ist__layer *layer = &net->shape.layer[l];
        if (layer->norm == IST_NORM_BATCH) continue;
        for (int64_t i = 0; i < (int64_t)layer->inputs * layer->outputs; i++) o.weight[l][i] /= net->subnets;
    }
    double *x = naive_rows(&r->table, NULL, r->table.rows);
    for (int64_t first = 0; first < r->table.rows; first += batch) {
        const int32_t count = r->table.rows - first < batch ? (int32_t)(r->table.rows - first) : batch;
        double loss;
        CHECK_EQ(ist__reference_step(&o.net, count, x + first * r->table.features, r->table.labels + first, &loss,
                                     logits + first * r->table.classes, NULL),
                 IST_OK);
    }
    free(x);
    oracle_free(&o);
}

static void check_batch_statistics(int32_t engine)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++) {
            run_spec spec = spec_of(engine, depth, norms);
            spec.activation = (3 * depth + norms) % 4;
            run r = subject(&spec);
            double *logits = table_room(spec.rows * spec.classes, sizeof *logits);
            const int32_t batches[] = {37, 128, 300, 1000}; /* 37: the last has 4 rows */
            for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
                reference_logits(&r, batches[i], logits);
                check_answers(&r, batches[i], IST_STATISTICS_BATCH, logits);
            }
            free(logits);
            run_close(&r);
        }
}

TEST(batch_statistics_give_the_answers_of_the_reference_step)
{
    for_each_engine(check_batch_statistics);
}

static void check_scale(int32_t engine)
{
    for (int32_t subnets = 1; subnets <= 5; subnets++) {
        run_spec spec = spec_of(engine, 3, 0);
        spec.made_for = subnets;
        run r = subject(&spec);
        double *logits = table_room(spec.rows * spec.classes, sizeof *logits);
        reference_logits(&r, 300, logits);
        check_answers(&r, 0, IST_STATISTICS_STORED, logits);
        free(logits);
        run_close(&r);
    }
}

TEST(a_whole_net_without_norm_has_its_products_scaled_by_the_subnets)
{
    for_each_engine(check_scale);
}

static void check_batch_sizes(const run_spec *spec)
{
    run r = subject(spec);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    float *expected = probabilities_of(&r, 0, IST_STATISTICS_STORED);
    const ist_evaluation e = evaluation_of(&r, 0, IST_STATISTICS_STORED);
    const int32_t batches[] = {1, 3, 127, 128, 129, 1000};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        float *found = probabilities_of(&r, batches[i], IST_STATISTICS_STORED);
        CHECK_MEM(found, expected, (size_t)(spec->rows * spec->classes) * sizeof(float));
        const ist_evaluation f = evaluation_of(&r, batches[i], IST_STATISTICS_STORED);
        CHECK(f.loss == e.loss && f.correct == e.correct);
        free(found);
    }
    free(expected);
    run_close(&r);
}

static void check_all_batch_sizes(int32_t engine)
{
    for (int32_t norms = 0; norms < 4; norms++) {
        run_spec spec = spec_of(engine, 2, norms);
        check_batch_sizes(&spec);
        if (engine == IST_ENGINE_REFERENCE) continue; /* slow */
        spec.hidden[0] = 137;                         /* products with edges of every kind */
        spec.hidden[1] = 90;
        spec.classes = 71;
        spec.features = 33;
        check_batch_sizes(&spec);
    }
}

TEST(no_answer_depends_on_the_size_of_the_batch)
{
    for_each_engine(check_all_batch_sizes);
}

/* Each row asked for alone, against its answer among all. */
static void check_alone(int32_t engine, double tolerance)
{
    run_spec spec = spec_of(engine, 2, 1);
    spec.hidden[0] = 70;
    run r = subject(&spec);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    float *expected = probabilities_of(&r, 0, IST_STATISTICS_STORED), found[8];
    for (int64_t row = 0; row < spec.rows; row += 23) {
        ist_dataset *one = NULL;
        CHECK_EQ(ist_dataset_wrap(r.context, &one, r.table.x + row * spec.features, IST_FLOAT32, 1, spec.features,
                                  spec.features * (int64_t)sizeof(float), NULL, 0),
                 IST_OK);
        CHECK_EQ(ist_model_predict(r.model, one, NULL, found), IST_OK);
        const float *among = expected + row * spec.classes;
        for (int32_t c = 0; c < spec.classes; c++) CHECK_NEAR(found[c], among[c], tolerance);
        if (tolerance == 0) CHECK_MEM(found, among, (size_t)spec.classes * sizeof *found);
        ist_dataset_destroy(one);
    }
    free(expected);
    run_close(&r);
}

TEST(a_row_has_the_same_answer_alone_as_among_others)
{
    check_alone(IST_ENGINE_NATIVE, 0);
    check_alone(IST_ENGINE_NATIVE_PORTABLE, 0);
    check_alone(IST_ENGINE_REFERENCE, 0);
    check_alone(IST_ENGINE_OPENBLAS, 1e-6); /* some of its kernels round by the place of a column */
}

static void check_answering_crews(int32_t engine)
{
    run_spec spec = spec_of(engine, 2, 1);
    spec.hidden[0] = 200;
    spec.classes = 70;
    const int32_t crews[][2] = {{1, 1}, {1, 3}, {2, 2}, {5, 1}};
    for (int32_t statistics = IST_STATISTICS_STORED; statistics <= IST_STATISTICS_BATCH; statistics++) {
        float *expected = NULL;
        for (size_t i = 0; i < sizeof crews / sizeof *crews; i++) {
            spec.teams = crews[i][0];
            spec.threads = crews[i][1];
            run r = subject(&spec);
            CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
            float *found = probabilities_of(&r, 50, statistics);
            if (expected) CHECK_MEM(found, expected, (size_t)(spec.rows * spec.classes) * sizeof(float));
            if (expected) free(found);
            else expected = found;
            run_close(&r);
        }
        free(expected);
    }
}

TEST(answers_are_the_same_on_any_teams_and_threads)
{
    for_each_engine(check_answering_crews);
}

static void check_equal_logits(int32_t engine)
{
    const run_spec spec = spec_of(engine, 1, 0);
    run r = subject(&spec);
    memset(r.model->net.param, 0, (size_t)r.model->net.shape.floats * sizeof(float));
    int64_t zeros = 0;
    for (int64_t i = 0; i < spec.rows; i++) zeros += r.table.labels[i] == 0;
    const ist_evaluation e = evaluation_of(&r, 0, IST_STATISTICS_STORED);
    CHECK_EQ(e.correct, zeros);
    CHECK_NEAR(e.loss, log(spec.classes), 1e-6);
    run_close(&r);
}

TEST(of_equal_logits_the_first_counts)
{
    for_each_engine(check_equal_logits);
}

static void check_bytes(int32_t engine)
{
    const run_spec spec = spec_of(engine, 2, 0);
    run r = subject(&spec);
    const int64_t count = spec.rows * spec.features;
    unsigned char *raw = table_room(count, 1);
    for (int64_t i = 0; i < count; i++) r.table.x[i] = raw[i] = (unsigned char)(i * 37 % 251);
    CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_GLOBAL), IST_OK);
    float *expected = probabilities_of(&r, 0, IST_STATISTICS_STORED);
    float *found = table_room(spec.rows * spec.classes, sizeof *found);
    ist_dataset *bytes = NULL;
    CHECK_EQ(ist_dataset_wrap(r.context, &bytes, raw, IST_UINT8, spec.rows, spec.features, spec.features, NULL, 0),
             IST_OK);
    CHECK_EQ(ist_model_predict(r.model, bytes, NULL, found), IST_OK);
    CHECK_MEM(found, expected, (size_t)(spec.rows * spec.classes) * sizeof(float));
    ist_dataset_destroy(bytes);
    free(raw);
    free(expected);
    free(found);
    run_close(&r);
}

TEST(bytes_with_a_normalization_are_as_floats_with_it)
{
    for_each_engine(check_bytes);
}
