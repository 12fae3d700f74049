/* pulse.h - what each thread of a crew does just now, for somebody who looks from outside: a watchdog.
 *
 * A thread writes a line of its own that nobody else reads but who looks, every few seconds: so it costs a store to a
 * line that is in its cache.  All of it is relaxed: a look may see a step that is over, never a wrong number.
 */
#ifndef IST_NUMA_PULSE_H
#define IST_NUMA_PULSE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/mem.h"

typedef struct ist__pulse {
    _Atomic int64_t beats;   /* marks begun since the crew was made: one that stands still is a thread that does */
    _Atomic int64_t round;   /* as ist__mark_round told */
    _Atomic int32_t mark;    /* IST__MARK_* begun last, barriers not counted; -1: not in a run */
    _Atomic int32_t number;  /* of that mark */
    _Atomic int32_t subnet;  /* the last one begun; -1: none */
    _Atomic int32_t waiting; /* 1: at a barrier */
    _Atomic int32_t pu;      /* the thread is bound to; -1: to none */
    char pad[IST__CACHE_LINE_BYTES - 2 * 8 - 5 * 4];
} ist__pulse;
_Static_assert(sizeof(ist__pulse) == IST__CACHE_LINE_BYTES, "a pulse fills a cache line");

static inline void ist__pulse_set(_Atomic int32_t *place, int32_t value)
{
    atomic_store_explicit(place, value, memory_order_relaxed);
}

static inline int32_t ist__pulse_get(const _Atomic int32_t *place)
{
    return atomic_load_explicit(place, memory_order_relaxed);
}

#endif
