/* cli_json.c - reports of the library as JSON values, and the log: JSON lines, one object an event.
 *
 * A line is flushed as soon as it is written, so that whoever follows the log sees each round and a killed run leaves
 * whole lines.  A disk that fills up in the middle of a long run must not end the run: the log stops, one line says so,
 * and the exit status tells it again.  Reals have 17 digits: what is read back is the same number.
 */
#include "cli_json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli_memory.h"
#include "cli_say.h"

enum { REAL_DIGITS = 17 };

/* The three reports have one buffer rule; `subject` and `more` say which one it is. */
typedef ist_status (*report_fn)(const void *subject, char *buffer, size_t capacity_bytes, size_t *need_bytes);

static json_t *fetch(report_fn report, const void *subject, ist_status *status)
{
    char *buffer = NULL;
    size_t capacity = 0, need = 0;
    json_t *parsed = NULL;
    /* The second text may be longer than the first was: pages move, refusals are counted. */
    for (;;) {
        *status = report(subject, buffer, capacity, &need);
        if (*status != IST_OK || need <= capacity) break;
        char *larger = realloc(buffer, need);
        if (!larger) {
            *status = IST_E_MEMORY;
            break;
        }
        buffer = larger;
        capacity = need;
    }
    if (*status == IST_OK && buffer) parsed = json_loads(buffer, 0, NULL);
    if (!parsed && *status == IST_OK) *status = IST_E_MEMORY;
    if (*status == IST_E_MEMORY) cli_memory_lose();
    free(buffer);
    return parsed;
}

static ist_status context_report(const void *subject, char *buffer, size_t capacity, size_t *need)
{
    return ist_context_report(*(ist_context *const *)subject, buffer, capacity, need);
}

static ist_status trainer_report(const void *subject, char *buffer, size_t capacity, size_t *need)
{
    return ist_trainer_report(*(ist_trainer *const *)subject, buffer, capacity, need);
}

struct plan_subject {
    ist_context *context;
    const ist_model_config *model;
    const ist_train_config *train;
    int64_t rows;
    int32_t type;
    const ist_sparse_rows *sparse; /* NULL: dense ones */
};

static ist_status plan_report(const void *subject, char *buffer, size_t capacity, size_t *need)
{
    const struct plan_subject *s = subject;
    if (s->sparse) return ist_plan_sparse(s->context, s->model, s->train, s->sparse, buffer, capacity, need);
    return ist_plan_report(s->context, s->model, s->train, s->rows, s->type, buffer, capacity, need);
}

json_t *cli_context_report(ist_context *context)
{
    ist_status status;
    return fetch(context_report, &context, &status);
}

json_t *cli_trainer_report(ist_trainer *trainer)
{
    ist_status status;
    return fetch(trainer_report, &trainer, &status);
}

json_t *cli_plan_report(ist_context *context, const ist_model_config *model, const ist_train_config *train,
                        int64_t rows, int32_t type, ist_status *status)
{
    const struct plan_subject subject = {context, model, train, rows, type, NULL};
    return fetch(plan_report, &subject, status);
}

json_t *cli_plan_sparse(ist_context *context, const ist_model_config *model, const ist_train_config *train,
                        const ist_sparse_rows *rows, ist_status *status)
{
    const struct plan_subject subject = {context, model, train, 0, 0, rows};
    return fetch(plan_report, &subject, status);
}

json_t *cli_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

double cli_json_number(const json_t *object, const char *key, double missing)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : missing;
}

const char *cli_json_text(const json_t *object, const char *key, const char *missing)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? json_string_value(value) : missing;
}

bool cli_stdout_is_well(void)
{
    if (cli_memory_lost()) {
        fflush(stdout);
        cli_error("standard output: out of memory, something is missing");
        return false;
    }
    if (fflush(stdout) == 0 && !ferror(stdout)) return true;
    cli_error("standard output: %s", strerror(errno));
    return false;
}

bool cli_json_print(const json_t *object)
{
    if (cli_memory_lost()) {
        cli_error("standard output: out of memory for the JSON object");
        return false;
    }
    if (json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS)) != 0) {
        cli_error("standard output: %s", strerror(errno));
        cli_memory_lost(); /* told */
        return false;
    }
    putchar('\n');
    return cli_stdout_is_well();
}

bool cli_log_open(cli_log *log, const char *path, bool append)
{
    *log = (cli_log){.path = path};
    if (!path) return true;
    log->file = fopen(path, append ? "a" : "w");
    if (log->file) return true;
    cli_error("--log: %s: %s", path, strerror(errno));
    log->failed = true;
    return false;
}

static void log_failed(cli_log *log, int number)
{
    cli_error("--log: %s: %s; the log ends here", log->path, strerror(number));
    fclose(log->file);
    log->file = NULL;
    log->failed = true;
}

void cli_log_write(cli_log *log, json_t *event)
{
    if (log->file) {
        errno = 0;
        const bool whole = !cli_memory_lost();
        if (!whole || json_dumpf(event, log->file, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS)) != 0 ||
            fputc('\n', log->file) == EOF || fflush(log->file) != 0 || ferror(log->file)) /* jansson overlooks some */
            log_failed(log, whole && !cli_memory_lost() ? errno : ENOMEM);
    }
    json_decref(event);
}

void cli_log_close(cli_log *log)
{
    if (!log->file) return;
    errno = 0;
    if (fclose(log->file) != 0) {
        cli_error("--log: %s: %s", log->path, strerror(errno));
        log->failed = true;
    }
    log->file = NULL;
}
