/* stopwatch.h - where the time of one thread goes: each moment between two marks belongs to one phase of the round.  What
 * the log counts and what a timeline shows (numa/marks.h) are the same moments. */
#ifndef IST_TRAIN_STOPWATCH_H
#define IST_TRAIN_STOPWATCH_H

#include <stdatomic.h>

#include "numa/marks.h"

/* Phases of a round.  WAIT: at barriers, wherever they are, and while the leader deals. */
enum { IST__GATHER, IST__TRAIN, IST__WAIT, IST__WRITE_BACK, IST__PHASES };

/* Times of a team: what its threads handed in, all of them together. */
typedef struct ist__phase_times {
    _Atomic int64_t ns[IST__PHASES];
} ist__phase_times;

/* The clock of one thread, on its stack. */
typedef struct ist__stopwatch {
    const ist__worker *worker;
    int phase; /* begun and not ended */
    int64_t since_ns;
    double waited_before_s;
    double spent_s[IST__PHASES];
} ist__stopwatch;

/* A watch of this thread, running in phase WAIT. */
ist__stopwatch ist__stopwatch_start(const ist__worker *worker);
/* The phase ends here and the next begins; what the thread waited at barriers in between belongs to WAIT. */
void ist__stopwatch_next(ist__stopwatch *watch, int phase);
/* The last phase ends here. */
void ist__stopwatch_stop(ist__stopwatch *watch);
/* Add what was measured since the last hand-in to the team's times.  [any thread] */
void ist__stopwatch_hand_in(ist__stopwatch *watch, ist__phase_times *team);

#endif
