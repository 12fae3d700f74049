/* sparse_scale.c - sparse rows on their way in: values under a logarithm, rows of one length.
 *
 * Why a logarithm of our own: the same file gives the same bits with any C library.
 *
 * Floor: data.  Cold: once a file.
 */
#include <math.h>

#include "base/share.h"
#include "data/sparse.h"

/* log(1 + v) for v > -1, within a few units in the last place of double.  log(m 2^e) = e log 2 + 2 artanh((m - 1) / (m + 1)),
 * m in [0.7, 1.42); where e is 0 that is v / (2 + v), and nothing of a small v is lost. */
static double log_of_1_and(double v)
{
    enum { TERMS = 14 };
    const double least = 0.70710678118654752, log_2 = 0.69314718055994531;
    int e = 0;
    double m = 1 + v, s = v / (2 + v);
    if (m < least || m >= 2 * least) {
        m = frexp(m, &e); /* [0.5, 1) */
        if (m < least) {
            m *= 2;
            e--;
        }
        s = (m - 1) / (m + 1);
    }
    double sum = 0;
    for (int k = TERMS; k >= 0; k--) sum = sum * s * s + 1.0 / (2 * k + 1);
    return e * log_2 + 2 * s * sum;
}

typedef struct job {
    const ist__sparse *sparse;
    float *value;
    const ist__sparse_scale *scale;
} job;

static void scale_rows(void *argument, int32_t rank, int32_t size)
{
    const job *j = argument;
    const ist__sparse *s = j->sparse;
    int64_t first, last;
    ist__share(s->rows, rank, size, &first, &last);
    for (int64_t row = first; row < last; row++) {
        const int64_t begin = s->row_begin[row], end = s->row_begin[row + 1];
        double squares = 0;
        for (int64_t i = begin; i < end; i++) {
            if (j->scale->log1p) j->value[i] = (float)log_of_1_and((double)j->value[i]);
            squares += (double)j->value[i] * (double)j->value[i];
        }
        if (j->scale->row_length == 0 || squares == 0) continue;
        const double factor = j->scale->row_length / sqrt(squares);
        for (int64_t i = begin; i < end; i++) j->value[i] = (float)((double)j->value[i] * factor);
    }
}

ist_status ist__sparse_rescale(ist__sparse *s, const ist__sparse_scale *scale, const char *who, const ist__hands *hands,
                               ist__error *error)
{
    float *value = (float *)(uintptr_t)s->value;
    if (!scale->log1p && scale->row_length == 0) return IST_OK;
    for (int64_t row = 0; scale->log1p && row < s->rows; row++)
        for (int64_t i = s->row_begin[row]; i < s->row_begin[row + 1]; i++)
            if (value[i] <= -1)
                return ist__fail(error, IST_E_FORMAT,
                                 "%s: row %lld, feature %d: the value %g has no log(1 + value), expected more than -1",
                                 who, (long long)row + 1, s->feature[i], (double)value[i]);
    job j = {s, value, scale};
    ist__hands_run(hands, scale_rows, &j);
    return IST_OK;
}
