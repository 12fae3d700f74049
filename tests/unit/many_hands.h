/* many_hands.h - hands for loaders under test: threads of OpenMP, as many as `many_hands_count` says.
 *
 * All inline, because CMake makes a test of one source file.
 */
#ifndef IST_TESTS_MANY_HANDS_H
#define IST_TESTS_MANY_HANDS_H

#include <omp.h>
#include <stddef.h>

#include "base/hands.h"

static int many_hands_count = 3;

static inline int32_t many_hands_run(void *user, ist__hand work, void *argument)
{
    (void)user;
#ifdef _OPENMP /* the lint of headers compiles without */
#  pragma omp parallel num_threads(many_hands_count)
#endif
    work(argument, omp_get_thread_num(), omp_get_num_threads());
    return 1;
}

static const ist__hands many_hands = {many_hands_run, NULL};

#endif
