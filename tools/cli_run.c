/* cli_run.c - a training run: stretches of rounds, evaluations and checkpoints between them, the log, the signals.
 *
 * Where a stretch ends is a function of the round alone, counted from the start of the whole run, so a resumed run
 * evaluates where the unbroken one did.  Times: `seconds` is what ist_trainer_run took, evaluation is counted apart,
 * wall_s is all since the tool began.
 *
 * Signals: the first of SIGINT, SIGTERM and SIGUSR1 asks the trainer to end its round; then the checkpoint is written and the
 * tool leaves with 128 plus the number.  The second leaves at once.  SIGUSR2 asks for a checkpoint, and the run goes on.  The
 * handlers touch statics and ist_trainer_stop, which may be called there.  A signal between two calls of ist_trainer_run is
 * not lost: on_round and the loop look at the flags, too.
 */
#define _POSIX_C_SOURCE 200809L
#include "cli_run.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli_goal.h"
#include "cli_number.h"
#include "cli_say.h"
#include "cli_teams.h"

enum { CAUGHT = 4 };
static const int caught_numbers[CAUGHT] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

static volatile sig_atomic_t caught_signal; /* that ends the run */
static volatile sig_atomic_t asked_to_save;
static ist_trainer *volatile running_trainer;

static void on_signal(int number)
{
    if (number == SIGUSR2) {
        asked_to_save = 1;
        if (running_trainer) ist_trainer_stop(running_trainer);
        return;
    }
    if (caught_signal) _exit(128 + number);
    caught_signal = number;
    if (running_trainer) ist_trainer_stop(running_trainer);
}

static void catch_signals(ist_trainer *trainer, struct sigaction old[CAUGHT])
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    caught_signal = asked_to_save = 0;
    running_trainer = trainer;
    for (int i = 0; i < CAUGHT; i++) sigaction(caught_numbers[i], &action, &old[i]);
}

static void release_signals(const struct sigaction old[CAUGHT])
{
    for (int i = 0; i < CAUGHT; i++) sigaction(caught_numbers[i], &old[i], NULL);
    running_trainer = NULL;
}

/* ------------------------------------------------------------------------------------------ what is told about -- */

static double rate(double amount, double seconds)
{
    return seconds > 0 ? amount / seconds : 0;
}

double cli_run_samples_per_s(const cli_run *run)
{
    return rate((double)(run->at.samples - run->begin.samples), run->at.seconds - run->begin.seconds);
}

double cli_run_gflops(const cli_run *run)
{
    return rate(run->at.flops - run->begin.flops, run->at.seconds - run->begin.seconds) / 1e9;
}

const char *cli_run_end_word(cli_end end)
{
    static const char *const word[] = {"finished", "target", "patience", "time", "signal", "diverged", "failed"};
    return word[end];
}

static const char *phase_word(int32_t phase)
{
    static const char *const word[] = {
        [IST_PHASE_SUBNETS] = "subnets", [IST_PHASE_WARMUP] = "warmup", [IST_PHASE_FULL_WIDTH] = "full-width"};
    return word[phase];
}

/* The keys of the log in the order that docs/man/ist.1 gives. */
static json_t *make_event(const cli_run *run, const char *event, double loss, const cli_split *split)
{
    const ist_progress *at = &run->at;
    json_t *o = json_object();
    json_object_set_new(o, "event", json_string(event));
    json_object_set_new(o, "round", json_integer(at->round));
    json_object_set_new(o, "phase", json_string(phase_word(at->phase)));
    json_object_set_new(o, "local_steps", json_integer(at->local_steps));
    json_object_set_new(o, "epoch", cli_json_real(at->epoch));
    json_object_set_new(o, "samples", json_integer(at->samples));
    json_object_set_new(o, "seconds", cli_json_real(at->seconds));
    json_object_set_new(o, "loss", cli_json_real(loss));
    if (split) {
        cli_goal_add(o, run->regresses, &split->result);
        cli_rank_add(o, &split->ranking, false);
        json_object_set_new(o, "split", json_string(split->name));
        json_object_set_new(o, "weights", json_string(run->averaged ? "average" : "master"));
    }
    json_object_set_new(o, "gather_s", cli_json_real(at->gather_s));
    json_object_set_new(o, "train_s", cli_json_real(at->train_s));
    json_object_set_new(o, "wait_s", cli_json_real(at->wait_s));
    json_object_set_new(o, "writeback_s", cli_json_real(at->writeback_s));
    json_object_set_new(o, "gflops", cli_json_real(cli_run_gflops(run)));
    json_object_set_new(o, "bytes_moved", cli_json_real(at->bytes_moved));
    json_object_set_new(o, "bytes_crossed", cli_json_real(at->bytes_crossed));
    cli_teams_add(o, run->trainer);
    json_object_set_new(o, "flops", cli_json_real(at->flops));
    json_object_set_new(o, "lr", cli_json_real(at->lr));
    json_object_set_new(o, "evaluate_s", cli_json_real(run->evaluate_s));
    json_object_set_new(o, "wall_s", cli_json_real(cli_wall_s()));
    return o;
}

