/* sparse_lines.c - the lines of sparse text: counts them, parses them, and tells what is wrong with one.
 *
 *     l1,l2,.. f:v f:v ..
 *
 * Labels are the first word if it has no colon: there may be none.  Blanks are spaces, tabs, and the carriage return of
 * a line that ends in two characters.  In libsvm text '#' begins a comment, and lines without anything are no rows; in
 * XMC text every line is a row.  Features that do not ascend are sorted; what stands twice in a row is refused.
 *
 * Every loop may run to the end of its line without asking where that is: a newline, or the '#' of a comment, stands
 * there, and is neither digit nor blank.
 *
 * Floor: data.  Warm: once a byte of the file.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/loaders.h"
#include "data/sparse_text.h"

enum { MAX_SHOWN = 24, EXACT_DIGITS = 18, NUMBER_DIGITS = 10, NOT_TWICE = -2 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *p)
{
    while (is_blank(*p)) p++;
    return p;
}

static const char *word_end(const char *p, const char *end)
{
    while (p < end && !is_blank(*p)) p++;
    return p;
}

/* Where the content of the line at `from` ends, `newline` being its newline. */
static const char *content_end(const char *from, const char *newline, bool comments)
{
    const char *comment = comments ? memchr(from, '#', (size_t)(newline - from)) : NULL;
    return comment ? comment : newline;
}

static const char *newline_of(const char *from, const char *to)
{
    return memchr(from, '\n', (size_t)(to - from));
}

/* -------------------------------------------------------------------------------------------------------- count -- */

static int64_t count_of(char wanted, const char *from, const char *to)
{
    int64_t count = 0;
    for (const char *p = from; p < to; p++) count += *p == wanted;
    return count;
}

void ist__sparse_count(const ist__sparse_rules *rules, ist__sparse_piece *piece)
{
    ist__sparse_counts has = {0};
    const bool comments = !rules->xmc && memchr(piece->from, '#', (size_t)(piece->to - piece->from));
    for (const char *line = piece->from, *newline; line < piece->to; line = newline + 1) {
        newline = newline_of(line, piece->to);
        const char *end = content_end(line, newline, comments), *word = skip_blanks(line);
        has.lines++;
        has.rows += rules->xmc || word < end;
        const char *behind = word_end(word, end);
        const bool labels = behind > word && !memchr(word, ':', (size_t)(behind - word));
        if (labels) has.labels += 1 + count_of(',', word, behind);
        has.nonzeros += count_of(':', labels ? behind : word, end);
    }
    piece->has = has;
}

/* ------------------------------------------------------------------------------------------------------- sorting -- */

/* Sift the root of the heap keys[0 .. count - 1] down; values, where there are any, go with their keys. */
static void sift(int32_t *keys, float *values, int64_t root, int64_t count)
{
    const int32_t key = keys[root];
    const float value = values ? values[root] : 0;
    for (int64_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && keys[child + 1] > keys[child]) child++;
        if (keys[child] <= key) break;
        keys[root] = keys[child];
        if (values) values[root] = values[child];
    }
    keys[root] = key;
    if (values) values[root] = value;
}

/* Heap sort: no memory, and no row that takes the square of its length. */
static void sort(int32_t *keys, float *values, int64_t count)
{
    for (int64_t root = count / 2; root-- > 0;) sift(keys, values, root, count);
    for (int64_t last = count - 1; last > 0; last--) {
        const int32_t key = keys[0];
        keys[0] = keys[last];
        keys[last] = key;
        if (values) {
            const float value = values[0];
            values[0] = values[last];
            values[last] = value;
        }
        sift(keys, values, 0, last);
    }
}

/* Sort unless it is; a key that is there twice, or NOT_TWICE. */
static int32_t put_in_order(int32_t *keys, float *values, int64_t count)
{
    bool ascending = true;
    for (int64_t i = 1; i < count; i++) ascending = ascending && keys[i] > keys[i - 1];
    if (ascending) return NOT_TWICE;
    sort(keys, values, count);
    for (int64_t i = 1; i < count; i++)
        if (keys[i] == keys[i - 1]) return keys[i];
    return NOT_TWICE;
}

/* -------------------------------------------------------------------------------------------------------- parse -- */

