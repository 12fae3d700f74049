/* npy.c - the header of NumPy's file format, versions 1 to 3.
 *
 *     93 'NUMPY' MAJOR MINOR LENGTH {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 784), }    \n
 *
 * LENGTH is 2 bytes (version 1) or 4, little-endian.  The rest is a Python dictionary, of which we take exactly the
 * three keys and the kinds of value that NumPy writes, in any order: a parser of all Python literals would accept more
 * files, all of which NumPy itself did not write.
 *
 * Source: numpy.lib.format in the NumPy documentation, "Format Version 1.0".
 */
#include <string.h>

#include "base/mem.h"
#include "data/loaders.h"

enum { MAX_DIMS = 32, MAX_HEADER_BYTES = 1 << 16, DESCR_BYTES = 16 };

/* Where we are in the header's text. */
typedef struct cursor {
    const char *next, *end;
    const char *begin;
    uint64_t begin_offset; /* of the text in the file */
    const char *path;
    ist__error *error;
} cursor;

static ist_status fail_at(const cursor *c, const char *why)
{
    return ist__fail(c->error, IST_E_FORMAT, "%s: byte %llu: NPY header: %s", c->path,
                     (unsigned long long)(c->begin_offset + (uint64_t)(c->next - c->begin)), why);
}

static void skip_spaces(cursor *c)
{
    while (c->next < c->end && *c->next == ' ') c->next++;
}

/* Take one character if it is the next one after spaces. */
static bool take(cursor *c, char wanted)
{
    skip_spaces(c);
    if (c->next == c->end || *c->next != wanted) return false;
    c->next++;
    return true;
}

/* A quoted string without escapes, to text with its NUL. */
static ist_status take_string(cursor *c, char *text, size_t capacity)
{
    skip_spaces(c);
    const char quote = (char)(c->next < c->end ? *c->next : '\0');
    if (quote != '\'' && quote != '"') return fail_at(c, "expected a quoted string");
    const char *from = c->next + 1;
    const char *close = memchr(from, quote, (size_t)(c->end - from));
    if (!close || (size_t)(close - from) >= capacity) return fail_at(c, "expected a short quoted string");
    memcpy(text, from, (size_t)(close - from));
    text[close - from] = '\0';
    c->next = close + 1;
    return IST_OK;
}

static bool take_word(cursor *c, const char *word)
{
    const size_t length = strlen(word);
    skip_spaces(c);
    if ((size_t)(c->end - c->next) < length || memcmp(c->next, word, length) != 0) return false;
    c->next += length;
    return true;
}

static ist_status take_size(cursor *c, uint64_t *size)
{
    skip_spaces(c);
    if (c->next == c->end || *c->next < '0' || *c->next > '9') return fail_at(c, "expected a dimension of the shape");
    *size = 0;
    for (; c->next < c->end && *c->next >= '0' && *c->next <= '9'; c->next++)
        if (__builtin_mul_overflow(*size, (uint64_t)10, size) ||
            __builtin_add_overflow(*size, (uint64_t)(*c->next - '0'), size))
            return fail_at(c, "a dimension of more than 2^64");
    return IST_OK;
}

/* (), (3,), (3, 4), .. */
static ist_status take_shape(cursor *c, ist__array *array)
{
    if (!take(c, '(')) return fail_at(c, "the shape is not a tuple");
    while (!take(c, ')')) {
        uint64_t size = 0;
        const ist_status status = take_size(c, &size);
        if (status) return status;
        if (array->dims == MAX_DIMS) return fail_at(c, "more than 32 dimensions");
        ist__array_add_dim(array, size);
        if (!take(c, ',')) {
            if (array->dims == 1 || !take(c, ')')) return fail_at(c, "expected ',' or ')' in the shape");
            break;
        }
    }
    return array->dims > 0 ? IST_OK : fail_at(c, "the shape () is a single number, not rows");
}

static ist_status take_descr(cursor *c, ist__array *array)
{
    static const struct {
        char code[3];
        ist__number number;
    } known[] = {{"u1", IST__U8},  {"i1", IST__I8},  {"u2", IST__U16}, {"i2", IST__I16}, {"u4", IST__U32},
                 {"i4", IST__I32}, {"u8", IST__U64}, {"i8", IST__I64}, {"f4", IST__F32}, {"f8", IST__F64}};
    char descr[DESCR_BYTES];
    const char *value = c->next;
    if (c->next < c->end && *c->next == '[') return fail_at(c, "arrays with named fields are not supported");
    const ist_status status = take_string(c, descr, sizeof descr);
    if (status) return status;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (descr[0] == '\0' || strcmp(descr + 1, known[i].code) != 0) continue;
        const bool one_byte = known[i].code[1] == '1';
        if (descr[0] != '<' && descr[0] != '>' && !(descr[0] == '|' && one_byte)) break;
        array->number = known[i].number;
        array->big_endian = descr[0] == '>';
        return IST_OK;
    }
    c->next = value;
    return fail_at(c, "this descr is not supported (integers of 1 to 8 bytes, floats of 4 and 8)");
}

