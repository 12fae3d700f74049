/* context.c - scan, plan, crew: everything that is about the machine and not about a net. */
#include <string.h>

#include "api/tell.h"
#include "base/bounds.h"
#include "base/floats.h"
#include "base/json.h"
#include "base/mem.h"
#include "math/gemm.h"
#include "numa/report.h"
#include "train/predict.h"
#include "train/settle.h"
#include "train/stripes.h"

/* Of ist_context_config in its first form, which callers may still have. */
enum { FIRST_CONFIG_BYTES = offsetof(ist_context_config, part) };

#define MOST_ROWS 4294967294 /* of a dataset that can be opened or wrapped */

int32_t ist_version(void)
{
    return IST_VERSION_NUMBER;
}

ist_status ist__refuse(ist_context *context, ist_status status, const char *text)
{
    return ist__fail(context ? &context->error : NULL, status, "%s", text);
}

ist_status ist__take_config(ist_context *context, void *config, size_t bytes, const void *from, size_t from_bytes,
                            size_t least)
{
    if (from_bytes < least)
        return ist__fail(context ? &context->error : NULL, IST_E_ARGUMENT,
                         "struct_size is %zu, expected at least %zu: start from the INIT macro", from_bytes, least);
    memcpy(config, from, from_bytes < bytes ? from_bytes : bytes);
    return IST_OK;
}

ist_status ist__give_json(ist_context *context, json_t *json, char *buffer, size_t capacity_bytes, size_t *need_bytes)
{
    char *text = !ist__json_lost() && json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (!text) return ist__refuse(context, IST_E_MEMORY, "no memory for a report");
    const size_t need = strlen(text) + 1;
    if (need_bytes) *need_bytes = need;
    if (need <= capacity_bytes) memcpy(buffer, text, need);
    json_malloc_t take;
    json_free_t give; /* the host may have told jansson to use its own allocator */
    json_get_alloc_funcs(&take, &give);
    give(text);
    return IST_OK;
}

static ist_status build(ist_context *context, const ist_context_config *config)
{
    ist__error *error = &context->error;
    ist__host *host = &context->host;
    ist_status status = ist__bounds_check("ist_context_config", config, error);
    if (!status) status = ist__topology_load(&context->topology, config->topology, error);
    if (!status) status = ist__topology_take_part(context->topology, config->part, config->parts, error);
    if (status) return status;
    host->topology = context->topology;
    host->machine = ist__topology_machine(context->topology);
    host->plan = &context->plan;
    host->placement = config->placement;
    host->refusals = &context->refusals;
    host->log = &context->log;
    status =
        ist__plan_make(&context->plan, host->machine, config->team_at, config->teams, config->threads_per_team, error);
    if (status) return status;
    /* A machine made from a text plans for the engine of this one, which only one thread asks. */
    const bool runs = host->machine->this_system;
    status = ist__engine_choose(config->engine, runs ? context->plan.thread_count : 1, &host->engine, error);
    if (status || !runs) return status;
    return ist__crew_create(&host->crew, host->topology, host->plan, host->placement, error);
}

ist_status ist_context_create(ist_context **out, const ist_context_config *config)
{
    IST__OUR_FLOATS;
    ist_context_config known = IST_CONTEXT_CONFIG_INIT;
    if (!out) return IST_E_ARGUMENT;
    if (config) {
        const ist_status status =
            ist__take_config(NULL, &known, sizeof known, config, config->struct_size, FIRST_CONFIG_BYTES);
        if (status) return status;
    }
    ist_context *context = ist__alloc(1, sizeof *context);
    if (!context) return IST_E_MEMORY;
    context->log = (ist__logger){known.log, known.log_user};
    const ist_status status = build(context, &known);
    if (status) {
        ist__log_line(&context->log, IST_LOG_ERROR, "%s", context->error.text);
        ist_context_destroy(context);
        return status;
    }
    ist__tell_limits(context);
    *out = context;
    return IST_OK;
}

void ist_context_destroy(ist_context *context)
{
    if (!context) return;
    ist__crew_destroy(context->host.crew);
    ist__trace_destroy(context->trace);
    ist__plan_free(&context->plan);
    ist__topology_destroy(context->topology);
    ist__free(context);
}

