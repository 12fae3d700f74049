/* hot_loop.c - a net inside the loops of an OpenMP code: three ways to ask it, and how long an answer takes.
 *
 *   each thread for itself    ist_predictor_run inside the code's own parallel region, one row a call
 *   one row by all cores      ist_predictor_run_teams from the main thread, for the earliest answer of a wide net
 *   128 rows at a time        ist_predictor_run again: the weights are read once for all of them
 *
 * All give the bits of ist_model_predict (checked here: status 1 when not), so the choice is one of time alone.  The net is as it
 * was created: what it has learned does not change how long it takes.
 * Build: cc -O2 -fopenmp hot_loop.c $(pkg-config --cflags --libs ist), or find_package(ist) and ist::ist in CMake. */
#include <ist/ist.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES = 64, TARGETS = 8, WIDTH = 1024, ROWS = 512, BATCH = 128, SAMPLES = 41 };
static float x[ROWS][FEATURES], expected[ROWS][TARGETS], answer[ROWS][TARGETS];

static ist_context *context;
#define TRY(call) end_on_failure(call, #call)
static void end_on_failure(ist_status status, const char *call)
{
    if (!status) return;
    fprintf(stderr, "%s: %s: %s\n", call, ist_strerror(status), context ? ist_context_error(context) : "");
    exit(EXIT_FAILURE);
}

static void check(const char *way)
{
    if (memcmp(answer, expected, sizeof answer) != 0) {
        fprintf(stderr, "%s: other answers than ist_model_predict\n", way);
        exit(EXIT_FAILURE);
    }
    memset(answer, 0, sizeof answer);
}

static int ascending(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* How long `rows` rows take, teams or this thread alone: median and quartiles of SAMPLES calls, after one to warm up. */
static void time_it(ist_predictor *net, int rows, int teams)
{
    double taken_s[SAMPLES];
    for (int sample = -1; sample < SAMPLES; sample++) {
        const double begin_s = omp_get_wtime();
        if (teams) TRY(ist_predictor_run_teams(net, x, IST_FLOAT32, rows, sizeof x[0], answer[0]));
        else TRY(ist_predictor_run(net, x, IST_FLOAT32, rows, sizeof x[0], answer[0]));
        if (sample >= 0) taken_s[sample] = omp_get_wtime() - begin_s;
    }
    qsort(taken_s, SAMPLES, sizeof taken_s[0], ascending);
    printf("%5d %-12s %9.1f us (%.1f to %.1f) %8.1f us a row\n", rows, teams ? "all cores" : "one thread",
           taken_s[SAMPLES / 2] * 1e6, taken_s[SAMPLES / 4] * 1e6, taken_s[SAMPLES * 3 / 4] * 1e6,
           taken_s[SAMPLES / 2] / rows * 1e6);
}

int main(void)
{
    ist_model *model = NULL;
    ist_dataset *rows = NULL;
    ist_predictor *net = NULL;
    ist_model_config shape = IST_MODEL_CONFIG_INIT;
    shape.features = FEATURES;
    shape.classes = TARGETS;
    shape.hidden = (const int32_t[]){WIDTH, WIDTH};
    shape.hidden_count = 2;
    shape.hidden_norm = shape.output_norm = IST_NORM_NONE;
    shape.activation = IST_TANH;
    shape.loss = IST_LOSS_MSE;
    for (int i = 0; i < ROWS * FEATURES; i++) x[i / FEATURES][i % FEATURES] = (float)((i * 7919) % 2003) / 1001 - 1;

    ist_context_config machine = IST_CONTEXT_CONFIG_INIT;
    machine.engine =
        IST_ENGINE_NATIVE; /* the same bits from everywhere; OpenBLAS has other ones for one row than for many */
    TRY(ist_context_create(&context, &machine));
    TRY(ist_model_create(context, &model, &shape));
    TRY(ist_dataset_wrap(context, &rows, x, IST_FLOAT32, ROWS, FEATURES, sizeof x[0], NULL, 0));
    TRY(ist_model_predict(model, rows, NULL, expected[0]));
    TRY(ist_predictor_create(model, &net, NULL)); /* its own copy: the model may go on training, or go */
    ist_dataset_destroy(rows);
    ist_model_destroy(model);

    ist_status worst = IST_OK;
#pragma omp parallel for schedule(static) reduction(min : worst)
    for (int cell = 0; cell < ROWS; cell++) {
        /* .. what the code does for this cell .. */
        const ist_status status = ist_predictor_run(net, x[cell], IST_FLOAT32, 1, sizeof x[0], answer[cell]);
        worst = status < worst ? status : worst;
    }
    TRY(worst);
    check("one row a call, inside a region");
    for (int i = 0; i < ROWS; i++) TRY(ist_predictor_run_teams(net, x[i], IST_FLOAT32, 1, sizeof x[0], answer[i]));
    check("one row by all cores");
    for (int i = 0; i < ROWS; i += BATCH) TRY(ist_predictor_run(net, x[i], IST_FLOAT32, BATCH, sizeof x[0], answer[i]));
    check("128 rows at a time");

    printf("%d-%d-%d-%d, median (quartiles) of %d calls\n", FEATURES, WIDTH, WIDTH, TARGETS, SAMPLES);
    for (int teams = 0; teams < 2; teams++) {
        time_it(net, 1, teams);
        time_it(net, BATCH, teams);
    }
    ist_predictor_destroy(net);
    ist_context_destroy(context);
    return EXIT_SUCCESS;
}
