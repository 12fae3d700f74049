/* refuse.c - run a command in a room where the kernel refuses some system calls, as containers do.
 *
 *     refuse EPERM mbind,move_pages -- ist train ...
 *     refuse --no-huge-pages -- ist train ...
 *     refuse --no-huge-pages ENOSYS madvise -- ist train ...
 *
 * The refusal is a real one: a seccomp filter, which needs no right beyond giving up new ones, stays with the process and
 * all its children, and answers in place of the kernel.  --no-huge-pages is prctl(PR_SET_THP_DISABLE).  Exit status: the
 * command's; 125 when nothing could be refused here (a skip for the tests), 2 for a wrong command line, 127 when the
 * command cannot be run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#  define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#  define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#  define ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined(__riscv) && __riscv_xlen == 64
#  define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#  define ARCHITECTURE 0
#endif

enum { CANNOT = 125, WRONG = 2, NOT_RUN = 127, CALLS_MOST = 16 };

static const struct {
    const char *name;
    unsigned number;
} calls[] = {{"mbind", SYS_mbind},
             {"set_mempolicy", SYS_set_mempolicy},
             {"get_mempolicy", SYS_get_mempolicy},
             {"move_pages", SYS_move_pages},
             {"sched_setaffinity", SYS_sched_setaffinity},
             {"sched_getaffinity", SYS_sched_getaffinity},
             {"madvise", SYS_madvise}};

static const struct {
    const char *name;
    unsigned number;
} answers[] = {{"EPERM", EPERM}, {"ENOSYS", ENOSYS}, {"EINVAL", EINVAL}};

static int wrong(const char *what, const char *which)
{
    fprintf(stderr,
            "refuse: %s%s\nusage: refuse [--no-huge-pages] [EPERM|ENOSYS|EINVAL CALL[,CALL..]] -- COMMAND [WORD..]\n"
            "calls:",
            what, which);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) fprintf(stderr, " %s", calls[i].name);
    fputc('\n', stderr);
    return WRONG;
}

/* The numbers of a list of names into numbers; how many, -1 for a name that is not known. */
static int read_calls(char *list, unsigned *numbers)
{
    int count = 0;
    for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
        size_t i = 0;
        while (i < sizeof calls / sizeof *calls && strcmp(calls[i].name, name) != 0) i++;
        if (i == sizeof calls / sizeof *calls || count == CALLS_MOST) return -1;
        numbers[count++] = calls[i].number;
    }
    return count > 0 ? count : -1;
}

/* Another architecture's calls have other numbers: they pass, and nothing here makes any. */
static int install(const unsigned *numbers, int count, unsigned answer)
{
    struct sock_filter code[4 + CALLS_MOST + 1];
    unsigned short n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, (unsigned char)(count + 1));
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < count; i++)
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[i], (unsigned char)(count - i), 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | answer);
    const struct sock_fprog program = {.len = n, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0 ? 0 : errno;
}

static int cannot(const char *what, int number)
{
    fprintf(stderr, "refuse: %s: %s\n", what, strerror(number));
    return CANNOT;
}

int main(int argc, char **argv)
{
    int at = 1, count = 0;
    unsigned numbers[CALLS_MOST], answer = 0;
    if (at < argc && strcmp(argv[at], "--no-huge-pages") == 0) {
        if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) return cannot("PR_SET_THP_DISABLE", errno);
        at++;
    }
    if (at < argc && strcmp(argv[at], "--") != 0) {
        size_t i = 0;
        while (i < sizeof answers / sizeof *answers && strcmp(answers[i].name, argv[at]) != 0) i++;
        if (i == sizeof answers / sizeof *answers) return wrong("no answer of ours: ", argv[at]);
        answer = answers[i].number;
        if (++at < argc) count = read_calls(argv[at++], numbers);
        if (count < 1) return wrong("a call that is not known, or none", "");
    }
    if (at >= argc || strcmp(argv[at], "--") != 0 || at + 1 >= argc) return wrong("no -- COMMAND", "");
    if (count > 0 && ARCHITECTURE == 0) return cannot("this architecture", ENOTSUP);
    const int failed = count > 0 ? install(numbers, count, answer) : 0;
    if (failed) return cannot("seccomp", failed);
    execvp(argv[at + 1], argv + at + 1);
    fprintf(stderr, "refuse: %s: %s\n", argv[at + 1], strerror(errno));
    return NOT_RUN;
}
