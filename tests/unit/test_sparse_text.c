/* test_sparse_text.c - XMC and libsvm text become the rows that they say, by any number of threads; what is wrong is
 * refused with line and column. */
#define _POSIX_C_SOURCE 200809L
#include "ist_test.h"

#include <math.h>

#include "base/mem.h"
#include "data/loaders.h"
#include "data/sparse.h"
#include "many_hands.h"
#include "temp_files.h"

static ist__sparse load_as(const char *path, const ist__sparse_ask *ask, const ist__hands *hands)
{
    ist__sparse s = {0};
    ist__error error = {0};
    const ist_status status = ist__sparse_load(path, ask, hands, &s, &error);
    CHECK_STR(error.text, "");
    CHECK_EQ(status, IST_OK);
    return s;
}

static ist__sparse load_text(const char *text, const ist__sparse_ask *ask)
{
    return load_as(temp_put_text("t.txt", text), ask, NULL);
}

/* "3,7 1:0.5 4:2;.." of a table: a row ends in ';'. */
static const char *show(const ist__sparse *s)
{
    static char text[4096];
    size_t n = 0;
    text[0] = '\0';
    for (int64_t r = 0; r < s->rows; r++) {
        for (int64_t i = s->label_begin[r]; i < s->label_begin[r + 1]; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%d", i > s->label_begin[r] ? "," : "", s->label[i]);
        for (int64_t i = s->row_begin[r]; i < s->row_begin[r + 1]; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, " %d:%g", s->feature[i], (double)s->value[i]);
        n += (size_t)snprintf(text + n, sizeof text - n, ";");
    }
    return text;
}

static const ist__sparse_ask from_0 = {0}, from_1 = {.index_base = 1}, as_xmc = {.text = IST_TEXT_XMC},
                             as_libsvm = {.text = IST_TEXT_LIBSVM, .index_base = 1},
                             five_wide = {.index_base = 1, .features = 5};

/* -------------------------------------------------------------------------------------------------------- reading -- */

TEST(text_becomes_rows)
{
    const struct {
        const char *text;
        const ist__sparse_ask *ask;
        const char *rows;
        int32_t features, labels;
    } cases[] = {
        /* XMC: a header, features and labels from 0, rows without labels, without features, with neither */
        {"2 9 8\n3,7 1:0.5 4:2\n0 8:-1e2\n", &from_1, "3,7 1:0.5 4:2;0 8:-100;", 9, 8},
        {"4 5 3\n 1:1 2:2\n2,1\n\n0:4\n", &from_0, " 1:1 2:2;1,2;; 0:4;", 5, 3},
        {"1 5 3\r\n1\t1:1  2:2 \r\n", &from_0, "1 1:1 2:2;", 5, 3},
        {"  1 5   3  \n1 1:1", &from_0, "1 1:1;", 5, 3},
        {"2 5 3\n1 1:1\n2 2:1\n\n \n", &from_0, "1 1:1;2 2:1;", 5, 3}, /* empty lines behind the last row */
        {"1 5 0\n1:1\n", &as_xmc, " 1:1;", 5, 0},
        {"1 3 1\n0 1:1\n", &five_wide, "0 1:1;", 5, 1},
        /* unsorted is sorted */
        {"1 9 9\n8,0,4 7:1 0:2 3:3\n", &from_0, "0,4,8 0:2 3:3 7:1;", 9, 9},
        /* libsvm: from 1 or from 0, labels as they stand, -1 and +1 are 0 and 1 */
        {"3 1:0.5 4:2\n0 2:1\n", &from_1, "3 0:0.5 3:2;0 1:1;", 4, 4},
        {"3 0:0.5 4:2\n0 2:1\n", &from_0, "3 0:0.5 4:2;0 2:1;", 5, 4},
        {"+1 1:1\n-1 2:1\n-1\n", &from_1, "1 0:1;0 1:1;0;", 2, 2},
        {"-1 1:1\n", &from_1, "0 0:1;", 1, 1},
        {"+1 1:1\n2.0 1:1\n3e0 1:1\n", &from_1, "1 0:1;2 0:1;3 0:1;", 1, 4},
        {"1,5,3 1:1\n2:1\n", &from_1, "1,3,5 0:1; 1:1;", 2, 6},
        {"# made by us\n1 1:1 # first: 3:4\n\n  \n#\n2 2:1#5:5\n", &from_1, "1 0:1;2 1:1;", 2, 3},
        {"1 2:1\n", &five_wide, "1 1:1;", 5, 2},
        {"1\n2 3:1\n", &as_libsvm, "1;2 2:1;", 3, 3},
        {"4 2147483647:1\n", &from_1, "4 2147483646:1;", INT32_MAX, 5},
        {"0 1:+1 2:-0.25 3:.5 4:5. 5:1e-3 6:123456789012345678901234567890e-20\n", &from_1,
         "0 0:1 1:-0.25 2:0.5 3:5 4:0.001 5:1.23457e+09;", 6, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ist__sparse s = load_text(cases[i].text, cases[i].ask);
        CHECK_STR(show(&s), cases[i].rows);
        CHECK_EQ(s.features, cases[i].features);
        CHECK_EQ(s.labels, cases[i].labels);
        CHECK_EQ(s.nonzeros, s.row_begin[s.rows]);
        CHECK_EQ(s.label_entries, s.label_begin[s.rows]);
        ist__sparse_destroy(&s);
    }
}

TEST(values_are_those_of_the_other_parser)
{
    static char text[1 << 16];
    for (uint32_t seed = 1; seed < 400; seed++) {
        size_t n = (size_t)snprintf(text, sizeof text, "0");
        float expected[200];
        uint64_t r = seed * UINT64_C(0x9e3779b97f4a7c15);
        for (int i = 0; i < 200; i++) {
            char number[64];
            r = r * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            const uint64_t digits = (r >> 8) >> (r % 53);
            const int point = (int)(r >> 33) % 19;
            if (point == 0) snprintf(number, sizeof number, "%s%llu", r & 64 ? "-" : "", (unsigned long long)digits);
            else
                snprintf(number, sizeof number, "%s%llu.%0*llu%s", r & 64 ? "-" : "", (unsigned long long)digits % 1000,
                         point, (unsigned long long)(digits >> 5), r & 128 ? "e-3" : "");
            double value = 0;
            CHECK(ist__parse_decimal(number, number + strlen(number), &value) == number + strlen(number));
            expected[i] = (float)value;
            n += (size_t)snprintf(text + n, sizeof text - n, " %d:%s", i, number);
        }
        ist__sparse s = load_text(text, &from_0);
        CHECK_EQ(s.nonzeros, 200);
        CHECK_MEM(s.value, expected, sizeof expected);
        ist__sparse_destroy(&s);
    }
}

/* --------------------------------------------------------------------------------------------------------- faults -- */

TEST(what_is_wrong_is_told_with_line_and_column)
{
    const struct {
        const char *text;
        const ist__sparse_ask *ask;
        const char *error; /* behind the path */
    } cases[] = {
        {"", &from_0, ": byte 0: the file is empty"},
        {"2 3\n", &as_xmc, ": line 1: expected \"ROWS FEATURES LABELS\", as XMC text begins"},
        {"0 5 5\n", &from_0, ": line 1: claims no rows"},
        {"1 0 5\n1\n", &from_0, ": line 1: claims no features"},
        {"4000000 5 5\n1 1:1\n", &from_0, ": line 1: claims 4000000 rows, but the file can hold at most 18"},
        {"1 2147483648 5\n1 1:1\n", &from_0,
         ": line 1: 1 rows, 2147483648 features and 5 labels, but at most 4294967294, 2147483647 and 2147483647 can be "
         "used"},
        {"1 6 5\n1 1:1\n", &five_wide, ": line 1: 6 features, but at most 5 are expected"},
        {"3 5 5\n1 1:1\n2 1:1\n", &from_0, ": line 3: the file ends after 2 rows, but line 1 claims 3"},
        {"1 5 5\n1 1:1\n\n2 1:1\n", &from_0,
         ": line 4, column 1: expected no more rows than the 1 of the first line, found \"2\""},
        {"2 5 5\n1 1:1\n5 1:1\n", &from_0,
         ": line 3, column 1: expected a label (a whole number, 0 .. 4), found \"5\""},
        {"1 5 5\n-1 1:1\n", &from_0, ": line 2, column 1: expected a label (a whole number, 0 .. 4), found \"-1\""},
        {"1 5 0\n1 1:1\n", &from_0, ": line 2, column 1: expected no label, as line 1 claims none, found \"1\""},
        {"1 5 5\n1,,2 1:1\n", &from_0, ": line 2, column 3: expected a label (a whole number, 0 .. 4), found \",2\""},
        {"1 5 5\n1, 1:1\n", &from_0, ": line 2, column 3: expected a label (a whole number, 0 .. 4), found a blank"},
        {"1 5 5\n3,1,3 1:1\n", &from_0, ": line 2, column 5: label 3 stands twice in its row"},
        {"1 5 5\n1 5:1\n", &from_0, ": line 2, column 3: expected a feature from 0 to 4, found \"5:1\""},
        {"1 5 5\n1 4:1 2:1 4:2 2:2\n", &from_0, ": line 2, column 15: feature 2 stands twice in its row"},
        {"1 5 5\n1 # 1:1\n", &from_0, ": line 2, column 3: expected a feature's number, found \"#\""},
        {"1 1:1\nx 1:1\n", &from_1,
         ": line 2, column 1: expected a label (a whole number, -1, or 0 .. 2147483646), found \"x\""},
        {"1 1:1\n1.5 1:1\n", &from_1,
         ": line 2, column 1: expected a label (a whole number, -1, or 0 .. 2147483646), found \"1.5\""},
        {"1 1:1\n-2 1:1\n", &from_1,
         ": line 2, column 1: expected a label (a whole number, -1, or 0 .. 2147483646), found \"-2\""},
        {"9999999999999999999 1:1\n", &from_1,
         ": line 1, column 1: expected a label (a whole number, -1, or 0 .. 2147483646), found "
         "\"9999999999999999999\""},
        {"-1 1:1\n3 1:1\n", &from_1, ": line 2: label 3, but line 1 has -1, which goes with +1 alone"},
        {"0 1:1\n-1 1:1\n", &from_1, ": line 1: label 0, but line 2 has -1, which goes with +1 alone"},
        {"1 1:1 3\n", &from_1, ": line 1, column 8: expected ':' and a value, found the end of the line"},
        {"1 1:1 3 4:1\n", &from_1, ": line 1, column 8: expected ':' and a value, found a blank"},
        {"1 1:1 a:2\n", &from_1, ": line 1, column 7: expected a feature's number, found \"a:2\""},
        {"1 1:1 -3:2\n", &from_1, ": line 1, column 7: expected a feature's number, found \"-3:2\""},
        {"1 0:1\n", &from_1,
         ": line 1, column 3: expected a feature from 1 to 2147483647 (libsvm counts from 1), found \"0:1\""},
        {"1 2147483648:1\n", &from_1,
         ": line 1, column 3: expected a feature from 1 to 2147483647, found "
         "\"2147483648:1\""},
        {"1 99999999999999999999999:1\n", &from_1,
         ": line 1, column 3: expected a feature from 1 to 2147483647, found \"99999999999999999999999:...\""},
        {"1 6:1\n", &five_wide, ": line 1, column 3: expected a feature from 1 to 5, found \"6:1\""},
        {"1 qid:3 1:1\n", &from_1,
         ": line 1, column 3: expected a feature's number (rankings by qid are not read), found \"qid:3\""},
        {"1 1:1 1:1\n", &from_1, ": line 1, column 7: feature 1 stands twice in its row"},
        {"1 1: 2:1\n", &from_1, ": line 1, column 5: expected a finite number, found a blank"},
        {"1 1:\n", &from_1, ": line 1, column 5: expected a finite number, found the end of the line"},
        {"1 1:nan\n", &from_1, ": line 1, column 5: expected a finite number, found \"nan\""},
        {"1 1:inf\n", &from_1, ": line 1, column 5: expected a finite number, found \"inf\""},
        {"1 1:--1\n", &from_1, ": line 1, column 5: expected a finite number, found \"--1\""},
        {"1 1:1e\n", &from_1, ": line 1, column 5: expected a finite number, found \"1e\""},
        {"1 1:1e39\n", &from_1, ": line 1, column 5: expected a finite float32, found \"1e39\""},
        {"1 1:-1e999\n", &from_1, ": line 1, column 5: expected a finite float32, found \"-1e999\""},
        {"1 1:1:2\n", &from_1, ": line 1, column 6: expected a blank behind the value, found \":2\""},
        {"1 1:1,2\n", &from_1, ": line 1, column 6: expected a blank behind the value, found \",2\""},
        {"1 1:1\x01\n", &from_1, ": line 1, column 6: expected a blank behind the value, found \"?\""},
        {"# 1:1\n\n", &from_1, ": line 2: the file holds no rows"},
        {"1\n2\n", &as_libsvm, ": line 2: no row has a feature"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ist__sparse s = {0};
        ist__error error = {0};
        const char *path = temp_put_text("t.txt", cases[i].text);
        CHECK_EQ(ist__sparse_load(path, cases[i].ask, &many_hands, &s, &error), IST_E_FORMAT);
        CHECK(strlen(error.text) > strlen(path));
        CHECK_STR(error.text + strlen(path), cases[i].error);
        CHECK_EQ(error.status, IST_E_FORMAT);
        CHECK(s.owned[0] == NULL && s.rows == 0);
    }
}

TEST(a_cut_file_is_a_shorter_one_or_refused)
{
    const char *texts[] = {"3 9 8\n3,7 1:0.5 4:2\n0 8:-1e2\n5 0:1 8:1\n", "1,2 1:1 3:2.5 # x\n\n2 1:1e1\n-0 2:2\n"};
    for (int t = 0; t < 2; t++)
        for (size_t length = 0; length <= strlen(texts[t]); length++) {
            ist__sparse s = {0};
            ist__error error = {0};
            const char *path = temp_put("t.txt", texts[t], length);
            const ist_status status = ist__sparse_load(path, &from_0, NULL, &s, &error);
            CHECK(status == IST_OK || status == IST_E_FORMAT);
            CHECK(status == IST_OK || strstr(error.text, ": line ") || strstr(error.text, "empty"));
            ist__sparse_destroy(&s);
        }
}

TEST(every_byte_may_be_any_other)
{
    const char *texts[] = {"2 9 8\n3,7 1:0.5 4:2\n0 8:-1e2\n", "+1 1:1 3:2.5 # x\n\n-1 1:1e1\n"};
    for (int t = 0; t < 2; t++)
        for (size_t at = 0; at < strlen(texts[t]); at++)
            for (int byte = 0; byte < 256; byte += t == 0 ? 5 : 7) {
                char text[64];
                ist__sparse s = {0};
                ist__error error = {0};
                const size_t length = strlen(texts[t]);
                memcpy(text, texts[t], length);
                text[at] = (char)byte;
                const ist_status status = ist__sparse_load(temp_put("t.txt", text, length), &from_0, NULL, &s, &error);
                CHECK(status == IST_OK || status == IST_E_FORMAT);
                for (int64_t i = 0; i < s.nonzeros; i++) CHECK(s.feature[i] >= 0 && s.feature[i] < s.features);
                for (int64_t i = 0; i < s.label_entries; i++) CHECK(s.label[i] >= 0 && s.label[i] < s.labels);
                for (int64_t i = 0; i < s.nonzeros; i++) CHECK(isfinite(s.value[i]));
                ist__sparse_destroy(&s);
            }
}

/* ----------------------------------------------------------------------------------------------------- large files -- */

/* A made-up table and its text, several blocks long: row r has r % 37 features and r % 5 labels. */
enum { BLOCK = 1 << 16, ROWS = 3600, FEATURES = 50000, LABELS = 700 };

static const ist__sparse_ask blocks_from_0 = {.block_bytes = BLOCK},
                             blocks_from_1 = {.index_base = 1, .block_bytes = BLOCK};

static int32_t feature_of(int64_t r, int64_t i)
{
    return (int32_t)(i * (FEATURES / 40) + (r * 7919) % (FEATURES / 40));
}

static float value_of(int64_t r, int64_t i)
{
    return (float)((double)((r * 31 + i * 17) % 4001 - 2000) / 64);
}

static bytes large_text(bool reversed)
{
    bytes b = {0};
    char word[64];
    snprintf(word, sizeof word, "%d %d %d\n", ROWS, FEATURES, LABELS);
    bytes_text(&b, word);
    for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t i = 0; i < r % 5; i++) {
            snprintf(word, sizeof word, "%s%d", i ? "," : "", (int)((r % 100) + i * 100));
            bytes_text(&b, word);
        }
        for (int64_t k = 0; k < r % 37; k++) {
            const int64_t i = reversed ? r % 37 - 1 - k : k;
            snprintf(word, sizeof word, " %d:%.6f", feature_of(r, i), (double)value_of(r, i));
            bytes_text(&b, word);
        }
        bytes_text(&b, "\n");
    }
    return b;
}

static void check_large(const ist__sparse *s)
{
    CHECK_EQ(s->rows, ROWS);
    CHECK_EQ(s->features, FEATURES);
    CHECK_EQ(s->labels, LABELS);
    int64_t wrong = 0, entry = 0, label = 0;
    for (int64_t r = 0; r < ROWS; r++) {
        wrong += s->row_begin[r] != entry || s->label_begin[r] != label;
        for (int64_t i = 0; i < r % 5; i++) wrong += s->label[label++] != (int)((r % 100) + i * 100);
        for (int64_t i = 0; i < r % 37; i++, entry++)
            wrong += s->feature[entry] != feature_of(r, i) || s->value[entry] != value_of(r, i);
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(s->nonzeros, entry);
    CHECK_EQ(s->label_entries, label);
    CHECK_EQ(s->row_begin[ROWS], entry);
}

TEST(any_number_of_threads_gives_the_same_arrays)
{
    for (int reversed = 0; reversed < 2; reversed++) {
        bytes b = large_text(reversed);
        CHECK(b.count > (size_t)10 * BLOCK);
        const char *plain = temp_put("l.txt", b.data, b.count);
        const char *packed = reversed ? plain : temp_put_gzip("l.txt.gz", b.data, b.count);
        free(b.data);
        for (many_hands_count = 1; many_hands_count <= 4; many_hands_count++) {
            ist__sparse s = load_as(many_hands_count % 2 ? plain : packed, &blocks_from_0, &many_hands);
            check_large(&s);
            ist__sparse_destroy(&s);
        }
        ist__sparse s = load_as(plain, &blocks_from_0, NULL);
        check_large(&s);
        ist__sparse_destroy(&s);
    }
}

TEST(the_first_fault_is_told_whichever_thread_finds_it)
{
    bytes b = large_text(false);
    int64_t line = 1, first = 0;
    for (size_t i = 0; i < b.count; i++) {
        line += b.data[i] == '\n';
        if (b.data[i] != ':' || line < ROWS * 3 / 4) continue;
        if (first == 0) first = line;
        b.data[i] = ';'; /* and all that follow */
    }
    const char *path = temp_put("l.txt", b.data, b.count);
    free(b.data);
    for (many_hands_count = 1; many_hands_count <= 4; many_hands_count++) {
        ist__sparse s = {0};
        ist__error error = {0};
        char expected[64];
        CHECK_EQ(ist__sparse_load(path, &blocks_from_0, &many_hands, &s, &error), IST_E_FORMAT);
        snprintf(expected, sizeof expected, ": line %lld, column ", (long long)first);
        CHECK(strstr(error.text, expected) != NULL);
    }
}

TEST(a_line_may_be_longer_than_a_block)
{
    bytes b = {0};
    char word[64];
    enum { COUNT = 30000 };
    bytes_text(&b, "1 1:1\n2");
    for (int i = 0; i < COUNT; i++) {
        snprintf(word, sizeof word, " %d:1.5", COUNT - i); /* descending: sorting must not take the square */
        bytes_text(&b, word);
    }
    CHECK(b.count > (size_t)3 * BLOCK);
    ist__sparse s = load_as(temp_put("l.svm", b.data, b.count), &blocks_from_1, &many_hands);
    free(b.data);
    CHECK_EQ(s.rows, 2);
    CHECK_EQ(s.nonzeros, COUNT + 1);
    CHECK_EQ(s.features, COUNT);
    for (int i = 0; i < COUNT; i++)
        if (s.feature[1 + i] != i) CHECK_EQ(s.feature[1 + i], i);
    ist__sparse_destroy(&s);
}

TEST(damaged_gzip_is_refused)
{
    bytes b = large_text(false);
    unsigned char *packed = malloc(b.count);
    CHECK(packed != NULL);
    const size_t length = temp_gzip(b.data, b.count, packed, b.count);
    ist__sparse s = {0};
    ist__error error = {0};
    CHECK_EQ(ist__sparse_load(temp_put("l.gz", packed, length * 3 / 4), &from_0, &many_hands, &s, &error),
             IST_E_FORMAT);
    CHECK(strstr(error.text, "truncated") != NULL);
    packed[length - 6] ^= 1; /* of the check sum, which is behind all text */
    CHECK_EQ(ist__sparse_load(temp_put("l.gz", packed, length), &from_0, &many_hands, &s, &error), IST_E_FORMAT);
    CHECK(strstr(error.text, "damaged gzip data") != NULL);
    free(packed);
    free(b.data);
}

/* ------------------------------------------------------------------------------------------------ what is it? -- */

TEST(sparse_text_is_recognised)
{
    const struct {
        const char *name, *text;
        ist__sparse_kind kind;
    } cases[] = {{"a", "3 4 5\n1 1:1\n", IST__SPARSE_TEXT},
                 {"a", "1 1:1\n", IST__SPARSE_TEXT},
                 {"a", "+1 1:1\n", IST__SPARSE_TEXT},
                 {"a", "# b\n1 1:1\n", IST__SPARSE_TEXT},
                 {"a", " 1:1\n", IST__SPARSE_TEXT},
                 {"a.csv", "1 1:1\n", IST__SPARSE_NOT},
                 {"a", "1,2\n3,4\n", IST__SPARSE_NOT},
                 {"a", "x:y\n", IST__SPARSE_NOT},
                 {"a", "", IST__SPARSE_NOT},
                 {"a", "1 1:1\n\x02", IST__SPARSE_NOT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ist__sparse_kind kind = IST__SPARSE_FILE;
        ist__error error = {0};
        const size_t length = strlen(cases[i].text);
        CHECK_EQ(ist__sparse_recognise(temp_put(cases[i].name, cases[i].text, length), &kind, &error), IST_OK);
        CHECK_EQ(kind, cases[i].kind);
        if (strcmp(cases[i].name, "a") != 0) continue;
        CHECK_EQ(ist__sparse_recognise(temp_put_gzip("a.gz", cases[i].text, length), &kind, &error), IST_OK);
        CHECK_EQ(kind, cases[i].kind);
    }
}

/* Counts and sums by awk: zcat FILE | awk 'NR>1{n+=NF-($1!~/:/); for(i=1;i<=NF;i++)if(split($i,q,":")>1){f+=q[1];v+=q[2]}}' */
TEST(real_data_have_the_sums_that_awk_finds)
{
    const struct {
        const char *name;
        int64_t rows, nonzeros, labels;
        double values, features, label_sum;
    } cases[] = {
        {"debian-xmc/train.txt.gz", 45613, 2134559, 200830, 2952535, 4919816407.0, 683909691},
        {"debian-xmc/test.txt.gz", 4621, 214888, 18311, 297783, 414874599, 46863436},
        {"wordnet-xmc/train.txt.gz", 78464, 1166028, 80254, 1287308, 5661769098.0, 224722932},
        {"wordnet-xmc/test.txt.gz", 7851, 113231, 8013, 124867, 471148742, 21656048},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = shared_data(cases[i].name);
        if (!path) SKIP("shared/data has no wordnet-xmc or no debian-xmc");
        ist__sparse s = load_as(path, &from_0, &many_hands);
        double values = 0, features = 0, labels = 0;
        for (int64_t k = 0; k < s.nonzeros; k++) {
            values += (double)s.value[k];
            features += s.feature[k];
        }
        for (int64_t k = 0; k < s.label_entries; k++) labels += s.label[k];
        CHECK_EQ(s.rows, cases[i].rows);
        CHECK_EQ(s.nonzeros, cases[i].nonzeros);
        CHECK_EQ(s.label_entries, cases[i].labels);
        CHECK_NEAR(values, cases[i].values, 0);
        CHECK_NEAR(features, cases[i].features, 0);
        CHECK_NEAR(labels, cases[i].label_sum, 0);
        ist__sparse_destroy(&s);
    }
}
