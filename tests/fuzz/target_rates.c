/* target_rates.c - rates of a machine (JSON): read, and what is accepted goes through the verb that reads them, ist info
 * --predict FILE. */
#include <math.h>
#include <string.h>

#include "cli_commands.h"
#include "cli_rates.h"
#include "cli_say.h"
#include "fuzz.h"

static void info(const char *path, const char *json)
{
    char words[][40] = {"--topology", "numa:2 core:2 pu:1", "--hidden", "6,5", "--samples",
                        "1000",       "--predict",          "",         ""};
    char *argv[9];
    int argc = 8;
    strncat(words[7], path, sizeof words[7] - 1);
    if (json) strncat(words[argc++], json, sizeof words[8] - 1);
    for (int i = 0; i < argc; i++) argv[i] = words[i];
    fuzz_hush();
    const int status = cmd_info(argc, argv), lines = fuzz_unhush();
    fuzz_require(status == CLI_DONE || status == CLI_BAD_DATA || status == CLI_WRONG);
    fuzz_require(lines == (status == CLI_DONE ? 0 : 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(0, data, size);
    cli_rates rates;
    fuzz_hush();
    const int status = cli_rates_read(&rates, path), lines = fuzz_unhush();
    fuzz_require(status == -1 || status == CLI_BAD_DATA);
    fuzz_require(lines == (status == CLI_BAD_DATA));
    if (status >= 0) return 0;
    for (size_t i = 0; i < CLI_RATES; i++) fuzz_require(isfinite(cli_rate_value(&rates, i)));
    info(path, size % 2 ? "--json" : NULL);
    return 0;
}
