/* room.c - holds planned bytes against the memory that there is.
 *
 * Why before: pages exist when they are touched, not when they are asked for.  A mapping of any size succeeds, and the
 * process is killed in the midst of work, without a word of ours.
 *
 * Who wins: first what ends the process (machine, control group) or the mapping (limits of the process), then what only
 * costs time (swap), then the nodes.  A page that prefers a full node goes to another one, which is slow and not wrong:
 * so that is a warning, and an error for those who asked for STRICT.
 *
 * Floor: train.  Cold.
 */
#include "train/room.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

int64_t ist__need_bytes(const ist__need *need)
{
    return need->master + need->weights + need->data + need->work + need->later;
}

/* One huge page more than is used is mapped for each region (numa/pages.c), and threads have stacks; of pages, the
 * tables take 1/512 where they are small. */
static int64_t with_tables(int64_t bytes)
{
    return bytes + bytes / 512;
}

/* -------------------------------------------------------------------------------------------------------- text -- */

typedef struct text {
    char *at, *end;
} text;

static void add(text *t, const char *words, const char *more)
{
    const int length = snprintf(t->at, (size_t)(t->end - t->at), "%s%s", words, more);
    if (length > 0) t->at += length < t->end - t->at ? length : t->end - t->at - 1;
}

static void add_bytes(text *t, const char *words, int64_t bytes)
{
    char shown[IST__BYTES_TEXT];
    add(t, words, ist__show_bytes(shown, bytes));
}

/* "(weights 2.0 GB, data 500 MB, work space 96.0 MB)"; nothing where all is of one kind. */
static void add_parts(text *t, const ist__need *need)
{
    const struct {
        const char *name;
        int64_t bytes;
    } part[] = {{"master ", need->master},
                {"weights ", need->weights},
                {"data ", need->data},
                {"work space ", need->work + need->later}};
    const char *before = " (";
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        if (part[i].bytes == 0 || part[i].bytes == ist__need_bytes(need)) continue;
        add(t, before, part[i].name);
        add_bytes(t, "", part[i].bytes);
        before = ", ";
    }
    if (*before == ',') add(t, ")", "");
}

/* What would help most: by the largest part. */
static void add_advice(text *t, const ist__need *need)
{
    const int64_t net = need->master + need->weights, work = need->work + need->later;
    if (need->data > net && need->data > work) add(t, "; data that are shared or sharded need less", "");
    else if (work > net) add(t, "; a smaller batch needs less", "");
    else if (need->weights == 0) add(t, "; a narrower net needs less", "");
    else if (need->weights < need->master) add(t, "; a narrower net or an optimizer with less state needs less", "");
    else add(t, "; more subnets, a narrower net or an optimizer with less state needs less", "");
}

/* ------------------------------------------------------------------------------------------------------- nodes -- */

static ist__need sum_of(const ist__need *needs, int32_t count)
{
    ist__need sum = {0};
    for (int32_t i = 0; i < count; i++) {
        sum.master += needs[i].master;
        sum.weights += needs[i].weights;
        sum.data += needs[i].data;
        sum.work += needs[i].work;
        sum.later += needs[i].later;
    }
    return sum;
}

/* The node that lacks most, with its cache counted or not, and how many lack; -1: none does, or it is not known. */
static int32_t worst_node(const ist__capacity *c, const ist__need *needs, bool with_cache, int32_t *lacking)
{
    int32_t worst = -1;
    int64_t most = 0;
    *lacking = 0;
    for (int32_t i = 0; i < c->node_count; i++) {
        if (c->nodes[i].room < 0) continue;
        const int64_t cache = with_cache && c->nodes[i].cache > 0 ? c->nodes[i].cache : 0;
        const int64_t lack = ist__need_bytes(&needs[i]) - c->nodes[i].room - cache;
        *lacking += lack > 0;
        if (lack <= most) continue;
        most = lack;
        worst = i;
    }
    return worst;
}

/* "node 1 has 1.9 GB free of 4.0 GB, this training needs 2.6 GB there (..)" */
static void add_node(text *t, const ist__capacity *c, const ist__machine *machine, const ist__need *need, int32_t node,
                     const char *who)
{
    char number[48];
    const int32_t os_index = machine->nodes[node].os_index;
    snprintf(number, sizeof number, os_index == node ? "%d" : "%d (the system's %d)", (int)node, (int)os_index);
    add(t, "node ", number);
    add_bytes(t, " has ", c->nodes[node].room);
    add(t, " free", "");
    if (c->nodes[node].size > 0) add_bytes(t, " of ", c->nodes[node].size);
    add(t, ", ", who);
    add_bytes(t, " needs ", ist__need_bytes(need));
    add(t, " there", "");
    add_parts(t, need);
}

static void add_others(text *t, int32_t lacking)
{
    char number[32];
    if (lacking < 2) return;
    snprintf(number, sizeof number, "%d other%s", (int)lacking - 1, lacking > 2 ? "s" : "");
    add(t, ", and so with ", number);
}

