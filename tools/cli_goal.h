/* cli_goal.h - what a net is trained for: classes, or a regression; its loss, and what is told of it. */
#ifndef IST_TOOLS_CLI_GOAL_H
#define IST_TOOLS_CLI_GOAL_H

#include "cli_json.h"
#include "cli_options.h"

enum { CLI_TARGETS_NONE, CLI_TARGETS_ZSCORE };

typedef struct cli_goal {
    int32_t loss; /* IST_LOSS_* */
    double huber_delta;
    int32_t targets;    /* CLI_TARGETS_*: how they are normalized */
    double target_loss; /* of the first split, where a run ends; 0: none */
} cli_goal;
/* clang-format off */
#define CLI_GOAL_INIT { IST_LOSS_CROSS_ENTROPY, 1.0, CLI_TARGETS_ZSCORE, 0.0 }
/* clang-format on */

/* Offsets are those of cli_goal. */
extern const cli_option cli_goal_options[];
extern const size_t cli_goal_option_count;

/* Options that do not go together; tells the net what it is for.  method: IST_METHOD_*.  -1, or an exit status after a line. */
int cli_goal_check(const cli_goal *goal, const cli_args *args, int32_t method, ist_model_config *net,
                   const ist_train_config *run);

/* So many outputs do these rows ask for: *outputs grows to a split's classes, and is a regression's number of targets, which
 * must be the same for all.  -1, or an exit status after a line that names --option and file. */
int cli_goal_fit(const cli_goal *goal, const char *option, const char *file, const ist_dataset *data, int32_t *outputs);

/* Is there something to tell apart?  -1, or an exit status after a line. */
int cli_goal_learnable(const cli_goal *goal, const char *file, int32_t outputs);

/* The model's targets are normalized by those of the training rows. */
ist_status cli_goal_normalize(const cli_goal *goal, ist_model *model, const ist_dataset *data);

/* "accuracy 0.9876", or "rmse 0.0123, R2 0.9987" */
/* Are the outputs numbers, not classes? */
bool cli_goal_regresses(const cli_goal *goal);
const char *cli_goal_words(bool regresses, const ist_evaluation *e, char *out, size_t cap);
/* Adds "accuracy", or "rmse" and "r2". */
void cli_goal_add(json_t *object, bool regresses, const ist_evaluation *e);

#endif
