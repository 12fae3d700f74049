/* status.h - how a function on any floor says what went wrong: a status for programs, one line for people. */
#ifndef IST_BASE_STATUS_H
#define IST_BASE_STATUS_H

#include "ist/ist.h"

typedef struct ist__error {
    ist_status status;
    char text[480]; /* what, where, what was expected; no newline */
} ist__error;

/* Write the line into *error (NULL is fine) and return `status`, so that callers say `return ist__fail(...)`. */
ist_status ist__fail(ist__error *error, ist_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Compilers and analysers see one file at a time: so they know that what comes back is what was given, and no success. */
static inline ist_status ist__given(ist_status told, ist_status status)
{
    (void)told;
    return status;
}
#define ist__fail(error, status, ...) ist__given(ist__fail(error, status, __VA_ARGS__), status)

#endif
