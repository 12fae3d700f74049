/* The promise of the engine native: a whole run, and every answer of what it trained, has the bits of the plain loops of
 * the reference, with any instruction set and any crew; OpenBLAS comes close. */
#define _GNU_SOURCE
#include <math.h>
#include <stdbool.h>

#include "fixture_run.h"

/* --------------------------------------------------------------------------------------------------------- subjects -- */

typedef struct subject {
    run_spec spec;
    bool bytes; /* unsigned bytes under a measured normalization; else floats as they are */
} subject;

enum { BATCHES = 5, SUBJECTS = 4 * BATCHES };

/* Every batch with every number of subnets; the rest in turn, with periods that meet in all pairs.  Widths are such that
 * no subnet has whole panels of 16 neurons. */
static subject subject_at(int32_t i)
{
    static const int32_t batch[BATCHES] = {7, 16, 23, 33, 130};
    subject s = {.spec = run_spec_small(), .bytes = i % 2 == 1};
    run_spec *spec = &s.spec;
    spec->rows = 83;
    spec->features = 37;
    spec->classes = 5;
    spec->hidden_count = 2;
    spec->hidden[0] = 19;
    spec->hidden[1] = 23;
    spec->made_for = 1 + i / BATCHES;
    spec->hidden_norm = i / 2 % 2;
    spec->output_norm = i / 4 % 2;
    spec->activation = i / 3 % 4;
    spec->train.batch = batch[i % BATCHES];
    spec->train.optimizer = (i + i / 4) % 4;
    spec->train.state = i / 3 % 2;
    spec->train.data = i % 3;
    spec->train.weight_decay = i % 4 < 2 ? 0 : 0.01;
    spec->train.rounds = 3;
    spec->train.local_steps = 3;
    spec->train.lr = spec->train.optimizer == IST_ADAM ? 0.01 : 0.1;
    return s;
}

typedef struct outcome {
    file_bytes model;
    float *answers; /* (rows, classes) with stored statistics, then with those of batches of 50 */
    size_t answer_bytes;
    double loss;
} outcome;

static void predict(ist_model *model, const ist_dataset *dataset, int32_t statistics, float *out)
{
    ist_evaluate_config config = IST_EVALUATE_CONFIG_INIT;
    config.statistics = statistics;
    config.batch = 50;
    CHECK_EQ(ist_model_predict(model, dataset, &config, out), IST_OK);
}

/* A dataset of unsigned bytes made of the table's floats; *raw must outlive it. */
static ist_dataset *byte_dataset(ist_context *context, const table *t, unsigned char **raw)
{
    ist_dataset *dataset = NULL;
    *raw = table_room(t->rows * t->features, 1);
    for (int64_t i = 0; i < t->rows * t->features; i++) (*raw)[i] = (unsigned char)(128 + 80 * t->x[i]);
    CHECK_EQ(
        ist_dataset_wrap(context, &dataset, *raw, IST_UINT8, t->rows, t->features, t->features, t->labels, t->classes),
        IST_OK);
    return dataset;
}

static run open_subject(const subject *s, unsigned char **raw)
{
    run r = run_open(&s->spec);
    if (!s->bytes) return r;
    ist_trainer_destroy(r.trainer);
    ist_dataset_destroy(r.dataset);
    r.dataset = byte_dataset(r.context, &r.table, raw);
    CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &s->spec.train), IST_OK);
    return r;
}

/* Train, calibrate, ask for every row. */
static outcome outcome_of(const subject *s)
{
    unsigned char *raw = NULL;
    run r = open_subject(s, &raw);
    const int64_t answers = r.table.rows * r.table.classes;
    run_go(&r, 0);
    outcome o = {.loss = run_progress(&r).loss, .answer_bytes = (size_t)(2 * answers) * sizeof *o.answers};
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    o.answers = table_room(2 * answers, sizeof *o.answers);
    predict(r.model, r.dataset, IST_STATISTICS_STORED, o.answers);
    predict(r.model, r.dataset, IST_STATISTICS_BATCH, o.answers + answers);
    o.model = model_bytes(r.model);
    run_close(&r);
    free(raw);
    return o;
}

static void outcome_free(outcome *o)
{
    file_free(&o->model);
    free(o->answers);
}

static void check_same(const outcome *found, const outcome *expected)
{
    CHECK_EQ(found->model.count, expected->model.count);
    CHECK_MEM(found->model.data, expected->model.data, found->model.count);
    CHECK_MEM(found->answers, expected->answers, found->answer_bytes);
    CHECK(found->loss == expected->loss);
}

/* ------------------------------------------------------------------------------------------------------ the same bits -- */

/* Ends the case as skipped where this processor lacks the kernels. */
static void need(int32_t engine, const char *name)
{
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    ist_context *context = NULL;
    config.engine = engine;
    if (ist_context_create(&context, &config) != IST_OK) SKIP(name);
    ist_context_destroy(context);
}

/* The bits of the reference, on one thread, from this engine on crews of several kinds. */
static void check_subject(subject s, int32_t engine, int32_t first_crew, int32_t crew_count)
{
    enum { CREWS = 6 };
    static const int32_t crew[CREWS][2] = {{1, 1}, {1, 2}, {1, 3}, {2, 1}, {2, 2}, {2, 3}};
    s.spec.engine = IST_ENGINE_REFERENCE;
    outcome expected = outcome_of(&s);
    s.spec.engine = engine;
    for (int32_t k = 0; k < crew_count; k++) {
        s.spec.teams = crew[(first_crew + k) % CREWS][0];
        s.spec.threads = crew[(first_crew + k) % CREWS][1];
        outcome found = outcome_of(&s);
        check_same(&found, &expected);
        outcome_free(&found);
    }
    outcome_free(&expected);
}

