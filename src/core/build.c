#include "core/build.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/build_stage.h"
#include "core/cache.h"
#include "core/distro.h"
#include "core/jobs.h"
#include "core/plan.h"
#include "core/progress.h"
#include "core/recipe.h"
#include "core/source.h"
#include "core/timeline.h"

enum { TICK_MS = 200 };

/* ---- Before anything: are the tools there? ---- */

static int no_tool(const char *what, const char *key)
{
    autostrv keys = {0};
    strv_add(&keys, key);
    autofree char *command = distro_install_command(&keys);
    int rc = fail(E_BUILD, "%s", what);
    if (command)
        return err_hint(rc, "install it with \"%s\"", command);
    return err_hint(rc, "install it with this system's package manager");
}

static bool have(const char *program)
{
    autofree char *path = fs_find_program(program);
    return path != NULL;
}

/* A variant or preset that names its compiler brings its own check (variant_check). */
static bool need_a_compiler(const struct build *builds, size_t n, const struct preset *preset)
{
    if (preset->tools.compiler)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!builds[i].variant->tools.compiler)
            return true;
    return n == 0;
}

static int check_tools(const struct build *builds, size_t n, const struct build_opts *opts)
{
    const char *cc = plan_getenv("CC");
    autostrv words = {0};
    strv_split(&words, cc ? cc : "");
    if (words.n > 0 && !have(words.v[0])) {
        int rc = fail(E_BUILD, "there is no C compiler \"%s\", which CC in the environment names",
                      words.v[0]);
        return err_hint(rc, "correct CC, or unset it to use the system's compiler");
    }
    if (words.n == 0 && need_a_compiler(builds, n, opts->preset) && !have("gcc") && !have("cc") &&
        !have("clang"))
        return no_tool("there is no C compiler (gcc, cc or clang) in PATH", "cc");
    if (!have("make"))
        return no_tool("there is no \"make\" in PATH", "make");
    if (opts->preset->debug_info && !have("objcopy"))
        return no_tool("there is no \"objcopy\" in PATH, which debug-info = yes needs", "cc");
    return 0;
}

/* ---- The loop ---- */

struct run {
    struct pipeline *all;
    size_t n;
    struct jobs jobs;
};

static void finish(struct pipeline *p)
{
    p->state = FINISHED;
    for (; p->tokens > 0; p->tokens--)
        jobserver_give(p->jobserver);
    progress_done(p->opts->progress, p->build->name, NULL, 0);
}

static bool waits(struct pipeline *p)
{
    bool waiting = stage_waits(p);
    timeline_waits(p->opts->timeline, p->build->name, waiting ? stage_names[p->stage] : NULL);
    return waiting;
}

/* From stage to stage, until a command runs, a wait begins or nothing is left. */
static int proceed(struct pipeline *p)
{
    while (p->stage != STAGES && !p->begun && !waits(p)) {
        int rc = stage_begin(p);
        if (rc < 0)
            return rc;
    }
    if (p->stage == STAGES)
        finish(p);
    return 0;
}

/* Of those that are to start, or to go on, the one with most left to do; NULL: none. */
static struct pipeline *longest(const struct run *r, const struct pipeline *after)
{
    struct pipeline *best = NULL;
    for (size_t i = 0; i < r->n; i++) {
        struct pipeline *p = &r->all[i];
        bool later = !after || p->left < after->left || (p->left == after->left && p > after);
        if ((p->state == WAITING || p->paused) && later && (!best || p->left > best->left))
            best = p;
    }
    return best;
}

static int start_those_with_a_token(struct run *r)
{
    int rc = 0;
    for (struct pipeline *p = longest(r, NULL); rc == 0 && p; p = longest(r, p)) {
        if (!jobserver_take(p->jobserver)) {
            if (!p->paused)
                timeline_waits(p->opts->timeline, p->build->name, "token");
            continue;
        }
        p->tokens = 1;
        if (p->paused) {
            pause_end(p);
            continue;
        }
        p->state = RUNNING;
        rc = proceed(p);
    }
    return rc;
}

static int look_after(struct pipeline *p)
{
    int status = 0, rc = 0;
    if (p->state != RUNNING || p->paused)
        return 0;
    if (p->proc.pid != 0) {
        stage_progress(p);
        if (!proc_ended(&p->proc, &status))
            return 0;
        if (proc_interrupted())
            return 0; /* a Ctrl-C is no failure of the compiler */
        if (!proc_ok(status))
            rc = stage_failed(p, status);
    }
    if (rc == 0 && p->begun && !waits(p))
        rc = stage_continue(p);
    return rc == 0 ? proceed(p) : rc;
}

