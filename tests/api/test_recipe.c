/* What makes a recipe: the course of the learning rate, smoothed labels, dropout, the scale of the logits. */
#define _GNU_SOURCE
#include <math.h>

#include "fixture_run.h"

/* Everything that changes a step, at once. */
static run_spec rich_spec(int32_t method)
{
    run_spec spec = run_spec_wide();
    spec.rows = 61;
    spec.hidden[0] = 70;
    spec.hidden[1] = 65;
    spec.output_norm = IST_NORM_BATCH;
    spec.made_for = method == IST_METHOD_IST || method == IST_METHOD_ENSEMBLE ? 3 : 1;
    spec.train.subnets = 3;
    spec.train.method = method;
    spec.output_scale = 0.5;
    spec.train.schedule = IST_LR_STEP;
    spec.train.lr_step_every = 0.3;
    spec.train.lr_ramp = 0.2;
    spec.train.label_smoothing = 0.1;
    spec.train.input_dropout = 0.1;
    spec.train.hidden_dropout = 0.3;
    return spec;
}

/* ------------------------------------------------------------------------------------------------------------- bits -- */

static void check_same(const run_spec *spec, const file_bytes *expected)
{
    const file_bytes found = run_to_the_end(spec);
    CHECK_EQ(found.count, expected->count);
    CHECK_MEM(found.data, expected->data, found.count);
    free(found.data);
}

TEST(a_rich_recipe_has_the_same_bits_with_any_kernels_and_on_any_crew)
{
    static const int32_t crews[][2] = {{1, 2}, {2, 1}, {3, 2}};
    for (int32_t method = IST_METHOD_IST; method <= IST_METHOD_MASKED; method++) {
        run_spec spec = rich_spec(method);
        spec.engine = IST_ENGINE_REFERENCE;
        file_bytes expected = run_to_the_end(&spec);
        for (int32_t engine = IST_ENGINE_REFERENCE; engine <= IST_ENGINE_NATIVE_PORTABLE; engine++) {
            ist_context *context = NULL;
            ist_context_config config = IST_CONTEXT_CONFIG_INIT;
            config.engine = spec.engine = engine;
            if (ist_context_create(&context, &config) != IST_OK) continue; /* not of this processor */
            ist_context_destroy(context);
            spec.teams = spec.threads = 1;
            check_same(&spec, &expected);
            spec.teams = crews[method % 3][0];
            spec.threads = crews[method % 3][1];
            check_same(&spec, &expected);
        }
        file_free(&expected);
    }
}

TEST(phases_at_full_width_drop_the_same_on_any_crew)
{
    static const int32_t crews[][2] = {{1, 3}, {2, 1}, {3, 2}};
    run_spec spec = rich_spec(IST_METHOD_IST);
    spec.train.rounds = 0;
    spec.train.epochs = 4.5;
    spec.train.warmup_epochs = 0.7;
    spec.train.full_width_epochs = 1.1;
    spec.train.full_width_schedule = IST_LR_STEP;
    file_bytes expected = run_to_the_end(&spec);
    for (size_t i = 0; i < sizeof crews / sizeof *crews; i++) {
        spec.teams = crews[i][0];
        spec.threads = crews[i][1];
        check_same(&spec, &expected);
    }
    file_free(&expected);
}

/* The last bytes of a model's file are weights; free() them. */
static float *weights_of(const run_spec *spec, int64_t count)
{
    run r = run_open(spec);
    run_go(&r, 0);
    file_bytes file = model_bytes(r.model);
    float *weights = table_room(count, sizeof *weights);
    const size_t bytes = (size_t)count * sizeof *weights;
    CHECK(file.count > bytes + 4); /* and the checksum */
    memcpy(weights, file.data + file.count - 4 - bytes, bytes);
    file_free(&file);
    run_close(&r);
    return weights;
}

