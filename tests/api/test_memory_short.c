/* Every allocation that a sequence of all public functions makes fails once, and every call on a file: the function says so
 * and leaves its handles as they were, so that the same call then goes well and the run ends as if nothing had happened.
 *
 * Calls count that return into libist: the other libraries' own are not ours to make fail (tests/fault/inject.c tells of
 * them).  jansson allocates for us through functions that a host may set.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fixture_run.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#  define SANITIZED 1
#elif defined(__has_feature)
#  if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#    define SANITIZED 1
#  endif
#endif

/* Libraries call these before the sanitizer has begun. */
#define EARLY      __attribute__((no_sanitize("address", "undefined")))
#define SHOWN      EARLY __attribute__((visibility("default")))
#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

/* ----------------------------------------------------------------------------------------------- what fails, and when -- */

enum { MEMORY, JSON, FILES, KINDS };
static int armed = KINDS; /* the kind whose calls are counted; KINDS: none */
static long fail_at;
static atomic_long seen;
static atomic_int failed;

EARLY static bool fails(int kind, const void *return_address)
{
    Dl_info from;
    if (kind != armed) return false;
    if (return_address && (!dladdr(return_address, &from) || !strstr(from.dli_fname, "libist"))) return false;
    if (atomic_fetch_add(&seen, 1) + 1 != fail_at) return false;
    atomic_store(&failed, 1);
    return true;
}

#ifndef SANITIZED
#  define FAILS(kind) fails(kind, __builtin_return_address(0))

SHOWN void *aligned_alloc(size_t alignment, size_t bytes)
{
    return FAILS(MEMORY) ? NULL : NEXT(aligned_alloc)(alignment, bytes);
}

SHOWN void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return FAILS(MEMORY) ? MAP_FAILED : NEXT(mmap)(address, bytes, protection, flags, file, offset);
}

#endif

static void *json_room(size_t bytes)
{
    return fails(JSON, NULL) ? NULL : malloc(bytes);
}

#ifndef SANITIZED
/* Of a file: EIO. */
EARLY static bool io_fails(const void *return_address)
{
    if (!fails(FILES, return_address)) return false;
    errno = EIO;
    return true;
}

#  define IO_FAILS() io_fails(__builtin_return_address(0))

SHOWN int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    return IO_FAILS() ? -1 : NEXT(open)(path, flags, mode);
}

SHOWN ssize_t read(int file, void *to, size_t bytes)
{
    return IO_FAILS() ? -1 : NEXT(read)(file, to, bytes);
}

SHOWN ssize_t write(int file, const void *from, size_t bytes)
{
    return IO_FAILS() ? -1 : NEXT(write)(file, from, bytes);
}

SHOWN int fsync(int file)
{
    return IO_FAILS() ? -1 : NEXT(fsync)(file);
}

SHOWN int rename(const char *from, const char *to)
{
    return IO_FAILS() ? -1 : NEXT(rename)(from, to);
}

SHOWN int fstat(int file, struct stat *out)
{
    return IO_FAILS() ? -1 : NEXT(fstat)(file, out);
}
#endif

/* ------------------------------------------------------------------------------------------------------ the sequence -- */

static const char *paths[9]; /* made before anything is counted */

static void check_failure(ist_status status, const ist_context *context)
{
    CHECK(status == (armed == FILES ? IST_E_IO : IST_E_MEMORY) || (armed == FILES && status == IST_E_MEMORY));
    if (context) check_one_line(context);
}

/* A call goes well; or it says why not, and goes well when it is made again.  UNTOUCHED: where its result would be. */
#define UNTOUCHED ((void *)(uintptr_t)0x5a5a)
#define GOES(call)                            \
  do {                                        \
    const int before = atomic_load(&failed);  \
    const ist_status status = (call);         \
    if (status != IST_OK) {                   \
      CHECK(!before && atomic_load(&failed)); \
      check_failure(status, context);         \
      CHECK_EQ((call), IST_OK);               \
    }                                         \
  } while (0)
#define MAKES(handle, call)                               \
  do {                                                    \
    handle = UNTOUCHED;                                   \
    const ist_status outcome = (call);                    \
    if (outcome != IST_OK) {                              \
      CHECK(handle == UNTOUCHED && atomic_load(&failed)); \
      check_failure(outcome, context);                    \
      CHECK_EQ((call), IST_OK);                           \
    }                                                     \
  } while (0)