static bool all_finished(const struct run *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->all[i].state != FINISHED)
            return false;
    return true;
}

static int loop(struct run *r)
{
    const struct progress *progress = r->all[0].opts->progress;
    for (;;) {
        int rc = proc_check();
        for (size_t i = 0; rc == 0 && i < r->n; i++)
            rc = look_after(&r->all[i]);
        if (rc == 0)
            rc = proc_check();
        if (rc == 0) {
            jobs_tick(&r->jobs);
            pause_step(r->all, r->n, &r->jobs);
            rc = start_those_with_a_token(r);
        }
        if (rc < 0 || all_finished(r))
            return rc;
        progress_tick(progress);
        struct pollfd pf[2] = {{.fd = proc_signal_fd(), .events = POLLIN},
                               {.fd = jobs_fd(&r->jobs), .events = POLLIN}};
        poll(pf, lengthof(pf), TICK_MS);
        proc_signal_drain();
    }
}

static void stop_all(struct run *r, int signo)
{
    struct proc **procs = xcalloc(r->n, sizeof *procs);
    for (size_t i = 0; i < r->n; i++) {
        procs[i] = &r->all[i].proc;
        pause_end(&r->all[i]);
    }
    proc_stop_all(procs, r->n, signo);
    free(procs);
}

/* How to go on, after an interruption. */
static int interrupted(const struct run *r)
{
    autostr where = {0};
    for (size_t i = 0; i < r->n; i++)
        if (r->all[i].state != FINISHED)
            str_addf(&where, "%s%s of %s", where.len ? " and " : "",
                     stage_names[r->all[i].stage < STAGES ? r->all[i].stage : STAGE_INSTALL],
                     r->all[i].build->name);
    return err_hint(E_SIGNAL,
                    "nothing is left running; run the same command again: it goes on from "
                    "%s",
                    where.len ? where.s : "there");
}

int build_run(struct build *builds, size_t n, const struct build_opts *opts)
{
    struct run r = {.n = n, .jobs = JOBS_INIT};
    int rc = check_tools(builds, n, opts);
    if (rc < 0 || n == 0)
        return rc;
    r.all = xcalloc(n, sizeof *r.all);
    for (size_t i = 0; i < n; i++)
        r.all[i] = (struct pipeline){.build = &builds[i],
                                     .opts = opts,
                                     .jobserver = &r.jobs.pipe,
                                     .all = r.all,
                                     .n_all = n,
                                     .lock = -1,
                                     .log = -1,
                                     .follow = {.fd = -1}};
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = stage_prepare(&r.all[i]);
    if (rc == 0)
        rc = jobs_open(&r.jobs, opts->jobs); /* nothing is held while stage_prepare waits */
    for (size_t i = 0; rc == 0 && i < n; i++)
        r.all[i].left = stage_left(&r.all[i]);
    if (rc == 0)
        rc = loop(&r);
    if (rc < 0)
        stop_all(&r, rc == E_SIGNAL ? proc_interrupted() : SIGTERM);
    if (rc == E_SIGNAL)
        interrupted(&r);
    for (size_t i = 0; i < n; i++)
        pipeline_free(&r.all[i]);
    free(r.all);
    jobs_close(&r.jobs);
    return rc;
}

int build_clean(const struct build *builds, size_t n, const struct build_opts *opts)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && !opts->keep && i < n; i++) {
        autofree char *dir =
            xasprintf("%s/build/%s-%.12s", opts->cache, builds[i].name, builds[i].inputs);
        bool held; /* by an ungil with another root, which needs it */
        rc = cache_remove_build(dir, &held);
    }
    return rc;
}

void build_result_free(struct build *b)
{
    free(b->destdir);
    free(b->prefix);
    free(b->directory);
    free(b->configure);
    free(b->compiler);
    free(b->cc);
    strv_free(&b->missing);
    strv_free(&b->stages);
    free(b->training_key);
    free(b->training_origin);
    free(b->training_tests);
    b->training_key = b->training_origin = b->training_tests = NULL;
    b->destdir = b->prefix = b->directory = b->configure = b->compiler = b->cc = NULL;
}
