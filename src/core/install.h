/* install: the whole road from SPEC to two interpreters (README, "From SPEC to two interpreters").
 */
#ifndef UNGIL_CORE_INSTALL_H
#define UNGIL_CORE_INSTALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/bundle_registry.h"
#include "core/source.h"

struct progress;
struct timeline;

struct install_opts {
    const char *root; /* resolved */
    const char *cache;
    const char *preset;  /* "quick" */
    const char *variant; /* --variant: NULL: the pair */
    struct source_opts source;
    int jobs;
    bool verbose, force, ccache, keep_failed, keep_build, share, bench, upgrade, pgo_keep_going;
    double lock_wait;
    const struct progress *progress;
    struct timeline
        *timeline;       /* told of everything; NULL: nobody asked. progress must be its own */
    const char *command; /* for the lock file */
    const char
        *registry; /* where bundles are asked for before anything is built: "oci://..."; NULL */
    bool push;     /* what was built is put there */
    struct remote_opts remote;
    bool exact_preset; /* not a better one that this machine can build */
    /* Asked of each prefix that is built and proven, before anything is committed: an error, and
     * nothing is. NULL: nobody asks. */
    int (*judge)(void *arg, const char *name, const char *prefix);
    void *judge_arg;
};

/* Provisions every SPEC (or recipe file). *report (owned): {"installed": [...], "unchanged":
 * [...]}. */
int install_run(const char *const *specs, size_t n, const struct install_opts *opts,
                json_t **report);

#endif
