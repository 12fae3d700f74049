/* cli_recipe.h - options of how a step is taken. */
#ifndef IST_TOOLS_CLI_RECIPE_H
#define IST_TOOLS_CLI_RECIPE_H

#include <ist/ist.h>

#include "cli_options.h"

/* Offsets are those of ist_train_config. */
extern const cli_option cli_recipe_options[];
extern const size_t cli_recipe_option_count;

/* What the options say together; method and rounds are those of the run.  -1, or an exit status after a line. */
int cli_recipe_check(const ist_train_config *run);

#endif
