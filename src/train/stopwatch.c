/* stopwatch.c - where the time of one thread goes.  Floor: train.  Warm: a few calls a round. */
#include "train/stopwatch.h"

#include "base/clock.h"

ist__stopwatch ist__stopwatch_start(const ist__worker *worker)
{
    return (ist__stopwatch){
        .worker = worker, .phase = IST__WAIT, .since_s = ist__seconds(), .waited_before_s = worker->waited_s};
}

void ist__stopwatch_next(ist__stopwatch *watch, int phase)
{
    const double now = ist__seconds(), waited = watch->worker->waited_s - watch->waited_before_s;
    watch->spent_s[watch->phase] += now - watch->since_s - waited;
    watch->spent_s[IST__WAIT] += waited;
    watch->phase = phase;
    watch->since_s = now;
    watch->waited_before_s = watch->worker->waited_s;
}

void ist__stopwatch_hand_in(ist__stopwatch *watch, ist__phase_times *team)
{
    for (int i = 0; i < IST__PHASES; i++) {
        atomic_fetch_add(&team->ns[i], (int64_t)(watch->spent_s[i] * 1e9));
        watch->spent_s[i] = 0;
    }
}
