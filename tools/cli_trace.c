/* cli_trace.c - timelines: --trace and --trace-rounds of the verbs that train. */
#include "cli_trace.h"

#include <stdio.h>
#include <string.h>

#include "cli_number.h"
#include "cli_output.h"
#include "cli_say.h"

enum { WORD_BYTES = 32 };

/* "A-B" or "A". */
static bool parse_rounds(void *field, char *text, char *why, size_t cap)
{
    char first[WORD_BYTES];
    const char *dash = strchr(text, '-');
    const size_t len = dash ? (size_t)(dash - text) : strlen(text);
    int64_t rounds[2] = {0, 0};
    snprintf(why, cap, "is not A-B, two rounds counted from 1");
    if (len >= sizeof first) return false;
    memcpy(first, text, len);
    first[len] = '\0';
    if (!cli_parse_whole(first, &rounds[0]) || rounds[0] < 1) return false;
    rounds[1] = rounds[0];
    if (dash && (!cli_parse_whole(dash + 1, &rounds[1]) || rounds[1] < rounds[0])) return false;
    memcpy(field, rounds, sizeof rounds);
    return true;
}

static void show_rounds(const void *field, char *out, size_t cap)
{
    int64_t rounds[2];
    memcpy(rounds, field, sizeof rounds);
    out[0] = '\0';
    if (rounds[0] > 0) snprintf(out, cap, "%lld-%lld", (long long)rounds[0], (long long)rounds[1]);
}

const cli_option cli_trace_options[] = {
    {.name = "trace",
     .value = "FILE",
     .kind = CLI_TEXT,
     .offset = offsetof(cli_trace, path),
     .help = "write a timeline of all threads for https://ui.perfetto.dev (Chrome's trace format)"},
    {.name = "trace-rounds",
     .value = "A-B",
     .kind = CLI_CUSTOM,
     .offset = offsetof(cli_trace, rounds),
     .parse = parse_rounds,
     .show = show_rounds,
     .help = "of these rounds, counted from 1; without it of all, and of evaluation"},
};
const size_t cli_trace_option_count = sizeof cli_trace_options / sizeof cli_trace_options[0];

int cli_trace_check(const cli_trace *trace, const cli_args *args)
{
    if (cli_was_given(args, "trace-rounds") && !trace->path)
        return cli_wrong("--trace-rounds: needs --trace, the file to write");
    return cli_output_probe("trace", trace->path);
}

int cli_trace_begin(const cli_trace *trace, ist_context *context)
{
    if (!trace->path) return -1;
    ist_trace_config config = IST_TRACE_CONFIG_INIT;
    config.first_round = trace->rounds.first;
    config.last_round = trace->rounds.last;
    const ist_status status = ist_trace_start(context, &config);
    return status == IST_OK ? -1 : cli_library_failed(context, status, CLI_WRITING);
}

int cli_trace_end(const cli_trace *trace, ist_context *context)
{
    if (!trace->path) return -1;
    int64_t dropped = 0;
    const ist_status status = ist_trace_write(context, trace->path, &dropped);
    if (status != IST_OK) return cli_library_failed(context, status, CLI_WRITING);
    if (dropped > 0) {
        char text[CLI_NUMBER_BYTES];
        cli_note("%s has the end of the run: %s older slices had no room; --trace-rounds chooses", trace->path,
                 cli_show_count(text, dropped));
    }
    return -1;
}
