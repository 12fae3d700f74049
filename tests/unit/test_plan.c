/* test_plan.c - plans for machines that we do not own.
 *
 * The machines are arrays made here, so that these tests need neither hwloc nor hardware; that texts and XML become
 * such arrays is for test_topology.c to show.
 */
#include "ist_test.h"
#include "numa/plan.h"
#include "numa/report.h"

#include <string.h>

enum { MOST_CORES = 1024 };

/* A regular machine; core c is missing where missing(c). */
typedef struct box {
    ist__machine machine;
    ist__core cores[MOST_CORES];
    ist__node nodes[64];
} box;

static int none_missing(int32_t core)
{
    (void)core;
    return 0;
}

static void build(box *b, int32_t packages, int32_t nodes, int32_t l3s, int32_t cores, int32_t threads,
                  int (*missing)(int32_t core))
{
    memset(b, 0, sizeof *b);
    const int32_t all_nodes = packages * nodes, all_l3s = all_nodes * l3s, all = all_l3s * cores;
    CHECK(all <= MOST_CORES && all_nodes <= 64);
    ist__machine *m = &b->machine;
    m->cores = b->cores;
    m->nodes = b->nodes;
    m->package_count = packages;
    m->node_count = all_nodes;
    m->l3_count = all_l3s;
    for (int32_t c = 0; c < all; c++) {
        if (missing(c)) continue;
        const int32_t l3 = c / cores, node = l3 / l3s;
        b->cores[m->core_count++] = (ist__core){.pu = c * threads, .node = node, .l3 = l3, .package = node / nodes};
        b->nodes[node].cores++;
        b->nodes[node].next = -1;
    }
    m->pus = all * threads;
    m->pus_allowed = m->core_count * threads;
}

static ist__plan make(const box *b, int32_t team_at, int32_t teams, int32_t threads)
{
    ist__plan plan = {0};
    ist__error error = {0};
    CHECK_EQ(ist__plan_make(&plan, &b->machine, team_at, teams, threads, &error), IST_OK);
    return plan;
}

/* What holds of every plan; and how often each core is used. */
static void check_plan(const box *b, const ist__plan *plan, int32_t *uses)
{
    int32_t threads = 0, crowded = 0;
    memset(uses, 0, MOST_CORES * sizeof *uses);
    for (int32_t t = 0; t < plan->team_count; t++) {
        CHECK(plan->teams[t].threads >= 1);
        for (int32_t r = 0; r < plan->teams[t].threads; r++) {
            const int32_t core = plan->teams[t].core[r];
            CHECK(core >= 0 && core < b->machine.core_count);
            crowded |= uses[core]++ > 0;
        }
        CHECK_EQ(plan->teams[t].node, b->cores[plan->teams[t].core[0]].node);
        threads += plan->teams[t].threads;
    }
    CHECK_EQ(plan->thread_count, threads);
    CHECK_EQ(plan->oversubscribed, crowded);
}

static void check_all_used_once(const box *b, const int32_t *uses)
{
    for (int32_t c = 0; c < b->machine.core_count; c++) CHECK_EQ(uses[c], 1);
}

TEST(automatic_plans_use_every_core_once)
{
    static const int32_t shapes[][4] = {{2, 4, 1, 3}, {8, 1, 1, 8}, {1, 4, 2, 8},
                                        {1, 1, 1, 1}, {8, 2, 1, 4}, {2, 1, 16, 8}};
    static box b;
    static int32_t uses[MOST_CORES];
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int32_t at = IST_AT_NUMA; at <= IST_AT_MACHINE; at++) {
            const int32_t *s = shapes[i];
            build(&b, s[0], s[1], s[2], s[3], 2, none_missing);
            const int32_t places[] = {s[0] * s[1], s[0] * s[1] * s[2], s[0], s[0] * s[1] * s[2] * s[3], 1};
            ist__plan plan = make(&b, at, 0, 0);
            check_plan(&b, &plan, uses);
            check_all_used_once(&b, uses);
            CHECK_EQ(plan.team_at, at);
            CHECK_EQ(plan.places, places[at]);
            CHECK_EQ(plan.team_count, places[at]);
            ist__plan_free(&plan);
            CHECK(plan.teams == NULL);
        }
}

TEST(two_sockets_of_four_nodes)
{
    static box b;
    build(&b, 2, 4, 1, 3, 2, none_missing);
    ist__plan plan = make(&b, IST_AT_NUMA, 0, 0);
    CHECK_EQ(plan.team_count, 8);
    for (int32_t t = 0; t < 8; t++) {
        CHECK_EQ(plan.teams[t].node, t);
        CHECK_EQ(plan.teams[t].threads, 3);
        for (int32_t r = 0; r < 3; r++) CHECK_EQ(plan.teams[t].core[r], 3 * t + r);
    }
    ist__plan_free(&plan);
}

