/* Beside the host's own OpenMP: its regions, pool and places, its other threads, regions that we are called in, and masks that
 * others set. */
#define _GNU_SOURCE
#include "every_call.h"

enum { HOST_THREADS = 4 };

/* ------------------------------------------------------------------------------------------------------ the pool -- */

static int kept;
#pragma omp threadprivate(kept)

/* A region of the host: thread i must still have what it was told last; tid: who it is for the system. */
static int region_of_host(int number, long tid[HOST_THREADS])
{
    int failures = 0;
#pragma omp parallel num_threads(HOST_THREADS) default(none) shared(number, tid) reduction(+ : failures)
    {
        const int thread = omp_get_thread_num();
        failures += omp_get_num_threads() != HOST_THREADS;
        if (number > 0) failures += kept != 100 * number + thread || tid[thread] != syscall(SYS_gettid);
        kept = 100 * (number + 1) + thread;
        tid[thread] = syscall(SYS_gettid);
    }
    return failures;
}

TEST(threads_of_the_pool_and_their_variables_stay_where_a_context_has_as_many)
{
    long tid[HOST_THREADS] = {0};
    run_spec spec = run_spec_small();
    omp_set_dynamic(0);
    CHECK_EQ(region_of_host(0, tid), 0);
    spec.teams = 2;
    spec.threads = HOST_THREADS / 2;
    run r = run_open(&spec);
    CHECK_EQ(region_of_host(1, tid), 0);
    run_go(&r, 0);
    CHECK_EQ(region_of_host(2, tid), 0);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    CHECK_EQ(ist_trainer_run(r.trainer, -1, NULL, NULL), IST_E_ARGUMENT);
    CHECK_EQ(region_of_host(3, tid), 0);
    run_close(&r);
    CHECK_EQ(region_of_host(4, tid), 0);
}

/* The host computes between our calls; regions, loops and reductions have what they had without us. */
static double work_of_host(void)
{
    double sum = 0;
#pragma omp parallel for schedule(runtime) default(none) reduction(+ : sum)
    for (int i = 0; i < 10000; i++) sum += i;
    return sum + omp_get_max_threads();
}

TEST(the_main_thread_of_an_openmp_code_may_call)
{
    omp_set_num_threads(3);
    omp_set_schedule(omp_sched_dynamic, 7);
    const double alone = work_of_host();
    run_spec spec = run_spec_small();
    for (int teams = 1; teams <= 3; teams++) {
        spec.teams = teams;
        CHECK_NEAR(work_of_host(), alone, 0);
        run r = run_open(&spec);
        CHECK_NEAR(work_of_host(), alone, 0);
        run_go(&r, 0);
        CHECK_NEAR(work_of_host(), alone, 0);
        run_close(&r);
        CHECK_NEAR(work_of_host(), alone, 0);
    }
}

/* The run time reads OMP_PLACES when the process begins: this program once more, with it. */
TEST(places_and_bindings_of_the_host_stay)
{
    const char name[] = "places_and_bindings_of_the_host_stay";
    again_with(name, "OMP_PLACES", "threads");
    again_with(name, "OMP_PROC_BIND", "close");
    CHECK(omp_get_num_places() > 0);
    calls_files();
    host_watch(&host_openmp);
    every_call(2, 1);
    host_watch(&host_affinity);
    every_call(2, 2);
    CHECK_STR(host_difference, "");
}

/* ----------------------------------------------------------------------------------------------- inside a region -- */

TEST(inside_a_region_what_needs_threads_is_refused_and_all_else_works)
{
    run_spec spec = run_spec_small();
    spec.teams = 2;
    run r = run_open(&spec);
    run_go(&r, 1);
    ist_status ran = 1, calibrated = 1, planned = 1, wrapped = 1;
    const ist_model_config net = run_model_config(&spec);
    char line[256] = "";
    ist_dataset *dataset = NULL;
    size_t need = 0;
    omp_set_max_active_levels(1);
#pragma omp parallel num_threads(2)
    {
#pragma omp single
        {
            ran = ist_trainer_run(r.trainer, 1, NULL, NULL);
            snprintf(line, sizeof line, "%s", ist_context_error(r.context));
            calibrated = ist_trainer_calibrate(r.trainer);
            planned = ist_plan_report(r.context, &net, &spec.train, 9, IST_FLOAT32, NULL, 0, &need);
            wrapped = ist_dataset_wrap(r.context, &dataset, r.table.x, IST_FLOAT32, 3, 6, 24, NULL, 0);
        }
    }
    CHECK_EQ(ran, IST_E_PLACEMENT);
    CHECK(strstr(line, "inside a parallel region") != NULL);
    CHECK_EQ(calibrated, IST_E_PLACEMENT);
    CHECK_EQ(planned, IST_OK);
    CHECK_EQ(wrapped, IST_OK);
    ist_dataset_destroy(dataset);
    run_go(&r, 0); /* as if nobody had asked */
    file_check_same(trainer_bytes(r.trainer), run_to_the_end(&spec));
    run_close(&r);
}

/* ------------------------------------------------------------------------------------------------- other threads -- */

static void *live_in_a_thread(void *argument)
{
    (void)argument;
    host_watch(&host_affinity);
    every_call(2, 2);
    host_watch(&host_openmp);
    every_call(1, 2);
    host_watch(&host_signals);
    every_call(2, 1);
    host_watch(&host_floats);
    every_call(2, 1);
    return NULL;
}

