/* cli_likwid.h - the marker API of likwid, for runs under likwid-perfctr -m: who owns main() starts and ends it. */
#ifndef IST_TOOLS_CLI_LIKWID_H
#define IST_TOOLS_CLI_LIKWID_H

/* Before the first context, and at the end of the process.  Without likwid-perfctr (it sets LIKWID_FILEPATH) both do
 * nothing.  Where likwid cannot count, a line says so, and the command goes on. */
void cli_likwid_begin(void);
void cli_likwid_end(void);

#endif
