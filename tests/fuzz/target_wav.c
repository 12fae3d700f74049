/* target_wav.c - recordings: libsndfile decodes, our checks come before and after. */
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "speech_wav.h"

enum { RATE = 8000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static float clip[RATE];
    failure why = {0};
    const int status = wav_read_second(fuzz_file(0, data, size), RATE, clip, &why);
    fuzz_require(status == 0 || status == EXIT_BAD_DATA);
    fuzz_require(status == why.status);
    if (status) {
        fuzz_require(*why.line != '\0');
        for (const char *c = why.line; *c; c++) fuzz_require((unsigned char)*c >= ' ' && *c != 127);
    }
    for (int i = 0; status == 0 && i < RATE; i++) fuzz_require(isfinite(clip[i]));
    return 0;
}
