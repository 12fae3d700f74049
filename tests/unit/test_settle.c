/* test_settle.c - teams leave a home that has no room for what they will take: as the plan of a training tells it.
 *
 * hbm_flat.xml: four homes of 16 GiB of HBM (nodes 1, 3, 5, 7) that fall back to 64 GiB of DDR (nodes 0, 2, 4, 6), three
 * cores each.  Rows have 1000 bytes, so that a shard is what counts.
 */
#define _GNU_SOURCE
#include <jansson.h>

#include "api/fixture_run.h"
#include "numa/part.h"

#define GIB (1LL << 30)

typedef struct question {
    const char *topology; /* a file of tests/unit/topologies, or a text */
    int32_t teams, part, parts, subnets, data;
    int64_t gib; /* of rows, in all */
    int32_t hidden;
} question;

static char told[4096];

/* The homes as "team>node why", and the nodes' bytes: *by_node is a new reference. */
static const char *ask(question q, json_t **by_node)
{
    char path[2048];
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    snprintf(path, sizeof path, "%s/tests/unit/topologies/%s", getenv("IST_SOURCE") ? getenv("IST_SOURCE") : ".",
             q.topology);
    config.topology = strstr(q.topology, ".xml") ? path : q.topology;
    config.teams = q.teams;
    config.part = q.part;
    config.parts = q.parts;
    config.engine = IST_ENGINE_REFERENCE;
    ist_context *context = NULL;
    if (ist_context_create(&context, &config) != IST_OK) SKIP("built without hwloc: no topology texts");
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    ist_train_config train = IST_TRAIN_CONFIG_INIT;
    const int32_t hidden = q.hidden ? q.hidden : 64;
    net.features = 1000;
    net.classes = 10;
    net.hidden = &hidden;
    net.hidden_count = 1;
    net.subnets = train.subnets = q.subnets ? q.subnets : 4;
    train.data = q.data;
    train.optimizer = IST_SGD;
    size_t need = 0;
    const int64_t rows = q.gib * GIB / 1000;
    CHECK_EQ(ist_plan_report(context, &net, &train, rows, IST_UINT8, NULL, 0, &need), IST_OK);
    char *text = table_room((int64_t)need, 1);
    CHECK_EQ(ist_plan_report(context, &net, &train, rows, IST_UINT8, text, need, &need), IST_OK);
    ist_context_destroy(context);
    json_t *plan = json_loads(text, 0, NULL);
    free(text);
    CHECK(json_is_object(plan));
    const json_t *home;
    size_t i, length = 0;
    json_array_foreach(json_object_get(plan, "homes"), i, home)
    {
        length += (size_t)snprintf(told + length, sizeof told - length, "%s%lld>%lld %s", i ? ", " : "",
                                   (long long)json_integer_value(json_object_get(home, "team")),
                                   (long long)json_integer_value(json_object_get(home, "node")),
                                   json_string_value(json_object_get(home, "why")));
    }
    const json_t *subnet; /* what is told of subnets agrees */
    json_array_foreach(json_object_get(plan, "subnets"), i, subnet)
    {
        const size_t team = (size_t)json_integer_value(json_object_get(subnet, "team"));
        const json_t *its = json_array_get(json_object_get(plan, "homes"), team);
        CHECK(json_equal(json_object_get(subnet, "node"), json_object_get(its, "node")));
    }
    if (by_node) *by_node = json_incref(json_object_get(plan, "by_node"));
    json_decref(plan);
    return told;
}

static long long bytes_of(const json_t *by_node, size_t node)
{
    return json_integer_value(json_array_get(by_node, node));
}

TEST(what_fits_stays_in_the_fast_memory)
{
    json_t *by_node;
    CHECK_STR(ask((question){"hbm_flat.xml", .gib = 60}, &by_node),
              "0>1 bandwidth, 1>3 bandwidth, 2>5 bandwidth, 3>7 bandwidth");
    for (size_t node = 0; node < 8; node += 2) {
        CHECK_EQ(bytes_of(by_node, node), 0);
        CHECK(bytes_of(by_node, node + 1) > 15 * GIB && bytes_of(by_node, node + 1) < 16 * GIB);
    }
    json_decref(by_node);
}

