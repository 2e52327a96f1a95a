#include "io/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

int part_cannot_write(const struct part *p)
{
    return fail_errno(E_FAILED, "cannot write %s", p->path);
}

int part_open(struct part *p, const char *path)
{
    str_set(&p->path, xasprintf("%s.part", path));
    for (;; close(p->fd)) {
        struct stat mine, there;
        p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (p->fd < 0)
            return part_cannot_write(p);
        if (flock(p->fd, LOCK_EX | LOCK_NB) < 0) {
            bool held = errno == EWOULDBLOCK || errno == EINTR;
            int rc = held ? 1 : fail_errno(E_FAILED, "cannot lock %s", p->path);
            close(p->fd);
            p->fd = -1;
            return rc;
        }
        /* The other one renames or removes it when it is done. */
        if (fstat(p->fd, &mine) == 0 && lstat(p->path, &there) == 0 && mine.st_ino == there.st_ino)
            break;
    }
    p->digest = digest_new();
    return 0;
}

int part_restart(struct part *p)
{
    digest_free(p->digest);
    p->digest = digest_new();
    p->have = 0;
    p->from_before = false;
    return ftruncate(p->fd, 0) < 0 || lseek(p->fd, 0, SEEK_SET) < 0 ? -1 : 0;
}

int part_read(struct part *p)
{
    char buf[65536];
    ssize_t n;
    while ((n = fs_read_fd(p->fd, buf, sizeof buf)) != 0) {
        if (n < 0)
            return fail_errno(E_FAILED, "cannot read %s", p->path);
        digest_add(p->digest, buf, (size_t)n);
        p->have += (size_t)n;
    }
    p->from_before = p->have > 0;
    return 0;
}

int part_add(struct part *p, const void *data, size_t size)
{
    if (fs_write_all(p->fd, data, size) < 0)
        return -1;
    digest_add(p->digest, data, size);
    p->have += size;
    return 0;
}

int part_rename(struct part *p, const char *path)
{
    return rename(p->path, path) < 0 ? fail_errno(E_FAILED, "cannot rename %s", p->path) : 0;
}

void part_close(struct part *p)
{
    if (p->fd >= 0)
        close(p->fd);
    digest_free(p->digest);
    free(p->path);
    *p = (struct part)PART_INIT;
}
