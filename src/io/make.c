#include "io/make.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

/* What Linux keeps in a pipe that nobody asked to be larger; POSIX promises 512. */
enum { PIPE_HOLDS = 4096 };

int jobserver_open(struct jobserver *j, int jobs)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return fail_errno(E_FAILED, "cannot make the jobserver's pipe");
    *j = (struct jobserver){.rfd = fds[0], .wfd = fds[1], .jobs = jobs < 1 ? 1 : jobs};
    if (j->jobs > PIPE_HOLDS)
        j->jobs = PIPE_HOLDS;
    /* Only reading: a make that gives its tokens back must not lose one to EAGAIN. */
    if (fcntl(j->rfd, F_SETFL, O_NONBLOCK) < 0) {
        int rc = fail_errno(E_FAILED, "cannot set up the jobserver's pipe");
        jobserver_close(j);
        return rc;
    }
    for (int i = 0; i < j->jobs; i++)
        jobserver_give(j);
    return 0;
}

bool jobserver_take(struct jobserver *j)
{
    char token;
    return fs_read_fd(j->rfd, &token, 1) == 1;
}

void jobserver_give(struct jobserver *j)
{
    ssize_t n;
    do
        n = write(j->wfd, "+", 1);
    while (n < 0 && errno == EINTR);
}

int jobserver_idle(const struct jobserver *j)
{
    int n = 0;
    return ioctl(j->rfd, FIONREAD, &n) < 0 ? 0 : n;
}

void jobserver_close(struct jobserver *j)
{
    if (j->rfd >= 0)
        close(j->rfd);
    if (j->wfd >= 0)
        close(j->wfd);
    *j = (struct jobserver)JOBSERVER_INIT;
}

char *jobserver_makeflags(const struct jobserver *j, int child_rfd, int child_wfd)
{
    return xasprintf(" -j%d --jobserver-auth=%d,%d", j->jobs, child_rfd, child_wfd);
}
