#include "core/build_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/build_answers.h"
#include "core/build_ccache.h"
#include "core/dirs.h"
#include "core/distro.h"
#include "core/modules.h"
#include "core/progress.h"
#include "core/recipe.h"
#include "core/relocate.h"
#include "core/source.h"
#include "core/timeline.h"
#include "io/digest.h"

const char *const stage_names[STAGES] = {"copy",  "configure", "freeze", "instrument",
                                         "train", "make",      "install"};

enum { EXCERPT_LINES = 10 };

/* ---- A command ---- */

/* The stages whose make takes more tokens while there are any. */
static bool stage_is_parallel(enum stage stage)
{
    return stage >= STAGE_FREEZE && stage <= STAGE_MAKE;
}

/* A compiler that is killed, and gcc's link-time optimiser always, leave temporary files: they go
 * with the build. Not where Python runs, whose multiprocessing binds Unix sockets there: their
 * paths have at most 108 bytes. */
static int keep_temporary_files(const struct pipeline *p, struct strv *env)
{
    if (p->stage == STAGE_COPY || p->stage == STAGE_TRAIN || p->stage == STAGE_INSTALL)
        return 0;
    autofree char *dir = path_join(p->dir, "ungil-tmp");
    int rc = fs_mkdirs(dir, 0755);
    if (rc == 0)
        env_set(env, "TMPDIR", dir);
    return rc;
}

static int spawn(struct pipeline *p, const struct strv *argv)
{
    autofree char *line = strv_join(argv, " ");
    dprintf(p->log, "+ %s\n", line);
    autostrv env = {0};
    strv_addv(&env, &p->env);
    int rc = keep_temporary_files(p, &env);
    if (rc < 0)
        return rc;
    /* __DATE__ is that of the release. Tests look at this variable, too: it is not theirs. */
    autofree char *epoch = xasprintf("%ld", p->mtime);
    if (p->stage != STAGE_TRAIN)
        env_set(&env, "SOURCE_DATE_EPOCH", epoch);
    /* What configure would find, as whichever this machine has, stays in the Makefile for
     * extensions. A release needs no Python to be built; a variant that does names one. */
    if (p->stage == STAGE_CONFIGURE && !env_get(&env, "PYTHON_FOR_REGEN"))
        env_set(&env, "PYTHON_FOR_REGEN", "python3");
    struct proc_opts o = PROC_OPTS_INIT;
    o.cwd = p->stage == STAGE_COPY ? NULL : p->dir;
    o.out = o.err = p->log;
    if (stage_is_parallel(p->stage)) {
        autofree char *flags = jobserver_makeflags(p->jobserver, CHILD_RFD, CHILD_WFD);
        env_set(&env, "MAKEFLAGS", flags);
        o.pass[0][0] = p->jobserver->rfd;
        o.pass[0][1] = CHILD_RFD;
        o.pass[1][0] = p->jobserver->wfd;
        o.pass[1][1] = CHILD_WFD;
        o.pass[2][0] = p->jobserver->rfd;
        o.pass[2][1] = LINK_RFD;
        o.pass[3][0] = p->jobserver->wfd;
        o.pass[3][1] = LINK_WFD;
        ccache_environment(p, &env);
    }
    o.env = &env;
    return proc_spawn(&p->proc, argv, &o);
}

/* ---- A stage from begin to end ---- */

static char *timing_key(const struct pipeline *p, enum stage stage)
{
    return xasprintf("%s %s %s %d %s", p->opts->recipe->series, p->build->variant->id,
                     p->opts->preset->id, p->jobserver->jobs, stage_names[stage]);
}

static int open_log(struct pipeline *p)
{
    str_set(&p->log_path,
            xasprintf("%s/log/%s-%s.log", p->opts->cache, p->build->name, stage_names[p->stage]));
    /* An interrupted make is continued, and so is its log; everything else begins again. */
    bool more = p->resumed;
    if (p->log >= 0)
        close(p->log);
    p->log =
        open(p->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (more ? 0 : O_TRUNC), 0644);
    if (p->log < 0)
        return fail_errno(E_FAILED, "cannot write the log %s", p->log_path);
    p->log_from = lseek(p->log, 0, SEEK_END);
    if (p->opts->verbose)
        build_log_follow_open(&p->follow, p->log_path, p->log_from);
    return 0;
}

