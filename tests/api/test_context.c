/* Contexts: many at once, those of a machine that is only a text, and how reports are handed over. */
#define _GNU_SOURCE
#include <pthread.h>

#include "fixture_run.h"

/* ---------------------------------------------------------------------------------------------------- several at once -- */

TEST(a_context_with_all_defaults_trains)
{
    const run_spec spec = run_spec_small();
    run r = {.table = table_make(spec.rows, spec.features, spec.classes)};
    CHECK_EQ(ist_context_create(&r.context, NULL), IST_OK);
    CHECK_STR(ist_context_error(r.context), "");
    r.dataset = run_dataset(r.context, &r.table);
    r.model = run_model(r.context, &spec);
    CHECK_EQ(ist_trainer_create(r.context, &r.trainer, r.model, r.dataset, &spec.train), IST_OK);
    run_go(&r, 0);
    CHECK_STR(ist_context_error(r.context), "");
    file_check_same(trainer_bytes(r.trainer), run_to_the_end(&spec));
    run_close(&r);
}

TEST(contexts_one_after_another_give_the_same_run)
{
    run_spec spec = run_spec_small();
    file_bytes expected = run_to_the_end(&spec);
    for (int32_t i = 1; i <= 5; i++) {
        spec.teams = i;
        file_bytes found = run_to_the_end(&spec);
        CHECK_EQ(found.count, expected.count);
        CHECK_MEM(found.data, expected.data, found.count);
        file_free(&found);
    }
    file_free(&expected);
}

TEST(contexts_side_by_side_do_not_disturb_each_other)
{
    run_spec spec = run_spec_small();
    run a = run_open(&spec);
    spec.teams = 2;
    run b = run_open(&spec);
    for (int round = 0; round < 3; round++) {
        run_go(&a, 1);
        CHECK_EQ(ist_trainer_run(b.trainer, -1, NULL, NULL), IST_E_ARGUMENT);
        CHECK_STR(ist_context_error(a.context), ""); /* that was the other's */
        run_go(&b, 1);
    }
    file_check_same(trainer_bytes(a.trainer), trainer_bytes(b.trainer));
    run_close(&a);
    run_close(&b);
}

typedef struct user_thread {
    pthread_t thread;
    run_spec spec;
    table table;
    float *probabilities;
    int failures;
} user_thread;

/* A whole life of a context, without CHECK: this is not the test's thread. */
static void *use_library(void *argument)
{
    user_thread *u = argument;
    const run_spec *spec = &u->spec;
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    const ist_model_config model_config = run_model_config(spec);
    ist_context *context = NULL;
    ist_dataset *dataset = NULL;
    ist_model *model = NULL;
    ist_trainer *trainer = NULL;
    config.teams = spec->teams;
    config.threads_per_team = spec->threads;
    ist_status s = ist_context_create(&context, &config);
    if (!s)
        s = ist_dataset_wrap(context, &dataset, u->table.x, IST_FLOAT32, u->table.rows, u->table.features,
                             u->table.features * (int64_t)sizeof(float), u->table.labels, u->table.classes);
    if (!s) s = ist_model_create(context, &model, &model_config);
    if (!s) s = ist_trainer_create(context, &trainer, model, dataset, &spec->train);
    if (!s) s = ist_trainer_run(trainer, 0, NULL, NULL);
    if (!s) s = ist_trainer_calibrate(trainer);
    if (!s) s = ist_model_predict(model, dataset, NULL, u->probabilities);
    u->failures += s != IST_OK;
    ist_trainer_destroy(trainer);
    ist_model_destroy(model);
    ist_dataset_destroy(dataset);
    ist_context_destroy(context);
    return NULL;
}

static user_thread user_of(int32_t teams, int32_t threads)
{
    user_thread u = {.spec = run_spec_small()};
    u.spec.teams = teams;
    u.spec.threads = threads;
    u.table = table_make(u.spec.rows, u.spec.features, u.spec.classes);
    u.probabilities = table_room(u.spec.rows * u.spec.classes, sizeof(float));
    return u;
}

TEST(threads_of_the_host_may_use_contexts_of_their_own_at_once)
{
    user_thread users[] = {user_of(1, 2), user_of(2, 1), user_of(1, 1)};
    enum { USERS = sizeof users / sizeof *users };
    for (int i = 0; i < USERS; i++) CHECK_EQ(pthread_create(&users[i].thread, NULL, use_library, &users[i]), 0);
    for (int i = 0; i < USERS; i++) CHECK_EQ(pthread_join(users[i].thread, NULL), 0);
    const size_t bytes = (size_t)(users[0].spec.rows * users[0].spec.classes) * sizeof(float);
    for (int i = 0; i < USERS; i++) {
        CHECK_EQ(users[i].failures, 0);
        CHECK_MEM(users[i].probabilities, users[0].probabilities, bytes);
    }
    for (int i = 0; i < USERS; i++) {
        table_free(&users[i].table);
        free(users[i].probabilities);
    }
}

