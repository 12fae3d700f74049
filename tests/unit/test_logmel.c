/* test_logmel.c - the speech features against their definition.
 *
 * The oracle shares nothing with tools/logmel.c: the clip is mirrored into a longer one sample by sample, the Fourier
 * transform is the sum that defines it, in double, and the triangles are written down again from Slaney's corners.
 * Speak-words' resampler and noise are tested here too.
 */
#define _POSIX_C_SOURCE 200809L
#include "ist_test.h"
#include "logmel.h"
#include "speak_sound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

enum { FRAMES = 32, CELLS = LOGMEL_MELS * FRAMES, MARGIN = LOGMEL_WINDOW / 2 };

static void white_noise(uint64_t seed, float *clip)
{
    for (int i = 0; i < RATE; i++) clip[i] = (float)draw_between(&seed, -1, 1);
}

static void tone(double hz, float *clip)
{
    for (int i = 0; i < RATE; i++) clip[i] = (float)(0.5 * sin(2 * pi * hz * i / RATE));
}

static void spectrogram(const float *clip, float *db)
{
    logmel *mel = logmel_create(RATE);
    logmel_work *work = logmel_work_create();
    CHECK(mel && work);
    CHECK_EQ(logmel_samples(mel), RATE);
    CHECK_EQ(logmel_frames(mel), FRAMES);
    logmel_spectrogram(mel, work, clip, db);
    logmel_work_destroy(work);
    logmel_destroy(mel);
}

/* ---- the oracle ---- */

/* Corner c of the 130 that stand evenly from 0 to 8 kHz on Slaney's scale: 66 2/3 Hz a mel, from 1 kHz on 27 mels for
 * a factor of 6.4. */
static double naive_corner_hz(int c)
{
    const double top = 15 + 27 * log(8.0) / log(6.4), mel = top * c / 129;
    return mel <= 15 ? mel * 1000 / 15 : 1000 * pow(6.4, (mel - 15) / 27);
}

static double naive_weight(int band, double hz)
{
    const double low = naive_corner_hz(band), mid = naive_corner_hz(band + 1), high = naive_corner_hz(band + 2);
    if (hz <= low || hz >= high) return 0;
    return 2 / (high - low) * (hz < mid ? (hz - low) / (mid - low) : (high - hz) / (high - mid));
}

/* Powers of the 1,025 bins of the frame that begins at `x`, by definition. */
static void naive_power(const double *x, double *power)
{
    static double cosine[LOGMEL_WINDOW], windowed[LOGMEL_WINDOW];
    for (int i = 0; i < LOGMEL_WINDOW; i++) cosine[i] = cos(2 * pi * i / LOGMEL_WINDOW);
    for (int i = 0; i < LOGMEL_WINDOW; i++) windowed[i] = x[i] * (1 - cosine[i]) / 2;
    for (int k = 0; k < LOGMEL_BINS; k++) {
        double re = 0, im = 0;
        for (int i = 0; i < LOGMEL_WINDOW; i++) {
            const int turn = k * i % LOGMEL_WINDOW;
            re += windowed[i] * cosine[turn];
            im -= windowed[i] * cosine[(turn + 3 * LOGMEL_WINDOW / 4) % LOGMEL_WINDOW]; /* sine */
        }
        power[k] = re * re + im * im;
    }
}

static void naive_spectrogram(const float *clip, double *db)
{
    static double mirrored[MARGIN + RATE + MARGIN], power[LOGMEL_BINS];
    for (int i = 0; i < RATE; i++) mirrored[MARGIN + i] = clip[i];
    for (int i = 1; i <= MARGIN; i++) {
        mirrored[MARGIN - i] = clip[i];
        mirrored[MARGIN + RATE - 1 + i] = clip[RATE - 1 - i];
    }
    double peak = 0;
    for (int t = 0; t < FRAMES; t++) {
        naive_power(mirrored + t * LOGMEL_HOP, power);
        for (int m = 0; m < LOGMEL_MELS; m++) {
            double sum = 0;
            for (int k = 0; k < LOGMEL_BINS; k++) sum += naive_weight(m, k * 8000.0 / (LOGMEL_BINS - 1)) * power[k];
            db[m * FRAMES + t] = sum;
            peak = fmax(peak, sum);
        }
    }
    for (int i = 0; i < CELLS; i++) db[i] = fmax(-80, 10 * log10(db[i] / peak));
}

