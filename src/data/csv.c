/* csv.c - numbers in lines of text.
 *
 * The first line tells the separator (comma, semicolon or tab: the most frequent one) and the number of columns; it is
 * a header, and skipped, when one of its cells is neither empty nor a number.  Every later line must have as many
 * columns, each a finite number; spaces around a number are fine, so are LF and CRLF, and empty lines at the very end.
 * A row in an error line is the line of the file, from 1, as an editor shows it.
 *
 * Memory: one buffer, as long as the longest line needs, and the values, which grow by half when they are full but
 * never beyond what the rest of the file could hold (two bytes a value at least).
 *
 * Floor: data.  Cold: once a file.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "data/loaders.h"

enum { FIRST_TEXT_BYTES = 1 << 16, MAX_LINE_BYTES = 1 << 29, MAX_SHOWN = 24 };

typedef struct csv {
    ist__reader *reader;
    ist__error *error;
    bool labels; /* cells are class ids, and not features */

    char *text; /* (text_bytes) what was read and not parsed yet stands in [begin, end) */
    size_t text_bytes, begin, end;
    bool finished; /* the file has no more */

    int64_t line; /* the current one */
    int64_t first_line;
    int64_t columns;
    char separator;

    void *values; /* (capacity) float, or int32_t for labels */
    int64_t rows, capacity;
} csv;

static ist_status fail_memory(csv *c)
{
    return ist__fail(c->error, IST_E_MEMORY, "out of memory for %s", ist__reader_path(c->reader));
}

/* ------------------------------------------------------------------------------------------------------- lines -- */

/* Make room for more text: move what is left to the front, or double the buffer. */
static ist_status make_room(csv *c)
{
    const size_t length = c->end - c->begin;
    if (length < c->text_bytes) {
        memmove(c->text, c->text + c->begin, length);
    } else {
        if (length >= MAX_LINE_BYTES)
            return ist__fail(c->error, IST_E_FORMAT, "%s: row %lld: a line of more than %d bytes",
                             ist__reader_path(c->reader), (long long)c->line, MAX_LINE_BYTES);
        char *larger = ist__alloc(2, c->text_bytes);
        if (!larger) return fail_memory(c);
        memcpy(larger, c->text + c->begin, length);
        ist__free(c->text);
        c->text = larger;
        c->text_bytes *= 2;
    }
    c->begin = 0;
    c->end = length;
    return IST_OK;
}

/* Append what the file gives next. */
static ist_status read_more(csv *c)
{
    size_t got;
    if (c->end == c->text_bytes) {
        const ist_status status = make_room(c);
        if (status) return status;
    }
    const ist_status status = ist__reader_some(c->reader, c->text + c->end, c->text_bytes - c->end, &got, c->error);
    if (status) return status;
    c->end += got;
    c->finished = got == 0;
    return IST_OK;
}

/* The next line, without its end: [*from, *to), valid until the next call.  *from NULL: there is none. */
static ist_status next_line(csv *c, const char **from, const char **to)
{
    size_t searched = 0;
    const char *newline = NULL;
    c->line++;
    while (!newline) {
        const size_t length = c->end - c->begin;
        newline = memchr(c->text + c->begin + searched, '\n', length - searched);
        searched = length;
        if (newline || c->finished) break;
        const ist_status status = read_more(c);
        if (status) return status;
    }
    const size_t length = newline ? (size_t)(newline - c->text) - c->begin : c->end - c->begin;
    *from = newline || length > 0 ? c->text + c->begin : NULL;
    *to = c->text + c->begin + length;
    c->begin += newline ? length + 1 : length;
    if (length > 0 && (*to)[-1] == '\r') (*to)--;
    return IST_OK;
}

static bool is_blank(const csv *c, char character)
{
    return character == ' ' || (character == '\t' && c->separator != '\t');
}

static const char *skip_blanks(const csv *c, const char *p, const char *end)
{
    while (p < end && is_blank(c, *p)) p++;
    return p;
}

/* Does [p, end) spell nan or inf?  Then it is a number that we refuse, and no header. */
static bool spells_not_finite(const char *p, const char *end)
{
    static const char *const names[] = {"nan", "inf", "infinity"};
    if (p < end && (*p == '-' || *p == '+')) p++;
    const size_t length = (size_t)(end - p);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) != length) continue;
        size_t same = 0;
        while (same < length && (p[same] | ' ') == names[i][same]) same++;
        if (same == length) return true;
    }
    return false;
}

