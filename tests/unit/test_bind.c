/* test_bind.c - a thread's mask: bound, read back, restored; asked of the system itself, not of what we were told. */
#define _GNU_SOURCE
#include <errno.h>

#include "affinity.h"
#include "ist_test.h"
#include "numa/bind.h"

static ist__topology *load(const char *description)
{
    ist__topology *topology = NULL;
    CHECK_EQ(ist__topology_load(&topology, description, NULL), IST_OK);
    return topology;
}

TEST(each_processor_can_be_bound_to)
{
    ist__topology *topology = load(NULL);
    const ist__machine *m = ist__topology_machine(topology);
    const affinity before = affinity_now();
    for (int32_t c = 0; c < m->core_count; c++) {
        ist__binding *saved = NULL;
        CHECK_EQ(ist__bind_save(topology, &saved), 0);
        CHECK_EQ(ist__bind_to(topology, m->cores[c].pu), 0);
        const affinity bound = affinity_now();
        CHECK_EQ(affinity_count(&bound), 1);
        CHECK(affinity_has(&bound, m->cores[c].pu));
        CHECK_EQ(sched_getcpu(), m->cores[c].pu);
        CHECK_EQ(ist__bind_where(topology), m->cores[c].pu);
        CHECK_EQ(ist__bind_restore(topology, saved), 0);
        const affinity after = affinity_now();
        CHECK(affinity_equal(&before, &after));
    }
    ist__topology_destroy(topology);
}

TEST(a_narrow_mask_is_restored_as_it_was)
{
    ist__topology *topology = load(NULL); /* sees the whole mask; the thread's is narrowed after */
    const affinity whole = affinity_now();
    if (affinity_count(&whole) < 2) SKIP("needs two processors");
    CHECK_EQ(affinity_set_one(affinity_cpu(&whole, 1)), 0);
    const affinity before = affinity_now();
    ist__binding *saved = NULL;
    CHECK_EQ(ist__bind_save(topology, &saved), 0);
    CHECK_EQ(ist__bind_to(topology, affinity_cpu(&whole, 0)), 0);
    CHECK_EQ(sched_getcpu(), affinity_cpu(&whole, 0));
    CHECK_EQ(ist__bind_restore(topology, saved), 0);
    const affinity after = affinity_now();
    CHECK(affinity_equal(&before, &after));
    ist__topology_destroy(topology);
}

TEST(a_processor_that_is_not_there_is_refused)
{
    ist__topology *topology = load(NULL);
    const affinity before = affinity_now();
    CHECK(ist__bind_to(topology, 8000) != 0);
    CHECK(ist__bind_to(topology, -1) != 0);
    const affinity after = affinity_now();
    CHECK(affinity_equal(&before, &after));
    CHECK_EQ(ist__bind_restore(topology, NULL), 0);
    ist__topology_destroy(topology);
}

TEST(a_text_binds_nothing)
{
#ifndef IST_WITH_HWLOC
    SKIP("this library was built without hwloc");
#endif
    ist__topology *topology = load("numa:2 core:1 pu:1");
    const affinity before = affinity_now();
    ist__binding *saved = NULL;
    CHECK_EQ(ist__bind_to(topology, 0), ENOSYS); /* hwloc itself would say yes here */
    CHECK_EQ(ist__bind_save(topology, &saved), ENOSYS);
    CHECK(saved == NULL);
    CHECK_EQ(ist__bind_where(topology), -1);
    const affinity after = affinity_now();
    CHECK(affinity_equal(&before, &after));
    ist__topology_destroy(topology);
}
