/* fuzz_sections.c - checksums made right again (docs/format.md). */
#include "fuzz_sections.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { HEADER_BYTES = 16, HEAD_BYTES = 16, CRC_BYTES = 4 };

uint8_t *fuzz_mended(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    fuzz_require(copy != NULL);
    if (size > 0) memcpy(copy, data, size);
    for (size_t at = HEADER_BYTES; at < size && size - at >= HEAD_BYTES + CRC_BYTES;) {
        uint64_t bytes;
        memcpy(&bytes, copy + at + 8, sizeof bytes);
        if (bytes > size - at - HEAD_BYTES - CRC_BYTES) break;
        const size_t covered = HEAD_BYTES + (size_t)bytes;
        const uint32_t crc = (uint32_t)crc32(0, copy + at, (uInt)covered);
        memcpy(copy + at + covered, &crc, sizeof crc);
        at += covered + CRC_BYTES;
    }
    return copy;
}
