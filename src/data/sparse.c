/* sparse.c - what a file of sparse rows is, and its loading.
 *
 * Floor: data.  Cold.
 */
#include "data/sparse.h"

#include <string.h>

#include "base/mem.h"
#include "base/reader.h"
#include "data/formats.h"
#include "data/sparse_text.h"

enum { LOOK_BYTES = 4096 };

/* Is this the beginning of sparse text?  The header of XMC text, or a number, a comment, and soon a colon. */
static bool looks_sparse(const char *text, size_t count)
{
    uint64_t claim[3];
    for (size_t i = 0; i < count; i++)
        if ((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\r' && text[i] != '\t') return false;
    const char *newline = memchr(text, '\n', count);
    if (ist__sparse_header(text, newline ? newline : text + count, claim)) return true;
    return count > 0 && strchr("0123456789+-. \t\r\n#", *text) && memchr(text, ':', count);
}

ist_status ist__sparse_recognise(const char *path, ist__sparse_kind *kind, ist__error *error)
{
    char text[LOOK_BYTES];
    size_t have = 0, got = 1;
    ist__reader *reader;
    *kind = IST__SPARSE_NOT;
    if (ist__named_csv(path)) return IST_OK;
    ist_status status = ist__reader_open(&reader, path, error);
    if (status) return status;
    while (!status && have < sizeof text && got > 0) {
        status = ist__reader_some(reader, text + have, sizeof text - have, &got, error);
        have += got;
    }
    ist__reader_close(reader);
    if (status) return status;
    if (have >= IST__SPARSE_MAGIC_BYTES && memcmp(text, ist__sparse_magic, IST__SPARSE_MAGIC_BYTES) == 0)
        *kind = IST__SPARSE_FILE;
    else if (looks_sparse(text, have)) *kind = IST__SPARSE_TEXT;
    return IST_OK;
}

ist_status ist__sparse_load(const char *path, const ist__sparse_ask *ask, const ist__hands *hands, ist__sparse *out,
                            ist__error *error)
{
    ist__reader *reader;
    ist__sparse_kind kind;
    ist_status status = ist__sparse_recognise(path, &kind, error);
    if (status) return status;
    status = ist__reader_open(&reader, path, error);
    if (status) return status;
    if (kind == IST__SPARSE_FILE) status = ist__sparse_file_load(reader, ask, hands, out, error);
    else status = ist__sparse_text_load(reader, ask, hands, out, error);
    ist__reader_close(reader);
    return status;
}

const int32_t *ist__sparse_classes(const ist__sparse *s)
{
    if (s->label_entries != s->rows) return NULL;
    for (int64_t row = 0; row <= s->rows; row++)
        if (s->label_begin[row] != row) return NULL;
    return s->label;
}

/* Rows of more than `length` entries: how many, and all that they have. */
static int64_t count_longer(int64_t rows, const int64_t *begin, int64_t length, int64_t *entries)
{
    int64_t count = 0;
    *entries = 0;
    for (int64_t row = 0; row < rows; row++) {
        const int64_t have = begin[row + 1] - begin[row];
        count += have > length;
        *entries += have > length ? have : 0;
    }
    return count;
}

int64_t ist__sparse_most(int64_t rows, const int64_t *begin, int64_t count, int64_t times)
{
    /* The least length that fewer than `count` of those rows are beyond: halved, so that no memory is asked for. */
    int64_t low = 0, high = begin[rows], entries;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (times * count_longer(rows, begin, middle, &entries) < count) high = middle;
        else low = middle + 1;
    }
    const int64_t longer = count_longer(rows, begin, low, &entries);
    return times * entries + (count - times * longer) * low;
}

void ist__sparse_destroy(ist__sparse *sparse)
{
    for (int i = 0; i < IST__SPARSE_ARRAYS; i++) ist__free(sparse->owned[i]);
    *sparse = (ist__sparse){0};
}
