/* A crew: a few threads that do jobs, for work that is the kernel's (making thousands of files) and
 * would wait for itself in one. All else in ungil has one thread.
 *
 * A job fails as any function does, with fail(): errors are each thread's own, and the first one's
 * message comes out of the next crew_add or crew_wait. Signals reach the main thread only. */
#ifndef UNGIL_BASE_CREW_H
#define UNGIL_BASE_CREW_H

#include <stddef.h>

struct crew;

struct crew_opts {
    int threads;
    size_t most; /* so much may wait, in the units of crew_add's `weight` */
    /* Does a job; `own` is the thread's own state. 0 or a negative error. */
    int (*work)(void *own, void *job);
    void **own;              /* `threads` of them, borrowed */
    void (*drop)(void *job); /* frees a job that was done, or never will be */
};
int crew_new(const struct crew_opts *opts, struct crew **out);
/* Hands over a job; waits while there is too much. After a job has failed, no other is done, and
 * its error is returned. */
int crew_add(struct crew *c, void *job, size_t weight);
int crew_wait(struct crew *c); /* until all of them are done */
void crew_free(struct crew *c);

#endif
