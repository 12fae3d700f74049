/* ist_main.c - the command ist: picks the verb.
 *
 * The tool stands outside the library: it includes ist/ist.h alone, so whatever it does, an embedding program can do,
 * too.  Exit statuses: 0 done, 1 the run failed, 2 the command line is wrong, 3 the data or model file is bad, 130 and
 * 143 after SIGINT and SIGTERM.
 */
#include <stdio.h>
#include <string.h>

#include "cli_commands.h"
#include "cli_json.h"
#include "cli_likwid.h"
#include "cli_memory.h"
#include "cli_options.h"

#ifndef IST_TOOL_VERSION
#  define IST_TOOL_VERSION IST_VERSION_STRING
#endif

static const struct {
    const char *name, *purpose;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"train", "train a net from files", cmd_train},
    {"eval", "accuracy and loss of a model on a data set", cmd_eval},
    {"predict", "class probabilities, or the most probable classes, of every row", cmd_predict},
    {"convert", "sparse text into a data file that opens at once; or what is in it", cmd_convert},
    {"generate", "synthetic sparse rows with very many labels, seeded", cmd_generate},
    {"export", "a model for other programs: safetensors, NPZ, ONNX", cmd_export},
    {"import", "a model file from safetensors or NPZ with the names of ist export", cmd_import},
    {"info", "the machine, the plan of teams, and the bytes of a training", cmd_info},
    {"demo", "a result in a minute, without any file", cmd_demo},
};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

static void print_help(FILE *out)
{
    fputs("ist - independent subnet training of multilayer perceptrons on one machine\n\n", out);
    fputs("usage: ist VERB [options]\n\n", out);
    for (size_t i = 0; i < VERBS; i++) fprintf(out, "  %-10s%s\n", verbs[i].name, verbs[i].purpose);
    fputs("  help VERB what a verb takes; the same as ist VERB --help\n", out);
    fputs("  --version the version of the command and of the library\n\n", out);
    fputs("Try `ist demo` first.  All of it: man ist\n", out);
}

static int print_version(void)
{
    const int32_t v = ist_version();
    printf("ist %s (libist %d.%d.%d)\n", IST_TOOL_VERSION, v / 10000, v / 100 % 100, v % 100);
    return cli_stdout_is_well() ? CLI_DONE : CLI_FAILED;
}

static int run_verb(const char *name, int argc, char **argv)
{
    const char *names[VERBS];
    for (size_t i = 0; i < VERBS; i++) {
        names[i] = verbs[i].name;
        if (strcmp(name, verbs[i].name) != 0) continue;
        cli_say_as(verbs[i].name);
        cli_likwid_begin();
        const int status = verbs[i].run(argc, argv);
        cli_likwid_end();
        return status;
    }
    char quoted[80];
    const char *near = cli_nearest(name, names, VERBS);
    return cli_wrong("%s is not something ist can do%s%s%s", cli_quote(quoted, sizeof quoted, name),
                     near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

int main(int argc, char **argv)
{
    cli_wall_s(); /* the clock of wall_s starts here */
    cli_memory_watch();
    if (argc < 2) {
        print_help(stderr);
        return CLI_WRONG;
    }
    const char *word = argv[1];
    const bool help = strcmp(word, "help") == 0;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (help && argc == 2)) {
        print_help(stdout);
        return cli_stdout_is_well() ? CLI_DONE : CLI_FAILED;
    }
    if (strcmp(word, "--version") == 0) return print_version();
    if (help) {
        if (argc > 3) return cli_wrong("help takes one verb");
        char ask[] = "--help", *words[] = {ask, NULL};
        return run_verb(argv[2], 1, words);
    }
    return run_verb(word, argc - 2, argv + 2);
}
