/* cli_checkpoint.h - checkpoints of a run: when they are due, how many are kept, and going on from one.
 *
 * FILE is the newest, FILE.1 the one before, and so on; FILE.best (cli_best.h) is none of them.  At every moment, whoever is
 * killed when, FILE is a whole checkpoint of the run once there was one: the one before gets its second name by a hard link,
 * and the new file takes the first name by a rename.
 */
#ifndef IST_TOOLS_CLI_CHECKPOINT_H
#define IST_TOOLS_CLI_CHECKPOINT_H

#include "cli_json.h"
#include "cli_options.h"
#include "cli_position.h"

/* EPOCHS | auto | Nr | Ns | Nm | Nh */
typedef enum cli_unit { CLI_UNIT_EPOCHS, CLI_UNIT_ROUNDS, CLI_UNIT_SECONDS } cli_unit;
typedef struct cli_every {
    cli_unit unit;
    double amount; /* 0: only at the end; CLI_EVERY_AUTO: with every evaluation */
} cli_every;
enum { CLI_EVERY_AUTO = -1, CLI_PATH_BYTES = 4096 };

typedef struct cli_checkpoint {
    /* By options. */
    const char *path; /* NULL: none is written */
    cli_every every;
    int32_t keep; /* so many in all */
    const char *resume;
    bool any; /* or from an older one, when that is damaged or missing */
    /* Filled by the caller. */
    ist_context *context;
    ist_trainer *trainer;
    bool stops;            /* there is no room for a copy: the run stands still while one is written */
    cli_position position; /* of the log; part of each checkpoint */
    /* The rest is private, but for reading. */
    char resumed[CLI_PATH_BYTES]; /* the file that the trainer was resumed from; "": it is a fresh run */
    bool ours;                    /* what lies at `path` is whole, and of this run */
    bool begun;                   /* one is being written */
    bool late;                    /* one is due and waits for that */
    double due_s;                 /* by the clock of cli_wall_s; CLI_UNIT_SECONDS */
    int64_t written, failed;      /* by this process */
    double waited_s;              /* that the run stood still for them */
    bool no_links;                /* the file system cannot; told once */
} cli_checkpoint;

/* Offsets are those of cli_checkpoint. */
extern const cli_option cli_checkpoint_options[];
extern const size_t cli_checkpoint_option_count;

/* Is the memory that a background save needs to be taken with the trainer? */
bool cli_checkpoint_is_periodic(const cli_checkpoint *c);

/* Before the data are read: is there anything to resume from?  -1, or an exit status after a line. */
int cli_checkpoint_look(const cli_checkpoint *c);
/* The model in the checkpoint that a resume will take; NULL: in none. */
ist_model *cli_checkpoint_model(const cli_checkpoint *c, ist_context *context);
/* Go on from `resume`, or with `any` from the newest older one that is whole; fills `resumed` and the position.  verb: whose
 * options name what differs.  -1, or an exit status after a line. */
int cli_checkpoint_resume(cli_checkpoint *c, const cli_verb *verb);
/* The trainer was resumed elsewhere; back to `resumed`. */
ist_status cli_checkpoint_again(const cli_checkpoint *c);

/* The run begins: so does the interval. */
void cli_checkpoint_begin(cli_checkpoint *c);
/* By the clock, or because it was late; asked after every round, which takes about round_s seconds. */
bool cli_checkpoint_is_due(const cli_checkpoint *c, double round_s);
/* Write one while rounds go on.  by_clock: when the one before is still being written, put it off; else wait for that.  True: it
 * was begun.  A failure is told in a line; the run goes on, and the next one may succeed. */
bool cli_checkpoint_write(cli_checkpoint *c, bool by_clock);
/* Write one and wait.  path: another name than FILE (nothing is rotated), NULL: FILE.  -1, or an exit status after a line. */
int cli_checkpoint_write_now(cli_checkpoint *c, const char *path);
/* Wait for the one being written; a failure is told.  False: it failed. */
bool cli_checkpoint_end(cli_checkpoint *c);

/* Of the end event: {"written", "failed", "waited_s", "copy_s", "write_s", "write_cpu_s"}; null without checkpoints. */
json_t *cli_checkpoint_json(const cli_checkpoint *c);

#endif
