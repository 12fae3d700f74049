/* predictor.c - public functions of predictors. */
#include "api/handles.h"
#include "base/bounds.h"
#include "base/floats.h"
#include "base/mem.h"
#include "train/fit.h"
#include "train/predictor.h"

struct ist_predictor {
    ist_context *context; /* borrowed */
    ist__predictor *predictor;
};

ist_status ist_predictor_create(ist_model *model, ist_predictor **out, const ist_predictor_config *config)
{
    IST__OUR_FLOATS;
    if (!model) return IST_E_ARGUMENT;
    ist_context *context = model->context;
    if (!out) return ist__refuse(context, IST_E_ARGUMENT, "out is NULL");
    ist_predictor_config known = IST_PREDICTOR_CONFIG_INIT;
    ist_status status = IST_OK;
    if (config) status = ist__take_config(context, &known, sizeof known, config, config->struct_size, sizeof known);
    if (!status) status = ist__bounds_check("ist_predictor_config", &known, &context->error);
    if (!status) status = ist__fit_statistics(&model->net, &context->error);
    if (status) return status;
    ist_predictor *made = ist__alloc(1, sizeof *made);
    if (!made) return ist__refuse(context, IST_E_MEMORY, "no memory for a predictor");
    made->context = context;
    status = ist__predictor_create(&made->predictor, &context->host, &model->net, known.answer, known.rows_at_once,
                                   &context->error);
    if (status) ist__free(made);
    else *out = made;
    return status;
}

void ist_predictor_destroy(ist_predictor *predictor)
{
    if (!predictor) return;
    ist__predictor_destroy(predictor->predictor);
    ist__free(predictor);
}

static ist_status check(const ist_predictor *predictor, const ist__question *q, ist__error *error)
{
    if (!q->x || !q->answers) return ist__fail(error, IST_E_ARGUMENT, "x or out is NULL");
    const size_t item = ist__type_bytes(q->type);
    if (q->type != IST_UINT8 && q->type != IST_FLOAT32 && q->type != IST_FLOAT64)
        return ist__fail(error, IST_E_ARGUMENT, "type is %d, expected IST_UINT8, IST_FLOAT32 or IST_FLOAT64", q->type);
    const int64_t row_bytes = (int64_t)item * ist__predictor_features(predictor->predictor);
    if (q->rows < 1) return ist__fail(error, IST_E_ARGUMENT, "rows is %lld, expected 1 or more", (long long)q->rows);
    if (q->row_stride_bytes < row_bytes || q->row_stride_bytes % (int64_t)item != 0)
        return ist__fail(error, IST_E_ARGUMENT, "row_stride_bytes is %lld, expected a multiple of %d from %lld on",
                         (long long)q->row_stride_bytes, (int)item, (long long)row_bytes);
    return IST_OK;
}

ist_status ist_predictor_run(const ist_predictor *predictor, const void *x, int32_t type, int64_t rows,
                             int64_t row_stride_bytes, float *out)
{
    IST__OUR_FLOATS;
    if (!predictor) return IST_E_ARGUMENT;
    const ist__question question = {x, type, rows, row_stride_bytes, out};
    const ist_status status = check(predictor, &question, NULL);
    return status ? status : ist__predictor_alone(predictor->predictor, &question);
}

ist_status ist_predictor_run_teams(ist_predictor *predictor, const void *x, int32_t type, int64_t rows,
                                   int64_t row_stride_bytes, float *out)
{
    IST__OUR_FLOATS;
    if (!predictor) return IST_E_ARGUMENT;
    ist__error *error = &predictor->context->error;
    const ist__question question = {x, type, rows, row_stride_bytes, out};
    const ist_status status = check(predictor, &question, error);
    return status ? status : ist__predictor_together(predictor->predictor, &question, error);
}
