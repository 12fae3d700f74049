/* test_sparse_file.c - a data file gives back the rows that were saved; a damaged one, or one with rows that cannot be,
 * is refused. */
#define _POSIX_C_SOURCE 200809L
#include "ist_test.h"

#include <math.h>

#include "base/mem.h"
#include "data/dataset.h"
#include "many_hands.h"
#include "temp_files.h"

static const ist__sparse_ask plain_ask = {0};

static ist__sparse load_file(const char *path, const ist__hands *hands)
{
    ist__sparse s = {0};
    ist__error error = {0};
    CHECK_EQ(ist__sparse_load(path, &plain_ask, hands, &s, &error), IST_OK);
    CHECK_STR(error.text, "");
    return s;
}

static const char *save_file(const char *name, const ist__sparse *s)
{
    ist__error error = {0};
    const char *path = temp_path(name);
    CHECK_EQ(ist__sparse_save(s, path, &error), IST_OK);
    return path;
}

static void check_same(const ist__sparse *a, const ist__sparse *b)
{
    CHECK_EQ(a->rows, b->rows);
    CHECK_EQ(a->features, b->features);
    CHECK_EQ(a->labels, b->labels);
    CHECK_EQ(a->nonzeros, b->nonzeros);
    CHECK_EQ(a->label_entries, b->label_entries);
    CHECK_MEM(a->row_begin, b->row_begin, (a->rows + 1) * 8);
    CHECK_MEM(a->label_begin, b->label_begin, (a->rows + 1) * 8);
    CHECK_MEM(a->feature, b->feature, a->nonzeros * 4);
    CHECK_MEM(a->value, b->value, a->nonzeros * 4);
    CHECK_MEM(a->label, b->label, a->label_entries * 4);
}

/* A table of so many rows, in text that is parsed; several blocks for 100000. */
static ist__sparse make(int rows)
{
    bytes b = {0};
    char word[64];
    snprintf(word, sizeof word, "%d 5000 300\n", rows);
    bytes_text(&b, word);
    for (int r = 0; r < rows; r++) {
        for (int i = 0; i < r % 3; i++) {
            snprintf(word, sizeof word, "%s%d", i ? "," : "", r % 100 + 100 * i);
            bytes_text(&b, word);
        }
        for (int i = 0; i < r % 11; i++) {
            snprintf(word, sizeof word, " %d:%d.25", r % 400 + 400 * i, r % 7);
            bytes_text(&b, word);
        }
        bytes_text(&b, "\n");
    }
    const char *path = temp_put("made.txt", b.data, b.count);
    free(b.data);
    return load_file(path, &many_hands);
}

static size_t read_whole(const char *path, unsigned char **data)
{
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    fseek(file, 0, SEEK_END);
    const size_t count = (size_t)ftell(file);
    rewind(file);
    *data = malloc(count + 1);
    CHECK(*data != NULL);
    CHECK_EQ(fread(*data, 1, count, file), count);
    fclose(file);
    return count;
}

/* The error line, behind the path, of a file with these bytes. */
static const char *refused(const unsigned char *data, size_t count)
{
    static char text[600];
    ist__sparse s = {0};
    ist__error error = {0};
    const char *path = temp_put("bad.isd", data, count);
    const ist_status status = ist__sparse_load(path, &plain_ask, &many_hands, &s, &error);
    CHECK_EQ(status, IST_E_FORMAT);
    CHECK(s.rows == 0 && s.owned[0] == NULL);
    CHECK(strstr(error.text, "bad.isd: ") != NULL);
    snprintf(text, sizeof text, "%s", error.text + strlen(path));
    return text;
}

/* ---------------------------------------------------------------------------------------------------- round trip -- */

TEST(a_data_file_gives_back_the_rows)
{
    for (int rows = 1; rows <= 100000; rows = rows * 7 + 3) {
        ist__sparse made = make(rows);
        const char *path = save_file("a.isd", &made);
        for (int threads = 0; threads <= 4; threads++) {
            many_hands_count = threads;
            ist__sparse got = load_file(path, threads ? &many_hands : NULL);
            check_same(&made, &got);
            CHECK_EQ((uintptr_t)got.feature % 64 + (uintptr_t)got.value % 64 + (uintptr_t)got.row_begin % 64, 0);
            unsigned char *first, *second;
            const size_t count = read_whole(path, &first);
            CHECK_EQ(read_whole(save_file("b.isd", &got), &second), count);
            CHECK_MEM(first, second, count);
            CHECK_EQ(got.content_bytes, count);
            if (threads == 1) {
                ist__sparse packed = load_file(temp_put_gzip("a.isd.gz", first, count), &many_hands);
                check_same(&made, &packed);
                ist__sparse_destroy(&packed);
            }
            free(first);
            free(second);
            ist__sparse_destroy(&got);
        }
        ist__sparse_destroy(&made);
    }
}

