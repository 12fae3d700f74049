/* mutate.c - mutated files through whole commands: many short processes, each given a file that was valid once.
 *
 * usage: fuzz_mutate COUNT PLAN WORK KEEP [SEED]
 *
 * PLAN has a line a command, its fields separated by tabs:
 *
 *     NAME  FLAGS  SEEDS  FILE  WORD..
 *
 * A file of the folder SEEDS is changed and written as WORK/in.K/FILE, for worker K; WORD.. runs in the empty folder
 * WORK/run.K, with "@" standing for WORK/in.K.  FLAGS: z the file may be packed as gzip after the change; m checksums of model
 * files may be mended after it; - neither.  First each command runs with an unchanged seed, and must end with 0.
 *
 * A finding: the command dies by a signal, ends with a status that is none of 0 to 3, takes more than 2 seconds (three times
 * in a row, since machines are shared) or 256 MiB more than the unchanged file does, says anything but one line when it fails,
 * or leaves a file behind then.  The file is kept in KEEP and the command printed.  Case i is the same in every run with the
 * same SEED, whatever the number of workers.  Exit status: 0, or 1 with findings.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "fuzz_sections.h"
#include "mutation.h"

enum { MOST_PLANS = 64, MOST_WORDS = 48, MOST_SEEDS = 64, MOST_BYTES = 1 << 18, MOST_PATH = 1024, MOST_WORKERS = 64 };
enum { HANG_MS = 2000, KILL_MS = 20000, GROWTH_KIB = 256 << 10, STATUSES = 4, FIRST_LINE = 200 };

typedef struct seed {
    uint8_t *bytes;
    size_t count;
} seed;

typedef struct plan {
    char *name, *flags, *file;
    char *word[MOST_WORDS + 1];
    int words;
    seed seed[MOST_SEEDS];
    size_t seeds;
    long valid_kib;  /* of memory, with an unchanged seed */
    int valid_lines; /* on stderr then */
} plan;

/* How one process went. */
typedef struct end {
    int how; /* as wait4 says */
    long ms, kib;
    int lines;
    char line[FIRST_LINE]; /* of stderr, the last one */
} end;

/* Counted by all workers. */
typedef struct tally {
    atomic_long status[STATUSES], findings, done, slowest_ms, largest_kib; /* kib: beyond the valid run */
    atomic_long by_plan[MOST_PLANS];
} tally;

static plan plans[MOST_PLANS];
static int plan_count;
static const char *work, *keep;
static tally *all;
extern char **environ;

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "fuzz_mutate: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ------------------------------------------------------------------------------------------------------- reading -- */

static void read_seeds(plan *p, const char *folder)
{
    struct dirent **entries;
    char path[MOST_PATH];
    const int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) give_up(folder);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && p->seeds < MOST_SEEDS) {
            seed *s = &p->seed[p->seeds++];
            s->bytes = fuzz_bytes(path, &s->count);
        }
        free(entries[i]);
    }
    free(entries);
    if (p->seeds == 0) give_up(folder);
}

static void read_plans(const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    if (!file) give_up(path);
    while (getline(&line, &room, file) > 0 && plan_count < MOST_PLANS) {
        plan *p = &plans[plan_count++];
        char *rest = strdup(line), *field[4 + MOST_WORDS];
        int fields = 0;
        rest[strcspn(rest, "\n")] = '\0';
        for (char *one; fields < 4 + MOST_WORDS && (one = strsep(&rest, "\t"));) field[fields++] = one;
        if (fields < 5) give_up("a line of the plan is short");
        p->name = field[0];
        p->flags = field[1];
        read_seeds(p, field[2]);
        p->file = field[3];
        for (int i = 4; i < fields; i++) p->word[p->words++] = field[i];
    }
    free(line);
    fclose(file);
}

