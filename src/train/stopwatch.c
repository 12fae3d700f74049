/* stopwatch.c - where the time of one thread goes.  Floor: train.  Warm: a few calls a round. */
#include "train/stopwatch.h"

#include "base/clock.h"

static const int32_t mark_of[IST__PHASES] = {[IST__GATHER] = IST__MARK_GATHER,
                                             [IST__TRAIN] = IST__MARK_TRAIN,
                                             [IST__WAIT] = IST__MARK_BETWEEN,
                                             [IST__WRITE_BACK] = IST__MARK_WRITE_BACK};

ist__stopwatch ist__stopwatch_start(const ist__worker *worker)
{
    const int64_t now = ist__nanoseconds();
    ist__mark_begin_at(worker, IST__MARK_BETWEEN, 0, now);
    return (ist__stopwatch){.worker = worker, .phase = IST__WAIT, .since_ns = now, .waited_before_s = worker->waited_s};
}

static void end_phase(ist__stopwatch *watch, int64_t now)
{
    const double waited = watch->worker->waited_s - watch->waited_before_s;
    watch->spent_s[watch->phase] += 1e-9 * (double)(now - watch->since_ns) - waited;
    watch->spent_s[IST__WAIT] += waited;
    ist__mark_end_at(watch->worker, mark_of[watch->phase], now);
}

void ist__stopwatch_next(ist__stopwatch *watch, int phase)
{
    const ist__worker *worker = watch->worker;
    const int64_t now = ist__nanoseconds();
    end_phase(watch, now);
    if (watch->phase == IST__WAIT) ist__mark_begin_at(worker, IST__MARK_ROUND, worker->round, now);
    if (phase == IST__WAIT) ist__mark_end_at(worker, IST__MARK_ROUND, now);
    ist__mark_begin_at(worker, mark_of[phase], 0, now);
    watch->phase = phase;
    watch->since_ns = now;
    watch->waited_before_s = worker->waited_s;
}

void ist__stopwatch_stop(ist__stopwatch *watch)
{
    end_phase(watch, ist__nanoseconds());
}

void ist__stopwatch_hand_in(ist__stopwatch *watch, ist__phase_times *team)
{
    for (int i = 0; i < IST__PHASES; i++) {
        atomic_fetch_add(&team->ns[i], (int64_t)(watch->spent_s[i] * 1e9));
        watch->spent_s[i] = 0;
    }
}
