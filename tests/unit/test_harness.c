/* test_harness.c - the harness's self-test: checks that pass, checks that fail, and what the process says then.
 *
 * A failing check cannot be a case of its own, so those cases run this very executable again with the name of a case
 * that only misbehaves when told to by the environment.
 */
#define _POSIX_C_SOURCE 200809L
#include "ist_test.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *told(void)
{
    const char *what = getenv("IST_TEST_HARNESS");
    return what ? what : "";
}

/* Runs this executable with one argument and `what` in the environment; output (and errors) into text. */
static int run_self(const char *argument, const char *what, char *text, size_t cap)
{
    char self[1024], command[1300];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(len > 0);
    self[len] = '\0';
    snprintf(command, sizeof command, "IST_TEST_HARNESS=%s '%s' %s 2>&1", what, self, argument);
    FILE *out = popen(command, "r");
    CHECK(out != NULL);
    text[fread(text, 1, cap - 1, out)] = '\0';
    const int status = pclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(checks_that_hold_are_silent)
{
    CHECK(1 + 1 == 2);
    CHECK_EQ(-7, -7);
    CHECK_EQ(INT64_MIN, INT64_MIN);
    CHECK_NEAR(1.0, 1.0 + 1e-9, 1e-8);
    CHECK_NEAR(HUGE_VAL, HUGE_VAL, 0);
    CHECK_STR("a", "a");
    CHECK_STR((const char *)NULL, (const char *)NULL);
    CHECK_MEM("abc", "abd", 2);
}

/* The case that the others run with orders; without orders it does nothing. */
TEST(obeys_orders)
{
    if (strcmp(told(), "cond") == 0) CHECK(1 > 2);
    if (strcmp(told(), "eq") == 0) CHECK_EQ(3, 4);
    if (strcmp(told(), "near") == 0) CHECK_NEAR(1.0, 1.5, 0.25);
    if (strcmp(told(), "nan") == 0) CHECK_NEAR(NAN, NAN, 1.0);
    if (strcmp(told(), "str") == 0) CHECK_STR("left", "right");
    if (strcmp(told(), "null") == 0) CHECK_STR(NULL, "right");
    if (strcmp(told(), "mem") == 0) CHECK_MEM("abcd", "abXd", 4);
    if (strcmp(told(), "fatal") == 0) {
        CHECK_EQ(0, 1);
        puts("went on");
    }
    if (strcmp(told(), "skip") == 0) {
        SKIP("told to");
    }
}

TEST(checks_that_fail_say_both_sides)
{
    static const struct {
        const char *order, *says;
    } want[] = {
        {"cond", "1 > 2"},      {"eq", "3 against 4"}, {"near", "1 against 1.5, 0.5 apart"},
        {"nan", "nan against"}, {"str", "left"},       {"null", "(null)"},
        {"mem", "byte 2 of 4"},
    };
    char text[4096];
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        CHECK_EQ(run_self("obeys_orders", want[i].order, text, sizeof text), 1);
        CHECK(strstr(text, want[i].says) != NULL);
        CHECK(strstr(text, "test_harness.c:") != NULL);
    }
}

TEST(a_failed_check_ends_its_case)
{
    char text[4096];
    CHECK_EQ(run_self("obeys_orders", "fatal", text, sizeof text), 1);
    CHECK(strstr(text, "went on") == NULL);
}

TEST(skip_exits_77_with_its_reason)
{
    char text[4096];
    CHECK_EQ(run_self("obeys_orders", "skip", text, sizeof text), 77);
    CHECK(strstr(text, "SKIP: told to\n") != NULL);
    /* Among cases that pass, a skipped one does not hide the others. */
    CHECK_EQ(run_self("obeys_orders checks_that_hold_are_silent", "skip", text, sizeof text), 0);
}

TEST(unknown_name_fails)
{
    char text[4096];
    CHECK_EQ(run_self("obeys_orders no_such_case", "", text, sizeof text), 1);
    CHECK(strstr(text, "no such test: no_such_case") != NULL);
}

TEST(list_has_every_case)
{
    char text[4096];
    CHECK_EQ(run_self("--list", "", text, sizeof text), 0);
    CHECK(strstr(text, "checks_that_hold_are_silent\n") != NULL);
    CHECK(strstr(text, "list_has_every_case\n") != NULL);
}
