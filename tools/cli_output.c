/* cli_output.c - files that the tool writes: asked before the work, whole or not at all after it.
 *
 * Why a probe creates a file instead of asking access(): root may write everywhere by access(), yet not on a read-only
 * mount or beyond a quota.  The probe has another name than the output, so what stands there stays until the new file
 * is whole.
 */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* fchmod with mkstemp on old C libraries */
#include "cli_output.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_say.h"

void cli_output_survive(void)
{
    struct sigaction ignore;
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
}

bool cli_same_file(const char *a, const char *b)
{
    struct stat s, t;
    return stat(a, &s) == 0 && stat(b, &t) == 0 && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

double cli_file_bytes(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (double)status.st_size : 0;
}

/* "PATH.XXXXXX" beside the output: rename works within one file system only.  malloc'ed, NULL: no memory. */
static char *beside(const char *path)
{
    const size_t size = strlen(path) + sizeof ".XXXXXX";
    char *name = malloc(size);
    if (name) snprintf(name, size, "%s.XXXXXX", path);
    return name;
}

/* A device or a pipe is there and stays what it is: it is written straight, never replaced. */
static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

int cli_output_probe(const char *option, const char *path)
{
    struct stat st;
    if (!path) return -1;
    const char *const dashes = option[0] >= 'A' && option[0] <= 'Z' ? "" : "--";
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode)) return cli_wrong("%s%s: %s is a folder", dashes, option, path);
        if (!S_ISREG(st.st_mode)) return -1;
        if (access(path, W_OK) != 0) return cli_wrong("%s%s: %s: %s", dashes, option, path, strerror(errno));
    }
    char *name = beside(path);
    if (!name) {
        cli_error("%s%s: %s", dashes, option, ist_strerror(IST_E_MEMORY));
        return CLI_FAILED;
    }
    const int fd = mkstemp(name);
    const int why = errno;
    if (fd >= 0) {
        close(fd);
        unlink(name);
    }
    free(name);
    return fd >= 0 ? -1 : cli_wrong("%s%s: %s cannot be written: %s", dashes, option, path, strerror(why));
}

/* NumPy's format 1.0: magic, version, length of the header, a Python literal padded to 64 bytes. */
static bool put_npy(FILE *file, const char *descr, const void *items, int64_t rows, int64_t columns)
{
    enum { PREFIX = 10, HEADER = 128 };
    char text[HEADER + 1];
    const int len = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%lld, %lld), }",
                             descr, (long long)rows, (long long)columns);
    memset(text + len, ' ', (size_t)(HEADER - PREFIX - 1 - len));
    text[HEADER - PREFIX - 1] = '\n';
    const unsigned char prefix[PREFIX] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, HEADER - PREFIX, 0};
    const size_t count = (size_t)rows * (size_t)columns;
    return fwrite(prefix, 1, PREFIX, file) == PREFIX && fwrite(text, 1, HEADER - PREFIX, file) == HEADER - PREFIX &&
           fwrite(items, 4, count, file) == count && fflush(file) == 0;
}

/* What make_whole writes, and how. */
typedef struct content {
    bool (*put)(FILE *file, const struct content *content);
    cli_file_writer *writer; /* of the caller, and its */
    void *user;
    const char *descr;
    const void *items; /* or the JSON object */
    int64_t rows, columns;
} content;

static bool put_rows(FILE *file, const content *c)
{
    return put_npy(file, c->descr, c->items, c->rows, c->columns);
}

static bool put_json(FILE *file, const content *c)
{
    return json_dumpf(c->items, file, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0 && fflush(file) == 0 &&
           !ferror(file); /* jansson overlooks some failures */
}

/* A file appears whole, or not at all: true, or a line was printed that begins with `option`. */
static bool make_whole(const char *option, const char *path, const content *c)
{
    const bool straight = is_special(path);
    char *name = straight ? NULL : beside(path);
    errno = ENOMEM;
    const int fd = name ? mkstemp(name) : -1;
    FILE *file = straight ? fopen(path, "wb") : fd >= 0 ? fdopen(fd, "wb") : NULL;
    bool well = file && c->put(file, c);
    if (well && !straight) {
        /* mkstemp made it for us alone; what people get from an output file is what their umask says. */
        const mode_t mask = umask(0);
        umask(mask);
        well = fchmod(fd, (mode_t)0666 & ~mask) == 0 && fsync(fd) == 0;
    }
    int why = errno;
    if (file && fclose(file) != 0 && well) {
        well = false;
        why = errno;
    } else if (!file && fd >= 0) {
        close(fd);
    }
    if (well && !straight && rename(name, path) != 0) {
        well = false;
        why = errno;
    }
    if (!well) {
        if (fd >= 0) unlink(name);
        cli_error("%s%s: %s", option, path, strerror(why));
    }
    free(name);
    return well;
}

bool cli_npy_write(const char *path, const char *descr, const void *items, int64_t rows, int64_t columns)
{
    return make_whole("", path,
                      &(content){.put = put_rows, .descr = descr, .items = items, .rows = rows, .columns = columns});
}

static bool put_callers(FILE *file, const content *c)
{
    return c->writer(file, c->user) && fflush(file) == 0;
}

bool cli_file_write(const char *path, cli_file_writer *writer, void *user)
{
    return make_whole("", path, &(content){.put = put_callers, .writer = writer, .user = user});
}

bool cli_json_write(const char *option, const char *path, const json_t *json)
{
    char words[64];
    snprintf(words, sizeof words, "--%s: ", option);
    return make_whole(words, path, &(content){.put = put_json, .items = json});
}
