/* Pipelines that are stopped while another ungil has their part of the machine.
 *
 * A make never gives back the token that it was started on, and on a small machine these are all
 * the tokens there are. SIGSTOP frees the processor at once, loses no work, and the pipeline goes
 * on with the next token that comes. Should ungil be killed meanwhile, what it started dies with it
 * (PR_SET_PDEATHSIG; the kernel continues a stopped group that has lost its parent, with SIGHUP).
 */
#include <signal.h>

#include "core/build_stage.h"
#include "core/jobs.h"
#include "core/progress.h"

static bool works(const struct pipeline *p)
{
    return p->state == RUNNING && !p->paused;
}

static void pause_begin(struct pipeline *p)
{
    p->tokens--;
    p->paused = true;
    proc_kill(&p->proc, SIGSTOP);
    progress_update(p->opts->progress, p->build->name, -1, "waits for another ungil");
}

void pause_end(struct pipeline *p)
{
    if (!p->paused)
        return;
    p->paused = false;
    proc_kill(&p->proc, SIGCONT);
}

/* One without a process waits for another: its token lies idle. */
static struct pipeline *waiter(struct pipeline *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (works(&all[i]) && all[i].proc.pid == 0 && all[i].tokens == 1)
            return &all[i];
    return NULL;
}

/* The last one that works, if it is not the only one. */
static struct pipeline *last_of_several(struct pipeline *all, size_t n)
{
    struct pipeline *last = NULL;
    int working = 0;
    for (size_t i = 0; i < n; i++) {
        working += works(&all[i]);
        if (works(&all[i]) && all[i].tokens == 1)
            last = &all[i];
    }
    return working > 1 ? last : NULL;
}

void pause_step(struct pipeline *all, size_t n, struct jobs *jobs)
{
    int own = 0;
    struct pipeline *idle = waiter(all, n);
    for (size_t i = 0; i < n; i++) {
        own += works(&all[i]) ? all[i].tokens : 0;
        if (!idle || !all[i].paused || all[i].proc.pid == 0)
            continue;
        pause_begin(idle); /* perhaps for this very one */
        all[i].tokens++;
        pause_end(&all[i]);
        return;
    }
    if (jobs_over(jobs) == 0)
        return;
    struct pipeline *p = last_of_several(all, n);
    if (p && idle)
        p = idle;
    else if (own < jobs->held)
        p = NULL; /* a make has tokens beside its own, and gives them back when it can */
    if (!p)
        return;
    pause_begin(p);
    jobs_return(jobs);
}
