/* phase.h - the phases of a run: the whole net at full width, rounds of subnets, the whole net again. [M16]
 *
 * All of it is computed from the configuration and the number of rows, and nothing stored: a position in a run is a round
 * and a step, as before there were phases.
 */
#ifndef IST_TRAIN_PHASE_H
#define IST_TRAIN_PHASE_H

#include "base/status.h"
#include "train/optimizer.h"

enum { IST__PHASES_MOST = 3 };

typedef struct ist__phase {
    int32_t kind;                /* IST_PHASE_* */
    int32_t subnets;             /* that a round trains, each with a batch a step; at full width 1 */
    int64_t first_step, steps;   /* of the run's local steps; steps >= 1 */
    int64_t first_round, rounds; /* of the run's rounds; no round is part of two phases */
    int64_t first_batch;         /* in the stream of its rows: the last phase goes on where the warm-up ended */
    int32_t local_steps;         /* J of the first round */
    double growth;               /* of J from one step to the next, before it is rounded */
    double lr;
    int32_t schedule; /* IST_LR_* */
    bool ramps;       /* lr_ramp holds: in the first phase of a run */
} ist__phase;

typedef struct ist__phases {
    int32_t count; /* 1 .. IST__PHASES_MOST; those without steps are left out */
    ist__phase phase[IST__PHASES_MOST];
    int64_t steps, rounds; /* of the whole run */
} ist__phases;

/* config: checked, with subnets and lr resolved.  Rounds are counted where J changes: milliseconds for a million. */
ist__phases ist__phases_of(const ist_train_config *config, int64_t rows);

/* The phase of a round; of one behind the last, the last phase. */
const ist__phase *ist__phase_of_round(const ist__phases *phases, int64_t round);
/* Steps of a round that begins at this step of the run: J, or what is left of the phase. */
int32_t ist__phase_round_steps(const ist__phase *phase, int64_t step);
/* Steps of the run before a round, 0 .. phases->rounds. */
int64_t ist__phases_steps_before(const ist__phases *phases, int64_t round);
/* Rounds until so many samples were trained on, `batch` a step and subnet; those of the whole run where it has fewer. */
int64_t ist__phases_round_at(const ist__phases *phases, double samples, int32_t batch);
/* The learning rate's place at a step of the run that is in this phase. */
ist__lr_curve ist__phase_curve(const ist__phase *phase, int64_t step);

/* phase and local_steps of a run that stands at progress->round; at the start, those of its first round. */
void ist__phases_tell(const ist__phases *phases, ist_progress *progress);

/* Does the run train the whole net by all threads at some time? */
bool ist__has_full_width(const ist_train_config *config);

/* The fields of phases and of J's schedule.  IST_E_ARGUMENT. */
ist_status ist__phases_check(const ist_train_config *config, ist__error *error);

#endif
