/* thread_name.h - what top -H, perf and gdb call a thread while it works for us. */
#ifndef IST_NUMA_THREAD_NAME_H
#define IST_NUMA_THREAD_NAME_H

#include <stdint.h>

enum { IST__THREAD_NAME_BYTES = 16 }; /* Linux's limit, with its NUL */

/* Name the calling thread "ist/t1.c3" (team 1, rank 3); saved: out, what it was called, for the way back. */
void ist__thread_name_set(int32_t team, int32_t rank, char saved[IST__THREAD_NAME_BYTES]);
void ist__thread_name_restore(const char saved[IST__THREAD_NAME_BYTES]);

#endif
