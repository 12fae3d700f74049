/* Regressions as users call them: datasets with targets, training, errors in the targets' own units, what is refused. */
#define _GNU_SOURCE
#include <math.h>

#include "fixture_run.h"

static run_spec regression(int32_t loss)
{
    run_spec spec = run_spec_small();
    spec.loss = loss;
    spec.huber_delta = 0.5;
    return spec;
}

static ist_dataset_arrays arrays_of(const table *t)
{
    ist_dataset_arrays a = IST_DATASET_ARRAYS_INIT;
    a.rows = t->rows;
    a.features = t->features;
    a.x = t->x;
    a.targets = t->classes;
    a.y = t->y;
    return a;
}

static ist_evaluation evaluation_of(run *r, const ist_dataset *data)
{
    ist_evaluation e = IST_EVALUATION_INIT;
    CHECK_EQ(ist_model_evaluate(r->model, data, NULL, &e), IST_OK);
    return e;
}

/* ---------------------------------------------------------------------------------------------------- datasets -- */

typedef struct wide_row { /* what a simulation may hold: gaps before, between and behind */
    double before, x[6], between, y[4];
    float behind[2];
} wide_row;

/* Of features that float32 holds exactly, so that all forms are the same data. */
TEST(arrays_of_every_type_and_stride_are_the_same_data)
{
    run_spec spec = regression(IST_LOSS_MSE);
    run r = run_open(&spec);
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    wide_row *wide = table_room(spec.rows, sizeof *wide);
    for (int64_t i = 0; i < spec.rows; i++) {
        for (int f = 0; f < 6; f++) wide[i].x[f] = (double)r.table.x[i * 6 + f];
        for (int k = 0; k < 4; k++) wide[i].y[k] = (double)r.table.y[i * 4 + k];
    }
    float *expected = table_room(spec.rows * 4, sizeof *expected), *found = table_room(spec.rows * 4, sizeof *found);
    const ist_evaluation e = evaluation_of(&r, r.dataset);
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, expected), IST_OK);
    for (int form = 0; form < 8; form++) {
        ist_dataset_arrays a = arrays_of(&r.table);
        ist_dataset *data = NULL;
        a.copy = form & 1;
        if (form & 2) a.x = wide->x, a.x_type = IST_FLOAT64, a.x_row_stride_bytes = sizeof *wide;
        if (form & 4) a.y = wide->y, a.y_type = IST_FLOAT64, a.y_row_stride_bytes = sizeof *wide;
        CHECK_EQ(ist_dataset_from_arrays(r.context, &data, &a), IST_OK);
        ist_dataset_info info = {.struct_size = sizeof info};
        CHECK_EQ(ist_dataset_describe(data, &info), IST_OK);
        CHECK(info.rows == spec.rows && info.features == 6 && info.targets == 4 && info.classes == 0 &&
              info.labels == 0);
        const ist_evaluation same = evaluation_of(&r, data);
        CHECK(same.loss == e.loss && same.rmse == e.rmse && same.mae == e.mae && same.r2 == e.r2);
        CHECK_EQ(ist_model_predict(r.model, data, NULL, found), IST_OK);
        CHECK_MEM(found, expected, sizeof *found * (size_t)(spec.rows * 4));
        ist_dataset_destroy(data);
    }
    free(wide);
    free(expected);
    free(found);
    run_close(&r);
}

TEST(what_was_copied_is_the_callers_again)
{
    run_spec spec = regression(IST_LOSS_MSE);
    run r = run_open(&spec);
    const ist_dataset_arrays borrowed = arrays_of(&r.table);
    ist_dataset_arrays a = borrowed;
    a.copy = 1;
    ist_dataset *copy = NULL;
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    const double before = evaluation_of(&r, r.dataset).rmse;
    CHECK_EQ(ist_dataset_from_arrays(r.context, &copy, &a), IST_OK);
    for (int64_t i = 0; i < spec.rows * 6; i++) r.table.x[i] += 1;
    for (int64_t i = 0; i < spec.rows * 4; i++) r.table.y[i] += 1;
    CHECK(evaluation_of(&r, copy).rmse == before);
    CHECK(evaluation_of(&r, r.dataset).rmse != before);
    ist_dataset_destroy(copy);
    run_close(&r);
}

