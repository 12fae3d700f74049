/* Activations of hidden layers: each learns, is what the model says of itself and its files bring back, and gives the same
 * bits on any crew. */
#define _GNU_SOURCE
#include <math.h>

#include "fixture_run.h"

static run_spec spec_of(int32_t activation, int32_t hidden_norm)
{
    run_spec spec = run_spec_small();
    spec.activation = activation;
    spec.hidden_norm = hidden_norm;
    return spec;
}

/* Two classes that no line separates: inside and outside of a ring of radius 0.7. */
static void make_rings(table *t)
{
    uint64_t noise = 3;
    for (int64_t i = 0; i < t->rows; i++) {
        float *x = t->x + i * t->features;
        for (int32_t f = 0; f < t->features; f++) x[f] = table_noise(&noise);
        t->labels[i] = x[0] * x[0] + x[1] * x[1] < 0.5F;
    }
}

static ist_evaluation train_on_rings(int32_t activation, int32_t hidden_norm)
{
    run_spec spec = spec_of(activation, hidden_norm);
    spec.features = spec.classes = 2;
    spec.rows = 600;
    spec.hidden[0] = 40;
    spec.hidden[1] = 30;
    spec.made_for = 1;
    spec.train.batch = 20;
    spec.train.epochs = 30;
    spec.train.lr = 0.01;
    spec.train.optimizer = IST_ADAM;
    run r = {.table = table_make(spec.rows, spec.features, spec.classes)};
    make_rings(&r.table);
    r.context = run_context(1, 1, IST_ENGINE_AUTO);
    r.dataset = run_dataset(r.context, &r.table);
    r.model = run_model(r.context, &spec);
    CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec.train), IST_OK);
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    ist_evaluation e = {.struct_size = sizeof e};
    CHECK_EQ(ist_model_evaluate(r.model, r.dataset, NULL, &e), IST_OK);
    run_close(&r);
    return e;
}

TEST(every_activation_learns)
{
    for (int32_t norm = IST_NORM_NONE; norm <= IST_NORM_BATCH; norm++) {
        double losses[4];
        for (int32_t activation = IST_RELU; activation <= IST_SILU; activation++) {
            const ist_evaluation e = train_on_rings(activation, norm);
            CHECK(e.accuracy > 0.9 && e.loss < 0.25);
            losses[activation] = e.loss;
            for (int32_t other = 0; other < activation; other++) CHECK(losses[other] != e.loss);
        }
    }
}

TEST(every_activation_gives_the_same_bits_on_any_crew)
{
    const int32_t crews[][2] = {{2, 2}, {1, 3}};
    for (int32_t engine = IST_ENGINE_OPENBLAS; engine <= IST_ENGINE_NATIVE; engine++)
        for (int32_t activation = IST_GELU; activation <= IST_SILU; activation++) {
            run_spec spec = run_spec_wide();
            spec.engine = engine;
            spec.activation = activation;
            spec.hidden_norm = activation % 2;
            spec.train.hidden_dropout = 0.25;
            const file_bytes expected = run_to_the_end(&spec);
            for (size_t i = 0; i < sizeof crews / sizeof *crews; i++) {
                spec.teams = crews[i][0];
                spec.threads = crews[i][1];
                file_bytes found = run_to_the_end(&spec);
                CHECK_EQ(found.count, expected.count);
                CHECK_MEM(found.data, expected.data, found.count);
                file_free(&found);
            }
            free(expected.data);
        }
}

