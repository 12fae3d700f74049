/* capacity.h - the memory that this machine can give us now: its nodes, the whole, and what limits this process. */
#ifndef IST_NUMA_CAPACITY_H
#define IST_NUMA_CAPACITY_H

#include <jansson.h>

#include "numa/cgroup.h"
#include "numa/topology.h"

/* Bytes; -1 everywhere: unknown, or no limit. */
typedef struct ist__node_capacity {
    int64_t size;  /* all memory of the node */
    int64_t room;  /* free: pages of ours that prefer the node get there at once */
    int64_t cache; /* page cache and the like: Linux gives it up only when other nodes are full too */
} ist__node_capacity;

typedef struct ist__capacity {
    int64_t size, room;        /* of the machine; room: without swapping (MemAvailable), on nodes that we may use */
    int64_t swap;              /* free swap space; 0: none */
    ist__cgroup_memory cgroup; /* of our control group */
    int64_t addresses, data;   /* what RLIMIT_AS and RLIMIT_DATA leave this process */
    int32_t policy_errno;      /* as machine->policy_errno */
    int32_t node_count;
    ist__node_capacity *nodes; /* (node_count), as machine->nodes */
} ist__capacity;

/* Ask the system now.  root: as in numa/kernel_text.h, "" for the system itself.  What it does not tell is -1.  For a
 * machine made from a text, room is the size of its nodes.  IST_E_MEMORY. */
ist_status ist__capacity_read(ist__capacity *out, const ist__machine *machine, const char *root, ist__error *error);
void ist__capacity_free(ist__capacity *capacity);

/* {"memory_bytes", "room_bytes", "swap_bytes", "address_space_bytes", "data_limit_bytes",
 * "policy_error", "cgroup": {"folder", "limit_bytes", "room_bytes", "swap_bytes"} or null, "nodes": [{"node", "memory_bytes", "room_bytes", "cache_bytes"}]};
 * what is not known or not limited is null.  NULL when out of memory. */
json_t *ist__capacity_report(const ist__capacity *capacity);

#endif
