/* fake_root.h - a folder with files of /proc and /sys as another machine would show them; removed when the test ends.
 * Include after #define _XOPEN_SOURCE 700. */
#ifndef IST_TESTS_FAKE_ROOT_H
#define IST_TESTS_FAKE_ROOT_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ist_test.h"

static char fake_folder[256];
static int fake_owner;

static inline int fake_remove(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about, (void)kind, (void)place;
    return remove(path);
}

static inline void fake_clean(void)
{
    if ((int)getpid() == fake_owner) nftw(fake_folder, fake_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Begin with an empty folder; each case calls this first. */
static inline void fake_new(void)
{
    const char *parent = getenv("TMPDIR");
    if (fake_owner) fake_clean();
    else atexit(fake_clean);
    snprintf(fake_folder, sizeof fake_folder, "%s/ist-root-XXXXXX", parent ? parent : "/tmp");
    CHECK(mkdtemp(fake_folder) != NULL);
    fake_owner = (int)getpid();
}

/* The folder, for the parameter `root`. */
static inline const char *fake_root(void)
{
    return fake_folder;
}

/* Write a file, with the folders above it; again: anew. */
static inline void fake_file(const char *path, const char *text)
{
    char full[1024];
    snprintf(full, sizeof full, "%s%s", fake_root(), path);
    for (char *slash = strchr(full + strlen(fake_root()) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0777);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    CHECK(file != NULL);
    CHECK(fputs(text, file) >= 0);
    CHECK_EQ(fclose(file), 0);
}

#endif
