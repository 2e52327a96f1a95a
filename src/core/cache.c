#include "core/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/str.h"
#include "core/training.h"

/* ---- use ---- */

/* The directory, for as long as this process lives; -1: not yet. */
static int in_use = -1;

static int not_own(const char *path, const struct stat *st, const char *cache)
{
    long me = (long)geteuid(), owner = (long)st->st_uid;
    int rc;
    if (owner == me) {
        rc = fail(E_FAILED,
                  "others can write to %s, and ungil would build from what they put there", path);
        return err_hint(rc,
                        "if nobody did: \"chmod -R go-w %s\"; else choose another cache with "
                        "XDG_CACHE_HOME",
                        cache);
    }
    if (me == 0) {
        rc = fail(E_FAILED,
                  "%s belongs to user %ld, and root would build from what that one put there", path,
                  owner);
        return err_hint(rc,
                        "give root a cache of its own with XDG_CACHE_HOME=/var/cache, or make "
                        "this one root's: \"chown -R 0 %s\"",
                        cache);
    }
    if (owner != 0)
        return err_hint(fail(E_FAILED, "%s belongs to user %ld", path, owner),
                        "choose another cache with XDG_CACHE_HOME");
    rc = fail(E_FAILED, "%s belongs to root, perhaps since a run with sudo", path);
    return err_hint(rc,
                    "take it back with \"sudo chown -R %ld %s\", or choose another cache with "
                    "XDG_CACHE_HOME",
                    me, cache);
}

/* A directory, which others must not be able to write to; a symbolic link to one is the caller's or
 * root's. What is not there is in order. */
int cache_check_directory(const char *path, const char *cache)
{
    struct stat link, st;
    if (lstat(path, &link) < 0 || stat(path, &st) < 0)
        return errno == ENOENT ? 0 : fail_errno(E_FAILED, "cannot read %s", path);
    if (S_ISLNK(link.st_mode) && link.st_uid != geteuid() && link.st_uid != 0)
        return not_own(path, &link, cache);
    if (!fs_is_own(&st))
        return not_own(path, &st, cache);
    return access(path, W_OK | X_OK) < 0 ? fail_errno(E_FAILED, "cannot write to %s", path) : 0;
}

/* The cache, its directories and what is in these: nobody wants to hear of it after the fetch. */
static int check(const char *cache)
{
    static const char *const dirs[] = {"apt",   "blobs", "build", "bundles",  "configure", "git",
                                       "image", "log",   "pack",  "tarballs", "training"};
    int rc = cache_check_directory(cache, cache);
    for (size_t i = 0; rc == 0 && i < lengthof(dirs); i++) {
        autofree char *dir = path_join(cache, dirs[i]);
        autostrv names = {0};
        rc = cache_check_directory(dir, cache);
        if (rc == 0)
            rc = fs_list(dir, &names);
        for (size_t n = 0; rc == 0 && n < names.n; n++) {
            autofree char *path = path_join(dir, names.v[n]);
            struct stat st;
            if (lstat(path, &st) == 0 && st.st_uid != geteuid())
                rc = not_own(path, &st, cache);
        }
    }
    return rc;
}

int cache_use(const char *cache)
{
    autofree char *waiting = xasprintf("another ungil cleans %s; waiting", cache);
    if (in_use >= 0)
        return 0;
    int rc = fs_mkdirs(cache, 0755);
    if (rc == 0)
        rc = check(cache);
    autofd fd = rc < 0 ? -1 : open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (rc == 0 && fd < 0)
        rc = fail_errno(E_FAILED, "cannot read the cache %s", cache);
    if (rc < 0)
        return err_hint_text() ? rc : err_hint(rc, "choose another one with XDG_CACHE_HOME");
    rc = lock_wait(fd, LOCK_SH, cache, waiting, "XDG_CACHE_HOME");
    if (rc < 0)
        return rc;
    in_use = fd;
    fd = -1;
    return 0;
}

/* ---- deletion ---- */

static const char aside_suffix[] = ".removed";

/* Out of sight in one step: half a build tree must not be gone on with. */
int cache_remove(const char *path)
{
    autofree char *aside = xasprintf("%s%s", path, aside_suffix);
    if (str_ends(path, aside_suffix) || fs_remove_tree(aside) < 0 || rename(path, aside) < 0)
        return fs_remove_tree(path);
    return fs_remove_tree(aside);
}

/* One deletion in build/. */
struct removal {
    bool dry_run, held;
    unsigned long long bytes;
};

static int remove_counted(const char *path, struct removal *r)
{
    int rc = fs_usage(path, &r->bytes);
    return rc == 0 && !r->dry_run ? cache_remove(path) : rc;
}

