/* test_servers.c - plans for servers that we do not own, by their texts and XML files.
 *
 * Expected is the whole plan: teams, homes, cores and the processing units of their threads.  Numbers of processors are
 * those that Linux gives on such machines: first threads of all cores, then the second ones.
 */
#define _GNU_SOURCE
#include "fixture_server.h"

TEST(two_xeons_of_two_sub_numa_clusters)
{
    NEEDS_HWLOC;
    check_server("pack:2 numa:2(memory=64GiB) l3:1 core:28 pu:2(indexes=2*112:1*2)", IST_AT_NUMA, 0, 0,
                 "224 of 224 pus, 4 caches, 2 packages\n"
                 "node 0: 28/28/28 cores, 65536 MiB, packages 0-0\n"
                 "node 1: 28/28/28 cores, 65536 MiB, packages 0-0\n"
                 "node 2: 28/28/28 cores, 65536 MiB, packages 1-1\n"
                 "node 3: 28/28/28 cores, 65536 MiB, packages 1-1\n",
                 "team 0 at 0 local: cores 0-27 on 0-27\n"
                 "team 1 at 1 local: cores 28-55 on 28-55\n"
                 "team 2 at 2 local: cores 56-83 on 56-83\n"
                 "team 3 at 3 local: cores 84-111 on 84-111\n");
}

TEST(two_xeons_of_four_sub_numa_clusters)
{
    NEEDS_HWLOC;
    check_server("pack:2 numa:4(memory=32GiB) l3:1 core:14 pu:2(indexes=2*112:1*2)", IST_AT_NUMA, 0, 0,
                 "224 of 224 pus, 8 caches, 2 packages\n"
                 "node 0: 14/14/14 cores, 32768 MiB, packages 0-0\n"
                 "node 1: 14/14/14 cores, 32768 MiB, packages 0-0\n"
                 "node 2: 14/14/14 cores, 32768 MiB, packages 0-0\n"
                 "node 3: 14/14/14 cores, 32768 MiB, packages 0-0\n"
                 "node 4: 14/14/14 cores, 32768 MiB, packages 1-1\n"
                 "node 5: 14/14/14 cores, 32768 MiB, packages 1-1\n"
                 "node 6: 14/14/14 cores, 32768 MiB, packages 1-1\n"
                 "node 7: 14/14/14 cores, 32768 MiB, packages 1-1\n",
                 "team 0 at 0 local: cores 0-13 on 0-13\n"
                 "team 1 at 1 local: cores 14-27 on 14-27\n"
                 "team 2 at 2 local: cores 28-41 on 28-41\n"
                 "team 3 at 3 local: cores 42-55 on 42-55\n"
                 "team 4 at 4 local: cores 56-69 on 56-69\n"
                 "team 5 at 5 local: cores 70-83 on 70-83\n"
                 "team 6 at 6 local: cores 84-97 on 84-97\n"
                 "team 7 at 7 local: cores 98-111 on 98-111\n");
    check_server("pack:2 numa:4(memory=32GiB) l3:1 core:14 pu:2(indexes=2*112:1*2)", IST_AT_PACKAGE, 0, 0,
                 "224 of 224 pus, 8 caches, 2 packages\n"
                 "node 0: 14/14/14 cores, 32768 MiB, packages 0-0\n"
                 "node 1: 14/14/14 cores, 32768 MiB, packages 0-0\n"
                 "node 2: 14/14/14 cores, 32768 MiB, packages 0-0\n"
                 "node 3: 14/14/14 cores, 32768 MiB, packages 0-0\n"
                 "node 4: 14/14/14 cores, 32768 MiB, packages 1-1\n"
                 "node 5: 14/14/14 cores, 32768 MiB, packages 1-1\n"
                 "node 6: 14/14/14 cores, 32768 MiB, packages 1-1\n"
                 "node 7: 14/14/14 cores, 32768 MiB, packages 1-1\n",
                 "team 0 at 0 local: cores 0-55 on 0-55\n"
                 "team 1 at 4 local: cores 56-111 on 56-111\n");
}

