/* Rows that are fed while rounds go on.  The oracle: a run on a dataset that had these rows at these places from the beginning. */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>

#include "fixture_run.h"

/* A table three times as long as the dataset: the rest is what a simulation produces. */
typedef struct fed {
    run r;
    run_spec spec;
    table all;
    unsigned char *bytes; /* (rows of all, features): the features as bytes, where the dataset has bytes */
    int64_t next;         /* row of `all` */
} fed;

enum { WINDOWS = 3 };

static run_spec spec_of(int32_t data, int32_t loss)
{
    run_spec spec = run_spec_small();
    spec.loss = loss;
    spec.train.data = data;
    return spec;
}

/* Of the rows of the table with these numbers. */
static ist_dataset *dataset_of(const fed *f, const int64_t *number)
{
    const size_t features = (size_t)f->spec.features, classes = (size_t)f->spec.classes;
    const size_t item = f->bytes ? 1 : sizeof(float), rows = (size_t)f->spec.rows;
    const unsigned char *from = f->bytes ? f->bytes : (const unsigned char *)f->all.x;
    unsigned char *x = table_room(f->spec.rows, features * item);
    int32_t *labels = table_room(f->spec.rows, sizeof *labels);
    float *y = table_room(f->spec.rows, classes * sizeof *y);
    for (size_t i = 0; i < rows; i++) {
        const size_t at = number ? (size_t)number[i] : i;
        memcpy(x + i * features * item, from + at * features * item, features * item);
        labels[i] = f->all.labels[at];
        if (f->all.y) memcpy(y + i * classes, f->all.y + at * classes, classes * sizeof *y);
    }
    ist_dataset_arrays a = IST_DATASET_ARRAYS_INIT;
    ist_dataset *made = NULL;
    a.rows = f->spec.rows;
    a.features = f->spec.features;
    a.x = x;
    a.x_type = f->bytes ? IST_UINT8 : IST_FLOAT32;
    a.labels = f->all.y ? NULL : labels;
    a.classes = f->all.y ? 0 : f->spec.classes;
    a.y = f->all.y ? y : NULL;
    a.targets = f->all.y ? f->spec.classes : 0;
    a.copy = 1;
    CHECK_EQ(ist_dataset_from_arrays(f->r.context, &made, &a), IST_OK);
    free(x);
    free(labels);
    free(y);
    return made;
}

/* number NULL: the first rows of the table.  Normalization is that of those always. */
static fed fed_open(const run_spec *spec, int bytes, const int64_t *number)
{
    fed f = {.spec = *spec, .all = table_make(WINDOWS * spec->rows, spec->features, spec->classes), .next = spec->rows};
    if (spec->loss != IST_LOSS_CROSS_ENTROPY) table_add_targets(&f.all);
    if (bytes) {
        f.bytes = table_room(f.all.rows, (size_t)spec->features);
        for (int64_t i = 0; i < f.all.rows * spec->features; i++)
            f.bytes[i] = (unsigned char)(100 + (int)(40 * f.all.x[i]));
    }
    f.r.context = run_context(spec->teams, spec->threads, spec->engine);
    f.r.model = run_model(f.r.context, spec);
    ist_dataset *first = dataset_of(&f, NULL);
    CHECK_EQ(ist_model_measure_normalization(f.r.model, first, IST_NORMALIZE_ZSCORE), IST_OK);
    if (f.all.y) CHECK_EQ(ist_model_measure_target_normalization(f.r.model, first), IST_OK);
    f.r.dataset = number ? dataset_of(&f, number) : first;
    if (number) ist_dataset_destroy(first);
    CHECK_EQ(ist_trainer_create(f.r.context, &f.r.trainer, f.r.model, f.r.dataset, &spec->train), IST_OK);
    return f;
}

static void fed_close(fed *f)
{
    run_close(&f->r);
    table_free(&f->all);
    free(f->bytes);
}