TEST(every_part_of_a_recipe_changes_the_run)
{
    enum { WEIGHTS = 44 }; /* of the output layer, and its bias */
    run_spec spec = run_spec_small();
    spec.train.schedule = IST_LR_STEP;
    float *plain = weights_of(&spec, WEIGHTS);
#define PART(field, value)                                       \
  do {                                                           \
    run_spec other = spec;                                       \
    other.field = (value);                                       \
    float *weights = weights_of(&other, WEIGHTS);                \
    CHECK(memcmp(plain, weights, WEIGHTS * sizeof *plain) != 0); \
    free(weights);                                               \
  } while (0)
    PART(train.schedule, IST_LR_CONSTANT);
    PART(train.lr_step_every, 0.3);
    PART(train.lr_step_factor, 0.3);
    PART(train.lr_floor, 0.5);
    PART(train.lr_ramp, 0.3);
    PART(train.label_smoothing, 0.05);
    PART(train.input_dropout, 0.05);
    PART(train.hidden_dropout, 0.05);
    PART(output_scale, 1.1);
#undef PART
    free(plain);
}

TEST(resumed_is_never_stopped_with_a_rich_recipe)
{
    for (int32_t method = IST_METHOD_IST; method <= IST_METHOD_MASKED; method++) {
        const run_spec spec = rich_spec(method);
        run_check_resumed(&spec, &spec);
    }
}

TEST(another_recipe_is_refused_by_name_when_resumed)
{
    const run_spec spec = rich_spec(IST_METHOD_IST);
    const char *path = scratch_path("recipe.ist");
    run first = run_open(&spec);
    run_go(&first, 1);
    CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
    run_close(&first);
#define OTHER(field, value, name)                                          \
  do {                                                                     \
    run_spec other = spec;                                                 \
    other.field = (value);                                                 \
    run r = run_open(&other);                                              \
    CHECK_EQ(ist_trainer_resume(r.trainer, path), IST_E_ARGUMENT);         \
    CHECK(strstr(ist_context_error(r.context), ": " name " was") != NULL); \
    run_close(&r);                                                         \
  } while (0)
    OTHER(train.lr_ramp, 0.3, "lr_ramp");
    OTHER(train.lr_floor, 0.1, "lr_floor");
    OTHER(train.lr_step_every, 0.4, "lr_step_every");
    OTHER(train.lr_step_factor, 0.2, "lr_step_factor");
    OTHER(train.label_smoothing, 0.2, "label_smoothing");
    OTHER(train.input_dropout, 0.2, "input_dropout");
    OTHER(train.hidden_dropout, 0.4, "hidden_dropout");
    OTHER(output_scale, 0.6, "output_scale");
#undef OTHER
}

/* ------------------------------------------------------------------------------------------------------------ bounds -- */

TEST(recipes_out_of_range_are_refused_by_name)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
#define FIELD(field, value)                                                                         \
  do {                                                                                              \
    ist_train_config config = spec.train;                                                           \
    ist_trainer *trainer = NULL;                                                                    \
    config.field = (value);                                                                         \
    CHECK_EQ(ist_trainer_create(r.context, &trainer, r.model, r.dataset, &config), IST_E_ARGUMENT); \
    check_one_line(r.context);                                                                      \
    CHECK(trainer == NULL && strstr(ist_context_error(r.context), #field " is") != NULL);           \
  } while (0)
    FIELD(schedule, 3);
    FIELD(lr_ramp, -0.1);
    FIELD(lr_ramp, 1);
    FIELD(lr_ramp, (double)NAN);
    FIELD(lr_floor, -0.1);
    FIELD(lr_floor, 1.1);
    FIELD(lr_floor, (double)NAN);
    FIELD(lr_step_every, 0);
    FIELD(lr_step_every, 1.1);
    FIELD(lr_step_every, (double)NAN);
    FIELD(lr_step_factor, 0);
    FIELD(lr_step_factor, 1.1);
    FIELD(lr_step_factor, (double)NAN);
    FIELD(label_smoothing, -0.1);
    FIELD(label_smoothing, 1);
    FIELD(label_smoothing, (double)NAN);
    FIELD(input_dropout, -0.1);
    FIELD(input_dropout, 1);
    FIELD(input_dropout, (double)NAN);
    FIELD(hidden_dropout, -0.1);
    FIELD(hidden_dropout, 1);
    FIELD(hidden_dropout, (double)INFINITY);
#undef FIELD
    const double wrong[] = {0, -1, 9e-5, 1.1e4, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ist_model_config config = run_model_config(&spec);
        ist_model *model = NULL;
        config.output_scale = wrong[i];
        CHECK_EQ(ist_model_create(r.context, &model, &config), IST_E_ARGUMENT);
        CHECK(model == NULL && strstr(ist_context_error(r.context), "output_scale is") != NULL);
    }
    run_close(&r);
}

TEST(decay_must_suit_the_largest_learning_rate_of_all_phases)
{
    run_spec spec = run_spec_small();
    run r = run_open(&spec);
    ist_trainer *trainer = NULL;
    spec.train.lr = 0.1;
    spec.train.weight_decay = 2;
    spec.train.warmup_epochs = spec.train.full_width_epochs = 1;
    spec.train.warmup_lr = 0.6;
    CHECK_EQ(ist_trainer_create(r.context, &trainer, r.model, r.dataset, &spec.train), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(r.context), "weight_decay") != NULL);
    spec.train.warmup_lr = 0;
    spec.train.full_width_lr = 0.6;
    CHECK_EQ(ist_trainer_create(r.context, &trainer, r.model, r.dataset, &spec.train), IST_E_ARGUMENT);
    CHECK(strstr(ist_context_error(r.context), "weight_decay") != NULL);
    CHECK(trainer == NULL);
    run_close(&r);
}