/* Labels and bytes by the long form are what the short one gives. */
TEST(the_short_form_is_the_long_form)
{
    const unsigned char x[3][2] = {{1, 2}, {3, 4}, {255, 0}};
    const int32_t labels[3] = {0, 2, 1};
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    for (int32_t copy = 0; copy <= 1; copy++) {
        ist_dataset_arrays a = IST_DATASET_ARRAYS_INIT;
        a.rows = 3;
        a.x = x;
        a.x_type = IST_UINT8;
        a.features = 2;
        a.labels = labels;
        a.classes = 4;
        a.copy = copy;
        ist_dataset *data = NULL;
        CHECK_EQ(ist_dataset_from_arrays(context, &data, &a), IST_OK);
        CHECK(ist_dataset_rows(data) == 3 && ist_dataset_features(data) == 2 && ist_dataset_classes(data) == 4);
        ist_dataset_destroy(data);
    }
    ist_context_destroy(context);
}

static void check_refused(ist_context *context, const ist_dataset_arrays *a, const char *word)
{
    ist_dataset *data = (ist_dataset *)(void *)&data;
    CHECK_EQ(ist_dataset_from_arrays(context, &data, a), IST_E_ARGUMENT);
    CHECK(data == (ist_dataset *)(void *)&data);
    check_one_line(context);
    if (!strstr(ist_context_error(context), word)) CHECK_STR(ist_context_error(context), word);
}

TEST(arrays_that_cannot_be_used_are_refused_by_name)
{
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    double x[4][3] = {{0}}, y[4][2] = {{0}};
    const int32_t labels[4] = {0, 1, 1, 0};
    ist_dataset_arrays good = IST_DATASET_ARRAYS_INIT;
    good.rows = 4;
    good.x = x;
    good.x_type = good.y_type = IST_FLOAT64;
    good.features = 3;
    good.targets = 2;
    good.y = y;
    const struct {
        const char *word;
        size_t at;
        int64_t value;
        int bytes;
    } bad[] = {{"struct_size", offsetof(ist_dataset_arrays, struct_size), 8, 8},
               {"0 rows", offsetof(ist_dataset_arrays, rows), 0, 8},
               {"no features", offsetof(ist_dataset_arrays, x), 0, 8},
               {"rows 16 bytes apart", offsetof(ist_dataset_arrays, x_row_stride_bytes), 16, 8},
               {"multiples of 8", offsetof(ist_dataset_arrays, x_row_stride_bytes), 28, 8},
               {"feature type 2", offsetof(ist_dataset_arrays, x_type), IST_INT32, 4},
               {"-1 features", offsetof(ist_dataset_arrays, features), -1, 4},
               {"labels and targets", offsetof(ist_dataset_arrays, labels), (int64_t)(intptr_t)labels, 8},
               {"classes", offsetof(ist_dataset_arrays, classes), 2, 4},
               {"0 targets", offsetof(ist_dataset_arrays, targets), 0, 4},
               {"no targets", offsetof(ist_dataset_arrays, y), 0, 8},
               {"rows 8 bytes apart", offsetof(ist_dataset_arrays, y_row_stride_bytes), 8, 8},
               {"target type 0", offsetof(ist_dataset_arrays, y_type), IST_UINT8, 4},
               {"copy is 2", offsetof(ist_dataset_arrays, copy), 2, 4}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ist_dataset_arrays a = good;
        const int32_t narrow = (int32_t)bad[i].value;
        memcpy((char *)&a + bad[i].at, bad[i].bytes == 4 ? (const void *)&narrow : (const void *)&bad[i].value,
               (size_t)bad[i].bytes);
        if (i == 7) a.classes = 2;
        check_refused(context, &a, bad[i].word);
    }
    const double numbers[] = {NAN, INFINITY, 1e39};
    for (int i = 0; i < 3; i++) {
        y[2][1] = numbers[i];
        check_refused(context, &good, "row 2, target 1: not a finite float32");
        y[2][1] = 0;
        x[3][0] = numbers[i];
        check_refused(context, &good, "row 3, feature 0: not a finite float32");
        x[3][0] = 0;
    }
    float narrow[4] = {0, 0, 0, NAN};
    ist_dataset_arrays a = IST_DATASET_ARRAYS_INIT;
    a.rows = 4;
    a.x = x;
    a.features = 1;
    a.y = narrow;
    a.targets = 1;
    check_refused(context, &a, "row 3, target 0");
    ist_context_destroy(context);
}

