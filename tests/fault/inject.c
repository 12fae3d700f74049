/* inject.c - makes one call of a program fail, to be preloaded: the K-th allocation, the K-th write, and so on.
 *
 *     LD_PRELOAD=libinject.so INJECT=write:3:ENOSPC INJECT_REPORT=report ist train ...
 *
 * INJECT         KIND:NUMBER:HOW[:always].  Of the calls of KIND that count, number NUMBER fails, and with `always` all
 *                after it too.  HOW is the name of an error; of a read or a write also SHORT: one byte is done.  KIND is
 *                one of those below.  NUMBER 0, or no INJECT: nothing fails.
 * INJECT_REPORT  a file that gets, when the program ends: "count KIND N" for each kind, "done KIND NUMBER HOW CALLER" for
 *                what failed, "left N allocations|descriptors|mappings" of those that were taken and never given back.
 * INJECT_SLOW    THREAD:SECONDS: the thread of this name (ist/t1.c0) sleeps so long, once, in its 6th look at the clock.
 * INJECT_CLOCK   set: the time of day jumps by years at each look; the monotonic clock does not.
 *
 * Whose calls count: those made by the code of the program and of libist, and what jansson and zlib allocate for them, by
 * the address to which a call returns.  Not those of
 *   libgomp      ends the process by itself when it cannot have a thread or memory (gomp_fatal)
 *   hwloc        does not look at what some of its allocations give; its sched_setaffinity does count
 *   OpenBLAS     takes its buffers when it is loaded
 *   libc, ld.so  the buffer of a stream, without which it goes on; opendir and fopen fail as a whole, which counts
 * A call on a stream that fails has marked it, as a real one does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

/* glibc's own, so that nothing has to be looked up before the first allocation. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

typedef enum kind {
    ALLOC, /* malloc, calloc, realloc, aligned_alloc, posix_memalign */
    MAP,   /* mmap */
    OPEN,  /* open, fopen, fdopen, mkstemp */
    READ,
    WRITE,
    SYNC, /* fsync, fdatasync */
    CLOSE,
    RENAME,
    UNLINK,
    STAT,     /* stat, fstat, access */
    RESIZE,   /* ftruncate, fchmod */
    STREAM,   /* fwrite, fputc, fputs, fflush, fclose, fseek of a file */
    THREAD,   /* pthread_create */
    AFFINITY, /* sched_setaffinity */
    KINDS
} kind;
static const char *const kind_name[KINDS] = {"alloc",  "map",    "open", "read",   "write",  "sync",   "close",
                                             "rename", "unlink", "stat", "resize", "stream", "thread", "affinity"};

static const struct {
    const char *name;
    int number;
} errors[] = {{"ENOMEM", ENOMEM}, {"EIO", EIO},     {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT},
              {"EACCES", EACCES}, {"EROFS", EROFS}, {"EMFILE", EMFILE}, {"EINTR", EINTR},
              {"EAGAIN", EAGAIN}, {"EPERM", EPERM}, {"EFBIG", EFBIG},   {"SHORT", -1}};

/* ------------------------------------------------------------------------------------------------- whose call it is -- */

enum { RANGES_MOST = 16 };
static struct {
    uintptr_t first, last;
    const char *name;
    bool allocates_only;
} ranges[RANGES_MOST];
static int range_count;
static bool ready;

static void add_range(const struct dl_phdr_info *info, const char *name, bool allocates_only)
{
    for (int i = 0; i < info->dlpi_phnum && range_count < RANGES_MOST; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        ranges[range_count].first = info->dlpi_addr + part->p_vaddr;
        ranges[range_count].last = ranges[range_count].first + part->p_memsz;
        ranges[range_count].name = name;
        ranges[range_count++].allocates_only = allocates_only;
    }
}

static int look_at(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    int *seen = user;
    const char *slash = strrchr(info->dlpi_name, '/'), *name = slash ? slash + 1 : info->dlpi_name;
    if ((*seen)++ == 0) add_range(info, "program", false); /* the first is the program itself */
    else if (strncmp(name, "libist", 6) == 0) add_range(info, "libist", false);
    else if (strncmp(name, "libjansson", 10) == 0) add_range(info, "jansson", false);
    else if (strncmp(name, "libz.", 5) == 0) add_range(info, "zlib", true);
    return 0;
}

static const char *caller_of(const void *return_address, kind what)
{
    const uintptr_t at = (uintptr_t)return_address;
    for (int i = 0; i < range_count; i++)
        if (at >= ranges[i].first && at < ranges[i].last)
            return ranges[i].allocates_only && what != ALLOC ? NULL : ranges[i].name;
    return NULL;
}

/* ------------------------------------------------------------------------------------------------- the order to fail -- */

