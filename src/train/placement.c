/* placement.c - gives every subnet's block, every team's work space and every shard its home, and reads the proof back.
 *
 * One function says how large each region is; planning and placing both use it, so `ist info` promises what training
 * takes.  Regions are bound to the team's node and every page is touched first by a thread of that team.
 *
 * Floor: train.  Cold.
 */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "numa/report.h"
#include "train/average.h"
#include "train/evaluate.h"
#include "train/front.h"
#include "train/masked.h"
#include "train/outer.h"
#include "train/save.h"
#include "train/reseat.h"
#include "train/stripes.h"
#include "train/tally.h"
#include "train/whole.h"

/* ----------------------------------------------------------------------------------------------------- sizes -- */

typedef struct data_size {
    size_t row_bytes, answer_bytes; /* of a row: features; label or targets */
    int64_t rows;
} data_size;

/* Sparse rows stay where they are, and of a shard it is told which they are. */
static data_size data_of(const ist__shape *shape, const ist__extent *data)
{
    if (data->sparse) return (data_size){sizeof(uint32_t), 0, data->rows};
    const size_t row_bytes = (size_t)shape->width[0] * ist__type_bytes(data->type);
    return (data_size){row_bytes, (size_t)ist__shape_answer_bytes(shape), data->rows};
}

static data_size shard_of(data_size all, int64_t rows)
{
    all.rows = rows;
    return all;
}

static size_t data_bytes(data_size d)
{
    return ist__region_size(d.row_bytes * (size_t)d.rows) + ist__region_size(d.answer_bytes * (size_t)d.rows);
}

/* Of the whole dataset: where rows and their labels begin; features and values; labels. */
static int64_t sparse_bytes(const ist__extent *data)
{
    return 16 * (data->rows + 1) + 8 * data->nonzeros + 4 * data->label_entries;
}

/* Has each node a copy of all rows? */
static bool copies(const ist_train_config *config, const ist__extent *data)
{
    return config->data == IST_DATA_REPLICATE && !data->sparse;
}

static size_t order_bytes(const ist_train_config *config, int64_t rows, int32_t subnet)
{
    return (size_t)ist__batches_order_rows(config->data, rows, config->subnets, subnet) * sizeof(uint32_t);
}

static bool sticks(const ist_train_config *config)
{
    return config->repartition_fraction < 1 && config->subnets > 1;
}

/* Arrays of a block that the master holds too. */
static size_t kept_arrays(const ist_train_config *config)
{
    return 1 + (config->state == IST_STATE_CARRIED ? (size_t)ist__optimizer_states(config->optimizer) : 0);
}

/* Striped arrays of the master's size. */
static int master_arrays(const ist_train_config *config)
{
    return (int)kept_arrays(config) + (ist__averages(config) ? 1 : 0) + (ist__outer_rolls(config) ? 1 : 0);
}

/* all: the dataset. */
static size_t subnet_bytes(const ist__shape *part, const ist_train_config *config, int32_t subnet, data_size all)
{
    size_t arrays = 1 + (size_t)ist__keeps_gradients(config);
    if (config->method != IST_METHOD_DATA_PARALLEL) /* whose state is shared */
        arrays += (size_t)ist__optimizer_states(config->optimizer);
    if (sticks(config)) arrays += kept_arrays(config); /* so that a round that fails can be undone */
    const data_size shard = shard_of(all, ist__shard_rows(all.rows, config->subnets, subnet));
    size_t bytes = arrays * ist__region_size((size_t)part->floats * sizeof(float)) +
                   ist__region_size(order_bytes(config, all.rows, subnet));
    if (config->data == IST_DATA_SHARD) bytes += data_bytes(shard);
    return bytes;
}

/* Does this team train a subnet? */
static bool trains(const ist__plan *plan, int32_t team, int32_t subnets)
{
    for (int32_t s = 0; s < subnets; s++)
        if (ist__team_of_subnet(s, subnets, plan->team_count) == team) return true;
    return false;
}

