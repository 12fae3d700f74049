/* batches.c - the order of rows.
 *
 * Orders.  With SHARD each subnet has rows of its own and permutes them each epoch, keyed (seed, epoch, subnet).
 * Otherwise one permutation of all rows, keyed (seed, epoch), is dealt out like cards: subnet s of n takes positions
 * s, s + n, s + 2n, ..: so in an epoch no row is seen twice, by whichever subnet, and the rows move on to other subnets
 * with the next epoch.  Either way a subnet's order is a function of those keys alone.
 *
 * Floor: data.
 */
#include "data/batches.h"

#include <stdbool.h>

#include "base/mem.h"
#include "base/rng.h"

/* The subnet in the key of an order that all subnets share. */
#define EVERY_SUBNET 0xFFFFFFFFU

/* ------------------------------------------------------------------------------------------------------ shards -- */

int64_t ist__shard_rows(int64_t rows, int32_t subnets, int32_t subnet)
{
    return rows / subnets + (subnet < rows % subnets ? 1 : 0);
}

/* Free seats, in a binary tree: node k has the seats of nodes 2k and 2k + 1, leaf `leaves` + s those of shard s. */
static void count_seats(int64_t rows, int32_t subnets, uint32_t leaves, uint32_t *seats)
{
    for (uint32_t s = 0; s < leaves; s++)
        seats[leaves + s] = s < (uint32_t)subnets ? (uint32_t)ist__shard_rows(rows, subnets, (int32_t)s) : 0;
    for (uint32_t node = leaves - 1; node > 0; node--) seats[node] = seats[2 * node] + seats[2 * node + 1];
}

/* Take the seat with this number, of those that are free; returns its shard. */
static uint32_t take_seat(uint32_t ticket, uint32_t leaves, uint32_t *seats)
{
    uint32_t node = 1;
    for (seats[node]--; node < leaves; seats[node]--) {
        node *= 2;
        if (ticket >= seats[node]) ticket -= seats[node++];
    }
    return node - leaves;
}

ist_status ist__shard_list(uint64_t seed, int64_t rows, int32_t subnets, int32_t subnet, uint32_t *out,
                           ist__error *error)
{
    uint32_t leaves = 1;
    while (leaves < (uint32_t)subnets) leaves *= 2;
    uint32_t *seats = ist__alloc(2 * (int64_t)leaves, sizeof *seats);
    if (!seats) return ist__fail(error, IST_E_MEMORY, "out of memory for the deal of rows");

    /* Each row in turn draws one of the free seats: all deals are equally likely, and every list comes out ascending. */
    ist__rng rng = ist__rng_make(seed, IST__FOR_SHARDS, 0, 0);
    count_seats(rows, subnets, leaves, seats);
    for (int64_t row = 0; row < rows; row++)
        if (take_seat(ist__rng_below(&rng, (uint32_t)(rows - row)), leaves, seats) == (uint32_t)subnet)
            *out++ = (uint32_t)row;
    ist__free(seats);
    return IST_OK;
}

/* ------------------------------------------------------------------------------------------------------ orders -- */

int64_t ist__batches_order_rows(int32_t policy, int64_t dataset_rows, int32_t subnets, int32_t subnet)
{
    return policy == IST_DATA_SHARD ? ist__shard_rows(dataset_rows, subnets, subnet) : dataset_rows;
}

ist_status ist__batches_make(ist__batches *batches, uint64_t seed, int32_t policy, int64_t dataset_rows,
                             int32_t subnets, int32_t subnet, uint32_t *order, ist__error *error)
{
    if (subnets < 1 || subnet < 0 || subnet >= subnets || dataset_rows < subnets)
        return ist__fail(error, IST_E_ARGUMENT, "%lld rows are too few for %d subnets", (long long)dataset_rows,
                         subnets);
    *batches = (ist__batches){.seed = seed,
                              .policy = policy,
                              .subnets = subnets,
                              .subnet = subnet,
                              .dataset_rows = dataset_rows,
                              .rows = ist__shard_rows(dataset_rows, subnets, subnet),
                              .epoch = -1,
                              .order = order};
    return IST_OK;
}

ist_status ist__batches_create(ist__batches *batches, uint64_t seed, int32_t policy, int64_t dataset_rows,
                               int32_t subnets, int32_t subnet, ist__error *error)
{
    ist__batches made;
    const ist_status status = ist__batches_make(&made, seed, policy, dataset_rows, subnets, subnet, NULL, error);
    if (status) return status;
    made.order = ist__alloc(ist__batches_order_rows(policy, dataset_rows, subnets, subnet), sizeof *made.order);
    if (!made.order) return ist__fail(error, IST_E_MEMORY, "out of memory for the order of rows");
    *batches = made;
    return IST_OK;
}

void ist__batches_destroy(ist__batches *batches)
{
    ist__free(batches->order);
    batches->order = NULL;
}

static void hold_epoch(ist__batches *batches, int64_t epoch)
{
    if (batches->epoch == epoch) return;
    const bool own = batches->policy == IST_DATA_SHARD;
    ist__rng rng =
        ist__rng_make(batches->seed, IST__FOR_BATCHES, (uint32_t)epoch, own ? (uint32_t)batches->subnet : EVERY_SUBNET);
    ist__rng_permutation(&rng, own ? batches->rows : batches->dataset_rows, batches->order);
    batches->epoch = epoch;
}

void ist__batches_rows(ist__batches *batches, int64_t first, int64_t count, uint32_t *out)
{
    const bool own = batches->policy == IST_DATA_SHARD;
    const int64_t step = own ? 1 : batches->subnets, start = own ? 0 : batches->subnet;
    while (count > 0) {
        const int64_t at = first % batches->rows, left = batches->rows - at, some = count < left ? count : left;
        hold_epoch(batches, first / batches->rows);
        for (int64_t i = 0; i < some; i++) out[i] = batches->order[start + (at + i) * step];
        out += some;
        first += some;
        count -= some;
    }
}

bool ist__rows_have_lists(const ist__rows *rows)
{
    return rows->sparse && !rows->labels;
}
