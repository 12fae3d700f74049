/* cli_difference.h - what a checkpoint and a command line disagree about, in words of the command line. */
#ifndef IST_TOOLS_CLI_DIFFERENCE_H
#define IST_TOOLS_CLI_DIFFERENCE_H

#include "cli_options.h"

/* "--lr: the checkpoint has 0.1, this run 0.3".  Returns `out`. */
const char *cli_difference_text(const ist_difference *difference, const cli_verb *verb, char *out, size_t cap);

#endif
