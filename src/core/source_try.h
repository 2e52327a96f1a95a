/* Between source.c, which decides what to try, and source_git.c and source_archive.c, which try it.
 */
#ifndef UNGIL_CORE_SOURCE_TRY_H
#define UNGIL_CORE_SOURCE_TRY_H

#include "core/source.h"

enum provider { PROVIDER_GIT, PROVIDER_TARBALL, PROVIDER_APT, PROVIDERS };

/* One provider's attempt at one release. */
struct attempt {
    const struct recipe *recipe;
    const struct pin *pin;
    const struct source_opts *opts;
    enum provider provider;
    const char *from;      /* --source URL or PATH, NULL: the recipe's */
    struct strv *packaged; /* in and out: the versions apt offers, asked for once */
    bool host_down;        /* out: ask this provider for nothing else */
};

/* Each gets the release and fills `out`; E_NOTFOUND and E_UNREACHABLE mean that another may do. */
int source_try_git(struct attempt *a, struct source *out);
int source_try_tarball(struct attempt *a, struct source *out);
int source_try_apt(struct attempt *a, struct source *out);

/* The unpacked tree of `id` (a commit or a SHA-256): where it belongs, owned. */
char *source_tree(const struct attempt *a, const char *id);
/* Fills `out` from what was noted then, when that tree is there, complete; else E_NOTFOUND,
 * silently. Waits while another ungil deletes it. */
int source_tree_find(const struct attempt *a, const char *id, struct source *out);
/* An empty directory to unpack into; owned. source_tree_keep() gives it its place and notes where
 * it came from; on failure the caller removes it. */
int source_tree_new(const struct attempt *a, char **dir);
int source_tree_keep(const struct attempt *a, const char *dir, const char *id, struct source *out);

/* "12.3 MiB of 22.1 MiB" and the fraction, to the progress. */
void source_progress_bytes(void *attempt, unsigned long long now, unsigned long long total);

/* True for a name that ends like an archive. */
bool source_is_archive(const char *name);
/* Which of the candidates the user's archive `from` (path or URL) is, by digest, else by name, else
 * the first. E_INTEGRITY when a file is none of them, unless `unpinned`. */
int source_archive_release(const char *from, const struct pin *const *candidates, size_t n,
                           bool unpinned, size_t *which);

#endif
