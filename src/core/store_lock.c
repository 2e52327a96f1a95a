#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/store.h"
#include "core/store_tree.h"

static const double poll_seconds = 0.1;

static int not_writable(const struct store *s, int rc)
{
    switch (errno) {
    case EACCES:
    case EPERM:
        return err_hint(rc,
                        "%s belongs to somebody else: run ungil with sudo, or choose another "
                        "root with --root DIR or UNGIL_ROOT",
                        s->root);
    case EROFS:
        return err_hint(rc,
                        "the file system of %s is read-only: choose another root with --root "
                        "DIR or UNGIL_ROOT",
                        s->root);
    case ENOSPC:
    case EDQUOT:
        return err_hint(rc, "make room there (\"ungil clean\" empties the caches), or choose "
                            "another root with --root DIR or UNGIL_ROOT");
    default:
        return err_hint(rc, "choose another root with --root DIR or UNGIL_ROOT");
    }
}

static int not_ours(int rc)
{
    return err_hint(rc, "choose another root with --root DIR or UNGIL_ROOT, or move it away");
}

/* A name in the root that ungil would not have made, where versions/ is not there yet; owned, NULL:
 * none. */
static char *first_foreign(const struct store *s)
{
    static const char *const own[] = {"bin", "default", "lock", "lost+found", "stage"};
    autostrv names = {0};
    if (fs_is_dir(s->versions))
        return NULL;
    if (fs_list(s->root, &names) < 0)
        err_clear(); /* who makes the directories says it */
    for (size_t i = 0; i < names.n; i++) {
        bool known = false;
        for (size_t k = 0; k < lengthof(own); k++)
            known |= strcmp(names.v[i], own[k]) == 0;
        if (!known)
            return xstrdup(names.v[i]);
    }
    return NULL;
}

/* A directory that somebody uses for something else does not become a root by mistake. */
static int check_ours(const struct store *s, const char *lock)
{
    const char *const dirs[] = {s->versions, s->stage};
    struct stat st;
    for (size_t i = 0; i < lengthof(dirs); i++)
        if (lstat(dirs[i], &st) == 0 && S_ISLNK(st.st_mode))
            return not_ours(
                fail(E_FAILED, "%s is a symbolic link, which ungil does not follow", dirs[i]));
    if (lstat(lock, &st) == 0)
        return 0;
    autofree char *other = first_foreign(s);
    if (other)
        return err_hint(fail(E_FAILED, "%s is not a root of ungil's, and not empty: it holds %s",
                             s->root, other),
                        "choose an empty directory, or one that is not there yet, with --root DIR "
                        "or UNGIL_ROOT");
    autofree char *foreign = store_tree_foreign(s);
    return foreign ? not_ours(fail(E_FAILED, "%s is not a root of ungil's: it did not make %s",
                                   s->root, foreign))
                   : 0;
}

/* The directories exist, or the reason why not with what to do. */
static int make_directories(const struct store *s)
{
    const char *const dirs[] = {s->root, s->versions, s->stage, s->bin};
    for (size_t i = 0; i < lengthof(dirs); i++) {
        errno = 0;
        int rc = fs_mkdirs(dirs[i], 0777);
        if (rc < 0)
            return not_writable(s, rc);
    }
    if (access(s->root, W_OK) < 0 || access(s->versions, W_OK) < 0 || access(s->stage, W_OK) < 0)
        return not_writable(s, fail_errno(E_FAILED, "cannot write to %s", s->root));
    return 0;
}

/* "pid 4711 (ungil install 3.14), since 2026-08-05T12:00:00Z", as far as the lock file tells. */
static char *holder(const char *path)
{
    autofree char *text = NULL;
    if (fs_read_text(path, &text) < 0) {
        err_clear();
        return xstrdup("somebody unknown");
    }
    char *save = NULL;
    const char *pid = strtok_r(text, "\n", &save), *command = strtok_r(NULL, "\n", &save),
               *since = strtok_r(NULL, "\n", &save);
    if (!pid || !command || !since)
        return xstrdup("somebody unknown");
    return xasprintf("pid %s (%s), since %s", pid, command, since);
}

static int say_who(int fd, const char *path, const char *command)
{
    char when[32], there[64];
    ssize_t n = pread(fd, there, sizeof there - 1, 0);
    there[n > 0 ? n : 0] = '\0';
    const char *after_pid = there + strspn(there, "0123456789");
    if (*there && !str_starts(after_pid, "\nungil "))
        return not_ours(fail(E_FAILED, "%s is there, and is not ungil's lock", path));
    autofree char *text =
        xasprintf("%ld\nungil %s\n%s\n", (long)getpid(), command, clock_rfc3339(when));
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
        return fail_errno(E_FAILED, "cannot write %s", path);
    return 0;
}

static int wait_for_lock(const struct store *s, int fd, const char *path, double wait_seconds)
{
    double begin = clock_now();
    autofree char *announced = NULL;
    for (int tries = 0;; tries++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return lock_failed(path, "--root DIR or UNGIL_ROOT");
        int rc = proc_check();
        if (rc < 0)
            return rc;
        autofree char *who = holder(path);
        if (wait_seconds >= 0 && clock_now() - begin >= wait_seconds)
            return err_hint(fail(E_BUSY, "another ungil works on %s: %s", s->root, who),
                            "try again when it has ended");
        /* Not at the first try: who just took it may not have written its name yet. */
        if (tries > 0 && !str_eq(announced, who)) {
            note("waiting for another ungil: %s", who);
            str_set(&announced, steal(&who));
        }
        clock_sleep(poll_seconds);
    }
}

int store_lock(struct store *s, const char *command, double wait_seconds)
{
    autofree char *path = path_join(s->root, "lock");
    int rc = check_ours(s, path);
    if (rc == 0)
        rc = make_directories(s);
    if (rc < 0)
        return rc;
    autofd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return not_writable(s, fail_errno(E_FAILED, "cannot open %s", path));
    rc = wait_for_lock(s, fd, path, wait_seconds);
    if (rc == 0)
        rc = say_who(fd, path, command);
    if (rc == 0)
        rc = store_tree_recover(s);
    if (rc < 0)
        return rc;
    /* A killed ungil may have changed versions/ and not yet the links. A foreign file in the way is
     * told by who makes links, not by everybody who locks. */
    if (store_link(s, NULL) < 0)
        err_clear();
    s->lock = fd;
    fd = -1;
    return 0;
}
