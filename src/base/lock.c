#include "base/lock.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>

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
