/* temp_files.h - files for tests, in a folder of the process that is removed when it ends.
 *
 * All inline, because CMake makes a test of one source file.  Include after #define _POSIX_C_SOURCE 200809L.
 */
#ifndef IST_TESTS_TEMP_FILES_H
#define IST_TESTS_TEMP_FILES_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "ist_test.h"

static char temp_folder[256];
static int temp_owner;

/* Call act(path) for each file of the folder; the number of files. */
static inline int temp_each(int (*act)(const char *path))
{
    char path[1024];
    int count = 0;
    DIR *folder = opendir(temp_folder);
    if (!folder) return 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        snprintf(path, sizeof path, "%s/%s", temp_folder, entry->d_name);
        if (act) act(path);
        count++;
    }
    closedir(folder);
    return count;
}

static inline void temp_clean(void)
{
    if ((int)getpid() != temp_owner) return;
    temp_each(remove);
    rmdir(temp_folder);
}

/* The path of a file of that name; the string lives as long as the process. */
static inline const char *temp_path(const char *name)
{
    if (!temp_owner) {
        const char *parent = getenv("TMPDIR");
        snprintf(temp_folder, sizeof temp_folder, "%s/ist-test-XXXXXX", parent ? parent : "/tmp");
        CHECK(mkdtemp(temp_folder) != NULL);
        temp_owner = (int)getpid();
        atexit(temp_clean);
    }
    static char paths[512][600];
    static int next;
    char *path = paths[next++ % 512];
    snprintf(path, sizeof paths[0], "%s/%s", temp_folder, name);
    return path;
}

/* Files in the folder, hidden ones too. */
static inline int temp_count(void)
{
    return temp_each(NULL);
}

/* Remove what earlier cases of this process left. */
static inline void temp_empty(void)
{
    temp_path("");
    temp_each(remove);
}

/* Write a file; its path. */
static inline const char *temp_put(const char *name, const void *from, size_t count)
{
    const char *path = temp_path(name);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK_EQ(count > 0 ? fwrite(from, 1, count, file) : 0, count);
    CHECK_EQ(fclose(file), 0);
    return path;
}

static inline const char *temp_put_text(const char *name, const char *text)
{
    return temp_put(name, text, strlen(text));
}

/* One member of a gzip file: to (capacity); its length. */
static inline size_t temp_gzip(const void *from, size_t count, void *to, size_t capacity)
{
    z_stream pack = {0};
    CHECK_EQ(deflateInit2(&pack, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    pack.next_in = (unsigned char *)(uintptr_t)from;
    pack.avail_in = (uInt)count;
    pack.next_out = to;
    pack.avail_out = (uInt)capacity;
    CHECK_EQ(deflate(&pack, Z_FINISH), Z_STREAM_END);
    const size_t length = capacity - pack.avail_out;
    deflateEnd(&pack);
    return length;
}

static inline const char *temp_put_gzip(const char *name, const void *from, size_t count)
{
    const size_t capacity = count + count / 1000 + 1024;
    unsigned char *packed = malloc(capacity);
    CHECK(packed != NULL);
    const size_t length = temp_gzip(from, count, packed, capacity);
    const char *path = temp_put(name, packed, length);
    free(packed);
    return path;
}

/* $IST_SHARED/data/NAME, or NULL when there is no such file. */
static inline const char *shared_data(const char *name)
{
    static char path[2048];
    const char *shared = getenv("IST_SHARED");
    if (!shared || !*shared) return NULL;
    snprintf(path, sizeof path, "%s/data/%s", shared, name);
    return access(path, R_OK) == 0 ? path : NULL;
}

/* A growing string of bytes, to build files with.  Starts as {0}; free(b.data). */
typedef struct bytes {
    unsigned char *data;
    size_t count, capacity;
} bytes;

static inline void bytes_add(bytes *b, const void *from, size_t count)
{
    if (b->capacity - b->count < count) {
        b->capacity = 2 * (b->count + count) + 64;
        b->data = realloc(b->data, b->capacity);
        CHECK(b->data != NULL);
    }
    if (count > 0) memcpy(b->data + b->count, from, count);
    b->count += count;
}

static inline void bytes_text(bytes *b, const char *text)
{
    bytes_add(b, text, strlen(text));
}

/* The low `size` bytes of a value, in either order. */
static inline void bytes_int(bytes *b, uint64_t value, int size, int big_endian)
{
    for (int i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)(value >> (8 * (big_endian ? size - 1 - i : i)));
        bytes_add(b, &byte, 1);
    }
}

#endif
