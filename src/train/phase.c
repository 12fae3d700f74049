/* phase.c - how many steps and rounds each phase of a run has, and what a round and a step are in it.
 *
 * Where J changes, it is a function of the step at which a round begins, so rounds are counted by walking through them.
 * Powers and roots are made of multiplications alone: J is the same everywhere.
 *
 * Floor: train.  Cold.
 */
#include "train/phase.h"

#include "base/bounds.h"
#include "math/kernels.h"

/* As few steps of `each` samples as reach so many. */
static int64_t steps_for(double samples, double each)
{
    const int64_t whole = (int64_t)(samples / each);
    return (double)whole * each < samples ? whole + 1 : whole;
}

/* ---------------------------------------------------------------------------------------------------------- J -- */

/* x > 0 with x^exponent = value. */
static double root_of(double value, int64_t exponent)
{
    double low = value < 1 ? value : 1, high = value < 1 ? 1 : value;
    for (int bit = 0; bit < 100; bit++) {
        const double middle = (low + high) / 2;
        if (ist__power(middle, exponent) < value) low = middle;
        else high = middle;
    }
    return high;
}

/* Steps of a round that begins at step `at` of the phase. */
static int32_t steps_at(const ist__phase *p, int64_t at)
{
    const int64_t left = p->steps - at;
    const int32_t steps = p->growth == 1 ? p->local_steps : (int32_t)(p->local_steps * ist__power(p->growth, at) + 0.5);
    return left < steps ? (int32_t)left : steps;
}

/* Rounds of the phase before its step `end`, at most `most` of them; *at: where they end. */
static int64_t walk(const ist__phase *p, int64_t end, int64_t most, int64_t *at)
{
    int64_t rounds = 0;
    if (p->growth == 1) {
        const int64_t all = (end + p->local_steps - 1) / p->local_steps;
        rounds = all < most ? all : most;
        *at = rounds * p->local_steps < p->steps ? rounds * p->local_steps : p->steps;
        return rounds;
    }
    for (*at = 0; *at < end && rounds < most; rounds++) *at += steps_at(p, *at);
    return rounds;
}

static void count_rounds(ist__phase *p, int32_t local_steps_last)
{
    int64_t end;
    p->growth = local_steps_last == p->local_steps ? 1 : root_of((double)local_steps_last / p->local_steps, p->steps);
    p->rounds = walk(p, p->steps, INT64_MAX, &end);
}

/* ----------------------------------------------------------------------------------------------------- phases -- */

static ist__phase subnets_phase(const ist_train_config *c, double epochs, int64_t rows)
{
    ist__phase p = {.kind = IST_PHASE_SUBNETS,
                    .subnets = c->subnets,
                    .steps = c->rounds > 0 ? c->rounds * c->local_steps
                                           : steps_for(epochs * (double)rows, (double)c->batch * c->subnets),
                    .local_steps = c->local_steps,
                    .lr = c->lr,
                    .schedule = c->schedule};
    count_rounds(&p, c->local_steps_last > 0 ? c->local_steps_last : c->local_steps);
    return p;
}

static ist__phase whole_phase(const ist_train_config *c, int32_t kind, double epochs, int64_t rows)
{
    const double lr = kind == IST_PHASE_WARMUP ? c->warmup_lr : c->full_width_lr;
    ist__phase p = {.kind = kind,
                    .subnets = 1,
                    .steps = steps_for(epochs * (double)rows, c->batch),
                    .local_steps = c->local_steps,
                    .lr = lr > 0 ? lr : c->lr,
                    .schedule = kind == IST_PHASE_WARMUP ? IST_LR_CONSTANT : c->full_width_schedule};
    count_rounds(&p, c->local_steps);
    return p;
}

static void append(ist__phases *all, ist__phase p)
{
    p.first_step = all->steps;
    p.first_round = all->rounds;
    p.ramps = all->count == 0;
    all->steps += p.steps;
    all->rounds += p.rounds;
    all->phase[all->count++] = p;
}

/* Epochs between the phases at full width: differences of fractions such as 0.3 - 0.1 - 0.2 are 0 but for rounding. */
static double epochs_between(const ist_train_config *c)
{
    const double between = c->epochs - c->warmup_epochs - c->full_width_epochs;
    return between > 1e-9 * c->epochs || between < -1e-9 * c->epochs ? between : 0;
}

bool ist__has_full_width(const ist_train_config *config)
{
    return config->warmup_epochs > 0 || config->full_width_epochs > 0;
}