json_t *cli_run_event(const cli_run *run, const char *event)
{
    /* The last split is what one quotes: test if there is one. */
    const bool known = run->split_count > 0 && run->evaluated_round >= 0;
    return make_event(run, event, run->at.loss, known ? &run->split[run->split_count - 1] : NULL);
}

/* "round 12/100  epoch 2.4  loss 0.1234  15,432 samples/s  210 GFLOP/s"; "warmup, round ..", where there are phases */
static void describe(const cli_run *run, char *out, size_t cap)
{
    char samples[CLI_NUMBER_BYTES];
    snprintf(out, cap, "%s%s%s%sround %lld/%lld  epoch %.2f  loss %.4f  %s samples/s  %.1f GFLOP/s", run->label,
             *run->label ? ": " : "", run->phases ? phase_word(run->at.phase) : "", run->phases ? ", " : "",
             (long long)run->at.round, (long long)run->at.rounds, run->at.epoch, run->at.loss,
             cli_show_count(samples, (int64_t)cli_run_samples_per_s(run)), cli_run_gflops(run));
}

static bool is_out_of_time(const cli_run *run)
{
    const double limit = run->best.time_limit_s;
    return limit > 0 && run->at.seconds - run->begin.seconds >= limit;
}

/* By the clock; rounds are taken to last as long as those so far. */
static bool is_checkpoint_due(const cli_run *run)
{
    return cli_checkpoint_is_due(
        &run->saves, rate(run->at.seconds - run->begin.seconds, (double)(run->at.round - run->begin.round)));
}

static int32_t on_round(void *user, const ist_progress *progress)
{
    cli_run *run = user;
    run->at = *progress;
    run->saves.position.events++;
    if (run->log->file) cli_log_write(run->log, make_event(run, "round", progress->loss, NULL));
    const bool right = cli_verify_after(&run->verify, run->trainer, run->log, progress);
    if (cli_progress_is_live()) {
        char text[256], left[CLI_NUMBER_BYTES];
        const double done = (double)(progress->round - run->begin.round);
        describe(run, text, sizeof text);
        cli_show_time(left, rate((double)(progress->rounds - progress->round), rate(done, progress->seconds)));
        cli_progress_show(false, "%s  %s left", text, left);
    }
    return caught_signal || asked_to_save || !right || is_out_of_time(run) || is_checkpoint_due(run);
}

/* ------------------------------------------------------------------------------------------------------- steps -- */

/* The same where rounds differ: `interval` is as many epochs as the mean round has, times that. */
static int64_t next_due_uneven(const cli_run *run, int64_t round, double interval)
{
    const double epochs = interval * run->epochs / (double)run->at.rounds;
    if (round >= run->at.rounds) return INT64_MAX;
    int64_t low = 0, high = (int64_t)((double)run->at.rounds / interval) + 2; /* times: done; more than the run has */
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (ist_trainer_rounds_until(run->trainer, (double)middle * epochs) > round) high = middle;
        else low = middle;
    }
    return ist_trainer_rounds_until(run->trainer, (double)high * epochs);
}

static int64_t next_due_even(int64_t round, double interval)
{
    const double times = floor((double)round / interval + 1e-9) + 1;
    const double due = ceil(times * interval - 1e-9);
    return due < 9e18 ? (int64_t)due : INT64_MAX;
}

