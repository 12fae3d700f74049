/* settle.c - whose memory each team takes, once it is known how much that is.
 *
 * Why not in the plan: that is made with the context, before there is a net.  Floor: train.  Cold.
 */
#include "train/settle.h"

#include "base/mem.h"
#include "numa/part.h"

static bool any_fallback(const ist__machine *machine)
{
    for (int32_t n = 0; n < machine->node_count; n++)
        if (machine->nodes[n].next >= 0) return true;
    return false;
}

/* The last team that takes memory of `node`; -1: none. */
static int32_t last_team(const ist__plan *plan, int32_t node)
{
    int32_t t = plan->team_count - 1;
    while (t >= 0 && plan->teams[t].node != node) t--;
    return t;
}

/* Of the first node that has too little, the last team goes on to the next node.  False: nothing is left to do. */
static bool move_one(ist__plan *plan, const ist__machine *machine, const ist__need *needs)
{
    for (int32_t n = 0; n < machine->node_count; n++) {
        if (machine->nodes[n].next < 0 || ist__need_bytes(&needs[n]) <= ist__part_memory(machine, n)) continue;
        const int32_t team = last_team(plan, n);
        if (team < 0) continue;
        plan->teams[team].node = machine->nodes[n].next;
        return true;
    }
    return false;
}

ist_status ist__settle(ist__plan *out, const ist__host *host, const ist__shape *shape, const ist_train_config *config,
                       const ist__extent *data, ist__error *error)
{
    ist__plan plan;
    const int32_t nodes = host->machine->node_count;
    ist_status status = ist__plan_copy(&plan, host->plan, error);
    if (status) return status;
    ist__host settled = *host;
    settled.plan = &plan;
    /* A team passes each node once at most, unless its cores and others see bandwidths in opposite orders. */
    int64_t moves = any_fallback(host->machine) ? (int64_t)plan.team_count * nodes : 0;
    for (bool moved = true; moved && moves > 0 && !status; moves--) {
        ist__need *needs = ist__alloc(nodes, sizeof *needs);
        status = needs ? ist__training_needs(&settled, shape, config, data, needs, error)
                       : ist__fail(error, IST_E_MEMORY, "no memory for %d nodes", nodes);
        moved = !status && move_one(&plan, host->machine, needs);
        ist__free(needs);
    }
    if (status) ist__plan_free(&plan);
    else *out = plan;
    return status;
}
