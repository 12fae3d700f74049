/* sparse_text.c - sparse text, block after block: one thread reads (and inflates) a block while all parse the one before.
 *
 * A block is cut at its last newline, what follows is carried to the front of the next one.  It is parsed in pieces of
 * whole lines: counted, given their places by one thread, and parsed to these.  Which thread takes which piece does not
 * matter for the result, nor for the error line, which is that of the first fault in the file.
 *
 * Memory: two blocks of 16 MiB (a longer line makes them grow), and the arrays, which grow as the file goes, by what its
 * beginning tells of the rest, and never beyond what the rest could hold.  The claims of an XMC header are believed when
 * they came true, and take no memory before.
 *
 * Floor: data.  Warm: once a byte of a file.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "data/loaders.h"
#include "data/sparse_text.h"

enum { BLOCK_BYTES = 1 << 24, PIECES = 64, MAX_LINE_BYTES = 1 << 29 };

/* Bytes of text that one row, one entry (" 1:1"), one label (",1") takes at least. */
enum { ROW_BYTES = 1, ENTRY_BYTES = 4, LABEL_BYTES = 2 };

typedef struct block {
    char *text; /* (capacity) */
    size_t capacity, end;
    bool last; /* the file ends with it: its text ends in a newline */
} block;

typedef struct load {
    ist__reader *reader;
    const ist__hands *hands;
    ist__error *error;
    ist__sparse_rules rules;
    int64_t claimed_rows; /* of the XMC header */

    block block[2];
    int32_t now;        /* the block that is parsed */
    size_t begin, cut;  /* of it, what is parsed */
    ist__error trouble; /* reading the other one */

    ist__sparse_piece piece[PIECES];
    atomic_int next_piece;
    void (*act)(const ist__sparse_rules *, ist__sparse_piece *, const ist__sparse_target *);

    ist__sparse_counts total; /* before the block; in the end, of all */
    ist__sparse_target to;
    int64_t row_capacity, entry_capacity, label_capacity;

    int32_t widest, label_largest, other_label; /* as in a piece */
    int64_t minus_line, other_line;
} load;

static ist_status fail_memory(load *l)
{
    return ist__fail(l->error, IST_E_MEMORY, "out of memory for %s", ist__reader_path(l->reader));
}

/* ------------------------------------------------------------------------------------------------------- reading -- */

/* Read until the block is full, or the file has no more. */
static ist_status fill(ist__reader *reader, block *b, ist__error *error)
{
    while (b->end < b->capacity - 1) { /* one byte is kept for a newline at the end of the file */
        size_t got;
        const ist_status status = ist__reader_some(reader, b->text + b->end, b->capacity - 1 - b->end, &got, error);
        if (status) return status;
        b->end += got;
        if (got > 0) continue;
        if (b->end > 0 && b->text[b->end - 1] != '\n') b->text[b->end++] = '\n';
        b->last = true;
        break;
    }
    return IST_OK;
}

/* Text with room for `capacity` bytes, and what was there. */
static bool enlarge(block *b, size_t capacity)
{
    if (capacity <= b->capacity) return true;
    char *larger = ist__alloc_raw((int64_t)capacity, 1);
    if (!larger) return false;
    if (b->end > 0) memcpy(larger, b->text, b->end);
    ist__free(b->text);
    b->text = larger;
    b->capacity = capacity;
    return true;
}

/* Find where the present block can be cut; a line that is longer makes it grow. */
static ist_status find_cut(load *l)
{
    block *b = &l->block[l->now];
    for (size_t searched = l->begin;;) {
        size_t cut = b->end;
        while (cut > searched && b->text[cut - 1] != '\n') cut--;
        l->cut = cut > searched ? cut : l->begin;
        if (l->cut > l->begin || b->last) return IST_OK;
        searched = b->end;
        if (b->end - l->begin >= MAX_LINE_BYTES)
            return ist__fail(l->error, IST_E_FORMAT, "%s: line %lld: more than %d bytes", ist__reader_path(l->reader),
                             (long long)l->total.lines + 1, MAX_LINE_BYTES);
        if (!enlarge(b, 2 * b->capacity)) return fail_memory(l);
        const ist_status status = fill(l->reader, b, l->error);
        if (status) return status;
    }
}

/* Carry what follows the cut to the other block. */
static ist_status carry(load *l)
{
    const block *b = &l->block[l->now];
    block *other = &l->block[1 - l->now];
    other->end = 0;
    other->last = b->last;
    if (b->last) return IST_OK;
    if (!enlarge(other, b->capacity)) return fail_memory(l);
    other->end = b->end - l->cut;
    memcpy(other->text, b->text + l->cut, other->end);
    return IST_OK;
}

