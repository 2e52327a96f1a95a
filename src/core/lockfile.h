/* The lock file, ungil.lock: which interpreters these are exactly, and from what they were made.
 *
 * An INI that people commit, read and merge. Its sections:
 *
 *   [lock]                       format
 *   [release RELEASE]            what was built: preset, engine, and what the recipe pins
 *   [interpreter NAME]           variant, and the digest of the recipe's part in it
 *   [platform RELEASE PLATFORM]  the C library, and the libraries of that machine, by soname
 *   [bundle NAME PLATFORM]       inputs and compiler of this build, and what came of it
 *
 * The manual's LOCK FILES says what each key is. Equal sections make equal texts.
 */
#ifndef UNGIL_CORE_LOCKFILE_H
#define UNGIL_CORE_LOCKFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { LOCK_FORMAT = 1 };

enum lock_kind { LOCK_RELEASE, LOCK_INTERPRETER, LOCK_PLATFORM, LOCK_BUNDLE, LOCK_KINDS };

struct lock_section {
    enum lock_kind kind;
    char *id;                 /* "3.14.7", "3.14.7t" */
    char *platform;           /* "x86_64-linux-gnu"; "" where the kind has none */
    char *release;            /* of id */
    int line;                 /* in the file; 0: not from one */
    struct strv keys, values; /* sorted by key */
};

/* Texts owned; zero-initialise. */
struct lockfile {
    struct lock_section *all; /* sorted as they are written */
    size_t n;
};
void lockfile_free(struct lockfile *l);
#define autolockfile __attribute__((cleanup(lockfile_free))) struct lockfile

/* NULL: there is none. Borrowed, until a section is added or dropped. */
struct lock_section *lockfile_find(const struct lockfile *l, enum lock_kind kind, const char *id,
                                   const char *platform);
/* The same; made where there is none. */
struct lock_section *lockfile_make(struct lockfile *l, enum lock_kind kind, const char *id,
                                   const char *platform);
/* Drops what is of this platform, of the release. */
void lockfile_drop(struct lockfile *l, const char *release, const char *platform);

/* NULL: it has no such key. Borrowed. */
const char *lock_get(const struct lock_section *s, const char *key);
/* The value as it can stand on a line of the file: in one line, printable, not too long. */
void lock_set(struct lock_section *s, const char *key, const char *value);
/* "[bundle 3.14.7t x86_64-linux-gnu]"; owned. */
char *lock_title(const struct lock_section *s);

/* The names that are locked of a release, in order; appended. release NULL: of all of them. */
void lockfile_names(const struct lockfile *l, const char *release, struct strv *names);
/* The platforms that have bundles of a release; appended. */
void lockfile_platforms(const struct lockfile *l, const char *release, struct strv *platforms);

/* The whole file, as text; owned. */
char *lockfile_text(const struct lockfile *l);

/* lockfile_parse.c. E_USAGE for everything that is no lock, with file and line, and when there
 * is no such file; E_FAILED when it cannot be read. */
int lockfile_read(const char *path, struct lockfile *out);
extern const char *const lock_kind_names[]; /* "release", ... */

#endif