TEST(two_epycs_of_one_node)
{
    NEEDS_HWLOC;
    check_server("pack:2 numa:1(memory=384GiB) l3:4 core:8 pu:2(indexes=2*64:1*2)", IST_AT_NUMA, 0, 0,
                 "128 of 128 pus, 8 caches, 2 packages\n"
                 "node 0: 32/32/32 cores, 393216 MiB, packages 0-0\n"
                 "node 1: 32/32/32 cores, 393216 MiB, packages 1-1\n",
                 "team 0 at 0 local: cores 0-31 on 0-31\n"
                 "team 1 at 1 local: cores 32-63 on 32-63\n");
    check_server("pack:2 numa:1(memory=384GiB) l3:4 core:8 pu:2(indexes=2*64:1*2)", IST_AT_L3, 0, 0,
                 "128 of 128 pus, 8 caches, 2 packages\n"
                 "node 0: 32/32/32 cores, 393216 MiB, packages 0-0\n"
                 "node 1: 32/32/32 cores, 393216 MiB, packages 1-1\n",
                 "team 0 at 0 local: cores 0-7 on 0-7\n"
                 "team 1 at 0 local: cores 8-15 on 8-15\n"
                 "team 2 at 0 local: cores 16-23 on 16-23\n"
                 "team 3 at 0 local: cores 24-31 on 24-31\n"
                 "team 4 at 1 local: cores 32-39 on 32-39\n"
                 "team 5 at 1 local: cores 40-47 on 40-47\n"
                 "team 6 at 1 local: cores 48-55 on 48-55\n"
                 "team 7 at 1 local: cores 56-63 on 56-63\n");
}

TEST(two_epycs_of_two_nodes)
{
    NEEDS_HWLOC;
    check_server("pack:2 numa:2(memory=192GiB) l3:2 core:8 pu:2(indexes=2*64:1*2)", IST_AT_NUMA, 0, 0,
                 "128 of 128 pus, 8 caches, 2 packages\n"
                 "node 0: 16/16/16 cores, 196608 MiB, packages 0-0\n"
                 "node 1: 16/16/16 cores, 196608 MiB, packages 0-0\n"
                 "node 2: 16/16/16 cores, 196608 MiB, packages 1-1\n"
                 "node 3: 16/16/16 cores, 196608 MiB, packages 1-1\n",
                 "team 0 at 0 local: cores 0-15 on 0-15\n"
                 "team 1 at 1 local: cores 16-31 on 16-31\n"
                 "team 2 at 2 local: cores 32-47 on 32-47\n"
                 "team 3 at 3 local: cores 48-63 on 48-63\n");
}

TEST(two_epycs_of_four_nodes)
{
    NEEDS_HWLOC;
    check_server("pack:2 numa:4(memory=96GiB) l3:1 core:8 pu:2(indexes=2*64:1*2)", IST_AT_NUMA, 0, 0,
                 "128 of 128 pus, 8 caches, 2 packages\n"
                 "node 0: 8/8/8 cores, 98304 MiB, packages 0-0\n"
                 "node 1: 8/8/8 cores, 98304 MiB, packages 0-0\n"
                 "node 2: 8/8/8 cores, 98304 MiB, packages 0-0\n"
                 "node 3: 8/8/8 cores, 98304 MiB, packages 0-0\n"
                 "node 4: 8/8/8 cores, 98304 MiB, packages 1-1\n"
                 "node 5: 8/8/8 cores, 98304 MiB, packages 1-1\n"
                 "node 6: 8/8/8 cores, 98304 MiB, packages 1-1\n"
                 "node 7: 8/8/8 cores, 98304 MiB, packages 1-1\n",
                 "team 0 at 0 local: cores 0-7 on 0-7\n"
                 "team 1 at 1 local: cores 8-15 on 8-15\n"
                 "team 2 at 2 local: cores 16-23 on 16-23\n"
                 "team 3 at 3 local: cores 24-31 on 24-31\n"
                 "team 4 at 4 local: cores 32-39 on 32-39\n"
                 "team 5 at 5 local: cores 40-47 on 40-47\n"
                 "team 6 at 6 local: cores 48-55 on 48-55\n"
                 "team 7 at 7 local: cores 56-63 on 56-63\n");
    check_server("pack:2 numa:4(memory=96GiB) l3:1 core:8 pu:2(indexes=2*64:1*2)", IST_AT_L3, 8, 3,
                 "128 of 128 pus, 8 caches, 2 packages\n"
                 "node 0: 8/8/8 cores, 98304 MiB, packages 0-0\n"
                 "node 1: 8/8/8 cores, 98304 MiB, packages 0-0\n"
                 "node 2: 8/8/8 cores, 98304 MiB, packages 0-0\n"
                 "node 3: 8/8/8 cores, 98304 MiB, packages 0-0\n"
                 "node 4: 8/8/8 cores, 98304 MiB, packages 1-1\n"
                 "node 5: 8/8/8 cores, 98304 MiB, packages 1-1\n"
                 "node 6: 8/8/8 cores, 98304 MiB, packages 1-1\n"
                 "node 7: 8/8/8 cores, 98304 MiB, packages 1-1\n",
                 "team 0 at 0 local: cores 0-2 on 0-2\n"
                 "team 1 at 1 local: cores 8-10 on 8-10\n"
                 "team 2 at 2 local: cores 16-18 on 16-18\n"
                 "team 3 at 3 local: cores 24-26 on 24-26\n"
                 "team 4 at 4 local: cores 32-34 on 32-34\n"
                 "team 5 at 5 local: cores 40-42 on 40-42\n"
                 "team 6 at 6 local: cores 48-50 on 48-50\n"
                 "team 7 at 7 local: cores 56-58 on 56-58\n");
}

