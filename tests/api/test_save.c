/* Checkpoints that are written while rounds go on: the bytes of that moment, whatever comes meanwhile; failures are told once,
 * and nobody's threads, signals or files are touched. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fixture_run.h"

/* After `rounds` rounds, on some teams, begun and then trained over: the file that ist_trainer_save gives at that round. */
static void check_begun(const run_spec *spec, int64_t rounds)
{
    const char *path = scratch_path("begun.ist"), *whole = scratch_path("whole.ist");
    run r = run_open(spec);
    if (rounds > 0) run_go(&r, rounds);
    CHECK_EQ(ist_trainer_save(r.trainer, whole), IST_OK);
    CHECK_EQ(ist_trainer_save_begin(r.trainer, path), IST_OK);
    run_go(&r, 1); /* the master is another before the file is whole, or it is not: the copy is what counts */
    CHECK_EQ(ist_trainer_save_end(r.trainer, 1, NULL), IST_OK);
    file_check_same(file_read(path), file_read(whole));
    run_go(&r, 0);
    file_check_same(trainer_bytes(r.trainer), run_to_the_end(spec));
    run_close(&r);
}

TEST(begun_saves_are_the_bytes_of_their_round_with_every_array)
{
    for (int32_t optimizer = IST_SGD; optimizer <= IST_ADAM; optimizer++)
        for (int32_t state = IST_STATE_CARRIED; state <= IST_STATE_RESET; state++) {
            run_spec spec = run_spec_small();
            spec.train.optimizer = optimizer;
            spec.train.state = state;
            spec.teams = 2;
            spec.train.background_saves = state;
            check_begun(&spec, 1);
        }
    run_spec spec = run_spec_small();
    spec.teams = 3;
    spec.train.average_from = 0.3;
    spec.train.outer_momentum = 0.5;
    for (int64_t rounds = 0; rounds < 3; rounds++) check_begun(&spec, rounds); /* without a mean, then with one */
}

TEST(begun_saves_are_the_bytes_of_their_round_with_every_method)
{
    for (int32_t method = IST_METHOD_IST; method <= IST_METHOD_MASKED; method++) {
        run_spec spec = run_spec_wide(); /* more than a huge page of parameters: stripes of several teams */
        spec.train.method = method;
        spec.output_norm = IST_NORM_BATCH;
        spec.made_for = method == IST_METHOD_IST || method == IST_METHOD_ENSEMBLE ? 3 : 1;
        spec.train.subnets = 3;
        spec.hidden[0] = 1900;
        spec.hidden[1] = 600;
        spec.teams = 2;
        spec.threads = 2;
        check_begun(&spec, 1);
    }
    run_spec spec = run_spec_small();
    spec.train.repartition_fraction = 0.3;
    check_begun(&spec, 2);
}

TEST(one_save_at_a_time_and_each_is_whole)
{
    const run_spec spec = run_spec_wide();
    run r = run_open(&spec);
    char name[32];
    file_bytes at[4];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "save%d.ist", i);
        at[i] = trainer_bytes(r.trainer);
        CHECK_EQ(ist_trainer_save_begin(r.trainer, scratch_path(name)), IST_OK);
        if (i < 3) run_go(&r, 1);
    }
    CHECK_EQ(ist_trainer_save(r.trainer, scratch_path("last.ist")), IST_OK); /* waits, too */
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "save%d.ist", i);
        file_check_same(file_read(scratch_path(name)), at[i]);
    }
    ist_saves sums = {.struct_size = sizeof sums};
    CHECK_EQ(ist_trainer_saves(r.trainer, &sums), IST_OK);
    CHECK(sums.count == 4 && sums.failed == 0 && !sums.under_way);
    CHECK(sums.copy_s > 0 && sums.write_s > 0 && sums.write_cpu_s > 0);
    run_close(&r);
}

TEST(end_tells_whether_it_goes_on)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    int32_t busy = 7;
    CHECK_EQ(ist_trainer_save_end(r.trainer, 0, &busy), IST_OK);
    CHECK_EQ(busy, 0);
    CHECK_EQ(ist_trainer_save_end(r.trainer, 1, NULL), IST_OK);
    CHECK_EQ(ist_trainer_save_begin(r.trainer, scratch_path("poll.ist")), IST_OK);
    do {
        usleep(1000); /* it yields to whoever asks without pause */
        CHECK_EQ(ist_trainer_save_end(r.trainer, 0, &busy), IST_OK);
    } while (busy);
    CHECK_EQ(ist_trainer_save_end(r.trainer, 2, &busy), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_save_begin(r.trainer, NULL), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_save_begin(NULL, "x"), IST_E_ARGUMENT);
    run_close(&r);
}

