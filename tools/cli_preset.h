/* cli_preset.h - recipes by name: options with their values, as if they were typed first. */
#ifndef IST_TOOLS_CLI_PRESET_H
#define IST_TOOLS_CLI_PRESET_H

#include "cli_options.h"

/* none, and the recipes by their number. */
extern const cli_choice cli_preset_words[];

/* Set the options of the preset that argv names, of several the last, to its values: before cli_parse, so that what is
 * typed beside it wins, and help shows what holds.  -1; an unknown name is left to cli_parse. */
int cli_preset_take(const cli_verb *verb, int argc, char **argv);

#endif
