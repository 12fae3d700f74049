/* report.c - machine, plan, and asked against got, as JSON.
 *
 * Why a file of its own: what is told must be what was found.  Nothing is decided here, and nothing here is kept.
 * Each function builds the whole object or returns NULL: jansson's "o" takes over a reference even when packing fails.
 */
#include "numa/report.h"

#include "base/mem.h"
#include "numa/errno_name.h"

/* Append, or drop the whole array: NULL means out of memory from here on. */
static json_t *append(json_t *array, json_t *item)
{
    if (array && json_array_append_new(array, item) == 0) return array;
    if (!array) json_decref(item);
    json_decref(array);
    return NULL;
}

/* null when nothing was refused. */
static json_t *errno_json(int32_t number)
{
    return number ? json_string(ist__errno_name(number)) : json_null();
}

static json_t *nodes_json(const ist__machine *machine)
{
    json_t *nodes = json_array();
    for (int32_t i = 0; nodes && i < machine->node_count; i++)
        nodes =
            append(nodes, json_pack("{s:i, s:i, s:I, s:i}", "node", (int)i, "os_index", (int)machine->nodes[i].os_index,
                                    "memory_bytes", (json_int_t)machine->nodes[i].memory_bytes, "cores",
                                    (int)machine->nodes[i].cores));
    return nodes;
}

json_t *ist__report_machine(const ist__machine *machine)
{
    return json_pack("{s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:b, s:o}", "source", machine->source, "this_system",
                     (int)machine->this_system, "pus", (int)machine->pus, "pus_allowed", (int)machine->pus_allowed,
                     "cores", (int)machine->core_count, "packages", (int)machine->package_count, "l3s",
                     (int)machine->l3_count, "omp_places", (int)machine->omp_places, "nodes", nodes_json(machine));
}

static json_t *planned_pus(const ist__machine *machine, const ist__team_plan *team)
{
    json_t *pus = json_array();
    for (int32_t r = 0; pus && r < team->threads; r++)
        pus = append(pus, json_integer(machine->cores[team->core[r]].pu));
    return pus;
}

static json_t *bound_pus(const int32_t *bound, int32_t threads)
{
    json_t *pus = json_array();
    for (int32_t r = 0; pus && r < threads; r++) pus = append(pus, json_integer(bound[r]));
    return pus;
}

/* bound: what this team's threads got, NULL: not known. */
static json_t *team_json(const ist__machine *machine, const ist__plan *plan, int32_t index, const int32_t *bound)
{
    const ist__team_plan *team = &plan->teams[index];
    json_t *json = json_pack("{s:i, s:i, s:i, s:i, s:o}", "team", (int)index, "node", (int)team->node, "node_os_index",
                             (int)machine->nodes[team->node].os_index, "threads", (int)team->threads, "pus",
                             planned_pus(machine, team));
    if (!json || !bound) return json;
    if (json_object_set_new(json, "bound", bound_pus(bound, team->threads)) == 0) return json;
    json_decref(json);
    return NULL;
}

json_t *ist__report_plan(const ist__machine *machine, const ist__plan *plan, const ist__crew *crew)
{
    static const char *const names[] = {"numa", "l3", "package", "core", "machine"}; /* IST_AT_* */
    const int32_t *bound = crew ? ist__crew_last(crew).bound_pu : NULL;
    json_t *teams = json_array();
    int32_t thread = 0;
    for (int32_t t = 0; teams && t < plan->team_count; t++) {
        teams = append(teams, team_json(machine, plan, t, bound ? bound + thread : NULL));
        thread += plan->teams[t].threads;
    }
    return json_pack("{s:s, s:i, s:b, s:i, s:o}", "team_at", names[plan->team_at], "places", (int)plan->places,
                     "oversubscribed", (int)plan->oversubscribed, "threads", (int)plan->thread_count, "teams", teams);
}

json_t *ist__report_system(int32_t placement, const ist__crew *crew, const ist__refusals *refusals)
{
    static const char *const names[] = {"none", "try", "strict"}; /* IST_PLACE_* */
    const ist__crew_state state = crew ? ist__crew_last(crew) : (ist__crew_state){0};
    const ist__refusals no_refusals = {0}, *r = refusals ? refusals : &no_refusals;
    const ist__page_settings settings = ist__pages_settings();
    return json_pack("{s:s, s:i, s:o, s:i, s:o, s:i, s:s, s:s}", "placement", names[placement], "bind_refused",
                     (int)state.bind_refused, "bind_error", errno_json(state.bind_errno), "memory_refused",
                     (int)r->bind_memory, "memory_error", errno_json(r->bind_memory_errno), "huge_pages_refused",
                     (int)r->huge_pages, "huge_pages", settings.huge_pages, "numa_balancing", settings.numa_balancing);
}

json_t *ist__report_pages(const ist__machine *machine, const void *base, size_t bytes, int32_t node)
{
    int64_t *by_node = ist__alloc((int64_t)machine->node_count + 1, sizeof *by_node);
    if (!by_node) return NULL;
    ist__pages_where(machine, base, bytes, by_node); /* a refusal makes all bytes unknown, which says it */
    json_t *list = json_array();
    for (int32_t i = 0; list && i < machine->node_count; i++) list = append(list, json_integer(by_node[i]));
    const int64_t local = node >= 0 && node < machine->node_count ? by_node[node] : 0;
    json_t *json = json_pack("{s:I, s:I, s:o, s:I}", "bytes", (json_int_t)bytes, "local_bytes", (json_int_t)local,
                             "by_node", list, "unknown_bytes", (json_int_t)by_node[machine->node_count]);
    ist__free(by_node);
    return json;
}