/* The first round after `round` at which something is due that happens every `interval` rounds. */
static int64_t next_due(const cli_run *run, int64_t round, double interval)
{
    if (!(interval > 0)) return INT64_MAX;
    if (interval < 1) interval = 1;
    return run->uneven ? next_due_uneven(run, round, interval) : next_due_even(round, interval);
}

/* And the next checkpoint; INT64_MAX: the clock says when. */
static int64_t next_save(const cli_run *run, double eval_rounds, double epochs_to_rounds)
{
    const cli_every *every = &run->saves.every;
    if (!cli_checkpoint_is_periodic(&run->saves) || every->unit == CLI_UNIT_SECONDS) return INT64_MAX;
    if (every->unit == CLI_UNIT_ROUNDS) return next_due_even(run->at.round, every->amount);
    return next_due(run, run->at.round, every->amount < 0 ? eval_rounds : every->amount * epochs_to_rounds);
}

static int failed(cli_run *run, ist_status status, cli_direction direction)
{
    run->end = CLI_END_FAILED;
    return cli_library_failed(run->context, status, direction);
}

/* So that the weights of this round can be evaluated. */
static ist_status show_weights(cli_run *run)
{
    run->averaged = run->average ? run->at.averaged : 0;
    run->shown = run->averaged > 0 ? run->average : run->model;
    if (run->averaged > 0) return ist_trainer_average(run->trainer, run->average);
    const ist_status status = ist_trainer_calibrate(run->trainer);
    if (status == IST_OK) run->calibrated_round = run->at.round;
    return status;
}

static ist_status evaluate_splits(cli_run *run, const char *text, int count)
{
    ist_status status = IST_OK;
    for (int i = 0; status == IST_OK && i < count; i++) {
        cli_split *split = &run->split[i];
        cli_progress_show(true, "%s  evaluating %s ..", text, split->name);
        status = cli_rank(run->shown, split->data, NULL, &run->evaluate, &split->result, &split->ranking);
    }
    return status;
}

/* Beside a checkpoint of an end, or of an evaluation, one waits for its statistics, too, so that ist eval can be asked about
 * it; one without is better than none.  path: as cli_checkpoint_write_now.
 * -1, or an exit status after a line was printed; so are all below. */
static int save_with_statistics(cli_run *run, const char *path)
{
    if (run->calibrated_round != run->at.round && ist_trainer_calibrate(run->trainer) == IST_OK)
        run->calibrated_round = run->at.round;
    const int wrong = cli_checkpoint_write_now(&run->saves, path);
    if (wrong >= 0) run->end = CLI_END_FAILED;
    return wrong;
}

/* The evaluation that was just done, as a candidate. */
static int judge(cli_run *run, bool due)
{
    char path[CLI_PATH_BYTES];
    if (!cli_best_wanted(&run->best) || !cli_best_take(&run->best, &run->at, &run->split[0].result, due)) return -1;
    if (run->best.keep) {
        const ist_status status = ist_model_copy(run->best.model, run->shown);
        if (status != IST_OK) return failed(run, status, CLI_READING);
    }
    /* One that was not due is the result of this process, but no part of the run. */
    if (!due || !run->saves.path || !cli_best_path(path, sizeof path, run->saves.path)) return -1;
    run->best_saved = true;
    return save_with_statistics(run, path);
}

static int evaluate(cli_run *run, bool due)
{
    const double start_s = cli_wall_s();
    char text[512], words[64], more[128];
    describe(run, text, sizeof text);
    /* Where there is nothing to look at, statistics wait for the end. */
    const bool wanted = run->split_count > 0 || !due || run->at.round == run->at.rounds;
    ist_status status = wanted ? show_weights(run) : IST_OK;
    if (status == IST_OK) status = evaluate_splits(run, text, run->split_count);
    run->evaluate_s += cli_wall_s() - start_s;
    if (status != IST_OK) return failed(run, status, CLI_READING);
    run->evaluated_round = run->at.round;
    /* The last evaluation is made anew by whoever resumes behind it. */
    if (due && run->at.round < run->at.rounds) run->saves.position.events += run->split_count;
    for (int i = 0; i < run->split_count; i++) {
        const cli_split *split = &run->split[i];
        cli_log_write(run->log, make_event(run, "eval", split->result.loss, split));
        cli_goal_words(run->regresses, &split->result, words, sizeof words);
        const size_t kind = run->regresses ? 0 : strlen("accuracy "); /* which goes without saying */
        snprintf(more, sizeof more, "  %s %s (loss %.4f)", split->name, words + kind, split->result.loss);
        strncat(text, more, sizeof text - strlen(text) - 1);
    }
    if (!cli_is_quiet()) {
        cli_progress_clear();
        fprintf(stderr, "%s\n", text);
    }
    return judge(run, due);
}

