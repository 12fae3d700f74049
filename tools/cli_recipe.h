/* cli_recipe.h - options of how a step is taken. */
#ifndef IST_TOOLS_CLI_RECIPE_H
#define IST_TOOLS_CLI_RECIPE_H

#include "cli_options.h"

/* Offsets are those of ist_train_config. */
extern const cli_option cli_recipe_options[];
extern const size_t cli_recipe_option_count;

#endif
