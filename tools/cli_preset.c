/* cli_preset.c - the authors' recipe for Google's Speech Commands, as their released trainers have it by default
 * (github.com/BinhangYuan/IST_Release).
 *
 * J and epochs are those of the trainers with one parameter server ("centralized"), which have 20 and 100 for both nets;
 * those with a partitioned one have 50 epochs, and J = 80 (two layers) and 30 (three).  What their options do not say:
 * every worker draws from all rows; features go in as they are; the test rows are shuffled, and each batch is normalized
 * by its own statistics; a net is tested after every epoch.
 *
 * Values that are defaults today are named too: a recipe is not to change when a default does.
 */
#include "cli_preset.h"

#include <string.h>

const cli_choice cli_preset_words[] = {{"none", 0}, {"paper-speech-2", 1}, {"paper-speech-3", 2}, {NULL, 0}};

/* Room for the text: parsers may cut it. */
typedef struct setting {
    const char *name;
    char value[24];
} setting;

static setting paper[] = {
    {"method", "ist"},
    {"optimizer", "sgd"},
    {"lr", "0.01"},
    {"lr-schedule", "constant"},
    {"lr-ramp", "0"},
    {"weight-decay", "0"},
    {"label-smoothing", "0"},
    {"input-dropout", "0"},
    {"hidden-dropout", "0"},
    {"batch", "128"},
    {"local-steps", "20"},
    {"epochs", "100"},
    {"data", "replicate"},
    {"normalize", "none"},
    {"norm", "batch"},
    {"activation", "relu"},
    {"output-norm", "batch"},
    {"output-scale", "1"},
    {"statistics", "batch"},
    {"eval-order", "shuffled"},
    {"eval-every", "1"},
    {"repartition-fraction", "1"},
    {"shares", "even"},
    {"balance", "even"},
    {"local-steps-last", "auto"},
    {"warmup-epochs", "0"},
    {"full-width-epochs", "0"},
    {"outer-lr", "1"},
    {"outer-momentum", "0"},
    {"average-from", "1"},
};

/* Named "2-layer" and "3-layer" by the matrices they have. */
static setting hidden[][1] = {{{"hidden", "4096"}}, {{"hidden", "8192,8192"}}};

static int32_t preset_of(int argc, char **argv)
{
    int32_t found = 0;
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *word = "";
        if (strcmp(argv[i], "--preset") == 0 && i + 1 < argc) word = argv[i + 1];
        if (strncmp(argv[i], "--preset=", 9) == 0) word = argv[i] + 9;
        for (const cli_choice *c = cli_preset_words; c->word; c++)
            if (strcmp(c->word, word) == 0) found = c->value;
    }
    return found;
}

static int apply(const cli_verb *verb, setting *settings, size_t count)
{
    int wrong = -1;
    for (size_t i = 0; i < count && wrong < 0; i++) wrong = cli_set(verb, settings[i].name, settings[i].value);
    return wrong;
}

int cli_preset_take(const cli_verb *verb, int argc, char **argv)
{
    const int32_t preset = preset_of(argc, argv);
    if (preset == 0) return -1;
    const int wrong = apply(verb, paper, sizeof paper / sizeof paper[0]);
    return wrong >= 0 ? wrong : apply(verb, hidden[preset - 1], 1);
}
