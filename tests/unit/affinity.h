/* affinity.h - the calling thread's mask for tests, asked of the system itself and not through libist.  Include after
 * #define _GNU_SOURCE. */
#ifndef IST_TESTS_AFFINITY_H
#define IST_TESTS_AFFINITY_H

#include <sched.h>
#include <string.h>

typedef struct affinity {
    cpu_set_t set[8]; /* 8192 CPUs */
} affinity;

static inline affinity affinity_now(void)
{
    affinity mask;
    memset(&mask, 0, sizeof mask);
    if (sched_getaffinity(0, sizeof mask.set, mask.set) != 0) memset(&mask, 0xff, sizeof mask);
    return mask;
}

static inline int affinity_equal(const affinity *a, const affinity *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static inline int affinity_count(const affinity *mask)
{
    return CPU_COUNT_S(sizeof mask->set, mask->set);
}

static inline int affinity_has(const affinity *mask, int cpu)
{
    return CPU_ISSET_S((size_t)cpu, sizeof mask->set, mask->set) != 0;
}

/* The n-th CPU of the mask, from 0; -1 when it has fewer. */
static inline int affinity_cpu(const affinity *mask, int n)
{
    for (int cpu = 0; cpu < 8192; cpu++)
        if (affinity_has(mask, cpu) && n-- == 0) return cpu;
    return -1;
}

static inline int affinity_set(const affinity *mask)
{
    return sched_setaffinity(0, sizeof mask->set, mask->set);
}

static inline int affinity_set_one(int cpu)
{
    affinity mask;
    memset(&mask, 0, sizeof mask);
    CPU_SET_S((size_t)cpu, sizeof mask.set, mask.set);
    return affinity_set(&mask);
}

#endif
