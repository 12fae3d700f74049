/* cli_synthetic.h - seeded rows of few features and labels among very many: synthetic, with the shape of extreme classification. */
#ifndef IST_TOOLS_CLI_SYNTHETIC_H
#define IST_TOOLS_CLI_SYNTHETIC_H

#include <stdbool.h>
#include <stdint.h>

enum { CLI_SYNTHETIC_WORDS = 16, CLI_SYNTHETIC_STEPS = 64 };

/* Row i of the endless data set of these numbers depends on them and i alone. */
typedef struct cli_synthetic_shape {
    int32_t features, labels;
    double values_a_row, labels_a_row; /* means, 1 or more; a row has from half of it to half as many again */
    double feature_zipf, label_zipf;   /* the r-th most frequent one has a probability like r^-zipf; 0: all the same */
    double signal;                     /* the share of a row's values that tell of its labels */
    uint64_t seed;
} cli_synthetic_shape;

/* Numbers 0 .. count - 1 with given probabilities, one in constant time. */
typedef struct cli_alias {
    uint32_t count;
    uint32_t *threshold, *other; /* (count) */
    uint32_t *id;                /* (count) of the r-th most frequent one: they stand in no order */
} cli_alias;

typedef struct cli_synthetic {
    cli_synthetic_shape shape;
    cli_alias feature, label;
    int32_t most_values, most_labels; /* that a row can have */
} cli_synthetic;

/* False: no memory. */
bool cli_synthetic_make(cli_synthetic *out, const cli_synthetic_shape *shape);
void cli_synthetic_free(cli_synthetic *synthetic);

/* How many values and labels row `row` has. */
void cli_synthetic_count(const cli_synthetic *synthetic, int64_t row, int32_t *values, int32_t *labels);

/* The row itself: feature, value (values) and label (labels), both ascending, none twice.
 * value  whole 64ths from 1/64 to 1: six decimals and a float32 hold them exactly */
void cli_synthetic_row(const cli_synthetic *synthetic, int64_t row, int32_t *feature, float *value, int32_t *label);

#endif