/* ----------------------------------------------------------------------------------------------------- what is told -- */

static double lr_after(const ist_train_config *config, int64_t rounds)
{
    run_spec spec = run_spec_small();
    spec.train = *config;
    run r = run_open(&spec);
    run_go(&r, rounds);
    const double lr = run_progress(&r).lr;
    run_close(&r);
    return lr;
}

TEST(progress_tells_the_learning_rate_of_the_last_step)
{
    ist_train_config config = run_spec_small().train;
    config.rounds = 10;
    config.local_steps = 2;
    config.lr = 0.8;
    config.schedule = IST_LR_STEP;
    config.lr_step_every = 0.5;
    config.lr_step_factor = 0.25;
    config.lr_ramp = 0.2; /* 4 of 20 steps */
    CHECK_NEAR(lr_after(&config, 1), 0.4, 1e-6);
    CHECK_NEAR(lr_after(&config, 2), 0.8, 1e-6);
    CHECK_NEAR(lr_after(&config, 5), 0.8, 1e-6);
    CHECK_NEAR(lr_after(&config, 6), 0.2, 1e-6);
    CHECK_NEAR(lr_after(&config, 10), 0.2, 1e-6);
}

/* Nothing is dropped there: the answers of a model do not depend on how it was asked. */
TEST(evaluation_drops_nothing)
{
    run_spec spec = rich_spec(IST_METHOD_IST);
    spec.train.input_dropout = spec.train.hidden_dropout = 0.9;
    run r = run_open(&spec);
    run_go(&r, 2);
    const char *path = scratch_path("dropped.ist");
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    CHECK_EQ(ist_model_save(r.model, path), IST_OK);
    spec.train.input_dropout = spec.train.hidden_dropout = 0; /* the same net, in a run without */
    run plain = run_open(&spec);
    ist_model *loaded = NULL;
    ist_trainer *trainer = NULL;
    CHECK_EQ(ist_model_load(plain.context, &loaded, path), IST_OK);
    CHECK_EQ(ist_trainer_create(plain.context, &trainer, loaded, plain.dataset, &spec.train), IST_OK);
    CHECK_EQ(ist_trainer_calibrate(trainer), IST_OK);
    for (int32_t statistics = IST_STATISTICS_STORED; statistics <= IST_STATISTICS_BATCH; statistics++) {
        ist_evaluate_config config = IST_EVALUATE_CONFIG_INIT;
        config.statistics = statistics;
        ist_evaluation a = IST_EVALUATION_INIT, b = IST_EVALUATION_INIT;
        CHECK_EQ(ist_model_evaluate(r.model, r.dataset, &config, &a), IST_OK);
        CHECK_EQ(ist_model_evaluate(loaded, plain.dataset, &config, &b), IST_OK);
        CHECK(a.loss == b.loss && a.correct == b.correct);
    }
    file_check_same(model_bytes(r.model), model_bytes(loaded));
    ist_trainer_destroy(trainer);
    ist_model_destroy(loaded);
    run_close(&plain);
    run_close(&r);
}

