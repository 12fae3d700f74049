/* test_formats.c - every type of every format comes back with its values; every false claim is refused with its place.
 *
 * The files are built here byte by byte, from the published descriptions, and not by code of the library.
 */
#define _POSIX_C_SOURCE 200809L
#include "ist_test.h"

#include <float.h>
#include <locale.h>
#include <math.h>

#include "base/mem.h"
#include "data/formats.h"
#include "temp_files.h"

/* ---------------------------------------------------------------------------------------------------- builders -- */

/* A type of number in both families; kind: u, i or f. */
typedef struct kind {
    const char *code; /* of NPY, without the order */
    int size;
    int idx; /* 0: idx has none */
} kind;

static const kind kinds[] = {{"u1", 1, 0x08}, {"i1", 1, 0x09}, {"u2", 2, 0}, {"i2", 2, 0x0b}, {"u4", 4, 0},
                             {"i4", 4, 0x0c}, {"u8", 8, 0},    {"i8", 8, 0}, {"f4", 4, 0x0d}, {"f8", 8, 0x0e}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void add_number(bytes *b, const kind *k, double value, int big_endian)
{
    uint64_t bits = 0;
    const float single = (float)value;
    uint32_t single_bits;
    memcpy(&single_bits, &single, sizeof single_bits);
    if (k->code[0] != 'f') bits = (uint64_t)(int64_t)value;
    else if (k->size == 4) bits = single_bits;
    else memcpy(&bits, &value, sizeof bits);
    bytes_int(b, bits, k->size, big_endian);
}

/* Value number i of a test array: in the range of the kind, with a sign and a fraction where it has them. */
static double value_of(const kind *k, size_t i)
{
    const double size = (double)(i * 37 % 101) + (k->size > 1 ? 256.0 * (double)(i % 97) : 0.0);
    if (k->code[0] == 'u') return size;
    const double sign = i % 3 == 0 ? -1.0 : 1.0;
    return sign * (k->code[0] == 'f' ? size + 0.375 : size);
}

/* The head of an NPY file; header: the dictionary's text without padding and newline. */
static void npy_head(bytes *b, int version, const char *header)
{
    const size_t before = version == 1 ? 10 : 12, length = (before + strlen(header) + 64) / 64 * 64 - before;
    bytes_text(b, "\x93NUMPY");
    bytes_int(b, (uint64_t)version, 1, 0);
    bytes_int(b, 0, 1, 0);
    bytes_int(b, length, version == 1 ? 2 : 4, 0);
    bytes_text(b, header);
    for (size_t i = strlen(header); i + 1 < length; i++) bytes_text(b, " ");
    bytes_text(b, "\n");
}

static void npy_array(bytes *b, const char *descr, const char *shape)
{
    char header[200];
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape);
    npy_head(b, 1, header);
}

static void idx_head(bytes *b, int type, int dims, const uint32_t *sizes)
{
    bytes_int(b, (uint64_t)(type << 8 | dims), 4, 1);
    for (int i = 0; i < dims; i++) bytes_int(b, sizes[i], 4, 1);
}

static void check_features(const char *path, int64_t rows, int64_t features, const kind *k)
{
    ist__matrix m = {0};
    ist__error error = {0};
    const ist_status status = ist__load_features(path, &m, &error);
    CHECK_STR(error.text, "");
    CHECK_EQ(status, IST_OK);
    CHECK_EQ(m.rows, rows);
    CHECK_EQ(m.features, features);
    CHECK_EQ(m.type, strcmp(k->code, "u1") == 0 ? IST_UINT8 : IST_FLOAT32);
    for (size_t i = 0; i < (size_t)(rows * features); i++) {
        const double got = m.type == IST_UINT8 ? ((uint8_t *)m.x)[i] : (double)((float *)m.x)[i];
        if (got != (double)(float)value_of(k, i)) CHECK_NEAR(got, value_of(k, i), 0);
    }
    ist__free(m.x);
}

/* ------------------------------------------------------------------------------------------------- round trips -- */

