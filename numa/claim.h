/* claim.h - work of a team that is done by whichever thread of it is free.
 *
 * A thread has a band of units of its own, and takes it piece by piece; when its band is done, it goes on with what is left
 * of the others'.  So a thread that the system took its core from for some milliseconds is not waited for.  What a unit
 * is, and that its result depends neither on who does it nor on what is done with it, is the caller's business.
 *
 * Threads keep no lock: how much of a band is taken is one word, on a line of its own in the team's pages (team.c).  It holds
 * the number of the walk, too, so nothing is set back between walks: an older number says that nothing is taken yet, a
 * newer one that all of my walk is, because a thread begins a walk when all pieces of the one before are taken.
 */
#ifndef IST_NUMA_CLAIM_H
#define IST_NUMA_CLAIM_H

#include "numa/team.h"

typedef struct ist__claims {
    const ist__worker *worker;
    int32_t units, most; /* of all bands; of a piece */
    int32_t bands_done;
    int32_t own_taken; /* where nobody shares */
} ist__claims;

/* Begin a walk over `units` units in pieces of at most `most`.  All threads of a team begin the same walks in the same
 * order, and meet at the team's barrier before the first one of a run.  Pieces grow smaller where a band ends.  Threads
 * of a joined team have their own bands alone: what is the others' is on other nodes. */
ist__claims ist__claims_begin(ist__worker *worker, int32_t units, int32_t most);

/* The next piece, *count units from *first on; false: all are taken, though others may still be at work on theirs. */
bool ist__claims_next(ist__claims *claims, int32_t *first, int32_t *count);

#endif