TEST(four_sockets_whose_processors_are_dealt_round)
{
    NEEDS_HWLOC;
    check_server("pack:4 numa:1(memory=512GiB) core:18 pu:1(indexes=18*4:1*18)", IST_AT_NUMA, 0, 0,
                 "72 of 72 pus, 4 caches, 4 packages\n"
                 "node 0: 18/18/18 cores, 524288 MiB, packages 0-0\n"
                 "node 1: 18/18/18 cores, 524288 MiB, packages 1-1\n"
                 "node 2: 18/18/18 cores, 524288 MiB, packages 2-2\n"
                 "node 3: 18/18/18 cores, 524288 MiB, packages 3-3\n",
                 "team 0 at 0 local: cores 0-17 on 0-68:4\n"
                 "team 1 at 1 local: cores 18-35 on 1-69:4\n"
                 "team 2 at 2 local: cores 36-53 on 2-70:4\n"
                 "team 3 at 3 local: cores 54-71 on 3-71:4\n");
}

TEST(eight_sockets)
{
    NEEDS_HWLOC;
    check_server("pack:8 numa:1(memory=1TiB) l3:1 core:60 pu:2(indexes=2*480:1*2)", IST_AT_NUMA, 0, 0,
                 "960 of 960 pus, 8 caches, 8 packages\n"
                 "node 0: 60/60/60 cores, 1048576 MiB, packages 0-0\n"
                 "node 1: 60/60/60 cores, 1048576 MiB, packages 1-1\n"
                 "node 2: 60/60/60 cores, 1048576 MiB, packages 2-2\n"
                 "node 3: 60/60/60 cores, 1048576 MiB, packages 3-3\n"
                 "node 4: 60/60/60 cores, 1048576 MiB, packages 4-4\n"
                 "node 5: 60/60/60 cores, 1048576 MiB, packages 5-5\n"
                 "node 6: 60/60/60 cores, 1048576 MiB, packages 6-6\n"
                 "node 7: 60/60/60 cores, 1048576 MiB, packages 7-7\n",
                 "team 0 at 0 local: cores 0-59 on 0-59\n"
                 "team 1 at 1 local: cores 60-119 on 60-119\n"
                 "team 2 at 2 local: cores 120-179 on 120-179\n"
                 "team 3 at 3 local: cores 180-239 on 180-239\n"
                 "team 4 at 4 local: cores 240-299 on 240-299\n"
                 "team 5 at 5 local: cores 300-359 on 300-359\n"
                 "team 6 at 6 local: cores 360-419 on 360-419\n"
                 "team 7 at 7 local: cores 420-479 on 420-479\n");
    check_server("pack:8 numa:1(memory=1TiB) l3:1 core:60 pu:2(indexes=2*480:1*2)", IST_AT_NUMA, 3, 0,
                 "960 of 960 pus, 8 caches, 8 packages\n"
                 "node 0: 60/60/60 cores, 1048576 MiB, packages 0-0\n"
                 "node 1: 60/60/60 cores, 1048576 MiB, packages 1-1\n"
                 "node 2: 60/60/60 cores, 1048576 MiB, packages 2-2\n"
                 "node 3: 60/60/60 cores, 1048576 MiB, packages 3-3\n"
                 "node 4: 60/60/60 cores, 1048576 MiB, packages 4-4\n"
                 "node 5: 60/60/60 cores, 1048576 MiB, packages 5-5\n"
                 "node 6: 60/60/60 cores, 1048576 MiB, packages 6-6\n"
                 "node 7: 60/60/60 cores, 1048576 MiB, packages 7-7\n",
                 "team 0 at 0 local: cores 0-59 on 0-59\n"
                 "team 1 at 2 local: cores 120-179 on 120-179\n"
                 "team 2 at 5 local: cores 300-359 on 300-359\n");
}

