/* cpu_limits.h - what stands between the processors of the machine and our threads, beside cgroup sets and masks: the
 * quota of processor time, and the user's settings of the OpenMP run time. */
#ifndef IST_NUMA_CPU_LIMITS_H
#define IST_NUMA_CPU_LIMITS_H

#include <jansson.h>

#include "numa/topology.h"

typedef struct ist__cpu_limits {
    double quota;         /* processors that the control group's quota amounts to; 0: none */
    const char *variable; /* of the environment, that set the OMP places in force; NULL: none are */
    char value[64];       /* its value, cut to fit */
    int32_t threads_most; /* OMP_THREAD_LIMIT; 0: none */
    bool dynamic;         /* OMP_DYNAMIC: the run time may give fewer threads than asked for */
} ist__cpu_limits;

/* root: as in numa/kernel_text.h, for the control group.  Reads the environment (OMP_PLACES, OMP_PROC_BIND,
 * GOMP_CPU_AFFINITY, KMP_AFFINITY) to name what the run time already told. */
ist__cpu_limits ist__cpu_limits_read(const ist__machine *machine, const char *root);

/* {"cpu_quota", "omp_variable", "omp_value", "omp_thread_limit", "omp_dynamic"}; null: none.  NULL when out of memory. */
json_t *ist__cpu_limits_report(const ist__cpu_limits *limits);

#endif
