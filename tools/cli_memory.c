/* cli_memory.c - was memory short for what will be told?  A result with a hole must not pass for a whole one.
 *
 * JSON has a reserve: the parser of jansson 2.14 does not see that the buffer of its tokens could not grow, and ends the process
 * by an assertion at what is missing there.
 */
#include "cli_memory.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { RESERVE_BYTES = 1 << 22, ALIGNMENT = _Alignof(max_align_t) };

static bool lost;
static _Alignas(max_align_t) char reserve[RESERVE_BYTES]; /* pages that nobody touches cost nothing */
static size_t reserve_used, reserve_blocks;

static void *take(size_t bytes)
{
    void *memory = malloc(bytes);
    if (memory) return memory;
    const size_t left = RESERVE_BYTES - reserve_used;
    if (bytes > left - left % ALIGNMENT) {
        lost = true;
        return NULL;
    }
    memory = reserve + reserve_used;
    reserve_used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    reserve_blocks++;
    return memory;
}

static void give_back(void *memory)
{
    const uintptr_t at = (uintptr_t)memory, begin = (uintptr_t)reserve;
    if (at < begin || at >= begin + RESERVE_BYTES) free(memory);
    else if (--reserve_blocks == 0) reserve_used = 0;
}

void cli_memory_watch(void)
{
    json_set_alloc_funcs(take, give_back);
}

void cli_memory_lose(void)
{
    lost = true;
}

bool cli_memory_lost(void)
{
    const bool was = lost;
    lost = false;
    return was;
}
