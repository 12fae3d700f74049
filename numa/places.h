/* places.h - the processing units that the user gave us through OMP_PLACES or OMP_PROC_BIND. */
#ifndef IST_NUMA_PLACES_H
#define IST_NUMA_PLACES_H

#include <stdint.h>

/* OS indices of all processing units in all OMP places, for ist__free; one may occur more than once.
 * *count 0 and NULL: no places are in force, ask the thread's own mask.  Returns 0 or ENOMEM. */
int ist__omp_places(int32_t **pus, int32_t *count);

#endif