static ist_status take_order(cursor *c)
{
    const char *value = c->next;
    if (take_word(c, "False")) return IST_OK;
    if (!take_word(c, "True")) return fail_at(c, "fortran_order is neither True nor False");
    c->next = value;
    return fail_at(c, "the array is in Fortran order; save numpy.ascontiguousarray(x)");
}

/* One "'key': value"; seen has a bit for each key that was met. */
static ist_status take_entry(cursor *c, ist__array *array, unsigned *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[DESCR_BYTES];
    skip_spaces(c);
    const char *start = c->next;
    const ist_status status = take_string(c, key, sizeof key);
    if (status) return status;
    unsigned which = 0;
    while (which < 3 && strcmp(key, keys[which]) != 0) which++;
    if (which == 3 || *seen & 1U << which) {
        c->next = start;
        return fail_at(c, which == 3 ? "unknown key" : "a key is there twice");
    }
    if (!take(c, ':')) return fail_at(c, "expected ':'");
    *seen |= 1U << which;
    skip_spaces(c);
    return which == 0 ? take_descr(c, array) : which == 1 ? take_order(c) : take_shape(c, array);
}

static ist_status parse(cursor *c, ist__array *array)
{
    unsigned seen = 0;
    if (!take(c, '{')) return fail_at(c, "expected '{'");
    while (!take(c, '}')) {
        const ist_status status = take_entry(c, array, &seen);
        if (status) return status;
        if (take(c, ',')) continue;
        if (!take(c, '}')) return fail_at(c, "expected ',' or '}'");
        break;
    }
    if (seen != 7) return fail_at(c, "descr, fortran_order or shape is missing");
    if (!take(c, '\n') || c->next != c->end) return fail_at(c, "does not end with spaces and one newline");
    return IST_OK;
}

ist_status ist__npy_parse(const char *text, size_t length, uint64_t offset, const char *path, ist__array *out,
                          ist__error *error)
{
    cursor c = {
        .next = text, .end = text + length, .begin = text, .begin_offset = offset, .path = path, .error = error};
    return parse(&c, out);
}

/* After the 4 bytes of magic: 'P' 'Y' MAJOR MINOR LENGTH. */
static ist_status read_length(ist__reader *reader, uint32_t *length, ist__error *error)
{
    unsigned char head[4], size[4] = {0};
    ist_status status = ist__reader_bytes(reader, head, sizeof head, "the NPY header", error);
    if (status) return status;
    if (head[0] != 'P' || head[1] != 'Y')
        return ist__fail(error, IST_E_FORMAT, "%s: byte 4: not an NPY file", ist__reader_path(reader));
    if (head[2] < 1 || head[2] > 3 || head[3] != 0)
        return ist__fail(error, IST_E_FORMAT, "%s: byte 6: NPY version %d.%d is not one of 1.0, 2.0, 3.0",
                         ist__reader_path(reader), head[2], head[3]);
    status = ist__reader_bytes(reader, size, head[2] == 1 ? 2 : 4, "the NPY header", error);
    if (status) return status;
    *length = (uint32_t)size[0] | (uint32_t)size[1] << 8 | (uint32_t)size[2] << 16 | (uint32_t)size[3] << 24;
    if (*length > MAX_HEADER_BYTES)
        return ist__fail(error, IST_E_FORMAT, "%s: byte 8: an NPY header of %lu bytes; at most %d are read",
                         ist__reader_path(reader), (unsigned long)*length, MAX_HEADER_BYTES);
    return ist__reader_justify(reader, *length, "the NPY header", error);
}

ist_status ist__npy_header(ist__reader *reader, ist__array *out, ist__error *error)
{
    uint32_t length = 0;
    ist_status status = read_length(reader, &length, error);
    if (status) return status;

    const uint64_t offset = ist__reader_offset(reader);
    char *text = ist__alloc(length, 1);
    if (!text) return ist__fail(error, IST_E_MEMORY, "out of memory");
    status = ist__reader_bytes(reader, text, length, "the NPY header", error);
    ist__array array = {0};
    if (!status) status = ist__npy_parse(text, length, offset, ist__reader_path(reader), &array, error);
    ist__free(text);
    if (!status) *out = array;
    return status;
}
