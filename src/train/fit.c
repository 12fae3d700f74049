/* fit.c - compares a dataset with a net.  Floor: train, the lowest that sees both.  Cold. */
#include "train/fit.h"

static ist_status fit_sparse(const ist__engine *engine, const ist__net *net, ist__error *error)
{
    if (engine->kind != IST_ENGINE_NATIVE)
        return ist__fail(error, IST_E_ARGUMENT, "sparse rows need the native engine, this context has %s",
                         ist__engine_name(engine));
    if (net->shape.hidden_count == 0)
        return ist__fail(error, IST_E_ARGUMENT, "sparse rows need a net with a hidden layer");
    for (int32_t i = 0; i < net->normalization_count; i++)
        if (net->shift[i] != 0 || net->factor[i] != 1)
            return ist__fail(error, IST_E_ARGUMENT,
                             "sparse rows are taken as they are, but the model normalizes its inputs");
    return IST_OK;
}

ist_status ist__fit_features(const ist__engine *engine, const ist__net *net, const ist_dataset *data, ist__error *error)
{
    const int32_t features = net->shape.width[0];
    if (data->features != features)
        return ist__fail(error, IST_E_SHAPE, "the dataset has %d features, the model %d", data->features, features);
    return data->sparse.rows > 0 && engine ? fit_sparse(engine, net, error) : IST_OK;
}

static ist_status fit_targets(const ist__net *net, const ist_dataset *data, ist__error *error)
{
    const int32_t targets = net->shape.width[net->shape.layer_count];
    if (!data->targets)
        return ist__fail(error, IST_E_SHAPE, "the dataset has no targets, and the model is a regression of %d",
                         targets);
    if (data->target_count == targets) return IST_OK;
    return ist__fail(error, IST_E_SHAPE, "the dataset has %d targets, the model %d", data->target_count, targets);
}

ist_status ist__fit_answers(const ist__net *net, const ist_dataset *data, ist__error *error)
{
    if (ist__shape_regresses(&net->shape)) return fit_targets(net, data, error);
    if (data->targets)
        return ist__fail(error, IST_E_SHAPE, "the dataset has targets of a regression, the model tells classes");
    const int32_t classes = net->shape.width[net->shape.layer_count];
    if (!data->labels && data->sparse.label_entries == 0)
        return ist__fail(error, IST_E_SHAPE, "the dataset has no labels");
    if (data->classes <= classes) return IST_OK;
    return ist__fail(error, IST_E_SHAPE, "the dataset has %d classes, the model %d", data->classes, classes);
}

ist_status ist__fit_statistics(const ist__net *net, ist__error *error)
{
    if (net->shape.statistics_floats == 0 || net->calibrated) return IST_OK;
    return ist__fail(error, IST_E_ARGUMENT,
                     "the model has no statistics of batch norm for its present parameters: calibrate it first");
}