/* -------------------------------------------------------------------------------------------------------- pieces -- */

/* Cut the block into pieces of whole lines, about as long as each other. */
static void cut_pieces(load *l)
{
    const char *text = l->block[l->now].text, *end = text + l->cut, *from = text + l->begin;
    const size_t length = l->cut - l->begin;
    for (size_t i = 0; i < PIECES; i++) {
        const char *to = text + l->begin + length / PIECES * (i + 1);
        if (to < from) to = from;
        if (to > from && to[-1] != '\n') {
            const char *newline = memchr(to, '\n', (size_t)(end - to));
            to = newline ? newline + 1 : end;
        }
        if (i == PIECES - 1) to = end;
        l->piece[i] = (ist__sparse_piece){.from = from, .to = to};
        from = to;
    }
}

static void count(const ist__sparse_rules *rules, ist__sparse_piece *piece, const ist__sparse_target *to)
{
    (void)to;
    ist__sparse_count(rules, piece);
}

/* What each thread does with a block: the first reads the next one, too. */
static void work(void *argument, int32_t rank, int32_t size)
{
    load *l = argument;
    (void)size;
    block *other = &l->block[1 - l->now];
    if (rank == 0 && l->act == ist__sparse_parse && !other->last) fill(l->reader, other, &l->trouble);
    for (int i; (i = atomic_fetch_add(&l->next_piece, 1)) < PIECES;)
        if (l->piece[i].to > l->piece[i].from) l->act(&l->rules, &l->piece[i], &l->to);
}

static void for_all_pieces(load *l,
                           void (*act)(const ist__sparse_rules *, ist__sparse_piece *, const ist__sparse_target *))
{
    l->act = act;
    atomic_store(&l->next_piece, 0);
    ist__hands_run(l->hands, work, l);
}

/* Say where each piece begins, and move the totals behind the block. */
static void place_pieces(load *l)
{
    for (int i = 0; i < PIECES; i++) {
        ist__sparse_piece *piece = &l->piece[i];
        piece->before = l->total;
        piece->rows_most = piece->has.rows;
        if (l->rules.xmc && piece->rows_most > l->claimed_rows - l->total.rows)
            piece->rows_most = l->claimed_rows - l->total.rows;
        l->total.lines += piece->has.lines;
        l->total.rows += piece->rows_most;
        l->total.nonzeros += piece->has.nonzeros;
        l->total.labels += piece->has.labels;
    }
}

/* ------------------------------------------------------------------------------------------------------- arrays -- */

/* Room for `need` items of an array with `used` ones. */
static ist_status reserve(load *l, void **array, size_t size, int64_t used, int64_t need, int64_t *capacity,
                          int64_t least_bytes)
{
    if (need <= *capacity) return IST_OK;
    const uint64_t rest = ist__reader_rest(l->reader) + (l->block[l->now].end - l->cut),
                   read = ist__reader_offset(l->reader);
    const double growth = 1.05 * (double)rest / (double)(read > 0 ? read : 1);
    const uint64_t most = rest / (uint64_t)least_bytes + 1;
    const double guess = (double)need * (growth < 7 ? growth : 7);
    const uint64_t more = guess < (double)most ? (uint64_t)guess : most;
    const int64_t wanted = need + (int64_t)more;
    void *larger = ist__alloc_raw(wanted, size);
    if (!larger) return fail_memory(l);
    if (used > 0) memcpy(larger, *array, (size_t)used * size);
    ist__free(*array);
    *array = larger;
    *capacity = wanted;
    return IST_OK;
}

static ist_status reserve_arrays(load *l, const ist__sparse_counts *used)
{
    const int64_t rows = l->total.rows + 1, entries = l->total.nonzeros, labels = l->total.labels;
    if (l->total.rows > IST__MAX_ROWS)
        return ist__fail(l->error, IST_E_FORMAT, "%s: line %lld: at most %llu rows can be used",
                         ist__reader_path(l->reader), (long long)l->total.lines, (unsigned long long)IST__MAX_ROWS);
    const bool first = l->row_capacity == 0;
    void *array[IST__SPARSE_ARRAYS] = {l->to.row_begin, l->to.label_begin, l->to.feature, l->to.value, l->to.label};
    int64_t capacity[IST__SPARSE_ARRAYS] = {l->row_capacity, l->row_capacity, l->entry_capacity, l->entry_capacity,
                                            l->label_capacity};
    const int64_t row = first ? 0 : used->rows + 1;
    ist_status status = reserve(l, &array[0], sizeof(int64_t), row, rows, &capacity[0], ROW_BYTES);
    if (!status) status = reserve(l, &array[1], sizeof(int64_t), row, rows, &capacity[1], ROW_BYTES);
    if (!status) status = reserve(l, &array[2], sizeof(int32_t), used->nonzeros, entries, &capacity[2], ENTRY_BYTES);
    if (!status) status = reserve(l, &array[3], sizeof(float), used->nonzeros, entries, &capacity[3], ENTRY_BYTES);
    if (!status) status = reserve(l, &array[4], sizeof(int32_t), used->labels, labels, &capacity[4], LABEL_BYTES);
    l->to = (ist__sparse_target){
        .row_begin = array[0], .label_begin = array[1], .feature = array[2], .value = array[3], .label = array[4]};
    if (status) return status;
    l->row_capacity = capacity[0];
    l->entry_capacity = capacity[2];
    l->label_capacity = capacity[4];
    if (first) l->to.row_begin[0] = l->to.label_begin[0] = 0;
    return IST_OK;
}

