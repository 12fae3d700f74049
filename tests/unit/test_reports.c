/* Reports are JSON with the keys that are promised, and their sums are right.  Here and not in tests/api because the
 * parser is jansson, which the shared library keeps to itself. */
#define _GNU_SOURCE
#include <jansson.h>

#include "api/fixture_run.h"
#include "math/kernels.h"

typedef ist_status (*reporter)(void *subject, char *buffer, size_t capacity, size_t *need);

static json_t *parse(reporter report, void *subject)
{
    size_t need = 0;
    CHECK_EQ(report(subject, NULL, 0, &need), IST_OK);
    char *text = table_room((int64_t)need, 1);
    CHECK_EQ(report(subject, text, need, &need), IST_OK);
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    free(text);
    CHECK(json_is_object(json));
    return json;
}

static ist_status of_context(void *subject, char *buffer, size_t capacity, size_t *need)
{
    return ist_context_report(subject, buffer, capacity, need);
}

static ist_status of_trainer(void *subject, char *buffer, size_t capacity, size_t *need)
{
    return ist_trainer_report(subject, buffer, capacity, need);
}

/* All of these keys, a NULL behind the last. */
static void check_keys(const json_t *object, const char *const *keys)
{
    CHECK(json_is_object(object));
    for (; *keys; keys++) CHECK(json_object_get(object, *keys) != NULL);
}

#define CHECK_KEYS(object, ...) check_keys(object, (const char *const[]){__VA_ARGS__, NULL})

static long long integer(const json_t *object, const char *key)
{
    CHECK(json_is_integer(json_object_get(object, key)));
    return json_integer_value(json_object_get(object, key));
}

static long long sum_of(const json_t *array)
{
    long long sum = 0;
    for (size_t i = 0; i < json_array_size(array); i++) sum += json_integer_value(json_array_get(array, i));
    return sum;
}

TEST(the_report_of_a_context_tells_machine_plan_system_and_blas)
{
    ist_context *context = run_context(2, 3, IST_ENGINE_AUTO);
    json_t *report = parse(of_context, context);
    CHECK_KEYS(report, "version", "machine", "plan", "system", "memory", "limits", "blas");
    CHECK_KEYS(json_object_get(report, "memory"), "memory_bytes", "room_bytes", "swap_bytes", "address_space_bytes",
               "data_limit_bytes", "cgroup", "nodes");
    CHECK_KEYS(json_object_get(report, "limits"), "cpu_quota", "omp_variable", "omp_value", "omp_thread_limit",
               "omp_dynamic");
    CHECK_STR(json_string_value(json_object_get(report, "version")), IST_VERSION_STRING);
    CHECK_KEYS(json_object_get(report, "machine"), "source", "this_system", "pus", "pus_allowed", "cores", "nodes");
    const json_t *plan = json_object_get(report, "plan"), *teams = json_object_get(plan, "teams");
    CHECK_KEYS(plan, "team_at", "places", "oversubscribed", "threads", "teams");
    CHECK_EQ(integer(plan, "threads"), 6);
    CHECK_EQ(json_array_size(teams), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *team = json_array_get(teams, i);
        CHECK_KEYS(team, "team", "node", "threads", "pus", "bound");
        CHECK_EQ(integer(team, "threads"), 3);
        CHECK_EQ(json_array_size(json_object_get(team, "pus")), 3);
    }
    CHECK_KEYS(json_object_get(report, "system"), "placement", "bind_refused", "bind_error", "memory_refused",
               "huge_pages", "numa_balancing");
    const json_t *blas = json_object_get(report, "blas");
    CHECK_KEYS(blas, "engine", "kernels", "config", "core_type", "parallel", "max_threads");
    const ist__kernel_set *fastest = ist__kernel_set_at(0);
    CHECK_STR(json_string_value(json_object_get(blas, "engine")), fastest->fused ? "native" : "openblas");
    CHECK_STR(json_string_value(json_object_get(blas, "kernels")), fastest->name);
    CHECK_EQ(integer(blas, "parallel"), 2);
    json_decref(report);
    ist_context_destroy(context);

    static const int32_t asked[] = {IST_ENGINE_REFERENCE, IST_ENGINE_OPENBLAS, IST_ENGINE_NATIVE_PORTABLE};
    static const char *const told[] = {"reference", "openblas", "native"};
    for (int i = 0; i < 3; i++) {
        context = run_context(1, 1, asked[i]);
        report = parse(of_context, context);
        blas = json_object_get(report, "blas");
        CHECK_STR(json_string_value(json_object_get(blas, "engine")), told[i]);
        CHECK_STR(json_string_value(json_object_get(blas, "kernels")), i == 2 ? "portable" : fastest->name);
        json_decref(report);
        ist_context_destroy(context);
    }
}

/* Bytes of a region: a multiple of huge pages, each on some node or unknown. */
static long long check_region(const json_t *region)
{
    CHECK_KEYS(region, "bytes", "local_bytes", "by_node", "unknown_bytes");
    const long long bytes = integer(region, "bytes");
    CHECK(bytes > 0 && bytes % (2 << 20) == 0);
    CHECK_EQ(sum_of(json_object_get(region, "by_node")) + integer(region, "unknown_bytes"), bytes);
    CHECK(integer(region, "local_bytes") <= bytes);
    return bytes;
}

