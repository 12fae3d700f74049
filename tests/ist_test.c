/* ist_test.c - the main function of every test executable, over CUnit's basic runner.
 *
 *     test_x              every case, as one CUnit suite, with its summary
 *     test_x NAME...      just these; an unknown name fails
 *     test_x --list       the names
 *
 * Exit status: 0 all passed, 1 something failed or there was nothing to run, 77 every case that ran was skipped.
 */
#include "ist_test.h"

#include <CUnit/Basic.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_SKIPPED 77

static ist_test_case *first_case, **last_link = &first_case;
static unsigned skipped;
jmp_buf ist_test_after_skip;

void ist_test_register(ist_test_case *test)
{
    *last_link = test;
    last_link = &test->next;
}

/* CUnit copies the text, so one buffer on the stack serves. */
static void check(int holds, const char *text, const char *file, unsigned line)
{
    CU_assertImplementation(holds ? CU_TRUE : CU_FALSE, line, text, file, "", CU_TRUE);
}

void ist_test_eq(long long a, long long b, const char *what, const char *file, unsigned line)
{
    char text[512] = "";
    if (a != b) snprintf(text, sizeof text, "%s: %lld against %lld", what, a, b);
    check(a == b, text, file, line);
}

void ist_test_near(double a, double b, double tolerance, const char *what, const char *file, unsigned line)
{
    char text[512] = "";
    const int holds = a == b || fabs(a - b) <= tolerance; /* a == b: infinities of one sign */
    if (!holds)
        snprintf(text, sizeof text, "%s: %.17g against %.17g, %g apart, %g allowed", what, a, b, fabs(a - b),
                 tolerance);
    check(holds, text, file, line);
}

void ist_test_str(const char *a, const char *b, const char *what, const char *file, unsigned line)
{
    char text[1024] = "";
    const int holds = a && b ? strcmp(a, b) == 0 : a == b;
    if (!holds) snprintf(text, sizeof text, "%s: \"%s\" against \"%s\"", what, a ? a : "(null)", b ? b : "(null)");
    check(holds, text, file, line);
}

void ist_test_mem(const void *a, const void *b, size_t bytes, const char *what, const char *file, unsigned line)
{
    char text[512] = "";
    const unsigned char *p = a, *q = b;
    size_t i = 0;
    while (i < bytes && p[i] == q[i]) i++;
    if (i < bytes)
        snprintf(text, sizeof text, "%s: first difference at byte %zu of %zu, 0x%02x against 0x%02x", what, i, bytes,
                 p[i], q[i]);
    check(i == bytes, text, file, line);
}

void ist_test_skip(const char *reason)
{
    printf("SKIP: %s\n", reason);
    fflush(stdout);
    skipped++;
    longjmp(ist_test_after_skip, 1);
}

static ist_test_case *find_case(const char *name)
{
    ist_test_case *test = first_case;
    while (test && strcmp(test->name, name) != 0) test = test->next;
    return test;
}

static int fail(const char *what, const char *which)
{
    fprintf(stderr, "ist_test: %s%s\n", what, which);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (!first_case) return fail("no test in ", argv[0]);
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (const ist_test_case *test = first_case; test; test = test->next) puts(test->name);
        return EXIT_SUCCESS;
    }
    for (int i = 1; i < argc; i++)
        if (!find_case(argv[i])) return fail("no such test: ", argv[i]);

    const char *slash = strrchr(argv[0], '/');
    if (CU_initialize_registry() != CUE_SUCCESS) return fail("CUnit: ", CU_get_error_msg());
    CU_pSuite suite = CU_add_suite(slash ? slash + 1 : argv[0], NULL, NULL);
    if (!suite) return fail("CUnit: ", CU_get_error_msg());
    for (const ist_test_case *test = first_case; test; test = test->next) {
        int wanted = argc == 1;
        for (int i = 1; i < argc; i++) wanted |= strcmp(argv[i], test->name) == 0;
        if (wanted && !CU_add_test(suite, test->name, test->run)) return fail("CUnit: ", CU_get_error_msg());
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    if (CU_basic_run_tests() != CUE_SUCCESS) return fail("CUnit: ", CU_get_error_msg());

    const unsigned ran = CU_get_number_of_tests_run(), failed = CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    if (ran == 0) return fail("nothing ran in ", argv[0]);
    if (failed > 0) return EXIT_FAILURE;
    return skipped == ran ? EXIT_SKIPPED : EXIT_SUCCESS;
}
