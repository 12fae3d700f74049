/* capacity_report.c - the memory that there is, as JSON. */
#include "numa/capacity.h"
#include "numa/errno_name.h"

static json_t *bytes_json(int64_t bytes)
{
    return bytes < 0 ? json_null() : json_integer((json_int_t)bytes);
}

static json_t *cgroup_json(const ist__cgroup_memory *m)
{
    if (m->room < 0) return json_null();
    return json_pack("{s:s, s:o, s:o, s:o}", "folder", m->folder, "limit_bytes", bytes_json(m->limit), "room_bytes",
                     bytes_json(m->room), "swap_bytes", bytes_json(m->swap));
}

json_t *ist__capacity_report(const ist__capacity *c)
{
    json_t *nodes = json_array();
    for (int32_t i = 0; nodes && i < c->node_count; i++) {
        const ist__node_capacity *node = &c->nodes[i];
        json_t *one = json_pack("{s:i, s:o, s:o, s:o}", "node", (int)i, "memory_bytes", bytes_json(node->size),
                                "room_bytes", bytes_json(node->room), "cache_bytes", bytes_json(node->cache));
        if (json_array_append_new(nodes, one) == 0) continue;
        json_decref(nodes);
        return NULL;
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s?, s:o, s:o}", "memory_bytes", bytes_json(c->size), "room_bytes",
                     bytes_json(c->room), "swap_bytes", bytes_json(c->swap), "address_space_bytes",
                     bytes_json(c->addresses), "data_limit_bytes", bytes_json(c->data), "policy_error",
                     c->policy_errno ? ist__errno_name(c->policy_errno) : NULL, "cgroup", cgroup_json(&c->cgroup),
                     "nodes", nodes);
}