static kind order_kind = KINDS;
static long order_number;
static int order_error;
static bool order_always, clock_jumps;
static char order_how[16], report_path[1024], slow_thread[32];
static double slow_s;
static atomic_long counts[KINDS];
static atomic_long done;
static char done_caller[32];
static long done_number;

static void take_order(const char *text)
{
    char kind_text[16] = "", rest[16] = "";
    if (sscanf(text, "%15[^:]:%ld:%15[^:]:%15s", kind_text, &order_number, order_how, rest) < 3) _exit(99);
    for (int k = 0; k < KINDS; k++)
        if (strcmp(kind_text, kind_name[k]) == 0) order_kind = (kind)k;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(order_how, errors[i].name) == 0) order_error = errors[i].number;
    if (order_kind == KINDS || order_error == 0) _exit(99);
    order_always = strcmp(rest, "always") == 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *order = getenv("INJECT"), *report = getenv("INJECT_REPORT"), *slow = getenv("INJECT_SLOW");
    int seen = 0;
    dl_iterate_phdr(look_at, &seen);
    if (order && *order) take_order(order);
    if (report) snprintf(report_path, sizeof report_path, "%s", report);
    if (slow && sscanf(slow, "%31[^:]:%lf", slow_thread, &slow_s) != 2) _exit(99);
    clock_jumps = getenv("INJECT_CLOCK") != NULL;
    ready = true;
}

/* 0: go on.  Else the error of this call, errno set; -1: SHORT. */
static int fails(kind what, const void *return_address)
{
    if (!ready) return 0;
    const char *caller = caller_of(return_address, what);
    if (!caller && what == AFFINITY) caller = "hwloc";
    if (!caller) return 0;
    const long number = atomic_fetch_add(&counts[what], 1) + 1;
    if (what != order_kind || order_number == 0) return 0;
    if (order_always ? number < order_number : number != order_number) return 0;
    if (atomic_fetch_add(&done, 1) == 0) {
        done_number = number;
        snprintf(done_caller, sizeof done_caller, "%s", caller);
    }
    if (order_error > 0) errno = order_error;
    return order_error;
}

/* ---------------------------------------------------------------------------------------- what was taken and not given -- */

/* Open addressing; a place once used stays marked, so that those behind it are found. */
enum { TABLE = 1 << 17 };
static uintptr_t taken[TABLE];
static const uintptr_t GONE = 1;
static long taken_count, descriptors, mappings;
static pthread_mutex_t taken_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t place_of(uintptr_t key)
{
    return (size_t)((key >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 40) % TABLE;
}

static void note_taken(const void *memory, const void *return_address)
{
    if (!memory || !ready || !caller_of(return_address, ALLOC)) return;
    pthread_mutex_lock(&taken_lock);
    size_t at = place_of((uintptr_t)memory);
    for (int tries = 0; tries < TABLE; tries++, at = (at + 1) % TABLE)
        if (taken[at] <= GONE) {
            taken[at] = (uintptr_t)memory;
            taken_count++;
            break;
        }
    pthread_mutex_unlock(&taken_lock);
}

static void note_given(const void *memory)
{
    if (!memory || !ready || taken_count == 0) return;
    pthread_mutex_lock(&taken_lock);
    size_t at = place_of((uintptr_t)memory);
    for (int tries = 0; tries < TABLE && taken[at]; tries++, at = (at + 1) % TABLE)
        if (taken[at] == (uintptr_t)memory) {
            taken[at] = GONE;
            taken_count--;
            break;
        }
    pthread_mutex_unlock(&taken_lock);
}

static void note(long *count, long by, const void *return_address)
{
    if (!ready || !caller_of(return_address, OPEN)) return;
    pthread_mutex_lock(&taken_lock);
    *count += by;
    pthread_mutex_unlock(&taken_lock);
}

__attribute__((destructor)) static void end(void)
{
    if (!*report_path) return;
    ready = false;
    char text[1024];
    int length = 0;
    for (int k = 0; k < KINDS; k++)
        length += snprintf(text + length, sizeof text - (size_t)length, "count %s %ld\n", kind_name[k], counts[k]);
    if (done > 0)
        length += snprintf(text + length, sizeof text - (size_t)length, "done %s %ld %s %s\n", kind_name[order_kind],
                           done_number, order_how, done_caller);
    length +=
        snprintf(text + length, sizeof text - (size_t)length,
                 "left %ld allocations\nleft %ld descriptors\nleft %ld mappings\n", taken_count, descriptors, mappings);
    const int file = open(report_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || write(file, text, (size_t)length) != length) _exit(99);
    close(file);
}

#define CALLER     __builtin_return_address(0)
#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

/* ----------------------------------------------------------------------------------------------------------- memory -- */

SHOWN void *malloc(size_t bytes)
{
    if (fails(ALLOC, CALLER)) return NULL;
    void *memory = __libc_malloc(bytes);
    note_taken(memory, CALLER);
    return memory;
}

SHOWN void *calloc(size_t count, size_t size)
{
    if (fails(ALLOC, CALLER)) return NULL;
    void *memory = __libc_calloc(count, size);
    note_taken(memory, CALLER);
    return memory;
}

SHOWN void *realloc(void *old, size_t bytes)
{
    if (fails(ALLOC, CALLER)) return NULL;
    void *memory = __libc_realloc(old, bytes);
    if (memory) note_given(old);
    note_taken(memory, CALLER);
    return memory;
}

SHOWN void *aligned_alloc(size_t alignment, size_t bytes)
{
    if (fails(ALLOC, CALLER)) return NULL;
    void *memory = __libc_memalign(alignment, bytes);
    note_taken(memory, CALLER);
    return memory;
}

SHOWN int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    if (fails(ALLOC, CALLER)) return ENOMEM;
    void *memory = __libc_memalign(alignment, bytes);
    if (!memory) return ENOMEM;
    note_taken(memory, CALLER);
    *out = memory;
    return 0;
}

