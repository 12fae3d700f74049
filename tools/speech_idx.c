/* speech_idx.c - a set of output files that appear together, or not at all.
 *
 * The order at the end is what matters: every file is closed and synced before the first rename, so that a full disk
 * shows while all old files still stand; the renames themselves hardly ever fail.  zlib writes both kinds of file:
 * its mode "T" passes bytes through, so there is one path for plain and compressed output.
 */
#define _POSIX_C_SOURCE 200809L
#include "speech_idx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int io_failure(const char *path, failure *why)
{
    return fail(why, EXIT_FAILED, "%s: %s", path, strerror(errno ? errno : EIO));
}

int output_begin(output_set *set, const char *folder, failure *why)
{
    memset(set, 0, sizeof *set);
    set->folder = folder;
    if (mkdir(folder, 0777) == 0) {
        set->made_folder = 1;
        return 0;
    }
    struct stat status;
    if (errno == EEXIST && stat(folder, &status) == 0 && S_ISDIR(status.st_mode)) return 0;
    return io_failure(folder, why);
}

int output_open(output_set *set, const char *name, int gz, int *index, failure *why)
{
    char hidden[64];
    snprintf(hidden, sizeof hidden, ".%s.%ld.tmp", name, (long)getpid());
    output_file *file = &set->file[set->count];
    *index = set->count++; /* from here on output_discard knows of it */
    file->fd = -1;
    file->final_path = join_path(set->folder, name);
    file->temporary_path = join_path(set->folder, hidden);
    if (!file->final_path || !file->temporary_path) return fail_memory(why);
    file->fd = open(file->temporary_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file->fd < 0) return io_failure(file->temporary_path, why);

    const int twin = dup(file->fd); /* gzclose closes one; we still need the other for fsync */
    file->stream = twin < 0 ? NULL : gzdopen(twin, gz ? "wb" : "wbT");
    if (file->stream) return 0;
    if (twin >= 0) close(twin);
    return io_failure(file->temporary_path, why);
}

int output_write(output_set *set, int index, const void *bytes, size_t size_bytes, failure *why)
{
    const char *from = bytes;
    while (size_bytes > 0) {
        const unsigned part = size_bytes < (1u << 30) ? (unsigned)size_bytes : 1u << 30;
        errno = 0;
        if (gzwrite(set->file[index].stream, from, part) != (int)part)
            return io_failure(set->file[index].final_path, why);
        from += part;
        size_bytes -= part;
    }
    return 0;
}

int output_idx_head(output_set *set, int index, int dimensions, const uint32_t *sizes, failure *why)
{
    unsigned char head[4 + 4 * IDX_DIMENSIONS_MAX] = {0, 0, 0x08, (unsigned char)dimensions}; /* 08: unsigned byte */
    for (int d = 0; d < dimensions; d++)
        for (int b = 0; b < 4; b++) head[4 + 4 * d + b] = (unsigned char)(sizes[d] >> (24 - 8 * b));
    return output_write(set, index, head, 4 + 4 * (size_t)dimensions, why);
}

/* Content to the disk; the file stays under its temporary name. */
static int settle(output_file *file, failure *why)
{
    errno = 0;
    const int flushed = gzclose(file->stream);
    file->stream = NULL;
    if (flushed != Z_OK || fsync(file->fd) != 0) return io_failure(file->final_path, why);
    const int closed = close(file->fd);
    file->fd = -1;
    return closed == 0 ? 0 : io_failure(file->final_path, why);
}

int output_publish(output_set *set, failure *why)
{
    for (int i = 0; i < set->count; i++)
        if (settle(&set->file[i], why)) return why->status;
    for (int i = 0; i < set->count; i++) {
        output_file *file = &set->file[i];
        if (rename(file->temporary_path, file->final_path) != 0) return io_failure(file->final_path, why);
        free(file->temporary_path);
        file->temporary_path = NULL; /* nothing left to discard */
        set->made_folder = 0;
    }
    const int folder = open(set->folder, O_RDONLY | O_CLOEXEC);
    if (folder >= 0) { /* the new names too; some file systems refuse, which is no harm */
        fsync(folder);
        close(folder);
    }
    return 0;
}

void output_discard(output_set *set)
{
    for (int i = 0; i < set->count; i++) {
        output_file *file = &set->file[i];
        if (file->stream) gzclose(file->stream);
        if (file->fd >= 0) close(file->fd);
        if (file->temporary_path) unlink(file->temporary_path);
        free(file->temporary_path);
        free(file->final_path);
    }
    if (set->made_folder) rmdir(set->folder);
    set->count = 0;
    set->made_folder = 0;
}
