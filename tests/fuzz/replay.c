/* replay.c - the main function of a target where no fuzzer gives one: feeds it files, so that what fuzzing found once is a
 * test for ever, with any compiler.
 *
 * usage: fuzz_NAME [--mutations N] FILE|FOLDER..
 *
 * Each file is fed as it is, and then N times with random changes (mutation.h): the same ones in
 * every run.  Prints what was fed; a crash is for the sanitizer, or the shell, to tell.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "mutation.h"

enum { MOST_BYTES = 1 << 20 };

static long files, mutants;

/* Fed from memory of exactly that size, so that a sanitizer sees who reads behind it. */
static void feed(const uint8_t *bytes, size_t count)
{
    uint8_t *own = malloc(count ? count : 1);
    if (!own) abort();
    if (count > 0) memcpy(own, bytes, count);
    LLVMFuzzerTestOneInput(own, count);
    free(own);
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
    uint64_t stream = count;
    feed(seed, count);
    files++;
    for (long m = 0; m < mutations; m++, mutants++) {
        size_t length = count;
        memcpy(mutant, seed, count);
        for (size_t changes = 1 + mutation_below(&stream, 4); changes > 0; changes--)
            mutation_change(&stream, mutant, &length, 2 * MOST_BYTES, seed, count);
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
