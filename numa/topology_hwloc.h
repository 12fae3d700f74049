/* topology_hwloc.h - what topology.c lends to bind.c: the hwloc handle.  Private to the files of this room that are
 * built with hwloc; does not include hwloc.h itself. */
#ifndef IST_NUMA_TOPOLOGY_HWLOC_H
#define IST_NUMA_TOPOLOGY_HWLOC_H

#include "numa/topology.h"

struct hwloc_topology;

/* Loaded and refreshed: reading it and binding through it are safe from any thread. */
struct hwloc_topology *ist__topology_hwloc(const ist__topology *topology);

#endif
