/* cli_best.c - the best evaluation of a run, and ends that come early. */
#include "cli_best.h"

#include <stdio.h>

#include "cli_goal.h"
#include "cli_number.h"

static bool parse_time(void *field, char *text, char *why, size_t cap)
{
    if (cli_parse_seconds(text, field)) return true;
    snprintf(why, cap, "is not a time above 0: seconds, or a number and s, m or h, such as 90s, 10m, 2h");
    return false;
}

static void show_time(const void *field, char *out, size_t cap)
{
    const double seconds = *(const double *)field;
    out[0] = '\0';
    if (seconds > 0) snprintf(out, cap, "%.15g", seconds);
}

#define AT(field) .offset = offsetof(cli_best, field)

const cli_option cli_best_options[] = {
    {.name = "keep-best",
     .kind = CLI_FLAG,
     AT(keep),
     .help = "the result is the net that was best on the valid split, not the last one"},
    {.name = "patience",
     .value = "N",
     .kind = CLI_INT32,
     AT(patience),
     .low = 1,
     .high = INT32_MAX,
     .help = "stop after N evaluations without a better accuracy (of a regression: loss) on the valid split"},
    {.name = "time-limit",
     .value = "SECONDS",
     .kind = CLI_CUSTOM,
     AT(time_limit_s),
     .parse = parse_time,
     .show = show_time,
     .help = "stop after the round in which training has taken so long, evaluation not counted; also 90s, 10m, 2h"},
};
const size_t cli_best_option_count = sizeof cli_best_options / sizeof cli_best_options[0];

bool cli_best_wanted(const cli_best *best)
{
    return best->keep || best->patience > 0;
}

static bool is_better(const cli_best *best, const ist_evaluation *result)
{
    return best->by_loss ? result->loss < best->result.loss : result->accuracy > best->result.accuracy;
}

bool cli_best_take(cli_best *best, const ist_progress *at, const ist_evaluation *result, bool due)
{
    if (best->round > 0 && !is_better(best, result)) { /* of equal ones the first */
        best->since += due && at->round > best->round;
        return false;
    }
    best->round = at->round;
    best->epoch = at->epoch;
    best->averaged = at->averaged;
    best->result = *result;
    best->since = 0;
    return true;
}

bool cli_best_is_hopeless(const cli_best *best)
{
    return best->patience > 0 && best->since >= best->patience;
}

bool cli_best_path(char *out, size_t cap, const char *checkpoint)
{
    const int need = checkpoint ? snprintf(out, cap, "%s.best", checkpoint) : 0;
    if (!checkpoint) out[0] = '\0';
    return need >= 0 && (size_t)need < cap;
}

json_t *cli_best_json(const cli_best *best)
{
    if (best->round == 0) return json_null();
    json_t *o = json_pack("{s:I, s:o}", "round", (json_int_t)best->round, "epoch", cli_json_real(best->epoch));
    cli_goal_add(o, best->by_loss, &best->result);
    json_object_set_new(o, "loss", cli_json_real(best->result.loss));
    json_object_set_new(o, "weights", json_string(best->averaged ? "average" : "master"));
    return o;
}
