/* fit.c - compares a dataset with a net.  Floor: train, the lowest that sees both.  Cold. */
#include "train/fit.h"

ist_status ist__fit_features(const ist__net *net, const ist_dataset *data, ist__error *error)
{
    const int32_t features = net->shape.width[0];
    if (!data->x)
        return ist__fail(error, IST_E_SHAPE, "the dataset was opened as sparse rows, which nets do not take yet");
    if (data->features == features) return IST_OK;
    return ist__fail(error, IST_E_SHAPE, "the dataset has %d features, the model %d", data->features, features);
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
    if (!data->labels) return ist__fail(error, IST_E_SHAPE, "the dataset has no labels");
    if (data->classes <= classes) return IST_OK;
    return ist__fail(error, IST_E_SHAPE, "the dataset has %d classes, the model %d", data->classes, classes);
}

ist_status ist__fit_statistics(const ist__net *net, ist__error *error)
{
    if (net->shape.statistics_floats == 0 || net->calibrated) return IST_OK;
    return ist__fail(error, IST_E_ARGUMENT,
                     "the model has no statistics of batch norm for its present parameters: calibrate it first");
}
