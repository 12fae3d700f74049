/* bind.c - the calling thread's affinity through hwloc: save, set, read back, restore.
 *
 * Why read back: a sandbox may say yes and do nothing, and a report that repeats what was asked for is worth nothing.
 * On a topology made from a text hwloc does exactly that, so there we refuse before asking.
 */
#include "numa/bind.h"

#include <errno.h>
#include <hwloc.h>

#include "base/mem.h"
#include "numa/topology_hwloc.h"

struct ist__binding {
    hwloc_bitmap_t mask;
};

static bool this_system(const ist__topology *topology)
{
    return ist__topology_machine(topology)->this_system;
}

int ist__bind_save(const ist__topology *topology, ist__binding **saved)
{
    *saved = NULL;
    if (!this_system(topology)) return ENOSYS;
    ist__binding *binding = ist__alloc(1, sizeof *binding);
    if (binding) binding->mask = hwloc_bitmap_alloc();
    int refusal = !binding || !binding->mask ? ENOMEM : 0;
    if (!refusal && hwloc_get_cpubind(ist__topology_hwloc(topology), binding->mask, HWLOC_CPUBIND_THREAD) != 0)
        refusal = errno ? errno : EINVAL;
    if (refusal) {
        if (binding) hwloc_bitmap_free(binding->mask);
        ist__free(binding);
        return refusal;
    }
    *saved = binding;
    return 0;
}

/* Set, then ask what the thread has now. */
static int set_and_read_back(hwloc_topology_t hwloc, hwloc_const_bitmap_t want, hwloc_bitmap_t got)
{
    if (hwloc_set_cpubind(hwloc, want, HWLOC_CPUBIND_THREAD) != 0) return errno ? errno : EINVAL;
    if (hwloc_get_cpubind(hwloc, got, HWLOC_CPUBIND_THREAD) != 0) return errno ? errno : EINVAL;
    return hwloc_bitmap_isequal(want, got) ? 0 : EXDEV;
}

int ist__bind_to(const ist__topology *topology, int32_t pu)
{
    if (!this_system(topology)) return ENOSYS;
    if (pu < 0) return EINVAL;
    hwloc_bitmap_t want = hwloc_bitmap_alloc(), got = hwloc_bitmap_alloc();
    int refusal = ENOMEM;
    if (want && got && hwloc_bitmap_only(want, (unsigned)pu) == 0)
        refusal = set_and_read_back(ist__topology_hwloc(topology), want, got);
    hwloc_bitmap_free(want);
    hwloc_bitmap_free(got);
    return refusal;
}

int ist__bind_restore(const ist__topology *topology, ist__binding *saved)
{
    if (!saved) return 0;
    int refusal = 0;
    if (hwloc_set_cpubind(ist__topology_hwloc(topology), saved->mask, HWLOC_CPUBIND_THREAD) != 0)
        refusal = errno ? errno : EINVAL;
    hwloc_bitmap_free(saved->mask);
    ist__free(saved);
    return refusal;
}

int32_t ist__bind_where(const ist__topology *topology)
{
    if (!this_system(topology)) return -1;
    int32_t pu = -1;
    hwloc_bitmap_t where = hwloc_bitmap_alloc();
    if (where && hwloc_get_last_cpu_location(ist__topology_hwloc(topology), where, HWLOC_CPUBIND_THREAD) == 0)
        pu = hwloc_bitmap_first(where);
    hwloc_bitmap_free(where);
    return pu;
}
