/* fixture_run.h - tables, contexts, models and trainers for tests, made through the public header alone; and files in a
 * folder of the process.  Include after #define _GNU_SOURCE.  All inline: a test is one source file.
 *
 *     run_spec spec = run_spec_small();
 *     spec.train.local_steps = 7;
 *     run r = run_open(&spec);
 *     run_go(&r, 0);
 *     run_close(&r);
 */
#ifndef IST_TESTS_FIXTURE_RUN_H
#define IST_TESTS_FIXTURE_RUN_H

#include <dirent.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ist/ist.h>

#include "ist_test.h"

/* ------------------------------------------------------------------------------------------------------- tables -- */

typedef struct table {
    int64_t rows;
    int32_t features, classes;
    float *x;        /* (rows, features) */
    int32_t *labels; /* (rows) */
    float *y;        /* (rows, classes) targets of a regression, instead; else NULL */
} table;

/* Uniform on [-1, 1): the next number of a stream that is the same on every machine (splitmix64). */
static inline float table_noise(uint64_t *stream)
{
    uint64_t z = *stream += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    z ^= z >> 31;
    return (float)(z >> 40) * 0x1p-23F - 1.0F;
}

static inline void *table_room(int64_t count, size_t size)
{
    void *room = calloc(count > 0 ? (size_t)count : 1, size);
    CHECK(room != NULL);
    return room;
}

/* Rows around one centre for each class; labels come in no regular order. */
static inline table table_make(int64_t rows, int32_t features, int32_t classes)
{
    table t = {.rows = rows, .features = features, .classes = classes};
    t.x = table_room(rows * features, sizeof *t.x);
    t.labels = table_room(rows, sizeof *t.labels);
    uint64_t noise = 42;
    for (int64_t i = 0; i < rows; i++) {
        t.labels[i] = (int32_t)((i * 7 + i / 5) % classes);
        uint64_t centre = 1000 + (uint64_t)t.labels[i];
        for (int32_t f = 0; f < features; f++)
            t.x[i * features + f] = table_noise(&centre) + 0.4F * table_noise(&noise);
    }
    return t;
}

/* Targets of different sizes, smooth in the features, for as many as there are classes. */
static inline void table_add_targets(table *t)
{
    t->y = table_room(t->rows * t->classes, sizeof *t->y);
    for (int64_t i = 0; i < t->rows; i++)
        for (int32_t k = 0; k < t->classes; k++) {
            const float *row = t->x + i * t->features;
            const float a = row[k % t->features], b = row[(k + 1) % t->features], c = row[(k + 2) % t->features];
            t->y[i * t->classes + k] = (float)(k + 1) * (a * b + 0.5F * c) + 3.0F * (float)(k % 3);
        }
}

static inline void table_free(table *t)
{
    free(t->y);
    free(t->x);
    free(t->labels);
}

/* Of `count` numbers, by how much two of them differ at most. */
static inline double largest_difference(const float *a, const float *b, int64_t count)
{
    double most = 0;
    for (int64_t i = 0; i < count; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

/* -------------------------------------------------------------------------------------------------------- files -- */

static char scratch_folder[128];

static inline void scratch_each(void (*act)(const char *path), int *count)
{
    DIR *folder = opendir(scratch_folder);
    if (!folder) return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[640];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        snprintf(path, sizeof path, "%s/%s", scratch_folder, entry->d_name);
        if (act) act(path);
        if (count) ++*count;
    }
    closedir(folder);
}

static inline void scratch_unlink(const char *path)
{
    unlink(path);
}

static inline void scratch_clean(void)
{
    scratch_each(scratch_unlink, NULL);
    rmdir(scratch_folder);
}

/* The path of a file of that name in a folder that goes when the process ends; the string lives as long. */
static inline const char *scratch_path(const char *name)
{
    enum { NAMES = 32 };
    static char paths[NAMES][512];
    char path[512];
    if (!*scratch_folder) {
        snprintf(scratch_folder, sizeof scratch_folder, "/tmp/ist-test-XXXXXX");
        CHECK(mkdtemp(scratch_folder) != NULL);
        atexit(scratch_clean);
    }
    snprintf(path, sizeof path, "%s/%s", scratch_folder, name);
    int i = 0;
    while (i < NAMES - 1 && *paths[i] && strcmp(paths[i], path) != 0) i++;
    memcpy(paths[i], path, sizeof path);
    return paths[i];
}

/* Files in the folder, hidden ones too. */
static inline int scratch_count(void)
{
    int count = 0;
    scratch_path("");
    scratch_each(NULL, &count);
    return count;
}

typedef struct file_bytes {
    size_t count;
    unsigned char *data;
} file_bytes;

static inline file_bytes file_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    CHECK_EQ(fseek(file, 0, SEEK_END), 0);
    const long length = ftell(file);
    CHECK(length >= 0);
    rewind(file);
    file_bytes bytes = {.count = (size_t)length, .data = table_room(length, 1)};
    CHECK_EQ(fread(bytes.data, 1, bytes.count, file), bytes.count);
    fclose(file);
    return bytes;
}

