/* balance.c - the rule that gives a faster team more neurons.  Pure: seconds in, shares out.  Floor: train.  Cold. */
#include "train/balance.h"

#include <math.h>
#include <stdbool.h>

static const double LEAST = 0.25, MOST = 2, STEP = 1.5, CLOSE = 1.05;

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* Share of team k when all wishes are scaled by `scale`. */
static double granted(int32_t subnets, int32_t all, double seconds, double share, double scale)
{
    const double even = (double)subnets / all;
    const double low = fmax(share / STEP, LEAST * even), high = fmin(share * STEP, MOST * even);
    return clamp(scale * share / sqrt(seconds), low, high);
}

void ist__balance_look(int32_t teams, const int32_t *subnets, const double *seconds, double *share)
{
    double least = INFINITY, most = 0, sum;
    int32_t all = 0;
    for (int32_t k = 0; k < teams; k++) {
        if (subnets[k] == 0) continue;
        if (!(seconds[k] > 0)) return;
        all += subnets[k];
        least = fmin(least, seconds[k]);
        most = fmax(most, seconds[k]);
    }
    if (!(most > CLOSE * least) || !(most < INFINITY)) return;
    /* The one scale at which the bounded shares sum to 1: their sum grows with it, so halving an interval finds it. */
    double low = 0, high = 2 * MOST * teams * sqrt(most);
    for (int bit = 0; bit < 100; bit++) {
        const double middle = (low + high) / 2;
        sum = 0;
        for (int32_t k = 0; k < teams; k++)
            if (subnets[k] > 0) sum += granted(subnets[k], all, seconds[k], share[k], middle);
        if (sum < 1) low = middle;
        else high = middle;
    }
    for (int32_t k = 0; k < teams; k++)
        share[k] = subnets[k] > 0 ? granted(subnets[k], all, seconds[k], share[k], high) : 0;
}

int32_t ist__balance_most(int32_t width, int32_t subnets)
{
    const int64_t share = (int64_t)MOST * width / subnets + 1; /* the largest remainder adds one seat at most */
    const int32_t others = subnets - 1;                        /* who have a seat each */
    return share < width - others ? (int32_t)share : width - others;
}
