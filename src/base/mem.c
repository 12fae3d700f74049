/* mem.c - overflow-checked, aligned, zeroed allocation.
 *
 * The one piece of global state: whose allocator it is.  It can change only while no block is alive, so that every block goes back
 * to where it came from; `alive` counts them, and is far below 0 for the moment of the change, which whoever allocates then
 * waits for.  Cold: nothing is allocated in steps.
 *
 * Floor: base.  Thread safety: any thread.
 */
#define _POSIX_C_SOURCE 200809L
#include "base/mem.h"

#include <sched.h>
#include <stdatomic.h>
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

enum { CHANGING = INT32_MIN / 2 };
static atomic_int_least64_t alive;
static ist_allocator host; /* allocate NULL: the system's */

static void enter(void)
{
    while (atomic_fetch_add_explicit(&alive, 1, memory_order_acquire) < 0) {
        atomic_fetch_sub_explicit(&alive, 1, memory_order_relaxed);
        sched_yield();
    }
}

static void leave(void)
{
    atomic_fetch_sub_explicit(&alive, 1, memory_order_release);
}

bool ist__set_allocator(const ist_allocator *allocator)
{
    int_least64_t none = 0;
    if (!atomic_compare_exchange_strong_explicit(&alive, &none, CHANGING, memory_order_acquire, memory_order_relaxed))
        return false;
    host = allocator ? *allocator : (ist_allocator){.allocate = NULL};
    atomic_fetch_sub_explicit(&alive, CHANGING, memory_order_release);
    return true;
}

/* What the host gives where it was asked for 64 bytes' alignment, and gives less, is of no use. */
static void *take(size_t bytes)
{
    if (!host.allocate) return aligned_alloc(IST__CACHE_LINE_BYTES, bytes);
    void *memory = host.allocate(host.user, bytes, IST__CACHE_LINE_BYTES);
    if (memory && (uintptr_t)memory % IST__CACHE_LINE_BYTES != 0) {
        host.release(host.user, memory);
        memory = NULL;
    }
    return memory;
}

void *ist__alloc_raw(int64_t count, size_t size)
{
    const size_t bytes = rounded(count, size);
    if (bytes == 0) return NULL;
    enter();
    void *memory = take(bytes);
    if (!memory) leave();
    return memory;
}

void *ist__alloc(int64_t count, size_t size)
{
    void *memory = ist__alloc_raw(count, size);
    if (memory) memset(memory, 0, rounded(count, size));
    return memory;
}

void ist__free(void *memory)
{
    if (!memory) return;
    if (host.allocate) host.release(host.user, memory);
    else free(memory);
    leave();
}

char *ist__copy_string(const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = ist__alloc(1, bytes);
    if (copy) memcpy(copy, text, bytes);
    return copy;
}