/* ------------------------------------------------------------------------------------------------------- blocks -- */

/* The first fault, or what the pieces found. */
static ist_status gather(load *l)
{
    for (int i = 0; i < PIECES; i++) {
        const ist__sparse_piece *piece = &l->piece[i];
        if (piece->to == piece->from) continue;
        if (piece->fault) return ist__sparse_tell(&l->rules, piece, ist__reader_path(l->reader), l->error);
        if (piece->widest > l->widest) l->widest = piece->widest;
        if (piece->label_largest > l->label_largest) l->label_largest = piece->label_largest;
        if (l->minus_line == 0) l->minus_line = piece->minus_line;
        if (l->other_line == 0 && piece->other_line > 0) {
            l->other_line = piece->other_line;
            l->other_label = piece->other_label;
        }
    }
    return IST_OK;
}

static ist_status parse_block(load *l)
{
    const ist__sparse_counts before = l->total;
    cut_pieces(l);
    for_all_pieces(l, count);
    place_pieces(l);
    ist_status status = reserve_arrays(l, &before);
    if (!status) status = carry(l);
    if (status) return status;
    l->trouble = (ist__error){0};
    for_all_pieces(l, ist__sparse_parse);
    status = gather(l);
    if (status || !l->trouble.status) return status;
    if (l->error) *l->error = l->trouble;
    return l->trouble.status;
}

static ist_status parse_blocks(load *l)
{
    for (;;) {
        ist_status status = find_cut(l);
        if (!status && l->cut > l->begin) status = parse_block(l);
        if (status || l->block[l->now].last) return status;
        l->now = 1 - l->now;
        l->begin = 0;
    }
}

/* -------------------------------------------------------------------------------------------------- begin, end -- */

static ist_status check_header(load *l, const uint64_t claim[3], const ist__sparse_ask *ask)
{
    const char *path = ist__reader_path(l->reader);
    const unsigned long long rows = claim[0], features = claim[1], labels = claim[2];
    const uint64_t rest = ist__reader_rest(l->reader) + l->block[0].end;
    if (rows == 0 || features == 0)
        return ist__fail(l->error, IST_E_FORMAT, "%s: line 1: claims no %s", path, rows == 0 ? "rows" : "features");
    if (rows > IST__MAX_ROWS || features > INT32_MAX || labels > INT32_MAX)
        return ist__fail(
            l->error, IST_E_FORMAT,
            "%s: line 1: %llu rows, %llu features and %llu labels, but at most %llu, %d and %d can be used", path, rows,
            features, labels, (unsigned long long)IST__MAX_ROWS, INT32_MAX, INT32_MAX);
    if (rows > rest)
        return ist__fail(l->error, IST_E_FORMAT, "%s: line 1: claims %llu rows, but the file can hold at most %llu",
                         path, rows, (unsigned long long)rest);
    if (ask->features > 0 && features > (uint64_t)ask->features)
        return ist__fail(l->error, IST_E_FORMAT, "%s: line 1: %llu features, but at most %d are expected", path,
                         features, ask->features);
    return IST_OK;
}