/* ------------------------------------------------------------------------------------------------------- files -- */

static ist_status open_targets(ist_context *context, ist_dataset **out, const char *y)
{
    ist_dataset_config config = IST_DATASET_CONFIG_INIT;
    config.targets = 1;
    return ist_dataset_open_as(context, out, scratch_path("x.csv"), y, &config);
}

TEST(files_of_targets_are_read_and_refused_with_file_and_row)
{
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    const char *y = scratch_path("y.csv"), *npy = scratch_path("y.npy");
    file_write(scratch_path("x.csv"), "1,2\n3,4\n5,6\n", 12);
    const struct {
        const char *text, *line;
        ist_status status;
        int32_t targets;
    } files[] = {{"0.5\n-1e3\n7\n", "", IST_OK, 1},
                 {"a,b\n1,2\n3,4\n5,6.5\n", "", IST_OK, 2},
                 {"1,2\n3,x\n5,6\n", "y.csv: row 2, column 2", IST_E_FORMAT, 0},
                 {"1\nnan\n3\n", "y.csv: row 2", IST_E_FORMAT, 0},
                 {"1\n2\n", "2 rows of targets", IST_E_SHAPE, 0},
                 {"1,2\n3\n5,6\n", "y.csv: row 2", IST_E_FORMAT, 0}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        ist_dataset *data = NULL;
        ist_dataset_info info = {.struct_size = sizeof info};
        file_write(y, files[i].text, strlen(files[i].text));
        CHECK_EQ(open_targets(context, &data, y), files[i].status);
        if (files[i].status) {
            if (!strstr(ist_context_error(context), files[i].line))
                CHECK_STR(ist_context_error(context), files[i].line);
            continue;
        }
        CHECK_EQ(ist_dataset_describe(data, &info), IST_OK);
        CHECK(info.targets == files[i].targets && info.classes == 0 && info.labels == 0);
        ist_dataset_destroy(data);
    }
    for (int32_t dims = 1; dims <= 2; dims++) { /* doubles, and one that is not finite */
        char header[128];
        double numbers[6] = {1, 2, 3, 4, 5, 6};
        unsigned char bytes[128 + sizeof numbers] = "\x93NUMPY\x01\x00\x76";
        const int count = dims == 1 ? 3 : 6;
        snprintf(header, sizeof header, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,%s), }",
                 dims == 1 ? "" : " 2");
        snprintf(header + strlen(header), sizeof header - strlen(header), "%*s", (int)(118 - strlen(header)), "\n");
        memcpy(bytes + 10, header, 118);
        ist_dataset *data = NULL;
        for (int bad = 0; bad <= 1; bad++) {
            if (bad) numbers[2] = INFINITY;
            memcpy(bytes + 128, numbers, sizeof numbers);
            file_write(npy, bytes, 128 + (size_t)count * sizeof(double));
            CHECK_EQ(open_targets(context, &data, npy), bad ? IST_E_FORMAT : IST_OK);
            if (!bad) ist_dataset_destroy(data);
        }
        CHECK(strstr(ist_context_error(context),
                     dims == 1 ? "row 3, target 1: not a finite" : "row 2, target 1: not a finite") != NULL);
    }
    ist_dataset *data = NULL;
    CHECK_EQ(open_targets(context, &data, NULL), IST_E_ARGUMENT);
    ist_dataset_config config = IST_DATASET_CONFIG_INIT;
    config.targets = config.need_labels = 1;
    CHECK_EQ(ist_dataset_open_as(context, &data, scratch_path("x.csv"), y, &config), IST_E_ARGUMENT);
    config.need_labels = 0;
    config.targets = 2;
    CHECK_EQ(ist_dataset_open_as(context, &data, scratch_path("x.csv"), y, &config), IST_E_ARGUMENT);
    ist_context_destroy(context);
}