TEST(caches_of_one_node_make_teams_of_one_home)
{
    static box b; /* one node, 8 caches of 4 cores: each team has a home, though all have the same */
    build(&b, 1, 1, 8, 4, 1, none_missing);
    ist__plan plan = make(&b, IST_AT_L3, 0, 0);
    CHECK_EQ(plan.team_count, 8);
    for (int32_t t = 0; t < 8; t++) {
        CHECK_EQ(plan.teams[t].node, 0);
        CHECK_EQ(plan.teams[t].threads, 4);
        for (int32_t r = 0; r < 4; r++) CHECK_EQ(b.cores[plan.teams[t].core[r]].l3, t);
    }
    ist__plan_free(&plan);
}

TEST(fewer_teams_than_places_are_spread)
{
    static box b;
    build(&b, 8, 1, 1, 4, 1, none_missing);
    ist__plan plan = make(&b, IST_AT_NUMA, 3, 0);
    CHECK_EQ(plan.team_count, 3);
    CHECK_EQ(plan.places, 8);
    CHECK_EQ(plan.teams[0].node, 0); /* t * 8 / 3 */
    CHECK_EQ(plan.teams[1].node, 2);
    CHECK_EQ(plan.teams[2].node, 5);
    for (int32_t t = 0; t < 3; t++) CHECK_EQ(plan.teams[t].threads, 4);
    ist__plan_free(&plan);
}

TEST(more_teams_than_places_split_them)
{
    static box b;
    static int32_t uses[MOST_CORES];
    build(&b, 2, 1, 1, 7, 1, none_missing);
    ist__plan plan = make(&b, IST_AT_NUMA, 5, 0); /* t * 2 / 5: teams 0 1 2 on node 0, 3 4 on node 1 */
    check_plan(&b, &plan, uses);
    check_all_used_once(&b, uses);
    static const int32_t nodes[] = {0, 0, 0, 1, 1};
    for (int32_t t = 0; t < 5; t++) {
        CHECK_EQ(plan.teams[t].node, nodes[t]);
        CHECK(plan.teams[t].threads == 2 || plan.teams[t].threads == 3 || plan.teams[t].threads == 4);
        for (int32_t r = 1; r < plan.teams[t].threads; r++)
            CHECK_EQ(plan.teams[t].core[r], plan.teams[t].core[r - 1] + 1);
    }
    CHECK(!plan.oversubscribed);
    ist__plan_free(&plan);
}

/* Any numbers: each team whole inside one place, teams in machine order, shares of a place equal to one core. */
TEST(any_number_of_teams)
{
    static box b;
    static int32_t uses[MOST_CORES];
    build(&b, 3, 1, 1, 5, 1, none_missing);
    for (int32_t teams = 1; teams <= 40; teams++) {
        ist__plan plan = make(&b, IST_AT_NUMA, teams, 0);
        check_plan(&b, &plan, uses);
        CHECK_EQ(plan.team_count, teams);
        for (int32_t t = 0; t < teams; t++) {
            CHECK_EQ(plan.teams[t].node, t * 3 / teams);
            for (int32_t r = 0; r < plan.teams[t].threads; r++)
                CHECK_EQ(b.cores[plan.teams[t].core[r]].node, plan.teams[t].node);
        }
        int32_t least = MOST_CORES, most = 0;
        for (int32_t c = 0; c < 15; c++) {
            least = uses[c] < least ? uses[c] : least;
            most = uses[c] > most ? uses[c] : most;
        }
        CHECK(teams < 3 || (least >= 1 && most - least <= 1));
        CHECK_EQ(plan.oversubscribed, most > 1);
        ist__plan_free(&plan);
    }
}

TEST(more_teams_than_cores_share_them)
{
    static box b;
    static int32_t uses[MOST_CORES];
    build(&b, 1, 1, 1, 2, 1, none_missing);
    ist__plan plan = make(&b, IST_AT_NUMA, 8, 0);
    check_plan(&b, &plan, uses);
    CHECK_EQ(plan.team_count, 8);
    CHECK_EQ(plan.thread_count, 8);
    CHECK_EQ(uses[0], 4);
    CHECK_EQ(uses[1], 4);
    CHECK(plan.oversubscribed);
    ist__plan_free(&plan);
}

TEST(explicit_threads_go_round_robin)
{
    static box b;
    static int32_t uses[MOST_CORES];
    build(&b, 2, 1, 1, 3, 1, none_missing);
    ist__plan plan = make(&b, IST_AT_NUMA, 2, 7);
    check_plan(&b, &plan, uses);
    CHECK_EQ(plan.thread_count, 14);
    for (int32_t r = 0; r < 7; r++) {
        CHECK_EQ(plan.teams[0].core[r], r % 3);
        CHECK_EQ(plan.teams[1].core[r], 3 + r % 3);
    }
    CHECK(plan.oversubscribed);
    ist__plan_free(&plan);
    plan = make(&b, IST_AT_NUMA, 2, 2);
    check_plan(&b, &plan, uses);
    CHECK(!plan.oversubscribed);
    CHECK_EQ(plan.teams[1].core[1], 4);
    ist__plan_free(&plan);
}

