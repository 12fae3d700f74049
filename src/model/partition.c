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

ist_status ist__deal_create(ist__deal *out, const ist__shape *whole, int32_t subnets, ist__error *error)
{
    int64_t ints = subnets;
    for (int32_t h = 0; h < whole->hidden_count; h++) {
        if (whole->width[h + 1] < subnets)
            return ist__fail(error, IST_E_ARGUMENT, "%d subnets, but hidden layer %d has only %d neurons", subnets,
                             h + 1, whole->width[h + 1]);
        ints += whole->width[h + 1] + subnets + 1;
    }
    if (whole->hidden_count == 0 && subnets > 1)
        return ist__fail(error, IST_E_ARGUMENT, "%d subnets, but a net without hidden layers has nothing to deal",
                         subnets);
    ist__deal deal = {.subnets = subnets, .hidden_count = whole->hidden_count};
    int32_t *next = deal.memory = ist__alloc(ints, sizeof *next);
    if (!next) return ist__fail(error, IST_E_MEMORY, "no memory for a deal of %lld numbers", (long long)ints);
    deal.free = next;
    next += subnets;
    for (int32_t h = 0; h < whole->hidden_count; h++) {
        deal.first[h] = next;
        deal.order[h] = next + subnets + 1;
        next = deal.order[h] + whole->width[h + 1];
        ist__partition_seats(whole->width[h + 1], subnets, deal.first[h]);
    }
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

void ist__deal_round(ist__deal *deal, uint64_t seed, int64_t round)
{
    for (int32_t h = 0; h < deal->hidden_count && !deal->replicas; h++) {
        const ist__rng rng = ist__rng_make(seed, IST__FOR_DEAL, (uint32_t)round, (uint32_t)h);
        ist__partition_deal(deal->first[h][deal->subnets], deal->subnets, deal->first[h], rng, deal->free,
                            deal->order[h]);
    }
}

int32_t ist__deal_group(const ist__deal *deal, int32_t h, int32_t subnet, const int32_t **neurons)
{
    const int32_t part = deal->replicas ? 0 : subnet;
    *neurons = deal->order[h] + deal->first[h][part];
    return deal->first[h][part + 1] - deal->first[h][part];
}

ist__shape ist__deal_shape(const ist__deal *deal, const ist__shape *whole, int32_t subnet, bool panels)
{
    int32_t hidden[IST_MAX_HIDDEN];
    const int32_t *neurons;
    for (int32_t h = 0; h < deal->hidden_count; h++) hidden[h] = ist__deal_group(deal, h, subnet, &neurons);
    return ist__shape_narrow(whole, hidden, panels);
}
