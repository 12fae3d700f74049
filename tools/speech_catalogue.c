/* speech_catalogue.c - which clips a folder of recorded words holds, and which split each belongs to.
 *
 * The layout is that of Google's Speech Commands: a folder a word, in it <speaker>_nohash_<take>.wav.  Two rules keep
 * experiments honest and repeatable.  A speaker is in one split only: a network that has heard a voice knows it again,
 * and a test on known voices flatters.  And nothing depends on the order in which the file system lists names, nor on
 * what else is in the folder: a speaker's split is a function of the name alone, so that adding recordings moves none.
 */
#define _POSIX_C_SOURCE 200809L
#include "speech_catalogue.h"

#include <dirent.h>
#include <strings.h>
#include <sys/stat.h>
#include <zlib.h>

static const char *const list_name[SPLITS] = {NULL, "validation_list.txt", "testing_list.txt"};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const clip *)a)->path, ((const clip *)b)->path);
}

static int compare_speakers(const void *a, const void *b)
{
    const clip *x = *(const clip *const *)a, *y = *(const clip *const *)b;
    const uint32_t shorter = x->speaker_length < y->speaker_length ? x->speaker_length : y->speaker_length;
    const int order = memcmp(x->path + x->speaker, y->path + y->speaker, shorter);
    return order ? order : (x->speaker_length > y->speaker_length) - (x->speaker_length < y->speaker_length);
}

static int same_speaker(const clip *a, const clip *b)
{
    return compare_speakers(&a, &b) == 0;
}

static int is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int ends_in_wav(const char *name)
{
    const size_t length = strlen(name);
    return length > 4 && strcasecmp(name + length - 4, ".wav") == 0;
}

/* Names in `folder` that do not begin with '.' or '_', unsorted.  The caller frees each and the array. */
static int list_folder(const char *folder, char ***names, size_t *count, failure *why)
{
    DIR *stream = opendir(folder);
    if (!stream) return fail(why, EXIT_BAD_DATA, "%s: %s", folder, strerror(errno));
    size_t room = 0;
    int status = 0;
    for (struct dirent *entry; !status && (entry = readdir(stream)) != NULL;) {
        if (entry->d_name[0] == '.' || entry->d_name[0] == '_') continue;
        if (*count == room) {
            room = room ? 2 * room : 64;
            char **more = realloc(*names, room * sizeof **names);
            if (more) *names = more;
            else status = fail_memory(why);
        }
        char *name = status ? NULL : strdup(entry->d_name);
        if (name) (*names)[(*count)++] = name;
        else status = fail_memory(why);
    }
    closedir(stream);
    return status;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}

/* The speaker is the file's name up to "_nohash_"; without that mark every file is a speaker of its own. */
static void find_speaker(clip *found)
{
    const char *file = strrchr(found->path, '/') + 1, *mark = strstr(file, "_nohash_");
    found->speaker = (uint32_t)(file - found->path);
    found->speaker_length = (uint32_t)(mark ? (size_t)(mark - file) : strlen(file) - 4);
}

static int add_clips(catalogue *all, const char *word, char **names, size_t count, failure *why)
{
    clip *more = realloc(all->clip, (all->clips + count) * sizeof *more);
    if (!more) return fail_memory(why);
    all->clip = more;
    for (size_t i = 0; i < count; i++) {
        clip *next = &all->clip[all->clips];
        memset(next, 0, sizeof *next);
        if (!(next->path = join_path(word, names[i]))) return fail_memory(why);
        next->label = (uint8_t)all->classes;
        find_speaker(next);
        all->clips++;
    }
    return 0;
}

/* Add the WAV files of one class folder; a folder without any is counted and left out. */
static int read_class(catalogue *all, const char *word, failure *why)
{
    char **names = NULL, *path = join_path(all->folder, word);
    size_t count = 0, kept = 0;
    int status = path ? list_folder(path, &names, &count, why) : fail_memory(why);
    for (size_t i = 0; i < count; i++) {
        if (ends_in_wav(names[i])) {
            char *wav = names[i];
            names[i] = names[kept];
            names[kept++] = wav;
        }
    }
    if (!status && kept == 0) all->classes_empty++;
    if (!status && kept > 0 && all->classes == CLASSES_MAX)
        status = fail(why, EXIT_BAD_DATA, "%s: more than %d class folders, expected as many as a byte can label",
                      all->folder, CLASSES_MAX);
    if (!status && kept > 0) status = add_clips(all, word, names, kept, why);
    if (!status && kept > 0) {
        if (!(all->class_name[all->classes] = strdup(word))) status = fail_memory(why);
        else all->classes++;
    }
    free_names(names, count);
    free(path);
    return status;
}

