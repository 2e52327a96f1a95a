/* Which files make two interpreters differ, where the lock's bundle is at hand. */
#ifndef UNGIL_CORE_LOCKFILE_FILES_H
#define UNGIL_CORE_LOCKFILE_FILES_H

struct strv;

/* Compares a copy (bundle_copy.h) with the bundle of this SHA-256, when the cache has it: the
 * paths that differ or are in one of them only, appended, sorted. E_NOTFOUND silently when it has
 * not. */
int lock_differing_files(const char *cache, const char *sha256, const char *copy,
                         struct strv *paths);
/* "lib/a.py, lib/b.py and 3 more"; owned. */
char *lock_some_files(const struct strv *paths);

#endif
