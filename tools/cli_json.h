/* cli_json.h - reports of the library as JSON values, and the log: JSON lines, one object an event. */
#ifndef IST_TOOLS_CLI_JSON_H
#define IST_TOOLS_CLI_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "ist/ist.h"

/* New references; NULL when the library refused (its line is in ist_context_error) or memory ran out (then
 * cli_memory_lost is true). */
json_t *cli_context_report(ist_context *context);
json_t *cli_trainer_report(ist_trainer *trainer);
json_t *cli_plan_report(ist_context *context, const ist_model_config *model, const ist_train_config *train,
                        int64_t rows, int32_t type, ist_status *status);
json_t *cli_plan_sparse(ist_context *context, const ist_model_config *model, const ist_train_config *train,
                        const ist_sparse_rows *rows, ist_status *status);

/* A real number, or null where JSON has none (nan, inf). */
json_t *cli_json_real(double value);
/* The number behind a key, `missing` if there is none. */
double cli_json_number(const json_t *object, const char *key, double missing);
const char *cli_json_text(const json_t *object, const char *key, const char *missing);

/* Print an object on stdout in one line.  False: it lacks something, or stdout is full or closed; a line was printed. */
bool cli_json_print(const json_t *object);
/* Flush stdout: false when a result did not get out, a line was printed. */
bool cli_stdout_is_well(void);

typedef struct cli_log {
    FILE *file; /* NULL: no log, or it failed */
    const char *path;
    bool failed; /* told once; the run goes on, its exit status does not */
} cli_log;

/* path NULL: no log, and true.  append: behind what is there.  False: a line was printed. */
bool cli_log_open(cli_log *log, const char *path, bool append);
/* Writes and flushes one line; a line that would lack something ends the log.  The event's reference is taken. */
void cli_log_write(cli_log *log, json_t *event);
void cli_log_close(cli_log *log);

#endif
