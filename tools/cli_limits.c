/* cli_limits.c - what ist info shows of the limits on memory and processors: rows only where there is something to say. */
#include "cli_limits.h"

#include <stdio.h>

#include "cli_number.h"

static void ours(cli_table *table, const json_t *machine, const json_t *limits)
{
    const char *variable = cli_json_text(limits, "omp_variable", NULL);
    const int allowed = (int)cli_json_number(machine, "pus_allowed", 0), all = (int)cli_json_number(machine, "pus", 0);
    cli_table_cell(table, "ours");
    if (variable) {
        cli_table_cell(table, "%d of %d processing units, by %s=%s", allowed, all, variable,
                       cli_json_text(limits, "omp_value", ""));
    } else {
        cli_table_cell(table, "%d of %d processing units%s", allowed, all,
                       json_is_true(json_object_get(machine, "omp_places")) ? ", by places of OpenMP" : "");
    }
}

static void processors(cli_table *table, const json_t *report, const json_t *limits)
{
    const double quota = cli_json_number(limits, "cpu_quota", 0);
    const int threads = (int)cli_json_number(json_object_get(report, "plan"), "threads", 0);
    const int most = (int)cli_json_number(limits, "omp_thread_limit", 0);
    const bool dynamic = json_is_true(json_object_get(limits, "omp_dynamic"));
    if (quota > 0) {
        cli_table_cell(table, "quota");
        cli_table_cell(table, "of processor time: %.3g processor%s%s", quota, quota == 1 ? "" : "s",
                       threads > quota ? ", fewer than threads" : "");
    }
    if (most > 0 || dynamic) {
        char limit[64] = "";
        if (most > 0) {
            snprintf(limit, sizeof limit, "at most %d thread%s (OMP_THREAD_LIMIT)%s%s", most, most == 1 ? "" : "s",
                     most < threads || most < 2 ? ": too few" : "", dynamic ? ", " : "");
        }
        cli_table_cell(table, "OpenMP");
        cli_table_cell(table, "%s%s", limit, dynamic ? "may give fewer threads (OMP_DYNAMIC)" : "");
    }
}

static void memory(cli_table *table, const json_t *memory)
{
    char left[CLI_NUMBER_BYTES], of[CLI_NUMBER_BYTES];
    const json_t *cgroup = json_object_get(memory, "cgroup");
    const struct {
        const char *key, *name;
    } limit[] = {{"address_space_bytes", "of address space (ulimit -v)"}, {"data_limit_bytes", "of data (ulimit -d)"}};
    if (json_is_object(cgroup)) {
        cli_table_cell(table, "memory limit");
        cli_table_cell(table, "%s left of %s in the control group %s",
                       cli_show_bytes(left, cli_json_number(cgroup, "room_bytes", 0)),
                       cli_show_bytes(of, cli_json_number(cgroup, "limit_bytes", 0)),
                       cli_json_text(cgroup, "folder", "?"));
    }
    for (size_t i = 0; i < sizeof limit / sizeof limit[0]; i++) {
        const double bytes = cli_json_number(memory, limit[i].key, -1);
        if (bytes < 0) continue;
        cli_table_cell(table, "memory limit");
        cli_table_cell(table, "%s left %s", cli_show_bytes(left, bytes), limit[i].name);
    }
}

void cli_limits_rows(cli_table *table, const json_t *report)
{
    const json_t *limits = json_object_get(report, "limits");
    ours(table, json_object_get(report, "machine"), limits);
    processors(table, report, limits);
    memory(table, json_object_get(report, "memory"));
}

const char *cli_limits_node(char *out, size_t cap, const json_t *report, int node)
{
    char room[CLI_NUMBER_BYTES], cache[CLI_NUMBER_BYTES];
    const json_t *one =
        json_array_get(json_object_get(json_object_get(report, "memory"), "nodes"), (size_t)(node < 0 ? 0 : node));
    const double room_bytes = cli_json_number(one, "room_bytes", -1);
    const double cache_bytes = cli_json_number(one, "cache_bytes", 0);
    out[0] = '\0';
    if (room_bytes < 0 || !json_is_true(json_object_get(json_object_get(report, "machine"), "this_system"))) return out;
    int len = snprintf(out, cap, "%s free", cli_show_bytes(room, room_bytes));
    if (cache_bytes > 0 && len < (int)cap) {
        snprintf(out + len, cap - (size_t)len, ", %s page cache", cli_show_bytes(cache, cache_bytes));
    }
    return out;
}
