/* mem.h - all small allocations of the library pass here, and on to the host's allocator if it gave one; large placed ones are
 * regions (numa/pages.h). */
#ifndef IST_BASE_MEM_H
#define IST_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ist/ist.h"

enum { IST__CACHE_LINE_BYTES = 64 };

/* count * size zeroed bytes, 64-byte aligned; NULL when out of memory, when count < 0, or when the product overflows.
 * A zero product gives a valid pointer, so that NULL always means failure. */
void *ist__alloc(int64_t count, size_t size);
/* The same, but what is in it is anything: for large arrays whose pages are first touched by who fills them. */
void *ist__alloc_raw(int64_t count, size_t size);
void ist__free(void *memory); /* NULL is fine */

/* From now on these two; NULL: the system's.  False, and nothing changed, while a block is alive.  [any thread] */
bool ist__set_allocator(const ist_allocator *allocator);

/* A copy of a string, for ist__free; NULL when out of memory. */
char *ist__copy_string(const char *text);

#endif
