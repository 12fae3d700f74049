/* test_sparse_train.c - nets on sparse rows: the same bits as on dense ones with the zeros, where that is promised. */
#define _GNU_SOURCE
#include <stdbool.h>

#include "fixture_run.h"

enum { FEATURES = 45, ROWS = 75 };

/* Rows of few features; row 3 has none, feature 5 stands in most rows, and the last four in none. */
static table thin_table(int32_t classes)
{
    table t = table_make(ROWS, FEATURES, classes);
    uint64_t noise = 9;
    for (int64_t i = 0; i < ROWS; i++)
        for (int32_t f = 0; f < FEATURES; f++) {
            const bool often = f == 5 && i % 7 != 0;
            if (i == 3 || f >= FEATURES - 4 || (!often && table_noise(&noise) < 0.6F)) t.x[i * FEATURES + f] = 0;
        }
    return t;
}

/* The table as sparse rows; with one stored zero, which is an entry like any other. */
static ist_dataset *make_thin(ist_context *context, const table *t, bool lists)
{
    int64_t label_begin[ROWS + 1] = {0};
    int32_t label[2 * ROWS];
    int64_t begin[ROWS + 1] = {0}, entries = 0;
    int32_t *feature = table_room(ROWS * FEATURES, sizeof *feature);
    float *value = table_room(ROWS * FEATURES, sizeof *value);
    for (int64_t i = 0; i < ROWS; i++) {
        for (int32_t f = 0; f < FEATURES; f++) {
            if (t->x[i * FEATURES + f] == 0 && !(i == 8 && f == 0)) continue;
            feature[entries] = f;
            value[entries++] = t->x[i * FEATURES + f];
        }
        begin[i + 1] = entries;
    }
    for (int64_t i = 0; i < ROWS; i++) { /* two labels, or one, or none */
        int64_t at = label_begin[i];
        const int32_t low = t->labels[i] / 2, high = t->classes - 1 - low;
        if (i % 9 != 4) label[at++] = low;
        if (i % 3 != 1 && high > low) label[at++] = high;
        label_begin[i + 1] = at;
    }
    ist_csr csr = IST_CSR_INIT;
    csr.rows = ROWS;
    csr.features = FEATURES;
    csr.row_begin = begin;
    csr.feature = feature;
    csr.value = value;
    csr.labels = t->classes;
    csr.label = lists ? label : t->labels;
    csr.label_begin = lists ? label_begin : NULL;
    ist_dataset_config config = IST_DATASET_CONFIG_INIT;
    config.sparse = 1;
    ist_dataset *dataset = NULL;
    CHECK_EQ(ist_dataset_from_csr(context, &dataset, &csr, &config), IST_OK);
    free(feature);
    free(value);
    return dataset;
}

static ist_dataset *thin_dataset(ist_context *context, const table *t)
{
    return make_thin(context, t, false);
}

static run_spec thin_spec(void)
{
    run_spec spec = run_spec_small();
    spec.engine = IST_ENGINE_NATIVE;
    spec.rows = ROWS;
    spec.features = FEATURES;
    spec.classes = 7;
    spec.hidden_count = 1;
    spec.hidden[0] = 61;
    spec.hidden[1] = 40;
    spec.made_for = 1;
    spec.train.rounds = 4; /* epochs of so few rows would end before a round of three subnets does */
    spec.train.batch = 21;
    spec.train.optimizer = IST_SGD;
    return spec;
}

static run thin_open(const run_spec *spec, bool sparse)
{
    run r = {.table = thin_table(spec->classes), .context = run_context(spec->teams, spec->threads, spec->engine)};
    r.dataset = sparse ? thin_dataset(r.context, &r.table) : run_dataset(r.context, &r.table);
    r.model = run_model(r.context, spec);
    CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec->train), IST_OK);
    return r;
}

static file_bytes thin_end(const run_spec *spec, bool sparse)
{
    run r = thin_open(spec, sparse);
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    const file_bytes bytes = trainer_bytes(r.trainer);
    run_close(&r);
    return bytes;
}

