/* The memory that machines can give, read from files as they would show them. */
#define _XOPEN_SOURCE 700
#include "numa/capacity.h"

#include "fake_root.h"

enum { PAGE = 4096, KB = 1024 };

/* Two nodes of ours, 0 and 2 for the system. */
static ist__node nodes[2] = {{.os_index = 0, .cores = 2}, {.os_index = 2, .cores = 2}};
static const ist__machine two = {.node_count = 2, .nodes = nodes, .this_system = true, .source = "made up"};

#define ZONE(node, name, free, low, managed, protection)                                          \
  "Node " node ", zone " name "\n  per-node stats\n      nr_free_cma 77\n  pages free     " free  \
  "\n        boost    0\n        min      1\n        low      " low "\n        high     999999\n" \
  "        managed  " managed "\n        protection: (" protection ")\n  pagesets\n    cpu: 0\n"  \
  "              count:    31\n              high:     500\n"

static void two_nodes(void)
{
    fake_file("/proc/meminfo", "MemTotal:    80000 kB\nMemFree:     30000 kB\nMemAvailable:    41000 kB\n"
                               "SwapTotal:  9000 kB\nSwapFree:    8000 kB\n");
    fake_file("/proc/zoneinfo", ZONE("0", "  DMA", "500", "10", "600", "0, 100, 480") /* 10 for us */
              ZONE("0", "Normal", "2500", "100", "9000", "0, 0, 0")
                  ZONE("2", "Normal", "4500", "200", "9000", "0, 0, 0"));
    fake_file("/sys/devices/system/node/node0/meminfo",
              "Node 0 MemTotal:       40000 kB\nNode 0 MemFree:        12000 kB\nNode 0 Active(file):  1000 kB\n"
              "Node 0 Inactive(file):   2000 kB\nNode 0 FilePages: 9999 kB\nNode 0 SReclaimable:      300 kB\n");
    fake_file("/sys/devices/system/node/node2/meminfo", "Node 2 MemTotal:       40000 kB\nNode 2 MemFree:  18000 kB\n");
}

static ist__capacity read_it(const ist__machine *machine)
{
    ist__capacity c;
    CHECK_EQ(ist__capacity_read(&c, machine, fake_root(), NULL), IST_OK);
    CHECK_EQ(c.node_count, machine->node_count);
    return c;
}

TEST(the_room_of_a_node_is_what_is_free_above_watermarks)
{
    fake_new();
    two_nodes();
    ist__capacity c = read_it(&two);
    CHECK_EQ(c.size, 80000 * KB);
    CHECK_EQ(c.room, 41000 * KB);
    CHECK_EQ(c.swap, 8000 * KB);
    CHECK_EQ(c.nodes[0].size, 40000 * KB);
    CHECK_EQ(c.nodes[0].room, (500 - 490 + 2500 - 100) * PAGE);
    CHECK_EQ(c.nodes[0].cache, 3300 * KB);
    CHECK_EQ(c.nodes[1].room, (4500 - 200) * PAGE);
    CHECK_EQ(c.nodes[1].cache, 0);
    CHECK_EQ(c.cgroup.room, -1);
    CHECK_EQ(c.addresses, -1);
    CHECK_EQ(c.data, -1);
    ist__capacity_free(&c);
}

TEST(what_no_node_owns_up_to_could_be_on_any)
{
    fake_new();
    two_nodes();
    fake_file("/proc/meminfo", "MemTotal:    80000 kB\nMemFree:     40000 kB\nMemAvailable:    41000 kB\n");
    ist__capacity c = read_it(&two);
    CHECK_EQ(c.nodes[1].room, (4500 - 200) * PAGE + 10000 * KB); /* zones tell of 7500 free pages, 30000 kB */
    CHECK_EQ(c.swap, 0);
    ist__capacity_free(&c);
}

