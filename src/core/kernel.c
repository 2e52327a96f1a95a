#include "core/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "core/embedded.h"
#include "core/progress.h"

static const size_t answer_limit = 4u << 20; /* bytes: far more than any kernel has to say */
static const int tick_ms = 200;

/* All of them: a kernel imports the helper module that lies beside it. */
static int write_kernels(const char *dir)
{
    for (size_t i = 0; i < embedded_count; i++) {
        if (!str_ends(embedded_files[i].name, ".py"))
            continue; /* a recipe, the manual */
        autofree char *path = path_join(dir, embedded_files[i].name);
        autofd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 || fs_write_all(fd, embedded_files[i].data, embedded_files[i].size) < 0)
            return fail_errno(E_FAILED, "cannot write %s", path);
    }
    return 0;
}

static bool known(const char *kernel)
{
    autofree char *file = xasprintf("%s.py", kernel);
    for (size_t i = 0; i < embedded_count; i++)
        if (str_eq(embedded_files[i].name, file))
            return true;
    return false;
}

/* A kernel has nothing to put in order: no grace, so that ungil ends at once when interrupted. */
static void kill_now(struct kernel *k)
{
    int status;
    proc_kill(&k->proc, SIGKILL);
    for (double end = clock_now() + 1; !proc_ended(&k->proc, &status) && clock_now() < end;)
        clock_sleep(0.005);
}

static void release(struct kernel *k)
{
    if (k->answers >= 0)
        close(k->answers);
    if (k->output >= 0)
        close(k->output);
    if (k->lock >= 0)
        close(k->lock);
    /* What was killed a moment ago may still be making a file there. */
    for (int tries = 0; k->dir && tries < 5 && fs_remove_tree(k->dir) < 0; tries++)
        clock_sleep(0.05);
    free(k->dir);
    *k = (struct kernel)KERNEL_INIT;
}

static int spawn(struct kernel *k, int answer_to)
{
    const struct kernel_run *run = k->run;
    autostrv argv = {0};
    strv_take(&argv, path_absolute(run->python)); /* it starts in another directory */
    strv_add(&argv, "-I"); /* PYTHON_GIL and its kin in the caller's environment say nothing */
    strv_add(&argv, "-B"); /* nothing may appear in the prefix: its files are in the manifest */
    if (run->options)
        strv_addv(&argv, run->options);
    strv_addf(&argv, "%s/%s.py", k->dir, run->kernel);
    char *params = run->params ? json_dumps(run->params, JSON_COMPACT) : xstrdup("{}");
    strv_take(&argv, params);

    autostrv env = {0};
    proc_clean_environment(&env);
    /* The races that it finds in CPython itself are no answer of a kernel. */
    env_set(&env, "TSAN_OPTIONS", "report_bugs=0");
    env_set(&env, "TMPDIR", k->dir); /* what it makes goes with it, even when it is killed */
    if (run->set)
        strv_addv(&env, run->set);
    struct proc_opts opts = PROC_OPTS_INIT;
    opts.cwd = k->dir;
    opts.env = &env;
    opts.out = opts.err = k->output;
    opts.pass[0][0] = answer_to;
    opts.pass[0][1] = 3;
    return proc_spawn(&k->proc, &argv, &opts);
}

/* Like mktemp(1): one that is of no use is as good as none. */
static const char *temporary_directory(void)
{
    const char *tmp = getenv("TMPDIR");
    autofree char *inside = xasprintf("%s/.", tmp ? tmp : "");
    return tmp && *tmp == '/' && access(inside, W_OK | X_OK) == 0 ? tmp : "/tmp";
}

static const char dir_prefix[] = "ungil-kernel";
static const time_t sweep_after = 60; /* seconds: younger ones may not have their lock yet */

/* Deletes the directories of runs that were killed outright. A live run holds a lock on its own. */
static void sweep(const char *tmp)
{
    static bool swept;
    autostrv names = {0};
    if (swept)
        return;
    swept = true;
    if (fs_list(tmp, &names) < 0)
        err_clear();
    for (size_t i = 0; i < names.n; i++) {
        if (!str_starts(names.v[i], dir_prefix))
            continue;
        autofree char *path = path_join(tmp, names.v[i]);
        autofd fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;
        if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
            time(NULL) - st.st_mtime > sweep_after && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
            fs_remove_tree(path) < 0)
            err_clear();
    }
}

static int make_dir(struct kernel *k)
{
    const char *tmp = temporary_directory();
    sweep(tmp);
    int rc = fs_mkdtemp(tmp, dir_prefix, &k->dir);
    if (rc < 0)
        return err_hint(rc, "TMPDIR=DIR names another place for temporary files");
    k->lock = open(k->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (k->lock >= 0)
        flock(k->lock, LOCK_EX | LOCK_NB); /* without it, a run of over a minute may be swept */
    return 0;
}

static int prepare(struct kernel *k)
{
    if (!known(k->run->kernel))
        return fail(E_FAILED, "there is no kernel \"%s\"", k->run->kernel);
    int rc = make_dir(k);
    if (rc < 0 || (rc = write_kernels(k->dir)) < 0)
        return rc;
    autofree char *path = path_join(k->dir, "output");
    k->output = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, 0600);
    if (k->output < 0)
        return fail_errno(E_FAILED, "cannot write %s", path);
    return 0;
}