TEST(npy_features_of_every_type_and_order)
{
    const int64_t shapes[][2] = {{1, 1}, {3, 5}, {1023, 1}, {341, 3}, {1024, 1}, {205, 5}, {1, 2049}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int k = 0; k < KINDS; k++)
            for (int big = 0; big < 2; big++) {
                bytes b = {0};
                char descr[8], shape[40];
                snprintf(descr, sizeof descr, "%c%s", kinds[k].size == 1 ? '|' : big ? '>' : '<', kinds[k].code);
                snprintf(shape, sizeof shape, "(%d, %d)", (int)shapes[s][0], (int)shapes[s][1]);
                npy_array(&b, descr, shape);
                for (size_t i = 0; i < (size_t)(shapes[s][0] * shapes[s][1]); i++)
                    add_number(&b, &kinds[k], value_of(&kinds[k], i), big);
                check_features(temp_put("x.npy", b.data, b.count), shapes[s][0], shapes[s][1], &kinds[k]);
                check_features(temp_put_gzip("x.npy.gz", b.data, b.count), shapes[s][0], shapes[s][1], &kinds[k]);
                free(b.data);
            }
}

TEST(idx_features_of_every_type_and_dimension)
{
    const uint32_t sizes[4] = {7, 3, 5, 2};
    for (int k = 0; k < KINDS; k++)
        for (int dims = 2; dims <= 4 && kinds[k].idx; dims++) {
            bytes b = {0};
            size_t features = 1;
            for (int i = 1; i < dims; i++) features *= sizes[i];
            idx_head(&b, kinds[k].idx, dims, sizes);
            for (size_t i = 0; i < 7 * features; i++) add_number(&b, &kinds[k], value_of(&kinds[k], i), 1);
            check_features(temp_put("x.idx", b.data, b.count), 7, (int64_t)features, &kinds[k]);
            check_features(temp_put_gzip("x", b.data, b.count), 7, (int64_t)features, &kinds[k]);
            free(b.data);
        }
}

TEST(npy_headers_of_every_version_and_layout)
{
    const char *headers[] = {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 1), }",
                             "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2)}",
                             "{'shape':(2,2),\"fortran_order\":False,'descr':\"<u1\"}",
                             "{ 'fortran_order' : False , 'shape' : ( 2 , 1 , 2 , ) , 'descr' : '>u1' , }"};
    for (int version = 1; version <= 3; version++)
        for (size_t h = 0; h < sizeof headers / sizeof *headers; h++) {
            bytes b = {0};
            npy_head(&b, version, headers[h]);
            for (size_t i = 0; i < 4; i++) add_number(&b, &kinds[0], value_of(&kinds[0], i), 0);
            check_features(temp_put("x.npy", b.data, b.count), 2, 2, &kinds[0]);
            free(b.data);
        }
}

static void check_labels(const char *path, const int32_t *wanted, int64_t count)
{
    int32_t *labels = NULL, classes = 0, largest = 0;
    int64_t rows = 0;
    ist__error error = {0};
    const ist_status status = ist__load_labels(path, &labels, &rows, &classes, &error);
    CHECK_STR(error.text, "");
    CHECK_EQ(status, IST_OK);
    CHECK_EQ(rows, count);
    for (int64_t i = 0; i < count; i++) largest = wanted[i] > largest ? wanted[i] : largest;
    CHECK_EQ(classes, largest + 1);
    CHECK_MEM(labels, wanted, (size_t)count * sizeof *wanted);
    ist__free(labels);
}

TEST(labels_of_every_type)
{
    enum { COUNT = 2500 };
    int32_t wanted[COUNT];
    for (int k = 0; k < KINDS; k++) {
        const int32_t most = kinds[k].size == 1 ? 127 : kinds[k].size == 2 ? 32767 : (1 << 24) - 1;
        for (int i = 0; i < COUNT; i++) wanted[i] = (i * 7919) % most;
        wanted[COUNT / 2] = most;
        for (int big = 0; big < 2; big++) {
            bytes npy = {0}, idx = {0};
            char descr[8];
            snprintf(descr, sizeof descr, "%c%s", big ? '>' : '<', kinds[k].code);
            npy_array(&npy, descr, "(2500,)");
            idx_head(&idx, kinds[k].idx, 1, &(uint32_t){COUNT});
            for (int i = 0; i < COUNT; i++) {
                add_number(&npy, &kinds[k], wanted[i], big);
                add_number(&idx, &kinds[k], wanted[i], 1);
            }
            check_labels(temp_put("y.npy", npy.data, npy.count), wanted, COUNT);
            if (kinds[k].idx) check_labels(temp_put_gzip("y.idx.gz", idx.data, idx.count), wanted, COUNT);
            free(npy.data);
            free(idx.data);
        }
    }
}

