/* Models: what they say of themselves, their normalization, and their files. */
#define _GNU_SOURCE
#include <math.h>
#include <sys/stat.h>

#include "fixture_run.h"

TEST(a_model_describes_what_it_was_made_from)
{
    const run_spec spec = run_spec_small();
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    ist_model *model = run_model(context, &spec);
    ist_model_config d = {.struct_size = sizeof d};
    CHECK_EQ(ist_model_describe(model, &d), IST_OK);
    CHECK_EQ(d.struct_size, sizeof d);
    CHECK_EQ(d.features, 6);
    CHECK_EQ(d.classes, 4);
    CHECK_EQ(d.hidden_count, 2);
    CHECK(d.hidden != spec.hidden && d.hidden[0] == 13 && d.hidden[1] == 10);
    CHECK_EQ(d.hidden_norm, IST_NORM_BATCH);
    CHECK_EQ(d.output_norm, IST_NORM_NONE);
    CHECK_EQ(d.subnets, 3);
    CHECK_EQ(ist_model_parameter_count(model), 6 * 13 + 13 * 10 + 10 * 4 + 2 * (13 + 10) + 4);
    ist_model *twin = NULL; /* what it says of itself makes another like it */
    CHECK_EQ(ist_model_create(context, &twin, &d), IST_OK);
    CHECK_EQ(ist_model_parameter_count(twin), ist_model_parameter_count(model));
    ist_model_destroy(twin);
    ist_model_destroy(model);
    ist_context_destroy(context);
}

TEST(the_largest_number_of_hidden_layers_works)
{
    int32_t hidden[IST_MAX_HIDDEN];
    for (int h = 0; h < IST_MAX_HIDDEN; h++) hidden[h] = 2 + h % 3;
    run_spec spec = run_spec_small();
    run r = run_open(&spec);
    ist_model_config config = run_model_config(&spec);
    config.hidden = hidden;
    config.hidden_count = IST_MAX_HIDDEN;
    config.subnets = 2;
    ist_model *model = NULL;
    ist_trainer *trainer = NULL;
    CHECK_EQ(ist_model_create(r.context, &model, &config), IST_OK);
    CHECK_EQ(ist_trainer_create(r.context, &trainer, model, r.dataset, &spec.train), IST_OK);
    CHECK_EQ(ist_trainer_run(trainer, 2, NULL, NULL), IST_OK);
    file_bytes bytes = model_bytes(model);
    CHECK(bytes.count > 0);
    file_free(&bytes);
    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    run_close(&r);
}

/* ----------------------------------------------------------------------------------------------------- normalization -- */

/* (x - shift) * factor of every value, by a model that gives its inputs on: checked through the file's bytes instead of a
 * private look, since equal normalizations make equal files. */
static void check_measured(run *r, int32_t mode, int32_t count, const float *shift, const float *factor)
{
    CHECK_EQ(ist_model_measure_normalization(r->model, r->dataset, mode), IST_OK);
    const file_bytes measured = model_bytes(r->model);
    CHECK_EQ(ist_model_set_normalization(r->model, count, shift, factor), IST_OK);
    file_check_same(measured, model_bytes(r->model));
}

TEST(normalizations_are_measured_as_their_names_say)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    float shift[6], factor[6];
    double all = 0, all_squares = 0;
    for (int64_t i = 0; i < spec.rows; i++) r.table.x[i * 6 + 2] = 3; /* a constant feature */
    for (int64_t i = 0; i < spec.rows * 6; i++) {                     /* halves: their sums are exact */
        r.table.x[i] = roundf(r.table.x[i] * 8) / 2;
        all += (double)r.table.x[i];
    }
    for (int32_t f = 0; f < 6; f++) {
        double mean = 0, squares = 0;
        for (int64_t i = 0; i < spec.rows; i++) mean += (double)r.table.x[i * 6 + f] / (double)spec.rows;
        for (int64_t i = 0; i < spec.rows; i++) squares += pow((double)r.table.x[i * 6 + f] - mean, 2);
        shift[f] = (float)mean;
        factor[f] = f == 2 ? 1 : (float)(1 / sqrt(squares / (double)spec.rows));
    }
    const double mean = all / (double)(spec.rows * 6);
    for (int64_t i = 0; i < spec.rows * 6; i++) all_squares += pow((double)r.table.x[i] - mean, 2);
    const float shift_of_all = (float)mean, factor_of_all = (float)(1 / sqrt(all_squares / (double)(spec.rows * 6)));
    const float zero = 0, one = 1;
    check_measured(&r, IST_NORMALIZE_ZSCORE, 6, shift, factor);
    check_measured(&r, IST_NORMALIZE_GLOBAL, 1, &shift_of_all, &factor_of_all);
    check_measured(&r, IST_NORMALIZE_NONE, 1, &zero, &one);
    run_close(&r);
}