static ist_feed feed_of(const fed *f, int64_t first, int64_t rows)
{
    ist_feed feed = IST_FEED_INIT;
    feed.rows = rows;
    feed.x = f->bytes ? (const void *)(f->bytes + first * f->spec.features) : f->all.x + first * f->spec.features;
    feed.x_type = f->bytes ? IST_UINT8 : IST_FLOAT32;
    if (f->all.y) feed.y = f->all.y + first * f->spec.classes;
    else feed.labels = f->all.labels + first;
    return feed;
}

/* The next rows; the arrays are spoilt behind it, being ours again. */
static void feed_next(fed *f, int64_t rows)
{
    const ist_feed feed = feed_of(f, f->next, rows);
    CHECK(f->next + rows <= f->all.rows);
    CHECK_EQ(ist_trainer_feed(f->r.trainer, &feed), IST_OK);
    f->next += rows;
}

/* The rows of a window that was fed so many. */
static void window_of(const fed *f, int64_t fed_rows, int64_t *number)
{
    for (int64_t i = 0; i < f->spec.rows; i++) number[i] = i;
    for (int64_t i = 0; i < fed_rows; i++) number[i % f->spec.rows] = f->spec.rows + i;
}

/* Fed before the first round, in pieces: the same as having had these rows.  Statistics are of the window, too. */
static void check_joins(const run_spec *spec, int bytes, const int64_t *pieces, int count)
{
    fed f = fed_open(spec, bytes, NULL);
    int64_t *number = table_room(spec->rows, sizeof *number);
    for (int i = 0; i < count; i++) feed_next(&f, pieces[i]);
    const int64_t fed_rows = f.next - spec->rows;
    window_of(&f, fed_rows, number);
    fed expected = fed_open(spec, bytes, number);
    run_go(&f.r, 0);
    run_go(&expected.r, 0);
    CHECK_EQ(run_progress(&f.r).fed, fed_rows);
    CHECK_EQ(run_progress(&expected.r).fed, 0);
    CHECK_EQ(ist_trainer_calibrate(f.r.trainer), IST_OK);
    CHECK_EQ(ist_trainer_calibrate(expected.r.trainer), IST_OK);
    file_check_same(trainer_bytes(f.r.trainer), trainer_bytes(expected.r.trainer));
    fed_close(&f);
    fed_close(&expected);
    free(number);
}

TEST(fed_rows_take_the_place_of_the_oldest)
{
    static const int64_t one[] = {1}, all[] = {61}, around[] = {40, 3, 40}, two_windows[] = {122},
                         turns[] = {60, 61, 1};
    run_spec spec = spec_of(IST_DATA_SHARD, IST_LOSS_CROSS_ENTROPY);
    spec.teams = 2;
    check_joins(&spec, 0, one, 1);
    check_joins(&spec, 0, all, 1);
    check_joins(&spec, 0, two_windows, 1);
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        spec.train.data = data;
        check_joins(&spec, 0, around, 3);
        check_joins(&spec, 0, turns, 3);
    }
}

TEST(bytes_targets_methods_and_phases_are_fed_too)
{
    static const int64_t around[] = {40, 3, 40};
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        run_spec regression = spec_of(data, IST_LOSS_MSE);
        regression.teams = 3;
        check_joins(&regression, 0, around, 3);
    }
    run_spec spec = spec_of(IST_DATA_SHARD, IST_LOSS_CROSS_ENTROPY);
    spec.threads = 2;
    check_joins(&spec, 1, around, 3);
    spec.made_for = 1;
    spec.train.subnets = 3;
    for (int32_t method = IST_METHOD_DATA_PARALLEL; method <= IST_METHOD_LOCAL_SGD; method++) {
        spec.train.method = method;
        check_joins(&spec, 0, around, 3);
    }
    spec.train.method = IST_METHOD_IST;
    spec.output_norm = IST_NORM_BATCH;
    spec.train.warmup_epochs = 0.5;
    spec.train.full_width_epochs = 0.5;
    check_joins(&spec, 0, around, 3);
}

