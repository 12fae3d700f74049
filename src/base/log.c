/* log.c - formats a line for the caller's log function. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void ist__log_line(const ist__logger *log, int32_t level, const char *format, ...)
{
    if (!log->line) return;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log->line(log->user, level, text);
}
