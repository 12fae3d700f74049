/* speak_sound.h - chance, resampling and noise for speak-words.
 *
 * All of it is pure: the same arguments give the same numbers.  In a header because speak-words is built from one
 * source file, and because its test takes it in with one line.
 */
#ifndef IST_TOOLS_SPEAK_SOUND_H
#define IST_TOOLS_SPEAK_SOUND_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    RATE = 16000,   /* Hz and, as a clip is one second, its samples */
    HALF_TAPS = 64, /* of the resampling filter, each side */
    PINK_STAGES = 6
};

/* One step of splitmix64 (Steele, Lea, Flood, OOPSLA 2014): a counter, well mixed. */
static inline uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline double draw_between(uint64_t *state, double low, double high)
{
    return low + (high - low) * (double)(draw(state) >> 11) * 0x1p-53;
}

static inline uint64_t key_of_text(uint64_t key, const char *text)
{
    uint64_t state = key;
    for (; *text; text++) {
        state ^= (unsigned char)*text;
        state = draw(&state);
    }
    return draw(&state);
}

/* From eSpeak's rate to ours by band-limited interpolation: output n is the input's ideal low-pass at the time
 * n * down / up, and times fall on `up` places between two input samples only, each with a filter of its own. */
typedef struct {
    size_t up, down;
    float *tap; /* (up, 2 * HALF_TAPS), each row sums to 1 */
} resampler;

/* Modified Bessel function of order 0, by its series. */
static inline double bessel_i0(double x)
{
    double term = 1, sum = 1;
    for (int k = 1; term > 1e-12 * sum; k++) {
        term *= (x / (2 * k)) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

/* A sinc under a Kaiser window of 80 dB.  With 128 taps its slope is 0.039 input samples^-1 wide; the cut-off is put
 * half of that below the lower of the two Nyquist frequencies, so that what is left to alias is below -80 dB. */
static inline void make_taps(float *tap, double place, double cut_off)
{
    const double pi = 3.14159265358979323846, beta = 7.86;
    double exact[2 * HALF_TAPS], sum = 0;
    for (int j = 0; j < 2 * HALF_TAPS; j++) {
        const double t = j - (HALF_TAPS - 1) - place, x = 2 * pi * cut_off * t, edge = t / HALF_TAPS;
        const double sinc = fabs(x) < 1e-9 ? 1 : sin(x) / x;
        exact[j] = fabs(edge) < 1 ? sinc * bessel_i0(beta * sqrt(1 - edge * edge)) : 0;
        sum += exact[j];
    }
    for (int j = 0; j < 2 * HALF_TAPS; j++) tap[j] = (float)(exact[j] / sum);
}

static inline int resampler_create(resampler *to, int rate_in)
{
    int a = rate_in, b = RATE;
    while (b) {
        const int rest = a % b;
        a = b;
        b = rest;
    }
    to->up = (size_t)(RATE / a);
    to->down = (size_t)(rate_in / a);
    to->tap = malloc(to->up * 2 * HALF_TAPS * sizeof *to->tap);
    const double lower = rate_in < RATE ? 1 : (double)RATE / rate_in;
    for (size_t p = 0; to->tap && p < to->up; p++)
        make_taps(to->tap + p * 2 * HALF_TAPS, (double)p / (double)to->up, 0.5 * lower - 0.0195);
    return to->tap != NULL;
}

/* in (count) -> out, as many samples as last as long, `room` at most; returns how many. */
static inline size_t resample(const resampler *to, const float *in, size_t count, float *out, size_t room)
{
    size_t made = count * to->up / to->down;
    if (made > room) made = room;
    for (size_t n = 0; n < made; n++) {
        const long first = (long)(n * to->down / to->up) - (HALF_TAPS - 1);
        const float *tap = to->tap + n * to->down % to->up * 2 * HALF_TAPS;
        float sum[4] = {0}; /* four chains, so that additions need not wait for one another */
        if (first >= 0 && (size_t)first + 2 * HALF_TAPS <= count)
            for (int j = 0; j < 2 * HALF_TAPS; j += 4)
                for (int c = 0; c < 4; c++) sum[c] += tap[j + c] * in[first + j + c];
        else
            for (long j = 0; j < 2 * HALF_TAPS; j++)
                if (first + j >= 0 && first + j < (long)count) sum[j % 4] += tap[j] * in[first + j];
        out[n] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
    return made;
}

static inline double mean_power(const float *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)x[i] * x[i];
    return count ? sum / (double)count : 0;
}

/* Noise of power 1, white to pink.  Pink, as in rooms and streets, falls by 3 dB an octave: low-passed white noises of
 * equal power, each reaching four times as high as the one before, add up to about that. */
static inline void make_noise(uint64_t *chance, double pinkness, float *out)
{
    double stage[PINK_STAGES] = {0};
    for (int i = 0; i < RATE; i++) {
        double pink = 0, keep = 0.9995;
        for (int s = 0; s < PINK_STAGES; s++) {
            stage[s] = keep * stage[s] + sqrt(1 - keep * keep) * draw_between(chance, -1, 1);
            pink += stage[s];
            keep = keep * keep * keep * keep;
        }
        out[i] = (float)((1 - pinkness) * draw_between(chance, -1, 1) + pinkness * pink / sqrt(PINK_STAGES));
    }
    const double scale = 1 / sqrt(mean_power(out, RATE));
    for (int i = 0; i < RATE; i++) out[i] = (float)(out[i] * scale);
}

#endif