TEST(a_normalization_is_as_if_the_data_had_been_normalized)
{
    const run_spec spec = run_spec_small();
    run raw = run_open(&spec), done = run_open(&spec);
    const float shift = 0.5F, factor = 2; /* exact */
    for (int64_t i = 0; i < spec.rows * 6; i++) done.table.x[i] = (done.table.x[i] - shift) * factor;
    CHECK_EQ(ist_model_set_normalization(raw.model, 1, &shift, &factor), IST_OK);
    float *a = table_room(spec.rows * 4, sizeof *a), *b = table_room(spec.rows * 4, sizeof *b);
    ist_evaluate_config config = IST_EVALUATE_CONFIG_INIT;
    config.statistics = IST_STATISTICS_BATCH;
    CHECK_EQ(ist_model_predict(raw.model, raw.dataset, &config, a), IST_OK);
    CHECK_EQ(ist_model_predict(done.model, done.dataset, &config, b), IST_OK);
    CHECK_MEM(a, b, (size_t)spec.rows * 4 * sizeof *a);
    free(a);
    free(b);
    run_close(&raw);
    run_close(&done);
}

/* ------------------------------------------------------------------------------------------------------- predictions -- */

TEST(probabilities_are_of_every_row_and_sum_to_one)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    float *p = table_room(spec.rows * 4, sizeof *p);
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, p), IST_OK);
    ist_evaluation e = IST_EVALUATION_INIT;
    CHECK_EQ(ist_model_evaluate(r.model, r.dataset, NULL, &e), IST_OK);
    double loss = 0;
    int64_t correct = 0;
    for (int64_t i = 0; i < spec.rows; i++) {
        const float *row = p + i * 4;
        int32_t best = 0;
        CHECK_NEAR(row[0] + row[1] + row[2] + row[3], 1, 1e-6);
        for (int32_t c = 1; c < 4; c++)
            if (row[c] > row[best]) best = c;
        correct += best == r.table.labels[i];
        loss -= log((double)row[r.table.labels[i]]);
    }
    CHECK_EQ(e.correct, correct);
    CHECK_NEAR(e.loss, loss / (double)spec.rows, 1e-5);
    free(p);
    run_close(&r);
}

/* ------------------------------------------------------------------------------------------------------------- files -- */

TEST(a_saved_model_answers_like_the_one_it_was)
{
    const run_spec spec = run_spec_small();
    const char *path = scratch_path("saved.ist");
    run r = run_open(&spec);
    CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    CHECK_EQ(ist_model_save(r.model, path), IST_OK);
    ist_context *other = run_context(2, 2, IST_ENGINE_AUTO);
    ist_model *loaded = NULL;
    CHECK_EQ(ist_model_load(other, &loaded, path), IST_OK);
    float *a = table_room(spec.rows * 4, sizeof *a), *b = table_room(spec.rows * 4, sizeof *b);
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, a), IST_OK);
    CHECK_EQ(ist_model_predict(loaded, r.dataset, NULL, b), IST_OK);
    CHECK_MEM(a, b, (size_t)spec.rows * 4 * sizeof *a);
    file_check_same(file_read(path), model_bytes(loaded));
    free(a);
    free(b);
    ist_model_destroy(loaded);
    ist_context_destroy(other);
    run_close(&r);
}

static void check_unsaved(run *r, const char *path)
{
    const int files = scratch_count();
    CHECK_EQ(ist_model_save(r->model, path), IST_E_IO);
    check_one_line(r->context);
    CHECK_EQ(scratch_count(), files);
}

TEST(a_model_that_cannot_be_written_leaves_nothing)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    check_unsaved(&r, scratch_path("missing/model.ist"));
    check_unsaved(&r, "/dev/full");
    check_unsaved(&r, "");
    check_unsaved(&r, "/proc/model.ist");
    char folder[512];
    snprintf(folder, sizeof folder, "%s", scratch_path("folder"));
    CHECK_EQ(mkdir(folder, 0777), 0);
    check_unsaved(&r, folder);
    CHECK_EQ(rmdir(folder), 0);
    run_close(&r);
}

TEST(an_old_file_is_replaced_whole)
{
    const run_spec spec = run_spec_small();
    const char *path = scratch_path("replaced.ist");
    file_write(path, "old", 3);
    run r = run_open(&spec);
    CHECK_EQ(ist_model_save(r.model, path), IST_OK);
    file_check_same(file_read(path), model_bytes(r.model));
    run_close(&r);
}

static void check_unread(ist_context *context, const char *path, ist_status status)
{
    ist_model *model = (ist_model *)(uintptr_t)0x5a5a;
    CHECK_EQ(ist_model_load(context, &model, path), status);
    CHECK(model == (ist_model *)(uintptr_t)0x5a5a);
    check_one_line(context);
}

TEST(what_is_no_model_is_refused)
{
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    const char *path = scratch_path("odd.ist");
    check_unread(context, scratch_path("nowhere.ist"), IST_E_IO);
    check_unread(context, scratch_folder, IST_E_IO);
    check_unread(context, "/dev/null", IST_E_IO);
    file_write(path, "", 0);
    check_unread(context, path, IST_E_FORMAT);
    file_write(path, "a text of some length, but no model in it", 40);
    check_unread(context, path, IST_E_FORMAT);
    ist_context_destroy(context);
}

TEST(a_model_for_no_subnets_but_one_is_trained_whole)
{
    run_spec spec = run_spec_small();
    spec.made_for = 1;
    spec.hidden_count = 0;
    run r = run_open(&spec);
    CHECK_EQ(ist_model_parameter_count(r.model), 6 * 4 + 4);
    run_go(&r, 0);
    run_close(&r);
}
