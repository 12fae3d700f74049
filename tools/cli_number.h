/* cli_number.h - texts to numbers and lists, and numbers to texts that people read. */
#ifndef IST_TOOLS_CLI_NUMBER_H
#define IST_TOOLS_CLI_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ist/ist.h"

/* The whole text, nothing before or after, must be the number; out is untouched otherwise. */
bool cli_parse_real(const char *text, double *out); /* finite */
bool cli_parse_whole(const char *text, int64_t *out);
bool cli_parse_natural(const char *text, uint64_t *out); /* 0 .. 2^64 - 1 */
bool cli_parse_seconds(const char *text, double *out);   /* 90, 90s, 10m, 2h: above 0, at most 1e9 seconds */

/* X:Y, cut in place at the last colon that leaves both parts non-empty; or X, when there is a file of that name. */
typedef struct cli_data {
    const char *x, *y; /* NULL: not given; y: or inside x */
} cli_data;
bool cli_data_parse(void *field, char *text, char *why, size_t cap);
void cli_data_show(const void *field, char *out, size_t cap);

/* W[,W..]|none */
typedef struct cli_hidden {
    int32_t count;
    int32_t width[IST_MAX_HIDDEN];
    bool given;
} cli_hidden;
bool cli_hidden_parse(void *field, char *text, char *why, size_t cap);
void cli_hidden_show(const void *field, char *out, size_t cap);
/* What --subnets auto means: one a team, but at least two (with one there would be nothing independent), and at most
 * what the net has room for. */
int32_t cli_automatic_subnets(const cli_hidden *hidden, int32_t teams);
int32_t cli_hidden_narrowest(const cli_hidden *hidden); /* 1 without hidden layers */

/* none|global|zscore|SHIFT,SCALE: inputs are seen as (x - shift) / scale. */
enum { CLI_NORMALIZE_FIXED = -1 };
typedef struct cli_normalize {
    int32_t mode; /* IST_NORMALIZE_*, or CLI_NORMALIZE_FIXED */
    double shift, scale;
} cli_normalize;
bool cli_normalize_parse(void *field, char *text, char *why, size_t cap);
void cli_normalize_show(const void *field, char *out, size_t cap);

/* BYTES, 300k, 250M, 1.5G, 256MiB, ..|auto: an int64_t, 0 where it is auto, at most 2^40. */
bool cli_size_parse(void *field, char *text, char *why, size_t cap);
void cli_size_show(const void *field, char *out, size_t cap);

enum { CLI_NUMBER_BYTES = 32 };
/* 1234567 -> "1,234,567" */
const char *cli_show_count(char out[CLI_NUMBER_BYTES], int64_t value);
/* "512 B", "1.2 kB" .. "3.4 TB" (powers of ten, as disks and DIMMs of a data sheet) */
const char *cli_show_bytes(char out[CLI_NUMBER_BYTES], double bytes);
/* "12.3 s", "4:05", "1:02:03" */
const char *cli_show_time(char out[CLI_NUMBER_BYTES], double seconds);

#endif