const char *ist_context_error(const ist_context *context)
{
    return context ? context->error.text : "";
}

static json_t *report_blas(const ist__host *host)
{
    const ist__blas_info info = ist__blas_describe();
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "engine", ist__engine_name(&host->engine), "kernels",
                     host->engine.kernels->name, "config", info.config ? info.config : "", "core_type",
                     info.core_type ? info.core_type : "", "parallel", info.parallel, "max_threads", info.max_threads);
}

ist_status ist_context_report(ist_context *context, char *buffer, size_t capacity_bytes, size_t *need_bytes)
{
    IST__OUR_FLOATS;
    if (!context || (!buffer && capacity_bytes > 0)) return ist__refuse(context, IST_E_ARGUMENT, "buffer is NULL");
    const ist__host *host = &context->host;
    json_t *report =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "version", IST_VERSION_STRING, "machine",
                  ist__report_machine(host->machine), "plan", ist__report_plan(host->machine, host->plan, host->crew),
                  "system", ist__report_system(host->placement, host->crew, host->refusals), "memory",
                  ist__report_memory(context), "limits", ist__report_limits(context), "blas", report_blas(host));
    return ist__give_json(context, report, buffer, capacity_bytes, need_bytes);
}

/* A training that need not exist, by what the caller says of it: its configuration resolved, and the plan that it would
 * have, which the caller frees. */
typedef struct imagined {
    ist_train_config run;
    ist__shape shape;
    ist__plan settled;
    ist__host host; /* with that plan: do not copy */
    ist__extent data;
} imagined;

static ist_status imagine(ist_context *context, const ist_model_config *model, const ist_train_config *train,
                          const ist__extent *data, imagined *out)
{
    const int64_t dataset_rows = data->rows;
    const int32_t dataset_type = data->type;
    if (dataset_rows < 0 || dataset_rows > MOST_ROWS || !ist__type_bytes(dataset_type))
        return ist__fail(&context->error, IST_E_ARGUMENT,
                         "dataset_rows is %lld, expected 0 .. %lld, or dataset_type is unknown",
                         (long long)dataset_rows, (long long)MOST_ROWS);
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    ist_train_config *run = &out->run;
    *run = (ist_train_config)IST_TRAIN_CONFIG_INIT;
    ist_status status = ist__take_config(context, &net, sizeof net, model, model->struct_size, sizeof net);
    if (!status) status = ist__take_config(context, run, sizeof *run, train, train->struct_size, sizeof *run);
    if (!status) status = ist__train_config_check(run, &context->error);
    if (!status) status = ist__shape_make(&out->shape, &net, &context->error);
    if (!status) status = ist__bound_check("ist_model_config.subnets", net.subnets, &context->error);
    if (!status) status = ist__bound_check("ist_model_config.output_scale", net.output_scale, &context->error);
    if (status) return status;
    if (run->subnets == 0) run->subnets = net.subnets;
    out->host = context->host;
    out->data = *data;
    status = ist__settle(&out->settled, &out->host, &out->shape, run, &out->data, &context->error);
    out->host.plan = &out->settled;
    return status;
}

static ist_status report_plan(ist_context *context, const ist_model_config *model, const ist_train_config *train,
                              const ist__extent *data, char *buffer, size_t capacity_bytes, size_t *need_bytes)
{
    imagined it;
    const ist_status status = imagine(context, model, train, data, &it);
    if (status) return status;
    context->error.status = IST_OK;
    json_t *plan = ist__training_plan(&it.host, &it.shape, &it.run, &it.data, &context->error);
    ist__plan_free(&it.settled);
    if (!plan && context->error.status) return context->error.status;
    return ist__give_json(context, plan, buffer, capacity_bytes, need_bytes);
}

