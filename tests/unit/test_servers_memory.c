/* test_servers_memory.c - plans for servers with several kinds of memory, and for those that are ours in part.
 *
 * Expected is the whole plan: teams, homes, cores and the processing units of their threads.  Numbers of processors are
 * those that Linux gives on such machines: first threads of all cores, then the second ones.
 */
#define _GNU_SOURCE
#include "fixture_server.h"

TEST(hyperthreads_of_which_one_of_two_is_allowed)
{
    NEEDS_HWLOC; /* Of the first package the first threads, of the second the others. */
    check_server("smt2_one_of_two.xml", IST_AT_NUMA, 0, 0,
                 "8 of 16 pus, 2 caches, 2 packages\n"
                 "node 0: 4/4/4 cores, 8192 MiB, packages 0-0\n"
                 "node 1: 4/4/4 cores, 8192 MiB, packages 1-1\n",
                 "team 0 at 0 local: cores 0-3 on 0-3\n"
                 "team 1 at 1 local: cores 4-7 on 12-15\n");
}

TEST(cores_of_which_half_is_allowed)
{
    NEEDS_HWLOC;
    check_server("smt2_half_allowed.xml", IST_AT_NUMA, 0, 0,
                 "4 of 8 pus, 1 caches, 1 packages\n"
                 "node 0: 3/3/4 cores, 1024 MiB\n",
                 "team 0 at 0 local: cores 0-2 on 1-2 6\n");
}

TEST(four_core_groups_with_hbm_and_no_l3)
{
    NEEDS_HWLOC; /* As A64FX: a node stands for the cache that its cores share. */
    check_server("numa:4(memory=8GiB) l2:1 core:12 pu:1", IST_AT_NUMA, 0, 0,
                 "48 of 48 pus, 4 caches, 1 packages\n"
                 "node 0: 12/12/12 cores, 8192 MiB\n"
                 "node 1: 12/12/12 cores, 8192 MiB\n"
                 "node 2: 12/12/12 cores, 8192 MiB\n"
                 "node 3: 12/12/12 cores, 8192 MiB\n",
                 "team 0 at 0 local: cores 0-11 on 0-11\n"
                 "team 1 at 1 local: cores 12-23 on 12-23\n"
                 "team 2 at 2 local: cores 24-35 on 24-35\n"
                 "team 3 at 3 local: cores 36-47 on 36-47\n");
    check_server("numa:4(memory=8GiB) l2:1 core:12 pu:1", IST_AT_L3, 0, 0,
                 "48 of 48 pus, 4 caches, 1 packages\n"
                 "node 0: 12/12/12 cores, 8192 MiB\n"
                 "node 1: 12/12/12 cores, 8192 MiB\n"
                 "node 2: 12/12/12 cores, 8192 MiB\n"
                 "node 3: 12/12/12 cores, 8192 MiB\n",
                 "team 0 at 0 local: cores 0-11 on 0-11\n"
                 "team 1 at 1 local: cores 12-23 on 12-23\n"
                 "team 2 at 2 local: cores 24-35 on 24-35\n"
                 "team 3 at 3 local: cores 36-47 on 36-47\n");
}

TEST(hbm_is_the_home_where_its_bandwidth_is_told)
{
    NEEDS_HWLOC;
    check_server("hbm_flat.xml", IST_AT_NUMA, 0, 0,
                 "12 of 12 pus, 4 caches, 2 packages\n"
                 "node 0: 0/0/0 cores, 65536 MiB, packages 0-0, 65000 MiB/s\n"
                 "node 4: 3/3/3 cores, 16384 MiB, packages 0-0, HBM, 210000 MiB/s, then 0\n"
                 "node 1: 0/0/0 cores, 65536 MiB, packages 0-0, 65000 MiB/s\n"
                 "node 5: 3/3/3 cores, 16384 MiB, packages 0-0, HBM, 210000 MiB/s, then 1\n"
                 "node 2: 0/0/0 cores, 65536 MiB, packages 1-1, 65000 MiB/s\n"
                 "node 6: 3/3/3 cores, 16384 MiB, packages 1-1, HBM, 210000 MiB/s, then 2\n"
                 "node 3: 0/0/0 cores, 65536 MiB, packages 1-1, 65000 MiB/s\n"
                 "node 7: 3/3/3 cores, 16384 MiB, packages 1-1, HBM, 210000 MiB/s, then 3\n",
                 "team 0 at 4 bandwidth: cores 0-2 on 0-2\n"
                 "team 1 at 5 bandwidth: cores 3-5 on 3-5\n"
                 "team 2 at 6 bandwidth: cores 6-8 on 6-8\n"
                 "team 3 at 7 bandwidth: cores 9-11 on 9-11\n");
    check_server("hbm_flat.xml", IST_AT_PACKAGE, 0, 0,
                 "12 of 12 pus, 4 caches, 2 packages\n"
                 "node 0: 0/0/0 cores, 65536 MiB, packages 0-0, 65000 MiB/s\n"
                 "node 4: 3/3/3 cores, 16384 MiB, packages 0-0, HBM, 210000 MiB/s, then 0\n"
                 "node 1: 0/0/0 cores, 65536 MiB, packages 0-0, 65000 MiB/s\n"
                 "node 5: 3/3/3 cores, 16384 MiB, packages 0-0, HBM, 210000 MiB/s, then 1\n"
                 "node 2: 0/0/0 cores, 65536 MiB, packages 1-1, 65000 MiB/s\n"
                 "node 6: 3/3/3 cores, 16384 MiB, packages 1-1, HBM, 210000 MiB/s, then 2\n"
                 "node 3: 0/0/0 cores, 65536 MiB, packages 1-1, 65000 MiB/s\n"
                 "node 7: 3/3/3 cores, 16384 MiB, packages 1-1, HBM, 210000 MiB/s, then 3\n",
                 "team 0 at 4 bandwidth: cores 0-5 on 0-5\n"
                 "team 1 at 6 bandwidth: cores 6-11 on 6-11\n");
}

