/* logmel.h - log-mel spectrograms of one-second clips, the features of the speech examples.
 *
 * Threads.  A `logmel` is read-only once created: any number of threads may share it.  A `logmel_work` holds the
 *           buffers of one thread.  Creating and destroying is for one thread at a time (FFTW's planner).
 * Shapes.   clip (samples): one second of mono samples in -1..1.   db (LOGMEL_MELS, frames), mel by mel.
 */
#ifndef IST_TOOLS_LOGMEL_H
#define IST_TOOLS_LOGMEL_H
#include <stddef.h>

enum {
    LOGMEL_WINDOW = 2048,                /* samples under one Hann window */
    LOGMEL_HOP = 512,                    /* samples from one frame's centre to the next */
    LOGMEL_BINS = LOGMEL_WINDOW / 2 + 1, /* frequencies of a real transform */
    LOGMEL_MELS = 128,
    LOGMEL_RATE_MIN = 8000, /* Hz; below, a clip is too short for the window to make sense */
    LOGMEL_RATE_MAX = 48000,
    LOGMEL_LEVELS_MIN = 2,
    LOGMEL_LEVELS_MAX = 256
};
#define LOGMEL_RANGE_DB 80.0f /* quieter than the peak by more than this is all the same */

typedef struct logmel logmel;           /* window, mel filters and transform plan of one sample rate */
typedef struct logmel_work logmel_work; /* one thread's buffers */

/* NULL when `rate` (Hz) is outside LOGMEL_RATE_MIN .. LOGMEL_RATE_MAX, or without memory. */
logmel *logmel_create(int rate);
void logmel_destroy(logmel *mel);            /* NULL is fine */
logmel_work *logmel_work_create(void);       /* NULL without memory */
void logmel_work_destroy(logmel_work *work); /* NULL is fine */

size_t logmel_samples(const logmel *mel); /* of a clip: one second */
size_t logmel_frames(const logmel *mel);  /* 32 at 16 kHz */

/* clip (samples) -> db (LOGMEL_MELS, frames): dB below the clip's own peak, in -LOGMEL_RANGE_DB .. 0.
 * A clip of zeros has no peak: it comes out as 0 dB everywhere. */
void logmel_spectrogram(const logmel *mel, logmel_work *work, const float *clip, float *db);

/* db (n) in -LOGMEL_RANGE_DB .. 0 -> q (n) in 0 .. levels - 1, to the nearest of `levels` evenly spaced levels. */
void logmel_quantise(const float *db, size_t n, int levels, unsigned char *q);

/* The parts, for tests. */
double logmel_mel_of_hz(double hz); /* Slaney's scale: 3 mels to 200 Hz up to 1 kHz, then log */
double logmel_hz_of_mel(double mel);
size_t logmel_reflect(long i, size_t n); /* index into n samples, mirrored at both ends without repeating them */
void logmel_filter(const logmel *mel, int band, float *weights); /* out (LOGMEL_BINS) */

#endif