/* What lies there is of another run. */
static void forget_old_best(const cli_run *run)
{
    char path[CLI_PATH_BYTES];
    if (cli_best_wanted(&run->best) && !run->best_saved && cli_best_path(path, sizeof path, run->saves.path))
        (void)remove(path);
}

/* While rounds go on. */
static void save_behind(cli_run *run, bool by_clock)
{
    asked_to_save = 0;
    if (!run->saves.path || run->saved_round == run->at.round) return;
    forget_old_best(run);
    if (cli_checkpoint_write(&run->saves, by_clock)) run->saved_round = run->at.round;
}

/* Nothing goes on before it is safe.  final: the run has ended, by itself or by an option; else it is interrupted, and there is
 * no time for statistics. */
static int save_now(cli_run *run, bool final)
{
    if (!run->saves.path) return -1;
    if (!cli_checkpoint_end(&run->saves)) run->saved_round = -1;
    if (run->saved_round == run->at.round) return -1;
    forget_old_best(run);
    const int wrong = final ? save_with_statistics(run, NULL) : cli_checkpoint_write_now(&run->saves, NULL);
    if (wrong < 0) run->saved_round = run->at.round;
    else run->end = CLI_END_FAILED;
    return wrong;
}

static const char *signal_name(int number)
{
    return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGUSR1";
}

static int interrupted(cli_run *run)
{
    const int number = caught_signal;
    const int wrong = save_now(run, false);
    if (wrong >= 0) return wrong;
    run->end = CLI_END_SIGNAL;
    run->signal = number;
    cli_note("stopped by %s after round %lld of %lld%s%s", signal_name(number), (long long)run->at.round,
             (long long)run->at.rounds,
             run->saves.path ? "; go on with the same command and --resume "
                             : " (without --checkpoint nothing is kept)",
             run->saves.path ? run->saves.path : "");
    return 128 + number;
}

/* Evaluations that are due in rounds after `round`, up to the present one. */
static int32_t count_due(const cli_run *run, int64_t round, double eval_rounds)
{
    int32_t count = 0;
    while ((round = next_due(run, round, eval_rounds)) <= run->at.round) count++;
    return count;
}

/* FILE.best, also of FILE.1, FILE.2, .. */
static bool best_beside(char path[CLI_PATH_BYTES], const char *checkpoint)
{
    char base[CLI_PATH_BYTES];
    if (!cli_best_path(path, CLI_PATH_BYTES, checkpoint)) return false;
    const char *dot = strrchr(checkpoint, '.');
    const size_t digits = dot ? strspn(dot + 1, "0123456789") : 0;
    if (access(path, F_OK) == 0 || digits == 0 || dot[1 + digits] != '\0') return true;
    snprintf(base, sizeof base, "%.*s", (int)(dot - checkpoint), checkpoint);
    return cli_best_path(path, CLI_PATH_BYTES, base);
}

/* The trainer is at the best round, and the log was then where the note says. */
static int copy_best(cli_run *run, const char *path)
{
    char normalize[128];
    const cli_position position = run->saves.position;
    cli_position_recall(&run->saves.position, run->trainer, normalize, sizeof normalize);
    const int wrong = save_with_statistics(run, path);
    run->saves.position = position;
    return wrong;
}

