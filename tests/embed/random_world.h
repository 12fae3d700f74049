/* random_world.h - what random_calls.c walks through: handles and what they depend on, the statuses that are documented, and how a
 * call is judged.
 */
#ifndef IST_TESTS_RANDOM_WORLD_H
#define IST_TESTS_RANDOM_WORLD_H

#include <stdlib.h>

#include "random_values.h"

enum { CONTEXTS = 2, DATASETS = 5, MODELS = 5, TRAINERS = 3, ROWS = 40, FEATURES = 6, CLASSES = 4, ROOM = 1 << 16 };

typedef struct thing {
    void *handle;                /* NULL: free */
    int context, model, dataset; /* that it depends on */
    int64_t answers;             /* dataset: rows */
    int32_t classes;             /* model */
} thing;

static thing contexts[CONTEXTS], datasets[DATASETS], models[MODELS], trainers[TRAINERS];
static float x[ROWS][FEATURES];
static int32_t labels[ROWS];
static union {
    unsigned char bytes[ROOM];
    double align;
} room; /* what is written to by calls */
static char folder[64], current[160];
static long long calls_made, seed_used;
static int complaints;

static inline void complain(const char *what)
{
    printf("call %lld of seed %lld, %s: %s\n", calls_made, seed_used, current, what);
    fflush(stdout);
    complaints++;
}

/* ------------------------------------------------------------------------------------- the statuses that are documented -- */

static const char *const status_names[] = {"OK",     "ARGUMENT", "MEMORY",   "SHAPE", "PLACEMENT",
                                           "FORMAT", "IO",       "DIVERGED", "BLAS"};
typedef struct row {
    char function[64];
    unsigned allowed; /* bit -status */
} row;
static row rows[128];
static int row_count;
static long long seen[COUNT_OF(status_names)];

/* A row of the table: | `ist_a`, `ist_b` | ARGUMENT MEMORY | */
static inline void read_row(char *line)
{
    unsigned allowed = 1;
    char *column = strrchr(line, '|');
    if (!column || column == line) return;
    *column = '\0';
    column = strrchr(line, '|');
    for (int s = 1; s < COUNT_OF(status_names); s++)
        if (strstr(column, status_names[s])) allowed |= 1U << s;
    *column = '\0';
    for (char *name = strstr(line, "`ist_"); name && row_count < COUNT_OF(rows); name = strstr(name, "`ist_")) {
        row *r = &rows[row_count++];
        name++;
        snprintf(r->function, sizeof r->function, "%.*s", (int)strcspn(name, "`"), name);
        r->allowed = allowed;
    }
}

static inline int read_table(void)
{
    char path[512], line[1024];
    const char *source = getenv("IST_SOURCE");
    snprintf(path, sizeof path, "%s/docs/embedding.md", source ? source : ".");
    FILE *page = fopen(path, "r");
    while (page && fgets(line, sizeof line, page))
        if (strncmp(line, "| `ist_", 7) == 0) read_row(line);
    if (page) fclose(page);
    if (row_count > 0) return 1;
    fprintf(stderr, "random_calls: no table of statuses in %s (set IST_SOURCE)\n", path);
    return 0;
}

static inline unsigned allowed_of(const char *function)
{
    for (int i = 0; i < row_count; i++)
        if (strcmp(rows[i].function, function) == 0) return rows[i].allowed;
    return 0;
}

/* ------------------------------------------------------------------------------------------------------- one call -- */

#define UNTOUCHED ((void *)(uintptr_t)0x5a5a)

/* context: whose line tells of a failure; NULL: none does. */
static inline int judge(const char *function, ist_status status, const void *context)
{
    calls_made++;
    snprintf(current, sizeof current, "%s", function);
    if (status > 0 || -status >= COUNT_OF(status_names)) {
        complain("a status that is none");
        return 0;
    }
    seen[-status]++;
    if (!(allowed_of(function) >> -status & 1)) {
        char text[200];
        snprintf(text, sizeof text, "status %s is not documented (%s)", status_names[-status],
                 context ? ist_context_error(context) : "no line");
        complain(text);
    }
    if (status && context) {
        const char *line = ist_context_error(context);
        if (!*line || strchr(line, '\n')) complain("fails without one line");
    }
    return status == IST_OK;
}

/* Live most of the time, NULL else. */
static inline void *handle_of(const thing *all, int i)
{
    return i < 0 ? NULL : all[i].handle;
}

static inline int any_of(const thing *all, int count)
{
    if (one_in(25)) return -1;
    for (int tries = 0; tries < 8; tries++) {
        const int i = random_below(count);
        if (all[i].handle) return i;
    }
    return -1;
}

static inline int free_place(const thing *all, int count)
{
    for (int i = 0; i < count; i++)
        if (!all[i].handle) return i;
    return -1;
}

static inline const void *context_of(const thing *all, int i)
{
    return i < 0 ? NULL : contexts[all[i].context].handle;
}

static inline const char *any_path(int to_write)
{
    static char path[8192];
    static const char *const files[] = {"model.npz",  "model.safetensors", "model.onnx", "model.ist", "run.ist",
                                        "begun.ist",  "rows.istd",         "trace.json", "x.csv",     "y.csv",
                                        "sparse.txt", "garbage.bin",       "empty",      "missing",   "cut.ist"};
    switch (random_below(16)) {
    case 0: return NULL;
    case 1: return "";
    case 2: return folder;
    case 3: return "/dev/full/x";
    case 4:
        memset(path, 'a', sizeof path - 1);
        path[sizeof path - 1] = '\0';
        return path;
    case 5: snprintf(path, sizeof path, "%s/a\nb", folder); return path;
    default:
        snprintf(path, sizeof path, "%s/%s", folder, files[random_below(to_write ? 8 : COUNT_OF(files))]);
        return path;
    }
}

static inline size_t any_room(unsigned char **buffer)
{
    *buffer = one_in(8) ? NULL : room.bytes;
    return one_in(4) ? (size_t)random_below(40) : one_in(3) ? 0 : ROOM;
}

/* A struct that a call fills, with struct_size set; it must be as it was when the call fails. */
static inline void *any_out(size_t size)
{
    const size_t said = any_size(size);
    memset(room.bytes, 0x5a, size + 128);
    memcpy(room.bytes, &said, sizeof said);
    return one_in(20) ? NULL : room.bytes;
}

static inline void check_out(int fine, size_t size)
{
    for (size_t i = sizeof(size_t); i < size + 128 && !fine; i++)
        if (room.bytes[i] != 0x5a) {
            complain("writes to its out-parameter and fails");
            return;
        }
}

#endif
