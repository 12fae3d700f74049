/* optimizer.c - learning rate, and the update rules on tiles.  Floor: train.  Hot. */
#include "train/optimizer.h"

#include "math/gemm.h"

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

ist__optimizer ist__optimizer_at(const ist_train_config *config, int32_t engine, int64_t step, int64_t steps,
                                 int64_t updates)
{
    double lr = config->lr;
    if (config->schedule == IST_LR_COSINE) lr *= 0.5 * (1 + ist__cos_pi((double)step / (double)steps));
    ist__optimizer o = {.kind = config->optimizer,
                        .engine = engine,
                        .lr = (float)lr,
                        .momentum = (float)config->momentum,
                        .keep = (float)(1 - lr * config->weight_decay)};
    if (o.kind == IST_ADAM) {
        o.adam.beta1 = (float)config->beta1;
        o.adam.beta2 = (float)config->beta2;
        o.adam.epsilon = (float)config->epsilon;
        o.adam.correct1 = (float)(1 / (1 - ist__power(config->beta1, updates + 1)));
        o.adam.correct2 = (float)(1 / (1 - ist__power(config->beta2, updates + 1)));
    }
    return o;
}

static void update(const ist__optimizer *o, int64_t count, float keep, const float *gradient, float *w,
                   float *const *state)
{
    switch (o->kind) {
    case IST_SGD: ist__update_sgd(count, w, gradient, o->lr, keep); break;
    case IST_ADAM: ist__update_adam(count, w, state[0], state[1], gradient, o->lr, keep, &o->adam); break;
    default: ist__update_momentum(count, w, state[0], gradient, o->lr, keep, o->momentum, o->kind == IST_NESTEROV);
    }
}

void ist__optimizer_product(const ist__optimizer *o, int32_t rows, int32_t columns, int32_t batch, int64_t ld,
                            const float *d, const float *x, float *weight, float *const *state, float *scratch)
{
    if (o->kind == IST_SGD) {
        ist__gemm(o->engine, false, true, rows, columns, batch, -o->lr, d, ld, x, ld, o->keep, weight, columns);
        return;
    }
    ist__gemm(o->engine, false, true, rows, columns, batch, 1, d, ld, x, ld, 0, scratch, columns);
    update(o, (int64_t)rows * columns, o->keep, scratch, weight, state);
}

void ist__optimizer_vector(const ist__optimizer *o, int32_t count, const float *gradient, float *vector,
                           float *const *state)
{
    update(o, count, 1, gradient, vector, state);
}
