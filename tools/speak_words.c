/* speak_words.c - the command speak-words: a data set of spoken words from a speech synthesiser.
 *
 * What.  The layout of Google's Speech Commands (FOLDER/<word>/<voice>_nohash_<take>.wav, 16 kHz, one second), spoken
 * by eSpeak NG.  So that the speech example can be tried with nothing to download, and tests have speech to read.
 *
 * Voices.  A voice is an accent of English and a variant, eSpeak's name for a speaker's throat.  Whole variants are
 * held out for validation and test, so no split hears a throat of another, whatever its accent.  A take differs in
 * speed, pitch, intonation, loudness, microphone tilt, place in the second, and in the colour and level of the noise:
 * without that a linear classifier would solve the task, and it would be of no use for comparing networks.
 *
 * Reproducible.  All chance is drawn from a hash of (seed, voice, word, take).  eSpeak has global state (of the last
 * utterance, and C's rand() for its breath), so each voice is spoken by a fresh process, its words in order: the same
 * options give the same bytes, whatever --jobs says.
 *
 * Nothing half-done.  All is written into a folder beside OUTDIR, which is renamed at the end.
 */
#define _POSIX_C_SOURCE 200809L
#include "speak_sound.h"
#include "speech_common.h"

#include <dirent.h>
#include <espeak-ng/speak_lib.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <sndfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    WORDS_MAX = 256,
    WORD_BYTES_MAX = 64,
    TAKES_MAX = 1000,
    JOBS_MAX = 256,
};

static const char *const speech_commands[] = {
    "backward", "bed",   "bird",  "cat",   "dog",    "down", "eight", "five",   "follow", "forward", "four",  "go",
    "happy",    "house", "learn", "left",  "marvin", "nine", "no",    "off",    "on",     "one",     "right", "seven",
    "sheila",   "six",   "stop",  "three", "tree",   "two",  "up",    "visual", "wow",    "yes",     "zero"};
