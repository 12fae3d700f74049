/* model.c - public functions of models. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "api/tell.h"
#include "base/bounds.h"
#include "base/clock.h"
#include "base/floats.h"
#include "base/mem.h"
#include "math/kernels.h"
#include "model/checkpoint.h"
#include "train/evaluate.h"
#include "train/fit.h"
#include "train/rank.h"
#include "train/stripes.h"

ist_status ist__model_adopt(ist_context *context, ist_model **out, ist__net *net)
{
    ist_model *model = ist__alloc(1, sizeof *model);
    if (!model) {
        ist__net_destroy(net);
        return ist__refuse(context, IST_E_MEMORY, "no memory for a model");
    }
    const size_t bytes = (size_t)net->shape.floats * sizeof(float);
    ist_status status = ist__stripes_room(&context->host, bytes, &context->error);
    if (!status) status = ist__stripes_create(&model->region, &context->host, bytes, &context->error);
    if (status) {
        ist__net_destroy(net);
        ist__free(model);
        return status;
    }
    model->context = context;
    model->net = *net;
    model->net.param = (float *)(void *)model->region.base;
    ist__tell_refusals(context, &model->region);
    *out = model;
    return IST_OK;
}

ist_status ist__need_crew(ist_context *context)
{
    if (context->host.crew) return IST_OK;
    return ist__refuse(context, IST_E_PLACEMENT,
                       "this context was made from a topology text: it plans, but cannot run");
}

ist_status ist_model_create(ist_context *context, ist_model **out, const ist_model_config *config)
{
    IST__OUR_FLOATS;
    if (!context || !out || !config) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    ist_model_config known = IST_MODEL_CONFIG_INIT;
    ist_status status = ist__take_config(context, &known, sizeof known, config, config->struct_size, sizeof known);
    if (!status) status = ist__need_crew(context);
    ist__shape shape;
    ist__net net;
    if (!status) status = ist__shape_make(&shape, &known, &context->error);
    if (!status) status = ist__net_create(&net, &shape, known.subnets, &context->error);
    if (!status && (status = ist__net_set_output_scale(&net, known.output_scale, &context->error)))
        ist__net_destroy(&net);
    ist_model *model = NULL;
    if (!status) status = ist__model_adopt(context, &model, &net);
    if (status) return status;
    ist__net_initialize(&model->net, known.seed);
    *out = model;
    return IST_OK;
}

void ist_model_destroy(ist_model *model)
{
    if (!model) return;
    ist__net_destroy(&model->net);
    ist__region_destroy(&model->region);
    ist__free(model);
}

ist_status ist_model_describe(const ist_model *model, ist_model_config *config)
{
    if (!model || !config || config->struct_size < sizeof *config) return IST_E_ARGUMENT;
    const ist__shape *shape = &model->net.shape;
    config->features = shape->width[0];
    config->classes = shape->width[shape->layer_count];
    config->hidden_count = shape->hidden_count;
    config->hidden = &shape->width[1];
    config->hidden_norm = shape->hidden_norm;
    config->output_norm = shape->output_norm;
    config->subnets = model->net.subnets;
    config->output_scale = model->net.output_scale;
    config->activation = shape->activation;
    config->loss = shape->loss;
    config->huber_delta = (double)shape->huber_delta;
    config->seed = 0; /* of the initial weights, which are gone */
    return IST_OK;
}

int64_t ist_model_parameter_count(const ist_model *model)
{
    return model ? model->net.shape.parameters : 0;
}

/* Of features or targets, of which there are `most`: what a normalization must be. */
static ist_status check_scaling(ist_context *context, const char *what, char letter, int32_t most, int32_t count,
                                const float *shift, const float *factor)
{
    if (!shift || !factor) return ist__refuse(context, IST_E_ARGUMENT, "shift or factor is NULL");
    if (count != 1 && count != most)
        return ist__fail(&context->error, IST_E_ARGUMENT, "count is %d, expected 1 or the number of %ss, %d", count,
                         what, most);
    for (int32_t i = 0; i < count; i++)
        if (!isfinite(shift[i]) || !isfinite(factor[i]) || factor[i] == 0)
            return ist__fail(
                &context->error, IST_E_ARGUMENT,
                "normalization of %s %d is (%c - %g) * %g, expected finite numbers and a factor other than 0", what, i,
                letter, (double)shift[i], (double)factor[i]);
    return IST_OK;
}