/* A failure waits for the next who asks, is told once, and the old file stays. */
TEST(a_failed_save_is_told_once_and_leaves_the_old_file)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    char nowhere[700];
    snprintf(nowhere, sizeof nowhere, "%s/missing/run.ist", scratch_path("") ? scratch_folder : "");
    const char *path = scratch_path("kept.ist");
    CHECK_EQ(ist_trainer_save(r.trainer, path), IST_OK);
    file_bytes before = file_read(path);

    CHECK_EQ(ist_trainer_save_begin(r.trainer, nowhere), IST_OK);
    run_go(&r, 1);
    CHECK_EQ(ist_trainer_save_begin(r.trainer, path), IST_E_IO); /* and begins nothing */
    CHECK(strstr(ist_context_error(r.context), "missing/run.ist") != NULL);
    check_one_line(r.context);
    CHECK_EQ(ist_trainer_save_end(r.trainer, 1, NULL), IST_OK);
    file_check_same(before, file_read(path));

    CHECK_EQ(ist_trainer_save_begin(r.trainer, nowhere), IST_OK);
    CHECK_EQ(ist_trainer_save(r.trainer, path), IST_E_IO);
    CHECK_EQ(ist_trainer_save(r.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_save_begin(r.trainer, scratch_folder), IST_OK); /* a folder is no file */
    CHECK_EQ(ist_trainer_resume(r.trainer, path), IST_E_IO);
    CHECK_EQ(ist_trainer_resume(r.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_save_begin(r.trainer, nowhere), IST_OK);
    int32_t busy = 1;
    ist_status status = IST_OK;
    for (; status == IST_OK && busy; usleep(1000)) status = ist_trainer_save_end(r.trainer, 0, &busy);
    CHECK_EQ(status, IST_E_IO);
    ist_saves sums = {.struct_size = sizeof sums};
    CHECK_EQ(ist_trainer_saves(r.trainer, &sums), IST_OK);
    CHECK_EQ(sums.failed, 4);
    CHECK_EQ(ist_trainer_save_begin(r.trainer, nowhere), IST_OK); /* nobody asks */
    run_close(&r);
}

TEST(destroy_waits_for_the_file)
{
    run_spec spec = run_spec_wide();
    const char *path = scratch_path("destroyed.ist");
    run r = run_open(&spec);
    run_go(&r, 1);
    const file_bytes now = trainer_bytes(r.trainer);
    CHECK_EQ(ist_trainer_save_begin(r.trainer, path), IST_OK);
    run_close(&r);
    file_check_same(now, file_read(path));
}

/* A child has no such thread: it may destroy, and the parent's file is not harmed. */
TEST(a_child_may_destroy_while_the_parent_saves)
{
    run_spec spec = run_spec_wide();
    const char *path = scratch_path("parent.ist");
    run r = run_open(&spec);
    const file_bytes now = trainer_bytes(r.trainer);
    CHECK_EQ(ist_trainer_save_begin(r.trainer, path), IST_OK);
    const pid_t child = fork();
    if (child == 0) {
        ist_trainer_destroy(r.trainer);
        _exit(0);
    }
    int status = 1;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(ist_trainer_save_end(r.trainer, 1, NULL), IST_OK);
    file_check_same(now, file_read(path));
    run_close(&r);
}

/* --------------------------------------------------------------------------------------------- what is left alone -- */

static volatile sig_atomic_t handled;
static pthread_t handled_by;
static void on_usr1(int number)
{
    (void)number;
    handled_by = pthread_self();
    handled = 1;
}

TEST(masks_and_signals_of_the_caller_stay_and_no_handler_runs_in_the_writer)
{
    const run_spec spec = run_spec_wide();
    run r = run_open(&spec);
    sigset_t mask, before, after;
    cpu_set_t cpus, cpus_after;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &mask, NULL), 0);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
    CHECK_EQ(sched_getaffinity(0, sizeof cpus, &cpus), 0);
    struct sigaction action = {.sa_handler = on_usr1};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(ist_trainer_save_begin(r.trainer, scratch_path("signals.ist")), IST_OK);
        handled = 0;
        kill(getpid(), SIGUSR1); /* of all threads that have it open the kernel picks one */
        while (!handled) sched_yield();
        CHECK(pthread_equal(handled_by, pthread_self()));
    }
    CHECK_EQ(ist_trainer_save_end(r.trainer, 1, NULL), IST_OK);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
    CHECK_EQ(sched_getaffinity(0, sizeof cpus_after, &cpus_after), 0);
    for (int i = 1; i < 32; i++) CHECK_EQ(sigismember(&before, i), sigismember(&after, i));
    CHECK(CPU_EQUAL(&cpus, &cpus_after));
    run_close(&r);
}