TEST(sixteen_nodes)
{
    NEEDS_HWLOC;
    check_server("pack:8 numa:2(memory=128GiB) core:8 pu:1", IST_AT_NUMA, 0, 0,
                 "128 of 128 pus, 16 caches, 8 packages\n"
                 "node 0: 8/8/8 cores, 131072 MiB, packages 0-0\n"
                 "node 1: 8/8/8 cores, 131072 MiB, packages 0-0\n"
                 "node 2: 8/8/8 cores, 131072 MiB, packages 1-1\n"
                 "node 3: 8/8/8 cores, 131072 MiB, packages 1-1\n"
                 "node 4: 8/8/8 cores, 131072 MiB, packages 2-2\n"
                 "node 5: 8/8/8 cores, 131072 MiB, packages 2-2\n"
                 "node 6: 8/8/8 cores, 131072 MiB, packages 3-3\n"
                 "node 7: 8/8/8 cores, 131072 MiB, packages 3-3\n"
                 "node 8: 8/8/8 cores, 131072 MiB, packages 4-4\n"
                 "node 9: 8/8/8 cores, 131072 MiB, packages 4-4\n"
                 "node 10: 8/8/8 cores, 131072 MiB, packages 5-5\n"
                 "node 11: 8/8/8 cores, 131072 MiB, packages 5-5\n"
                 "node 12: 8/8/8 cores, 131072 MiB, packages 6-6\n"
                 "node 13: 8/8/8 cores, 131072 MiB, packages 6-6\n"
                 "node 14: 8/8/8 cores, 131072 MiB, packages 7-7\n"
                 "node 15: 8/8/8 cores, 131072 MiB, packages 7-7\n",
                 "team 0 at 0 local: cores 0-7 on 0-7\n"
                 "team 1 at 1 local: cores 8-15 on 8-15\n"
                 "team 2 at 2 local: cores 16-23 on 16-23\n"
                 "team 3 at 3 local: cores 24-31 on 24-31\n"
                 "team 4 at 4 local: cores 32-39 on 32-39\n"
                 "team 5 at 5 local: cores 40-47 on 40-47\n"
                 "team 6 at 6 local: cores 48-55 on 48-55\n"
                 "team 7 at 7 local: cores 56-63 on 56-63\n"
                 "team 8 at 8 local: cores 64-71 on 64-71\n"
                 "team 9 at 9 local: cores 72-79 on 72-79\n"
                 "team 10 at 10 local: cores 80-87 on 80-87\n"
                 "team 11 at 11 local: cores 88-95 on 88-95\n"
                 "team 12 at 12 local: cores 96-103 on 96-103\n"
                 "team 13 at 13 local: cores 104-111 on 104-111\n"
                 "team 14 at 14 local: cores 112-119 on 112-119\n"
                 "team 15 at 15 local: cores 120-127 on 120-127\n");
    check_server("pack:8 numa:2(memory=128GiB) core:8 pu:1", IST_AT_NUMA, 6, 0,
                 "128 of 128 pus, 16 caches, 8 packages\n"
                 "node 0: 8/8/8 cores, 131072 MiB, packages 0-0\n"
                 "node 1: 8/8/8 cores, 131072 MiB, packages 0-0\n"
                 "node 2: 8/8/8 cores, 131072 MiB, packages 1-1\n"
                 "node 3: 8/8/8 cores, 131072 MiB, packages 1-1\n"
                 "node 4: 8/8/8 cores, 131072 MiB, packages 2-2\n"
                 "node 5: 8/8/8 cores, 131072 MiB, packages 2-2\n"
                 "node 6: 8/8/8 cores, 131072 MiB, packages 3-3\n"
                 "node 7: 8/8/8 cores, 131072 MiB, packages 3-3\n"
                 "node 8: 8/8/8 cores, 131072 MiB, packages 4-4\n"
                 "node 9: 8/8/8 cores, 131072 MiB, packages 4-4\n"
                 "node 10: 8/8/8 cores, 131072 MiB, packages 5-5\n"
                 "node 11: 8/8/8 cores, 131072 MiB, packages 5-5\n"
                 "node 12: 8/8/8 cores, 131072 MiB, packages 6-6\n"
                 "node 13: 8/8/8 cores, 131072 MiB, packages 6-6\n"
                 "node 14: 8/8/8 cores, 131072 MiB, packages 7-7\n"
                 "node 15: 8/8/8 cores, 131072 MiB, packages 7-7\n",
                 "team 0 at 0 local: cores 0-7 on 0-7\n"
                 "team 1 at 2 local: cores 16-23 on 16-23\n"
                 "team 2 at 5 local: cores 40-47 on 40-47\n"
                 "team 3 at 8 local: cores 64-71 on 64-71\n"
                 "team 4 at 10 local: cores 80-87 on 80-87\n"
                 "team 5 at 13 local: cores 104-111 on 104-111\n");
}