/* ---- the features ---- */

TEST(spectrogram_is_its_definition)
{
    /* Loud noise that fades by 60 dB, so that all of the range is used, and both mirrored ends matter. */
    static float clip[RATE], db[CELLS];
    static double expected[CELLS];
    white_noise(3, clip);
    for (int i = 0; i < RATE; i++) clip[i] *= (float)pow(10, -3.0 * i / RATE);
    spectrogram(clip, db);
    naive_spectrogram(clip, expected);
    for (int i = 0; i < CELLS; i++) CHECK_NEAR(db[i], expected[i], 0.002);
}

TEST(ends_are_mirrored_without_repeating_them)
{
    CHECK_EQ(logmel_reflect(0, 5), 0);
    CHECK_EQ(logmel_reflect(4, 5), 4);
    CHECK_EQ(logmel_reflect(-1, 5), 1);
    CHECK_EQ(logmel_reflect(-4, 5), 4);
    CHECK_EQ(logmel_reflect(5, 5), 3);
    CHECK_EQ(logmel_reflect(8, 5), 0);
    CHECK_EQ(logmel_reflect(9, 5), 1);
    CHECK_EQ(logmel_reflect(-5, 5), 3);
    CHECK_EQ(logmel_reflect(-7, 1), 0);
    for (long i = -40; i < 40; i++) CHECK(logmel_reflect(i, 7) < 7);
}

TEST(mel_scale_is_slaneys)
{
    CHECK_NEAR(logmel_mel_of_hz(0), 0, 1e-12);
    CHECK_NEAR(logmel_mel_of_hz(500), 7.5, 1e-12);
    CHECK_NEAR(logmel_mel_of_hz(1000), 15, 1e-12);
    CHECK_NEAR(logmel_mel_of_hz(6400), 42, 1e-12);
    CHECK_NEAR(logmel_mel_of_hz(999.999), logmel_mel_of_hz(1000.001), 1e-4); /* no step between the two parts */
    for (double hz = 0; hz < 24000; hz += 7) CHECK_NEAR(logmel_hz_of_mel(logmel_mel_of_hz(hz)), hz, 1e-8);
}

TEST(filters_have_unit_area_and_stand_on_the_scale)
{
    static float weights[LOGMEL_BINS];
    const double bin_hz = 8000.0 / (LOGMEL_BINS - 1);
    logmel *mel = logmel_create(RATE);
    CHECK(mel != NULL);
    for (int m = 0; m < LOGMEL_MELS; m++) {
        double area = 0, moment = 0;
        logmel_filter(mel, m, weights);
        for (int k = 0; k < LOGMEL_BINS; k++) {
            CHECK(weights[k] >= 0);
            CHECK_NEAR(weights[k], naive_weight(m, k * bin_hz), 1e-6);
            area += weights[k] * bin_hz;
            moment += weights[k] * bin_hz * k * bin_hz;
        }
        /* A triangle's centre of mass is the mean of its corners; sampled at bins, neither is quite exact. */
        const double mean = (naive_corner_hz(m) + naive_corner_hz(m + 1) + naive_corner_hz(m + 2)) / 3;
        CHECK_NEAR(area, 1, 0.03);
        CHECK_NEAR(moment / area, mean, bin_hz / 2);
    }
    logmel_destroy(mel);
}

