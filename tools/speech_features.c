/* speech_features.c - the command speech-features: a folder of recorded words -> log-mel features in idx files.
 *
 * What.  speech_catalogue.c says which clips there are and how they are split, speech_wav.c reads a clip, logmel.c
 * turns it into 128 x 32 numbers, speech_idx.c writes the files so that all appear or none.  This file is the command
 * line and the loop between them.
 *
 * The loop.  Clips go through in chunks: a chunk's clips are done in parallel, each into its own place, then the chunk
 * is written in file order.  So the bytes do not depend on the number of threads, and 105,000 clips (430 MB of output)
 * need 2 MB here.  Of several bad files the first in file order is told, for the same reason.
 */
#define _POSIX_C_SOURCE 200809L
#include "logmel.h"
#include "speech_catalogue.h"
#include "speech_common.h"
#include "speech_idx.h"
#include "speech_wav.h"

#include <getopt.h>
#include <omp.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK_CLIPS = 512, THREADS_MAX = 1024 };

static const char *const split_name[SPLITS] = {"train", "valid", "test"};

static const char help_text[] =
    "usage: speech-features [options] FOLDER OUTDIR\n"
    "\n"
    "Turns recorded words, FOLDER/<word>/<speaker>_nohash_<take>.wav, into log-mel features for ist:\n"
    "OUTDIR/{train,valid,test}-features.idx3 (clips, 128 mels, 32 frames), -labels.idx1 and classes.txt.\n"
    "A clip is cut, or padded with zeros, to one second. validation_list.txt and testing_list.txt in\n"
    "FOLDER decide the splits if either is there; else a hash of the speaker's name does.\n"
    "\n"
    "  --levels N       quantise 0 .. -80 dB to N levels, 2 to 256 (256)\n"
    "  --rate HZ        sample rate of all files, 8000 to 48000 (16000); nothing is resampled\n"
    "  --valid PERCENT  of the speakers, where there are no lists (10)\n"
    "  --test PERCENT   of the speakers, where there are no lists (10)\n"
    "  --gz             write compressed files, .gz\n"
    "  --threads N      threads (all cores); the output does not depend on it\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 command line wrong, 3 a data file is bad.\n";

typedef struct {
    int levels, rate, gz, threads, split_given;
    double valid_percent, test_percent;
    const char *folder, *out;
} options;

/* One run: what it works on and how far it is. */
typedef struct {
    const options *given;
    catalogue all;
    output_set output;
    logmel *mel;
    int threads;
    struct lane { /* what a thread needs for itself */
        logmel_work *work;
        float *clip, *db; /* (samples), (features) */
    } * lane;
    size_t features;        /* of a clip */
    unsigned char *chunk;   /* (CHUNK_CLIPS, features) */
    failure *chunk_failure; /* (CHUNK_CLIPS) */
    size_t clips_done;
    int on_terminal;
    double started_s, told_s; /* told: when the progress line was last written */
} job;

static volatile sig_atomic_t stop_signal; /* a signal handler can be given nothing else to write to */