TEST(a_pthread_of_the_host_is_left_as_it_was_too)
{
    pthread_t thread;
    calls_files();
    CHECK_EQ(pthread_create(&thread, NULL, live_in_a_thread, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_STR(host_difference, "");
}

static int tasks(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (const struct dirent *entry; folder && (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void *train_in_a_thread(void *argument)
{
    run r = run_open(argument);
    run_go(&r, 1);
    run_close(&r);
    return NULL;
}

TEST(a_thread_of_the_host_that_ends_leaves_no_thread_behind)
{
    run_spec spec = run_spec_small();
    spec.teams = 3;
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, train_in_a_thread, &spec), 0); /* what run times start for themselves */
    CHECK_EQ(pthread_join(thread, NULL), 0);
    usleep(20000); /* threads that were told to end */
    const int before = tasks();
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(pthread_create(&thread, NULL, train_in_a_thread, &spec), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
    }
    for (int i = 0; i < 200 && tasks() > before; i++) usleep(10000);
    CHECK(tasks() <= before);
}

/* ----------------------------------------------------------------------------------------------------- masks -- */

typedef struct part_of_host {
    pthread_t thread;
    cpu_set_t mask;
    run_spec spec;
    int32_t processors[8], count;
    int failures;
    const char *path;
} part_of_host;

/* A thread with a mask of its own, as a rank of MPI has, creates a context and trains.  Without CHECK. */
static void *train_on_a_part(void *argument)
{
    part_of_host *p = argument;
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    const ist_model_config net = run_model_config(&p->spec);
    table t = table_make(p->spec.rows, p->spec.features, p->spec.classes);
    ist_context *context = NULL;
    ist_dataset *dataset = NULL;
    ist_model *model = NULL;
    ist_trainer *trainer = NULL;
    ist_thread_state state[8] = {{.struct_size = sizeof *state}};
    p->failures += sched_setaffinity(0, sizeof p->mask, &p->mask) != 0;
    p->failures += ist_context_create(&context, &config) != IST_OK;
    p->failures += ist_dataset_wrap(context, &dataset, t.x, IST_FLOAT32, t.rows, 6, 24, t.labels, 4) != IST_OK;
    p->failures += ist_model_create(context, &model, &net) != IST_OK;
    p->failures += ist_trainer_create(context, &trainer, model, dataset, &p->spec.train) != IST_OK;
    p->failures += ist_trainer_run(trainer, 0, NULL, NULL) != IST_OK;
    p->failures += ist_trainer_threads(trainer, state, 8, &p->count) != IST_OK;
    for (int32_t i = 0; i < p->count && i < 8; i++) p->processors[i] = state[i].processor;
    p->failures += ist_trainer_save(trainer, p->path) != IST_OK;
    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    ist_dataset_destroy(dataset);
    ist_context_destroy(context);
    table_free(&t);
    cpu_set_t now;
    p->failures += sched_getaffinity(0, sizeof now, &now) != 0 || !CPU_EQUAL(&now, &p->mask);
    return NULL;
}

/* Processors of this process one after another to the parts in turn; false: there are too few. */
static int deal_processors(part_of_host *parts, int count)
{
    cpu_set_t mine;
    int found = 0;
    if (sched_getaffinity(0, sizeof mine, &mine) != 0) return 0;
    for (int i = 0; i < count; i++) CPU_ZERO(&parts[i].mask);
    const int each = CPU_COUNT(&mine) / count;
    for (size_t cpu = 0; cpu < CPU_SETSIZE && each > 0; cpu++)
        if (CPU_ISSET(cpu, &mine) && found < each * count) CPU_SET(cpu, &parts[found++ / each].mask);
    return each > 0;
}

static void check_stands_on_its_part(const part_of_host *p)
{
    CHECK_EQ(p->failures, 0);
    CHECK(p->count >= 1 && p->count <= CPU_COUNT(&p->mask));
    for (int32_t i = 0; i < p->count && i < 8; i++)
        CHECK(p->processors[i] >= 0 && CPU_ISSET((size_t)p->processors[i], &p->mask));
}

TEST(two_threads_with_contexts_on_disjoint_processors_train_at_once)
{
    part_of_host parts[2] = {{.spec = run_spec_small(), .path = scratch_path("part0.ist")},
                             {.spec = run_spec_small(), .path = scratch_path("part1.ist")}};
    if (!deal_processors(parts, 2)) SKIP("one processor");
    for (int i = 0; i < 2; i++) parts[i].spec.train.epochs = 20;
    for (int i = 0; i < 2; i++) CHECK_EQ(pthread_create(&parts[i].thread, NULL, train_on_a_part, &parts[i]), 0);
    for (int i = 0; i < 2; i++) CHECK_EQ(pthread_join(parts[i].thread, NULL), 0);
    for (int i = 0; i < 2; i++) {
        check_stands_on_its_part(&parts[i]);
        file_check_same(file_read(parts[i].path), run_to_the_end(&parts[i].spec));
    }
}

TEST(a_context_stands_on_the_mask_of_the_thread_that_creates_it)
{
    part_of_host rank = {.spec = run_spec_small(), .path = scratch_path("rank.ist")};
    CHECK_EQ(sched_getaffinity(0, sizeof rank.mask, &rank.mask), 0);
    for (size_t cpu = 0; CPU_COUNT(&rank.mask) > 1; cpu++) CPU_CLR(cpu, &rank.mask);
    CHECK_EQ(pthread_create(&rank.thread, NULL, train_on_a_part, &rank), 0);
    CHECK_EQ(pthread_join(rank.thread, NULL), 0);
    check_stands_on_its_part(&rank);
    file_check_same(file_read(rank.path), run_to_the_end(&rank.spec));
}
