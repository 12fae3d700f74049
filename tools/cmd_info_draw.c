/* cmd_info_draw.c - the machine as people draw it: packages, the nodes in them, the teams on the nodes.
 *
 * A machine is one box, cut into its packages; a node is a row, and so is each further team of it:
 *
 *     +- package 0 ---------------------------------------------------+
 *     | node 0  8 cores  2.1 GB of 34 GB  team 0  8 threads on 0-7    |
 *     +- package 1 ---------------------------------------------------+
 *
 * All rows are made before the first is printed, because columns line up over the whole machine.
 */
#define _GNU_SOURCE
#include "cmd_info_draw.h"

#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_json.h"
#include "cli_limits.h"
#include "cli_memory.h"
#include "cli_number.h"

enum { MOST_COLUMNS = 100, LEAST_WIDTH = 64, CELLS = 7, CELL_BYTES = 40 };

/* The last cell is as long as it must be: `tail`, wrapped when it is printed. */
typedef struct row {
    char cell[CELLS][CELL_BYTES]; /* node, cores, planned, memory, its kind, team, threads */
    char *tail;
} row;

typedef struct section {
    int first, last; /* packages; -1: none is told */
    row *rows;
    size_t count, room;
} section;

typedef struct drawing {
    const json_t *report, *nodes, *teams, *by_node, *homes, *closed;
    section *sections;
    size_t count;
} drawing;

static const bool right_aligned[CELLS] = {false, true, true, true, false, false, true};
static const int gap[CELLS] = {2, 2, 1, 2, 2, 2, 1}; /* behind a cell */

/* ------------------------------------------------------------------------------------------------------- rows -- */

static int whole(const json_t *object, const char *key, int missing)
{
    return (int)cli_json_number(object, key, missing);
}

static row *lose(void)
{
    cli_memory_lose();
    return NULL;
}

/* A row more in the section of these packages ([first, last] or null); NULL: no memory, which is kept. */
static row *add_row(drawing *d, const json_t *packages)
{
    const int first = json_is_array(packages) ? (int)json_integer_value(json_array_get(packages, 0)) : -1;
    const int last = json_is_array(packages) ? (int)json_integer_value(json_array_get(packages, 1)) : -1;
    size_t s = 0;
    while (s < d->count && (d->sections[s].first != first || d->sections[s].last != last)) s++;
    if (s == d->count) {
        section *more = realloc(d->sections, (s + 1) * sizeof *more);
        if (!more) return lose();
        d->sections = more;
        d->sections[d->count++] = (section){.first = first, .last = last};
    }
    section *in = &d->sections[s];
    if (in->count == in->room) {
        const size_t room = in->room ? 2 * in->room : 16;
        row *more = realloc(in->rows, room * sizeof *more);
        if (!more) return lose();
        in->rows = more;
        in->room = room;
    }
    in->rows[in->count] = (row){0};
    return &in->rows[in->count++];
}

static bool is_fallback(const drawing *d, int node)
{
    const json_t *other;
    size_t i;
    json_array_foreach(d->nodes, i, other)
    {
        if (whole(other, "next", -1) == node) return true;
    }
    return false;
}

static void tell_cores(const drawing *d, const json_t *node, char *out)
{
    const int cores = whole(node, "cores", 0), all = whole(node, "cores_all", cores);
    if (all == 0) snprintf(out, CELL_BYTES, is_fallback(d, whole(node, "node", 0)) ? "fallback" : "memory only");
    else if (cores == all) snprintf(out, CELL_BYTES, "%d core%s", cores, cores == 1 ? "" : "s");
    else snprintf(out, CELL_BYTES, "%d of %d cores", cores, all);
}

static void tell_node(const drawing *d, const json_t *node, row *r)
{
    char number[CLI_NUMBER_BYTES];
    const int index = whole(node, "node", 0), os_index = whole(node, "os_index", index);
    const double bytes = cli_json_number(node, "memory_bytes", 0);
    const json_t *planned = json_array_get(d->by_node, (size_t)index);
    const char *kind = cli_json_text(node, "kind", "");
    snprintf(r->cell[0], CELL_BYTES, os_index == index ? "node %d" : "node %d (os %d)", index, os_index);
    tell_cores(d, node, r->cell[1]);
    if (planned) snprintf(r->cell[2], CELL_BYTES, "%s", cli_show_bytes(number, json_number_value(planned)));
    snprintf(r->cell[3], CELL_BYTES, "%s%s", planned ? "of " : "", bytes > 0 ? cli_show_bytes(number, bytes) : "?");
    snprintf(r->cell[4], CELL_BYTES, "%s", kind);
}

/* ------------------------------------------------------------------------------------------------------- lists -- */

