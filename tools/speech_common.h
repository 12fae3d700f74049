/* speech_common.h - what the speech tools share: why one gives up, the names of files, numbers on the command line.
 *
 * Functions that can fail take a `failure` and return its status, 0 when all went well; only main prints.  So a
 * worker thread never writes to the terminal, and of many bad files the first in file order can be told.
 */
#ifndef IST_TOOLS_SPEECH_COMMON_H
#define IST_TOOLS_SPEECH_COMMON_H
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef IST_TOOL_VERSION
#  define IST_TOOL_VERSION "unknown" /* the build defines it */
#endif

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_BAD_DATA = 3 };

typedef struct {
    int status;     /* EXIT_*, EXIT_DONE while nothing is wrong */
    char line[768]; /* without a newline; cut when a path is very long */
} failure;

__attribute__((format(printf, 2, 3))) static inline void tell(failure *why, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why->line, sizeof why->line, format, arguments);
    va_end(arguments);
}

static inline int set_status(failure *why, int status)
{
    why->status = status;
    return status;
}

/* A macro, so that analysers see that the status comes back. */
#define fail(why, status, ...) (tell(why, __VA_ARGS__), set_status(why, status))

static inline int fail_memory(failure *why)
{
    return fail(why, EXIT_FAILED, "out of memory");
}

/* "folder/name" in memory of its own, for the caller to free; NULL without memory. */
static inline char *join_path(const char *folder, const char *name)
{
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s/%s", folder, name);
    return path;
}

/* The whole of `text` as an integer in low .. high; EXIT_USAGE naming `option` otherwise. */
static inline int parse_whole(const char *option, const char *text, long low, long high, int *value, failure *why)
{
    char *end;
    errno = 0;
    const long number = strtol(text, &end, 10);
    if (errno || end == text || *end || number < low || number > high)
        return fail(why, EXIT_USAGE, "%s: \"%s\" is not a whole number from %ld to %ld", option, text, low, high);
    *value = (int)number;
    return 0;
}

#endif