/* --------------------------------------------------------------------------------------------------- what is told -- */

static void check_told(run *r, const run_spec *spec)
{
    const int32_t count = spec->classes;
    const int64_t all = spec->rows * count;
    float *predicted = table_room(all, sizeof *predicted);
    CHECK_EQ(ist_model_predict(r->model, r->dataset, NULL, predicted), IST_OK);
    const ist_evaluation e = evaluation_of(r, r->dataset);
    double squares = 0, sizes = 0, r2 = 0, loss = 0;
    for (int32_t k = 0; k < count; k++) {
        double mean = 0, spread = 0, missed = 0;
        for (int64_t i = 0; i < spec->rows; i++) mean += (double)r->table.y[i * count + k] / (double)spec->rows;
        for (int64_t i = 0; i < spec->rows; i++)
            spread += ((double)r->table.y[i * count + k] - mean) * ((double)r->table.y[i * count + k] - mean);
        const double factor = 1 / sqrt(spread / (double)spec->rows);
        for (int64_t i = 0; i < spec->rows; i++) {
            const double error = (double)predicted[i * count + k] - (double)r->table.y[i * count + k];
            const double scaled = error * factor, delta = spec->huber_delta;
            missed += error * error;
            sizes += fabs(error);
            if (spec->loss == IST_LOSS_MSE) loss += scaled * scaled;
            else loss += fabs(scaled) <= delta ? scaled * scaled / 2 : delta * (fabs(scaled) - delta / 2);
        }
        squares += missed;
        r2 += (1 - missed / spread) / count;
    }
    CHECK_NEAR(e.rmse, sqrt(squares / (double)all), 1e-9);
    CHECK_NEAR(e.mae, sizes / (double)all, 1e-9);
    CHECK_NEAR(e.r2, r2, 1e-9);
    CHECK_NEAR(e.loss, loss / (double)all, 1e-5 * (1 + loss / (double)all));
    CHECK(e.rows == spec->rows && e.correct == 0 && e.accuracy == 0);
    free(predicted);
}

TEST(errors_are_those_of_the_predictions_in_the_targets_own_units)
{
    for (int32_t loss = IST_LOSS_MSE; loss <= IST_LOSS_HUBER; loss++)
        for (int32_t crew = 1; crew <= 3; crew++) {
            run_spec spec = regression(loss);
            spec.rows = 300; /* several chunks, the last one short */
            spec.classes = crew == 3 ? 1 : 21;
            spec.teams = crew;
            spec.threads = crew;
            run r = run_open(&spec);
            run_go(&r, 0);
            CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
            check_told(&r, &spec);
            run_close(&r);
        }
}

TEST(errors_are_the_same_on_any_teams_and_threads)
{
    ist_evaluation first = IST_EVALUATION_INIT;
    for (int32_t crew = 1; crew <= 4; crew++) {
        run_spec spec = regression(IST_LOSS_MSE);
        spec.rows = 700;
        spec.classes = 19;
        spec.teams = crew;
        spec.threads = 5 - crew;
        run r = run_open(&spec);
        CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
        const ist_evaluation e = evaluation_of(&r, r.dataset);
        if (crew == 1) first = e;
        CHECK(e.loss == first.loss && e.rmse == first.rmse && e.mae == first.mae && e.r2 == first.r2);
        for (int32_t order = IST_ORDER_FILE; order <= IST_ORDER_SHUFFLED; order++) {
            const ist_evaluate_config config = {sizeof config, IST_STATISTICS_BATCH, 50, order};
            ist_evaluation by_batch = IST_EVALUATION_INIT;
            CHECK_EQ(ist_model_evaluate(r.model, r.dataset, &config, &by_batch), IST_OK);
            CHECK(isfinite(by_batch.rmse) && by_batch.rmse != e.rmse);
        }
        run_close(&r);
    }
}