TEST(one_row_and_one_class_are_enough)
{
    bytes b = {0};
    npy_array(&b, "|u1", "(1,)");
    bytes_int(&b, 0, 1, 0);
    check_labels(temp_put("y.npy", b.data, b.count), &(int32_t){0}, 1);
    free(b.data);
}

/* --------------------------------------------------------------------------------------------------------- csv -- */

static void check_csv(const char *text, int64_t rows, int64_t features, const float *wanted)
{
    ist__matrix m = {0};
    ist__error error = {0};
    const ist_status status = ist__load_features(temp_put_text("x.csv", text), &m, &error);
    CHECK_STR(error.text, "");
    CHECK_EQ(status, IST_OK);
    CHECK_EQ(m.rows, rows);
    CHECK_EQ(m.features, features);
    CHECK_EQ(m.type, IST_FLOAT32);
    CHECK_MEM(m.x, wanted, (size_t)(rows * features) * sizeof(float));
    ist__free(m.x);
}

TEST(csv_layouts)
{
    const float six[] = {1, 2, 3, 4, 5.5F, -6};
    check_csv("1,2,3\n4,5.5,-6\n", 2, 3, six);
    check_csv("1,2,3\n4,5.5,-6", 2, 3, six);
    check_csv("1;2;3\r\n4;5.5;-6\r\n", 2, 3, six);
    check_csv("1\t2\t3\n4\t5.5\t-6\n\n\r\n  \n", 2, 3, six);
    check_csv("  1 , 2 ,\t3\n 4,\t+5.5e0\t,-.6E+1  \n", 2, 3, six);
    check_csv("a,b,c\n1,2,3\n4,5.5,-6\n", 2, 3, six);
    check_csv("label,0,1\n1,2,3\n4,5.5,-6\n", 2, 3, six);
    check_csv("\"a;b;c;d\",\"b\",\"c\"\n1,2,3\n4,5.5,-6\n", 2, 3, six);
    check_csv("\xef\xbb\xbf"
              "1,2,3\n4,5.5,-6\n",
              2, 3, six);
    check_csv("1\n2\n3\n4\n5.5\n-6\n", 6, 1, six);
    check_csv("value\n1\n2\n3\n4\n5.5\n-6\n", 6, 1, six);
}

TEST(csv_names)
{
    const char *names[] = {"x.csv", "X.CSV", "x.csv.gz", "a.b.Csv.Gz"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int packed = 0; packed < 2; packed++) {
            ist__matrix m;
            const char *path = packed ? temp_put_gzip(names[i], "1,2\n", 4) : temp_put(names[i], "1,2\n", 4);
            CHECK_EQ(ist__load_features(path, &m, NULL), IST_OK);
            CHECK_EQ(m.features, 2);
            ist__free(m.x);
        }
}

TEST(csv_floats_come_back_as_the_same_bits)
{
    enum { COUNT = 20000 };
    bytes text = {0};
    float *wanted = malloc(COUNT * sizeof *wanted);
    uint32_t state = 99;
    for (int i = 0; i < COUNT; i++) {
        do {
            state = state * 1664525U + 1013904223U;
            const uint32_t mixed = state ^ state >> 15;
            memcpy(&wanted[i], &mixed, sizeof wanted[i]);
        } while (!isfinite(wanted[i]));
        char number[128];
        snprintf(number, sizeof number, i % 3 == 0 ? "%.9g\n" : i % 3 == 1 ? "%.17g\n" : "%.60e\n", (double)wanted[i]);
        bytes_text(&text, number);
    }
    bytes_add(&text, "", 1);
    check_csv((char *)text.data, COUNT, 1, wanted);
    free(text.data);
    free(wanted);
}

TEST(csv_numbers_at_the_edges)
{
    const float wanted[] = {0, 0, FLT_MAX, FLT_TRUE_MIN, 1e20F, 1e-20F, 123456792, 1, 0.1F, 1};
    check_csv("0\n0e99999999999\n340282346638528859811704183484516925440\n1.40129846e-45\n"
              "100000000000000000000.000000\n0.00000000000000000001\n0123456789\n"
              "1000000000000000000000000000000e-30\n0.1000000000000000000000000000000000000001\n1.\n",
              10, 1, wanted);
}

