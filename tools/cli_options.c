/* cli_options.c - the parser of options, driven by tables of descriptors.
 *
 * Why not getopt_long: a descriptor says the range, the default and the words of an option once, and the parser, the
 * help and the log all read it there; getopt knows names only.  Forms: --name VALUE, --name=VALUE, --flag, --name [N]; what
 * comes after -- is an operand.  The last of two equal options counts, so that a script can append to a command line.
 */
#include "cli_options.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli_number.h"

enum { MAX_NAMES = 96, QUOTE_BYTES = 80 };

static void *field_of(const cli_group *group, const cli_option *option)
{
    return (char *)group->values + option->offset;
}

static bool is_number(cli_kind kind)
{
    return kind == CLI_INT32 || kind == CLI_INT64 || kind == CLI_UINT64 || kind == CLI_REAL;
}

const char *cli_choice_word(const cli_choice *choices, int32_t value)
{
    for (const cli_choice *c = choices; c->word; c++) {
        if (c->value == value) return c->word;
    }
    return "?";
}

/* ------------------------------------------------------------------------------------------------------- typos -- */

/* Edits (insert, delete, replace) from a to b; words here are short. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64];
    const size_t len_b = strlen(b);
    if (strlen(a) >= 64 || len_b >= 64) return 64;
    for (size_t j = 0; j <= len_b; j++) row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len_b; j++) {
            const size_t replace = diagonal + (a[i] != b[j]);
            const size_t other = 1 + (row[j] < row[j + 1] ? row[j] : row[j + 1]);
            diagonal = row[j + 1];
            row[j + 1] = replace < other ? replace : other;
        }
    }
    return row[len_b];
}

const char *cli_nearest(const char *text, const char *const *words, size_t count)
{
    const size_t len = strlen(text);
    const char *best = NULL;
    size_t best_distance = len < 4 ? 1 : len < 8 ? 2 : 3; /* edits that a slip of the finger makes */
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(text, words[i]);
        if (d > 1 && len >= 4 && strncmp(words[i], text, len) == 0) d = 1; /* a word begun is a likely meaning */
        if (d <= best_distance && (!best || d < best_distance)) {
            best = words[i];
            best_distance = d;
        }
    }
    return best;
}

/* ------------------------------------------------------------------------------------------------------ values -- */

/* "a whole number from 1 to 4096", "a number above 0", "a number in [0, 1)". */
static void show_range(const cli_option *o, char *out, size_t cap)
{
    const char *what = o->kind == CLI_REAL ? "a number" : "a whole number";
    char text[128];
    if (o->kind == CLI_UINT64) {
        snprintf(text, sizeof text, "%s from 0 to 2^64 - 1", what);
    } else if (o->high < o->low) {
        snprintf(text, sizeof text, "%s %s %.15g", what, o->low_open ? "above" : "of at least", o->low);
    } else if (o->kind == CLI_REAL) {
        snprintf(text, sizeof text, "%s in %c%.15g, %.15g%c", what, o->low_open ? '(' : '[', o->low, o->high,
                 o->high_open ? ')' : ']');
    } else {
        snprintf(text, sizeof text, "%s from %.15g to %.15g", what, o->low, o->high);
    }
    if (o->word) {
        snprintf(out, cap, "%s, nor \"%s\"", text, o->word);
    } else {
        snprintf(out, cap, "%s", text);
    }
}

static bool in_range(const cli_option *o, double value)
{
    if (o->low_open ? value <= o->low : value < o->low) return false;
    return o->high < o->low || (o->high_open ? value < o->high : value <= o->high);
}

static bool set_number(const cli_option *o, void *field, const char *text)
{
    double real = 0;
    int64_t whole = 0;
    uint64_t natural = 0;
    if (o->word && strcmp(text, o->word) == 0) {
        real = o->word_value;
        whole = (int64_t)o->word_value;
        natural = (uint64_t)o->word_value;
    } else if (o->kind == CLI_REAL) {
        if (!cli_parse_real(text, &real) || !in_range(o, real)) return false;
    } else if (o->kind == CLI_UINT64) {
        if (!cli_parse_natural(text, &natural)) return false;
    } else if (!cli_parse_whole(text, &whole) || !in_range(o, (double)whole)) {
        return false;
    }
    switch (o->kind) {
    case CLI_REAL: memcpy(field, &real, sizeof real); break;
    case CLI_INT64: memcpy(field, &whole, sizeof whole); break;
    case CLI_UINT64: memcpy(field, &natural, sizeof natural); break;
    default: {
        if (whole < INT32_MIN || whole > INT32_MAX) return false; /* a table without an upper end */
        const int32_t narrow = (int32_t)whole;
        memcpy(field, &narrow, sizeof narrow);
    }
    }
    return true;
}

