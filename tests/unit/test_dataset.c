/* test_dataset.c - datasets from files and from memory, what is refused, and moments. */
#define _POSIX_C_SOURCE 200809L
#include "ist_test.h"

#include <float.h>
#include <math.h>

#include "data/dataset.h"
#include "temp_files.h"

/* ------------------------------------------------------------------------------------------------------- files -- */

/* An idx file of bytes: dims 1 gives (rows), dims 2 (rows, features). */
static const char *idx_file(const char *name, int dims, uint32_t rows, uint32_t features, const uint8_t *data)
{
    bytes b = {0};
    bytes_int(&b, (uint64_t)(0x0800 | dims), 4, 1);
    bytes_int(&b, rows, 4, 1);
    if (dims == 2) bytes_int(&b, features, 4, 1);
    bytes_add(&b, data, (size_t)rows * features);
    const char *path = temp_put(name, b.data, b.count);
    free(b.data);
    return path;
}

TEST(open_joins_features_and_labels)
{
    const uint8_t x[6] = {0, 1, 2, 253, 254, 255}, y[3] = {2, 0, 6};
    const char *x_path = idx_file("x", 2, 3, 2, x), *y_path = idx_file("y", 1, 3, 1, y);
    ist_dataset *d;
    CHECK_EQ(ist__dataset_open(&d, x_path, y_path, NULL), IST_OK);
    CHECK_EQ(d->rows, 3);
    CHECK_EQ(d->features, 2);
    CHECK_EQ(d->classes, 7);
    CHECK_EQ(d->type, IST_UINT8);
    CHECK_EQ(d->row_stride_bytes, 2);
    CHECK_MEM(d->x, x, sizeof x);
    CHECK_MEM(d->labels, ((int32_t[]){2, 0, 6}), 3 * sizeof(int32_t));
    ist__dataset_destroy(d);

    CHECK_EQ(ist__dataset_open(&d, temp_put_text("x.csv", "1,2,3\n4,5,6\n"), NULL, NULL), IST_OK);
    CHECK_EQ(d->type, IST_FLOAT32);
    CHECK_EQ(d->row_stride_bytes, 12);
    CHECK_EQ(d->classes, 0);
    CHECK(d->labels == NULL);
    ist__dataset_destroy(d);
    ist__dataset_destroy(NULL);
}

TEST(open_refuses_what_does_not_fit)
{
    const uint8_t zeros[8] = {0};
    ist__error error;
    ist_dataset *d = NULL;
    const char *x = idx_file("x", 2, 4, 2, zeros), *y = idx_file("y", 1, 3, 1, zeros);
    char wanted[500];
    CHECK_EQ(ist__dataset_open(&d, x, y, &error), IST_E_SHAPE);
    snprintf(wanted, sizeof wanted, "%s: 4 rows, but %s: 3 labels", x, y);
    CHECK_STR(error.text, wanted);
    CHECK_EQ(ist__dataset_open(&d, x, x, &error), IST_E_FORMAT);
    CHECK_EQ(ist__dataset_open(&d, y, y, &error), IST_E_FORMAT);
    CHECK_EQ(ist__dataset_open(&d, temp_path("none"), y, &error), IST_E_IO);
    CHECK_EQ(ist__dataset_open(&d, x, temp_path("none"), &error), IST_E_IO);
    CHECK_EQ(ist__dataset_open(&d, NULL, y, &error), IST_E_ARGUMENT);
    CHECK_EQ(ist__dataset_open(NULL, x, y, &error), IST_E_ARGUMENT);
    CHECK(d == NULL);
}

/* -------------------------------------------------------------------------------------------------------- wrap -- */

TEST(wrap_borrows_what_it_is_given)
{
    float x[2][4] = {{1, 2, 3, 0}, {4, 5, 6, 0}};
    int32_t labels[2] = {1, 0};
    ist_dataset *d;
    CHECK_EQ(ist__dataset_wrap(&d, x, IST_FLOAT32, 2, 3, 16, labels, 5, NULL), IST_OK);
    CHECK(d->x == x && d->labels == labels);
    CHECK_EQ(d->classes, 5);
    CHECK_EQ(d->row_stride_bytes, 16);
    ist__dataset_destroy(d);
    CHECK_EQ(ist__dataset_wrap(&d, x, IST_UINT8, 2, 7, 7, NULL, 0, NULL), IST_OK);
    CHECK_EQ(d->classes, 0);
    ist__dataset_destroy(d);
    CHECK_NEAR(x[1][2], 6, 0);
}

