/* bytes.c - sizes for people. */
#include "base/bytes.h"

#include <stdio.h>

const char *ist__show_bytes(char out[IST__BYTES_TEXT], int64_t bytes)
{
    static const char *const unit[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double shown = (double)bytes;
    int u = 0;
    for (; shown >= 999.5 && u < 6; u++) shown /= 1000;
    snprintf(out, IST__BYTES_TEXT, "%.*f %s", u > 0 && shown < 99.95 ? 1 : 0, shown, unit[u]);
    return out;
}
