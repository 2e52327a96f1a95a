#include "core/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/receipt.h"
#include "core/release.h"
#include "core/store_tree.h"

void store_open(struct store *s, const char *root)
{
    *s = (struct store){.root = path_absolute(root), .lock = -1};
    s->versions = path_join(s->root, "versions");
    s->stage = path_join(s->root, "stage");
    s->bin = path_join(s->root, "bin");
}

void store_close(struct store *s)
{
    if (s->root && s->lock >= 0)
        close(s->lock);
    free(s->root);
    free(s->versions);
    free(s->stage);
    free(s->bin);
    *s = (struct store){.lock = -1};
}

char *store_prefix(const struct store *s, const char *name)
{
    return path_join(s->versions, name);
}

int store_stage(const struct store *s, const char *name, char **dir)
{
    return fs_mkdtemp(s->stage, name, dir);
}

/* The receipt of versions/NAME; NULL, with a warning, for what is no prefix of ungil's. */
static struct receipt *read_installed(const struct store *s, const char *name)
{
    autofree char *prefix = store_prefix(s, name);
    struct receipt *r;
    int rc = receipt_read(prefix, &r);
    if (rc == 0 && strcmp(r->name, name) == 0)
        return r;
    if (rc == 0)
        warn("%s holds the receipt of %s: it was renamed or copied, and is ignored", prefix,
             r->name);
    else if (rc == E_NOTFOUND)
        warn("%s has no receipt (ungil.json): not installed by ungil, and ignored", prefix);
    else
        warn("%s is ignored: %s", prefix, err_message());
    if (rc == 0)
        receipt_free(r);
    err_clear();
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct receipt *const *ra = a, *const *rb = b;
    return name_compare((*ra)->name, (*rb)->name);
}

int store_list(const struct store *s, struct receipt ***out, size_t *n)
{
    *out = NULL;
    *n = 0;
    autostrv names = {0};
    int rc = fs_list(s->versions, &names);
    if (rc < 0)
        return err_hint(rc, "choose another root with --root DIR or UNGIL_ROOT");
    struct receipt **list = xcalloc(names.n + 1, sizeof(struct receipt *));
    for (size_t i = 0; i < names.n; i++) {
        if (names.v[i][0] == '.' || store_tree_dropping(s, names.v[i]))
            continue;
        struct receipt *r = read_installed(s, names.v[i]);
        if (r)
            list[(*n)++] = r;
    }
    qsort(list, *n, sizeof(struct receipt *), by_name);
    *out = list;
    return 0;
}

void store_list_free(struct receipt **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        receipt_free(list[i]);
    free(list);
}

static int not_installed(const struct store *s, const char *name, struct receipt **list, size_t n)
{
    autofree const char **names = xcalloc(n + 1, sizeof *names);
    autostrv all = {0};
    for (size_t i = 0; i < n; i++) {
        names[i] = list[i]->name;
        strv_add(&all, list[i]->name);
    }
    autofree char *text = strv_join(&all, ", ");
    const char *nearest = str_nearest(name, names, n);
    int rc = fail(E_FAILED, "%s is not installed in %s", *name ? name : "\"\"", s->root);
    if (n == 0)
        return err_hint(rc, "nothing is; \"ungil install\" changes that");
    if (nearest)
        return err_hint(rc, "did you mean %s? Installed: %s", nearest, text);
    return err_hint(rc, "installed: %s", text);
}

/* Index of the newest of a series ("3.14t") in the list, newest first; n when there is none. */
static size_t newest_of_series(const char *text, struct receipt **list, size_t n)
{
    struct spec spec;
    size_t i = n;
    if (spec_parse(text, &spec) < 0)
        err_clear();
    else if (!spec.release)
        for (i = 0; i < n; i++)
            if (strcmp(list[i]->series, spec.series) == 0 &&
                strcmp(list[i]->suffix, spec.suffix ? spec.suffix : "") == 0)
                break;
    spec_free(&spec);
    return i;
}

int store_find(const struct store *s, const char *name, struct receipt **out)
{
    autofree char *release = NULL, *suffix = NULL;
    autofree char *prefix = store_prefix(s, name);
    *out = NULL;
    /* The common case reads one receipt only. */
    if (name_split(name, &release, &suffix) && !store_tree_dropping(s, name) && fs_is_dir(prefix))
        *out = read_installed(s, name);
    if (*out)
        return 0;
    struct receipt **list;
    size_t n;
    int rc = store_list(s, &list, &n);
    if (rc < 0)
        return rc;
    size_t i = newest_of_series(name, list, n);
    if (i < n) {
        *out = list[i];
        list[i] = NULL;
    } else {
        rc = not_installed(s, name, list, n);
    }
    store_list_free(list, n);
    return rc;
}

/* Deletes what is left of the stage that held `path`. */
static int remove_stage_of(const struct store *s, const char *path)
{
    size_t n = strlen(s->stage);
    if (strncmp(path, s->stage, n) != 0 || path[n] != '/')
        return fs_remove_tree(path);
    size_t length = strcspn(path + n + 1, "/");
    autofree char *stage = xstrndup(path, n + 1 + length);
    return fs_remove_tree(stage);
}

int store_commit(struct store *s, const struct store_commit *commits, size_t n)
{
    int rc = n > 0 ? fs_sync_filesystem(commits[0].prefix) : 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = store_tree_put(s, commits[i].prefix, commits[i].name);
    if (rc < 0)
        return rc;
    int linked = store_link(s, NULL);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = remove_stage_of(s, commits[i].prefix);
    return rc < 0 ? rc : linked;
}

int store_remove(struct store *s, const char *const *names, size_t n)
{
    /* Links first: killed here, none of them leads nowhere, and the next run makes them again. */
    int linked = store_link_without(s, names, n);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = store_tree_drop(s, names[i]);
    if (rc < 0)
        return rc;
    rc = store_tree_recover(s); /* deletes what was moved to stage/ */
    return rc < 0 ? rc : linked;
}

int store_update_receipt(const struct store *s, const struct receipt *r)
{
    autofree char *dir = NULL;
    int rc = store_stage(s, r->name, &dir);
    if (rc < 0)
        return rc;
    autofree char *prefix = store_prefix(s, r->name);
    autofree char *from = path_join(dir, "ungil.json"), *to = path_join(prefix, "ungil.json");
    rc = receipt_write(dir, r->json);
    if (rc == 0 && rename(from, to) < 0)
        rc = fail_errno(E_FAILED, "cannot write %s", to);
    unlink(from);
    rmdir(dir);
    return rc;
}
