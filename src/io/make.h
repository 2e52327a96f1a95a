/* The GNU make jobserver, owned by ungil: a pipe with tokens in it that every make of a build
 * shares.
 *
 * One token for each job. A make takes none for its first job, it runs on its parent's; so ungil
 * takes one for every pipeline that it starts and gives it back when the pipeline ends: at any
 * time at most `jobs` processes work, and as soon as one pipeline is done the others have its
 * share. A make that is killed may take tokens with it: the pipe is for one build, then closed. */
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

/* A pipe with `jobs` tokens (more than a pipe holds become as many as it holds). E_FAILED when
 * the system has no descriptors left. */
int jobserver_open(struct jobserver *j, int jobs);
bool jobserver_take(struct jobserver *j); /* one token, without waiting; false: none is free */
void jobserver_give(struct jobserver *j);
int jobserver_idle(const struct jobserver *j); /* tokens that nobody has taken */
/* Closing one that was never opened (JOBSERVER_INIT) is fine. */
void jobserver_close(struct jobserver *j);
/* What MAKEFLAGS must be for a make whose descriptors child_rfd and child_wfd are the pipe; owned.
 * The form is that of GNU make 4.2 and later; 4.4 still takes it beside its named pipes. */
char *jobserver_makeflags(const struct jobserver *j, int child_rfd, int child_wfd);

#endif
