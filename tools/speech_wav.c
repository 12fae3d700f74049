/* speech_wav.c - reads one second of a WAV file, and refuses damaged ones.
 *
 * libsndfile decodes (PCM of any width, float, A-law ..), but it is kind to damaged files: one that was cut off
 * half-way, as an interrupted download leaves it, is read as a shorter recording.  A clip that ends in silence
 * nobody spoke would then stand in a training set without a word.  So the chunk sizes in the file are compared with
 * the bytes that are there before libsndfile sees it.
 */
#define _POSIX_C_SOURCE 200809L
#include "speech_wav.h"

#include <errno.h>
#include <math.h>
#include <sndfile.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

enum { CHANNELS_MAX = 8, BLOCK_FRAMES = 512 };

static uint32_t little_endian(const unsigned char b[4])
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* Walk the chunks (4 bytes of name, 4 of length, content, padded to even) up to "data", whose end must be within
 * the file.  A writer into a pipe cannot know the length and leaves 0 or all ones there: nothing to compare with. */
static int check_chunks(FILE *file, const char *path, failure *why)
{
    unsigned char head[12];
    struct stat status;
    if (fstat(fileno(file), &status) != 0) return fail(why, EXIT_FAILED, "%s: %s", path, strerror(errno));
    if (fread(head, 1, 12, file) != 12 || memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, "WAVE", 4) != 0)
        return fail(why, EXIT_BAD_DATA, "%s: not a WAV file, expected RIFF .. WAVE in its first 12 bytes", path);

    int64_t at = 12;
    while (fseeko(file, (off_t)at, SEEK_SET) == 0 && fread(head, 1, 8, file) == 8) {
        const int64_t length = little_endian(head + 4), left = (int64_t)status.st_size - at - 8;
        const int is_data = memcmp(head, "data", 4) == 0;
        if (is_data && (length == 0 || length == UINT32_MAX) && left > 0) return 0;
        if (length > left)
            return fail(why, EXIT_BAD_DATA, "%s: truncated, the chunk at byte %lld has %lld bytes, expected %lld", path,
                        (long long)at, (long long)left, (long long)length);
        if (is_data) return 0;
        at += 8 + length + (length & 1);
    }
    return fail(why, EXIT_BAD_DATA, "%s: no data chunk in its %lld bytes, expected samples", path,
                (long long)status.st_size);
}

static int check_format(const SF_INFO *info, const char *path, int rate, failure *why)
{
    if (info->samplerate != rate)
        return fail(why, EXIT_BAD_DATA,
                    "%s: sample rate %d Hz, expected %d Hz (nothing is resampled; --rate sets the "
                    "rate of all files)",
                    path, info->samplerate, rate);
    if (info->channels < 1 || info->channels > CHANNELS_MAX)
        return fail(why, EXIT_BAD_DATA, "%s: %d channels, expected 1 to %d", path, info->channels, CHANNELS_MAX);
    if (info->frames < 1) return fail(why, EXIT_BAD_DATA, "%s: no samples, expected at least one", path);
    return 0;
}

static int read_samples(SNDFILE *sound, const SF_INFO *info, const char *path, int rate, float *clip, failure *why)
{
    float block[BLOCK_FRAMES * CHANNELS_MAX];
    const int channels = info->channels;
    const int want = info->frames < rate ? (int)info->frames : rate;
    int done = 0;
    while (done < want) {
        const int ask = want - done < BLOCK_FRAMES ? want - done : BLOCK_FRAMES;
        const int got = (int)sf_readf_float(sound, block, ask);
        if (got < 1) return fail(why, EXIT_BAD_DATA, "%s: ends after %d samples, expected %d", path, done, want);
        for (int i = 0; i < got; i++) {
            float sum = 0;
            for (int c = 0; c < channels; c++) sum += block[i * channels + c];
            if (!isfinite(sum))
                return fail(why, EXIT_BAD_DATA, "%s: sample %d is not finite, expected a number", path, done + i);
            clip[done + i] = sum / (float)channels;
        }
        done += got;
    }
    for (int i = done; i < rate; i++) clip[i] = 0;
    return 0;
}

int wav_read_second(const char *path, int rate, float *clip, failure *why)
{
    FILE *file = fopen(path, "rb");
    if (!file) return fail(why, EXIT_BAD_DATA, "%s: %s", path, strerror(errno));
    int status = check_chunks(file, path, why);
    fclose(file);
    if (status) return status;

    SF_INFO info;
    memset(&info, 0, sizeof info);
    SNDFILE *sound = sf_open(path, SFM_READ, &info);
    if (!sound) return fail(why, EXIT_BAD_DATA, "%s: libsndfile cannot decode it, expected PCM or float samples", path);
    status = check_format(&info, path, rate, why);
    if (!status) status = read_samples(sound, &info, path, rate, clip, why);
    sf_close(sound);
    return status;
}
