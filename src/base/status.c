/* status.c - error lines, and the sentence of each status. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

ist_status(ist__fail)(ist__error *error, ist_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
        /* One line, whatever a file or a name put into it. */
        for (char *c = error->text; *c; c++)
            if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    }
    return status;
}

const char *ist_strerror(ist_status status)
{
    switch (status) {
    case IST_OK: return "success";
    case IST_E_ARGUMENT: return "an argument is missing or out of its documented range";
    case IST_E_MEMORY: return "out of memory";
    case IST_E_SHAPE: return "the data do not fit the model";
    case IST_E_PLACEMENT: return "threads or memory could not be placed as asked";
    case IST_E_FORMAT: return "a file is damaged or not of a known format";
    case IST_E_IO: return "a file could not be opened, read or written";
    case IST_E_DIVERGED: return "training diverged: the loss is not finite";
    case IST_E_BLAS: return "the BLAS library that was loaded cannot be called from several threads";
    default: return "unknown status";
    }
}
