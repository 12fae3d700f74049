/* heat.c - a heat-equation code that trains a surrogate of itself while it runs, and then asks it instead of stepping.
 *
 * The solver: a square copper plate, cold at its edges, with a hot spot; explicit finite differences, and in the code's own
 * OpenMP region a batch of runs with random parameters.  Each run tells the temperatures of four probes at eight times.
 * The surrogate: time, place of the spot, diffusivity and heating -> the four temperatures.  Its trainer works between two
 * regions of the solver: 64 runs are stepped, their rows fed to the trainer, a net is trained for ten rounds, the next 64 are
 * stepped, ..  (A code with cores to spare may feed from any thread while rounds go on; then the digits depend on when.)
 * The answers: errors on runs that nobody trained on, beside those of a linear regression on the same rows; then the hottest
 * of 100,000 plates, where each thread of the code's own loop asks the surrogate for itself.
 *
 * Build: cc -O2 -fopenmp heat.c $(pkg-config --cflags --libs ist) -lm, or find_package(ist) and ist::ist in CMake.
 * Prints the same in every run, for any number of threads, but for the times.  Status 1: not 10 x better than a line. */
#include <ist/ist.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIME_S, SPOT_X_M, SPOT_Y_M, DIFFUSIVITY_M2_PER_S, HEATING_K_PER_S, FEATURES }; /* a row of the surrogate .. */
enum { PROBES = 4, TIMES = 8 }; /* .. and its targets: kelvin above the edges; rows of a run */
enum { RUNS = 1024, WINDOW_RUNS = 512, BATCH_RUNS = 64, HELD_OUT_RUNS = 64 };
enum { ROUNDS_A_BATCH = 10, ROUNDS = (RUNS - WINDOW_RUNS) / BATCH_RUNS * ROUNDS_A_BATCH + 100 };
enum { PLATES = 100000, PLATES_AT_ONCE = 100 };
enum { CELLS = 24 }; /* across the plate and along it, without the edges */
static const double plate_m = 0.1, spot_m = 0.008, end_s = 8, step_s = 0.025;

/* Rows of runs; those that nobody trains on stand behind the others. */
static float x[(RUNS + HELD_OUT_RUNS) * TIMES][FEATURES], y[(RUNS + HELD_OUT_RUNS) * TIMES][PROBES];

/* One place where failing ends: what was called, and the library's own line about it. */
static ist_context *context;
#define TRY(call) end_on_failure(call, #call)
static void end_on_failure(ist_status status, const char *call)
{
    if (!status) return;
    fprintf(stderr, "%s: %s: %s\n", call, ist_strerror(status), context ? ist_context_error(context) : "");
    exit(EXIT_FAILURE);
}

/* The parameters of a run, a function of its number alone: runs may be made in any order, by any thread.  Multiples of four
 * irrational numbers fill the ranges evenly, and never come twice. */
static void draw(int run, float row[FEATURES])
{
    const double low[FEATURES] = {end_s, 0.02, 0.02, 0.6e-4, 10}, high[FEATURES] = {end_s, 0.08, 0.08, 1.2e-4, 40};
    const double step[FEATURES] = {0, 0.8566748838545029, 0.7338918566271260, 0.6287067210378087, 0.5385972572236101};
    for (int f = 0; f < FEATURES; f++) row[f] = (float)(low[f] + (high[f] - low[f]) * fmod((run + 1) * step[f], 1));
}

/* Step one run from cold to its end; rows_x (TIMES, FEATURES), rows_y (TIMES, PROBES). */
static void simulate(int run, float (*rows_x)[FEATURES], float (*rows_y)[PROBES])
{
    static const int probe[PROBES][2] = {{7, 7}, {7, 18}, {18, 7}, {13, 13}};
    const int steps = (int)(end_s / step_s + 0.5), steps_a_row = steps / TIMES;
    const double cell_m = plate_m / (CELLS + 1);
    double kelvin[2][CELLS + 2][CELLS + 2] = {{{0}}}, heat_k[CELLS + 2][CELLS + 2];
    float at[FEATURES];
    draw(run, at);
    const double exchange = (double)at[DIFFUSIVITY_M2_PER_S] * step_s / (cell_m * cell_m); /* below 1/4: stable */
    for (int i = 1; i <= CELLS; i++)
        for (int j = 1; j <= CELLS; j++) {
            const double dx_m = i * cell_m - (double)at[SPOT_X_M], dy_m = j * cell_m - (double)at[SPOT_Y_M];
            heat_k[i][j] =
                step_s * (double)at[HEATING_K_PER_S] * exp(-(dx_m * dx_m + dy_m * dy_m) / (2 * spot_m * spot_m));
        }
    for (int step = 1; step <= steps; step++) {
        double(*const from)[CELLS + 2] = kelvin[step % 2 == 0], (*const to)[CELLS + 2] = kelvin[step % 2];
        for (int i = 1; i <= CELLS; i++)
            for (int j = 1; j <= CELLS; j++)
                to[i][j] =
                    from[i][j] + heat_k[i][j] +
                    exchange * (from[i - 1][j] + from[i + 1][j] + from[i][j - 1] + from[i][j + 1] - 4 * from[i][j]);
        if (step % steps_a_row) continue;
        const int row = step / steps_a_row - 1;
        memcpy(rows_x[row], at, sizeof at);
        rows_x[row][TIME_S] = (float)(step * step_s);
        for (int p = 0; p < PROBES; p++) rows_y[row][p] = (float)to[probe[p][0]][probe[p][1]];
    }
}

