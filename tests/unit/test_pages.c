/* test_pages.c - regions, first touch, and where the kernel says that pages are.
 *
 * The last cases need several nodes: tests/numa/test_units.sh runs them in a guest that has four.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ist_test.h"
#include "numa/pages.h"
#include "numa/report.h"
#include "numa/team.h"

enum { HUGE_BYTES = IST__HUGE_PAGE_BYTES, MOST_NODES = 64 };

static ist__topology *load(const char *description)
{
    ist__topology *topology = NULL;
    CHECK_EQ(ist__topology_load(&topology, description, NULL), IST_OK);
    CHECK(ist__topology_machine(topology)->node_count <= MOST_NODES);
    return topology;
}

static ist__topology *load_text(void)
{
#ifndef IST_WITH_HWLOC
    SKIP("this library was built without hwloc");
#endif
    return load("numa:2 core:2 pu:1");
}

/* ---------------------------------------------------------------------------------------------------- regions -- */

TEST(regions_are_whole_huge_pages)
{
    static const size_t sizes[] = {0, 1, 4096, HUGE_BYTES - 1, HUGE_BYTES, HUGE_BYTES + 1, 5 * HUGE_BYTES - 7};
    ist__topology *topology = load(NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ist__region region = {0};
        ist__refusals refusals = {0};
        CHECK_EQ(ist__region_create(&region, topology, sizes[i], -1, IST_PLACE_TRY, &refusals, NULL), IST_OK);
        CHECK_EQ((uintptr_t)region.base % HUGE_BYTES, 0);
        CHECK_EQ(region.bytes % HUGE_BYTES, 0);
        CHECK(region.bytes >= sizes[i] && region.bytes >= HUGE_BYTES && region.bytes < sizes[i] + HUGE_BYTES + 1);
        CHECK_EQ(region.node, -1);
        CHECK_EQ(refusals.bind_memory, 0);
        for (size_t at = 0; at < region.bytes; at += 4096) CHECK_EQ(region.base[at], 0);
        memset(region.base, 1, region.bytes); /* all of it is ours */
        ist__region_destroy(&region);
        CHECK(region.base == NULL && region.bytes == 0);
        ist__region_destroy(&region);
    }
    ist__topology_destroy(topology);
}

TEST(what_is_taken_is_aligned_and_apart)
{
    ist__topology *topology = load(NULL);
    ist__region region = {0};
    CHECK_EQ(ist__region_size(0), 0);
    CHECK_EQ(ist__region_size(1), 64);
    CHECK_EQ(ist__region_size(64), 64);
    CHECK_EQ(ist__region_size(65), 128);
    CHECK_EQ(ist__region_create(&region, topology, HUGE_BYTES, -1, IST_PLACE_TRY, NULL, NULL), IST_OK);
    unsigned char *first = ist__region_take(&region, 1), *second = ist__region_take(&region, 100);
    CHECK(first == region.base);
    CHECK(second == first + 64);
    CHECK(ist__region_take(&region, SIZE_MAX) == NULL);
    CHECK(ist__region_take(&region, HUGE_BYTES - 192 + 1) == NULL); /* does not fit: nothing is taken */
    CHECK(ist__region_take(&region, HUGE_BYTES - 192) == second + 128);
    CHECK(ist__region_take(&region, 1) == NULL);
    ist__region_destroy(&region);
    ist__topology_destroy(topology);
}

TEST(refusals_are_counted_or_fatal)
{
    ist__topology *topology = load_text();
    ist__refusals refusals = {0};
    ist__error error = {0};
    ist__region region = {.node = 77};
    CHECK_EQ(ist__region_create(&region, topology, 1, 1, IST_PLACE_STRICT, &refusals, &error), IST_E_PLACEMENT);
    CHECK(strstr(error.text, "ENOSYS") != NULL);
    CHECK_EQ(region.node, 77); /* untouched */
    CHECK_EQ(refusals.bind_memory, 1);
    CHECK_EQ(ist__region_create(&region, topology, 1, 1, IST_PLACE_TRY, &refusals, &error), IST_OK);
    CHECK_EQ(region.node, 1);
    CHECK_EQ(refusals.bind_memory, 2);
    CHECK_EQ(refusals.bind_memory_errno, ENOSYS);
    CHECK_EQ(ist__region_bind(&region, topology, 0, HUGE_BYTES, 0, IST_PLACE_TRY, NULL, NULL), IST_OK);
    ist__region_destroy(&region);
    CHECK_EQ(ist__region_create(&region, topology, 1, 1, IST_PLACE_NONE, &refusals, &error), IST_OK);
    CHECK_EQ(refusals.bind_memory, 2); /* not even asked */
    ist__region_destroy(&region);
    ist__topology_destroy(topology);
}