/* The same parameters, statistics and losses; fewer flops, which are those of the values that are there. */
static void check_as_dense(const run_spec *spec)
{
    run sparse = thin_open(spec, true), dense = thin_open(spec, false);
    run_go(&sparse, 0);
    run_go(&dense, 0);
    CHECK_EQ(ist_trainer_calibrate(sparse.trainer), IST_OK);
    CHECK_EQ(ist_trainer_calibrate(dense.trainer), IST_OK);
    file_check_same(model_bytes(sparse.model), model_bytes(dense.model));
    const ist_progress a = run_progress(&sparse), b = run_progress(&dense);
    CHECK(a.loss == b.loss && a.samples == b.samples);
    if (spec->made_for == 1 && spec->train.method == IST_METHOD_IST) {
        ist_dataset_info info = {.struct_size = sizeof info};
        CHECK_EQ(ist_dataset_describe(sparse.dataset, &info), IST_OK);
        const double zeros = FEATURES - (double)info.values / ROWS;
        CHECK_NEAR((b.flops - a.flops) / (4.0 * (double)a.samples * zeros * spec->hidden[0]), 1, 1e-9);
    }
    run_close(&sparse);
    run_close(&dense);
}

TEST(sgd_is_that_of_dense_rows)
{
    run_spec spec = thin_spec();
    check_as_dense(&spec);
    spec.hidden_count = 2;
    spec.output_norm = IST_NORM_BATCH;
    spec.hidden_norm = IST_NORM_NONE;
    check_as_dense(&spec);
}

TEST(subnets_and_shards_are_those_of_dense_rows)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++)
        for (int32_t teams = 1; teams <= 2; teams++) {
            run_spec spec = thin_spec();
            spec.hidden_count = 2;
            spec.made_for = 3;
            spec.teams = teams;
            spec.train.data = data;
            check_as_dense(&spec);
        }
}

TEST(every_method_is_that_of_dense_rows)
{
    run_spec spec = thin_spec();
    spec.made_for = 1;
    spec.train.subnets = 3;
    spec.train.method = IST_METHOD_LOCAL_SGD;
    check_as_dense(&spec);
    spec.train.method = IST_METHOD_ENSEMBLE;
    spec.output_norm = IST_NORM_BATCH;
    spec.made_for = 3;
    check_as_dense(&spec);
    spec = thin_spec();
    spec.made_for = 2;
    spec.hidden_count = 2;
    spec.output_norm = IST_NORM_BATCH;
    spec.train.rounds = 0;
    spec.train.epochs = 9;
    spec.train.warmup_epochs = 1;
    spec.train.full_width_epochs = 1;
    check_as_dense(&spec);
}

TEST(dropout_of_inputs_is_that_of_dense_rows)
{
    run_spec spec = thin_spec();
    spec.made_for = 2;
    spec.train.input_dropout = 0.3;
    spec.train.hidden_dropout = 0.2;
    spec.threads = 3;
    check_as_dense(&spec);
}

TEST(batches_longer_than_an_epoch_are_those_of_dense_rows)
{
    run_spec spec = thin_spec();
    spec.made_for = 3;
    spec.train.batch = 80; /* of 25 rows a subnet */
    spec.train.data = IST_DATA_SHARD;
    check_as_dense(&spec);
}

TEST(threads_and_teams_do_not_show)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++) {
        run_spec spec = thin_spec();
        spec.made_for = 2;
        spec.hidden[0] = 130;
        spec.train.optimizer = optimizer;
        spec.train.weight_decay = 0.01;
        spec.train.input_dropout = 0.1;
        spec.train.lr = 0.01;
        const file_bytes one = thin_end(&spec, true);
        spec.threads = 5;
        const file_bytes five = thin_end(&spec, true);
        spec.threads = 2;
        spec.teams = 2;
        const file_bytes teams = thin_end(&spec, true);
        CHECK(one.count == teams.count && memcmp(one.data, teams.data, one.count) == 0);
        file_check_same(one, five);
        free(teams.data);
    }
}

TEST(a_resumed_run_is_the_one_never_stopped)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
            run_spec spec = thin_spec();
            spec.made_for = 3;
            spec.train.data = data;
            spec.train.optimizer = optimizer;
            spec.train.state = IST_STATE_CARRIED;
            spec.train.weight_decay = 0.02;
            run first = thin_open(&spec, true), second = thin_open(&spec, true), whole = thin_open(&spec, true);
            const char *path = scratch_path("stopped.ist");
            run_go(&first, 1);
            CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
            CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_OK);
            run_go(&second, 0);
            run_go(&whole, 0);
            file_check_same(trainer_bytes(second.trainer), trainer_bytes(whole.trainer));
            run_close(&first);
            run_close(&second);
            run_close(&whole);
        }
}

/* The first layer's weights (hidden, FEATURES) of a model. */
static void first_weights(ist_model *model, float *to, int64_t count)
{
    CHECK_EQ(ist_model_get_tensor(model, "layers.0.weight", to, (size_t)count * sizeof *to), IST_OK);
}