double stage_left(const struct pipeline *p)
{
    /* Where nothing was built yet: training and tests take a free-threaded interpreter longer. */
    double seconds = p->build->variant->free_threaded ? 1 : 0;
    for (int stage = (int)p->stage; stage < STAGES; stage++) {
        autofree char *key = timing_key(p, (enum stage)stage);
        double known = timings_get(p->opts->cache, key).seconds;
        seconds += known > 0 ? known : 0;
    }
    return seconds;
}

/* q is about to configure, too, and has more to do afterwards. */
static bool is_awaited(const struct pipeline *q, const struct pipeline *p)
{
    bool before = q->stage < STAGE_CONFIGURE || (q->stage == STAGE_CONFIGURE && !q->begun);
    return q->state == RUNNING && !q->paused && before && q->left > p->left;
}

bool stage_waits(const struct pipeline *p)
{
    bool configure = p->stage == STAGE_CONFIGURE && !p->begun;
    bool bytecode = p->stage == STAGE_INSTALL && p->begun && p->step == BYTECODE_STEP;
    for (size_t i = 0; i < p->n_all; i++) {
        const struct pipeline *q = &p->all[i];
        if (configure && q != p && is_awaited(q, p))
            return true;
        if (q == p || q->state != RUNNING || q->stage != p->stage || !q->begun)
            continue;
        /* A configure without a cache takes ten times the processor time of one with it. */
        if (configure || (bytecode && q->step > BYTECODE_STEP))
            return true;
    }
    return false;
}

void stage_next(struct pipeline *p)
{
    do
        p->stage++;
    while (p->stage < STAGES && !stage_applies(p, p->stage));
}

int stage_begin(struct pipeline *p)
{
    autofree char *key = timing_key(p, p->stage);
    p->expected = timings_get(p->opts->cache, key);
    p->began = clock_now();
    p->begun = true;
    p->step = 0;
    int rc = open_log(p);
    if (rc < 0)
        return rc;
    progress_stage(p->opts->progress, p->build->name, stage_names[p->stage], p->expected.seconds);
    if (p->resumed)
        timeline_resumed(p->opts->timeline, p->build->name);
    return stage_continue(p);
}

/* CC as configure chose it, and what it says it is. */
static void learn_compiler(struct pipeline *p)
{
    autofree char *path = path_join(p->dir, "Makefile"), *text = NULL, *version = NULL;
    if (fs_read_text(path, &text) < 0) {
        err_clear();
        return;
    }
    const char *at = str_starts(text, "CC=") ? text : strstr(text, "\nCC=");
    if (!at)
        return;
    at = strchr(at, '=') + 1;
    autofree char *cc = xstrndup(at, strcspn(at, "\n"));
    str_set(&p->build->cc, xstrdup(str_trim(cc)));
    autostrv argv = {0};
    strv_split(&argv, cc);
    strv_add(&argv, "--version");
    struct proc_opts o = PROC_OPTS_INIT;
    o.env = &p->env;
    int status;
    if (argv.n > 1 && proc_capture(&argv, &o, 10, 4096, &version, &status) == 0 && proc_ok(status))
        str_set(&p->build->compiler, xstrndup(version, strcspn(version, "\n")));
    else if (!proc_interrupted())
        err_clear();
}

static int complete_configure(struct pipeline *p)
{
    autofree char *makefile = path_join(p->dir, "Makefile");
    int rc = modules_gate(makefile, p->opts->recipe, &p->build->missing);
    if (rc < 0)
        return err_context(rc, "%s", p->build->name);
    autofree char *list = strv_join(&p->build->missing, " ");
    bool told = false;
    for (size_t i = 0; i < p->n_all; i++)
        told |= p->all[i].configured_now;
    if (*list && !told) {
        autofree char *command = distro_install_command(&p->build->missing);
        note("%s: without %s, which configure could not find%s%s", p->build->name, list,
             command ? "; " : "", command ? command : "");
    }
    p->configured_now = true;
    learn_compiler(p);
    rc = answers_put(p);
    return rc == 0 ? pgo_decide(p) : rc;
}

/* Facts that only configure's stage gathers, for a build that goes on after it. */
int stage_recover_facts(struct pipeline *p)
{
    autostrv words = {0};
    autofree char *makefile = path_join(p->dir, "Makefile");
    command_configure_words(p, &words);
    learn_compiler(p);
    int rc = modules_gate(makefile, p->opts->recipe, &p->build->missing);
    return rc == 0 ? pgo_decide(p) : rc;
}