/* -------------------------------------------------------------------------------------------------- first line -- */

/* The end of the cell at p; separators between double quotes do not count, as headers may be quoted. */
static const char *cell_end(const char *p, const char *end, char separator)
{
    bool quoted = false;
    for (; p < end && (quoted || *p != separator); p++) quoted ^= *p == '"';
    return p;
}

static int64_t count_columns(const char *p, const char *end, char separator)
{
    int64_t columns = 1;
    while ((p = cell_end(p, end, separator)) < end) p++, columns++;
    return columns;
}

/* Read the layout from the first line.  Returns whether it is a header. */
static bool learn_layout(csv *c, const char *from, const char *to)
{
    static const char separators[] = {',', ';', '\t'};
    c->first_line = c->line;
    c->columns = 0;
    for (size_t i = 0; i < sizeof separators; i++) {
        const int64_t columns = count_columns(from, to, separators[i]);
        if (columns <= c->columns) continue;
        c->columns = columns;
        c->separator = separators[i];
    }
    for (const char *p = from;; p++) {
        const char *end = cell_end(p, to, c->separator), *last = end;
        double value;
        p = skip_blanks(c, p, end);
        while (last > p && is_blank(c, last[-1])) last--;
        if (last > p && ist__parse_decimal(p, last, &value) != last && !spells_not_finite(p, last)) return true;
        if (end == to) return false;
        p = end;
    }
}

/* -------------------------------------------------------------------------------------------------------- rows -- */

/* "abc" is not a number: with the cell at p shortened, and fit for a terminal. */
static ist_status fail_cell(csv *c, int64_t column, const char *p, const char *end)
{
    char shown[MAX_SHOWN + 4];
    size_t length = 0;
    while (end > p && is_blank(c, end[-1])) end--;
    const bool number = spells_not_finite(p, end) || ist__parse_decimal(p, end, &(double){0}) == end;
    const char *where = ist__reader_path(c->reader);
    const long long row = c->line, at = column;
    if (p == end) return ist__fail(c->error, IST_E_FORMAT, "%s: row %lld, column %lld: empty", where, row, at);
    for (; p < end && length < MAX_SHOWN; p++) shown[length++] = (char)(*p >= ' ' && *p < 127 && *p != '"' ? *p : '?');
    memcpy(shown + length, p < end ? "..." : "\0\0\0", 4);
    return ist__fail(c->error, IST_E_FORMAT, "%s: row %lld, column %lld: \"%s\" is not a %s", where, row, at, shown,
                     number ? "finite float32" : "number");
}

static ist_status fail_ragged(csv *c, int64_t columns)
{
    return ist__fail(c->error, IST_E_FORMAT, "%s: row %lld: %lld column%s, but row %lld has %lld",
                     ist__reader_path(c->reader), (long long)c->line, (long long)columns, columns == 1 ? "" : "s",
                     (long long)c->first_line, (long long)c->columns);
}

/* Room for one more row. */
static ist_status reserve_row(csv *c)
{
    const int64_t count = c->rows * c->columns, need = count + c->columns;
    if (need <= c->capacity) return IST_OK;
    const uint64_t rest = ist__reader_rest(c->reader) / 2 + (c->end - c->begin) / 2 + 1;
    int64_t capacity = need + c->capacity / 2;
    if ((uint64_t)(capacity - need) > rest) capacity = need + (int64_t)rest;
    void *larger = ist__alloc(capacity, sizeof(float));
    if (!larger) return fail_memory(c);
    if (count > 0) memcpy(larger, c->values, (size_t)count * sizeof(float));
    ist__free(c->values);
    c->values = larger;
    c->capacity = capacity;
    return IST_OK;
}

/* Put one number to its place, or refuse it.  p, end: its cell. */
static ist_status store(csv *c, int64_t column, double value, const char *p, const char *end)
{
    const int64_t place = c->rows * c->columns + column;
    if (!isfinite(value) || fabs(value) > (double)FLT_MAX) return fail_cell(c, column + 1, p, end);
    if (c->labels) return ist__label_of(c->reader, c->line, value, (int32_t *)c->values + place, c->error);
    ((float *)c->values)[place] = (float)value;
    return IST_OK;
}