int kernel_start(struct kernel *k, const struct kernel_run *run)
{
    *k = (struct kernel)KERNEL_INIT;
    k->run = run;
    int ends[2];
    int rc = prepare(k);
    if (rc == 0 && pipe2(ends, O_CLOEXEC) < 0)
        rc = fail_errno(E_FAILED, "cannot make a pipe");
    if (rc == 0) {
        k->answers = ends[0];
        k->deadline = clock_now() + run->seconds;
        rc = spawn(k, ends[1]);
        close(ends[1]);
    }
    if (rc < 0)
        release(k);
    return rc;
}

/* One read; true at the end of file. */
static bool drain_once(struct kernel *k, struct str *text)
{
    char buf[8192];
    ssize_t n = read(k->answers, buf, sizeof buf);
    if (n < 0)
        return errno != EINTR && errno != EAGAIN;
    size_t room = text->len < answer_limit ? answer_limit - text->len : 0;
    str_addn(text, buf, (size_t)n < room ? (size_t)n : room);
    return n == 0;
}

/* What is in the pipe after the kernel has ended: a descendant may hold the other end open. */
static void drain_rest(struct kernel *k, struct str *text)
{
    struct pollfd pf = {.fd = k->answers, .events = POLLIN};
    while (poll(&pf, 1, 0) > 0 && !drain_once(k, text))
        ;
}

/* Collects the answers until the kernel has ended. */
static int collect(struct kernel *k, struct str *text, int *status)
{
    bool eof = false;
    pid_t group = k->proc.pid;
    while (!proc_ended(&k->proc, status)) {
        if (proc_check() < 0) {
            kill_now(k);
            return E_SIGNAL;
        }
        double left = k->deadline - clock_now();
        if (left <= 0) {
            kill_now(k);
            return fail(E_FAILED, "did not end within %.0f s and was killed", k->run->seconds);
        }
        struct pollfd pf[2] = {{.fd = proc_signal_fd(), .events = POLLIN},
                               {.fd = eof ? -1 : k->answers, .events = POLLIN}};
        poll(pf, 2, left * 1000 < tick_ms ? (int)(left * 1000) + 1 : tick_ms);
        if (pf[0].revents)
            proc_signal_drain();
        if (pf[1].revents)
            eof = drain_once(k, text);
        progress_tick(k->run->progress);
    }
    kill(-group, SIGKILL); /* what it left behind; its own end has nothing to say about that */
    if (!eof)
        drain_rest(k, text);
    return 0;
}

int kernel_parse(const char *text, json_t *results)
{
    bool ended = false;
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        json_error_t error;
        json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(object) || ended) {
            json_decref(object);
            return fail(E_FAILED, "answered with %s: \"%.*s\"",
                        ended ? "more after its end" : "something that is no JSON object",
                        (int)(n < 60 ? n : 60), line);
        }
        ended = json_is_true(json_object_get(object, "done"));
        if (!ended)
            json_array_append(results, object);
        json_decref(object);
        line += n + (line[n] == '\n');
    }
    return ended ? 0 : fail(E_FAILED, "stopped in the middle of its answer");
}

/* The last line that the kernel printed, owned: "" when there is none. */
static char *last_line(int fd)
{
    char buf[4096];
    off_t size = lseek(fd, 0, SEEK_END), from = size > 4095 ? size - 4095 : 0;
    ssize_t n = pread(fd, buf, sizeof buf - 1, from);
    buf[n > 0 ? n : 0] = '\0';
    char *text = str_trim(buf), *newline = strrchr(text, '\n');
    return xstrdup(newline ? newline + 1 : text);
}

static int judge(const char *text, int status, json_t *results)
{
    int rc = kernel_parse(text, results);
    if (!proc_ok(status)) {
        autofree char *how = proc_describe(status);
        rc = fail(E_FAILED, "ended with %s", how);
    }
    return rc;
}

int kernel_finish(struct kernel *k, json_t **results)
{
    autostr text = {0};
    int status = 0;
    *results = json_array();
    int rc = collect(k, &text, &status);
    if (rc == E_FAILED) { /* too late: what it said before still names the place */
        autofree char *why = xstrdup(err_message());
        kernel_parse(text.s ? text.s : "", *results);
        rc = fail(E_FAILED, "%s", why);
    } else if (rc == 0) {
        rc = judge(text.s ? text.s : "", status, *results);
    }
    if (rc < 0 && rc != E_SIGNAL) {
        autofree char *said = last_line(k->output);
        autofree char *why = xstrdup(err_message());
        fail((enum err)rc, "kernel %s on %s %s%s%s", k->run->kernel, k->run->python, why,
             *said ? "; it printed: " : "", said);
    }
    release(k);
    return rc;
}

void kernel_abandon(struct kernel *k)
{
    if (!k->dir)
        return;
    kill_now(k);
    release(k);
}

int kernel_run(const struct kernel_run *run, json_t **results)
{
    *results = NULL;
    struct kernel k;
    int rc = kernel_start(&k, run);
    return rc < 0 ? rc : kernel_finish(&k, results);
}
