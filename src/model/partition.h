/* partition.h - the deal: which hidden neuron belongs to which subnet in a round. [M2] */
#ifndef IST_MODEL_PARTITION_H
#define IST_MODEL_PARTITION_H

#include "base/rng.h"
#include "model/shape.h"

/* Seats of each subnet in a layer of `width` neurons: subnet s has seats first[s] .. first[s + 1] - 1, first (n + 1).
 * Nearly equal: sizes differ by at most one. */
void ist__partition_seats(int32_t width, int32_t subnets, int32_t *first);

/* Deal neurons 0 .. width - 1 to the seats, uniformly among all deals of these sizes, each neuron to exactly one.
 * first  (subnets + 1) seats, first[0] = 0, first[subnets] = width
 * free   work space (subnets)
 * order  out (width): subnet s owns order[first[s]] .. order[first[s + 1] - 1], ascending, so gathers walk forward */
void ist__partition_deal(int32_t width, int32_t subnets, const int32_t *first, ist__rng rng, int32_t *free,
                         int32_t *order);

/* The deal of a round over all hidden layers. */
typedef struct ist__deal {
    int32_t subnets;
    bool replicas; /* nothing is dealt: each subnet has all neurons */
    int32_t hidden_count;
    int32_t *first[IST_MAX_HIDDEN]; /* (subnets + 1) the same in every round */
    int32_t *order[IST_MAX_HIDDEN]; /* (width) */
    int32_t *free;                  /* work space (subnets) */
    int32_t *memory;                /* all of the above, one allocation */
} ist__deal;

ist_status ist__deal_create(ist__deal *out, const ist__shape *whole, int32_t subnets, ist__error *error);
/* The deal of methods that train whole nets: each of `subnets` has all neurons, in every round. */
ist_status ist__deal_create_replicas(ist__deal *out, const ist__shape *whole, int32_t subnets, ist__error *error);
void ist__deal_destroy(ist__deal *deal); /* a zeroed one is fine */

/* Fill `order` of every layer from (seed, round, layer); replicas keep theirs. */
void ist__deal_round(ist__deal *deal, uint64_t seed, int64_t round);

/* The neurons of subnet s in hidden layer h: *neurons (returned count), ascending. */
int32_t ist__deal_group(const ist__deal *deal, int32_t h, int32_t subnet, const int32_t **neurons);

/* The shape of subnet s; panels: see ist__shape_narrow. */
ist__shape ist__deal_shape(const ist__deal *deal, const ist__shape *whole, int32_t subnet, bool panels);

#endif