/* "en" is eSpeak's name for British English: its "en-gb" takes no variant. */
static const char *const accents[] = {
    "en-us", "en", "en-gb-scotland", "en-029", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc"};
/* Of eSpeak NG 1.51's hundred variants those that sound like different people, neither copies nor robots. */
static const char *const variants[] = {"m1",     "f1",    "m2",   "f2",    "m3",    "f3",      "m4",   "f4",
                                       "m5",     "f5",    "m7",   "linda", "croak", "whisper", "m8",   "aunty",
                                       "klatt2", "steph", "adam", "Annie", "Denis", "grandma", "paul", "zac"};
enum {
    ACCENTS = sizeof accents / sizeof *accents,
    VARIANTS = sizeof variants / sizeof *variants,
    VOICES_MIN = 3, /* one for each split */
    VOICES_MAX = ACCENTS * VARIANTS
};

enum { SPLIT_TRAIN, SPLIT_VALID, SPLIT_TEST, SPLITS };
static const char *const list_name[SPLITS] = {NULL, "validation_list.txt", "testing_list.txt"};

static const char help_text[] =
    "usage: speak-words [options] OUTDIR\n"
    "\n"
    "Speaks the 35 words of Speech Commands with eSpeak NG, in the layout of that data set:\n"
    "OUTDIR/<word>/<voice>_nohash_<take>.wav, one second, 16 kHz, 16 bit, with validation_list.txt and\n"
    "testing_list.txt, which hold out whole voices. OUTDIR must not exist, or be empty.\n"
    "\n"
    "  --voices N    voices, 3 to 192 (48): accents of English times speakers\n"
    "  --takes K     takes of each word by each voice, 1 to 1000 (8)\n"
    "  --seed S      another seed, other takes and other voices held out (1)\n"
    "  --words FILE  words to speak, one a line, instead of the 35\n"
    "  --jobs N      processes (all cores); the output does not depend on it\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 command line wrong, 3 the file of words is bad.\n";

typedef struct {
    int voices, takes, jobs, words;
    uint64_t seed;
    char *word[WORDS_MAX]; /* owned */
    char *out, *staging;   /* owned: where all ends up; where it is written */
} plan;

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

/* ---- voices ---- */

/* Voice v: variants in turn; each time around, with another accent (3 and 8 have no common factor, so none twice). */
static const char *variant_of(int v)
{
    return variants[v % VARIANTS];
}

static void voice_name(int v, char name[64])
{
    snprintf(name, 64, "%s+%s", accents[(v % VARIANTS + 3 * (v / VARIANTS)) % ACCENTS], variant_of(v));
}

/* A sixth of the variants in use for test, a sixth for validation, chosen by the seed. */
static int split_of(const plan *all, int v)
{
    const int used = all->voices < VARIANTS ? all->voices : VARIANTS;
    const int held = used / 6 > 0 ? used / 6 : 1;
    const uint64_t mine = key_of_text(all->seed, variant_of(v));
    int rank = 0;
    for (int other = 0; other < used; other++) rank += key_of_text(all->seed, variants[other]) < mine;
    return rank < held ? SPLIT_TEST : rank < 2 * held ? SPLIT_VALID : SPLIT_TRAIN;
}

static char *clip_path(const char *folder, const char *word, int voice, int take)
{
    char voice_text[64], file[128];
    voice_name(voice, voice_text);
    snprintf(file, sizeof file, "%s_nohash_%d.wav", voice_text, take);
    char *class_folder = join_path(folder, word);
    char *path = class_folder ? join_path(class_folder, file) : NULL;
    free(class_folder);
    return path;
}

/* ---- what eSpeak says ---- */

typedef struct {
    float *sample;
    size_t count, room;
    int out_of_memory;
} sound;

/* eSpeak hands over a piece of the utterance; the sound to append to comes along as user data. */
static int on_samples(short *piece, int count, espeak_EVENT *events)
{
    sound *all = events->user_data;
    if (!piece || count < 1 || !all) return 0;
    if (all->count + (size_t)count > all->room) {
        const size_t room = 2 * (all->count + (size_t)count);
        float *more = realloc(all->sample, room * sizeof *more);
        if (!more) {
            all->out_of_memory = 1;
            return 1; /* stop speaking */
        }
        all->sample = more;
        all->room = room;
    }
    for (int i = 0; i < count; i++) all->sample[all->count++] = (float)piece[i] / 32768;
    return 0;
}

/* Cut the silence before and after the word: less than a hundredth of the peak. */
static void trim(sound *all)
{
    float peak = 0;
    for (size_t i = 0; i < all->count; i++) peak = fmaxf(peak, fabsf(all->sample[i]));
    size_t begin = 0, end = all->count;
    while (begin < end && fabsf(all->sample[begin]) <= peak / 100) begin++;
    while (end > begin && fabsf(all->sample[end - 1]) <= peak / 100) end--;
    all->count = end - begin;
    if (begin) memmove(all->sample, all->sample + begin, all->count * sizeof *all->sample);
}

/* ---- a take ---- */

/* How one take is spoken and recorded, all from its key. */
typedef struct {
    int speed, pitch, range; /* words a minute; eSpeak's 0 .. 100, 50 is the voice's own */
    double tilt;             /* microphone: -0.5 muffled .. 0.5 sharp */
    double peak, snr_db;     /* of full scale; speech power over noise power */
    double place;            /* 0: the word begins with the second, 1: it ends with it */
    double pinkness;
    unsigned breath_seed; /* for C's rand(), which eSpeak uses */
} manner;

/* One statement a draw: within one expression C leaves their order to the compiler. */
static manner draw_manner(uint64_t *chance)
{
    manner how;
    how.speed = (int)draw_between(chance, 120, 231);
    how.pitch = (int)draw_between(chance, 20, 81);
    how.range = (int)draw_between(chance, 20, 81);
    how.tilt = draw_between(chance, -0.5, 0.5);
    how.peak = pow(10, draw_between(chance, -20, -2) / 20);
    how.snr_db = draw_between(chance, 10, 35);
    how.place = draw_between(chance, 0.15, 0.85);
    how.pinkness = draw_between(chance, 0, 1);
    how.breath_seed = (unsigned)draw(chance);
    return how;
}

static int say(const char *word, const manner *how, sound *spoken, failure *why)
{
    srand(how->breath_seed);
    espeak_SetParameter(espeakRATE, how->speed, 0);
    espeak_SetParameter(espeakPITCH, how->pitch, 0);
    espeak_SetParameter(espeakRANGE, how->range, 0);
    spoken->count = 0;
    const espeak_ERROR error =
        espeak_Synth(word, strlen(word) + 1, 0, POS_CHARACTER, 0, espeakCHARS_UTF8, NULL, spoken);
    if (spoken->out_of_memory) return fail_memory(why);
    trim(spoken);
    if (error != EE_OK || spoken->count == 0)
        return fail(why, EXIT_FAILED, "eSpeak says nothing for \"%s\", error %d", word, (int)error);
    return 0;
}

/* The word as recorded -> clip (RATE). */
static void record(const resampler *to, const sound *spoken, const manner *how, uint64_t *chance, float *clip)
{
    float word[RATE], noise[RATE];
    size_t count = resample(to, spoken->sample, spoken->count, word, RATE);
    float before = 0, peak = 1e-6f;
    for (size_t i = 0; i < count; i++) {
        const float now = word[i];
        word[i] = now - (float)how->tilt * before;
        before = now;
        peak = fmaxf(peak, fabsf(word[i]));
    }
    const size_t fade = count < 160 ? count : 160; /* 10 ms: a word cut at the second's end must not click */
    for (size_t i = 0; i < fade; i++) word[count - 1 - i] *= (float)i / (float)fade;
    make_noise(chance, how->pinkness, noise);
    const float gain = (float)how->peak / peak;
    const float hiss = gain * (float)sqrt(mean_power(word, count) * pow(10, -how->snr_db / 10));
    const size_t begin = (size_t)(how->place * (double)(RATE - count));
    for (size_t i = 0; i < RATE; i++) {
        const float speech = i >= begin && i < begin + count ? gain * word[i - begin] : 0;
        clip[i] = fmaxf(-1, fminf(speech + hiss * noise[i], 32767.0f / 32768));
    }
}

static int write_wav(const char *path, const float *clip, failure *why)
{
    short sample[RATE];
    for (int i = 0; i < RATE; i++) sample[i] = (short)lrintf(32768 * clip[i]);
    SF_INFO info = {.samplerate = RATE, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    if (!file) return fail(why, EXIT_FAILED, "%s: %s", path, sf_strerror(NULL));
    const sf_count_t written = sf_write_short(file, sample, RATE);
    const int closed = sf_close(file);
    return written == RATE && closed == 0 ? 0 : fail(why, EXIT_FAILED, "%s: cannot be written", path);
}

static int make_take(const plan *all, const resampler *to, int voice, int word, int take, sound *spoken, failure *why)
{
    float clip[RATE];
    char name[64];
    voice_name(voice, name);
    uint64_t chance = key_of_text(key_of_text(all->seed, name), all->word[word]) ^ (uint64_t)take;
    draw(&chance);
    const manner how = draw_manner(&chance);
    if (say(all->word[word], &how, spoken, why)) return why->status;
    record(to, spoken, &how, &chance, clip);
    char *path = clip_path(all->staging, all->word[word], voice, take);
    const int status = path ? write_wav(path, clip, why) : fail_memory(why);
    free(path);
    return status;
}

/* ---- a voice, in a process of its own ---- */

static int set_voice(int voice, failure *why)
{
    char name[64];
    voice_name(voice, name);
    const espeak_ERROR error = espeak_SetVoiceByName(name);
    /* A variant that is not installed is passed over in silence: ask what we got. */
    const espeak_VOICE *got = error == EE_OK ? espeak_GetCurrentVoice() : NULL;
    const char *variant = got && got->identifier ? strrchr(got->identifier, '+') : NULL;
    if (!variant || strcmp(variant + 1, variant_of(voice)) != 0)
        return fail(why, EXIT_FAILED, "eSpeak has no voice \"%s\"; its version 1.51 has", name);
    return 0;
}

static int speak_voice(const plan *all, int voice, failure *why)
{
    resampler to = {0};
    sound spoken = {0};
    const int rate = espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, NULL, espeakINITIALIZE_DONT_EXIT);
    if (rate < 1) return fail(why, EXIT_FAILED, "eSpeak finds no data; package espeak-ng-data has them");
    espeak_SetSynthCallback(on_samples);
    int status = set_voice(voice, why);
    if (!status && !resampler_create(&to, rate)) status = fail_memory(why);
    for (int word = 0; word < all->words && !status; word++)
        for (int take = 0; take < all->takes && !status; take++)
            status = make_take(all, &to, voice, word, take, &spoken, why);
    free(spoken.sample);
    free(to.tap);
    espeak_Terminate();
    return status;
}

static pid_t start_voice(const plan *all, int voice, failure *why)
{
    const pid_t child = fork();
    if (child < 0) fail(why, EXIT_FAILED, "fork: %s", strerror(errno));
    if (child != 0) return child;
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    if (speak_voice(all, voice, why)) fprintf(stderr, "speak-words: %s\n", why->line);
    _exit(why->status);
}

static void show_progress(const plan *all, int voices_done, double started_s)
{
    if (!isatty(STDERR_FILENO)) return;
    const double spent = now_s() - started_s;
    const int clips = all->words * all->takes;
    fprintf(stderr, "\r%d of %d clips, %.0f a second, %.0f s left   ", voices_done * clips, all->voices * clips,
            voices_done * clips / spent, spent / voices_done * (all->voices - voices_done));
    if (voices_done == all->voices) fputc('\n', stderr);
}

/* Wait for one of the processes; 0 when it spoke its voice to the end. */
static int await_voice(pid_t *running, int *count, failure *why)
{
    int how;
    const pid_t child = wait(&how);
    if (child < 0) return fail(why, EXIT_FAILED, "stopped by a signal");
    for (int i = 0; i < *count; i++) {
        if (running[i] == child) {
            running[i] = running[--*count];
            break;
        }
    }
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0) return 0;
    return fail(why, EXIT_FAILED, "a voice could not be spoken to the end (%s %d)",
                WIFEXITED(how) ? "status" : "signal", WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how));
}