/* ------------------------------------------------------------------------------------------------------- running -- */

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* "@" in a word is the folder of the worker's file. */
static char *expand(const char *word, int worker)
{
    char *out = malloc(MOST_PATH);
    if (!out) give_up("memory");
    size_t n = 0;
    for (; *word && n + 1 < MOST_PATH; word++) {
        if (*word == '@') n += (size_t)snprintf(out + n, MOST_PATH - n, "%s/in.%d", work, worker);
        else out[n++] = *word;
    }
    out[n < MOST_PATH ? n : MOST_PATH - 1] = '\0';
    return out;
}

/* Empty a folder and what is in it; the number of files that were there. */
static int empty_folder(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char inside[MOST_PATH];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        count++;
        if (unlink(inside) != 0) {
            empty_folder(inside);
            rmdir(inside);
        }
    }
    if (folder) closedir(folder);
    return count;
}

static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
}

static void write_file(const char *path, const uint8_t *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, count, file) != count || fclose(file) != 0) give_up(path);
}

/* What the process printed on stderr: how many lines, and the last one. */
static void listen(int file, end *e)
{
    char text[8192];
    ssize_t length = pread(file, text, sizeof text - 1, 0);
    if (length < 0) length = 0;
    e->lines = 0;
    for (ssize_t i = 0; i < length; i++) e->lines += text[i] == '\n';
    if (length > 0 && text[length - 1] != '\n') e->lines += 1000; /* cut off, or very long */
    text[length] = '\0';
    if (length > 0) text[length - 1] = '\0';
    const char *last = strrchr(text, '\n');
    snprintf(e->line, sizeof e->line, "%.*s", (int)sizeof e->line - 1, last ? last + 1 : text);
    if (ftruncate(file, 0) != 0 || lseek(file, 0, SEEK_SET) != 0) give_up("ftruncate");
}

/* Wait for a process, but not for ever. */
static void wait_for(pid_t child, long begin, end *e)
{
    struct rusage usage;
    for (long pause_us = 500;; pause_us = pause_us < 4000 ? pause_us * 2 : pause_us) {
        const pid_t got = wait4(child, &e->how, WNOHANG, &usage);
        if (got == child) break;
        if (got < 0 && errno != EINTR) give_up("wait4");
        if (now_ms() - begin > KILL_MS) kill(child, SIGKILL);
        usleep((useconds_t)pause_us);
    }
    e->ms = now_ms() - begin;
    e->kib = usage.ru_maxrss;
}

static end run(const plan *p, int worker, int err)
{
    char *argv[MOST_WORDS + 1], folder[MOST_PATH];
    posix_spawn_file_actions_t actions;
    end e = {0};
    pid_t child;
    for (int i = 0; i < p->words; i++) argv[i] = expand(p->word[i], worker);
    argv[p->words] = NULL;
    snprintf(folder, sizeof folder, "%s/run.%d", work, worker);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    const long begin = now_ms();
    if ((errno = posix_spawn(&child, argv[0], &actions, NULL, argv, environ)) != 0) give_up(argv[0]);
    posix_spawn_file_actions_destroy(&actions);
    wait_for(child, begin, &e);
    listen(err, &e);
    for (int i = 0; i < p->words; i++) free(argv[i]);
    return e;
}

/* ------------------------------------------------------------------------------------------------------- judging -- */

/* NULL: as it should be; `left`: files in the folder it ran in. */
static const char *judge(const plan *p, const end *e, int left)
{
    if (WIFSIGNALED(e->how)) return WTERMSIG(e->how) == SIGKILL ? "does not end" : "dies by a signal";
    const int status = WEXITSTATUS(e->how);
    if (status >= STATUSES) return "ends with a status that is not documented";
    if (e->kib > p->valid_kib + GROWTH_KIB) return "takes too much memory";
    if (status == 0) return e->lines <= p->valid_lines ? NULL : "is content, and complains";
    if (e->lines < 1 || e->lines > p->valid_lines + 1) return "does not say one line";
    for (const char *c = e->line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) return "prints a control character";
    return left == 0 ? NULL : "leaves a file behind";
}