TEST(wrap_refuses_what_it_cannot_read)
{
    float x[8] = {0};
    int32_t labels[2] = {1, 4}, negative[2] = {0, -1};
    ist_dataset *d = NULL;
    ist__error error;
    const struct {
        const void *x;
        int32_t type;
        int64_t rows;
        int32_t features;
        int64_t stride;
        const int32_t *labels;
        int32_t classes;
    } bad[] = {
        {NULL, IST_FLOAT32, 2, 3, 12, NULL, 0},
        {x, IST_INT32, 2, 3, 12, NULL, 0},
        {x, IST_FLOAT64, 1, 3, 24, NULL, 0},
        {x, -1, 2, 3, 12, NULL, 0},
        {x, IST_FLOAT32, 0, 3, 12, NULL, 0},
        {x, IST_FLOAT32, -2, 3, 12, NULL, 0},
        {x, IST_UINT8, 4294967295, 1, 1, NULL, 0},
        {x, IST_FLOAT32, 2, 0, 12, NULL, 0},
        {x, IST_FLOAT32, 2, -3, 12, NULL, 0},
        {x, IST_FLOAT32, 2, (1 << 24) + 1, 1 << 27, NULL, 0},
        {x, IST_FLOAT32, 2, 3, 11, NULL, 0},
        {x, IST_FLOAT32, 2, 3, 8, NULL, 0},
        {x, IST_FLOAT32, 2, 3, -12, NULL, 0},
        {x, IST_FLOAT32, 2, 3, 14, NULL, 0},
        {x, IST_FLOAT32, 2, 3, INT64_MAX - 3, NULL, 0},
        {(char *)x + 2, IST_FLOAT32, 1, 3, 12, NULL, 0},
        {x, IST_FLOAT32, 2, 3, 12, NULL, 2},
        {x, IST_FLOAT32, 2, 3, 12, labels, 0},
        {x, IST_FLOAT32, 2, 3, 12, labels, 4},
        {x, IST_FLOAT32, 2, 3, 12, negative, 4},
        {x, IST_FLOAT32, 2, 3, 12, labels, -1},
        {x, IST_FLOAT32, 2, 3, 12, labels, (1 << 24) + 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        error.text[0] = '\0';
        CHECK_EQ(ist__dataset_wrap(&d, bad[i].x, bad[i].type, bad[i].rows, bad[i].features, bad[i].stride,
                                   bad[i].labels, bad[i].classes, &error),
                 IST_E_ARGUMENT);
        CHECK(d == NULL && error.text[0] != '\0');
    }
    CHECK_EQ(ist__dataset_wrap(&d, x, IST_FLOAT32, 2, 3, 12, labels, 4, &error), IST_E_ARGUMENT);
    CHECK_STR(error.text, "dataset: labels[1] is 4, not one of 0 .. 3");
    CHECK_EQ(ist__dataset_wrap(NULL, x, IST_FLOAT32, 2, 3, 12, NULL, 0, &error), IST_E_ARGUMENT);
    CHECK_EQ(ist__dataset_wrap(&d, x, IST_FLOAT32, 2, 3, 12, labels, 5, &error), IST_OK);
    ist__dataset_destroy(d);
}

TEST(type_sizes)
{
    CHECK_EQ(ist__type_bytes(IST_UINT8), 1);
    CHECK_EQ(ist__type_bytes(IST_FLOAT32), 4);
    CHECK_EQ(ist__type_bytes(IST_INT32), 4);
    CHECK_EQ(ist__type_bytes(IST_FLOAT64), 8);
    CHECK_EQ(ist__type_bytes(4), 0);
    CHECK_EQ(ist__type_bytes(-1), 0);
}

/* ----------------------------------------------------------------------------------------------------- moments -- */

enum { ROWS = 300, FEATURES = 601, STRIDE = 607 };

/* The moments of features [first, last) together, in long double. */
static void naive(const float *x, int first, int last, long double *mean, long double *deviation)
{
    const long double count = (long double)ROWS * (last - first);
    long double sum = 0, squares = 0;
    for (int row = 0; row < ROWS; row++)
        for (int f = first; f < last; f++) sum += (long double)x[row * STRIDE + f];
    *mean = sum / count;
    for (int row = 0; row < ROWS; row++)
        for (int f = first; f < last; f++) {
            const long double d = (long double)x[row * STRIDE + f] - *mean;
            squares += d * d;
        }
    *deviation = sqrtl(squares / count);
}

static void check_near_moment(float shift, float factor, long double mean, long double deviation)
{
    CHECK_NEAR(shift, mean, 1e-6L * fabsl(mean) + 1e-9L);
    CHECK_NEAR(factor, 1 / deviation, 1e-6L / deviation);
}

TEST(moments_equal_the_plain_sums)
{
    static float x[ROWS * STRIDE], shift[FEATURES], factor[FEATURES];
    static uint8_t small[ROWS * STRIDE];
    uint32_t state = 17;
    ist_dataset *d;
    for (int round = 0; round < 2; round++) { /* bytes, then floats far from 0 that differ in scale */
        for (int i = 0; i < ROWS * STRIDE; i++) {
            state = state * 1664525U + 1013904223U;
            small[i] = (uint8_t)(state >> 24);
            const int f = i % STRIDE;
            x[i] = round == 0 ? (float)small[i] : 1000.0F + (float)(state >> 8) * 1e-6F * (float)(f + 1);
            if (f >= FEATURES) x[i] = NAN, small[i] = 255; /* padding must not be read */
        }
        if (round == 0)
            CHECK_EQ(ist__dataset_wrap(&d, small, IST_UINT8, ROWS, FEATURES, STRIDE, NULL, 0, NULL), IST_OK);
        else CHECK_EQ(ist__dataset_wrap(&d, x, IST_FLOAT32, ROWS, FEATURES, 4 * STRIDE, NULL, 0, NULL), IST_OK);
        long double mean, deviation;
        ist__dataset_moments(d, FEATURES, shift, factor);
        for (int f = 0; f < FEATURES; f++) {
            naive(x, f, f + 1, &mean, &deviation);
            check_near_moment(shift[f], factor[f], mean, deviation);
        }
        ist__dataset_moments(d, 1, shift, factor);
        naive(x, 0, FEATURES, &mean, &deviation);
        check_near_moment(shift[0], factor[0], mean, deviation);
        ist__dataset_destroy(d);
    }
}

TEST(bytes_and_the_same_floats_have_the_same_moments)
{
    enum { COUNT = 50 };
    uint8_t small[COUNT * 3];
    float large[COUNT * 3], shifts[2][3], factors[2][3];
    ist_dataset *d[2];
    for (int i = 0; i < COUNT * 3; i++) large[i] = small[i] = (uint8_t)(i * i * 37 % 251);
    CHECK_EQ(ist__dataset_wrap(&d[0], small, IST_UINT8, COUNT, 3, 3, NULL, 0, NULL), IST_OK);
    CHECK_EQ(ist__dataset_wrap(&d[1], large, IST_FLOAT32, COUNT, 3, 12, NULL, 0, NULL), IST_OK);
    for (int count = 1; count <= 3; count += 2) {
        for (int i = 0; i < 2; i++) ist__dataset_moments(d[i], count, shifts[i], factors[i]);
        CHECK_MEM(shifts[0], shifts[1], (size_t)count * sizeof(float));
        CHECK_MEM(factors[0], factors[1], (size_t)count * sizeof(float));
    }
    for (int i = 0; i < 2; i++) ist__dataset_destroy(d[i]);
}

TEST(a_feature_without_deviation_has_factor_1)
{
    enum { COUNT = 1001 };
    static float x[COUNT][4];
    float shift[4], factor[4];
    ist_dataset *d;
    for (int i = 0; i < COUNT; i++) {
        x[i][0] = 0.1F; /* not a float sum: 1001 * 0.1 is rounded */
        x[i][1] = 0;
        x[i][2] = i % 2 ? FLT_MAX : -FLT_MAX;
        x[i][3] = i % 2 ? FLT_TRUE_MIN : 0; /* 1 / deviation is no float32 */
    }
    CHECK_EQ(ist__dataset_wrap(&d, x, IST_FLOAT32, COUNT, 4, 16, NULL, 0, NULL), IST_OK);
    ist__dataset_moments(d, 4, shift, factor);
    CHECK_NEAR(shift[0], 0.1F, 0);
    CHECK_NEAR(factor[0], 1, 0);
    CHECK_NEAR(factor[1], 1, 0);
    CHECK(factor[2] > 0 && isfinite(factor[2]) && isfinite(shift[2]));
    CHECK_NEAR(factor[3], 1, 0);
    ist__dataset_destroy(d);

    CHECK_EQ(ist__dataset_wrap(&d, x, IST_FLOAT32, 1, 1, 16, NULL, 0, NULL), IST_OK); /* one value */
    ist__dataset_moments(d, 1, shift, factor);
    CHECK_NEAR(shift[0], 0.1F, 0);
    CHECK_NEAR(factor[0], 1, 0);
    ist__dataset_destroy(d);
}

TEST(speech_moments)
{
    const char *path = shared_data("asc/train-logmel32x32.idx3.gz");
    if (!path) SKIP("no shared data");
    float shift, factor;
    ist_dataset *d;
    CHECK_EQ(ist__dataset_open(&d, path, NULL, NULL), IST_OK);
    uint64_t sum = 0, squares = 0;
    const uint8_t *x = d->x;
    const uint64_t count = (uint64_t)d->rows * (uint64_t)d->features;
    for (uint64_t i = 0; i < count; i++) {
        sum += x[i];
        squares += (uint64_t)x[i] * x[i];
    }
    const double mean = (double)sum / (double)count;
    ist__dataset_moments(d, 1, &shift, &factor);
    CHECK_NEAR(shift, mean, 1e-5);
    CHECK_NEAR(1 / factor, sqrt((double)squares / (double)count - mean * mean), 1e-4);
    ist__dataset_destroy(d);
}
