/* bytes.h - sizes for people. */
#ifndef IST_BASE_BYTES_H
#define IST_BASE_BYTES_H

#include <stdint.h>

enum { IST__BYTES_TEXT = 16 };

/* "512 B", "3.5 kB", "96.0 MB", "1.9 GB": thousands, as the command ist shows sizes.  Returns out. */
const char *ist__show_bytes(char out[IST__BYTES_TEXT], int64_t bytes);

#endif
