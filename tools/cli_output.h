/* cli_output.h - files that the tool writes: asked before the work, whole or not at all after it. */
#ifndef IST_TOOLS_CLI_OUTPUT_H
#define IST_TOOLS_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A pipe without a reader, and the limit of file sizes, become errors of the call that met them: for runs of days. */
void cli_output_survive(void);

/* Whether a file could be written at `path` (NULL: nothing to ask).  -1: yes; else a line about `option` (OUT: an operand) was printed
 * and this is the exit status.  Nothing stays behind, and a file that is there already is not touched. */
int cli_output_probe(const char *option, const char *path);

/* Do both names lead to one file that is there? */
bool cli_same_file(const char *a, const char *b);
/* Its length; 0: not there. */
double cli_file_bytes(const char *path);

/* Write a two-dimensional .npy: `descr` is NumPy's name of the type, "<f4" or "<i4", both 4 bytes an item.
 * Atomic: temporary file, fsync, rename; a device or pipe is written straight.  False: a line was printed. */
bool cli_npy_write(const char *path, const char *descr, const void *items, int64_t rows, int64_t columns);
/* The same for what `writer` writes; it returns false where the stream does, and leaves errno. */
typedef bool cli_file_writer(FILE *file, void *user);
bool cli_file_write(const char *path, cli_file_writer *writer, void *user);
/* The same for a JSON object, indented; the line begins with --option. */
bool cli_json_write(const char *option, const char *path, const json_t *json);

#endif
