/* average.c - the mean of the master over rounds: every thread folds its part of its team's stripe, once a round.
 *
 * A stripe of the mean lies where that of the master does, so nothing crosses between nodes.  The bits do not depend on
 * who does it: each number is one chain over the rounds.
 *
 * Floor: train.  Warm: once a round.
 */
#include "train/average.h"

#include <string.h>

#include "base/mem.h"
#include "train/evaluate.h"
#include "train/stripes.h"

bool ist__averages(const ist_train_config *config)
{
    return config->average_from < 1;
}

bool ist__average_takes(const ist__training *t, int64_t step)
{
    return ist__averages(&t->config) && (double)step > t->config.average_from * (double)t->progress.steps;
}

void ist__average_fold(ist__training *t, const ist__worker *worker, ist__stopwatch *watch)
{
    ist__stopwatch_next(watch, IST__WRITE_BACK);
    float *mean = (float *)(void *)t->average.base;
    const float *now = t->net->param;
    const double decay = t->config.average_decay;
    const float part = decay > 0 ? (float)(1 - decay) : 1 / (float)t->progress.averaged;
    int64_t first, last;
    ist__stripe_part(&t->average, t->net->shape.floats, worker, &first, &last);
    if (t->progress.averaged == 1 && first < last) {
        memcpy(mean + first, now + first, (size_t)(last - first) * sizeof *mean);
    } else {
        for (int64_t i = first; i < last; i++) mean[i] += (now[i] - mean[i]) * part;
    }
    ist__stopwatch_next(watch, IST__WAIT);
}

/* Statistics are measured before anything is changed, on a net that is the mean and borrows all else. */
ist_status ist__training_average(ist__training *t, ist__net *out, ist__error *error)
{
    const ist_train_config *c = &t->config;
    if (!ist__averages(c))
        return ist__fail(error, IST_E_ARGUMENT, "average_from is 1: the rounds of this run are not averaged");
    if (t->progress.averaged == 0)
        return ist__fail(error, IST_E_ARGUMENT,
                         "no round is averaged yet: the first ends after step %.0f, this is %lld",
                         c->average_from * (double)t->progress.steps, (long long)t->progress.step);
    ist__net mean = *t->net;
    mean.param = (float *)(void *)t->average.base;
    mean.statistics = ist__alloc(mean.shape.statistics_floats, sizeof *mean.statistics);
    if (!mean.statistics)
        return ist__fail(error, IST_E_MEMORY, "no memory for %lld statistics", (long long)mean.shape.statistics_floats);
    const ist_status status =
        ist__calibrate(&t->host, &mean, t->data, c->seed, (int64_t)c->calibration_batches * c->batch, error);
    if (!status) ist__net_copy(out, &mean);
    ist__free(mean.statistics);
    return status;
}
