/* target_datafile.c - data files of sparse rows: as they are, and with their checksums mended.  What is accepted is the same
 * when it is saved and loaded again. */
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "data/sparse.h"
#include "fuzz_sparse.h"

/* docs/format.md: a header, whose last number is a checksum; a table of checksums, for small files 64 bytes; the body. */
enum {
    HEADER_BYTES = 128,
    CHECKED_BYTES = 120,
    BODY_BYTES_AT = 16,
    TABLE_BYTES = 64,
    BODY_AT = HEADER_BYTES + TABLE_BYTES
};

static uint8_t *mended(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size);
    uint64_t body_bytes, sum;
    fuzz_require(copy != NULL);
    memcpy(copy, data, size);
    memcpy(&body_bytes, copy + BODY_BYTES_AT, sizeof body_bytes);
    const size_t there = size - BODY_AT, body = body_bytes < there ? (size_t)body_bytes : there;
    memset(copy + HEADER_BYTES, 0, TABLE_BYTES);
    sum = XXH3_64bits(copy + BODY_AT, body);
    memcpy(copy + HEADER_BYTES, &sum, sizeof sum);
    sum = XXH3_64bits_withSeed(copy + HEADER_BYTES, TABLE_BYTES, XXH3_64bits(copy, CHECKED_BYTES));
    memcpy(copy + CHECKED_BYTES, &sum, sizeof sum);
    return copy;
}

static void check_round_trip(const uint8_t *data, size_t size)
{
    const ist__sparse_ask ask = {0};
    ist__sparse first = {0};
    ist__error error;
    if (ist__sparse_load(fuzz_file(0, data, size), &ask, NULL, &first, &error)) return;
    const char *saved = fuzz_path("saved");
    size_t count;
    fuzz_require(ist__sparse_save(&first, saved, &error) == IST_OK);
    uint8_t *bytes = fuzz_bytes(saved, &count);
    fuzz_sparse(bytes, count, IST_TEXT_AUTO, false);
    ist__sparse second = {0};
    fuzz_require(ist__sparse_load(saved, &ask, NULL, &second, &error) == IST_OK);
    fuzz_require(first.rows == second.rows && first.nonzeros == second.nonzeros && first.labels == second.labels);
    free(bytes);
    ist__sparse_destroy(&second);
    ist__sparse_destroy(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_sparse(data, size, IST_TEXT_AUTO, true);
    if (size < BODY_AT) return 0;
    uint8_t *copy = mended(data, size);
    fuzz_sparse(copy, size, IST_TEXT_AUTO, true);
    check_round_trip(copy, size);
    free(copy);
    return 0;
}
