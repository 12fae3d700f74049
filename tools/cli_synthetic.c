/* cli_synthetic.c - seeded rows of few features and labels among very many.
 *
 * Why made rows: what memory and speed at the size of Amazon-670k are can be measured without that data set; what is learned there
 * cannot, and nothing here claims to tell.  What makes the rows like real ones: some features and labels are met in every
 * batch and most hardly ever (Zipf), numbers do not tell which (they are shuffled), rows differ in length, and a label can be
 * learned: it has words, 16 features of its own choice, and a share of a row's values are words of its labels.
 */
#include "cli_synthetic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* SplitMix64 (Steele, Lea, Flood 2014): a counter through a mixing function. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t next_bits(uint64_t *state)
{
    return mix(*state += 0x9e3779b97f4a7c15u);
}

/* A stream of its own for every (seed, what, number). */
enum { FOR_ROWS = 1, FOR_WORDS = 2, FOR_FEATURE_IDS = 3, FOR_LABEL_IDS = 4 };
static uint64_t stream_of(uint64_t seed, uint64_t what, uint64_t number)
{
    return mix(mix(mix(seed + 0x9e3779b97f4a7c15u) + what) + number);
}

/* 0 .. count - 1; uneven by less than count / 2^32. */
static uint32_t below(uint32_t bits, uint32_t count)
{
    return (uint32_t)(((uint64_t)bits * count) >> 32);
}

/* [0, 1) */
static double real(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

/* ------------------------------------------------------------------------------------------------ Zipf's law -- */

static void free_alias(cli_alias *a)
{
    free(a->threshold);
    free(a->other);
    free(a->id);
    *a = (cli_alias){0};
}

/* Walker's alias method, as Vose has it: each place keeps its own number with a probability, and else gives another's. */
static void fill_alias(cli_alias *a, double zipf, double *share, uint32_t *stack)
{
    const uint32_t count = a->count;
    double sum = 0;
    for (uint32_t r = count; r-- > 0;) sum += share[r] = pow((double)r + 1, -zipf);
    /* Shares fall with r: so places below the mean are a tail, and a stack from either end meets in the middle. */
    uint32_t poor = 0, rich = count;
    for (uint32_t r = 0; r < count; r++) {
        share[r] *= count / sum;
        if (share[r] < 1) stack[poor++] = r;
        else stack[--rich] = r;
    }
    while (poor > 0 && rich < count) {
        const uint32_t p = stack[--poor], q = stack[rich];
        a->threshold[p] = (uint32_t)(share[p] * 0x1p32);
        a->other[p] = q;
        share[q] -= 1 - share[p];
        if (share[q] < 1) {
            rich++;
            stack[poor++] = q;
        }
    }
    /* The share of those left is 1 but for rounding. */
    for (uint32_t i = 0; i < poor; i++) a->other[stack[i]] = stack[i];
    for (; rich < count; rich++) a->other[stack[rich]] = stack[rich];
}

static bool make_alias(cli_alias *a, uint32_t count, double zipf, uint64_t ids)
{
    a->count = count;
    a->threshold = calloc(count, sizeof *a->threshold);
    a->other = malloc((size_t)count * sizeof *a->other);
    a->id = malloc((size_t)count * sizeof *a->id);
    double *const share = malloc((size_t)count * sizeof *share);
    uint32_t *const stack = malloc((size_t)count * sizeof *stack);
    const bool well = a->threshold && a->other && a->id && share && stack;
    if (well) {
        fill_alias(a, zipf, share, stack);
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t j = below((uint32_t)(next_bits(&ids) >> 32), i + 1);
            a->id[i] = a->id[j];
            a->id[j] = i;
        }
    }
    free(share);
    free(stack);
    return well;
}

static int32_t draw(const cli_alias *a, uint64_t *state)
{
    const uint64_t bits = next_bits(state);
    const uint32_t place = below((uint32_t)(bits >> 32), a->count);
    return (int32_t)a->id[(uint32_t)bits < a->threshold[place] ? place : a->other[place]];
}

/* ------------------------------------------------------------------------------------------------------ rows -- */

