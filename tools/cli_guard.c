/* cli_guard.c - a file of a machine is tried in a process of its own first.
 *
 * Why: hwloc reads these files, and was made for those that it wrote itself.  Some that are damaged make it read where
 * nothing is, or print to the terminal; nothing that we could check before would rule that out.  So a child reads the
 * file under limits of memory and time, and it is read here, under the same limit of memory, when the child survived and hwloc had nothing to say.  The
 * library itself starts no processes: a host that takes such files from strangers does what we do here.
 */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "cli_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli_context.h"
#include "cli_say.h"

#if defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define SANITIZED 1
#  endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define SANITIZED 1
#endif
#ifndef SANITIZED
#  define SANITIZED 0
#endif

enum { GUARD_SECONDS = 10, GUARD_MIB = 192 }; /* of memory beyond what this process has */
enum { SURVIVED = 64 };                       /* exit statuses of the child: this minus the status of the library */

/* The address space of this process now, in bytes; 0: not told. */
static rlim_t address_space(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    if (fscanf(file, "%llu", &pages) != 1) pages = 0;
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void lower(int resource, rlim_t value)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur <= value)) return;
    limit.rlim_cur = value;
    setrlimit(resource, &limit);
}

static void lower_memory(void)
{
    const rlim_t now = address_space();
    if (!SANITIZED && now > 0) lower(RLIMIT_AS, now + ((rlim_t)GUARD_MIB << 20));
}

/* Our own line, told apart from hwloc's. */
static void tell(void *user, int32_t level, const char *line)
{
    (void)user;
    if (level == IST_LOG_ERROR) dprintf(STDOUT_FILENO, "\1%s\n", line);
}

/* In the child: within limits, without a core file; what hwloc prints goes to `out`. */
_Noreturn static void try_it(const ist_context_config *config, int out)
{
    static const int deaths[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP, SIGALRM, SIGXCPU};
    for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) (void)signal(deaths[i], SIG_DFL);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    lower(RLIMIT_CORE, 0);
    lower(RLIMIT_CPU, GUARD_SECONDS);
    lower_memory();
    alarm(2 * GUARD_SECONDS);

    ist_context_config quiet = *config;
    quiet.log = tell;
    ist_context *context = NULL;
    const ist_status status = ist_context_create(&context, &quiet);
    if (status == IST_OK) ist_context_destroy(context);
    _exit(SURVIVED - status);
}

/* All that the child prints, cut to `cap`; it ends when the child does. */
static void listen(int in, char *text, size_t cap)
{
    char rest[512] = "";
    size_t length = 0;
    for (ssize_t got = 1; got > 0 || (got < 0 && errno == EINTR);) {
        const bool full = length + 1 == cap;
        got = read(in, full ? rest : text + length, full ? sizeof rest : cap - 1 - length);
        if (got > 0 && !full) length += (size_t)got;
    }
    text[length] = '\0';
}

/* hwloc frames what it has to say with stars: the first line of words, cut in place. */
static const char *first_words(char *text)
{
    char *from = text + strspn(text, "* \n\t");
    from[strcspn(from, "\n")] = '\0';
    return from;
}

static int judge(const char *path, int how, char *said)
{
    char quoted[160];
    const char *words = first_words(said);
    const int code = WIFEXITED(how) ? WEXITSTATUS(how) : 0;
    if (WIFSIGNALED(how) && (WTERMSIG(how) == SIGXCPU || WTERMSIG(how) == SIGALRM))
        cli_error("%s: hwloc does not come to an end with this topology: it is damaged", path);
    else if (code < SURVIVED || code > SURVIVED - IST_E_BLAS)
        cli_error("%s: hwloc crashes on this topology: it is damaged", path);
    else if (code == SURVIVED - IST_E_MEMORY)
        cli_error("%s: this topology takes more than %d MiB: it is damaged", path, GUARD_MIB);
    else if (*words == '\1' && code == SURVIVED - IST_E_FORMAT) cli_error("%s", words + 1);
    else if (*words && *words != '\1')
        cli_error("%s: hwloc objects to this topology: %s", path, cli_quote(quoted, sizeof quoted, words));
    else return -1;
    return CLI_BAD_DATA;
}

static int no_child(const char *path)
{
    cli_error("cannot start a process to try %s in: %s", path, strerror(errno));
    return CLI_FAILED;
}

/* -1: the child came back from it; else the exit status after a line. */
static int try_first(const ist_context_config *config, const char *path)
{
    int ends[2];
    if (pipe(ends) != 0) return no_child(path);
    fflush(NULL); /* or the child would have it, too */
    const pid_t child = fork();
    if (child == 0) try_it(config, ends[1]);
    close(ends[1]);
    char said[1024] = "";
    if (child > 0) listen(ends[0], said, sizeof said);
    close(ends[0]);
    if (child < 0) return no_child(path);
    int how = 0;
    while (waitpid(child, &how, 0) < 0 && errno == EINTR) continue;
    return judge(path, how, said);
}

ist_context *cli_guard_open(const ist_context_config *config, int *exit_status)
{
    struct stat about;
    const char *path = config->topology;
    if (!path || stat(path, &about) != 0 || !S_ISREG(about.st_mode)) return cli_context_open(config, exit_status);
    const int wrong = try_first(config, path);
    if (wrong >= 0) {
        *exit_status = wrong;
        return NULL;
    }
    /* hwloc may live with memory that it does not get, and the child had no more. */
    struct rlimit before;
    const bool known = getrlimit(RLIMIT_AS, &before) == 0;
    if (known) lower_memory();
    ist_context *context = cli_context_open(config, exit_status);
    if (known) setrlimit(RLIMIT_AS, &before);
    return context;
}
