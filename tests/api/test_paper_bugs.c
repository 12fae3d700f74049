/* The eight faults of the trainers that were released with the paper, one test each, seen from outside: nets of their
 * recipe (plain SGD, batch norm on hidden layers and logits), trained through the public header.  What a row of the data
 * set does is asked by changing that row alone; what a neuron did is read in the model's file.
 *
 * The same from inside, number by number: unit.training (the round against a plain twin), unit.partition, unit.batches,
 * unit.evaluate, api.resume. */
#define _GNU_SOURCE
#include <math.h>
#include <stdbool.h>

#include "fixture_run.h"

enum { ROWS = 61, FEATURES = 6, CLASSES = 4, NOBODY = -1 };

static run_spec recipe(int32_t subnets)
{
    run_spec spec = run_spec_small();
    spec.output_norm = IST_NORM_BATCH;
    spec.made_for = subnets;
    spec.train.optimizer = IST_SGD;
    spec.train.schedule = IST_LR_CONSTANT;
    spec.train.lr = 0.1;
    spec.train.data = IST_DATA_REPLICATE;
    return spec;
}

/* The model after the run, when the row `changed` of the data is another one; free with file_free.  One context for all
 * of a test: it is the machine that takes long to look at. */
static file_bytes trained(const run_spec *spec, int64_t changed)
{
    static ist_context *context;
    if (!context) context = run_context(1, 1, spec->engine);
    run r = {.context = context, .table = table_make(spec->rows, spec->features, spec->classes)};
    for (int32_t f = 0; changed != NOBODY && f < spec->features; f++) r.table.x[changed * spec->features + f] *= -1.5F;
    r.dataset = run_dataset(r.context, &r.table);
    r.model = run_model(r.context, spec);
    CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec->train), IST_OK);
    run_go(&r, 0);
    const file_bytes bytes = model_bytes(r.model);
    r.context = NULL; /* it stays */
    run_close(&r);
    return bytes;
}

static bool same(const file_bytes *a, const file_bytes *b)
{
    return a->count == b->count && memcmp(a->data, b->data, a->count) == 0;
}

/* How many rows of the data the result depends on. */
static int32_t rows_that_matter(const run_spec *spec)
{
    int32_t count = 0;
    file_bytes plain = trained(spec, NOBODY);
    for (int64_t row = 0; row < spec->rows; row++) {
        file_bytes other = trained(spec, row);
        count += !same(&plain, &other);
        file_free(&other);
    }
    file_free(&plain);
    return count;
}

/* The parameters of a model file, layer by layer: weights, gamma, beta (docs/format.md). */
static const float *parameters(const file_bytes *file)
{
    const unsigned char *section = memmem(file->data, file->count, "PARM", 4);
    CHECK(section != NULL);
    return (const float *)(const void *)(section + 16);
}

/* ------------------------------------------------------------------------------------------------------ the eight -- */

/* (1) One of every J steps was thrown away.  Where the deal never changes, one round of J steps is J rounds of one. */
TEST(bug_1_every_one_of_the_J_steps_counts)
{
    for (int32_t n = 1; n <= 3; n++)
        for (int32_t steps = 2; steps <= 12; steps += 5) {
            run_spec one = recipe(n), many = recipe(n);
            one.train.method = many.train.method = n > 1 ? IST_METHOD_ENSEMBLE : IST_METHOD_IST;
            one.train.rounds = 1;
            one.train.local_steps = steps;
            many.train.rounds = steps;
            many.train.local_steps = 1;
            file_check_same(trained(&one, NOBODY), trained(&many, NOBODY));
        }
    /* And where it does: each step has rows of its own. */
    run_spec spec = recipe(3);
    spec.train.rounds = 1;
    spec.train.batch = 2;
    for (int32_t steps = 1; steps <= 8; steps += 7) {
        spec.train.local_steps = steps;
        CHECK_EQ(rows_that_matter(&spec), steps * 2 * 3);
    }
}

