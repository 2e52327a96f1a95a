#include "base/clock.h"

#include <stdio.h>
#include <time.h>

double clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

char *clock_rfc3339(char buf[32])
{
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return buf;
}

long clock_epoch(const char *date)
{
    struct tm tm = {0};
    int end = 0;
    if (!date || sscanf(date, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &end) != 3 ||
        end != 10 || date[end])
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    struct tm given = tm;
    long epoch = (long)timegm(&tm); /* moves 30 February to March */
    return given.tm_mon == tm.tm_mon && given.tm_mday == tm.tm_mday ? epoch : -1;
}

void clock_sleep(double seconds)
{
    if (seconds <= 0)
        return;
    struct timespec t = {.tv_sec = (time_t)seconds};
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    nanosleep(&t, NULL);
}