/* A thread's position in its piece. */
typedef struct parser {
    const ist__sparse_rules *rules;
    ist__sparse_piece *piece;
    const ist__sparse_target *to;
    const char *line, *end; /* its content */
    int64_t number;         /* of the line in the file, from 1 */
    int64_t row, entry, label;
} parser;

static bool fault(const parser *s, ist__sparse_fault what, const char *at)
{
    s->piece->fault = what;
    s->piece->fault_line = s->number;
    s->piece->fault_from = s->line;
    s->piece->fault_to = s->end;
    s->piece->fault_at = at;
    return false;
}

static bool fault_twice(const parser *s, ist__sparse_fault what, int32_t number)
{
    s->piece->fault_number = number;
    return fault(s, what, NULL); /* where, is looked up when it is told */
}

/* The whole number at p, with all of its digits; INT64_MAX if that is too much. */
static const char *natural(const char *p, int64_t *value)
{
    const char *from = p;
    uint64_t digits = 0;
    for (; is_digit(*p); p++) digits = 10 * digits + (uint64_t)(*p - '0');
    *value = p - from <= EXACT_DIGITS ? (int64_t)digits : INT64_MAX;
    return p;
}

/* A label at p: "12", "+1", "-1", "3.0"; NULL if there is none. */
static const char *parse_label(const parser *s, const char *p, int64_t *label)
{
    const char *behind = natural(p, label);
    if (behind == p || (*behind != ',' && !is_blank(*behind) && behind < s->end)) {
        double value;
        behind = ist__parse_decimal(p, s->end, &value);
        if (!behind || !(value >= -1 && value <= (double)s->rules->label_most)) return NULL;
        *label = (int64_t)value;
        if ((double)*label != value) return NULL;
    }
    const bool minus = *label < 0;
    return *label <= s->rules->label_most && !(minus && s->rules->xmc) ? behind : NULL;
}

static void note_label(const parser *s, int32_t label)
{
    ist__sparse_piece *piece = s->piece;
    if (label > piece->label_largest) piece->label_largest = label;
    if (label == -1 && piece->minus_line == 0) piece->minus_line = s->number;
    if (label != -1 && label != 1 && piece->other_line == 0) {
        piece->other_line = s->number;
        piece->other_label = label;
    }
}

/* The word of labels at p, if there is one: moves behind it. */
static bool parse_labels(parser *s, const char **p)
{
    const char *word = *p, *behind = word_end(word, s->end);
    if (word == behind || memchr(word, ':', (size_t)(behind - word))) return true;
    for (const char *item = word;; item++) {
        int64_t label;
        const char *next = parse_label(s, item, &label);
        if (!next || (next < behind && *next != ',')) return fault(s, IST__FAULT_LABEL, item);
        s->to->label[s->label++] = (int32_t)label;
        note_label(s, (int32_t)label);
        item = next;
        if (item == behind) break;
    }
    *p = behind;
    return true;
}

/* The number at p, as float32.  What has few digits and no exponent is one exact quotient: the same as
 * ist__parse_decimal gives, which does the rest. */
