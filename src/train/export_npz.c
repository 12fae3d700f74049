/* export_npz.c - writes a net as NumPy's NPZ: a ZIP archive of .npy files, stored and not packed.
 *
 *     for each tensor   local head, name, NPY header (128 bytes), numbers
 *     directory         for each again, with its place
 *     end               where the directory is
 *
 * The head of a member has the checksum of what follows it, so each tensor is looked at twice: summed up, then written.  Sizes
 * and places of 4 GiB and more stand in ZIP64's extra fields, only where they are needed.  No time is written: equal nets
 * give equal files.
 *
 * Floor: train.  Cold.
 * Source: APPNOTE.TXT of PKWARE, 4.3 and 4.5.3; numpy.lib.format in the NumPy documentation.
 */
#include <stdio.h>
#include <string.h>

#include "base/crc.h"
#include "base/mem.h"
#include "train/export.h"

enum {
    NPY_BYTES = 128,
    NPY_PREFIX = 10,
    VERSION = 20,
    VERSION_64 = 45,
    MADE_BY_UNIX = 3 << 8,
    DATE_1980 = 0x21,
    EXTRA_64 = 1
};
#define LOCAL_HEAD     0x04034b50U
#define DIRECTORY_HEAD 0x02014b50U
#define END_64         0x06064b50U
#define LOCATOR_64     0x07064b50U
#define END            0x06054b50U
#define FILE_MODE      (0100644U << 16)
#define SEE_EXTRA      0xffffffffU /* a size or place that does not fit is in the extra field */

typedef struct member {
    char name[IST__TENSOR_NAME_BYTES + 4];
    uint64_t bytes, place;
    uint32_t crc;
} member;

/* --------------------------------------------------------------------------------------- little-endian numbers -- */

typedef struct head {
    unsigned char byte[96];
    size_t count;
} head;

static void number(head *h, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) h->byte[h->count++] = (unsigned char)(value >> (8 * i));
}

static bool is_large(uint64_t value)
{
    return value >= SEE_EXTRA;
}

static uint32_t short_of(uint64_t value)
{
    return is_large(value) ? SEE_EXTRA : (uint32_t)value;
}

/* Version, flags, method (stored), time, date, checksum, both sizes, length of the name: of local head and directory. */
static void common(head *h, const member *m, bool large)
{
    number(h, large ? VERSION_64 : VERSION, 2);
    number(h, 0, 2);
    number(h, 0, 2);
    number(h, 0, 2);
    number(h, DATE_1980, 2);
    number(h, m->crc, 4);
    number(h, short_of(m->bytes), 4);
    number(h, short_of(m->bytes), 4);
    number(h, strlen(m->name), 2);
}

/* ----------------------------------------------------------------------------------------------------- members -- */

static void npy_header(const ist__tensor *t, char text[NPY_BYTES])
{
    char columns[24] = "";
    if (t->dims == 2) snprintf(columns, sizeof columns, " %lld", (long long)t->size[1]);
    memset(text, ' ', NPY_BYTES);
    memcpy(text, "\x93NUMPY\1", 8);
    text[8] = (char)(NPY_BYTES - NPY_PREFIX);
    text[9] = 0;
    const int length = snprintf(text + NPY_PREFIX, NPY_BYTES - NPY_PREFIX,
                                "{'descr': '%s', 'fortran_order': False, 'shape': (%lld,%s), }",
                                t->type == IST_FLOAT64 ? "<f8"
                                : t->type == IST_INT32 ? "<i4"
                                                       : "<f4",
                                (long long)t->size[0], columns);
    text[NPY_PREFIX + length] = ' '; /* snprintf's end */
    text[NPY_BYTES - 1] = '\n';
}

static ist_status sum_up(void *user, const void *bytes, size_t count)
{
    uint32_t *crc = user;
    *crc = ist__crc(*crc, bytes, count);
    return IST_OK;
}