/* All voices, at most `jobs` at a time.  On failure the processes still running are ended and waited for. */
static int speak_all(const plan *all, failure *why)
{
    pid_t running[JOBS_MAX];
    int started = 0, done = 0, count = 0, status = 0;
    const double started_s = now_s();
    while (done < all->voices && !status) {
        if (stop_signal) {
            status = fail(why, EXIT_FAILED, "stopped by signal %d", (int)stop_signal);
        } else if (started < all->voices && count < all->jobs) {
            running[count] = start_voice(all, started, why);
            if (running[count] < 0) {
                status = why->status;
            } else {
                started++;
                count++;
            }
        } else if (!(status = await_voice(running, &count, why))) {
            show_progress(all, ++done, started_s);
        }
    }
    for (int i = 0; i < count; i++) kill(running[i], SIGTERM);
    for (int i = 0; i < count; i++) waitpid(running[i], NULL, 0);
    return status;
}

/* ---- folders and lists ---- */

static int make_folder(const char *path, failure *why)
{
    if (!path) return fail(why, EXIT_FAILED, "out of memory");
    return mkdir(path, 0777) == 0 ? 0 : fail(why, EXIT_FAILED, "%s: %s", path, strerror(errno));
}

static int make_folders(const plan *all, failure *why)
{
    if (make_folder(all->staging, why)) return why->status;
    for (int word = 0; word < all->words; word++) {
        char *path = join_path(all->staging, all->word[word]);
        const int status = path ? make_folder(path, why) : fail_memory(why);
        free(path);
        if (status) return status;
    }
    return 0;
}