TEST(features_that_occur_nowhere_keep_their_weights_to_the_bit)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++) {
        run_spec spec = thin_spec();
        spec.made_for = 2;
        spec.train.optimizer = optimizer;
        spec.train.state = IST_STATE_CARRIED;
        run r = thin_open(&spec, true);
        const int64_t count = (int64_t)spec.hidden[0] * FEATURES;
        float *before = table_room(count, sizeof *before), *after = table_room(count, sizeof *after);
        first_weights(r.model, before, count);
        run_go(&r, 0);
        first_weights(r.model, after, count);
        int moved = 0;
        for (int64_t i = 0; i < count; i++) {
            const bool same = memcmp(&before[i], &after[i], sizeof *before) == 0;
            if (i % FEATURES >= FEATURES - 4) CHECK(same);
            moved += !same;
        }
        CHECK(moved > count / 2);
        free(before);
        free(after);
        run_close(&r);
    }
}

TEST(weight_decay_is_done_once_a_round_and_for_all_weights)
{
    run_spec spec = thin_spec();
    spec.train.schedule = IST_LR_CONSTANT;
    spec.train.lr = 0.25;
    spec.train.weight_decay = 0.5;
    spec.train.local_steps = 3;
    run r = thin_open(&spec, true);
    const int64_t count = (int64_t)spec.hidden[0] * FEATURES;
    float *before = table_room(count, sizeof *before), *after = table_room(count, sizeof *after);
    first_weights(r.model, before, count);
    run_go(&r, 1);
    first_weights(r.model, after, count);
    const float keep = 0.875F * 0.875F * 0.875F; /* exact */
    for (int64_t i = 0; i < count; i++)
        if (i % FEATURES >= FEATURES - 4) CHECK(after[i] == keep * before[i]);
    free(before);
    free(after);
    run_close(&r);
}

TEST(evaluation_is_that_of_dense_rows)
{
    for (int32_t statistics = IST_STATISTICS_STORED; statistics <= IST_STATISTICS_BATCH; statistics++)
        for (int32_t teams = 1; teams <= 3; teams++) {
            run_spec spec = thin_spec();
            spec.hidden_count = 2;
            spec.made_for = 2;
            spec.teams = teams;
            spec.threads = teams == 2 ? 2 : 1;
            run r = thin_open(&spec, true);
            ist_dataset *dense = run_dataset(r.context, &r.table);
            run_go(&r, 0);
            CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
            ist_evaluate_config how = IST_EVALUATE_CONFIG_INIT;
            how.statistics = statistics;
            how.order = IST_ORDER_SHUFFLED;
            how.batch = 33;
            ist_evaluation a = IST_EVALUATION_INIT, b = IST_EVALUATION_INIT;
            CHECK_EQ(ist_model_evaluate(r.model, r.dataset, &how, &a), IST_OK);
            CHECK_EQ(ist_model_evaluate(r.model, dense, &how, &b), IST_OK);
            CHECK(a.loss == b.loss);
            CHECK_EQ(a.correct, b.correct);
            float *p = table_room(ROWS * 7, sizeof *p), *q = table_room(ROWS * 7, sizeof *q);
            CHECK_EQ(ist_model_predict(r.model, r.dataset, &how, p), IST_OK);
            CHECK_EQ(ist_model_predict(r.model, dense, &how, q), IST_OK);
            CHECK_MEM(p, q, ROWS * 7 * sizeof *p);
            free(p);
            free(q);
            ist_dataset_destroy(dense);
            run_close(&r);
        }
}

/* The checkpoint and the ranking after a run on rows with lists of labels. */
static file_bytes lists_end(const run_spec *spec, ist_ranking *ranking)
{
    run r = {.table = thin_table(spec->classes), .context = run_context(spec->teams, spec->threads, spec->engine)};
    r.dataset = make_thin(r.context, &r.table, true);
    r.model = run_model(r.context, spec);
    CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec->train), IST_OK);
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    CHECK_EQ(ist_model_rank(r.model, r.dataset, NULL, NULL, ranking), IST_OK);
    ist_evaluation found = IST_EVALUATION_INIT;
    CHECK_EQ(ist_model_evaluate(r.model, r.dataset, NULL, &found), IST_OK);
    CHECK_NEAR(found.accuracy, ranking->precision[0], 1e-12);
    const file_bytes bytes = trainer_bytes(r.trainer);
    run_close(&r);
    return bytes;
}

