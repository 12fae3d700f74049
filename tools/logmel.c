/* logmel.c - log-mel spectrograms of one-second clips.
 *
 * What.  A clip is cut into overlapping frames of LOGMEL_WINDOW samples, one every LOGMEL_HOP, each centred on its
 * sample (the clip is mirrored at its ends, so that the first and last frame are full).  A frame goes through a
 * periodic Hann window and a real Fourier transform; the powers of its bins are gathered by 128 triangular filters
 * that stand evenly on Slaney's mel scale from 0 Hz to half the rate; each filter is divided by its width, so that
 * white noise is flat whatever the width.  Then 10 log10, minus the loudest value of the clip, cut off 80 dB below.
 *
 * Why so.  These are the choices of the Speech Commands experiments that we compare with: 128 x 32 = 4096 features.
 * Taking the peak away makes a clip's loudness vanish, so it need not be learned.
 *
 * Determinism.  The plan is made with FFTW_ESTIMATE, which looks at sizes and never at the clock: two runs on one
 * machine give the same bits.  Single precision is enough: its rounding lies 60 dB below the cut-off.
 *
 * Cost.  32 transforms of 2048 and about 2,000 multiply-adds a frame: a fifth of a millisecond or so for a clip.
 */
#define _POSIX_C_SOURCE 200809L
#include "logmel.h"

#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;
static const float quietest = 1e-10f; /* power; below it the logarithm is of no use */

struct logmel {
    size_t samples, frames;
    fftwf_plan plan;
    float window[LOGMEL_WINDOW];
    /* Filter m weighs bins first[m] .. first[m] + count[m] - 1 with weights[start[m]] ..: the rest are zero.
     * A bin is under two filters at most. */
    int first[LOGMEL_MELS], count[LOGMEL_MELS], start[LOGMEL_MELS];
    float weights[2 * LOGMEL_BINS];
};

struct logmel_work {
    float *frame;        /* (LOGMEL_WINDOW) */
    fftwf_complex *bins; /* (LOGMEL_BINS) */
    float *power;        /* (LOGMEL_BINS) */
};

double logmel_mel_of_hz(double hz)
{
    return hz < 1000 ? hz * 3 / 200 : 15 + 27 * log(hz / 1000) / log(6.4);
}