TEST(csv_numbers_do_not_depend_on_the_locale)
{
    const char *locales[] = {"de_DE.utf8", "de_DE.UTF-8", "de_DE", "fr_FR.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8"};
    for (size_t i = 0; i < sizeof locales / sizeof *locales; i++) {
        if (!setlocale(LC_ALL, locales[i])) continue;
        check_csv("1.5,2\n", 1, 2, (float[]){1.5F, 2});
        setlocale(LC_ALL, "C");
        return;
    }
    SKIP("no locale with a decimal comma is installed");
}

TEST(csv_larger_than_every_buffer)
{
    /* Lines of 0, 1, 2 .. 7 in varying length, among them one row of 300 KB. */
    enum { ROWS = 30, COLUMNS = 30000 };
    bytes text = {0};
    float *wanted = malloc(sizeof(float) * ROWS * COLUMNS);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        const char *forms[] = {"%d", "%d.0", "%d.000000", " %de0 "};
        char number[32];
        wanted[i] = (float)(i * 7 % 8);
        snprintf(number, sizeof number, forms[i / COLUMNS % 4], i * 7 % 8);
        bytes_text(&text, number);
        bytes_text(&text, (i + 1) % COLUMNS == 0 ? "\r\n" : ",");
    }
    bytes_add(&text, "", 1);
    check_csv((char *)text.data, ROWS, COLUMNS, wanted);
    free(text.data);
    free(wanted);
}

TEST(csv_labels)
{
    check_labels(temp_put_text("y.csv", "class\n3\n 0 \n16777215\n1e2\n5.0\n"), (int32_t[]){3, 0, 16777215, 100, 5}, 5);
    check_labels(temp_put_text("y.csv", "7\r\n2\r\n"), (int32_t[]){7, 2}, 2);
}

/* --------------------------------------------------------------------------------------------------- refusals -- */

/* The error text after "PATH: ", of a file that must be refused as damaged, with the out-parameters untouched. */
static const char *refusal(const char *path, int labels)
{
    static ist__error error;
    ist__matrix m = {.rows = 11}, *kept = &m;
    int32_t *ids = (int32_t *)(void *)&kept, classes = 12;
    int64_t rows = 13;
    error = (ist__error){0};
    const ist_status status =
        labels ? ist__load_labels(path, &ids, &rows, &classes, &error) : ist__load_features(path, &m, &error);
    CHECK_EQ(status, IST_E_FORMAT);
    CHECK_EQ(error.status, IST_E_FORMAT);
    CHECK(ids == (int32_t *)(void *)&kept && classes == 12 && rows == 13 && m.rows == 11 && m.x == NULL);
    CHECK(strchr(error.text, '\n') == NULL);
    CHECK(strncmp(error.text, path, strlen(path)) == 0 && strncmp(error.text + strlen(path), ": ", 2) == 0);
    return error.text + strlen(path) + 2;
}

static void check_csv_refused(const char *text, int labels, const char *wanted)
{
    CHECK_STR(refusal(temp_put_text("bad.csv", text), labels), wanted);
}

TEST(csv_errors_name_row_and_column)
{
    check_csv_refused("1,2,3\n4,abc,6\n", 0, "row 2, column 2: \"abc\" is not a number");
    check_csv_refused("a,b\r\n1,2\r\n3,x y \r\n", 0, "row 3, column 2: \"x y\" is not a number");
    check_csv_refused("1,2\n3,4abc\n", 0, "row 2, column 2: \"4abc\" is not a number");
    check_csv_refused("1,2\n3,\n", 0, "row 2, column 2: empty");
    check_csv_refused("1,2\n,3\n", 0, "row 2, column 1: empty");
    check_csv_refused("1,2\n3,- 4\n", 0, "row 2, column 2: \"- 4\" is not a number");
    check_csv_refused("1,2\n3,4e\n", 0, "row 2, column 2: \"4e\" is not a number");
    check_csv_refused("1,2\n3,.\n", 0, "row 2, column 2: \".\" is not a number");
    check_csv_refused("1,2\n3,0x10\n", 0, "row 2, column 2: \"0x10\" is not a number");
    check_csv_refused("1,2\n3,\"4\"\n", 0, "row 2, column 2: \"?4?\" is not a number");
    check_csv_refused("1,2\n3,\x1b[31mred\n", 0, "row 2, column 2: \"?[31mred\" is not a number");
    check_csv_refused("1\nabcdefghijklmnopqrstuvwxyz\n", 0,
                      "row 2, column 1: \"abcdefghijklmnopqrstuvwx...\" is not a number");
    check_csv_refused("1,nan\n", 0, "row 1, column 2: \"nan\" is not a finite float32");
    check_csv_refused("-Inf,1\n", 0, "row 1, column 1: \"-Inf\" is not a finite float32");
    check_csv_refused("1,2\n3,infinity\n", 0, "row 2, column 2: \"infinity\" is not a finite float32");
    check_csv_refused("1,1e39\n", 0, "row 1, column 2: \"1e39\" is not a finite float32");
    check_csv_refused("1,-1e999999999999\n", 0, "row 1, column 2: \"-1e999999999999\" is not a finite float32");
}

