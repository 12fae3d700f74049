/* reseat.h - who gets how many neurons: given shares, and shares that follow the teams' speed. [M2] [M12] */
#ifndef IST_TRAIN_RESEAT_H
#define IST_TRAIN_RESEAT_H

#include "train/training.h"

/* A shape with room for what `subnet` can come to hold; subnet -1: for what any subnet of the team can. */
ist__shape ist__roomy_shape(const ist__shape *whole, const ist__deal *deal, const ist_train_config *config,
                            int32_t team, int32_t teams, int32_t subnet, bool panels);

/* training->shares from what was given (NULL: even), scaled to a sum of 1. */
ist_status ist__reseat_create(ist__training *training, const double *given, ist__error *error);
void ist__reseat_destroy(ist__training *training); /* also one half made */
/* When teams and subnets are known. */
void ist__reseat_begin(ist__training *training);

/* Before the deal of a round: with IST_BALANCE_ADAPTIVE now and then new seats; by worker (0, 0). */
void ist__reseat_round(ist__training *training);

/* Shares from a file: do the blocks hold what they give?  Then they can be taken. */
bool ist__reseat_fits(const ist__training *training, const double *shares);
void ist__reseat_to(ist__training *training, const double *shares);

#endif
