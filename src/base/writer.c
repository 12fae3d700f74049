/* writer.c - a file appears whole, or not at all.
 *
 * Bytes go to a temporary file beside the wanted one, `.NAME.tmp.PID.N`; commit makes them safe on disk and only then
 * gives the file its name.  Whoever reads, and whenever the machine dies, there is the old file or the new one.  While it is
 * written it is locked (flock): one that is not is left over from a writer that was killed, and a sweep may take it.
 *
 * The temporary file is made by open() with mode 0666 rather than by mkstemp() and its 0600: so the kernel applies the
 * umask, which a library cannot read without changing it for the whole process.
 *
 * Floor: base.  Thread safety: one caller at a time for one writer; writers of the same path do not disturb each other.
 */
#define _DEFAULT_SOURCE /* flock */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/reader.h"

enum { BUFFER_BYTES = 1 << 16, TRIES = 1000, NAME_BYTES = 200 };

struct ist__writer {
    int file;
    char *path;
    char *temporary; /* NULL: there is no file to remove */
    char *folder;
    size_t used; /* bytes in the buffer */
    unsigned char buffer[BUFFER_BYTES];
};

static void release(ist__writer *writer)
{
    ist__free(writer->path);
    ist__free(writer->temporary);
    ist__free(writer->folder);
    ist__free(writer);
}

/* The folder of a path, for ist__free; "." when it names none. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = ist__copy_string(slash ? path : ".");
    if (folder && slash) folder[slash == path ? 1 : slash - path] = '\0';
    return folder;
}

/* Make the temporary file: the first number that no file has, O_EXCL decides. */
static ist_status create_temporary(ist__writer *writer, ist__error *error)
{
    const char *slash = strrchr(writer->path, '/');
    const char *name = slash ? slash + 1 : writer->path;
    const size_t capacity = strlen(writer->folder) + NAME_BYTES + 64;
    char *temporary = ist__alloc(1, capacity);
    if (!temporary) return ist__fail(error, IST_E_MEMORY, "out of memory");
    for (int number = 0; number < TRIES; number++) {
        snprintf(temporary, capacity, "%s/.%.*s.tmp.%ld.%d", writer->folder, NAME_BYTES, name, (long)getpid(), number);
        writer->file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->file >= 0) {
            (void)flock(writer->file, LOCK_EX | LOCK_NB); /* some file systems cannot: then nothing is swept there */
            writer->temporary = temporary;
            return IST_OK;
        }
        if (errno != EEXIST) break;
    }
    const int code = errno;
    ist__free(temporary);
    return ist__fail_system(error, writer->path, "cannot create", code);
}

/* Only a regular file may be replaced: a rename over /dev/null would take the device away from everybody. */
static ist_status check_target(const char *path, ist__error *error)
{
    struct stat status;
    const size_t length = strlen(path);
    if (length == 0) return ist__fail_system(error, path, "cannot create", ENOENT);
    if (path[length - 1] == '/') return ist__fail_system(error, path, "cannot create", EISDIR);
    if (stat(path, &status) != 0 || S_ISREG(status.st_mode)) return IST_OK;
    if (S_ISDIR(status.st_mode)) return ist__fail_system(error, path, "cannot create", EISDIR);
    char shown[IST__SHOWN_PATH_BYTES];
    ist__show_path(shown, path);
    return ist__fail(error, IST_E_IO, "%s: cannot create: it exists and is not a regular file", shown);
}

ist_status ist__writer_open(ist__writer **out, const char *path, ist__error *error)
{
    ist_status status = check_target(path, error);
    if (status) return status;

    ist__writer *writer = ist__alloc(1, sizeof *writer);
    if (!writer) return ist__fail(error, IST_E_MEMORY, "out of memory");
    writer->path = ist__copy_string(path);
    writer->folder = folder_of(path);
    if (!writer->path || !writer->folder) status = ist__fail(error, IST_E_MEMORY, "out of memory");
    else status = create_temporary(writer, error);
    if (status) {
        release(writer);
        return status;
    }
    *out = writer;
    return IST_OK;
}

