/* sparse.h - rows of few features among many, each with any number of labels (CSR), from text or from a data file.
 *
 * Floor: data; uses base/ only.  Thread safety: a table does not change once it is made.
 */
#ifndef IST_DATA_SPARSE_H
#define IST_DATA_SPARSE_H

#include <stdbool.h>

#include "base/hands.h"
#include "base/status.h"

enum { IST__SPARSE_ARRAYS = 5 };

/* In every row the features ascend, and so do the labels: none stands twice. */
typedef struct ist__sparse {
    int64_t rows;
    int32_t features; /* feature numbers are 0 .. features - 1 */
    int32_t labels;   /* labels are 0 .. labels - 1 */
    int64_t nonzeros;
    int64_t label_entries;
    const int64_t *row_begin;        /* (rows + 1): row r has the entries row_begin[r] .. row_begin[r + 1] - 1 of */
    const int32_t *feature;          /* (nonzeros) */
    const float *value;              /* (nonzeros) finite; NULL: all are 1, of arrays of the caller's alone */
    const int64_t *label_begin;      /* (rows + 1): likewise, of */
    const int32_t *label;            /* (label_entries) */
    int32_t text;                    /* IST_TEXT_* that it was made of; AUTO: no text */
    int64_t content_bytes;           /* of the file, unpacked */
    void *owned[IST__SPARSE_ARRAYS]; /* what destroy frees; NULL: nothing, or not ours */
} ist__sparse;

/* What the caller says of a file.  All 0: text is what it looks like, libsvm counts features from 0. */
typedef struct ist__sparse_ask {
    int32_t text;       /* IST_TEXT_* */
    int32_t index_base; /* of the features of libsvm text: the number of the first one, 0 or 1 */
    int32_t features;   /* the table has so many, a file with more is refused; 0: as many as the file says */
    size_t block_bytes; /* of text at a time, which no result depends on; 0: 16 MiB */
} ist__sparse_ask;

/* What a file is, by its first bytes (and, to leave CSV alone, its name). */
typedef enum ist__sparse_kind { IST__SPARSE_NOT, IST__SPARSE_TEXT, IST__SPARSE_FILE } ist__sparse_kind;
ist_status ist__sparse_recognise(const char *path, ist__sparse_kind *kind, ist__error *error);

/* Load text (XMC repository, libsvm; .gz too) or a data file.  hands: who helps, may be NULL; the result does not depend
 * on it.  *out is overwritten on success alone; for ist__sparse_destroy.
 * IST_E_IO, IST_E_FORMAT ("PATH: line 12, column 34: expected .., found .."), IST_E_MEMORY. */
ist_status ist__sparse_load(const char *path, const ist__sparse_ask *ask, const ist__hands *hands, ist__sparse *out,
                            ist__error *error);

/* Write a data file (docs/format.md), atomically.  IST_E_IO, IST_E_MEMORY. */
ist_status ist__sparse_save(const ist__sparse *sparse, const char *path, ist__error *error);

/* Whether the arrays keep what the struct promises, for arrays from strangers: IST_E_FORMAT names the first row (from 1)
 * that does not.  who: what the line begins with. */
ist_status ist__sparse_check(const ist__sparse *sparse, const ist__hands *hands, const char *who, ist__error *error);

/* What becomes of the values of every row: first v -> log(1 + v), then the row takes this Euclidean length. */
typedef struct ist__sparse_scale {
    bool log1p;
    double row_length; /* 0: as it is */
} ist__sparse_scale;

/* The values must be memory of the table's own.  The result does not depend on hands, which may be NULL.  who: what
 * an error begins with.  IST_E_FORMAT names a value without logarithm; nothing is changed then. */
ist_status ist__sparse_rescale(ist__sparse *sparse, const ist__sparse_scale *scale, const char *who,
                               const ist__hands *hands, ist__error *error);

/* The label of each row (rows), inside the table, where every row has one; else NULL. */
const int32_t *ist__sparse_classes(const ist__sparse *sparse);

/* The most entries that `count` rows can have of which none stands there more than `times` times; begin (rows + 1) is
 * row_begin or label_begin; count <= rows times. */
int64_t ist__sparse_most(int64_t rows, const int64_t *begin, int64_t count, int64_t times);

void ist__sparse_destroy(ist__sparse *sparse); /* {0} is fine */

#endif