TEST(a_node_that_is_closed_to_us_gives_the_machine_nothing)
{
    fake_new();
    two_nodes();
    ist__machine one = two;
    one.node_count = 1;
    ist__capacity c = read_it(&one);
    CHECK_EQ(c.nodes[0].room, 2410 * PAGE);
    CHECK_EQ(c.room, 2410 * PAGE + 3300 * KB);
    ist__capacity_free(&c);
    /* A zone without memory closes nothing. */
    fake_file("/proc/zoneinfo",
              ZONE("0", "Normal", "2500", "100", "9000", "0, 0, 0") ZONE("2", "Normal", "0", "0", "0", "0"));
    c = read_it(&one);
    CHECK_EQ(c.room, 41000 * KB);
    ist__capacity_free(&c);
}

TEST(without_zones_the_nodes_tell_themselves)
{
    fake_new();
    two_nodes();
    fake_file("/proc/zoneinfo", "");
    ist__capacity c = read_it(&two);
    CHECK_EQ(c.nodes[0].room, 12000 * KB);
    CHECK_EQ(c.nodes[1].room, 18000 * KB);
    ist__capacity_free(&c);
}

TEST(what_is_not_told_is_unknown)
{
    fake_new();
    ist__capacity c = read_it(&two);
    CHECK_EQ(c.room, -1);
    CHECK_EQ(c.size, -1);
    CHECK_EQ(c.nodes[0].room, -1);
    CHECK_EQ(c.nodes[1].size, -1);
    ist__capacity_free(&c);
}

TEST(limits_of_the_process_are_told_by_what_is_left)
{
    fake_new();
    two_nodes();
    fake_file("/proc/self/limits", "Limit                     Soft Limit           Hard Limit           Units     \n"
                                   "Max data size             700000               unlimited            bytes     \n"
                                   "Max address space         2000000              unlimited            bytes     \n");
    fake_file("/proc/self/status", "Name:\tist\nVmPeak:\t    1500 kB\nVmSize:\t    1000 kB\nVmData:\t     700 kB\n");
    ist__capacity c = read_it(&two);
    CHECK_EQ(c.addresses, 2000000 - 1000 * KB);
    CHECK_EQ(c.data, 0); /* more is in use than that */
    ist__capacity_free(&c);
}

TEST(one_node_that_stands_for_all_has_the_room_of_all)
{
    fake_new();
    two_nodes();
    ist__machine none = two;
    none.node_count = 1;
    snprintf(none.source, sizeof none.source, "none (built without hwloc)");
    ist__capacity c = read_it(&none);
    CHECK_EQ(c.nodes[0].room, c.room);
    CHECK_EQ(c.nodes[0].size, 80000 * KB);
    ist__capacity_free(&c);
}

TEST(a_machine_from_a_text_has_the_room_of_its_nodes)
{
    fake_new();
    two_nodes();
    static ist__node sized[2] = {{.os_index = 0, .memory_bytes = 5000}, {.os_index = 1, .memory_bytes = 7000}};
    ist__machine text = {.node_count = 2, .nodes = sized, .source = "text"};
    ist__capacity c = read_it(&text);
    CHECK_EQ(c.nodes[1].room, 7000);
    CHECK_EQ(c.room, 12000);
    ist__capacity_free(&c);
    sized[0].memory_bytes = 0; /* not told */
    c = read_it(&text);
    CHECK_EQ(c.nodes[0].room, -1);
    CHECK_EQ(c.room, -1);
    ist__capacity_free(&c);
}

TEST(this_machine_has_room)
{
    ist__topology *topology;
    CHECK_EQ(ist__topology_load(&topology, NULL, NULL), IST_OK);
    const ist__machine *machine = ist__topology_machine(topology);
    ist__capacity c;
    CHECK_EQ(ist__capacity_read(&c, machine, "", NULL), IST_OK);
    CHECK(c.room > 0 && c.size >= c.room && c.swap >= 0);
    for (int32_t i = 0; i < c.node_count; i++) CHECK(c.nodes[i].room >= 0 && c.nodes[i].size > 0);
    json_t *report = ist__capacity_report(&c);
    CHECK_EQ(json_integer_value(json_object_get(report, "room_bytes")), c.room);
    CHECK_EQ(json_array_size(json_object_get(report, "nodes")), c.node_count);
    json_decref(report);
    ist__capacity_free(&c);
    ist__topology_destroy(topology);
}
