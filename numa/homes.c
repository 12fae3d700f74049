/* homes.c - which node's memory the cores take.
 *
 * Why a file of its own: topology.c counts what is there; here is the one choice that it makes.
 */
#include "numa/homes.h"

#include <hwloc.h>
#include <string.h>

/* ----------------------------------------------------------------------------------------------------- local -- */

int64_t ist__home_bandwidth(const ist__homes *homes, hwloc_obj_t pu, int32_t node)
{
    struct hwloc_location from = {.type = HWLOC_LOCATION_TYPE_CPUSET, .location.cpuset = pu->cpuset};
    hwloc_uint64_t value = 0;
    if (hwloc_memattr_get_value(homes->hwloc, HWLOC_MEMATTR_ID_BANDWIDTH, homes->node[node], &from, 0, &value) != 0)
        return 0;
    return value <= INT64_MAX ? (int64_t)value : 0;
}

static bool is_local(const ist__homes *homes, hwloc_obj_t pu, int32_t node)
{
    return hwloc_bitmap_isset(homes->node[node]->cpuset, pu->os_index);
}

static bool is_gpu(const ist__homes *homes, int32_t node)
{
    const char *kind = homes->node[node]->subtype;
    return kind && strcmp(kind, "GPUMemory") == 0;
}

/* Are the bandwidths of all local nodes known?  One alone proves nothing: the node left out may be the faster one. */
static bool knows_bandwidths(const ist__homes *homes, hwloc_obj_t pu)
{
    bool any = false;
    for (int32_t i = 0; i < homes->count; i++) {
        if (!is_local(homes, pu, i) || is_gpu(homes, i)) continue;
        if (ist__home_bandwidth(homes, pu, i) == 0) return false;
        any = true;
    }
    return any;
}

/* Is local node a a better home of the PU than local node b? */
static bool is_better(const ist__homes *homes, hwloc_obj_t pu, bool by_bandwidth, int32_t a, int32_t b)
{
    if (is_gpu(homes, a) != is_gpu(homes, b)) return is_gpu(homes, b);
    const int64_t fast = by_bandwidth ? ist__home_bandwidth(homes, pu, a) : 0;
    const int64_t faster = by_bandwidth ? ist__home_bandwidth(homes, pu, b) : 0;
    if (fast != faster) return fast > faster;
    const int pus = hwloc_bitmap_weight(homes->node[a]->cpuset), others = hwloc_bitmap_weight(homes->node[b]->cpuset);
    if (pus != others) return pus < others;
    return homes->node[a]->os_index < homes->node[b]->os_index;
}

/* The best local node, or the best of those that `after` (0 or more) is better than; -1: none. */
static int32_t best_local(const ist__homes *homes, hwloc_obj_t pu, bool by_bandwidth, int32_t after)
{
    int32_t best = -1;
    for (int32_t i = 0; i < homes->count; i++) {
        if (!is_local(homes, pu, i) || (after >= 0 && !is_better(homes, pu, by_bandwidth, after, i))) continue;
        if (best < 0 || is_better(homes, pu, by_bandwidth, i, best)) best = i;
    }
    return best;
}

int32_t ist__home_after(const ist__homes *homes, hwloc_obj_t pu, int32_t node)
{
    if (!is_local(homes, pu, node) || !knows_bandwidths(homes, pu)) return -1;
    const int32_t next = best_local(homes, pu, true, node);
    return next >= 0 && is_gpu(homes, next) ? -1 : next;
}

/* --------------------------------------------------------------------------------------------------- nearest -- */

/* hwloc's distances go by object; -1: this node has no row. */
static int32_t distance_row(const ist__homes *homes, hwloc_obj_t node)
{
    for (unsigned i = 0; homes->distances && i < homes->distances->nbobjs; i++)
        if (homes->distances->objs[i] == node) return (int32_t)i;
    return -1;
}

static uint64_t distance(const ist__homes *homes, hwloc_obj_t from, hwloc_obj_t to)
{
    const int32_t row = distance_row(homes, from), column = distance_row(homes, to);
    if (row < 0 || column < 0) return UINT64_MAX;
    return homes->distances->values[(size_t)row * homes->distances->nbobjs + (size_t)column];
}

/* The usable node at the least distance from the PU's own node, which is closed to us.  -1: no distances are known. */
static int32_t nearest_by_distance(const ist__homes *homes, hwloc_obj_t pu)
{
    int32_t best = -1;
    uint64_t least = UINT64_MAX;
    hwloc_obj_t from = NULL;
    while ((from = hwloc_get_next_obj_by_type(homes->hwloc, HWLOC_OBJ_NUMANODE, from)) != NULL) {
        if (!hwloc_bitmap_isset(from->cpuset, pu->os_index)) continue;
        for (int32_t i = 0; i < homes->count; i++) {
            const uint64_t away = distance(homes, from, homes->node[i]);
            if (away >= least) continue;
            least = away;
            best = i;
        }
    }
    return best;
}

/* The first usable node in the smallest part of the machine around the PU that has one.  A node without any memory is
 * not in hwloc's tree, nor in its distances; but hwloc grouped the machine by distances before it left the node out. */
static int32_t nearest_in_tree(const ist__homes *homes, hwloc_obj_t pu)
{
    for (hwloc_obj_t around = pu->parent; around; around = around->parent)
        for (int32_t i = 0; i < homes->count; i++)
            if (hwloc_bitmap_isset(around->nodeset, homes->node[i]->os_index)) return i;
    return 0;
}

ist__home ist__home_of(const ist__homes *homes, hwloc_obj_t pu)
{
    const bool by_bandwidth = knows_bandwidths(homes, pu);
    const int32_t local = best_local(homes, pu, by_bandwidth, -1);
    if (local >= 0) {
        const bool chosen = ist__home_after(homes, pu, local) >= 0;
        return (ist__home){local, chosen ? IST__HOME_BANDWIDTH : IST__HOME_LOCAL};
    }
    const int32_t nearest = nearest_by_distance(homes, pu);
    return (ist__home){nearest < 0 ? nearest_in_tree(homes, pu) : nearest, IST__HOME_NEAREST};
}
