/* cli_shares.h - "2,1,1,1": a number for each subnet. */
#ifndef IST_TOOLS_CLI_SHARES_H
#define IST_TOOLS_CLI_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLI_MAX_SHARES = 1024 };
typedef struct cli_shares {
    double share[CLI_MAX_SHARES];
    int32_t count; /* 0: even */
} cli_shares;

/* As cli_option wants them; the field is a cli_shares. */
bool cli_shares_parse(void *field, char *text, char *why, size_t cap);
void cli_shares_show(const void *field, char *out, size_t cap);

#endif