TEST(csv_shapes_that_are_refused)
{
    check_csv_refused("1,2,3\n4,5\n", 0, "row 2: 2 columns, but row 1 has 3");
    check_csv_refused("1,2,3\n4\n", 0, "row 2: 1 column, but row 1 has 3");
    check_csv_refused("1,2,3\n4,5,6,7,8\n", 0, "row 2: 5 columns, but row 1 has 3");
    check_csv_refused("a,b\n1,2,3\n", 0, "row 2: 3 columns, but row 1 has 2");
    check_csv_refused("1,2\n\n\n3,4\n", 0, "row 2: an empty line before other lines");
    check_csv_refused("\n1,2\n", 0, "row 1: an empty line before other lines");
    check_csv_refused("a,b\n", 0, "row 2: the file holds no rows of numbers");
    check_csv_refused("", 0, "row 1: the file holds no rows of numbers");
    check_csv_refused("1 2 3\n4 5 6\n", 0, "row 2, column 1: \"4 5 6\" is not a number");
    check_csv_refused("1,2\n", 1, "row 1: labels need 1 column, this has 2");
}

TEST(labels_out_of_range_are_refused)
{
    const char *why = "is not a class id (a whole number, 0 .. 16777215)";
    const double bad[] = {-1, 16777216, 0.5, 1e18, (double)NAN, (double)INFINITY};
    const char *text[] = {"-1", "16777216", "0.5", "1e+18", "nan", "inf"};
    for (int i = 0; i < 6; i++)
        for (int k = 4; k < KINDS; k++) { /* the kinds of four bytes and more */
            if (kinds[k].code[0] == 'u' && (bad[i] < 0)) continue;
            if (kinds[k].code[0] != 'f' && (i == 2 || i > 3 || (i == 3 && kinds[k].size == 4))) continue;
            bytes b = {0};
            char descr[8], wanted[120];
            snprintf(descr, sizeof descr, ">%s", kinds[k].code);
            snprintf(wanted, sizeof wanted, "row 3: %s %s", text[i], why);
            npy_array(&b, descr, "(4,)");
            for (int row = 0; row < 4; row++) add_number(&b, &kinds[k], row == 2 ? bad[i] : 1, 1);
            const char *got = refusal(temp_put("y.npy", b.data, b.count), 1);
            if (i == 3 && kinds[k].size == 4) wanted[0] = '\0'; /* a float holds it nearly: only that it is refused */
            if (wanted[0]) CHECK_STR(got, wanted);
            free(b.data);
        }
    check_csv_refused("1\n2\n-3\n", 1, "row 3: -3 is not a class id (a whole number, 0 .. 16777215)");
    check_csv_refused("y\n16777216\n", 1, "row 2: 16777216 is not a class id (a whole number, 0 .. 16777215)");
    check_csv_refused("1\n1.5\n", 1, "row 2: 1.5 is not a class id (a whole number, 0 .. 16777215)");
    check_csv_refused("1\ncat\n", 1, "row 2, column 1: \"cat\" is not a number");
}