static int write_list(const plan *all, int split, failure *why)
{
    char *path = join_path(all->staging, list_name[split]);
    FILE *list = path ? fopen(path, "w") : NULL;
    if (!list) {
        free(path);
        return path ? fail(why, EXIT_FAILED, "%s: %s", list_name[split], strerror(errno)) : fail_memory(why);
    }
    for (int word = 0; word < all->words; word++) {
        for (int voice = 0; voice < all->voices; voice++) {
            char name[64];
            voice_name(voice, name);
            for (int take = 0; take < all->takes && split_of(all, voice) == split; take++)
                fprintf(list, "%s/%s_nohash_%d.wav\n", all->word[word], name, take);
        }
    }
    const int bad = ferror(list) | fflush(list) | fsync(fileno(list)) | fclose(list);
    const int status = bad ? fail(why, EXIT_FAILED, "%s: cannot be written", path) : 0;
    free(path);
    return status;
}

static void remove_file(char *path)
{
    if (path) unlink(path);
    free(path);
}

/* Everything that this run can have written; what is not there is no matter. */
static void remove_staging(const plan *all)
{
    for (int word = 0; word < all->words; word++) {
        for (int voice = 0; voice < all->voices; voice++)
            for (int take = 0; take < all->takes; take++)
                remove_file(clip_path(all->staging, all->word[word], voice, take));
        char *folder = join_path(all->staging, all->word[word]);
        if (folder) rmdir(folder);
        free(folder);
    }
    for (int split = SPLIT_VALID; split < SPLITS; split++) remove_file(join_path(all->staging, list_name[split]));
    rmdir(all->staging);
}

