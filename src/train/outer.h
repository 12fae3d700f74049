/* outer.h - what becomes of a round's change of the master: a step of its own instead of a plain copy. [M14] */
#ifndef IST_TRAIN_OUTER_H
#define IST_TRAIN_OUTER_H

#include "train/training.h"

/* Is write back more than a copy?  Has it a velocity? */
bool ist__outer_steps(const ist_train_config *config);
bool ist__outer_rolls(const ist_train_config *config);
/* And in the present round?  Rounds at full width are copied back. */
bool ist__outer_now(const ist__training *t);
/* Arrays of a block that write back moves beside those that it copies: old master, velocity twice. */
int ist__outer_arrays(const ist_train_config *config);

/* The step for the exchange. */
ist__outer ist__outer_of(const ist__training *t);

/* Every field of its part of a configuration. */
ist_status ist__outer_check(const ist_train_config *config, ist__error *error);

#endif