TEST(features_that_are_not_finite_are_refused)
{
    const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 1e300};
    for (int i = 0; i < 4; i++)
        for (int k = KINDS - 2; k < KINDS; k++) {
            bytes npy = {0}, idx = {0};
            if (i == 3 && kinds[k].size == 4) continue;
            npy_array(&npy, kinds[k].size == 4 ? "<f4" : "<f8", "(400, 3)");
            idx_head(&idx, kinds[k].idx, 2, (uint32_t[]){400, 3});
            for (int place = 0; place < 1200; place++) {
                add_number(&npy, &kinds[k], place == 1100 ? bad[i] : 1, 0);
                add_number(&idx, &kinds[k], place == 1100 ? bad[i] : 1, 1);
            }
            CHECK_STR(refusal(temp_put("x.npy", npy.data, npy.count), 0), "row 367, feature 3: not a finite float32");
            CHECK_STR(refusal(temp_put("x.idx", idx.data, idx.count), 0), "row 367, feature 3: not a finite float32");
            free(npy.data);
            free(idx.data);
        }
}

/* A file of this head and so many zero bytes is refused with a text that has `wanted` in it. */
static void check_npy_refused(int version, const char *header, size_t zeros, int labels, const char *wanted)
{
    bytes b = {0};
    npy_head(&b, version, header);
    for (size_t i = 0; i < zeros; i++) bytes_int(&b, 0, 1, 0);
    const char *text = refusal(temp_put("x.npy", b.data, b.count), labels);
    if (!strstr(text, wanted)) CHECK_STR(text, wanted);
    free(b.data);
}

#define NPY_U1(shape) "{'descr': '|u1', 'fortran_order': False, 'shape': " shape ", }"

TEST(npy_headers_that_are_refused)
{
    const struct {
        const char *header, *wanted;
    } bad[] = {
        {"{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2), }", "in Fortran order"},
        {"{'descr': '|u1', 'fortran_order': Maybe, 'shape': (2, 2), }", "neither True nor False"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (2, 2), }", "this descr is not supported"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", "this descr is not supported"},
        {"{'descr': '|f4', 'fortran_order': False, 'shape': (2, 2), }", "this descr is not supported"},
        {"{'descr': 'u1', 'fortran_order': False, 'shape': (2, 2), }", "this descr is not supported"},
        {"{'descr': '', 'fortran_order': False, 'shape': (2, 2), }", "this descr is not supported"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 2), }", "named fields"},
        {"{'descr': '|u1', 'fortran_order': False, }", "is missing"},
        {"{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }", "twice"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), 'more': 1}", "unknown key"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': [2, 2], }", "not a tuple"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2 2), }", "expected ','"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (4), }", "expected ','"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (-2, 2), }", "expected a dimension"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2", "expected"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (), }", "single number"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999, 2), }", "more than 2^64"},
        {"{'descr': '|u1' 'fortran_order': False, 'shape': (2, 2), }", "expected ','"},
        {"{'descr', '|u1', 'fortran_order': False, 'shape': (2, 2), }", "expected ':'"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), } x", "one newline"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }\n\n", "one newline"},
        {"{descr: '|u1', 'fortran_order': False, 'shape': (2, 2), }", "quoted"},
        {"{'descr: |u1, fortran_order: False, shape: (2, 2), }", "quoted"},
        {"", "expected '{'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int version = 1; version <= 2; version++) check_npy_refused(version, bad[i].header, 4, 0, bad[i].wanted);
    check_npy_refused(4, NPY_U1("(2, 2)"), 4, 0, "byte 6: NPY version 4.0");
    check_npy_refused(0, NPY_U1("(2, 2)"), 4, 0, "byte 6: NPY version 0.0");
    check_npy_refused(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2), }", 4, 0, "byte 44: NPY header: ");
}

TEST(npy_dimensions_are_limited_and_not_overrun)
{
    char shape[200] = "", header[300];
    for (int dims = 1; dims <= 40; dims++) {
        strcat(shape, "1,");
        snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }", shape);
        if (dims > 32) check_npy_refused(1, header, 1, 0, "more than 32 dimensions");
        else if (dims > 1) check_npy_refused(1, header, 2, 0, "the file goes on");
    }
}

