/* slow.c - a run whose learning rate was lowered on the way.  Floor: train.  Cold. */
#include "train/slow.h"

#include <math.h>

enum { SCALINGS_MOST = 1 << 20 };

static double *numbers(const ist__training *t)
{
    return t->shares + t->config.subnets;
}

static void set(ist__training *t, double scale, double times)
{
    numbers(t)[0] = t->progress.lr_scale = scale;
    numbers(t)[1] = times;
    t->progress.lr_scalings = (int64_t)times;
}

void ist__slow_begin(ist__training *t)
{
    set(t, 1, 0);
}

ist_status ist__slow_by(ist__training *t, double factor, ist__error *error)
{
    const double scale = t->progress.lr_scale * factor;
    if (!(factor > 0 && factor <= 1))
        return ist__fail(error, IST_E_ARGUMENT, "factor is %g, expected above 0, at most 1", factor);
    if (!(scale > 0) || t->progress.lr_scalings >= SCALINGS_MOST)
        return ist__fail(error, IST_E_ARGUMENT, "the learning rate was lowered %lld times: there is nothing left of it",
                         (long long)t->progress.lr_scalings);
    set(t, scale, (double)t->progress.lr_scalings + 1);
    return IST_OK;
}

size_t ist__slow_tail_bytes(const ist__training *t)
{
    return ((size_t)t->config.subnets + (t->progress.lr_scalings > 0 ? IST__SLOW_NUMBERS : 0)) * sizeof *t->shares;
}

/* Does the file have them? */
static bool has_numbers(const ist__training *t, size_t found_bytes)
{
    return found_bytes > (size_t)t->config.subnets * sizeof *t->shares;
}

bool ist__slow_fits(const ist__training *t, const double *tail, size_t found_bytes)
{
    const size_t n = (size_t)t->config.subnets;
    if (!has_numbers(t, found_bytes)) return found_bytes == n * sizeof *tail;
    const double scale = tail[n], times = tail[n + 1];
    return found_bytes == (n + IST__SLOW_NUMBERS) * sizeof *tail && scale > 0 && scale <= 1 && times >= 1 &&
           times <= SCALINGS_MOST && times == floor(times);
}

void ist__slow_to(ist__training *t, const double *tail, size_t found_bytes)
{
    const int32_t n = t->config.subnets;
    if (has_numbers(t, found_bytes)) set(t, tail[n], tail[n + 1]);
    else ist__slow_begin(t);
}
