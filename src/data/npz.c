/* npz.c - what an NPZ file says of itself: a ZIP archive whose members are .npy files, as numpy.savez writes it.
 *
 * A ZIP archive is read by its directory, at the end.  What a directory says of a member is held against the member's own head: the
 * name must be the same.  Members that are packed (numpy.savez_compressed), encrypted or on another disk are refused, as are
 * archives with a comment, which nobody writes with NumPy.
 *
 * Floor: data.  Cold.
 * Source: APPNOTE.TXT of PKWARE, 4.3 and 4.5.3.
 */
#include <string.h>

#include "base/crc.h"
#include "base/mem.h"
#include "data/loaders.h"
#include "data/tensor_file.h"

enum { LOCAL_BYTES = 30, DIRECTORY_BYTES = 46, END_BYTES = 22, LOCATOR_BYTES = 20, END64_BYTES = 56 };
enum { ENCRYPTED = 1, STORED = 0, EXTRA_64 = 1, NPY_MOST = 1024 };
#define LOCAL_HEAD     0x04034b50U
#define DIRECTORY_HEAD 0x02014b50U
#define END_64         0x06064b50U
#define LOCATOR_64     0x07064b50U
#define END            0x06054b50U
#define SEE_EXTRA      0xffffffffU

typedef struct archive {
    ist__tensor_file *file;
    uint64_t bytes;                    /* of the file */
    uint64_t place, list_bytes, count; /* of the directory; how many members */
    const unsigned char *list;         /* (list_bytes) */
    ist__error *error;
} archive;

/* A member as the directory has it. */
typedef struct member {
    uint64_t at; /* of its entry, in the file */
    uint64_t bytes, place;
    uint32_t crc;
    const char *name;
    size_t name_bytes;
} member;

static uint64_t number(const unsigned char *from, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) value = value << 8 | from[i];
    return value;
}

static ist_status refuse(const archive *a, uint64_t at, const char *what)
{
    return ist__fail(a->error, IST_E_FORMAT, "%s: byte %llu: NPZ: %s", ist__reader_path(a->file->reader),
                     (unsigned long long)at, what);
}

static ist_status look(const archive *a, uint64_t at, unsigned char *to, size_t bytes, const char *what)
{
    if (at > a->bytes || bytes > a->bytes - at) return refuse(a, at, "a place beyond the end of the file");
    return ist__reader_at(a->file->reader, at, to, bytes, what, a->error);
}

/* --------------------------------------------------------------------------------------------------- the end -- */

/* Where something of the end does not fit into 32 bits, another end is before it. */
static ist_status find_large(archive *a, uint64_t end)
{
    unsigned char locator[LOCATOR_BYTES], large[END64_BYTES];
    if (end < LOCATOR_BYTES) return refuse(a, end, "its directory has no place");
    ist_status status = look(a, end - LOCATOR_BYTES, locator, sizeof locator, "the end of an archive");
    if (status) return status;
    if (number(locator, 4) != LOCATOR_64) return refuse(a, end - LOCATOR_BYTES, "expected the place of a ZIP64 end");
    const uint64_t at = number(locator + 8, 8);
    status = look(a, at, large, sizeof large, "the end of an archive");
    if (status) return status;
    if (number(large, 4) != END_64) return refuse(a, at, "expected a ZIP64 end");
    a->count = number(large + 32, 8);
    a->list_bytes = number(large + 40, 8);
    a->place = number(large + 48, 8);
    return IST_OK;
}

static ist_status find_directory(archive *a)
{
    unsigned char end[END_BYTES];
    if (a->bytes < END_BYTES) return refuse(a, 0, "too short for an archive");
    const uint64_t at = a->bytes - END_BYTES;
    ist_status status = look(a, at, end, sizeof end, "the end of an archive");
    if (status) return status;
    if (number(end, 4) != END || number(end + 20, 2) != 0)
        return refuse(a, at, "no end of an archive here: it is cut short, or has a comment");
    a->count = number(end + 10, 2);
    a->list_bytes = number(end + 12, 4);
    a->place = number(end + 16, 4);
    if (a->count == 0xffff || a->list_bytes == SEE_EXTRA || a->place == SEE_EXTRA) status = find_large(a, at);
    if (status) return status;
    if (a->place > at || a->list_bytes > at - a->place) return refuse(a, at, "a directory that is not in the file");
    if (a->count > IST__ENTRIES_MOST || a->list_bytes > IST__LIST_BYTES_MOST)
        return refuse(a, at, "a directory of more than 1024 members, or 256 KiB");
    return IST_OK;
}

