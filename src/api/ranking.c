/* ranking.c - public functions that rank labels. */
#include "api/handles.h"
#include "base/clock.h"
#include "base/floats.h"
#include "base/mem.h"
#include "math/kernels.h"
#include "train/evaluate.h"
#include "train/fit.h"
#include "train/rank.h"

static ist_status check_classes(const ist_model *model)
{
    if (!ist__shape_regresses(&model->net.shape)) return IST_OK;
    return ist__refuse(model->context, IST_E_ARGUMENT, "the model is a regression, which ranks no labels");
}

static int32_t classes_of(const ist_model *model)
{
    return model->net.shape.width[model->net.shape.layer_count];
}

ist_status ist_model_top(ist_model *model, const ist_dataset *dataset, const ist_evaluate_config *config, int32_t k,
                         int32_t *labels, float *scores)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    ist_context *context = model->context;
    if (!dataset || !labels) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    ist_evaluate_config known = IST_EVALUATE_CONFIG_INIT;
    ist_status status = check_classes(model);
    const int32_t classes = classes_of(model), most = classes < IST_TOP_MOST ? classes : IST_TOP_MOST;
    if (!status && (k < 1 || k > most))
        status = ist__fail(&context->error, IST_E_ARGUMENT, "k is %d, expected 1 .. %d", k, most);
    if (!status) status = ist__check_evaluation(model, dataset, config, &known);
    if (status) return status;
    const ist__answers answers = {.top_count = k, .top = labels, .top_score = scores};
    return ist__evaluate(&context->host, &model->net, dataset, &known, &answers, &context->error);
}

static ist_status check_propensity(const ist_model *model, const ist_dataset *data)
{
    if (!data) return IST_OK;
    const ist_status status = ist__fit_answers(&model->net, data, &model->context->error);
    if (status || data->rows >= 3) return status; /* log(rows) is above 1 */
    return ist__fail(&model->context->error, IST_E_ARGUMENT, "propensities of %lld rows, expected 3 or more",
                     (long long)data->rows);
}

typedef struct rank_room {
    int32_t kept, *top; /* (rows, kept) */
    float *loss;        /* (rows) */
    double *inverse;    /* (classes), or NULL */
} rank_room;

static ist_status make_room(rank_room *room, const ist_model *model, const ist_dataset *dataset, bool propensity)
{
    const int32_t classes = classes_of(model);
    room->kept = classes < IST_RANKS ? classes : IST_RANKS;
    room->top = ist__alloc(dataset->rows * room->kept, sizeof *room->top);
    room->loss = ist__alloc(dataset->rows, sizeof *room->loss);
    if (propensity) room->inverse = ist__alloc(classes, sizeof *room->inverse);
    if (room->top && room->loss && (room->inverse || !propensity)) return IST_OK;
    return ist__fail(&model->context->error, IST_E_MEMORY, "no memory for the answers to %lld rows",
                     (long long)dataset->rows);
}

ist_status ist_model_rank(ist_model *model, const ist_dataset *dataset, const ist_dataset *propensity,
                          const ist_evaluate_config *config, ist_ranking *out)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    ist_context *context = model->context;
    if (!dataset || !out) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    if (out->struct_size < sizeof *out)
        return ist__refuse(context, IST_E_ARGUMENT, "struct_size of the ranking is not set");
    ist_evaluate_config known = IST_EVALUATE_CONFIG_INIT;
    ist_status status = check_classes(model);
    if (!status) status = ist__check_evaluation(model, dataset, config, &known);
    if (!status) status = ist__fit_answers(&model->net, dataset, &context->error);
    if (!status) status = check_propensity(model, propensity);
    if (status) return status;
    const double began = ist__seconds();
    rank_room room = {0};
    ist_ranking found = {.struct_size = out->struct_size};
    status = make_room(&room, model, dataset, propensity != NULL);
    const ist__answers answers = {.loss = room.loss, .top_count = room.kept, .top = room.top};
    if (!status) status = ist__evaluate(&context->host, &model->net, dataset, &known, &answers, &context->error);
    if (!status) {
        if (propensity) ist__inverse_propensities(propensity, classes_of(model), room.inverse);
        ist__rank_rows(dataset, room.kept, room.top, room.inverse, &found);
        found.loss = ist__sum(dataset->rows, room.loss) / (double)dataset->rows;
        found.flops = ist__evaluate_flops(&model->net, dataset);
        found.seconds = ist__seconds() - began;
        *out = found;
    }
    ist__free(room.top);
    ist__free(room.loss);
    ist__free(room.inverse);
    return status;
}