ist_status ist_model_set_normalization(ist_model *model, int32_t count, const float *shift, const float *factor)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    ist_context *context = model->context;
    const int32_t features = model->net.shape.width[0];
    const ist_status status = check_scaling(context, "feature", 'x', features, count, shift, factor);
    if (status) return status;
    model->net.normalization_count = count;
    memcpy(model->net.shift, shift, (size_t)count * sizeof *shift);
    memcpy(model->net.factor, factor, (size_t)count * sizeof *factor);
    ist__net_changed(&model->net);
    return IST_OK;
}

ist_status ist_model_measure_normalization(ist_model *model, const ist_dataset *dataset, int32_t mode)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    ist_context *context = model->context;
    ist__net *net = &model->net;
    if (!dataset || mode < IST_NORMALIZE_NONE || mode > IST_NORMALIZE_ZSCORE)
        return ist__refuse(context, IST_E_ARGUMENT, "dataset is NULL or mode unknown");
    const ist_status status = ist__fit_features(NULL, net, dataset, &context->error);
    if (status) return status;
    if (mode != IST_NORMALIZE_NONE && !dataset->x)
        return ist__refuse(context, IST_E_ARGUMENT,
                           "sparse rows are taken as they are: mode must be IST_NORMALIZE_NONE");
    net->normalization_count = mode == IST_NORMALIZE_ZSCORE ? dataset->features : 1;
    net->shift[0] = 0;
    net->factor[0] = 1;
    if (mode != IST_NORMALIZE_NONE) ist__dataset_moments(dataset, net->normalization_count, net->shift, net->factor);
    ist__net_changed(net);
    return IST_OK;
}

/* The model of a regression whose targets are to be normalized. */
static ist_status check_regression(ist_model *model)
{
    if (ist__shape_regresses(&model->net.shape)) return IST_OK;
    return ist__refuse(model->context, IST_E_ARGUMENT, "the model tells classes, which have no normalization");
}

ist_status ist_model_set_target_normalization(ist_model *model, int32_t count, const float *shift, const float *factor)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    ist_context *context = model->context;
    ist__net *net = &model->net;
    const int32_t targets = net->shape.width[net->shape.layer_count];
    ist_status status = check_regression(model);
    if (!status) status = check_scaling(context, "target", 'y', targets, count, shift, factor);
    if (status) return status;
    net->target_count = count;
    memcpy(net->target_shift, shift, (size_t)count * sizeof *shift);
    memcpy(net->target_factor, factor, (size_t)count * sizeof *factor);
    return IST_OK;
}

ist_status ist_model_measure_target_normalization(ist_model *model, const ist_dataset *dataset)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    ist_context *context = model->context;
    ist__net *net = &model->net;
    if (!dataset) return ist__refuse(context, IST_E_ARGUMENT, "dataset is NULL");
    ist_status status = check_regression(model);
    if (!status) status = ist__fit_answers(net, dataset, &context->error);
    if (status) return status;
    net->target_count = dataset->target_count;
    ist__dataset_target_moments(dataset, net->target_shift, net->target_factor);
    return IST_OK;
}

ist_status ist_model_copy(ist_model *out, const ist_model *from)
{
    IST__OUR_FLOATS;
    if (!out) return IST_E_ARGUMENT;
    if (!from) return ist__refuse(out->context, IST_E_ARGUMENT, "from is NULL");
    if (from->context != out->context)
        return ist__refuse(out->context, IST_E_ARGUMENT, "the models were made in different contexts");
    if (!ist__shape_same(&out->net.shape, &from->net.shape))
        return ist__refuse(out->context, IST_E_SHAPE, "the models have different shapes");
    ist__net_copy(&out->net, &from->net);
    return IST_OK;
}

