/* capacity.c - the memory that this machine can give us now.
 *
 * What counts as room of a node: pages that are free above the low watermark of their zone and above what the zone keeps
 * for others.  A page that prefers the node and finds no more goes to another node at once; only when all nodes are that
 * low does the kernel take page cache back.  So cache is told beside the room and not in it.
 *
 * What counts as room of the machine: MemAvailable, where the kernel has done the same sum with the cache in it.
 *
 * Some virtual machines tell of less memory on their nodes than in all (/proc/meminfo): what no node owns up to could be
 * on any, and is counted for each, so that nobody is refused for it.
 */
#define _POSIX_C_SOURCE 200809L
#include "numa/capacity.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "numa/kernel_text.h"

/* -1 stays -1. */
static int64_t scaled(int64_t number, int64_t unit)
{
    return number < 0 ? -1 : number * unit;
}

static int64_t or_zero(int64_t number)
{
    return number > 0 ? number : 0;
}

/* ---------------------------------------------------------------------------------------------------- /proc/zoneinfo -- */

/* Sums over zones, in pages. */
typedef struct zones {
    int64_t all_free;   /* of every node */
    bool closed;        /* some node with memory is not among ours */
    int64_t *free_here; /* (node_count): free, and of that not for us */
    int64_t *kept_here;
} zones;

typedef struct zone {
    int node; /* the system's number, -1: not in a zone yet */
    int64_t free, low, managed, protection;
} zone;

static int32_t index_of(const ist__machine *machine, int os_index)
{
    for (int32_t i = 0; i < machine->node_count; i++)
        if (machine->nodes[i].os_index == os_index) return i;
    return -1;
}

static void add_zone(zones *sums, const ist__machine *machine, const zone *z)
{
    if (z->node < 0) return;
    const int32_t node = index_of(machine, z->node);
    const int64_t kept = z->low + z->protection;
    sums->all_free += z->free;
    if (node < 0 && z->managed > 0) sums->closed = true;
    if (node < 0) return;
    sums->free_here[node] += z->free;
    sums->kept_here[node] += kept < z->free ? kept : z->free;
}

/* The last number of "protection: (0, 1924, 3875)": what the zone keeps from those who could use every zone, as we. */
static int64_t last_number(const char *line)
{
    long long number = 0;
    const size_t length = strcspn(line, "\n");
    for (const char *at = line; at < line + length; at += strcspn(at, ",(\n") + 1)
        if (sscanf(at, " %lld", &number) != 1) number = 0;
    return number;
}

static void read_zones(zones *sums, const ist__machine *machine, const char *text)
{
    zone z = {.node = -1};
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        long long number;
        int node;
        const char *word = line + strspn(line, " ");
        if (sscanf(line, "Node %d, zone", &node) == 1) {
            add_zone(sums, machine, &z);
            z = (zone){.node = node};
        } else if (sscanf(word, "pages free %lld", &number) == 1) z.free = number;
        else if (sscanf(word, "low %lld", &number) == 1) z.low = number;
        else if (sscanf(word, "managed %lld", &number) == 1) z.managed = number;
        else if (strncmp(word, "protection:", 11) == 0) z.protection = last_number(word + 11);
    }
    add_zone(sums, machine, &z);
}

/* ---------------------------------------------------------------------------------------------------- meminfo -- */

static void read_node(ist__node_capacity *node, const char *root, int32_t os_index, int64_t free_pages,
                      int64_t kept_pages, int64_t page_bytes, bool *lost)
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/meminfo", (int)os_index);
    char *text = ist__kernel_text(root, path, lost);
    if (!text) return;
    const int64_t free_bytes =
        free_pages > 0 ? free_pages * page_bytes : scaled(ist__kernel_number(text, "MemFree"), 1024);
    node->size = scaled(ist__kernel_number(text, "MemTotal"), 1024);
    if (free_bytes >= 0) node->room = or_zero(free_bytes - kept_pages * page_bytes);
    node->cache =
        scaled(or_zero(ist__kernel_number(text, "Active(file)")) + or_zero(ist__kernel_number(text, "Inactive(file)")) +
                   or_zero(ist__kernel_number(text, "SReclaimable")),
               1024);
    ist__free(text);
}

/* Free bytes of the machine that no node tells of. */
static int64_t unowned(const char *meminfo, const zones *sums, int64_t page_bytes)
{
    const int64_t told = scaled(ist__kernel_number(meminfo, "MemFree"), 1024);
    return sums->all_free > 0 ? or_zero(told - sums->all_free * page_bytes) : 0;
}

