/* tell.c - lines for the caller's log about what the system withholds.
 *
 * Why a line at all, when the report has it: a run in a container that refuses to bind anything is slow for a reason that
 * nobody looks up.  Once a context and not once a call: a host that trains a thousand nets reads it once.
 */
#include "api/tell.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "numa/capacity.h"
#include "numa/cpu_limits.h"
#include "numa/errno_name.h"

void ist__tell_limits(ist_context *context)
{
    const ist__machine *machine = context->host.machine;
    const ist__cpu_limits limits = ist__cpu_limits_read(machine, "");
    const int threads = context->plan.thread_count;
    if (limits.variable)
        ist__log_line(&context->log, IST_LOG_INFO, "%s=%s leaves us %d of %d processing units", limits.variable,
                      limits.value, (int)machine->pus_allowed, (int)machine->pus);
    if (limits.quota > 0 && threads > limits.quota)
        ist__log_line(&context->log, IST_LOG_WARNING,
                      "the control group has a quota of %.3g processor%s, the plan %d threads: they will wait for each "
                      "other; fewer threads a team or fewer teams fit",
                      limits.quota, limits.quota == 1 ? "" : "s", threads);
}

/* Whether the system tells where pages are; counted with the refusals. */
static void probe(ist_context *context, const ist__region *region)
{
    const ist__machine *machine = context->host.machine;
    int64_t *by_node = ist__alloc((int64_t)machine->node_count + 1, sizeof *by_node);
    if (!by_node || !region->base || context->refusals.where) {
        ist__free(by_node);
        return;
    }
    const int refusal = ist__pages_where(machine, region->base, 1, by_node);
    if (refusal) {
        context->refusals.where = 1;
        context->refusals.where_errno = refusal;
    }
    ist__free(by_node);
}

/* Append ", WHAT (ERRNO)" unless it was told before. */
static void add(ist_context *context, char *line, size_t capacity, unsigned bit, bool refused, const char *what,
                int32_t number)
{
    const size_t length = strlen(line);
    if (!refused || context->told & bit) return;
    context->told |= bit;
    snprintf(line + length, capacity - length, "%s%s (%s)", length ? ", " : "", what, ist__errno_name(number));
}

void ist__tell_refusals(ist_context *context, const ist__region *region)
{
    const ist__crew_state crew = ist__crew_last(context->host.crew);
    const ist__refusals *r = &context->refusals;
    const bool several = context->host.machine->node_count > 1; /* where there is one node, all pages are on it */
    char line[256] = "";
    probe(context, region);
    add(context, line, sizeof line, 1, crew.bind_refused > 0, "binding of threads", crew.bind_errno);
    add(context, line, sizeof line, 2, several && r->bind_memory > 0, "placing of memory", r->bind_memory_errno);
    add(context, line, sizeof line, 4, r->huge_pages > 0, "huge pages", r->huge_pages_errno);
    add(context, line, sizeof line, 8, several && r->where > 0, "telling where pages are", r->where_errno);
    const int32_t policy = context->host.machine->policy_errno;
    add(context, line, sizeof line, 16, several && policy != 0, "telling of numactl's policy", policy);
    if (*line)
        ist__log_line(&context->log, IST_LOG_WARNING,
                      "the system refuses: %s; the run goes on without, results are the same", line);
}

json_t *ist__report_memory(const ist_context *context)
{
    ist__capacity capacity;
    if (ist__capacity_read(&capacity, context->host.machine, "", NULL)) return NULL;
    json_t *report = ist__capacity_report(&capacity);
    ist__capacity_free(&capacity);
    return report;
}

json_t *ist__report_limits(const ist_context *context)
{
    const ist__cpu_limits limits = ist__cpu_limits_read(context->host.machine, "");
    return ist__cpu_limits_report(&limits);
}
