/* replay.c - the main function of a target where no fuzzer gives one: feeds it files, so that what fuzzing found once is a
 * test for ever, with any compiler.
 *
 * usage: fuzz_NAME [--mutations N] FILE|FOLDER..
 *
 * Each file is fed as it is, and then N times with random changes (bits, bytes, numbers at their ends, pieces cut,
 * repeated or moved): the same ones in every run.  Prints what was fed; a crash is for the sanitizer, or the shell, to tell.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

enum { MOST_BYTES = 1 << 20 };

static uint64_t stream;
static long files, mutants;

static uint64_t next_number(void) /* splitmix64 */
{
    uint64_t z = stream += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static size_t below(size_t end)
{
    return end ? (size_t)(next_number() % end) : 0;
}

/* Fed from memory of exactly that size, so that a sanitizer sees who reads behind it. */
static void feed(const uint8_t *bytes, size_t count)
{
    uint8_t *own = malloc(count ? count : 1);
    if (!own) abort();
    if (count > 0) memcpy(own, bytes, count);
    LLVMFuzzerTestOneInput(own, count);
    free(own);
}

/* One change in bytes (*count of at most `capacity`). */
static void change(uint8_t *bytes, size_t *count, size_t capacity)
{
    static const uint64_t ends[] = {0,         1,          0x7f,       0x80,       0xff,
                                    0x7fff,    0xffff,     0x7fffffff, 0x80000000, 0xffffffff,
                                    INT64_MAX, UINT64_MAX, 1U << 24,   1ULL << 32, 1ULL << 40};
    const size_t at = below(*count), left = *count - at;
    if (*count == 0) return;
    switch (below(7)) {
    case 0: bytes[at] ^= (uint8_t)(1U << below(8)); return;
    case 1: bytes[at] = (uint8_t)next_number(); return;
    case 2: { /* a number at one of its ends, little-endian or big-endian */
        const uint64_t value = ends[below(sizeof ends / sizeof *ends)];
        const size_t size = (size_t)1 << below(4);
        const bool big = below(2);
        for (size_t i = 0; i < size && i < left; i++)
            bytes[at + i] = (uint8_t)(value >> (8 * (big ? size - 1 - i : i)));
        return;
    }
    case 3: *count = at; return;
    case 4: { /* a piece cut out */
        const size_t size = 1 + below(left);
        memmove(bytes + at, bytes + at + size, left - size);
        *count -= size;
        return;
    }
    case 5: { /* a piece twice */
        size_t size = 1 + below(left < 64 ? left : 64);
        if (size > capacity - *count) size = capacity - *count;
        memmove(bytes + at + size, bytes + at, left);
        *count += size;
        return;
    }
    default: { /* a piece over another */
        const size_t from = below(*count), most = *count - (from > at ? from : at);
        memmove(bytes + at, bytes + from, 1 + below(most));
    }
    }
}

static void feed_file(const char *path, long mutations)
{
    FILE *file = fopen(path, "rb");
    uint8_t *seed = malloc(MOST_BYTES), *mutant = malloc(2 * MOST_BYTES);
    if (!file || !seed || !mutant) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    const size_t count = fread(seed, 1, MOST_BYTES, file);
    fclose(file);
    stream = count;
    feed(seed, count);
    files++;
    for (long m = 0; m < mutations; m++, mutants++) {
        size_t length = count;
        memcpy(mutant, seed, count);
        for (size_t changes = 1 + below(4); changes > 0; changes--) change(mutant, &length, 2 * MOST_BYTES);
        feed(mutant, length);
    }
    free(seed);
    free(mutant);
}

static void feed_path(const char *path, long mutations)
{
    struct stat status;
    struct dirent **entries;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
        feed_file(path, mutations);
        return;
    }
    const int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char inside[4096];
        snprintf(inside, sizeof inside, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') feed_path(inside, mutations);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
}

int main(int argc, char **argv)
{
    long mutations = 0;
    int first = 1;
    if (argc > 2 && strcmp(argv[1], "--mutations") == 0) {
        mutations = strtol(argv[2], NULL, 10);
        first = 3;
    }
    for (int i = first; i < argc; i++) feed_path(argv[i], mutations);
    printf("%ld files, %ld mutants\n", files, mutants);
    return files > 0 ? 0 : 2;
}
