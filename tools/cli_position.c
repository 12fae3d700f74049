/* cli_position.c - how far the log is when a checkpoint is written.
 *
 * Lines are told apart by how they begin: this tool writes them, `event` first.  Only start lines, which tell the count before
 * them, and the last round's line, which must be that of the checkpoint, are parsed.
 */
#define _POSIX_C_SOURCE 200809L
#include "cli_position.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_say.h"

ist_status cli_position_note(const cli_position *position, ist_trainer *trainer)
{
    json_t *note =
        json_pack("{s:I, s:s}", "log_events", (json_int_t)position->events, "normalize", position->normalize);
    char text[IST_NOTE_BYTES];
    const size_t bytes = note ? json_dumpb(note, text, sizeof text, JSON_COMPACT) : 0;
    const ist_status status = bytes > 0 ? ist_trainer_set_note(trainer, text, bytes) : IST_E_MEMORY;
    json_decref(note);
    return status;
}

void cli_position_recall(cli_position *position, const ist_trainer *trainer, char *saved_normalize, size_t cap)
{
    char text[IST_NOTE_BYTES];
    size_t bytes = 0;
    position->events = -1;
    saved_normalize[0] = '\0';
    if (ist_trainer_note(trainer, text, sizeof text, &bytes) != IST_OK || bytes > sizeof text) return;
    json_t *note = json_loadb(text, bytes, 0, NULL);
    const json_t *events = json_object_get(note, "log_events");
    if (json_is_integer(events) && json_integer_value(events) >= 0) position->events = json_integer_value(events);
    snprintf(saved_normalize, cap, "%s", cli_json_text(note, "normalize", ""));
    json_decref(note);
}

static bool begins(const char *line, const char *event)
{
    char head[64];
    const int length = snprintf(head, sizeof head, "{\"event\":\"%s\"", event);
    return strncmp(line, head, (size_t)length) == 0;
}

typedef struct scan {
    int64_t events; /* passed so far */
    long end;       /* behind the last of them */
    char *round;    /* the last line of a round, malloc'ed; NULL: none */
} scan;

/* Read lines until `events` of the run are passed, or there are no more. */
static void pass(FILE *file, int64_t events, scan *s)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t length;
    while ((s->events < events || s->end == 0) && (length = getline(&line, &cap, file)) > 0) {
        if (line[length - 1] != '\n') break; /* it was killed there */
        if (begins(line, "start")) {
            json_t *start = json_loads(line, 0, NULL);
            const json_t *before = json_object_get(start, "events");
            if (json_is_integer(before)) s->events = json_integer_value(before);
            json_decref(start);
        } else if (begins(line, "round")) {
            s->events++;
            free(s->round);
            s->round = strdup(line);
        } else if (begins(line, "eval") || begins(line, "retry")) {
            s->events++;
        } else if (s->end == 0) {
            break; /* not a log of ours */
        } else {
            continue;
        }
        s->end = ftell(file);
    }
    free(line);
}

/* Is that the line of the round that the checkpoint was written after? */
static bool is_round(const json_t *line, const ist_progress *at)
{
    const json_t *loss = json_object_get(line, "loss");
    return (int64_t)cli_json_number(line, "round", -1) == at->round &&
           (!json_is_real(loss) || json_real_value(loss) == at->loss);
}

static int refuse(const char *path, const char *why)
{
    cli_error("--log: %s: %s; give another file, or none", path, why);
    return CLI_WRONG;
}

/* -1: the log up to *end is the run's. */
static int find_end(const cli_position *position, FILE *file, const char *path, const ist_progress *at, long *end)
{
    scan s = {0};
    int wrong = -1;
    pass(file, position->events, &s);
    json_t *round = s.round ? json_loads(s.round, 0, NULL) : NULL;
    if (s.end == 0) {
        wrong = refuse(path, "does not begin with the start of a run");
    } else if (s.events != position->events) {
        wrong = refuse(path, "does not reach the checkpoint: is it that run's log?");
    } else if (s.round && !round) {
        cli_error("--log: %s: the line of the checkpoint's round cannot be read (damaged, or no memory)", path);
        wrong = CLI_FAILED;
    } else if (round && !is_round(round, at)) {
        wrong = refuse(path, "is the log of another run than the checkpoint");
    }
    json_decref(round);
    free(s.round);
    *end = s.end;
    return wrong;
}

int cli_position_open_log(const cli_position *position, cli_log *log, const char *path, const ist_progress *at)
{
    struct stat st;
    const bool there = path && stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
    if (there && position->events >= 0) {
        FILE *file = fopen(path, "r");
        long end = 0;
        if (!file) return cli_wrong("--log: %s: %s", path, strerror(errno));
        const int wrong = find_end(position, file, path, at, &end);
        fclose(file);
        if (wrong >= 0) return wrong;
        if (truncate(path, (off_t)end) != 0) {
            cli_error("--log: %s: %s", path, strerror(errno));
            return CLI_FAILED;
        }
    }
    return cli_log_open(log, path, true) ? -1 : CLI_FAILED;
}