TEST(memory_of_two_kinds_without_bandwidths)
{
    NEEDS_HWLOC; /* The node that the system numbers first. */
    check_server("pack:2 [numa(memory=64GiB)] [numa(memory=16GiB)] core:4 pu:1", IST_AT_NUMA, 0, 0,
                 "8 of 8 pus, 2 caches, 2 packages\n"
                 "node 0: 4/4/4 cores, 65536 MiB, packages 0-0\n"
                 "node 1: 0/0/0 cores, 16384 MiB, packages 0-0\n"
                 "node 2: 4/4/4 cores, 65536 MiB, packages 1-1\n"
                 "node 3: 0/0/0 cores, 16384 MiB, packages 1-1\n",
                 "team 0 at 0 local: cores 0-3 on 0-3\n"
                 "team 1 at 2 local: cores 4-7 on 4-7\n");
}

TEST(cxl_memory_is_a_fallback)
{
    NEEDS_HWLOC;
    check_server("cxl.xml", IST_AT_NUMA, 0, 0,
                 "8 of 8 pus, 2 caches, 2 packages\n"
                 "node 0: 4/4/4 cores, 65536 MiB, packages 0-0, 240000 MiB/s, then 2\n"
                 "node 2: 0/0/0 cores, 262144 MiB, packages 0-0, CXL-DRAM, 28000 MiB/s\n"
                 "node 1: 4/4/4 cores, 65536 MiB, packages 1-1, 240000 MiB/s, then 3\n"
                 "node 3: 0/0/0 cores, 262144 MiB, packages 1-1, CXL-DRAM, 28000 MiB/s\n",
                 "team 0 at 0 bandwidth: cores 0-3 on 0-3\n"
                 "team 1 at 1 bandwidth: cores 4-7 on 4-7\n");
}

TEST(one_bandwidth_alone_proves_nothing)
{
    NEEDS_HWLOC; /* That of CXL memory is told, that of the DDR beside it is not. */
    check_server("cxl_half_told.xml", IST_AT_NUMA, 0, 0,
                 "8 of 8 pus, 2 caches, 2 packages\n"
                 "node 0: 4/4/4 cores, 65536 MiB, packages 0-0\n"
                 "node 2: 0/0/0 cores, 262144 MiB, packages 0-0, CXL-DRAM\n"
                 "node 1: 4/4/4 cores, 65536 MiB, packages 1-1\n"
                 "node 3: 0/0/0 cores, 262144 MiB, packages 1-1, CXL-DRAM\n",
                 "team 0 at 0 local: cores 0-3 on 0-3\n"
                 "team 1 at 1 local: cores 4-7 on 4-7\n");
}

TEST(memory_of_the_whole_machine_is_nobodys_home)
{
    NEEDS_HWLOC;
    check_server("[numa(memory=256GiB)] pack:2 [numa(memory=64GiB)] core:4 pu:1", IST_AT_NUMA, 0, 0,
                 "8 of 8 pus, 2 caches, 2 packages\n"
                 "node 0: 4/4/4 cores, 65536 MiB, packages 0-0\n"
                 "node 1: 4/4/4 cores, 65536 MiB, packages 1-1\n"
                 "node 2: 0/0/0 cores, 262144 MiB, packages 0-1\n",
                 "team 0 at 0 local: cores 0-3 on 0-3\n"
                 "team 1 at 1 local: cores 4-7 on 4-7\n");
}

