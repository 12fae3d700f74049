/* decimal.c - reads a decimal number, always the same way.
 *
 * Not strtod(), because that obeys the locale of the host: with a German one it would read "1.5" as 1.  Ours takes 19
 * digits and scales them in double by powers of ten that double holds exactly.  The answer may be wrong in the last
 * bits of the double; a float32 that was printed with 9 digits comes back as the same bits, which is what we need.
 *
 * Floor: data.  Warm: once a number of a CSV file.
 */
#include <math.h>

#include "data/loaders.h"

enum { MAX_DIGITS = 19, MAX_EXPONENT = 1000000 };

/* What was read so far: digits * 10^exponent. */
typedef struct decimal {
    uint64_t digits;
    int32_t kept; /* digits in `digits`, leading zeros not counted */
    int32_t exponent;
} decimal;

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

/* Read digits; `each` is what one more of them adds to the exponent: 0 before the point, -1 behind it. */
static const char *parse_digits(const char *p, const char *end, int32_t each, decimal *d)
{
    for (; is_digit(p, end); p++) {
        const bool keep = d->kept < MAX_DIGITS;
        if (keep) d->digits = 10 * d->digits + (uint64_t)(*p - '0');
        if (keep && d->digits > 0) d->kept++;
        const int32_t step = keep ? each : each + 1; /* a digit left out before the point still counts as a place */
        if (d->exponent > -MAX_EXPONENT && d->exponent < MAX_EXPONENT) d->exponent += step;
    }
    return p;
}

/* The exponent behind 'e', or NULL. */
static const char *parse_exponent(const char *p, const char *end, decimal *d)
{
    bool negative = false;
    int32_t size = 0;
    if (p < end && (*p == '+' || *p == '-')) negative = *p++ == '-';
    if (!is_digit(p, end)) return NULL;
    for (; is_digit(p, end); p++)
        if (size < MAX_EXPONENT) size = 10 * size + (*p - '0');
    d->exponent += negative ? -size : size;
    return p;
}

static double value_of(const decimal *d)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double value = (double)d->digits;
    int32_t exponent = d->exponent;
    /* Decide the extremes without arithmetic: a host may have asked for a trap on overflow. */
    if (d->kept == 0 || d->kept + exponent < -300) return 0.0;
    if (d->kept + exponent > 300) return HUGE_VAL;
    for (; exponent > 22; exponent -= 22) value *= power[22];
    for (; exponent < -22; exponent += 22) value /= power[22];
    return exponent < 0 ? value / power[-exponent] : value * power[exponent];
}

const char *ist__parse_decimal(const char *p, const char *end, double *value)
{
    const bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;

    decimal d = {0};
    const char *whole = p;
    p = parse_digits(p, end, 0, &d);
    bool any = p > whole;
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        p = parse_digits(p, end, -1, &d);
        any = any || p > fraction;
    }
    if (any && p < end && (*p == 'e' || *p == 'E')) p = parse_exponent(p + 1, end, &d);
    if (!any || !p) return NULL;
    const double size = value_of(&d);
    *value = negative ? -size : size;
    return p;
}