static void simulate_all(int first_run, int runs)
{
#pragma omp parallel for schedule(dynamic)
    for (int run = first_run; run < first_run + runs; run++) simulate(run, x + run * TIMES, y + run * TIMES);
}

/* Rows of runs as a dataset of the library, copied: it is then the library's own, and may be fed. */
static ist_dataset *rows_of(int first_run, int runs)
{
    ist_dataset *dataset = NULL;
    ist_dataset_arrays arrays = IST_DATASET_ARRAYS_INIT;
    arrays.rows = runs * TIMES;
    arrays.x = x[first_run * TIMES];
    arrays.features = FEATURES;
    arrays.y = y[first_run * TIMES];
    arrays.targets = PROBES;
    arrays.copy = 1;
    TRY(ist_dataset_from_arrays(context, &dataset, &arrays));
    return dataset;
}

/* Rows of new runs take the places of the oldest ones in the training set, from the next round on. */
static void feed(ist_trainer *trainer, int first_run, int runs)
{
    char why[200] = ""; /* as feeding is for any thread, it has a line of its own */
    ist_feed rows = IST_FEED_INIT;
    rows.rows = runs * TIMES;
    rows.x = x[first_run * TIMES];
    rows.y = y[first_run * TIMES];
    rows.line = why;
    rows.line_bytes = sizeof why;
    end_on_failure(ist_trainer_feed(trainer, &rows), why);
}

/* What linear regression sees of a row: the features in units of about 1, and a constant. */
enum { TERMS = FEATURES + 1 };
static void terms_of(const float row[FEATURES], double term[TERMS])
{
    const double unit[FEATURES] = {end_s, plate_m, plate_m, 1e-4, 40};
    for (int f = 0; f < FEATURES; f++) term[f] = (double)row[f] / unit[f];
    term[FEATURES] = 1;
}

/* Least squares over the rows that were trained on, by the normal equations.  Returns the RMSE on held-out rows, kelvin. */
static double linear_rmse_k(void)
{
    enum { ROWS = RUNS * TIMES, ALL_ROWS = ROWS + HELD_OUT_RUNS * TIMES };
    double a[TERMS][TERMS + PROBES] = {{0}}, term[TERMS],
                            sum_k2 = 0; /* a: the matrix, and beside it a right side a probe */
    for (int i = 0; i < ROWS; i++) {
        terms_of(x[i], term);
        for (int r = 0; r < TERMS; r++) {
            for (int c = 0; c < TERMS; c++) a[r][c] += term[r] * term[c];
            for (int p = 0; p < PROBES; p++) a[r][TERMS + p] += term[r] * (double)y[i][p];
        }
    }
    for (int k = 0; k < TERMS; k++) /* Gauss and Jordan; the matrix is positive definite and needs no pivots */
        for (int r = 0; r < TERMS; r++) {
            const double factor = r == k ? 1 - 1 / a[k][k] : a[r][k] / a[k][k];
            for (int c = TERMS + PROBES - 1; c >= k; c--) a[r][c] -= factor * a[k][c];
        }
    for (int i = ROWS; i < ALL_ROWS; i++) {
        terms_of(x[i], term);
        for (int p = 0; p < PROBES; p++) {
            double error_k = -(double)y[i][p];
            for (int k = 0; k < TERMS; k++) error_k += a[k][TERMS + p] * term[k];
            sum_k2 += error_k * error_k;
        }
    }
    return sqrt(sum_k2 / ((ALL_ROWS - ROWS) * PROBES));
}