TEST(what_does_not_fit_goes_to_the_next_node)
{
    json_t *by_node;
    CHECK_STR(ask((question){"hbm_flat.xml", .gib = 66, .hidden = 8192}, &by_node),
              "0>0 room, 1>2 room, 2>4 room, 3>6 room");
    for (size_t node = 0; node < 8; node += 2) {
        CHECK(bytes_of(by_node, node) > 16 * GIB);
        CHECK_EQ(bytes_of(by_node, node + 1), 8 << 20); /* a quarter of the master, which stays */
    }
    json_decref(by_node);
}

TEST(a_team_goes_and_its_neighbour_stays)
{
    CHECK_STR(ask((question){"hbm_flat.xml", .teams = 8, .subnets = 8, .gib = 100}, NULL),
              "0>1 bandwidth, 1>0 room, 2>3 bandwidth, 3>2 room, 4>5 bandwidth, 5>4 room, 6>7 bandwidth, 7>6 room");
}

/* Six subnets on four teams: 0 and 2 have two of 9 GiB each, 1 and 3 one. */
TEST(only_those_that_have_no_room_go)
{
    CHECK_STR(ask((question){"hbm_flat.xml", .subnets = 6, .gib = 54}, NULL),
              "0>0 room, 1>3 bandwidth, 2>4 room, 3>7 bandwidth");
}

TEST(where_nothing_has_room_teams_stand_on_the_last_node)
{
    CHECK_STR(ask((question){"hbm_flat.xml", .gib = 3900}, NULL), "0>0 room, 1>2 room, 2>4 room, 3>6 room");
}

TEST(ddr_is_left_for_cxl_memory_and_each_node_keeps_its_copy)
{
    CHECK_STR(ask((question){"cxl.xml", .subnets = 2, .gib = 120}, NULL), "0>0 bandwidth, 1>2 bandwidth");
    CHECK_STR(ask((question){"cxl.xml", .subnets = 2, .gib = 130}, NULL), "0>1 room, 1>3 room");
    CHECK_STR(ask((question){"cxl.xml", .subnets = 2, .gib = 60, .data = IST_DATA_REPLICATE}, NULL),
              "0>0 bandwidth, 1>2 bandwidth");
    CHECK_STR(ask((question){"cxl.xml", .subnets = 2, .gib = 70, .data = IST_DATA_REPLICATE}, NULL),
              "0>1 room, 1>3 room");
}

TEST(without_bandwidths_nobody_moves)
{
    CHECK_STR(ask((question){"cxl_half_told.xml", .subnets = 2, .gib = 1000}, NULL), "0>0 local, 1>2 local");
    CHECK_STR(ask((question){"numa:2(memory=1GiB) core:2 pu:1", .subnets = 2, .gib = 1000}, NULL),
              "0>0 local, 1>1 local");
}

/* Of the three cores of a node one is ours: so is a third of its 16 GiB. */
TEST(a_part_has_its_part_of_the_memory)
{
    CHECK_STR(ask((question){"hbm_flat.xml", .parts = 12, .part = 4, .subnets = 1, .gib = 5}, NULL), "0>3 bandwidth");
    CHECK_STR(ask((question){"hbm_flat.xml", .parts = 12, .part = 4, .subnets = 1, .gib = 6}, NULL), "0>2 room");
    CHECK_STR(ask((question){"hbm_flat.xml", .parts = 4, .part = 1, .subnets = 1, .gib = 15}, NULL), "0>3 bandwidth");
}

TEST(memory_of_a_part)
{
    ist__node nodes[] = {{.cores = 1, .cores_allowed = 4, .next = 2, .memory_bytes = 400},
                         {.cores = 3, .cores_allowed = 4, .next = 2, .memory_bytes = 400},
                         {.next = -1, .memory_bytes = 1600}, /* of both of them */
                         {.next = -1, .memory_bytes = 1000}, /* of nobody */
                         {.cores_allowed = 2, .next = -1, .memory_bytes = 0},
                         {.cores = 1, .cores_allowed = 1, .next = 5, .memory_bytes = 10}}; /* falls back to itself */
    const ist__machine machine = {.node_count = 6, .nodes = nodes};
    CHECK_EQ(ist__part_memory(&machine, 0), 100);
    CHECK_EQ(ist__part_memory(&machine, 1), 300);
    CHECK_EQ(ist__part_memory(&machine, 2), 800);
    CHECK_EQ(ist__part_memory(&machine, 3), 1000);
    CHECK_EQ(ist__part_memory(&machine, 4), INT64_MAX);
    CHECK_EQ(ist__part_memory(&machine, 5), 10);
}