/* Does this team, which trains a subnet, hold its node's copy of the data?  The first such team of the node does. */
static bool holds_copy(const ist__plan *plan, int32_t team, int32_t subnets)
{
    int32_t k = 0;
    while (plan->teams[k].node != plan->teams[team].node || !trains(plan, k, subnets)) k++;
    return k == team;
}

/* widest: of its subnets; whole: the net. */
static size_t team_bytes(const ist__host *host, int32_t team, const ist__shape *widest, const ist__shape *whole,
                         const ist_train_config *config, const ist__extent *data)
{
    const ist__plan *plan = host->plan;
    size_t bytes = ist__desk_bytes(widest) + ist__whole_team_bytes(host, team, whole, config, data);
    if (!trains(plan, team, config->subnets)) return bytes;
    bytes += ist__scratch_bytes(&host->engine, widest, data, config, plan->teams[team].threads);
    if (copies(config, data) && holds_copy(plan, team, config->subnets)) bytes += data_bytes(data_of(whole, data));
    return bytes;
}

/* Does this team have work space at all? */
static bool works(const ist__plan *plan, int32_t team, const ist_train_config *config)
{
    return ist__has_full_width(config) || trains(plan, team, config->subnets);
}

static size_t whole_pages(size_t bytes)
{
    return (bytes + IST__HUGE_PAGE_BYTES - 1) / IST__HUGE_PAGE_BYTES * IST__HUGE_PAGE_BYTES;
}

/* --------------------------------------------------------------------------------------------------- placing -- */

typedef struct placing {
    ist__training *training;
    uint32_t **lists; /* of each subnet: the dataset rows of its shard */
} placing;

static void copy_rows(const ist_dataset *data, const uint32_t *list, int64_t first, int64_t last, size_t row_bytes,
                      unsigned char *to, void *answers)
{
    const size_t count = (size_t)data->target_count;
    for (int64_t i = first; i < last; i++) {
        const int64_t row = list ? list[i] : i;
        memcpy(to + (size_t)i * row_bytes, (const unsigned char *)data->x + row * data->row_stride_bytes, row_bytes);
        if (data->labels) ((int32_t *)answers)[i] = data->labels[row];
        else
            memcpy((float *)answers + (size_t)i * count, data->targets + row * data->target_stride,
                   count * sizeof(float));
    }
}

static size_t row_bytes_of(const ist_dataset *data)
{
    return (size_t)data->features * ist__type_bytes(data->type);
}

#ifdef IST_TEST_WRONG_TOUCH
/* A build that errs on purpose, for the test that must notice: what belongs to team 1 is bound nowhere, and touched first
 * by team 0.  Never installed; see tests/CMakeLists.txt. */
static bool is_wrong(int32_t team)
{
    return team == 1;
}
#else
static bool is_wrong(int32_t team)
{
    (void)team;
    return false;
}
#endif

/* Touch my share of a region of this team. */
static void touch(const ist__region *region, int32_t team, const ist__worker *worker)
{
    int64_t first, last;
    if (!region->base || worker->team != (is_wrong(team) ? 0 : team)) return;
    ist__share((int64_t)region->bytes, worker->rank, worker->size, &first, &last);
    ist__pages_touch(region->base + first, (size_t)(last - first));
}

/* On every thread: touch my share of my team's regions, then copy my share of the rows that live there. */
static void touch_and_copy(void *argument, ist__worker *worker)
{
    const placing *p = argument;
    const ist__training *t = p->training;
    const ist__team_space *team = &t->teams[worker->team];
    const size_t row_bytes = row_bytes_of(t->data);
    const bool sparse = t->data->sparse.rows > 0;
    int64_t first, last;
    for (int32_t k = 0; k < worker->teams; k++) touch(&t->teams[k].region, k, worker);
    for (int32_t s = 0; s < t->config.subnets; s++) touch(&t->subnets[s].region, t->subnets[s].team, worker);
    ist__all_barrier(worker);
    if (team->copy) {
        ist__share(t->data->rows, worker->rank, worker->size, &first, &last);
        copy_rows(t->data, NULL, first, last, row_bytes, team->copy, team->copy_answers);
    }
    for (int32_t s = 0; s < t->config.subnets; s++) {
        const ist__subnet *subnet = &t->subnets[s];
        if (subnet->team != worker->team || !subnet->shard) continue;
        ist__share(subnet->batches.rows, worker->rank, worker->size, &first, &last);
        if (sparse)
            memcpy((uint32_t *)subnet->shard + first, p->lists[s] + first, (size_t)(last - first) * sizeof **p->lists);
        else copy_rows(t->data, p->lists[s], first, last, row_bytes, subnet->shard, subnet->shard_answers);
    }
}

