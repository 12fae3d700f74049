/* bind.h - the calling thread's affinity: save, set, read back, restore.  [any thread, for itself] */
#ifndef IST_NUMA_BIND_H
#define IST_NUMA_BIND_H

#include "numa/topology.h"

typedef struct ist__binding ist__binding; /* opaque: a saved mask */

/* Remember the calling thread's mask.  *saved NULL when the system does not tell (then restore does nothing).
 * Returns 0 or an errno. */
int ist__bind_save(const ist__topology *topology, ist__binding **saved);
/* Bind the calling thread to one processing unit (OS index), then read back: 0, the errno of a refusal, or EXDEV when
 * the system said yes and did otherwise. */
int ist__bind_to(const ist__topology *topology, int32_t pu);
/* Put the saved mask back and free it; NULL is fine.  Returns 0 or an errno. */
int ist__bind_restore(const ist__topology *topology, ist__binding *saved);
/* OS index of the processing unit on which the calling thread runs now; -1 unknown. */
int32_t ist__bind_where(const ist__topology *topology);

#endif
