/* cli_retry.c - what becomes of a run whose loss or weights are no longer finite.
 *
 * A round that fails is written back by nobody, so the run stands where it stood before, and the same round would fail in
 * the same way.  With a smaller learning rate it is another one.  How often that was done is part of the run's state: a
 * resumed run has no more retries than the unbroken one.
 */
#include "cli_retry.h"

#include <stddef.h>

#include "cli_say.h"

static const cli_choice divergence_words[] = {
    {"stop", CLI_DIVERGED_STOP}, {"keep", CLI_DIVERGED_KEEP}, {"retry", CLI_DIVERGED_RETRY}, {NULL, 0}};

#define AT(field) .offset = offsetof(cli_retry, field)

const cli_option cli_retry_options[] = {
    {.name = "on-divergence",
     .kind = CLI_CHOICE,
     AT(on_divergence),
     .choices = divergence_words,
     .help = "when loss or weights are not finite: stop without a model; keep: stop, and write that of the last good "
             "round (or the best); retry: go back to that round and on with a smaller step, then keep"},
    {.name = "retries",
     .value = "N",
     .kind = CLI_INT32,
     AT(retries),
     .low = 1,
     .high = 1000,
     .help = "of the whole run"},
    {.name = "retry-lr-factor",
     .value = "F",
     .kind = CLI_REAL,
     AT(lr_factor),
     .low = 1e-6,
     .high = 0.999,
     .help = "each retry multiplies the step size by F from there on"},
};
const size_t cli_retry_option_count = sizeof cli_retry_options / sizeof cli_retry_options[0];

int cli_retry_check(const cli_retry *retry, const cli_args *args)
{
    if (retry->on_divergence == CLI_DIVERGED_RETRY) return -1;
    if (cli_was_given(args, "retries")) return cli_wrong("--retries: needs --on-divergence retry");
    if (cli_was_given(args, "retry-lr-factor")) return cli_wrong("--retry-lr-factor: needs --on-divergence retry");
    return -1;
}

bool cli_retry_take(const cli_retry *retry, ist_trainer *trainer, const char *why, cli_log *log)
{
    ist_progress at = {.struct_size = sizeof at};
    if (retry->on_divergence != CLI_DIVERGED_RETRY || ist_trainer_progress(trainer, &at) != IST_OK ||
        at.lr_scalings >= retry->retries)
        return false;
    char line[256]; /* a copy: the next call may have a line of its own */
    snprintf(line, sizeof line, "%s", why);
    if (ist_trainer_scale_lr(trainer, retry->lr_factor) != IST_OK || ist_trainer_progress(trainer, &at) != IST_OK)
        return false;
    cli_note("diverged in round %lld (%s); retry %lld of %d from round %lld on, with %.6g of the step size",
             (long long)at.round + 1, line, (long long)at.lr_scalings, (int)retry->retries, (long long)at.round,
             at.lr_scale);
    if (log->file)
        cli_log_write(log,
                      json_pack("{s:s, s:I, s:I, s:i, s:o, s:s, s:o}", "event", "retry", "round", (json_int_t)at.round,
                                "retry", (json_int_t)at.lr_scalings, "retries", (int)retry->retries, "lr_scale",
                                cli_json_real(at.lr_scale), "why", line, "wall_s", cli_json_real(cli_wall_s())));
    return true;
}
