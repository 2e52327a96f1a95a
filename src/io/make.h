/* The GNU make jobserver, owned by ungil: a pipe with tokens in it that every make of a build
 * shares. */
#ifndef UNGIL_IO_MAKE_H
#define UNGIL_IO_MAKE_H

#include <stdbool.h>

struct jobserver {
    int rfd, wfd; /* the pipe, CLOEXEC here; passed to children as the numbers MAKEFLAGS names */
    int jobs;
};
#define JOBSERVER_INIT                                                                             \
    {                                                                                              \
        .rfd = -1, .wfd = -1                                                                       \
    }

int jobserver_open(struct jobserver *j, int jobs);
bool jobserver_take(
    struct jobserver *j); /* one token without blocking; a make owns one implicitly */
void jobserver_give(struct jobserver *j);
void jobserver_close(struct jobserver *j);
/* " -j --jobserver-auth=R,W" with the numbers that the child sees; owned. */
char *jobserver_makeflags(const struct jobserver *j, int child_rfd, int child_wfd);

#endif
