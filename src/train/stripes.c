/* stripes.c - places the master.  Floor: train.  Cold. */
#include "train/stripes.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/share.h"
#include "numa/report.h"

void ist__stripe_of(size_t bytes, int32_t team, int32_t teams, size_t *first, size_t *last)
{
    const size_t pages = bytes / IST__HUGE_PAGE_BYTES;
    *first = pages * (size_t)team / (size_t)teams * IST__HUGE_PAGE_BYTES;
    *last = pages * (size_t)(team + 1) / (size_t)teams * IST__HUGE_PAGE_BYTES;
}

void ist__stripe_part(const ist__region *region, int64_t floats, const ist__worker *worker, int64_t *first,
                      int64_t *last)
{
    size_t begin, end;
    ist__stripe_of(region->bytes, worker->team, worker->teams, &begin, &end);
    ist__share((int64_t)((end - begin) / sizeof(float)), worker->rank, worker->size, first, last);
    const int64_t offset = (int64_t)(begin / sizeof(float));
    *first += offset;
    *last += offset;
    if (*last > floats) *last = floats;
}

static void touch_stripe(void *argument, ist__worker *worker)
{
    const ist__region *region = argument;
    size_t first, last;
    ist__stripe_of(region->bytes, worker->team, worker->teams, &first, &last);
    if (worker->rank == 0 && first < last) ist__pages_touch(region->base + first, last - first);
}

ist_status ist__stripes_create(ist__region *out, const ist__host *host, size_t bytes, ist__error *error)
{
    ist__region region;
    ist_status status = ist__region_create(&region, host->topology, bytes, -1, host->placement, host->refusals, error);
    if (status) return status;
    const int32_t teams = host->plan->team_count;
    for (int32_t t = 0; t < teams && !status; t++) {
        size_t first, last;
        ist__stripe_of(region.bytes, t, teams, &first, &last);
        if (first < last)
            status = ist__region_bind(&region, host->topology, first, last - first, host->plan->teams[t].home,
                                      host->placement, host->refusals, error);
    }
    if (!status) status = ist__crew_run(host->crew, touch_stripe, &region, error);
    if (status) ist__region_destroy(&region);
    else *out = region;
    return status;
}

void ist__stripes_need(const ist__host *host, size_t bytes, int arrays, ist__need *needs)
{
    const size_t whole = (bytes + IST__HUGE_PAGE_BYTES - 1) / IST__HUGE_PAGE_BYTES * IST__HUGE_PAGE_BYTES;
    for (int32_t t = 0; t < host->plan->team_count; t++) {
        size_t first, last;
        ist__stripe_of(whole, t, host->plan->team_count, &first, &last);
        needs[host->plan->teams[t].home].master += arrays * (int64_t)(last - first);
    }
}

ist_status ist__stripes_room(const ist__host *host, size_t bytes, ist__error *error)
{
    ist__need *needs = ist__alloc(host->machine->node_count, sizeof *needs);
    if (!needs) return ist__fail(error, IST_E_MEMORY, "no memory for %d nodes", host->machine->node_count);
    ist__stripes_need(host, bytes, 1, needs);
    const ist_status status = ist__room_check(host, needs, "this model", error);
    ist__free(needs);
    return status;
}

json_t *ist__stripes_report(const ist__region *region, const ist__host *host)
{
    const int32_t nodes = host->machine->node_count, teams = host->plan->team_count;
    int64_t *sums = ist__alloc(2 * ((int64_t)nodes + 1), sizeof *sums), local = 0;
    if (!sums) return NULL;
    int64_t *by_node = sums + nodes + 1;
    for (int32_t t = 0; t < teams; t++) {
        size_t first, last;
        ist__stripe_of(region->bytes, t, teams, &first, &last);
        if (first == last) continue;
        ist__pages_where(host->machine, region->base + first, last - first, by_node);
        local += by_node[host->plan->teams[t].home];
        for (int32_t n = 0; n <= nodes; n++) sums[n] += by_node[n];
    }
    json_t *list = json_array();
    for (int32_t n = 0; n < nodes; n++) ist__json_append(list, json_integer(sums[n]));
    json_t *report = json_pack("{s:I, s:I, s:I, s:o}", "bytes", (json_int_t)region->bytes, "local_bytes",
                               (json_int_t)local, "unknown_bytes", (json_int_t)sums[nodes], "by_node", list);
    ist__free(sums);
    return report;
}
