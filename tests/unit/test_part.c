/* test_part.c - the shares of a machine that several processes take: disjoint, whole, in order, at home. */
#define _GNU_SOURCE
#include "fixture_server.h"
#include "numa/part.h"

enum { MOST = 64 };

/* A machine of `cores` cores, two a cache, four a node, eight a package. */
typedef struct box {
    ist__machine machine;
    ist__core cores[MOST];
    ist__node nodes[MOST];
} box;

static void build(box *b, int32_t cores)
{
    memset(b, 0, sizeof *b);
    b->machine = (ist__machine){.core_count = cores,
                                .node_count = (cores + 3) / 4,
                                .l3_count = (cores + 1) / 2,
                                .package_count = (cores + 7) / 8,
                                .cores = b->cores,
                                .nodes = b->nodes};
    for (int32_t c = 0; c < cores; c++) {
        b->cores[c] = (ist__core){.pu = 3 * c, .node = c / 4, .l3 = c / 2, .package = c / 8};
        b->nodes[c / 4].cores++;
    }
}

TEST(parts_are_disjoint_and_cover_in_order)
{
    static box b;
    for (int32_t cores = 1; cores <= 40; cores++)
        for (int32_t parts = 1; parts <= cores; parts++) {
            int32_t next = 0, least = MOST, most = 0;
            for (int32_t part = 0; part < parts; part++) {
                build(&b, cores);
                CHECK_EQ(ist__part_take(&b.machine, part, parts, NULL), IST_OK);
                const int32_t mine = b.machine.core_count;
                for (int32_t c = 0; c < mine; c++) CHECK_EQ(b.cores[c].pu, 3 * next++);
                least = mine < least ? mine : least;
                most = mine > most ? mine : most;
                CHECK_EQ(b.machine.part, part);
                CHECK_EQ(b.machine.parts, parts);
                CHECK_EQ(b.machine.cores_allowed, cores);
            }
            CHECK_EQ(next, cores);
            CHECK(least >= 1 && most - least <= 1);
        }
}

TEST(what_is_left_is_counted_anew)
{
    static box b;
    build(&b, 24); /* part 1 of 3 is the second package: nodes 2 and 3, caches 4 .. 7 */
    CHECK_EQ(ist__part_take(&b.machine, 1, 3, NULL), IST_OK);
    CHECK_EQ(b.machine.core_count, 8);
    CHECK_EQ(b.machine.package_count, 1);
    CHECK_EQ(b.machine.l3_count, 4);
    CHECK_EQ(b.machine.node_count, 6);
    for (int32_t c = 0; c < 8; c++) {
        CHECK_EQ(b.cores[c].node, 2 + c / 4);
        CHECK_EQ(b.cores[c].l3, c / 2);
        CHECK_EQ(b.cores[c].package, 0);
    }
    for (int32_t n = 0; n < 6; n++) {
        CHECK_EQ(b.nodes[n].cores, n == 2 || n == 3 ? 4 : 0);
        CHECK_EQ(b.nodes[n].cores_allowed, 4);
    }
    build(&b, 24); /* cores 5 .. 9 of it: parts need not end where caches or nodes do */
    CHECK_EQ(ist__part_take(&b.machine, 1, 5, NULL), IST_OK);
    CHECK_EQ(b.machine.core_count, 5);
    CHECK_EQ(b.machine.l3_count, 3);
    CHECK_EQ(b.machine.package_count, 2);
    CHECK_EQ(b.cores[0].l3, 0);
    CHECK_EQ(b.cores[4].l3, 2);
    CHECK_EQ(b.nodes[1].cores, 3);
    CHECK_EQ(b.nodes[2].cores, 2);
}

TEST(no_part_is_the_whole_machine)
{
    static box b;
    for (int32_t parts = 0; parts <= 1; parts++) {
        build(&b, 10);
        CHECK_EQ(ist__part_take(&b.machine, 0, parts, NULL), IST_OK);
        CHECK_EQ(b.machine.core_count, 10);
        CHECK_EQ(b.machine.l3_count, 5);
        CHECK_EQ(b.machine.package_count, 2);
        CHECK_EQ(b.machine.part, 0);
        CHECK_EQ(b.machine.parts, 1);
    }
}

