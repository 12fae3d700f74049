/* ranges.c - which memory of a run is what: the proof's list of stretches and ranges, and what steps use beside them.
 *
 * Floor: train.  Cold.
 */
#include "base/json.h"
#include "base/mem.h"
#include "numa/near.h"
#include "numa/report.h"
#include "train/save.h"
#include "train/stripes.h"
#include "train/whole.h"

/* ------------------------------------------------------------------------------------------------------ ranges -- */

static void add_subnet(ist__proof *proof, const ist__training *t, int32_t s)
{
    const ist__subnet *subnet = &t->subnets[s];
    const int32_t team = subnet->team, node = subnet->region.node;
    const size_t block = subnet->room_bytes;
    ist__proof_add_stretch(proof, subnet->region.base, subnet->region.bytes);
    ist__proof_add_range(proof, IST__KIND_WEIGHTS, team, s, node, subnet->param, block);
    if (subnet->gradient) /* the replicas share their state, which is striped */
        ist__proof_add_range(proof, IST__KIND_SCRATCH, team, s, node, subnet->gradient, block);
    for (int32_t i = 0; i < t->state_count && !subnet->gradient; i++)
        ist__proof_add_range(proof, IST__KIND_STATE, team, s, node, subnet->state[i], block);
    for (int i = 0; i < 3 && subnet->kept[i]; i++)
        ist__proof_add_range(proof, i == 0 ? IST__KIND_WEIGHTS : IST__KIND_STATE, team, s, node, subnet->kept[i],
                             block);
    const int64_t order =
        ist__batches_order_rows(t->config.data, t->data->rows, t->config.subnets, subnet->batches.subnet);
    ist__proof_add_range(proof, IST__KIND_ORDER, team, s, node, subnet->batches.order,
                         (size_t)order * sizeof(uint32_t));
    if (!subnet->shard) return;
    const size_t rows = (size_t)subnet->batches.rows;
    const size_t row_bytes = (size_t)t->data->features * ist__type_bytes(t->data->type);
    ist__proof_add_range(proof, IST__KIND_DATA, team, s, node, subnet->shard,
                         rows * (t->extent.sparse ? sizeof(uint32_t) : row_bytes)); /* of sparse rows their list */
    if (!t->extent.sparse)
        ist__proof_add_range(proof, IST__KIND_DATA, team, s, node, subnet->shard_answers,
                             rows * (size_t)ist__shape_answer_bytes(&t->net->shape));
}

static void add_team(ist__proof *proof, const ist__training *t, int32_t k)
{
    const ist__team_space *team = &t->teams[k];
    const int32_t node = team->region.node;
    if (!team->region.base) return;
    ist__proof_add_stretch(proof, team->region.base, team->region.bytes);
    /* Work space first, then the order of the whole net's rows, if team 0 has one, then the desk, then the node's copy, if
     * this team holds it. */
    const uint32_t *order = k == 0 && t->whole ? t->whole->subnet.batches.order : NULL;
    const unsigned char *base = team->region.base, *desk = (const unsigned char *)team->desk;
    const unsigned char *rows = order ? (const unsigned char *)order : desk;
    const unsigned char *end = base + team->region.used_bytes, *copy = team->copy ? team->copy : end;
    ist__proof_add_range(proof, IST__KIND_SCRATCH, k, -1, node, base, (size_t)(rows - base));
    ist__proof_add_range(proof, IST__KIND_ORDER, k, -1, node, rows, (size_t)(desk - rows));
    ist__proof_add_range(proof, IST__KIND_CONTROL, k, -1, node, desk, (size_t)(copy - desk));
    ist__proof_add_range(proof, IST__KIND_DATA, k, -1, node, copy, (size_t)(end - copy));
}

static void add_stripes(ist__proof *proof, const ist__training *t, int32_t kind, const ist__region *region)
{
    const ist__plan *plan = t->host.plan;
    if (!region->base) return;
    ist__proof_add_stretch(proof, region->base, region->bytes);
    for (int32_t k = 0; k < plan->team_count; k++) {
        size_t first, last;
        ist__stripe_of(region->bytes, k, plan->team_count, &first, &last);
        ist__proof_add_range(proof, kind, k, -1, plan->teams[k].home, region->base + first, last - first);
    }
}

/* What the threads of each team tell one another. */
static void add_words(ist__proof *proof, const ist__training *t)
{
    const ist__team_pages *pages = ist__crew_last(t->host.crew).pages;
    ist__proof_add_stretch(proof, pages->base, pages->team_bytes * (size_t)pages->teams);
    for (int32_t k = 0; k < pages->teams; k++)
        ist__proof_add_range(proof, IST__KIND_CONTROL, k, -1, t->host.plan->teams[k].node, ist__team_page(pages, k),
                             pages->team_bytes);
}

static void add_all(ist__proof *proof, const ist__training *t, const ist__region *master)
{
    for (int32_t s = 0; s < t->config.subnets; s++) add_subnet(proof, t, s);
    for (int32_t k = 0; k < t->host.plan->team_count; k++) add_team(proof, t, k);
    add_words(proof, t);
    add_stripes(proof, t, IST__KIND_MASTER, master);
    for (int i = 0; i < 2; i++) add_stripes(proof, t, IST__KIND_MASTER_STATE, &t->master_state[i]);
    add_stripes(proof, t, IST__KIND_AVERAGE, &t->average);
    add_stripes(proof, t, IST__KIND_VELOCITY, &t->velocity);
    /* Announced ones alone: they are there from the start. */
    for (int i = 0; t->config.background_saves && i < IST__SAVE_REGIONS; i++)
        add_stripes(proof, t, IST__KIND_COPY, &ist__save_regions(t)[i]);
    for (int i = 0; i < 2; i++) add_stripes(proof, t, IST__KIND_STATE, &t->shared_state[i]);
    if (!t->whole) return;
    for (int i = 0; i < 3; i++)
        add_stripes(proof, t, i == 0 ? IST__KIND_WEIGHTS : IST__KIND_STATE, &t->whole->block[i]);
    add_stripes(proof, t, IST__KIND_SCRATCH, &t->whole->work);
}