SHOWN void free(void *memory)
{
    note_given(memory); /* before it can be another's */
    __libc_free(memory);
}

SHOWN void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    if (fails(MAP, CALLER)) return MAP_FAILED;
    void *memory = NEXT(mmap)(address, bytes, protection, flags, file, offset);
    if (memory != MAP_FAILED) note(&mappings, 1, CALLER);
    return memory;
}

SHOWN int munmap(void *address, size_t bytes)
{
    note(&mappings, -1, CALLER);
    return NEXT(munmap)(address, bytes);
}

/* ------------------------------------------------------------------------------------------------------ descriptors -- */

SHOWN int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list list;
        va_start(list, flags);
        mode = va_arg(list, mode_t);
        va_end(list);
    }
    if (fails(OPEN, CALLER)) return -1;
    const int file = NEXT(open)(path, flags, mode);
    if (file >= 0) note(&descriptors, 1, CALLER);
    return file;
}

SHOWN int mkstemp(char *name)
{
    if (fails(OPEN, CALLER)) return -1;
    const int file = NEXT(mkstemp)(name);
    if (file >= 0) note(&descriptors, 1, CALLER);
    return file;
}

SHOWN ssize_t read(int file, void *to, size_t bytes)
{
    const int how = fails(READ, CALLER);
    if (how > 0) return -1;
    return NEXT(read)(file, to, how < 0 && bytes > 0 ? 1 : bytes);
}

SHOWN ssize_t write(int file, const void *from, size_t bytes)
{
    const int how = fails(WRITE, CALLER);
    if (how > 0) return -1;
    return NEXT(write)(file, from, how < 0 && bytes > 0 ? 1 : bytes);
}

SHOWN int fsync(int file)
{
    return fails(SYNC, CALLER) ? -1 : NEXT(fsync)(file);
}

SHOWN int fdatasync(int file)
{
    return fails(SYNC, CALLER) ? -1 : NEXT(fdatasync)(file);
}

/* The descriptor is gone whatever close answers. */
SHOWN int close(int file)
{
    note(&descriptors, -1, CALLER);
    const int answer = NEXT(close)(file);
    return fails(CLOSE, CALLER) ? -1 : answer;
}

SHOWN int ftruncate(int file, off_t bytes)
{
    return fails(RESIZE, CALLER) ? -1 : NEXT(ftruncate)(file, bytes);
}

SHOWN int fchmod(int file, mode_t mode)
{
    return fails(RESIZE, CALLER) ? -1 : NEXT(fchmod)(file, mode);
}

/* ------------------------------------------------------------------------------------------------------------ names -- */

SHOWN int rename(const char *from, const char *to)
{
    return fails(RENAME, CALLER) ? -1 : NEXT(rename)(from, to);
}

SHOWN int unlink(const char *path)
{
    return fails(UNLINK, CALLER) ? -1 : NEXT(unlink)(path);
}

SHOWN int remove(const char *path)
{
    return fails(UNLINK, CALLER) ? -1 : NEXT(remove)(path);
}

SHOWN int stat(const char *restrict path, struct stat *restrict out)
{
    return fails(STAT, CALLER) ? -1 : NEXT(stat)(path, out);
}

SHOWN int fstat(int file, struct stat *out)
{
    return fails(STAT, CALLER) ? -1 : NEXT(fstat)(file, out);
}

