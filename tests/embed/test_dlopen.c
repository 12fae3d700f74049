/* The library as a plugin has it: this program is linked with neither libist nor OpenMP, opens the library with RTLD_LOCAL,
 * finds functions by name, and closes it again. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ist/ist.h>

#include "ist_test.h"

/* What is used of it; the names of the members are those of the functions. */
typedef struct plugin {
    void *handle;
    __typeof__(&ist_version) version;
    __typeof__(&ist_context_create) context_create;
    __typeof__(&ist_context_destroy) context_destroy;
    __typeof__(&ist_dataset_wrap) dataset_wrap;
    __typeof__(&ist_dataset_destroy) dataset_destroy;
    __typeof__(&ist_model_create) model_create;
    __typeof__(&ist_model_destroy) model_destroy;
    __typeof__(&ist_model_predict) model_predict;
    __typeof__(&ist_trainer_create) trainer_create;
    __typeof__(&ist_trainer_destroy) trainer_destroy;
    __typeof__(&ist_trainer_run) trainer_run;
    __typeof__(&ist_trainer_calibrate) trainer_calibrate;
} plugin;

#define FIND(p, name)                                      \
  do {                                                     \
    void *const symbol = dlsym((p)->handle, "ist_" #name); \
    CHECK(symbol != NULL);                                 \
    memcpy(&(p)->name, &symbol, sizeof symbol);            \
  } while (0)

static plugin plugin_open(int scope)
{
    plugin p = {.handle = dlopen(IST_TEST_LIBRARY, RTLD_NOW | scope)};
    CHECK(p.handle != NULL);
    FIND(&p, version);
    FIND(&p, context_create);
    FIND(&p, context_destroy);
    FIND(&p, dataset_wrap);
    FIND(&p, dataset_destroy);
    FIND(&p, model_create);
    FIND(&p, model_destroy);
    FIND(&p, model_predict);
    FIND(&p, trainer_create);
    FIND(&p, trainer_destroy);
    FIND(&p, trainer_run);
    FIND(&p, trainer_calibrate);
    return p;
}

enum { ROWS = 40, FEATURES = 3, CLASSES = 2 };

/* Trains a small net, and closes the library again; out: (ROWS, CLASSES). */
static void live(int scope, float *out)
{
    float x[ROWS][FEATURES];
    int32_t labels[ROWS];
    const int32_t hidden[] = {8};
    plugin p = plugin_open(scope);
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    ist_train_config train = IST_TRAIN_CONFIG_INIT;
    ist_context *context = NULL;
    ist_dataset *dataset = NULL;
    ist_model *model = NULL;
    ist_trainer *trainer = NULL;
    for (int i = 0; i < ROWS; i++) {
        labels[i] = i % CLASSES;
        for (int f = 0; f < FEATURES; f++) x[i][f] = (float)((i * 7 + f * 3) % 11) / 11 + (float)labels[i];
    }
    config.teams = 2;
    config.threads_per_team = 2;
    net.features = FEATURES;
    net.classes = CLASSES;
    net.hidden_count = 1;
    net.hidden = hidden;
    net.subnets = 2;
    train.batch = 8;
    train.local_steps = 2;
    train.rounds = 3;
    CHECK_EQ(p.version(), IST_VERSION_NUMBER);
    CHECK_EQ(p.context_create(&context, &config), IST_OK);
    CHECK_EQ(p.dataset_wrap(context, &dataset, x, IST_FLOAT32, ROWS, FEATURES, sizeof x[0], labels, CLASSES), IST_OK);
    CHECK_EQ(p.model_create(context, &model, &net), IST_OK);
    CHECK_EQ(p.trainer_create(context, &trainer, model, dataset, &train), IST_OK);
    CHECK_EQ(p.trainer_run(trainer, 0, NULL, NULL), IST_OK);
    CHECK_EQ(p.trainer_calibrate(trainer), IST_OK);
    CHECK_EQ(p.model_predict(model, dataset, NULL, out), IST_OK);
    p.trainer_destroy(trainer);
    p.model_destroy(model);
    p.dataset_destroy(dataset);
    p.context_destroy(context);
    CHECK_EQ(dlclose(p.handle), 0);
}

TEST(opened_locally_it_trains_and_shows_no_name)
{
    static float out[ROWS * CLASSES];
    plugin p = plugin_open(RTLD_LOCAL);
    CHECK(dlsym(RTLD_DEFAULT, "ist_version") == NULL);
    CHECK(dlsym(RTLD_DEFAULT, "ist_trainer_run") == NULL);
    CHECK_EQ(dlclose(p.handle), 0);
    live(RTLD_LOCAL, out);
    CHECK(out[0] >= 0 && out[0] <= 1);
}

/* Threads of the run time's pool wait in its code: it may not be unmapped under them, nor under what ends later. */
TEST(closed_after_use_and_opened_again_it_gives_the_same)
{
    static float first[ROWS * CLASSES], again[ROWS * CLASSES];
    live(RTLD_LOCAL, first);
    for (int i = 0; i < 3; i++) {
        usleep(20000); /* pool threads go to sleep */
        live(i == 1 ? RTLD_GLOBAL : RTLD_LOCAL, again);
        CHECK_MEM(again, first, sizeof first);
    }
    usleep(20000);
}

TEST(opened_and_closed_without_use_it_starts_no_thread)
{
    int tasks = 0;
    plugin p = plugin_open(RTLD_LOCAL);
    DIR *folder = opendir("/proc/self/task");
    CHECK(folder != NULL);
    for (const struct dirent *entry; (entry = readdir(folder));) tasks += entry->d_name[0] != '.';
    closedir(folder);
    CHECK_EQ(dlclose(p.handle), 0);
    CHECK(tasks <= 1 + IST_TEST_OWN_THREADS);
}