/* A resumed run learns what was the best so far from the checkpoint of that time. */
static int recall_best(cli_run *run, double eval_rounds)
{
    char path[CLI_PATH_BYTES], copy[CLI_PATH_BYTES];
    if (!cli_best_wanted(&run->best) || !*run->saves.resumed || !best_beside(path, run->saves.resume)) return -1;
    const bool evaluated = run->at.round == run->at.rounds || next_due(run, 0, eval_rounds) <= run->at.round;
    FILE *file = evaluated ? fopen(path, "rb") : NULL;
    if (evaluated && !file) {
        run->end = CLI_END_FAILED;
        return cli_unreadable("resume", path);
    }
    if (!evaluated) return -1;
    fclose(file);
    const double start_s = cli_wall_s();
    ist_status status = ist_trainer_resume(run->trainer, path);
    if (status == IST_OK) status = ist_trainer_progress(run->trainer, &run->at);
    if (status == IST_OK) status = show_weights(run);
    if (status == IST_OK) status = evaluate_splits(run, "the best so far", 1);
    if (status != IST_OK) return failed(run, status, CLI_READING);
    cli_best_take(&run->best, &run->at, &run->split[0].result, true);
    if (run->best.keep) status = ist_model_copy(run->best.model, run->shown);
    if (status != IST_OK) return failed(run, status, CLI_READING);
    if (run->saves.path && cli_best_path(copy, sizeof copy, run->saves.path) && strcmp(copy, path) != 0) {
        const int wrong = copy_best(run, copy);
        if (wrong >= 0) return wrong;
    }
    run->best_saved = true;
    run->calibrated_round = -1;
    status = cli_checkpoint_again(&run->saves);
    if (status == IST_OK) status = ist_trainer_progress(run->trainer, &run->at);
    if (status != IST_OK) return failed(run, status, CLI_READING);
    run->best.since = count_due(run, run->best.round, eval_rounds);
    run->evaluate_s += cli_wall_s() - start_s;
    cli_note("the best so far is of round %lld: %s %.4f", (long long)run->best.round, run->split[0].name,
             run->regresses ? run->best.result.loss : run->best.result.accuracy);
    return -1;
}

/* The net of the best round is the result. */
static int show_best(cli_run *run)
{
    if (!run->best.keep || run->best.round == run->evaluated_round) return -1;
    const double start_s = cli_wall_s();
    run->shown = run->best.model;
    run->averaged = run->best.averaged;
    const ist_status status = evaluate_splits(run, "the best", run->split_count);
    run->evaluate_s += cli_wall_s() - start_s;
    if (status != IST_OK) return failed(run, status, CLI_READING);
    run->evaluated_round = run->best.round;
    return -1;
}

/* What the last good round gave becomes the model; true: it is written. */
static bool keep_last_good(cli_run *run)
{
    if (!run->retry || run->retry->on_divergence == CLI_DIVERGED_STOP || !run->model_path || run->at.round == 0)
        return false;
    if (run->evaluated_round != run->at.round && evaluate(run, false) >= 0) return false;
    return show_best(run) < 0 && ist_model_save(run->shown, run->model_path) == IST_OK;
}

static int diverged(cli_run *run)
{
    char why[256]; /* a copy: saving may fail, too, and that has a line of its own */
    snprintf(why, sizeof why, "%s", ist_context_error(run->context));
    const bool saved = run->saves.path && save_now(run, true) < 0;
    const bool kept = keep_last_good(run);
    char model[64] = "; the model is not written";
    if (kept) snprintf(model, sizeof model, "; the model is that of round %lld", (long long)run->evaluated_round);
    run->end = CLI_END_DIVERGED;
    cli_error("diverged in round %lld (%s); try a smaller --lr%s%s%s", (long long)run->at.round + 1, why,
              run->model_path ? model : "", saved ? "; the state before that round is in " : "",
              saved ? run->saves.path : "");
    return CLI_FAILED;
}

static bool is_target_reached(const cli_run *run)
{
    const ist_evaluation *e = &run->split[0].result;
    return (run->target_accuracy > 0 && e->accuracy >= run->target_accuracy) ||
           (run->target_loss > 0 && e->loss <= run->target_loss);
}

