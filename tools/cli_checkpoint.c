/* cli_checkpoint.c - checkpoints of a run: when they are due, how many are kept, and going on from one.
 *
 * A checkpoint that cannot be written does not end a run of days: a line tells it, and the next one is tried when it is due.  The
 * last one, at the end or after a signal, decides about the exit status.
 */
#define _POSIX_C_SOURCE 200809L
#include "cli_checkpoint.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_difference.h"
#include "cli_number.h"
#include "cli_output.h"

enum { KEEP_MOST = 1000 };

/* ----------------------------------------------------------------------------------------------------- options -- */

static bool parse_every(void *field, char *text, char *why, size_t cap)
{
    cli_every every = {CLI_UNIT_EPOCHS, CLI_EVERY_AUTO};
    const size_t len = strlen(text);
    const char last = (char)(len > 0 ? text[len - 1] : '\0');
    bool fits = true;
    if (last == 'r') {
        char number[64];
        every.unit = CLI_UNIT_ROUNDS;
        snprintf(number, sizeof number, "%.*s", (int)(len - 1 < sizeof number ? len - 1 : 0), text);
        fits = cli_parse_real(number, &every.amount) && every.amount >= 1 && every.amount <= 1e15 &&
               floor(every.amount) == every.amount;
    } else if (last != '\0' && strchr("smh", last)) {
        every.unit = CLI_UNIT_SECONDS;
        fits = cli_parse_seconds(text, &every.amount) && every.amount >= 0.01;
    } else if (strcmp(text, "auto") != 0) {
        fits = cli_parse_real(text, &every.amount) && every.amount >= 0 && every.amount <= 1e15;
    }
    if (!fits) {
        snprintf(
            why, cap,
            "is neither a number of epochs (0: only at the end) nor \"auto\", whole rounds such as 50r, or a time of "
            "0.01s or more such as 90s, 10m, 2h");
        return false;
    }
    *(cli_every *)field = every;
    return true;
}

static void show_every(const void *field, char *out, size_t cap)
{
    static const char *const letter[] = {"", "r", "s"};
    const cli_every *every = field;
    if (every->amount < 0) snprintf(out, cap, "auto");
    else snprintf(out, cap, "%.15g%s", every->amount, letter[every->unit]);
}

#define AT(field) .offset = offsetof(cli_checkpoint, field)

const cli_option cli_checkpoint_options[] = {
    {.name = "checkpoint",
     .value = "FILE",
     .kind = CLI_TEXT,
     AT(path),
     .help = "write the whole state of the run, also when a signal ends it"},
    {.name = "checkpoint-every",
     .value = "EPOCHS|Nr|Ns|Nm|Nh|auto",
     .kind = CLI_CUSTOM,
     AT(every),
     .parse = parse_every,
     .show = show_every,
     .help =
         "epochs, rounds, seconds, minutes or hours, while training goes on; auto: with every evaluation; 0: only at "
         "the end"},
    {.name = "keep",
     .value = "K",
     .kind = CLI_INT32,
     AT(keep),
     .low = 1,
     .high = KEEP_MOST,
     .help = "so many checkpoints in all: FILE, FILE.1 before it, .."},
    {.name = "resume",
     .value = "FILE",
     .kind = CLI_TEXT,
     AT(resume),
     .help = "go on from a checkpoint, bit for bit as if never stopped: the same command line and this"},
    {.name = "resume-any",
     .kind = CLI_FLAG,
     AT(any),
     .help = "with --resume: when FILE is damaged or missing, from the newest of FILE.1, FILE.2, .. that is whole"},
};
const size_t cli_checkpoint_option_count = sizeof cli_checkpoint_options / sizeof cli_checkpoint_options[0];

bool cli_checkpoint_is_periodic(const cli_checkpoint *c)
{
    return c->path && c->every.amount != 0;
}

/* FILE for 0, else FILE.N.  False: too long. */
static bool older(char out[CLI_PATH_BYTES], const char *path, int32_t number)
{
    const int need =
        number == 0 ? snprintf(out, CLI_PATH_BYTES, "%s", path) : snprintf(out, CLI_PATH_BYTES, "%s.%d", path, number);
    return need >= 0 && need < CLI_PATH_BYTES;
}

/* ---------------------------------------------------------------------------------------------------- resuming -- */

/* The first of FILE.1, FILE.2, .. from `number` on that is there; KEEP_MOST: none. */
static int32_t next_there(const char *path, int32_t number)
{
    char name[CLI_PATH_BYTES];
    while (number < KEEP_MOST && !(older(name, path, number) && access(name, F_OK) == 0)) number++;
    return number;
}

int cli_checkpoint_look(const cli_checkpoint *c)
{
    if (!c->resume) return -1;
    FILE *file = fopen(c->resume, "rb");
    if (!file && next_there(c->resume, 1) == KEEP_MOST) return cli_unreadable("resume", c->resume);
    if (file) fclose(file);
    return -1;
}

