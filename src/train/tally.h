/* tally.h - what a round cost: bytes moved, bytes that crossed nodes, and how long each team worked and waited. */
#ifndef IST_TRAIN_TALLY_H
#define IST_TRAIN_TALLY_H

#include "model/traffic.h"
#include "train/training.h"

/* Homes of the stripes of a master of `bytes` bytes; destroy them.  IST_E_MEMORY. */
ist_status ist__homes_create(ist__stripe_homes *out, const ist__plan *plan, size_t bytes, ist__error *error);
void ist__homes_destroy(ist__stripe_homes *homes); /* a zeroed one is fine */

/* Bytes that a round of local_steps steps moves, both ways, and those that cross nodes, for a run that need not exist: of
 * IST the average over all deals of these seats.  config: subnets resolved.  IST_E_MEMORY. */
ist_status ist__tally_expect(const ist__plan *plan, const ist__shape *whole, const ist__deal *deal,
                             const ist_train_config *config, ist__traffic_mean *bytes, ist__error *error);
/* The same as {"round_bytes_moved", "round_bytes_crossed"}; null when out of memory. */
json_t *ist__tally_plan(const ist__host *host, const ist__shape *whole, const ist__deal *deal,
                        const ist_train_config *config);

/* {"bytes_crossed", "bytes_stayed"} since the trainer was created or resumed. */
json_t *ist__tally_report(const ist__training *training);

/* Add the round that ends to progress and to the teams' times; by worker (0, 0) behind the last barrier. */
void ist__tally_round(ist__training *training);
/* And the blocks that go to the master when a call ends. */
void ist__tally_settle(ist__training *training);

#endif
