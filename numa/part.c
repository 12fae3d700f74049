/* part.c - the share of a machine that one of several processes takes.
 *
 * Why a file of its own: a build without hwloc divides its cores by the same rule.
 */
#include "numa/part.h"

#include <string.h>

#include "base/bounds.h"
#include "base/share.h"

/* Caches and packages are numbered in machine order: those of a run of cores stand together. */
static void renumber(ist__machine *m)
{
    const ist__core first = m->cores[0], last = m->cores[m->core_count - 1];
    m->l3_count = last.l3 - first.l3 + 1;
    m->package_count = last.package - first.package + 1;
    for (int32_t n = 0; n < m->node_count; n++) m->nodes[n].cores = 0;
    for (int32_t c = 0; c < m->core_count; c++) {
        m->cores[c].l3 -= first.l3;
        m->cores[c].package -= first.package;
        m->nodes[m->cores[c].node].cores++;
    }
}

ist_status ist__part_take(ist__machine *machine, int32_t part, int32_t parts, ist__error *error)
{
    const int32_t all = machine->core_count, among = parts > 1 ? parts : 1;
    if (ist__bound_check("ist_context_config.parts", parts, error)) return IST_E_ARGUMENT;
    if (part < 0 || part >= among)
        return ist__fail(error, IST_E_ARGUMENT, "part is %d of %d, expected 0 .. %d", part, among, among - 1);
    if (among > all)
        return ist__fail(error, IST_E_PLACEMENT, "%d parts of %d core%s: a part would have no core", among, all,
                         all == 1 ? "" : "s");
    int64_t first, last;
    ist__share(all, part, among, &first, &last);
    machine->part = part;
    machine->parts = among;
    machine->cores_allowed = all;
    machine->core_count = (int32_t)(last - first);
    memmove(machine->cores, machine->cores + first, (size_t)(last - first) * sizeof *machine->cores);
    for (int32_t n = 0; n < machine->node_count; n++) machine->nodes[n].cores_allowed = machine->nodes[n].cores;
    renumber(machine);
    return IST_OK;
}

/* Does node n stand among those that cores of `home` fall back to?  It is one of them itself. */
static bool falls_to(const ist__machine *m, int32_t home, int32_t n)
{
    for (int32_t at = home, steps = 0; at >= 0 && steps < m->node_count; at = m->nodes[at].next, steps++)
        if (at == n) return true;
    return false;
}

int64_t ist__part_memory(const ist__machine *machine, int32_t node)
{
    int64_t ours = 0, all = 0;
    if (machine->nodes[node].memory_bytes <= 0) return INT64_MAX;
    for (int32_t home = 0; home < machine->node_count; home++) {
        if (!falls_to(machine, home, node)) continue;
        ours += machine->nodes[home].cores;
        all += machine->nodes[home].cores_allowed;
    }
    return all > 0 ? machine->nodes[node].memory_bytes / all * ours : machine->nodes[node].memory_bytes;
}
