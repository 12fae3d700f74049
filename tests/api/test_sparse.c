/* test_sparse.c - sparse files through the public header: opened, described, saved, trained on as dense rows. */
#define _GNU_SOURCE
#include "fixture_run.h"

static const char *put(const char *name, const char *text)
{
    const char *path = scratch_path(name);
    file_write(path, (const unsigned char *)text, strlen(text));
    return path;
}

static const char svm[] = "0 1:1 3:2\n1 2:1\n2 1:4 2:5 3:6\n1 3:1\n";

TEST(sparse_rows_are_described_and_saved)
{
    ist_context *context = NULL;
    CHECK_EQ(ist_context_create(&context, NULL), IST_OK);
    ist_dataset *d = NULL, *again = NULL;
    ist_dataset_config config = IST_DATASET_CONFIG_INIT;
    config.sparse = 1;
    CHECK_EQ(ist_dataset_open_as(context, &d, put("a.svm", svm), NULL, &config), IST_OK);
    ist_dataset_info a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    CHECK_EQ(ist_dataset_describe(d, &a), IST_OK);
    CHECK_EQ(a.rows, 4);
    CHECK_EQ(a.features, 3);
    CHECK_EQ(a.classes, 3);
    CHECK_EQ(a.values, 7);
    CHECK_EQ(a.labels, 4);
    CHECK_EQ(a.content_bytes, sizeof svm - 1);
    CHECK_EQ(a.text, IST_TEXT_LIBSVM);
    CHECK_EQ(a.sparse, 1);
    CHECK_EQ(ist_dataset_rows(d), 4);
    CHECK_EQ(ist_dataset_save(context, d, scratch_path("a.isd")), IST_OK);
    CHECK_EQ(ist_dataset_open_as(context, &again, scratch_path("a.isd"), NULL, &config), IST_OK);
    CHECK_EQ(ist_dataset_describe(again, &b), IST_OK);
    CHECK_EQ(b.values, 7);
    CHECK_EQ(b.text, IST_TEXT_AUTO);
    ist_dataset_destroy(d);
    ist_dataset_destroy(again);
    CHECK_EQ(ist_dataset_open(context, &d, scratch_path("a.isd"), NULL), IST_OK);
    CHECK_EQ(ist_dataset_describe(d, &b), IST_OK);
    CHECK_EQ(b.sparse, 0);
    CHECK_EQ(b.values, 12);
    CHECK_EQ(b.labels, 4);
    CHECK_EQ(ist_dataset_save(context, d, scratch_path("b.isd")), IST_E_ARGUMENT);
    CHECK_STR(ist_context_error(context), "the dataset was not opened as sparse rows");
    ist_dataset_destroy(d);
    ist_context_destroy(context);
}

TEST(a_wrong_configuration_is_refused)
{
    ist_context *context = NULL;
    ist_dataset *d = NULL;
    CHECK_EQ(ist_context_create(&context, NULL), IST_OK);
    const char *path = put("a.svm", svm);
    for (int i = 0; i < 7; i++) {
        ist_dataset_config config = IST_DATASET_CONFIG_INIT;
        const char *y = NULL;
        if (i == 0) config.text = 3;
        if (i == 1) config.text = -1;
        if (i == 2) config.index_base = 2;
        if (i == 3) config.features = -1;
        if (i == 4) config.dense_limit_bytes = -1;
        if (i == 5) config.struct_size = 4;
        if (i == 6) {
            config.sparse = 1;
            y = path;
        }
        CHECK_EQ(ist_dataset_open_as(context, &d, path, y, &config), IST_E_ARGUMENT);
        CHECK(d == NULL);
    }
    ist_dataset_info info = {.struct_size = 4};
    CHECK_EQ(ist_dataset_describe(NULL, &info), IST_E_ARGUMENT);
    CHECK_EQ(ist_dataset_open(context, &d, path, NULL), IST_OK);
    CHECK_EQ(ist_dataset_describe(d, &info), IST_E_ARGUMENT);
    ist_dataset_destroy(d);
    ist_context_destroy(context);
}

TEST(a_context_without_threads_reads_alone)
{
    ist_context *context = NULL;
    ist_dataset *d = NULL;
    ist_context_config machine = IST_CONTEXT_CONFIG_INIT;
    machine.topology = "numa:2 core:2 pu:1";
    if (ist_context_create(&context, &machine) != IST_OK) SKIP("built without hwloc");
    CHECK_EQ(ist_dataset_open(context, &d, put("a.svm", svm), NULL), IST_OK);
    CHECK_EQ(ist_dataset_rows(d), 4);
    ist_dataset_destroy(d);
    ist_context_destroy(context);
}
