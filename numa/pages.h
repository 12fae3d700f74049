/* pages.h - memory with a home: regions of whole 2 MiB pages, bound to a node, touched first by their owners; and the
 * proof: where the kernel says each page is. */
#ifndef IST_NUMA_PAGES_H
#define IST_NUMA_PAGES_H

#include "numa/topology.h"

enum { IST__HUGE_PAGE_BYTES = 2 << 20 };

/* What the system refused, counted for the report.  Plain numbers: threads that create regions at once need one each,
 * or NULL. */
typedef struct ist__refusals {
    int32_t bind_memory, bind_memory_errno;
    int32_t huge_pages, huge_pages_errno; /* madvise(MADV_HUGEPAGE) */
    int32_t where, where_errno;           /* move_pages, that tells where pages are */
} ist__refusals;

/* An address range of its own: starts and ends on a 2 MiB boundary, so that no huge page is shared with a neighbour of
 * another node.  Zeroed by the kernel; no page exists before it is touched. */
typedef struct ist__region {
    unsigned char *base;
    size_t bytes;  /* usable: a multiple of 2 MiB */
    int32_t node;  /* index into machine->nodes; -1: nobody's, or striped */
    void *mapping; /* private: what munmap gets */
    size_t mapped_bytes;
    size_t used_bytes; /* handed out by ist__region_take */
} ist__region;

/* bytes is rounded up to whole huge pages, at least one.  placement NONE binds nothing; TRY counts a refusal; STRICT
 * fails with IST_E_PLACEMENT.  IST_E_MEMORY. */
ist_status ist__region_create(ist__region *out, const ist__topology *topology, size_t bytes, int32_t node,
                              int32_t placement, ist__refusals *refusals, ist__error *error);
/* Bind a part, on 2 MiB boundaries, to another node (stripes of the master).  Same rules. */
ist_status ist__region_bind(ist__region *region, const ist__topology *topology, size_t offset, size_t bytes,
                            int32_t node, int32_t placement, ist__refusals *refusals, ist__error *error);
void ist__region_destroy(ist__region *region); /* a zeroed region is fine; leaves it zeroed */

/* The next `bytes` of the region, 64-byte aligned; the caller sized the region with the sum of ist__region_size. */
void *ist__region_take(ist__region *region, size_t bytes);
/* What ist__region_take(bytes) uses up: bytes rounded up to 64. */
size_t ist__region_size(size_t bytes);

/* First touch by the calling thread: write a zero to every 4 KiB page of [base, base + bytes). */
void ist__pages_touch(void *base, size_t bytes);

/* Ask the kernel (move_pages) where each 4 KiB page of [base, base + bytes) is.  by_node out (machine->node_count + 1):
 * bytes on each node; last: not present, on another node, or unknown.  Returns 0 or an errno (ENOSYS, EPERM: then all is
 * unknown).  [any thread] */
int ist__pages_where(const ist__machine *machine, const void *base, size_t bytes, int64_t *by_node);

/* The same page by page.  base on a boundary of pages of ist__page_bytes; nodes out (pages): index into machine->nodes, or
 * one of these.  Returns as ist__pages_where.  [any thread] */
enum { IST__PAGE_UNKNOWN = -1, IST__PAGE_ELSEWHERE = -2 }; /* not present or not told; a node that is not among ours */
int ist__pages_nodes(const ist__machine *machine, const void *base, size_t pages, int16_t *nodes);
size_t ist__page_bytes(void);

/* Pages that NUMA balancing moved since the start, -1 where the kernel does not tell. */
typedef struct ist__balanced {
    int64_t process; /* for threads of this process that are alive, whoever made them; /proc/self/task/TID/sched */
    int64_t system;  /* for all processes; /proc/vmstat */
} ist__balanced;
ist__balanced ist__pages_balanced(void);

/* Settings of the system that move or enlarge pages, as text: "always", "madvise", "never", or "disabled" for this process
 * (prctl PR_SET_THP_DISABLE, inherited from whoever started it); "0", "1", ...; "unknown". */
typedef struct ist__page_settings {
    char huge_pages[16];
    char numa_balancing[16];
} ist__page_settings;
ist__page_settings ist__pages_settings(void);

#endif
