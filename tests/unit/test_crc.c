/* Checksums are zlib's, whatever computes them, for any length, place and start. */
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/crc.h"
#include "ist_test.h"

enum { MOST = 700 };

TEST(checksums_are_zlibs_for_every_length_and_place)
{
    unsigned char bytes[MOST + 20];
    uint32_t noise = 12345;
    for (int i = 0; i < MOST + 20; i++) bytes[i] = (unsigned char)((noise = noise * 1664525U + 1013904223U) >> 24);
    for (unsigned length = 0; length <= MOST; length++)
        for (unsigned at = 0; at < 17; at += 3) {
            CHECK_EQ(ist__crc(0, bytes + at, length), (uint32_t)crc32(0, bytes + at, length));
            CHECK_EQ(ist__crc(0xdeadbeefU, bytes + at, length), (uint32_t)crc32(0xdeadbeefU, bytes + at, length));
        }
}

TEST(checksums_go_on_from_any_cut)
{
    unsigned char bytes[MOST] = {0};
    for (int i = 0; i < MOST; i++) bytes[i] = (unsigned char)(i * i);
    const uint32_t whole = (uint32_t)crc32(0, bytes, MOST);
    for (size_t cut = 0; cut <= MOST; cut++)
        CHECK_EQ(ist__crc(ist__crc(0, bytes, cut), bytes + cut, MOST - cut), whole);
}

TEST(checksums_of_long_arrays)
{
    const size_t count = ((size_t)1 << 25) + 77; /* more than zlib is given at once */
    unsigned char *bytes = malloc(count);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < count; i++) bytes[i] = (unsigned char)(i >> 3);
    CHECK_EQ(ist__crc(0, bytes, count), (uint32_t)crc32(0, bytes, (unsigned)count));
    free(bytes);
}
