/* Of the host nothing is changed: each aspect of it, put into an unusual state, is the same after every call of every
 * function, those that fail too. */
#define _GNU_SOURCE
#include <ctype.h>

#include "every_call.h"

static void check_aspect(const host_aspect *aspect)
{
    calls_files();
    host_watch(aspect);
    CHECK(*host_before.text != '\0');
    every_call(2, 1);
    CHECK_STR(host_difference, "");
}

/* ------------------------------------------------------------------------------------------------ the list is whole -- */

/* The next name that the header declares as IST_API ..; *returns_status: whether it can fail. */
static const char *next_function(const char *text, char name[64], int *returns_status)
{
    const char *line = strstr(text, "\nIST_API ");
    if (!line) return NULL;
    const char *bracket = strchr(line, '('), *first = bracket;
    while (isalnum((unsigned char)first[-1]) || first[-1] == '_') first--;
    snprintf(name, 64, "%.*s", (int)(bracket - first), first);
    *returns_status = strncmp(line, "\nIST_API ist_status ", 20) == 0;
    return bracket;
}

TEST(every_function_of_the_header_is_called_well_and_badly)
{
    char path[512], name[64];
    int functions = 0, returns_status = 0;
    snprintf(path, sizeof path, "%s/include/ist/ist.h", getenv("IST_SOURCE"));
    file_bytes header = file_read(path);
    char *text = table_room((int64_t)header.count + 1, 1);
    memcpy(text, header.data, header.count);
    file_free(&header);
    calls_files();
    every_call(1, 1);
    CHECK_STR(host_difference, "");
    for (const char *at = text; (at = next_function(at, name, &returns_status)); functions++) {
        const call_seen *seen = call_of(name, strlen(name));
        CHECK_STR(seen->fine > 0 ? "" : name, "");
        CHECK_STR(seen->failed > 0 || !returns_status ? "" : name, "");
        CHECK(dlsym(RTLD_DEFAULT, name) != NULL);
    }
    CHECK(functions >= 50);
    CHECK_STR(calls_seen[functions].name, ""); /* nothing is called that the header does not have */
    free(text);
}

TEST(no_status_depends_on_errno)
{
    const int values[] = {0, EINTR, ENOMEM};
    calls_files();
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        call_errno = values[i];
        every_call(1, 1);
        CHECK_STR(host_difference, "");
    }
}

/* ------------------------------------------------------------------------------------------------------- aspects -- */

/* The caller on one processor, the threads of its pool on all. */
TEST(affinity_and_names_stay)
{
    cpu_set_t mine, one;
    CHECK_EQ(sched_getaffinity(0, sizeof mine, &mine), 0);
    CPU_ZERO(&one);
    for (size_t cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &mine)) CPU_SET(cpu, &one);
    host_watch(&host_affinity); /* starts the pool */
    CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    CHECK_EQ(pthread_setname_np(pthread_self(), "the host"), 0);
    calls_files();
    host_watch(&host_affinity);
    every_call(2, 2); /* as many as the pool has: a run time may end and start others else */
    CHECK_STR(host_difference, "");
}

TEST(openmp_settings_stay)
{
    omp_set_num_threads(3);
    omp_set_dynamic(0);
    omp_set_max_active_levels(3);
    omp_set_schedule(omp_sched_guided, 5);
    check_aspect(&host_openmp);
}

TEST(blas_threads_stay)
{
    void (*set)(int) = NULL;
    void *const symbol = dlsym(RTLD_DEFAULT, "openblas_set_num_threads");
    CHECK(symbol != NULL);
    memcpy(&set, &symbol, sizeof set);
    set(3);
    check_aspect(&host_blas);
    CHECK(strstr(host_before.text, "openblas_get_num_threads 3\n") != NULL);
}

TEST(scheduling_and_memory_policy_stay)
{
    const unsigned long first_node = 1;
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, 70000UL), 0);
    CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 3), 0);
    enum { MPOL_PREFERRED = 1 };
    (void)syscall(SYS_set_mempolicy, MPOL_PREFERRED, &first_node, 8UL * sizeof first_node); /* where it is allowed */
    check_aspect(&host_scheduling);
}

TEST(locale_stays)
{
    CHECK(setlocale(LC_ALL, "C.UTF-8") != NULL);
    locale_t of_thread = newlocale(LC_NUMERIC_MASK, "C", duplocale(LC_GLOBAL_LOCALE));
    CHECK(of_thread != (locale_t)0);
    uselocale(of_thread);
    check_aspect(&host_locale);
    uselocale(LC_GLOBAL_LOCALE);
    freelocale(of_thread);
}

static void do_nothing(int signal)
{
    (void)signal;
}