static int32_t feed_in_round(void *user, const ist_progress *progress)
{
    fed *f = user;
    const int64_t rows = 1 + progress->round * 5 % 13;
    if (progress->round % 3 != 2 && f->next + rows <= f->all.rows) feed_next(f, rows);
    return 0;
}

/* From on_round, and between two calls. */
static file_bytes fed_run(const run_spec *spec, int between)
{
    fed f = fed_open(spec, 0, NULL);
    ist_progress p = run_progress(&f.r);
    while (p.round < p.rounds) {
        CHECK_EQ(ist_trainer_run(f.r.trainer, between ? 1 : 0, between ? NULL : feed_in_round, &f), IST_OK);
        p = run_progress(&f.r);
        if (between && p.round < p.rounds) feed_in_round(&f, &p);
    }
    CHECK(p.fed > spec->rows && p.fed <= f.next - spec->rows);
    const file_bytes bytes = trainer_bytes(f.r.trainer);
    fed_close(&f);
    return bytes;
}

TEST(fed_runs_have_the_same_bits_for_any_teams_and_threads)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        run_spec spec = spec_of(data, data == IST_DATA_SHARD ? IST_LOSS_MSE : IST_LOSS_CROSS_ENTROPY);
        spec.train.rounds = 20;
        file_bytes first = fed_run(&spec, 0);
        for (int32_t teams = 1; teams <= 3; teams++) {
            spec.teams = teams;
            spec.threads = 1 + teams % 2;
            file_bytes copy = {first.count, table_room((int64_t)first.count, 1)};
            memcpy(copy.data, first.data, first.count);
            file_check_same(copy, fed_run(&spec, teams % 2));
        }
        file_free(&first);
    }
}

TEST(a_resumed_run_that_is_fed_again_is_the_unbroken_run)
{
    run_spec spec = spec_of(IST_DATA_SHARD, IST_LOSS_CROSS_ENTROPY);
    fed f = fed_open(&spec, 0, NULL), again = fed_open(&spec, 0, NULL);
    feed_next(&f, 50);
    run_go(&f.r, 2);
    feed_next(&f, 30); /* waits when the checkpoint is written */
    const char *path = scratch_path("fed.ist");
    CHECK_EQ(ist_trainer_save(f.r.trainer, path), IST_OK);
    run_go(&f.r, 0);
    feed_next(&again, 80);
    CHECK_EQ(ist_trainer_resume(again.r.trainer, path), IST_OK);
    run_go(&again.r, 0);
    CHECK_EQ(run_progress(&again.r).fed, 80);
    file_check_same(trainer_bytes(f.r.trainer), trainer_bytes(again.r.trainer));
    fed_close(&f);
    fed_close(&again);
}

/* ------------------------------------------------------------------------------------------------------- refusals -- */

static void check_refused(ist_trainer *trainer, ist_feed feed, const char *word)
{
    char line[256] = "untouched";
    feed.line = line;
    feed.line_bytes = sizeof line;
    CHECK_EQ(ist_trainer_feed(trainer, &feed), IST_E_ARGUMENT);
    if (!strstr(line, word)) CHECK_STR(line, word);
    CHECK(strchr(line, '\n') == NULL);
    feed.line = NULL;
    CHECK_EQ(ist_trainer_feed(trainer, &feed), IST_E_ARGUMENT);
}

