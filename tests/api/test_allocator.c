/* The host's allocator: it is asked for all, gets all back, may have nothing left, and cannot change under what is alive. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fixture_run.h"

/* Blocks with a word in front that says that they are ours. */
static atomic_long alive, given, refused, foreign;
static atomic_long fail_in = -1; /* so many more go well; below 0: all */
enum { BEFORE = 64 };
static const uint64_t OURS = 0x0123456789abcdefU;

static void *allocate(void *user, size_t bytes, size_t alignment)
{
    CHECK(user == &alive && bytes > 0 && alignment > 0 && alignment <= 64 && (alignment & (alignment - 1)) == 0);
    if (atomic_load(&fail_in) >= 0 && atomic_fetch_sub(&fail_in, 1) == 0) {
        atomic_fetch_add(&refused, 1);
        return NULL;
    }
    unsigned char *block = aligned_alloc(64, (bytes + BEFORE + 63) / 64 * 64);
    if (!block) return NULL;
    memcpy(block, &OURS, sizeof OURS);
    atomic_fetch_add(&alive, 1);
    atomic_fetch_add(&given, 1);
    return block + BEFORE;
}

static void release(void *user, void *memory)
{
    unsigned char *block = (unsigned char *)memory - BEFORE;
    CHECK(user == &alive);
    if (memcmp(block, &OURS, sizeof OURS) != 0) {
        atomic_fetch_add(&foreign, 1);
        return;
    }
    memset(block, 0, sizeof OURS);
    atomic_fetch_sub(&alive, 1);
    free(block);
}

static ist_allocator counting(void)
{
    ist_allocator allocator = IST_ALLOCATOR_INIT;
    allocator.allocate = allocate;
    allocator.release = release;
    allocator.user = &alive;
    return allocator;
}

/* Files, text, memory, threads, a helper that writes, reports, a timeline: a bit of all. */
static file_bytes a_life(const run_spec *spec)
{
    static char text[1 << 16];
    size_t need;
    file_write(scratch_path("sparse.txt"), "0 1:1.5 3:2\n1 2:0.5\n", 20);
    run r = run_open(spec);
    ist_dataset *sparse = NULL;
    ist_model *other = run_model(r.context, spec);
    ist_trainer *clone = NULL;
    CHECK_EQ(ist_dataset_open(r.context, &sparse, scratch_path("sparse.txt"), NULL), IST_OK);
    CHECK_EQ(ist_trace_start(r.context, NULL), IST_OK);
    run_go(&r, 2);
    CHECK_EQ(ist_trainer_save_begin(r.trainer, scratch_path("begun.ist")), IST_OK);
    CHECK_EQ(ist_trainer_clone(r.trainer, &clone, other), IST_OK);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK);
    CHECK_EQ(ist_model_export(r.model, scratch_path("m.npz"), NULL), IST_OK);
    CHECK_EQ(ist_trainer_report(r.trainer, text, sizeof text, &need), IST_OK);
    run_go(&r, 0);
    const file_bytes bytes = trainer_bytes(r.trainer);
    ist_trainer_destroy(clone);
    ist_model_destroy(other);
    ist_dataset_destroy(sparse);
    run_close(&r);
    return bytes;
}

TEST(all_blocks_come_from_the_host_and_go_back)
{
    const ist_allocator allocator = counting();
    run_spec spec = run_spec_small();
    spec.teams = 2;
    const file_bytes plain = a_life(&spec);
    CHECK_EQ(ist_set_allocator(&allocator), IST_OK);
    file_check_same(a_life(&spec), plain);
    CHECK(atomic_load(&given) > 100);
    CHECK_EQ(atomic_load(&alive), 0);
    CHECK_EQ(atomic_load(&foreign), 0);
    CHECK_EQ(ist_set_allocator(NULL), IST_OK);
    const long before = atomic_load(&given);
    file_bytes again = a_life(&spec);
    file_free(&again);
    CHECK_EQ(atomic_load(&given), before);
}