bool cli_synthetic_make(cli_synthetic *s, const cli_synthetic_shape *shape)
{
    memset(s, 0, sizeof *s);
    s->shape = *shape;
    s->most_values = (int32_t)fmin(shape->features, ceil(1.5 * (shape->values_a_row - 1)) + 1);
    s->most_labels = (int32_t)fmin(shape->labels, ceil(1.5 * (shape->labels_a_row - 1)) + 1);
    const bool well =
        make_alias(&s->feature, (uint32_t)shape->features, shape->feature_zipf,
                   stream_of(shape->seed, FOR_FEATURE_IDS, 0)) &&
        make_alias(&s->label, (uint32_t)shape->labels, shape->label_zipf, stream_of(shape->seed, FOR_LABEL_IDS, 0));
    if (!well) cli_synthetic_free(s);
    return well;
}

void cli_synthetic_free(cli_synthetic *s)
{
    free_alias(&s->feature);
    free_alias(&s->label);
}

/* One, and from half to one and a half times the rest; the mean of what is rounded at random is the mean. */
static int32_t draw_count(double mean, int32_t most, uint64_t *state)
{
    const double spread = real(next_bits(state)), rounding = real(next_bits(state));
    const double count = 1 + floor((mean - 1) * (0.5 + spread) + rounding);
    return count < most ? (int32_t)count : most;
}

static uint64_t begin_row(const cli_synthetic *s, int64_t row, int32_t *values, int32_t *labels)
{
    uint64_t state = stream_of(s->shape.seed, FOR_ROWS, (uint64_t)row);
    *labels = draw_count(s->shape.labels_a_row, s->most_labels, &state);
    *values = draw_count(s->shape.values_a_row, s->most_values, &state);
    return state;
}

void cli_synthetic_count(const cli_synthetic *s, int64_t row, int32_t *values, int32_t *labels)
{
    begin_row(s, row, values, labels);
}

/* Into the ascending list `id` (count), unless it is there: its place then, else -1.  value NULL: a list of ids alone. */
static int32_t insert(int32_t *id, float *value, int32_t count, int32_t one)
{
    int32_t low = 0, high = count;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (id[middle] < one) low = middle + 1;
        else high = middle;
    }
    if (low < count && id[low] == one) return -1;
    memmove(id + low + 1, id + low, (size_t)(count - low) * sizeof *id);
    if (value) memmove(value + low + 1, value + low, (size_t)(count - low) * sizeof *value);
    id[low] = one;
    return low;
}

/* The least number that the ascending list lacks: for rows that have nearly all there are. */
static int32_t first_missing(const int32_t *id, int32_t count)
{
    int32_t one = 0;
    while (one < count && id[one] == one) one++;
    return one;
}

static int32_t draw_word(const cli_synthetic *s, const int32_t *label, int32_t labels, uint64_t *state)
{
    const uint64_t bits = next_bits(state);
    const int32_t of = label[below((uint32_t)(bits >> 32), (uint32_t)labels)];
    const uint64_t word = (uint64_t)of * CLI_SYNTHETIC_WORDS + (bits & (CLI_SYNTHETIC_WORDS - 1));
    uint64_t words = stream_of(s->shape.seed, FOR_WORDS, word);
    return draw(&s->feature, &words);
}

void cli_synthetic_row(const cli_synthetic *s, int64_t row, int32_t *feature, float *value, int32_t *label)
{
    enum { TRIES = 32 }; /* for each that the row needs */
    int32_t values, labels;
    uint64_t state = begin_row(s, row, &values, &labels);
    int64_t tries = (int64_t)TRIES * labels;
    for (int32_t count = 0; count < labels;) {
        const int32_t one = tries-- > 0 ? draw(&s->label, &state) : first_missing(label, count);
        if (insert(label, NULL, count, one) >= 0) count++;
    }
    tries = (int64_t)TRIES * values;
    for (int32_t count = 0; count < values;) {
        const bool tells = real(next_bits(&state)) < s->shape.signal;
        const int32_t one = tries-- <= 0 ? first_missing(feature, count)
                            : tells      ? draw_word(s, label, labels, &state)
                                         : draw(&s->feature, &state);
        /* A word counts for more than what just stands there. */
        const uint32_t half = CLI_SYNTHETIC_STEPS / 2, bits = (uint32_t)(next_bits(&state) >> 32);
        const uint32_t steps = tells ? half + 1 + below(bits, half) : 1 + below(bits, 2 * half);
        const int32_t at = insert(feature, value, count, one);
        if (at < 0) continue;
        value[at] = (float)steps / CLI_SYNTHETIC_STEPS;
        count++;
    }
}
