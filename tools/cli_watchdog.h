/* cli_watchdog.h - says who keeps a run waiting when it stands still. */
#ifndef IST_TOOLS_CLI_WATCHDOG_H
#define IST_TOOLS_CLI_WATCHDOG_H

#include <stdbool.h>

#include "ist/ist.h"

typedef struct cli_watchdog cli_watchdog; /* opaque: a thread that looks every so often */

/* Look after `trainer` (borrowed) from cli_watchdog_watch on: when no thread of it has moved for `seconds` a line tells
 * whom the others wait for, again after twice that time, four times, and so on.  It ends nothing.  NULL when seconds is 0,
 * or no thread can be had: then nobody watches, and nothing else is lost. */
cli_watchdog *cli_watchdog_start(const ist_trainer *trainer, double seconds);
/* Rounds are trained from here on; are no longer.  NULL is fine. */
void cli_watchdog_watch(cli_watchdog *watchdog, bool on);
/* Ends the thread.  Lines that it told. */
int cli_watchdog_end(cli_watchdog *watchdog);

#endif
