/* fs_beneath_*: making files below one directory and nowhere else, see fs.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_LINUX_OPENAT2_H
#include <linux/openat2.h>
#endif

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

struct fs_beneath {
    int fd;
    char *dir;
    char *last;  /* the directory opened last, relative; NULL: none yet */
    int last_fd; /* archives come in directory order: most files hit this */
};

int fs_beneath_open(const char *dir, struct fs_beneath **out)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot open the directory %s", dir);
    struct fs_beneath *b = xcalloc(1, sizeof *b);
    *b = (struct fs_beneath){.fd = fd, .dir = xstrdup(dir), .last_fd = -1};
    *out = b;
    return 0;
}

void fs_beneath_free(struct fs_beneath *b)
{
    if (!b)
        return;
    close(b->fd);
    if (b->last_fd >= 0)
        close(b->last_fd);
    free(b->dir);
    free(b->last);
    free(b);
}

/* One step down, never through a symlink: what is safe on every system. */
static int step_down(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_directory(struct fs_beneath *b, const char *relative)
{
#if defined(HAVE_LINUX_OPENAT2_H) && defined(SYS_openat2)
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, b->fd, relative, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return fd;
#endif
    autofree char *parts = xstrdup(relative);
    int at = fcntl(b->fd, F_DUPFD_CLOEXEC, 0);
    for (char *save = NULL, *part = strtok_r(parts, "/", &save); part && at >= 0;
         part = strtok_r(NULL, "/", &save)) {
        int next = step_down(at, part);
        int why = errno;
        close(at);
        errno = why;
        at = next;
    }
    return at;
}

/* By errno: something in the way that is no directory is the archive's fault, all else is not. */
static int cannot_enter(const struct fs_beneath *b, const char *relative)
{
    if (errno == ENOTDIR || errno == ELOOP || errno == EXDEV)
        return fail(E_INTEGRITY, "%s in %s goes through something that is not a directory",
                    relative, b->dir);
    return fail_errno(E_FAILED, "cannot open the directory %s in %s", relative, b->dir);
}

/* By errno of an attempt to replace what stands there; unlink says EISDIR or EPERM of a directory.
 */
static int cannot_make(const struct fs_beneath *b, const char *what, const char *relative)
{
    struct stat st;
    if ((errno == EISDIR || errno == EPERM) &&
        fstatat(b->fd, relative, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return fail(E_EXISTS, "%s in %s is a directory already", relative, b->dir);
    return fail_errno(E_FAILED, "cannot make the %s %s in %s", what, relative, b->dir);
}

static bool is_safe(const char *relative)
{
    if (!*relative || *relative == '/')
        return false;
    for (const char *p = relative; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return false;
        p += n + (p[n] == '/');
    }
    return true;
}

int fs_beneath_mkdirs(struct fs_beneath *b, const char *relative, mode_t mode)
{
    if (!is_safe(relative))
        return fail(E_INTEGRITY, "the path \"%s\" leads out of %s", relative, b->dir);
    autofree char *parts = xstrdup(relative);
    autofd at = fcntl(b->fd, F_DUPFD_CLOEXEC, 0);
    for (char *save = NULL, *part = strtok_r(parts, "/", &save); part;
         part = strtok_r(NULL, "/", &save)) {
        if (strcmp(part, ".") == 0)
            continue;
        bool made = mkdirat(at, part, mode) == 0;
        if (!made && errno != EEXIST)
            return fail_errno(E_FAILED, "cannot make the directory %s in %s", relative, b->dir);
        int next = step_down(at, part);
        if (made && next >= 0 && fchmod(next, mode) < 0) {
            close(next);
            return fail_errno(E_FAILED, "cannot make the directory %s in %s", relative, b->dir);
        }
        if (next < 0)
            return cannot_enter(b, relative);
        close(at);
        at = next;
    }
    return 0;
}

/* The descriptor (borrowed) of the directory that holds `relative`; makes it where it lacks. */
static int parent_of(struct fs_beneath *b, const char *relative)
{
    if (!is_safe(relative))
        return fail(E_INTEGRITY, "the path \"%s\" leads out of %s", relative, b->dir);
    if (!strchr(relative, '/'))
        return b->fd;
    autofree char *dir = path_dir(relative);
    if (b->last && strcmp(b->last, dir) == 0)
        return b->last_fd;
    int fd = open_directory(b, dir);
    if (fd < 0 && errno == ENOENT) {
        int rc = fs_beneath_mkdirs(b, dir, 0755);
        if (rc < 0)
            return rc;
        fd = open_directory(b, dir);
    }
    if (fd < 0)
        return cannot_enter(b, dir);
    if (b->last_fd >= 0)
        close(b->last_fd);
    b->last_fd = fd;
    str_set(&b->last, steal(&dir));
    return fd;
}

int fs_beneath_create(struct fs_beneath *b, const char *relative, mode_t mode)
{
    int at = parent_of(b, relative);
    if (at < 0)
        return at;
    const char *name = path_base(relative);
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST && unlinkat(at, name, 0) == 0)
        fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    return fd < 0 ? cannot_make(b, "file", relative) : fd;
}

bool fs_link_stays_inside(const char *relative, const char *target)
{
    int room = 0; /* directories above the link */
    for (const char *p = relative; *p; p++)
        room += *p == '/' && p[1] != '/';
    if (!*target || *target == '/')
        return false;
    for (bool down = false; *target;) {
        size_t n = strcspn(target, "/");
        bool up = n == 2 && target[0] == '.' && target[1] == '.';
        if (up && (down || room-- == 0))
            return false;
        down |= !up && n > 0 && !(n == 1 && *target == '.');
        target += n + (target[n] == '/');
    }
    return true;
}

int fs_beneath_symlink(struct fs_beneath *b, const char *target, const char *relative)
{
    if (!fs_link_stays_inside(relative, target))
        return fail(E_INTEGRITY, "the symlink %s leads out of %s, to %s", relative, b->dir, target);
    int at = parent_of(b, relative);
    if (at < 0)
        return at;
    const char *name = path_base(relative);
    if (symlinkat(target, at, name) == 0)
        return 0;
    if (errno == EEXIST && unlinkat(at, name, 0) == 0 && symlinkat(target, at, name) == 0)
        return 0;
    return cannot_make(b, "link", relative);
}

int fs_beneath_link(struct fs_beneath *b, const char *existing, const char *relative)
{
    int from = parent_of(b, existing);
    if (from < 0)
        return from;
    /* A descriptor of its own: the next parent_of() may close the one it lent. */
    autofd held = fcntl(from, F_DUPFD_CLOEXEC, 0);
    const char *old_name = path_base(existing), *new_name = path_base(relative);
    struct stat st;
    if (held < 0 || fstatat(held, old_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return fail(E_NOTFOUND, "there is no file %s in %s", existing, b->dir);
    int at = parent_of(b, relative);
    if (at < 0)
        return at;
    if (linkat(held, old_name, at, new_name, 0) == 0)
        return 0;
    struct stat there;
    if (errno == EEXIST && fstatat(at, new_name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        there.st_dev == st.st_dev && there.st_ino == st.st_ino)
        return 0;
    if (errno == EEXIST && unlinkat(at, new_name, 0) == 0 &&
        linkat(held, old_name, at, new_name, 0) == 0)
        return 0;
    return cannot_make(b, "hard link", relative);
}