TEST(it_cannot_change_while_anything_is_alive)
{
    const ist_allocator allocator = counting();
    CHECK_EQ(ist_set_allocator(&allocator), IST_OK);
    ist_context *context = run_context(1, 1, IST_ENGINE_AUTO);
    CHECK_EQ(ist_set_allocator(NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_set_allocator(&allocator), IST_E_ARGUMENT);
    const run_spec spec = run_spec_small();
    ist_model *model = run_model(context, &spec);
    CHECK_EQ(ist_set_allocator(NULL), IST_E_ARGUMENT);
    ist_model_destroy(model);
    ist_context_destroy(context);
    CHECK_EQ(atomic_load(&alive), 0);
    CHECK_EQ(ist_set_allocator(NULL), IST_OK);
}

TEST(half_an_allocator_is_refused)
{
    ist_allocator allocator = counting();
    allocator.struct_size--;
    CHECK_EQ(ist_set_allocator(&allocator), IST_E_ARGUMENT);
    allocator = counting();
    allocator.allocate = NULL;
    CHECK_EQ(ist_set_allocator(&allocator), IST_E_ARGUMENT);
    allocator = counting();
    allocator.release = NULL;
    CHECK_EQ(ist_set_allocator(&allocator), IST_E_ARGUMENT);
    run_spec spec = run_spec_small();
    file_bytes bytes = run_to_the_end(&spec);
    file_free(&bytes);
    CHECK_EQ(atomic_load(&given), 0);
}

/* A life whose n-th block is not to be had, for every so many n: each call says so, and nothing stays behind. */
TEST(an_allocator_with_nothing_left_is_an_error_of_memory)
{
    const ist_allocator allocator = counting();
    const run_spec spec = run_spec_small();
    const ist_model_config net = run_model_config(&spec);
    table t = table_make(spec.rows, spec.features, spec.classes);
    CHECK_EQ(ist_set_allocator(&allocator), IST_OK);
    bool failed = true;
    int refusals = 0;
    for (long n = 0; failed; n += 1 + n / 3) {
        ist_context_config config = IST_CONTEXT_CONFIG_INIT;
        ist_context *context = NULL;
        ist_dataset *dataset = NULL;
        ist_model *model = NULL, *other = NULL, *loaded = NULL;
        ist_trainer *trainer = NULL, *clone = NULL;
        unsigned char room[1 << 14];
        size_t need = 0;
        config.teams = config.threads_per_team = 1;
        atomic_store(&refused, 0);
        atomic_store(&fail_in, n);
        ist_status status = ist_context_create(&context, &config);
        if (!status)
            status = ist_dataset_wrap(context, &dataset, t.x, IST_FLOAT32, t.rows, t.features,
                                      t.features * (int64_t)sizeof(float), t.labels, t.classes);
        if (!status) status = ist_model_create(context, &model, &net);
        if (!status) status = ist_model_create(context, &other, &net);
        if (!status) status = ist_trainer_create(context, &trainer, model, dataset, &spec.train);
        if (!status) status = ist_trainer_run(trainer, 1, NULL, NULL);
        if (!status) status = ist_trainer_clone(trainer, &clone, other);
        if (!status) status = ist_trainer_calibrate(trainer);
        if (!status) status = ist_model_save_bytes(model, room, sizeof room, &need);
        if (!status) status = ist_model_load_bytes(context, &loaded, room, need);
        failed = atomic_load(&refused) > 0;
        atomic_store(&fail_in, -1);
        CHECK(status == IST_OK || (failed && status == IST_E_MEMORY));
        refusals += status != IST_OK; /* some do without: a warning to a log, say */
        if (status && context) check_one_line(context);
        ist_trainer_destroy(clone);
        ist_trainer_destroy(trainer);
        ist_model_destroy(loaded);
        ist_model_destroy(other);
        ist_model_destroy(model);
        ist_dataset_destroy(dataset);
        ist_context_destroy(context);
        CHECK_EQ(atomic_load(&alive), 0);
    }
    CHECK(refusals > 5);
    CHECK_EQ(ist_set_allocator(NULL), IST_OK);
    table_free(&t);
}

static void *misplaced(void *user, size_t bytes, size_t alignment)
{
    unsigned char *block = allocate(user, bytes + alignment, alignment);
    return block ? block + 8 : NULL;
}

static void release_misplaced(void *user, void *memory)
{
    release(user, (unsigned char *)memory - 8);
}

TEST(blocks_that_are_not_aligned_are_not_used)
{
    ist_allocator allocator = counting();
    allocator.allocate = misplaced;
    allocator.release = release_misplaced;
    ist_context *context = NULL;
    CHECK_EQ(ist_set_allocator(&allocator), IST_OK);
    CHECK_EQ(ist_context_create(&context, NULL), IST_E_MEMORY);
    CHECK(context == NULL && atomic_load(&given) > 0 && atomic_load(&alive) == 0);
    CHECK_EQ(ist_set_allocator(NULL), IST_OK);
}

static void *live_and_let_live(void *argument)
{
    const ist_allocator allocator = counting();
    for (int i = 0; i < 20; i++) {
        ist_context_config config = IST_CONTEXT_CONFIG_INIT;
        ist_context *context = NULL;
        config.teams = config.threads_per_team = 1;
        const ist_status status = ist_set_allocator(i % 2 ? &allocator : NULL);
        if (status != IST_OK && status != IST_E_ARGUMENT) *(int *)argument = 1;
        if (ist_context_create(&context, &config) != IST_OK) *(int *)argument = 1;
        ist_context_destroy(context);
    }
    return NULL;
}

TEST(threads_that_set_it_at_once_lose_no_block)
{
    pthread_t threads[3];
    int wrong[3] = {0};
    for (int i = 0; i < 3; i++) CHECK_EQ(pthread_create(&threads[i], NULL, live_and_let_live, &wrong[i]), 0);
    for (int i = 0; i < 3; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK(!wrong[0] && !wrong[1] && !wrong[2]);
    CHECK_EQ(atomic_load(&alive), 0);
    CHECK_EQ(atomic_load(&foreign), 0);
    CHECK_EQ(ist_set_allocator(NULL), IST_OK);
}
