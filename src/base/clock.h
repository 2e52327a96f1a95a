/* Time: seconds since some fixed point (never jumps), and the calendar's. */
#ifndef UNGIL_BASE_CLOCK_H
#define UNGIL_BASE_CLOCK_H

double clock_now(void);            /* CLOCK_MONOTONIC, seconds */
char *clock_rfc3339(char buf[32]); /* now, UTC: 2026-08-05T12:00:00Z; returns buf */
long clock_epoch(
    const char *date); /* "2026-08-05" at 00:00 UTC -> seconds since 1970; -1 when malformed */
void clock_sleep(double seconds); /* returns early on a signal */

#endif