static void ask_reports(ist_context *context, ist_trainer *trainer, const ist_model_config *net, const run_spec *spec)
{
    size_t need = 0;
    static char text[1 << 17];
    GOES(ist_context_report(context, NULL, 0, &need));
    GOES(ist_context_report(context, text, sizeof text, &need));
    GOES(ist_trainer_report(trainer, text, sizeof text, &need));
    CHECK(need <= sizeof text && strstr(text, "\"verdict\"") && strstr(text, "\"not_placed\""));
    GOES(ist_plan_report(context, net, &spec->train, spec->rows, IST_FLOAT32, text, sizeof text, &need));
    CHECK(strstr(text, "\"homes\"") && strstr(text, "\"by_node\""));
    ist_rates rates = IST_RATES_INIT;
    rates.forward_gflops = rates.pull_gflops = 1;
    for (int i = 0; i < 4; i++) rates.update_gflops[i] = 1;
    ist_prediction prediction = {.struct_size = sizeof prediction};
    GOES(ist_plan_predict(context, net, &spec->train, spec->rows, IST_FLOAT32, &rates, &prediction));
}

/* Through memory, into a clone, and one tensor out and in. */
static void in_memory(ist_context *context, ist_trainer *trainer, ist_model *other)
{
    static char room[1 << 16];
    float weights[13 * 6];
    size_t need = 0;
    ist_trainer *clone;
    ist_model *loaded;
    GOES(ist_trainer_save_bytes(trainer, room, sizeof room, &need));
    CHECK(need <= sizeof room);
    GOES(ist_trainer_resume_bytes(trainer, room, need));
    MAKES(loaded, ist_model_load_bytes(context, &loaded, room, need));
    GOES(ist_model_get_tensor(loaded, "layers.0.weight", weights, sizeof weights));
    GOES(ist_model_set_tensor(loaded, "layers.0.weight", weights, sizeof weights));
    ist_model_destroy(loaded);
    MAKES(clone, ist_trainer_clone(trainer, &clone, other));
    ist_trainer_destroy(clone);
}

/* Two times some rows, so that the queue grows. */
static void feed(ist_trainer *trainer, const table *t)
{
    const ist_context *context = NULL; /* it tells no line there */
    ist_feed rows = IST_FEED_INIT;
    rows.x = t->x;
    rows.labels = t->labels;
    for (rows.rows = 3; rows.rows < 9; rows.rows += 5) GOES(ist_trainer_feed(trainer, &rows));
}

static void train(ist_context *context, ist_trainer *trainer, ist_model *average, const table *t)
{
    ist_placement where = IST_PLACEMENT_INIT;
    GOES(ist_trainer_run(trainer, 2, NULL, NULL));
    GOES(ist_trainer_calibrate(trainer));
    in_memory(context, trainer, average);
    GOES(ist_trainer_average(trainer, average));
    GOES(ist_trainer_verify(trainer, &where));
    GOES(ist_trainer_save(trainer, paths[0]));
    GOES(ist_trainer_resume(trainer, paths[0]));
    feed(trainer, t); /* a clone of it could not be made any more */
    GOES(ist_trainer_run(trainer, 0, NULL, NULL));
}

static void use(ist_context *context, ist_model *model, ist_model *average, const ist_dataset *dataset,
                const run_spec *spec)
{
    ist_evaluation result = IST_EVALUATION_INIT;
    ist_evaluate_config shuffled = IST_EVALUATE_CONFIG_INIT;
    shuffled.statistics = IST_STATISTICS_BATCH;
    shuffled.order = IST_ORDER_SHUFFLED;
    float *probability = table_room(spec->rows * spec->classes, sizeof *probability);
    GOES(ist_model_evaluate(average, dataset, NULL, &result));
    GOES(ist_model_evaluate(model, dataset, &shuffled, &result));
    GOES(ist_model_predict(average, dataset, NULL, probability));
    GOES(ist_model_copy(average, model));
    GOES(ist_model_save(model, paths[1]));
    ist_model *loaded;
    MAKES(loaded, ist_model_load(context, &loaded, paths[1]));
    ist_model_destroy(loaded);
    free(probability);
}

/* Other programs' files, and one subnet. */
static void exchange(ist_context *context, ist_model *model)
{
    ist_model *made;
    for (int i = 6; i < 9; i++) GOES(ist_model_export(model, paths[i], NULL));
    for (int i = 6; i < 8; i++) {
        MAKES(made, ist_model_import(context, &made, paths[i]));
        ist_model_destroy(made);
    }
    const ist_subnet_config config = IST_SUBNET_CONFIG_INIT;
    MAKES(made, ist_model_subnet(model, &made, &config));
    ist_model_destroy(made);
}

