/* From what is installed, or would be built, to the sections of a lock file; and what differs
 * between two of them. */
#ifndef UNGIL_CORE_LOCKFILE_FACTS_H
#define UNGIL_CORE_LOCKFILE_FACTS_H

#include <jansson.h>

#include "core/lockfile.h"

struct bundle_made;
struct pin;
struct plan;
struct receipt;
struct variant;

/* Adds what the receipt says; of a bundle section all but sha256 and manifest. E_FAILED when that
 * contradicts what is in `l` already, as two interpreters of one release of which one was built
 * with another preset, and when the receipt does not say it. */
int lock_add_installed(struct lockfile *l, const struct receipt *r, const char *platform);

/* Adds what a build of this variant here would be made from. Which libraries are asked for is
 * taken from `asked`, the [platform] section of a lock. */
int lock_add_here(struct lockfile *l, const struct plan *plan, const struct pin *pin,
                  const struct variant *v, const char *platform, const struct lock_section *asked);

/* ---- Differences ---- */

/* Whether a receipt need not say this: that of what came in a bundle, or was built by an older
 * ungil. */
bool lock_perhaps_unknown(const char *key);

struct lock_difference {
    char *where;       /* "3.14.7t", "3.14.7" */
    char *what;        /* the key, in words: "compiler", "libz.so.1" */
    char *lock, *here; /* values; NULL: none */
    struct strv files; /* of a manifest: which differ, where that is known */
};
struct lock_differences {
    struct lock_difference *all;
    size_t n;
};
void lock_differences_free(struct lock_differences *d);
#define autolockdiff __attribute__((cleanup(lock_differences_free))) struct lock_differences
/* Once for each `where` and `what`. */
void lock_differ(struct lock_differences *d, const char *where, const char *what, const char *lock,
                 const char *here);
/* Compares the sections of one interpreter on a platform, its release's among them. Keys of
 * `ignored` (NULL-terminated) are not compared; NULL: all are. A compiler's programs and the
 * libraries are compared where both sides know them: a bundle brings no such facts along.
 * `platform` NULL: only what is the same on all of them. */
void lock_compare(const struct lockfile *lock, const struct lockfile *here, const char *name,
                  const char *platform, const char *const *ignored, struct lock_differences *d);
/* "3.14.7t: compiler: the lock has gcc 12.2.0, this machine gcc 14.2.0", a line each, with `indent`
 * in front; owned. */
char *lock_differences_text(const struct lock_differences *d, const char *indent);
json_t *lock_differences_json(const struct lock_differences *d);

#endif
