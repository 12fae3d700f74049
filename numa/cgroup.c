/* cgroup.c - limits of the control groups around this process.
 *
 * How: /proc/self/cgroup names our group in each hierarchy, /proc/self/mountinfo says where that hierarchy is mounted and
 * which group the mount shows as its root (inside a container often not the hierarchy's own).  A limit of any group
 * above us binds us too, so all are asked, up to the mount.  What cannot be read limits nothing: the kernel will.
 */
#define _POSIX_C_SOURCE 200809L
#include "numa/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "numa/kernel_text.h"

enum { FOLDER_BYTES = 2048 };

typedef struct group {
    int version;      /* 0: none was found */
    size_t mount_end; /* length of the mount's part of folder */
    bool *lost;       /* as in numa/kernel_text.h */
    char folder[FOLDER_BYTES];
} group;

/* Is `word` one of the words of a list with commas, which ends at a blank, a colon, or the line's end? */
static bool in_list(const char *list, const char *word)
{
    const size_t length = strlen(word);
    for (;;) {
        const size_t here = strcspn(list, ",: \n");
        if (here == length && strncmp(list, word, length) == 0) return true;
        if (list[here] != ',') return false;
        list += here + 1;
    }
}

/* The path of our group: of the hierarchy of version 1 that has the controller, else of version 2.  Lines are
 * "4:memory:/path", "0::/path". */
static int find_path(const char *groups, const char *controller, char *path, size_t capacity)
{
    int version = 0;
    for (const char *line = groups; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *list = strchr(line, ':');
        const char *where = list ? strchr(list + 1, ':') : NULL;
        if (!where) continue;
        const bool one = in_list(list + 1, controller), two = list[1] == ':';
        if (!one && (!two || version)) continue;
        const size_t length = strcspn(++where, "\n");
        if (length >= capacity) return 0;
        memcpy(path, where, length);
        path[length] = '\0';
        version = one ? 1 : 2;
        if (one) break;
    }
    return version;
}

/* The start of the n-th word of a line, from 0, and its length. */
static const char *word_of(const char *line, int n, size_t *length)
{
    for (; n > 0; n--) line += strcspn(line, " \n"), line += *line == ' ';
    *length = strcspn(line, " \n");
    return line;
}

/* "36 25 0:31 ROOT MOUNT options .. - TYPE source OPTIONS": does this line mount our hierarchy? */
static bool mounts(const char *line, int version, const char *controller)
{
    const size_t length = strcspn(line, "\n");
    const char *dash = strstr(line, " - ");
    if (!dash || dash >= line + length) return false;
    size_t type_length, unused;
    const char *type = word_of(dash + 3, 0, &type_length);
    if (version == 2) return type_length == 7 && strncmp(type, "cgroup2", 7) == 0;
    return type_length == 6 && strncmp(type, "cgroup", 6) == 0 && in_list(word_of(dash + 3, 2, &unused), controller);
}

static group find_group(const char *root, const char *controller, bool *lost)
{
    group found = {.lost = lost};
    char path[FOLDER_BYTES];
    char *groups = ist__kernel_text(root, "/proc/self/cgroup", lost),
         *mounted = ist__kernel_text(root, "/proc/self/mountinfo", lost);
    const int version = groups && mounted ? find_path(groups, controller, path, sizeof path) : 0;
    for (const char *line = mounted; version && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (!mounts(line, version, controller)) continue;
        size_t top_length, mount_length;
        const char *top = word_of(line, 3, &top_length), *mount = word_of(line, 4, &mount_length);
        const char *below = path; /* what of our path lies below the group that the mount shows */
        if (top_length > 1) below = strncmp(path, top, top_length) == 0 ? path + top_length : "";
        if (strcmp(below, "/") == 0) below = "";
        const int length = snprintf(found.folder, sizeof found.folder, "%.*s%s", (int)mount_length, mount, below);
        if (length < 0 || length >= (int)sizeof found.folder) break;
        found.version = version;
        found.mount_end = mount_length;
        break;
    }
    ist__free(groups);
    ist__free(mounted);
    return found;
}