static int train(cli_run *run)
{
    const double epochs_to_rounds = run->epochs > 0 ? (double)run->at.rounds / run->epochs : 0;
    const double tenth = fmax(1, (double)run->at.rounds / 10);
    const double eval_rounds = run->eval_every < 0 ? tenth : run->eval_every * epochs_to_rounds;
    int wrong = recall_best(run, eval_rounds);
    if (wrong >= 0) return wrong;

    while (run->at.round < run->at.rounds) {
        if (cli_best_is_hopeless(&run->best)) {
            run->end = CLI_END_PATIENCE;
            break;
        }
        const int64_t eval_at = next_due(run, run->at.round, eval_rounds);
        const int64_t save_at = next_save(run, eval_rounds, epochs_to_rounds);
        int64_t until = eval_at < save_at ? eval_at : save_at;
        if (until > run->at.rounds) until = run->at.rounds;
        cli_watchdog_watch(run->watchdog, true);
        const ist_status status =
            caught_signal ? IST_OK : ist_trainer_run(run->trainer, until - run->at.round, on_round, run);
        cli_watchdog_watch(run->watchdog, false);
        const ist_status asked = ist_trainer_progress(run->trainer, &run->at);
        if (run->verify.status != IST_OK) return failed(run, run->verify.status, CLI_READING);
        if (status == IST_E_DIVERGED && run->retry &&
            cli_retry_take(run->retry, run->trainer, ist_context_error(run->context), run->log)) {
            run->saved_round = -1; /* the state is another one */
            run->saves.position.events++;
            continue;
        }
        if (status == IST_E_DIVERGED) return diverged(run);
        if (status != IST_OK) return failed(run, status, CLI_READING);
        if (asked != IST_OK) return failed(run, asked, CLI_READING);
        if (run->at.round == run->at.rounds) break;
        if (run->at.round >= eval_at) {
            if ((wrong = evaluate(run, true)) >= 0) return wrong;
            if (is_target_reached(run)) {
                run->end = CLI_END_TARGET;
                break;
            }
        }
        if (caught_signal) return interrupted(run);
        if (is_out_of_time(run)) {
            run->end = CLI_END_TIME;
            break;
        }
        if (asked_to_save && !run->saves.path) cli_note("SIGUSR2: no --checkpoint to write to");
        const bool due = run->at.round >= save_at;
        if (due || asked_to_save || is_checkpoint_due(run)) save_behind(run, !due);
    }
    if (run->evaluated_round != run->at.round && (wrong = evaluate(run, run->at.round == run->at.rounds)) >= 0)
        return wrong;
    if ((wrong = save_now(run, true)) >= 0 || (wrong = show_best(run)) >= 0) return wrong;
    if (run->model_path) {
        const ist_status status = ist_model_save(run->shown, run->model_path);
        if (status != IST_OK) return failed(run, status, CLI_WRITING);
    }
    return CLI_DONE;
}

int cli_run_go(cli_run *run)
{
    struct sigaction old[CAUGHT];
    run->evaluated_round = run->saved_round = run->calibrated_round = -1;
    run->shown = run->model;
    run->end = CLI_END_FINISHED;
    run->begin = run->at = (ist_progress){.struct_size = sizeof(ist_progress)};
    const ist_status status = ist_trainer_progress(run->trainer, &run->at);
    if (status != IST_OK) return run->exit_status = failed(run, status, CLI_READING);
    run->begin = run->at;
    if (!cli_verify_after(&run->verify, run->trainer, run->log, &run->at))
        return run->exit_status = failed(run, run->verify.status, CLI_READING);
    cli_checkpoint_begin(&run->saves);
    catch_signals(run->trainer, old);
    run->exit_status = run->trace ? cli_trace_begin(run->trace, run->context) : -1;
    if (run->exit_status < 0) {
        run->watchdog = cli_watchdog_start(run->trainer, run->watchdog_s);
        run->exit_status = train(run);
        run->stalls = cli_watchdog_end(run->watchdog);
        const int wrong = run->trace ? cli_trace_end(run->trace, run->context) : -1;
        if (wrong >= 0 && run->exit_status == CLI_DONE) run->exit_status = wrong;
    }
    (void)cli_checkpoint_end(&run->saves); /* after a failure */
    release_signals(old);
    cli_progress_clear();
    return run->exit_status;
}