TEST(parts_that_cannot_be_bound_are_refused)
{
    ist__topology *topology = load(NULL);
    const int32_t nodes = ist__topology_machine(topology)->node_count;
    ist__region region = {0};
    CHECK_EQ(ist__region_create(&region, topology, 2 * HUGE_BYTES, -1, IST_PLACE_TRY, NULL, NULL), IST_OK);
    static const size_t parts[][2] = {
        {4096, HUGE_BYTES}, {0, 4096}, {0, 3 * HUGE_BYTES}, {3 * HUGE_BYTES, 0}, {HUGE_BYTES, (size_t)-HUGE_BYTES}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        CHECK_EQ(ist__region_bind(&region, topology, parts[i][0], parts[i][1], 0, IST_PLACE_TRY, NULL, NULL),
                 IST_E_ARGUMENT);
    CHECK_EQ(ist__region_bind(&region, topology, 0, HUGE_BYTES, nodes, IST_PLACE_TRY, NULL, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist__region_bind(&region, topology, 0, HUGE_BYTES, -1, IST_PLACE_TRY, NULL, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist__region_bind(&region, topology, HUGE_BYTES, HUGE_BYTES, 0, IST_PLACE_TRY, NULL, NULL), IST_OK);
    ist__region other = {.node = 77};
    CHECK_EQ(ist__region_create(&other, topology, 1, nodes, IST_PLACE_TRY, NULL, NULL), IST_E_ARGUMENT);
    CHECK_EQ(other.node, 77);
    ist__region_destroy(&region);
    ist__topology_destroy(topology);
}

TEST(what_no_machine_has_is_out_of_memory)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2, SIZE_MAX / 4};
    ist__topology *topology = load(NULL);
    ist__region region = {.node = 77};
    ist__error error = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        CHECK_EQ(ist__region_create(&region, topology, sizes[i], -1, IST_PLACE_TRY, NULL, &error), IST_E_MEMORY);
    CHECK_EQ(region.node, 77);
    ist__topology_destroy(topology);
}

/* ---------------------------------------------------------------------------------------------- where pages are -- */

static int64_t sum(const int64_t *values, int32_t count)
{
    int64_t all = 0;
    for (int32_t i = 0; i < count; i++) all += values[i];
    return all;
}

/* A region whose small pages can be touched one by one. */
static ist__region small_pages(const ist__topology *topology)
{
    ist__region region = {0};
    CHECK_EQ(ist__region_create(&region, topology, 2 * HUGE_BYTES, -1, IST_PLACE_NONE, NULL, NULL), IST_OK);
    madvise(region.base, region.bytes, MADV_NOHUGEPAGE);
    return region;
}

TEST(touched_pages_are_counted_exactly)
{
    ist__topology *topology = load(NULL);
    const ist__machine *m = ist__topology_machine(topology);
    const int32_t nodes = m->node_count;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int64_t by_node[MOST_NODES + 1];
    ist__region region = small_pages(topology);
    const int refusal = ist__pages_where(m, region.base, region.bytes, by_node);
    if (refusal) SKIP("move_pages is refused here");
    CHECK_EQ(by_node[nodes], region.bytes); /* nothing exists before it is touched */
    CHECK_EQ(sum(by_node, nodes), 0);

    ist__pages_touch(region.base + 3 * page, 5 * page);
    CHECK_EQ(ist__pages_where(m, region.base, region.bytes, by_node), 0);
    CHECK_EQ(sum(by_node, nodes), 5 * page);
    CHECK_EQ(sum(by_node, nodes + 1), region.bytes);

    /* From inside one page to inside another: half a page untouched, two and a half touched. */
    CHECK_EQ(ist__pages_where(m, region.base + 2 * page + page / 2, 3 * page, by_node), 0);
    CHECK_EQ(by_node[nodes], page / 2);
    CHECK_EQ(sum(by_node, nodes), 2 * page + page / 2);
    CHECK_EQ(ist__pages_where(m, region.base + 3 * page + 7, 1, by_node), 0);
    CHECK_EQ(sum(by_node, nodes), 1);
    CHECK_EQ(ist__pages_where(m, region.base, 0, by_node), 0);
    CHECK_EQ(sum(by_node, nodes + 1), 0);

    ist__pages_touch(region.base, region.bytes);
    CHECK_EQ(ist__pages_where(m, region.base, region.bytes, by_node), 0);
    CHECK_EQ(sum(by_node, nodes), region.bytes);
    ist__region_destroy(&region);
    ist__topology_destroy(topology);
}

TEST(touch_reaches_the_pages_of_both_ends)
{
    ist__topology *topology = load(NULL);
    const ist__machine *m = ist__topology_machine(topology);
    int64_t by_node[MOST_NODES + 1];
    ist__region region = small_pages(topology);
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (ist__pages_where(m, region.base, page, by_node)) SKIP("move_pages is refused here");
    region.base[page - 2] = 7; /* belongs to a neighbour: not part of what is touched next */
    ist__pages_touch(region.base + page - 1, 2);
    CHECK_EQ(region.base[page - 2], 7);
    ist__pages_touch(region.base + 5 * page, 0);
    CHECK_EQ(ist__pages_where(m, region.base, region.bytes, by_node), 0);
    CHECK_EQ(sum(by_node, m->node_count), 2 * page);
    ist__region_destroy(&region);
    ist__topology_destroy(topology);
}

TEST(pages_of_a_text_are_unknown)
{
    ist__topology *topology = load_text();
    char bytes[100];
    int64_t by_node[MOST_NODES + 1] = {1, 2, 3};
    CHECK_EQ(ist__pages_where(ist__topology_machine(topology), bytes, sizeof bytes, by_node), ENOSYS);
    CHECK_EQ(by_node[0], 0);
    CHECK_EQ(by_node[1], 0);
    CHECK_EQ(by_node[2], 100);
    ist__topology_destroy(topology);
}

TEST(settings_are_words_of_the_kernel)
{
    const ist__page_settings s = ist__pages_settings();
    CHECK(strcmp(s.huge_pages, "always") == 0 || strcmp(s.huge_pages, "madvise") == 0 ||
          strcmp(s.huge_pages, "never") == 0 || strcmp(s.huge_pages, "unknown") == 0);
    CHECK(strcmp(s.numa_balancing, "unknown") == 0 ||
          strspn(s.numa_balancing, "0123456789") == strlen(s.numa_balancing));
    CHECK(strlen(s.numa_balancing) > 0);
}

TEST(report_of_pages_has_its_keys)
{
    ist__topology *topology = load(NULL);
    const ist__machine *m = ist__topology_machine(topology);
    ist__region region = {0};
    CHECK_EQ(ist__region_create(&region, topology, 1, 0, IST_PLACE_TRY, NULL, NULL), IST_OK);
    ist__pages_touch(region.base, region.bytes);
    json_t *json = ist__report_pages(m, region.base, region.bytes, 0);
    CHECK_EQ(json_object_size(json), 4);
    const int64_t local = json_integer_value(json_object_get(json, "local_bytes"));
    const int64_t unknown = json_integer_value(json_object_get(json, "unknown_bytes"));
    const json_t *by_node = json_object_get(json, "by_node");
    CHECK_EQ(json_integer_value(json_object_get(json, "bytes")), region.bytes);
    CHECK_EQ(json_array_size(by_node), m->node_count);
    CHECK_EQ(local, json_integer_value(json_array_get(by_node, 0)));
    CHECK(local + unknown <= (int64_t)region.bytes && local + unknown > 0);
    json_decref(json);
    json = ist__report_pages(m, region.base, region.bytes, -1);
    CHECK_EQ(json_integer_value(json_object_get(json, "local_bytes")), 0);
    json_decref(json);
    ist__region_destroy(&region);
    ist__topology_destroy(topology);
}

/* ---------------------------------------------------------------------------------------------- several nodes -- */

typedef struct land {
    ist__topology *topology;
    const ist__machine *machine;
    ist__plan plan;
    ist__crew *crew;
    ist__region region[MOST_NODES]; /* one a team */
    ist__refusals refusals[MOST_NODES];
    atomic_int failed;
    int32_t shift; /* the region of a team is touched by the team so far behind it */
    int32_t bind;  /* is it bound to its home? */
    size_t bytes;
} land;

static void make_land(land *l)
{
    memset(l, 0, sizeof *l);
    l->topology = load(NULL);
    l->machine = ist__topology_machine(l->topology);
    CHECK_EQ(ist__plan_make(&l->plan, l->machine, IST_AT_NUMA, 0, 0, NULL), IST_OK);
    CHECK_EQ(ist__crew_create(&l->crew, l->topology, &l->plan, IST_PLACE_STRICT, NULL), IST_OK);
    if (l->plan.team_count < 2) SKIP("needs two NUMA nodes with processors");
}

static void destroy_land(land *l)
{
    for (int32_t t = 0; t < l->plan.team_count; t++) ist__region_destroy(&l->region[t]);
    ist__crew_destroy(l->crew);
    ist__plan_free(&l->plan);
    ist__topology_destroy(l->topology);
}

/* The first of a team makes its region; then every thread of the team that is to touch it takes a band. */
static void settle(void *argument, ist__worker *w)
{
    land *l = argument;
    if (w->rank == 0) {
        const int32_t node = l->bind ? l->plan.teams[w->team].node : -1;
        const ist_status status = ist__region_create(&l->region[w->team], l->topology, l->bytes, node, IST_PLACE_STRICT,
                                                     &l->refusals[w->team], NULL);
        if (status != IST_OK) atomic_fetch_add(&l->failed, 1);
    }
    ist__all_barrier(w);
    ist__region *mine = &l->region[(w->team + l->shift) % w->teams];
    int64_t first, last;
    ist__share((int64_t)mine->bytes, w->rank, w->size, &first, &last);
    if (mine->base) ist__pages_touch(mine->base + first, (size_t)(last - first));
}

/* Bytes of team t's region on the home node of team `of`. */
static int64_t bytes_at_home(const land *l, int32_t t, int32_t of)
{
    int64_t by_node[MOST_NODES + 1];
    CHECK_EQ(ist__pages_where(l->machine, l->region[t].base, l->region[t].bytes, by_node), 0);
    CHECK_EQ(sum(by_node, l->machine->node_count + 1), l->region[t].bytes);
    return by_node[l->plan.teams[of].node];
}

static void run_land(land *l)
{
    CHECK_EQ(ist__crew_run(l->crew, settle, l, NULL), IST_OK);
    CHECK_EQ(l->failed, 0);
}

TEST(every_byte_is_on_the_node_of_its_team)
{
    static land l;
    make_land(&l);
    l.bind = 1;
    l.bytes = 12 * HUGE_BYTES;
    run_land(&l);
    for (int32_t t = 0; t < l.plan.team_count; t++) {
        CHECK_EQ(bytes_at_home(&l, t, t), l.region[t].bytes);
        CHECK_EQ(l.region[t].node, l.plan.teams[t].node);
    }
    destroy_land(&l);
}

/* The binding counts, not the thread: another node's team touches, and the pages are at home all the same. */
TEST(bound_regions_are_at_home_whoever_touches)
{
    static land l;
    make_land(&l);
    l.bind = 1;
    l.shift = 1;
    l.bytes = 4 * HUGE_BYTES;
    run_land(&l);
    for (int32_t t = 0; t < l.plan.team_count; t++) CHECK_EQ(bytes_at_home(&l, t, t), l.region[t].bytes);
    destroy_land(&l);
}

/* That the count can tell remote from local: without binding, pages are where they are touched, here by the wrong team,
 * and must be reported there.  Most of them only: nobody promises where unbound pages go.  With NUMA balancing on, the
 * kernel watches unbound pages, and Linux 6.1 tells of those that it watches as not present. */
TEST(unbound_regions_touched_from_elsewhere_are_remote)
{
    static land l;
    make_land(&l);
    if (strcmp(ist__pages_settings().numa_balancing, "0") != 0) SKIP("NUMA balancing hides unbound pages");
    l.shift = 1;
    l.bytes = 12 * HUGE_BYTES;
    run_land(&l);
    int64_t all = 0, home = 0, away = 0;
    for (int32_t t = 0; t < l.plan.team_count; t++) {
        const int32_t toucher = (t + l.plan.team_count - 1) % l.plan.team_count;
        all += (int64_t)l.region[t].bytes;
        home += bytes_at_home(&l, t, t);
        away += bytes_at_home(&l, t, toucher);
    }
    CHECK(home < all / 4);
    CHECK(away > all / 2);
    destroy_land(&l);
}

TEST(stripes_of_one_region_are_on_their_nodes)
{
    static land l;
    make_land(&l);
    ist__region *region = &l.region[0];
    const int32_t teams = l.plan.team_count;
    CHECK_EQ(ist__region_create(region, l.topology, (size_t)teams * 2 * HUGE_BYTES, -1, IST_PLACE_STRICT, NULL, NULL),
             IST_OK);
    for (int32_t t = 0; t < teams; t++)
        CHECK_EQ(ist__region_bind(region, l.topology, (size_t)t * 2 * HUGE_BYTES, 2 * HUGE_BYTES, l.plan.teams[t].node,
                                  IST_PLACE_STRICT, NULL, NULL),
                 IST_OK);
    ist__pages_touch(region->base, region->bytes); /* all by this one thread */
    for (int32_t t = 0; t < teams; t++) {
        int64_t by_node[MOST_NODES + 1];
        const void *stripe = region->base + (size_t)t * 2 * HUGE_BYTES;
        CHECK_EQ(ist__pages_where(l.machine, stripe, 2 * HUGE_BYTES, by_node), 0);
        CHECK_EQ(by_node[l.plan.teams[t].node], 2 * HUGE_BYTES);
    }
    destroy_land(&l);
}
