#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#define RENAME_EXCHANGE  (1 << 1)
#endif

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool fs_is_dir(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool fs_is_own(const struct stat *st)
{
    return st->st_uid == geteuid() && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

char *fs_find_program(const char *name)
{
    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
    const char *path = getenv("PATH");
    autofree char *dirs = xstrdup(path ? path : "/usr/local/bin:/usr/bin:/bin");
    for (char *save = NULL, *dir = strtok_r(dirs, ":", &save); dir;
         dir = strtok_r(NULL, ":", &save)) {
        char *full = path_join(dir, name);
        struct stat st;
        if (stat(full, &st) == 0 && S_ISREG(st.st_mode) && access(full, X_OK) == 0)
            return full;
        free(full);
    }
    return NULL;
}

bool fs_is_unchanged(const struct stat *then, const struct stat *now)
{
    return then->st_dev == now->st_dev && then->st_ino == now->st_ino &&
           then->st_size == now->st_size && then->st_mtim.tv_sec == now->st_mtim.tv_sec &&
           then->st_mtim.tv_nsec == now->st_mtim.tv_nsec;
}

int fs_mkdirs(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0)
        return 0;
    if (errno == EEXIST) {
        struct stat st;
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            return 0;
        return fail(E_FAILED, "%s exists and is not a directory", path);
    }
    if (errno != ENOENT)
        return fail_errno(E_FAILED, "cannot make the directory %s", path);
    autofree char *parent = path_dir(path);
    if (strcmp(parent, path) == 0)
        return fail_errno(E_FAILED, "cannot make the directory %s", path);
    int rc = fs_mkdirs(parent, mode);
    if (rc < 0)
        return rc;
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return fail_errno(E_FAILED, "cannot make the directory %s", path);
    return 0;
}

int fs_mkdtemp(const char *dir, const char *prefix, char **path)
{
    int rc = fs_mkdirs(dir, 0777);
    if (rc < 0)
        return rc;
    autofree char *template = xasprintf("%s/%s.XXXXXX", dir, prefix);
    if (!mkdtemp(template))
        return fail_errno(E_FAILED, "cannot make a directory in %s", dir);
    *path = steal(&template);
    return 0;
}

ssize_t fs_read_fd(int fd, void *buf, size_t size)
{
    ssize_t n;
    do
        n = read(fd, buf, size);
    while (n < 0 && errno == EINTR);
    return n;
}

int fs_read(const char *path, char **data, size_t *size)
{
    autofd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? E_NOTFOUND
                                                   : fail_errno(E_FAILED, "cannot read %s", path);
    autostr out = {0};
    char buf[16384];
    ssize_t n;
    while ((n = fs_read_fd(fd, buf, sizeof buf)) != 0) {
        if (n < 0)
            return fail_errno(E_FAILED, "cannot read %s", path);
        str_addn(&out, buf, (size_t)n);
    }
    *size = out.len;
    *data = str_take(&out);
    return 0;
}

int fs_read_text(const char *path, char **text)
{
    size_t size;
    return fs_read(path, text, &size);
}

int fs_read_link(const char *path, char **target)
{
    char buf[PATH_MAX];
    ssize_t n = readlink(path, buf, sizeof buf);
    if (n == (ssize_t)sizeof buf) {
        n = -1;
        errno = ENAMETOOLONG;
    }
    if (n < 0)
        return fail_errno(E_FAILED, "cannot read the link %s", path);
    *target = xstrndup(buf, (size_t)n);
    return 0;
}

int fs_write_all(int fd, const void *data, size_t size)
{
    const char *p = data;
    while (size > 0) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

int fs_write_atomic(const char *path, const void *data, size_t size, mode_t mode)
{
    autofree char *temporary = xasprintf("%s.XXXXXX.tmp", path);
    int fd = mkostemps(temporary, (int)strlen(".tmp"), O_CLOEXEC);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot write %s", temporary);
    int bad = fs_write_all(fd, data, size) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0;
    if (close(fd) < 0)
        bad = 1;
    if (bad || rename(temporary, path) < 0) {
        int rc = fail_errno(E_FAILED, "cannot write %s", path);
        unlink(temporary);
        return rc;
    }
    return 0;
}

/* Removes what is inside the directory fd `dir` (closed here). */
static int remove_inside(int dir, const char *path)
{
    DIR *d = fdopendir(dir);
    if (!d) {
        close(dir);
        return fail_errno(E_FAILED, "cannot list %s", path);
    }
    int rc = 0;
    for (struct dirent *e; rc == 0 && (errno = 0, e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(d), e->d_name, 0) == 0 || errno == ENOENT)
            continue;
        autofree char *full = path_join(path, e->d_name);
        int why = errno;
        int sub = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub < 0 && errno == EACCES && fchmodat(dirfd(d), e->d_name, 0700, 0) == 0)
            sub = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub < 0) {
            errno = why;
            rc = fail_errno(E_FAILED, "cannot remove %s", full);
            break;
        }
        fchmod(sub, 0700);
        rc = remove_inside(sub, full);
        if (rc == 0 && unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
            rc = fail_errno(E_FAILED, "cannot remove %s", full);
    }
    closedir(d);
    return rc;
}

