/* reader.c - reads a plain or gzip file, or memory like one, and never believes a number that the file cannot back with bytes.
 *
 * Both kinds of file pass through one buffer.  Plain content is copied out of it (large requests go around it); packed
 * content is inflated out of it.  A gzip file may have several members, as `cat a.gz b.gz` makes them.  Its check sum
 * is at the end of a member, so damage is certain to be seen only by who reads to the end: loaders finish with
 * ist__reader_end for that reason too.
 *
 * Only regular files are read: their size is what justifies a claim.  Pipes and devices have none, and are refused.
 *
 * Floor: base.  Thread safety: one caller at a time for one reader.
 */
#define _POSIX_C_SOURCE 200809L
#include "base/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"

enum { BUFFER_BYTES = 1 << 16, REQUEST_BYTES = 1 << 30, GZIP_WINDOW = 15 + 16, GZIP_RATIO = 1032 };
/* A claim of more than this many times a packed file is not believed, but counted: data pack so well when they are
 * nearly constant, or when the claim is false.  Small ones are not worth it. */
enum { BELIEVED_RATIO = 64, BELIEVED_BYTES = 1 << 20 };

struct ist__reader {
    char shown[IST__SHOWN_PATH_BYTES];
    const unsigned char *memory; /* (file_bytes) instead of a file; NULL: there is one */
    int file;
    bool packed;         /* gzip */
    bool between;        /* packed: before the first member, or after one that was whole */
    uint64_t file_bytes; /* on disk */
    bool twin;           /* of another reader, whose place in the file it leaves alone */
    uint64_t file_at;    /* of a twin, or memory: where it is itself */
    uint64_t offset;     /* of content: what callers have been given */
    size_t begin, end;   /* the part of the buffer that was not used yet */
    z_stream unpack;
    unsigned char buffer[BUFFER_BYTES];
};

/* ------------------------------------------------------------------------------------------------- error lines -- */

