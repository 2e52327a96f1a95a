/* Where the file system can rename a directory and exchange two, each change is one step. Where it
 * cannot (an overlay refuses to rename what an image's lower layer holds; some network file systems
 * know no exchange), two marks in versions/ make the steps repeatable:
 *
 *     .dropping-NAME   versions/NAME is being deleted: nobody looks at it any more
 *     .new-NAME        a complete prefix that becomes versions/NAME, whatever is there now
 */
#include "core/store_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "core/store.h"

static const char dropping[] = ".dropping-";
static const char arriving[] = ".new-";

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

/* Puts .new-NAME where it belongs. */
static int arrive(const struct store *s, const char *name)
{
    autofree char *path = path_join(s->versions, name);
    autofree char *from = mark_path(s, arriving, name);
    int rc = fs_is_dir(path) ? store_tree_drop(s, name) : 0;
    if (rc == 0)
        rc = fs_rename_noreplace(from, path);
    return rc < 0 ? rc : fs_sync_dir(s->versions);
}

int store_tree_put(const struct store *s, const char *staged, const char *name)
{
    autofree char *path = path_join(s->versions, name);
    int rc = fs_rename_noreplace(staged, path);
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

static int sweep_stage(const struct store *s)
{
    autostrv names = {0};
    int rc = fs_list(s->stage, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        if (str_starts(names.v[i], "failed-"))
            continue; /* --keep-failed left it for somebody to look at */
        autofree char *path = path_join(s->stage, names.v[i]);
        rc = fs_remove_tree(path);
    }
    return rc;
}

int store_tree_recover(const struct store *s)
{
    autostrv names = {0};
    int rc = fs_list(s->versions, &names);
    /* Sorted: what is dropped goes before what arrives in its place. */
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        if (str_starts(names.v[i], dropping))
            rc = drop_in_place(s, names.v[i] + sizeof dropping - 1);
        else if (str_starts(names.v[i], arriving))
            rc = arrive(s, names.v[i] + sizeof arriving - 1);
    }
    return rc < 0 ? rc : sweep_stage(s);
}
