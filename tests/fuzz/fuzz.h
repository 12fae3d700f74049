/* fuzz.h - what the targets share.  A target is one file, target_NAME.c, with the one entry that libFuzzer, AFL++ and our
 * replay.c all call; README.md in this folder tells how they are run.
 *
 * A target says more than "it did not crash": what is refused is refused with one line that names the file, what is
 * accepted holds what the library promises of it.  fuzz_require ends the process when that is not so.
 */
#ifndef IST_TESTS_FUZZ_H
#define IST_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ist/ist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The path of a file in memory with these bytes, until the next call for the same number 0 .. 3. */
enum { FUZZ_FILES = 4 };
const char *fuzz_file(int number, const void *bytes, size_t count);
/* The bytes of such a path; the caller frees. */
void *fuzz_bytes(const char *path, size_t *count);
/* The path of a name in a folder of this process, which is removed at its end. */
const char *fuzz_path(const char *name);

/* The bytes as a gzip file of `members` members; the caller frees. */
void *fuzz_gzip(const void *bytes, size_t count, int members, size_t *packed);

#define fuzz_require(condition) fuzz_require_(condition, #condition, __FILE__, __LINE__)
void fuzz_require_(bool condition, const char *text, const char *file, int line);

/* The status is one that a file can be refused with, and the line is one line of printable characters. */
void fuzz_check_refusal(ist_status status, const char *line);

/* One context of one thread, made at the first call. */
ist_context *fuzz_context(void);

/* Between the two, stdout and stderr go nowhere; the second tells how many lines stderr would have got.  (They are
 * exchanged as variables of the C library, so that what a sanitizer writes is still seen.) */
void fuzz_hush(void);
int fuzz_unhush(void);

#endif