ist_status ist_plan_report(ist_context *context, const ist_model_config *model, const ist_train_config *train,
                           int64_t dataset_rows, int32_t dataset_type, char *buffer, size_t capacity_bytes,
                           size_t *need_bytes)
{
    IST__OUR_FLOATS;
    if (!context || !model || !train || (!buffer && capacity_bytes > 0))
        return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    const ist__extent data = {.rows = dataset_rows, .type = dataset_type};
    return report_plan(context, model, train, &data, buffer, capacity_bytes, need_bytes);
}

enum { ENTRIES_MOST_BITS = 44 }; /* of sparse rows that are only told of: their bytes can be summed up */

/* Of `all`, four times what so many rows have on the mean. */
static int64_t in_a_batch(int64_t all, int64_t rows, int64_t batch)
{
    const double most = (double)((int64_t)1 << ENTRIES_MOST_BITS);
    const double mean = rows > 0 && batch > 0 ? (double)all / (double)rows * (double)batch : 0;
    return (int64_t)(4 * mean < most ? 4 * mean : most) + 1;
}

static ist_status take_rows(ist_context *context, const ist_sparse_rows *rows, int64_t batch, ist__extent *out)
{
    ist_sparse_rows r = IST_SPARSE_ROWS_INIT;
    const ist_status status = ist__take_config(context, &r, sizeof r, rows, rows->struct_size, sizeof r);
    const int64_t most = (int64_t)1 << ENTRIES_MOST_BITS;
    if (status) return status;
    if (r.values < 0 || r.values > most || r.labels < 0 || r.labels > most || r.batch_values < 0 ||
        r.batch_values > most || r.batch_labels < 0 || r.batch_labels > most)
        return ist__refuse(context, IST_E_ARGUMENT, "a number of values or labels is negative or beyond 2^44");
    *out = (ist__extent){.rows = r.rows,
                         .type = IST_FLOAT32,
                         .sparse = true,
                         .lists = r.labels != r.rows,
                         .nonzeros = r.values,
                         .label_entries = r.labels,
                         .batch_nonzeros = r.batch_values > 0 ? r.batch_values : in_a_batch(r.values, r.rows, batch),
                         .batch_labels = r.batch_labels > 0 ? r.batch_labels : in_a_batch(r.labels, r.rows, batch)};
    return IST_OK;
}

ist_status ist_plan_sparse(ist_context *context, const ist_model_config *model, const ist_train_config *train,
                           const ist_sparse_rows *rows, char *buffer, size_t capacity_bytes, size_t *need_bytes)
{
    IST__OUR_FLOATS;
    if (!context || !model || !train || !rows || (!buffer && capacity_bytes > 0))
        return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    if (train->struct_size < sizeof *train) /* before its batch is read */
        return ist__fail(&context->error, IST_E_ARGUMENT, "struct_size is %zu, expected at least %zu",
                         train->struct_size, sizeof *train);
    ist__extent data;
    const ist_status status = take_rows(context, rows, train->batch, &data);
    return status ? status : report_plan(context, model, train, &data, buffer, capacity_bytes, need_bytes);
}

ist_status ist_plan_predict(ist_context *context, const ist_model_config *model, const ist_train_config *train,
                            int64_t dataset_rows, int32_t dataset_type, const ist_rates *rates, ist_prediction *out)
{
    IST__OUR_FLOATS;
    if (!context || !model || !train || !rates || !out)
        return ist__refuse(context, IST_E_ARGUMENT, "an argument is NULL");
    ist__error *error = &context->error;
    if (out->struct_size < sizeof *out)
        return ist__fail(error, IST_E_ARGUMENT, "struct_size is %zu, expected at least %zu", out->struct_size,
                         sizeof *out);
    ist_rates known = IST_RATES_INIT;
    ist_status status = ist__take_config(context, &known, sizeof known, rates, rates->struct_size, sizeof known);
    if (!status) status = ist__rates_check(&known, error);
    imagined it;
    const ist__extent data = {.rows = dataset_rows, .type = dataset_type};
    if (!status) status = imagine(context, model, train, &data, &it);
    if (status) return status;
    ist_prediction found = {.struct_size = out->struct_size};
    status = ist__predict(&it.host, &it.shape, &it.run, &known, &found, error);
    ist__plan_free(&it.settled);
    if (!status) *out = found;
    return status;
}
