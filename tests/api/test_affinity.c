/* The host is left as it was found: the masks and names of the calling thread and of the threads of its OpenMP pool, and
 * the threads of its OpenBLAS, before and after every call, those that fail too. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>

#include "fixture_run.h"

enum { POOL_MOST = 16, NAME_BYTES = 16 };

typedef struct host_state {
    int threads; /* of the pool */
    cpu_set_t mask[POOL_MOST];
    char name[POOL_MOST][NAME_BYTES];
    int blas_threads, omp_threads, omp_dynamic, omp_levels;
} host_state;

/* What OpenBLAS would use for a call of the host's own; asked of the library that is loaded. */
static int blas_threads(void)
{
    int (*ask)(void) = NULL;
    void *const symbol = dlsym(RTLD_DEFAULT, "openblas_get_num_threads");
    _Static_assert(sizeof ask == sizeof symbol, "POSIX lets functions be found through void *");
    memcpy(&ask, &symbol, sizeof ask);
    return ask ? ask() : -1;
}

static host_state look(void)
{
    host_state state;
    memset(&state, 0, sizeof state);
    cpu_set_t masks[POOL_MOST];
    char names[POOL_MOST][NAME_BYTES];
    memset(masks, 0, sizeof masks);
    memset(names, 0, sizeof names);
    int failures = 0, threads = 0;
#pragma omp parallel num_threads(4) default(none) shared(masks, names, threads) reduction(+ : failures)
    {
        const int thread = omp_get_thread_num();
        if (thread == 0) threads = omp_get_num_threads();
        if (thread < POOL_MOST) {
            failures += sched_getaffinity(0, sizeof masks[thread], &masks[thread]) != 0;
            failures += pthread_getname_np(pthread_self(), names[thread], NAME_BYTES) != 0;
        }
    }
    CHECK_EQ(failures, 0);
    state.threads = threads;
    memcpy(state.mask, masks, sizeof masks);
    memcpy(state.name, names, sizeof names);
    state.blas_threads = blas_threads();
    state.omp_threads = omp_get_max_threads();
    state.omp_dynamic = omp_get_dynamic();
    state.omp_levels = omp_get_max_active_levels();
    return state;
}

/* The run time ends pool threads that a smaller region does not need and starts others for a larger one, with the mask of
 * the caller: threads older than that mask must be gone before it is looked at. */
static void shrink_pool(void)
{
#pragma omp parallel num_threads(2)
    {
        (void)omp_get_thread_num();
    }
}

static host_state before;

/* After each call. */
static void check_host(void)
{
    const host_state now = look();
    CHECK_EQ(now.threads, before.threads);
    for (int i = 0; i < now.threads; i++) {
        CHECK(CPU_EQUAL(&now.mask[i], &before.mask[i]));
        CHECK_STR(now.name[i], before.name[i]);
    }
    CHECK_EQ(now.blas_threads, before.blas_threads);
    CHECK_EQ(now.omp_threads, before.omp_threads);
    CHECK_EQ(now.omp_dynamic, before.omp_dynamic);
    CHECK_EQ(now.omp_levels, before.omp_levels);
}

/* The call returns this, and the host is as before. */
#define CALL(call, status)  \
  do {                      \
    CHECK_EQ(call, status); \
    check_host();           \
  } while (0)

static int32_t look_inside(void *user, const ist_progress *progress)
{
    (void)progress;
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask) == 0) *(int *)user = CPU_COUNT(&mask);
    return 0;
}

