/* mutation.c - random changes of a file. */
#include "mutation.h"

#include <stdbool.h>
#include <string.h>

uint64_t mutation_next(uint64_t *stream)
{
    uint64_t z = *stream += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

size_t mutation_below(uint64_t *stream, size_t end)
{
    return end ? (size_t)(mutation_next(stream) % end) : 0;
}

/* Replace `old` bytes at `at` by `size` others, as far as there is room. */
static void replace(uint8_t *bytes, size_t *count, size_t capacity, size_t at, size_t old, const void *with,
                    size_t size)
{
    if (*count - old + size > capacity) return;
    memmove(bytes + at + size, bytes + at + old, *count - at - old);
    if (size > 0) memmove(bytes + at, with, size);
    *count = *count - old + size;
}

static void change_number(uint64_t *stream, uint8_t *at, size_t left)
{
    static const uint64_t ends[] = {0,          1,          0x7f,       0x80,       0xff,
                                    0x7fff,     0xffff,     0x7fffffff, 0x80000000, 0xffffffff,
                                    UINT64_MAX, INT64_MAX,  1ULL << 63, 1U << 24,   1U << 30,
                                    1ULL << 32, 1ULL << 40, 0x7fc00000, 0x7f800000, 0x7ff0000000000000};
    const uint64_t value = ends[mutation_below(stream, sizeof ends / sizeof *ends)];
    const size_t size = (size_t)1 << mutation_below(stream, 4);
    const bool big_endian = mutation_below(stream, 2) == 1;
    for (size_t i = 0; i < size && i < left; i++) at[i] = (uint8_t)(value >> (8 * (big_endian ? size - 1 - i : i)));
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The next run of digits becomes another number; nothing where there is none. */
static void change_digits(uint64_t *stream, uint8_t *bytes, size_t *count, size_t capacity, size_t at)
{
    static const char *const ends[] = {"0",
                                       "-1",
                                       "1",
                                       "2147483647",
                                       "2147483648",
                                       "4294967295",
                                       "9223372036854775808",
                                       "99999999999999999999999",
                                       "1e999",
                                       "-1e-999",
                                       "nan",
                                       "inf",
                                       "",
                                       "16777216",
                                       "0x7",
                                       "1.5",
                                       "18446744073709551616",
                                       "00000000000000000001"};
    while (at < *count && !is_digit(bytes[at])) at++;
    if (at == *count) return;
    size_t length = 0;
    while (at + length < *count && is_digit(bytes[at + length])) length++;
    const char *with = ends[mutation_below(stream, sizeof ends / sizeof *ends)];
    replace(bytes, count, capacity, at, length, with, strlen(with));
}

void mutation_change(uint64_t *stream, uint8_t *bytes, size_t *count, size_t capacity, const uint8_t *other,
                     size_t other_count)
{
    const size_t at = mutation_below(stream, *count), left = *count - at;
    uint8_t piece[64];
    size_t size = 1 + mutation_below(stream, left < sizeof piece ? left : sizeof piece);
    if (*count == 0) return;
    if (size > left) size = left;
    memcpy(piece, bytes + at, size);
    switch (mutation_below(stream, 9)) {
    case 0: bytes[at] ^= (uint8_t)(1U << mutation_below(stream, 8)); return;
    case 1: bytes[at] = (uint8_t)mutation_next(stream); return;
    case 2: change_number(stream, bytes + at, left); return;
    case 3: change_digits(stream, bytes, count, capacity, at); return;
    case 4: *count = at; return;
    case 5: replace(bytes, count, capacity, at, 1 + mutation_below(stream, left), NULL, 0); return;
    case 6: replace(bytes, count, capacity, at, 0, piece, size); return;
    case 7: { /* over another place */
        const size_t to = mutation_below(stream, *count);
        memmove(bytes + to, piece, size < *count - to ? size : *count - to);
        return;
    }
    default: { /* the rest of another file */
        const size_t from = mutation_below(stream, other_count);
        replace(bytes, count, capacity, at, left, other + from, other_count - from);
    }
    }
}
