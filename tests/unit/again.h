/* again.h - run the case once more in a process of its own with another environment: OpenMP reads its variables once,
 * when the program starts.  Include after #define _GNU_SOURCE.
 *
 *     TEST(places_count)
 *     {
 *         if (!again_child()) {
 *             CHECK_EQ(again("places_count", "OMP_PROC_BIND", "true"), 0);
 *             return;
 *         }
 *         ... checks under OMP_PROC_BIND=true
 *     }
 */
#ifndef IST_TESTS_AGAIN_H
#define IST_TESTS_AGAIN_H

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ist_test.h"

static inline int again_child(void)
{
    return getenv("IST_TEST_AGAIN") != NULL;
}

/* The exit status of this executable with the case's name and name=value; -1 when it was killed.  A child that skips
 * makes its parent skip. */
static inline int again(const char *test, const char *name, const char *value)
{
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        setenv("IST_TEST_AGAIN", "1", 1);
        setenv(name, value, 1);
        execl("/proc/self/exe", "again", test, (char *)NULL);
        _exit(126);
    }
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) SKIP("the same case in another environment skipped");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
