/* reader.h - bounds-checked reading of files, or of memory, plain or gzip; and atomic writing.
 *
 * Why one reader: every number in a file is a claim by a stranger.  A reader knows the file's name, its position, and
 * how many bytes the file can still justify, so that every format refuses a false claim before it allocates for it.
 */
#ifndef IST_BASE_READER_H
#define IST_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct ist__reader ist__reader; /* opaque */

/* Open a file; gzip is recognised by its magic bytes, never by its name.  IST_E_IO, IST_E_MEMORY. */
ist_status ist__reader_open(ist__reader **out, const char *path, ist__error *error);

/* Where content comes from: a file, or as many bytes of somebody's memory as a file would have. */
typedef struct ist__source {
    const char *path;  /* NULL: memory */
    const void *bytes; /* (count) borrowed until the reader is closed; error lines call it "the bytes given" */
    size_t count;
} ist__source;
ist_status ist__reader_open_source(ist__reader **out, const ist__source *source, ist__error *error);
void ist__reader_close(ist__reader *reader); /* NULL is fine */

/* The file's name for error lines: one line of at most IST__SHOWN_PATH_BYTES - 1 characters (see ist__show_path). */
const char *ist__reader_path(const ist__reader *reader);
uint64_t ist__reader_offset(const ist__reader *reader); /* bytes of (unpacked) content read so far */

/* The most bytes of content that can follow.  Plain files: exactly known; gzip: by its greatest ratio, 1032. */
uint64_t ist__reader_rest(const ist__reader *reader);

/* Exactly `bytes` bytes; `what` names them in the error line: "PATH: byte N: truncated, expected .. more bytes of WHAT".
 * IST_E_FORMAT when the file ends before, IST_E_FORMAT for damaged gzip, IST_E_IO. */
ist_status ist__reader_bytes(ist__reader *reader, void *to, size_t bytes, const char *what, ist__error *error);
/* At most `bytes`; *got says how many, 0 at the end. */
ist_status ist__reader_some(ist__reader *reader, void *to, size_t bytes, size_t *got, ist__error *error);
/* Exactly `bytes` bytes at a place of a plain file, wherever the reader stands; it stays there.  [any thread] */
ist_status ist__reader_at(const ist__reader *reader, uint64_t offset, void *to, size_t bytes, const char *what,
                          ist__error *error);
bool ist__reader_packed(const ist__reader *reader); /* gzip */
/* IST_OK if nothing is left, else IST_E_FORMAT. */
ist_status ist__reader_end(ist__reader *reader, ist__error *error);

/* Could the rest of the file (ist__reader_rest) hold so many bytes?  UINT64_MAX stands for a claim that overflowed.
 * A claim beyond 1 MiB and 64 times a packed file is counted, by unpacking it once: so a small file that lies gets no
 * memory, and one that tells the truth gets what it holds.
 * IST_E_FORMAT, with both numbers, when it cannot: "PATH: byte N: claims .. bytes of WHAT, but ..". */
ist_status ist__reader_justify(ist__reader *reader, uint64_t bytes, const char *what, ist__error *error);

/* A path made fit for an error line: the tail of a long one, and no control characters. */
enum { IST__SHOWN_PATH_BYTES = 200 };
void ist__show_path(char shown[IST__SHOWN_PATH_BYTES], const char *path);

/* IST_E_IO with "PATH: DOING: the system's text for errno_value". */
ist_status ist__fail_system(ist__error *error, const char *path, const char *doing, int errno_value);

/* A file that appears whole or not at all: written under a temporary name in the same folder, then fsync, rename,
 * fsync of the folder. */
typedef struct ist__writer ist__writer; /* opaque */
ist_status ist__writer_open(ist__writer **out, const char *path, ist__error *error);
ist_status ist__writer_bytes(ist__writer *writer, const void *from, size_t bytes, ist__error *error);
/* Finish and close; on failure the temporary file is removed and the old file, if any, is as before. */
ist_status ist__writer_commit(ist__writer *writer, ist__error *error);
void ist__writer_abandon(ist__writer *writer); /* NULL is fine; removes the temporary file */

/* Remove temporary files of `path` that writers have left which were killed; those of a writer at work, in whatever process,
 * stay.  Returns how many went. */
int ist__writer_sweep(const char *path);

#endif
