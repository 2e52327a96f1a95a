/* The machine's budget of jobs, which all ungils of one user share.
 *
 * A slot for each CPU: one byte of a file in a directory of the user's own ($XDG_RUNTIME_DIR/ungil,
 * /run/user/UID/ungil or /tmp/ungil-UID), locked by the ungil that uses it. The kernel frees the
 * slots of one that dies. Each ungil keeps a jobserver of its own, whose tokens are the slots that
 * it holds: it takes slots while its pipe is empty, and while another one is hungry it gives back
 * what lies idle, and what comes in above an equal share (at least one). A pipeline keeps its own
 * token for as long as it works; build_pause.c stops one where that is more than the share.
 *
 * --jobs N is the most that this ungil uses. When it is more than the CPUs there are N slots for
 * this ungil, while others go on to use only the first ones, one a CPU; it prefers the last ones.
 * So all ungils together never have more jobs than there are CPUs, or than the largest --jobs.
 * With more ungils than CPUs, those that came last wait for one to end.
 *
 * Where the directory cannot be made or locked, the budget is this ungil's own. */
#ifndef UNGIL_CORE_JOBS_H
#define UNGIL_CORE_JOBS_H

#include <stdbool.h>

#include "io/make.h"

struct jobs {
    struct jobserver pipe;
    int fd;      /* the file of slots; -1: the budget is this ungil's own */
    int slots;   /* that this ungil may use, of those in the file */
    bool *mine;  /* which of them it holds; owned */
    int held;    /* how many: tokens in the pipe, or with pipelines and makes */
    int target;  /* how many it may keep */
    int seat;    /* its place among the ungils at work */
    int step;    /* how many slots to take at once */
    bool hungry; /* the others are told that it would use more */
    bool told;   /* the user, of the wait */
    double idle_since, empty_since, sated_until; /* clock_now(); 0: not so */
};
#define JOBS_INIT                                                                                  \
    {                                                                                              \
        .pipe = JOBSERVER_INIT, .fd = -1                                                           \
    }

/* `jobs`: --jobs. E_FAILED when there are no descriptors left. */
int jobs_open(struct jobs *j, int jobs);
/* Several times a second: takes slots and gives them back. Says once to the user that it waits. */
void jobs_tick(struct jobs *j);
/* To be polled for reading, then jobs_tick: a token comes in that another ungil shall have. -1 when
 * none shall. */
int jobs_fd(const struct jobs *j);
int jobs_over(const struct jobs *j); /* tokens above what it may keep */
void jobs_return(struct jobs *j);    /* one that the caller holds goes back past the pipe */
/* Frees all slots. One that was never opened (JOBS_INIT) is fine. */
void jobs_close(struct jobs *j);

#endif
