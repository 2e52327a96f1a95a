/* The cache directory: who may use what is there, and what may be deleted while others use it.
 *
 * Several ungils, each with a root of its own, share one. Who fetches or builds holds the directory
 * itself (a shared flock); besides, a build holds <cache>/build/NAME-INPUTS.lock, and who builds
 * from a source tree holds that tree. What is held is deleted by nobody.
 */
#ifndef UNGIL_CORE_CACHE_H
#define UNGIL_CORE_CACHE_H

#include <stdbool.h>

/* Makes the directory, or says why it cannot be used and what to do: what is built from it gets the
 * caller's rights, so it and what is in it must be the caller's own. From then on until the end of
 * this process it is held; waits while another ungil cleans it (E_SIGNAL). */
int cache_use(const char *cache);

/* A directory of the cache, which nobody else must be able to write to: E_FAILED with what to do.
 * One that is not there is in order. */
int cache_check_directory(const char *path, const char *cache);

struct cache_clean {
    bool dry_run;  /* only say what would be deleted */
    bool all;      /* also what later builds gain from */
    bool training; /* training data, and nothing else */
    void (*gone)(void *arg, const char *path, unsigned long long bytes);
    void (*kept)(void *arg, const char *path); /* another ungil uses it */
    void *arg;
};
/* Deletes what can be had again, less what is held: entry by entry in build/; the rest only when
 * nobody fetches or builds. */
int cache_clean(const char *cache, const struct cache_clean *what);

/* Deletes a file or directory; first it is out of sight, in one step. */
int cache_remove(const char *path);

/* Deletes the build directory `dir` and its lock, unless another ungil is at work in it: *held. */
int cache_remove_build(const char *dir, bool *held);

#endif
