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

/* null for a number that is not known or not there. */
static json_t *number_or_null(bool known, int64_t number)
{
    return known ? json_integer((json_int_t)number) : json_null();
}

/* [first, last], or null where the system tells no packages. */
static json_t *packages_json(const int32_t *packages)
{
    return packages[0] < 0 ? json_null() : json_pack("[i, i]", (int)packages[0], (int)packages[1]);
}

/* Where a thread would be bound on each core of ours that is at home here. */
static json_t *core_pus(const ist__machine *machine, int32_t node)
{
    json_t *pus = json_array();
    for (int32_t c = 0; pus && c < machine->core_count; c++)
        if (machine->cores[c].node == node) pus = append(pus, json_integer(machine->cores[c].pu));
    return pus;
}

static json_t *node_json(const ist__machine *machine, int32_t index)
{
    const ist__node *n = &machine->nodes[index];
    return json_pack(
        "{s:i, s:i, s:I, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "node", (int)index, "os_index", (int)n->os_index,
        "memory_bytes", (json_int_t)n->memory_bytes, "cores", (int)n->cores, "cores_allowed", (int)n->cores_allowed,
        "cores_all", (int)n->cores_all, "pus", core_pus(machine, index), "packages", packages_json(n->packages), "kind",
        *n->kind ? json_string(n->kind) : json_null(), "bandwidth_mibs",
        number_or_null(n->bandwidth_mibs > 0, n->bandwidth_mibs), "next", number_or_null(n->next >= 0, n->next));
}

static json_t *nodes_json(const ist__machine *machine)
{
    json_t *nodes = json_array();
    for (int32_t i = 0; nodes && i < machine->node_count; i++) nodes = append(nodes, node_json(machine, i));
    return nodes;
}

static json_t *closed_json(const ist__machine *machine)
{
    json_t *nodes = json_array();
    for (int32_t i = 0; nodes && i < machine->closed_count; i++) {
        const ist__closed_node *n = &machine->closed[i];
        nodes = append(nodes, json_pack("{s:i, s:I, s:o}", "os_index", (int)n->os_index, "memory_bytes",
                                        (json_int_t)n->memory_bytes, "packages", packages_json(n->packages)));
    }
    return nodes;
}

json_t *ist__report_machine(const ist__machine *machine)
{
    return json_pack("{s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:o, s:o}", "source", machine->source,
                     "this_system", (int)machine->this_system, "pus", (int)machine->pus, "pus_allowed",
                     (int)machine->pus_allowed, "cores", (int)machine->core_count, "cores_allowed",
                     (int)machine->cores_allowed, "part", (int)machine->part, "parts", (int)machine->parts, "packages",
                     (int)machine->package_count, "l3s", (int)machine->l3_count, "omp_places", (int)machine->omp_places,
                     "nodes", nodes_json(machine), "closed", closed_json(machine));
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

/* The homes of the cores of a team, each once: more than one where a team stands on several nodes. */
static json_t *team_nodes(const ist__machine *machine, const ist__team_plan *team)
{
    json_t *nodes = json_array();
    bool *seen = ist__alloc(machine->node_count, sizeof *seen);
    for (int32_t r = 0; seen && r < team->threads; r++) seen[machine->cores[team->core[r]].node] = true;
    for (int32_t n = 0; seen && nodes && n < machine->node_count; n++)
        if (seen[n]) nodes = append(nodes, json_integer(n));
    if (!seen) {
        json_decref(nodes);
        nodes = NULL;
    }
    ist__free(seen);
    return nodes;
}

/* Threads of a team whose cores have no local memory. */
static int far_threads(const ist__machine *machine, const ist__team_plan *team)
{
    int far = 0;
    for (int32_t r = 0; r < team->threads; r++) far += machine->cores[team->core[r]].why == IST__HOME_NEAREST;
    return far;
}

static const char *why_there(const ist__machine *machine, const ist__team_plan *team)
{
    static const char *const why[] = {"local", "bandwidth", "nearest"}; /* IST__HOME_* */
    return team->node == team->home ? why[machine->cores[team->core[0]].why] : "room";
}

json_t *ist__report_homes(const ist__machine *machine, const ist__plan *plan)
{
    json_t *homes = json_array();
    for (int32_t t = 0; homes && t < plan->team_count; t++)
        homes = append(homes, json_pack("{s:i, s:i, s:i, s:s}", "team", (int)t, "node", (int)plan->teams[t].node,
                                        "node_os_index", (int)machine->nodes[plan->teams[t].node].os_index, "why",
                                        why_there(machine, &plan->teams[t])));
    return homes;
}

/* bound: what this team's threads got, NULL: not known. */
static json_t *team_json(const ist__machine *machine, const ist__plan *plan, int32_t index, const int32_t *bound)
{
    const ist__team_plan *team = &plan->teams[index];
    json_t *json = json_pack("{s:i, s:i, s:i, s:s, s:i, s:o, s:i, s:o}", "team", (int)index, "node", (int)team->node,
                             "node_os_index", (int)machine->nodes[team->node].os_index, "why", why_there(machine, team),
                             "far", far_threads(machine, team), "nodes", team_nodes(machine, team), "threads",
                             (int)team->threads, "pus", planned_pus(machine, team));
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
    return json_pack("{s:s, s:i, s:o, s:i, s:o, s:i, s:o, s:i, s:o, s:s, s:s}", "placement", names[placement],
                     "bind_refused", (int)state.bind_refused, "bind_error", errno_json(state.bind_errno),
                     "memory_refused", (int)r->bind_memory, "memory_error", errno_json(r->bind_memory_errno),
                     "huge_pages_refused", (int)r->huge_pages, "huge_pages_error", errno_json(r->huge_pages_errno),
                     "where_refused", (int)r->where, "where_error", errno_json(r->where_errno), "huge_pages",
                     settings.huge_pages, "numa_balancing", settings.numa_balancing);
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