/* A net whose outputs are all `value`: without hidden layers, trained on nothing. */
TEST(a_target_that_does_not_vary_counts_as_met_or_not)
{
    for (int met = 0; met <= 1; met++) {
        run_spec spec = regression(IST_LOSS_MSE);
        spec.rows = 40;
        spec.classes = 1;
        run r = run_open(&spec);
        for (int64_t i = 0; i < spec.rows; i++) r.table.y[i] = 2;
        ist_model_config net = IST_MODEL_CONFIG_INIT;
        net.features = 6;
        net.classes = 1;
        net.loss = IST_LOSS_MSE;
        net.output_norm = IST_NORM_NONE;
        ist_model *model = NULL;
        CHECK_EQ(ist_model_create(r.context, &model, &net), IST_OK);
        const float shift = met ? 2 : 1, factor = 1;
        CHECK_EQ(ist_model_set_target_normalization(model, 1, &shift, &factor), IST_OK);
        memset(r.table.x, 0, sizeof(float) * (size_t)spec.rows * 6); /* so only the bias is left, which is 0 */
        ist_evaluation e = IST_EVALUATION_INIT;
        CHECK_EQ(ist_model_evaluate(model, r.dataset, NULL, &e), IST_OK);
        CHECK(e.r2 == met && e.rmse == 1 - met && e.mae == 1 - met && e.loss == 1 - met);
        CHECK_EQ(ist_model_measure_target_normalization(model, r.dataset), IST_OK); /* factor 1 */
        CHECK_EQ(ist_model_evaluate(model, r.dataset, NULL, &e), IST_OK);
        CHECK(e.r2 == 1 && e.rmse == 0);
        ist_model_destroy(model);
        run_close(&r);
    }
}

TEST(predictions_are_in_the_targets_own_units)
{
    run_spec spec = regression(IST_LOSS_MSE);
    run r = run_open(&spec);
    const float zero[4] = {0}, one[4] = {1, 1, 1, 1}, shift[4] = {1, -2, 3, 4}, factor[4] = {0.5F, 4, -1, 0.25F};
    float *plain = table_room(spec.rows * 4, sizeof *plain), *scaled = table_room(spec.rows * 4, sizeof *scaled);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    CHECK_EQ(ist_model_set_target_normalization(r.model, 1, zero, one), IST_OK);
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, plain), IST_OK);
    CHECK_EQ(ist_model_set_target_normalization(r.model, 4, shift, factor), IST_OK);
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, scaled), IST_OK);
    for (int64_t i = 0; i < spec.rows * 4; i++) CHECK(scaled[i] == plain[i] / factor[i % 4] + shift[i % 4]);
    free(plain);
    free(scaled);
    run_close(&r);
}

/* -------------------------------------------------------------------------------------------------- what it learns -- */

/* Solve (a | b) of `count` unknowns in place, by elimination with pivots. */
static void solve(int count, double a[8][8], double *b)
{
    for (int p = 0; p < count; p++) {
        int top = p;
        for (int i = p + 1; i < count; i++)
            if (fabs(a[i][p]) > fabs(a[top][p])) top = i;
        for (int j = 0; j < count; j++) {
            const double kept = a[p][j];
            a[p][j] = a[top][j];
            a[top][j] = kept;
        }
        const double kept = b[p];
        b[p] = b[top];
        b[top] = kept;
        for (int i = 0; i < count; i++) {
            if (i == p) continue;
            const double by = a[i][p] / a[p][p];
            for (int j = p; j < count; j++) a[i][j] -= by * a[p][j];
            b[i] -= by * b[p];
        }
    }
    for (int p = 0; p < count; p++) b[p] /= a[p][p];
}

