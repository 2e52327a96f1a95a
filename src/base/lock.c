#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/proc.h"

static const double poll_seconds = 0.25;

int lock_failed(const char *path, const char *elsewhere)
{
    int rc = fail_errno(E_FAILED, "cannot lock %s", path);
    return err_hint(rc,
                    "ungil needs flock(2), which some network file systems lack; a local disk has "
                    "it%s%s",
                    elsewhere ? ": choose one with " : "", elsewhere ? elsewhere : "");
}

/* Not a blocking flock: the signals that stop ungil restart it. */
int lock_wait(int fd, int how, const char *path, const char *waiting, const char *elsewhere)
{
    for (bool told = false;;) {
        if (flock(fd, how | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return lock_failed(path, elsewhere);
        if (!told)
            note("%s", waiting);
        told = true;
        clock_sleep(poll_seconds);
        int rc = proc_check();
        if (rc < 0)
            return rc;
    }
}

bool lock_try(int fd, int how)
{
    return flock(fd, how | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

bool lock_is_current(int fd, const char *path)
{
    struct stat mine, there;
    return fstat(fd, &mine) == 0 && lstat(path, &there) == 0 && mine.st_dev == there.st_dev &&
           mine.st_ino == there.st_ino;
}

#ifdef F_OFD_SETLK
static int byte_lock(int fd, int command, struct flock *l, off_t from, off_t n, short type)
{
    *l = (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = n};
    int rc;
    do
        rc = fcntl(fd, command, l);
    while (rc < 0 && errno == EINTR);
    return rc;
}

int lock_byte(int fd, off_t at)
{
    struct flock l;
    if (byte_lock(fd, F_OFD_SETLK, &l, at, 1, F_WRLCK) == 0)
        return 0;
    if (errno == EAGAIN || errno == EACCES)
        return E_BUSY;
    return fail_errno(E_FAILED, "cannot lock a part of a file");
}

void lock_release_byte(int fd, off_t at)
{
    struct flock l;
    byte_lock(fd, F_OFD_SETLK, &l, at, 1, F_UNLCK);
}

bool lock_bytes_taken(int fd, off_t from, off_t n)
{
    struct flock l;
    return byte_lock(fd, F_OFD_GETLK, &l, from, n, F_WRLCK) == 0 && l.l_type != F_UNLCK;
}
#else
int lock_byte(int fd, off_t at)
{
    (void)fd, (void)at;
    return fail(E_FAILED, "this system has no locks that belong to an open file");
}

void lock_release_byte(int fd, off_t at)
{
    (void)fd, (void)at;
}

bool lock_bytes_taken(int fd, off_t from, off_t n)
{
    (void)fd, (void)from, (void)n;
    return false;
}
#endif
