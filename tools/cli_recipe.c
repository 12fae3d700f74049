/* cli_recipe.c - optimizer, learning rate and what else makes a recipe. */
#include "cli_recipe.h"

#include <ist/ist.h>

#include "cli_context.h"

#define AT(field) .offset = offsetof(ist_train_config, field)

static const cli_choice schedule_words[] = {{"constant", IST_LR_CONSTANT}, {"cosine", IST_LR_COSINE}, {NULL, 0}};
static const cli_choice state_words[] = {{"carried", IST_STATE_CARRIED}, {"reset", IST_STATE_RESET}, {NULL, 0}};

const cli_option cli_recipe_options[] = {
    {.name = "optimizer", .kind = CLI_CHOICE, AT(optimizer), .choices = cli_optimizer_words, .help = "of every subnet"},
    {.name = "lr",
     .value = "F|auto",
     .kind = CLI_REAL,
     AT(lr),
     .low = 0,
     .low_open = true,
     .high = 1e6,
     .word = "auto",
     .help = "step size at the start; auto: what suits the optimizer"},
    {.name = "lr-schedule",
     .kind = CLI_CHOICE,
     AT(schedule),
     .choices = schedule_words,
     .help = "of the step size over the whole run"},
    {.name = "momentum",
     .value = "F",
     .kind = CLI_REAL,
     AT(momentum),
     .low = 0,
     .high = 1,
     .high_open = true,
     .help = "of momentum and nesterov"},
    {.name = "beta1",
     .value = "F",
     .kind = CLI_REAL,
     AT(beta1),
     .low = 0,
     .high = 1,
     .high_open = true,
     .help = "of adam: memory of the mean"},
    {.name = "beta2",
     .value = "F",
     .kind = CLI_REAL,
     AT(beta2),
     .low = 0,
     .high = 1,
     .high_open = true,
     .help = "of adam: memory of the square"},
    {.name = "epsilon",
     .value = "F",
     .kind = CLI_REAL,
     AT(epsilon),
     .low = 1e-20,
     .high = 1,
     .help = "of adam: added to the root"},
    {.name = "weight-decay",
     .value = "F",
     .kind = CLI_REAL,
     AT(weight_decay),
     .low = 0,
     .high = -1,
     .help = "a step multiplies weights by 1 - lr F"},
    {.name = "state",
     .kind = CLI_CHOICE,
     AT(state),
     .choices = state_words,
     .help = "the optimizer's state moves with its neuron, or is zeroed each round"},
};

const size_t cli_recipe_option_count = sizeof cli_recipe_options / sizeof cli_recipe_options[0];
