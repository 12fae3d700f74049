/* Datasets that do not come from files: filled by a callback, and sparse rows in memory. */
#define _GNU_SOURCE
#include <math.h>

#include "fixture_run.h"

/* ------------------------------------------------------------------------------------------------------- callbacks -- */

typedef struct source {
    const table *table;
    int64_t next, calls, most; /* row that is expected next */
    int64_t ends_at, bad_at;   /* row; -1: none */
    float bad_x, bad_y;
    int32_t bad_label;
    int as_bytes;
} source;

static int32_t fill(void *user, int64_t first_row, int64_t count, void *x, int32_t *labels, float *y)
{
    source *s = user;
    const table *t = s->table;
    CHECK(first_row == s->next && count >= 1);
    s->calls++;
    if (count > s->most) s->most = count;
    s->next += count;
    for (int64_t i = 0; i < count; i++) {
        const int64_t row = first_row + i;
        const int bad = row == s->bad_at;
        for (int32_t f = 0; f < t->features; f++) {
            const float value = bad && f == 1 ? s->bad_x : t->x[row * t->features + f];
            if (s->as_bytes) ((unsigned char *)x)[i * t->features + f] = (unsigned char)(100 + (int)(40 * value));
            else ((float *)x)[i * t->features + f] = value;
        }
        if (labels) labels[i] = bad ? s->bad_label : t->labels[row];
        for (int32_t k = 0; y && k < t->classes; k++)
            y[i * t->classes + k] = bad && k == 2 ? s->bad_y : t->y[row * t->classes + k];
        if (row == s->ends_at) return 7;
    }
    return 0;
}

static ist_rows_config config_of(const table *t)
{
    ist_rows_config config = IST_ROWS_CONFIG_INIT;
    config.rows = t->rows;
    config.features = t->features;
    if (t->y) config.targets = t->classes;
    else config.classes = t->classes;
    return config;
}

/* Trained on, it is the dataset that was wrapped, whatever the size of batches. */
TEST(filled_rows_are_the_rows_that_were_written)
{
    for (int32_t loss = IST_LOSS_CROSS_ENTROPY; loss <= IST_LOSS_MSE; loss++)
        for (int64_t at_once = 0; at_once < 100; at_once += 33) {
            run_spec spec = run_spec_small();
            spec.loss = loss;
            run expected = run_open(&spec), r = run_open(&spec);
            source s = {.table = &r.table, .ends_at = -1, .bad_at = -1};
            ist_rows_config config = config_of(&r.table);
            config.rows_at_once = at_once;
            ist_trainer_destroy(r.trainer);
            ist_dataset_destroy(r.dataset);
            CHECK_EQ(ist_dataset_from_rows(r.context, &r.dataset, &config, fill, &s), IST_OK);
            CHECK_EQ(s.next, spec.rows);
            CHECK_EQ(s.calls, at_once == 33 ? 2 : 1);
            CHECK(at_once == 0 || s.most <= at_once);
            CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec.train), IST_OK);
            run_go(&r, 0);
            run_go(&expected, 0);
            file_check_same(trainer_bytes(r.trainer), trainer_bytes(expected.trainer));
            run_close(&r);
            run_close(&expected);
        }
}

TEST(a_filled_dataset_of_bytes_or_without_answers_tells_what_it_is)
{
    table t = table_make(50, 3, 4);
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    source s = {.table = &t, .ends_at = -1, .bad_at = -1, .as_bytes = 1};
    ist_rows_config config = config_of(&t);
    config.classes = 0;
    config.x_type = IST_UINT8;
    config.rows_at_once = 1;
    ist_dataset *data = NULL;
    ist_dataset_info info = {.struct_size = sizeof info};
    CHECK_EQ(ist_dataset_from_rows(context, &data, &config, fill, &s), IST_OK);
    CHECK_EQ(s.calls, 50);
    CHECK_EQ(ist_dataset_describe(data, &info), IST_OK);
    CHECK(info.rows == 50 && info.features == 3 && info.classes == 0 && info.targets == 0 && info.labels == 0);
    ist_dataset_destroy(data);
    ist_context_destroy(context);
    table_free(&t);
}