int fs_remove_tree(const char *path)
{
    if (unlink(path) == 0 || errno == ENOENT)
        return 0;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && chmod(path, 0700) == 0)
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : fail_errno(E_FAILED, "cannot remove %s", path);
    fchmod(fd, 0700);
    int rc = remove_inside(fd, path);
    if (rc == 0 && rmdir(path) < 0 && errno != ENOENT)
        rc = fail_errno(E_FAILED, "cannot remove %s", path);
    return rc;
}

/* Byte copy: in the kernel where it can, else through a buffer. */
static int copy_bytes(int in, int out)
{
#ifdef __linux__
    for (;;) {
        ssize_t n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break; /* EXDEV, ENOSYS, EINVAL …: go on from here by hand */
    }
    if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
        return -1;
#endif
    char buf[65536];
    ssize_t n;
    while ((n = fs_read_fd(in, buf, sizeof buf)) != 0) {
        if (n < 0 || fs_write_all(out, buf, (size_t)n) < 0)
            return -1;
    }
    return 0;
}

int fs_copy_file(const char *from, const char *to)
{
    struct stat st;
    autofd in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0 || fstat(in, &st) < 0)
        return fail_errno(E_FAILED, "cannot read %s", from);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0)
        return fail_errno(E_FAILED, "cannot write %s", to);
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    int bad =
        copy_bytes(in, out) < 0 || fchmod(out, st.st_mode & 07777) < 0 || futimens(out, times) < 0;
    if (close(out) < 0)
        bad = 1;
    return bad ? fail_errno(E_FAILED, "cannot copy %s to %s", from, to) : 0;
}

static int rename_with(const char *from, const char *to, unsigned flags)
{
#ifdef __linux__
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
#else
    (void)flags;
    errno = ENOSYS;
    return -1;
#endif
}

int fs_rename_noreplace(const char *from, const char *to)
{
    if (rename_with(from, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno == ENOSYS || errno == EINVAL) {
        /* A kernel or file system without it: a directory never replaces a non-empty one. */
        struct stat st;
        if (lstat(to, &st) == 0)
            errno = EEXIST;
        else if (rename(from, to) == 0)
            return 0;
    }
    if (errno == EEXIST || errno == ENOTEMPTY)
        return fail(E_EXISTS, "%s exists already", to);
    return fail_errno(E_FAILED, "cannot rename %s to %s", from, to);
}

int fs_rename_exchange(const char *a, const char *b)
{
    if (rename_with(a, b, RENAME_EXCHANGE) == 0)
        return 0;
    if (errno == ENOSYS || errno == EINVAL || errno == EXDEV)
        return E_NOTFOUND;
    return fail_errno(E_FAILED, "cannot exchange %s and %s", a, b);
}

int fs_symlink_replace(const char *target, const char *path)
{
    autofree char *temporary = xasprintf("%s.%ld.tmp", path, (long)getpid());
    unlink(temporary);
    if (symlink(target, temporary) < 0)
        return fail_errno(E_FAILED, "cannot make the link %s", path);
    if (rename(temporary, path) < 0) {
        int rc = fail_errno(E_FAILED, "cannot replace the link %s", path);
        unlink(temporary);
        return rc;
    }
    return 0;
}

int fs_sync_dir(const char *path)
{
    autofd fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return fail_errno(E_FAILED, "cannot flush the directory %s to disk", path);
    return 0;
}

int fs_sync_filesystem(const char *path)
{
#ifdef __linux__
    autofd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) < 0)
        return fail_errno(E_FAILED, "cannot flush the file system of %s to disk", path);
#else
    (void)path;
    sync();
#endif
    return 0;
}

int fs_list(const char *dir, struct strv *names)
{
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT ? 0 : fail_errno(E_FAILED, "cannot list %s", dir);
    errno = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            strv_add(names, e->d_name);
    int rc = errno ? fail_errno(E_FAILED, "cannot list %s", dir) : 0;
    closedir(d);
    strv_sort(names);
    return rc;
}

static int walk(const char *dir, const char *relative, fs_visit *visit, void *arg)
{
    autostrv names = {0};
    int rc = fs_list(dir, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        autofree char *path = path_join(dir, names.v[i]);
        autofree char *below = path_join(relative, names.v[i]);
        struct stat st;
        if (lstat(path, &st) < 0) {
            if (errno == ENOENT)
                continue; /* gone since it was listed */
            return fail_errno(E_FAILED, "cannot read %s", path);
        }
        rc = visit(below, path, &st, arg);
        if (rc == 0 && S_ISDIR(st.st_mode))
            rc = walk(path, below, visit, arg);
    }
    return rc;
}

int fs_walk(const char *dir, fs_visit *visit, void *arg)
{
    return walk(dir, "", visit, arg);
}

static int add_usage(const char *relative, const char *path, const struct stat *st, void *arg)
{
    (void)relative;
    (void)path;
    if (!S_ISDIR(st->st_mode) && st->st_nlink > 0)
        *(unsigned long long *)arg += (unsigned long long)st->st_blocks * 512 / st->st_nlink;
    return 0;
}

int fs_usage(const char *path, unsigned long long *bytes)
{
    struct stat st;
    *bytes = 0;
    if (lstat(path, &st) < 0)
        return 0;
    return S_ISDIR(st.st_mode) ? fs_walk(path, add_usage, bytes) : add_usage("", path, &st, bytes);
}
