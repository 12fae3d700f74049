/* target_gzip.c - the reader under damaged gzip: asked for much or for little at a time, it gives the same bytes and the same
 * answer; and loaders above it refuse or accept, but no more than the file can hold. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/reader.h"
#include "data/formats.h"
#include "fuzz.h"

enum { MOST_UNPACKED = 1 << 22 };

typedef struct content {
    ist_status status;
    size_t count;
    uint8_t *bytes; /* (MOST_UNPACKED) */
} content;

/* Read all in steps of `step` bytes. */
static void read_all(const char *path, size_t step, content *out)
{
    ist__reader *reader;
    ist__error error = {IST_OK, ""};
    out->count = 0;
    out->status = ist__reader_open(&reader, path, &error);
    if (out->status) {
        fuzz_check_refusal(out->status, error.text);
        return;
    }
    size_t got = 1;
    while (!out->status && got > 0 && out->count < MOST_UNPACKED) {
        const size_t room = MOST_UNPACKED - out->count;
        fuzz_require(ist__reader_offset(reader) == out->count);
        const uint64_t rest = ist__reader_rest(reader);
        out->status = ist__reader_some(reader, out->bytes + out->count, step < room ? step : room, &got, &error);
        fuzz_require(got <= rest);
        out->count += got;
    }
    if (out->status) fuzz_check_refusal(out->status, error.text);
    else if (out->count < MOST_UNPACKED) fuzz_require(ist__reader_end(reader, &error) == IST_OK);
    ist__reader_close(reader);
}

static void load(const char *path)
{
    ist__error error = {IST_OK, ""};
    ist__matrix matrix;
    int32_t *labels, classes;
    int64_t rows;
    ist_status status = ist__load_features(path, &matrix, &error);
    if (status) fuzz_check_refusal(status, error.text);
    else ist__free(matrix.x);
    status = ist__load_labels(path, &labels, &rows, &classes, &error);
    if (status) fuzz_check_refusal(status, error.text);
    else ist__free(labels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static content at_once, in_steps;
    if (!at_once.bytes) {
        at_once.bytes = malloc(MOST_UNPACKED);
        in_steps.bytes = malloc(MOST_UNPACKED);
        fuzz_require(at_once.bytes && in_steps.bytes);
    }
    const char *path = fuzz_file(0, data, size);
    read_all(path, MOST_UNPACKED, &at_once);
    read_all(path, 1 + size % 1000, &in_steps);
    fuzz_require(at_once.status == in_steps.status);
    /* What came before the damage is not promised to be as long in both ways; what came of both is the same. */
    const size_t common = at_once.count < in_steps.count ? at_once.count : in_steps.count;
    fuzz_require(at_once.status || at_once.count == in_steps.count);
    if (common > 0) fuzz_require(memcmp(at_once.bytes, in_steps.bytes, common) == 0);
    load(path);
    return 0;
}
