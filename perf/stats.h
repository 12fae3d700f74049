/* stats.h - order statistics of a few samples. */
#ifndef IST_PERF_STATS_H
#define IST_PERF_STATS_H

#include <stdlib.h>

static inline int stats_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values; the quantile q (0 .. 1) between the two nearest, 0 of none. */
static inline double stats_quantile(double *values, int count, double q)
{
    if (count < 1) return 0.0;
    qsort(values, (size_t)count, sizeof *values, stats_compare);
    const double place = q * (double)(count - 1);
    const int below = (int)place, above = below + 1 < count ? below + 1 : below;
    return values[below] + (place - (double)below) * (values[above] - values[below]);
}

#endif
