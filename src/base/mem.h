/* mem.h - all small allocations of the library pass here; large placed ones are regions (numa/pages.h). */
#ifndef IST_BASE_MEM_H
#define IST_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

enum { IST__CACHE_LINE_BYTES = 64 };

/* count * size zeroed bytes, 64-byte aligned; NULL when out of memory, when count < 0, or when the product overflows.
 * A zero product gives a valid pointer, so that NULL always means failure. */
void *ist__alloc(int64_t count, size_t size);
/* The same, but what is in it is anything: for large arrays whose pages are first touched by who fills them. */
void *ist__alloc_raw(int64_t count, size_t size);
void ist__free(void *memory); /* NULL is fine */

/* A copy of a string, for ist__free; NULL when out of memory. */
char *ist__copy_string(const char *text);

#endif