ist_status ist_model_save(ist_model *model, const char *path)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    if (!path) return ist__refuse(model->context, IST_E_ARGUMENT, "path is NULL");
    return ist__net_write(&model->net, NULL, path, &model->context->error);
}

ist_status ist_model_save_bytes(ist_model *model, void *buffer, size_t capacity_bytes, size_t *need_bytes)
{
    if (!model) return IST_E_ARGUMENT;
    if (!need_bytes || (!buffer && capacity_bytes > 0))
        return ist__refuse(model->context, IST_E_ARGUMENT, "an argument is NULL");
    ist__net_write_memory(&model->net, NULL, buffer, capacity_bytes, need_bytes);
    return IST_OK;
}

static ist_status load(ist_context *context, ist_model **out, const ist__source *source)
{
    ist__reader *reader = NULL;
    ist__net net;
    ist_model *model = NULL;
    int32_t sections = 0;
    ist_status status = ist__need_crew(context);
    if (!status) status = ist__reader_open_source(&reader, source, &context->error);
    if (!status) status = ist__net_read_open(reader, &net, &sections, &context->error);
    if (!status) status = ist__model_adopt(context, &model, &net);
    if (!status) status = ist__net_read_params(reader, &model->net, &context->error);
    if (!status) status = ist__net_read_run(reader, &model->net, sections, NULL, &context->error);
    ist__reader_close(reader);
    if (status) ist_model_destroy(model);
    else *out = model;
    return status;
}

ist_status ist_model_load(ist_context *context, ist_model **out, const char *path)
{
    IST__OUR_FLOATS;
    if (!context || !out || !path) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    return load(context, out, &(ist__source){.path = path});
}

ist_status ist_model_load_bytes(ist_context *context, ist_model **out, const void *bytes, size_t count)
{
    IST__OUR_FLOATS;
    if (!context || !out || !bytes) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    return load(context, out, &(ist__source){.bytes = bytes, .count = count});
}

/* ------------------------------------------------------------------------------------------------ evaluation -- */

ist_status ist__check_evaluation(ist_model *model, const ist_dataset *dataset, const ist_evaluate_config *config,
                                 ist_evaluate_config *known)
{
    ist_context *context = model->context;
    if (config) {
        const ist_status status =
            ist__take_config(context, known, sizeof *known, config, config->struct_size, sizeof *known);
        if (status) return status;
    }
    ist_status status = ist__bounds_check("ist_evaluate_config", known, &context->error);
    if (!status) status = ist__fit_features(&context->host.engine, &model->net, dataset, &context->error);
    if (status) return status;
    if (known->batch == 0) known->batch = 128;
    return known->statistics == IST_STATISTICS_STORED ? ist__fit_statistics(&model->net, &context->error) : IST_OK;
}

ist_status ist_model_calibrate(ist_model *model, const ist_dataset *dataset, int64_t rows, uint64_t seed)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    ist_context *context = model->context;
    if (!dataset) return ist__refuse(context, IST_E_ARGUMENT, "dataset is NULL");
    if (rows < 1) return ist__refuse(context, IST_E_ARGUMENT, "rows is below 1");
    const ist_evaluate_config batch = {.struct_size = sizeof batch, .statistics = IST_STATISTICS_BATCH};
    ist_evaluate_config known = IST_EVALUATE_CONFIG_INIT;
    const ist_status status =
        ist__check_evaluation(model, dataset, &batch, &known); /* features, and a context that can run */
    if (status) return status;
    return ist__calibrate(&context->host, &model->net, dataset, seed, rows, &context->error);
}

/* Mean over targets; one that does not vary counts as 1 where it is met exactly, else as 0. */
static double determination(int32_t targets, const double *squares, const double *spread)
{
    double sum = 0;
    for (int32_t k = 0; k < targets; k++) sum += spread[k] > 0 ? 1 - squares[k] / spread[k] : squares[k] == 0;
    return sum / targets;
}