static void raise_to(atomic_long *most, long value)
{
    long seen = atomic_load(most);
    while (value > seen && !atomic_compare_exchange_weak(most, &seen, value)) continue;
}

static void report(const plan *p, long number, const end *e, const char *why, const uint8_t *bytes, size_t count)
{
    char path[MOST_PATH];
    snprintf(path, sizeof path, "%s/%ld-%s", keep, number, p->name);
    write_file(path, bytes, count);
    char text[4096];
    size_t n = (size_t)snprintf(text, sizeof text,
                                "FINDING %ld %s: %s (wait status 0x%x, %ld ms, %ld KiB, %d lines: %s) %s:", number,
                                p->name, why, (unsigned)e->how, e->ms, e->kib, e->lines, e->line, path);
    for (int i = 0; i < p->words && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " %s", p->word[i]);
    puts(text);
    fflush(stdout);
    atomic_fetch_add(&all->findings, 1);
}

/* ------------------------------------------------------------------------------------------------------- mutating -- */

/* A seed of the plan, changed: to bytes (2 * MOST_BYTES); its length. */
static size_t mutate(const plan *p, uint64_t *stream, uint8_t *bytes)
{
    const seed *s = &p->seed[mutation_below(stream, p->seeds)], *other = &p->seed[mutation_below(stream, p->seeds)];
    size_t count = s->count < MOST_BYTES ? s->count : MOST_BYTES;
    memcpy(bytes, s->bytes, count);
    for (size_t changes = 1 + mutation_below(stream, 3); changes > 0; changes--)
        mutation_change(stream, bytes, &count, 2 * MOST_BYTES, other->bytes, other->count);
    if (strchr(p->flags, 'm') && mutation_below(stream, 2)) {
        uint8_t *mended = fuzz_mended(bytes, count);
        if (count > 0) memcpy(bytes, mended, count);
        free(mended);
    }
    if (strchr(p->flags, 'z') && mutation_below(stream, 6) == 0 && count < MOST_BYTES) {
        size_t packed;
        void *gzip = fuzz_gzip(bytes, count, 1 + (int)mutation_below(stream, 2), &packed);
        memcpy(bytes, gzip, packed);
        free(gzip);
        count = packed;
        if (mutation_below(stream, 2)) mutation_change(stream, bytes, &count, 2 * MOST_BYTES, bytes, count);
    }
    return count;
}

typedef struct worker {
    int number, err;
    char file[MOST_PATH], folder[MOST_PATH];
} worker;

static void set_up(worker *w, int number)
{
    char path[MOST_PATH];
    w->number = number;
    snprintf(w->folder, sizeof w->folder, "%s/run.%d", work, number);
    mkdir(w->folder, 0777);
    snprintf(path, sizeof path, "%s/in.%d", work, number);
    mkdir(path, 0777);
    w->err = memfd_create("stderr", MFD_CLOEXEC);
    if (w->err < 0) give_up("memfd_create");
}

static void put(worker *w, const plan *p, const uint8_t *bytes, size_t count)
{
    snprintf(w->file, sizeof w->file, "%s/in.%d/%s", work, w->number, p->file);
    make_folders(w->file);
    write_file(w->file, bytes, count);
}

/* Files of other plans must not lie in a folder that is read whole. */
static void take_away(const worker *w)
{
    char path[MOST_PATH];
    snprintf(path, sizeof path, "%s/in.%d", work, w->number);
    empty_folder(path);
}

