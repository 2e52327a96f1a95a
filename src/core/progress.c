#include "core/progress.h"

#include <stddef.h>

void progress_stage(const struct progress *p, const char *who, const char *what, double expected)
{
    if (p && p->stage)
        p->stage(p->arg, who, what, expected);
}

void progress_update(const struct progress *p, const char *who, double fraction, const char *text)
{
    if (p && p->update)
        p->update(p->arg, who, fraction, text);
}

void progress_done(const struct progress *p, const char *who, const char *what, double seconds)
{
    if (p && p->done)
        p->done(p->arg, who, what, seconds);
}

void progress_tick(const struct progress *p)
{
    if (p && p->tick)
        p->tick(p->arg);
}