static bool parse_value(const parser *s, const char **p, float *out)
{
    static const double power[EXACT_DIGITS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                                   1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    const char *from = *p, *q = from;
    const bool negative = *q == '-';
    uint64_t digits = 0;
    q += negative;
    const char *whole = q;
    for (; is_digit(*q); q++) digits = 10 * digits + (uint64_t)(*q - '0');
    int64_t count = q - whole, behind_point = 0;
    if (*q == '.') {
        const char *fraction = ++q;
        for (; is_digit(*q); q++) digits = 10 * digits + (uint64_t)(*q - '0');
        behind_point = q - fraction;
        count += behind_point;
    }
    double value;
    if (count >= 1 && count <= EXACT_DIGITS && digits < (uint64_t)1 << 53 && (is_blank(*q) || q == s->end)) {
        value = (double)digits;
        if (behind_point > 0) value /= power[behind_point];
        if (negative) value = -value;
    } else {
        q = ist__parse_decimal(from, s->end, &value);
        if (!q) return fault(s, IST__FAULT_VALUE, from);
        if (q < s->end && !is_blank(*q)) return fault(s, IST__FAULT_BLANK, q);
        if (!isfinite(value) || fabs(value) > (double)FLT_MAX) return fault(s, IST__FAULT_FINITE, from);
    }
    *out = (float)value;
    *p = q;
    return true;
}

/* Why there is no "f:" at p. */
static bool fault_of_feature(const parser *s, const char *p)
{
    int64_t number;
    const char *behind = natural(p, &number);
    if (s->end - p >= 4 && memcmp(p, "qid:", 4) == 0) return fault(s, IST__FAULT_QUERY, p);
    if (behind == p) return fault(s, IST__FAULT_FEATURE, p);
    if (*behind != ':') return fault(s, IST__FAULT_COLON, behind);
    return fault(s, IST__FAULT_RANGE, p);
}

/* All "f:v" of a line from p on. */
static bool parse_features(parser *s, const char *p)
{
    const int64_t base = s->rules->base;
    const uint64_t range = (uint64_t)(s->rules->feature_most - base); /* of feature numbers, counted from 0 */
    const int64_t first = s->entry;
    int32_t *feature = s->to->feature;
    int64_t entry = first, previous = -1;
    bool ascending = true;
    while ((p = skip_blanks(p)) < s->end) {
        const char *word = p;
        int64_t number = 0;
        for (; is_digit(*p) && p - word < NUMBER_DIGITS; p++) number = 10 * number + (*p - '0');
        number -= base;
        if (p == word || *p != ':' || (uint64_t)number > range) return fault_of_feature(s, word);
        p++;
        if (!parse_value(s, &p, &s->to->value[entry])) return false;
        feature[entry++] = (int32_t)number;
        ascending = ascending && number > previous;
        previous = number;
    }
    s->entry = entry;
    if (entry == first) return true;
    const int32_t twice = ascending ? NOT_TWICE : put_in_order(feature + first, s->to->value + first, entry - first);
    if (twice != NOT_TWICE) return fault_twice(s, IST__FAULT_TWICE, twice);
    if (feature[entry - 1] >= s->piece->widest) s->piece->widest = feature[entry - 1] + 1;
    return true;
}

static bool parse_line(parser *s)
{
    const char *p = skip_blanks(s->line);
    if (p >= s->end && (!s->rules->xmc || s->row - s->piece->before.rows >= s->piece->rows_most)) return true;
    if (s->row - s->piece->before.rows >= s->piece->rows_most) return fault(s, IST__FAULT_MORE, p);
    const int64_t first = s->label;
    if (!parse_labels(s, &p)) return false;
    /* Without any label in the file there is no array of them. */
    const int32_t same = s->label > first ? put_in_order(s->to->label + first, NULL, s->label - first) : NOT_TWICE;
    if (same != NOT_TWICE) return fault_twice(s, IST__FAULT_SAME, same);
    if (!parse_features(s, p)) return false;
    s->row++;
    s->to->row_begin[s->row] = s->entry;
    s->to->label_begin[s->row] = s->label;
    return true;
}

void ist__sparse_parse(const ist__sparse_rules *rules, ist__sparse_piece *piece, const ist__sparse_target *target)
{
    parser s = {.rules = rules,
                .piece = piece,
                .to = target,
                .number = piece->before.lines,
                .row = piece->before.rows,
                .entry = piece->before.nonzeros,
                .label = piece->before.labels};
    const bool comments = !rules->xmc && memchr(piece->from, '#', (size_t)(piece->to - piece->from));
    piece->widest = 0;
    piece->label_largest = -1;
    piece->minus_line = piece->other_line = 0;
    piece->fault = IST__FAULT_NONE;
    for (const char *line = piece->from, *newline; line < piece->to; line = newline + 1) {
        newline = newline_of(line, piece->to);
        s.line = line;
        s.end = content_end(line, newline, comments);
        s.number++;
        if (!parse_line(&s)) return;
    }
}

/* ------------------------------------------------------------------------------------------------------- telling -- */

bool ist__sparse_header(const char *from, const char *to, uint64_t claim[3])
{
    const char *p = from;
    for (int i = 0; i < 3; i++) {
        while (p < to && is_blank(*p)) p++;
        const char *word = p;
        uint64_t value = 0;
        for (; p < to && is_digit(*p) && p - word <= EXACT_DIGITS; p++) value = 10 * value + (uint64_t)(*p - '0');
        if (p == word || p - word > EXACT_DIGITS || (p < to && !is_blank(*p))) return false;
        claim[i] = value;
    }
    while (p < to && is_blank(*p)) p++;
    return p == to;
}

/* The second place of the fault's number in its line: among its labels, or in front of a colon. */
static const char *second_place(const ist__sparse_rules *rules, const ist__sparse_piece *piece)
{
    const bool labels = piece->fault == IST__FAULT_SAME;
    const char *from = skip_blanks(piece->fault_from),
               *end = labels ? word_end(from, piece->fault_to) : piece->fault_to;
    int32_t found = 0;
    for (const char *p = from; p < end;) {
        double label;
        int64_t number;
        const char *word = p, *behind = natural(p, &number);
        if (labels) behind = ist__parse_decimal(p, end, &label);
        const bool equal = !behind  ? false
                           : labels ? label == (double)piece->fault_number
                                    : *behind == ':' && number == piece->fault_number + rules->base;
        if (equal && ++found == 2) return word;
        p = labels ? memchr(p, ',', (size_t)(end - p)) : word_end(p, end);
        if (!p) break;
        p = labels ? p + 1 : skip_blanks(p);
    }
    return from;
}

/* What stands at p, fit for a terminal: "found .." */
static void show_found(char *out, size_t capacity, const char *p, const char *end)
{
    char shown[MAX_SHOWN + 4];
    size_t length = 0;
    const char *behind = word_end(p, end);
    if (p >= end || behind == p) {
        snprintf(out, capacity, "%s", p >= end ? "the end of the line" : "a blank");
        return;
    }
    for (; p < behind && length < MAX_SHOWN; p++)
        shown[length++] = (char)(*p > ' ' && *p < 127 && *p != '"' ? *p : '?');
    memcpy(shown + length, p < behind ? "..." : "\0\0\0", 4);
    snprintf(out, capacity, "\"%s\"", shown);
}

ist_status ist__sparse_tell(const ist__sparse_rules *rules, const ist__sparse_piece *piece, const char *path,
                            ist__error *error)
{
    const char *at = piece->fault_at;
    char what[120] = "", found[MAX_SHOWN + 32];
    const bool same = piece->fault == IST__FAULT_SAME;
    if (!at) at = second_place(rules, piece);
    const long long line = piece->fault_line, column = at - piece->fault_from + 1;
    switch (piece->fault) {
    case IST__FAULT_LABEL:
        if (rules->label_most < 0) snprintf(what, sizeof what, "no label, as line 1 claims none");
        else
            snprintf(what, sizeof what, "a label (a whole number, %s0 .. %lld)", rules->xmc ? "" : "-1, or ",
                     (long long)rules->label_most);
        break;
    case IST__FAULT_FEATURE: snprintf(what, sizeof what, "a feature's number"); break;
    case IST__FAULT_RANGE:
        snprintf(what, sizeof what, "a feature from %lld to %lld%s", (long long)rules->base,
                 (long long)rules->feature_most, rules->base == 1 && *at == '0' ? " (libsvm counts from 1)" : "");
        break;
    case IST__FAULT_COLON: snprintf(what, sizeof what, "':' and a value"); break;
    case IST__FAULT_VALUE: snprintf(what, sizeof what, "a finite number"); break;
    case IST__FAULT_FINITE: snprintf(what, sizeof what, "a finite float32"); break;
    case IST__FAULT_BLANK: snprintf(what, sizeof what, "a blank behind the value"); break;
    case IST__FAULT_QUERY: snprintf(what, sizeof what, "a feature's number (rankings by qid are not read)"); break;
    case IST__FAULT_TWICE:
    case IST__FAULT_SAME:
        return ist__fail(error, IST_E_FORMAT, "%s: line %lld, column %lld: %s %lld stands twice in its row", path, line,
                         column, same ? "label" : "feature",
                         (long long)(piece->fault_number + (same ? 0 : rules->base)));
    case IST__FAULT_MORE:
        snprintf(what, sizeof what, "no more rows than the %lld of the first line",
                 (long long)(piece->before.rows + piece->rows_most));
        break;
    case IST__FAULT_NONE: break;
    }
    show_found(found, sizeof found, at, piece->fault_to);
    return ist__fail(error, IST_E_FORMAT, "%s: line %lld, column %lld: expected %s, found %s", path, line, column, what,
                     found);
}