static void one_case(worker *w, long number, uint64_t seed_number, uint8_t *bytes)
{
    const plan *p = &plans[number % plan_count];
    uint64_t stream = seed_number * 0x2545f4914f6cdd1dU + (uint64_t)number;
    mutation_next(&stream);
    const size_t count = mutate(p, &stream, bytes);
    put(w, p, bytes, count);
    end e = run(p, w->number, w->err);
    for (int again = 0; again < 2 && e.ms > HANG_MS && !WIFSIGNALED(e.how); again++) {
        empty_folder(w->folder);
        e = run(p, w->number, w->err);
    }
    const char *why = judge(p, &e, empty_folder(w->folder));
    if (!why && e.ms > HANG_MS) why = "takes more than 2 s, three times";
    if (why) report(p, number, &e, why, bytes, count);
    take_away(w);
    if (WIFEXITED(e.how) && WEXITSTATUS(e.how) < STATUSES) atomic_fetch_add(&all->status[WEXITSTATUS(e.how)], 1);
    raise_to(&all->slowest_ms, e.ms);
    raise_to(&all->largest_kib, e.kib - p->valid_kib);
    atomic_fetch_add(&all->by_plan[number % plan_count], 1);
    atomic_fetch_add(&all->done, 1);
}

/* Each command with its first seed, as it is. */
static void run_valid(void)
{
    worker w;
    set_up(&w, 0);
    for (int i = 0; i < plan_count; i++) {
        plan *p = &plans[i];
        put(&w, p, p->seed[0].bytes, p->seed[0].count);
        const end e = run(p, 0, w.err);
        empty_folder(w.folder);
        take_away(&w);
        p->valid_kib = e.kib;
        p->valid_lines = e.lines;
        if (WIFEXITED(e.how) && WEXITSTATUS(e.how) == 0) continue;
        printf("%s: the valid file does not do (wait status 0x%x): %s\n", p->name, (unsigned)e.how, e.line);
        exit(1);
    }
}

static void sum_up(long begin_ms, int workers)
{
    const double seconds = (double)(now_ms() - begin_ms) / 1000;
    for (int i = 0; i < plan_count; i++) printf("%-20s %7ld\n", plans[i].name, atomic_load(&all->by_plan[i]));
    printf("%ld mutated files in %.0f s by %d workers: status 0 %ld, 1 %ld, 2 %ld, 3 %ld; slowest %ld ms; most memory "
           "%ld MiB "
           "beyond the valid file's; %ld findings\n",
           atomic_load(&all->done), seconds, workers, atomic_load(&all->status[0]), atomic_load(&all->status[1]),
           atomic_load(&all->status[2]), atomic_load(&all->status[3]), atomic_load(&all->slowest_ms),
           atomic_load(&all->largest_kib) >> 10, atomic_load(&all->findings));
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: fuzz_mutate COUNT PLAN WORK KEEP [SEED]\n");
        return 2;
    }
    const long count = strtol(argv[1], NULL, 10), cores = sysconf(_SC_NPROCESSORS_ONLN);
    const uint64_t seed_number = argc > 5 ? strtoull(argv[5], NULL, 10) : 1;
    const int workers = (int)(cores < MOST_WORKERS ? cores : MOST_WORKERS);
    work = argv[3];
    keep = argv[4];
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) give_up("mmap");
    read_plans(argv[2]);
    run_valid();
    printf("seed %llu\n", (unsigned long long)seed_number);
    fflush(stdout);
    const long begin = now_ms();
    for (int k = 0; k < workers; k++) {
        const pid_t child = fork();
        if (child < 0) give_up("fork");
        if (child > 0) continue;
        worker w;
        uint8_t *bytes = malloc(2 * MOST_BYTES + 4096);
        if (!bytes) give_up("memory");
        set_up(&w, k);
        for (long i = k; i < count; i += workers) one_case(&w, i, seed_number, bytes);
        _exit(0);
    }
    int well = 0;
    for (int k = 0, how; k < workers; k++) well += wait(&how) > 0 && WIFEXITED(how) && WEXITSTATUS(how) == 0;
    sum_up(begin, workers);
    return well == workers && atomic_load(&all->done) == count && atomic_load(&all->findings) == 0 ? 0 : 1;
}