ist_model *cli_checkpoint_model(const cli_checkpoint *c, ist_context *context)
{
    char name[CLI_PATH_BYTES];
    ist_model *model = NULL;
    if (!c->resume || ist_model_load(context, &model, c->resume) == IST_OK) return model;
    for (int32_t n = next_there(c->resume, 1); n < KEEP_MOST; n = next_there(c->resume, n + 1))
        if (older(name, c->resume, n) && ist_model_load(context, &model, name) == IST_OK) return model;
    return NULL;
}

/* An option is another, or it is something else that the library says. */
static int resume_failed(const cli_checkpoint *c, ist_status status, const char *path, const cli_verb *verb)
{
    char text[320];
    ist_difference difference = {.struct_size = sizeof difference};
    if (status == IST_E_ARGUMENT && ist_trainer_difference(c->trainer, &difference) == IST_OK && *difference.field) {
        cli_error("%s (%s)", cli_difference_text(&difference, verb, text, sizeof text), path);
        return CLI_WRONG;
    }
    return cli_library_failed(c->context, status, CLI_READING);
}

static int check_normalize(const cli_checkpoint *c, const char *saved)
{
    const char *now = c->position.normalize;
    if (!*saved || strcmp(saved, now) == 0) return -1;
    cli_error("--normalize: the checkpoint has %s, this run %s (%s)", saved, now, c->resumed);
    return CLI_WRONG;
}

/* The newest is damaged or missing (`why`): is an older one whole? */
static int resume_older(cli_checkpoint *c, const cli_verb *verb, const char *why)
{
    for (int32_t n = next_there(c->resume, 1); n < KEEP_MOST; n = next_there(c->resume, n + 1)) {
        ist_progress at = {.struct_size = sizeof at};
        if (!older(c->resumed, c->resume, n)) break;
        const ist_status status = ist_trainer_resume(c->trainer, c->resumed);
        if (status == IST_E_FORMAT || status == IST_E_IO) continue;
        if (status != IST_OK) return resume_failed(c, status, c->resumed, verb);
        ist_trainer_progress(c->trainer, &at);
        if (!c->any) {
            cli_error("%s; %s is whole, after round %lld: --resume-any takes it", why, c->resumed, (long long)at.round);
            return CLI_BAD_DATA;
        }
        cli_note("%s; going on from %s, after round %lld", why, c->resumed, (long long)at.round);
        return -1;
    }
    cli_error("%s", why);
    return CLI_BAD_DATA;
}

int cli_checkpoint_resume(cli_checkpoint *c, const cli_verb *verb)
{
    char saved[128], why[512];
    if (!c->resume) return -1;
    if (!older(c->resumed, c->resume, 0)) return cli_wrong("--resume: the name is too long");
    const ist_status status = ist_trainer_resume(c->trainer, c->resume);
    int wrong = -1;
    if (status == IST_E_FORMAT || status == IST_E_IO) {
        snprintf(why, sizeof why, "%s", ist_context_error(c->context));
        wrong = resume_older(c, verb, why);
    } else if (status != IST_OK) {
        wrong = resume_failed(c, status, c->resume, verb);
    }
    if (wrong >= 0) return wrong;
    cli_position_recall(&c->position, c->trainer, saved, sizeof saved);
    c->ours = c->path && strcmp(c->path, c->resumed) == 0;
    return check_normalize(c, saved);
}

ist_status cli_checkpoint_again(const cli_checkpoint *c)
{
    return ist_trainer_resume(c->trainer, c->resumed);
}

/* ---------------------------------------------------------------------------------------------------- rotating -- */

/* Those from number `first` on, as far as they go: of a run with a larger --keep, or of another run. */
static void remove_from(const char *path, int32_t first)
{
    char name[CLI_PATH_BYTES];
    while (first < KEEP_MOST && older(name, path, first) && remove(name) == 0) first++;
}

/* Is what this run was resumed from FILE, or one of FILE.1, .. ? */
static bool resumed_beside(const cli_checkpoint *c)
{
    const size_t length = strlen(c->path);
    return strncmp(c->resumed, c->path, length) == 0 &&
           (c->resumed[length] == '\0' || (c->resumed[length] == '.' && strspn(c->resumed + length + 1, "0123456789") ==
                                                                            strlen(c->resumed + length + 1)));
}

/* The newest gets the name FILE.1, the others the next one each; it keeps the name FILE, too, until the new file takes that.
 * What cannot be resumed from is not kept: it would push out one that can. */