TEST(npy_claims_that_are_refused)
{
    check_npy_refused(1, NPY_U1("(1099511627776, 784)"), 47040, 0,
                      "byte 128: claims 862017116176384 bytes of data (1099511627776 rows of 784 bytes), but the file "
                      "can hold at most 47040");
    check_npy_refused(1, NPY_U1("(18446744073709551615, 18446744073709551615)"), 9, 0, "more than 2^64 bytes");
    check_npy_refused(1, NPY_U1("(4294967296, 4294967296, 2)"), 9, 0, "more than 2^64 bytes");
    check_npy_refused(1, NPY_U1("(9223372036854775809, 2)"), 9, 0, "more than 2^64 bytes"); /* 2 modulo 2^64 */
    check_npy_refused(1, NPY_U1("(2, 3)"), 5, 0, "claims 6 bytes");
    check_npy_refused(1, NPY_U1("(2, 3)"), 7, 0, "byte 134: the data should end here");
    check_npy_refused(1, NPY_U1("(0, 3)"), 0, 0, "claims no rows");
    check_npy_refused(1, NPY_U1("(3, 0)"), 0, 0, "rows without features");
    check_npy_refused(1, NPY_U1("(0, 18446744073709551615, 99)"), 0, 0, "claims no rows");
    check_npy_refused(1, NPY_U1("(5,)"), 5, 0, "features need 2 or more dimensions, this has 1");
    check_npy_refused(1, NPY_U1("(5, 1)"), 5, 1, "labels need 1 dimension, this has 2");
    check_npy_refused(1, NPY_U1("(0,)"), 0, 1, "claims no rows");
    check_npy_refused(1, NPY_U1("(1099511627776,)"), 5, 1, "claims 1099511627776 bytes");
    check_npy_refused(1, NPY_U1("(1, 16777217)"), 16777217, 0, "at most 16777216 can be used");
}

TEST(a_gzip_file_that_could_hold_the_claim_and_does_not_is_refused)
{
    bytes b = {0};
    npy_array(&b, "<i4", "(3000, 1)");
    for (int i = 0; i < 2999 * 4; i++) bytes_int(&b, 0, 1, 0);
    CHECK_STR(refusal(temp_put_gzip("x", b.data, b.count), 0),
              "byte 12124: truncated, expected 4 more bytes of numbers");
    free(b.data);
}

TEST(npy_files_cut_anywhere_are_refused)
{
    bytes b = {0};
    npy_array(&b, "<i2", "(3, 2)");
    for (int i = 0; i < 6; i++) bytes_int(&b, 1, 2, 0);
    for (size_t cut = 0; cut < b.count; cut++) refusal(temp_put("x.npy", b.data, cut), 0);
    b.data[8] = 0xff; /* a header longer than the file */
    b.data[9] = 0xff;
    CHECK(strstr(refusal(temp_put("x.npy", b.data, b.count), 0), "byte 10: claims 65535 bytes of the NPY header"));
    free(b.data);
    bytes v2 = {0};
    npy_head(&v2, 2, NPY_U1("(1, 1)"));
    v2.data[11] = 0x7f; /* a header of 2 GB */
    CHECK(strstr(refusal(temp_put("x.npy", v2.data, v2.count), 0), "byte 8: an NPY header of "));
    free(v2.data);
}

