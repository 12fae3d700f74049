/* plan.h - which cores and which node each team gets.  A pure function of machine and wishes: tested on machines that
 * we do not own. */
#ifndef IST_NUMA_PLAN_H
#define IST_NUMA_PLAN_H

#include "numa/topology.h"

typedef struct ist__team_plan {
    int32_t node;    /* whose memory it takes: index into machine->nodes */
    int32_t home;    /* of its first core; node is another one only where a training had no room (train/settle.h) */
    int32_t threads; /* >= 1 */
    int32_t *core;   /* (threads) index into machine->cores, where thread r is bound */
} ist__team_plan;

typedef struct ist__plan {
    int32_t team_at; /* IST_AT_* */
    int32_t team_count;
    int32_t thread_count;  /* of all teams */
    int32_t places;        /* of kind team_at that have cores for us */
    bool oversubscribed;   /* some core has more than one thread */
    ist__team_plan *teams; /* (team_count) */
} ist__plan;

/* teams, threads: 0 means automatic.
 * Places are the objects of kind team_at that hold cores of ours, in machine order.  Automatic teams: one a place.
 * Fewer teams than places: they stand on the first places spread evenly over the machine (team t on place
 * t * places / teams).  More teams than places: place p gets the teams t with t * places / teams == p, and its cores are
 * split between them in contiguous, nearly equal shares; a place with fewer cores than teams shares cores.
 * Automatic threads: as many as the team's share has cores.  Explicit threads: round robin over the share.
 * IST_E_ARGUMENT out of range (0 .. 4096 teams, 0 .. 4096 threads, at most 65536 in all), IST_E_MEMORY. */
ist_status ist__plan_make(ist__plan *out, const ist__machine *machine, int32_t team_at, int32_t teams, int32_t threads,
                          ist__error *error);
void ist__plan_free(ist__plan *plan);
/* A plan of its own memory.  IST_E_MEMORY. */
ist_status ist__plan_copy(ist__plan *out, const ist__plan *plan, ist__error *error);

#endif
