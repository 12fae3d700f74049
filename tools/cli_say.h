/* cli_say.h - what the tool tells on stderr: errors, notes, and the progress line that both must not run into. */
#ifndef IST_TOOLS_CLI_SAY_H
#define IST_TOOLS_CLI_SAY_H

#include <stdbool.h>
#include <stddef.h>

#include "ist/ist.h"

/* Exit statuses of every verb; after a signal it is 128 plus its number. */
enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_WRONG = 2, CLI_BAD_DATA = 3 };

#if defined(__GNUC__)
#  define CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#  define CLI_PRINTF(text, first)
#endif

/* The verb that all later lines begin with ("train": "ist train: ..."); "" for the bare command. */
void cli_say_as(const char *verb);
const char *cli_say_verb(void);
/* Nothing but errors from now on. */
void cli_say_quietly(void);
bool cli_is_quiet(void);

void cli_error(const char *format, ...) CLI_PRINTF(1, 2);
void cli_note(const char *format, ...) CLI_PRINTF(1, 2);

/* A wrong command line: the line, then where help is.  Returns CLI_WRONG. */
int cli_wrong(const char *format, ...) CLI_PRINTF(1, 2);

/* An input that cannot be opened, by errno.  Returns CLI_BAD_DATA. */
int cli_unreadable(const char *option, const char *path);

/* Whether a failing call of the library was reading (a bad file is bad data) or writing (the run failed). */
typedef enum cli_direction { CLI_READING, CLI_WRITING } cli_direction;
/* Says why a call failed, and returns the exit status for it.  context NULL: what the log told last. */
int cli_library_failed(const ist_context *context, ist_status status, cli_direction direction);
/* For ist_context_config.log: warnings are notes, an error is kept for cli_library_failed. */
void cli_library_log(void *user, int32_t level, const char *line);

/* text in double quotes, control characters as '?', long ones cut.  Returns `out`. */
const char *cli_quote(char *out, size_t cap, const char *text);

/* The progress line.  On a terminal it is rewritten in place, at most ten times a second unless `now`; into a pipe
 * nothing is shown. */
void cli_progress_show(bool now, const char *format, ...) CLI_PRINTF(2, 3);
void cli_progress_clear(void);
/* Whether stderr is a terminal that a line can be rewritten on. */
bool cli_progress_is_live(void);

/* Seconds since the first call, by a clock that never jumps. */
double cli_wall_s(void);

#endif