/* What killed writers of this path left goes; what is another's, or is being written, stays. */
TEST(leftovers_of_this_path_alone_are_removed)
{
    const run_spec spec = run_spec_small();
    run r = run_open(&spec);
    static const char *const gone[] = {".s.ist.tmp.1.0", ".s.ist.tmp.99999.12"};
    static const char *const stay[] = {".s.ist.tmp.x.0", ".s.ist.tmp.1",     ".s.ist.tmp.1.0x", "s.ist.tmp.1.0",
                                       ".t.ist.tmp.1.0", ".s.ist.1.tmp.1.0", ".s.ist.tmp.1.",   ".s.ist.tmp..1"};
    for (int i = 0; i < 2; i++) file_write(scratch_path(gone[i]), "x", 1);
    for (int i = 0; i < 8; i++) file_write(scratch_path(stay[i]), "x", 1);
    const char *busy = scratch_path(".s.ist.tmp.7.0");
    file_write(busy, "x", 1);
    FILE *held = fopen(busy, "r");
    CHECK(held != NULL);
    CHECK_EQ(flock(fileno(held), LOCK_EX), 0);
    CHECK_EQ(mkdir(scratch_path(".s.ist.tmp.8.0"), 0777), 0);
    CHECK_EQ(ist_trainer_save_begin(r.trainer, scratch_path("s.ist")), IST_OK);
    CHECK_EQ(ist_trainer_save_end(r.trainer, 1, NULL), IST_OK);
    for (int i = 0; i < 2; i++) CHECK(access(scratch_path(gone[i]), F_OK) != 0);
    for (int i = 0; i < 8; i++) CHECK_EQ(access(scratch_path(stay[i]), F_OK), 0);
    CHECK_EQ(access(busy, F_OK), 0);
    CHECK_EQ(rmdir(scratch_path(".s.ist.tmp.8.0")), 0);
    fclose(held);
    CHECK_EQ(ist_trainer_save(r.trainer, scratch_path("s.ist")), IST_OK);
    CHECK(access(busy, F_OK) != 0);
    run_close(&r);
}

/* ------------------------------------------------------------------------------------------------------- notes -- */

