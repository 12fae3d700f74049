/* cli_say.c - what the tool tells on stderr: errors, notes, and the progress line.
 *
 * Why a file of its own: a terminal has one last line, and whoever prints while a progress line stands there must
 * clear it first.  So everything for stderr passes through here, and the state is static because stderr is one, too.
 * stdout is left to results, so that `ist train --json | jq` works without thought.
 */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* TIOCGWINSZ */
#include "cli_say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const char *say_verb = "";
static bool say_quiet;
static bool line_stands;    /* a progress line is on the screen */
static double line_shown_s; /* when it was last rewritten */
static char library_line[512];

void cli_say_as(const char *verb)
{
    say_verb = verb;
}

const char *cli_say_verb(void)
{
    return say_verb;
}

void cli_say_quietly(void)
{
    say_quiet = true;
}

bool cli_is_quiet(void)
{
    return say_quiet;
}

double cli_wall_s(void)
{
    static struct timespec first;
    static bool started;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!started) {
        first = now;
        started = true;
    }
    return (double)(now.tv_sec - first.tv_sec) + 1e-9 * (double)(now.tv_nsec - first.tv_nsec);
}

static void say(const char *kind, const char *format, va_list list, const char *tail)
{
    cli_progress_clear();
    fprintf(stderr, "ist%s%s: %s", *say_verb ? " " : "", say_verb, kind);
    vfprintf(stderr, format, list);
    fprintf(stderr, "%s\n", tail);
}

void cli_error(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say("", format, list, "");
    va_end(list);
}

void cli_note(const char *format, ...)
{
    if (say_quiet) return;
    va_list list;
    va_start(list, format);
    say("", format, list, "");
    va_end(list);
}

int cli_wrong(const char *format, ...)
{
    char tail[64];
    snprintf(tail, sizeof tail, "; see ist%s%s --help", *say_verb ? " " : "", say_verb);
    va_list list;
    va_start(list, format);
    say("", format, list, tail);
    va_end(list);
    return CLI_WRONG;
}

int cli_unreadable(const char *option, const char *path)
{
    cli_error("--%s: %s: %s", option, path, strerror(errno));
    return CLI_BAD_DATA;
}

int cli_library_failed(const ist_context *context, ist_status status, cli_direction direction)
{
    const char *line = context ? ist_context_error(context) : library_line;
    cli_error("%s", line && *line ? line : ist_strerror(status));
    switch (status) {
    case IST_E_ARGUMENT: return CLI_WRONG;
    case IST_E_FORMAT:
    case IST_E_SHAPE: return CLI_BAD_DATA;
    case IST_E_IO: return direction == CLI_READING ? CLI_BAD_DATA : CLI_FAILED;
    default: return CLI_FAILED;
    }
}

void cli_library_log(void *user, int32_t level, const char *line)
{
    (void)user;
    if (level == IST_LOG_ERROR) {
        snprintf(library_line, sizeof library_line, "%s", line); /* told again by ist_context_error, if it can be */
    } else if (level == IST_LOG_WARNING) {
        cli_note("note: %s", line);
    }
}

const char *cli_quote(char *out, size_t cap, const char *text)
{
    const size_t room = cap > 6 ? cap - 6 : 0; /* two quotes, "...", the final NUL */
    size_t n = 0;
    out[n++] = '"';
    for (const char *p = text; *p && n <= room; p++) {
        const unsigned char c = (unsigned char)*p;
        out[n++] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
    }
    if (strlen(text) > n - 1) n += (size_t)snprintf(out + n, 4, "...");
    out[n++] = '"';
    out[n] = '\0';
    return out;
}

bool cli_progress_is_live(void)
{
    return !say_quiet && isatty(STDERR_FILENO);
}

void cli_progress_show(bool now, const char *format, ...)
{
    if (!cli_progress_is_live()) return;
    const double at_s = cli_wall_s();
    if (!now && line_stands && at_s - line_shown_s < 0.1) return;

    struct winsize window;
    int columns = 80;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) columns = window.ws_col;
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    /* A line that wraps cannot be rewritten. */
    fprintf(stderr, "\r%.*s\033[K", columns - 1, text);
    fflush(stderr);
    line_stands = true;
    line_shown_s = at_s;
}

void cli_progress_clear(void)
{
    if (!line_stands) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    line_stands = false;
}
