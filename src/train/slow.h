/* slow.h - a run whose learning rate was lowered on the way, because it had diverged.
 *
 * The two numbers of it lie behind the shares of the subnets, and are written with them where they are not what every run
 * begins with: so the checkpoints of all other runs are what they always were.
 */
#ifndef IST_TRAIN_SLOW_H
#define IST_TRAIN_SLOW_H

#include "train/training.h"

enum { IST__SLOW_NUMBERS = 2 }; /* room that t->shares has for it */

/* 1, and never. */
void ist__slow_begin(ist__training *training);
/* IST_E_ARGUMENT. */
ist_status ist__slow_by(ist__training *training, double factor, ist__error *error);
/* Bytes of the shares, with the numbers behind them or without, as a checkpoint has them. */
size_t ist__slow_tail_bytes(const ist__training *training);
/* tail: (subnets + IST__SLOW_NUMBERS) as read, of which the file had `found_bytes`.  Could a run have written it? */
bool ist__slow_fits(const ist__training *training, const double *tail, size_t found_bytes);
void ist__slow_to(ist__training *training, const double *tail, size_t found_bytes);

#endif