double logmel_hz_of_mel(double mel)
{
    return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

size_t logmel_reflect(long i, size_t n)
{
    const long last = (long)n - 1;
    if (last == 0) return 0;
    i = labs(i) % (2 * last); /* the mirrored signal repeats after going there and back */
    return (size_t)(i <= last ? i : 2 * last - i);
}

/* Weights of one triangle, from `low` over `mid` to `high` Hz, appended behind the `used` ones of earlier bands. */
static int add_filter(logmel *mel, int band, const double corner_hz[3], double bin_hz, int used)
{
    const double low = corner_hz[0], mid = corner_hz[1], high = corner_hz[2];
    mel->start[band] = used;
    for (int k = 0; k < LOGMEL_BINS; k++) {
        const double hz = k * bin_hz, up = (hz - low) / (mid - low), down = (high - hz) / (high - mid);
        const double height = up < down ? up : down;
        if (height <= 0) continue;
        if (used == mel->start[band]) mel->first[band] = k;
        mel->weights[used++] = (float)(height * 2 / (high - low));
    }
    mel->count[band] = used - mel->start[band];
    return used;
}

static void make_filters(logmel *mel, int rate)
{
    const double step = logmel_mel_of_hz(rate / 2.0) / (LOGMEL_MELS + 1);
    const double bin_hz = (double)rate / LOGMEL_WINDOW;
    int used = 0;
    for (int m = 0; m < LOGMEL_MELS; m++) {
        const double corner_hz[3] = {logmel_hz_of_mel(m * step), logmel_hz_of_mel((m + 1) * step),
                                     logmel_hz_of_mel((m + 2) * step)};
        used = add_filter(mel, m, corner_hz, bin_hz, used);
    }
}

logmel *logmel_create(int rate)
{
    if (rate < LOGMEL_RATE_MIN || rate > LOGMEL_RATE_MAX) return NULL;
    logmel *mel = calloc(1, sizeof *mel);
    logmel_work *work = logmel_work_create(); /* the planner wants to see buffers as they will be */
    if (mel && work) mel->plan = fftwf_plan_dft_r2c_1d(LOGMEL_WINDOW, work->frame, work->bins, FFTW_ESTIMATE);
    logmel_work_destroy(work);
    if (!mel || !mel->plan) {
        free(mel);
        return NULL;
    }
    mel->samples = (size_t)rate;
    mel->frames = 1 + mel->samples / LOGMEL_HOP;
    for (int i = 0; i < LOGMEL_WINDOW; i++) mel->window[i] = (float)(0.5 - 0.5 * cos(2 * pi * i / LOGMEL_WINDOW));
    make_filters(mel, rate);
    return mel;
}

void logmel_destroy(logmel *mel)
{
    if (!mel) return;
    fftwf_destroy_plan(mel->plan);
    free(mel);
}

logmel_work *logmel_work_create(void)
{
    logmel_work *work = calloc(1, sizeof *work);
    if (!work) return NULL;
    /* FFTW's own allocator: every thread's buffers are then aligned as those that the plan was made for. */
    work->frame = fftwf_alloc_real(LOGMEL_WINDOW);
    work->bins = fftwf_alloc_complex(LOGMEL_BINS);
    work->power = fftwf_alloc_real(LOGMEL_BINS);
    if (work->frame && work->bins && work->power) return work;
    logmel_work_destroy(work);
    return NULL;
}

void logmel_work_destroy(logmel_work *work)
{
    if (!work) return;
    fftwf_free(work->frame);
    fftwf_free(work->bins);
    fftwf_free(work->power);
    free(work);
}

size_t logmel_samples(const logmel *mel)
{
    return mel->samples;
}

size_t logmel_frames(const logmel *mel)
{
    return mel->frames;
}

void logmel_filter(const logmel *mel, int band, float *weights)
{
    for (int k = 0; k < LOGMEL_BINS; k++) weights[k] = 0;
    for (int j = 0; j < mel->count[band]; j++) weights[mel->first[band] + j] = mel->weights[mel->start[band] + j];
}

/* Powers of the bins of the frame centred on sample `centre`, into work->power. */
static void frame_power(const logmel *mel, logmel_work *work, const float *clip, long centre)
{
    const long begin = centre - LOGMEL_WINDOW / 2, end = begin + LOGMEL_WINDOW;
    if (begin >= 0 && end <= (long)mel->samples)
        for (int i = 0; i < LOGMEL_WINDOW; i++) work->frame[i] = mel->window[i] * clip[begin + i];
    else
        for (int i = 0; i < LOGMEL_WINDOW; i++)
            work->frame[i] = mel->window[i] * clip[logmel_reflect(begin + i, mel->samples)];
    fftwf_execute_dft_r2c(mel->plan, work->frame, work->bins);
    for (int k = 0; k < LOGMEL_BINS; k++) {
        const float re = crealf(work->bins[k]), im = cimagf(work->bins[k]);
        work->power[k] = re * re + im * im;
    }
}

void logmel_spectrogram(const logmel *mel, logmel_work *work, const float *clip, float *db)
{
    const size_t cells = LOGMEL_MELS * mel->frames;
    float peak = quietest;
    for (size_t t = 0; t < mel->frames; t++) {
        frame_power(mel, work, clip, (long)(t * LOGMEL_HOP));
        for (int m = 0; m < LOGMEL_MELS; m++) {
            const float *weight = mel->weights + mel->start[m], *power = work->power + mel->first[m];
            float sum = 0;
            for (int j = 0; j < mel->count[m]; j++) sum += weight[j] * power[j];
            if (sum < quietest) sum = quietest;
            if (sum > peak) peak = sum;
            db[(size_t)m * mel->frames + t] = sum;
        }
    }
    const float peak_db = 10 * log10f(peak);
    for (size_t i = 0; i < cells; i++) {
        const float below = 10 * log10f(db[i]) - peak_db;
        db[i] = below < -LOGMEL_RANGE_DB ? -LOGMEL_RANGE_DB : below;
    }
}

void logmel_quantise(const float *db, size_t n, int levels, unsigned char *q)
{
    const float step = (float)(levels - 1) / LOGMEL_RANGE_DB;
    for (size_t i = 0; i < n; i++) q[i] = (unsigned char)lrintf((db[i] + LOGMEL_RANGE_DB) * step);
}