/* ---------------------------------------------------------------------------------------------- scale of the logits -- */

/* Logits of a net are known from its probabilities, but for a constant: those of the scaled net are so many times them. */
TEST(a_scale_multiplies_logits_in_every_answer)
{
    const double scale = 2.5;
    for (int32_t norms = 0; norms < 4; norms++) {
        run_spec spec = run_spec_small();
        spec.hidden_norm = norms & 1;
        spec.output_norm = norms >> 1;
        const int32_t classes = spec.classes;
        run plain = run_open(&spec);
        spec.output_scale = scale;
        run scaled = run_open(&spec); /* the same weights: none of them has trained */
        CHECK_EQ(ist_trainer_calibrate(plain.trainer), IST_OK);
        CHECK_EQ(ist_trainer_calibrate(scaled.trainer), IST_OK);
        float *p = table_room(spec.rows * classes, sizeof *p), *q = table_room(spec.rows * classes, sizeof *q);
        for (int32_t statistics = IST_STATISTICS_STORED; statistics <= IST_STATISTICS_BATCH; statistics++) {
            ist_evaluate_config config = IST_EVALUATE_CONFIG_INIT;
            config.statistics = statistics;
            CHECK_EQ(ist_model_predict(plain.model, plain.dataset, &config, p), IST_OK);
            CHECK_EQ(ist_model_predict(scaled.model, scaled.dataset, &config, q), IST_OK);
            double loss = 0;
            for (int64_t i = 0; i < spec.rows; i++) {
                double sum = 0;
                for (int32_t k = 0; k < classes; k++) sum += pow((double)p[i * classes + k], scale);
                for (int32_t k = 0; k < classes; k++)
                    CHECK_NEAR(q[i * classes + k], pow((double)p[i * classes + k], scale) / sum, 1e-5);
                loss -= log((double)q[i * classes + scaled.table.labels[i]]) / (double)spec.rows;
            }
            ist_evaluation e = IST_EVALUATION_INIT;
            CHECK_EQ(ist_model_evaluate(scaled.model, scaled.dataset, &config, &e), IST_OK);
            CHECK_NEAR(e.loss, loss, 1e-5);
        }
        free(p);
        free(q);
        run_close(&plain);
        run_close(&scaled);
    }
}

TEST(a_scale_is_described_saved_and_loaded_and_files_without_one_stay_as_they_were)
{
    run_spec spec = run_spec_small();
    run plain = run_open(&spec);
    spec.output_scale = 0.1;
    run scaled = run_open(&spec);
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    CHECK_EQ(ist_model_describe(plain.model, &config), IST_OK);
    CHECK(config.output_scale == 1);
    CHECK_EQ(ist_model_describe(scaled.model, &config), IST_OK);
    CHECK(config.output_scale == 0.1); /* all bits of it */
    file_bytes a = model_bytes(plain.model), b = model_bytes(scaled.model);
    CHECK_EQ(a.data[8], 1); /* format versions */
    CHECK_EQ(b.data[8], 2);
    CHECK_EQ(b.count, a.count + sizeof(double));
    ist_model *loaded = NULL;
    const char *path = scratch_path("scaled.ist");
    file_write(path, b.data, b.count);
    CHECK_EQ(ist_model_load(scaled.context, &loaded, path), IST_OK);
    CHECK_EQ(ist_model_describe(loaded, &config), IST_OK);
    CHECK(config.output_scale == 0.1);
    file_check_same(model_bytes(loaded), b);
    file_free(&a);
    ist_model_destroy(loaded);
    run_close(&plain);
    run_close(&scaled);
}
