/* optimizer.c - learning rate, and the update rules on tiles.  Floor: train.  Hot. */
#include "train/optimizer.h"

#include <math.h>

#include "math/gemm.h"

enum { MOST_STAIRS = 1 << 30 };

int32_t ist__optimizer_states(int32_t kind)
{
    return kind == IST_SGD ? 0 : kind == IST_ADAM ? 2 : 1;
}

double ist_default_lr(int32_t optimizer)
{
    switch (optimizer) { /* docs/defaults.md */
    case IST_SGD: return 1;
    case IST_MOMENTUM:
    case IST_NESTEROV: return 0.3;
    case IST_ADAM: return 0.003;
    default: return 0;
    }
}

/* Where the schedule stands, as a part of the learning rate's height.  With the defaults these are the bits of 1 and of
 * the cosine itself. */
static double schedule_at(const ist_train_config *config, const ist__lr_curve *curve)
{
    const double step = (double)curve->step, steps = (double)curve->steps, floor_ = config->lr_floor;
    if (curve->schedule == IST_LR_COSINE) return floor_ + (1 - floor_) * (0.5 * (1 + ist__cos_pi(step / steps)));
    if (curve->schedule != IST_LR_STEP) return 1;
    const double stairs = step / (config->lr_step_every * steps) + 1e-9; /* rounding must not be late by a step */
    const double height = ist__power(config->lr_step_factor, stairs < MOST_STAIRS ? (int64_t)stairs : MOST_STAIRS);
    return height > floor_ ? height : floor_;
}

static double ramp_at(const ist_train_config *config, const ist__lr_curve *curve)
{
    const double length = config->lr_ramp * (double)curve->steps, at = (double)curve->step + 1;
    return curve->ramps && at < length ? at / length : 1;
}

ist__rule ist__optimizer_at(const ist_train_config *config, const ist__lr_curve *curve, int64_t updates)
{
    const double lr = curve->lr * schedule_at(config, curve) * ramp_at(config, curve);
    ist__rule rule = {.kind = config->optimizer,
                      .lr = (float)lr,
                      .momentum = (float)config->momentum,
                      .keep = (float)(1 - lr * config->weight_decay)};
    if (rule.kind == IST_ADAM) {
        const double c1 = 1 / (1 - ist__power(config->beta1, updates + 1));
        const double root = sqrt(1 / (1 - ist__power(config->beta2, updates + 1)));
        rule.adam = (ist__adam){.beta1 = (float)config->beta1,
                                .beta2 = (float)config->beta2,
                                .rate = (float)(lr * c1 / root),
                                .epsilon = (float)(config->epsilon / root)};
    }
    return rule;
}

bool ist__optimizer_fuses(const ist__engine *engine, int32_t kind)
{
    return kind == IST_SGD && engine->kind == IST_ENGINE_OPENBLAS;
}

void ist__optimizer_product(const ist__engine *engine, const ist__rule *rule, int32_t rows, int32_t columns,
                            int32_t batch, int64_t ld, const float *d, const float *x, float *weight,
                            float *const *state, float *scratch)
{
    if (ist__optimizer_fuses(engine, rule->kind)) {
        ist__gemm(engine->kind, false, true, rows, columns, batch, -rule->lr, d, ld, x, ld, rule->keep, weight,
                  columns);
        return;
    }
    ist__gemm(engine->kind, false, true, rows, columns, batch, 1, d, ld, x, ld, 0, scratch, columns);
    engine->kernels->step(rule, (int64_t)rows * columns, scratch, weight, state[0], state[1]);
}

void ist__optimizer_vector(const ist__engine *engine, const ist__rule *rule, int32_t count, const float *gradient,
                           float *vector, float *const *state)
{
    ist__rule no_decay = *rule;
    no_decay.keep = 1;
    engine->kernels->step(&no_decay, count, gradient, vector, state[0], state[1]);
}