static void on_signal(int number)
{
    stop_signal = number;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- the command line ---- */

static int parse_percent(const char *option, const char *text, double *value, failure *why)
{
    char *end;
    *value = strtod(text, &end);
    if (end == text || *end || !(*value >= 0 && *value < 100))
        return fail(why, EXIT_USAGE, "%s: \"%s\" is not a percentage from 0 to below 100", option, text);
    return 0;
}

static int take_option(int letter, const char *value, options *given, failure *why)
{
    switch (letter) {
    case 'l': return parse_whole("--levels", value, LOGMEL_LEVELS_MIN, LOGMEL_LEVELS_MAX, &given->levels, why);
    case 'r': return parse_whole("--rate", value, LOGMEL_RATE_MIN, LOGMEL_RATE_MAX, &given->rate, why);
    case 'j': return parse_whole("--threads", value, 1, THREADS_MAX, &given->threads, why);
    case 'v': given->split_given = 1; return parse_percent("--valid", value, &given->valid_percent, why);
    case 't': given->split_given = 1; return parse_percent("--test", value, &given->test_percent, why);
    case 'z': given->gz = 1; return 0;
    default: return fail(why, EXIT_USAGE, "unknown option, or one without its value");
    }
}

/* Fills `given`; *finished is set when --help or --version has been answered and there is nothing left to do. */
static int parse_command_line(int argc, char **argv, options *given, int *finished, failure *why)
{
    static const struct option known[] = {{"levels", required_argument, NULL, 'l'},
                                          {"rate", required_argument, NULL, 'r'},
                                          {"valid", required_argument, NULL, 'v'},
                                          {"test", required_argument, NULL, 't'},
                                          {"threads", required_argument, NULL, 'j'},
                                          {"gz", no_argument, NULL, 'z'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    const int cores = omp_get_max_threads();
    *given = (options){.levels = 256,
                       .rate = 16000,
                       .threads = cores < THREADS_MAX ? cores : THREADS_MAX,
                       .valid_percent = 10,
                       .test_percent = 10};
    *finished = 0;
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (letter == 'h' || letter == 'V') {
            fputs(letter == 'h' ? help_text : "speech-features " IST_TOOL_VERSION "\n", stdout);
            *finished = 1;
            return 0;
        }
        if (letter == '?')
            return fail(why, EXIT_USAGE, "%s: unknown option, or its value is missing", argv[optind - 1]);
        if (take_option(letter, optarg, given, why)) return why->status;
    }
    if (argc - optind != 2) return fail(why, EXIT_USAGE, "expected FOLDER and OUTDIR, got %d names", argc - optind);
    if (given->valid_percent + given->test_percent >= 100)
        return fail(why, EXIT_USAGE, "--valid and --test leave nothing to train on");
    given->folder = argv[optind];
    given->out = argv[optind + 1];
    return 0;
}

/* ---- the work ---- */

#if defined(__GNUC__) && !defined(__clang__)
#  pragma GCC diagnostic push
#  pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak" /* gcc 12 does not see that the lanes hold it: job_free */
#endif
static int job_prepare(job *run, failure *why)
{
    run->mel = logmel_create(run->given->rate);
    run->threads = run->given->threads;
    run->lane = calloc((size_t)run->threads, sizeof *run->lane);
    run->chunk_failure = calloc(CHUNK_CLIPS, sizeof *run->chunk_failure);
    if (!run->mel || !run->lane || !run->chunk_failure) return fail_memory(why);
    run->features = LOGMEL_MELS * logmel_frames(run->mel);
    run->chunk = malloc(CHUNK_CLIPS * run->features);
    if (!run->chunk) return fail_memory(why);
    for (int t = 0; t < run->threads; t++) {
        struct lane *lane = &run->lane[t];
        lane->work = logmel_work_create();
        lane->clip = malloc(logmel_samples(run->mel) * sizeof *lane->clip);
        lane->db = malloc(run->features * sizeof *lane->db);
        if (!lane->work || !lane->clip || !lane->db) return fail_memory(why);
    }
    return 0;
}
#if defined(__GNUC__) && !defined(__clang__)
#  pragma GCC diagnostic pop
#endif

static void job_free(job *run)
{
    for (int t = 0; run->lane && t < run->threads; t++) {
        logmel_work_destroy(run->lane[t].work);
        free(run->lane[t].clip);
        free(run->lane[t].db);
    }
    free(run->lane);
    free(run->chunk);
    free(run->chunk_failure);
    logmel_destroy(run->mel);
    catalogue_free(&run->all);
}

/* One clip -> (features) bytes at `q`. */
static void do_clip(const job *run, struct lane *lane, const clip *one, unsigned char *q, failure *why)
{
    why->status = 0;
    char *path = join_path(run->all.folder, one->path);
    if (!path) {
        fail_memory(why);
        return;
    }
    if (wav_read_second(path, run->given->rate, lane->clip, why) == 0) {
        logmel_spectrogram(run->mel, lane->work, lane->clip, lane->db);
        logmel_quantise(lane->db, run->features, run->given->levels, q);
    }
    free(path);
}

/* Features of `count` clips into run->chunk, in order; the first failure in that order. */
static int do_chunk(job *run, const clip *const *clips, int count, failure *why)
{
#pragma omp parallel for schedule(dynamic, 4) num_threads(run->threads)
    for (int i = 0; i < count; i++)
        do_clip(run, &run->lane[omp_get_thread_num()], clips[i], run->chunk + (size_t)i * run->features,
                &run->chunk_failure[i]);
    for (int i = 0; i < count; i++) {
        if (run->chunk_failure[i].status) {
            *why = run->chunk_failure[i];
            return why->status;
        }
    }
    return stop_signal ? fail(why, EXIT_FAILED, "stopped by signal %d", (int)stop_signal) : 0;
}

static void show_progress(job *run)
{
    const double now = now_s(), spent = now - run->started_s;
    if (!run->on_terminal || (now - run->told_s < 0.2 && run->clips_done < run->all.clips)) return;
    const double rate = (double)run->clips_done / (spent > 0 ? spent : 1e-9);
    fprintf(stderr, "\r%zu of %zu clips, %.0f a second, %.0f s left   ", run->clips_done, run->all.clips, rate,
            (double)(run->all.clips - run->clips_done) / rate);
    if (run->clips_done == run->all.clips) fputc('\n', stderr);
    run->told_s = now;
}

static int open_split(job *run, int split, int *features, int *labels, failure *why)
{
    const uint32_t shape[3] = {(uint32_t)run->all.clips_in[split], LOGMEL_MELS, (uint32_t)logmel_frames(run->mel)};
    const char *tail = run->given->gz ? ".gz" : "";
    char name[40];
    snprintf(name, sizeof name, "%s-features.idx3%s", split_name[split], tail);
    if (output_open(&run->output, name, run->given->gz, features, why)) return why->status;
    snprintf(name, sizeof name, "%s-labels.idx1%s", split_name[split], tail);
    if (output_open(&run->output, name, run->given->gz, labels, why)) return why->status;
    if (output_idx_head(&run->output, *features, 3, shape, why)) return why->status;
    return output_idx_head(&run->output, *labels, 1, shape, why);
}

/* The two files of one split, in file order, a chunk at a time. */
static int write_split(job *run, int split, failure *why)
{
    const clip *chunk[CHUNK_CLIPS];
    unsigned char label[CHUNK_CLIPS];
    int features = -1, labels = -1, count = 0;
    if (open_split(run, split, &features, &labels, why)) return why->status;
    for (size_t i = 0; i < run->all.clips; i++) {
        if (run->all.clip[i].split == split) {
            label[count] = run->all.clip[i].label;
            chunk[count++] = &run->all.clip[i];
        }
        if (count < CHUNK_CLIPS && i + 1 < run->all.clips) continue;
        if (do_chunk(run, chunk, count, why)) return why->status;
        if (output_write(&run->output, features, run->chunk, (size_t)count * run->features, why)) return why->status;
        if (output_write(&run->output, labels, label, (size_t)count, why)) return why->status;
        run->clips_done += (size_t)count;
        count = 0;
        show_progress(run);
    }
    return 0;
}

static int write_classes(job *run, failure *why)
{
    int index;
    if (output_open(&run->output, "classes.txt", 0, &index, why)) return why->status;
    for (int c = 0; c < run->all.classes; c++) {
        const char *name = run->all.class_name[c];
        if (output_write(&run->output, index, name, strlen(name), why)) return why->status;
        if (output_write(&run->output, index, "\n", 1, why)) return why->status;
    }
    return 0;
}

static int write_all(job *run, failure *why)
{
    if (output_begin(&run->output, run->given->out, why)) return why->status;
    for (int split = 0; split < SPLITS; split++)
        if (write_split(run, split, why)) return why->status;
    if (write_classes(run, why)) return why->status;
    return output_publish(&run->output, why);
}

/* What is not an error but should be known before minutes are spent. */
static void warn(const job *run)
{
    const catalogue *all = &run->all;
    if (all->listed && run->given->split_given)
        fputs("speech-features: --valid and --test are not used: the folder's lists decide\n", stderr);
    if (all->list_missing)
        fprintf(stderr, "speech-features: %zu entries of the lists name no clip\n", all->list_missing);
    if (all->classes_empty)
        fprintf(stderr, "speech-features: %zu folders without a WAV file left out\n", all->classes_empty);
    if (all->speakers_shared)
        fprintf(stderr, "speech-features: %zu speakers are in more than one split\n", all->speakers_shared);
    for (int s = SPLIT_VALID; s < SPLITS; s++)
        if (all->clips_in[s] == 0) fprintf(stderr, "speech-features: no clip is in split %s\n", split_name[s]);
}

static void summarise(const job *run)
{
    const catalogue *all = &run->all;
    const double seconds = now_s() - run->started_s;
    printf("clips %zu, classes %d, features %d x %zu = %zu, levels %d, split by %s\n", all->clips, all->classes,
           LOGMEL_MELS, logmel_frames(run->mel), run->features, run->given->levels,
           all->listed ? "lists" : "speaker hash");
    for (int s = 0; s < SPLITS; s++)
        printf("%-5s %zu clips, %zu speakers\n", split_name[s], all->clips_in[s], all->speakers_in[s]);
    printf("seconds %.2f, %.0f clips a second, %d threads\n", seconds, (double)all->clips / seconds, run->threads);
}

static int do_job(const options *given, failure *why)
{
    job run = {.given = given, .on_terminal = isatty(STDERR_FILENO), .started_s = now_s()};
    int status = catalogue_read(&run.all, given->folder, given->valid_percent, given->test_percent, why);
    if (!status && run.all.clips_in[SPLIT_TRAIN] == 0)
        status = fail(why, EXIT_BAD_DATA, "%s: all %zu clips are held out, expected some to train on", given->folder,
                      run.all.clips);
    if (!status) status = job_prepare(&run, why);
    if (!status) {
        warn(&run);
        status = write_all(&run, why);
        if (status && run.on_terminal) fputc('\n', stderr);
        output_discard(&run.output);
    }
    if (!status) summarise(&run);
    job_free(&run);
    return status;
}

int main(int argc, char **argv)
{
    failure why = {0};
    options given;
    int finished;
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int status = parse_command_line(argc, argv, &given, &finished, &why);
    if (!status && !finished) status = do_job(&given, &why);
    if (!status && fflush(stdout) != 0) status = fail(&why, EXIT_FAILED, "standard output: %s", strerror(errno));
    if (status) fprintf(stderr, "speech-features: %s\n", why.line);
    if (status == EXIT_USAGE) fputs("Try speech-features --help.\n", stderr);
    return status && stop_signal ? 128 + stop_signal : status;
}
