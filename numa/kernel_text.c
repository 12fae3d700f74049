/* kernel_text.c - files of /proc and /sys as text, and numbers in them by their names.
 *
 * Why a root: what a machine tells of its memory decides whether a training begins.  With copies of such files in a
 * folder the tests run that decision on machines that nobody here owns.
 */
#define _POSIX_C_SOURCE 200809L
#include "numa/kernel_text.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { PATH_BYTES = 4096, FIRST_BYTES = 1 << 14, MOST_BYTES = 1 << 26 };

/* Files of /proc have no size: read until nothing comes, in a buffer that grows. */
static char *read_all(int file, bool *lost)
{
    int64_t room = FIRST_BYTES, used = 0;
    char *text = ist__alloc(room, 1);
    while (text) {
        const ssize_t got = read(file, text + used, (size_t)(room - used - 1));
        if (got == 0) return text; /* zeroed behind what was read */
        if (got > 0) used += got;
        if (got > 0 && used < room - 1) continue;
        const bool grows = got > 0 && room < MOST_BYTES;
        char *larger = grows ? ist__alloc(room *= 4, 1) : NULL;
        if (larger) memcpy(larger, text, (size_t)used);
        ist__free(text);
        if (!grows) return NULL;
        text = larger;
    }
    if (lost) *lost = true;
    return NULL;
}

char *ist__kernel_text(const char *root, const char *path, bool *lost)
{
    char full[PATH_BYTES];
    const int length = snprintf(full, sizeof full, "%s%s", root, path);
    if (length < 0 || length >= (int)sizeof full) return NULL;
    const int file = open(full, O_RDONLY | O_CLOEXEC);
    if (file < 0) return NULL;
    char *text = read_all(file, lost);
    close(file);
    return text;
}

int64_t ist__kernel_number(const char *text, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name)) {
        if (at > text && !strchr("\n\t ", at[-1])) continue;
        const char *behind = at + length;
        if (*behind == ':') behind++;
        if (!*behind || !strchr("\t ", *behind)) continue;
        behind += strspn(behind, "\t ");
        if (*behind < '0' || *behind > '9') return -1;
        const unsigned long long number = strtoull(behind, NULL, 10);
        return number > INT64_MAX ? INT64_MAX : (int64_t)number;
    }
    return -1;
}