/* --------------------------------------------------------------------------------------------------------- damage -- */

TEST(damage_is_refused)
{
    ist__sparse made = make(500);
    unsigned char *data;
    const size_t count = read_whole(save_file("a.isd", &made), &data);
    ist__sparse_destroy(&made);
    for (size_t at = 0; at < count; at += at < 256 ? 1 : 97) { /* header and checksums: every byte */
        data[at] ^= (unsigned char)(1 << at % 8);
        const char *why = refused(data, count);
        if (at >= 192 && !strstr(why, "checksum")) CHECK_STR(why, "a line about a checksum");
        data[at] ^= (unsigned char)(1 << at % 8);
    }
    for (size_t length = 0; length < count; length += length < 256 ? 1 : 97) refused(data, length);
    data[count] = 0;
    CHECK(strstr(refused(data, count + 1), "bytes of arrays should follow") != NULL);
    data[8] = 2;
    CHECK_STR(refused(data, count), ": byte 8: data file of version 2, this reads 1");
    free(data);
}

TEST(damage_is_told_by_its_place)
{
    ist__sparse made = make(100000);
    unsigned char *data;
    const size_t count = read_whole(save_file("a.isd", &made), &data);
    ist__sparse_destroy(&made);
    CHECK(count > (size_t)5 << 20);
    const size_t begin = count - (count - 128 - 64) / 64 * 64; /* fewer than 8 blocks: one line of checksums */
    CHECK_EQ(begin, 192);
    data[begin + (3 << 20) + 77] ^= 4;
    data[begin + (4 << 20) + 1] ^= 4;
    char expected[120];
    snprintf(expected, sizeof expected, ": byte %zu: damaged, the checksum of these 1048576 bytes is wrong",
             begin + (3 << 20));
    for (many_hands_count = 1; many_hands_count <= 4; many_hands_count++) CHECK_STR(refused(data, count), expected);
    free(data);
}

