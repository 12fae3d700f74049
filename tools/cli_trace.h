/* cli_trace.h - timelines: --trace and --trace-rounds of the verbs that train. */
#ifndef IST_TOOLS_CLI_TRACE_H
#define IST_TOOLS_CLI_TRACE_H

#include "cli_options.h"

typedef struct cli_trace {
    const char *path; /* NULL: no timeline */
    struct {
        int64_t first, last;
    } rounds; /* 0, INT64_MAX: all, and evaluation */
} cli_trace;
/* clang-format off */
#define CLI_TRACE_INIT { NULL, { 0, INT64_MAX } }
/* clang-format on */

/* Offsets are those of cli_trace. */
extern const cli_option cli_trace_options[];
extern const size_t cli_trace_option_count;

/* Whether the options fit each other, and the file can be written.  -1, or the exit status after a line was printed. */
int cli_trace_check(const cli_trace *trace, const cli_args *args);

/* Begin, before the first round; write, after the last one.  Both do nothing without a path.  -1, or an exit status after a
 * line was printed; slices that had to go are a note. */
int cli_trace_begin(const cli_trace *trace, ist_context *context);
int cli_trace_end(const cli_trace *trace, ist_context *context);

#endif
