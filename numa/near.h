/* near.h - small hot memory that is not in any region: pages for each team, and the stacks of threads that are not ours. */
#ifndef IST_NUMA_NEAR_H
#define IST_NUMA_NEAR_H

#include "numa/pages.h"
#include "numa/plan.h"

/* Pages for each team, on its node, for the words that its threads tell one another all the time. */
typedef struct ist__team_pages {
    unsigned char *base;
    size_t team_bytes; /* of each team: whole pages */
    int32_t teams;
} ist__team_pages;

/* `bytes` or more for each team, zeroed.  A refusal to bind is no error: regions are refused in the same way, and counted.
 * False: out of memory. */
bool ist__team_pages_create(ist__team_pages *out, const ist__topology *topology, const ist__plan *plan,
                            int32_t placement, size_t bytes);
void ist__team_pages_destroy(ist__team_pages *pages); /* a zeroed one is fine */
void *ist__team_page(const ist__team_pages *pages, int32_t team);

/* The part of a stack that work beginning at `at` uses: from *first, so many bytes. */
size_t ist__stack_part(const void *at, const unsigned char **first);

/* Move what there is of that part of the calling thread's stack to `node`: threads of the OpenMP run time touched it
 * before they were bound.  Nothing but its place changes, and a refusal is no error: it shows in the report. */
void ist__stack_settle(const ist__machine *machine, int32_t node, const void *at);

#endif