TEST(idx_files_that_are_refused)
{
    const struct {
        int type, dims;
        uint32_t sizes[4];
        size_t zeros;
        int labels;
        const char *wanted;
    } bad[] = {
        {0x0a, 2, {2, 2}, 4, 0, "byte 2: 0x0a is not a type of idx"},
        {0x08, 0, {0}, 4, 0, "byte 3: 0 dimensions"},
        {0x08, 5, {1, 1, 1, 1}, 4, 0, "byte 3: 5 dimensions"},
        {0x08, 1, {4}, 4, 0, "features need 2 or more dimensions"},
        {0x08, 2, {2, 2}, 4, 1, "labels need 1 dimension"},
        {0x08, 2, {0, 2}, 0, 0, "byte 12: claims no rows"},
        {0x08, 2, {2, 0}, 0, 0, "byte 12: claims rows without features"},
        {0x08, 2, {60, 784}, 47039, 0, "byte 12: claims 47040 bytes of data (60 rows of 784 bytes)"},
        {0x08, 2, {60, 784}, 47041, 0, "byte 47052: the data should end here"},
        {0x0e, 4, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 99, 0, "more than 2^64 bytes"},
        {0x08, 2, {0xffffffff, 1}, 99, 0, "claims 4294967295 bytes"},
        {0x0c, 1, {0xffffffff}, 99, 1, "claims 17179869180 bytes"},
        {0x08, 3, {2, 2}, 0, 0, "claims no rows"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bytes b = {0};
        idx_head(&b, bad[i].type, bad[i].dims > 4 ? 4 : bad[i].dims, bad[i].sizes);
        b.data[3] = (unsigned char)bad[i].dims;
        if (bad[i].dims == 3) b.data[7] = 0;
        for (size_t z = 0; z < bad[i].zeros; z++) bytes_int(&b, 0, 1, 0);
        const char *text = refusal(temp_put("x", b.data, b.count), bad[i].labels);
        if (!strstr(text, bad[i].wanted)) CHECK_STR(text, bad[i].wanted);
        free(b.data);
    }
    CHECK_STR(refusal(temp_put("x", "\0\0\x08\x03\0\0", 6), 0),
              "byte 6: truncated, expected 2 more bytes of the idx header");
}

TEST(other_files_are_refused)
{
    CHECK_STR(refusal(temp_put("x.npy", "", 0), 0), "byte 0: the file is empty");
    CHECK_STR(refusal(temp_put_gzip("x.npy", "", 0), 0), "byte 0: the file is empty");
    CHECK_STR(refusal(temp_put_text("x", "1,2,3\n"), 0),
              "byte 0: neither NPY nor idx, nor sparse text, and not named .csv");
    CHECK_STR(refusal(temp_put_text("x", "hi"), 1), "byte 0: neither NPY nor idx, nor sparse text, and not named .csv");
    CHECK_STR(refusal(temp_put_text("x", "\x93NUMBER plate"), 0), "byte 4: not an NPY file");
    ist__matrix m;
    CHECK_EQ(ist__load_features(temp_path("missing.csv"), &m, NULL), IST_E_IO);
    CHECK_EQ(ist__load_features(temp_folder, &m, NULL), IST_E_IO);
}

/* -------------------------------------------------------------------------------------------------- real files -- */

/* The check sums were taken with Python's gzip and zlib modules. */
static void check_real(const char *name, int64_t rows, int64_t features, uint32_t all, const uint32_t rows_sums[3])
{
    const char *path = shared_data(name);
    if (!path) SKIP("no shared data");
    ist__matrix m;
    CHECK_EQ(ist__load_features(path, &m, NULL), IST_OK);
    CHECK_EQ(m.rows, rows);
    CHECK_EQ(m.features, features);
    CHECK_EQ(m.type, IST_UINT8);
    const int64_t some[3] = {0, rows / 2, rows - 1};
    const unsigned char *x = m.x;
    for (int i = 0; i < 3; i++) CHECK_EQ(crc32(0, x + some[i] * features, (uInt)features), rows_sums[i]);
    CHECK_EQ(crc32(0, x, (uInt)(rows * features)), all);
    ist__free(m.x);
}

static void check_real_labels(const char *name, int64_t rows, int32_t classes)
{
    const char *path = shared_data(name);
    if (!path) SKIP("no shared data");
    int32_t *labels, got_classes;
    int64_t got;
    CHECK_EQ(ist__load_labels(path, &labels, &got, &got_classes, NULL), IST_OK);
    CHECK_EQ(got, rows);
    CHECK_EQ(got_classes, classes);
    ist__free(labels);
}

TEST(arabic_speech_commands)
{
    check_real("asc/train-logmel32x32.idx3.gz", 7200, 1024, 0xef938c09,
               (uint32_t[]){1850958819U, 75015630U, 2502215105U});
    check_real("asc/test-logmel32x32.idx3.gz", 2400, 1024, 0x4d0c06dd,
               (uint32_t[]){113896382U, 1215826375U, 3263414252U});
    check_real_labels("asc/train-labels.idx1.gz", 7200, 40);
    check_real_labels("asc/val-labels.idx1.gz", 2400, 40);
}

TEST(digits)
{
    check_real("digits/digits-images.idx3.gz", 1797, 64, 0xf3a2533c,
               (uint32_t[]){1381794413U, 2858814897U, 2422170123U});
    check_real_labels("digits/digits-labels.idx1.gz", 1797, 10);
}

TEST(mnist)
{
    check_real("mnist/train-images-idx3-ubyte.gz", 60000, 784, 0xf3639b56,
               (uint32_t[]){2427004754U, 108049352U, 1655297405U});
    check_real("mnist/t10k-images-idx3-ubyte.gz", 10000, 784, 0xe4ca5f57,
               (uint32_t[]){2125712646U, 1541075261U, 4049437131U});
    check_real_labels("mnist/train-labels-idx1-ubyte.gz", 60000, 10);
}
