/* hands.c - does work with those who help, or alone. */
#include "base/hands.h"

#include <stddef.h>

void ist__hands_run(const ist__hands *hands, ist__hand work, void *argument)
{
    if (hands && hands->run && hands->run(hands->user, work, argument)) return;
    work(argument, 0, 1);
}