/* The state of the run at its end. */
static file_bytes everything(const run_spec *spec, const table *t)
{
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    config.teams = 2;
    config.threads_per_team = 1;
    ist_context *context = NULL, *made;
    ist_dataset *dataset, *from_file;
    ist_model *model, *average;
    ist_trainer *trainer;
    int64_t dropped;
    const ist_model_config net = run_model_config(spec);
    MAKES(made, ist_context_create(&made, &config));
    context = made;
    GOES(ist_trace_start(context, NULL));
    MAKES(from_file, ist_dataset_open(context, &from_file, paths[2], paths[3]));
    ist_dataset_arrays arrays = IST_DATASET_ARRAYS_INIT;
    arrays.rows = t->rows;
    arrays.x = t->x;
    arrays.features = t->features;
    arrays.labels = t->labels;
    arrays.classes = t->classes;
    arrays.copy = 1;
    MAKES(dataset, ist_dataset_from_arrays(context, &dataset, &arrays));
    MAKES(model, ist_model_create(context, &model, &net));
    MAKES(average, ist_model_create(context, &average, &net));
    GOES(ist_model_measure_normalization(model, dataset, IST_NORMALIZE_ZSCORE));
    MAKES(trainer, ist_trainer_create(context, &trainer, model, dataset, &spec->train));
    train(context, trainer, average, t);
    ask_reports(context, trainer, &net, spec);
    GOES(ist_trace_write(context, paths[4], &dropped));
    use(context, model, average, dataset, spec);
    GOES(ist_trainer_calibrate(trainer));
    exchange(context, model);
    armed = KINDS;
    CHECK_EQ(ist_trainer_save(trainer, paths[5]), IST_OK);
    ist_trainer_destroy(trainer);
    ist_model_destroy(average);
    ist_model_destroy(model);
    ist_dataset_destroy(dataset);
    ist_dataset_destroy(from_file);
    ist_context_destroy(context);
    return file_read(paths[5]);
}

static run_spec spec_of_all(void)
{
    run_spec spec = run_spec_small();
    spec.train.rounds = 4;
    spec.train.optimizer = IST_ADAM;
    spec.train.average_from = 0.25;
    spec.train.outer_momentum = 0.5;
    spec.train.data = IST_DATA_REPLICATE;
    return spec;
}

/* Each `every`-th call of a kind, from the first one on; IST_EVERY=1 in the environment: each. */
static void check_kind(int kind, long every)
{
#ifdef SANITIZED
    SKIP("sanitizers take the place of the same functions");
#endif
    if (getenv("IST_EVERY")) every = atol(getenv("IST_EVERY"));
    static const char *const names[] = {"run.ist", "model.ist", "x.csv",         "y.csv", "trace.json",
                                        "end.ist", "m.npz",     "m.safetensors", "m.onnx"};
    for (int i = 0; i < 9; i++) paths[i] = scratch_path(names[i]);
    file_write(paths[2], "1,2\n3,4\n", 8);
    file_write(paths[3], "0\n1\n", 4);
    json_set_alloc_funcs(json_room, free);
    const run_spec spec = spec_of_all();
    table t = table_make(spec.rows, spec.features, spec.classes);
    const file_bytes expected = everything(&spec, &t);
    long made = 0, all = 0;
    for (fail_at = 1;; fail_at += every) {
        atomic_store(&seen, 0);
        atomic_store(&failed, 0);
        armed = kind;
        file_bytes got = everything(&spec, &t);
        const bool same = got.count == expected.count && memcmp(got.data, expected.data, got.count) == 0;
        file_free(&got);
        CHECK(same);
        CHECK_EQ(scratch_count(), 9); /* nothing temporary */
        all = atomic_load(&seen);
        if (!atomic_load(&failed)) break;
        made++;
    }
    printf("%ld of %ld calls were made to fail\n", made, all);
    CHECK(made >= 5);
    file_free((file_bytes *)(uintptr_t)&expected);
    table_free(&t);
}

TEST(each_allocation_fails_once)
{
    check_kind(MEMORY, 17);
}

TEST(each_allocation_of_a_report_fails_once)
{
    check_kind(JSON, 401);
}

TEST(each_call_on_a_file_fails_once)
{
    check_kind(FILES, 19);
}