/* An existing folder with something in it would mix two data sets. */
static int check_out(const plan *all, failure *why)
{
    DIR *folder = opendir(all->out);
    if (!folder) return errno == ENOENT ? 0 : fail(why, EXIT_FAILED, "%s: %s", all->out, strerror(errno));
    int things = 0;
    while (readdir(folder)) things++;
    closedir(folder);
    return things <= 2 ? 0 : fail(why, EXIT_FAILED, "%s: not empty, expected a new or an empty folder", all->out);
}

static int do_plan(const plan *all, failure *why)
{
    const double started_s = now_s();
    if (check_out(all, why)) return why->status;
    int status = make_folders(all, why);
    if (!status) status = speak_all(all, why);
    for (int split = SPLIT_VALID; split < SPLITS && !status; split++) status = write_list(all, split, why);
    if (!status && rename(all->staging, all->out) != 0)
        status = fail(why, EXIT_FAILED, "%s: %s", all->out, strerror(errno));
    if (status) {
        remove_staging(all);
        return status;
    }
    int voices_in[SPLITS] = {0};
    for (int voice = 0; voice < all->voices; voice++) voices_in[split_of(all, voice)]++;
    printf("clips %d, words %d, takes %d, voices %d: train %d, valid %d, test %d\nseconds %.2f, %d jobs\n",
           all->words * all->voices * all->takes, all->words, all->takes, all->voices, voices_in[SPLIT_TRAIN],
           voices_in[SPLIT_VALID], voices_in[SPLIT_TEST], now_s() - started_s, all->jobs);
    return 0;
}

/* ---- the command line ---- */

/* A word is a folder's name too.  `from` is where it was read, for the message. */
static int add_word(plan *all, const char *from, const char *word, failure *why)
{
    if (all->words == WORDS_MAX) return fail(why, EXIT_BAD_DATA, "%s: more than %d words", from, WORDS_MAX);
    if (strlen(word) > WORD_BYTES_MAX || strchr("._", word[0]) || strchr(word, '/'))
        return fail(why, EXIT_BAD_DATA, "%s: \"%s\", expected at most %d bytes, no '/', and no '.' or '_' in front",
                    from, word, WORD_BYTES_MAX);
    for (int i = 0; i < all->words; i++)
        if (strcmp(all->word[i], word) == 0)
            return fail(why, EXIT_BAD_DATA, "%s: \"%s\" stands there twice", from, word);
    if (!(all->word[all->words] = strdup(word))) return fail_memory(why);
    all->words++;
    return 0;
}