TEST(notes_go_with_checkpoints_and_come_back)
{
    const run_spec spec = run_spec_small();
    const char *path = scratch_path("noted.ist"), *plain = scratch_path("plain.ist");
    char text[IST_NOTE_BYTES + 1], got[IST_NOTE_BYTES];
    size_t need = 99;
    memset(text, 'n', sizeof text);
    run r = run_open(&spec), s = run_open(&spec);
    CHECK_EQ(ist_trainer_save(r.trainer, plain), IST_OK);
    CHECK_EQ(ist_trainer_note(r.trainer, NULL, 0, &need), IST_OK);
    CHECK_EQ(need, 0);
    CHECK_EQ(ist_trainer_set_note(r.trainer, text, sizeof text), IST_E_ARGUMENT);
    CHECK_EQ(ist_trainer_set_note(r.trainer, NULL, 1), IST_E_ARGUMENT);
    static const size_t counts[] = {1, 5, IST_NOTE_BYTES};
    for (int i = 0; i < 3; i++) {
        text[0] = (char)('a' + i);
        CHECK_EQ(ist_trainer_set_note(r.trainer, text, counts[i]), IST_OK);
        CHECK_EQ(ist_trainer_save_begin(r.trainer, path), IST_OK);
        CHECK_EQ(ist_trainer_set_note(r.trainer, "later", 5), IST_OK); /* too late for that file */
        CHECK_EQ(ist_trainer_save_end(r.trainer, 1, NULL), IST_OK);
        CHECK_EQ(ist_trainer_resume(s.trainer, path), IST_OK);
        CHECK_EQ(ist_trainer_note(s.trainer, got, counts[i] - 1, &need), IST_OK);
        CHECK_EQ(need, counts[i]);
        CHECK_EQ(ist_trainer_note(s.trainer, got, sizeof got, &need), IST_OK);
        CHECK(memcmp(got, text, counts[i]) == 0);
        file_check_same(trainer_bytes(s.trainer), file_read(path)); /* it is kept */
        ist_model *model = NULL;
        CHECK_EQ(ist_model_load(s.context, &model, path), IST_OK); /* who does not want it */
        ist_model_destroy(model);
    }
    CHECK_EQ(ist_trainer_resume(s.trainer, plain), IST_OK);
    CHECK_EQ(ist_trainer_note(s.trainer, got, sizeof got, &need), IST_OK);
    CHECK_EQ(need, 0);
    CHECK_EQ(ist_trainer_set_note(r.trainer, NULL, 0), IST_OK);
    file_check_same(trainer_bytes(r.trainer), file_read(plain)); /* a file without one is as it ever was */
    run_close(&r);
    run_close(&s);
}

TEST(a_damaged_note_is_refused_and_changes_nothing)
{
    run_spec spec = run_spec_small();
    const char *path = scratch_path("note.ist"), *bad = scratch_path("bad.ist");
    run r = run_open(&spec);
    CHECK_EQ(ist_trainer_save(r.trainer, path), IST_OK);
    file_bytes plain = file_read(path);
    CHECK_EQ(ist_trainer_set_note(r.trainer, "mine", 4), IST_OK);
    CHECK_EQ(ist_trainer_save(r.trainer, path), IST_OK);
    file_bytes noted = file_read(path);
    CHECK_EQ(noted.count, plain.count + 16 + 4 + 4);
    for (size_t at = plain.count; at < noted.count; at++) {
        noted.data[at] ^= 1;
        file_write(bad, noted.data, noted.count);
        CHECK_EQ(ist_trainer_resume(r.trainer, bad), IST_E_FORMAT);
        noted.data[at] ^= 1;
        file_write(bad, noted.data, at);
        CHECK_EQ(ist_trainer_resume(r.trainer, bad), IST_E_FORMAT);
    }
    file_check_same(trainer_bytes(r.trainer), noted);
    file_free(&plain);
    run_close(&r);
}

/* --------------------------------------------------------------------------------------------- statistics afterwards -- */

TEST(a_checkpoint_without_statistics_gets_those_of_the_trainer)
{
    const run_spec spec = run_spec_small();
    const char *path = scratch_path("bare.ist");
    run r = run_open(&spec);
    run_go(&r, 2);
    CHECK_EQ(ist_trainer_save_begin(r.trainer, path), IST_OK);
    CHECK_EQ(ist_trainer_calibrate(r.trainer), IST_OK); /* too late for that file */
    CHECK_EQ(ist_trainer_save_end(r.trainer, 1, NULL), IST_OK);
    ist_model *model = NULL;
    CHECK_EQ(ist_model_load(r.context, &model, path), IST_OK);
    ist_evaluation a = IST_EVALUATION_INIT, b = IST_EVALUATION_INIT;
    CHECK_EQ(ist_model_evaluate(model, r.dataset, NULL, &a), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_calibrate(model, r.dataset, 0, 1), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_calibrate(model, NULL, 5, 1), IST_E_ARGUMENT);
    CHECK_EQ(ist_model_calibrate(model, r.dataset, spec.train.calibration_batches * spec.train.batch, spec.train.seed),
             IST_OK);
    CHECK_EQ(ist_model_evaluate(model, r.dataset, NULL, &a), IST_OK);
    CHECK_EQ(ist_model_evaluate(r.model, r.dataset, NULL, &b), IST_OK);
    CHECK(a.loss == b.loss && a.correct == b.correct);
    ist_model_destroy(model);
    run_close(&r);
}
