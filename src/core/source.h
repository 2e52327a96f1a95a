/* Sources: from a pin to a verified source tree.
 *
 * Providers are tried in the recipe's order for each candidate release, newest first; what was
 * tried is one line each on stderr (note()). A source is used only if it *is* the release: commit
 * and tree id, or the archive's SHA-256, equal the pin; else E_INTEGRITY, and nothing is kept. A
 * host that cannot be reached is asked once, not once a release.
 */
#ifndef UNGIL_CORE_SOURCE_H
#define UNGIL_CORE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct recipe;
struct pin;
struct progress;

struct source_opts {
    const char *from;   /* --source: NULL, "git", "tarball", "apt", a URL or a path (git repository,
                           archive, directory) */
    const char *mirror; /* --mirror: base URL instead of the recipe's for tarballs; NULL: none */
    bool unpinned;      /* --unpinned: accept what no pin covers, and say so in the receipt */
    bool offline;       /* --offline: caches only */
    const char *cache;  /* ungil's cache directory */
    const struct progress *progress;
};

struct source {
    char *release;       /* the candidate that was delivered */
    char *provider;      /* "git", "tarball", "apt" */
    char *location;      /* URL or path */
    char *commit, *tree; /* git: what was checked out; NULL otherwise */
    char *sha256;        /* of the archive; NULL for git */
    char *date;          /* "2026-08-05" when known: SOURCE_DATE_EPOCH */
    bool pinned;
    char *dir; /* the unpacked tree, below the cache: <cache>/build/source-RELEASE-ID; kept until
                  removed */
    bool held; /* `hold` is a descriptor of the tree, locked so that no other ungil deletes it */
    int hold;
    struct strv tried; /* "3.13.18 apt: 404 …": one line each failure */
};

/* candidates: n pins, newest first (one for an exact release). E_UNREACHABLE when none delivers,
 * E_INTEGRITY when one delivered something else (an exact release: at once; a series: the same, a
 * mismatch is never passed over). */
int source_fetch(const struct recipe *recipe, const struct pin *const *candidates, size_t n,
                 const struct source_opts *opts, struct source *out);
/* Deletes the tree, unless another ungil uses it as well; killed half-way, what is left is not
 * taken for a source. */
int source_remove(struct source *s);
void source_free(struct source *s);

#endif
