/* ist_test.h - what a test file includes: CUnit under a handful of macros.
 *
 *     #include "ist_test.h"
 *     TEST(two_and_two)
 *     {
 *         CHECK_EQ(2 + 2, 4);
 *     }
 *
 * That is a whole test file: cases register themselves and the main function is in ist_test.c.  CMake reads the names
 * of the cases from the source (a line that starts with TEST), and runs each in a process of its own.
 *
 * A CHECK that fails ends its case at once, so that what follows may rely on it.  It leaves by a jump: do not CHECK
 * inside an OpenMP region; count in there and CHECK after.
 */
#ifndef IST_TEST_H
#define IST_TEST_H

#include <CUnit/CUnit.h>
#include <setjmp.h>
#include <stddef.h>

typedef struct ist_test_case {
    const char *name;
    void (*run)(void);
    struct ist_test_case *next;
} ist_test_case;

void ist_test_register(ist_test_case *test);

/* Where SKIP jumps to: the case that runs. */
extern jmp_buf ist_test_after_skip;

/* A case.  The name is an identifier, and says what holds: deal_is_an_exact_cover. */
#define TEST(name)                                                   \
  static void ist_test_body_##name(void);                            \
  static void ist_test_run_##name(void)                              \
  {                                                                  \
    if (setjmp(ist_test_after_skip) == 0) ist_test_body_##name();    \
  }                                                                  \
  __attribute__((constructor)) static void ist_test_add_##name(void) \
  {                                                                  \
    static ist_test_case test = {#name, ist_test_run_##name, NULL};  \
    ist_test_register(&test);                                        \
  }                                                                  \
  static void ist_test_body_##name(void)

#define CHECK(cond) CU_assertImplementation((cond) ? CU_TRUE : CU_FALSE, __LINE__, #cond, __FILE__, "", CU_TRUE)

/* Integers, compared as long long; the message has both values. */
#define CHECK_EQ(a, b) ist_test_eq((long long)(a), (long long)(b), #a " == " #b, __FILE__, __LINE__)
/* |a - b| <= tolerance; a NaN is never near. */
#define CHECK_NEAR(a, b, tolerance) \
  ist_test_near((double)(a), (double)(b), (double)(tolerance), #a " near " #b, __FILE__, __LINE__)
/* Strings; NULL equals NULL alone. */
#define CHECK_STR(a, b) ist_test_str((a), (b), #a " is " #b, __FILE__, __LINE__)
/* Bytes; the message has the first offset that differs. */
#define CHECK_MEM(a, b, bytes) ist_test_mem((a), (b), (size_t)(bytes), #a " same bytes as " #b, __FILE__, __LINE__)

/* Ends the case: what it needs is not here.  Run alone, the process exits with 77, which ctest reports as skipped. */
#define SKIP(reason) ist_test_skip(reason)

void ist_test_eq(long long a, long long b, const char *what, const char *file, unsigned line);
void ist_test_near(double a, double b, double tolerance, const char *what, const char *file, unsigned line);
void ist_test_str(const char *a, const char *b, const char *what, const char *file, unsigned line);
void ist_test_mem(const void *a, const void *b, size_t bytes, const char *what, const char *file, unsigned line);
_Noreturn void ist_test_skip(const char *reason);

#endif