static int read_words(plan *all, const char *path, failure *why)
{
    FILE *file = fopen(path, "r");
    if (!file) return fail(why, EXIT_BAD_DATA, "%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t room = 0;
    int status = 0;
    for (ssize_t length; !status && (length = getline(&line, &room, file)) >= 0;) {
        while (length > 0 && strchr(" \t\r\n", line[length - 1])) line[--length] = '\0';
        if (length > 0) status = add_word(all, path, line, why);
    }
    free(line);
    fclose(file);
    return !status && all->words == 0 ? fail(why, EXIT_BAD_DATA, "%s: no words, expected one a line", path) : status;
}

static int parse_seed(const char *text, uint64_t *seed, failure *why)
{
    char *end;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-')
        return fail(why, EXIT_USAGE, "--seed: \"%s\" is not a whole number from 0 to 2^64 - 1", text);
    return 0;
}

static int take_option(int letter, const char *value, plan *all, const char **words, failure *why)
{
    switch (letter) {
    case 'v': return parse_whole("--voices", value, VOICES_MIN, VOICES_MAX, &all->voices, why);
    case 't': return parse_whole("--takes", value, 1, TAKES_MAX, &all->takes, why);
    case 'j': return parse_whole("--jobs", value, 1, JOBS_MAX, &all->jobs, why);
    case 's': return parse_seed(value, &all->seed, why);
    default: *words = value; return 0;
    }
}

/* Names of the result and of the folder beside it, in which it grows. */
static int set_out(plan *all, const char *out, failure *why)
{
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/') length--;
    const size_t room = length + 32;
    all->out = strdup(out);
    all->staging = malloc(room);
    if (!all->out || !all->staging) return fail_memory(why);
    all->out[length] = '\0';
    snprintf(all->staging, room, "%s.%ld.tmp", all->out, (long)getpid());
    return 0;
}

static int parse_command_line(int argc, char **argv, plan *all, int *finished, failure *why)
{
    static const struct option known[] = {
        {"voices", required_argument, NULL, 'v'}, {"takes", required_argument, NULL, 't'},
        {"seed", required_argument, NULL, 's'},   {"words", required_argument, NULL, 'w'},
        {"jobs", required_argument, NULL, 'j'},   {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0}};
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const char *words = NULL;
    all->voices = 48;
    all->takes = 8;
    all->seed = 1;
    all->jobs = cores < 1 ? 1 : cores > JOBS_MAX ? JOBS_MAX : (int)cores;
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (letter == 'h' || letter == 'V') {
            fputs(letter == 'h' ? help_text : "speak-words " IST_TOOL_VERSION "\n", stdout);
            *finished = 1;
            return 0;
        }
        if (letter == '?')
            return fail(why, EXIT_USAGE, "%s: unknown option, or its value is missing", argv[optind - 1]);
        if (take_option(letter, optarg, all, &words, why)) return why->status;
    }
    if (argc - optind != 1) return fail(why, EXIT_USAGE, "expected OUTDIR, got %d names", argc - optind);
    if (words) return read_words(all, words, why) ? why->status : set_out(all, argv[optind], why);
    for (size_t i = 0; i < sizeof speech_commands / sizeof *speech_commands; i++)
        if (add_word(all, "Speech Commands", speech_commands[i], why)) return why->status;
    return set_out(all, argv[optind], why);
}

int main(int argc, char **argv)
{
    failure why = {0};
    plan all = {0};
    int finished = 0;
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int status = parse_command_line(argc, argv, &all, &finished, &why);
    if (!status && !finished) status = do_plan(&all, &why);
    if (!status && fflush(stdout) != 0) status = fail(&why, EXIT_FAILED, "standard output: %s", strerror(errno));
    if (status) fprintf(stderr, "speak-words: %s\n", why.line);
    if (status == EXIT_USAGE) fputs("Try speak-words --help.\n", stderr);
    for (int i = 0; i < all.words; i++) free(all.word[i]);
    free(all.out);
    free(all.staging);
    return status && stop_signal ? 128 + stop_signal : status;
}
