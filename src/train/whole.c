/* whole.c - memory of the net of phases at full width.  Floor: train.  Cold. */
#include "train/whole.h"

#include "base/json.h"
#include "base/mem.h"
#include "train/stripes.h"

static ist__shape whole_shape(const ist__shape *shape, const ist__host *host)
{
    return ist__shape_narrow(shape, shape->width + 1, host->engine.kind == IST_ENGINE_NATIVE);
}

static size_t scratch_bytes(const ist__host *host, const ist__shape *whole, const ist_train_config *config,
                            const ist__extent *data, int32_t threads)
{
    return ist__scratch_bytes(&host->engine, whole, data, config, threads);
}

/* ----------------------------------------------------------------------------------------------------- stripes -- */

static ist_status make(ist__training *t, ist__whole *w, ist__error *error)
{
    const ist__shape *shape = &t->net->shape;
    const ist_dataset *data = t->data;
    ist__subnet *subnet = &w->subnet;
    ist_status status = ist__deal_create_replicas(&w->deal, shape, 1, error);
    if (status) return status;
    subnet->shape = whole_shape(shape, &t->host);
    subnet->room_bytes = (size_t)subnet->shape.floats * sizeof(float);
    subnet->rows = ist__dataset_rows(data);
    status = ist__batches_make(&subnet->batches, t->config.seed, IST_DATA_SHARED, data->rows, 1, 0, NULL, error);
    for (int32_t i = 0; i < 1 + t->state_count && !status; i++) {
        status = ist__stripes_create(&w->block[i], &t->host, subnet->room_bytes, error);
        float *block = (float *)(void *)w->block[i].base;
        if (i == 0) subnet->param = block;
        else subnet->state[i - 1] = block;
    }
    const size_t work = scratch_bytes(&t->host, &subnet->shape, &t->config, &t->extent, 0);
    if (!status) status = ist__stripes_create(&w->work, &t->host, work, error);
    if (!status) ist__scratch_take(&w->scratch, &w->work, &t->host.engine, &subnet->shape, &t->extent, &t->config, 0);
    return status;
}

ist_status ist__whole_create(ist__training *t, ist__error *error)
{
    if (!ist__has_full_width(&t->config)) return IST_OK;
    t->whole = ist__alloc(1, sizeof *t->whole);
    if (!t->whole) return ist__fail(error, IST_E_MEMORY, "no memory for the whole net");
    return make(t, t->whole, error);
}

void ist__whole_destroy(ist__training *t)
{
    if (!t->whole) return;
    for (int i = 0; i < 3; i++) ist__region_destroy(&t->whole->block[i]);
    ist__region_destroy(&t->whole->work);
    ist__deal_destroy(&t->whole->deal);
    ist__free(t->whole);
}

static void need_stripes(const ist__host *host, size_t bytes, bool work, ist__need *needs)
{
    const size_t whole = (bytes + IST__HUGE_PAGE_BYTES - 1) / IST__HUGE_PAGE_BYTES * IST__HUGE_PAGE_BYTES;
    for (int32_t t = 0; t < host->plan->team_count; t++) {
        size_t first, last;
        ist__need *need = &needs[host->plan->teams[t].home];
        ist__stripe_of(whole, t, host->plan->team_count, &first, &last);
        if (work) need->work += (int64_t)(last - first);
        else need->weights += (int64_t)(last - first);
    }
}

void ist__whole_need(const ist__host *host, const ist__shape *shape, const ist_train_config *config,
                     const ist__extent *data, ist__need *needs)
{
    if (!ist__has_full_width(config)) return;
    const ist__shape whole = whole_shape(shape, host);
    for (int32_t i = 0; i < 1 + ist__optimizer_states(config->optimizer); i++)
        need_stripes(host, (size_t)whole.floats * sizeof(float), false, needs);
    need_stripes(host, scratch_bytes(host, &whole, config, data, 0), true, needs);
}

/* ---------------------------------------------------------------------------------------- with each of the teams -- */

/* Each thread's own scratch. */
static size_t own_bytes(const ist__host *host, int32_t team, const ist__shape *whole, const ist_train_config *config,
                        const ist__extent *data)
{
    const int32_t threads = host->plan->teams[team].threads;
    return scratch_bytes(host, whole, config, data, threads) - scratch_bytes(host, whole, config, data, 0);
}

/* The order of rows is read by one thread, the first of team 0. */
static size_t order_bytes(int32_t team, int64_t rows)
{
    return team == 0 ? (size_t)rows * sizeof(uint32_t) : 0;
}

size_t ist__whole_team_bytes(const ist__host *host, int32_t team, const ist__shape *shape,
                             const ist_train_config *config, const ist__extent *data)
{
    if (!ist__has_full_width(config)) return 0;
    const ist__shape whole = whole_shape(shape, host);
    return own_bytes(host, team, &whole, config, data) + ist__region_size(order_bytes(team, data->rows));
}

void ist__whole_team_take(ist__training *t, int32_t team)
{
    if (!t->whole) return;
    ist__team_space *space = &t->teams[team];
    ist__subnet *subnet = &t->whole->subnet;
    space->whole_own =
        ist__region_take(&space->region, own_bytes(&t->host, team, &subnet->shape, &t->config, &t->extent));
    if (team == 0) subnet->batches.order = ist__region_take(&space->region, order_bytes(team, t->data->rows));
}

/* ----------------------------------------------------------------------------------------------------- reports -- */

json_t *ist__whole_report(const ist__training *t, int64_t *bytes)
{
    json_t *list = json_array();
    for (int i = 0; t->whole && i < 4; i++) {
        const ist__region *region = i < 3 ? &t->whole->block[i] : &t->whole->work;
        if (!region->base) continue;
        ist__json_append(list, ist__stripes_report(region, &t->host));
        *bytes += (int64_t)region->bytes;
    }
    return list;
}

/* Share of the master that lies elsewhere for a thread, the mean over threads. */
static double share_elsewhere(const ist__training *t)
{
    const ist__plan *plan = t->host.plan;
    const int64_t floats = t->net->shape.floats;
    double share = 0;
    for (int32_t k = 0; k < t->homes.count; k++) {
        const int64_t first = k > 0 ? t->homes.last[k - 1] : 0;
        const int64_t last = t->homes.last[k] < floats ? t->homes.last[k] : floats;
        double threads = 0;
        for (int32_t i = 0; i < plan->team_count; i++)
            if (plan->teams[i].home != t->homes.home[k]) threads += plan->teams[i].threads;
        if (last > first) share += (double)(last - first) / (double)floats * threads / plan->thread_count;
    }
    return share;
}

void ist__whole_traffic(const ist__training *t, double *moved_bytes, double *crossed_bytes)
{
    const double arrays = 1.0 + (t->config.state == IST_STATE_CARRIED ? t->state_count : 0);
    *moved_bytes = 2 * arrays * (double)t->net->shape.parameters * sizeof(float);
    *crossed_bytes = *moved_bytes * share_elsewhere(t);
}