static ist_status write_all(ist__writer *writer, const unsigned char *from, size_t bytes, ist__error *error)
{
    while (bytes > 0) {
        const ssize_t put = write(writer->file, from, bytes);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return ist__fail_system(error, writer->path, "cannot write", errno);
        from += put;
        bytes -= (size_t)put;
    }
    return IST_OK;
}

static ist_status flush(ist__writer *writer, ist__error *error)
{
    const size_t bytes = writer->used;
    writer->used = 0;
    return write_all(writer, writer->buffer, bytes, error);
}

ist_status ist__writer_bytes(ist__writer *writer, const void *from, size_t bytes, ist__error *error)
{
    if (bytes > BUFFER_BYTES - writer->used) {
        const ist_status status = flush(writer, error);
        if (status) return status;
    }
    if (bytes >= BUFFER_BYTES) return write_all(writer, from, bytes, error);
    if (bytes > 0) memcpy(writer->buffer + writer->used, from, bytes);
    writer->used += bytes;
    return IST_OK;
}

/* Make a rename last.  Not an error when it fails: the new file is whole and in place, and some file systems cannot. */
static void sync_folder(const char *folder)
{
    const int file = open(folder, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    (void)fsync(file);
    close(file);
}

/* Everything up to the name.  close() may be where a network file system tells that the disk is full. */
static ist_status finish(ist__writer *writer, ist__error *error)
{
    const ist_status status = flush(writer, error);
    if (status) return status;
    if (fsync(writer->file) != 0) return ist__fail_system(error, writer->path, "cannot write", errno);
    const int closed = close(writer->file);
    writer->file = -1;
    if (closed != 0) return ist__fail_system(error, writer->path, "cannot write", errno);
    if (rename(writer->temporary, writer->path) != 0)
        return ist__fail_system(error, writer->path, "cannot create", errno);
    return IST_OK;
}

ist_status ist__writer_commit(ist__writer *writer, ist__error *error)
{
    const ist_status status = finish(writer, error);
    if (status) {
        ist__writer_abandon(writer);
        return status;
    }
    sync_folder(writer->folder);
    release(writer);
    return IST_OK;
}

void ist__writer_abandon(ist__writer *writer)
{
    if (!writer) return;
    if (writer->file >= 0) close(writer->file);
    if (writer->temporary) unlink(writer->temporary);
    release(writer);
}

/* Is `entry` ".NAME.tmp.PID.N"?  name: its first NAME_BYTES at most are in there, so a longer one could be another's. */
static bool is_temporary_of(const char *entry, const char *name)
{
    const size_t length = strlen(name);
    if (length >= NAME_BYTES || entry[0] != '.' || strncmp(entry + 1, name, length) != 0) return false;
    const char *rest = entry + 1 + length;
    if (strncmp(rest, ".tmp.", 5) != 0) return false;
    rest += 5;
    const size_t pid = strspn(rest, "0123456789");
    if (pid == 0 || rest[pid] != '.') return false;
    rest += pid + 1;
    const size_t number = strspn(rest, "0123456789");
    return number > 0 && rest[number] == '\0';
}

/* Whoever gets the lock knows that nobody writes it any more. */
static bool remove_if_left(int folder, const char *entry)
{
    struct stat status;
    const int file = openat(folder, entry, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) return false;
    const bool left = fstat(file, &status) == 0 && S_ISREG(status.st_mode) && flock(file, LOCK_EX | LOCK_NB) == 0 &&
                      unlinkat(folder, entry, 0) == 0;
    close(file);
    return left;
}

int ist__writer_sweep(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = folder_of(path);
    DIR *folder = name ? opendir(name) : NULL;
    ist__free(name);
    if (!folder) return 0;
    int removed = 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (is_temporary_of(entry->d_name, slash ? slash + 1 : path))
            removed += remove_if_left(dirfd(folder), entry->d_name);
    closedir(folder);
    return removed;
}