/* Nearest choice and all choices: a value is as easily misspelt as a name. */
static int wrong_choice(const cli_option *o, const char *text)
{
    const char *words[16];
    char list[160] = "", quoted[QUOTE_BYTES];
    size_t count = 0, len = 0;
    for (const cli_choice *c = o->choices; c->word && count < 16; c++) {
        words[count++] = c->word;
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "", c->word);
    }
    const char *near = cli_nearest(text, words, count);
    return cli_wrong("--%s: %s is not one of %s%s%s%s", o->name, cli_quote(quoted, sizeof quoted, text), list,
                     near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

/* -1, or the exit status after the line was printed. */
static int set_value(const cli_group *group, const cli_option *o, char *text)
{
    void *field = field_of(group, o);
    char quoted[QUOTE_BYTES], why[160];
    cli_quote(quoted, sizeof quoted, text);
    if (o->kind == CLI_TEXT) {
        if (!*text) return cli_wrong("--%s: the value is empty", o->name);
        const char *kept = text;
        memcpy(field, &kept, sizeof kept);
    } else if (o->kind == CLI_CHOICE) {
        const cli_choice *c = o->choices;
        while (c->word && strcmp(c->word, text) != 0) c++;
        if (!c->word) return wrong_choice(o, text);
        memcpy(field, &c->value, sizeof c->value);
    } else if (o->kind == CLI_CUSTOM) {
        if (!o->parse(field, text, why, sizeof why)) return cli_wrong("--%s: %s %s", o->name, quoted, why);
    } else if (!set_number(o, field, text)) {
        show_range(o, why, sizeof why);
        return cli_wrong("--%s: %s is not %s", o->name, quoted, why);
    }
    return -1;
}

/* The value of a field as one would type it; "" when there is none. */
static void show_value(const cli_group *group, const cli_option *o, char *out, size_t cap)
{
    const void *field = field_of(group, o);
    double real = 0;
    int32_t narrow = 0;
    out[0] = '\0';
    switch (o->kind) {
    case CLI_FLAG: return;
    case CLI_TEXT: {
        const char *text;
        memcpy(&text, field, sizeof text);
        snprintf(out, cap, "%s", text ? text : "");
        return;
    }
    case CLI_CHOICE:
        memcpy(&narrow, field, sizeof narrow);
        snprintf(out, cap, "%s", cli_choice_word(o->choices, narrow));
        return;
    case CLI_CUSTOM: o->show(field, out, cap); return;
    case CLI_UINT64: {
        uint64_t natural;
        memcpy(&natural, field, sizeof natural);
        snprintf(out, cap, "%llu", (unsigned long long)natural);
        return;
    }
    case CLI_INT64: {
        int64_t whole;
        memcpy(&whole, field, sizeof whole);
        real = (double)whole;
        break;
    }
    case CLI_INT32:
        memcpy(&narrow, field, sizeof narrow);
        real = narrow;
        break;
    case CLI_REAL: memcpy(&real, field, sizeof real); break;
    }
    if (o->word && real == o->word_value) {
        snprintf(out, cap, "%s", o->word);
    } else if (in_range(o, real)) {
        snprintf(out, cap, "%.15g", real);
    }
}

json_t *cli_options_json(const cli_verb *verb)
{
    json_t *all = json_object();
    for (size_t g = 0; g < verb->group_count; g++) {
        const cli_group *group = &verb->groups[g];
        for (size_t i = 0; i < group->count; i++) {
            const cli_option *o = &group->options[i];
            char text[4096];
            json_t *value;
            show_value(group, o, text, sizeof text);
            if (o->kind == CLI_FLAG) {
                bool flag;
                memcpy(&flag, field_of(group, o), sizeof flag);
                value = json_boolean(flag);
            } else if (is_number(o->kind) && !(o->word && strcmp(text, o->word) == 0) &&
                       !(o->kind == CLI_UINT64 && strlen(text) > 18)) { /* jansson's integers are signed */
                double real = 0;
                int64_t whole = 0;
                value = o->kind != CLI_REAL && cli_parse_whole(text, &whole) ? json_integer(whole)
                        : cli_parse_real(text, &real)                        ? json_real(real)
                                                                             : json_null();
            } else {
                value = *text ? json_string(text) : json_null();
            }
            json_object_set_new(all, o->name, value);
        }
    }
    return all;
}

/* -------------------------------------------------------------------------------------------------------- help -- */

static void show_form(const cli_option *o, char *out, size_t cap)
{
    size_t len = (size_t)snprintf(out, cap, "--%s", o->name);
    if (o->value) {
        snprintf(out + len, cap - len, o->bare ? " [%s]" : " %s", o->value);
    } else if (o->kind == CLI_CHOICE) {
        for (const cli_choice *c = o->choices; c->word && len < cap; c++) {
            len += (size_t)snprintf(out + len, cap - len, "%c%s", c == o->choices ? ' ' : '|', c->word);
        }
    }
}

/* Words of `text` between column `from` and 96, starting at column `at`. */
static void print_wrapped(const char *text, int at, int from)
{
    while (*text) {
        const int len = (int)strcspn(text, " ");
        if (at + len > 96 && at > from) {
            printf("\n%*s", from, "");
            at = from;
        }
        printf("%.*s", len, text);
        at += len;
        text += len;
        if (*text == ' ') {
            text++;
            if (at + 1 + (int)strcspn(text, " ") <= 96) {
                putchar(' ');
                at++;
            } else {
                at = 97;
            }
        }
    }
    putchar('\n');
}

static void print_help(const cli_verb *verb)
{
    enum { LEFT = 30 };
    char form[160], text[700], value[256];
    printf("ist %s - %s\n\nusage: ist %s", verb->name, verb->purpose, verb->name);
    if (verb->operand) printf(" %s", verb->operand);
    if (verb->second) printf(" [%s]", verb->second);
    for (size_t g = 0; g < verb->group_count; g++) {
        for (size_t i = 0; i < verb->groups[g].count; i++) {
            if (!verb->groups[g].options[i].required) continue;
            show_form(&verb->groups[g].options[i], form, sizeof form);
            printf(" %s", form);
        }
    }
    puts(" [options]");
    if (verb->operand) printf("\n  %-*s%s\n", LEFT - 2, verb->operand, verb->operand_help);
    if (verb->second) printf("  %-*s%s\n", LEFT - 2, verb->second, verb->second_help);
    for (size_t g = 0; g < verb->group_count; g++) {
        const cli_group *group = &verb->groups[g];
        printf("\n%s\n", group->title);
        for (size_t i = 0; i < group->count; i++) {
            const cli_option *o = &group->options[i];
            show_form(o, form, sizeof form);
            show_value(group, o, value, sizeof value);
            snprintf(text, sizeof text, "%s%s%s%s", o->help, *value ? " (default: " : "", value, *value ? ")" : "");
            int at = printf("  %s", form);
            if (at + 2 > LEFT) {
                printf("\n%*s", LEFT, "");
            } else {
                printf("%*s", LEFT - at, "");
            }
            at = LEFT;
            print_wrapped(text, at, LEFT);
        }
    }
    if (verb->notes) printf("\n%s\n", verb->notes);
}

/* ----------------------------------------------------------------------------------------------------- parsing -- */

static int unknown_option(const cli_verb *verb, const char *word)
{
    const char *names[MAX_NAMES];
    size_t count = 0;
    char quoted[QUOTE_BYTES];
    for (size_t g = 0; g < verb->group_count; g++) {
        for (size_t i = 0; i < verb->groups[g].count && count < MAX_NAMES; i++) {
            names[count++] = verb->groups[g].options[i].name;
        }
    }
    const char *near = cli_nearest(word + strspn(word, "-"), names, count);
    return cli_wrong("there is no option %s%s%s%s", cli_quote(quoted, sizeof quoted, word),
                     near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
}

static const cli_option *find_option(const cli_verb *verb, const char *name, size_t len, const cli_group **group)
{
    for (size_t g = 0; g < verb->group_count; g++) {
        for (size_t i = 0; i < verb->groups[g].count; i++) {
            const cli_option *o = &verb->groups[g].options[i];
            if (strlen(o->name) == len && strncmp(o->name, name, len) == 0) {
                *group = &verb->groups[g];
                return o;
            }
        }
    }
    return NULL;
}

const cli_option *cli_find(const cli_verb *verb, const char *name)
{
    const cli_group *group = NULL;
    return find_option(verb, name, strlen(name), &group);
}

int cli_set(const cli_verb *verb, const char *name, char *text)
{
    const cli_group *group = NULL;
    const cli_option *o = find_option(verb, name, strlen(name), &group);
    return o ? set_value(group, o, text) : cli_wrong("there is no option --%s", name);
}

bool cli_was_given(const cli_args *args, const char *name)
{
    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i]->name, name) == 0) return true;
    }
    return false;
}

