/* Datasets through the public functions; the formats themselves are tested in tests/unit/test_formats.c. */
#define _GNU_SOURCE
#include "fixture_run.h"

#define UNTOUCHED ((ist_dataset *)(uintptr_t)0x5a5a)

static void check_wrap_refused(ist_context *context, const void *x, int32_t type, int64_t rows, int32_t features,
                               int64_t stride, const int32_t *labels, int32_t classes)
{
    ist_dataset *dataset = UNTOUCHED;
    CHECK_EQ(ist_dataset_wrap(context, &dataset, x, type, rows, features, stride, labels, classes), IST_E_ARGUMENT);
    CHECK(dataset == UNTOUCHED);
    check_one_line(context);
}

TEST(wrapped_memory_tells_its_shape)
{
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    table t = table_make(10, 3, 4);
    ist_dataset *dataset = run_dataset(context, &t), *bare = NULL;
    CHECK_EQ(ist_dataset_rows(dataset), 10);
    CHECK_EQ(ist_dataset_features(dataset), 3);
    CHECK_EQ(ist_dataset_classes(dataset), 4);
    CHECK_EQ(ist_dataset_wrap(context, &bare, t.x, IST_UINT8, 5, 7, 9, NULL, 0), IST_OK);
    CHECK_EQ(ist_dataset_rows(bare), 5);
    CHECK_EQ(ist_dataset_classes(bare), 0);
    ist_dataset_destroy(dataset);
    ist_dataset_destroy(bare);
    table_free(&t);
    ist_context_destroy(context);
}

TEST(memory_that_cannot_be_is_refused)
{
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    table t = table_make(10, 3, 4);
    check_wrap_refused(context, t.x, IST_FLOAT32, 0, 3, 12, NULL, 0);
    check_wrap_refused(context, t.x, IST_FLOAT32, -1, 3, 12, NULL, 0);
    check_wrap_refused(context, t.x, IST_FLOAT32, INT64_MAX, 3, 12, NULL, 0);
    check_wrap_refused(context, t.x, IST_FLOAT32, 10, 0, 12, NULL, 0);
    check_wrap_refused(context, t.x, IST_FLOAT32, 10, -3, 12, NULL, 0);
    check_wrap_refused(context, t.x, IST_FLOAT32, 10, 3, 11, NULL, 0);
    check_wrap_refused(context, t.x, IST_FLOAT32, 10, 3, 14, NULL, 0);
    check_wrap_refused(context, t.x, IST_FLOAT32, 10, 3, -12, NULL, 0);
    check_wrap_refused(context, (char *)t.x + 1, IST_FLOAT32, 9, 3, 12, NULL, 0);
    check_wrap_refused(context, t.x, IST_INT32, 10, 3, 12, NULL, 0);
    check_wrap_refused(context, t.x, IST_FLOAT64, 5, 3, 24, NULL, 0);
    check_wrap_refused(context, t.x, -1, 10, 3, 12, NULL, 0);
    check_wrap_refused(context, t.x, 4, 10, 3, 12, NULL, 0);
    table_free(&t);
    ist_context_destroy(context);
}

TEST(labels_out_of_range_are_refused)
{
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    table t = table_make(10, 3, 4);
    check_wrap_refused(context, t.x, IST_FLOAT32, 10, 3, 12, NULL, 4);
    check_wrap_refused(context, t.x, IST_FLOAT32, 10, 3, 12, t.labels, 0);
    check_wrap_refused(context, t.x, IST_FLOAT32, 10, 3, 12, t.labels, -1);
    check_wrap_refused(context, t.x, IST_FLOAT32, 10, 3, 12, t.labels, 3);
    t.labels[9] = -1;
    check_wrap_refused(context, t.x, IST_FLOAT32, 10, 3, 12, t.labels, 4);
    table_free(&t);
    ist_context_destroy(context);
}

