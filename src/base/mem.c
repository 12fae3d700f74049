/* mem.c - overflow-checked, aligned, zeroed allocation. */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void *ist__alloc(int64_t count, size_t size)
{
    size_t bytes;
    if (count < 0 || __builtin_mul_overflow((size_t)count, size, &bytes)) return NULL;
    if (bytes > SIZE_MAX / 2) return NULL;
    bytes = (bytes + IST__CACHE_LINE_BYTES) / IST__CACHE_LINE_BYTES * IST__CACHE_LINE_BYTES; /* never 0 */
    void *memory = aligned_alloc(IST__CACHE_LINE_BYTES, bytes);
    if (memory) memset(memory, 0, bytes);
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