static ist_status make_region(ist__training *t, ist__region *region, size_t bytes, int32_t team, ist__error *error)
{
    const ist__host *host = &t->host;
    return ist__region_create(region, host->topology, bytes, host->plan->teams[team].node,
                              is_wrong(team) ? IST_PLACE_NONE : host->placement, host->refusals, error);
}

static ist_status make_subnet_region(ist__training *t, int32_t s, ist__error *error)
{
    ist__subnet *subnet = &t->subnets[s];
    const data_size all = data_of(&t->net->shape, &t->extent);
    const data_size shard = shard_of(all, subnet->batches.rows);
    const ist__shape room = ist__roomy_shape(&t->net->shape, &t->deal, &t->config, subnet->team,
                                             t->host.plan->team_count, s, subnet->shape.panels);
    const size_t bytes = subnet_bytes(&room, &t->config, s, all);
    const ist_status status = make_region(t, &subnet->region, bytes, subnet->team, error);
    if (status) return status;
    const size_t block = subnet->room_bytes = (size_t)room.floats * sizeof(float);
    subnet->param = ist__region_take(&subnet->region, block);
    const bool shares = t->config.method == IST_METHOD_DATA_PARALLEL;
    if (ist__keeps_gradients(&t->config)) subnet->gradient = ist__region_take(&subnet->region, block);
    for (int32_t i = 0; i < t->state_count; i++)
        subnet->state[i] = shares ? (float *)(void *)t->shared_state[i].base : ist__region_take(&subnet->region, block);
    for (size_t i = 0; sticks(&t->config) && i < kept_arrays(&t->config); i++)
        subnet->kept[i] = ist__region_take(&subnet->region, block);
    subnet->batches.order = ist__region_take(&subnet->region, order_bytes(&t->config, all.rows, s));
    if (t->config.data == IST_DATA_SHARD) {
        subnet->shard = ist__region_take(&subnet->region, shard.row_bytes * (size_t)shard.rows);
        subnet->shard_answers = ist__region_take(&subnet->region, shard.answer_bytes * (size_t)shard.rows);
    }
    return IST_OK;
}

static ist_status make_team_region(ist__training *t, int32_t k, ist__error *error)
{
    const ist__host *host = &t->host;
    const ist__plan *plan = host->plan;
    ist__team_space *team = &t->teams[k];
    const data_size all = data_of(&t->net->shape, &t->extent);
    const ist__shape room =
        ist__roomy_shape(&t->net->shape, &t->deal, &t->config, k, plan->team_count, -1, t->subnets[0].shape.panels);
    const ist_status status =
        make_region(t, &team->region, team_bytes(host, k, &room, &t->net->shape, &t->config, &t->extent), k, error);
    if (status) return status;
    const bool trains_subnets = trains(plan, k, t->config.subnets);
    if (trains_subnets)
        ist__scratch_take(&team->scratch, &team->region, &host->engine, &room, &t->extent, &t->config,
                          plan->teams[k].threads);
    ist__whole_team_take(t, k);
    ist__desk_take(team, &room);
    if (trains_subnets && copies(&t->config, &t->extent) && holds_copy(plan, k, t->config.subnets)) {
        team->copy = ist__region_take(&team->region, all.row_bytes * (size_t)all.rows);
        team->copy_answers = ist__region_take(&team->region, all.answer_bytes * (size_t)all.rows);
    }
    return IST_OK;
}