/* `lock` may be there without `dir`: a build that was killed before it began. */
static int remove_build(const char *dir, struct removal *r)
{
    autofree char *lock = xasprintf("%s.lock", dir);
    autofd fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (r->dry_run ? 0 : O_CREAT), 0644);
    if (fd < 0 && !(r->dry_run && errno == ENOENT))
        return fail_errno(E_FAILED, "cannot open the lock %s", lock);
    /* One that is not current any more: the next owner is just making another. */
    r->held = fd >= 0 && (!lock_try(fd, LOCK_EX) || !lock_is_current(fd, lock));
    if (r->held)
        return 0;
    int rc = remove_counted(dir, r);
    if (rc == 0 && !r->dry_run)
        unlink(lock);
    return rc;
}

int cache_remove_build(const char *dir, bool *held)
{
    struct removal r = {.held = false};
    int rc = remove_build(dir, &r);
    *held = r.held;
    return rc;
}

static int remove_source(const char *dir, struct removal *r)
{
    autofd fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    r->held = fd >= 0 && (!lock_try(fd, LOCK_EX) || !lock_is_current(fd, dir));
    return r->held ? 0 : remove_counted(dir, r);
}

/* What is unpacked or deleted just now has no lock of its own. */
static bool is_passing(const char *name)
{
    return str_starts(name, "unpacking.") || str_ends(name, aside_suffix);
}

/* An entry of build/, to which its lock belongs. */
static int remove_one(const char *path, bool alone, struct removal *r)
{
    const char *name = path_base(path);
    if (str_starts(name, "source-") && !str_ends(name, aside_suffix))
        return remove_source(path, r);
    if (!is_passing(name))
        return remove_build(path, r);
    r->held = !alone;
    return r->held ? 0 : remove_counted(path, r);
}

/* *busy: something in it is held. */
static int clean_builds(const char *build, bool alone, const struct cache_clean *what, bool *busy)
{
    autostrv names = {0};
    unsigned long long bytes = 0;
    size_t removed = 0;
    int rc = fs_list(build, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        autofree char *path = path_join(build, names.v[i]);
        if (str_ends(path, ".lock")) {
            path[strlen(path) - strlen(".lock")] = '\0';
            if (strv_has(&names, path_base(path)))
                continue; /* it goes with its directory */
        }
        struct removal r = {.dry_run = what->dry_run};
        rc = remove_one(path, alone, &r);
        bytes += r.bytes;
        removed += rc == 0 && !r.held;
        *busy |= r.held;
        if (r.held)
            what->kept(what->arg, path);
    }
    if (alone && !*busy && !what->dry_run)
        rmdir(build);
    if (removed > 0)
        what->gone(what->arg, build, bytes);
    return rc;
}

/* What can be had again from the network, or is only of interest after a failure. */
static bool is_disposable(const char *name)
{
    static const char *const names[] = {"apt", "blobs", "git", "image", "log", "pack", "tarballs"};
    for (size_t i = 0; i < lengthof(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return str_ends(name, aside_suffix);
}

/* It has a lock of its own, so that builds may go on without it. */
static int clean_training(const char *cache, const struct cache_clean *what)
{
    autofree char *path = path_join(cache, "training");
    unsigned long long bytes;
    bool held;
    int rc = fs_exists(path) ? training_clean(cache, what->dry_run, &held, &bytes) : E_NOTFOUND;
    if (rc == 0 && held)
        what->kept(what->arg, path);
    else if (rc == 0)
        what->gone(what->arg, path, bytes);
    return rc == E_NOTFOUND ? 0 : rc;
}

int cache_clean(const char *cache, const struct cache_clean *what)
{
    if (what->training)
        return clean_training(cache, what);
    autofree char *build = path_join(cache, "build");
    autofd fd = open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    autostrv names = {0};
    bool alone = fd < 0 || lock_try(fd, LOCK_EX), busy = !alone;
    int rc = clean_builds(build, alone, what, &busy);
    if (rc == 0)
        rc = fs_list(cache, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        autofree char *path = path_join(cache, names.v[i]);
        unsigned long long bytes;
        if (strcmp(names.v[i], "build") == 0 || (!what->all && !is_disposable(names.v[i])))
            continue;
        if (busy) {
            what->kept(what->arg, path);
            continue;
        }
        if (strcmp(names.v[i], "training") == 0) {
            rc = clean_training(cache, what);
            continue;
        }
        rc = fs_usage(path, &bytes);
        if (rc == 0 && !what->dry_run)
            rc = cache_remove(path);
        if (rc == 0)
            what->gone(what->arg, path, bytes);
    }
    return rc;
}