static void read_memory(ist__capacity *c, const ist__machine *machine, const char *root, zones *sums, bool *lost)
{
    const int64_t page_bytes = sysconf(_SC_PAGESIZE);
    char *meminfo = ist__kernel_text(root, "/proc/meminfo", lost),
         *zoneinfo = ist__kernel_text(root, "/proc/zoneinfo", lost);
    int64_t hidden = 0, sum = 0;
    if (zoneinfo) read_zones(sums, machine, zoneinfo);
    if (meminfo) {
        c->size = scaled(ist__kernel_number(meminfo, "MemTotal"), 1024);
        c->room = scaled(ist__kernel_number(meminfo, "MemAvailable"), 1024);
        c->swap = or_zero(scaled(ist__kernel_number(meminfo, "SwapFree"), 1024));
        hidden = unowned(meminfo, sums, page_bytes);
    }
    for (int32_t i = 0; i < c->node_count; i++) {
        ist__node_capacity *node = &c->nodes[i];
        read_node(node, root, machine->nodes[i].os_index, sums->free_here[i], sums->kept_here[i], page_bytes, lost);
        if (node->room >= 0) node->room += hidden;
        sum += or_zero(node->room) + or_zero(node->cache);
        if (node->room < 0) sums->closed = false; /* then the sum means nothing */
    }
    if (sums->closed && c->room > sum) c->room = sum; /* cpuset.mems, numactl --membind */
    ist__free(meminfo);
    ist__free(zoneinfo);
}

/* A build without hwloc has one node that stands for the whole machine. */
static void one_for_all(ist__capacity *c)
{
    c->nodes[0] = (ist__node_capacity){.size = c->size, .room = c->room, .cache = 0};
}

static void read_rlimits(ist__capacity *c, const char *root, bool *lost)
{
    char *limits = ist__kernel_text(root, "/proc/self/limits", lost),
         *status = ist__kernel_text(root, "/proc/self/status", lost);
    if (limits && status) {
        const int64_t addresses = ist__kernel_number(limits, "Max address space");
        const int64_t data = ist__kernel_number(limits, "Max data size");
        if (addresses >= 0)
            c->addresses = or_zero(addresses - or_zero(scaled(ist__kernel_number(status, "VmSize"), 1024)));
        if (data >= 0) c->data = or_zero(data - or_zero(scaled(ist__kernel_number(status, "VmData"), 1024)));
    }
    ist__free(limits);
    ist__free(status);
}

static void read_text_machine(ist__capacity *c, const ist__machine *machine)
{
    c->size = 0;
    for (int32_t i = 0; i < c->node_count; i++) {
        const int64_t bytes = machine->nodes[i].memory_bytes;
        if (bytes > 0) c->nodes[i] = (ist__node_capacity){.size = bytes, .room = bytes, .cache = 0};
        c->size = bytes > 0 && c->size >= 0 ? c->size + bytes : -1;
    }
    c->room = c->size;
}

/* False: for want of memory it is not what the system tells. */
static bool read_machine(ist__capacity *c, const ist__machine *machine, const char *root, zones *sums)
{
    bool lost = false;
    for (int32_t i = 0; i < c->node_count; i++) c->nodes[i] = (ist__node_capacity){-1, -1, -1};
    if (!machine->this_system) {
        read_text_machine(c, machine);
        return true;
    }
    sums->kept_here = sums->free_here + c->node_count;
    read_memory(c, machine, root, sums, &lost);
    if (strncmp(machine->source, "none", 4) == 0) one_for_all(c);
    c->cgroup = ist__cgroup_memory_read(root, &lost);
    read_rlimits(c, root, &lost);
    return !lost;
}

ist_status ist__capacity_read(ist__capacity *out, const ist__machine *machine, const char *root, ist__error *error)
{
    const int32_t count = machine->node_count;
    ist__capacity c = {.size = -1,
                       .room = -1,
                       .cgroup = {.limit = -1, .room = -1, .swap = -1},
                       .addresses = -1,
                       .data = -1,
                       .policy_errno = machine->policy_errno,
                       .node_count = count,
                       .nodes = ist__alloc(count, sizeof *c.nodes)};
    zones sums = {.free_here = ist__alloc(2 * (int64_t)count, sizeof *sums.free_here)};
    const bool read = c.nodes && sums.free_here && read_machine(&c, machine, root, &sums);
    ist__free(sums.free_here);
    if (read) {
        *out = c;
        return IST_OK;
    }
    ist__free(c.nodes);
    return ist__fail(error, IST_E_MEMORY, "no memory for the memory of %d nodes", count);
}

void ist__capacity_free(ist__capacity *capacity)
{
    ist__free(capacity->nodes);
    *capacity = (ist__capacity){0};
}
