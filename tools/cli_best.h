/* cli_best.h - which weights of a run count: the best evaluation on the valid split so far, when to stop for want of a
 * better one, or of time.
 *
 * What is known of the best must survive a break.  Beside a checkpoint FILE lies FILE.best, itself a checkpoint: the run as it
 * was at the best evaluation.  It is written when that is found, so it may be ahead of FILE, never behind; a resumed run reads
 * it first, measures its accuracy anew, and counts evaluations since by the round, as they are due by the round.
 */
#ifndef IST_TOOLS_CLI_BEST_H
#define IST_TOOLS_CLI_BEST_H

#include "cli_json.h"
#include "cli_options.h"

typedef struct cli_best {
    /* By options. */
    bool keep;           /* its weights are what the run gives */
    int32_t patience;    /* end after so many evaluations without a better one; 0: never */
    double time_limit_s; /* inside training, of this process; 0: none */
    bool by_loss;        /* filled by the caller: a regression has no accuracy */
    ist_model *model;    /* filled by the caller: room for the best weights, where `keep` */
    /* Found so far. */
    int64_t round; /* 0: none yet */
    double epoch;
    int64_t averaged; /* the weights were the mean over so many rounds; 0: the master */
    ist_evaluation result;
    int32_t since; /* evaluations that were due behind it */
} cli_best;

/* Offsets are those of cli_best. */
extern const cli_option cli_best_options[];
extern const size_t cli_best_option_count;

/* Does anybody ask for the best evaluation? */
bool cli_best_wanted(const cli_best *best);
/* An evaluation that was due, or not; true: it is the best so far, and the caller keeps what belongs to it. */
bool cli_best_take(cli_best *best, const ist_progress *at, const ist_evaluation *result, bool due);
bool cli_best_is_hopeless(const cli_best *best);

/* FILE.best; "" for NULL, false for a name that is too long. */
bool cli_best_path(char *out, size_t cap, const char *checkpoint);

/* {"round", "epoch", "accuracy", "loss", "weights"} of the valid split, null when there is none.  A new reference. */
json_t *cli_best_json(const cli_best *best);

#endif
