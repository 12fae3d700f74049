/* tally.c - adds up what a round cost.  Floor: train.  Cold: once a round, by one thread while the others wait. */
#include "train/tally.h"

#include "base/clock.h"
#include "base/mem.h"
#include "train/outer.h"
#include "train/replicas.h"
#include "train/stripes.h"
#include "train/whole.h"

ist_status ist__homes_create(ist__stripe_homes *out, const ist__plan *plan, size_t bytes, ist__error *error)
{
    const int32_t teams = plan->team_count;
    int64_t *last = ist__alloc(teams, sizeof *last);
    int32_t *home = ist__alloc(teams, sizeof *home);
    *out = (ist__stripe_homes){teams, last, home};
    if (!last || !home) {
        ist__homes_destroy(out);
        return ist__fail(error, IST_E_MEMORY, "no memory for the homes of %d stripes", teams);
    }
    const size_t whole = (bytes + IST__HUGE_PAGE_BYTES - 1) / IST__HUGE_PAGE_BYTES * IST__HUGE_PAGE_BYTES;
    for (int32_t k = 0; k < teams; k++) {
        size_t first, end;
        ist__stripe_of(whole, k, teams, &first, &end);
        last[k] = (int64_t)(end / sizeof(float));
        home[k] = plan->teams[k].home;
    }
    return IST_OK;
}

void ist__homes_destroy(ist__stripe_homes *homes)
{
    ist__free((void *)(uintptr_t)homes->last);
    ist__free((void *)(uintptr_t)homes->home);
    *homes = (ist__stripe_homes){0, NULL, NULL};
}

static bool several_nodes(const ist__stripe_homes *homes)
{
    for (int32_t k = 1; k < homes->count; k++)
        if (homes->home[k] != homes->home[0]) return true;
    return false;
}

ist_status ist__tally_expect(const ist__plan *plan, const ist__shape *whole, const ist__deal *deal,
                             const ist_train_config *config, ist__traffic_mean *bytes, ist__error *error)
{
    ist__stripe_homes homes;
    const ist_status status = ist__homes_create(&homes, plan, (size_t)whole->floats * sizeof(float), error);
    if (status) return status;
    ist__traffic_mean sum = {0, 0};
    if (deal->replicas) {
        const ist__replicas_case c = {plan, whole, deal, &homes, config, config->local_steps};
        ist__replicas_traffic(&c, &sum.moved, &sum.crossed);
    }
    const int copied = 1 + (config->state == IST_STATE_CARRIED ? ist__optimizer_states(config->optimizer) : 0);
    const double arrays = 2.0 * copied + ist__outer_arrays(config) - deal->complete;
    for (int32_t s = 0; !deal->replicas && s < deal->subnets; s++) {
        const int32_t team = ist__team_of_subnet(s, deal->subnets, plan->team_count);
        const ist__traffic_mean mean = ist__traffic_expected(whole, deal, s, &homes, plan->teams[team].node);
        sum.moved += arrays * sizeof(float) * mean.moved;
        sum.crossed += arrays * sizeof(float) * mean.crossed;
        if (!deal->complete) continue;
        const ist__traffic all = ist__traffic_count(whole, NULL, s, NULL, &homes, plan->teams[team].node);
        sum.moved += sizeof(float) * (double)all.moved; /* parameters are gathered of the whole net */
        sum.crossed += sizeof(float) * (double)all.crossed;
    }
    ist__homes_destroy(&homes);
    *bytes = sum;
    return IST_OK;
}

json_t *ist__tally_plan(const ist__host *host, const ist__shape *whole, const ist__deal *deal,
                        const ist_train_config *config)
{
    ist__traffic_mean bytes;
    if (ist__tally_expect(host->plan, whole, deal, config, &bytes, NULL)) return NULL; /* out of memory */
    return json_pack("{s:f, s:f}", "round_bytes_moved", bytes.moved, "round_bytes_crossed", bytes.crossed);
}

/* Arrays of the master that a round copies. */
static int32_t copied_arrays(const ist__training *t)
{
    return 1 + (t->config.state == IST_STATE_CARRIED ? t->state_count : 0);
}

/* One way of the exchange: so many arrays of everything, or of what the deal marks; deal NULL: of the whole net. */
static void count_way(ist__training *t, const ist__deal *deal, unsigned char *const *marks, int32_t arrays)
{
    const double bytes = (double)arrays * sizeof(float);
    const bool nodes = several_nodes(&t->homes);
    for (int32_t s = 0; s < t->config.subnets; s++) {
        const ist__subnet *subnet = &t->subnets[s];
        ist__traffic traffic = {subnet->shape.parameters, 0};
        if (nodes || marks || (deal && deal->complete))
            traffic =
                ist__traffic_count(&t->net->shape, deal, s, marks, &t->homes, t->host.plan->teams[subnet->team].node);
        t->progress.bytes_moved += bytes * (double)traffic.moved;
        t->progress.bytes_crossed += bytes * (double)traffic.crossed;
        t->bytes_stayed += bytes * (double)(traffic.moved - traffic.crossed);
    }
}

static void count_time(ist__training *t)
{
    const double round_s = ist__seconds() - t->round_began_s;
    for (int32_t k = 0; k < t->host.plan->team_count; k++) {
        ist__team_space *team = &t->teams[k];
        team->busy_s += team->round_busy_s;
        if (round_s > team->round_busy_s) team->wait_s += round_s - team->round_busy_s;
    }
}

void ist__tally_round(ist__training *t)
{
    const bool whole = t->now.phase->kind != IST_PHASE_SUBNETS;
    count_time(t); /* first: counting bytes takes a while, too */
    if (whole || ist__trains_replicas(&t->config)) {
        double moved, crossed;
        const ist__replicas_case c = {t->host.plan, &t->net->shape, &t->deal, &t->homes, &t->config, t->round_steps};
        if (whole) ist__whole_traffic(t, &moved, &crossed);
        else ist__replicas_traffic(&c, &moved, &crossed);
        t->progress.bytes_moved += moved;
        t->progress.bytes_crossed += crossed;
        t->bytes_stayed += moved - crossed;
        return;
    }
    const int32_t copied = copied_arrays(t), whole_nets = t->deal.complete;
    if (whole_nets) count_way(t, NULL, NULL, 1);
    count_way(t, &t->deal, t->master_whole ? NULL : t->deal.came, copied - whole_nets);
    count_way(t, &t->deal, t->write_all ? NULL : t->deal.leaves, copied + ist__outer_arrays(&t->config));
}

void ist__tally_settle(ist__training *t)
{
    count_way(t, &t->deal, NULL, copied_arrays(t));
}

ist_team_times ist__training_team(const ist__training *t, int32_t team)
{
    const ist__team_plan *plan = &t->host.plan->teams[team];
    ist_team_times times = {.struct_size = sizeof times,
                            .team = team,
                            .node = plan->node,
                            .threads = plan->threads,
                            .busy_s = t->teams[team].busy_s,
                            .wait_s = t->teams[team].wait_s};
    for (int32_t s = 0; s < t->config.subnets; s++) {
        if (t->subnets[s].team != team) continue;
        times.subnets++;
        times.share += t->shares[s];
    }
    return times;
}

json_t *ist__tally_report(const ist__training *t)
{
    return json_pack("{s:f, s:f}", "bytes_crossed", t->progress.bytes_crossed, "bytes_stayed", t->bytes_stayed);
}