TEST(without_hidden_layers_squares_lead_to_the_least_squares_solution)
{
    run_spec spec = regression(IST_LOSS_MSE);
    spec.rows = 64;
    spec.hidden_count = 0;
    spec.made_for = 1;
    spec.classes = 2;
    spec.train.batch = 64; /* all rows: no noise of batches */
    spec.train.rounds = 100;
    spec.train.local_steps = 30;
    spec.train.lr = 0.1;
    spec.train.optimizer = IST_MOMENTUM;
    spec.train.schedule = IST_LR_CONSTANT;
    run r = run_open(&spec);
    run_go(&r, 0);
    float *predicted = table_room(spec.rows * 2, sizeof *predicted);
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, predicted), IST_OK);
    for (int32_t k = 0; k < 2; k++) {
        double a[8][8] = {{0}}, b[8] = {0};
        for (int64_t i = 0; i < spec.rows; i++) {
            double row[7] = {[6] = 1};
            for (int f = 0; f < 6; f++) row[f] = (double)r.table.x[i * 6 + f];
            for (int p = 0; p < 7; p++) {
                b[p] += row[p] * (double)r.table.y[i * 2 + k];
                for (int q = 0; q < 7; q++) a[p][q] += row[p] * row[q];
            }
        }
        solve(7, a, b);
        for (int64_t i = 0; i < spec.rows; i++) {
            double y = b[6];
            for (int f = 0; f < 6; f++) y += b[f] * (double)r.table.x[i * 6 + f];
            CHECK_NEAR(predicted[i * 2 + k], y, 1e-4);
        }
    }
    free(predicted);
    run_close(&r);
}

/* Two targets on a grid: a hat of heat that spreads, as (1 - r^2 / s)^2 within its edge, and a wave of x alone. */
static void fill_heat(table *t)
{
    uint64_t noise = 9;
    for (int64_t i = 0; i < t->rows; i++) {
        const float x = t->x[i * 2] = table_noise(&noise), y = t->x[i * 2 + 1] = table_noise(&noise);
        const float far = 1 - (x * x + y * y) / 1.5F;
        t->y[i * 2] = far > 0 ? 500 * far * far : 0;
        t->y[i * 2 + 1] = 0.01F * x * (1 - x * x);
    }
}

/* By plain SGD of a net with two layers, and by two subnets of a net with one, which is their mean. */
TEST(a_smooth_function_of_two_numbers_is_learned)
{
    for (int32_t loss = IST_LOSS_MSE; loss <= IST_LOSS_HUBER; loss++)
        for (int32_t subnets = 1; subnets <= 2; subnets++) {
            run_spec spec = regression(loss);
            spec.rows = 1024;
            spec.features = spec.classes = 2;
            spec.hidden_count = subnets == 1 ? 2 : 1;
            spec.hidden[0] = subnets == 1 ? 48 : 96;
            spec.hidden[1] = 48;
            spec.hidden_norm = IST_NORM_NONE;
            spec.made_for = subnets;
            spec.train.batch = 16;
            spec.train.local_steps = 16;
            spec.train.epochs = 40;
            spec.train.optimizer = IST_ADAM;
            spec.train.lr = 0.01;
            run r = run_open(&spec);
            fill_heat(&r.table); /* the dataset borrows it, the trainer copied what was there */
            ist_trainer_destroy(r.trainer);
            CHECK_EQ(ist_model_measure_target_normalization(r.model, r.dataset), IST_OK);
            CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec.train), IST_OK);
            run_go(&r, 0);
            const ist_evaluation e = evaluation_of(&r, r.dataset);
            CHECK(e.r2 > (subnets == 1 ? 0.99 : 0.9) && e.r2 <= 1);
            run_close(&r);
        }
}