/* ------------------------------------------------------------------------------------------------- directory -- */

/* ZIP64's extra field has those of the three, in this order, that do not fit into 32 bits. */
static bool take_large(member *m, uint64_t *packed, const unsigned char *extra, size_t bytes)
{
    uint64_t *const wanted[] = {&m->bytes, packed, &m->place};
    size_t next = 0;
    for (size_t at = 0; at + 4 <= bytes;) {
        const uint64_t id = number(extra + at, 2), length = number(extra + at + 2, 2);
        if (length > bytes - at - 4) return false;
        for (size_t used = 0; id == EXTRA_64 && next < 3 && used + 8 <= length; next++) {
            if (*wanted[next] != SEE_EXTRA) continue;
            *wanted[next] = number(extra + at + 4 + used, 8);
            used += 8;
        }
        at += 4 + (size_t)length;
    }
    for (size_t i = 0; i < 3; i++)
        if (*wanted[i] == SEE_EXTRA) return false;
    return true;
}

/* The entry at *at of the directory, which goes on to the next. */
static ist_status take_member(const archive *a, size_t *at, member *m)
{
    const unsigned char *e = a->list + *at;
    const size_t left = (size_t)a->list_bytes - *at;
    m->at = a->place + *at;
    if (left < DIRECTORY_BYTES || number(e, 4) != DIRECTORY_HEAD)
        return refuse(a, m->at, "expected an entry of the directory");
    const size_t name = (size_t)number(e + 28, 2), extra = (size_t)number(e + 30, 2), words = (size_t)number(e + 32, 2);
    uint64_t packed = number(e + 20, 4);
    if (name + extra + words > left - DIRECTORY_BYTES) return refuse(a, m->at, "an entry beyond the directory");
    m->crc = (uint32_t)number(e + 16, 4);
    m->bytes = number(e + 24, 4);
    m->place = number(e + 42, 4);
    m->name = (const char *)e + DIRECTORY_BYTES;
    m->name_bytes = name;
    if (!take_large(m, &packed, e + DIRECTORY_BYTES + name, extra))
        return refuse(a, m->at, "a size or place is missing");
    if (number(e + 8, 2) & ENCRYPTED) return refuse(a, m->at, "an encrypted member");
    if (number(e + 10, 2) != STORED || packed != m->bytes)
        return refuse(a, m->at, "a packed member: write it with numpy.savez, not savez_compressed");
    *at += DIRECTORY_BYTES + name + extra + words;
    return IST_OK;
}

/* -------------------------------------------------------------------------------------------------- members -- */

/* Where the bytes of a member begin: behind a head of its own, which has the same name. */
static ist_status find_bytes(const archive *a, const member *m, uint64_t *begin)
{
    unsigned char head[LOCAL_BYTES];
    char name[IST__ENTRY_NAME_BYTES + 4];
    ist_status status = look(a, m->place, head, sizeof head, "a member's head");
    if (status) return status;
    if (number(head, 4) != LOCAL_HEAD || number(head + 26, 2) != m->name_bytes || m->name_bytes > sizeof name)
        return refuse(a, m->place, "expected the head of a member of the directory");
    status = look(a, m->place + LOCAL_BYTES, (unsigned char *)name, m->name_bytes, "a member's name");
    if (status) return status;
    if (memcmp(name, m->name, m->name_bytes) != 0)
        return refuse(a, m->place, "a member has another name than the directory says");
    *begin = m->place + LOCAL_BYTES + m->name_bytes + number(head + 28, 2);
    if (*begin > a->place || m->bytes > a->place - *begin) return refuse(a, m->at, "a member beyond the directory");
    return IST_OK;
}

