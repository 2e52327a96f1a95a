/* Git by libgit2. */
#ifndef UNGIL_IO_GIT_H
#define UNGIL_IO_GIT_H

#include <stdbool.h>

enum git_phase { GIT_PHASE_FETCH, GIT_PHASE_CHECKOUT };

struct git_progress {
    /* FETCH: objects received and their size on the wire. CHECKOUT: files and bytes written. */
    void (*update)(void *arg, enum git_phase phase, unsigned done, unsigned total,
                   unsigned long long bytes);
    void *arg;
};

struct git_request {
    const char *url;    /* http(s)://, ssh://, user@host:path, git://, file:// or a local path */
    const char *tag;    /* "v3.14.7" */
    const char *store;  /* bare repository to fetch into (made when missing) */
    const char *commit; /* the pin, 40 hex digits; NULL: whatever the tag says */
    const char *tree;   /* the pin; NULL */
    const char *token;  /* UNGIL_GIT_TOKEN or NULL: a password for https, never sent elsewhere */
    bool offline;       /* the store only (a local repository is opened all the same) */
    struct git_progress progress;
};
struct git_result {
    char commit[41], tree[41];
    char date[11]; /* of the commit, UTC */
    bool shallow;
    bool host_down; /* the repository could not be reached at all: ask for no other tag there */
};

/* True for what only git can mean: a git transport, user@host:path, or a name ending in .git. */
bool repo_is_url(const char *text);
/* True when `url`, a path or file://, is a local repository (bare, or with a work tree). */
bool repo_is_local(const char *url);

/* Gets the tag's commit into the store (depth 1 where it can) or opens a local repository's
 * objects, checks commit and tree against the pin, and writes the tree into the existing empty
 * directory `dir`: files as the blobs are (no end-of-line conversion), mode 0755 or 0644,
 * symlinks that stay inside. With a pin, a store that holds the commit is not fetched into again.
 * E_NOTFOUND: no such tag; E_UNREACHABLE; E_INTEGRITY: names both, nothing fetched is kept;
 * E_SIGNAL. On failure the caller removes `dir`. */
int repo_checkout(const struct git_request *req, const char *dir, struct git_result *result);
bool repo_can_shallow(void); /* libgit2 >= 1.7 */

#endif
