/* Git by libgit2. */
#ifndef UNGIL_IO_GIT_H
#define UNGIL_IO_GIT_H

#include <stdbool.h>

struct git_progress {
    void (*update)(void *arg, unsigned received, unsigned total,
                   unsigned long long bytes); /* objects; then checkout */
    void *arg;
};

struct git_request {
    const char *url;    /* http(s)://, ssh://, git://, file:// or a local path */
    const char *tag;    /* "v3.14.7" */
    const char *store;  /* bare repository to fetch into (made when missing) */
    const char *commit; /* the pin, 40 hex digits; NULL: whatever the tag says */
    const char *tree;   /* the pin; NULL */
    const char *token;  /* UNGIL_GIT_TOKEN or NULL: user "x-access-token" over https only */
    bool offline;       /* the store only */
    struct git_progress progress;
};
struct git_result {
    char commit[41], tree[41];
    char date[11]; /* of the commit, UTC */
    bool shallow;
    bool host_down; /* the host could not be reached: ask nobody else there */
};

/* Gets the tag's commit into the store (depth 1 where it can) or opens a local repository's
 * objects, checks commit and tree against the pin, and writes the tree into the existing empty
 * directory `dir`. E_NOTFOUND: no such tag; E_UNREACHABLE; E_INTEGRITY. */
int git_checkout(const struct git_request *req, const char *dir, struct git_result *result);
bool git_can_shallow(void); /* libgit2 >= 1.7 */

#endif