TEST(one_node_as_a_laptop_has)
{
    NEEDS_HWLOC;
    check_server("numa:1(memory=8GiB) l3:1 core:4 pu:2", IST_AT_NUMA, 0, 0,
                 "8 of 8 pus, 1 caches, 1 packages\n"
                 "node 0: 4/4/4 cores, 8192 MiB\n",
                 "team 0 at 0 local: cores 0-3 on 0-6:2\n");
    check_server("numa:1(memory=8GiB) l3:1 core:4 pu:2", IST_AT_NUMA, 4, 0,
                 "8 of 8 pus, 1 caches, 1 packages\n"
                 "node 0: 4/4/4 cores, 8192 MiB\n",
                 "team 0 at 0 local: cores 0 on 0\n"
                 "team 1 at 0 local: cores 1 on 2\n"
                 "team 2 at 0 local: cores 2 on 4\n"
                 "team 3 at 0 local: cores 3 on 6\n");
}

TEST(a_laptop_with_two_kinds_of_cores)
{
    NEEDS_HWLOC; /* Two P cores with two hardware threads, four E cores with one. */
    check_server("hybrid.xml", IST_AT_NUMA, 0, 0,
                 "8 of 8 pus, 1 caches, 1 packages\n"
                 "node 0: 6/6/6 cores, 16384 MiB, packages 0-0\n",
                 "team 0 at 0 local: cores 0-5 on 0-10:2\n");
    check_server("hybrid.xml", IST_AT_CORE, 0, 0,
                 "8 of 8 pus, 1 caches, 1 packages\n"
                 "node 0: 6/6/6 cores, 16384 MiB, packages 0-0\n",
                 "team 0 at 0 local: cores 0 on 0\n"
                 "team 1 at 0 local: cores 1 on 2\n"
                 "team 2 at 0 local: cores 2 on 4\n"
                 "team 3 at 0 local: cores 3 on 6\n"
                 "team 4 at 0 local: cores 4 on 8\n"
                 "team 5 at 0 local: cores 5 on 10\n");
}

TEST(two_packages_on_one_node)
{
    NEEDS_HWLOC;
    check_server("numa:1(memory=512GiB) pack:2 core:4 pu:1", IST_AT_NUMA, 0, 0,
                 "8 of 8 pus, 1 caches, 2 packages\n"
                 "node 0: 8/8/8 cores, 524288 MiB, packages 0-1\n",
                 "team 0 at 0 local: cores 0-7 on 0-7\n");
}
