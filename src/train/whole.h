/* whole.h - the net of phases at full width: all neurons, trained by the threads of all teams together. [M16]
 *
 * Its block and most of its work space belong to no team: they are striped over the teams' nodes as the master is, and a
 * run that has no such phase has none of them.  What a thread has for itself, and what all read in every step beside
 * arrays, lies with its team (desk.c).
 */
#ifndef IST_TRAIN_WHOLE_H
#define IST_TRAIN_WHOLE_H

#include "train/training.h"

typedef struct ist__whole {
    ist__deal deal;       /* of one subnet that has all neurons */
    ist__subnet subnet;   /* its region is none; its rows are those of the dataset, their order lies with team 0 */
    ist__region block[3]; /* striped: parameters, then optimiser state */
    ist__region work;     /* striped: scratch, but for the threads' own */
    ist__scratch scratch;
} ist__whole;

/* Nothing, where no phase asks for it.  Before the teams' regions are made. */
ist_status ist__whole_create(ist__training *training, ist__error *error);
void ist__whole_destroy(ist__training *training); /* also one half made */

/* What it takes of the region of a team: to ask and to take. */
size_t ist__whole_team_bytes(const ist__host *host, int32_t team, const ist__shape *shape,
                             const ist_train_config *config, const ist__extent *data);
void ist__whole_team_take(ist__training *training, int32_t team);

/* Add its stripes to needs (machine->node_count). */
void ist__whole_need(const ist__host *host, const ist__shape *shape, const ist_train_config *config,
                     const ist__extent *data, ist__need *needs);

/* Pages of its stripes, a list; their bytes are added. */
json_t *ist__whole_report(const ist__training *training, int64_t *bytes);

/* Bytes that a round moves between it and the master, both ways, and those of them that cross nodes if each number is as
 * likely moved by any thread. */
void ist__whole_traffic(const ist__training *training, double *moved_bytes, double *crossed_bytes);

#endif
