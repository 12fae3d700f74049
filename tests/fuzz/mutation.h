/* mutation.h - random changes of a file, the same ones for the same stream. */
#ifndef IST_TESTS_FUZZ_MUTATION_H
#define IST_TESTS_FUZZ_MUTATION_H

#include <stddef.h>
#include <stdint.h>

uint64_t mutation_next(uint64_t *stream);            /* splitmix64 */
size_t mutation_below(uint64_t *stream, size_t end); /* 0 .. end - 1; 0 for 0 */

/* One change in bytes (*count of at most `capacity`): a bit, a byte, a number at one of its ends, in binary or in digits, a
 * cut at the end, a piece taken out, repeated, moved over another, or taken from `other` (other_count). */
void mutation_change(uint64_t *stream, uint8_t *bytes, size_t *count, size_t capacity, const uint8_t *other,
                     size_t other_count);

#endif