static int take_operand(const cli_verb *verb, cli_args *args, const char *text)
{
    char quoted[QUOTE_BYTES];
    cli_quote(quoted, sizeof quoted, text);
    if (!verb->operand) return cli_wrong("%s is not an option, and nothing else is expected here", quoted);
    const bool second = args->operand && verb->second;
    if (args->second || (args->operand && !second))
        return cli_wrong("%s: one %s is enough", quoted, args->second ? verb->second : verb->operand);
    if (!*text) return cli_wrong("%s: the name is empty", second ? verb->second : verb->operand);
    *(second ? &args->second : &args->operand) = text;
    return -1;
}

/* Of an option that needs no value: is the next word one? */
static bool is_value(const cli_option *o, const char *next)
{
    if (!next) return false;
    return o->kind == CLI_TEXT ? strncmp(next, "--", 2) != 0 : isdigit((unsigned char)*next);
}

int cli_parse(const cli_verb *verb, int argc, char **argv, cli_args *args)
{
    *args = (cli_args){0};
    for (int i = 0; i < argc; i++) { /* help is help wherever it stands, even in a wrong line */
        if (strcmp(argv[i], "--") == 0) break;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(verb);
            return CLI_DONE;
        }
    }
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        char *word = argv[i];
        int wrong = -1;
        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
            continue;
        }
        if (options_end || word[0] != '-' || !word[1]) {
            if ((wrong = take_operand(verb, args, word)) >= 0) return wrong;
            continue;
        }
        const char *name = word + (word[1] == '-' ? 2 : 1);
        const size_t len = strcspn(name, "=");
        const cli_group *group = NULL;
        const cli_option *o = word[1] == '-' ? find_option(verb, name, len, &group) : NULL;
        if (!o) {
            word[(size_t)(name - word) + len] = '\0';
            return unknown_option(verb, word);
        }
        if (o->kind == CLI_FLAG) {
            if (name[len]) return cli_wrong("--%s takes no value", o->name);
            const bool yes = true;
            memcpy(field_of(group, o), &yes, sizeof yes);
        } else {
            char form[160];
            show_form(o, form, sizeof form);
            char bare[16] = "", *text = name[len] ? word + (name - word) + len + 1 : NULL;
            const char *next = i + 1 < argc ? argv[i + 1] : NULL;
            if (!text && o->bare && !is_value(o, next)) {
                snprintf(bare, sizeof bare, "%s", o->bare);
                text = o->kind == CLI_TEXT ? (char *)(uintptr_t)o->bare : bare; /* texts are kept where they are */
            } else if (!text && next) {
                text = argv[++i];
            }
            if (!text) return cli_wrong("--%s: the value is missing (%s)", o->name, form);
            /* "--model --quiet" is a forgotten value far more often than a file of that name; --model=--quiet works. */
            if (!name[len] && !o->bare && strncmp(text, "--", 2) == 0 && isalpha((unsigned char)text[2])) {
                return cli_wrong("--%s: the value is missing (%s)", o->name, form);
            }
            if ((wrong = set_value(group, o, text)) >= 0) return wrong;
        }
        if (!cli_was_given(args, o->name) && args->given_count < CLI_MAX_GIVEN) args->given[args->given_count++] = o;
    }
    if (verb->operand && !args->operand) return cli_wrong("%s is missing", verb->operand);
    for (size_t g = 0; g < verb->group_count; g++) {
        for (size_t i = 0; i < verb->groups[g].count; i++) {
            const cli_option *o = &verb->groups[g].options[i];
            char value[256] = "";
            if (o->required) show_value(&verb->groups[g], o, value, sizeof value);
            if (o->required && !*value) return cli_wrong("--%s is missing", o->name);
        }
    }
    return -1;
}
