/* host.h - what the round needs of the machine, handed down by the context. */
#ifndef IST_TRAIN_HOST_H
#define IST_TRAIN_HOST_H

#include "base/log.h"
#include "math/engine.h"
#include "numa/pages.h"
#include "numa/team.h"

typedef struct ist__host {
    const ist__topology *topology;
    const ist__machine *machine;
    const ist__plan *plan;
    ist__crew *crew; /* NULL: made from a text, can plan but not run */
    ist__engine engine;
    int32_t placement;
    ist__refusals *refusals;
    const ist__logger *log; /* NULL: silent */
} ist__host;

#endif
