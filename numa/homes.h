/* homes.h - which node's memory the cores take: topology.c's questions to hwloc.  Private to the files of this room that
 * are built with hwloc; does not include hwloc.h itself.
 *
 * A core may have several local nodes: HBM beside DDR, CXL memory beside both.  Where hwloc knows the bandwidth of each
 * of them (memory attributes: from HMAT, or told in an XML), the one with the highest is its home, and the next best
 * is where it falls back to when what is planned does not fit.  Where one is not known: the node that serves the fewest
 * processors, then the one that the system numbers first, as Linux does with the node of the CPUs; no fallback then.
 * Memory of a GPU, which Linux shows as nodes too, is a home only where there is no other.
 */
#ifndef IST_NUMA_HOMES_H
#define IST_NUMA_HOMES_H

#include "numa/topology.h"

struct hwloc_topology;
struct hwloc_obj;
struct hwloc_distances_s;

typedef struct ist__homes {
    struct hwloc_topology *hwloc;
    struct hwloc_obj **node; /* (count) the usable nodes: those of ist__machine.nodes, at least one */
    int32_t count;
    struct hwloc_distances_s *distances; /* between nodes; NULL: not known */
} ist__homes;

typedef struct ist__home {
    int32_t node; /* index */
    int32_t why;  /* IST__HOME_* */
} ist__home;

ist__home ist__home_of(const ist__homes *homes, struct hwloc_obj *pu);
/* The local node of the PU that is next best after `node`; -1: none, or the bandwidths are not known. */
int32_t ist__home_after(const ist__homes *homes, struct hwloc_obj *pu, int32_t node);
/* Of a node as the PU sees it, MiB/s; 0: not known. */
int64_t ist__home_bandwidth(const ist__homes *homes, struct hwloc_obj *pu, int32_t node);

#endif