SHOWN int access(const char *path, int mode)
{
    return fails(STAT, CALLER) ? -1 : NEXT(access)(path, mode);
}

/* ---------------------------------------------------------------------------------------------------------- streams -- */

SHOWN FILE *fopen(const char *restrict path, const char *restrict mode)
{
    if (fails(OPEN, CALLER)) return NULL;
    FILE *file = NEXT(fopen)(path, mode);
    if (file) note(&descriptors, 1, CALLER);
    return file;
}

SHOWN FILE *fdopen(int descriptor, const char *mode)
{
    return fails(OPEN, CALLER) ? NULL : NEXT(fdopen)(descriptor, mode);
}

SHOWN FILE *open_memstream(char **text, size_t *bytes)
{
    if (fails(OPEN, CALLER)) return NULL;
    FILE *file = NEXT(open_memstream)(text, bytes);
    if (file) note(&descriptors, 1, CALLER); /* it has none, but fclose ends it */
    return file;
}

/* As the real call leaves a stream that it could not write: with its mark, and without the bytes. */
static bool stream_fails(FILE *file, const void *return_address)
{
    if (!file || file == stderr) return false; /* nobody could be told */
    if (fails(STREAM, return_address) <= 0) return false;
    file->_flags |= 0x20; /* _IO_ERR_SEEN */
    return true;
}

SHOWN size_t fwrite(const void *restrict from, size_t size, size_t count, FILE *restrict file)
{
    return stream_fails(file, CALLER) ? 0 : NEXT(fwrite)(from, size, count, file);
}

SHOWN int fputc(int c, FILE *file)
{
    return stream_fails(file, CALLER) ? EOF : NEXT(fputc)(c, file);
}

#undef putc
SHOWN int putc(int c, FILE *file)
{
    return stream_fails(file, CALLER) ? EOF : NEXT(putc)(c, file);
}

SHOWN int fputs(const char *restrict text, FILE *restrict file)
{
    return stream_fails(file, CALLER) ? EOF : NEXT(fputs)(text, file);
}

SHOWN int puts(const char *text)
{
    return stream_fails(stdout, CALLER) ? EOF : NEXT(puts)(text);
}

SHOWN int fflush(FILE *file)
{
    return stream_fails(file, CALLER) ? EOF : NEXT(fflush)(file);
}

SHOWN int fclose(FILE *file)
{
    const bool fail = stream_fails(file, CALLER);
    const int number = errno;
    note(&descriptors, -1, CALLER);
    const int answer = NEXT(fclose)(file);
    if (!fail) return answer;
    errno = number;
    return EOF;
}

/* ---------------------------------------------------------------------------------------------------------- threads -- */

SHOWN int pthread_create(pthread_t *restrict out, const pthread_attr_t *restrict attributes, void *(*work)(void *),
                         void *restrict argument)
{
    const int how = fails(THREAD, CALLER);
    return how > 0 ? how : NEXT(pthread_create)(out, attributes, work, argument);
}

SHOWN int sched_setaffinity(pid_t process, size_t bytes, const cpu_set_t *mask)
{
    return fails(AFFINITY, CALLER) ? -1 : NEXT(sched_setaffinity)(process, bytes, mask);
}

/* ------------------------------------------------------------------------------------------------------------ clocks -- */

static long jump(void)
{
    static atomic_long looks;
    const long look = atomic_fetch_add(&looks, 1);
    return (look % 2 ? 1 : -1) * (100000000 + look);
}

static void sleep_once(void)
{
    static _Thread_local int looks;
    static atomic_flag slept = ATOMIC_FLAG_INIT;
    char name[32] = "";
    if (prctl(PR_GET_NAME, name) != 0 || strcmp(name, slow_thread) != 0 || ++looks < 6) return;
    if (atomic_flag_test_and_set(&slept)) return;
    struct timespec rest = {(time_t)slow_s, (long)((slow_s - (double)(time_t)slow_s) * 1e9)};
    while (NEXT(nanosleep)(&rest, &rest) != 0 && errno == EINTR) continue;
}

SHOWN int clock_gettime(clockid_t clock, struct timespec *out)
{
    static __typeof__(&clock_gettime) next;
    if (!next) next = NEXT(clock_gettime);
    if (slow_s > 0) sleep_once();
    const int answer = next(clock, out);
    if (clock_jumps && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) out->tv_sec += jump();
    return answer;
}

SHOWN int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    const int answer = NEXT(gettimeofday)(out, zone);
    if (clock_jumps) out->tv_sec += jump();
    return answer;
}

SHOWN time_t time(time_t *out)
{
    const time_t now = NEXT(time)(NULL) + (clock_jumps ? jump() : 0);
    if (out) *out = now;
    return now;
}
