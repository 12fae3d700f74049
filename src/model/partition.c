/* partition.c - deals the hidden neurons of every layer to the subnets.
 *
 * Why a file of its own: all else rests on the deal being an exact cover (each neuron in one subnet, none left over).
 * Then the blocks that subnets write back are disjoint, and a round needs no lock. [M2] [M5]
 *
 * Floor: model.  Cold: O(width * subnets) a layer and round.  Knows nothing of threads, nodes or BLAS.
 */
#include "model/partition.h"

#include <string.h>

#include "base/mem.h"

void ist__partition_seats(int32_t width, int32_t subnets, int32_t *first)
{
    const int32_t even = width / subnets, extra = width % subnets;
    for (int32_t s = 0; s <= subnets; s++) first[s] = s * even + (s < extra ? s : extra);
}

void ist__partition_seats_by(int32_t width, int32_t subnets, const double *shares, int32_t *first)
{
    double sum = 0;
    for (int32_t s = 0; s < subnets; s++) sum += shares[s];
    /* While we count, first[s + 1] is the number of seats of subnet s. */
    int32_t left = width;
    for (int32_t s = 0; s < subnets; s++) {
        const int32_t whole = (int32_t)(width * (shares[s] / sum));
        left -= first[s + 1] = whole < 1 ? 1 : whole;
    }
    /* One seat at a time to whom most is missing; or, where the least seat of small shares took too many, back from whom
     * has most beyond its share. */
    for (; left != 0; left += left > 0 ? -1 : 1) {
        int32_t best = -1;
        double most = 0;
        for (int32_t s = 0; s < subnets; s++) {
            const double missing = width * (shares[s] / sum) - first[s + 1], worth = left > 0 ? missing : -missing;
            if ((left < 0 && first[s + 1] == 1) || (best >= 0 && worth <= most)) continue;
            best = s;
            most = worth;
        }
        first[best + 1] += left > 0 ? 1 : -1;
    }
    first[0] = 0;
    for (int32_t s = 0; s < subnets; s++) first[s + 1] += first[s];
}

void ist__partition_deal(int32_t width, int32_t subnets, const int32_t *first, ist__rng rng, int32_t *free,
                         int32_t *order)
{
    /* Neuron i draws one of the width - i seats that are still free.  Every deal of these sizes is equally likely, and
     * as i only grows each subnet's list comes out sorted. */
    for (int32_t s = 0; s < subnets; s++) free[s] = first[s + 1] - first[s];
    for (int32_t i = 0; i < width; i++) {
        int32_t ticket = (int32_t)ist__rng_below(&rng, (uint32_t)(width - i)), s = 0;
        while (ticket >= free[s]) ticket -= free[s++];
        order[first[s + 1] - free[s]--] = i;
    }
}

static int64_t flag_ints(int64_t width)
{
    return (width + (int64_t)sizeof(int32_t) - 1) / (int64_t)sizeof(int32_t);
}

ist_status ist__deal_create(ist__deal *out, const ist__shape *whole, int32_t subnets, ist__error *error)
{
    int64_t ints = subnets, widest = 0;
    for (int32_t h = 0; h < whole->hidden_count; h++) {
        const int64_t width = whole->width[h + 1];
        if (width < subnets)
            return ist__fail(error, IST_E_ARGUMENT, "%d subnets, but hidden layer %d has only %d neurons", subnets,
                             h + 1, whole->width[h + 1]);
        ints += subnets + 1 + 3 * width + 2 * flag_ints(width);
        if (width > widest) widest = width;
    }
    if (whole->hidden_count == 0 && subnets > 1)
        return ist__fail(error, IST_E_ARGUMENT, "%d subnets, but a net without hidden layers has nothing to deal",
                         subnets);
    ints += 2 * widest;
    ist__deal deal = {.subnets = subnets, .hidden_count = whole->hidden_count, .fraction = 1, .round = -1};
    int32_t *next = deal.memory = ist__alloc(ints, sizeof *next);
    if (!next) return ist__fail(error, IST_E_MEMORY, "no memory for a deal of %lld numbers", (long long)ints);
    deal.free = next;
    deal.seat = next += subnets;
    deal.to = next += widest;
    next += widest;
    for (int32_t h = 0; h < whole->hidden_count; h++) {
        const int32_t width = whole->width[h + 1];
        deal.first[h] = next;
        deal.first[h][subnets] = width;
        deal.order[h] = next += subnets + 1;
        deal.next[h] = next += 2 * width;
        deal.leaves[h] = (unsigned char *)(next += width);
        deal.came[h] = (unsigned char *)(next += flag_ints(width));
        next += flag_ints(width);
    }
    ist__deal_seat(&deal, NULL);
    *out = deal;
    return IST_OK;
}