/* Read the first block, and learn from its first line what the text is. */
static ist_status begin(load *l, const ist__sparse_ask *ask)
{
    block *b = &l->block[0];
    const uint64_t rest = ist__reader_rest(l->reader);
    const size_t bytes = ask->block_bytes > 0 ? ask->block_bytes : BLOCK_BYTES;
    if (!enlarge(b, 2 + (rest < bytes ? (size_t)rest : bytes))) return fail_memory(l);
    ist_status status = fill(l->reader, b, l->error);
    if (!status) status = find_cut(l);
    if (status) return status;
    if (b->end == 0)
        return ist__fail(l->error, IST_E_FORMAT, "%s: byte 0: the file is empty", ist__reader_path(l->reader));

    uint64_t claim[3];
    const char *newline = memchr(b->text, '\n', b->end);
    const bool header = newline && ist__sparse_header(b->text, newline, claim);
    l->rules.xmc = ask->text == IST_TEXT_XMC || (ask->text == IST_TEXT_AUTO && header);
    if (!l->rules.xmc) {
        l->rules.base = ask->index_base;
        l->rules.feature_most = (ask->features > 0 ? ask->features : INT32_MAX) - 1 + l->rules.base;
        l->rules.label_most = INT32_MAX - 1;
        return IST_OK;
    }
    if (!header)
        return ist__fail(l->error, IST_E_FORMAT, "%s: line 1: expected \"ROWS FEATURES LABELS\", as XMC text begins",
                         ist__reader_path(l->reader));
    status = check_header(l, claim, ask);
    l->rules.feature_most = (int64_t)claim[1] - 1;
    l->rules.label_most = (int64_t)claim[2] - 1;
    l->claimed_rows = (int64_t)claim[0];
    l->total.lines = 1;
    l->begin = (size_t)(newline + 1 - b->text);
    return status;
}

/* Labels -1 and +1 are classes 0 and 1. */
static ist_status map_minus(load *l)
{
    if (l->minus_line == 0) return IST_OK;
    if (l->other_line > 0)
        return ist__fail(
            l->error, IST_E_FORMAT, "%s: line %lld: label %d, but line %lld has -1, which goes with +1 alone",
            ist__reader_path(l->reader), (long long)l->other_line, l->other_label, (long long)l->minus_line);
    for (int64_t i = 0; i < l->total.labels; i++) l->to.label[i] = l->to.label[i] < 0 ? 0 : 1;
    if (l->label_largest < 0) l->label_largest = 0;
    return IST_OK;
}

static ist_status finish(load *l, const ist__sparse_ask *ask, ist__sparse *out)
{
    const char *path = ist__reader_path(l->reader);
    if (l->rules.xmc && l->total.rows < l->claimed_rows)
        return ist__fail(l->error, IST_E_FORMAT, "%s: line %lld: the file ends after %lld rows, but line 1 claims %lld",
                         path, (long long)l->total.lines, (long long)l->total.rows, (long long)l->claimed_rows);
    if (l->total.rows == 0)
        return ist__fail(l->error, IST_E_FORMAT, "%s: line %lld: the file holds no rows", path,
                         (long long)l->total.lines);
    const int32_t features = l->rules.xmc ? (int32_t)l->rules.feature_most + 1 : l->widest;
    if (features == 0 && ask->features == 0)
        return ist__fail(l->error, IST_E_FORMAT, "%s: line %lld: no row has a feature", path,
                         (long long)l->total.lines);
    const ist_status status = map_minus(l);
    if (status) return status;
    *out = (ist__sparse){.rows = l->total.rows,
                         .features = ask->features > 0 ? ask->features : features,
                         .labels = l->rules.xmc ? (int32_t)l->rules.label_most + 1 : l->label_largest + 1,
                         .nonzeros = l->total.nonzeros,
                         .label_entries = l->total.labels,
                         .row_begin = l->to.row_begin,
                         .feature = l->to.feature,
                         .value = l->to.value,
                         .label_begin = l->to.label_begin,
                         .label = l->to.label,
                         .text = l->rules.xmc ? IST_TEXT_XMC : IST_TEXT_LIBSVM,
                         .content_bytes = (int64_t)ist__reader_offset(l->reader),
                         .owned = {l->to.row_begin, l->to.feature, l->to.value, l->to.label_begin, l->to.label}};
    return IST_OK;
}

ist_status ist__sparse_text_load(ist__reader *reader, const ist__sparse_ask *ask, const ist__hands *hands,
                                 ist__sparse *out, ist__error *error)
{
    load *l = ist__alloc(1, sizeof *l);
    if (!l) return ist__fail(error, IST_E_MEMORY, "out of memory");
    l->reader = reader;
    l->hands = hands;
    l->error = error;
    l->label_largest = -1;
    ist_status status = begin(l, ask);
    if (!status) status = parse_blocks(l);
    if (!status) status = finish(l, ask, out);
    if (status) {
        ist__free(l->to.row_begin);
        ist__free(l->to.feature);
        ist__free(l->to.value);
        ist__free(l->to.label_begin);
        ist__free(l->to.label);
    }
    ist__free(l->block[0].text);
    ist__free(l->block[1].text);
    ist__free(l);
    return status;
}
