/* sparse_file.c - the data file: arrays of sparse rows as they lie in memory, with checksums; docs/format.md.
 *
 * Why not mapped: a mapped file that somebody cuts short kills the process with SIGBUS, and a library must not let a file
 * do that; besides, its pages would stand where the page cache put them.  Each thread reads blocks to where they stay,
 * and sums them up while they are in its cache: that is as fast as memory is filled.
 *
 * Why XXH3: it takes a tenth of the time that reading takes, where CRC-32 would take more than all the rest.  A block is
 * 1 MiB, so that many threads share the work and damage is told by its place.  A right checksum says that the file is as
 * it was written, not that it was written by a friend: so the arrays are checked, too.
 *
 * Floor: data.  Cold.
 */
#include <stdatomic.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"
#include "data/loaders.h"
#include "data/sparse_text.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "data files are little-endian and written as memory lies");

const unsigned char ist__sparse_magic[IST__SPARSE_MAGIC_BYTES] = {0x89, 'I', 'S', 'D', '\r', '\n', 0x1a, '\n'};
enum { VERSION = 1, BLOCK_BYTES = 1 << 20, ALIGN_BYTES = 64 };

typedef struct header {
    unsigned char magic[IST__SPARSE_MAGIC_BYTES];
    uint32_t version;
    uint32_t block_bytes;
    uint64_t body_bytes;
    uint64_t rows, features, labels, nonzeros, label_entries;
    uint64_t reserved[7]; /* 0 */
    uint64_t checksum;    /* of the table, its seed being the checksum of all before this */
} header;
_Static_assert(sizeof(header) == 128, "without gaps");

/* Where the arrays stand in the body. */
typedef struct layout {
    uint64_t offset[IST__SPARSE_ARRAYS], bytes[IST__SPARSE_ARRAYS];
    uint64_t body_bytes;
    uint64_t blocks, table_bytes; /* of the table: a checksum for each block, and zeros up to a multiple of 64 */
} layout;