ist_status ist__deal_create_replicas(ist__deal *out, const ist__shape *whole, int32_t subnets, ist__error *error)
{
    const ist_status status = ist__deal_create(out, whole, 1, error);
    if (status) return status;
    out->subnets = subnets;
    out->replicas = true;
    for (int32_t h = 0; h < out->hidden_count; h++)
        for (int32_t i = 0; i < whole->width[h + 1]; i++) out->order[h][i] = i;
    return IST_OK;
}

void ist__deal_destroy(ist__deal *deal)
{
    ist__free(deal->memory);
    memset(deal, 0, sizeof *deal);
}

void ist__deal_seat(ist__deal *deal, const double *shares)
{
    for (int32_t h = 0; h < deal->hidden_count; h++) {
        const int32_t width = deal->first[h][deal->subnets];
        if (shares) ist__partition_seats_by(width, deal->subnets, shares, deal->first[h]);
        else ist__partition_seats(width, deal->subnets, deal->first[h]);
    }
}

void ist__deal_complete(ist__deal *deal)
{
    deal->complete = true;
}

void ist__deal_stick(ist__deal *deal, double fraction)
{
    deal->fraction = fraction;
    deal->round = -1;
}

bool ist__deal_sticks(const ist__deal *deal)
{
    return deal->fraction < 1 && deal->subnets > 1;
}

/* Neurons of a layer that a round deals anew.  One alone could only come back to its own seat. */
static int32_t movers_of(const ist__deal *deal, int32_t width)
{
    const int32_t movers = (int32_t)(deal->fraction * width + 0.5);
    return movers < 2 ? 2 : movers;
}

double ist__deal_change(const ist__deal *deal, int32_t h, int32_t subnet)
{
    if (!ist__deal_sticks(deal)) return 1;
    /* A neuron moves, and then draws one of the seats given up; of its own subnet these are its own and, of each other
     * seat there, the share of all others that are given up. */
    const double width = deal->first[h][deal->subnets], movers = movers_of(deal, (int32_t)width);
    const double seats = deal->first[h][subnet + 1] - deal->first[h][subnet];
    const double own = 1 + (movers - 1) * (seats - 1) / (width - 1);
    return movers / width * (1 - own / movers);
}

/* The next round of hidden layer h: some neurons give up their seats, all choices of so many being equally likely, and
 * are dealt to the seats given up as ist__partition_deal deals.  Who draws its own subnet again keeps its seat. */
static void deal_some(ist__deal *deal, int32_t h, ist__rng rng)
{
    const int32_t n = deal->subnets, *first = deal->first[h], *order = deal->order[h], width = first[n];
    int32_t *next = deal->next[h], *seat = deal->seat, *to = deal->to, left = movers_of(deal, width);
    enum { NOBODY = -1 };
    memset(seat, 0xff, (size_t)width * sizeof *seat); /* NOBODY: stays */
    int32_t movers = left;
    for (int32_t s = 0; s < n; s++) {
        deal->free[s] = 0;
        for (int32_t k = first[s]; k < first[s + 1]; k++) {
            next[k] = order[k];
            if ((int32_t)ist__rng_below(&rng, (uint32_t)(width - k)) >= left) continue;
            left--;
            next[k] = NOBODY;
            seat[order[k]] = k;
            to[order[k]] = s;
            deal->free[s]++;
        }
    }
    for (int32_t i = 0; i < width; i++) {
        if (seat[i] == NOBODY) continue;
        int32_t ticket = (int32_t)ist__rng_below(&rng, (uint32_t)movers--), s = 0;
        while (ticket >= deal->free[s]) ticket -= deal->free[s++];
        deal->free[s]--;
        if (s == to[i]) {
            next[seat[i]] = i;
            seat[i] = NOBODY;
        } else to[i] = s;
    }
    for (int32_t s = 0; s < n; s++) deal->free[s] = first[s]; /* from here on: where to look for an empty seat */
    for (int32_t i = 0; i < width; i++) {
        if (seat[i] == NOBODY) continue;
        int32_t k = deal->free[to[i]];
        while (next[k] != NOBODY) k++;
        next[k] = i;
        deal->free[to[i]] = k + 1;
    }
    for (int32_t k = 0; k < width; k++) deal->leaves[h][k] = next[k] != order[k];
}