/* (2) The rest of each epoch was dropped, and an epoch shorter than J trained nothing. */
TEST(bug_2_the_tail_of_an_epoch_and_epochs_shorter_than_J_are_trained)
{
    const int32_t steps[] = {2, 1000};
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data += IST_DATA_SHARED - IST_DATA_SHARD)
        for (int i = 0; i < 2; i++)
            for (int32_t n = data == IST_DATA_SHARD ? 1 : 3; n <= 3; n += 2) {
                run_spec spec = recipe(n);
                spec.train.data = data;
                spec.train.epochs = 1; /* 8 steps of one subnet, the last half full; 3 steps of three */
                spec.train.local_steps = steps[i];
                CHECK_EQ(rows_that_matter(&spec), ROWS);
            }
}

/* (3) Rows H/n .. H-1 of the middle matrix were never trained. */
TEST(bug_3_every_row_and_column_of_a_middle_matrix_moves)
{
    for (int32_t n = 2; n <= 5; n++) {
        run_spec spec = recipe(n), untrained = recipe(n);
        const int32_t wide = spec.hidden[0], high = spec.hidden[1];
        spec.train.rounds = 30;
        run r = run_open(&untrained);
        file_bytes before = model_bytes(r.model), after = trained(&spec, NOBODY);
        const int64_t middle = (int64_t)wide * FEATURES + 2 * wide;
        const float *old = parameters(&before) + middle, *now = parameters(&after) + middle;
        int32_t row[16] = {0}, column[16] = {0}, all = 0;
        for (int32_t i = 0; i < high; i++)
            for (int32_t j = 0; j < wide; j++) {
                const bool moved = now[i * wide + j] != old[i * wide + j];
                row[i] += moved;
                column[j] += moved;
                all += moved;
            }
        for (int32_t i = 0; i < high; i++) CHECK(row[i] > wide / 2);
        for (int32_t j = 0; j < wide; j++) CHECK(column[j] > high / 2);
        CHECK(all > wide * high * 9 / 10); /* a neuron may be dead whenever two meet */
        file_free(&before);
        file_free(&after);
        run_close(&r);
    }
}

/* (4) All workers were seeded alike and saw the same batches.  In one step n subnets see n batches of different rows. */
TEST(bug_4_no_two_subnets_see_the_same_batches)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++)
        for (int32_t n = 2; n <= 3; n++) {
            run_spec spec = recipe(n);
            spec.train.data = data;
            spec.train.rounds = 1;
            spec.train.local_steps = 1;
            spec.train.batch = 5;
            CHECK_EQ(rows_that_matter(&spec), 5 * n);
        }
}

/* (5) Partitions could not be repeated.  The deal of one round shows in the weights between hidden layers that moved. */
static void mark_moved(uint64_t seed, int32_t teams, bool *moved)
{
    run_spec spec = recipe(3);
    spec.teams = teams;
    spec.train.seed = seed;
    spec.train.rounds = 1;
    spec.train.weight_decay = 0.5; /* moves all that is trained */
    run r = run_open(&spec);
    file_bytes before = model_bytes(r.model);
    run_go(&r, 0);
    file_bytes after = model_bytes(r.model);
    const int32_t wide = spec.hidden[0], high = spec.hidden[1];
    const int64_t middle = (int64_t)wide * FEATURES + 2 * wide;
    for (int64_t i = 0; i < (int64_t)wide * high; i++)
        moved[i] = parameters(&before)[middle + i] != parameters(&after)[middle + i];
    file_free(&before);
    file_free(&after);
    run_close(&r);
}

