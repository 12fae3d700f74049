/* What else happens in the process of a host: fork, signals, small stacks, locales, traps, memory that is only lent, its own use
 * of the libraries that we use too. */
#define _GNU_SOURCE
#include <jansson.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "every_call.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#  define SANITIZED 1
#elif defined(__has_feature)
#  if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#    define SANITIZED 1
#  endif
#endif

/* ---------------------------------------------------------------------------------------------------------- fork -- */

/* How the child ended: its status, or 1000 + the signal; -1 when it does not end. */
static int end_of(pid_t child)
{
    for (int i = 0; i < 3000; i++) {
        int status = 0;
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
        usleep(10000);
    }
    kill(child, SIGKILL);
    return -1;
}

TEST(a_child_forked_before_the_first_call_may_use_all)
{
    const run_spec spec = run_spec_small();
    const char *path = scratch_path("child.ist");
    const pid_t child = fork();
    if (child == 0) {
        run r = run_open(&spec);
        const ist_status status = ist_trainer_run(r.trainer, 0, NULL, NULL);
        _exit(status || ist_trainer_save(r.trainer, path));
    }
    CHECK_EQ(end_of(child), 0);
    file_check_same(file_read(path), run_to_the_end(&spec));
}

TEST(a_child_forked_after_may_destroy_and_the_parent_goes_on)
{
    run_spec spec = run_spec_small();
    spec.teams = 2;
    run r = run_open(&spec);
    run_go(&r, 2);
    CHECK_EQ(ist_trace_start(r.context, NULL), IST_OK);
    const pid_t child = fork();
    if (child == 0) {
        run_close(&r);
        _exit(0);
    }
    run_go(&r, 0);
    CHECK_EQ(end_of(child), 0);
    file_check_same(trainer_bytes(r.trainer), run_to_the_end(&spec));
    run_close(&r);
}

/* ------------------------------------------------------------------------------------------ calls of the system -- */

static atomic_bool watching_open;
static _Atomic int opened, inherited, asked;

#ifndef SANITIZED
#  define EARLY      __attribute__((no_sanitize("address", "undefined")))
#  define SHOWN      EARLY __attribute__((visibility("default")))
#  define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #  name))

EARLY static bool by_libist(const void *return_address)
{
    Dl_info from;
    return dladdr(return_address, &from) && strstr(from.dli_fname, "libist");
}

SHOWN int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (atomic_load(&watching_open) && by_libist(__builtin_return_address(0))) {
        atomic_fetch_add(&opened, 1);
        if (!(flags & O_CLOEXEC)) atomic_fetch_add(&inherited, 1);
    }
    return NEXT(open)(path, flags, mode);
}

SHOWN char *getenv(const char *name)
{
    if (atomic_load(&watching_open) && by_libist(__builtin_return_address(0))) atomic_fetch_add(&asked, 1);
    return NEXT(getenv)(name);
}
#endif

TEST(no_program_that_the_host_starts_inherits_a_file_of_ours)
{
#ifdef SANITIZED
    SKIP("sanitizers take the place of the same functions");
#endif
    calls_files();
    atomic_store(&watching_open, true);
    every_call(2, 1);
    atomic_store(&watching_open, false);
    CHECK_STR(host_difference, "");
    CHECK(atomic_load(&opened) >= 10);
    CHECK_EQ(atomic_load(&inherited), 0);
}

TEST(no_variable_of_the_environment_is_read)
{
#ifdef SANITIZED
    SKIP("sanitizers take the place of the same functions");
#endif
    calls_files();
    atomic_store(&watching_open, true);
    every_call(2, 1);
    atomic_store(&watching_open, false);
    CHECK(getenv("IST_SOURCE") != NULL); /* ours is the one that is called */
    CHECK_EQ(atomic_load(&asked), 0);
}

static void count_signal(int signal)
{
    static volatile sig_atomic_t count;
    (void)signal;
    count = count + 1;
}

/* A profiler, or a simulation with a clock: calls of the system end with EINTR all the time. */
TEST(signals_that_interrupt_calls_of_the_system_change_nothing)
{
    run_spec spec = run_spec_small();
    spec.teams = 2;
    file_bytes quiet = run_to_the_end(&spec);
    struct sigaction action = {.sa_handler = count_signal}; /* no SA_RESTART */
    const struct itimerval often = {.it_value = {.tv_usec = 500}, .it_interval = {.tv_usec = 500}};
    const struct itimerval never = {.it_value = {0}};
    sigemptyset(&action.sa_mask);
    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    calls_files();
    CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
    every_call(2, 1);
    file_bytes disturbed = run_to_the_end(&spec);
    CHECK_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
    CHECK_STR(host_difference, "");
    file_check_same(disturbed, quiet);
}

