/* cli_net.h - options of what the layers of a net do. */
#ifndef IST_TOOLS_CLI_NET_H
#define IST_TOOLS_CLI_NET_H

#include <ist/ist.h>

#include "cli_options.h"

/* Offsets are those of ist_model_config. */
extern const cli_option cli_net_options[];
extern const size_t cli_net_option_count;

extern const cli_choice cli_activation_words[];

/* Behind other words of a net: ", GELU"; "" where it is ReLU, or there is no hidden layer. */
const char *cli_activation_text(const ist_model_config *net);

#endif
