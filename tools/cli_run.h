/* cli_run.h - a training run: stretches of rounds, evaluations and checkpoints between them, the log, the signals. */
#ifndef IST_TOOLS_CLI_RUN_H
#define IST_TOOLS_CLI_RUN_H

#include "cli_best.h"
#include "cli_checkpoint.h"
#include "cli_rank.h"
#include "cli_retry.h"
#include "cli_trace.h"
#include "cli_verify.h"
#include "cli_watchdog.h"

typedef struct cli_split {
    const char *name; /* "valid", "test" */
    const ist_dataset *data;
    ist_evaluation result; /* of the last evaluation */
    ist_ranking ranking;   /* likewise; rows 0: nothing is ranked */
} cli_split;

enum { CLI_MAX_SPLITS = 2 };

typedef enum cli_end {
    CLI_END_FINISHED,
    CLI_END_TARGET,
    CLI_END_PATIENCE,
    CLI_END_TIME,
    CLI_END_SIGNAL,
    CLI_END_DIVERGED,
    CLI_END_FAILED
} cli_end;

typedef struct cli_run {
    /* Filled by the caller. */
    ist_context *context;
    ist_model *model;
    ist_trainer *trainer;
    ist_model *average;              /* room for the mean over rounds, of a run that has one; NULL: it has none */
    cli_split split[CLI_MAX_SPLITS]; /* target_* look at the first */
    int split_count;
    ist_evaluate_config evaluate;
    double epochs;          /* of the whole run */
    bool phases;            /* it has some at full width: told in each line */
    bool uneven;            /* its rounds have more or fewer samples: phases, or a schedule of local steps */
    double eval_every;      /* epochs; 0: only at the end; CLI_EVERY_AUTO: ten times in all */
    double target_accuracy; /* of the first split; 0: none */
    double target_loss;     /* likewise */
    bool regresses;         /* the net has targets, not classes */
    cli_checkpoint saves;   /* the trainer was resumed already, where it was */
    cli_best best;
    double watchdog_s;      /* told when nothing has moved for so long; 0: never */
    const cli_retry *retry; /* NULL: a run that diverges stops */
    const char *model_path; /* written at the end of a run that went well; NULL: none */
    const char *label;      /* before the progress line, "" for none */
    cli_log *log;
    const cli_trace *trace; /* NULL: no timeline */
    cli_verify verify;      /* `every` is filled by the caller */

    /* Where it ended. */
    ist_progress begin, at; /* before the first and after the last round of this process */
    int64_t evaluated_round, saved_round, calibrated_round;
    bool best_saved;   /* beside the checkpoint lies the best of this run */
    ist_model *shown;  /* what was evaluated: the model, its mean over rounds, or the best so far; it is the result */
    int64_t averaged;  /* of so many rounds; 0: it is the master */
    double evaluate_s; /* calibration and evaluation, not in at.seconds */
    cli_end end;
    int signal;
    cli_watchdog *watchdog;
    int stalls; /* times that it told */
    int exit_status;
} cli_run;

/* Returns run->exit_status.  SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 are caught from here to the return only. */
int cli_run_go(cli_run *run);

/* Rates of this process, a resumed run's earlier part not counted. */
double cli_run_samples_per_s(const cli_run *run);
double cli_run_gflops(const cli_run *run);
/* Why it ended, as a word: finished, target, patience, time, signal, diverged, failed. */
const char *cli_run_end_word(cli_end end);
/* {"event": .., "round": .., ...} with the sums so far; the caller adds the rest.  A new reference. */
json_t *cli_run_event(const cli_run *run, const char *event);

#endif
