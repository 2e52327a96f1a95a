/* Sources from git: one tag of a repository. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/progress.h"
#include "core/recipe.h"
#include "core/source_try.h"
#include "io/git.h"

static void on_progress(void *arg, enum git_phase phase, unsigned done, unsigned total,
                        unsigned long long bytes)
{
    const struct source_opts *o = ((const struct attempt *)arg)->opts;
    char size[16], text[80];
    str_bytes(size, bytes);
    snprintf(text, sizeof text, "%u of %u %s, %s", done, total,
             phase == GIT_PHASE_FETCH ? "objects" : "files", size);
    progress_update(o->progress, "source", total ? (double)done / total : -1, text);
    progress_tick(o->progress);
}

int source_try_git(struct attempt *a, struct source *out)
{
    autofree char *tag = recipe_tag(a->recipe, a->pin->release);
    autofree char *store = path_join(a->opts->cache, "git");
    autofree char *dir = NULL;
    const char *token = getenv("UNGIL_GIT_TOKEN");
    struct git_request req = {.url = a->from ? a->from : a->recipe->git,
                              .tag = tag,
                              .store = store,
                              .commit = a->pin->commit,
                              .tree = a->pin->tree,
                              .token = token && *token ? token : NULL,
                              .offline = a->opts->offline,
                              .progress = {on_progress, a}};
    struct git_result result;
    int rc = source_tree_new(a, &dir);
    if (rc == 0)
        rc = repo_checkout(&req, dir, &result);
    if (rc < 0) {
        a->host_down = dir && result.host_down;
        if (dir)
            fs_remove_tree(dir);
        return rc;
    }
    out->location = str_public_url(req.url);
    out->commit = xstrdup(result.commit);
    out->tree = xstrdup(result.tree);
    out->date = xstrdup(a->pin->date ? a->pin->date : result.date);
    out->pinned = a->pin->commit != NULL;
    return source_tree_keep(a, dir, result.commit, out);
}
