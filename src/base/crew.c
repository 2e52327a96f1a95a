#include "base/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/str.h"

struct job {
    void *what;
    size_t weight;
    struct job *next;
};

struct worker {
    struct crew *crew;
    void *own;
    pthread_t thread;
};

struct crew {
    struct crew_opts opts;
    struct worker *workers;
    int n; /* that were started */
    pthread_mutex_t lock;
    pthread_cond_t change; /* of anything below */
    struct job *first, **last;
    size_t waiting; /* weight of what is not done */
    size_t jobs;    /* how many are not done */
    bool ends;
    int failed; /* the first error, and what it said */
    char *message, *hint;
};

static void finish(struct crew *c, struct job *j)
{
    c->waiting -= j->weight;
    c->jobs--;
    c->opts.drop(j->what);
    free(j);
    pthread_cond_broadcast(&c->change);
}

static void note_failure(struct crew *c, int rc)
{
    if (c->failed == 0) {
        c->failed = rc;
        c->message = xstrdup(err_message());
        c->hint = xstrdup(err_hint_text());
    }
    err_clear();
}

/* Called locked; the job itself is done unlocked. */
static void do_next(struct worker *w)
{
    struct crew *c = w->crew;
    struct job *j = c->first;
    c->first = j->next;
    if (!c->first)
        c->last = &c->first;
    bool wanted = c->failed == 0;
    pthread_mutex_unlock(&c->lock);
    int rc = wanted ? c->opts.work(w->own, j->what) : 0;
    pthread_mutex_lock(&c->lock);
    if (rc < 0)
        note_failure(c, rc);
    finish(c, j);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct crew *c = w->crew;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        if (c->first)
            do_next(w);
        else if (c->ends)
            break;
        else
            pthread_cond_wait(&c->change, &c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

int crew_new(const struct crew_opts *opts, struct crew **out)
{
    struct crew *c = xcalloc(1, sizeof *c);
    sigset_t all, before;
    c->opts = *opts;
    c->last = &c->first;
    c->workers = xcalloc((size_t)opts->threads, sizeof *c->workers);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->change, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; c->n < opts->threads; c->n++) {
        struct worker *w = &c->workers[c->n];
        *w = (struct worker){.crew = c, .own = opts->own[c->n]};
        if (pthread_create(&w->thread, NULL, work, w) != 0)
            break; /* fewer do it, too */
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (c->n == 0) {
        crew_free(c);
        return fail(E_FAILED, "cannot start a thread");
    }
    *out = c;
    return 0;
}

/* What failed is the caller's error from here on. */
static int result(const struct crew *c)
{
    if (c->failed == 0)
        return 0;
    int rc = fail((enum err)c->failed, "%s", c->message);
    return c->hint ? err_hint(rc, "%s", c->hint) : rc;
}

int crew_add(struct crew *c, void *what, size_t weight)
{
    struct job *j = xcalloc(1, sizeof *j);
    *j = (struct job){.what = what, .weight = weight};
    pthread_mutex_lock(&c->lock);
    while (c->jobs > 0 && c->waiting + weight > c->opts.most)
        pthread_cond_wait(&c->change, &c->lock);
    *c->last = j;
    c->last = &j->next;
    c->waiting += weight;
    c->jobs++;
    pthread_cond_broadcast(&c->change);
    int rc = result(c);
    pthread_mutex_unlock(&c->lock);
    return rc;
}

int crew_wait(struct crew *c)
{
    pthread_mutex_lock(&c->lock);
    while (c->jobs > 0)
        pthread_cond_wait(&c->change, &c->lock);
    int rc = result(c);
    pthread_mutex_unlock(&c->lock);
    return rc;
}

void crew_free(struct crew *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->ends = true;
    if (c->failed == 0)
        c->failed = E_FAILED; /* what waits is dropped */
    pthread_cond_broadcast(&c->change);
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; i < c->n; i++)
        pthread_join(c->workers[i].thread, NULL);
    pthread_cond_destroy(&c->change);
    pthread_mutex_destroy(&c->lock);
    free(c->workers);
    free(c->message);
    free(c->hint);
    free(c);
}