TEST(tone_is_loudest_in_its_band)
{
    static float clip[RATE], db[CELLS];
    for (double hz = 110; hz < 7800; hz *= 1.31) {
        int loudest = 0, nearest = 0;
        tone(hz, clip);
        spectrogram(clip, db);
        for (int m = 1; m < LOGMEL_MELS; m++) {
            if (db[m * FRAMES + 15] > db[loudest * FRAMES + 15]) loudest = m;
            if (fabs(naive_corner_hz(m + 1) - hz) < fabs(naive_corner_hz(nearest + 1) - hz)) nearest = m;
        }
        CHECK(abs(loudest - nearest) <= 1);   /* half-way between two, the narrower wins */
        for (int m = 0; m < LOGMEL_MELS; m++) /* and what is far from it is quiet: the window's side lobes are low */
            if (abs(m - nearest) > 12) CHECK(db[m * FRAMES + 15] < -50);
    }
}

TEST(white_noise_is_flat)
{
    /* The area normalisation at work: groups of 16 bands, mean powers over 24 clips, within 1 dB of one another. */
    static float clip[RATE], db[CELLS];
    double power[LOGMEL_MELS / 16] = {0};
    for (uint64_t seed = 1; seed <= 24; seed++) {
        white_noise(seed, clip);
        spectrogram(clip, db);
        for (int i = 0; i < CELLS; i++) power[i / FRAMES / 16] += pow(10, db[i] / 10);
    }
    for (int g = 1; g < LOGMEL_MELS / 16; g++) CHECK_NEAR(10 * log10(power[g] / power[0]), 0, 1);
}

TEST(peak_is_zero_db_whatever_the_loudness)
{
    static float clip[RATE], db[CELLS], quieter[CELLS];
    white_noise(5, clip);
    for (int i = 0; i < RATE; i++) clip[i] *= i < RATE / 2 ? 1 : 1e-6f;
    spectrogram(clip, db);
    float peak = -100, lowest = 100;
    for (int i = 0; i < CELLS; i++) {
        peak = fmaxf(peak, db[i]);
        lowest = fminf(lowest, db[i]);
    }
    CHECK_NEAR(peak, 0, 0);
    CHECK_NEAR(lowest, -80, 0);
    for (int i = 0; i < RATE; i++) clip[i] /= 16;
    spectrogram(clip, quieter);
    for (int i = 0; i < CELLS; i++) CHECK_NEAR(quieter[i], db[i], 1e-4);
}

TEST(silence_is_zero_db_everywhere)
{
    static float clip[RATE], db[CELLS];
    spectrogram(clip, db);
    for (int i = 0; i < CELLS; i++) CHECK_NEAR(db[i], 0, 0);
}

TEST(quantised_to_the_nearest_level)
{
    const int levels[] = {2, 3, 64, 255, 256};
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        const double step = 80.0 / (levels[l] - 1);
        unsigned char q, before = 0;
        for (int i = 0; i <= 8000; i++) {
            const float db = (float)(i - 8000) / 100;
            logmel_quantise(&db, 1, levels[l], &q);
            CHECK(q >= before && q < levels[l]);
            CHECK(fabs(q * step - 80 - db) <= step / 2 + 1e-4);
            before = q;
        }
        CHECK_EQ(before, levels[l] - 1);
        const float quietest = -80;
        logmel_quantise(&quietest, 1, levels[l], &q);
        CHECK_EQ(q, 0);
    }
}

TEST(other_rates_have_other_frames)
{
    const int rates[] = {8000, 11025, 16000, 44100, 48000};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        logmel *mel = logmel_create(rates[r]);
        CHECK(mel != NULL);
        CHECK_EQ(logmel_samples(mel), rates[r]);
        CHECK_EQ(logmel_frames(mel), 1 + rates[r] / 512);
        logmel_destroy(mel);
    }
    CHECK(logmel_create(LOGMEL_RATE_MIN - 1) == NULL);
    CHECK(logmel_create(LOGMEL_RATE_MAX + 1) == NULL);
}