TEST(rows_apart_from_one_another_train_as_rows_side_by_side)
{
    const run_spec spec = run_spec_small();
    run dense = run_open(&spec), apart = run_open(&spec);
    float *x = table_room(spec.rows * 9, sizeof *x);
    for (int64_t i = 0; i < spec.rows; i++) memcpy(x + i * 9, apart.table.x + i * 6, 6 * sizeof *x);
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        ist_train_config config = spec.train;
        ist_trainer *a = NULL, *b = NULL;
        ist_dataset *strided = NULL;
        config.data = data;
        CHECK_EQ(ist_dataset_wrap(apart.context, &strided, x, IST_FLOAT32, spec.rows, 6, 36, apart.table.labels, 4),
                 IST_OK);
        CHECK_EQ(ist_trainer_create(dense.context, &a, dense.model, dense.dataset, &config), IST_OK);
        CHECK_EQ(ist_trainer_create(apart.context, &b, apart.model, strided, &config), IST_OK);
        CHECK_EQ(ist_trainer_run(a, 0, NULL, NULL), IST_OK);
        CHECK_EQ(ist_trainer_run(b, 0, NULL, NULL), IST_OK);
        file_check_same(model_bytes(dense.model), model_bytes(apart.model));
        ist_trainer_destroy(a);
        ist_trainer_destroy(b);
        ist_dataset_destroy(strided);
    }
    free(x);
    run_close(&dense);
    run_close(&apart);
}

TEST(bytes_train_as_the_floats_that_they_are)
{
    const run_spec spec = run_spec_small();
    run floats = run_open(&spec), bytes = run_open(&spec);
    unsigned char *raw = table_room(spec.rows * 6, 1);
    for (int64_t i = 0; i < spec.rows * 6; i++) {
        raw[i] = (unsigned char)(128 + 60 * floats.table.x[i]);
        floats.table.x[i] = raw[i];
    }
    ist_dataset *dataset = NULL;
    CHECK_EQ(ist_dataset_wrap(bytes.context, &dataset, raw, IST_UINT8, spec.rows, 6, 6, bytes.table.labels, 4), IST_OK);
    run *both[] = {&floats, &bytes};
    for (int i = 0; i < 2; i++) {
        ist_dataset *data = i == 0 ? floats.dataset : dataset;
        ist_trainer_destroy(both[i]->trainer);
        CHECK_EQ(ist_model_measure_normalization(both[i]->model, data, IST_NORMALIZE_GLOBAL), IST_OK);
        CHECK_EQ(ist_trainer_create(both[i]->context, &both[i]->trainer, both[i]->model, data, &spec.train), IST_OK);
        run_go(both[i], 0);
    }
    file_check_same(model_bytes(floats.model), model_bytes(bytes.model));
    run_close(&floats);
    ist_trainer_destroy(bytes.trainer);
    bytes.trainer = NULL;
    ist_dataset_destroy(dataset);
    free(raw);
    run_close(&bytes);
}

static void check_open_refused(ist_context *context, const char *x, const char *y, ist_status status)
{
    ist_dataset *dataset = UNTOUCHED;
    CHECK_EQ(ist_dataset_open(context, &dataset, x, y), status);
    CHECK(dataset == UNTOUCHED);
    check_one_line(context);
}

TEST(files_are_opened_or_refused_with_a_line)
{
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    const char *x = scratch_path("x.csv"), *y = scratch_path("y.csv"), *odd = scratch_path("odd.csv");
    file_write(x, "1,2,3\n4,5,6\n", 12);
    file_write(y, "1\n0\n", 4);
    file_write(odd, "1\n0\n2\n", 6);
    ist_dataset *dataset = NULL;
    CHECK_EQ(ist_dataset_open(context, &dataset, x, y), IST_OK);
    CHECK_EQ(ist_dataset_rows(dataset), 2);
    CHECK_EQ(ist_dataset_features(dataset), 3);
    CHECK_EQ(ist_dataset_classes(dataset), 2);
    ist_dataset_destroy(dataset);
    check_open_refused(context, x, odd, IST_E_SHAPE);
    check_open_refused(context, scratch_path("missing.csv"), NULL, IST_E_IO);
    check_open_refused(context, x, scratch_path("missing.csv"), IST_E_IO);
    file_write(odd, "1,2\n3,nan\n", 10);
    check_open_refused(context, odd, NULL, IST_E_FORMAT);
    ist_context_destroy(context);
}
