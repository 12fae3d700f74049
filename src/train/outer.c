/* outer.c - the outer step: when it is taken, and what it needs.  Floor: train.  Cold. */
#include "train/outer.h"

bool ist__outer_rolls(const ist_train_config *config)
{
    return config->outer_momentum > 0;
}

bool ist__outer_steps(const ist_train_config *config)
{
    return config->outer_lr != 1 || ist__outer_rolls(config);
}

bool ist__outer_now(const ist__training *t)
{
    return ist__outer_steps(&t->config) && t->now.phase->kind == IST_PHASE_SUBNETS;
}

int ist__outer_arrays(const ist_train_config *config)
{
    return ist__outer_steps(config) ? ist__outer_rolls(config) ? 3 : 1 : 0;
}

ist__outer ist__outer_of(const ist__training *t)
{
    return (ist__outer){.velocity = (float *)(void *)t->velocity.base,
                        .lr = (float)t->config.outer_lr,
                        .momentum = (float)t->config.outer_momentum};
}

ist_status ist__outer_check(const ist_train_config *c, ist__error *error)
{
    if (!ist__outer_steps(c)) return IST_OK;
    const char *field = ist__outer_rolls(c) ? "outer_momentum" : "outer_lr";
    if (c->method != IST_METHOD_IST) return ist__fail(error, IST_E_ARGUMENT, "%s: for the method IST alone", field);
    if (c->repartition_fraction < 1)
        return ist__fail(
            error, IST_E_ARGUMENT,
            "%s: not with a sticky deal, which leaves numbers in the blocks: repartition_fraction must be 1", field);
    return IST_OK;
}
