/* Between git.c and git_tree.c; no other file may include it. */
#ifndef UNGIL_IO_GIT_TREE_H
#define UNGIL_IO_GIT_TREE_H

#include <git2.h>

#include "base/err.h"
#include "io/git.h"

/* Records "WHAT SUBJECT: why", by libgit2's error `e` (NULL: none). Whatever that says, an
 * interruption is the real reason when there was one; and a server's own words may go on for lines,
 * with raw protocol in them: the first says enough. */
int git_tree_fail(enum err code, const git_error *e, const char *what, const char *subject);

/* Writes the tree `tree` of *repo into the empty directory `dir`. `local`: the path *repo was
 * opened from, NULL for a small store; with a path *repo is closed and opened again on the way, and
 * may be NULL after an error. `where`: the URL, for messages. */
int git_tree_write(git_repository **repo, const char *local, const char *where, const git_oid *tree,
                   const struct git_progress *progress, const char *dir);

#endif
