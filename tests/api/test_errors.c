/* Every function refuses what its declaration does not allow: the status that is documented, out-parameters untouched,
 * one line that tells why. */
#define _GNU_SOURCE
#include <math.h>

#include "fixture_run.h"

/* A handle's place that no failing call may touch. */
#define UNTOUCHED ((void *)(uintptr_t)0x5a5a)

static run_spec small(void)
{
    run_spec spec = run_spec_small();
    spec.made_for = 2;
    return spec;
}

/* The call failed so, and the context tells of it; the line before was another one's. */
static void check_told(run *r, ist_status found, ist_status expected)
{
    CHECK_EQ(found, expected);
    check_one_line(r->context);
}

/* ---------------------------------------------------------------------------------------------------------- statuses -- */

TEST(every_status_has_a_sentence_of_its_own)
{
    for (ist_status a = IST_E_BLAS; a <= IST_OK; a++) {
        CHECK(*ist_strerror(a) != '\0');
        CHECK(strchr(ist_strerror(a), '\n') == NULL);
        for (ist_status b = IST_E_BLAS; b < a; b++) CHECK(strcmp(ist_strerror(a), ist_strerror(b)) != 0);
    }
    CHECK(ist_strerror(1) != NULL && ist_strerror(-1000) != NULL && ist_strerror(INT32_MIN) != NULL);
}

TEST(the_version_of_the_header_is_that_of_the_library)
{
    CHECK_EQ(ist_version(), IST_VERSION_NUMBER);
}

/* ------------------------------------------------------------------------------------------------------------- NULLs -- */

TEST(destroying_nothing_is_fine)
{
    ist_context_destroy(NULL);
    ist_dataset_destroy(NULL);
    ist_model_destroy(NULL);
    ist_trainer_destroy(NULL);
    ist_trainer_stop(NULL);
}

TEST(questions_about_nothing_have_empty_answers)
{
    CHECK_STR(ist_context_error(NULL), "");
    CHECK_EQ(ist_dataset_rows(NULL), 0);
    CHECK_EQ(ist_dataset_features(NULL), 0);
    CHECK_EQ(ist_dataset_classes(NULL), 0);
    CHECK_EQ(ist_model_parameter_count(NULL), 0);
}

