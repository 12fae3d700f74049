/* feed.c - ist_trainer_feed.  Any thread may call it while another one uses the context: so the context's line is not written. */
#include <stdio.h>

#include "api/handles.h"
#include "base/floats.h"
#include "train/feed.h"

static ist_status refuse(const ist_feed *rows, const ist__error *error)
{
    if (rows->line && rows->line_bytes > 0) snprintf(rows->line, rows->line_bytes, "%s", error->text);
    return error->status;
}

ist_status ist_trainer_feed(ist_trainer *trainer, const ist_feed *rows)
{
    IST__OUR_FLOATS;
    ist_feed known = IST_FEED_INIT;
    if (!trainer || !rows) return IST_E_ARGUMENT;
    if (ist__take_config(NULL, &known, sizeof known, rows, rows->struct_size, sizeof known)) return IST_E_ARGUMENT;
    ist__error error = {.status = IST_OK};
    return ist__feed_rows(trainer->training, &known, &error) ? refuse(&known, &error) : IST_OK;
}
