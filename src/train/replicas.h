/* replicas.h - the baselines that train whole nets: a replica for each subnet, kept equal in every step (data parallel) or
 * once a round (local SGD). [M11]
 *
 * Sums over replicas are formed in replica order, each number by one thread, so that bits do not depend on threads.  The
 * numbers of a block are shared out evenly among the threads of all teams; a thread reads that piece of every replica,
 * wherever it lies: this traffic between nodes, n times the parameters each way, is what subnets avoid.
 */
#ifndef IST_TRAIN_REPLICAS_H
#define IST_TRAIN_REPLICAS_H

#include "train/training.h"

/* R3 of data parallel, after each replica gathered the master: J times a batch for each replica, the mean of their
 * gradients, one step of the optimiser, all replicas the same again.  The mean and the step are charged to WRITE_BACK. */
void ist__replicas_train(ist__training *training, ist__worker *worker, ist__stopwatch *watch);

/* R5: replica 0 becomes the mean of all (local SGD), and the master becomes replica 0.  Called by all threads of all
 * teams after a barrier. */
void ist__replicas_write_back(ist__training *training, ist__worker *worker);

/* What decides how many bytes a round of replicas moves: no training need exist.  All borrowed. */
typedef struct ist__replicas_case {
    const ist__plan *plan;
    const ist__shape *whole;
    const ist__deal *deal; /* of replicas */
    const ist__stripe_homes *homes;
    const ist_train_config *config; /* subnets resolved */
    int32_t steps;                  /* of the round */
} ist__replicas_case;

/* Bytes that a round moves between master and replicas and between replicas, each number once for each that reads it or
 * gets it; and those of them that cross nodes, by the threads' shares of a block, so to within a page or two. */
void ist__replicas_traffic(const ist__replicas_case *c, double *moved_bytes, double *crossed_bytes);

/* Share of a block on `node` that threads of other nodes have in their pieces. */
double ist__replicas_elsewhere(const ist__plan *plan, int32_t node);

#endif
