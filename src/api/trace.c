/* trace.c - public functions of timelines. */
#include "api/handles.h"
#include "base/bounds.h"
#include "base/floats.h"

ist_status ist_trace_start(ist_context *context, const ist_trace_config *config)
{
    IST__OUR_FLOATS;
    if (!context) return IST_E_ARGUMENT;
    ist_trace_config known = IST_TRACE_CONFIG_INIT;
    if (config) {
        const ist_status status =
            ist__take_config(context, &known, sizeof known, config, config->struct_size, sizeof known);
        if (status) return status;
    }
    if (ist__bounds_check("ist_trace_config", &known, &context->error)) return IST_E_ARGUMENT;
    if (known.first_round < 0 || known.last_round < known.first_round)
        return ist__fail(&context->error, IST_E_ARGUMENT,
                         "first_round is %lld and last_round %lld, expected 0 <= first_round <= last_round",
                         (long long)known.first_round, (long long)known.last_round);
    const ist__host *host = &context->host;
    if (!host->crew)
        return ist__refuse(context, IST_E_PLACEMENT, "a context made from a topology text has no threads to trace");
    ist__trace *trace;
    const ist_status status =
        ist__trace_create(&trace, host->topology, host->plan, known.events_per_thread, known.first_round,
                          known.last_round, host->placement, host->refusals, &context->error);
    if (status) return status;
    ist_trace_stop(context);
    context->trace = trace;
    ist__crew_trace(host->crew, trace);
    return IST_OK;
}

ist_status ist_trace_write(ist_context *context, const char *path, int64_t *dropped)
{
    IST__OUR_FLOATS;
    if (!context) return IST_E_ARGUMENT;
    if (!path) return ist__refuse(context, IST_E_ARGUMENT, "path is NULL");
    if (!context->trace) return ist__refuse(context, IST_E_ARGUMENT, "no timeline was started");
    return ist__trace_write(context->trace, path, dropped, &context->error);
}

void ist_trace_stop(ist_context *context)
{
    if (!context || !context->trace) return;
    ist__crew_trace(context->host.crew, NULL);
    ist__trace_destroy(context->trace);
    context->trace = NULL;
}