TEST(lists_of_labels_are_learned_by_any_crew)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++) {
        run_spec spec = thin_spec();
        spec.made_for = 2;
        spec.classes = 40;
        spec.train.optimizer = IST_ADAM;
        spec.train.lr = 0.02;
        spec.train.rounds = 14;
        spec.train.data = data;
        ist_ranking one = IST_RANKING_INIT, more = IST_RANKING_INIT;
        const file_bytes alone = lists_end(&spec, &one);
        spec.teams = 2;
        spec.threads = 2;
        file_check_same(alone, lists_end(&spec, &more));
        CHECK(one.precision[0] > 0.6); /* 8 of 9 rows have a label */
        CHECK(one.precision[0] == more.precision[0] && one.loss == more.loss);
    }
}

TEST(what_sparse_rows_cannot_have_is_refused)
{
    run_spec spec = thin_spec();
    run r = thin_open(&spec, true);
    ist_trainer *other = NULL;
    ist_train_config config = spec.train;
    config.method = IST_METHOD_DATA_PARALLEL;
    config.subnets = 2;
    CHECK_EQ(ist_trainer_create(r.context, &other, r.model, r.dataset, &config), IST_E_ARGUMENT);
    check_one_line(r.context);
    config.method = IST_METHOD_MASKED;
    CHECK_EQ(ist_trainer_create(r.context, &other, r.model, r.dataset, &config), IST_E_ARGUMENT);
    check_one_line(r.context);
    CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_ZSCORE), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_measure_normalization(r.model, r.dataset, IST_NORMALIZE_NONE), IST_OK);
    const float shift = 0.5F, factor = 1;
    CHECK_EQ(ist_model_set_normalization(r.model, 1, &shift, &factor), IST_OK);
    CHECK_EQ(ist_trainer_create(r.context, &other, r.model, r.dataset, &spec.train), IST_E_ARGUMENT);
    CHECK_STR(ist_context_error(r.context), "sparse rows are taken as they are, but the model normalizes its inputs");
    run_close(&r);
    spec.hidden_count = 0;
    r = (run){.table = thin_table(7), .context = run_context(1, 1, IST_ENGINE_NATIVE)};
    r.dataset = thin_dataset(r.context, &r.table);
    r.model = run_model(r.context, &spec);
    CHECK_EQ(ist_trainer_create(r.context, &other, r.model, r.dataset, &spec.train), IST_E_ARGUMENT);
    CHECK_STR(ist_context_error(r.context), "sparse rows need a net with a hidden layer");
    run_close(&r);
}

TEST(other_engines_refuse_sparse_rows)
{
    run_spec spec = thin_spec();
    run r = {.table = thin_table(7), .context = run_context(1, 1, IST_ENGINE_REFERENCE)};
    r.dataset = thin_dataset(r.context, &r.table);
    r.model = run_model(r.context, &spec);
    CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec.train), IST_E_ARGUMENT);
    CHECK_STR(ist_context_error(r.context), "sparse rows need the native engine, this context has reference");
    run_close(&r);
}

TEST(lists_of_rows_are_not_taken_for_rows)
{
    enum { MANY = 300000 };
    int64_t begin[ROWS + 1];
    int32_t feature[ROWS], label[ROWS];
    for (int32_t i = 0; i <= ROWS; i++) begin[i] = i;
    for (int32_t i = 0; i < ROWS; i++) feature[i] = i * (MANY / ROWS);
    for (int32_t i = 0; i < ROWS; i++) label[i] = i % 3;
    ist_csr csr = IST_CSR_INIT;
    csr.rows = ROWS;
    csr.features = MANY;
    csr.row_begin = begin;
    csr.feature = feature;
    csr.labels = 3;
    csr.label = label;
    ist_dataset_config config = IST_DATASET_CONFIG_INIT;
    config.sparse = IST_ROWS_SPARSE;
    run_spec spec = thin_spec();
    spec.features = MANY;
    spec.classes = 3;
    spec.hidden[0] = 4;
    run r = {.context = run_context(1, 1, IST_ENGINE_NATIVE)};
    CHECK_EQ(ist_dataset_from_csr(r.context, &r.dataset, &csr, &config), IST_OK);
    r.model = run_model(r.context, &spec);
    CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec.train), IST_OK);
    ist_placement found = IST_PLACEMENT_INIT;
    CHECK_EQ(ist_trainer_verify(r.trainer, &found), IST_OK);
    CHECK(found.bytes > 24000000 && found.bytes < 60000000); /* a block of 19 MB, a master of 5; rows would be 90 */
    run_close(&r);
}
