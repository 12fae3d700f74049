/* near.c - small hot memory that is not in any region: pages for each team, and the stacks of threads that are not ours.
 *
 * Floor: numa.
 */
#define _GNU_SOURCE
#include "numa/near.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------------------- team pages -- */

bool ist__team_pages_create(ist__team_pages *out, const ist__topology *topology, const ist__plan *plan,
                            int32_t placement, size_t bytes)
{
    const size_t page = ist__page_bytes(), each = (bytes + page - 1) / page * page;
    const size_t all = each * (size_t)plan->team_count;
    void *base = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return false;
    *out = (ist__team_pages){.base = base, .team_bytes = each, .teams = plan->team_count};
    madvise(base, all, MADV_NOHUGEPAGE); /* or several teams' pages are one, on one node */
    for (int32_t k = 0; k < plan->team_count && placement != IST_PLACE_NONE; k++)
        (void)ist__topology_bind_memory(topology, ist__team_page(out, k), each, plan->teams[k].node);
    return true;
}

void ist__team_pages_destroy(ist__team_pages *pages)
{
    if (pages->base) munmap(pages->base, pages->team_bytes * (size_t)pages->teams);
    *pages = (ist__team_pages){0};
}

void *ist__team_page(const ist__team_pages *pages, int32_t team)
{
    return pages->base + (size_t)team * pages->team_bytes;
}

/* ----------------------------------------------------------------------------------------------------- stacks -- */

/* Frames below `at` of a step, its kernels and barriers: 16 KiB is more than they take.  The page of `at` is theirs, too. */
enum { DEEP_BYTES = 16 * 1024, MOVE_OWN = 1 << 1 /* MPOL_MF_MOVE: pages that no other process maps */ };

size_t ist__stack_part(const void *at, const unsigned char **first)
{
    const uintptr_t page = ist__page_bytes(), top = (uintptr_t)at / page * page + page;
    const uintptr_t bottom = ((uintptr_t)at - DEEP_BYTES) / page * page;
    *first = (const unsigned char *)bottom;
    return top - bottom;
}

void ist__stack_settle(const ist__machine *machine, int32_t node, const void *at)
{
    enum { MOST = 16 };
    const unsigned char *first;
    const size_t page = ist__page_bytes();
    size_t count = ist__stack_part(at, &first) / page;
    int16_t where[MOST];
    void *address[MOST];
    int wanted[MOST], answer[MOST];
    unsigned long remote = 0;
    if (machine->node_count < 2) return;
    if (count > MOST) count = MOST;
    if (ist__pages_nodes(machine, first, count, where)) return;
    for (size_t i = 0; i < count; i++) {
        if (where[i] == IST__PAGE_UNKNOWN || where[i] == node) continue;
        address[remote] = (void *)(uintptr_t)(first + i * page);
        wanted[remote++] = machine->nodes[node].os_index;
    }
    if (remote > 0) (void)syscall(SYS_move_pages, 0, remote, address, wanted, answer, MOVE_OWN);
}
