/* test_topology.c - what is read of this machine, of texts, and of two machines that are told in XML. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "again.h"
#include "affinity.h"
#include "ist_test.h"
#include "numa/report.h"
#include "numa/topology.h"

#ifdef IST_WITH_HWLOC
#  define NEEDS_HWLOC ((void)0)
#else
#  define NEEDS_HWLOC SKIP("this library was built without hwloc")
#endif

static ist__topology *load(const char *description)
{
    ist__topology *topology = NULL;
    ist__error error = {0};
    CHECK_EQ(ist__topology_load(&topology, description, &error), IST_OK);
    CHECK(topology != NULL);
    return topology;
}

static ist__topology *load_fixture(const char *name)
{
    char path[2048];
    const char *source = getenv("IST_SOURCE");
    if (!source) SKIP("IST_SOURCE is not set");
    snprintf(path, sizeof path, "%s/tests/unit/topologies/%s", source, name);
    return load(path);
}

/* What holds of every machine. */
static void check_machine(const ist__machine *m)
{
    int32_t cores = 0;
    CHECK(m->core_count >= 1 && m->node_count >= 1 && m->package_count >= 1 && m->l3_count >= 1);
    CHECK(m->core_count <= m->pus_allowed && m->pus_allowed <= m->pus);
    CHECK(strlen(m->source) > 0);
    for (int32_t c = 0; c < m->core_count; c++) {
        CHECK(m->cores[c].node >= 0 && m->cores[c].node < m->node_count);
        CHECK(m->cores[c].l3 >= 0 && m->cores[c].l3 < m->l3_count);
        CHECK(m->cores[c].package >= 0 && m->cores[c].package < m->package_count);
        for (int32_t other = 0; other < c; other++) CHECK(m->cores[other].pu != m->cores[c].pu);
    }
    for (int32_t n = 0; n < m->node_count; n++) cores += m->nodes[n].cores;
    CHECK_EQ(cores, m->core_count);
}

TEST(this_machine_is_read)
{
    ist__topology *topology = load(NULL);
    const ist__machine *m = ist__topology_machine(topology);
    const affinity mask = affinity_now();
    check_machine(m);
    CHECK(m->this_system);
    if (!m->omp_places) CHECK_EQ(m->pus_allowed, affinity_count(&mask));
    for (int32_t c = 0; c < m->core_count; c++) CHECK(m->omp_places || affinity_has(&mask, m->cores[c].pu));
    ist__topology_destroy(topology);
}

TEST(the_affinity_mask_restricts)
{
    const affinity before = affinity_now();
    if (affinity_count(&before) < 2) SKIP("needs two processors");
    const int last = affinity_cpu(&before, affinity_count(&before) - 1);
    CHECK_EQ(affinity_set_one(last), 0);
    ist__topology *topology = load(NULL);
    CHECK_EQ(affinity_set(&before), 0);
    const ist__machine *m = ist__topology_machine(topology);
    check_machine(m);
    if (m->omp_places) SKIP("OMP places are in force");
    CHECK_EQ(m->pus_allowed, 1);
    CHECK_EQ(m->core_count, 1);
    CHECK_EQ(m->cores[0].pu, last);
    CHECK(m->pus >= affinity_count(&before));
    ist__topology_destroy(topology);
}

TEST(omp_places_count_in_place_of_the_mask)
{
    if (!again_child()) {
        CHECK_EQ(again("omp_places_count_in_place_of_the_mask", "OMP_PROC_BIND", "true"), 0);
        return;
    }
    const affinity bound = affinity_now(); /* by the run time, before main */
    ist__topology *topology = load(NULL);
    const ist__machine *m = ist__topology_machine(topology);
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) SKIP("needs two processors");
    CHECK(m->omp_places);
    CHECK(m->pus_allowed >= affinity_count(&bound));
#ifdef __clang__ /* OpenBLAS brings libgomp with it, which obeys the variable too, and sometimes before libomp looks */
    if (m->pus_allowed == 1) SKIP("libgomp, loaded beside libomp, has bound the thread first");
#endif
    CHECK(m->pus_allowed > 1);
    ist__topology_destroy(topology);
}