ist__phases ist__phases_of(const ist_train_config *c, int64_t rows)
{
    ist__phases all = {.count = 0};
    int64_t batches = 0;
    if (c->warmup_epochs > 0) {
        append(&all, whole_phase(c, IST_PHASE_WARMUP, c->warmup_epochs, rows));
        batches = all.steps;
    }
    if (c->rounds > 0 || epochs_between(c) > 0) append(&all, subnets_phase(c, epochs_between(c), rows));
    if (c->full_width_epochs > 0) {
        ist__phase last = whole_phase(c, IST_PHASE_FULL_WIDTH, c->full_width_epochs, rows);
        last.first_batch = batches;
        append(&all, last);
    }
    return all;
}

const ist__phase *ist__phase_of_round(const ist__phases *phases, int64_t round)
{
    int32_t i = 0;
    while (i < phases->count - 1 && round >= phases->phase[i + 1].first_round) i++;
    return &phases->phase[i];
}

int32_t ist__phase_round_steps(const ist__phase *phase, int64_t step)
{
    return steps_at(phase, step - phase->first_step);
}

int64_t ist__phases_steps_before(const ist__phases *phases, int64_t round)
{
    const ist__phase *p = ist__phase_of_round(phases, round);
    int64_t at;
    walk(p, p->steps, round - p->first_round, &at);
    return p->first_step + at;
}

int64_t ist__phases_round_at(const ist__phases *phases, double samples, int32_t batch)
{
    const ist__phase *p = phases->phase;
    for (int32_t i = 1; i < phases->count && samples > (double)p->steps * batch * p->subnets; i++, p++)
        samples -= (double)p->steps * batch * p->subnets;
    const double each = (double)batch * p->subnets, most = (double)p->steps * each;
    int64_t at;
    return p->first_round + walk(p, samples > 0 ? steps_for(samples < most ? samples : most, each) : 0, INT64_MAX, &at);
}

void ist__phases_tell(const ist__phases *phases, ist_progress *progress)
{
    const int64_t round = progress->round > 0 ? progress->round - 1 : 0;
    const ist__phase *p = ist__phase_of_round(phases, round);
    progress->phase = p->kind;
    progress->local_steps = ist__phase_round_steps(p, ist__phases_steps_before(phases, round));
}

ist__lr_curve ist__phase_curve(const ist__phase *phase, int64_t step)
{
    return (ist__lr_curve){phase->lr, phase->schedule, phase->ramps, step - phase->first_step, phase->steps};
}

/* ----------------------------------------------------------------------------------------------------- checks -- */

static ist_status check_epochs(const ist_train_config *c, const char *field, double value, ist__error *error)
{
    if (value == 0) return IST_OK;
    if (c->method != IST_METHOD_IST) return ist__fail(error, IST_E_ARGUMENT, "%s: for the method IST alone", field);
    if (c->rounds > 0)
        return ist__fail(error, IST_E_ARGUMENT,
                         "%s is %g, and rounds %lld: phases are parts of epochs, rounds must be 0", field, value,
                         (long long)c->rounds);
    return IST_OK;
}

static ist_status check_lr(const ist_train_config *c, const char *field, double value, ist__error *error)
{
    if (value * c->weight_decay < 1) return IST_OK;
    return ist__fail(error, IST_E_ARGUMENT, "weight_decay is %g, expected %s * weight_decay below 1", c->weight_decay,
                     field);
}

ist_status ist__phases_check(const ist_train_config *c, ist__error *error)
{
    ist_train_config ranged = *c;
    if (c->rounds > 0) ranged.epochs = 1; /* nobody looks at them */
    ist_status s = ist__bounds_check("ist_train_config", &ranged, error);
    if (!s) s = check_epochs(c, "warmup_epochs", c->warmup_epochs, error);
    if (!s) s = check_epochs(c, "full_width_epochs", c->full_width_epochs, error);
    if (!s) s = check_lr(c, "warmup_lr", c->warmup_lr, error);
    if (!s) s = check_lr(c, "full_width_lr", c->full_width_lr, error);
    if (!s && c->local_steps_last > 0 && c->rounds > 0)
        s = ist__fail(error, IST_E_ARGUMENT,
                      "local_steps_last is %d, and rounds %lld: it is for epochs, rounds must be 0",
                      c->local_steps_last, (long long)c->rounds);
    if (!s && ist__has_full_width(c) && epochs_between(c) < 0)
        s = ist__fail(error, IST_E_ARGUMENT, "warmup_epochs %g and full_width_epochs %g are more than epochs %g",
                      c->warmup_epochs, c->full_width_epochs, c->epochs);
    return s;
}
