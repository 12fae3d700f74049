/* where.c - the kernel's own word on where pages are, and on how many it moved itself.
 *
 * ist__pages_nodes asks move_pages, in its query mode (no target nodes: nothing moves), through the raw system call,
 * because libnuma would be one more library for one function.
 *
 * Floor: numa.  Cold: half a microsecond a page.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "numa/pages.h"

enum { PAGES_A_CALL = 512 };

/* --------------------------------------------------------------------------------------------- where pages are -- */

size_t ist__page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Our number for move_pages's answer. */
static int16_t node_of(const ist__machine *machine, int answer, int16_t guess)
{
    if (answer < 0) return IST__PAGE_UNKNOWN;
    if (guess >= 0 && guess < machine->node_count && machine->nodes[guess].os_index == answer) return guess;
    for (int32_t i = 0; i < machine->node_count; i++)
        if (machine->nodes[i].os_index == answer) return (int16_t)i;
    return IST__PAGE_ELSEWHERE;
}

int ist__pages_nodes(const ist__machine *machine, const void *base, size_t pages, int16_t *nodes)
{
    const uintptr_t page_bytes = ist__page_bytes();
    void *address[PAGES_A_CALL];
    int answers[PAGES_A_CALL];
    int refusal = machine->this_system ? 0 : ENOSYS;
    for (size_t at = 0; !refusal && at < pages; at += PAGES_A_CALL) {
        const size_t count = pages - at < PAGES_A_CALL ? pages - at : PAGES_A_CALL;
        for (size_t i = 0; i < count; i++) {
            answers[i] = -ENOENT;
            address[i] = (unsigned char *)(uintptr_t)base + (at + i) * page_bytes;
        }
        if (syscall(SYS_move_pages, 0, (unsigned long)count, address, NULL, answers, 0) < 0) refusal = errno;
        int16_t node = 0;
        for (size_t i = 0; !refusal && i < count; i++) nodes[at + i] = node = node_of(machine, answers[i], node);
    }
    for (size_t i = 0; refusal && i < pages; i++) nodes[i] = IST__PAGE_UNKNOWN;
    return refusal;
}

/* Bytes of [first, end) that lie in the page at `page`. */
static int64_t overlap(uintptr_t page, uintptr_t page_bytes, uintptr_t first, uintptr_t end)
{
    const uintptr_t from = page > first ? page : first, to = page + page_bytes < end ? page + page_bytes : end;
    return (int64_t)(to - from);
}

int ist__pages_where(const ist__machine *machine, const void *base, size_t bytes, int64_t *by_node)
{
    const uintptr_t first = (uintptr_t)base, end = first + bytes, page_bytes = ist__page_bytes();
    int16_t nodes[PAGES_A_CALL];
    int refusal = 0;
    memset(by_node, 0, ((size_t)machine->node_count + 1) * sizeof *by_node);
    for (uintptr_t page = first / page_bytes * page_bytes; !refusal && page < end;) {
        const size_t left = (end - page + page_bytes - 1) / page_bytes;
        const size_t count = left < PAGES_A_CALL ? left : PAGES_A_CALL;
        refusal = ist__pages_nodes(machine, (const void *)page, count, nodes);
        for (size_t i = 0; i < count; i++, page += page_bytes)
            by_node[nodes[i] < 0 ? machine->node_count : nodes[i]] += overlap(page, page_bytes, first, end);
    }
    if (!refusal) return 0;
    memset(by_node, 0, ((size_t)machine->node_count + 1) * sizeof *by_node);
    by_node[machine->node_count] = (int64_t)bytes;
    return refusal;
}

/* ------------------------------------------------------------------------------------------- NUMA balancing -- */

/* The number behind `name` at the start of a line of a file of the kernel; -1: there is none. */
static int64_t number_in(const char *path, const char *name)
{
    char line[256];
    int64_t found = -1;
    FILE *file = fopen(path, "re");
    if (!file) return -1;
    while (found < 0 && fgets(line, sizeof line, file)) {
        const size_t length = strlen(name);
        if (strncmp(line, name, length) != 0 || !strchr(" \t:", line[length])) continue;
        const char *digits = line + length + strspn(line + length, " \t:");
        char *end;
        const long long value = strtoll(digits, &end, 10);
        if (end != digits) found = value;
    }
    fclose(file);
    return found;
}

/* Each thread has a count of its own; threads that have ended take theirs with them. */
static int64_t pages_of_threads(void)
{
    DIR *threads = opendir("/proc/self/task");
    int64_t sum = -1;
    if (!threads) return -1;
    for (struct dirent *thread; (thread = readdir(threads));) {
        char path[320];
        if (thread->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/sched", thread->d_name);
        const int64_t pages = number_in(path, "numa_pages_migrated");
        if (pages >= 0) sum = (sum < 0 ? 0 : sum) + pages;
    }
    closedir(threads);
    return sum;
}

ist__balanced ist__pages_balanced(void)
{
    return (ist__balanced){pages_of_threads(), number_in("/proc/vmstat", "numa_pages_migrated")};
}
