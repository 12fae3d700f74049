/* safetensors.c - what a safetensors file says of itself: a length (8 bytes, little-endian), then so many bytes of JSON,
 *
 *     {"__metadata__": {"some": "words"}, "layers.0.weight": {"dtype": "F32", "shape": [8, 4], "data_offsets": [0, 128]}, ..}
 *
 * then the tensors, which take all bytes up to the end, without gaps.
 *
 * Why a parser of our own: of JSON it takes what the format has, an object of such objects, and nothing else; it says at
 * which byte, takes no memory, and knows a file that is wrong from a machine that is full, which jansson's does not tell apart.
 *
 * Floor: data.  Cold.
 * Source: the format's description in the README of huggingface/safetensors.
 */
#include <string.h>

#include "base/mem.h"
#include "data/tensor_file.h"

enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4, DTYPE_BYTES = 8 };

/* Where we are in the JSON. */
typedef struct cursor {
    const char *next, *end, *begin;
    ist__tensor_file *file;
    uint64_t data, data_bytes; /* where the tensors begin, and what is there */
    ist__error *error;
} cursor;

static ist_status fail_at(const cursor *c, const char *where, const char *why)
{
    return ist__fail(c->error, IST_E_FORMAT, "%s: byte %llu: safetensors: %s", ist__reader_path(c->file->reader),
                     (unsigned long long)(IST__TENSOR_MAGIC_BYTES + (uint64_t)(where - c->begin)), why);
}

static void skip_spaces(cursor *c)
{
    while (c->next < c->end && (*c->next == ' ' || *c->next == '\n' || *c->next == '\r' || *c->next == '\t')) c->next++;
}

/* Take one character if it is the next one after white space. */
static bool take(cursor *c, char wanted)
{
    skip_spaces(c);
    if (c->next == c->end || *c->next != wanted) return false;
    c->next++;
    return true;
}

/* A string as it stands between its quotes, what is escaped included. */
static ist_status take_string(cursor *c, const char **text, size_t *length)
{
    if (!take(c, '"')) return fail_at(c, c->next, "expected a string");
    *text = c->next;
    for (; c->next < c->end && *c->next != '"'; c->next++)
        if (*c->next == '\\' && c->next + 1 < c->end) c->next++;
    if (c->next == c->end) return fail_at(c, *text, "a string without an end");
    *length = (size_t)(c->next++ - *text);
    return IST_OK;
}

static ist_status take_number(cursor *c, uint64_t *number)
{
    skip_spaces(c);
    const char *first = c->next;
    *number = 0;
    for (; c->next < c->end && *c->next >= '0' && *c->next <= '9'; c->next++)
        if (__builtin_mul_overflow(*number, (uint64_t)10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*c->next - '0'), number))
            return fail_at(c, first, "a number of more than 2^64");
    return c->next > first ? IST_OK : fail_at(c, first, "expected a whole number");
}

/* [1, 2, 3]: each number goes to `add`. */
static ist_status take_numbers(cursor *c, ist__entry *entry, void (*add)(ist__entry *entry, uint64_t number))
{
    if (!take(c, '[')) return fail_at(c, c->next, "expected '['");
    while (!take(c, ']')) {
        uint64_t number = 0;
        const ist_status status = take_number(c, &number);
        if (status) return status;
        add(entry, number);
        if (take(c, ',')) continue;
        if (!take(c, ']')) return fail_at(c, c->next, "expected ',' or ']'");
        break;
    }
    return IST_OK;
}

/* ------------------------------------------------------------------------------------------------------ tensors -- */

/* The type of an entry; bytes of a number of it, 0: there is no such type. */
static uint64_t type_of(const char *name, size_t length, ist__dtype *type)
{
    static const struct {
        const char *name;
        uint64_t bytes;
        ist__dtype type;
    } types[] = {{"F32", 4, IST__DTYPE_F32},   {"F64", 8, IST__DTYPE_F64},   {"I32", 4, IST__DTYPE_I32},
                 {"I64", 8, IST__DTYPE_OTHER}, {"U64", 8, IST__DTYPE_OTHER}, {"U32", 4, IST__DTYPE_OTHER},
                 {"I16", 2, IST__DTYPE_OTHER}, {"U16", 2, IST__DTYPE_OTHER}, {"F16", 2, IST__DTYPE_OTHER},
                 {"I8", 1, IST__DTYPE_OTHER},  {"U8", 1, IST__DTYPE_OTHER},  {"BF16", 2, IST__DTYPE_OTHER},
                 {"BOOL", 1, IST__DTYPE_OTHER}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strlen(types[i].name) != length || memcmp(name, types[i].name, length) != 0) continue;
        *type = types[i].type;
        return types[i].bytes;
    }
    return 0;
}

/* data_offsets stand in place and bytes until they are known to be two. */
static void add_offset(ist__entry *entry, uint64_t number)
{
    if (entry->crc_before++ == 0) entry->place = number;
    else entry->bytes = number;
}

/* One "key": value of a tensor; seen has a bit for each key that was met. */
static ist_status take_field(cursor *c, ist__entry *entry, uint64_t *number_bytes, int *seen)
{
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    const char *key, *text;
    size_t length, text_length;
    ist_status status = take_string(c, &key, &length);
    if (status) return status;
    int which = 0;
    while (which < 3 && (strlen(keys[which]) != length || memcmp(key, keys[which], length) != 0)) which++;
    if (which == 3 || *seen & 1 << which)
        return fail_at(c, key, which == 3 ? "expected dtype, shape or data_offsets" : "a key is there twice");
    *seen |= 1 << which;
    if (!take(c, ':')) return fail_at(c, c->next, "expected ':'");
    if (which == 1) return take_numbers(c, entry, ist__entry_dim);
    if (which == 2) return take_numbers(c, entry, add_offset);
    status = take_string(c, &text, &text_length);
    if (!status && (*number_bytes = type_of(text, text_length, &entry->type)) == 0)
        return fail_at(c, text, "an unknown dtype");
    return status;
}