static void put_member(ist__sink *sink, const ist__net_view *view, const ist__tensor *t, member *m)
{
    char npy[NPY_BYTES];
    head h = {.count = 0};
    npy_header(t, npy);
    snprintf(m->name, sizeof m->name, "%.*s.npy", IST__TENSOR_NAME_BYTES - 1, t->name);
    m->place = sink->count;
    m->bytes = NPY_BYTES + ist__tensor_bytes(t);
    m->crc = ist__crc(0, npy, sizeof npy);
    (void)ist__net_view_stream(view, t, sum_up, &m->crc);
    number(&h, LOCAL_HEAD, 4);
    common(&h, m, is_large(m->bytes));
    number(&h, is_large(m->bytes) ? 20 : 0, 2);
    ist__sink_put(sink, h.byte, h.count);
    ist__sink_put(sink, m->name, strlen(m->name));
    if (is_large(m->bytes)) {
        head extra = {.count = 0};
        number(&extra, EXTRA_64, 2);
        number(&extra, 16, 2);
        number(&extra, m->bytes, 8);
        number(&extra, m->bytes, 8);
        ist__sink_put(sink, extra.byte, extra.count);
    }
    ist__sink_put(sink, npy, sizeof npy);
    ist__sink_tensor(sink, view, t);
}

/* --------------------------------------------------------------------------------------------------- directory -- */

static void put_entry(ist__sink *sink, const member *m)
{
    const unsigned extra_bytes = (is_large(m->bytes) ? 16U : 0U) + (is_large(m->place) ? 8U : 0U);
    const bool large = extra_bytes > 0;
    head h = {.count = 0}, extra = {.count = 0};
    number(&h, DIRECTORY_HEAD, 4);
    number(&h, MADE_BY_UNIX | (large ? VERSION_64 : VERSION), 2);
    common(&h, m, large);
    number(&h, large ? extra_bytes + 4 : 0, 2);
    number(&h, 0, 2); /* no comment, disk 0, no internal attributes */
    number(&h, 0, 2);
    number(&h, 0, 2);
    number(&h, FILE_MODE, 4);
    number(&h, short_of(m->place), 4);
    ist__sink_put(sink, h.byte, h.count);
    ist__sink_put(sink, m->name, strlen(m->name));
    if (!large) return;
    number(&extra, EXTRA_64, 2);
    number(&extra, extra_bytes, 2);
    if (is_large(m->bytes)) {
        number(&extra, m->bytes, 8);
        number(&extra, m->bytes, 8);
    }
    if (is_large(m->place)) number(&extra, m->place, 8);
    ist__sink_put(sink, extra.byte, extra.count);
}

static void put_end(ist__sink *sink, uint64_t place, int32_t count)
{
    const uint64_t end = sink->count, bytes = end - place;
    if (is_large(place)) {
        head h = {.count = 0};
        number(&h, END_64, 4);
        number(&h, 44, 8); /* of what follows here */
        number(&h, MADE_BY_UNIX | VERSION_64, 2);
        number(&h, VERSION_64, 2);
        number(&h, 0, 4);
        number(&h, 0, 4);
        number(&h, (uint64_t)count, 8);
        number(&h, (uint64_t)count, 8);
        number(&h, bytes, 8);
        number(&h, place, 8);
        number(&h, LOCATOR_64, 4);
        number(&h, 0, 4);
        number(&h, end, 8);
        number(&h, 1, 4);
        ist__sink_put(sink, h.byte, h.count);
    }
    head h = {.count = 0};
    number(&h, END, 4);
    number(&h, 0, 2);
    number(&h, 0, 2);
    number(&h, (uint64_t)count, 2);
    number(&h, (uint64_t)count, 2);
    number(&h, bytes, 4);
    number(&h, short_of(place), 4);
    number(&h, 0, 2);
    ist__sink_put(sink, h.byte, h.count);
}

void ist__write_npz(ist__sink *sink, const ist__net_view *view)
{
    ist__tensor tensor[IST__TENSORS_MOST];
    const int32_t count = ist__net_view_tensors(view, tensor);
    member *members = ist__alloc(count, sizeof *members);
    if (!members) {
        sink->status = ist__fail(sink->error, IST_E_MEMORY, "no memory to name %d tensors", count);
        return;
    }
    for (int32_t i = 0; i < count && !sink->status; i++) put_member(sink, view, &tensor[i], &members[i]);
    const uint64_t place = sink->count;
    for (int32_t i = 0; i < count && !sink->status; i++) put_entry(sink, &members[i]);
    put_end(sink, place, count);
    ist__free(members);
}
