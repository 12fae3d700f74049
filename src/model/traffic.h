/* traffic.h - how many numbers an exchange moves, and how many of them cross nodes: counted from the deal and the places
 * of the master's stripes, so exact, and the same on every run. [M9] */
#ifndef IST_MODEL_TRAFFIC_H
#define IST_MODEL_TRAFFIC_H

#include "model/partition.h"

/* Where the numbers of a master are: stripe k holds the floats before last[k] that no earlier one holds, on node home[k].
 * Stripes may be empty. */
typedef struct ist__stripe_homes {
    int32_t count;
    const int64_t *last; /* (count) ascending; the last one is at least the floats of the master */
    const int32_t *home; /* (count) */
} ist__stripe_homes;

/* Numbers moved one way, and those of them in stripes of another node than the subnet's. */
typedef struct ist__traffic {
    int64_t moved, crossed;
} ist__traffic;

/* Of the rectangles of subnet s, which is trained on `node`, in a master laid out as `whole` (plain).
 * deal   NULL: of the whole net
 * marks  the deal's came or leaves: only what a marked neuron is part of moves; NULL: everything */
ist__traffic ist__traffic_count(const ist__shape *whole, const ist__deal *deal, int32_t subnet,
                                unsigned char *const *marks, const ist__stripe_homes *homes, int32_t node);

/* The average over all rounds but the first: a number of a dealt array is as likely the subnet's as any other. */
typedef struct ist__traffic_mean {
    double moved, crossed;
} ist__traffic_mean;
ist__traffic_mean ist__traffic_expected(const ist__shape *whole, const ist__deal *deal, int32_t subnet,
                                        const ist__stripe_homes *homes, int32_t node);

#endif
