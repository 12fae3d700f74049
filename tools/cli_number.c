/* cli_number.c - texts to numbers and lists, and numbers to texts that people read.
 *
 * Why not strtol at each place: "12abc", " 12", "1e400", "nan" and "" must all be refused, everywhere alike; a run that
 * lasts hours must not start with half a number.  The tool never sets a locale, so the decimal point is a point.
 */
#include "cli_number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* strtod and its kind skip blanks and read hexadecimal, "inf" and "nan"; none of these is meant on a command line. */
static bool looks_decimal(const char *text, const char *also)
{
    if (!*text) return false;
    for (const char *p = text; *p; p++) {
        if (!isdigit((unsigned char)*p) && !strchr(also, *p)) return false;
    }
    return true;
}

bool cli_parse_real(const char *text, double *out)
{
    char *end;
    if (!looks_decimal(text, "+-.eE")) return false;
    const double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value)) return false;
    *out = value;
    return true;
}

bool cli_parse_whole(const char *text, int64_t *out)
{
    char *end;
    if (!looks_decimal(text, "+-")) return false;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno) return false;
    *out = value;
    return true;
}

bool cli_parse_natural(const char *text, uint64_t *out)
{
    char *end;
    if (!looks_decimal(text, "+")) return false;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end || errno) return false;
    *out = value;
    return true;
}