static void check_engine(int32_t engine)
{
    for (int32_t i = 0; i < SUBJECTS; i++) check_subject(subject_at(i), engine, i, 2);
}

TEST(native_trains_to_the_bits_of_the_reference)
{
    check_engine(IST_ENGINE_NATIVE);
}

TEST(native_avx512_trains_to_the_bits_of_the_reference)
{
    need(IST_ENGINE_NATIVE_AVX512, "no native-avx512 here");
    check_engine(IST_ENGINE_NATIVE_AVX512);
}

TEST(native_avx2_trains_to_the_bits_of_the_reference)
{
    need(IST_ENGINE_NATIVE_AVX2, "no native-avx2 here");
    check_engine(IST_ENGINE_NATIVE_AVX2);
}

TEST(native_portable_trains_to_the_bits_of_the_reference)
{
    check_engine(IST_ENGINE_NATIVE_PORTABLE);
}

/* Kernels that this processor lacks are left out, told by the cases above. */
static void check_every_set(const subject *s, int32_t crew_count)
{
    for (int32_t engine = IST_ENGINE_NATIVE_AVX512; engine <= IST_ENGINE_NATIVE_PORTABLE; engine++) {
        ist_context_config config = IST_CONTEXT_CONFIG_INIT;
        ist_context *context = NULL;
        config.engine = engine;
        if (ist_context_create(&context, &config) != IST_OK) continue;
        ist_context_destroy(context);
        check_subject(*s, engine, 0, crew_count);
    }
}

TEST(nets_of_every_depth_train_to_the_bits_of_the_reference)
{
    for (int32_t depth = 0; depth <= 3; depth++)
        for (int32_t norms = 0; norms < 4; norms++) {
            subject s = subject_at(2 * depth + norms);
            s.spec.hidden_count = depth;
            s.spec.hidden[2] = 9;
            s.spec.hidden_norm = norms & 1;
            s.spec.output_norm = norms >> 1;
            s.spec.made_for = depth == 0 ? 1 : 2;
            s.spec.train.rounds = 2;
            check_every_set(&s, 1);
        }
}

TEST(narrow_nets_train_to_the_bits_of_the_reference)
{
    subject s = subject_at(3);
    s.bytes = false;
    s.spec.features = 1;
    s.spec.classes = 2;
    s.spec.hidden[0] = 4; /* one neuron for each of four subnets */
    s.spec.hidden[1] = 5;
    s.spec.made_for = 4;
    check_every_set(&s, 3);
}

/* Several tiles of 128 neurons, whole panels, and layers beyond the lines that stay in the first cache. */
TEST(wide_nets_train_to_the_bits_of_the_reference)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++) {
        subject s = subject_at(0);
        s.spec.features = 150;
        s.spec.hidden[0] = 290;
        s.spec.hidden[1] = 160;
        s.spec.classes = 37;
        s.spec.made_for = 1;
        s.spec.train.optimizer = optimizer;
        s.spec.train.batch = 19;
        s.spec.train.rounds = 1;
        s.spec.train.local_steps = 2;
        check_every_set(&s, 2);
    }
}

/* ------------------------------------------------------------------------------------------------------- OpenBLAS -- */

TEST(openblas_comes_close)
{
    for (int32_t i = 0; i < SUBJECTS; i++) {
        subject s = subject_at(i);
        s.spec.engine = IST_ENGINE_NATIVE;
        outcome native = outcome_of(&s);
        s.spec.engine = IST_ENGINE_OPENBLAS;
        outcome openblas = outcome_of(&s);
        /* Adam's first steps are as long where a gradient is nothing but rounding errors as anywhere else. */
        const double tolerance = s.spec.train.optimizer == IST_ADAM ? 2e-2 : 1e-4;
        CHECK_NEAR(openblas.loss, native.loss, tolerance);
        for (size_t k = 0; k < native.answer_bytes / sizeof *native.answers; k++)
            CHECK_NEAR(openblas.answers[k], native.answers[k], tolerance);
        outcome_free(&native);
        outcome_free(&openblas);
    }
}

/* ---------------------------------------------------------------------------------------------------- a row alone -- */

static void check_rows_alone(int32_t engine, int32_t i)
{
    subject s = subject_at(i);
    s.spec.engine = engine;
    s.spec.threads = 1 + i % 2;
    s.spec.train.rounds = 1;
    unsigned char *raw = NULL;
    run r = open_subject(&s, &raw);
    const int32_t features = s.spec.features, classes = s.spec.classes;
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    float *among = table_room(s.spec.rows * classes, sizeof *among), alone[8];
    predict(r.model, r.dataset, IST_STATISTICS_STORED, among);
    for (int64_t row = 0; row < s.spec.rows; row++) {
        ist_dataset *one = NULL;
        const void *x = s.bytes ? (const void *)(raw + row * features) : r.table.x + row * features;
        CHECK_EQ(ist_dataset_wrap(r.context, &one, x, s.bytes ? IST_UINT8 : IST_FLOAT32, 1, features,
                                  features * (s.bytes ? 1 : (int64_t)sizeof(float)), NULL, 0),
                 IST_OK);
        predict(r.model, one, IST_STATISTICS_STORED, alone);
        CHECK_MEM(alone, among + row * classes, (size_t)classes * sizeof *alone);
        ist_dataset_destroy(one);
    }
    free(among);
    run_close(&r);
    free(raw);
}

TEST(a_row_alone_has_the_answer_it_has_in_a_file_bit_for_bit)
{
    for (int32_t i = 0; i < SUBJECTS; i += 3) check_rows_alone(IST_ENGINE_NATIVE, i);
    for (int32_t i = 1; i < SUBJECTS; i += 9) check_rows_alone(IST_ENGINE_NATIVE_PORTABLE, i);
}