TEST(memory_of_a_gpu_is_nobodys_home)
{
    NEEDS_HWLOC; /* Two Grace; the firmware tells a higher bandwidth for what is the GPU's. */
    check_server("grace.xml", IST_AT_NUMA, 0, 0,
                 "144 of 144 pus, 2 caches, 2 packages\n"
                 "node 0: 72/72/72 cores, 491520 MiB, packages 0-0, 450000 MiB/s\n"
                 "node 2: 0/0/0 cores, 98304 MiB, packages 0-0, GPUMemory\n"
                 "node 1: 72/72/72 cores, 491520 MiB, packages 1-1, 450000 MiB/s\n"
                 "node 3: 0/0/0 cores, 98304 MiB, packages 1-1, GPUMemory\n",
                 "team 0 at 0 local: cores 0-71 on 0-71\n"
                 "team 1 at 1 local: cores 72-143 on 72-143\n");
}

TEST(a_node_without_memory)
{
    NEEDS_HWLOC; /* It is nearer to node 1, says the matrix of distances. */
    check_server("node_without_memory.xml", IST_AT_NUMA, 0, 0,
                 "6 of 6 pus, 2 caches, 3 packages\n"
                 "node 0: 2/2/2 cores, 1024 MiB, packages 0-0\n"
                 "node 1: 4/4/4 cores, 1024 MiB, packages 1-1\n"
                 "closed 2: 0 MiB\n",
                 "team 0 at 0 local: cores 0-1 on 0-1\n"
                 "team 1 at 1 local: cores 2-5 on 2-5\n");
}

TEST(a_node_cut_by_a_cpuset)
{
    NEEDS_HWLOC; /* Of node 1 five cores are left, of node 2 the memory, of node 3 the cores. */
    check_server("cut.xml", IST_AT_NUMA, 0, 0,
                 "21 of 32 pus, 3 caches, 1 packages\n"
                 "node 0: 16/16/16 cores, 32768 MiB\n"
                 "node 1: 5/5/8 cores, 32768 MiB\n"
                 "node 2: 0/0/8 cores, 32768 MiB\n"
                 "closed 3: 32768 MiB\n",
                 "team 0 at 0 local: cores 0-7 13-20 on 0-7 24-31\n"
                 "team 1 at 1 local: cores 8-12 on 10-14\n");
}

TEST(thirteen_of_sixteen_cores)
{
    NEEDS_HWLOC;
    check_server("thirteen.xml", IST_AT_NUMA, 0, 0,
                 "13 of 16 pus, 4 caches, 1 packages\n"
                 "node 0: 3/3/4 cores, 8192 MiB, packages 0-0\n"
                 "node 1: 4/4/4 cores, 8192 MiB, packages 0-0\n"
                 "node 2: 3/3/4 cores, 8192 MiB, packages 0-0\n"
                 "node 3: 3/3/4 cores, 8192 MiB, packages 0-0\n",
                 "team 0 at 0 local: cores 0-2 on 0-1 3\n"
                 "team 1 at 1 local: cores 3-6 on 4-7\n"
                 "team 2 at 2 local: cores 7-9 on 8 10-11\n"
                 "team 3 at 3 local: cores 10-12 on 12-14\n");
    check_server("thirteen.xml", IST_AT_MACHINE, 0, 0,
                 "13 of 16 pus, 4 caches, 1 packages\n"
                 "node 0: 3/3/4 cores, 8192 MiB, packages 0-0\n"
                 "node 1: 4/4/4 cores, 8192 MiB, packages 0-0\n"
                 "node 2: 3/3/4 cores, 8192 MiB, packages 0-0\n"
                 "node 3: 3/3/4 cores, 8192 MiB, packages 0-0\n",
                 "team 0 at 0 local: cores 0-12 on 0-1 3-8 10-14\n");
}

TEST(offline_processors)
{
    NEEDS_HWLOC; /* 3 and 6 */
    check_server("offline.xml", IST_AT_NUMA, 0, 0,
                 "6 of 6 pus, 2 caches, 2 packages\n"
                 "node 0: 3/3/3 cores, 8192 MiB, packages 0-0\n"
                 "node 1: 3/3/3 cores, 8192 MiB, packages 1-1\n",
                 "team 0 at 0 local: cores 0-2 on 0-2\n"
                 "team 1 at 1 local: cores 3-5 on 4-5 7\n");
}
