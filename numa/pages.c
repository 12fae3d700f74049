/* pages.c - regions of whole huge pages with a home node, first touch, and the kernel's own word on where pages are.
 *
 * Why 2 MiB everywhere: with transparent huge pages a page belongs to whoever touches any byte of its 2 MiB first.  Two
 * parts of one array that meet inside such a page are on one node, whatever was asked for.
 *
 * Why regions are preferred and not strict: with MPOL_BIND an exhausted node gets the process killed.  With a preferred
 * node pages spill silently, so belief is not enough: where.c asks the kernel.
 */
#define _GNU_SOURCE
#include "numa/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "numa/errno_name.h"

enum { SMALL_PAGE_BYTES = 4096, TAKE_BYTES = 64 };

/* ---------------------------------------------------------------------------------------------------- regions -- */

/* Count a refusal; only STRICT makes it an error. */
static ist_status refused(int32_t *count, int32_t *first, int number, int32_t placement, const char *what,
                          ist__error *error)
{
    if (count && (*count)++ == 0) *first = number;
    if (placement != IST_PLACE_STRICT) return IST_OK;
    return ist__fail(error, IST_E_PLACEMENT, "strict placement: the system refuses %s: %s (%d)", what,
                     ist__errno_name(number), number);
}

static ist_status ask_for_huge_pages(const ist__region *region, int32_t placement, ist__refusals *refusals,
                                     ist__error *error)
{
    if (madvise(region->base, region->bytes, MADV_HUGEPAGE) == 0) return IST_OK;
    return refused(refusals ? &refusals->huge_pages : NULL, refusals ? &refusals->huge_pages_errno : NULL, errno,
                   placement, "huge pages", error);
}

/* One huge page more than needed is mapped, so that an aligned part of the right size is in it.  The rest is never
 * touched, and costs addresses only. */
static ist_status map_region(ist__region *region, size_t bytes, ist__error *error)
{
    const size_t huge = IST__HUGE_PAGE_BYTES;
    if (bytes > SIZE_MAX / 2) return ist__fail(error, IST_E_MEMORY, "a region of %zu bytes is too large", bytes);
    const size_t rounded = bytes ? (bytes + huge - 1) / huge * huge : huge;
    void *mapping = mmap(NULL, rounded + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return ist__fail(error, IST_E_MEMORY, "out of memory for a region of %zu bytes", rounded);
    const size_t over = (uintptr_t)mapping % huge;
    *region = (ist__region){.base = (unsigned char *)mapping + (over ? huge - over : 0),
                            .bytes = rounded,
                            .node = -1,
                            .mapping = mapping,
                            .mapped_bytes = rounded + huge};
    return IST_OK;
}

ist_status ist__region_create(ist__region *out, const ist__topology *topology, size_t bytes, int32_t node,
                              int32_t placement, ist__refusals *refusals, ist__error *error)
{
    ist__region region = {.node = -1};
    ist_status status = map_region(&region, bytes, error);
    if (status != IST_OK) return status;
    if (node >= 0) status = ist__region_bind(&region, topology, 0, region.bytes, node, placement, refusals, error);
    if (status == IST_OK) status = ask_for_huge_pages(&region, placement, refusals, error);
    if (status != IST_OK) {
        ist__region_destroy(&region);
        return status;
    }
    region.node = node < 0 ? -1 : node;
    *out = region;
    return IST_OK;
}

ist_status ist__region_bind(ist__region *region, const ist__topology *topology, size_t offset, size_t bytes,
                            int32_t node, int32_t placement, ist__refusals *refusals, ist__error *error)
{
    const ist__machine *machine = ist__topology_machine(topology);
    if (offset % IST__HUGE_PAGE_BYTES || bytes % IST__HUGE_PAGE_BYTES || offset > region->bytes ||
        bytes > region->bytes - offset)
        return ist__fail(error, IST_E_ARGUMENT, "bytes %zu + %zu are not whole huge pages of a region of %zu", offset,
                         bytes, region->bytes);
    if (node < 0 || node >= machine->node_count)
        return ist__fail(error, IST_E_ARGUMENT, "node %d of %d", node, machine->node_count);
    if (placement == IST_PLACE_NONE || bytes == 0) return IST_OK;
    const int refusal = ist__topology_bind_memory(topology, region->base + offset, bytes, node);
    if (refusal == 0) return IST_OK;
    return refused(refusals ? &refusals->bind_memory : NULL, refusals ? &refusals->bind_memory_errno : NULL, refusal,
                   placement, "to bind memory to a node", error);
}

void ist__region_destroy(ist__region *region)
{
    if (!region) return;
    if (region->mapping) munmap(region->mapping, region->mapped_bytes);
    *region = (ist__region){.node = -1};
}

size_t ist__region_size(size_t bytes)
{
    return (bytes + TAKE_BYTES - 1) / TAKE_BYTES * TAKE_BYTES;
}

void *ist__region_take(ist__region *region, size_t bytes)
{
    const size_t size = ist__region_size(bytes);
    if (size < bytes || size > region->bytes - region->used_bytes) return NULL; /* sized wrongly by the caller */
    void *taken = region->base + region->used_bytes;
    region->used_bytes += size;
    return taken;
}

void ist__pages_touch(void *base, size_t bytes)
{
    unsigned char *byte = base;
    const size_t to_next = SMALL_PAGE_BYTES - (uintptr_t)base % SMALL_PAGE_BYTES;
    for (size_t at = 0; at < bytes; at += at ? SMALL_PAGE_BYTES : to_next) *(volatile unsigned char *)(byte + at) = 0;
}

/* --------------------------------------------------------------------------------------------------- settings -- */

/* The first bytes of a file of the kernel, as a string; false when it cannot be read. */
static bool read_setting(const char *path, char *text, size_t capacity)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    const ssize_t got = read(file, text, capacity - 1);
    close(file);
    if (got <= 0) return false;
    text[got] = '\0';
    return true;
}

/* The word from `from` up to one of `stops`, cut to fit. */
static void copy_word(char *out, size_t capacity, const char *from, const char *stops)
{
    size_t length = strcspn(from, stops);
    if (length > capacity - 1) length = capacity - 1;
    memcpy(out, from, length);
    out[length] = '\0';
}

ist__page_settings ist__pages_settings(void)
{
    ist__page_settings s = {"unknown", "unknown"};
    char text[128];
    const char *chosen; /* "always [madvise] never" */
    if (read_setting("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text) &&
        (chosen = strchr(text, '[')) != NULL)
        copy_word(s.huge_pages, sizeof s.huge_pages, chosen + 1, "]\n");
    const int denied = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0); /* 1; 3 where those that advise are excepted */
    if (denied == 1) copy_word(s.huge_pages, sizeof s.huge_pages, "disabled", "");
    if (denied == 3 && strcmp(s.huge_pages, "always") == 0) copy_word(s.huge_pages, sizeof s.huge_pages, "madvise", "");
    if (read_setting("/proc/sys/kernel/numa_balancing", text, sizeof text))
        copy_word(s.numa_balancing, sizeof s.numa_balancing, text, " \t\n");
    return s;
}
