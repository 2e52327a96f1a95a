/* How long each stage took the last time on this machine: what an ETA learns from. */
#ifndef UNGIL_CORE_TIMINGS_H
#define UNGIL_CORE_TIMINGS_H

struct timing {
    double seconds;  /* 0: not known */
    long long bytes; /* of the stage's log, from which a fraction is told; 0: not known */
};

/* `key`: "3.14 ft quick 2 make": series, variant, preset, jobs, stage. Another variant, then
 * another number of jobs stands in for what is not known. `cache` is ungil's cache directory. */
struct timing timings_get(const char *cache, const char *key);
/* Remembers; keeps one value a key, 400 keys. A failure is no error: an ETA less. */
void timings_put(const char *cache, const char *key, struct timing t);

#endif
