/* cli_net.c - norms, activation, scale of the logits. */
#include "cli_net.h"

#define AT(field) .offset = offsetof(ist_model_config, field)

static const cli_choice norm_words[] = {{"batch", IST_NORM_BATCH}, {"none", IST_NORM_NONE}, {NULL, 0}};
const cli_choice cli_activation_words[] = {
    {"relu", IST_RELU}, {"gelu", IST_GELU}, {"tanh", IST_TANH}, {"silu", IST_SILU}, {NULL, 0}};

const cli_option cli_net_options[] = {
    {.name = "norm", .kind = CLI_CHOICE, AT(hidden_norm), .choices = norm_words, .help = "of the hidden layers"},
    {.name = "activation",
     .kind = CLI_CHOICE,
     AT(activation),
     .choices = cli_activation_words,
     .help = "of the hidden layers; gelu is its tanh form"},
    {.name = "output-norm", .kind = CLI_CHOICE, AT(output_norm), .choices = norm_words, .help = "of the output"},
    {.name = "output-scale",
     .value = "F",
     .kind = CLI_REAL,
     AT(output_scale),
     .low = 1e-4,
     .high = 1e4,
     .help = "logits are this times what the output gives; stored in the model"},
};

const size_t cli_net_option_count = sizeof cli_net_options / sizeof cli_net_options[0];

const char *cli_activation_text(const ist_model_config *net)
{
    if (net->hidden_count == 0) return "";
    switch (net->activation) {
    case IST_GELU: return ", GELU";
    case IST_TANH: return ", tanh";
    case IST_SILU: return ", SiLU";
    default: return "";
    }
}
