/* cli_rates.c - rates of a machine, as a table, a file, and JSON. */
#include "cli_rates.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "cli_memory.h"
#include "cli_output.h"
#include "cli_say.h"

#define RATE(field)                    \
  {                                    \
#    field, offsetof(ist_rates, field) \
  }
#define UPDATE(word, optimizer)                                                                 \
  {                                                                                             \
    "update_" word "_gflops", offsetof(ist_rates, update_gflops) + sizeof(double) * (optimizer) \
  }

const cli_rate cli_rate_table[CLI_RATES] = {
    RATE(forward_gflops),
    RATE(pull_gflops),
    UPDATE("sgd", IST_SGD),
    UPDATE("momentum", IST_MOMENTUM),
    UPDATE("nesterov", IST_NESTEROV),
    UPDATE("adam", IST_ADAM),
    RATE(norm_forward_s),
    RATE(norm_backward_s),
    RATE(loss_s),
    RATE(assemble_s),
    RATE(gather_rows_gb_per_s),
    RATE(gather_columns_gb_per_s),
    RATE(write_rows_gb_per_s),
    RATE(write_columns_gb_per_s),
    RATE(mean_gb_per_s),
    RATE(fill_gb_per_s),
    RATE(barrier_thread_s),
    RATE(barrier_team_s),
    RATE(step_s),
    RATE(round_s),
    RATE(deal_s),
    RATE(step_factor),
    RATE(cache_bytes),
    RATE(node_gb_per_s),
    RATE(between_gb_per_s),
};

static const char *const words[] = {"assumed", "measured", "given"};

const char *cli_rate_word(int32_t is)
{
    return words[is];
}

static size_t index_of(size_t offset)
{
    size_t i = 0;
    while (i < CLI_RATES && cli_rate_table[i].offset != offset) i++;
    return i;
}

void cli_rate_set(cli_rates *rates, size_t offset, double value, int32_t is)
{
    memcpy((char *)&rates->value + offset, &value, sizeof value);
    rates->is[index_of(offset)] = is;
}

double cli_rate_value(const cli_rates *rates, size_t i)
{
    double value;
    memcpy(&value, (const char *)&rates->value + cli_rate_table[i].offset, sizeof value);
    return value;
}

int32_t cli_rate_is(const cli_rates *rates, size_t offset)
{
    return rates->is[index_of(offset)];
}

void cli_rates_assume(cli_rates *rates)
{
    const ist_rates none = IST_RATES_INIT;
    *rates = (cli_rates){.value = none};
    rates->value.barrier_thread_s = 1e-7; /* a cache line from another core */
    rates->value.barrier_team_s = 5e-7;   /* one from another socket */
    rates->value.step_factor = 1;
    rates->value.cache_bytes = 2 << 20;
    rates->value.between_gb_per_s = 30; /* two links of 16 GB/s and more, one way */
}

json_t *cli_rates_json(const cli_rates *rates)
{
    json_t *all = json_object();
    for (size_t i = 0; i < CLI_RATES; i++)
        json_object_set_new(
            all, cli_rate_table[i].name,
            json_pack("{s:f, s:s}", "value", cli_rate_value(rates, i), "is", cli_rate_word(rates->is[i])));
    return json_pack("{s:s, s:o}", "on", rates->on, "rates", all);
}

/* A number, or {"value", "is"}. */
static bool take_rate(cli_rates *rates, size_t i, const json_t *json)
{
    const json_t *value = json_is_object(json) ? json_object_get(json, "value") : json;
    const json_t *is = json_is_object(json) ? json_object_get(json, "is") : NULL;
    if (!json_is_number(value) || json_number_value(value) < 0 || (json_is_object(json) && !json_is_string(is)))
        return false;
    int32_t kind = CLI_GIVEN;
    if (is) {
        kind = CLI_ASSUMED;
        while (kind <= CLI_GIVEN && strcmp(words[kind], json_string_value(is)) != 0) kind++;
        if (kind > CLI_GIVEN) return false;
    }
    cli_rate_set(rates, cli_rate_table[i].offset, json_number_value(value), kind);
    return true;
}

/* NULL: it was taken; else what is wrong. */
static const char *take_rates(cli_rates *rates, const json_t *all, const char **which)
{
    const char *key;
    json_t *value;
    *which = "rates";
    if (!json_is_object(all)) return "is not an object";
    json_object_foreach((json_t *)(uintptr_t)all, key, value)
    {
        size_t i = 0;
        while (i < CLI_RATES && strcmp(cli_rate_table[i].name, key) != 0) i++;
        *which = key;
        if (i == CLI_RATES) return "is no rate (ist info --predict measure --rates-out FILE writes all of them)";
        if (!take_rate(rates, i, value))
            return "is neither a number of 0 or more nor {\"value\": number, \"is\": \"measured\"}";
    }
    for (size_t i = 0; i < CLI_RATES; i++) {
        *which = cli_rate_table[i].name;
        if (strstr(*which, "_gflops") && cli_rate_value(rates, i) <= 0) return "is missing, or 0";
    }
    return NULL;
}

int cli_rates_read(cli_rates *out, const char *path)
{
    json_error_t error;
    FILE *file = fopen(path, "rb");
    if (!file) return cli_unreadable("predict", path);
    json_t *root = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    fclose(file);
    char quoted[160];
    if (!root) {
        cli_error("--predict: %s: line %d: %s", path, error.line, cli_quote(quoted, sizeof quoted, error.text));
        return CLI_BAD_DATA;
    }
    const char *which, *wrong;
    cli_rates_assume(out);
    wrong = take_rates(out, json_object_get(root, "rates"), &which);
    if (wrong) cli_error("--predict: %s: %s %s", path, cli_quote(quoted, sizeof quoted, which), wrong);
    const char *on = json_string_value(json_object_get(root, "on"));
    if (on) snprintf(out->on, sizeof out->on, "%s", on);
    json_decref(root);
    return wrong ? CLI_BAD_DATA : -1;
}

bool cli_rates_write(const cli_rates *rates, const char *path)
{
    json_t *json = cli_rates_json(rates);
    const bool whole = !cli_memory_lost();
    if (!whole) cli_error("--rates-out: %s: %s", path, ist_strerror(IST_E_MEMORY));
    const bool well = whole && cli_json_write("rates-out", path, json);
    json_decref(json);
    return well;
}