TEST(rows_that_cannot_join_are_refused_by_name_and_none_of_them_joins)
{
    run_spec spec = spec_of(IST_DATA_SHARD, IST_LOSS_CROSS_ENTROPY),
             regression = spec_of(IST_DATA_SHARED, IST_LOSS_MSE);
    fed f = fed_open(&spec, 0, NULL), g = fed_open(&regression, 0, NULL), h = fed_open(&spec, 1, NULL);
    const ist_feed good = feed_of(&f, 0, 4), targets = feed_of(&g, 0, 4), bytes = feed_of(&h, 0, 4);
    ist_feed bad = good;
    CHECK_EQ(ist_trainer_feed(NULL, &good), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_feed(f.r.trainer, NULL), IST_E_ARGUMENT);
    bad.struct_size = 8;
    CHECK_EQ(ist_trainer_feed(f.r.trainer, &bad), IST_E_ARGUMENT);
    bad = good, bad.rows = 0;
    check_refused(f.r.trainer, bad, "0 rows");
    bad = good, bad.x = NULL;
    check_refused(f.r.trainer, bad, "no features");
    bad = good, bad.x_type = IST_UINT8;
    check_refused(f.r.trainer, bad, "x_type is 0, expected IST_FLOAT32 or IST_FLOAT64");
    check_refused(h.r.trainer, good, "expected IST_UINT8");
    bad = good, bad.x_row_stride_bytes = 20;
    check_refused(f.r.trainer, bad, "rows 20 bytes apart");
    bad = good, bad.labels = NULL;
    check_refused(f.r.trainer, bad, "expected labels");
    check_refused(f.r.trainer, targets, "expected labels");
    bad = good, bad.y = f.all.x;
    check_refused(f.r.trainer, bad, "expected labels");
    check_refused(g.r.trainer, good, "expected targets");
    bad = targets, bad.y_type = IST_UINT8;
    check_refused(g.r.trainer, bad, "target type 0");
    bad = targets, bad.y_row_stride_bytes = -8;
    check_refused(g.r.trainer, bad, "apart");
    f.all.labels[3] = spec.classes;
    check_refused(f.r.trainer, good, "labels[3] is 4");
    f.all.labels[3] = 0;
    f.all.x[3 * 6 + 5] = NAN;
    check_refused(f.r.trainer, good, "row 3, feature 5: not a finite float32");
    g.all.y[2 * 4 + 1] = INFINITY;
    check_refused(g.r.trainer, targets, "row 2, target 1: not a finite float32");
    run_go(&f.r, 1);
    run_go(&g.r, 1);
    CHECK_EQ(run_progress(&f.r).fed, 0);
    CHECK_EQ(run_progress(&g.r).fed, 0);
    CHECK_EQ(ist_trainer_feed(h.r.trainer, &bytes), IST_OK);
    fed_close(&f);
    fed_close(&g);
    fed_close(&h);
}

/* Doubles, any distance apart, are the rows that they are as floats. */
TEST(doubles_with_gaps_may_be_fed)
{
    run_spec spec = spec_of(IST_DATA_REPLICATE, IST_LOSS_MSE);
    fed f = fed_open(&spec, 0, NULL), g = fed_open(&spec, 0, NULL);
    struct {
        double x[6], gap, y[4];
    } wide[9];
    for (int i = 0; i < 9; i++) {
        for (int k = 0; k < 6; k++) wide[i].x[k] = (double)f.all.x[(f.next + i) * 6 + k];
        for (int k = 0; k < 4; k++) wide[i].y[k] = (double)f.all.y[(f.next + i) * 4 + k];
    }
    ist_feed feed = IST_FEED_INIT;
    feed.rows = 9;
    feed.x = wide[0].x;
    feed.y = wide[0].y;
    feed.x_type = feed.y_type = IST_FLOAT64;
    feed.x_row_stride_bytes = feed.y_row_stride_bytes = sizeof *wide;
    CHECK_EQ(ist_trainer_feed(f.r.trainer, &feed), IST_OK);
    memset(wide, -1, sizeof wide);
    feed_next(&g, 9);
    run_go(&f.r, 0);
    run_go(&g.r, 0);
    file_check_same(trainer_bytes(f.r.trainer), trainer_bytes(g.r.trainer));
    fed_close(&f);
    fed_close(&g);
}

TEST(rows_that_are_lent_are_not_written_to)
{
    run_spec spec = spec_of(IST_DATA_SHARD, IST_LOSS_CROSS_ENTROPY);
    fed f = fed_open(&spec, 0, NULL);
    run r = run_open(&spec);
    check_refused(r.trainer, feed_of(&f, 0, 4), "lent");
    run_close(&r);
    fed_close(&f);
}