TEST(omp_places_restrict)
{
    const affinity mask = affinity_now();
    if (!again_child()) {
        char place[32];
        if (affinity_count(&mask) < 2) SKIP("needs two processors");
        snprintf(place, sizeof place, "{%d}", affinity_cpu(&mask, 1));
        setenv("IST_TEST_PLACE", place + 1, 1);
        CHECK_EQ(again("omp_places_restrict", "OMP_PLACES", place), 0);
        return;
    }
    ist__topology *topology = load(NULL);
    const ist__machine *m = ist__topology_machine(topology);
    CHECK(m->omp_places);
    CHECK_EQ(m->pus_allowed, 1);
    CHECK_EQ(m->cores[0].pu, atoi(getenv("IST_TEST_PLACE")));
    ist__topology_destroy(topology);
}

TEST(two_sockets_of_four_nodes_with_two_threads_a_core)
{
    NEEDS_HWLOC;
    ist__topology *topology = load("pack:2 numa:4 l3:1 core:3 pu:2");
    const ist__machine *m = ist__topology_machine(topology);
    check_machine(m);
    CHECK(!m->this_system);
    CHECK_EQ(m->pus, 48);
    CHECK_EQ(m->pus_allowed, 48);
    CHECK_EQ(m->core_count, 24);
    CHECK_EQ(m->node_count, 8);
    CHECK_EQ(m->l3_count, 8);
    CHECK_EQ(m->package_count, 2);
    for (int32_t c = 0; c < 24; c++) {
        CHECK_EQ(m->cores[c].pu, 2 * c);
        CHECK_EQ(m->cores[c].node, c / 3);
        CHECK_EQ(m->cores[c].package, c / 12);
    }
    for (int32_t n = 0; n < 8; n++) CHECK_EQ(m->nodes[n].cores, 3);
    ist__topology_destroy(topology);
}

TEST(processors_of_a_node_are_not_one_range)
{
    NEEDS_HWLOC; /* processors are numbered round robin over the nodes, as many firmwares do */
    ist__topology *topology = load("numa:2 core:2 pu:1(indexes=0,2,1,3)");
    const ist__machine *m = ist__topology_machine(topology);
    check_machine(m);
    CHECK_EQ(m->cores[0].pu, 0);
    CHECK_EQ(m->cores[1].pu, 2);
    CHECK_EQ(m->cores[1].node, 0);
    CHECK_EQ(m->cores[2].pu, 1);
    CHECK_EQ(m->cores[2].node, 1);
    ist__topology_destroy(topology);
}

TEST(processors_without_cores_are_cores)
{
    NEEDS_HWLOC;
    ist__topology *topology = load("numa:2 pu:4");
    check_machine(ist__topology_machine(topology));
    CHECK_EQ(ist__topology_machine(topology)->core_count, 8);
    CHECK_EQ(ist__topology_machine(topology)->l3_count, 2); /* no such cache is told: a node stands for it */
    CHECK_EQ(ist__topology_machine(topology)->package_count, 1);
    ist__topology_destroy(topology);
}

TEST(sixty_four_nodes)
{
    NEEDS_HWLOC;
    ist__topology *topology = load("pack:32 numa:2 core:16 pu:2");
    check_machine(ist__topology_machine(topology));
    CHECK_EQ(ist__topology_machine(topology)->node_count, 64);
    CHECK_EQ(ist__topology_machine(topology)->core_count, 1024);
    CHECK_EQ(ist__topology_machine(topology)->pus, 2048);
    ist__topology_destroy(topology);
}

TEST(partly_allowed_cores_count_once)
{
    NEEDS_HWLOC; /* of 4 cores x 2 threads we may use 1 (half of core 0), 2 and 3 (core 1), 6 (half of core 3) */
    ist__topology *topology = load_fixture("smt2_half_allowed.xml");
    const ist__machine *m = ist__topology_machine(topology);
    check_machine(m);
    CHECK_EQ(m->pus, 8);
    CHECK_EQ(m->pus_allowed, 4);
    CHECK_EQ(m->core_count, 3);
    CHECK_EQ(m->cores[0].pu, 1);
    CHECK_EQ(m->cores[1].pu, 2);
    CHECK_EQ(m->cores[2].pu, 6);
    ist__topology_destroy(topology);
}