TEST(what_a_callback_may_not_write_and_how_it_ends_is_told)
{
    table t = table_make(50, 3, 4), regression = table_make(50, 3, 4);
    table_add_targets(&regression);
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    const struct {
        source source;
        const char *line;
    } cases[] = {
        {{&t, .ends_at = 44, .bad_at = -1}, "fill ended with 7 for 8 rows from row 40 on"},
        {{&t, .ends_at = -1, .bad_at = 41, .bad_x = NAN}, "dataset: row 41, feature 1: not a finite float32"},
        {{&t, .ends_at = -1, .bad_at = 41, .bad_label = 4}, "dataset: labels[41] is 4, not one of 0 .. 3"},
        {{&t, .ends_at = -1, .bad_at = 7, .bad_label = -1}, "dataset: labels[7] is -1, not one of 0 .. 3"},
        {{&regression, .ends_at = -1, .bad_at = 41, .bad_y = INFINITY},
         "dataset: row 41, target 2: not a finite float32"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        source s = cases[i].source;
        ist_rows_config config = config_of(s.table);
        config.rows_at_once = 8;
        ist_dataset *data = (ist_dataset *)(void *)&data;
        CHECK_EQ(ist_dataset_from_rows(context, &data, &config, fill, &s), IST_E_ARGUMENT);
        CHECK(data == (ist_dataset *)(void *)&data);
        CHECK_STR(ist_context_error(context), cases[i].line);
    }
    ist_context_destroy(context);
    table_free(&t);
    table_free(&regression);
}

TEST(fillings_out_of_range_are_refused_by_name)
{
    table t = table_make(50, 3, 4);
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    const ist_rows_config good = config_of(&t);
    source s = {.table = &t};
    ist_dataset *data = NULL;
    const struct {
        const char *word;
        size_t at;
        int64_t value;
        int bytes;
    } bad[] = {{"struct_size", offsetof(ist_rows_config, struct_size), 8, 8},
               {"0 rows", offsetof(ist_rows_config, rows), 0, 8},
               {"0 features", offsetof(ist_rows_config, features), 0, 4},
               {"x_type is 3", offsetof(ist_rows_config, x_type), IST_FLOAT64, 4},
               {"-1 classes", offsetof(ist_rows_config, classes), -1, 4},
               {"classes and targets", offsetof(ist_rows_config, targets), 2, 4},
               {"rows_at_once is -1", offsetof(ist_rows_config, rows_at_once), -1, 8}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ist_rows_config config = good;
        memcpy((char *)&config + bad[i].at, &bad[i].value, (size_t)bad[i].bytes);
        CHECK_EQ(ist_dataset_from_rows(context, &data, &config, fill, &s), IST_E_ARGUMENT);
        check_one_line(context);
        if (!strstr(ist_context_error(context), bad[i].word)) CHECK_STR(ist_context_error(context), bad[i].word);
    }
    CHECK_EQ(ist_dataset_from_rows(context, &data, &good, NULL, &s), IST_E_ARGUMENT);
    CHECK_EQ(ist_dataset_from_rows(context, NULL, &good, fill, &s), IST_E_ARGUMENT);
    CHECK(data == NULL && s.calls == 0);
    ist_context_destroy(context);
    table_free(&t);
}

/* ------------------------------------------------------------------------------------------------------- sparse rows -- */

/* 0:1 2:2 | 1:1 | 0:4 1:5 2:6 | 2:1, with labels 0 1 2 1, as a file has them. */
static const char svm[] = "0 1:1 3:2\n1 2:1\n2 1:4 2:5 3:6\n1 3:1\n";
static const int64_t begin[] = {0, 2, 3, 6, 7}, label_begin[] = {0, 1, 1, 3, 4};
static const int32_t feature[] = {0, 2, 1, 0, 1, 2, 2}, label[] = {0, 1, 2, 1}, several[] = {0, 1, 2, 1};
static const float value[] = {1, 2, 1, 4, 5, 6, 1};

static ist_csr csr_of(void)
{
    ist_csr csr = IST_CSR_INIT;
    csr.rows = 4;
    csr.features = csr.labels = 3;
    csr.row_begin = begin;
    csr.feature = feature;
    csr.value = value;
    csr.label = label;
    return csr;
}

TEST(sparse_rows_in_memory_are_those_of_a_file)
{
    ist_context *context = run_context(2, 1, IST_ENGINE_AUTO);
    file_write(scratch_path("a.svm"), svm, sizeof svm - 1);
    for (int32_t sparse = 0; sparse <= 1; sparse++) {
        const ist_csr csr = csr_of();
        ist_dataset_config config = IST_DATASET_CONFIG_INIT;
        ist_dataset *memory = NULL, *file = NULL;
        ist_dataset_info a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
        config.sparse = sparse;
        config.need_labels = 1;
        CHECK_EQ(ist_dataset_from_csr(context, &memory, &csr, &config), IST_OK);
        CHECK_EQ(ist_dataset_open_as(context, &file, scratch_path("a.svm"), NULL, &config), IST_OK);
        CHECK_EQ(ist_dataset_describe(memory, &a), IST_OK);
        CHECK_EQ(ist_dataset_describe(file, &b), IST_OK);
        CHECK(a.rows == b.rows && a.features == b.features && a.classes == b.classes && a.values == b.values &&
              a.labels == b.labels && a.sparse == sparse && a.text == IST_TEXT_AUTO);
        if (sparse) {
            CHECK_EQ(ist_dataset_save(context, memory, scratch_path("memory.isd")), IST_OK);
            CHECK_EQ(ist_dataset_save(context, file, scratch_path("file.isd")), IST_OK);
            file_check_same(file_read(scratch_path("memory.isd")), file_read(scratch_path("file.isd")));
        }
        ist_dataset_destroy(memory);
        ist_dataset_destroy(file);
    }
    ist_context_destroy(context);
}

/* As dense rows by its predictions: a net tells rows apart. */
static void check_dense(ist_context *context, const ist_csr *csr, const ist_dataset_config *config, const float *x,
                        int32_t features)
{
    ist_dataset *sparse = NULL, *dense = NULL;
    ist_model *model = NULL;
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    float a[12], b[12];
    net.features = features;
    net.classes = 3;
    net.hidden_norm = net.output_norm = IST_NORM_NONE;
    CHECK_EQ(ist_dataset_from_csr(context, &sparse, csr, config), IST_OK);
    CHECK_EQ(ist_dataset_wrap(context, &dense, x, IST_FLOAT32, 4, features, features * 4, NULL, 0), IST_OK);
    CHECK_EQ(ist_model_create(context, &model, &net), IST_OK);
    CHECK_EQ(ist_model_predict(model, sparse, NULL, a), IST_OK);
    CHECK_EQ(ist_model_predict(model, dense, NULL, b), IST_OK);
    CHECK_MEM(a, b, sizeof a);
    ist_model_destroy(model);
    ist_dataset_destroy(sparse);
    ist_dataset_destroy(dense);
}

TEST(sparse_rows_in_memory_become_dense_rows)
{
    static const float valued[4][4] = {{1, 0, 2}, {0, 1}, {4, 5, 6}, {0, 0, 1}};
    static const float ones[4][3] = {{1, 0, 1}, {0, 1, 0}, {1, 1, 1}, {0, 0, 1}};
    ist_context *context = run_context(1, 2, IST_ENGINE_AUTO);
    ist_csr csr = csr_of();
    ist_dataset_config wider = IST_DATASET_CONFIG_INIT;
    wider.features = 4;
    check_dense(context, &csr, &wider, valued[0], 4);
    csr.value = NULL;
    check_dense(context, &csr, NULL, ones[0], 3);
    csr.label = NULL;
    csr.labels = 0;
    check_dense(context, &csr, NULL, ones[0], 3);
    ist_context_destroy(context);
}

TEST(sparse_rows_without_values_or_with_several_labels_are_kept)
{
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    ist_csr csr = csr_of();
    ist_dataset_config config = IST_DATASET_CONFIG_INIT;
    ist_dataset *memory = NULL, *file = NULL;
    csr.value = NULL;
    csr.label_begin = label_begin;
    csr.label = several;
    config.sparse = 1;
    CHECK_EQ(ist_dataset_from_csr(context, &memory, &csr, &config), IST_OK);
    CHECK_EQ(ist_dataset_save(context, memory, scratch_path("memory.isd")), IST_OK);
    static const char text[] = "4 3 3\n0 0:1 2:1\n 1:1\n1,2 0:1 1:1 2:1\n1 2:1\n";
    file_write(scratch_path("b.txt"), text, sizeof text - 1);
    CHECK_EQ(ist_dataset_open_as(context, &file, scratch_path("b.txt"), NULL, &config), IST_OK);
    CHECK_EQ(ist_dataset_save(context, file, scratch_path("file.isd")), IST_OK);
    file_check_same(file_read(scratch_path("memory.isd")), file_read(scratch_path("file.isd")));
    ist_dataset_destroy(memory);
    ist_dataset_destroy(file);
    config.sparse = 0;
    config.need_labels = 1;
    CHECK_EQ(ist_dataset_from_csr(context, &memory, &csr, &config), IST_E_SHAPE);
    CHECK_STR(ist_context_error(context), "csr: 4 labels for 4 rows, row 2 has 0: dense rows need one class each");
    csr = csr_of();
    config.dense_limit_bytes = 47;
    CHECK_EQ(ist_dataset_from_csr(context, &memory, &csr, &config), IST_E_SHAPE);
    config.dense_limit_bytes = 48;
    CHECK_EQ(ist_dataset_from_csr(context, &memory, &csr, &config), IST_OK);
    ist_dataset_destroy(memory);
    ist_context_destroy(context);
}

TEST(sparse_rows_that_are_not_as_said_are_refused)
{
    static const int64_t back[] = {0, 2, 3, 2, 7}, late[] = {1, 2, 3, 6, 7}, negative[] = {0, 2, 3, 6, -1};
    static const int32_t twice[] = {0, 2, 1, 0, 0, 2, 2}, high[] = {0, 2, 1, 0, 1, 3, 2},
                         low[] = {-1, 2, 1, 0, 1, 2, 2};
    static const int32_t no_label[] = {0, 3, 2, 1};
    static const float bad_value[] = {1, 2, 1, 4, 5, 6, NAN};
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    const ist_csr good = csr_of();
    ist_csr bad[13];
    const char *word[13] = {
        "row 3: its entries", "row 1: its entries", "-1 entries",     "row 3: features", "row 3: features",
        "row 1: features",    "row 2: labels",      "row 4: a value", "0 rows",          "0 features",
        "labels is 0",        "row_begin is NULL",  "feature is NULL"};
    for (int i = 0; i < 13; i++) bad[i] = good;
    bad[0].row_begin = back;
    bad[1].row_begin = late;
    bad[2].row_begin = negative;
    bad[3].feature = twice;
    bad[4].feature = high;
    bad[5].feature = low;
    bad[6].label = no_label;
    bad[7].value = bad_value;
    bad[8].rows = 0;
    bad[9].features = 0;
    bad[10].labels = 0;
    bad[11].row_begin = NULL;
    bad[12].feature = NULL;
    ist_dataset *data = NULL;
    for (int i = 0; i < 13; i++) {
        CHECK_EQ(ist_dataset_from_csr(context, &data, &bad[i], NULL), IST_E_ARGUMENT);
        check_one_line(context);
        if (!strstr(ist_context_error(context), word[i])) CHECK_STR(ist_context_error(context), word[i]);
    }
    ist_dataset_config config = IST_DATASET_CONFIG_INIT;
    config.features = 2;
    CHECK_EQ(ist_dataset_from_csr(context, &data, &good, &config), IST_E_ARGUMENT);
    config.features = 0;
    config.targets = 1;
    CHECK_EQ(ist_dataset_from_csr(context, &data, &good, &config), IST_E_ARGUMENT);
    CHECK(data == NULL);
    ist_context_destroy(context);
}