static uint64_t aligned(uint64_t bytes)
{
    return (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
}

/* Counts must be small enough that nothing overflows. */
static layout lay_out(const header *h)
{
    const uint64_t bytes[IST__SPARSE_ARRAYS] = {(h->rows + 1) * sizeof(int64_t), (h->rows + 1) * sizeof(int64_t),
                                                h->nonzeros * sizeof(int32_t), h->nonzeros * sizeof(float),
                                                h->label_entries * sizeof(int32_t)};
    layout l = {0};
    for (int i = 0; i < IST__SPARSE_ARRAYS; i++) {
        l.offset[i] = l.body_bytes;
        l.bytes[i] = bytes[i];
        l.body_bytes += aligned(bytes[i]);
    }
    l.blocks = (l.body_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
    l.table_bytes = aligned(l.blocks * sizeof(uint64_t));
    return l;
}

static uint64_t checksum(const header *h, const uint64_t *table, const layout *l)
{
    return XXH3_64bits_withSeed(table, l->table_bytes, XXH3_64bits(h, offsetof(header, checksum)));
}

/* ------------------------------------------------------------------------------------------------------- writing -- */

/* The arrays in the order of the file. */
static void list_arrays(const ist__sparse *s, const void *array[IST__SPARSE_ARRAYS])
{
    array[0] = s->row_begin;
    array[1] = s->label_begin;
    array[2] = s->feature;
    array[3] = s->value;
    array[4] = s->label;
}

/* Sum up the blocks of the body, which are not in one piece in memory: table (blocks). */
static void sum_blocks(const ist__sparse *s, const layout *l, uint64_t *table)
{
    static const unsigned char zeros[ALIGN_BYTES];
    const void *array[IST__SPARSE_ARRAYS];
    list_arrays(s, array);
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    uint64_t at = 0;
    for (int i = 0; i < IST__SPARSE_ARRAYS; i++) {
        const uint64_t pad = aligned(l->bytes[i]) - l->bytes[i];
        for (int padding = 0; padding < 2; padding++) {
            const unsigned char *from = padding ? zeros : array[i];
            for (uint64_t left = padding ? pad : l->bytes[i]; left > 0;) {
                const uint64_t room = BLOCK_BYTES - at % BLOCK_BYTES, some = left < room ? left : room;
                XXH3_64bits_update(&state, from, some);
                from += some;
                left -= some;
                at += some;
                if (at % BLOCK_BYTES != 0 && at != l->body_bytes) continue;
                table[(at - 1) / BLOCK_BYTES] = XXH3_64bits_digest(&state);
                XXH3_64bits_reset(&state);
            }
        }
    }
}

static ist_status write_all(ist__writer *writer, const ist__sparse *s, const header *h, const uint64_t *table,
                            const layout *l, ist__error *error)
{
    static const unsigned char zeros[ALIGN_BYTES];
    const void *array[IST__SPARSE_ARRAYS];
    list_arrays(s, array);
    ist_status status = ist__writer_bytes(writer, h, sizeof *h, error);
    if (!status) status = ist__writer_bytes(writer, table, l->table_bytes, error);
    for (int i = 0; i < IST__SPARSE_ARRAYS && !status; i++) {
        if (l->bytes[i] > 0) status = ist__writer_bytes(writer, array[i], l->bytes[i], error);
        if (!status) status = ist__writer_bytes(writer, zeros, aligned(l->bytes[i]) - l->bytes[i], error);
    }
    return status;
}

ist_status ist__sparse_save(const ist__sparse *sparse, const char *path, ist__error *error)
{
    header h = {.version = VERSION,
                .block_bytes = BLOCK_BYTES,
                .rows = (uint64_t)sparse->rows,
                .features = (uint64_t)sparse->features,
                .labels = (uint64_t)sparse->labels,
                .nonzeros = (uint64_t)sparse->nonzeros,
                .label_entries = (uint64_t)sparse->label_entries};
    memcpy(h.magic, ist__sparse_magic, sizeof h.magic);
    const layout l = lay_out(&h);
    h.body_bytes = l.body_bytes;
    ist__writer *writer;
    uint64_t *table = ist__alloc((int64_t)l.table_bytes, 1);
    if (!table) return ist__fail(error, IST_E_MEMORY, "out of memory");
    ist_status status = ist__writer_open(&writer, path, error);
    if (!status) {
        sum_blocks(sparse, &l, table);
        h.checksum = checksum(&h, table, &l);
        status = write_all(writer, sparse, &h, table, &l, error);
        if (!status) status = ist__writer_commit(writer, error);
        else ist__writer_abandon(writer);
    }
    ist__free(table);
    return status;
}

/* ------------------------------------------------------------------------------------------------------- reading -- */

typedef struct job {
    ist__reader *reader;
    const layout *layout;
    const uint64_t *table;
    unsigned char *body;
    uint64_t begin; /* of the body in the file */
    bool here;      /* the body is in memory already */
    atomic_uint_fast64_t next;
    atomic_uint_fast64_t bad; /* the first block that is not well */
} job;

/* Read block `k`, unless it is here, and check it. */
static ist_status take_block(const job *j, uint64_t k, ist__error *error)
{
    const uint64_t at = k * BLOCK_BYTES, rest = j->layout->body_bytes - at;
    const size_t bytes = rest < BLOCK_BYTES ? (size_t)rest : BLOCK_BYTES;
    if (!j->here) {
        const ist_status status = ist__reader_at(j->reader, j->begin + at, j->body + at, bytes, "arrays", error);
        if (status) return status;
    }
    if (XXH3_64bits(j->body + at, bytes) == j->table[k]) return IST_OK;
    return ist__fail(error, IST_E_FORMAT, "%s: byte %llu: damaged, the checksum of these %zu bytes is wrong",
                     ist__reader_path(j->reader), (unsigned long long)(j->begin + at), bytes);
}

static void take_blocks(void *argument, int32_t rank, int32_t size)
{
    job *j = argument;
    (void)rank;
    (void)size;
    for (uint64_t k; (k = atomic_fetch_add(&j->next, 1)) < j->layout->blocks;) {
        if (k > atomic_load(&j->bad) || take_block(j, k, NULL) == IST_OK) continue;
        uint_fast64_t first = atomic_load(&j->bad);
        while (k < first && !atomic_compare_exchange_weak(&j->bad, &first, k)) {}
    }
}

static ist_status read_body(job *j, const ist__hands *hands, ist__error *error)
{
    if (ist__reader_packed(j->reader)) {
        ist_status status = ist__reader_bytes(j->reader, j->body, j->layout->body_bytes, "arrays", error);
        if (!status) status = ist__reader_end(j->reader, error);
        if (status) return status;
        j->here = true;
    }
    atomic_store(&j->bad, UINT64_MAX);
    ist__hands_run(hands, take_blocks, j);
    const uint64_t bad = atomic_load(&j->bad);
    if (bad == UINT64_MAX) return IST_OK;
    const ist_status status = take_block(j, bad, error); /* again, for the line */
    if (status) return status;
    return ist__fail(error, IST_E_IO, "%s: byte %llu: the file changes while it is read", ist__reader_path(j->reader),
                     (unsigned long long)(j->begin + bad * BLOCK_BYTES));
}

static ist_status check_header(ist__reader *reader, const header *h, const ist__sparse_ask *ask, ist__error *error)
{
    static const uint64_t zeros[sizeof h->reserved / sizeof *h->reserved];
    const char *path = ist__reader_path(reader);
    if (memcmp(h->magic, ist__sparse_magic, sizeof h->magic) != 0)
        return ist__fail(error, IST_E_FORMAT, "%s: byte 0: not a data file of ist", path);
    if (h->version != VERSION)
        return ist__fail(error, IST_E_FORMAT, "%s: byte 8: data file of version %u, this reads %d", path, h->version,
                         VERSION);
    if (h->block_bytes != BLOCK_BYTES || memcmp(h->reserved, zeros, sizeof zeros) != 0)
        return ist__fail(error, IST_E_FORMAT, "%s: byte 12: damaged header", path);
    if (h->rows < 1 || h->rows > IST__MAX_ROWS || h->features < 1 || h->features > INT32_MAX || h->labels > INT32_MAX)
        return ist__fail(error, IST_E_FORMAT, "%s: byte 24: %llu rows, %llu features and %llu labels cannot be", path,
                         (unsigned long long)h->rows, (unsigned long long)h->features, (unsigned long long)h->labels);
    ist_status status = ist__reader_justify(reader, h->body_bytes, "arrays", error);
    if (status) return status;
    if (h->nonzeros > h->body_bytes || h->label_entries > h->body_bytes || h->body_bytes > UINT64_MAX / 64 ||
        lay_out(h).body_bytes != h->body_bytes)
        return ist__fail(error, IST_E_FORMAT, "%s: byte 16: damaged header, the sizes do not agree", path);
    if (ask->features > 0 && h->features > (uint64_t)ask->features)
        return ist__fail(error, IST_E_FORMAT, "%s: %llu features, but at most %d are expected", path,
                         (unsigned long long)h->features, ask->features);
    return IST_OK;
}

static ist_status read_table(ist__reader *reader, const header *h, const layout *l, uint64_t *table, ist__error *error)
{
    const char *path = ist__reader_path(reader);
    const ist_status status = ist__reader_bytes(reader, table, l->table_bytes, "checksums", error);
    if (status) return status;
    if (checksum(h, table, l) != h->checksum)
        return ist__fail(error, IST_E_FORMAT, "%s: byte 0: damaged, the checksum of the header is wrong", path);
    const uint64_t rest = ist__reader_rest(reader);
    if (!ist__reader_packed(reader) && rest != l->body_bytes)
        return ist__fail(error, IST_E_FORMAT, "%s: byte %llu: %llu bytes of arrays should follow, but %llu do", path,
                         (unsigned long long)ist__reader_offset(reader), (unsigned long long)l->body_bytes,
                         (unsigned long long)rest);
    return IST_OK;
}

ist_status ist__sparse_file_load(ist__reader *reader, const ist__sparse_ask *ask, const ist__hands *hands,
                                 ist__sparse *out, ist__error *error)
{
    header h;
    ist_status status = ist__reader_bytes(reader, &h, sizeof h, "a header", error);
    if (!status) status = check_header(reader, &h, ask, error);
    if (status) return status;
    const layout l = lay_out(&h);
    uint64_t *table = ist__alloc((int64_t)l.table_bytes, 1);
    unsigned char *body = NULL;
    if (!table) status = ist__fail(error, IST_E_MEMORY, "out of memory");
    else status = read_table(reader, &h, &l, table, error);
    if (!status && !(body = ist__alloc_raw((int64_t)l.body_bytes, 1)))
        status = ist__fail(error, IST_E_MEMORY, "out of memory for %s", ist__reader_path(reader));
    job j = {.reader = reader, .layout = &l, .table = table, .body = body, .begin = ist__reader_offset(reader)};
    if (!status) status = read_body(&j, hands, error);
    ist__free(table);
    if (status) {
        ist__free(body);
        return status;
    }

    const ist__sparse table_of_file = {.rows = (int64_t)h.rows,
                                       .features = ask->features > 0 ? ask->features : (int32_t)h.features,
                                       .labels = (int32_t)h.labels,
                                       .nonzeros = (int64_t)h.nonzeros,
                                       .label_entries = (int64_t)h.label_entries,
                                       .row_begin = (const void *)(body + l.offset[0]),
                                       .label_begin = (const void *)(body + l.offset[1]),
                                       .feature = (const void *)(body + l.offset[2]),
                                       .value = (const void *)(body + l.offset[3]),
                                       .label = (const void *)(body + l.offset[4]),
                                       .content_bytes = (int64_t)(j.begin + l.body_bytes),
                                       .owned = {body}};
    status = ist__sparse_check(&table_of_file, hands, ist__reader_path(reader), error);
    if (status) ist__free(body);
    else *out = table_of_file;
    return status;
}
