/* A prefix that somebody moved (mv of the root, another mount point): which of its files still name
 * the old place, and making them name the new one. */
#ifndef UNGIL_CORE_MOVED_H
#define UNGIL_CORE_MOVED_H

#include <stdbool.h>

struct receipt;
struct store;
struct strv;

/* True when the prefix is no longer where its files say. */
bool moved_is(const struct store *s, const struct receipt *r);

/* Makes it right for where it is, in a copy that then takes its place in one step; links are made
 * anew. `files` gets the paths, below the prefix, that were (with `dry_run`: would have to be)
 * rewritten. The store is locked. */
int moved_relocate(struct store *s, struct receipt *r, bool dry_run, struct strv *files);

#endif