/* -------------------------------------------------------------------------------------------------------- stack -- */

static void *call_in_a_small_stack(void *argument)
{
    (void)argument;
    every_call(2, 1);
    return NULL;
}

TEST(a_caller_with_a_small_stack_may_call)
{
#ifdef SANITIZED
    SKIP("sanitizers need more stack");
#endif
    enum { STACK_BYTES = 256 * 1024 };
    pthread_attr_t small;
    pthread_t thread;
    calls_files();
    CHECK_EQ(pthread_attr_init(&small), 0);
    CHECK_EQ(pthread_attr_setstacksize(&small, STACK_BYTES), 0);
    CHECK_EQ(pthread_create(&thread, &small, call_in_a_small_stack, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&small);
    CHECK_STR(host_difference, "");
}

/* -------------------------------------------------------------------------------------------- floating point -- */

static void spoil_floats(void)
{
    (void)fesetround(FE_UPWARD);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040U); /* tiny numbers are 0, read and written */
#endif
}

static int32_t look_at_floats(void *user, const ist_progress *progress)
{
    (void)progress;
    if (fegetround() != FE_UPWARD) *(int *)user = 1;
    return 0;
}

TEST(rounding_and_flushing_of_the_host_change_no_result)
{
    run_spec spec = run_spec_small();
    spec.teams = 2;
    spec.train.weight_decay = 1e-3;
    file_bytes plain = run_to_the_end(&spec);
    run r = {.table = table_make(spec.rows, spec.features, spec.classes)};
    int callback_saw_another = 0;
    spoil_floats();
#pragma omp parallel num_threads(2)
    spoil_floats();
    r.context = run_context(spec.teams, spec.threads, spec.engine);
    r.dataset = run_dataset(r.context, &r.table);
    r.model = run_model(r.context, &spec);
    CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec.train), IST_OK);
    const ist_status status = ist_trainer_run(r.trainer, 0, look_at_floats, &callback_saw_another);
    file_bytes spoilt = trainer_bytes(r.trainer);
    const int rounding = fegetround();
    CHECK_EQ(fesetenv(FE_DFL_ENV), 0);
    CHECK_EQ(status, IST_OK);
    CHECK_EQ(rounding, FE_UPWARD);
    CHECK_EQ(callback_saw_another, 0);
    run_close(&r);
    file_check_same(spoilt, plain);
}

/* As Fortran programs do with -ffpe-trap.  Numbers that are none, and a run that diverges, are among the calls. */
TEST(traps_of_the_host_do_not_end_it)
{
    const float nans[2] = {__builtin_nanf(""), __builtin_inff()};
    calls_files();
    if (feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW) < 0) SKIP("no traps here");
#pragma omp parallel num_threads(2)
    (void)feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
    every_call(2, 1);
    run_spec spec = run_spec_small();
    run r = run_open(&spec);
    ist_trainer *bad = NULL;
    for (int i = 0; i < 2; i++) {
        spec.train.epochs = (double)nans[i];
        CHECK_EQ(ist_trainer_create(r.context, &bad, r.model, r.dataset, &spec.train), IST_E_ARGUMENT);
        CHECK_EQ(ist_model_set_normalization(r.model, 1, &nans[i], &nans[i]), IST_E_ARGUMENT);
        CHECK_EQ(ist_trainer_scale_lr(r.trainer, (double)nans[i]), IST_E_ARGUMENT);
        (void)ist_trainer_rounds_until(r.trainer, (double)nans[i]);
    }
    run_close(&r);
    CHECK_EQ(fegetexcept(), FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
    (void)fedisableexcept(FE_ALL_EXCEPT);
    CHECK_STR(host_difference, "");
}

/* -------------------------------------------------------------------------------------------------------- locale -- */

