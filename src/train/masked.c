/* masked.c - the subnet's own part of the whole net takes its step.
 *
 * Why not in the product, as other steps: sixteen neurons share a panel, and of the last one with own neurons some lanes
 * may be others', which neither decay nor momentum may touch.  A gradient that is there first can be taken by lanes.
 *
 * Floor: train.  Hot.
 */
#include "train/masked.h"

#include "base/share.h"

bool ist__masks(const ist_train_config *config)
{
    return config->method == IST_METHOD_MASKED;
}

bool ist__keeps_gradients(const ist_train_config *config)
{
    return ist__masks(config) || config->method == IST_METHOD_DATA_PARALLEL;
}

static void step_run(const ist__step *step, const ist__rule *rule, int64_t at, int64_t count)
{
    step->engine->kernels->step(rule, count, step->gradient + at, step->param + at,
                                step->state[0] ? step->state[0] + at : NULL,
                                step->state[1] ? step->state[1] + at : NULL);
}

/* My share of a layer's weights: some inputs, of each panel of outputs. */
static void step_weights(const ist__step *step, const ist__layer *own, const ist__worker *worker)
{
    int64_t first, last;
    ist__share(own->inputs, worker->rank, worker->size, &first, &last);
    int64_t panel = own->weight;
    for (int32_t row = 0; row < own->outputs; row += own->panel, panel += own->panel_stride) {
        const int32_t lanes = own->outputs - row;
        if (own->is_output || lanes >= own->panel) { /* idle lanes of the output hold 0 */
            step_run(step, &step->rule, panel + first * own->panel, (last - first) * own->panel);
            continue;
        }
        for (int64_t k = first; k < last; k++) step_run(step, &step->rule, panel + k * own->panel, lanes);
    }
}

void ist__masked_step(const ist__step *step, ist__worker *worker)
{
    ist__rule no_decay = step->rule;
    no_decay.keep = 1;
    ist__team_barrier(worker); /* the gradient is complete */
    for (int32_t l = 0; l < step->own->layer_count; l++) {
        const ist__layer *own = &step->own->layer[l];
        int64_t first, last;
        step_weights(step, own, worker);
        ist__share(own->outputs, worker->rank, worker->size, &first, &last);
        if (own->gain >= 0) step_run(step, &no_decay, own->gain + first, last - first);
        if (own->offset >= 0) step_run(step, &no_decay, own->offset + first, last - first);
    }
}
