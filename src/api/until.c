/* until.c - the public function that trains until a goal is met. */
#include <string.h>

#include "api/handles.h"
#include "base/bounds.h"
#include "base/floats.h"
#include "train/fit.h"

static ist_status check_goal(const ist_trainer *trainer, const ist_goal *goal, const ist_evaluation *last)
{
    ist_context *context = trainer->context;
    const ist__net *net = &trainer->model->net;
    if (!goal->dataset) return ist__refuse(context, IST_E_ARGUMENT, "dataset is NULL");
    if (last && last->struct_size < sizeof *last)
        return ist__refuse(context, IST_E_ARGUMENT, "struct_size of the evaluation is not set");
    ist_status status = ist__bounds_check("ist_goal", goal, &context->error);
    if (!status && goal->accuracy > 0 && ist__shape_regresses(&net->shape))
        return ist__fail(&context->error, IST_E_ARGUMENT, "accuracy is %g, but a regression has none", goal->accuracy);
    if (!status) status = ist__fit_features(&context->host.engine, net, goal->dataset, &context->error);
    return status ? status : ist__fit_answers(net, goal->dataset, &context->error);
}

/* The caller's callback, and whether it wanted an end. */
typedef struct listener {
    ist_round_fn on_round;
    void *user;
    bool asked;
} listener;

static int32_t hear(void *user, const ist_progress *progress)
{
    listener *l = user;
    l->asked = l->on_round(l->user, progress) != 0;
    return l->asked;
}

static int32_t reached(const ist_goal *goal, const ist_evaluation *found)
{
    IST__OUR_FLOATS; /* a loss that is not finite traps nobody */
    if (goal->accuracy > 0 && found->accuracy >= goal->accuracy) return IST_ENDED_ACCURACY;
    return goal->loss > 0 && found->loss <= goal->loss ? IST_ENDED_LOSS : IST_ENDED_RUN;
}

ist_status ist_trainer_run_until(ist_trainer *trainer, const ist_goal *goal, ist_round_fn on_round, void *user,
                                 ist_evaluation *last, int32_t *ended)
{
    if (!trainer) return IST_E_ARGUMENT;
    if (!goal) return ist__refuse(trainer->context, IST_E_ARGUMENT, "goal is NULL");
    ist_goal known = IST_GOAL_INIT;
    ist_status status = ist__take_config(trainer->context, &known, sizeof known, goal, goal->struct_size, sizeof known);
    if (!status) status = check_goal(trainer, &known, last);
    ist__training *t = trainer->training;
    const ist_progress *at = &t->progress;
    listener heard = {.on_round = on_round, .user = user};
    ist_evaluation found = IST_EVALUATION_INIT;
    int32_t how = IST_ENDED_RUN;
    bool asked = false;
    while (!status && !asked) {
        const bool over = at->round >= at->rounds;
        if (!over) status = ist_trainer_run(trainer, known.every_rounds, on_round ? hear : NULL, &heard);
        asked = !over && (heard.asked || atomic_load(&t->stop)) && at->round < at->rounds;
        if (status || asked) break;
        status = ist_trainer_calibrate(trainer);
        if (!status) status = ist_model_evaluate(trainer->model, known.dataset, NULL, &found);
        if (!status) how = reached(&known, &found);
        if (how != IST_ENDED_RUN || at->round >= at->rounds) break;
        asked = atomic_load(&t->stop); /* while it was evaluated */
    }
    if (status) return status;
    if (last) {
        found.struct_size = last->struct_size;
        memcpy(last, &found, sizeof found);
    }
    if (ended) *ended = asked ? IST_ENDED_ASKED : how;
    return IST_OK;
}