void ist__show_path(char shown[IST__SHOWN_PATH_BYTES], const char *path)
{
    const size_t length = strlen(path), room = IST__SHOWN_PATH_BYTES - 1;
    if (length <= room) memcpy(shown, path, length + 1);
    else snprintf(shown, IST__SHOWN_PATH_BYTES, "...%s", path + (length - (room - 3)));
    for (char *c = shown; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
}

ist_status ist__fail_system(ist__error *error, const char *path, const char *doing, int errno_value)
{
    char shown[IST__SHOWN_PATH_BYTES], text[128];
    ist__show_path(shown, path);
    if (strerror_r(errno_value, text, sizeof text) != 0) snprintf(text, sizeof text, "system error %d", errno_value);
    return ist__fail(error, IST_E_IO, "%s: %s: %s", shown, doing, text);
}

static ist_status fail_damaged(const ist__reader *reader, uint64_t at, const char *why, ist__error *error)
{
    return ist__fail(error, IST_E_FORMAT, "%s: byte %llu%s: %s", reader->shown, (unsigned long long)at,
                     reader->packed ? " (unpacked)" : "", why);
}

/* --------------------------------------------------------------------------------------------- opening, closing -- */

static voidpf zlib_alloc(voidpf user, uInt items, uInt size)
{
    (void)user;
    return ist__alloc((int64_t)items, size);
}

static void zlib_free(voidpf user, voidpf memory)
{
    (void)user;
    ist__free(memory);
}

/* At most `bytes` bytes at a place of the file or memory, as pread; negative with errno. */
static ssize_t read_at(const ist__reader *reader, void *to, size_t bytes, uint64_t at)
{
    if (!reader->memory) return pread(reader->file, to, bytes, (off_t)at);
    const uint64_t left = at < reader->file_bytes ? reader->file_bytes - at : 0;
    const size_t some = bytes < left ? bytes : (size_t)left;
    if (some > 0) memcpy(to, reader->memory + at, some);
    return (ssize_t)some;
}

/* What the system gives, *got 0 at the end of the file. */
static ist_status read_file(ist__reader *reader, void *to, size_t bytes, size_t *got, ist__error *error)
{
    ssize_t some;
    const size_t ask = bytes < REQUEST_BYTES ? bytes : REQUEST_BYTES;
    const bool anywhere = reader->twin || reader->memory;
    do some = anywhere ? read_at(reader, to, ask, reader->file_at) : read(reader->file, to, ask);
    while (some < 0 && errno == EINTR);
    if (some < 0) return ist__fail_system(error, reader->shown, "cannot read", errno);
    *got = (size_t)some;
    reader->file_at += (uint64_t)some;
    return IST_OK;
}

/* Fill the empty buffer; it stays empty at the end of the file. */
static ist_status fill(ist__reader *reader, ist__error *error)
{
    reader->begin = reader->end = 0;
    return read_file(reader, reader->buffer, BUFFER_BYTES, &reader->end, error);
}

/* Open the file and learn its size, or refuse it.  O_NONBLOCK: or else a pipe would keep us waiting for a writer. */
static ist_status open_file(ist__reader *reader, const char *path, ist__error *error)
{
    reader->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (reader->file < 0) return ist__fail_system(error, path, "cannot open", errno);

    struct stat status;
    if (fstat(reader->file, &status) != 0) return ist__fail_system(error, path, "cannot open", errno);
    if (S_ISDIR(status.st_mode)) return ist__fail_system(error, path, "cannot read", EISDIR);
    if (!S_ISREG(status.st_mode))
        return ist__fail(error, IST_E_IO, "%s: cannot read: not a regular file", reader->shown);
    reader->file_bytes = (uint64_t)status.st_size;
    return IST_OK;
}

/* Look at the first bytes, and get ready to inflate if they are those of gzip. */
static ist_status recognise(ist__reader *reader, ist__error *error)
{
    ist_status status = fill(reader, error);
    size_t got = reader->end;
    while (!status && got > 0 && reader->end < 2) { /* the system may give a byte alone */
        status = read_file(reader, reader->buffer + reader->end, BUFFER_BYTES - reader->end, &got, error);
        if (!status) reader->end += got;
    }
    if (status) return status;
    if (reader->end < 2 || reader->buffer[0] != 0x1f || reader->buffer[1] != 0x8b) return IST_OK;

    reader->unpack.zalloc = zlib_alloc;
    reader->unpack.zfree = zlib_free;
    if (inflateInit2(&reader->unpack, GZIP_WINDOW) != Z_OK) return ist__fail(error, IST_E_MEMORY, "out of memory");
    reader->packed = reader->between = true;
    return IST_OK;
}

static void open_memory(ist__reader *reader, const ist__source *source)
{
    static const unsigned char nothing;
    reader->file = -1;
    reader->memory = source->count > 0 ? source->bytes : &nothing;
    reader->file_bytes = source->count;
}

ist_status ist__reader_open_source(ist__reader **out, const ist__source *source, ist__error *error)
{
    ist__reader *reader = ist__alloc(1, sizeof *reader);
    if (!reader) return ist__fail(error, IST_E_MEMORY, "out of memory");
    ist_status status = IST_OK;
    ist__show_path(reader->shown, source->path ? source->path : "the bytes given");
    if (source->path) status = open_file(reader, source->path, error);
    else open_memory(reader, source);
    if (!status) status = recognise(reader, error);
    if (status) {
        ist__reader_close(reader);
        return status;
    }
    *out = reader;
    return IST_OK;
}

ist_status ist__reader_open(ist__reader **out, const char *path, ist__error *error)
{
    return ist__reader_open_source(out, &(ist__source){.path = path}, error);
}

void ist__reader_close(ist__reader *reader)
{
    if (!reader) return;
    if (reader->packed) inflateEnd(&reader->unpack);
    if (reader->file >= 0) close(reader->file);
    ist__free(reader);
}

const char *ist__reader_path(const ist__reader *reader)
{
    return reader->shown;
}

uint64_t ist__reader_offset(const ist__reader *reader)
{
    return reader->offset;
}

/* ----------------------------------------------------------------------------------------------------- reading -- */

static ist_status some_plain(ist__reader *reader, void *to, size_t bytes, size_t *got, ist__error *error)
{
    if (reader->begin == reader->end) {
        if (bytes >= BUFFER_BYTES) return read_file(reader, to, bytes, got, error);
        const ist_status status = fill(reader, error);
        if (status) return status;
    }
    const size_t have = reader->end - reader->begin;
    *got = bytes < have ? bytes : have;
    memcpy(to, reader->buffer + reader->begin, *got);
    reader->begin += *got;
    return IST_OK;
}

/* One call of zlib over what the buffer holds. */
static int inflate_buffer(ist__reader *reader)
{
    z_stream *unpack = &reader->unpack;
    if (reader->between) inflateReset(unpack);
    unpack->next_in = reader->buffer + reader->begin;
    unpack->avail_in = (uInt)(reader->end - reader->begin);
    const int code = inflate(unpack, Z_NO_FLUSH);
    reader->begin = reader->end - unpack->avail_in;
    reader->between = code == Z_STREAM_END;
    return code;
}

static ist_status some_packed(ist__reader *reader, void *to, size_t bytes, size_t *got, ist__error *error)
{
    z_stream *unpack = &reader->unpack;
    const uInt room = (uInt)(bytes < REQUEST_BYTES ? bytes : REQUEST_BYTES);
    unpack->next_out = to;
    unpack->avail_out = room;
    while (unpack->avail_out == room) {
        if (reader->begin == reader->end) {
            const ist_status status = fill(reader, error);
            if (status) return status;
            if (reader->begin == reader->end && reader->between) break; /* the end, where it should be */
        }
        /* At the end of the file zlib is asked once more: it may still hold bytes that did not fit before. */
        const int code = inflate_buffer(reader);
        const uint64_t at = reader->offset + (room - unpack->avail_out);
        if (code == Z_BUF_ERROR) return fail_damaged(reader, at, "truncated, the gzip data have no end", error);
        if (code == Z_MEM_ERROR) return ist__fail(error, IST_E_MEMORY, "out of memory");
        if (code != Z_OK && code != Z_STREAM_END) {
            char why[100];
            snprintf(why, sizeof why, "damaged gzip data (%s)", unpack->msg ? unpack->msg : "unknown");
            return fail_damaged(reader, at, why, error);
        }
    }
    *got = room - unpack->avail_out;
    return IST_OK;
}

ist_status ist__reader_some(ist__reader *reader, void *to, size_t bytes, size_t *got, ist__error *error)
{
    *got = 0;
    if (bytes == 0) return IST_OK;
    size_t some = 0;
    const ist_status status =
        reader->packed ? some_packed(reader, to, bytes, &some, error) : some_plain(reader, to, bytes, &some, error);
    if (status) return status;
    reader->offset += some;
    *got = some;
    return IST_OK;
}

ist_status ist__reader_bytes(ist__reader *reader, void *to, size_t bytes, const char *what, ist__error *error)
{
    unsigned char *next = to;
    for (size_t left = bytes, got; left > 0; left -= got, next += got) {
        const ist_status status = ist__reader_some(reader, next, left, &got, error);
        if (status) return status;
        if (got == 0)
            return ist__fail(error, IST_E_FORMAT, "%s: byte %llu: truncated, expected %llu more bytes of %s",
                             reader->shown, (unsigned long long)reader->offset, (unsigned long long)left, what);
    }
    return IST_OK;
}

bool ist__reader_packed(const ist__reader *reader)
{
    return reader->packed;
}

ist_status ist__reader_at(const ist__reader *reader, uint64_t offset, void *to, size_t bytes, const char *what,
                          ist__error *error)
{
    unsigned char *next = to;
    for (size_t left = bytes; left > 0;) {
        const ssize_t got = read_at(reader, next, left < REQUEST_BYTES ? left : REQUEST_BYTES, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ist__fail_system(error, reader->shown, "cannot read", errno);
        if (got == 0)
            return ist__fail(error, IST_E_FORMAT, "%s: byte %llu: truncated, expected %llu more bytes of %s",
                             reader->shown, (unsigned long long)offset, (unsigned long long)left, what);
        next += got;
        left -= (size_t)got;
        offset += (uint64_t)got;
    }
    return IST_OK;
}

ist_status ist__reader_end(ist__reader *reader, ist__error *error)
{
    unsigned char extra;
    size_t got;
    const uint64_t at = reader->offset;
    const ist_status status = ist__reader_some(reader, &extra, 1, &got, error);
    if (status) return status;
    return got == 0 ? IST_OK : fail_damaged(reader, at, "the data should end here, but the file goes on", error);
}

/* ------------------------------------------------------------------------------------------------------ claims -- */

uint64_t ist__reader_rest(const ist__reader *reader)
{
    /* Deflate's best is a match of 258 bytes in two bits. */
    uint64_t most = reader->file_bytes;
    if (reader->packed) most = most > UINT64_MAX / GZIP_RATIO ? UINT64_MAX : most * GZIP_RATIO;
    return most > reader->offset ? most - reader->offset : 0;
}

/* Does a packed file hold `wanted` bytes of content?  Unpacks it from its beginning, to nowhere. */
static ist_status count_content(const ist__reader *reader, uint64_t wanted, uint64_t *content, ist__error *error)
{
    unsigned char chunk[1 << 14];
    ist__reader *twin = ist__alloc(1, sizeof *twin);
    if (!twin) return ist__fail(error, IST_E_MEMORY, "out of memory");
    memcpy(twin->shown, reader->shown, sizeof twin->shown);
    twin->twin = true;
    twin->memory = reader->memory;
    twin->file = reader->file;
    twin->file_bytes = reader->file_bytes;
    ist_status status = recognise(twin, error);
    for (size_t got = 1; !status && got > 0 && twin->offset < wanted;)
        status = ist__reader_some(twin, chunk, sizeof chunk, &got, error);
    *content = twin->offset;
    twin->file = -1;
    ist__reader_close(twin);
    return status;
}

static ist_status refuse_claim(const ist__reader *reader, uint64_t bytes, const char *what, const char *can,
                               uint64_t most, ist__error *error)
{
    char claim[32] = "more than 2^64";
    if (bytes < UINT64_MAX) snprintf(claim, sizeof claim, "%llu", (unsigned long long)bytes);
    return ist__fail(error, IST_E_FORMAT, "%s: byte %llu: claims %s bytes of %s, but the file %s %llu", reader->shown,
                     (unsigned long long)reader->offset, claim, what, can, (unsigned long long)most);
}

ist_status ist__reader_justify(ist__reader *reader, uint64_t bytes, const char *what, ist__error *error)
{
    const uint64_t rest = ist__reader_rest(reader);
    if (bytes > rest || bytes == UINT64_MAX) return refuse_claim(reader, bytes, what, "can hold at most", rest, error);
    if (!reader->packed || bytes < BELIEVED_BYTES || bytes / BELIEVED_RATIO < reader->file_bytes) return IST_OK;
    uint64_t content = 0;
    const ist_status status = count_content(reader, reader->offset + bytes, &content, error);
    if (status || content >= reader->offset + bytes) return status;
    return refuse_claim(reader, bytes, what, "holds", content > reader->offset ? content - reader->offset : 0, error);
}
