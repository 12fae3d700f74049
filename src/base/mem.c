/* mem.c - overflow-checked, aligned, zeroed allocation. */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What is asked of the system for count * size bytes: never 0; 0 stands for too much. */
static size_t rounded(int64_t count, size_t size)
{
    size_t bytes;
    if (count < 0 || __builtin_mul_overflow((size_t)count, size, &bytes)) return 0;
    if (bytes > SIZE_MAX / 2) return 0;
    return (bytes + IST__CACHE_LINE_BYTES) / IST__CACHE_LINE_BYTES * IST__CACHE_LINE_BYTES;
}

void *ist__alloc_raw(int64_t count, size_t size)
{
    const size_t bytes = rounded(count, size);
    return bytes > 0 ? aligned_alloc(IST__CACHE_LINE_BYTES, bytes) : NULL;
}

void *ist__alloc(int64_t count, size_t size)
{
    void *memory = ist__alloc_raw(count, size);
    if (memory) memset(memory, 0, rounded(count, size));
    return memory;
}

void ist__free(void *memory)
{
    free(memory);
}

char *ist__copy_string(const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = ist__alloc(1, bytes);
    if (copy) memcpy(copy, text, bytes);
    return copy;
}