/* Where subnet s reads its rows from. */
static ist__rows rows_of(const ist__training *t, const ist__subnet *subnet)
{
    const ist_dataset *data = t->data;
    ist__rows rows = ist__dataset_rows(data);
    if (t->config.data == IST_DATA_SHARED) return rows;
    if (rows.sparse) {
        rows.list = subnet->shard; /* NULL but for shards */
        return rows;
    }
    const void *answers = subnet->shard_answers;
    rows.row_stride_bytes = (int64_t)row_bytes_of(data);
    rows.target_stride = data->target_count;
    rows.x = subnet->shard;
    for (int32_t k = 0; t->config.data == IST_DATA_REPLICATE && k < t->host.plan->team_count; k++) {
        if (!t->teams[k].copy || t->host.plan->teams[k].node != t->host.plan->teams[subnet->team].node) continue;
        rows.x = t->teams[k].copy;
        answers = t->teams[k].copy_answers;
    }
    if (data->labels) rows.labels = answers;
    else rows.targets = answers;
    return rows;
}

static ist_status list_shards(ist__training *t, uint32_t **lists, ist__error *error)
{
    ist_status status = IST_OK;
    for (int32_t s = 0; t->config.data == IST_DATA_SHARD && s < t->config.subnets && !status; s++) {
        lists[s] = ist__alloc(t->subnets[s].batches.rows, sizeof **lists);
        if (!lists[s]) return ist__fail(error, IST_E_MEMORY, "no memory for the rows of subnet %d", s);
        status = ist__shard_list(t->config.seed, t->data->rows, t->config.subnets, s, lists[s], error);
    }
    return status;
}

ist_status ist__training_place(ist__training *t, ist__error *error)
{
    const int32_t n = t->config.subnets;
    ist_status status = IST_OK;
    for (int32_t s = 0; s < n && !status; s++) status = make_subnet_region(t, s, error);
    for (int32_t k = 0; k < t->host.plan->team_count && !status; k++)
        if (works(t->host.plan, k, &t->config)) status = make_team_region(t, k, error);
    if (status) return status;
    placing p = {t, ist__alloc(n, sizeof *p.lists)};
    if (!p.lists) return ist__fail(error, IST_E_MEMORY, "no memory for the shards of %d subnets", n);
    status = list_shards(t, p.lists, error);
    if (!status) status = ist__crew_run(t->host.crew, touch_and_copy, &p, error);
    for (int32_t s = 0; s < n; s++) {
        ist__free(p.lists[s]);
        t->subnets[s].rows = rows_of(t, &t->subnets[s]);
    }
    ist__free(p.lists);
    return status;
}

/* --------------------------------------------------------------------------------------------------- reports -- */

static json_t *region_report(const ist__training *t, const ist__region *region)
{
    return ist__report_pages(t->host.machine, region->base, region->bytes, region->node);
}