static void deal_all(ist__deal *deal, uint64_t seed, int64_t round)
{
    for (int32_t h = 0; h < deal->hidden_count; h++) {
        const ist__rng rng = ist__rng_make(seed, IST__FOR_DEAL, (uint32_t)round, (uint32_t)h);
        ist__partition_deal(deal->first[h][deal->subnets], deal->subnets, deal->first[h], rng, deal->free,
                            deal->order[h]);
        if (deal->complete) {
            const int32_t width = deal->first[h][deal->subnets];
            memcpy(deal->order[h] + width, deal->order[h], (size_t)width * sizeof *deal->order[h]);
        }
    }
}

static void look_ahead(ist__deal *deal)
{
    for (int32_t h = 0; h < deal->hidden_count; h++)
        deal_some(deal, h, ist__rng_make(deal->seed, IST__FOR_DEAL, (uint32_t)(deal->round + 1), (uint32_t)h));
}

static void step_ahead(ist__deal *deal)
{
    for (int32_t h = 0; h < deal->hidden_count; h++) {
        int32_t *order = deal->order[h];
        unsigned char *came = deal->came[h];
        deal->order[h] = deal->next[h];
        deal->next[h] = order;
        deal->came[h] = deal->leaves[h];
        deal->leaves[h] = came;
    }
    deal->round++;
    look_ahead(deal);
}

void ist__deal_round(ist__deal *deal, uint64_t seed, int64_t round)
{
    if (deal->replicas) return;
    if (!ist__deal_sticks(deal)) {
        deal_all(deal, seed, round);
        return;
    }
    if (deal->round < 0 || deal->round > round || deal->seed != seed) {
        deal->seed = seed;
        deal->round = 0;
        deal_all(deal, seed, 0);
        for (int32_t h = 0; h < deal->hidden_count; h++)
            memset(deal->came[h], 1, (size_t)deal->first[h][deal->subnets]);
        look_ahead(deal);
    }
    while (deal->round < round) step_ahead(deal);
}

const unsigned char *ist__deal_marks(const ist__deal *deal, int32_t h, int32_t subnet, unsigned char *const *marks)
{
    return marks[h] + deal->first[h][subnet];
}

int32_t ist__deal_group(const ist__deal *deal, int32_t h, int32_t subnet, const int32_t **neurons)
{
    const int32_t part = deal->replicas ? 0 : subnet;
    *neurons = deal->order[h] + deal->first[h][part];
    return deal->first[h][part + 1] - deal->first[h][part];
}

/* Of subnet s in each hidden layer. */
static void count_neurons(const ist__deal *deal, int32_t subnet, int32_t *hidden)
{
    const int32_t *neurons;
    for (int32_t h = 0; h < deal->hidden_count; h++) hidden[h] = ist__deal_group(deal, h, subnet, &neurons);
}

ist__shape ist__deal_shape(const ist__deal *deal, const ist__shape *whole, int32_t subnet, bool panels)
{
    int32_t hidden[IST_MAX_HIDDEN];
    count_neurons(deal, subnet, hidden);
    return ist__shape_narrow(whole, deal->complete ? whole->width + 1 : hidden, panels);
}

ist__shape ist__deal_own(const ist__deal *deal, const ist__shape *block, int32_t subnet)
{
    int32_t hidden[IST_MAX_HIDDEN];
    count_neurons(deal, subnet, hidden);
    return ist__shape_first(block, hidden);
}
