/* fixture_server.h - a machine given as text or as a file of tests/unit/topologies, its plan, and both as lines of text,
 * so that a test says the whole of what it expects.
 *
 *     server *s = server_open("numa:2 core:4 pu:2");
 *     server_plan(s, IST_AT_NUMA, 0, 0);
 *     CHECK_STR(server_teams(s), "team 0 at 0 local: cores 0-3 on 0-6:2\n"
 *                                 "team 1 at 1 local: cores 4-7 on 8-14:2\n");
 *     server_close(s);
 */
#ifndef IST_TESTS_FIXTURE_SERVER_H
#define IST_TESTS_FIXTURE_SERVER_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ist_test.h"
#include "numa/plan.h"

#ifdef IST_WITH_HWLOC
#  define NEEDS_HWLOC ((void)0)
#else
#  define NEEDS_HWLOC SKIP("this library was built without hwloc")
#endif

typedef struct server {
    ist__topology *topology;
    const ist__machine *machine;
    ist__plan plan;
    char text[1 << 16];
    size_t length;
} server;

/* A text, or the name of a file that ends in .xml. */
static inline server *server_open(const char *description)
{
    char path[2048];
    const size_t length = strlen(description);
    server *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    if (length > 4 && strcmp(description + length - 4, ".xml") == 0) {
        const char *source = getenv("IST_SOURCE");
        if (!source) SKIP("IST_SOURCE is not set");
        snprintf(path, sizeof path, "%s/tests/unit/topologies/%s", source, description);
        description = path;
    }
    ist__error error = {0};
    CHECK_EQ(ist__topology_load(&s->topology, description, &error), IST_OK);
    s->machine = ist__topology_machine(s->topology);
    CHECK(!s->machine->this_system);
    return s;
}

static inline void server_plan(server *s, int32_t team_at, int32_t teams, int32_t threads)
{
    ist__error error = {0};
    ist__plan_free(&s->plan);
    CHECK_EQ(ist__plan_make(&s->plan, s->machine, team_at, teams, threads, &error), IST_OK);
}

static inline void server_close(server *s)
{
    ist__plan_free(&s->plan);
    ist__topology_destroy(s->topology);
    free(s);
}

__attribute__((format(printf, 2, 3))) static inline void server_say(server *s, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    s->length += (size_t)vsnprintf(s->text + s->length, sizeof s->text - s->length, format, list);
    va_end(list);
    CHECK(s->length < sizeof s->text);
}

/* The number at index i of a list that server_say_list writes. */
typedef int32_t (*server_number)(const server *s, int32_t team, int32_t i);

static inline int32_t server_core(const server *s, int32_t team, int32_t i)
{
    return s->plan.teams[team].core[i];
}

static inline int32_t server_pu(const server *s, int32_t team, int32_t i)
{
    return s->machine->cores[server_core(s, team, i)].pu;
}

/* "0-6:2 9" for 0 2 4 6 9: runs of equal steps, two numbers make none. */
static inline void server_say_list(server *s, server_number number, int32_t team)
{
    const int32_t count = s->plan.teams[team].threads;
    for (int32_t i = 0, end; i < count; i = end) {
        const int32_t first = number(s, team, i), step = i + 1 < count ? number(s, team, i + 1) - first : 0;
        for (end = i + 1; end < count && number(s, team, end) == first + step * (end - i);) end++;
        if (step <= 0 || (step > 1 && end - i < 3)) end = i + 1;
        server_say(s, " %d", first);
        if (end - i > 1) server_say(s, "-%d", first + step * (end - i - 1));
        if (end - i > 1 && step > 1) server_say(s, ":%d", step);
    }
}

/* A line a team: its home (as the system numbers it) and why, its cores, and the processing units of its threads. */
static inline const char *server_teams(server *s)
{
    static const char *const why[] = {"local", "bandwidth", "nearest"};
    s->length = 0;
    for (int32_t t = 0; t < s->plan.team_count; t++) {
        const ist__team_plan *team = &s->plan.teams[t];
        server_say(s, "team %d at %d %s: cores", t, s->machine->nodes[team->node].os_index,
                   why[s->machine->cores[team->core[0]].why]);
        server_say_list(s, server_core, t);
        server_say(s, " on");
        server_say_list(s, server_pu, t);
        server_say(s, "\n");
    }
    return s->text;
}

/* A line for the machine (caches and packages are those of our cores), and one a node: cores (ours / allowed / of the machine), MiB, packages, kind, MiB/s, where it falls back; then the nodes
 * that are none of ours. */
static inline const char *server_nodes(server *s)
{
    const ist__machine *m = s->machine;
    s->length = 0;
    server_say(s, "%d of %d pus, %d caches, %d packages\n", m->pus_allowed, m->pus, m->l3_count, m->package_count);
    for (int32_t n = 0; n < s->machine->node_count; n++) {
        const ist__node *node = &s->machine->nodes[n];
        server_say(s, "node %d: %d/%d/%d cores, %lld MiB", node->os_index, node->cores, node->cores_allowed,
                   node->cores_all, (long long)(node->memory_bytes >> 20));
        if (node->packages[0] >= 0) server_say(s, ", packages %d-%d", node->packages[0], node->packages[1]);
        if (*node->kind) server_say(s, ", %s", node->kind);
        if (node->bandwidth_mibs > 0) server_say(s, ", %lld MiB/s", (long long)node->bandwidth_mibs);
        if (node->next >= 0) server_say(s, ", then %d", s->machine->nodes[node->next].os_index);
        server_say(s, "\n");
    }
    for (int32_t n = 0; n < s->machine->closed_count; n++) {
        const ist__closed_node *node = &s->machine->closed[n];
        server_say(s, "closed %d: %lld MiB\n", node->os_index, (long long)(node->memory_bytes >> 20));
    }
    return s->text;
}

/* The machine and its plan are exactly these lines. */
static inline void check_server(const char *description, int32_t team_at, int32_t teams, int32_t threads,
                                const char *nodes, const char *planned)
{
    server *s = server_open(description);
    CHECK_STR(server_nodes(s), nodes);
    server_plan(s, team_at, teams, threads);
    CHECK_STR(server_teams(s), planned);
    server_close(s);
}

#endif