static inline void file_write(const char *path, const void *data, size_t count)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK_EQ(fwrite(data, 1, count, file), count);
    CHECK_EQ(fclose(file), 0);
}

static inline void file_free(file_bytes *bytes)
{
    free(bytes->data);
}

/* Ends the case unless both have the same bytes; frees both. */
static inline void file_check_same(file_bytes a, file_bytes b)
{
    const int same = a.count == b.count && memcmp(a.data, b.data, a.count) == 0;
    file_free(&a);
    file_free(&b);
    CHECK(same);
}

/* --------------------------------------------------------------------------------------------------------- runs -- */

enum { RUN_HIDDEN_MOST = 4 };

typedef struct run_spec {
    int32_t teams, threads, engine;
    int64_t rows;
    int32_t features, classes;
    int32_t hidden_count, hidden[RUN_HIDDEN_MOST];
    int32_t hidden_norm, output_norm;
    int32_t made_for; /* subnets of the model */
    double output_scale;
    int32_t activation;
    int32_t loss; /* a regression has targets, normalized by their moments */
    double huber_delta;
    ist_train_config train;
} run_spec;

/* Two hidden layers whose widths three subnets do not divide, an epoch that the batch does not divide. */
static inline run_spec run_spec_small(void)
{
    run_spec spec = {.teams = 1,
                     .threads = 1,
                     .rows = 61,
                     .features = 6,
                     .classes = 4,
                     .hidden_count = 2,
                     .hidden = {13, 10},
                     .hidden_norm = IST_NORM_BATCH,
                     .output_norm = IST_NORM_NONE,
                     .made_for = 3,
                     .output_scale = 1,
                     .train = IST_TRAIN_CONFIG_INIT};
    spec.train.local_steps = 4;
    spec.train.batch = 8;
    spec.train.epochs = 4;
    spec.train.lr = 0.05;
    spec.train.calibration_batches = 4;
    return spec;
}

/* Layers of several tiles (64 neurons), so that threads of a team share the work of each. */
static inline run_spec run_spec_wide(void)
{
    run_spec spec = run_spec_small();
    spec.rows = 90;
    spec.features = 20;
    spec.classes = 70;
    spec.hidden[0] = 290;
    spec.hidden[1] = 205;
    spec.train.rounds = 3;
    spec.train.local_steps = 3;
    return spec;
}

typedef struct run {
    table table;
    ist_context *context;
    ist_dataset *dataset;
    ist_model *model;
    ist_trainer *trainer;
} run;

static inline ist_context *run_context(int32_t teams, int32_t threads, int32_t engine)
{
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    config.teams = teams;
    config.threads_per_team = threads;
    config.engine = engine;
    ist_context *context = NULL;
    CHECK_EQ(ist_context_create(&context, &config), IST_OK);
    return context;
}

static inline ist_dataset *run_dataset(ist_context *context, const table *t)
{
    ist_dataset *dataset = NULL;
    if (t->y) {
        ist_dataset_arrays arrays = IST_DATASET_ARRAYS_INIT;
        arrays.rows = t->rows;
        arrays.features = t->features;
        arrays.x = t->x;
        arrays.targets = t->classes;
        arrays.y = t->y;
        CHECK_EQ(ist_dataset_from_arrays(context, &dataset, &arrays), IST_OK);
        return dataset;
    }
    CHECK_EQ(ist_dataset_wrap(context, &dataset, t->x, IST_FLOAT32, t->rows, t->features,
                              t->features * (int64_t)sizeof(float), t->labels, t->classes),
             IST_OK);
    return dataset;
}

