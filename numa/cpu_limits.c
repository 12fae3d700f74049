/* cpu_limits.c - quota of processor time, and the user's settings of the OpenMP run time.
 *
 * Why the environment: the run time tells that places are in force and which, never who asked for them; and a user who
 * finds one core used of sixty-four wants to read the name of the variable that did it.
 */
#define _POSIX_C_SOURCE 200809L
#include "numa/cpu_limits.h"

#include <limits.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "numa/cgroup.h"

/* Printable, so that one line stays one line. */
static void copy_value(char *out, size_t capacity, const char *value)
{
    size_t n = 0;
    for (; n < capacity - 1 && value[n]; n++) out[n] = value[n];
    if (value[n]) memset(out + n - 2, '.', 2);
    out[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)out[i] < 0x20 || (unsigned char)out[i] > 0x7e) out[i] = '?';
}

ist__cpu_limits ist__cpu_limits_read(const ist__machine *machine, const char *root)
{
    static const char *const names[] = {"OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY", "OMP_PROC_BIND"};
    ist__cpu_limits limits = {.quota = 0};
    if (!machine->this_system) return limits;
    limits.quota = ist__cgroup_cpus(root);
    for (size_t i = 0; machine->omp_places && i < sizeof names / sizeof *names && !limits.variable; i++) {
        const char *value = getenv(names[i]);
        if (!value || !*value) continue;
        limits.variable = names[i];
        copy_value(limits.value, sizeof limits.value, value);
    }
    const int most = omp_get_thread_limit();
    limits.threads_most = most < INT_MAX ? most : 0;
    limits.dynamic = omp_get_dynamic() != 0;
    return limits;
}

json_t *ist__cpu_limits_report(const ist__cpu_limits *limits)
{
    return json_pack("{s:o, s:s?, s:s?, s:o, s:b}", "cpu_quota",
                     limits->quota > 0 ? json_real(limits->quota) : json_null(), "omp_variable", limits->variable,
                     "omp_value", limits->variable ? limits->value : NULL, "omp_thread_limit",
                     limits->threads_most > 0 ? json_integer(limits->threads_most) : json_null(), "omp_dynamic",
                     (int)limits->dynamic);
}
