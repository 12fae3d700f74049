/* settle.h - whose memory each team takes, once it is known how much that is. */
#ifndef IST_TRAIN_SETTLE_H
#define IST_TRAIN_SETTLE_H

#include "train/training.h"

/* A copy of the host's plan in which teams have left a home that has no room for what this training takes of it (HBM
 * beside DDR, say) for the node that its cores fall back to: the last team first, until the rest fits.  Stripes of the
 * master stay at home.  A function of machine, plan and what is trained, never of what happens to be free; a copy without
 * changes where no node has a fallback.  The caller frees with ist__plan_free.  IST_E_ARGUMENT, IST_E_MEMORY. */
ist_status ist__settle(ist__plan *out, const ist__host *host, const ist__shape *shape, const ist_train_config *config,
                       const ist__extent *data, ist__error *error);

#endif
