/* cli_likwid.c - the marker API of likwid, for runs under likwid-perfctr -m.
 *
 * likwid is loaded when it is asked for, not linked: the command starts as fast without, runs where likwid is missing, and
 * no line of likwid's appears in other runs.  RTLD_GLOBAL, because libist looks for its functions in the process.
 */
#define _POSIX_C_SOURCE 200809L
#include "cli_likwid.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "cli_say.h"

#ifdef IST_LIKWID_NAME

static void (*close_markers)(void);

static void find(void *library, void *function, const char *name)
{
    void *const symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol); /* POSIX lets functions be found through void *, C has no cast for it */
}

void cli_likwid_begin(void)
{
    if (!getenv("LIKWID_FILEPATH")) return;
    void *library = dlopen(IST_LIKWID_NAME, RTLD_NOW | RTLD_GLOBAL);
    if (!library) library = dlopen(IST_LIKWID_PATH, RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
        cli_note("likwid: %s cannot be loaded, so no region is counted", IST_LIKWID_NAME);
        return;
    }
    void (*init)(void) = NULL;
    int (*try_region)(const char *) = NULL;
    find(library, &init, "likwid_markerInit");
    find(library, &try_region, "likwid_markerRegisterRegion");
    find(library, &close_markers, "likwid_markerClose");
    if (init) init();
    if (!init || !try_region || !close_markers || try_region("gather") < 0) {
        cli_note("likwid cannot count here (a processor it does not know, or no access to its counters): no region is "
                 "counted");
        close_markers = NULL;
    }
}

void cli_likwid_end(void)
{
    if (close_markers) close_markers();
    close_markers = NULL;
}

#else

void cli_likwid_begin(void)
{
    if (getenv("LIKWID_FILEPATH"))
        cli_note("this build has no markers for likwid (-DIST_WITH_LIKWID=ON), so no region is counted");
}

void cli_likwid_end(void)
{
}

#endif
