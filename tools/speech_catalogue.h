/* speech_catalogue.h - which clips a folder of recorded words holds, and which split each belongs to. */
#ifndef IST_TOOLS_SPEECH_CATALOGUE_H
#define IST_TOOLS_SPEECH_CATALOGUE_H
#include "speech_common.h"

#include <stddef.h>
#include <stdint.h>

enum { SPLIT_TRAIN, SPLIT_VALID, SPLIT_TEST, SPLITS };
enum { CLASSES_MAX = 256 }; /* a label is one byte */

typedef struct {
    char *path;                       /* "word/speaker_nohash_0.wav", relative to the folder */
    uint32_t speaker, speaker_length; /* the part of path that names the speaker: offset, bytes */
    uint8_t label, split;
} clip;

typedef struct {
    char *folder;
    int classes;
    char *class_name[CLASSES_MAX]; /* sorted by byte value; the index is the label */
    size_t clips;
    clip *clip; /* sorted by path, byte value */
    int listed; /* 1: lists decide the splits, 0: a hash of the speaker */
    size_t clips_in[SPLITS], speakers_in[SPLITS];
    size_t speakers_shared; /* speakers in more than one split: 0 unless lists say otherwise */
    size_t list_missing;    /* list entries that name no clip */
    size_t classes_empty;   /* folders without a WAV file: left out */
} catalogue;

/* Find the clips of `folder` and split them: by validation_list.txt and testing_list.txt if either is there, else by
 * speaker, `valid_percent` and `test_percent` of all speakers on average.
 * 0, or EXIT_BAD_DATA / EXIT_FAILED with the reason in `why`.  catalogue_free in either case. */
int catalogue_read(catalogue *all, const char *folder, double valid_percent, double test_percent, failure *why);
void catalogue_free(catalogue *all);

#endif
