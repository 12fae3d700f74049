/* average.h - the mean of the master over rounds. [M13] */
#ifndef IST_TRAIN_AVERAGE_H
#define IST_TRAIN_AVERAGE_H

#include "train/training.h"

/* Is there a mean in such a run? */
bool ist__averages(const ist_train_config *config);
/* Does a round that ends after `step` steps of the run join it?  Then the master must be whole. */
bool ist__average_takes(const ist__training *t, int64_t step);

/* When that round is closed, on every thread, while nobody writes to the master: my part of it joins the mean.
 * t->progress.averaged counts it already. */
void ist__average_fold(ist__training *t, const ist__worker *worker, ist__stopwatch *watch);

#endif
