/* cli_difference.c - what a checkpoint and a command line disagree about, in words of the command line.
 *
 * A field of the library is the option of that name with dashes; those that are not stand in a table.
 */
#include "cli_difference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* begins: what the field begins with.  what: before both values, "" for nothing. */
static const struct {
    const char *begins, *option, *what;
} names[] = {{"hidden_norm", "norm", ""},
             {"hidden_count", "hidden", "layers: "},
             {"hidden[", "hidden", "a width: "},
             {"features", "train", "features: "},
             {"classes", "train", "classes: "},
             {"dataset features", "train", "features: "},
             {"dataset classes", "train", "classes: "},
             {"dataset rows", "train", "rows: "},
             {"model subnets", "subnets", ""},
             {"share of ", "shares", NULL}, /* the field itself */
             {"schedule", "lr-schedule", ""}};

static void option_of(const char *field, char *option, size_t cap, char *what, size_t what_cap)
{
    what[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strncmp(field, names[i].begins, strlen(names[i].begins)) != 0) continue;
        snprintf(option, cap, "%s", names[i].option);
        if (names[i].what) snprintf(what, what_cap, "%s", names[i].what);
        else snprintf(what, what_cap, "%s: ", field);
        return;
    }
    snprintf(option, cap, "%s", field);
    for (char *c = option; *c; c++)
        if (*c == '_') *c = '-';
}

/* The word of a choice that the number stands for, or the number. */
static const char *value_of(const cli_option *option, const char *number)
{
    if (strcmp(option ? option->name : "", "engine") == 0) return strcmp(number, "0") == 0 ? "native" : "openblas";
    if (!option || option->kind != CLI_CHOICE) return number;
    const char *word = cli_choice_word(option->choices, (int32_t)strtol(number, NULL, 10));
    return strcmp(word, "?") == 0 ? number : word;
}

const char *cli_difference_text(const ist_difference *difference, const cli_verb *verb, char *out, size_t cap)
{
    char name[sizeof difference->field], what[sizeof difference->field + 4];
    option_of(difference->field, name, sizeof name, what, sizeof what);
    const cli_option *option = cli_find(verb, name);
    snprintf(out, cap, "--%s: %sthe checkpoint has %s, this run %s", name, what, value_of(option, difference->saved),
             value_of(option, difference->present));
    return out;
}
