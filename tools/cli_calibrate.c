/* cli_calibrate.c - statistics of batch norm for a file that has none.
 *
 * Why there are such files: a checkpoint that is written while a run goes on does not stop it for measuring them.
 */
#include "cli_calibrate.h"

#include <string.h>

#include "cli_context.h"

#define AT(field) .offset = offsetof(cli_calibrate, field)

const cli_calibrate cli_calibrate_init = {.rows = 2048, .seed = 1};

const cli_option cli_calibrate_options[] = {
    {.name = "calibrate",
     .value = "X",
     .kind = CLI_TEXT,
     AT(x),
     .help =
         "measure the statistics of batch norm on these features, those of the training rows: for a checkpoint that "
         "has none"},
    {.name = "calibrate-rows",
     .value = "N",
     .kind = CLI_INT64,
     AT(rows),
     .low = 1,
     .high = 9007199254740992.0,
     .help = "on so many of them; calibration batches times batch of ist train"},
    {.name = "calibrate-seed", .value = "S", .kind = CLI_UINT64, AT(seed), .help = "which; the seed of ist train"},
};
const size_t cli_calibrate_option_count = sizeof cli_calibrate_options / sizeof cli_calibrate_options[0];

int cli_calibrate_model(const cli_calibrate *c, const cli_rows *rows, ist_context *context, ist_model *model)
{
    if (!c->x) return -1;
    int wrong = -1;
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    ist_model_describe(model, &net);
    ist_dataset *data = cli_dataset_open(context, c->x, NULL, rows, CLI_ROWS_ALONE, net.features, &wrong);
    if (!data) return wrong;
    const ist_status status = ist_model_calibrate(model, data, c->rows, c->seed);
    ist_dataset_destroy(data);
    return status == IST_OK ? -1 : cli_library_failed(context, status, CLI_READING);
}

int cli_calibrate_failed(const ist_context *context, ist_status status, const char *path)
{
    if (status != IST_E_ARGUMENT || !strstr(ist_context_error(context), "no statistics of batch norm")) {
        return cli_library_failed(context, status, CLI_READING);
    }
    cli_error(
        "%s has no statistics of batch norm for its weights, as a checkpoint between two evaluations: measure them "
        "with --calibrate X, the features it was trained on",
        path);
    return CLI_WRONG;
}
