/* masked.h - a step of the whole net of which a subnet keeps its own part. [M21]
 *
 * The block of each subnet is a replica of the whole net, its own neurons first (ist__deal_complete).  The step goes
 * forward through all of it, and the gradient comes down through all of it; but a gradient is only formed for the subnet's
 * rectangles, and only they take their step.  So they are all that is written back, and no two subnets write one number.
 */
#ifndef IST_TRAIN_MASKED_H
#define IST_TRAIN_MASKED_H

#include "train/training.h"

/* Does each subnet train its own part of the whole net? */
bool ist__masks(const ist_train_config *config);

/* Has each subnet a block for its gradient? */
bool ist__keeps_gradients(const ist_train_config *config);

/* After ist__subnet_step, by all threads of the team: step->own takes its step along step->gradient, by step->rule. */
void ist__masked_step(const ist__step *step, ist__worker *worker);

#endif
