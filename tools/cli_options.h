/* cli_options.h - one table of option descriptors drives the parser, --help, the log's record of options, and (by a
 * test) the man page. */
#ifndef IST_TOOLS_CLI_OPTIONS_H
#define IST_TOOLS_CLI_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli_say.h"

typedef enum cli_kind {
    CLI_FLAG,   /* bool */
    CLI_TEXT,   /* const char *, NULL: not given */
    CLI_INT32,  /* int32_t */
    CLI_INT64,  /* int64_t */
    CLI_UINT64, /* uint64_t, any */
    CLI_REAL,   /* double */
    CLI_CHOICE, /* int32_t, one of `choices` */
    CLI_CUSTOM  /* what `parse` fills */
} cli_kind;

typedef struct cli_choice {
    const char *word; /* NULL ends the list */
    int32_t value;
} cli_choice;

/* A field that holds the default before parsing and the value afterwards: so help shows defaults that have one home. */
typedef struct cli_option {
    const char *name;  /* without the two dashes */
    const char *value; /* what stands for the value in help; NULL: a flag, or the words of the choices */
    const char *help;  /* a sentence fragment, without its default */
    cli_kind kind;
    size_t offset;            /* of the field in the group's values */
    double low, high;         /* numbers: the range; high < low: no upper end */
    bool low_open, high_open; /* the end itself is out of range */
    bool required;            /* unless it has a value before anything is parsed */
    const char *word;         /* numbers: a word ("auto") that stands for word_value, inside the range or not */
    double word_value;
    const char
        *bare; /* numbers, texts: what the option means without a value; a next word counts as one if a digit begins it,
                  of texts if no two dashes do */
    const cli_choice *choices;
    /* CLI_CUSTOM: false and a reason (a clause after the quoted text) for a text that is not understood.  text may be
     * cut in place and stays alive: it belongs to argv. */
    bool (*parse)(void *field, char *text, char *why, size_t cap);
    void (*show)(const void *field, char *out, size_t cap); /* CLI_CUSTOM: as the user would type it; "" none */
} cli_option;

typedef struct cli_group {
    const char *title;
    const cli_option *options;
    size_t count;
    void *values;
} cli_group;

typedef struct cli_verb {
    const char *name, *purpose;
    const char *operand, *operand_help; /* "MODEL"; NULL: takes none.  An operand is required */
    const char *second, *second_help;   /* one more operand, which may be missing; NULL: takes none */
    const char *notes;                  /* after the options, may be NULL */
    const cli_group *groups;
    size_t group_count;
} cli_verb;

enum { CLI_MAX_GIVEN = 64 };
typedef struct cli_args {
    const char *operand, *second;           /* NULL: not given */
    const cli_option *given[CLI_MAX_GIVEN]; /* each once */
    size_t given_count;
} cli_args;

/* Parse argv[0] .. argv[argc - 1], the words after the verb.  -1: go on; else the exit status: help was printed
 * (CLI_DONE), or a line about what is wrong (CLI_WRONG). */
int cli_parse(const cli_verb *verb, int argc, char **argv, cli_args *args);
bool cli_was_given(const cli_args *args, const char *name);

/* Set one option as if it were typed, before cli_parse; text stays alive.  -1, or an exit status. */
int cli_set(const cli_verb *verb, const char *name, char *text);

/* The option of that name; NULL: there is none. */
const cli_option *cli_find(const cli_verb *verb, const char *name);

/* All options of a verb as they stand now: {"lr": 0.1, "state": "carried", ...}; a new reference, NULL: no memory. */
json_t *cli_options_json(const cli_verb *verb);
/* The word of a choice, "?" if there is none. */
const char *cli_choice_word(const cli_choice *choices, int32_t value);

/* The word of `words` (count) nearest to `text`, NULL if none is near enough to be a slip of the finger. */
const char *cli_nearest(const char *text, const char *const *words, size_t count);

#endif