/* One trainer alone may be fed, and what was fed has no other trainer. */
TEST(a_dataset_that_is_fed_has_one_trainer)
{
    run_spec spec = spec_of(IST_DATA_SHARD, IST_LOSS_CROSS_ENTROPY);
    fed f = fed_open(&spec, 0, NULL);
    ist_model *model = run_model(f.r.context, &spec);
    ist_trainer *other = NULL;
    CHECK_EQ(ist_trainer_create(f.r.context, &other, model, f.r.dataset, &spec.train), IST_OK);
    check_refused(f.r.trainer, feed_of(&f, 61, 4), "2 trainers share the dataset");
    check_refused(other, feed_of(&f, 61, 4), "2 trainers share the dataset");
    ist_trainer_destroy(other);
    CHECK_EQ(ist_trainer_clone(f.r.trainer, &other, model), IST_OK);
    check_refused(f.r.trainer, feed_of(&f, 61, 4), "2 trainers share the dataset");
    ist_trainer_destroy(other);
    feed_next(&f, 4);
    other = NULL;
    CHECK_EQ(ist_trainer_create(f.r.context, &other, model, f.r.dataset, &spec.train), IST_E_ARGUMENT);
    check_one_line(f.r.context);
    CHECK(strstr(ist_context_error(f.r.context), "fed by another trainer") != NULL);
    CHECK_EQ(ist_trainer_clone(f.r.trainer, &other, model), IST_E_ARGUMENT);
    CHECK(other == NULL);
    run_go(&f.r, 2);
    feed_next(&f, 4);
    ist_trainer_destroy(f.r.trainer);
    CHECK_EQ(ist_trainer_create(f.r.context, &f.r.trainer, f.r.model, f.r.dataset, &spec.train), IST_OK);
    CHECK_EQ(ist_trainer_create(f.r.context, &other, model, f.r.dataset, &spec.train), IST_OK);
    ist_trainer_destroy(other);
    feed_next(&f, 4);
    ist_model_destroy(model);
    fed_close(&f);
}

/* -------------------------------------------------------------------------------------------------------- threads -- */

static void *feed_all(void *user)
{
    fed *f = user;
    while (f->next < f->all.rows) {
        const int64_t left = f->all.rows - f->next;
        feed_next(f, left < 3 ? left : 3);
        usleep(200);
    }
    return NULL;
}

/* A simulation in a thread of its own: in the end the dataset is the window of what it has fed. */
TEST(a_thread_feeds_while_rounds_go_on)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        run_spec spec = spec_of(data, IST_LOSS_CROSS_ENTROPY);
        spec.teams = 2;
        spec.train.rounds = 100000;
        spec.train.schedule = IST_LR_CONSTANT;
        fed f = fed_open(&spec, 0, NULL);
        int64_t *number = table_room(spec.rows, sizeof *number), before = 0;
        pthread_t simulation;
        CHECK_EQ(pthread_create(&simulation, NULL, feed_all, &f), 0);
        while (before < f.all.rows - spec.rows) {
            run_go(&f.r, 5);
            const int64_t now = run_progress(&f.r).fed;
            CHECK(now >= before);
            before = now;
        }
        CHECK_EQ(pthread_join(simulation, NULL), 0);
        CHECK_EQ(ist_trainer_calibrate(f.r.trainer), IST_OK);
        window_of(&f, f.all.rows - spec.rows, number);
        ist_dataset *expected = dataset_of(&f, number);
        ist_evaluation a = IST_EVALUATION_INIT, b = IST_EVALUATION_INIT;
        CHECK_EQ(ist_model_evaluate(f.r.model, f.r.dataset, NULL, &a), IST_OK);
        CHECK_EQ(ist_model_evaluate(f.r.model, expected, NULL, &b), IST_OK);
        CHECK(a.loss == b.loss && a.correct == b.correct);
        ist_dataset_destroy(expected);
        free(number);
        fed_close(&f);
    }
}
