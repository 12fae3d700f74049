/* fixture_crew.h - a crew of teams and threads, with the topology and the plan that it needs. */
#ifndef IST_TESTS_FIXTURE_CREW_H
#define IST_TESTS_FIXTURE_CREW_H

#include "ist_test.h"
#include "numa/team.h"

enum { MOST_THREADS = 64 };

typedef struct crew {
    ist__topology *topology;
    ist__plan plan;
    ist__crew *crew;
} crew;

/* description NULL: this machine.  Teams and threads anywhere on it.  *c may not move: the crew points into it. */
static inline void crew_make(crew *c, const char *description, int32_t teams, int32_t threads, int32_t placement)
{
    *c = (crew){0};
    CHECK_EQ(ist__topology_load(&c->topology, description, NULL), IST_OK);
    CHECK_EQ(ist__plan_make(&c->plan, ist__topology_machine(c->topology), IST_AT_MACHINE, teams, threads, NULL),
             IST_OK);
    CHECK(c->plan.thread_count <= MOST_THREADS);
    CHECK_EQ(ist__crew_create(&c->crew, c->topology, &c->plan, placement, NULL), IST_OK);
}

static inline void crew_destroy(crew *c)
{
    ist__crew_destroy(c->crew);
    ist__plan_free(&c->plan);
    ist__topology_destroy(c->topology);
}

#endif
