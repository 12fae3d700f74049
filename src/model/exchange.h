/* exchange.h - moves a subnet's sub-blocks between the master and its own block. [M3] [M5] */
#ifndef IST_MODEL_EXCHANGE_H
#define IST_MODEL_EXCHANGE_H

#include "model/partition.h"

/* Copy the share of worker `rank` of `size` of subnet s:
 * gather      master[rows s, columns s] -> block;  the shared output bias too
 * write back  block -> master[rows s, columns s];  not the shared output bias: src/train/round.c takes its mean
 * The rectangles of different subnets are disjoint, so all subnets may move at once without a lock.  Serves parameters
 * and optimiser state alike: both have the layout of `whole` and of `part`. */
void ist__gather(const ist__shape *whole, const ist__deal *deal, int32_t subnet, const float *master,
                 const ist__shape *part, float *block, int32_t rank, int32_t size);
void ist__write_back(const ist__shape *whole, const ist__deal *deal, int32_t subnet, float *master,
                     const ist__shape *part, const float *block, int32_t rank, int32_t size);

#endif
