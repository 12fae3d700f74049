/* sparse_text.h - what reads sparse text: its blocks (sparse_text.c), and the lines of a block (sparse_lines.c).
 *
 * Text is parsed in pieces of whole lines, by any number of threads.  A piece is counted first, so that the place of
 * its entries in the arrays is known; then it is parsed straight to that place.
 */
#ifndef IST_DATA_SPARSE_TEXT_H
#define IST_DATA_SPARSE_TEXT_H

#include "base/reader.h"
#include "data/sparse.h"

/* What holds for all lines. */
typedef struct ist__sparse_rules {
    bool xmc;             /* else libsvm */
    int64_t base;         /* number of the first feature */
    int64_t feature_most; /* largest number that a feature may have, as written */
    int64_t label_most;   /* largest label */
} ist__sparse_rules;

typedef enum ist__sparse_fault {
    IST__FAULT_NONE,
    IST__FAULT_LABEL,   /* not a label */
    IST__FAULT_FEATURE, /* no feature number where one must be */
    IST__FAULT_RANGE,   /* a feature number out of range */
    IST__FAULT_COLON,   /* no colon behind it */
    IST__FAULT_VALUE,   /* no number behind that */
    IST__FAULT_FINITE,  /* not a finite float32 */
    IST__FAULT_BLANK,   /* no blank behind that */
    IST__FAULT_QUERY,   /* qid:N */
    IST__FAULT_TWICE,   /* a feature stands twice in its row */
    IST__FAULT_SAME,    /* a label does */
    IST__FAULT_MORE     /* a row beyond those that the header claims */
} ist__sparse_fault;

typedef struct ist__sparse_counts {
    int64_t lines, rows, nonzeros, labels;
} ist__sparse_counts;

/* Some whole lines. */
typedef struct ist__sparse_piece {
    const char *from, *to;  /* to[-1] is a newline, unless the piece is empty */
    ist__sparse_counts has; /* by ist__sparse_count; exact for text without a fault, else at least what parse writes */
    ist__sparse_counts before; /* in all of the file before it */
    int64_t rows_most;         /* so many rows may be written; beyond them lines must be blank */
    /* What parse found, in a piece without a fault: */
    int32_t widest;        /* one more than the largest feature */
    int32_t label_largest; /* -1: no labels, or only label -1 */
    int64_t minus_line;    /* the first with a label -1, of the file from 1; 0: none */
    int64_t other_line;    /* the first with a label that is neither -1 nor 1 */
    int32_t other_label;
    /* and in one with: the first fault */
    ist__sparse_fault fault;
    int64_t fault_line;                           /* of the file, from 1 */
    const char *fault_from, *fault_to, *fault_at; /* the line, and where in it; NULL: where the number stands again */
    int32_t fault_number;                         /* TWICE, SAME: the feature, from 0; the label */
} ist__sparse_piece;

/* The arrays of the table, from their beginning; row_begin[0] and label_begin[0] are 0 already. */
typedef struct ist__sparse_target {
    int64_t *row_begin;
    int32_t *feature;
    float *value;
    int64_t *label_begin;
    int32_t *label;
} ist__sparse_target;

void ist__sparse_count(const ist__sparse_rules *rules, ist__sparse_piece *piece);
void ist__sparse_parse(const ist__sparse_rules *rules, ist__sparse_piece *piece, const ist__sparse_target *target);
/* The line of a piece with a fault.  path: fit to be shown. */
ist_status ist__sparse_tell(const ist__sparse_rules *rules, const ist__sparse_piece *piece, const char *path,
                            ist__error *error);

/* "rows features labels" in [from, to)?  Three whole numbers, nothing else. */
bool ist__sparse_header(const char *from, const char *to, uint64_t claim[3]);

ist_status ist__sparse_text_load(ist__reader *reader, const ist__sparse_ask *ask, const ist__hands *hands,
                                 ist__sparse *out, ist__error *error);

/* The first bytes of a data file (sparse_file.c), and what follows them. */
enum { IST__SPARSE_MAGIC_BYTES = 8 };
extern const unsigned char ist__sparse_magic[IST__SPARSE_MAGIC_BYTES];
ist_status ist__sparse_file_load(ist__reader *reader, const ist__sparse_ask *ask, const ist__hands *hands,
                                 ist__sparse *out, ist__error *error);

#endif