/* A locale whose decimal point is a comma, made here: few machines have one. */
static bool comma_locale(void)
{
    static const char source[] = "comment_char %\nescape_char /\nLC_NUMERIC\ndecimal_point \",\"\nthousands_sep \".\"\n"
                                 "grouping 3;3\nEND LC_NUMERIC\n";
    char command[1024], folder[512];
    snprintf(folder, sizeof folder, "%s", scratch_path("comma"));
    file_write(scratch_path("comma.txt"), source, sizeof source - 1);
    snprintf(command, sizeof command, "localedef -c --no-archive -i %s -f ANSI_X3.4-1968 %s >%s 2>&1",
             scratch_path("comma.txt"), folder, scratch_path("localedef.log"));
    if (system(command) < 0) return false;
    snprintf(command, sizeof command, "%s", folder);
    *strrchr(command, '/') = '\0';
    setenv("LOCPATH", command, 1);
    return setlocale(LC_NUMERIC, "comma") != NULL;
}

static void check_json(const char *text)
{
    json_error_t where;
    json_t *json = json_loads(text, 0, &where);
    if (!json) printf("%s at %d\n", where.text, where.position);
    CHECK(json != NULL);
    json_decref(json);
}

TEST(a_locale_with_a_decimal_comma_changes_no_file_no_report_and_no_number_read)
{
    const run_spec spec = run_spec_small();
    file_bytes point = run_to_the_end(&spec);
    if (!comma_locale()) SKIP("no localedef here");
    char text[16], *report = table_room(1 << 18, 1);
    snprintf(text, sizeof text, "%.1f", 1.5);
    CHECK_STR(text, "1,5");
    run r = run_open(&spec);
    ist_dataset *read = NULL;
    size_t need = 0;
    CHECK_EQ(ist_trace_start(r.context, NULL), IST_OK);
    run_go(&r, 0);
    file_check_same(trainer_bytes(r.trainer), point);
    CHECK_EQ(ist_trace_write(r.context, scratch_path("trace.json"), NULL), IST_OK);
    json_t *trace = json_load_file(scratch_path("trace.json"), 0, NULL);
    CHECK(trace != NULL);
    json_decref(trace);
    CHECK_EQ(ist_context_report(r.context, report, 1 << 18, &need), IST_OK);
    check_json(report);
    CHECK_EQ(ist_trainer_report(r.trainer, report, 1 << 18, &need), IST_OK);
    check_json(report);
    static const char numbers[] = "1.5,2.25,1000.5,0,0,0\n-0.5,1,2,3,4,5\n";
    file_write(scratch_path("point.csv"), numbers, sizeof numbers - 1);
    CHECK_EQ(ist_dataset_open(r.context, &read, scratch_path("point.csv"), NULL), IST_OK);
    CHECK_EQ(ist_dataset_features(read), 6);
    ist_model *normalized = run_model(r.context, &spec);
    CHECK_EQ(ist_model_measure_normalization(normalized, read, IST_NORMALIZE_GLOBAL), IST_OK);
    file_bytes with_comma = model_bytes(normalized);
    CHECK(setlocale(LC_NUMERIC, "C") != NULL);
    CHECK_EQ(ist_model_measure_normalization(normalized, read, IST_NORMALIZE_GLOBAL), IST_OK);
    file_check_same(with_comma, model_bytes(normalized));
    ist_model_destroy(normalized);
    ist_dataset_destroy(read);
    run_close(&r);
    free(report);
}

/* -------------------------------------------------------------------------------------------------------- memory -- */

/* The rows on pages of their own, so that they can be locked away. */
static void *lend(const void *from, size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    memcpy(pages, from, bytes);
    CHECK_EQ(mprotect(pages, bytes, PROT_READ), 0);
    return pages;
}

