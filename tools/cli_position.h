/* cli_position.h - how far the log is when a checkpoint is written, so that a resumed run's log reads as if it had never
 * stopped.
 *
 * Lines that belong to the run are counted: those of its rounds, of evaluations that are due by the round,
 * and of retries.  Others are of
 * a process: start, end, placement, and an evaluation because the process ends.  Each start line has the count before it.
 */
#ifndef IST_TOOLS_CLI_POSITION_H
#define IST_TOOLS_CLI_POSITION_H

#include "cli_json.h"

typedef struct cli_position {
    int64_t events;        /* lines of the run so far, whether there is a log or not; -1: the checkpoint did not tell */
    const char *normalize; /* the option's text, which is in no other part of a checkpoint */
} cli_position;

/* Into the next checkpoints of the trainer. */
ist_status cli_position_note(const cli_position *position, ist_trainer *trainer);
/* From the checkpoint that the trainer was resumed from.  saved_normalize: out, (cap), "": not told. */
void cli_position_recall(cli_position *position, const ist_trainer *trainer, char *saved_normalize, size_t cap);

/* Open the log of a resumed run: what it has beyond the position is cut off.  A log that is not there is begun anew; so is
 * none that is no regular file.  -1, or an exit status after a line: it cannot be opened, or is not that run's log up to
 * there, and then it is not touched. */
int cli_position_open_log(const cli_position *position, cli_log *log, const char *path, const ist_progress *at);

#endif