static void judge_nodes(ist__room_verdict *v, const ist__capacity *c, const ist__machine *machine,
                        const ist__need *needs, int32_t placement, const char *who, text t)
{
    int32_t lacking, free_lacking;
    const int32_t node = worst_node(c, needs, true, &lacking), tight = worst_node(c, needs, false, &free_lacking);
    if (placement == IST_PLACE_NONE || c->node_count < 2 || tight < 0) return;
    v->kind = IST__ROOM_SPILLS;
    v->node = node >= 0 ? node : tight;
    if (node >= 0 && placement == IST_PLACE_STRICT) {
        v->status = IST_E_PLACEMENT;
        add(&t, "strict placement: ", "");
    }
    add_node(&t, c, machine, &needs[v->node], v->node, who);
    add_others(&t, node >= 0 ? lacking : free_lacking);
    if (node < 0) {
        add_bytes(&t, ": pages are likely to spill to other nodes; ", c->nodes[tight].cache);
        add(&t, " there are page cache, which Linux keeps: drop it first (docs/numa.md, Limits)", "");
        return;
    }
    if (v->status == IST_OK) add(&t, ": pages will spill to other nodes", "");
    add_advice(&t, &needs[node]);
}

/* --------------------------------------------------------------------------------------------------- the whole -- */

static void add_whole(text *t, const ist__need *need, const char *who)
{
    add(t, "not enough memory: ", who);
    add_bytes(t, " needs ", ist__need_bytes(need));
    add_parts(t, need);
}

/* What there is too little of, into the line; false: of nothing. */
static bool lacks(const ist__capacity *c, const ist__need *sum, const char *who, text *t)
{
    const int64_t bytes = ist__need_bytes(sum), touched = with_tables(bytes), swap = c->swap > 0 ? c->swap : 0;
    const int64_t group_swap = c->cgroup.swap >= 0 && c->cgroup.swap < swap ? c->cgroup.swap : swap;
    if (c->cgroup.room >= 0 && touched > c->cgroup.room + group_swap) {
        add_whole(t, sum, who);
        add_bytes(t, ", its control group has ", c->cgroup.room);
        add_bytes(t, " left of ", c->cgroup.limit);
        add(t, " (", c->cgroup.folder);
        add(t, ")", "");
    } else if (c->room >= 0 && touched > c->room + swap) {
        add_whole(t, sum, who);
        add_bytes(t, ", there are ", c->room);
        if (c->size > 0) add_bytes(t, " of ", c->size);
        if (swap > 0) add_bytes(t, " and swap space of ", swap);
    } else if (c->addresses >= 0 && bytes > c->addresses) {
        add_whole(t, sum, who);
        add_bytes(t, ", the limit of address space (ulimit -v) leaves ", c->addresses);
    } else if (c->data >= 0 && bytes > c->data) {
        add_whole(t, sum, who);
        add_bytes(t, ", the limit of data (ulimit -d) leaves ", c->data);
    } else return false;
    add_advice(t, sum);
    return true;
}

ist__room_verdict ist__room_judge(const ist__capacity *c, const ist__machine *machine, const ist__need *needs,
                                  int32_t placement, const char *who)
{
    ist__room_verdict v = {.kind = IST__ROOM_ENOUGH, .status = IST_OK, .node = -1};
    text t = {v.line, v.line + sizeof v.line};
    const ist__need sum = sum_of(needs, c->node_count);
    int64_t room = c->room;
    if (c->cgroup.room >= 0 && (room < 0 || c->cgroup.room < room)) room = c->cgroup.room;
    if (lacks(c, &sum, who, &t)) {
        v.kind = IST__ROOM_TOO_LITTLE;
        v.status = placement == IST_PLACE_NONE ? IST_OK : IST_E_MEMORY;
    } else if (room >= 0 && with_tables(ist__need_bytes(&sum)) > room) {
        v.kind = IST__ROOM_SWAPS;
        add(&t, who, "");
        add_bytes(&t, " needs ", ist__need_bytes(&sum));
        add_parts(&t, &sum);
        add_bytes(&t, ", there are ", room);
        add(&t, ": it will swap, which is very slow", "");
        add_advice(&t, &sum);
    } else judge_nodes(&v, c, machine, needs, placement, who, t);
    return v;
}

/* ------------------------------------------------------------------------------------------------------ asking -- */

ist_status ist__room_check(const ist__host *host, const ist__need *needs, const char *who, ist__error *error)
{
    ist__capacity capacity;
    if (!host->machine->this_system) return IST_OK;
    const ist_status status = ist__capacity_read(&capacity, host->machine, "", error);
    if (status) return status;
    const ist__room_verdict v = ist__room_judge(&capacity, host->machine, needs, host->placement, who);
    ist__capacity_free(&capacity);
    if (v.status) return ist__fail(error, v.status, "%s", v.line);
    if (*v.line && host->log) ist__log_line(host->log, IST_LOG_WARNING, "%s", v.line);
    return IST_OK;
}

static void take(int64_t *room, int64_t bytes)
{
    if (*room >= 0) *room = *room > bytes ? *room - bytes : 0;
}

json_t *ist__room_report(const ist__host *host, const ist__need *needs, int64_t dataset_bytes, const char *who)
{
    static const char *const words[] = {"yes", "spills", "swaps", "no"};
    ist__capacity capacity;
    if (ist__capacity_read(&capacity, host->machine, "", NULL)) return NULL;
    take(&capacity.room, dataset_bytes);
    take(&capacity.cgroup.room, dataset_bytes);
    const ist__room_verdict v = ist__room_judge(&capacity, host->machine, needs, host->placement, who);
    ist__capacity_free(&capacity);
    return json_pack("{s:s, s:s?}", "fits", words[v.kind], "line", *v.line ? v.line : NULL);
}