static void live_a_life(int32_t teams, int32_t threads, int32_t placement)
{
    run_spec spec = run_spec_small();
    table t = table_make(spec.rows, spec.features, spec.classes);
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    ist_model_config model_config = run_model_config(&spec), described = IST_MODEL_CONFIG_INIT;
    ist_context *context = NULL;
    ist_dataset *dataset = NULL, *other = NULL;
    ist_model *model = NULL, *loaded = NULL;
    ist_trainer *trainer = NULL, *second = NULL;
    ist_evaluation evaluation = IST_EVALUATION_INIT;
    float *p = table_room(spec.rows * spec.classes, sizeof *p);
    size_t need;
    int seen = 0;
    const char *path = scratch_path("affinity.ist");
    config.teams = teams;
    config.threads_per_team = threads;
    config.placement = placement;
    CALL(ist_context_create(&context, &config), IST_OK);
    CALL(ist_context_report(context, NULL, 0, &need), IST_OK);
    CALL(ist_dataset_wrap(context, &dataset, t.x, IST_FLOAT32, t.rows, 6, 24, t.labels, 4), IST_OK);
    CALL(ist_dataset_wrap(context, &other, t.x, IST_FLOAT32, 0, 6, 24, t.labels, 4), IST_E_ARGUMENT);
    CALL(ist_dataset_open(context, &other, "missing.npy", NULL), IST_E_IO);
    CALL(ist_model_create(context, &model, &model_config), IST_OK);
    model_config.classes = 0;
    CALL(ist_model_create(context, &loaded, &model_config), IST_E_ARGUMENT);
    CALL(ist_model_describe(model, &described), IST_OK);
    CALL(ist_model_measure_normalization(model, dataset, IST_NORMALIZE_ZSCORE), IST_OK);
    CALL(ist_trainer_create(context, &trainer, model, dataset, &spec.train), IST_OK);
    spec.train.lr = -1;
    CALL(ist_trainer_create(context, &second, model, dataset, &spec.train), IST_E_ARGUMENT);
    CALL(ist_model_evaluate(model, dataset, NULL, &evaluation), IST_E_ARGUMENT);
    CALL(ist_trainer_run(trainer, 1, look_inside, &seen), IST_OK);
    CHECK(seen >= 1);
    CALL(ist_trainer_run(trainer, -1, NULL, NULL), IST_E_ARGUMENT);
    CALL(ist_trainer_calibrate(trainer), IST_OK);
    CALL(ist_model_evaluate(model, dataset, NULL, &evaluation), IST_OK);
    CALL(ist_model_predict(model, dataset, NULL, p), IST_OK);
    CALL(ist_trainer_save(trainer, path), IST_OK);
    CALL(ist_trainer_save(trainer, "/dev/full"), IST_E_IO);
    CALL(ist_trainer_resume(trainer, path), IST_OK);
    CALL(ist_trainer_resume(trainer, "missing.ist"), IST_E_IO);
    CALL(ist_model_load(context, &loaded, path), IST_OK);
    CALL(ist_trainer_report(trainer, NULL, 0, &need), IST_OK);
    CALL(ist_trainer_run(trainer, 0, NULL, NULL), IST_OK);
    ist_model_destroy(loaded);
    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    ist_dataset_destroy(dataset);
    ist_context_destroy(context);
    check_host();
    free(p);
    table_free(&t);
}

TEST(the_host_is_left_as_it_was_found)
{
    before = look();
    CHECK(before.blas_threads != 0);
    live_a_life(2, 2, IST_PLACE_TRY);
    live_a_life(1, 1, IST_PLACE_TRY);
    live_a_life(3, 1, IST_PLACE_NONE);
}

TEST(a_caller_with_a_narrow_mask_keeps_it)
{
    cpu_set_t mine, one;
    CHECK_EQ(sched_getaffinity(0, sizeof mine, &mine), 0);
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &mine)) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    shrink_pool();
    before = look();
    CHECK(CPU_EQUAL(&before.mask[0], &one));
    live_a_life(2, 1, IST_PLACE_TRY);
    CHECK_EQ(sched_setaffinity(0, sizeof mine, &mine), 0);
}

TEST(a_run_that_diverges_leaves_the_host_too)
{
    run_spec spec = run_spec_small();
    spec.hidden_norm = IST_NORM_NONE;
    spec.hidden[0] = 60;
    spec.hidden[1] = 50;
    spec.teams = 2;
    spec.train.optimizer = IST_SGD;
    spec.train.rounds = 100;
    spec.train.lr = 1e6;
    before = look();
    run r = run_open(&spec);
    CALL(ist_trainer_run(r.trainer, 0, NULL, NULL), IST_E_DIVERGED);
    run_close(&r);
    check_host();
}
