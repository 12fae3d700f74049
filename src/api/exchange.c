/* exchange.c - public functions that hand models to other programs, take them back, and take one subnet out. */
#include <math.h>
#include <string.h>

#include "api/handles.h"
#include "base/bounds.h"
#include "base/floats.h"
#include "model/narrow.h"
#include "train/export.h"
#include "train/import.h"

ist_status ist_model_export(ist_model *model, const char *path, const ist_export_config *config)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    ist_context *context = model->context;
    if (!path) return ist__refuse(context, IST_E_ARGUMENT, "path is NULL");
    ist_export_config known = IST_EXPORT_CONFIG_INIT;
    if (config) {
        const ist_status status =
            ist__take_config(context, &known, sizeof known, config, config->struct_size, sizeof known);
        if (status) return status;
    }
    if (ist__bounds_check("ist_export_config", &known, &context->error)) return IST_E_ARGUMENT;
    const int32_t format = known.format == IST_FILE_AUTO ? ist__export_format(path) : known.format;
    if (format == IST_FILE_AUTO) {
        char shown[IST__SHOWN_PATH_BYTES];
        ist__show_path(shown, path);
        return ist__fail(&context->error, IST_E_ARGUMENT,
                         "%s: its name does not say which format: expected .safetensors, .npz or .onnx", shown);
    }
    return ist__net_export(&model->net, format, known.fold != 0, known.answer, path, &context->error);
}

ist_status ist_model_import(ist_context *context, ist_model **out, const char *path)
{
    IST__OUR_FLOATS;
    if (!context || !out || !path) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    ist__import import;
    ist__net net;
    ist_model *model = NULL;
    ist_status status = ist__need_crew(context);
    if (!status) status = ist__import_open(&import, path, &net, &context->error);
    if (status) return status;
    status = ist__model_adopt(context, &model, &net);
    if (!status) status = ist__import_params(&import, &model->net, &context->error);
    ist__import_close(&import);
    if (status) ist_model_destroy(model);
    else *out = model;
    return status;
}

static ist_status check_subnet(const ist_model *from, const ist_subnet_config *c)
{
    ist__error *error = &from->context->error;
    if (c->subnets < 1) return ist__fail(error, IST_E_ARGUMENT, "subnets is %d, expected 1 or more", c->subnets);
    if (c->subnet < 0 || c->subnet >= c->subnets)
        return ist__fail(error, IST_E_ARGUMENT, "subnet is %d, expected 0 .. %d", c->subnet, c->subnets - 1);
    if (c->round < 0 || c->round > INT32_MAX)
        return ist__fail(error, IST_E_ARGUMENT, "round is %lld, expected 0 .. %d", (long long)c->round, INT32_MAX);
    for (int32_t s = 0; c->shares && s < c->subnets; s++)
        if (!isfinite(c->shares[s]) || c->shares[s] <= 0)
            return ist__fail(error, IST_E_ARGUMENT, "share of subnet %d is %g, expected a number above 0", s,
                             c->shares[s]);
    return IST_OK;
}

ist_status ist_model_subnet(ist_model *from, ist_model **out, const ist_subnet_config *config)
{
    IST__OUR_FLOATS;
    if (!from) return IST_E_ARGUMENT;
    ist_context *context = from->context;
    if (!out || !config) return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    ist_subnet_config known = IST_SUBNET_CONFIG_INIT;
    ist_status status = ist__take_config(context, &known, sizeof known, config, config->struct_size, sizeof known);
    if (status) return status;
    if (known.subnets == 0) known.subnets = from->net.subnets;
    status = check_subnet(from, &known);
    ist__deal deal;
    if (!status) status = ist__deal_create(&deal, &from->net.shape, known.subnets, &context->error);
    if (status) return status;
    ist__deal_seat(&deal, known.shares);
    ist__deal_round(&deal, known.seed, known.round);
    ist__net net;
    ist_model *model = NULL;
    status = ist__narrow_open(&net, &from->net, &deal, known.subnet, &context->error);
    if (!status) status = ist__model_adopt(context, &model, &net);
    if (!status) ist__narrow_fill(&model->net, &from->net, &deal, known.subnet);
    ist__deal_destroy(&deal);
    if (!status) *out = model;
    return status;
}