static int read_classes(catalogue *all, failure *why)
{
    char **names = NULL;
    size_t count = 0;
    int status = list_folder(all->folder, &names, &count, why);
    if (count > 1) qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count && !status; i++) {
        char *path = join_path(all->folder, names[i]);
        if (!path) status = fail_memory(why);
        else if (is_folder(path)) status = read_class(all, names[i], why);
        free(path);
    }
    free_names(names, count);
    if (!status && all->clips == 0)
        status = fail(why, EXIT_BAD_DATA, "%s: no clips, expected folders of WAV files, one a word", all->folder);
    if (!status) qsort(all->clip, all->clips, sizeof *all->clip, compare_paths);
    return status;
}

/* Give the clips that the open list names to `split`. */
static int apply_list(catalogue *all, FILE *list, int split, failure *why)
{
    char *line = NULL;
    size_t room = 0;
    int status = 0;
    for (ssize_t length; !status && (length = getline(&line, &room, list)) >= 0;) {
        while (length > 0 && strchr(" \t\r\n", line[length - 1])) line[--length] = '\0';
        if (length == 0 || line[0] == '_') continue; /* folders beginning with '_' are not classes */
        const clip wanted = {.path = line};
        clip *found = bsearch(&wanted, all->clip, all->clips, sizeof *all->clip, compare_paths);
        if (!found) all->list_missing++;
        else if (found->split != SPLIT_TRAIN && found->split != split)
            status = fail(why, EXIT_BAD_DATA, "%s/%s: \"%s\" is also in %s, expected in one list only", all->folder,
                          list_name[split], line, list_name[found->split]);
        else found->split = (uint8_t)split;
    }
    if (!status && ferror(list))
        status = fail(why, EXIT_BAD_DATA, "%s/%s: cannot be read", all->folder, list_name[split]);
    free(line);
    return status;
}

static int read_list(catalogue *all, int split, failure *why)
{
    char *path = join_path(all->folder, list_name[split]);
    if (!path) return fail_memory(why);
    FILE *list = fopen(path, "r");
    int status = 0;
    if (list) {
        all->listed = 1;
        status = apply_list(all, list, split, why);
        fclose(list);
    } else if (errno != ENOENT) {
        status = fail(why, EXIT_BAD_DATA, "%s: %s", path, strerror(errno));
    }
    free(path);
    return status;
}

/* crc32 spreads the speakers over 0 .. 100; validation takes the lowest part, then test. */
static void split_by_hash(catalogue *all, double valid_percent, double test_percent)
{
    for (size_t i = 0; i < all->clips; i++) {
        clip *one = &all->clip[i];
        const unsigned char *name = (const unsigned char *)one->path + one->speaker;
        const double place = (double)crc32(0, name, one->speaker_length) * 100 / 4294967296.0;
        one->split = place < valid_percent                  ? SPLIT_VALID
                     : place < valid_percent + test_percent ? SPLIT_TEST
                                                            : SPLIT_TRAIN;
    }
}

static int count_splits(catalogue *all, failure *why)
{
    const clip **order = malloc(all->clips * sizeof *order);
    if (!order) return fail_memory(why);
    for (size_t i = 0; i < all->clips; i++) order[i] = &all->clip[i];
    qsort(order, all->clips, sizeof *order, compare_speakers);
    for (size_t i = 0; i < all->clips;) {
        size_t in[SPLITS] = {0}, end = i;
        for (; end < all->clips && same_speaker(order[i], order[end]); end++) in[order[end]->split]++;
        for (int s = 0; s < SPLITS; s++) {
            all->clips_in[s] += in[s];
            all->speakers_in[s] += in[s] > 0;
        }
        all->speakers_shared += (in[0] > 0) + (in[1] > 0) + (in[2] > 0) > 1;
        i = end;
    }
    free(order);
    return 0;
}

int catalogue_read(catalogue *all, const char *folder, double valid_percent, double test_percent, failure *why)
{
    memset(all, 0, sizeof *all);
    if (!(all->folder = strdup(folder))) return fail_memory(why);
    int status = read_classes(all, why);
    for (int split = SPLIT_VALID; split < SPLITS && !status; split++) status = read_list(all, split, why);
    if (status) return status;
    if (!all->listed) split_by_hash(all, valid_percent, test_percent);
    return count_splits(all, why);
}

void catalogue_free(catalogue *all)
{
    for (size_t i = 0; i < all->clips; i++) free(all->clip[i].path);
    for (int c = 0; c < all->classes; c++) free(all->class_name[c]);
    free(all->clip);
    free(all->folder);
    memset(all, 0, sizeof *all);
}