static ist_status evaluate_regression(ist_model *model, const ist_dataset *dataset, const ist_evaluate_config *config,
                                      ist__answers *answers, ist_evaluation *out)
{
    const int32_t targets = dataset->target_count;
    ist_context *context = model->context;
    double *sums = ist__alloc(3 * (int64_t)targets, sizeof *sums);
    if (!sums) return ist__fail(&context->error, IST_E_MEMORY, "no memory for the errors of %d targets", targets);
    double *spread = sums + 2 * targets;
    answers->squares = sums;
    answers->sizes = sums + targets;
    const ist_status status = ist__evaluate(&context->host, &model->net, dataset, config, answers, &context->error);
    if (!status) {
        double squares = 0, sizes = 0;
        for (int32_t k = 0; k < targets; k++) squares += answers->squares[k];
        for (int32_t k = 0; k < targets; k++) sizes += answers->sizes[k];
        ist__dataset_target_squares(dataset, spread);
        out->rmse = sqrt(squares / (double)dataset->rows / targets);
        out->mae = sizes / (double)dataset->rows / targets;
        out->r2 = determination(targets, answers->squares, spread);
    }
    ist__free(sums);
    return status;
}

static ist_status evaluate_classes(ist_model *model, const ist_dataset *dataset, const ist_evaluate_config *config,
                                   ist__answers *answers, ist_evaluation *out)
{
    ist_context *context = model->context;
    int32_t *best = ist__alloc(dataset->rows, sizeof *best);
    if (!best)
        return ist__fail(&context->error, IST_E_MEMORY, "no memory for the answers to %lld rows",
                         (long long)dataset->rows);
    answers->top_count = 1;
    if (ist__ranks(&model->net, dataset)) answers->top = best;
    else answers->best = best;
    const ist_status status = ist__evaluate(&context->host, &model->net, dataset, config, answers, &context->error);
    if (!status) out->correct = ist__count_right(dataset, best);
    out->accuracy = (double)out->correct / (double)dataset->rows;
    ist__free(best);
    return status;
}

ist_status ist_model_evaluate(ist_model *model, const ist_dataset *dataset, const ist_evaluate_config *config,
                              ist_evaluation *out)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    ist_context *context = model->context;
    if (!dataset || !out) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    if (out->struct_size < sizeof *out)
        return ist__refuse(context, IST_E_ARGUMENT, "struct_size of the evaluation is not set");
    ist_evaluate_config known = IST_EVALUATE_CONFIG_INIT;
    ist_status status = ist__check_evaluation(model, dataset, config, &known);
    if (!status) status = ist__fit_answers(&model->net, dataset, &context->error);
    if (status) return status;
    const double began = ist__seconds();
    ist__answers answers = {.loss = ist__alloc(dataset->rows, sizeof(float))};
    if (!answers.loss)
        return ist__fail(&context->error, IST_E_MEMORY, "no memory for the answers to %lld rows",
                         (long long)dataset->rows);
    ist_evaluation found = {.struct_size = out->struct_size, .rows = dataset->rows};
    if (ist__shape_regresses(&model->net.shape)) status = evaluate_regression(model, dataset, &known, &answers, &found);
    else status = evaluate_classes(model, dataset, &known, &answers, &found);
    if (!status) {
        found.loss = ist__sum(dataset->rows, answers.loss) / (double)dataset->rows;
        found.seconds = ist__seconds() - began;
        found.flops = ist__evaluate_flops(&model->net, dataset);
        *out = found;
    }
    ist__free(answers.loss);
    return status;
}

ist_status ist_model_predict(ist_model *model, const ist_dataset *dataset, const ist_evaluate_config *config,
                             float *out)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    if (!dataset || !out) return ist__refuse(model->context, IST_E_ARGUMENT, "an argument is NULL");
    ist_evaluate_config known = IST_EVALUATE_CONFIG_INIT;
    const ist_status status = ist__check_evaluation(model, dataset, config, &known);
    if (status) return status;
    const ist__answers answers = {.probabilities = out};
    return ist__evaluate(&model->context->host, &model->net, dataset, &known, &answers, &model->context->error);
}