TEST(the_report_of_a_trainer_tells_where_its_pages_are)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer += IST_ADAM) {
        run_spec spec = run_spec_small();
        spec.teams = 2;
        spec.train.optimizer = optimizer;
        run r = run_open(&spec);
        json_t *report = parse(of_trainer, r.trainer);
        CHECK_KEYS(report, "subnets", "teams", "master_state", "master", "region_bytes", "planned_bytes", "plan",
                   "system", "proof");
        const json_t *subnets = json_object_get(report, "subnets"), *teams = json_object_get(report, "teams");
        const json_t *states = json_object_get(report, "master_state");
        CHECK_EQ(json_array_size(subnets), 3);
        CHECK_EQ(json_array_size(teams), 2);
        CHECK_EQ(json_array_size(states), optimizer == IST_ADAM ? 2 : 0);
        long long bytes = 0;
        for (size_t i = 0; i < json_array_size(subnets); i++) {
            bytes += check_region(json_array_get(subnets, i));
            CHECK_EQ(integer(json_array_get(subnets, i), "subnet"), i);
            CHECK(integer(json_array_get(subnets, i), "team") < 2);
        }
        for (size_t i = 0; i < json_array_size(teams); i++) bytes += check_region(json_array_get(teams, i));
        for (size_t i = 0; i < json_array_size(states); i++) bytes += check_region(json_array_get(states, i));
        bytes += check_region(json_object_get(report, "master"));
        CHECK_EQ(integer(report, "region_bytes"), bytes);
        json_decref(report);
        run_close(&r);
    }
}

typedef struct plan_question {
    ist_context *context;
    run_spec spec;
} plan_question;

static ist_status of_plan(void *subject, char *buffer, size_t capacity, size_t *need)
{
    const plan_question *q = subject;
    const ist_model_config model = run_model_config(&q->spec);
    return ist_plan_report(q->context, &model, &q->spec.train, q->spec.rows, IST_FLOAT32, buffer, capacity, need);
}

static void check_plan(ist_context *context, const run_spec *spec, int32_t nodes)
{
    plan_question question = {context, *spec};
    json_t *plan = parse(of_plan, &question);
    CHECK_KEYS(plan, "parameters", "master_bytes", "dataset_bytes", "planned_bytes", "by_node", "subnets");
    CHECK_EQ(integer(plan, "dataset_bytes"), spec->rows * spec->features * 4);
    CHECK_EQ(sum_of(json_object_get(plan, "by_node")), integer(plan, "planned_bytes"));
    if (nodes > 0) CHECK_EQ(json_array_size(json_object_get(plan, "by_node")), nodes);
    const json_t *subnets = json_object_get(plan, "subnets");
    CHECK_EQ(json_array_size(subnets), spec->made_for);
    for (size_t i = 0; i < json_array_size(subnets); i++)
        CHECK_KEYS(json_array_get(subnets, i), "subnet", "team", "node", "parameters", "bytes");
    json_decref(plan);
}

TEST(what_was_planned_is_what_is_taken)
{
    for (int32_t data = IST_DATA_SHARD; data <= IST_DATA_SHARED; data++)
        for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
            run_spec spec = run_spec_small();
            spec.teams = 2;
            spec.rows = 30000; /* so that shards and copies count */
            spec.features = 60;
            spec.train.data = data;
            spec.train.state = state;
            spec.train.background_saves = data == IST_DATA_SHARED; /* and then the copy is planned, and taken */
            run r = run_open(&spec);
            plan_question question = {r.context, spec};
            json_t *plan = parse(of_plan, &question), *report = parse(of_trainer, r.trainer);
            CHECK_EQ(integer(plan, "planned_bytes"), integer(report, "region_bytes"));
            CHECK_EQ(integer(plan, "planned_bytes"), integer(report, "planned_bytes"));
            CHECK_EQ(integer(plan, "copy_bytes"), data == IST_DATA_SHARED ? integer(plan, "master_bytes") : 0);
            CHECK_EQ(integer(plan, "parameters"), ist_model_parameter_count(r.model));
            json_decref(plan);
            json_decref(report);
            check_plan(r.context, &spec, 0);
            run_close(&r);
        }
}

TEST(a_machine_that_is_a_text_is_planned_for)
{
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    ist_context *context = NULL;
    config.topology = "numa:4 core:6 pu:2";
    if (ist_context_create(&context, &config) != IST_OK) SKIP("built without hwloc: no topology texts");
    json_t *report = parse(of_context, context);
    const json_t *machine = json_object_get(report, "machine"), *plan = json_object_get(report, "plan");
    CHECK(json_is_false(json_object_get(machine, "this_system")));
    CHECK_EQ(integer(machine, "cores"), 24);
    CHECK_EQ(json_array_size(json_object_get(machine, "nodes")), 4);
    CHECK_EQ(integer(plan, "threads"), 24);
    CHECK_EQ(json_array_size(json_object_get(plan, "teams")), 4);
    json_decref(report);
    run_spec spec = run_spec_small();
    spec.rows = 1000000;
    check_plan(context, &spec, 4);
    ist_context_destroy(context);
}
