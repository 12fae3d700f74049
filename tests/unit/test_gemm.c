/* Products of OpenBLAS and of the reference against sums in double precision; their bits from any number of threads; which
 * OpenBLAS is refused. */
#include "ist_test.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "ist/ist.h"
#include "math/gemm.h"

static const int32_t engines[] = {IST_ENGINE_OPENBLAS, IST_ENGINE_REFERENCE};

static float noise(uint32_t *state) /* -1 .. 1 */
{
    *state = *state * 1664525U + 1013904223U;
    return (float)(*state >> 8) * 0x1p-23F - 1;
}

static float *matrix(int64_t count, uint32_t seed)
{
    float *values = malloc((size_t)(count > 0 ? count : 1) * sizeof *values);
    for (int64_t i = 0; i < count; i++) values[i] = noise(&seed);
    return values;
}

typedef struct problem {
    bool ta, tb;
    int32_t m, n, k;
    int64_t lda, ldb, ldc;
    float alpha, beta;
} problem;

/* One product, with C full of NaN where it must not be read; counts elements that are wrong, padding included. */
static int64_t wrong_elements(int32_t engine, const problem *p)
{
    float *a = matrix((p->ta ? p->k : p->m) * p->lda, 1), *b = matrix((p->tb ? p->n : p->k) * p->ldb, 2);
    float *before = matrix(p->m * p->ldc, 3), *c = malloc((size_t)(p->m * p->ldc) * sizeof *c);
    for (int64_t i = 0; p->beta == 0 && i < p->m * p->ldc; i++) before[i] = i % p->ldc < p->n ? NAN : 7;
    memcpy(c, before, (size_t)(p->m * p->ldc) * sizeof *c);
    ist__gemm(engine, p->ta, p->tb, p->m, p->n, p->k, p->alpha, a, p->lda, b, p->ldb, p->beta, c, p->ldc);

    int64_t wrong = 0;
    for (int32_t i = 0; i < p->m; i++) {
        for (int32_t j = 0; j < p->n; j++) {
            double sum = 0;
            for (int32_t q = 0; q < p->k; q++)
                sum += (double)a[p->ta ? q * p->lda + i : i * p->lda + q] *
                       (double)b[p->tb ? j * p->ldb + q : q * p->ldb + j];
            sum *= (double)p->alpha;
            if (p->beta != 0) sum += (double)p->beta * (double)before[i * p->ldc + j];
            wrong += !(fabs((double)c[i * p->ldc + j] - sum) <= 4e-6 * sqrt(p->k + 1.0));
        }
        wrong += memcmp(c + i * p->ldc + p->n, before + i * p->ldc + p->n, (size_t)(p->ldc - p->n) * sizeof *c) != 0;
    }
    free(a);
    free(b);
    free(before);
    free(c);
    return wrong;
}

TEST(products_of_all_transposes_and_odd_shapes)
{
    static const int32_t shape[][3] = {{1, 1, 1},      {1, 17, 5},    {7, 1, 33},   {2, 3, 130},
                                       {16, 16, 16},   {17, 31, 65},  {64, 128, 9}, {35, 100, 64},
                                       {100, 35, 128}, {65, 129, 67}, {5, 200, 300}};
    static const float factor[][2] = {{1, 0}, {-0.5F, 1}, {2, 0.5F}};
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++)
        for (int variant = 0; variant < 24; variant++) {
            const bool ta = variant & 1, tb = variant & 2;
            const int32_t pad = variant & 4 ? 5 : 0, m = shape[s][0], n = shape[s][1], k = shape[s][2];
            const problem p = {ta,
                               tb,
                               m,
                               n,
                               k,
                               (ta ? m : k) + pad,
                               (tb ? k : n) + pad,
                               n + pad,
                               factor[variant / 8][0],
                               factor[variant / 8][1]};
            for (int e = 0; e < 2; e++) CHECK_EQ(wrong_elements(engines[e], &p), 0);
        }
}

TEST(an_empty_sum_is_zero)
{
    for (int e = 0; e < 2; e++) {
        float c[4] = {1, 2, NAN, NAN};
        ist__gemm(engines[e], false, false, 1, 2, 0, 1, NULL, 0, NULL, 2, 0.5F, c, 2);
        ist__gemm(engines[e], false, false, 1, 2, 0, 1, NULL, 0, NULL, 2, 0, c + 2, 2);
        CHECK(c[0] == 0.5F && c[1] == 1 && c[2] == 0 && c[3] == 0);
        ist__gemm(engines[e], false, false, 0, 2, 3, 1, NULL, 3, NULL, 2, 0, NULL, 2); /* no rows: nothing happens */
    }
}