/* To the group above; false at the top. */
static bool go_up(group *g)
{
    char *slash = strrchr(g->folder, '/');
    if (!slash || (size_t)(slash - g->folder) < g->mount_end) return false;
    *slash = '\0';
    return true;
}

static char *file_of(const char *root, const group *g, const char *name)
{
    char path[FOLDER_BYTES + 64];
    snprintf(path, sizeof path, "%s/%s", g->folder, name);
    return ist__kernel_text(root, path, g->lost);
}

/* The number that is all of a file; -1 for "max", and where there is no file. */
static int64_t number_of(const char *root, const group *g, const char *name)
{
    enum { UNLIMITED_FROM = 62 }; /* version 1 says "no limit" with a number beyond any memory */
    long long number = -1;
    char *text = file_of(root, g, name);
    if (text && sscanf(text, "%lld", &number) != 1) number = -1;
    ist__free(text);
    return number >> UNLIMITED_FROM ? -1 : (int64_t)number;
}

/* Page cache counts as room: the kernel takes it before it kills. */
static int64_t cache_of(const char *root, const group *g)
{
    static const char *const names[2][3] = {{"total_inactive_file", "total_active_file", ""},
                                            {"inactive_file", "active_file", "slab_reclaimable"}};
    int64_t sum = 0;
    char *text = file_of(root, g, "memory.stat");
    for (int i = 0; text && i < 3; i++) {
        const char *name = names[g->version - 1][i];
        const int64_t bytes = *name ? ist__kernel_number(text, name) : -1;
        if (bytes > 0) sum += bytes;
    }
    ist__free(text);
    return sum;
}

static void tighten_swap(const char *root, const group *g, ist__cgroup_memory *m)
{
    if (g->version != 2) return;
    const int64_t limit = number_of(root, g, "memory.swap.max"), used = number_of(root, g, "memory.swap.current");
    if (limit < 0) return;
    const int64_t left = limit > used ? limit - (used > 0 ? used : 0) : 0;
    if (m->swap < 0 || left < m->swap) m->swap = left;
}

/* All of a path, or two dots and its end. */
static void copy_tail(char *out, size_t capacity, const char *text)
{
    const size_t length = strlen(text), most = capacity - 1, cut = length > most ? length - most : 0;
    memcpy(out, text + cut, length - cut + 1);
    if (cut) out[0] = out[1] = '.';
}

ist__cgroup_memory ist__cgroup_memory_read(const char *root, bool *lost)
{
    ist__cgroup_memory m = {.limit = -1, .room = -1, .swap = -1};
    group g = find_group(root, "memory", lost);
    if (!g.version) return m;
    do {
        const int64_t limit = number_of(root, &g, g.version == 2 ? "memory.max" : "memory.limit_in_bytes");
        const int64_t used = number_of(root, &g, g.version == 2 ? "memory.current" : "memory.usage_in_bytes");
        tighten_swap(root, &g, &m);
        if (limit < 0 || used < 0) continue;
        const int64_t cache = cache_of(root, &g), held = used > cache ? used - cache : 0;
        const int64_t left = limit > held ? limit - held : 0;
        if (m.room >= 0 && left >= m.room) continue;
        m.room = left;
        m.limit = limit;
        copy_tail(m.folder, sizeof m.folder, g.folder);
    } while (go_up(&g));
    return m;
}

double ist__cgroup_cpus(const char *root)
{
    double least = 0;
    group g = find_group(root, "cpu", NULL);
    if (!g.version) return 0;
    do {
        long long quota = -1, period = -1;
        if (g.version == 2) {
            char *text = file_of(root, &g, "cpu.max"); /* "max 100000", "150000 100000" */
            if (text && sscanf(text, "%lld %lld", &quota, &period) != 2) quota = -1;
            ist__free(text);
        } else {
            quota = number_of(root, &g, "cpu.cfs_quota_us");
            period = number_of(root, &g, "cpu.cfs_period_us");
        }
        if (quota <= 0 || period <= 0) continue;
        const double cpus = (double)quota / (double)period;
        if (least <= 0 || cpus < least) least = cpus;
    } while (go_up(&g));
    return least;
}