json_t *ist__training_report(const ist__training *t)
{
    json_t *subnets = json_array(), *teams = json_array(), *states = json_array();
    int64_t bytes = 0;
    for (int32_t s = 0; s < t->config.subnets; s++) {
        json_t *one = region_report(t, &t->subnets[s].region);
        ist__json_set(one, "subnet", json_integer(s));
        ist__json_set(one, "team", json_integer(t->subnets[s].team));
        ist__json_set(one, "node", json_integer(t->subnets[s].region.node));
        ist__json_append(subnets, one);
        bytes += (int64_t)t->subnets[s].region.bytes;
    }
    for (int32_t k = 0; k < t->host.plan->team_count; k++) {
        if (!t->teams[k].region.base) continue;
        json_t *one = region_report(t, &t->teams[k].region);
        ist__json_set(one, "team", json_integer(k));
        ist__json_set(one, "node", json_integer(t->teams[k].region.node));
        ist__json_append(teams, one);
        bytes += (int64_t)t->teams[k].region.bytes;
    }
    for (int i = 0; i < 2; i++) bytes += (int64_t)t->shared_state[i].bytes;
    bytes += (int64_t)(t->average.bytes + t->velocity.bytes);
    for (int i = 0; t->saver && i < IST__SAVE_REGIONS; i++) bytes += (int64_t)ist__save_regions(t)[i].bytes;
    json_t *whole = ist__whole_report(t, &bytes);
    for (int i = 0; i < 2; i++) {
        if (!t->master_state[i].base) continue;
        ist__json_append(states, ist__stripes_report(&t->master_state[i], &t->host));
        bytes += (int64_t)t->master_state[i].bytes;
    }
    json_t *plan = ist__training_plan(&t->host, &t->net->shape, &t->config, &t->extent, NULL);
    const json_int_t planned = json_integer_value(json_object_get(plan, "planned_bytes"));
    json_decref(plan);
    bytes += (int64_t)whole_pages((size_t)t->net->shape.floats * sizeof(float)); /* the model's own stripes */
    json_t *report = json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o}", "subnets", subnets, "teams", teams,
                               "full_width", whole, "master_state", states, "region_bytes", (json_int_t)bytes,
                               "planned_bytes", planned, "traffic", ist__tally_report(t), "system",
                               ist__report_system(t->host.placement, t->host.crew, t->host.refusals));
    if (report && t->average.base) ist__json_set(report, "average", ist__stripes_report(&t->average, &t->host));
    if (report && t->velocity.base) ist__json_set(report, "velocity", ist__stripes_report(&t->velocity, &t->host));
    if (report && is_wrong(1)) ist__json_set(report, "wrong_on_purpose", json_true());
    return report;
}

/* What each node must give, rounded up region by region as placing does. */
static void sum_needs(const ist__host *host, const ist__deal *deal, const ist__shape *shape,
                      const ist_train_config *config, const ist__extent *data, ist__need *needs)
{
    const data_size all = data_of(shape, data);
    const ist__plan *plan = host->plan;
    const int32_t n = config->subnets;
    const bool panels = host->engine.kind == IST_ENGINE_NATIVE, sharded = config->data == IST_DATA_SHARD;
    for (int32_t s = 0; s < n; s++) {
        const int32_t team = ist__team_of_subnet(s, n, plan->team_count);
        const ist__shape room = ist__roomy_shape(shape, deal, config, team, plan->team_count, s, panels);
        ist__need *need = &needs[plan->teams[team].node];
        const data_size shard = shard_of(all, ist__shard_rows(all.rows, n, s));
        const int64_t rows_bytes = sharded ? (int64_t)data_bytes(shard) : 0;
        need->data += rows_bytes;
        need->weights += (int64_t)whole_pages(subnet_bytes(&room, config, s, all)) - rows_bytes;
    }
    const int64_t drawn = (int64_t)config->calibration_batches * config->batch;
    for (int32_t k = 0; k < plan->team_count; k++) {
        ist__need *need = &needs[plan->teams[k].node];
        need->later += (int64_t)ist__calibrate_bytes(shape, data, drawn, k, plan->team_count);
        if (!works(plan, k, config)) continue;
        const bool copy = copies(config, data) && trains(plan, k, n) && holds_copy(plan, k, n);
        const int64_t copy_bytes = copy ? (int64_t)data_bytes(all) : 0;
        need->data += copy_bytes;
        const ist__shape room = ist__roomy_shape(shape, deal, config, k, plan->team_count, -1, panels);
        need->work += (int64_t)whole_pages(team_bytes(host, k, &room, shape, config, data)) - copy_bytes;
    }
    if (data->sparse) ist__front_need(host, shape, needs);
    ist__stripes_need(host, (size_t)shape->floats * sizeof(float), master_arrays(config), needs);
    if (config->background_saves)
        ist__stripes_need(host, (size_t)shape->floats * sizeof(float), ist__save_arrays(config), needs);
    ist__whole_need(host, shape, config, data, needs);
    if (config->method != IST_METHOD_DATA_PARALLEL) return;
    const ist__shape replica = ist__deal_shape(deal, shape, 0, panels);
    ist__stripes_need(host, (size_t)replica.floats * sizeof(float), ist__optimizer_states(config->optimizer), needs);
}