static inline ist_model_config run_model_config(const run_spec *spec)
{
    ist_model_config config = IST_MODEL_CONFIG_INIT;
    config.features = spec->features;
    config.classes = spec->classes;
    config.hidden_count = spec->hidden_count;
    config.hidden = spec->hidden;
    config.hidden_norm = spec->hidden_norm;
    config.output_norm = spec->output_norm;
    config.subnets = spec->made_for;
    config.output_scale = spec->output_scale;
    config.activation = spec->activation;
    config.loss = spec->loss;
    if (spec->huber_delta > 0) config.huber_delta = spec->huber_delta;
    config.seed = 5;
    return config;
}

static inline ist_model *run_model(ist_context *context, const run_spec *spec)
{
    const ist_model_config config = run_model_config(spec);
    ist_model *model = NULL;
    CHECK_EQ(ist_model_create(context, &model, &config), IST_OK);
    return model;
}

static inline run run_open(const run_spec *spec)
{
    run r = {.table = table_make(spec->rows, spec->features, spec->classes)};
    if (spec->loss == IST_LOSS_MSE || spec->loss == IST_LOSS_HUBER) table_add_targets(&r.table);
    r.context = run_context(spec->teams, spec->threads, spec->engine);
    r.dataset = run_dataset(r.context, &r.table);
    r.model = run_model(r.context, spec);
    if (r.table.y) CHECK_EQ(ist_model_measure_target_normalization(r.model, r.dataset), IST_OK);
    CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec->train), IST_OK);
    return r;
}

static inline void run_close(run *r)
{
    ist_trainer_destroy(r->trainer);
    ist_model_destroy(r->model);
    ist_dataset_destroy(r->dataset);
    ist_context_destroy(r->context);
    table_free(&r->table);
}

static inline void run_go(run *r, int64_t rounds)
{
    CHECK_EQ(ist_trainer_run(r->trainer, rounds, NULL, NULL), IST_OK);
}

static inline ist_progress run_progress(const run *r)
{
    ist_progress progress = {.struct_size = sizeof progress};
    CHECK_EQ(ist_trainer_progress(r->trainer, &progress), IST_OK);
    return progress;
}

/* The model's file: parameters, statistics, normalization.  Free with file_free. */
static inline file_bytes model_bytes(ist_model *model)
{
    const char *path = scratch_path("model_bytes.ist");
    CHECK_EQ(ist_model_save(model, path), IST_OK);
    return file_read(path);
}

/* The checkpoint: the same and the run's position and optimiser state. */
static inline file_bytes trainer_bytes(ist_trainer *trainer)
{
    const char *path = scratch_path("trainer_bytes.ist");
    CHECK_EQ(ist_trainer_save(trainer, path), IST_OK);
    return file_read(path);
}

/* The checkpoint after a whole run of this kind. */
static inline file_bytes run_to_the_end(const run_spec *spec)
{
    run r = run_open(spec);
    run_go(&r, 0);
    const file_bytes bytes = trainer_bytes(r.trainer);
    run_close(&r);
    return bytes;
}

/* Ends the case unless a run of one kind, stopped after a round and resumed by one of the other, is the first never stopped. */
static inline void run_check_resumed(const run_spec *begun, const run_spec *resumed)
{
    const char *path = scratch_path("stopped.ist");
    run first = run_open(begun), second = run_open(resumed);
    run_go(&first, 1);
    CHECK_EQ(ist_trainer_save(first.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_resume(second.trainer, path), IST_OK);
    run_go(&second, 0);
    file_check_same(trainer_bytes(second.trainer), run_to_the_end(begun));
    run_close(&first);
    run_close(&second);
}

/* Ends the case unless the context tells of its failure in one line that is not empty. */
static inline void check_one_line(const ist_context *context)
{
    const char *line = ist_context_error(context);
    CHECK(line != NULL && *line != '\0');
    CHECK(strchr(line, '\n') == NULL);
}

#endif