/* Regions stay where they are as long as the training lives, so the list is made once. */
static ist_status check(ist__training *t, const ist__region *master, ist__error *error)
{
    if (!t->proof.found) {
        ist__proof_init(&t->proof, t->host.machine, t->host.placement, ist__pages_nodes);
        add_all(&t->proof, t, master);
        const ist_status status = ist__proof_begin(&t->proof, error);
        if (status) return status;
        add_all(&t->proof, t, master);
    }
    ist__proof_check(&t->proof);
    return IST_OK;
}

/* ------------------------------------------------------------------------------------------------------- asked -- */

static int64_t balanced_since(int64_t before, int64_t now)
{
    if (before < 0 || now < 0) return -1;
    return now > before ? now - before : 0; /* a thread that ended took its count with it */
}

ist_status ist__training_verify(ist__training *t, const ist__region *master, ist_placement *out, ist__error *error)
{
    ist__verdict v;
    ist_status status = check(t, master, error);
    if (!status) status = ist__proof_judge(&t->proof, &v, error);
    if (!status) status = ist__proof_enforce(&t->proof, &v, error);
    if (status || !out) return status;
    const ist__proof *p = &t->proof;
    *out = (ist_placement){.struct_size = sizeof *out,
                           .bytes = v.bytes,
                           .local_bytes = v.local_bytes,
                           .remote_bytes = v.remote_bytes,
                           .unknown_bytes = v.unknown_bytes,
                           .hot_bytes = v.hot_bytes,
                           .hot_local_bytes = v.hot_local_bytes,
                           .hot_unknown_bytes = v.hot_unknown_bytes,
                           .moved_bytes = p->moved_bytes,
                           .balanced_pages = balanced_since(p->before.process, p->now.process),
                           .checks = p->checks,
                           .seconds = p->seconds,
                           .nodes = t->host.machine->node_count,
                           .wrong = v.wrong};
    ist__verdict_words(&v, out->worst, sizeof out->worst);
    return IST_OK;
}

/* Where the stacks are on which the last run's threads worked: the pages that exist.  NULL: out of memory. */
static json_t *stacks_json(const ist__training *t)
{
    enum { PAGES_MOST = 32 };
    const ist__machine *machine = t->host.machine;
    const ist__crew_state last = ist__crew_last(t->host.crew);
    const int64_t page_bytes = (int64_t)ist__page_bytes();
    int64_t *by_node = ist__alloc(machine->node_count, sizeof *by_node), bytes = 0, local = 0;
    if (!by_node) return NULL;
    for (int32_t k = 0, thread = 0; k < t->host.plan->team_count; k++) {
        const int32_t home = t->host.plan->teams[k].node;
        for (int32_t r = 0; r < t->host.plan->teams[k].threads; r++, thread++) {
            const unsigned char *first;
            int16_t where[PAGES_MOST];
            if (!last.stack[thread]) continue;
            const size_t pages = ist__stack_part(last.stack[thread], &first) / (size_t)page_bytes;
            if (pages > PAGES_MOST || ist__pages_nodes(machine, first, pages, where)) continue;
            for (size_t i = 0; i < pages; i++) {
                if (where[i] == IST__PAGE_UNKNOWN) continue;
                bytes += page_bytes;
                if (where[i] >= 0) by_node[where[i]] += page_bytes;
                if (where[i] == home) local += page_bytes;
            }
        }
    }
    json_t *list = json_array();
    for (int32_t n = 0; n < machine->node_count; n++) ist__json_append(list, json_integer(by_node[n]));
    ist__free(by_node);
    return json_pack("{s:s, s:s, s:I, s:I, s:o, s:i}", "what", "stacks of the threads, where they work", "used", "step",
                     "bytes", (json_int_t)bytes, "local_bytes", (json_int_t)local, "by_node", list, "unknown_bytes",
                     0 /* pages that do not exist are not counted */);
}

/* What steps use and nobody here placed: told, so that nobody takes it for placed. */
static json_t *not_placed(const ist__training *t)
{
    json_t *list = json_array();
    ist__json_append(list, stacks_json(t));
    const ist_dataset *data = t->data;
    const ist__sparse *sparse = &data->sparse;
    if (t->config.data == IST_DATA_SHARED || t->whole || t->extent.sparse) {
        const void *first = t->extent.sparse ? (const void *)sparse->feature : data->x;
        const size_t bytes = t->extent.sparse ? (size_t)sparse->nonzeros * sizeof *sparse->feature
                                              : (size_t)(data->rows * data->row_stride_bytes);
        json_t *rows = ist__report_pages(t->host.machine, first, bytes, -1);
        ist__json_set(rows, "what", json_string("rows of the dataset, shared: where their owner put them"));
        ist__json_set(rows, "used", json_string("step"));
        ist__json_append(list, rows);
    }
    if (t->host.engine.kind == IST_ENGINE_OPENBLAS)
        ist__json_append(list, json_pack("{s:s, s:s, s:n}", "what",
                                         "packing buffers of OpenBLAS: one table for the process, on the nodes of "
                                         "the threads that used them first",
                                         "used", "step", "bytes"));
    return list;
}

json_t *ist__training_proof(ist__training *t, const ist__region *master)
{
    if (check(t, master, NULL)) return NULL;
    json_t *json = ist__proof_json(&t->proof);
    if (json) ist__json_set(json, "not_placed", not_placed(t));
    return json;
}
