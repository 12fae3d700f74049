/* Predictors: the answers of ist_model_predict, to the bit, however they are asked for. */
#define _GNU_SOURCE
#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stdbool.h>

#include "fixture_run.h"

/* A trained net, and the probabilities that ist_model_predict gives for all of its rows. */
typedef struct asked {
    run r;
    int64_t rows;
    int32_t features, classes;
    float *want;
} asked;

static asked open_asked(const run_spec *spec, int32_t rounds)
{
    asked a = {.r = run_open(spec), .rows = spec->rows, .features = spec->features, .classes = spec->classes};
    CHECK_EQ(ist_model_measure_normalization(a.r.model, a.r.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    run_go(&a.r, rounds);
    CHECK_EQ(ist_trainer_calibrate(a.r.trainer), IST_OK);
    a.want = table_room(a.rows * a.classes, sizeof *a.want);
    CHECK_EQ(ist_model_predict(a.r.model, a.r.dataset, NULL, a.want), IST_OK);
    return a;
}

static void close_asked(asked *a)
{
    free(a->want);
    run_close(&a->r);
}

static ist_predictor *make(ist_model *model, int32_t answer, int32_t rows_at_once)
{
    ist_predictor_config config = IST_PREDICTOR_CONFIG_INIT;
    config.answer = answer;
    config.rows_at_once = rows_at_once;
    ist_predictor *p = NULL;
    CHECK_EQ(ist_predictor_create(model, &p, &config), IST_OK);
    return p;
}

/* Numbers that are not those wanted, of `rows` rows from row `first` on. */
static int64_t wrong_answers(const asked *a, ist_predictor *p, int64_t first, int64_t rows, bool teams)
{
    const int64_t stride = a->features * (int64_t)sizeof(float), count = rows * a->classes;
    const float *x = a->r.table.x + first * a->features;
    float *out = table_room(count + 1, sizeof *out);
    out[count] = 77; /* what is beyond must stay */
    if (teams) CHECK_EQ(ist_predictor_run_teams(p, x, IST_FLOAT32, rows, stride, out), IST_OK);
    else CHECK_EQ(ist_predictor_run(p, x, IST_FLOAT32, rows, stride, out), IST_OK);
    int64_t wrong = out[count] != 77;
    const float *want = a->want + first * a->classes;
    for (int64_t i = 0; i < count; i++) wrong += memcmp(&out[i], &want[i], sizeof *out) != 0;
    free(out);
    return wrong;
}

TEST(answers_are_those_of_the_model_for_any_number_of_rows)
{
    for (int32_t norms = 0; norms < 4; norms++)
        for (int32_t hidden = 0; hidden <= 2; hidden++) {
            run_spec spec = run_spec_wide();
            spec.hidden_count = hidden;
            spec.hidden_norm = norms & 1;
            spec.output_norm = norms >> 1;
            spec.output_scale = 1.5;
            spec.made_for = spec.train.subnets = hidden > 0 ? 3 : 1;
            spec.activation = (norms + hidden) % 4;
            spec.teams = 2;
            asked a = open_asked(&spec, 2);
            for (int32_t at_once = 1; at_once <= 128; at_once *= 2) {
                ist_predictor *p = make(a.r.model, IST_ANSWER_PROBABILITIES, at_once);
                for (int64_t rows = 1; rows <= 17; rows++)
                    for (int teams = 0; teams < (rows < 6 ? 2 : 1); teams++)
                        CHECK_EQ(wrong_answers(&a, p, rows, rows, teams), 0);
                CHECK_EQ(wrong_answers(&a, p, 0, a.rows, false), 0);
                CHECK_EQ(wrong_answers(&a, p, 0, a.rows, true), 0);
                ist_predictor_destroy(p);
                if (at_once == 8) at_once = 64; /* 128 follows */
            }
            close_asked(&a);
        }
}

/* Threads more than there are panels, teams and all. */
TEST(answers_do_not_depend_on_teams_or_threads)
{
    run_spec spec = run_spec_small();
    static const int32_t teams[] = {1, 2, 3}, threads[] = {1, 3, 2};
    for (size_t i = 0; i < 3; i++) {
        spec.teams = teams[i];
        spec.threads = threads[i];
        asked a = open_asked(&spec, 3);
        ist_predictor *p = make(a.r.model, IST_ANSWER_PROBABILITIES, 32);
        for (int64_t rows = 1; rows <= a.rows; rows += 6)
            for (int all = 0; all < 2; all++) CHECK_EQ(wrong_answers(&a, p, 0, rows, all), 0);
        ist_predictor_destroy(p);
        close_asked(&a);
    }
}

TEST(bytes_with_gaps_between_rows_are_seen_as_the_dataset_sees_them)
{
    enum { ROWS = 40, FEATURES = 19, STRIDE = 23, CLASSES = 4 };
    run_spec spec = run_spec_small();
    spec.features = FEATURES;
    asked a = open_asked(&spec, 1);
    uint8_t x[ROWS * STRIDE];
    for (int32_t i = 0; i < ROWS * STRIDE; i++) x[i] = (uint8_t)(i * 37 + i / 7);
    ist_dataset *bytes = NULL;
    CHECK_EQ(ist_dataset_wrap(a.r.context, &bytes, x, IST_UINT8, ROWS, FEATURES, STRIDE, NULL, 0), IST_OK);
    float want[ROWS * CLASSES], got[ROWS * CLASSES];
    CHECK_EQ(ist_model_predict(a.r.model, bytes, NULL, want), IST_OK);
    ist_predictor *p = make(a.r.model, IST_ANSWER_PROBABILITIES, 16);
    CHECK_EQ(ist_predictor_run(p, x, IST_UINT8, ROWS, STRIDE, got), IST_OK);
    CHECK_EQ(memcmp(got, want, sizeof got), 0);
    for (int32_t i = 0; i < ROWS; i++)
        CHECK_EQ(ist_predictor_run(p, x + i * STRIDE, IST_UINT8, 1, STRIDE, got + i * CLASSES), 0);
    CHECK_EQ(memcmp(got, want, sizeof got), 0);
    ist_predictor_destroy(p);
    ist_dataset_destroy(bytes);
    close_asked(&a);
}

TEST(logits_are_what_softmax_makes_probabilities_of)
{
    run_spec spec = run_spec_small();
    spec.output_scale = 0.5;
    asked a = open_asked(&spec, 2);
    for (int32_t rows = 1; rows <= 9; rows += 8) {
        float logits[9 * 4];
        ist_predictor *p = make(a.r.model, IST_ANSWER_LOGITS, 128);
        const int64_t stride = a.features * (int64_t)sizeof(float);
        CHECK_EQ(ist_predictor_run(p, a.r.table.x, IST_FLOAT32, rows, stride, logits), IST_OK);
        for (int32_t i = 0; i < rows; i++) {
            double sum = 0;
            for (int32_t k = 0; k < 4; k++) sum += exp((double)logits[i * 4 + k]);
            for (int32_t k = 0; k < 4; k++)
                CHECK_NEAR(exp((double)logits[i * 4 + k]) / sum, (double)a.want[i * 4 + k], 1e-6);
        }
        ist_predictor_destroy(p);
    }
    close_asked(&a);
}

TEST(a_regression_answers_in_the_targets_own_units)
{
    enum { ROWS = 50, FEATURES = 5, TARGETS = 3 };
    double x[ROWS][FEATURES], y[ROWS][TARGETS];
    uint64_t noise = 3;
    for (int32_t i = 0; i < ROWS * FEATURES; i++) x[i / FEATURES][i % FEATURES] = (double)table_noise(&noise);
    for (int32_t i = 0; i < ROWS * TARGETS; i++) y[i / TARGETS][i % TARGETS] = 100 + 5 * x[i / TARGETS][i % TARGETS];
    ist_context *context = run_context(2, 1, IST_ENGINE_AUTO);
    ist_dataset_arrays arrays = IST_DATASET_ARRAYS_INIT;
    arrays.rows = ROWS;
    arrays.x = x;
    arrays.x_type = arrays.y_type = IST_FLOAT64;
    arrays.features = FEATURES;
    arrays.y = y;
    arrays.targets = TARGETS;
    ist_dataset *data = NULL;
    CHECK_EQ(ist_dataset_from_arrays(context, &data, &arrays), IST_OK);
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = FEATURES;
    net.classes = TARGETS;
    net.hidden = (const int32_t[]){20};
    net.hidden_count = 1;
    net.hidden_norm = net.output_norm = IST_NORM_NONE;
    net.loss = IST_LOSS_MSE;
    ist_model *model = NULL;
    CHECK_EQ(ist_model_create(context, &model, &net), IST_OK);
    CHECK_EQ(ist_model_measure_target_normalization(model, data), IST_OK);
    float want[ROWS][TARGETS], got[ROWS][TARGETS];
    CHECK_EQ(ist_model_predict(model, data, NULL, want[0]), IST_OK);
    ist_predictor *p = make(model, IST_ANSWER_PROBABILITIES, 32);
    CHECK_EQ(ist_predictor_run(p, x, IST_FLOAT64, ROWS, sizeof x[0], got[0]), IST_OK);
    CHECK_EQ(memcmp(got, want, sizeof got), 0);
    for (int32_t i = 0; i < ROWS; i++)
        CHECK_EQ(ist_predictor_run_teams(p, x[i], IST_FLOAT64, 1, sizeof x[0], got[i]), IST_OK);
    CHECK_EQ(memcmp(got, want, sizeof got), 0);
    CHECK(want[0][0] > 50);
    ist_predictor_destroy(p);
    ist_model_destroy(model);
    ist_dataset_destroy(data);
    ist_context_destroy(context);
}

TEST(a_predictor_is_a_copy_that_goes_on_as_it_was)
{
    run_spec spec = run_spec_small();
    asked a = open_asked(&spec, 2);
    ist_predictor *p = make(a.r.model, IST_ANSWER_PROBABILITIES, 128);
    run_go(&a.r, 3); /* the model is another one now */
    CHECK_EQ(wrong_answers(&a, p, 0, a.rows, false), 0);
    ist_trainer_destroy(a.r.trainer);
    ist_model_destroy(a.r.model);
    a.r.trainer = NULL;
    a.r.model = NULL;
    CHECK_EQ(wrong_answers(&a, p, 0, a.rows, true), 0);
    ist_predictor_destroy(p);
    close_asked(&a);
}

typedef struct thread_of_host {
    pthread_t id;
    const asked *a;
    ist_predictor *p;
    int64_t wrong;
} thread_of_host;

static void *ask_often(void *argument)
{
    thread_of_host *t = argument;
    for (int64_t i = 0; i < 60; i++) t->wrong += wrong_answers(t->a, t->p, i % 20, 1 + i % 30, false);
    return NULL;
}

TEST(threads_of_the_host_ask_at_the_same_time)
{
    enum { THREADS = 4 };
    const run_spec spec = run_spec_small();
    asked a = open_asked(&spec, 2);
    ist_predictor *p = make(a.r.model, IST_ANSWER_PROBABILITIES, 16);
    thread_of_host threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (thread_of_host){.a = &a, .p = p};
        CHECK_EQ(pthread_create(&threads[i].id, NULL, ask_often, &threads[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(threads[i].id, NULL), 0);
        CHECK_EQ(threads[i].wrong, 0);
    }
    ist_predictor_destroy(p);
    close_asked(&a);
}

TEST(rows_are_asked_about_inside_a_parallel_region)
{
    const run_spec spec = run_spec_small();
    asked a = open_asked(&spec, 2);
    ist_predictor *p = make(a.r.model, IST_ANSWER_PROBABILITIES, 16);
    int64_t wrong = 0;
#pragma omp parallel for num_threads(3) reduction(+ : wrong)
    for (int64_t i = 0; i < a.rows; i++) wrong += wrong_answers(&a, p, i, 1, false);
    CHECK_EQ(wrong, 0);
    ist_predictor_destroy(p);
    close_asked(&a);
}

static ist_status ask(int teams, ist_predictor *p, const void *x, int32_t type, int64_t rows, int64_t stride,
                      float *out)
{
    return teams ? ist_predictor_run_teams(p, x, type, rows, stride, out)
                 : ist_predictor_run(p, x, type, rows, stride, out);
}

TEST(bad_arguments_are_refused_and_change_nothing)
{
    const run_spec spec = run_spec_small();
    asked a = open_asked(&spec, 1);
    ist_predictor *p = (void *)&p, *const before = p;
    ist_predictor_config config = IST_PREDICTOR_CONFIG_INIT;
    CHECK_EQ(ist_predictor_create(NULL, &p, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_predictor_create(a.r.model, NULL, NULL), IST_E_ARGUMENT);
    static const int32_t bad[][2] = {{-1, 128}, {2, 128}, {0, 0}, {0, -5}, {0, 65537}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        config.answer = bad[i][0];
        config.rows_at_once = bad[i][1];
        CHECK_EQ(ist_predictor_create(a.r.model, &p, &config), IST_E_ARGUMENT);
        check_one_line(a.r.context);
    }
    CHECK(p == before);
    run_go(&a.r, 1); /* and has no statistics any more */
    CHECK_EQ(ist_predictor_create(a.r.model, &p, NULL), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(a.r.context), "calibrate") != NULL);
    CHECK_EQ(ist_trainer_calibrate(a.r.trainer), IST_OK);
    p = make(a.r.model, IST_ANSWER_PROBABILITIES, 128);
    float out[4] = {7, 7, 7, 7};
    const float *x = a.r.table.x;
    CHECK_EQ(ist_predictor_run(NULL, x, IST_FLOAT32, 1, 24, out), IST_E_ARGUMENT);
    for (int teams = 0; teams < 2; teams++) {
        CHECK_EQ(ask(teams, p, NULL, IST_FLOAT32, 1, 24, out), IST_E_ARGUMENT);
        CHECK_EQ(ask(teams, p, x, IST_FLOAT32, 1, 24, NULL), IST_E_ARGUMENT);
        CHECK_EQ(ask(teams, p, x, IST_INT32, 1, 24, out), IST_E_ARGUMENT);
        CHECK_EQ(ask(teams, p, x, 99, 1, 24, out), IST_E_ARGUMENT);
        CHECK_EQ(ask(teams, p, x, IST_FLOAT32, 0, 24, out), IST_E_ARGUMENT);
        CHECK_EQ(ask(teams, p, x, IST_FLOAT32, 1, 23, out), IST_E_ARGUMENT);
        CHECK_EQ(ask(teams, p, x, IST_FLOAT32, 1, 26, out), IST_E_ARGUMENT);
    }
    check_one_line(a.r.context);
    CHECK_EQ(out[0] + out[1] + out[2] + out[3], 28);
    ist_predictor_destroy(p);
    ist_predictor_destroy(NULL);
    close_asked(&a);
}
