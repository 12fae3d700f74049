/* cli_shares.c - "2,1,1,1": a number for each subnet. */
#include "cli_shares.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cli_shares_parse(void *field, char *text, char *why, size_t cap)
{
    cli_shares *shares = field;
    shares->count = 0;
    if (strcmp(text, "even") == 0) return true;
    for (char *at = text;;) {
        char *end;
        const double share = strtod(at, &end);
        if (end == at || (*end != ',' && *end != '\0')) {
            snprintf(why, cap, "expected numbers with commas between them, or even");
            return false;
        }
        if (!(share >= 1e-6 && share <= 1e6)) {
            snprintf(why, cap, "a share must be in 1e-6 .. 1e6");
            return false;
        }
        if (shares->count == CLI_MAX_SHARES) {
            snprintf(why, cap, "at most %d shares", CLI_MAX_SHARES);
            return false;
        }
        shares->share[shares->count++] = share;
        if (*end == '\0') return true;
        at = end + 1;
    }
}

void cli_shares_show(const void *field, char *out, size_t cap)
{
    const cli_shares *shares = field;
    size_t len = (size_t)snprintf(out, cap, "%s", shares->count ? "" : "even");
    for (int32_t i = 0; i < shares->count && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s%g", i ? "," : "", shares->share[i]);
}