TEST(bug_5_deals_follow_from_the_seed)
{
    enum { MIDDLE = 13 * 10 };
    bool first[MIDDLE], again[MIDDLE], other[MIDDLE];
    for (uint64_t seed = 1; seed <= 4; seed++) {
        mark_moved(seed, 1, first);
        mark_moved(seed, 3, again);
        mark_moved(seed + 1, 1, other);
        CHECK_MEM(first, again, sizeof first);
        CHECK(memcmp(first, other, sizeof first) != 0);
        int32_t count = 0;
        for (int i = 0; i < MIDDLE; i++) count += first[i];
        CHECK_EQ(count, 5 * 4 + 4 * 3 + 4 * 3); /* the three blocks */
    }
}

/* (6) Accuracy depended on how the test set was batched, and a batch of one failed. */
static ist_evaluation evaluate(ist_model *model, const ist_dataset *data, int32_t statistics, int32_t batch,
                               int32_t order)
{
    ist_evaluate_config config = IST_EVALUATE_CONFIG_INIT;
    config.statistics = statistics;
    config.batch = batch;
    config.order = order;
    ist_evaluation e = IST_EVALUATION_INIT;
    CHECK_EQ(ist_model_evaluate(model, data, &config, &e), IST_OK);
    return e;
}

/* The rows of a table in the order of their classes. */
static table sorted(const table *t)
{
    table s = table_make(t->rows, t->features, t->classes);
    int64_t next = 0;
    for (int32_t label = 0; label < t->classes; label++)
        for (int64_t i = 0; i < t->rows; i++) {
            if (t->labels[i] != label) continue;
            memcpy(s.x + next * s.features, t->x + i * t->features, (size_t)t->features * sizeof *s.x);
            s.labels[next++] = label;
        }
    return s;
}