TEST(threads_get_the_same_bits)
{
    enum { TIMES = 16 };
    static float clip[RATE], expected[CELLS];
    logmel *mel = logmel_create(RATE);
    CHECK(mel != NULL);
    white_noise(9, clip);
    spectrogram(clip, expected);
    int different = 0;
#pragma omp parallel for num_threads(4) reduction(+ : different)
    for (int i = 0; i < TIMES; i++) {
        float *db = malloc(CELLS * sizeof *db);
        logmel_work *work = logmel_work_create();
        if (db && work) logmel_spectrogram(mel, work, clip, db);
        different += !db || !work || memcmp(db, expected, CELLS * sizeof *db) != 0;
        logmel_work_destroy(work);
        free(db);
    }
    CHECK_EQ(different, 0);
    logmel_destroy(mel);
}

/* ---- speak-words' sound ---- */

/* Amplitude of what a sine of 1 becomes between 0.25 and 0.75 s of the resampled signal. */
static double resampled_amplitude(const resampler *to, int rate_in, double hz)
{
    static float in[48000], out[RATE];
    for (int i = 0; i < rate_in; i++) in[i] = (float)sin(2 * pi * hz * i / rate_in);
    CHECK_EQ(resample(to, in, (size_t)rate_in, out, RATE), RATE);
    return sqrt(2 * mean_power(out + RATE / 4, RATE / 2));
}

TEST(resampler_keeps_tones_and_lets_nothing_alias)
{
    resampler to = {0};
    CHECK(resampler_create(&to, 22050));
    CHECK_EQ(to.up, 320);
    CHECK_EQ(to.down, 441);
    /* Even frequencies: whole periods in the half second that is measured. */
    for (double hz = 50; hz < 7100; hz = 2 * floor(hz * 0.65)) CHECK_NEAR(resampled_amplitude(&to, 22050, hz), 1, 1e-3);
    for (double hz = 8050; hz < 11000; hz += 190) CHECK(resampled_amplitude(&to, 22050, hz) < 2e-4);
    free(to.tap);
}

TEST(resampler_keeps_time)
{
    /* The same sine, sampled at 16 kHz to begin with. */
    static float in[22050], out[RATE];
    resampler to = {0};
    CHECK(resampler_create(&to, 22050));
    for (int i = 0; i < 22050; i++) in[i] = (float)sin(2 * pi * 1234.5 * i / 22050);
    CHECK_EQ(resample(&to, in, 22050, out, RATE), RATE);
    for (int i = 100; i < RATE - 100; i++) CHECK_NEAR(out[i], sin(2 * pi * 1234.5 * i / RATE), 1e-3);
    CHECK_EQ(resample(&to, in, 22050, out, 10), 10); /* no more than there is room for */
    free(to.tap);
}

/* Mean power of noise between two frequencies, up to a factor, over some clips. */
static double band_power(double pinkness, double low_hz, double high_hz)
{
    static float clip[RATE];
    static double x[LOGMEL_WINDOW], power[LOGMEL_BINS];
    double sum = 0;
    uint64_t chance = 1;
    for (int n = 0; n < 8; n++) {
        make_noise(&chance, pinkness, clip);
        CHECK_NEAR(mean_power(clip, RATE), 1, 1e-4);
        for (int i = 0; i < LOGMEL_WINDOW; i++) x[i] = clip[5000 + i];
        naive_power(x, power);
        for (int k = 0; k < LOGMEL_BINS; k++)
            if (k * 8000.0 / (LOGMEL_BINS - 1) >= low_hz && k * 8000.0 / (LOGMEL_BINS - 1) < high_hz) sum += power[k];
    }
    return sum;
}

TEST(noise_is_white_to_pink)
{
    /* From one octave to the next white noise doubles its power, pink noise keeps it: over two, 6 dB and 0 dB. */
    const double white = band_power(0, 2000, 4000) / band_power(0, 500, 1000);
    const double pink = band_power(1, 2000, 4000) / band_power(1, 500, 1000);
    CHECK_NEAR(10 * log10(white), 6, 1.5);
    CHECK_NEAR(10 * log10(pink), 0, 2.5);
}