/* {"dtype": .., "shape": .., "data_offsets": ..} */
static ist_status take_tensor(cursor *c, const char *name, size_t length)
{
    ist__entry *entry = &c->file->entry[c->file->count];
    const char *where = c->next;
    uint64_t number_bytes = 0;
    int seen = 0;
    memset(entry, 0, sizeof *entry);
    entry->size[0] = entry->size[1] = 1;
    if (!ist__entry_name(entry, name, length))
        return fail_at(c, name, "a tensor's name is not 1 to 63 printable characters");
    if (!take(c, '{')) return fail_at(c, c->next, "expected '{'");
    do {
        const ist_status status = take_field(c, entry, &number_bytes, &seen);
        if (status) return status;
    } while (take(c, ','));
    if (!take(c, '}')) return fail_at(c, c->next, "expected ',' or '}'");
    if (seen != (DTYPE | SHAPE | OFFSETS) || entry->crc_before != 2)
        return fail_at(c, where, "expected dtype, shape and two data_offsets");
    entry->crc_before = 0;
    if (entry->place >= entry->bytes || entry->bytes > c->data_bytes ||
        ist__entry_claims(entry, number_bytes) != entry->bytes - entry->place)
        return fail_at(c, where, "data_offsets that do not fit the shape, or the file");
    entry->bytes -= entry->place;
    entry->place += c->data;
    c->file->count++;
    return IST_OK;
}

/* {"key": "words", ..}: of no account here. */
static ist_status pass_metadata(cursor *c)
{
    const char *text;
    size_t length;
    if (!take(c, '{')) return fail_at(c, c->next, "expected '{'");
    if (take(c, '}')) return IST_OK;
    do {
        ist_status status = take_string(c, &text, &length);
        if (!status && !take(c, ':')) return fail_at(c, c->next, "expected ':'");
        if (!status) status = take_string(c, &text, &length);
        if (status) return status;
    } while (take(c, ','));
    return take(c, '}') ? IST_OK : fail_at(c, c->next, "expected ',' or '}'");
}

static ist_status take_all(cursor *c)
{
    static const char metadata[] = "__metadata__";
    const char *name;
    size_t length;
    if (!take(c, '{')) return fail_at(c, c->next, "expected '{'");
    if (take(c, '}')) return IST_OK;
    do {
        ist_status status = take_string(c, &name, &length);
        if (!status && !take(c, ':')) return fail_at(c, c->next, "expected ':'");
        if (status) return status;
        const bool words = length == sizeof metadata - 1 && memcmp(name, metadata, length) == 0;
        if (!words && c->file->count == IST__ENTRIES_MOST) return fail_at(c, name, "more than 1024 tensors");
        status = words ? pass_metadata(c) : take_tensor(c, name, length);
        if (status) return status;
    } while (take(c, ','));
    return take(c, '}') ? IST_OK : fail_at(c, c->next, "expected ',' or '}'");
}

static ist_status check_all(cursor *c)
{
    uint64_t bytes = 0; /* each at most what the file holds, of 1024: no overflow */
    skip_spaces(c);
    if (c->next != c->end) return fail_at(c, c->next, "expected nothing but white space behind the object");
    for (int32_t i = 0; i < c->file->count; i++) bytes += c->file->entry[i].bytes;
    if (bytes == c->data_bytes) return IST_OK;
    return ist__fail(c->error, IST_E_FORMAT, "%s: byte %llu: the tensors take %llu bytes, but the file has %llu",
                     ist__reader_path(c->file->reader), (unsigned long long)c->data, (unsigned long long)bytes,
                     (unsigned long long)c->data_bytes);
}

/* How many tensors there can be: each has a '{', and one is around them. */
static int64_t count_most(const char *text, size_t length)
{
    int64_t count = 0;
    for (size_t i = 0; i < length && count < IST__ENTRIES_MOST; i++) count += text[i] == '{';
    return count;
}

ist_status ist__safetensors_list(ist__tensor_file *file, const unsigned char magic[IST__TENSOR_MAGIC_BYTES],
                                 ist__error *error)
{
    const uint64_t rest = ist__reader_rest(file->reader) - IST__TENSOR_MAGIC_BYTES; /* magic was read */
    uint64_t length = 0;
    for (int i = IST__TENSOR_MAGIC_BYTES - 1; i >= 0; i--) length = length << 8 | magic[i];
    if (length > rest || length > IST__LIST_BYTES_MOST)
        return ist__fail(error, IST_E_FORMAT,
                         "%s: byte 0: neither NPZ nor safetensors, or a header of more bytes than the file or %d",
                         ist__reader_path(file->reader), IST__LIST_BYTES_MOST);
    char *text = ist__alloc((int64_t)length, 1);
    if (!text) return ist__fail(error, IST_E_MEMORY, "no memory for a list of tensors");
    ist_status status =
        ist__reader_at(file->reader, IST__TENSOR_MAGIC_BYTES, text, (size_t)length, "a safetensors header", error);
    if (!status) {
        file->entry = ist__alloc(count_most(text, (size_t)length), sizeof *file->entry);
        if (!file->entry) status = ist__fail(error, IST_E_MEMORY, "no memory for a list of tensors");
    }
    cursor c = {.next = text,
                .end = text + length,
                .begin = text,
                .file = file,
                .data = IST__TENSOR_MAGIC_BYTES + length,
                .data_bytes = rest - length,
                .error = error};
    if (!status) status = take_all(&c);
    if (!status) status = check_all(&c);
    ist__free(text);
    return status;
}
