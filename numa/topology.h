/* topology.h - the machine as far as we may use it: cgroup AND affinity mask AND the user's OMP places.
 *
 * Floor: numa; uses base/ only.  hwloc is included in numa/ .c files alone; with IST_WITH_HWLOC=OFF none.c stands in:
 * one node, the CPUs of the affinity mask.
 */
#ifndef IST_NUMA_TOPOLOGY_H
#define IST_NUMA_TOPOLOGY_H

#include <stdbool.h>

#include "base/status.h"

/* A physical core with at least one processing unit allowed to us.  pu: OS index of the first allowed one, where a
 * thread is bound.  node, l3, package: indices from 0 in machine order (node: into ist__machine.nodes; the local node
 * with memory that is nearest). */
typedef struct ist__core {
    int32_t pu;
    int32_t node, l3, package;
} ist__core;

typedef struct ist__node {
    int32_t os_index;
    int32_t cores;        /* allowed cores whose home it is; 0: memory only */
    int64_t memory_bytes; /* as the system tells, 0 if unknown */
} ist__node;

typedef struct ist__machine {
    int32_t core_count, node_count, l3_count, package_count;
    int32_t pus, pus_allowed; /* of the machine; of them allowed to us */
    ist__core *cores;         /* (core_count) in machine order: neighbours stand together */
    ist__node *nodes;         /* (node_count) nodes with memory that we may use */
    bool this_system;         /* false: made from a text; nothing can be bound */
    bool omp_places;          /* OMP_PLACES or OMP_PROC_BIND was set by the user, and restricts us */
    char source[64];          /* "hwloc (API 2.8)", "none (built without hwloc)", ... */
} ist__machine;

typedef struct ist__topology ist__topology; /* opaque */

/* description: NULL this machine, else an XML file's path (exists as a file) or synthetic text.
 * IST_E_ARGUMENT for a text that hwloc does not understand, IST_E_PLACEMENT when nothing is allowed to us. */
ist_status ist__topology_load(ist__topology **out, const char *description, ist__error *error);
void ist__topology_destroy(ist__topology *topology); /* NULL is fine */
const ist__machine *ist__topology_machine(const ist__topology *topology);

/* Prefer node `node` (index into nodes) for pages of [base, base + bytes) that are not touched yet.  Returns 0, or the
 * errno of the refusal (EPERM, ENOSYS in containers).  [any thread] */
int ist__topology_bind_memory(const ist__topology *topology, void *base, size_t bytes, int32_t node);

#endif
