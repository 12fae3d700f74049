/* exchange.h - moves a subnet's sub-blocks between the master and its own block. [M3] [M5] */
#ifndef IST_MODEL_EXCHANGE_H
#define IST_MODEL_EXCHANGE_H

#include "model/partition.h"

/* How rows become panels of IST__PANEL neurons and back; kernels of the math floor, handed down from above.
 * pack    panel[k * 16 + j] = rows[j][columns ? columns[k] : k] for k < count, j < 16; rows[j] NULL: 0
 * unpack  the way back; rows[j] NULL: nothing */
typedef struct ist__panel_moves {
    void (*pack)(const float *const *rows, const int32_t *columns, int64_t count, float *panel);
    void (*unpack)(const float *panel, const int32_t *columns, int64_t count, float *const *rows);
} ist__panel_moves;

/* Copy the share of worker `rank` of `size` of subnet s, in all of the block that `part` tells of (of a complete deal the
 * whole net, or ist__deal_own):
 * gather      master[rows s, columns s] -> block;  the shared output bias too
 * write back  block -> master[rows s, columns s];  not the shared output bias: src/train/round.c takes its mean
 * The rectangles of different subnets are disjoint, so all subnets may move at once without a lock.  Serves parameters
 * and optimiser state alike: both have the layout of `whole` (plain) and of `part` (plain or in panels). */
void ist__gather(const ist__shape *whole, const ist__deal *deal, int32_t subnet, const float *master,
                 const ist__shape *part, float *block, const ist__panel_moves *moves, int32_t rank, int32_t size);
void ist__write_back(const ist__shape *whole, const ist__deal *deal, int32_t subnet, float *master,
                     const ist__shape *part, const float *block, const ist__panel_moves *moves, int32_t rank,
                     int32_t size);

/* A step of the master along the change of a round, instead of a copy. [M14]
 * v <- momentum v + (block - master);  master <- master + lr v.  velocity has the layout of the master; NULL: momentum is 0 */
typedef struct ist__outer {
    float *velocity;
    float lr, momentum;
} ist__outer;

/* One number: what the master becomes.  velocity: its own, NULL as above. */
float ist__outer_number(const ist__outer *outer, float master, float trained, float *velocity);

/* write back with such a step: the same rectangles, and none but these. */
void ist__write_back_outer(const ist__shape *whole, const ist__deal *deal, int32_t subnet, float *master,
                           const ist__outer *outer, const ist__shape *part, const float *block, int32_t rank,
                           int32_t size);

/* The same for a sticky deal, of which a part stays in its block from round to round:
 * gather      the numbers that a neuron is part of which came with this round; all others must be in the block as the
 *             last round left them
 * write back  the numbers that a neuron is part of which leaves with this round; the master keeps old ones of all others */
void ist__gather_new(const ist__shape *whole, const ist__deal *deal, int32_t subnet, const float *master,
                     const ist__shape *part, float *block, const ist__panel_moves *moves, int32_t rank, int32_t size);
void ist__write_back_leaving(const ist__shape *whole, const ist__deal *deal, int32_t subnet, float *master,
                             const ist__shape *part, const float *block, const ist__panel_moves *moves, int32_t rank,
                             int32_t size);

#endif
