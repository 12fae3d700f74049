/* stripes.h - memory of the master: one array, striped over the teams' nodes, each stripe touched first by its team.
 *
 * Why stripes: nobody owns the master during training, and once a round everybody reads and writes a piece of it; spread
 * evenly, no single node's memory has to serve all of it.
 */
#ifndef IST_TRAIN_STRIPES_H
#define IST_TRAIN_STRIPES_H

#include <jansson.h>

#include "train/room.h"

/* A striped region of at least `bytes` zeroed bytes.  IST_E_PLACEMENT, IST_E_MEMORY. */
ist_status ist__stripes_create(ist__region *out, const ist__host *host, size_t bytes, ist__error *error);

/* Stripe of team `team` of `teams`: whole huge pages [*first, *last) of a region of `bytes` bytes. */
void ist__stripe_of(size_t bytes, int32_t team, int32_t teams, size_t *first, size_t *last);

/* Numbers [*first, *last) of `floats` in such a region are the worker's: its part of its team's stripe. */
void ist__stripe_part(const ist__region *region, int64_t floats, const ist__worker *worker, int64_t *first,
                      int64_t *last);

/* Add what `arrays` such regions take of each node; needs (machine->node_count). */
void ist__stripes_need(const ist__host *host, size_t bytes, int arrays, ist__need *needs);

/* Is there room for a model of so many bytes?  As ist__room_check. */
ist_status ist__stripes_room(const ist__host *host, size_t bytes, ist__error *error);

/* {"bytes", "local_bytes", "unknown_bytes", "by_node"} summed over stripes; NULL when out of memory. */
json_t *ist__stripes_report(const ist__region *region, const ist__host *host);

#endif