TEST(cores_of_a_node_without_memory_go_to_the_nearest)
{
    NEEDS_HWLOC; /* node 2 has no memory; it is at distance 20 from node 0 and 15 from node 1 */
    ist__topology *topology = load_fixture("node_without_memory.xml");
    const ist__machine *m = ist__topology_machine(topology);
    check_machine(m);
    CHECK_EQ(m->node_count, 2);
    CHECK_EQ(m->core_count, 6);
    CHECK_EQ(m->nodes[0].cores, 2);
    CHECK_EQ(m->nodes[1].cores, 4);
    CHECK_EQ(m->cores[5].node, 1);
    CHECK_EQ(m->package_count, 3);
    ist__topology_destroy(topology);
}

TEST(what_is_not_understood_is_refused)
{
    ist__topology *const untouched = (ist__topology *)&errno;
    ist__topology *topology = untouched;
    ist__error error = {0};
    CHECK_EQ(ist__topology_load(&topology, "nonsense:2", &error), IST_E_ARGUMENT);
    CHECK(strstr(error.text, "nonsense:2") != NULL);
    CHECK(topology == untouched);
    CHECK_EQ(ist__topology_load(&topology, "", NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist__topology_load(&topology, "/nowhere/machine.xml", NULL), IST_E_ARGUMENT);
    NEEDS_HWLOC;
    CHECK_EQ(ist__topology_load(&topology, "/proc/self/exe", &error), IST_E_FORMAT); /* a file, but not XML */
    CHECK(topology == untouched);
    ist__topology_destroy(NULL);
}

/* As a damaged file may have it: there were more cores then than processing units. */
TEST(two_processing_units_of_one_number_are_refused)
{
    NEEDS_HWLOC;
    const char *source = getenv("IST_SOURCE");
    if (!source) SKIP("IST_SOURCE is not set");
    char path[2048];
    ist__topology *topology = NULL;
    ist__error error = {0};
    snprintf(path, sizeof path, "%s/tests/fuzz/regress/topology/pu_number_twice.xml", source);
    CHECK_EQ(ist__topology_load(&topology, path, &error), IST_E_FORMAT);
    CHECK(strstr(error.text, "PU have number 0") != NULL);
    CHECK(topology == NULL);
}

TEST(memory_of_a_text_cannot_be_bound)
{
    NEEDS_HWLOC;
    ist__topology *topology = load("numa:2 core:2 pu:1");
    char byte = 0;
    CHECK_EQ(ist__topology_bind_memory(topology, &byte, 1, 1), ENOSYS);
    CHECK_EQ(ist__topology_bind_memory(topology, &byte, 1, 2), EINVAL);
    CHECK_EQ(ist__topology_bind_memory(topology, &byte, 1, -1), EINVAL);
    ist__topology_destroy(topology);
}

TEST(report_of_the_machine_has_its_keys)
{
    ist__topology *topology = load(NULL);
    const ist__machine *m = ist__topology_machine(topology);
    json_t *json = ist__report_machine(m);
    static const char *const keys[] = {"source", "this_system", "pus", "pus_allowed", "cores", "cores_allowed", "part",
                                       "parts",  "packages",    "l3s", "omp_places",  "nodes", "closed"};
    CHECK(json != NULL);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) CHECK(json_object_get(json, keys[i]) != NULL);
    CHECK_EQ(json_object_size(json), sizeof keys / sizeof *keys);
    CHECK_EQ(json_integer_value(json_object_get(json, "cores")), m->core_count);
    const json_t *nodes = json_object_get(json, "nodes");
    CHECK_EQ(json_array_size(nodes), m->node_count);
    CHECK_EQ(json_integer_value(json_object_get(json_array_get(nodes, 0), "os_index")), m->nodes[0].os_index);
    CHECK_EQ(json_integer_value(json_object_get(json_array_get(nodes, 0), "cores")), m->nodes[0].cores);
    CHECK(json_object_get(json_array_get(nodes, 0), "memory_bytes") != NULL);
    CHECK(json_object_get(json_array_get(nodes, 0), "node") != NULL);
    json_decref(json);
    ist__topology_destroy(topology);
}
