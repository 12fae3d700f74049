/* balance.h - seats by measured speed: AdapTrain's rule, bounded. [M12] */
#ifndef IST_TRAIN_BALANCE_H
#define IST_TRAIN_BALANCE_H

#include <stdint.h>

enum { IST__BALANCE_ROUNDS = 4 }; /* rounds between two looks at the clock */

/* One look: from the seconds that each team worked (teams), new shares of the neurons (teams, sum 1), in place.
 * subnets  (teams) that each team trains; a team without any has share 0
 * Shares go as share / sqrt(seconds); a look changes none by more than half, and none leaves [1/4, 2] times its even
 * share.  Times within a twentieth of each other change nothing, nor do times that are not above 0. */
void ist__balance_look(int32_t teams, const int32_t *subnets, const double *seconds, double *share);

/* The most seats that a subnet can get of a layer of `width` neurons, and so what its block must have room for. */
int32_t ist__balance_most(int32_t width, int32_t subnets);

#endif