TEST(null_handles_are_refused)
{
    const run_spec spec = small();
    const ist_model_config model = run_model_config(&spec);
    ist_model_config described = IST_MODEL_CONFIG_INIT;
    ist_evaluation evaluation = IST_EVALUATION_INIT;
    ist_progress progress = {.struct_size = sizeof progress};
    ist_dataset *dataset = UNTOUCHED;
    ist_model *made = UNTOUCHED;
    ist_trainer *trainer = UNTOUCHED;
    float number = 1, out[4];
    size_t need = 99;
    CHECK_EQ(ist_context_create(NULL, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_context_report(NULL, NULL, 0, &need), IST_E_ARGUMENT);
    CHECK_EQ(ist_dataset_open(NULL, &dataset, "x", NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_dataset_wrap(NULL, &dataset, &number, IST_FLOAT32, 1, 1, 4, NULL, 0), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_create(NULL, &made, &model), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_describe(NULL, &described), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_set_normalization(NULL, 1, &number, &number), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_measure_normalization(NULL, NULL, IST_NORMALIZE_NONE), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_save(NULL, "x"), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_load(NULL, &made, "x"), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_evaluate(NULL, NULL, NULL, &evaluation), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_predict(NULL, NULL, NULL, out), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_create(NULL, &trainer, NULL, NULL, &spec.train), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_progress(NULL, &progress), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_run(NULL, 1, NULL, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_calibrate(NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_save(NULL, "x"), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_resume(NULL, "x"), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_report(NULL, NULL, 0, &need), IST_E_ARGUMENT);
    CHECK_EQ(ist_plan_report(NULL, &model, &spec.train, 1, IST_FLOAT32, NULL, 0, &need), IST_E_ARGUMENT);
    CHECK(dataset == UNTOUCHED && made == UNTOUCHED && trainer == UNTOUCHED && need == 99);
}

TEST(other_null_arguments_are_refused_with_a_line)
{
    const run_spec spec = small();
    run r = run_open(&spec);
    const ist_model_config model = run_model_config(&spec);
    ist_dataset *dataset = UNTOUCHED;
    ist_model *made = UNTOUCHED;
    ist_trainer *trainer = UNTOUCHED;
    float number = 1;
    size_t need = 99;
    CHECK_STR(ist_context_error(r.context), "");
    check_told(&r, ist_context_report(r.context, NULL, 10, &need), IST_E_ARGUMENT);
    check_told(&r, ist_dataset_open(r.context, NULL, "x", NULL), IST_E_ARGUMENT);
    check_told(&r, ist_dataset_open(r.context, &dataset, NULL, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_dataset_wrap(r.context, NULL, &number, IST_FLOAT32, 1, 1, 4, NULL, 0), IST_E_ARGUMENT);
    check_told(&r, ist_dataset_wrap(r.context, &dataset, NULL, IST_FLOAT32, 1, 1, 4, NULL, 0), IST_E_ARGUMENT);
    check_told(&r, ist_model_create(r.context, NULL, &model), IST_E_ARGUMENT);
    check_told(&r, ist_model_create(r.context, &made, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_model_set_normalization(r.model, 1, NULL, &number), IST_E_ARGUMENT);
    check_told(&r, ist_model_set_normalization(r.model, 1, &number, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_model_measure_normalization(r.model, NULL, IST_NORMALIZE_NONE), IST_E_ARGUMENT);
    check_told(&r, ist_model_save(r.model, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_model_load(r.context, &made, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_model_load(r.context, NULL, "x"), IST_E_ARGUMENT);
    check_told(&r, ist_model_evaluate(r.model, NULL, NULL, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_model_evaluate(r.model, r.dataset, NULL, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_model_predict(r.model, NULL, NULL, &number), IST_E_ARGUMENT);
    check_told(&r, ist_model_predict(r.model, r.dataset, NULL, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_trainer_create(r.context, NULL, r.model, r.dataset, &spec.train), IST_E_ARGUMENT);
    check_told(&r, ist_trainer_create(r.context, &trainer, NULL, r.dataset, &spec.train), IST_E_ARGUMENT);
    check_told(&r, ist_trainer_create(r.context, &trainer, r.model, NULL, &spec.train), IST_E_ARGUMENT);
    check_told(&r, ist_trainer_create(r.context, &trainer, r.model, r.dataset, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_trainer_progress(r.trainer, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_trainer_run(r.trainer, -1, NULL, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_trainer_save(r.trainer, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_trainer_resume(r.trainer, NULL), IST_E_ARGUMENT);
    check_told(&r, ist_trainer_report(r.trainer, NULL, 10, &need), IST_E_ARGUMENT);
    check_told(&r, ist_plan_report(r.context, NULL, &spec.train, 1, IST_FLOAT32, NULL, 0, &need), IST_E_ARGUMENT);
    check_told(&r, ist_plan_report(r.context, &model, NULL, 1, IST_FLOAT32, NULL, 0, &need), IST_E_ARGUMENT);
    check_told(&r, ist_plan_report(r.context, &model, &spec.train, 1, IST_FLOAT32, NULL, 1 << 20, &need),
               IST_E_ARGUMENT);
    CHECK(dataset == UNTOUCHED && made == UNTOUCHED && trainer == UNTOUCHED && need == 99);
    CHECK_EQ(ist_model_describe(r.model, NULL), IST_E_ARGUMENT);
    run_close(&r);
}

/* ------------------------------------------------------------------------------------------------------- struct_size -- */

TEST(structs_that_are_too_small_are_refused)
{
    const run_spec spec = small();
    run r = run_open(&spec);
    const size_t sizes[] = {0, 8};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ist_context_config context = IST_CONTEXT_CONFIG_INIT;
        ist_model_config model = run_model_config(&spec);
        ist_train_config train = spec.train;
        ist_evaluate_config evaluate = IST_EVALUATE_CONFIG_INIT;
        ist_progress progress;
        ist_evaluation evaluation = IST_EVALUATION_INIT;
        ist_context *other = UNTOUCHED;
        ist_model *made = UNTOUCHED;
        ist_trainer *trainer = UNTOUCHED;
        float out = 0;
        context.struct_size = model.struct_size = train.struct_size = evaluate.struct_size = progress.struct_size =
            sizes[i];
        CHECK_EQ(ist_context_create(&other, &context), IST_E_ARGUMENT);
        check_told(&r, ist_model_create(r.context, &made, &model), IST_E_ARGUMENT);
        CHECK_EQ(ist_model_describe(r.model, &model), IST_E_ARGUMENT);
        check_told(&r, ist_trainer_create(r.context, &trainer, r.model, r.dataset, &train), IST_E_ARGUMENT);
        check_told(&r, ist_trainer_progress(r.trainer, &progress), IST_E_ARGUMENT);
        check_told(&r, ist_model_evaluate(r.model, r.dataset, &evaluate, &evaluation), IST_E_ARGUMENT);
        check_told(&r, ist_model_predict(r.model, r.dataset, &evaluate, &out), IST_E_ARGUMENT);
        CHECK(other == UNTOUCHED && made == UNTOUCHED && trainer == UNTOUCHED);
        CHECK_EQ(progress.struct_size, sizes[i]);
    }
    run_close(&r);
}

TEST(structs_of_a_later_version_are_accepted)
{
    run_spec spec = small();
    struct later {
        ist_train_config config;
        int64_t more;
    } later = {.config = spec.train, .more = 7};
    struct later_progress {
        ist_progress progress;
        int64_t more;
    } progress = {.more = 7};
    run r = run_open(&spec);
    ist_trainer *trainer = NULL;
    later.config.struct_size = sizeof later;
    CHECK_EQ(ist_trainer_create(r.context, &trainer, r.model, r.dataset, &later.config), IST_OK);
    progress.progress.struct_size = sizeof progress;
    CHECK_EQ(ist_trainer_progress(trainer, &progress.progress), IST_OK);
    CHECK_EQ(progress.progress.struct_size, sizeof progress);
    CHECK_EQ(progress.more, 7);
    ist_trainer_destroy(trainer);
    run_close(&r);
}

/* ------------------------------------------------------------------------------------------------------ out of range -- */

static void check_context(ist_context_config config)
{
    ist_context *context = UNTOUCHED;
    CHECK_EQ(ist_context_create(&context, &config), IST_E_ARGUMENT);
    CHECK(context == UNTOUCHED);
}

static void count_line(void *user, int32_t level, const char *line)
{
    CHECK_EQ(level, IST_LOG_ERROR);
    CHECK(*line != '\0' && strchr(line, '\n') == NULL);
    ++*(int *)user;
}

TEST(contexts_out_of_range_are_refused_and_the_line_goes_to_the_log)
{
    int lines = 0;
    ist_context_config base = IST_CONTEXT_CONFIG_INIT;
    base.log = count_line;
    base.log_user = &lines;
#define FIELD(field, value)           \
  do {                                \
    ist_context_config config = base; \
    config.field = (value);           \
    const int before = lines;         \
    check_context(config);            \
    CHECK_EQ(lines, before + 1);      \
  } while (0)
    FIELD(teams, -1);
    FIELD(teams, 4097);
    FIELD(threads_per_team, -1);
    FIELD(threads_per_team, 4097);
    FIELD(team_at, -1);
    FIELD(team_at, 5);
    FIELD(placement, -1);
    FIELD(placement, 3);
    FIELD(engine, -1);
    FIELD(engine, 7);
    FIELD(reserved0, 1);
    FIELD(topology, "no such thing: 7");
    FIELD(topology, "");
#undef FIELD
}

TEST(models_out_of_range_are_refused)
{
    const run_spec spec = small();
    run r = run_open(&spec);
    const int32_t zero[2] = {0, 3}, huge[2] = {3, (1 << 24) + 1};
#define FIELD(field, value)                                                       \
  do {                                                                            \
    ist_model_config config = run_model_config(&spec);                            \
    ist_model *model = UNTOUCHED;                                                 \
    config.field = (value);                                                       \
    check_told(&r, ist_model_create(r.context, &model, &config), IST_E_ARGUMENT); \
    CHECK(model == UNTOUCHED);                                                    \
  } while (0)
    FIELD(features, 0);
    FIELD(features, (1 << 24) + 1);
    FIELD(classes, 1);
    FIELD(classes, (1 << 24) + 1);
    FIELD(hidden_count, -1);
    FIELD(hidden_count, IST_MAX_HIDDEN + 1);
    FIELD(hidden, NULL);
    FIELD(hidden, zero);
    FIELD(hidden, huge);
    FIELD(hidden_norm, 2);
    FIELD(output_norm, -1);
    FIELD(subnets, 0);
    FIELD(subnets, -1);
    FIELD(subnets, 11); /* the narrowest layer has 10 */
#undef FIELD
    run_close(&r);
}

TEST(trainings_out_of_range_are_refused_by_name)
{
    const run_spec spec = small();
    run r = run_open(&spec);
#define FIELD(field, value)                                                                               \
  do {                                                                                                    \
    ist_train_config config = spec.train;                                                                 \
    ist_trainer *trainer = UNTOUCHED;                                                                     \
    config.field = (value);                                                                               \
    check_told(&r, ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT); \
    CHECK(trainer == UNTOUCHED);                                                                          \
    CHECK(strstr(ist_context_error(r.context), #field) != NULL);                                          \
  } while (0)
    FIELD(subnets, -1);
    FIELD(subnets, 3); /* the output has no norm: made for 2 */
    FIELD(local_steps, 0);
    FIELD(local_steps, -5);
    FIELD(batch, 0);
    FIELD(batch, INT32_MAX);
    FIELD(optimizer, -1);
    FIELD(optimizer, 4);
    FIELD(state, 2);
    FIELD(schedule, 3);
    FIELD(data, 3);
    FIELD(calibration_batches, 0);
    FIELD(epochs, 0);
    FIELD(epochs, -1);
    FIELD(epochs, (double)NAN);
    FIELD(epochs, (double)INFINITY);
    FIELD(rounds, -1);
    FIELD(lr, -0.1);
    FIELD(lr, 1.1e6);
    FIELD(lr, (double)NAN);
    FIELD(lr, (double)INFINITY);
    FIELD(momentum, -0.1);
    FIELD(momentum, 1);
    FIELD(momentum, (double)NAN);
    FIELD(beta1, 1);
    FIELD(beta1, -0.1);
    FIELD(beta2, 1);
    FIELD(beta2, (double)NAN);
    FIELD(epsilon, 0);
    FIELD(epsilon, (double)NAN);
    FIELD(weight_decay, -1);
    FIELD(weight_decay, (double)NAN);
    FIELD(weight_decay, (double)INFINITY);
    FIELD(repartition_fraction, 0);
    FIELD(repartition_fraction, -0.1);
    FIELD(repartition_fraction, 1.01);
    FIELD(repartition_fraction, (double)NAN);
    FIELD(balance, 2);
    FIELD(balance, -1);
#undef FIELD
    run_close(&r);
}

TEST(shares_that_cannot_be_are_refused)
{
    static const double good[3] = {1, 2, 3}, even[3] = {2, 2, 2};
    static const double bad[][3] = {{1, 0, 3}, {1, -1, 3}, {1, (double)NAN, 3}, {1, (double)INFINITY, 3}, {1, 1e-7, 3}};
    run_spec spec = small();
    spec.made_for = 3;
    run r = run_open(&spec);
    ist_trainer *trainer = UNTOUCHED;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ist_train_config config = spec.train;
        config.shares = bad[i];
        check_told(&r, ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT);
        CHECK(strstr(ist_context_error(r.context), "share") != NULL);
    }
    ist_train_config config = spec.train; /* adaptive shares are neither given nor sticky */
    config.balance = IST_BALANCE_ADAPTIVE;
    config.shares = good;
    check_told(&r, ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT);
    config.shares = NULL;
    config.repartition_fraction = 0.5;
    check_told(&r, ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT);
    config = spec.train; /* and none of it for other methods */
    config.method = IST_METHOD_LOCAL_SGD;
    config.repartition_fraction = 0.5;
    check_told(&r, ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(r.context), "repartition_fraction") != NULL);
    config.repartition_fraction = 1;
    config.shares = good;
    check_told(&r, ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT);
    run_close(&r);

    spec = run_spec_small(); /* two hidden layers */
    spec.hidden_norm = IST_NORM_NONE;
    r = run_open(&spec);
    config = spec.train;
    config.shares = good;
    check_told(&r, ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(r.context), "without norm") != NULL);
    config.shares = NULL;
    config.balance = IST_BALANCE_ADAPTIVE;
    check_told(&r, ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT);
    CHECK(trainer == UNTOUCHED);
    config.balance = IST_BALANCE_EVEN;
    config.shares = even;
    CHECK_EQ(ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_OK);
    ist_trainer_destroy(trainer);
    run_close(&r);
}

TEST(evaluations_out_of_range_are_refused)
{
    const run_spec spec = small();
    run r = run_open(&spec);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    const struct {
        int32_t statistics, batch;
    } wrong[] = {{-1, 0}, {2, 0}, {0, -1}, {1, -1}, {0, INT32_MAX}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ist_evaluate_config config = IST_EVALUATE_CONFIG_INIT;
        ist_evaluation out = IST_EVALUATION_INIT;
        float number = 3;
        config.statistics = wrong[i].statistics;
        config.batch = wrong[i].batch;
        check_told(&r, ist_model_evaluate(r.model, r.dataset, &config, &out), IST_E_ARGUMENT);
        check_told(&r, ist_model_predict(r.model, r.dataset, &config, &number), IST_E_ARGUMENT);
        CHECK(number == 3);
    }
    run_close(&r);
}

TEST(normalizations_out_of_range_are_refused_and_change_nothing)
{
    const run_spec spec = small();
    run r = run_open(&spec);
    const float good[6] = {1, 2, 3, 4, 5, 6};
    const float odd[] = {NAN, INFINITY, -INFINITY};
    CHECK_EQ(ist_model_set_normalization(r.model, 6, good, good), IST_OK);
    file_bytes before = model_bytes(r.model);
    const int32_t counts[] = {0, -1, 2, 5, 7};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        check_told(&r, ist_model_set_normalization(r.model, counts[i], good, good), IST_E_ARGUMENT);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        float bad[6] = {1, 2, 3, 4, 5, odd[i]};
        check_told(&r, ist_model_set_normalization(r.model, 6, bad, good), IST_E_ARGUMENT);
        check_told(&r, ist_model_set_normalization(r.model, 6, good, bad), IST_E_ARGUMENT);
    }
    const float zero[6] = {1, 2, 0, 4, 5, 6};
    check_told(&r, ist_model_set_normalization(r.model, 6, good, zero), IST_E_ARGUMENT);
    check_told(&r, ist_model_measure_normalization(r.model, r.dataset, -1), IST_E_ARGUMENT);
    check_told(&r, ist_model_measure_normalization(r.model, r.dataset, 3), IST_E_ARGUMENT);
    file_check_same(before, model_bytes(r.model));
    run_close(&r);
}

/* --------------------------------------------------------------------------------------------- shapes that do not fit -- */

TEST(data_that_do_not_fit_the_model_are_refused)
{
    const run_spec spec = small();
    run r = run_open(&spec);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    const table wider = table_make(20, 7, 4), more = table_make(20, 6, 5);
    const table tables[] = {wider, more};
    for (int i = 0; i < 2; i++) {
        ist_dataset *dataset = run_dataset(r.context, &tables[i]);
        ist_trainer *trainer = UNTOUCHED;
        ist_evaluation out = IST_EVALUATION_INIT;
        float number = 3;
        check_told(&r, ist_trainer_create(r.context, &trainer, r.model, dataset, &spec.train), IST_E_SHAPE);
        CHECK(trainer == UNTOUCHED);
        check_told(&r, ist_model_evaluate(r.model, dataset, NULL, &out), IST_E_SHAPE);
        if (i == 0) {
            check_told(&r, ist_model_predict(r.model, dataset, NULL, &number), IST_E_SHAPE);
            check_told(&r, ist_model_measure_normalization(r.model, dataset, IST_NORMALIZE_ZSCORE), IST_E_SHAPE);
        }
        CHECK(number == 3);
        ist_dataset_destroy(dataset);
        free(tables[i].x);
        free(tables[i].labels);
    }
    ist_dataset *unlabelled = NULL, *few = NULL;
    ist_trainer *trainer = UNTOUCHED;
    ist_evaluation out = IST_EVALUATION_INIT;
    const int64_t stride = spec.features * (int64_t)sizeof(float);
    CHECK_EQ(ist_dataset_wrap(r.context, &unlabelled, r.table.x, IST_FLOAT32, 9, 6, stride, NULL, 0), IST_OK);
    CHECK_EQ(ist_dataset_wrap(r.context, &few, r.table.x, IST_FLOAT32, 1, 6, stride, r.table.labels, 4), IST_OK);
    check_told(&r, ist_trainer_create(r.context, &trainer, r.model, unlabelled, &spec.train), IST_E_SHAPE);
    check_told(&r, ist_model_evaluate(r.model, unlabelled, NULL, &out), IST_E_SHAPE);
    check_told(&r, ist_trainer_create(r.context, &trainer, r.model, few, &spec.train), IST_E_SHAPE);
    CHECK(trainer == UNTOUCHED);
    ist_dataset_destroy(unlabelled);
    ist_dataset_destroy(few);
    run_close(&r);
}

TEST(a_model_of_another_context_is_refused)
{
    const run_spec spec = small();
    run a = run_open(&spec), b = run_open(&spec);
    ist_trainer *trainer = UNTOUCHED;
    check_told(&a, ist_trainer_create(a.context, &trainer, b.model, a.dataset, &spec.train), IST_E_ARGUMENT);
    CHECK(trainer == UNTOUCHED);
    run_close(&a);
    run_close(&b);
}

TEST(a_refused_call_leaves_a_trainer_that_works)
{
    run_spec spec = small();
    run r = run_open(&spec);
    CHECK_EQ(ist_trainer_run(r.trainer, -1, NULL, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_save(r.trainer, NULL), IST_E_ARGUMENT);
    run_go(&r, 0);
    file_check_same(trainer_bytes(r.trainer), run_to_the_end(&spec));
    run_close(&r);
}

TEST(a_plan_out_of_range_is_refused)
{
    const run_spec spec = small();
    run r = run_open(&spec);
    const ist_model_config good = run_model_config(&spec);
    size_t need = 99;
    check_told(&r, ist_plan_report(r.context, &good, &spec.train, -1, IST_FLOAT32, NULL, 0, &need), IST_E_ARGUMENT);
    check_told(&r, ist_plan_report(r.context, &good, &spec.train, 9, 17, NULL, 0, &need), IST_E_ARGUMENT);
    const int64_t many[] = {INT64_MAX, INT64_C(1) << 32};
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        check_told(&r, ist_plan_report(r.context, &good, &spec.train, many[i], IST_FLOAT32, NULL, 0, &need),
                   IST_E_ARGUMENT);
    const int32_t subnets[] = {0, -1, 11};
    for (size_t i = 0; i < sizeof subnets / sizeof *subnets; i++) {
        ist_model_config model = good;
        model.subnets = subnets[i];
        check_told(&r, ist_plan_report(r.context, &model, &spec.train, 9, IST_FLOAT32, NULL, 0, &need), IST_E_ARGUMENT);
    }
    ist_train_config train = spec.train;
    train.batch = 0;
    check_told(&r, ist_plan_report(r.context, &good, &train, 9, IST_FLOAT32, NULL, 0, &need), IST_E_ARGUMENT);
    CHECK_EQ(need, 99);
    run_close(&r);
}