static int not_thirteen(int32_t core)
{
    return core == 2 || core == 9 || core == 15;
}

TEST(thirteen_of_sixteen_cores)
{
    static box b;
    static int32_t uses[MOST_CORES];
    build(&b, 1, 4, 1, 4, 1, not_thirteen);
    ist__plan plan = make(&b, IST_AT_NUMA, 0, 0);
    check_plan(&b, &plan, uses);
    check_all_used_once(&b, uses);
    static const int32_t threads[] = {3, 4, 3, 3};
    CHECK_EQ(plan.team_count, 4);
    for (int32_t t = 0; t < 4; t++) CHECK_EQ(plan.teams[t].threads, threads[t]);
    CHECK_EQ(plan.thread_count, 13);
    ist__plan_free(&plan);
}

static int middle_node_closed(int32_t core)
{
    return core / 4 == 1 || core / 4 == 2;
}

TEST(nodes_without_cores_are_no_places)
{
    static box b;
    static int32_t uses[MOST_CORES];
    build(&b, 1, 4, 1, 4, 1, middle_node_closed);
    ist__plan plan = make(&b, IST_AT_NUMA, 0, 0);
    check_plan(&b, &plan, uses);
    check_all_used_once(&b, uses);
    CHECK_EQ(plan.places, 2);
    CHECK_EQ(plan.teams[0].node, 0);
    CHECK_EQ(plan.teams[1].node, 3);
    ist__plan_free(&plan);
}

TEST(cores_of_a_place_need_not_stand_together)
{
    static box b; /* cores without local memory join a node that is not beside them */
    static int32_t uses[MOST_CORES];
    build(&b, 1, 2, 1, 4, 1, none_missing);
    for (int32_t c = 0; c < 8; c++) b.cores[c].node = c % 2;
    ist__plan plan = make(&b, IST_AT_NUMA, 0, 0);
    check_plan(&b, &plan, uses);
    check_all_used_once(&b, uses);
    for (int32_t r = 0; r < 4; r++) CHECK_EQ(plan.teams[1].core[r], 2 * r + 1);
    ist__plan_free(&plan);
}

TEST(what_is_out_of_range_is_refused)
{
    static box b;
    build(&b, 1, 2, 1, 4, 1, none_missing);
    ist__plan plan = {.team_at = 77};
    ist__error error = {0};
    CHECK_EQ(ist__plan_make(&plan, &b.machine, IST_AT_NUMA, -1, 0, &error), IST_E_ARGUMENT);
    CHECK_EQ(ist__plan_make(&plan, &b.machine, IST_AT_NUMA, 4097, 0, &error), IST_E_ARGUMENT);
    CHECK_EQ(ist__plan_make(&plan, &b.machine, IST_AT_NUMA, 0, 4097, &error), IST_E_ARGUMENT);
    CHECK_EQ(ist__plan_make(&plan, &b.machine, IST_AT_NUMA, 0, -1, &error), IST_E_ARGUMENT);
    CHECK_EQ(ist__plan_make(&plan, &b.machine, 5, 0, 0, &error), IST_E_ARGUMENT);
    CHECK_EQ(ist__plan_make(&plan, &b.machine, IST_AT_NUMA, 4096, 17, &error), IST_E_ARGUMENT); /* 69632 */
    CHECK(strstr(error.text, "65536") != NULL);
    CHECK_EQ(plan.team_at, 77); /* untouched */
    CHECK_EQ(ist__plan_make(&plan, &b.machine, IST_AT_NUMA, 4096, 16, &error), IST_OK);
    CHECK_EQ(plan.thread_count, 65536);
    ist__plan_free(&plan);
    ist__plan_free(NULL);
}

TEST(report_of_the_plan_has_its_keys)
{
    static box b;
    build(&b, 2, 1, 1, 2, 2, none_missing);
    b.nodes[1].os_index = 7;
    ist__plan plan = make(&b, IST_AT_PACKAGE, 0, 0);
    json_t *json = ist__report_plan(&b.machine, &plan, NULL);
    static const char *const keys[] = {"team_at", "places", "oversubscribed", "threads", "teams"};
    CHECK(json != NULL);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) CHECK(json_object_get(json, keys[i]) != NULL);
    CHECK_STR(json_string_value(json_object_get(json, "team_at")), "package");
    const json_t *team = json_array_get(json_object_get(json, "teams"), 1);
    CHECK_EQ(json_integer_value(json_object_get(team, "team")), 1);
    CHECK_EQ(json_integer_value(json_object_get(team, "node_os_index")), 7);
    CHECK_EQ(json_integer_value(json_object_get(team, "threads")), 2);
    CHECK_EQ(json_integer_value(json_array_get(json_object_get(team, "pus"), 1)), 6);
    CHECK(json_object_get(team, "bound") == NULL);
    json_decref(json);
    ist__plan_free(&plan);
}
