/* speech_wav.h - reads one second of a WAV file, and refuses damaged ones. */
#ifndef IST_TOOLS_SPEECH_WAV_H
#define IST_TOOLS_SPEECH_WAV_H
#include "speech_common.h"

/* The first second of `path` as mono samples in -1..1 (channels averaged), zeros behind a shorter recording.
 *
 * rate     Hz that the file must have: nothing is resampled
 * clip     out (rate); untouched or partly written on failure
 * returns  0, or EXIT_BAD_DATA / EXIT_FAILED with the reason in `why` */
int wav_read_second(const char *path, int rate, float *clip, failure *why);

#endif