TEST(bug_6_accuracy_does_not_depend_on_how_the_test_set_is_batched)
{
    run_spec spec = recipe(3);
    spec.rows = 400;
    spec.train.epochs = 60;
    run r = run_open(&spec);
    run_go(&r, 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    table in_order = sorted(&r.table);
    ist_dataset *by_class = run_dataset(r.context, &in_order);
    const ist_evaluation all = evaluate(r.model, r.dataset, IST_STATISTICS_STORED, 400, IST_ORDER_FILE);
    CHECK(all.accuracy > 0.9);
    for (int32_t batch = 1; batch <= 500; batch = batch * 3 + 1) {
        const ist_evaluation e = evaluate(r.model, r.dataset, IST_STATISTICS_STORED, batch, IST_ORDER_FILE);
        const ist_evaluation s = evaluate(r.model, by_class, IST_STATISTICS_STORED, batch, IST_ORDER_SHUFFLED);
        CHECK(e.correct == all.correct && e.loss == all.loss);
        CHECK(s.correct == all.correct && fabs(s.loss - all.loss) < 1e-9); /* the sum has another order */
    }
    float *together = table_room(400 * CLASSES, sizeof *together), alone[CLASSES];
    CHECK_EQ(ist_model_predict(r.model, r.dataset, NULL, together), IST_OK);
    for (int64_t row = 0; row < 400; row += 57) {
        const table single = {1, FEATURES, CLASSES, r.table.x + row * FEATURES, r.table.labels + row, NULL};
        ist_dataset *one = run_dataset(r.context, &single);
        CHECK_EQ(ist_model_predict(r.model, one, NULL, alone), IST_OK);
        CHECK_MEM(alone, together + row * CLASSES, sizeof alone);
        ist_dataset_destroy(one);
    }
    /* The paper's way is there for comparison: it does depend, and rows sorted by class must be shuffled for it. */
    const ist_evaluation paper = evaluate(r.model, r.dataset, IST_STATISTICS_BATCH, 50, IST_ORDER_FILE);
    const ist_evaluation fooled = evaluate(r.model, by_class, IST_STATISTICS_BATCH, 50, IST_ORDER_FILE);
    const ist_evaluation shuffled = evaluate(r.model, by_class, IST_STATISTICS_BATCH, 50, IST_ORDER_SHUFFLED);
    const ist_evaluation again = evaluate(r.model, by_class, IST_STATISTICS_BATCH, 50, IST_ORDER_SHUFFLED);
    CHECK(paper.accuracy > 0.85 && shuffled.accuracy > 0.85 && fooled.accuracy < 0.6);
    CHECK(again.correct == shuffled.correct && again.loss == shuffled.loss);
    const ist_evaluation lonely = evaluate(r.model, r.dataset, IST_STATISTICS_BATCH, 1, IST_ORDER_FILE);
    CHECK(isfinite(lonely.loss)); /* a guess, but no failure */
    free(together);
    ist_dataset_destroy(by_class);
    table_free(&in_order);
    run_close(&r);
}

TEST(shuffled_answers_stand_beside_their_rows)
{
    run_spec spec = recipe(3);
    run r = run_open(&spec);
    run_go(&r, 0);
    ist_evaluate_config config = IST_EVALUATE_CONFIG_INIT;
    config.statistics = IST_STATISTICS_BATCH;
    config.order = IST_ORDER_SHUFFLED;
    config.batch = ROWS; /* one batch: the order cannot matter but for the last bits */
    float *shuffled = table_room(ROWS * CLASSES, sizeof *shuffled), *plain = table_room(ROWS * CLASSES, sizeof *plain);
    CHECK_EQ(ist_model_predict(r.model, r.dataset, &config, shuffled), IST_OK);
    config.order = IST_ORDER_FILE;
    CHECK_EQ(ist_model_predict(r.model, r.dataset, &config, plain), IST_OK);
    for (int32_t i = 0; i < ROWS * CLASSES; i++) CHECK_NEAR(shuffled[i], plain[i], 1e-4);
    config.order = 2;
    CHECK_EQ(ist_model_predict(r.model, r.dataset, &config, plain), IST_E_ARGUMENT);
    check_one_line(r.context);
    free(shuffled);
    free(plain);
    run_close(&r);
}

/* (7) The width had to be a multiple of the number of subnets. */
TEST(bug_7_widths_need_not_divide_by_the_number_of_subnets)
{
    for (int32_t n = 2; n <= 9; n++) {
        run_spec spec = recipe(n);
        spec.hidden[0] = 13;
        spec.hidden[1] = 11;
        spec.train.rounds = 1;
        spec.train.weight_decay = 0.5; /* moves all that is trained */
        run r = run_open(&spec);
        file_bytes before = model_bytes(r.model);
        run_go(&r, 0);
        file_bytes after = model_bytes(r.model);
        /* In every round every neuron is somebody's: each row of the first matrix has moved, all of it. */
        for (int64_t i = 0; i < 13 * FEATURES; i++) CHECK(parameters(&before)[i] != parameters(&after)[i]);
        int64_t middle = 13 * FEATURES + 2 * 13, moved = 0, expected = 0;
        for (int64_t i = 0; i < 13 * 11; i++)
            moved += parameters(&before)[middle + i] != parameters(&after)[middle + i];
        for (int32_t s = 0; s < n; s++) expected += (int64_t)(13 / n + (s < 13 % n)) * (11 / n + (s < 11 % n));
        CHECK_EQ(moved, expected);
        file_free(&before);
        file_free(&after);
        run_close(&r);
    }
}

/* (8) No checkpoint, no resume. */
TEST(bug_8_a_run_is_saved_and_resumed_bit_for_bit)
{
    const char *path = scratch_path("stopped.ist");
    run_spec spec = recipe(3);
    spec.train.local_steps = 2; /* stops in the middle of an epoch */
    for (int64_t rounds = 0; rounds <= 5; rounds++) {
        run first = run_open(&spec), second = run_open(&spec);
        if (rounds > 0) run_go(&first, rounds);
        CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
        CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_OK);
        run_go(&second, 0);
        file_check_same(trainer_bytes(second.trainer), run_to_the_end(&spec));
        run_close(&first);
        run_close(&second);
    }
}