bool cli_parse_seconds(const char *text, double *out)
{
    static const struct {
        char letter;
        double seconds;
    } unit[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
    const size_t len = strlen(text);
    double seconds = 1, amount = 0;
    char number[64];
    size_t digits = len;
    for (size_t i = 0; len > 0 && i < 3; i++) {
        if (text[len - 1] != unit[i].letter) continue;
        seconds = unit[i].seconds;
        digits = len - 1;
    }
    snprintf(number, sizeof number, "%.*s", (int)(digits < sizeof number ? digits : 0), text);
    if (!cli_parse_real(number, &amount) || !(amount > 0) || amount * seconds > 1e9) return false;
    *out = amount * seconds;
    return true;
}

bool cli_data_parse(void *field, char *text, char *why, size_t cap)
{
    cli_data *data = field;
    const size_t len = strlen(text);
    struct stat st;
    if (len > 0 && stat(text, &st) == 0) { /* with labels inside */
        data->x = text;
        data->y = NULL;
        return true;
    }
    for (size_t i = len; i-- > 0;) {
        if (text[i] != ':' || i == 0 || i + 1 == len) continue;
        text[i] = '\0';
        data->x = text;
        data->y = text + i + 1;
        return true;
    }
    snprintf(why, cap, "is not X:Y, a file of features, a colon, a file of labels; nor is it one file, which has both");
    return false;
}

void cli_data_show(const void *field, char *out, size_t cap)
{
    const cli_data *data = field;
    out[0] = '\0';
    if (data->x) snprintf(out, cap, "%s%s%s", data->x, data->y ? ":" : "", data->y ? data->y : "");
}

/* The next item of a list separated by commas, cut off in place; NULL after the last. */
static char *next_item(char **rest)
{
    char *item = *rest;
    if (!item) return NULL;
    char *comma = strchr(item, ',');
    if (comma) *comma = '\0';
    *rest = comma ? comma + 1 : NULL;
    return item;
}

bool cli_hidden_parse(void *field, char *text, char *why, size_t cap)
{
    cli_hidden hidden = {.given = true};
    char *rest = strcmp(text, "none") == 0 ? NULL : text;
    for (char *item; (item = next_item(&rest));) {
        int64_t width;
        if (hidden.count == IST_MAX_HIDDEN) {
            snprintf(why, cap, "has more than %d layers", IST_MAX_HIDDEN);
            return false;
        }
        if (!cli_parse_whole(item, &width) || width < 1 || width > 1 << 24) {
            snprintf(why, cap, "is not \"none\", nor a list of widths from 1 to %d such as 1024 or 1024,512", 1 << 24);
            return false;
        }
        hidden.width[hidden.count++] = (int32_t)width;
    }
    *(cli_hidden *)field = hidden;
    return true;
}

void cli_hidden_show(const void *field, char *out, size_t cap)
{
    const cli_hidden *hidden = field;
    size_t len = 0;
    out[0] = '\0';
    if (hidden->given && hidden->count == 0) snprintf(out, cap, "none");
    for (int32_t i = 0; i < hidden->count && len < cap; i++) {
        len += (size_t)snprintf(out + len, cap - len, "%s%d", i ? "," : "", hidden->width[i]);
    }
}

int32_t cli_hidden_narrowest(const cli_hidden *hidden)
{
    int32_t narrowest = hidden->count ? hidden->width[0] : 1;
    for (int32_t i = 1; i < hidden->count; i++) {
        if (hidden->width[i] < narrowest) narrowest = hidden->width[i];
    }
    return narrowest;
}

int32_t cli_automatic_subnets(const cli_hidden *hidden, int32_t teams)
{
    const int32_t subnets = teams > 2 ? teams : 2, most = cli_hidden_narrowest(hidden);
    return subnets < most ? subnets : most;
}

static const char *const normalize_words[] = {
    [IST_NORMALIZE_NONE] = "none", [IST_NORMALIZE_GLOBAL] = "global", [IST_NORMALIZE_ZSCORE] = "zscore"};

bool cli_normalize_parse(void *field, char *text, char *why, size_t cap)
{
    cli_normalize *normalize = field;
    for (int32_t i = 0; i < (int32_t)(sizeof normalize_words / sizeof normalize_words[0]); i++) {
        if (strcmp(text, normalize_words[i]) == 0) {
            *normalize = (cli_normalize){.mode = i};
            return true;
        }
    }
    double shift, scale;
    char *rest = text;
    const char *first = next_item(&rest), *second = next_item(&rest);
    /* What the library gets is a float factor: 1 / scale must be one. */
    if (second && !rest && cli_parse_real(first, &shift) && cli_parse_real(second, &scale) && fabs(shift) < 1e37 &&
        fabs(scale) > 1e-37 && fabs(scale) < 1e37) {
        *normalize = (cli_normalize){CLI_NORMALIZE_FIXED, shift, scale};
        return true;
    }
    snprintf(why, cap, "is not none, global, zscore or SHIFT,SCALE (two numbers, SCALE not 0)");
    return false;
}

void cli_normalize_show(const void *field, char *out, size_t cap)
{
    const cli_normalize *normalize = field;
    if (normalize->mode == CLI_NORMALIZE_FIXED) {
        snprintf(out, cap, "%.15g,%.15g", normalize->shift, normalize->scale);
    } else {
        snprintf(out, cap, "%s", normalize_words[normalize->mode]);
    }
}

const char *cli_show_count(char out[CLI_NUMBER_BYTES], int64_t value)
{
    char digits[CLI_NUMBER_BYTES];
    const int len = snprintf(digits, sizeof digits, "%lld", (long long)value);
    size_t n = 0;
    for (int i = 0; i < len && n + 2 < CLI_NUMBER_BYTES; i++) {
        out[n++] = digits[i];
        if (digits[i] != '-' && i + 1 < len && (len - i - 1) % 3 == 0) out[n++] = ',';
    }
    out[n] = '\0';
    return out;
}

const char *cli_show_bytes(char out[CLI_NUMBER_BYTES], double bytes)
{
    static const char *const unit[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    size_t u = 0;
    while (bytes >= 999.5 && u + 1 < sizeof unit / sizeof unit[0]) {
        bytes /= 1000;
        u++;
    }
    snprintf(out, CLI_NUMBER_BYTES, "%.*f %s", u && bytes < 99.95 ? 1 : 0, bytes, unit[u]);
    return out;
}

const char *cli_show_time(char out[CLI_NUMBER_BYTES], double seconds)
{
    if (!(seconds >= 0) || seconds > 1e9) {
        snprintf(out, CLI_NUMBER_BYTES, "?");
    } else if (seconds < 60) {
        snprintf(out, CLI_NUMBER_BYTES, "%.1f s", seconds);
    } else {
        const long whole = (long)(seconds + 0.5);
        if (whole < 3600) {
            snprintf(out, CLI_NUMBER_BYTES, "%ld:%02ld", whole / 60, whole % 60);
        } else {
            snprintf(out, CLI_NUMBER_BYTES, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
        }
    }
    return out;
}

bool cli_size_parse(void *field, char *text, char *why, size_t cap)
{
    static const struct {
        const char *unit;
        double bytes;
    } units[] = {{"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"kB", 1e3}, {"MB", 1e6},
                 {"GB", 1e9},     {"k", 1e3},      {"M", 1e6},      {"G", 1e9},  {"", 1}};
    char number[CLI_NUMBER_BYTES];
    double size;
    snprintf(why, cap, "is not a size such as 300MB, 256MiB or auto");
    if (strcmp(text, "auto") == 0) {
        memset(field, 0, sizeof(int64_t));
        return true;
    }
    const size_t length = strspn(text, "0123456789.");
    size_t i = 0;
    while (i < sizeof units / sizeof *units && strcmp(text + length, units[i].unit) != 0) i++;
    if (i == sizeof units / sizeof *units || length >= sizeof number) return false;
    memcpy(number, text, length);
    number[length] = '\0';
    if (!cli_parse_real(number, &size)) return false;
    snprintf(why, cap, "is out of range, expected 1 .. 1024GiB");
    if (!(size * units[i].bytes >= 1 && size * units[i].bytes <= 0x1p40)) return false;
    const int64_t bytes = (int64_t)(size * units[i].bytes);
    memcpy(field, &bytes, sizeof bytes);
    return true;
}

void cli_size_show(const void *field, char *out, size_t cap)
{
    int64_t bytes;
    memcpy(&bytes, field, sizeof bytes);
    if (bytes == 0) snprintf(out, cap, "auto");
    else snprintf(out, cap, "%lld", (long long)bytes);
}