static uint64_t bytes_of(ist__number number)
{
    static const uint64_t bytes[] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8}; /* in the order of ist__number */
    return bytes[number];
}

static ist__dtype type_of(ist__number number)
{
    switch (number) {
    case IST__F32: return IST__DTYPE_F32;
    case IST__F64: return IST__DTYPE_F64;
    case IST__I32: return IST__DTYPE_I32;
    default: return IST__DTYPE_OTHER;
    }
}

/* The NPY header at `begin`, and what the member is by it. */
static ist_status take_npy(const archive *a, const member *m, uint64_t begin, ist__entry *entry)
{
    unsigned char head[NPY_MOST];
    ist__array array = {0};
    const size_t most = m->bytes < sizeof head ? (size_t)m->bytes : sizeof head;
    ist_status status = look(a, begin, head, most, "an NPY header");
    if (status) return status;
    if (most < 12 || memcmp(head, "\x93NUMPY", 6) != 0 || head[6] < 1 || head[6] > 3 || head[7] != 0)
        return refuse(a, begin, "a member that is not an NPY file of version 1 to 3");
    const size_t prefix = head[6] == 1 ? 10 : 12;
    const uint64_t length = number(head + 8, head[6] == 1 ? 2 : 4);
    if (length > most - prefix) return refuse(a, begin, "an NPY header longer than its member, or than 1 KiB");
    status = ist__npy_parse((const char *)head + prefix, (size_t)length, begin + prefix,
                            ist__reader_path(a->file->reader), &array, a->error);
    if (status) return status;
    if (array.big_endian) return refuse(a, begin, "numbers are big-endian");
    entry->type = type_of(array.number);
    entry->dims = array.dims;
    entry->size[0] = array.rows;
    entry->size[1] = array.features;
    entry->place = begin + prefix + length;
    entry->bytes = m->bytes - prefix - length;
    entry->summed = true;
    entry->crc_before = ist__crc(0, head, prefix + (size_t)length);
    entry->crc = m->crc;
    if (entry->bytes == 0 || ist__entry_claims(entry, bytes_of(array.number)) != entry->bytes)
        return refuse(a, begin, "a shape that does not fit the member's size");
    return IST_OK;
}

static ist_status take_all(const archive *a)
{
    static const char end[] = {'.', 'n', 'p', 'y'};
    ist__tensor_file *file = a->file;
    ist_status status = IST_OK;
    size_t at = 0;
    for (uint64_t i = 0; i < a->count && !status; i++) {
        member m;
        uint64_t begin = 0;
        ist__entry *entry = &file->entry[file->count];
        status = take_member(a, &at, &m);
        if (status) return status;
        if (m.name_bytes < sizeof end || memcmp(m.name + m.name_bytes - sizeof end, end, sizeof end) != 0 ||
            !ist__entry_name(entry, m.name, m.name_bytes - sizeof end))
            return refuse(a, m.at, "a member's name is not 1 to 63 printable characters and .npy");
        status = find_bytes(a, &m, &begin);
        if (!status) status = take_npy(a, &m, begin, entry);
        file->count++;
    }
    if (!status && at != a->list_bytes)
        status = refuse(a, a->place + at, "the directory goes on behind its last entry");
    return status;
}

ist_status ist__npz_list(ist__tensor_file *file, ist__error *error)
{
    archive a = {.file = file, .bytes = ist__reader_rest(file->reader), .error = error};
    ist_status status = find_directory(&a);
    if (status) return status;
    unsigned char *list = ist__alloc((int64_t)a.list_bytes, 1);
    file->entry = ist__alloc((int64_t)a.count, sizeof *file->entry);
    if (!list || !file->entry) status = ist__fail(error, IST_E_MEMORY, "no memory for a list of tensors");
    a.list = list;
    if (!status) status = look(&a, a.place, list, (size_t)a.list_bytes, "the directory of an archive");
    if (!status) status = take_all(&a);
    ist__free(list);
    return status;
}