TEST(strides_beyond_32_bits)
{
    for (int e = 0; e < 2; e++) {
        const float a = 3, b[2] = {5, 7};
        float c[2] = {0};
        ist__gemm(engines[e], false, false, 1, 2, 1, 1, &a, 1, b, (int64_t)1 << 40, 0, c, (int64_t)INT_MAX + 1);
        CHECK(c[0] == 15 && c[1] == 21);
    }
}

enum { TILE = 48, TILES = 4, WIDTH = 100, DEPTH = 210 };

static void compute_tile(int32_t engine, const float *a, const float *b, float *c, int32_t tile)
{
    ist__gemm(engine, false, false, TILE, WIDTH, DEPTH, 1, a + tile * TILE * DEPTH, DEPTH, b, WIDTH, 0,
              c + tile * TILE * WIDTH, WIDTH);
}

/* A tile alone, outside any region; all tiles by four threads at once; all by one thread of a region of one. */
TEST(bits_of_a_tile_depend_on_nothing_beside_it)
{
    float *a = matrix(TILES * TILE * DEPTH, 4), *b = matrix(DEPTH * WIDTH, 5);
    float *c[3];
    for (int i = 0; i < 3; i++) c[i] = matrix(TILES * TILE * WIDTH, 6);
    for (int e = 0; e < 2; e++) {
        for (int32_t t = 0; t < TILES; t++) compute_tile(engines[e], a, b, c[0], t);
        for (int repeat = 0; repeat < 20; repeat++) {
#pragma omp parallel for num_threads(4) schedule(dynamic)
            for (int32_t t = 0; t < TILES; t++) compute_tile(engines[e], a, b, c[1], t);
#pragma omp parallel num_threads(1)
            for (int32_t t = TILES - 1; t >= 0; t--) compute_tile(engines[e], a, b, c[2], t);
            CHECK_MEM(c[0], c[1], TILES * TILE * WIDTH * sizeof(float));
            CHECK_MEM(c[0], c[2], TILES * TILE * WIDTH * sizeof(float));
        }
    }
    ist__gemm(IST_ENGINE_REFERENCE, false, false, TILES * TILE, WIDTH, DEPTH, 1, a, DEPTH, b, WIDTH, 0, c[1], WIDTH);
    CHECK_MEM(c[0], c[1], TILES * TILE * WIDTH * sizeof(float)); /* the reference: nor on the tile itself */
    free(a);
    free(b);
    for (int i = 0; i < 3; i++) free(c[i]);
}

/* A big product from a thread outside of regions would use every core if we let OpenBLAS have its way. */
TEST(bits_are_those_of_a_single_thread_outside_of_regions_too)
{
    enum { N = 300 };
    float *a = matrix(N * N, 7), *b = matrix(N * N, 8), *inside = matrix(N * N, 9), *outside = matrix(N * N, 9);
    const int before = omp_get_max_threads();
    ist__gemm(IST_ENGINE_OPENBLAS, false, true, N, N, N, 1, a, N, b, N, 0, outside, N);
#pragma omp parallel num_threads(4)
#pragma omp single
    ist__gemm(IST_ENGINE_OPENBLAS, false, true, N, N, N, 1, a, N, b, N, 0, inside, N);
    CHECK_MEM(inside, outside, N * N * sizeof(float));
    CHECK_EQ(omp_get_max_threads(), before);
    free(a);
    free(b);
    free(inside);
    free(outside);
}

TEST(the_openmp_build_was_loaded)
{
    const ist__blas_info blas = ist__blas_describe();
    CHECK_EQ(blas.parallel, 2);
    CHECK(strstr(blas.config, "OpenBLAS") != NULL);
    CHECK(blas.core_type[0] != '\0');
    CHECK(blas.max_threads >= 50);
    const char *threads = strstr(blas.config, "MAX_THREADS=");
    if (threads && atoi(threads + 12) >= 25) CHECK_EQ(blas.max_threads, 2 * atoi(threads + 12));
}

TEST(refused_are_the_serial_and_the_pthread_build)
{
    ist__error error = {0};
    ist__blas_info blas = {
        .config = "OpenBLAS 0.3.21 Haswell MAX_THREADS=64", .core_type = "Haswell", .max_threads = 128};
    blas.parallel = 0;
    CHECK_EQ(ist__blas_judge(&blas, 1, &error), IST_E_BLAS);
    CHECK(strstr(error.text, "serial build") != NULL && strstr(error.text, "rpath") != NULL);
    blas.parallel = 1;
    CHECK_EQ(ist__blas_judge(&blas, 1, &error), IST_E_BLAS);
    CHECK(strstr(error.text, "pthread build") != NULL && strstr(error.text, "--engine native") != NULL);
    blas.parallel = 2;
    CHECK_EQ(ist__blas_judge(&blas, 128, &error), IST_OK);
    CHECK_EQ(ist__blas_judge(&blas, 129, &error), IST_E_BLAS);
    CHECK(strstr(error.text, "129 threads") != NULL && strstr(error.text, "for 128") != NULL);
}