/* Whole nets of a phase, replicas of data parallel: other ways through the step than a subnet's. */
TEST(other_methods_and_phases_take_any_activation)
{
    for (int32_t method = IST_METHOD_IST; method <= IST_METHOD_MASKED; method++) {
        double losses[4];
        for (int32_t activation = IST_RELU; activation <= IST_SILU; activation++) {
            run_spec spec = spec_of(activation, IST_NORM_BATCH);
            spec.output_norm = IST_NORM_BATCH;
            spec.train.method = method;
            spec.train.hidden_dropout = 0.125;
            if (method == IST_METHOD_IST) spec.train.warmup_epochs = 1;
            if (method == IST_METHOD_IST) spec.train.warmup_lr = 0.05;
            run r = run_open(&spec);
            run_go(&r, 0);
            losses[activation] = run_progress(&r).loss;
            CHECK(isfinite(losses[activation]));
            for (int32_t other = 0; other < activation; other++) CHECK(losses[other] != losses[activation]);
            run_close(&r);
        }
    }
}

/* A model's first weight of layer 0, by way of its file: widths and norms are the same, so is its place. */
static float largest_weight(int32_t activation)
{
    const run_spec spec = spec_of(activation, IST_NORM_BATCH);
    run r = run_open(&spec);
    file_bytes file = model_bytes(r.model);
    run_close(&r);
    float weights[13 * 6], most = 0;
    const char *at = memmem(file.data, file.count, "PARM", 4);
    CHECK(at != NULL);
    memcpy(weights, at + 16, sizeof weights);
    for (int i = 0; i < 13 * 6; i++) most = fmaxf(most, fabsf(weights[i]));
    file_free(&file);
    return most;
}

TEST(initial_weights_are_uniform_up_to_a_bound_that_suits_the_activation)
{
    const float he = sqrtf(6.0F / 6);
    const float relu = largest_weight(IST_RELU);
    CHECK(relu > 0.9F * he && relu <= he);
    CHECK(largest_weight(IST_GELU) == relu && largest_weight(IST_SILU) == relu);
    CHECK_NEAR(largest_weight(IST_TANH), relu / sqrtf(2), 1e-6);
}

TEST(a_model_tells_its_activation_and_files_bring_it_back)
{
    for (int32_t activation = IST_RELU; activation <= IST_SILU; activation++) {
        const run_spec spec = spec_of(activation, IST_NORM_BATCH);
        const char *path = scratch_path("activation.ist");
        run r = run_open(&spec);
        run_go(&r, 1);
        CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
        CHECK_EQ(ist_model_save(r.model, path), IST_OK);
        ist_model *loaded = NULL;
        CHECK_EQ(ist_model_load(r.context, &loaded, path), IST_OK);
        ist_model_config d = {.struct_size = sizeof d};
        CHECK_EQ(ist_model_describe(loaded, &d), IST_OK);
        CHECK_EQ(d.activation, activation);
        float *a = table_room(spec.rows * 4, sizeof *a), *b = table_room(spec.rows * 4, sizeof *b);
        CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, a), IST_OK);
        CHECK_EQ(ist_model_predict(loaded, r.dataset, NULL, b), IST_OK);
        CHECK_MEM(a, b, (size_t)spec.rows * 4 * sizeof *a);
        free(a);
        free(b);
        ist_model_destroy(loaded);
        run_close(&r);
    }
}

TEST(resumed_is_never_stopped_with_any_activation)
{
    for (int32_t activation = IST_GELU; activation <= IST_SILU; activation++) {
        run_spec spec = spec_of(activation, IST_NORM_BATCH);
        spec.train.hidden_dropout = 0.25;
        run_check_resumed(&spec, &spec);
    }
}

TEST(other_numbers_are_refused)
{
    const int32_t bad[] = {-1, IST_SILU + 1, INT32_MAX, INT32_MIN};
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const run_spec spec = spec_of(bad[i], IST_NORM_BATCH);
        const ist_model_config config = run_model_config(&spec);
        ist_model *model = NULL;
        CHECK_EQ(ist_model_create(context, &model, &config), IST_E_ARGUMENT);
        check_one_line(context);
        CHECK(strstr(ist_context_error(context), "activation") != NULL);
        CHECK(model == NULL);
    }
    ist_context_destroy(context);
}
