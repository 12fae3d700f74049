/* target_topology.c - the XML of a machine: hwloc parses it, we count what it found, plan on it and report it.
 *
 * hwloc does not survive every file, which is why the command ist tries them in a process of its own (tools/cli_guard.c).
 * What we look for are faults of ours, so a child tries each file here, too, and those that end it are left out: hwloc
 * alone in the child, all of it in this process. */
#define _GNU_SOURCE
#include <errno.h>
#include <hwloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

enum { SURVIVED = 42, MOST_KIB = 160 << 10 }; /* hwloc may ask for gigabytes, too */

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* hwloc leaks when it refuses a file.  The sanitizer may be a shared library: it must find this. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhwloc.so";
}

/* hwloc by itself, with the filters and calls of numa/topology.c. */
_Noreturn static void try_hwloc(const char *path)
{
    static const int deaths[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP};
    for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) signal(deaths[i], SIG_DFL);
    if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(NULL);
    const struct rlimit no_core = {0, 0}, seconds = {1, 1};
    setrlimit(RLIMIT_CORE, &no_core);
    setrlimit(RLIMIT_CPU, &seconds);
    close(1);
    close(2);
    hwloc_topology_t hwloc;
    if (hwloc_topology_init(&hwloc) != 0) _exit(SURVIVED);
    hwloc_topology_set_flags(hwloc, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    hwloc_topology_set_io_types_filter(hwloc, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_cache_types_filter(hwloc, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_icache_types_filter(hwloc, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_type_filter(hwloc, HWLOC_OBJ_L3CACHE, HWLOC_TYPE_FILTER_KEEP_ALL);
    if (hwloc_topology_set_xml(hwloc, path) == 0 && hwloc_topology_load(hwloc) == 0) hwloc_topology_refresh(hwloc);
    hwloc_topology_destroy(hwloc);
    _exit(SURVIVED);
}

static bool hwloc_survives(const char *path)
{
    int how = 0;
    const pid_t child = fork();
    fuzz_require(child >= 0);
    if (child == 0) try_hwloc(path);
    struct rusage usage;
    while (wait4(child, &how, 0, &usage) < 0) fuzz_require(errno == EINTR);
    return WIFEXITED(how) && WEXITSTATUS(how) == SURVIVED && usage.ru_maxrss < MOST_KIB;
}

static void use(ist_context *context)
{
    size_t need = 0;
    fuzz_require(ist_context_report(context, NULL, 0, &need) == IST_OK && need > 0);
    char *report = malloc(need);
    fuzz_require(report && ist_context_report(context, report, need, &need) == IST_OK);
    fuzz_require(strlen(report) + 1 == need);
    free(report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ist_context_config config = IST_CONTEXT_CONFIG_INIT;
    ist_context *context = NULL;
    static hwloc_topology_t kept; /* or hwloc would load its plugins anew each time */
    if (!kept) fuzz_require(hwloc_topology_init(&kept) == 0);
    config.topology = fuzz_file(0, data, size);
    if (!hwloc_survives(config.topology)) return 0;
    const ist_status status = ist_context_create(&context, &config);
    fuzz_require((status == IST_OK) == (context != NULL));
    if (context) use(context);
    ist_context_destroy(context);
    return 0;
}