ist_status ist__training_needs(const ist__host *host, const ist__shape *shape, const ist_train_config *config,
                               const ist__extent *data, ist__need *needs, ist__error *error)
{
    ist__deal deal;
    const ist_status status = ist__training_deal(&deal, shape, config, error);
    if (status) return status;
    sum_needs(host, &deal, shape, config, data, needs);
    ist__deal_destroy(&deal);
    return IST_OK;
}

ist_status ist__training_room(const ist__host *host, const ist__shape *shape, const ist_train_config *config,
                              const ist__extent *data, ist__error *error)
{
    ist__need *needs = ist__alloc(host->machine->node_count, sizeof *needs);
    if (!needs) return ist__fail(error, IST_E_MEMORY, "no memory for %d nodes", host->machine->node_count);
    ist_status status = ist__training_needs(host, shape, config, data, needs, error);
    if (!status) {
        ist__stripes_need(host, (size_t)shape->floats * sizeof(float), -1, needs); /* the model is there */
        status = ist__room_check(host, needs, "this training", error);
    }
    ist__free(needs);
    return status;
}

json_t *ist__training_plan(const ist__host *host, const ist__shape *shape, const ist_train_config *config,
                           const ist__extent *data, ist__error *error)
{
    const ist__plan *plan = host->plan;
    const int32_t n = config->subnets;
    const data_size all = data_of(shape, data);
    const bool panels = host->engine.kind == IST_ENGINE_NATIVE;
    ist__deal deal;
    if (ist__train_shares_check(config, shape, error) || ist__training_deal(&deal, shape, config, error)) return NULL;
    int64_t total = 0, later = 0;
    ist__need *needs = ist__alloc(host->machine->node_count, sizeof *needs);
    json_t *subnets = json_array(), *by_node = json_array();
    for (int32_t s = 0; s < n; s++) {
        const ist__shape part = ist__deal_shape(&deal, shape, s, panels);
        const int32_t team = ist__team_of_subnet(s, n, plan->team_count), node = plan->teams[team].node;
        const ist__shape room = ist__roomy_shape(shape, &deal, config, team, plan->team_count, s, panels);
        const int64_t bytes = (int64_t)whole_pages(subnet_bytes(&room, config, s, all));
        ist__json_append(subnets, json_pack("{s:i, s:i, s:i, s:I, s:I}", "subnet", s, "team", team, "node", node,
                                            "parameters", (json_int_t)part.parameters, "bytes", (json_int_t)bytes));
    }
    const size_t master = whole_pages((size_t)shape->floats * sizeof(float));
    if (needs) sum_needs(host, &deal, shape, config, data, needs);
    for (int32_t i = 0; needs && i < host->machine->node_count; i++) {
        const int64_t bytes = ist__need_bytes(&needs[i]) - needs[i].later;
        ist__json_append(by_node, json_integer(bytes));
        total += bytes;
        later += needs[i].later;
    }
    const size_t targets = ist__shape_regresses(shape) ? all.answer_bytes : 0; /* labels are few */
    const int64_t dataset = data->sparse ? sparse_bytes(data) : (int64_t)(all.row_bytes + targets) * data->rows;
    json_t *room = needs ? ist__room_report(host, needs, dataset, "this training") : NULL;
    json_t *traffic = ist__tally_plan(host, shape, &deal, config);
    ist__free(needs);
    ist__deal_destroy(&deal);
    const int copies = config->background_saves ? ist__save_arrays(config) : 0;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "parameters",
                     (json_int_t)shape->parameters, "master_bytes",
                     (json_int_t)((size_t)master_arrays(config) * master), "copy_bytes",
                     (json_int_t)((size_t)copies * master), "dataset_bytes", (json_int_t)dataset, "peak_bytes",
                     (json_int_t)(total + dataset + later), "planned_bytes", (json_int_t)total, "room", room, "traffic",
                     traffic, "by_node", by_node, "homes", ist__report_homes(host->machine, plan), "subnets", subnets);
}