static ist_status parse_row(csv *c, const char *from, const char *to)
{
    const char *p = from;
    for (int64_t column = 0;; column++, p++) {
        double value = 0.0;
        p = skip_blanks(c, p, to);
        const char *behind = ist__parse_decimal(p, to, &value);
        const char *after = behind ? skip_blanks(c, behind, to) : p;
        const bool separated = after < to && *after == c->separator;
        if (!behind || (after < to && !separated)) {
            const char *end = memchr(p, c->separator, (size_t)(to - p));
            return fail_cell(c, column + 1, p, end ? end : to);
        }
        const ist_status status = store(c, column, value, p, after);
        if (status) return status;
        p = after;
        const bool last = column + 1 == c->columns;
        if (last && !separated) return IST_OK;
        if (last || !separated) return fail_ragged(c, column + count_columns(p, to, c->separator));
    }
}

static ist_status add_row(csv *c, const char *from, const char *to)
{
    if (c->rows == IST__MAX_ROWS)
        return ist__fail(c->error, IST_E_FORMAT, "%s: row %lld: at most %llu rows can be used",
                         ist__reader_path(c->reader), (long long)c->line, (unsigned long long)IST__MAX_ROWS);
    ist_status status = reserve_row(c);
    if (!status) status = parse_row(c, from, to);
    if (!status) c->rows++;
    return status;
}

static ist_status check_columns(csv *c)
{
    if (c->labels && c->columns != 1)
        return ist__fail(c->error, IST_E_FORMAT, "%s: row %lld: labels need 1 column, this has %lld",
                         ist__reader_path(c->reader), (long long)c->line, (long long)c->columns);
    if (c->columns > IST__MAX_FEATURES)
        return ist__fail(c->error, IST_E_FORMAT, "%s: row %lld: %lld columns, but at most %d can be used",
                         ist__reader_path(c->reader), (long long)c->line, (long long)c->columns, IST__MAX_FEATURES);
    return IST_OK;
}

/* UTF-8's byte order mark, which spreadsheets write before the first line. */
static const char *skip_mark(const char *from, const char *to)
{
    return to - from >= 3 && memcmp(from, "\xef\xbb\xbf", 3) == 0 ? from + 3 : from;
}

static ist_status parse_lines(csv *c)
{
    int64_t empty = 0; /* the first empty line since the last row; 0: none */
    for (;;) {
        const char *from, *to;
        ist_status status = next_line(c, &from, &to);
        if (status || !from) return status;
        if (c->line == 1) from = skip_mark(from, to);
        if (skip_blanks(c, from, to) == to) {
            empty = empty ? empty : c->line;
            continue;
        }
        if (empty)
            return ist__fail(c->error, IST_E_FORMAT, "%s: row %lld: an empty line before other lines",
                             ist__reader_path(c->reader), (long long)empty);
        if (c->columns == 0) {
            const bool header = learn_layout(c, from, to);
            status = check_columns(c);
            if (!status && header) continue;
        }
        if (!status) status = add_row(c, from, to);
        if (status) return status;
    }
}

/* Parse the whole file; c->values is the caller's, also on failure. */
static ist_status load(csv *c)
{
    c->text_bytes = FIRST_TEXT_BYTES;
    c->text = ist__alloc(FIRST_TEXT_BYTES, 1);
    ist_status status = c->text ? parse_lines(c) : fail_memory(c);
    if (!status && c->rows == 0)
        status = ist__fail(c->error, IST_E_FORMAT, "%s: row %lld: the file holds no rows of numbers",
                           ist__reader_path(c->reader), (long long)c->line);
    ist__free(c->text);
    if (status) ist__free(c->values);
    return status;
}

ist_status ist__csv_features(ist__reader *reader, ist__matrix *out, ist__error *error)
{
    csv c = {.reader = reader, .error = error};
    const ist_status status = load(&c);
    if (status) return status;
    *out = (ist__matrix){.rows = c.rows, .features = c.columns, .type = IST_FLOAT32, .x = c.values};
    return IST_OK;
}

ist_status ist__csv_labels(ist__reader *reader, int32_t **out, int64_t *rows, ist__error *error)
{
    csv c = {.reader = reader, .error = error, .labels = true};
    const ist_status status = load(&c);
    if (status) return status;
    *out = c.values;
    *rows = c.rows;
    return IST_OK;
}
