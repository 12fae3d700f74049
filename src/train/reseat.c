/* reseat.c - who gets how many neurons: given shares, and shares that follow the teams' speed.
 *
 * Floor: train.  Cold: between rounds, by one thread while the others wait.
 */
#include "train/reseat.h"

#include <math.h>

#include "base/mem.h"
#include "train/balance.h"
#include "train/masked.h"
#include "train/slow.h"

ist_status ist__training_deal(ist__deal *out, const ist__shape *whole, const ist_train_config *config,
                              ist__error *error)
{
    if (ist__trains_replicas(config)) return ist__deal_create_replicas(out, whole, config->subnets, error);
    const ist_status status = ist__deal_create(out, whole, config->subnets, error);
    if (status) return status;
    ist__deal_seat(out, config->shares);
    ist__deal_stick(out, config->repartition_fraction);
    if (ist__masks(config)) ist__deal_complete(out);
    return IST_OK;
}

ist__shape ist__roomy_shape(const ist__shape *whole, const ist__deal *deal, const ist_train_config *config,
                            int32_t team, int32_t teams, int32_t subnet, bool panels)
{
    if (deal->complete) return ist__shape_narrow(whole, whole->width + 1, panels);
    int32_t hidden[IST_MAX_HIDDEN] = {0};
    const int32_t begin = subnet >= 0 ? subnet : 0, end = subnet >= 0 ? subnet + 1 : deal->subnets;
    for (int32_t s = begin; s < end; s++) {
        if (ist__team_of_subnet(s, deal->subnets, teams) != team) continue;
        for (int32_t h = 0; h < deal->hidden_count; h++) {
            const int32_t *neurons;
            int32_t seats = ist__deal_group(deal, h, s, &neurons);
            if (config->balance == IST_BALANCE_ADAPTIVE) seats = ist__balance_most(whole->width[h + 1], deal->subnets);
            if (seats > hidden[h]) hidden[h] = seats;
        }
    }
    return ist__shape_narrow(whole, hidden, panels);
}

/* Seats and shapes by t->shares. */
static void seat(ist__training *t)
{
    ist__deal_seat(&t->deal, t->shares);
    for (int32_t s = 0; s < t->config.subnets; s++)
        t->subnets[s].shape = ist__deal_shape(&t->deal, &t->net->shape, s, t->subnets[s].shape.panels);
}

static void share_by_team(ist__training *t)
{
    for (int32_t k = 0; k < t->host.plan->team_count; k++) {
        t->look.share[k] = 0;
        t->look.subnets[k] = 0;
        t->look.busy_s[k] = t->teams[k].busy_s;
    }
    for (int32_t s = 0; s < t->config.subnets; s++) {
        t->look.share[t->subnets[s].team] += t->shares[s];
        t->look.subnets[t->subnets[s].team]++;
    }
    t->look.rounds = 0;
}

void ist__reseat_round(ist__training *t)
{
    if (t->config.balance != IST_BALANCE_ADAPTIVE || t->config.subnets == 1) return;
    if (t->look.rounds++ < IST__BALANCE_ROUNDS) return;
    const int32_t teams = t->host.plan->team_count;
    for (int32_t k = 0; k < teams; k++) t->look.busy_s[k] = t->teams[k].busy_s - t->look.busy_s[k];
    ist__balance_look(teams, t->look.subnets, t->look.busy_s, t->look.share);
    for (int32_t s = 0; s < t->config.subnets; s++) {
        const int32_t team = t->subnets[s].team;
        t->shares[s] = t->look.share[team] / t->look.subnets[team];
    }
    seat(t);
    share_by_team(t);
    t->look.rounds = 1; /* this one */
}

ist_status ist__reseat_create(ist__training *t, const double *given, ist__error *error)
{
    const int32_t n = t->config.subnets, teams = t->host.plan->team_count;
    t->shares = ist__alloc((int64_t)n + IST__SLOW_NUMBERS, sizeof *t->shares);
    t->look.share = ist__alloc(2 * (int64_t)teams, sizeof *t->look.share);
    t->look.subnets = ist__alloc(teams, sizeof *t->look.subnets);
    if (!t->shares || !t->look.share || !t->look.subnets)
        return ist__fail(error, IST_E_MEMORY, "no memory for the shares of %d subnets", n);
    t->look.busy_s = t->look.share + teams;
    double sum = 0;
    for (int32_t s = 0; s < n; s++) sum += given ? given[s] : 1;
    for (int32_t s = 0; s < n; s++) t->shares[s] = (given ? given[s] : 1) / sum;
    t->config.shares = t->shares;
    ist__slow_begin(t);
    return IST_OK;
}

void ist__reseat_begin(ist__training *t)
{
    share_by_team(t);
}

void ist__reseat_destroy(ist__training *t)
{
    ist__free(t->shares);
    ist__free(t->look.share);
    ist__free(t->look.subnets);
}

bool ist__reseat_fits(const ist__training *t, const double *shares)
{
    const int32_t n = t->config.subnets;
    double sum = 0;
    for (int32_t s = 0; s < n; s++) {
        if (!(shares[s] > 0 && shares[s] <= 1)) return false;
        sum += shares[s];
    }
    if (!(fabs(sum - 1) < 1e-6)) return false;
    int32_t *first = ist__alloc((int64_t)n + 1, sizeof *first);
    bool fits = first != NULL;
    for (int32_t h = 0; fits && h < t->deal.hidden_count; h++) {
        const int32_t width = t->net->shape.width[h + 1], most = ist__balance_most(width, n);
        ist__partition_seats_by(width, n, shares, first);
        for (int32_t s = 0; s < n; s++) fits = fits && first[s + 1] - first[s] <= most;
    }
    ist__free(first);
    return fits;
}

void ist__reseat_to(ist__training *t, const double *shares)
{
    for (int32_t s = 0; s < t->config.subnets; s++) t->shares[s] = shares[s];
    seat(t);
    share_by_team(t);
}
