/* fuzz_sections.h - checksums made right again, so that a fuzzer reaches what stands behind them. */
#ifndef IST_TESTS_FUZZ_SECTIONS_H
#define IST_TESTS_FUZZ_SECTIONS_H

#include "fuzz.h"

/* A copy of a model file or checkpoint in which the check sum of each section, as far as they can be walked, is right; the
 * caller frees. */
uint8_t *fuzz_mended(const uint8_t *data, size_t size);

#endif