/* What a stage leaves besides files. *again: an earlier stage is to be done after all. */
static int settle(struct pipeline *p, bool *again)
{
    bool fits = true;
    int rc = 0;
    if (p->stage == STAGE_CONFIGURE)
        rc = complete_configure(p);
    else if (p->stage == STAGE_TRAIN)
        rc = train_done(p);
    else if (p->stage == STAGE_MAKE)
        rc = pgo_judge(p, true, &fits);
    *again = !fits;
    return rc;
}

static int complete(struct pipeline *p)
{
    double seconds = clock_now() - p->began;
    bool again = false;
    if (stage_is_parallel(p->stage))
        ccache_report(p);
    int rc = settle(p, &again);
    if (rc == 0 && !again)
        rc = stage_remember(p, seconds);
    if (rc < 0 || again)
        return rc;
    autofree char *key = timing_key(p, p->stage);
    if (!p->resumed)
        timings_put(p->opts->cache, key,
                    (struct timing){seconds, (long long)lseek(p->log, 0, SEEK_END)});
    progress_done(p->opts->progress, p->build->name, stage_names[p->stage], seconds);
    build_log_follow_step(&p->follow, p->build->name, true);
    p->begun = p->resumed = false;
    stage_next(p);
    return 0;
}

int stage_continue(struct pipeline *p)
{
    autostrv argv = {0};
    int rc = stage_command(p, &argv);
    if (rc < 0)
        return rc;
    p->step++;
    return argv.n > 0 ? spawn(p, &argv) : complete(p);
}

/* ---- Failure and progress ---- */

/* A disk so full that not even the log could say so. */
static bool is_full(const char *path)
{
    struct statvfs v;
    return statvfs(path, &v) == 0 && v.f_blocks > 0 && v.f_bavail * (v.f_frsize / 512) < 2048;
}

static int add_advice(int rc, const struct pipeline *p, const char *lines)
{
    static const char again[] = "run the same command again: it goes on from there";
    const char *full = is_full(p->opts->cache)          ? p->opts->cache
                       : is_full(p->build->destdir)     ? p->build->destdir
                       : strstr(lines, "No space left") ? "the file system"
                                                        : NULL;
    const char *cc = env_get(&p->env, "CC");
    if (full)
        return err_hint(rc, "%s is full; make some room (\"ungil clean\" empties caches) and %s",
                        full, again);
    if (p->stage == STAGE_CONFIGURE)
        return err_hint(rc, "%s/config.log says what each check saw%s%s%s", p->dir,
                        cc ? "; CC in the environment is \"" : "", cc ? cc : "", cc ? "\"" : "");
    return err_hint(rc, "the log holds everything; after a repair %s", again);
}

/* 1: what failed is no reason to stop. */
static int failed_but(struct pipeline *p)
{
    bool fits = true;
    int rc = 0;
    if (p->stage == STAGE_MAKE && (rc = pgo_judge(p, false, &fits)) == 0 && !fits)
        return 1;
    if (p->stage == STAGE_TRAIN && (rc = train_failed(p)) == 0)
        return 1;
    return rc;
}

int stage_failed(struct pipeline *p, int status)
{
    /* Without bytecode Python works, only slower at first; upstream ignores it, too. */
    if (p->stage == STAGE_INSTALL && p->step > BYTECODE_STEP) {
        detail("%s: some bytecode was not compiled; see %s", p->build->name, p->log_path);
        return 0;
    }
    if (p->stage == STAGE_CONFIGURE)
        answers_drop(p);
    build_log_follow_step(&p->follow, p->build->name, true);
    int other = failed_but(p);
    if (other == 1)
        return 0;
    if (other < 0 && *err_message())
        return other;
    autofree char *how = proc_describe(status);
    autofree char *lines = build_log_read_excerpt(p->log_path, p->log_from, EXCERPT_LINES);
    autostr shown = {0};
    for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"))
        str_addf(&shown, "\n    %s", line);
    int rc = fail(E_BUILD, "%s: %s failed (%s); its log is %s%s", p->build->name,
                  stage_names[p->stage], how, p->log_path, shown.s ? shown.s : "");
    return add_advice(rc, p, shown.s ? shown.s : "");
}

void stage_progress(struct pipeline *p)
{
    struct stat st;
    double fraction = -1;
    if (p->expected.bytes > 0 && fstat(p->log, &st) == 0)
        fraction = (double)st.st_size / (double)p->expected.bytes;
    if (fraction > 0.99)
        fraction = 0.99;
    if (p->opts->verbose)
        build_log_follow_step(&p->follow, p->build->name, false);
    progress_update(p->opts->progress, p->build->name, fraction, "");
}