TEST(signal_handlers_masks_and_timers_stay)
{
    static unsigned char room[1 << 16];
    const stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
    struct sigaction action = {.sa_handler = do_nothing, .sa_flags = SA_ONSTACK};
    const struct itimerval hour = {.it_value = {.tv_sec = 3600}};
    sigset_t blocked;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR2);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGUSR1);
    CHECK_EQ(sigaltstack(&stack, NULL), 0);
    const int caught[] = {SIGINT, SIGUSR1, SIGPIPE, SIGXFSZ, SIGCHLD, SIGPROF};
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) CHECK_EQ(sigaction(caught[i], &action, NULL), 0);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &blocked, NULL), 0);
    CHECK_EQ(setitimer(ITIMER_PROF, &hour, NULL), 0);
    CHECK_EQ(raise(SIGUSR1), 0); /* pending */
    check_aspect(&host_signals);
}

TEST(open_files_stay)
{
    for (int fd = 3; fd < 256; fd++) (void)close(fd); /* inherited: others may read and write them meanwhile */
    file_write(scratch_path("host.txt"), "0123456789", 10);
    const int file = open(scratch_path("host.txt"), O_RDWR | O_APPEND);
    CHECK(file >= 0);
    CHECK_EQ(lseek(file, 4, SEEK_SET), 4);
    check_aspect(&host_descriptors);
    CHECK_EQ(close(file), 0);
}

TEST(folder_umask_and_limits_stay)
{
    const struct rlimit no_core = {0, 0};
    CHECK_EQ(setrlimit(RLIMIT_CORE, &no_core), 0);
    CHECK_EQ(chdir("/usr"), 0);
    (void)umask(027);
    check_aspect(&host_process);
    struct stat about;
    CHECK_EQ(stat(scratch_path("run.ist"), &about), 0);
    CHECK_EQ(about.st_mode & 0777, 0640); /* what is written obeys the umask */
}

TEST(the_environment_stays)
{
    CHECK_EQ(setenv("IST_HOST_VARIABLE", "value", 1), 0);
    check_aspect(&host_environment);
}

/* Streams into files: what is printed would be there, or in the streams' buffers. */
TEST(nothing_is_printed)
{
    const int out = dup(1), error = dup(2);
    fflush(NULL);
    for (int fd = 1; fd <= 2; fd++) {
        const int file = open(scratch_path(fd == 1 ? "out.txt" : "error.txt"), O_RDWR | O_CREAT | O_TRUNC, 0600);
        CHECK(file >= 0 && dup2(file, fd) == fd && close(file) == 0);
    }
    calls_files();
    host_watch(&host_output);
    every_call(2, 1);
    fflush(NULL);
    dup2(out, 1);
    dup2(error, 2);
    CHECK_STR(host_difference, "");
    CHECK(strstr(host_before.text, "1: 0 bytes in the file, 0 in the stream") != NULL);
}

TEST(the_floating_point_environment_stays)
{
    CHECK_EQ(fesetround(FE_UPWARD), 0);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040U); /* small numbers are 0, read and written */
#endif
    CHECK_EQ(feclearexcept(FE_ALL_EXCEPT), 0);
    check_aspect(&host_floats);
    CHECK_EQ(fesetenv(FE_DFL_ENV), 0);
}

TEST(random_numbers_of_the_host_stay)
{
    srand(HOST_SEED);
    check_aspect(&host_random);
}

/* ------------------------------------------------------------------------------------------------------- the log -- */

typedef struct log_seen {
    pthread_t caller;
    int lines, wrong;
} log_seen;

static void take_line(void *user, int32_t level, const char *line)
{
    log_seen *seen = user;
    seen->lines++;
    seen->wrong += !pthread_equal(pthread_self(), seen->caller) || level < IST_LOG_ERROR || level > IST_LOG_INFO ||
                   !*line || strchr(line, '\n') != NULL;
}

TEST(the_log_is_called_by_the_caller)
{
    log_seen seen = {.caller = pthread_self()};
    run_spec spec = run_spec_small();
    table t = table_make(spec.rows, spec.features, spec.classes);
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    ist_context *context = NULL;
    ist_trainer *trainer = NULL;
    config.log = take_line;
    config.log_user = &seen;
    config.teams = 5000;
    CHECK_EQ(ist_context_create(&context, &config), IST_E_ARGUMENT);
    CHECK_EQ(seen.lines, 1);
    config.teams = config.threads_per_team = 2; /* a line where the system refuses to bind, or has fewer processors */
    CHECK_EQ(ist_context_create(&context, &config), IST_OK);
    ist_dataset *dataset = run_dataset(context, &t);
    ist_model *model = run_model(context, &spec);
    CHECK_EQ(ist_trainer_create(context, &trainer, model, dataset, &spec.train), IST_OK);
    CHECK_EQ(ist_trainer_run(trainer, 0, NULL, NULL), IST_OK);
    CHECK_EQ(seen.wrong, 0);
    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    ist_dataset_destroy(dataset);
    ist_context_destroy(context);
    table_free(&t);
}