/* "0-3, 8" of [0, 1, 2, 3, 8], "0, 2 .. 14" of [0, 2, 4, .. 14]: the first hardware threads of eight cores. */
static void show_list(FILE *out, const json_t *numbers)
{
    const size_t count = json_array_size(numbers);
    for (size_t i = 0; i < count;) {
        const long long first = json_integer_value(json_array_get(numbers, i));
        const long long step = i + 1 < count ? json_integer_value(json_array_get(numbers, i + 1)) - first : 0;
        size_t end = i + 1;
        while (end < count && json_integer_value(json_array_get(numbers, end)) == first + step * (long long)(end - i))
            end++;
        const bool dash = step == 1 && end - i > 1, dots = step > 1 && end - i > 3;
        if (!dash && !dots) end = i + 1;
        const long long last = first + step * (long long)(end - i - 1);
        fprintf(out, "%s%lld", i ? ", " : "", first);
        if (dash) fprintf(out, "-%lld", last);
        if (dots) fprintf(out, ", %lld .. %lld", first + step, last);
        i = end;
    }
}

/* Whether the system told where every thread of a team ended up (-1: not bound yet). */
static bool all_known(const json_t *bound)
{
    const json_t *pu;
    size_t i;
    json_array_foreach(bound, i, pu)
    {
        if (json_integer_value(pu) < 0) return false;
    }
    return json_is_array(bound);
}

/* Whose memory a team takes, and why: a planned training may have moved it. */
static const json_t *home_of(const drawing *d, const json_t *team)
{
    const json_t *planned = json_array_get(d->homes, (size_t)whole(team, "team", 0));
    return planned ? planned : team;
}

static void tell_team(const drawing *d, const json_t *team, row *r)
{
    size_t size;
    const int threads = whole(team, "threads", 0), far = whole(team, "far", 0);
    const json_t *pus = json_object_get(team, "pus"), *bound = json_object_get(team, "bound");
    const json_t *nodes = json_object_get(team, "nodes");
    const char *why = cli_json_text(home_of(d, team), "why", "local");
    snprintf(r->cell[5], CELL_BYTES, "team %d", whole(team, "team", 0));
    snprintf(r->cell[6], CELL_BYTES, "%d thread%s", threads, threads == 1 ? " " : "s");
    FILE *out = open_memstream(&r->tail, &size);
    if (!out) {
        cli_memory_lose();
        return;
    }
    fputs("on ", out);
    show_list(out, pus);
    if (json_array_size(nodes) > 1) {
        fputs(", over nodes ", out);
        show_list(out, nodes);
    }
    if (strcmp(why, "bandwidth") == 0) fputs(", home by bandwidth", out);
    if (strcmp(why, "room") == 0) fputs(", home without room", out);
    if (far > 0) fprintf(out, ", %d far", far);
    if (all_known(bound) && !json_equal(bound, pus)) {
        fputs(", got ", out);
        show_list(out, bound);
    }
    if (fclose(out) != 0) cli_memory_lose();
}

/* ----------------------------------------------------------------------------------------------------- filling -- */

/* In the tail of the row of a node without a team, else in one behind those of the teams. */
static void add_note(drawing *d, const json_t *packages, row *r, bool fresh, const char *text)
{
    if (!fresh) r = add_row(d, packages);
    if (r && !(r->tail = strdup(text))) cli_memory_lose();
}

static void fill_node(drawing *d, const json_t *node)
{
    const json_t *packages = json_object_get(node, "packages"), *team;
    const double memory = cli_json_number(node, "memory_bytes", 0);
    const double planned = json_number_value(json_array_get(d->by_node, (size_t)whole(node, "node", 0)));
    size_t i;
    bool fresh = true;
    row *r = add_row(d, packages);
    if (!r) return;
    tell_node(d, node, r);
    json_array_foreach(d->teams, i, team)
    {
        if (whole(home_of(d, team), "node", -1) != whole(node, "node", 0)) continue;
        if (!fresh) r = add_row(d, packages);
        if (!r) return;
        tell_team(d, team, r);
        fresh = false;
    }
    char left[80];
    if (memory > 0 && planned > memory) add_note(d, packages, r, fresh, "more than there is");
    else if (*cli_limits_node(left, sizeof left, d->report, whole(node, "node", 0)))
        add_note(d, packages, r, fresh, left);
}

static void fill_closed(drawing *d, const json_t *node)
{
    char number[CLI_NUMBER_BYTES];
    const double bytes = cli_json_number(node, "memory_bytes", 0);
    row *r = add_row(d, json_object_get(node, "packages"));
    if (!r) return;
    snprintf(r->cell[0], CELL_BYTES, "- (os %d)", whole(node, "os_index", 0));
    snprintf(r->cell[1], CELL_BYTES, bytes > 0 ? "closed to us" : "no memory");
    if (bytes > 0) snprintf(r->cell[3], CELL_BYTES, "%s", cli_show_bytes(number, bytes));
}