/* The hottest centre of so many plates, in the code's own region: all threads ask one predictor.  Returns its number. */
static int hottest(const ist_predictor *surrogate, float *centre_k)
{
    int hottest_plate = 0, failed = 0;
    *centre_k = 0;
#pragma omp parallel for schedule(static) reduction(+ : failed)
    for (int first = 0; first < PLATES; first += PLATES_AT_ONCE) {
        float ask[PLATES_AT_ONCE][FEATURES], kelvin[PLATES_AT_ONCE][PROBES];
        for (int i = 0; i < PLATES_AT_ONCE; i++) draw(first + i, ask[i]);
        failed += ist_predictor_run(surrogate, ask, IST_FLOAT32, PLATES_AT_ONCE, sizeof ask[0], kelvin[0]) != IST_OK;
#pragma omp critical
        for (int i = 0; i < PLATES_AT_ONCE; i++)
            if (kelvin[i][PROBES - 1] > *centre_k) {
                *centre_k = kelvin[i][PROBES - 1];
                hottest_plate = first + i;
            }
    }
    TRY(failed ? IST_E_MEMORY : IST_OK); /* all else that can go wrong was right the first time */
    return hottest_plate;
}

int main(void)
{
    ist_model *model = NULL;
    ist_predictor *surrogate = NULL;
    ist_context_config machine = IST_CONTEXT_CONFIG_INIT;
    machine.threads_per_team = 1; /* layers of 64 neurons are too small to share; wide ones take all cores (0) */
    TRY(ist_context_create(&context, &machine));

    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = FEATURES;
    net.classes = PROBES;
    net.hidden = (const int32_t[]){64, 64};
    net.hidden_count = 2;
    net.hidden_norm = net.output_norm = IST_NORM_NONE;
    net.activation = IST_GELU;
    net.loss = IST_LOSS_MSE;
    TRY(ist_model_create(context, &model, &net));

    simulate_all(RUNS, HELD_OUT_RUNS); /* nobody trains on these */
    simulate_all(0, WINDOW_RUNS);
    ist_dataset *held_out = rows_of(RUNS, HELD_OUT_RUNS), *window = rows_of(0, WINDOW_RUNS);
    TRY(ist_model_measure_normalization(model, window, IST_NORMALIZE_ZSCORE));
    TRY(ist_model_measure_target_normalization(model, window));

    ist_trainer *trainer = NULL;
    ist_train_config config = IST_TRAIN_CONFIG_INIT;
    config.optimizer = IST_ADAM;
    config.lr = 0.01; /* at first; it falls to 0 over all rounds, as a cosine */
    config.batch = 64;
    config.rounds = ROUNDS;
    TRY(ist_trainer_create(context, &trainer, model, window, &config));

    ist_evaluation judged = IST_EVALUATION_INIT;
    double solver_s = 0, trainer_s = 0;
    for (int runs = WINDOW_RUNS; runs <= RUNS; runs += BATCH_RUNS) {
        const double begin_s = omp_get_wtime();
        /* The trainer's turn, between two regions of the solver; behind the last, to the end of the run. */
        TRY(ist_trainer_run(trainer, runs < RUNS ? ROUNDS_A_BATCH : 0, NULL, NULL));
        TRY(ist_model_evaluate(model, held_out, NULL, &judged));
        const double between_s = omp_get_wtime();
        if (runs % (4 * BATCH_RUNS) == 0) printf("after %d runs: RMSE %.3f K\n", runs, judged.rmse);
        if (runs < RUNS) {
            simulate_all(runs, BATCH_RUNS);
            feed(trainer, runs, BATCH_RUNS);
        }
        trainer_s += between_s - begin_s;
        solver_s += omp_get_wtime() - between_s;
    }
    ist_trainer_destroy(trainer);
    ist_dataset_destroy(window);
    const double line_k = linear_rmse_k(), ratio = line_k / judged.rmse;
    printf("on %d other runs: linear regression %.3f K, surrogate %.3f K, %.1f x less\n", HELD_OUT_RUNS, line_k,
           judged.rmse, ratio);

    float centre_k, at[TIMES][FEATURES], probes_k[TIMES][PROBES];
    TRY(ist_predictor_create(model, &surrogate, NULL));
    const double begin_s = omp_get_wtime();
    const int plate = hottest(surrogate, &centre_k);
    const double surrogate_s = omp_get_wtime() - begin_s;
    simulate(plate, at, probes_k);
    printf("hottest of %d plates: %.1f K says the surrogate, %.1f K the solver\n", PLATES, (double)centre_k,
           (double)probes_k[TIMES - 1][PROBES - 1]);
    printf("time: solver %.0f us a run, trainer %.2f s in all, surrogate %.2f us a plate\n",
           solver_s / (RUNS - WINDOW_RUNS) * 1e6, trainer_s, surrogate_s / PLATES * 1e6);

    ist_predictor_destroy(surrogate);
    ist_dataset_destroy(held_out);
    ist_model_destroy(model);
    ist_context_destroy(context);
    if (ratio >= 10) return EXIT_SUCCESS;
    fprintf(stderr, "the surrogate is only %.1f x better than linear regression\n", ratio);
    return EXIT_FAILURE;
}