TEST(a_loaded_regression_is_the_saved_one_and_a_resumed_run_goes_on)
{
    run_spec spec = regression(IST_LOSS_HUBER);
    const file_bytes whole = run_to_the_end(&spec);
    run r = run_open(&spec), again = run_open(&spec);
    const char *path = scratch_path("half.ist");
    run_go(&r, 2);
    CHECK_EQ(ist_trainer_save(r.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_resume(again.trainer, path), IST_OK);
    run_go(&again, 0);
    file_check_same(trainer_bytes(again.trainer), whole);

    CHECK_EQ(ist_trainer_calibrate(again.trainer), IST_OK);
    const double before = evaluation_of(&again, again.dataset).rmse;
    CHECK_EQ(ist_model_save(again.model, path), IST_OK);
    run other = r;
    CHECK_EQ(ist_model_load(r.context, &other.model, path), IST_OK);
    CHECK(evaluation_of(&other, r.dataset).rmse == before);
    ist_model_config is = IST_MODEL_CONFIG_INIT;
    CHECK_EQ(ist_model_describe(other.model, &is), IST_OK);
    CHECK(is.loss == IST_LOSS_HUBER && is.huber_delta == 0.5);
    ist_model_destroy(other.model);
    run_close(&again);
    run_close(&r);
}

/* ----------------------------------------------------------------------------------------------------- refusals -- */

static void check_line(const run *r, ist_status status, ist_status expected, const char *words)
{
    CHECK_EQ(status, expected);
    if (!strstr(ist_context_error(r->context), words)) CHECK_STR(ist_context_error(r->context), words);
}

TEST(what_makes_no_sense_together_is_refused_by_name)
{
    run_spec spec = regression(IST_LOSS_MSE), of_classes = run_spec_small();
    run r = run_open(&spec), c = run_open(&of_classes);
    ist_trainer *trainer = NULL;
    ist_dataset *labels, *one, *with_targets;
    table t = r.table;
    t.y = NULL;
    labels = run_dataset(r.context, &t);
    t.labels = NULL;
    t.classes = 0;
    ist_dataset *nothing = run_dataset(r.context, &t);
    t.y = r.table.y;
    t.classes = 1;
    one = run_dataset(r.context, &t);
    with_targets = run_dataset(c.context, &r.table);
#define CREATE(data, config) ist_trainer_create(r.context, &trainer, r.model, data, config)
    check_line(&r, CREATE(nothing, &spec.train), IST_E_SHAPE, "no targets");
    check_line(&r, CREATE(labels, &spec.train), IST_E_SHAPE, "no targets");
    check_line(&r, CREATE(one, &spec.train), IST_E_SHAPE, "the dataset has 1 targets, the model 4");
    check_line(&c, ist_trainer_create(c.context, &trainer, c.model, with_targets, &spec.train), IST_E_SHAPE,
               "the model tells classes");
    ist_train_config train = spec.train;
    train.label_smoothing = 0.1;
    check_line(&r, CREATE(r.dataset, &train), IST_E_ARGUMENT, "label_smoothing is 0.1");
    train = spec.train;
    train.method = IST_METHOD_ENSEMBLE;
    check_line(&r, CREATE(r.dataset, &train), IST_E_ARGUMENT, "an ensemble");
#undef CREATE
    ist_evaluation e = IST_EVALUATION_INIT;
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    CHECK_EQ(ist_trainer_calibrate(c.trainer), IST_OK);
    check_line(&r, ist_model_evaluate(r.model, one, NULL, &e), IST_E_SHAPE, "1 targets");
    check_line(&c, ist_model_evaluate(c.model, with_targets, NULL, &e), IST_E_SHAPE, "classes");
    e.struct_size = 16;
    check_line(&r, ist_model_evaluate(r.model, r.dataset, NULL, &e), IST_E_ARGUMENT, "struct_size");

    const float shift[4] = {0}, factor[4] = {1, 1, 0, 1};
    check_line(&r, ist_model_set_target_normalization(r.model, 4, shift, factor), IST_E_ARGUMENT, "target 2");
    check_line(&r, ist_model_set_target_normalization(r.model, 3, shift, factor), IST_E_ARGUMENT, "count is 3");
    check_line(&r, ist_model_set_target_normalization(r.model, 4, NULL, factor), IST_E_ARGUMENT, "NULL");
    check_line(&c, ist_model_set_target_normalization(c.model, 1, shift, factor), IST_E_ARGUMENT, "classes");
    check_line(&r, ist_model_measure_target_normalization(r.model, one), IST_E_SHAPE, "1 targets");
    check_line(&r, ist_model_measure_target_normalization(r.model, NULL), IST_E_ARGUMENT, "NULL");
    check_line(&c, ist_model_measure_target_normalization(c.model, c.dataset), IST_E_ARGUMENT, "classes");
    ist_dataset_destroy(labels);
    ist_dataset_destroy(nothing);
    ist_dataset_destroy(one);
    ist_dataset_destroy(with_targets);
    run_close(&r);
    run_close(&c);
}
