/* speech_idx.h - a set of output files that appear together, or not at all.
 *
 * A file is written under a temporary name beside its final one.  `output_publish` brings everything to the disk and
 * then renames; until then, and after `output_discard`, no final name has been touched.
 */
#ifndef IST_TOOLS_SPEECH_IDX_H
#define IST_TOOLS_SPEECH_IDX_H
#include "speech_common.h"

#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

enum { OUTPUT_FILES_MAX = 8, IDX_DIMENSIONS_MAX = 3 };

typedef struct {
    char *final_path, *temporary_path; /* the latter NULL once renamed */
    int fd;                            /* -1 when closed */
    gzFile stream;                     /* plain bytes pass through it unchanged; NULL when closed */
} output_file;

typedef struct {
    const char *folder; /* borrowed */
    int made_folder;    /* ours to remove if the run fails */
    int count;
    output_file file[OUTPUT_FILES_MAX];
} output_set;

/* All return 0, or EXIT_FAILED with the reason in `why`. */
int output_begin(output_set *set, const char *folder, failure *why);
/* New file `name` in the set, gzip-compressed if `gz`; its number in *index. */
int output_open(output_set *set, const char *name, int gz, int *index, failure *why);
int output_write(output_set *set, int index, const void *bytes, size_t size_bytes, failure *why);
/* Head of an idx file of unsigned bytes with the given sizes, slowest first. */
int output_idx_head(output_set *set, int index, int dimensions, const uint32_t *sizes, failure *why);
int output_publish(output_set *set, failure *why);
void output_discard(output_set *set); /* fine at any time, also after output_publish */

#endif
