/* fuzz_table.h - what the loaders of tables promise of any file. */
#ifndef IST_TESTS_FUZZ_TABLE_H
#define IST_TESTS_FUZZ_TABLE_H

#include "fuzz.h"

/* Load the bytes as features and as labels, plain and as gzip: packing changes no answer, neither the table nor the
 * refusal, and what is accepted is finite and in range. */
void fuzz_tables(const uint8_t *data, size_t size, bool csv);

#endif