/* A stranger can compute checksums: rows are looked at, too. */
TEST(rows_that_cannot_be_are_refused)
{
    int64_t row_begin[] = {0, 2, 3, 3}, label_begin[] = {0, 1, 3, 3};
    int32_t feature[] = {1, 4, 0}, label[] = {2, 0, 1};
    float value[] = {1, 2, 3};
    const ist__sparse well = {.rows = 3,
                              .features = 5,
                              .labels = 3,
                              .nonzeros = 3,
                              .label_entries = 3,
                              .row_begin = row_begin,
                              .label_begin = label_begin,
                              .feature = feature,
                              .value = value,
                              .label = label};
    ist__sparse got = load_file(save_file("a.isd", &well), NULL);
    check_same(&well, &got);
    ist__sparse_destroy(&got);
    const struct {
        int64_t *offset;
        int32_t *number;
        float *real;
        int64_t wrong;
        const char *error;
    } cases[] = {
        {&row_begin[0], NULL, NULL, 1, ": row 1: its entries are not in their array"},
        {&row_begin[1], NULL, NULL, -1, ": row 1: its entries are not in their array"},
        {&row_begin[1], NULL, NULL, INT64_MAX, ": row 1: its entries are not in their array"},
        {&row_begin[2], NULL, NULL, 1, ": row 2: its entries are not in their array"},
        {&row_begin[3], NULL, NULL, 2, ": row 3: its entries are not in their array"},
        {&label_begin[1], NULL, NULL, 4, ": row 1: its labels are not in their array"},
        {NULL, &feature[1], NULL, 1, ": row 1: features that do not ascend, or out of range"},
        {NULL, &feature[1], NULL, 5, ": row 1: features that do not ascend, or out of range"},
        {NULL, &feature[2], NULL, -1, ": row 2: features that do not ascend, or out of range"},
        {NULL, &label[0], NULL, 3, ": row 1: labels that do not ascend, or out of range"},
        {NULL, &label[1], NULL, 1, ": row 2: labels that do not ascend, or out of range"},
        {NULL, NULL, &value[2], 0, ": row 2: a value that is not finite"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t offset = cases[i].offset ? *cases[i].offset : 0;
        const int32_t number = cases[i].number ? *cases[i].number : 0;
        const float real = cases[i].real ? *cases[i].real : 0;
        if (cases[i].offset) *cases[i].offset = cases[i].wrong;
        if (cases[i].number) *cases[i].number = (int32_t)cases[i].wrong;
        if (cases[i].real) *cases[i].real = NAN;
        unsigned char *data;
        const size_t count = read_whole(save_file("a.isd", &well), &data);
        CHECK_STR(refused(data, count), cases[i].error);
        free(data);
        if (cases[i].offset) *cases[i].offset = offset;
        if (cases[i].number) *cases[i].number = number;
        if (cases[i].real) *cases[i].real = real;
    }
}

TEST(more_features_than_expected_are_refused)
{
    ist__sparse made = make(20), got = {0};
    ist__error error = {0};
    const char *path = save_file("a.isd", &made);
    ist__sparse_destroy(&made);
    const ist__sparse_ask narrow = {.features = 4999}, wide = {.features = 6000};
    CHECK_EQ(ist__sparse_load(path, &narrow, NULL, &got, &error), IST_E_FORMAT);
    CHECK_STR(error.text + strlen(path), ": 5000 features, but at most 4999 are expected");
    CHECK_EQ(ist__sparse_load(path, &wide, NULL, &got, &error), IST_OK);
    CHECK_EQ(got.features, 6000);
    ist__sparse_destroy(&got);
}

/* --------------------------------------------------------------------------------------------------------- dense -- */

static ist_status open_text(const char *text, const ist__dataset_ask *ask, ist_dataset **out, ist__error *error)
{
    *error = (ist__error){0};
    *out = NULL;
    return ist__dataset_open_as(out, temp_put_text("t", text), NULL, ask, &many_hands, error);
}

TEST(one_label_a_row_is_a_dense_dataset)
{
    const ist__dataset_ask ask = {.sparse = {.index_base = 1}, .need_labels = true};
    ist_dataset *d;
    ist__error error;
    CHECK_EQ(open_text("2 1:0.5 4:2\n0 2:-1\n1\n", &ask, &d, &error), IST_OK);
    const float x[] = {0.5F, 0, 0, 2, 0, -1, 0, 0, 0, 0, 0, 0};
    const int32_t y[] = {2, 0, 1};
    CHECK_EQ(d->rows, 3);
    CHECK_EQ(d->features, 4);
    CHECK_EQ(d->classes, 3);
    CHECK_EQ(d->type, IST_FLOAT32);
    CHECK_EQ(d->row_stride_bytes, 16);
    CHECK_MEM(d->x, x, sizeof x);
    CHECK_MEM(d->labels, y, sizeof y);
    ist__dataset_destroy(d);
}

TEST(what_is_no_dense_dataset_is_told)
{
    const ist__dataset_ask need = {.sparse = {.index_base = 1}, .need_labels = true},
                           any = {.sparse = {.index_base = 1}},
                           small = {.sparse = {.index_base = 1}, .dense_limit_bytes = 31},
                           room = {.sparse = {.index_base = 1}, .room_bytes = 31},
                           enough = {.sparse = {.index_base = 1}, .dense_limit_bytes = 32};
    const struct {
        const char *text;
        const ist__dataset_ask *ask;
        const char *error; /* NULL: none */
    } cases[] = {
        {"2 1:1\n1,2 1:1\n", &need, ": 3 labels for 2 rows, row 2 has 2: dense rows need one class each"},
        {"2 1:1\n1:1\n", &need, ": 1 labels for 2 rows, row 2 has 0: dense rows need one class each"},
        {"2 1:1\n1,2 1:1\n", &any, NULL},
        {"2 1:1\n1,2 4:1\n", &small,
         ": 2 rows of 4 features, of which 1 in a row are not 0, are 32 B as dense rows, and the limit is 31 B: keep "
         "them "
         "sparse"},
        {"2 1:1\n1,2 4:1\n", &room,
         ": 2 rows of 4 features, of which 1 in a row are not 0, are 32 B as dense rows, and the limit is 31 B: keep "
         "them "
         "sparse"},
        {"2 1:1\n1,2 4:1\n", &enough, NULL},
        {"2 16777217:1\n", &any, ": 16777217 features, but dense rows have at most 16777216"},
        {"2 1:1\n1 16000000:1\n", &any,
         ": 2 rows of 16000000 features, of which 1 in a row are not 0, are 128 MB as dense rows, and the limit is "
         "67.1 MB: keep them sparse"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ist_dataset *d;
        ist__error error;
        const ist_status status = open_text(cases[i].text, cases[i].ask, &d, &error);
        CHECK_EQ(status, cases[i].error ? IST_E_SHAPE : IST_OK);
        if (cases[i].error) CHECK_STR(strchr(error.text, ':'), cases[i].error);
        else CHECK(d->labels == NULL && d->classes == 0);
        ist__dataset_destroy(d);
    }
}

TEST(labels_come_from_one_place)
{
    ist_dataset *d = NULL;
    ist__error error = {0};
    const char *inside = temp_put_text("i", "0 1:1\n1 1:2\n"), *none = temp_put_text("n", "1:1\n1:2\n");
    const char *y = temp_put_text("y.csv", "1\n0\n");
    CHECK_EQ(ist__dataset_open(&d, inside, y, &error), IST_E_SHAPE);
    CHECK(strstr(error.text, ": has labels inside, and needs no file of labels") != NULL);
    CHECK_EQ(ist__dataset_open(&d, none, y, &error), IST_OK);
    CHECK_EQ(d->classes, 2);
    CHECK_EQ(d->labels[0], 1);
    ist__dataset_destroy(d);
    const ist__dataset_ask need = {.need_labels = true}, sparse = {.keep_sparse = true};
    CHECK_EQ(ist__dataset_open_as(&d, y, NULL, &need, NULL, &error), IST_E_SHAPE);
    CHECK(strstr(error.text, "y.csv: has no labels inside, and needs a file of labels") != NULL);
    CHECK_EQ(ist__dataset_open_as(&d, y, NULL, &sparse, NULL, &error), IST_E_FORMAT);
    CHECK(strstr(error.text, "neither XMC nor libsvm text, nor a data file of ist") != NULL);
}

TEST(values_take_their_logarithm_and_rows_their_length)
{
    ist_dataset *d = NULL;
    ist__error error = {0};
    const char *path = temp_put_text("s", "0 1:3 2:4\n1\n0 1:-0.5 3:1e-7 4:1e30\n1 2:0\n");
    ist__dataset_ask ask = {.sparse = {.index_base = 1}, .scale = {.row_length = 2}};
    CHECK_EQ(ist__dataset_open_as(&d, path, NULL, &ask, NULL, &error), IST_OK); /* dense ones, too */
    const float *x = d->x;
    CHECK(x[0] == 1.2F && x[1] == 1.6F && x[4] == 0 && x[13] == 0);
    ist__dataset_destroy(d);
    ask.scale = (ist__sparse_scale){.log1p = true};
    ask.keep_sparse = IST_ROWS_SPARSE;
    CHECK_EQ(ist__dataset_open_as(&d, path, NULL, &ask, NULL, &error), IST_OK);
    const double raw[] = {3, 4, -0.5, (double)1e-7F, (double)1e30F, 0};
    for (int i = 0; i < 6; i++) CHECK(d->sparse.value[i] == (float)log1p(raw[i]));
    ist__dataset_destroy(d);
    ask.scale.row_length = 3;
    CHECK_EQ(ist__dataset_open_as(&d, path, NULL, &ask, NULL, &error), IST_OK);
    const double a = log1p(3), b = log1p(4), length = sqrt(a * a + b * b);
    CHECK_NEAR((double)d->sparse.value[0], 3 * a / length, 1e-6);
    CHECK_NEAR((double)d->sparse.value[1], 3 * b / length, 1e-6);
    CHECK(d->sparse.value[5] == 0);
    ist__dataset_destroy(d);
    path = temp_put_text("bad", "0 1:3\n1 7:-1\n");
    CHECK_EQ(ist__dataset_open_as(&d, path, NULL, &ask, NULL, &error), IST_E_FORMAT);
    CHECK(strstr(error.text, "bad: row 2, feature 6: the value -1 has no log(1 + value)") != NULL);
}

TEST(rows_are_sparse_where_they_must_be)
{
    ist_dataset *d = NULL;
    ist__error error = {0};
    const char *one = temp_put_text("one", "0 1:3\n1 2:1\n"), *two = temp_put_text("two", "0,1 1:3\n1 2:1\n");
    const char *none = temp_put_text("none", "1:3\n2:1\n");
    ist__dataset_ask ask = {.sparse = {.index_base = 1}, .need_labels = true, .keep_sparse = IST_ROWS_AUTO};
    CHECK_EQ(ist__dataset_open_as(&d, one, NULL, &ask, NULL, &error), IST_OK);
    CHECK(d->x != NULL && d->labels != NULL);
    ist__dataset_destroy(d);
    CHECK_EQ(ist__dataset_open_as(&d, two, NULL, &ask, NULL, &error), IST_OK);
    CHECK(d->x == NULL && d->labels == NULL && d->sparse.rows == 2);
    ist__dataset_destroy(d);
    CHECK_EQ(ist__dataset_open_as(&d, none, NULL, &ask, NULL, &error), IST_E_SHAPE);
    ask.dense_limit_bytes = 1;
    CHECK_EQ(ist__dataset_open_as(&d, one, NULL, &ask, NULL, &error), IST_OK);
    CHECK(d->x == NULL && d->labels[1] == 1);
    ist__dataset_destroy(d);
    ask.need_labels = false;
    ask.dense_limit_bytes = 0;
    CHECK_EQ(ist__dataset_open_as(&d, two, NULL, &ask, NULL, &error), IST_OK); /* labels are not asked for */
    CHECK(d->x != NULL && d->labels == NULL);
    ist__dataset_destroy(d);
}
