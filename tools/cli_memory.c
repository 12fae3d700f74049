/* cli_memory.c - was memory short for what will be told?  A result with a hole must not pass for a whole one. */
#include "cli_memory.h"

#include <jansson.h>
#include <stdlib.h>

static bool lost;

static void *take(size_t bytes)
{
    void *memory = malloc(bytes);
    if (!memory) lost = true;
    return memory;
}

void cli_memory_watch(void)
{
    json_set_alloc_funcs(take, free);
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