/* -------------------------------------------------------------------------------------------- a machine that is a text -- */

/* NULL where the library was built without hwloc, which alone understands such texts. */
static ist_context *context_of_text(const char *text)
{
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    ist_context *context = NULL;
    config.topology = text;
    if (ist_context_create(&context, &config) != IST_OK) SKIP("built without hwloc: no topology texts");
    return context;
}

static char *report_of(ist_context *context)
{
    size_t need = 0;
    CHECK_EQ(ist_context_report(context, NULL, 0, &need), IST_OK);
    char *text = table_room((int64_t)need, 1);
    CHECK_EQ(ist_context_report(context, text, need, &need), IST_OK);
    CHECK_EQ(strlen(text) + 1, need);
    return text;
}

TEST(a_context_of_a_text_plans_and_reports_but_refuses_to_train)
{
    const run_spec spec = run_spec_small();
    ist_context *context = context_of_text("numa:4 core:6 pu:2");
    char *report = report_of(context);
    CHECK(strstr(report, "\"this_system\":false") != NULL);
    free(report);
    table t = table_make(spec.rows, spec.features, spec.classes);
    ist_dataset *dataset = run_dataset(context, &t);
    const ist_model_config config = run_model_config(&spec);
    ist_model *model = (ist_model *)(uintptr_t)0x5a5a;
    CHECK_EQ(ist_model_create(context, &model, &config), IST_E_PLACEMENT);
    check_one_line(context);
    CHECK_EQ(ist_model_load(context, &model, "any"), IST_E_PLACEMENT);
    check_one_line(context);
    CHECK(model == (ist_model *)(uintptr_t)0x5a5a);
    size_t need = 0;
    CHECK_EQ(ist_plan_report(context, &config, &spec.train, 1000000, IST_FLOAT32, NULL, 0, &need), IST_OK);
    CHECK(need > 10);
    ist_dataset_destroy(dataset);
    table_free(&t);
    ist_context_destroy(context);
}

/* ----------------------------------------------------------------------------------------------------- the buffer rules -- */

typedef ist_status (*reporter)(run *r, char *buffer, size_t capacity, size_t *need);

static ist_status of_context(run *r, char *buffer, size_t capacity, size_t *need)
{
    return ist_context_report(r->context, buffer, capacity, need);
}

static ist_status of_trainer(run *r, char *buffer, size_t capacity, size_t *need)
{
    return ist_trainer_report(r->trainer, buffer, capacity, need);
}

static ist_status of_plan(run *r, char *buffer, size_t capacity, size_t *need)
{
    const run_spec spec = run_spec_small();
    const ist_model_config model = run_model_config(&spec);
    return ist_plan_report(r->context, &model, &spec.train, 100, IST_UINT8, buffer, capacity, need);
}

static void check_buffer_rules(run *r, reporter report)
{
    size_t need = 0, again = 0;
    CHECK_EQ(report(r, NULL, 0, &need), IST_OK);
    CHECK(need > 2);
    char *buffer = table_room((int64_t)need + 8, 1);
    const size_t short_ones[] = {0, 1, need / 2, need - 1};
    for (size_t i = 0; i < sizeof short_ones / sizeof *short_ones; i++) { /* too short: nothing is written */
        memset(buffer, 0x5a, need + 8);
        CHECK_EQ(report(r, buffer, short_ones[i], &again), IST_OK);
        CHECK_EQ(again, need);
        for (size_t k = 0; k < need + 8; k++) CHECK_EQ(buffer[k], 0x5a);
    }
    CHECK_EQ(report(r, buffer, need, &again), IST_OK);
    CHECK_EQ(again, need);
    CHECK_EQ(strlen(buffer), need - 1);
    CHECK(buffer[0] == '{' && buffer[need - 2] == '}' && buffer[need] == 0x5a);
    CHECK_EQ(report(r, buffer, need + 8, NULL), IST_OK); /* who does not want the length need not ask */
    CHECK_EQ(report(r, NULL, 0, NULL), IST_OK);
    free(buffer);
}

TEST(reports_are_handed_over_whole_or_not_at_all)
{
    run_spec spec = run_spec_small();
    spec.teams = 2;
    run r = run_open(&spec);
    check_buffer_rules(&r, of_context);
    check_buffer_rules(&r, of_trainer);
    check_buffer_rules(&r, of_plan);
    run_close(&r);
}