TEST(parts_out_of_range_are_refused)
{
    static const int32_t wrong[][2] = {{-1, 2}, {2, 2}, {1, 0}, {1, 1}, {0, -1}, {-1, 0}, {0, 65537}};
    static box b;
    ist__error error = {0};
    build(&b, 10);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_EQ(ist__part_take(&b.machine, wrong[i][0], wrong[i][1], &error), IST_E_ARGUMENT);
    CHECK_EQ(ist__part_take(&b.machine, 0, 11, &error), IST_E_PLACEMENT);
    CHECK(strstr(error.text, "11 parts of 10 cores") != NULL);
    CHECK_EQ(b.machine.core_count, 10);
    CHECK_EQ(b.machine.parts, 0); /* untouched */
}

static void check_part(const char *text, int32_t part, int32_t parts, const char *teams)
{
    server *s = server_open(text);
    CHECK_EQ(ist__topology_take_part(s->topology, part, parts, NULL), IST_OK);
    server_plan(s, IST_AT_NUMA, 0, 0);
    CHECK_STR(server_teams(s), teams);
    server_close(s);
}

TEST(two_processes_on_two_nodes_get_a_node_each)
{
    NEEDS_HWLOC;
    check_part("numa:2 core:4 pu:2", 0, 2, "team 0 at 0 local: cores 0-3 on 0-6:2\n");
    check_part("numa:2 core:4 pu:2", 1, 2, "team 0 at 1 local: cores 0-3 on 8-14:2\n");
}

TEST(processes_that_nodes_do_not_divide_stand_on_parts_of_them)
{
    NEEDS_HWLOC;
    check_part("numa:2 core:4 pu:1", 0, 3, "team 0 at 0 local: cores 0-2 on 0-2\n");
    check_part("numa:2 core:4 pu:1", 1, 3,
               "team 0 at 0 local: cores 0 on 3\n"
               "team 1 at 1 local: cores 1-2 on 4-5\n");
    check_part("numa:2 core:4 pu:1", 2, 3, "team 0 at 1 local: cores 0-1 on 6-7\n");
}

TEST(each_of_two_processes_gets_four_nodes_of_eight)
{
    NEEDS_HWLOC;
    check_part("pack:2 numa:4 core:2 pu:1", 1, 2,
               "team 0 at 4 local: cores 0-1 on 8-9\n"
               "team 1 at 5 local: cores 2-3 on 10-11\n"
               "team 2 at 6 local: cores 4-5 on 12-13\n"
               "team 3 at 7 local: cores 6-7 on 14-15\n");
}

/* With and without hwloc the same rule divides this machine. */
TEST(parts_of_this_machine)
{
    ist__topology *whole = NULL, *mine = NULL;
    CHECK_EQ(ist__topology_load(&whole, NULL, NULL), IST_OK);
    const ist__machine *all = ist__topology_machine(whole);
    int32_t next = 0;
    CHECK_EQ(all->parts, 1);
    CHECK_EQ(all->cores_allowed, all->core_count);
    for (int32_t part = 0; part < all->core_count; part++) {
        CHECK_EQ(ist__topology_load(&mine, NULL, NULL), IST_OK);
        CHECK_EQ(ist__topology_take_part(mine, part, all->core_count, NULL), IST_OK);
        const ist__machine *m = ist__topology_machine(mine);
        CHECK_EQ(m->core_count, 1);
        CHECK_EQ(m->cores[0].pu, all->cores[next++].pu);
        CHECK_EQ(m->nodes[m->cores[0].node].cores, 1);
        ist__topology_destroy(mine);
    }
    CHECK_EQ(ist__topology_take_part(whole, 0, all->core_count + 1, NULL), IST_E_PLACEMENT);
    ist__topology_destroy(whole);
}
