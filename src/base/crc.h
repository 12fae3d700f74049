/* crc.h - the CRC-32 of zlib and gzip, fast. */
#ifndef IST_BASE_CRC_H
#define IST_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Go on from `crc`, that of the bytes before (0: there are none).  [any thread] */
uint32_t ist__crc(uint32_t crc, const void *bytes, size_t count);

#endif
