/* Where the file system can rename a directory and exchange two, each change is one step. Where it
 * cannot (an overlay refuses to rename what an image's lower layer holds; some network file systems
 * know no exchange), two marks in versions/ make the steps repeatable:
 *
 *     .dropping-NAME   versions/NAME is being deleted: nobody looks at it any more
 *     .new-NAME        a complete prefix that becomes versions/NAME, whatever is there now
 *
 * A root may be a directory that somebody uses for other things, too: what does not look like
 * ungil's own, by its name and by what it is, is never deleted, replaced or followed.
 */
#include "core/store_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "core/release.h"
#include "core/store.h"

static const char dropping[] = ".dropping-";
static const char arriving[] = ".new-";
static const char failed[] = "failed-"; /* --keep-failed left it for somebody to look at */

static bool is_name(const char *name)
{
    autofree char *release = NULL, *suffix = NULL;
    return name_split(name, &release, &suffix);
}

/* Whether the directory `dir` is a prefix of ungil's, if perhaps a damaged one. */
static bool is_own_prefix(const char *dir)
{
    autofree char *receipt = path_join(dir, "ungil.json"),
                  *manifest = path_join(dir, "ungil.mtree");
    return fs_exists(receipt) || fs_exists(manifest);
}

/* NAME.XXXXXX, as store_stage makes them, or failed-NAME. */
static bool is_own_stage(const struct store *s, const char *entry)
{
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    autofree char *path = path_join(s->stage, entry), *name = NULL;
    const char *dot = strrchr(entry, '.');
    if (str_starts(entry, failed))
        name = xstrdup(entry + sizeof failed - 1);
    else if (dot && strlen(dot + 1) == 6 && strspn(dot + 1, alphabet) == 6)
        name = xstrndup(entry, (size_t)(dot - entry));
    return name && is_name(name) && fs_is_dir(path);
}

/* The NAME of versions/ENTRY when that is such a mark, NULL otherwise; borrowed. */
static const char *marked(const struct store *s, const char *entry, const char *mark)
{
    autofree char *path = path_join(s->versions, entry);
    struct stat st;
    if (!str_starts(entry, mark) || !is_name(entry + strlen(mark)) || lstat(path, &st) < 0)
        return NULL;
    bool own = mark == dropping ? S_ISREG(st.st_mode) && st.st_size == 0
                                : S_ISDIR(st.st_mode) && is_own_prefix(path);
    return own ? entry + strlen(mark) : NULL;
}

char *store_tree_foreign(const struct store *s)
{
    autostrv versions = {0}, stages = {0};
    if (fs_list(s->versions, &versions) < 0 || fs_list(s->stage, &stages) < 0)
        err_clear();
    for (size_t i = 0; i < versions.n; i++) {
        autofree char *path = path_join(s->versions, versions.v[i]);
        if (versions.v[i][0] != '.' && !is_own_prefix(path) &&
            !store_tree_dropping(s, versions.v[i]))
            return steal(&path);
    }
    for (size_t i = 0; i < stages.n; i++)
        if (stages.v[i][0] != '.' && !is_own_stage(s, stages.v[i]))
            return path_join(s->stage, stages.v[i]);
    return NULL;
}

static char *mark_path(const struct store *s, const char *mark, const char *name)
{
    return xasprintf("%s/%s%s", s->versions, mark, name);
}

bool store_tree_dropping(const struct store *s, const char *name)
{
    autofree char *mark = mark_path(s, dropping, name);
    return access(mark, F_OK) == 0;
}

/* Deletes versions/NAME in place, behind its mark. */
static int drop_in_place(const struct store *s, const char *name)
{
    autofree char *mark = mark_path(s, dropping, name);
    autofree char *path = path_join(s->versions, name);
    int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot write %s", mark);
    close(fd);
    int rc = fs_sync_dir(s->versions);
    if (rc == 0)
        rc = fs_remove_tree(path);
    if (rc == 0 && unlink(mark) < 0)
        rc = fail_errno(E_FAILED, "cannot remove %s", mark);
    return rc;
}

int store_tree_drop(const struct store *s, const char *name)
{
    autofree char *path = path_join(s->versions, name);
    autofree char *dir = NULL;
    int rc = store_stage(s, name, &dir);
    if (rc < 0)
        return rc;
    autofree char *aside = path_join(dir, "removed");
    if (rename(path, aside) == 0)
        return fs_sync_dir(s->versions);
    rc = errno == EXDEV ? 0 : fail_errno(E_FAILED, "cannot remove %s", path);
    rmdir(dir);
    return rc < 0 ? rc : drop_in_place(s, name);
}

int store_check_own(const struct store *s, const char *name)
{
    autofree char *path = path_join(s->versions, name);
    struct stat st;
    if (lstat(path, &st) < 0 || is_own_prefix(path))
        return 0;
    return err_hint(fail(E_FAILED, "%s is there, and ungil did not install it", path),
                    "move it away, or choose another root with --root DIR or UNGIL_ROOT");
}

/* Puts .new-NAME where it belongs. */
static int arrive(const struct store *s, const char *name)
{
    autofree char *path = path_join(s->versions, name);
    autofree char *from = mark_path(s, arriving, name);
    int rc = store_check_own(s, name);
    if (rc == 0 && fs_is_dir(path))
        rc = store_tree_drop(s, name);
    if (rc == 0)
        rc = fs_rename_noreplace(from, path);
    return rc < 0 ? rc : fs_sync_dir(s->versions);
}

int store_tree_put(const struct store *s, const char *staged, const char *name)
{
    autofree char *path = path_join(s->versions, name);
    int rc = store_check_own(s, name);
    if (rc < 0)
        return rc;
    rc = fs_rename_noreplace(staged, path);
    if (rc == E_EXISTS)
        rc = fs_rename_exchange(staged, path);
    if (rc != E_NOTFOUND)
        return rc < 0 ? rc : fs_sync_dir(s->versions);
    autofree char *mark = mark_path(s, arriving, name);
    rc = fs_rename_noreplace(staged, mark);
    if (rc == 0)
        rc = fs_sync_dir(s->versions);
    return rc < 0 ? rc : arrive(s, name);
}

/* Deletes what is ungil's in stage/, with `kept` failed-NAME too; adds up how big it is when
 * `bytes` are asked for. */
static int sweep_stage(const struct store *s, bool kept, bool remove, unsigned long long *bytes)
{
    autostrv names = {0};
    int rc = fs_is_dir(s->stage) ? fs_list(s->stage, &names) : 0;
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        if (!is_own_stage(s, names.v[i]) || (!kept && str_starts(names.v[i], failed)))
            continue;
        autofree char *path = path_join(s->stage, names.v[i]);
        unsigned long long size = 0;
        rc = bytes ? fs_usage(path, &size) : 0;
        if (bytes)
            *bytes += size;
        if (rc == 0 && remove)
            rc = fs_remove_tree(path);
    }
    return rc;
}

int store_clean_stage(const struct store *s, bool remove, unsigned long long *bytes)
{
    *bytes = 0;
    return sweep_stage(s, true, remove, bytes);
}

int store_tree_recover(const struct store *s)
{
    autostrv names = {0};
    int rc = fs_is_dir(s->versions) ? fs_list(s->versions, &names) : 0;
    /* Sorted: what is dropped goes before what arrives in its place. */
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        const char *gone = marked(s, names.v[i], dropping);
        const char *come = marked(s, names.v[i], arriving);
        if (gone)
            rc = drop_in_place(s, gone);
        else if (come)
            rc = arrive(s, come);
    }
    return rc < 0 ? rc : sweep_stage(s, false, true, NULL);
}