TEST(arrays_that_are_lent_are_only_read_and_with_shards_never_after_create)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    const size_t x_bytes = (size_t)(spec.rows * spec.features) * sizeof(float);
    const size_t label_bytes = (size_t)spec.rows * sizeof(int32_t);
    void *x = lend(r.table.x, x_bytes), *labels = lend(r.table.labels, label_bytes);
    ist_dataset *lent = NULL;
    ist_trainer *trainer = NULL;
    ist_evaluation evaluation = IST_EVALUATION_INIT;
    ist_model *model = run_model(r.context, &spec);
    CHECK_EQ(ist_dataset_wrap(r.context, &lent, x, IST_FLOAT32, spec.rows, 6, 24, labels, 4), IST_OK);
    CHECK_EQ(ist_model_measure_normalization(model, lent, IST_NORMALIZE_ZSCORE), IST_OK);
    CHECK_EQ(ist_trainer_create(r.context, &trainer, model, lent, &spec.train), IST_OK);
    CHECK_EQ(mprotect(x, x_bytes, PROT_NONE), 0);
    CHECK_EQ(mprotect(labels, label_bytes, PROT_NONE), 0);
    CHECK_EQ(ist_trainer_run(trainer, 0, NULL, NULL), IST_OK);
    CHECK_EQ(ist_trainer_save(trainer, scratch_path("lent.ist")), IST_OK);
    CHECK_EQ(mprotect(x, x_bytes, PROT_READ), 0);
    CHECK_EQ(mprotect(labels, label_bytes, PROT_READ), 0);
    CHECK_EQ(ist_trainer_calibrate(trainer), IST_OK);
    CHECK_EQ(ist_model_evaluate(model, lent, NULL, &evaluation), IST_OK);
    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    ist_dataset_destroy(lent);
    munmap(x, x_bytes);
    munmap(labels, label_bytes);
    run_close(&r);
}

static int mappings(void)
{
    int lines = 0, c;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && (c = fgetc(maps)) != EOF) lines += c == '\n';
    if (maps) fclose(maps);
    return lines;
}

TEST(what_is_created_and_destroyed_again_leaves_no_memory_behind)
{
#ifdef SANITIZED
    SKIP("sanitizers keep what was freed");
#endif
    /* Else what a thread keeps for its next allocation counts as in use. */
    again_with("what_is_created_and_destroyed_again_leaves_no_memory_behind", "GLIBC_TUNABLES",
               "glibc.malloc.tcache_count=0");
    calls_files();
    for (int i = 0; i < 2; i++) every_call(2, 1); /* what run times keep for good */
    const size_t used = mallinfo2().uordblks;
    const int mapped = mappings();
    for (int i = 0; i < 3; i++) every_call(2, 1);
    CHECK_STR(host_difference, "");
    CHECK(mallinfo2().uordblks <= used + 512); /* run times take a little more or less each time */
    CHECK(mappings() <= mapped + 1);
}

/* ----------------------------------------------------------------------------------------------- the host's BLAS -- */

typedef void (*blas_sgemm)(const char *, const char *, const int *, const int *, const int *, const float *,
                           const float *, const int *, const float *, const int *, const float *, float *, const int *);

enum { SIDE = 96 };

/* A product of the host's own, through Fortran's name, with three threads. */
static void multiply(blas_sgemm sgemm, float *out)
{
    static float a[SIDE * SIDE], b[SIDE * SIDE];
    const int side = SIDE;
    const float one = 1, zero = 0;
    uint64_t noise = 7;
    for (int i = 0; i < SIDE * SIDE; i++) {
        a[i] = table_noise(&noise);
        b[i] = table_noise(&noise);
    }
    sgemm("N", "T", &side, &side, &side, &one, a, &side, b, &side, &zero, out, &side);
}

TEST(the_host_multiplies_with_its_own_threads_between_our_calls)
{
    static float alone[SIDE * SIDE], between[SIDE * SIDE];
    void (*set)(int) = NULL;
    int (*get)(void) = NULL;
    blas_sgemm sgemm = NULL;
    void *const symbols[] = {dlsym(RTLD_DEFAULT, "openblas_set_num_threads"),
                             dlsym(RTLD_DEFAULT, "openblas_get_num_threads"), dlsym(RTLD_DEFAULT, "sgemm_")};
    CHECK(symbols[0] && symbols[1] && symbols[2]);
    memcpy(&set, &symbols[0], sizeof set);
    memcpy(&get, &symbols[1], sizeof get);
    memcpy(&sgemm, &symbols[2], sizeof sgemm);
    set(3);
    multiply(sgemm, alone);
    const int32_t engines[] = {IST_ENGINE_AUTO, IST_ENGINE_OPENBLAS};
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        run_spec spec = run_spec_small();
        spec.teams = 2;
        spec.engine = engines[i];
        run r = run_open(&spec);
        for (int round = 0; round < 3; round++) {
            run_go(&r, 1);
            multiply(sgemm, between);
            CHECK_EQ(get(), 3);
            CHECK_MEM(between, alone, sizeof alone);
        }
        run_close(&r);
    }
}