/* ---------------------------------------------------------------------------------------------------- printing -- */

typedef struct lines {
    const char *across, *down, *top[2], *middle[2], *bottom[2];
} lines;

static bool speaks_utf8(void)
{
    const locale_t user = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    const bool utf8 = user && strcmp(nl_langinfo_l(CODESET, user), "UTF-8") == 0;
    if (user) freelocale(user);
    return utf8;
}

static void print_edge(const lines *l, const char *const *ends, const char *title, int width)
{
    int used = 0;
    fputs(ends[0], stdout);
    if (*title) {
        fputs(l->across, stdout);
        used = 1 + printf(" %s ", title);
    }
    for (; used < width; used++) fputs(l->across, stdout);
    puts(ends[1]);
}

/* As much of a list as fits, whole numbers; the rest begins behind what was taken.  Returns the bytes taken. */
static size_t fits(const char *tail, size_t width)
{
    size_t end = strlen(tail);
    if (end <= width) return end;
    for (end = width; end > 0 && tail[end] != ' ';) end--;
    return end ? end : width;
}

static void print_row(const row *r, const int *width, int head, int inner, const lines *l)
{
    const char *tail = r->tail ? r->tail : "";
    const size_t room = (size_t)(inner - 2 - head);
    for (bool first = true; first || *tail; first = false) {
        const size_t taken = fits(tail, room);
        printf("%s ", l->down);
        for (int c = 0; c < CELLS; c++) {
            if (width[c] == 0) continue;
            const char *text = first ? r->cell[c] : "";
            printf(right_aligned[c] ? "%*s%*s" : "%-*s%*s", width[c], text, gap[c], "");
        }
        printf("%-*.*s %s\n", (int)room, (int)taken, tail, l->down);
        tail += taken;
        while (*tail == ' ') tail++;
    }
}

static void name_section(const section *s, bool alone, char *out, size_t cap)
{
    if (s->first < 0) snprintf(out, cap, alone ? "machine" : "no package");
    else if (s->first == s->last) snprintf(out, cap, "package %d", s->first);
    else snprintf(out, cap, "packages %d-%d", s->first, s->last);
}

static void print_drawing(const drawing *d)
{
    static const lines ascii = {"-", "|", {"+", "+"}, {"+", "+"}, {"+", "+"}};
    static const lines utf8 = {"\u2500", "\u2502", {"\u250c", "\u2510"}, {"\u251c", "\u2524"}, {"\u2514", "\u2518"}};
    const lines *l = speaks_utf8() ? &utf8 : &ascii;
    int width[CELLS] = {0}, head = 0, longest = 0;
    for (size_t s = 0; s < d->count; s++)
        for (size_t i = 0; i < d->sections[s].count; i++) {
            const row *r = &d->sections[s].rows[i];
            const int length = r->tail ? (int)strlen(r->tail) : 0;
            for (int c = 0; c < CELLS; c++)
                if ((int)strlen(r->cell[c]) > width[c]) width[c] = (int)strlen(r->cell[c]);
            longest = length > longest ? length : longest;
        }
    for (int c = 0; c < CELLS; c++)
        if (width[c] > 0) head += width[c] + gap[c];
    int inner = head + longest + 2;
    if (inner < LEAST_WIDTH) inner = LEAST_WIDTH;
    if (inner > MOST_COLUMNS - 2) inner = MOST_COLUMNS - 2;
    for (size_t s = 0; s < d->count; s++) {
        char title[40];
        name_section(&d->sections[s], d->count == 1, title, sizeof title);
        print_edge(l, s ? l->middle : l->top, title, inner);
        for (size_t i = 0; i < d->sections[s].count; i++) print_row(&d->sections[s].rows[i], width, head, inner, l);
    }
    print_edge(l, l->bottom, "", inner);
}

void info_draw(const json_t *report, const json_t *planned)
{
    const json_t *machine = json_object_get(report, "machine"), *node;
    drawing d = {.report = report,
                 .nodes = json_object_get(machine, "nodes"),
                 .closed = json_object_get(machine, "closed"),
                 .teams = json_object_get(json_object_get(report, "plan"), "teams"),
                 .by_node = json_object_get(planned, "by_node"),
                 .homes = json_object_get(planned, "homes")};
    size_t i;
    json_array_foreach(d.nodes, i, node)
    {
        fill_node(&d, node);
    }
    json_array_foreach(d.closed, i, node)
    {
        fill_closed(&d, node);
    }
    print_drawing(&d);
    for (size_t s = 0; s < d.count; s++) {
        for (i = 0; i < d.sections[s].count; i++) free(d.sections[s].rows[i].tail);
        free(d.sections[s].rows);
    }
    free(d.sections);
}