static void rotate(cli_checkpoint *c)
{
    char from[CLI_PATH_BYTES], to[CLI_PATH_BYTES];
    if (!c->ours) {
        if (!resumed_beside(c)) remove_from(c->path, 1);
        return;
    }
    if (!older(to, c->path, 1) || cli_same_file(c->path, to))
        return; /* a save failed, or was killed, behind its rotation */
    for (int32_t n = c->keep - 1; n > 1; n--)
        if (older(from, c->path, n - 1) && older(to, c->path, n)) (void)rename(from, to);
    if (c->keep > 1 && older(to, c->path, 1)) {
        (void)remove(to); /* with --keep 2 it is still there */
        if (link(c->path, to) != 0 && !c->no_links) {
            c->no_links = true;
            cli_note("--keep: %s: %s; only the newest checkpoint is kept", to, strerror(errno));
        }
    }
    remove_from(c->path, c->keep);
}

/* ----------------------------------------------------------------------------------------------------- writing -- */

static void set_due(cli_checkpoint *c)
{
    c->late = false;
    if (c->every.unit == CLI_UNIT_SECONDS) c->due_s = cli_wall_s() + c->every.amount;
}

/* So long before the interval is over the next file is begun, that it is whole when it is: nobody who is killed then loses more
 * than the interval.  A round may come between, and a file may take twice as long as those before it.  The first is begun at
 * half the interval, as nothing is known of it. */
static double ahead_s(const cli_checkpoint *c, double round_s)
{
    const double most = c->every.amount / 2;
    ist_saves sums = {.struct_size = sizeof sums};
    if (ist_trainer_saves(c->trainer, &sums) != IST_OK) return 0;
    const double safe = (double)(sums.count - sums.failed);
    return safe < 1 ? most : fmin(most, round_s + 2 * (sums.copy_s + sums.write_s) / safe);
}

void cli_checkpoint_begin(cli_checkpoint *c)
{
    set_due(c);
}

bool cli_checkpoint_is_due(const cli_checkpoint *c, double round_s)
{
    if (!c->path) return false;
    return c->late || (c->every.unit == CLI_UNIT_SECONDS && cli_wall_s() >= c->due_s - ahead_s(c, round_s));
}

static void told(cli_checkpoint *c)
{
    c->failed++;
    cli_error("%s; the run goes on without that checkpoint", ist_context_error(c->context));
}

/* How the one that was begun has ended: the library tells it once. */
static bool ended(cli_checkpoint *c, ist_status status)
{
    c->begun = false;
    if (status == IST_OK) {
        c->ours = true;
        c->written++;
    } else {
        told(c);
    }
    return status == IST_OK;
}

bool cli_checkpoint_end(cli_checkpoint *c)
{
    if (!c->begun) return true;
    const double began_s = cli_wall_s();
    const ist_status status = ist_trainer_save_end(c->trainer, 1, NULL);
    c->waited_s += cli_wall_s() - began_s;
    return ended(c, status);
}

/* Rotate where it is the newest, note the position, and save by `how`; what of it the run waited for is counted. */
static ist_status save(cli_checkpoint *c, const char *path, ist_status (*how)(ist_trainer *, const char *))
{
    const double began_s = cli_wall_s();
    if (path == c->path) rotate(c);
    ist_status status = cli_position_note(&c->position, c->trainer);
    if (status == IST_OK) status = how(c->trainer, path);
    c->waited_s += cli_wall_s() - began_s;
    return status;
}

bool cli_checkpoint_write(cli_checkpoint *c, bool by_clock)
{
    int32_t busy = 0;
    if (c->begun && by_clock) {
        const ist_status status = ist_trainer_save_end(c->trainer, 0, &busy);
        if (busy) {
            c->late = true; /* asked again after the next round */
            return false;
        }
        (void)ended(c, status);
    }
    (void)cli_checkpoint_end(c);
    const ist_status status = save(c, c->path, c->stops ? ist_trainer_save : ist_trainer_save_begin);
    set_due(c);
    if (c->stops || status != IST_OK) return ended(c, status);
    c->begun = true;
    return true;
}

int cli_checkpoint_write_now(cli_checkpoint *c, const char *path)
{
    (void)cli_checkpoint_end(c);
    const ist_status status = save(c, path ? path : c->path, ist_trainer_save);
    if (status != IST_OK) {
        c->failed++;
        return cli_library_failed(c->context, status, CLI_WRITING);
    }
    c->written++;
    if (path) return -1;
    c->ours = true;
    set_due(c);
    return -1;
}

json_t *cli_checkpoint_json(const cli_checkpoint *c)
{
    ist_saves sums = {.struct_size = sizeof sums};
    if (!c->path || ist_trainer_saves(c->trainer, &sums) != IST_OK) return json_null();
    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o}", "written", (json_int_t)c->written, "failed",
                     (json_int_t)c->failed, "waited_s", cli_json_real(c->waited_s), "copy_s",
                     cli_json_real(sums.copy_s), "write_s", cli_json_real(sums.write_s), "write_cpu_s",
                     cli_json_real(sums.write_cpu_s));
}
