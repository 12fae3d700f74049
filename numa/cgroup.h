/* cgroup.h - what the control groups around this process leave it: memory and processor time, versions 1 and 2. */
#ifndef IST_NUMA_CGROUP_H
#define IST_NUMA_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

enum { IST__CGROUP_FOLDER_BYTES = 160 };

/* The tightest of our group and the groups above it.  Bytes; -1: no limit, or none that we may read. */
typedef struct ist__cgroup_memory {
    int64_t limit;
    int64_t room;                          /* of the limit, with the page cache that the kernel would give up first */
    int64_t swap;                          /* swap space that may be used beside it */
    char folder[IST__CGROUP_FOLDER_BYTES]; /* where the limit stands; its tail, if it is long */
} ist__cgroup_memory;

/* root, lost: as in numa/kernel_text.h. */
ist__cgroup_memory ist__cgroup_memory_read(const char *root, bool *lost);

/* Processors that the quota of time amounts to (cpu.max, cpu.cfs_quota_us): 1.5 is three halves; 0: no quota. */
double ist__cgroup_cpus(const char *root);

#endif
