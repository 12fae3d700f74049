/* topology.h - the machine as far as we may use it: cgroup AND affinity mask AND the user's OMP places.
 *
 * Floor: numa; uses base/ only.  hwloc is included in numa/ .c files alone; with IST_WITH_HWLOC=OFF none.c stands in:
 * one node, the CPUs of the affinity mask.
 */
#ifndef IST_NUMA_TOPOLOGY_H
#define IST_NUMA_TOPOLOGY_H

#include <stdbool.h>

#include "base/status.h"

enum { IST__KIND_BYTES = 16 };

/* Why a node is the home of a core. */
enum {
    IST__HOME_LOCAL = 0,     /* the core's own node, or the first of several whose bandwidths are not known */
    IST__HOME_BANDWIDTH = 1, /* of several local nodes the one with the highest bandwidth */
    IST__HOME_NEAREST = 2    /* no local node has memory for us */
};

/* A physical core with at least one processing unit allowed to us.  pu: OS index of the first allowed one, where a
 * thread is bound.  node, l3, package: indices from 0 in machine order (node: into ist__machine.nodes, the home). */
typedef struct ist__core {
    int32_t pu;
    int32_t node, l3, package;
    int32_t why; /* IST__HOME_*: of node */
} ist__core;

typedef struct ist__node {
    int32_t os_index;
    int32_t cores;              /* of ours whose home it is */
    int32_t cores_allowed;      /* the same, of all that are allowed to the process: more than ours with parts */
    int32_t cores_all;          /* the same, of the machine; 0: memory only */
    int32_t next;               /* index of the node that its cores fall back to when it has no room; -1: none */
    int32_t packages[2];        /* first and last package of the machine that it belongs to; -1: none is told */
    int64_t memory_bytes;       /* as the system tells, 0 if unknown */
    int64_t bandwidth_mibs;     /* MiB/s as its cores see it, 0 if unknown */
    char kind[IST__KIND_BYTES]; /* "HBM", "DRAM", "GPUMemory", .. as the system tells; "" if it does not */
} ist__node;

/* A node of the machine that is none of ours. */
typedef struct ist__closed_node {
    int32_t os_index;
    int32_t packages[2];  /* as above */
    int64_t memory_bytes; /* 0: it has none; else it is closed to us by a cpuset or a policy */
} ist__closed_node;

typedef struct ist__machine {
    int32_t core_count, node_count, l3_count, package_count;
    int32_t pus, pus_allowed; /* of the machine; of them allowed to us */
    ist__core *cores;         /* (core_count) in machine order: neighbours stand together */
    ist__node *nodes;         /* (node_count) nodes with memory that we may use */
    int32_t closed_count;
    ist__closed_node *closed; /* (closed_count) nodes without memory, or that we may not use */
    int32_t part, parts;      /* cores is share `part` of `parts` of what is allowed; 0 of 1: all of it */
    int32_t cores_allowed;    /* of all shares */
    bool this_system;         /* false: made from a text; nothing can be bound */
    bool omp_places;          /* OMP_PLACES or OMP_PROC_BIND was set by the user, and restricts us */
    int32_t policy_errno;     /* why the thread's memory policy (numactl) is not known to us; 0: it is */
    char source[64];          /* "hwloc (API 2.8)", "none (built without hwloc)", ... */
} ist__machine;

typedef struct ist__topology ist__topology; /* opaque */

/* description: NULL this machine, else an XML file's path (exists as a file) or synthetic text.
 * IST_E_ARGUMENT for a text that hwloc does not understand, IST_E_PLACEMENT when nothing is allowed to us. */
ist_status ist__topology_load(ist__topology **out, const char *description, ist__error *error);
void ist__topology_destroy(ist__topology *topology); /* NULL is fine */
const ist__machine *ist__topology_machine(const ist__topology *topology);

/* Keep share `part` of `parts` of the machine's cores (part.h), once, before anything is planned. */
ist_status ist__topology_take_part(ist__topology *topology, int32_t part, int32_t parts, ist__error *error);

/* Prefer node `node` (index into nodes) for pages of [base, base + bytes) that are not touched yet.  Returns 0, or the
 * errno of the refusal (EPERM, ENOSYS in containers).  [any thread] */
int ist__topology_bind_memory(const ist__topology *topology, void *base, size_t bytes, int32_t node);

#endif
