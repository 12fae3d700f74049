/* fuzz.c - what the targets share. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

void fuzz_require_(bool condition, const char *text, const char *file, int line)
{
    if (condition) return;
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, text);
    abort();
}

const char *fuzz_file(int number, const void *bytes, size_t count)
{
    static char paths[FUZZ_FILES][40];
    static int files[FUZZ_FILES];
    if (!*paths[number]) {
        files[number] = memfd_create("fuzz", MFD_CLOEXEC);
        fuzz_require(files[number] >= 0);
        snprintf(paths[number], sizeof paths[number], "/proc/self/fd/%d", files[number]);
    }
    fuzz_require(ftruncate(files[number], 0) == 0);
    fuzz_require(pwrite(files[number], bytes, count, 0) == (ssize_t)count);
    return paths[number];
}

void *fuzz_bytes(const char *path, size_t *count)
{
    FILE *file = fopen(path, "rb");
    fuzz_require(file != NULL && fseek(file, 0, SEEK_END) == 0);
    const long length = ftell(file);
    fuzz_require(length >= 0);
    rewind(file);
    char *bytes = malloc((size_t)length + 1);
    fuzz_require(bytes && fread(bytes, 1, (size_t)length, file) == (size_t)length);
    bytes[length] = 0;
    fclose(file);
    *count = (size_t)length;
    return bytes;
}

/* --------------------------------------------------------------------------------------------- a folder of our own -- */

static char folder[64];
static char names[16][128];
static int owner;

static void remove_folder(void)
{
    if ((int)getpid() != owner) return;
    for (int i = 0; i < 16; i++)
        if (*names[i]) unlink(names[i]);
    rmdir(folder);
}

const char *fuzz_path(const char *name)
{
    if (!owner) {
        snprintf(folder, sizeof folder, "%s/ist-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        fuzz_require(mkdtemp(folder) != NULL);
        owner = (int)getpid();
        atexit(remove_folder);
    }
    char path[128];
    snprintf(path, sizeof path, "%s/%.40s", folder, name);
    int i = 0;
    while (i < 15 && *names[i] && strcmp(names[i], path) != 0) i++;
    memcpy(names[i], path, sizeof path);
    return names[i];
}

void *fuzz_gzip(const void *bytes, size_t count, int members, size_t *packed)
{
    const size_t capacity = count + count / 100 + 200 * (size_t)members;
    unsigned char *to = malloc(capacity);
    fuzz_require(to != NULL);
    size_t length = 0;
    for (int m = 0; m < members; m++) {
        const size_t first = count * (size_t)m / (size_t)members, last = count * (size_t)(m + 1) / (size_t)members;
        z_stream pack = {0};
        fuzz_require(deflateInit2(&pack, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        pack.next_in = (unsigned char *)(uintptr_t)bytes + first;
        pack.avail_in = (uInt)(last - first);
        pack.next_out = to + length;
        pack.avail_out = (uInt)(capacity - length);
        fuzz_require(deflate(&pack, Z_FINISH) == Z_STREAM_END);
        length = capacity - pack.avail_out;
        deflateEnd(&pack);
    }
    *packed = length;
    return to;
}

void fuzz_check_refusal(ist_status status, const char *line)
{
    fuzz_require(status < IST_OK && status >= IST_E_BLAS && status != IST_E_DIVERGED);
    fuzz_require(line && *line);
    for (const char *c = line; *c; c++) fuzz_require((unsigned char)*c >= ' ' && *c != 127);
}

ist_context *fuzz_context(void)
{
    static ist_context *context;
    if (context) return context;
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    config.teams = config.threads_per_team = 1;
    config.placement = IST_PLACE_NONE;
    fuzz_require(ist_context_create(&context, &config) == IST_OK);
    return context;
}

/* ----------------------------------------------------------------------------------------------------------- hush -- */

static FILE *true_stdout, *true_stderr, *nowhere;
static char *told;
static size_t told_bytes;

void fuzz_hush(void)
{
    if (!nowhere) nowhere = fopen("/dev/null", "w");
    true_stdout = stdout;
    true_stderr = stderr;
    stderr = open_memstream(&told, &told_bytes);
    fuzz_require(nowhere && stderr);
    stdout = nowhere;
}

int fuzz_unhush(void)
{
    int lines = 0;
    fclose(stderr);
    stdout = true_stdout;
    stderr = true_stderr;
    for (size_t i = 0; i < told_bytes; i++) lines += told[i] == '\n';
    free(told);
    told = NULL;
    return lines;
}
