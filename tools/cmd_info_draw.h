/* cmd_info_draw.h - the machine as people draw it: packages, the nodes in them, the teams on the nodes. */
#ifndef IST_TOOLS_CMD_INFO_DRAW_H
#define IST_TOOLS_CMD_INFO_DRAW_H

#include <jansson.h>

/* report: ist_context_report.  planned: ist_plan_report, whose bytes stand beside each node's memory; NULL: none.
 * Lines are drawn in UTF-8 where the locale is that, else in ASCII; at most 100 columns. */
void info_draw(const json_t *report, const json_t *planned);

#endif
