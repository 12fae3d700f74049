/* partition.h - the deal: which hidden neuron belongs to which subnet in a round. [M2] */
#ifndef IST_MODEL_PARTITION_H
#define IST_MODEL_PARTITION_H

#include "base/rng.h"
#include "model/shape.h"

/* Seats of each subnet in a layer of `width` neurons: subnet s has seats first[s] .. first[s + 1] - 1, first (n + 1).
 * Nearly equal: sizes differ by at most one. */
void ist__partition_seats(int32_t width, int32_t subnets, int32_t *first);

/* The same by shares (subnets) > 0 of any sum: seats in proportion, largest remainders first, of equal ones the first
 * subnet; but no subnet without a seat.  Equal shares give the seats of ist__partition_seats. */
void ist__partition_seats_by(int32_t width, int32_t subnets, const double *shares, int32_t *first);

/* Deal neurons 0 .. width - 1 to the seats, uniformly among all deals of these sizes, each neuron to exactly one.
 * first  (subnets + 1) seats, first[0] = 0, first[subnets] = width
 * free   work space (subnets)
 * order  out (width): subnet s owns order[first[s]] .. order[first[s + 1] - 1], ascending, so gathers walk forward */
void ist__partition_deal(int32_t width, int32_t subnets, const int32_t *first, ist__rng rng, int32_t *free,
                         int32_t *order);

/* The deal of a round over all hidden layers.  A sticky one (fraction below 1) deals in the first round as any, and from
 * round to round only so many neurons anew; who keeps its subnet keeps its seat, so that most of a block can stay where
 * it is. */
typedef struct ist__deal {
    int32_t subnets;
    bool replicas; /* nothing is dealt: each subnet has all neurons */
    bool complete; /* behind its own neurons the list of each subnet goes on with all others, round the order */
    int32_t hidden_count;
    double fraction;                /* of a layer's neurons are dealt anew in a round; 1: all */
    int32_t *first[IST_MAX_HIDDEN]; /* (subnets + 1) */
    int32_t *order[IST_MAX_HIDDEN]; /* (width), and of a complete deal the same once more */
    /* Of a sticky deal: who sits there in the next round, and whether that is another than now; whether another sat there
     * in the last round. */
    int32_t *next[IST_MAX_HIDDEN];         /* (width) */
    unsigned char *leaves[IST_MAX_HIDDEN]; /* (width) by seat */
    unsigned char *came[IST_MAX_HIDDEN];   /* (width) by seat */
    int64_t round;                         /* of `order`; -1: none yet */
    uint64_t seed;
    int32_t *free;   /* work space (subnets) */
    int32_t *seat;   /* work space (widest layer) */
    int32_t *to;     /* work space (widest layer) */
    int32_t *memory; /* all of the above, one allocation */
} ist__deal;

/* Even seats, fraction 1. */
ist_status ist__deal_create(ist__deal *out, const ist__shape *whole, int32_t subnets, ist__error *error);
/* The deal of methods that train whole nets: each of `subnets` has all neurons, in every round. */
ist_status ist__deal_create_replicas(ist__deal *out, const ist__shape *whole, int32_t subnets, ist__error *error);
void ist__deal_destroy(ist__deal *deal); /* a zeroed one is fine */

/* From the next round on: seats by shares (subnets; NULL: even).  Not for a sticky deal that has begun. */
void ist__deal_seat(ist__deal *deal, const double *shares);
/* Before the first round: blocks hold the whole net, a subnet's own neurons first, and are gathered so; what is the
 * subnet's is told by ist__deal_own.  Not with a sticky deal. */
void ist__deal_complete(ist__deal *deal);
/* Before the first round: 0 < fraction <= 1. */
void ist__deal_stick(ist__deal *deal, double fraction);
/* Do neurons keep their seats?  Not with one subnet, which has them all. */
bool ist__deal_sticks(const ist__deal *deal);
/* The chance that a seat of subnet s in hidden layer h changes hands from one round to the next. */
double ist__deal_change(const ist__deal *deal, int32_t h, int32_t subnet);

/* Fill `order` of every layer from (seed, round, layer); of a sticky deal also next, leaves and came, which takes a walk
 * from where it stands to `round`: from the first round when that lies behind, or the seed is another; replicas
 * keep theirs. */
void ist__deal_round(ist__deal *deal, uint64_t seed, int64_t round);

/* The neurons of subnet s in hidden layer h: *neurons (returned count), ascending unless the deal is
 * sticky. */
int32_t ist__deal_group(const ist__deal *deal, int32_t h, int32_t subnet, const int32_t **neurons);

/* Who of them is marked in came or leaves: (count) flags. */
const unsigned char *ist__deal_marks(const ist__deal *deal, int32_t h, int32_t subnet, unsigned char *const *marks);

/* The shape of subnet s's block; panels: see ist__shape_narrow. */
ist__shape ist__deal_shape(const ist__deal *deal, const ist__shape *whole, int32_t subnet, bool panels);
/* What of a block of this shape is subnet s's own: all of it, but for a complete deal its rectangles. */
ist__shape ist__deal_own(const ist__deal *deal, const ist__shape *block, int32_t subnet);

#endif
