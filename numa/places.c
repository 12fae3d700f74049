/* places.c - what OMP_PLACES and OMP_PROC_BIND allow.
 *
 * Why: where they are set, the runtime has bound the calling thread to its first place before any code of ours runs.
 * The thread's mask then says "one core", though the user gave us all the places.  So the union of the places counts
 * in place of the mask.  A file of its own because the room needs it with and without hwloc.
 */
#include "numa/places.h"

#include <errno.h>
#include <omp.h>
#include <stddef.h>

#include "base/mem.h"

int ist__omp_places(int32_t **pus, int32_t *count)
{
    *pus = NULL;
    *count = 0;
    if (omp_get_proc_bind() == omp_proc_bind_false) return 0;

    const int places = omp_get_num_places();
    int64_t total = 0;
    for (int place = 0; place < places; place++) total += omp_get_place_num_procs(place);
    if (total < 1) return 0;

    int32_t *list = ist__alloc(total, sizeof *list); /* int32_t is int on every system we know: checked below */
    _Static_assert(sizeof(int32_t) == sizeof(int), "omp_get_place_proc_ids writes int");
    if (!list) return ENOMEM;
    int64_t used = 0;
    for (int place = 0; place < places; place++) {
        omp_get_place_proc_ids(place, list + used);
        used += omp_get_place_num_procs(place);
    }
    *pus = list;
    *count = (int32_t)total;
    return 0;
}
