/* log.h - the caller's log function; the library itself never prints. */
#ifndef IST_BASE_LOG_H
#define IST_BASE_LOG_H

#include <stdint.h>

typedef struct ist__logger {
    void (*line)(void *user, int32_t level, const char *text); /* NULL: silent */
    void *user;
} ist__logger;

/* Format one line and hand it over.  Call from the caller's own thread only. */
void ist__log_line(const ist__logger *log, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
