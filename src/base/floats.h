/* floats.h - the floating-point environment of who calls us is put away while we compute, and given back as it was.
 *
 * Why: rounding, flushing of tiny numbers to 0 (which a program linked with -ffast-math has everywhere) and traps are a
 * thread's own.  With the host's, results would depend on which thread computed what, and a program that traps invalid
 * operations would end where we compare with NaN.  Ours is the default one: nearest, nothing flushed, nothing trapped.
 */
#ifndef IST_BASE_FLOATS_H
#define IST_BASE_FLOATS_H

#include <fenv.h>

typedef struct ist__floats {
    fenv_t theirs; /* with the exceptions that were raised */
} ist__floats;

static inline ist__floats ist__floats_ours(void)
{
    ist__floats floats;
    (void)fegetenv(&floats.theirs);
    (void)fesetenv(FE_DFL_ENV);
    return floats;
}

static inline void ist__floats_theirs(const ist__floats *floats)
{
    (void)fesetenv(&floats->theirs);
}

static inline void ist__floats_leave(ist__floats *floats)
{
    ist__floats_theirs(floats);
}

/* First in a function that the host calls and that computes: ours until it returns, whichever return it is. */
#define IST__OUR_FLOATS \
  __attribute__((cleanup(ist__floats_leave), unused)) ist__floats ist__floats_kept = ist__floats_ours()

#endif
