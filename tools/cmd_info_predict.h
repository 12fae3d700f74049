/* cmd_info_predict.h - what each method would take of time and bytes on the machine that ist info looks at. */
#ifndef IST_TOOLS_CMD_INFO_PREDICT_H
#define IST_TOOLS_CMD_INFO_PREDICT_H

#include "cli_rates.h"

enum { INFO_ALL_METHODS = -1, INFO_SGD = -2 }; /* beside IST_METHOD_* */

typedef struct info_question {
    const ist_context_config *machine;
    const json_t *report;        /* of its context */
    const ist_model_config *net; /* subnets set */
    const ist_train_config *run;
    int64_t rows;
    int32_t type, method; /* INFO_*, or IST_METHOD_* */
    double samples;       /* how many rows shall be trained on; 0: not asked */
    const char *predict;  /* "measure", or a file of rates */
    const char *rates_out;
} info_question;

/* {"rates": .., "methods": [..]}; NULL: a line was printed, and this is the exit status. */
json_t *info_predict(const info_question *question, int *exit_status);
void info_predict_print(const info_question *question, const json_t *predicted);

#endif
