#include "core/audit_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "core/embedded.h"
#include "core/progress.h"

enum { MAX_JOBS = 64 };
static const unsigned long file_limit = 256ul << 20; /* bytes: what it prints goes to a file */
static const size_t read_limit = 64u << 20;          /* bytes of that which are looked at */

/* One process that is running. */
struct running {
    struct proc proc;
    pid_t group;
    size_t index; /* of its probe */
    char *dir;    /* its working directory, owned; NULL: this slot is free */
    int answers, printed;
    off_t told;      /* bytes of answers when the deadline was set */
    double deadline; /* clock_now() */
};

struct runner {
    const struct audit_site *site;
    const struct audit_limits *limits;
    struct audit_probe *probes;
    size_t n, next, ended;
    char *dir; /* private */
    int lock;
    char token[33];
    struct running slots[MAX_JOBS];
};

int audit_scratch(char **dir, int *lock)
{
    const char *tmp = getenv("TMPDIR");
    int rc = fs_mkdtemp(tmp && *tmp == '/' && access(tmp, W_OK | X_OK) == 0 ? tmp : "/tmp",
                        "ungil-kernel", dir);
    if (rc < 0)
        return err_hint(rc, "TMPDIR=DIR names another place for temporary files");
    *lock = open(*dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*lock >= 0)
        flock(*lock, LOCK_EX | LOCK_NB);
    return 0;
}

static int write_kernel(const char *dir)
{
    for (size_t i = 0; i < embedded_count; i++) {
        if (!str_eq(embedded_files[i].name, "audit.py"))
            continue;
        autofree char *path = path_join(dir, "audit.py");
        return fs_write_atomic(path, embedded_files[i].data, embedded_files[i].size, 0600);
    }
    return fail(E_FAILED, "there is no kernel \"audit\"");
}

/* A module must not be able to write an answer in our place by accident. */
static void make_token(char token[33])
{
    unsigned char bytes[16] = {0};
    autofd fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, bytes, sizeof bytes) < 0)
        memcpy(bytes, &(double){clock_now()}, sizeof(double));
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
}

static int spawn(struct runner *r, struct running *s)
{
    const struct audit_probe *probe = &r->probes[s->index];
    size_t paths = r->site->paths ? r->site->paths->n : 0;
    autostrv argv = {0}, env = {0};
    strv_take(&argv, path_absolute(r->site->python));
    strv_split(&argv, "-I -B -v"); /* -v: CPython names every culprit; the warning only the first */
    if (r->site->bare)
        strv_add(&argv, "-S");
    strv_addf(&argv, "%s/audit.py", r->dir);
    strv_add(&argv, r->token);
    strv_addf(&argv, "%zu", paths);
    if (paths)
        strv_addv(&argv, r->site->paths);
    strv_addv(&argv, &probe->targets);
    proc_clean_environment(&env);
    env_set(&env, "TSAN_OPTIONS", "report_bugs=0");
    env_set(&env, "TMPDIR", s->dir);
    env_set(&env, "HOME", s->dir); /* what it keeps there is not kept in the user's own */
    struct proc_opts opts = PROC_OPTS_INIT;
    opts.cwd = s->dir;
    opts.env = &env;
    opts.out = opts.err = s->printed;
    opts.pass[0][0] = s->answers;
    opts.pass[0][1] = 3;
    opts.data_limit = r->limits->memory;
    opts.file_limit = file_limit;
    return proc_spawn(&s->proc, &argv, &opts);
}

static int open_file(const char *dir, const char *what)
{
    autofree char *path = xasprintf("%s.%s", dir, what);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, 0600);
    if (fd >= 0)
        unlink(path);
    else
        fail_errno(E_FAILED, "cannot write %s", path);
    return fd;
}

static void release(struct running *s)
{
    if (s->answers >= 0)
        close(s->answers);
    if (s->printed >= 0)
        close(s->printed);
    for (int tries = 0; s->dir && tries < 5 && fs_remove_tree(s->dir) < 0; tries++)
        clock_sleep(0.02); /* what was killed a moment ago may still be making a file there */
    free(s->dir);
    *s = (struct running){.proc = PROC_INIT, .answers = -1, .printed = -1};
}

static int start(struct runner *r, struct running *s)
{
    s->index = r->next++;
    s->dir = xasprintf("%s/%zu", r->dir, s->index);
    int rc = fs_mkdirs(s->dir, 0700);
    if (rc == 0 && ((s->answers = open_file(s->dir, "answers")) < 0 ||
                    (s->printed = open_file(s->dir, "printed")) < 0))
        rc = E_FAILED;
    if (rc == 0)
        rc = spawn(r, s);
    if (rc < 0) {
        release(s);
        return rc;
    }
    s->group = s->proc.pid;
    s->deadline = clock_now() + r->limits->seconds;
    return 0;
}

/* The file as text, up to the limit; bytes of zero become spaces, for what searches it. Owned. */
static char *text_of(int fd)
{
    struct stat st;
    size_t size = fstat(fd, &st) == 0 ? (size_t)st.st_size : 0;
    size = size < read_limit ? size : read_limit;
    char *text = xmalloc(size + 1);
    size_t n = 0;
    for (ssize_t got; n < size && (got = pread(fd, text + n, size - n, (off_t)n)) > 0;)
        n += (size_t)got;
    text[n] = '\0';
    for (char *zero = text; (zero = memchr(zero, 0, (size_t)(text + n - zero)));)
        *zero = ' ';
    return text;
}

static void end(struct runner *r, struct running *s, int status, bool hung)
{
    kill(-s->group, SIGKILL); /* what it left behind in its group */
    autofree char *answers = text_of(s->answers), *printed = text_of(s->printed);
    struct audit_probe *probe = &r->probes[s->index];
    probe->result = audit_probe_judge(probe, r->token, answers, printed, status, hung);
    release(s);
    r->ended++;
    autofree char *text = xasprintf("%zu of %zu", r->ended, r->n);
    progress_update(r->limits->progress, r->limits->who, (double)r->ended / (double)r->n, text);
}

/* Each answer begins another import, with its own time. */
static bool too_late(struct runner *r, struct running *s)
{
    struct stat st;
    if (clock_now() < s->deadline)
        return false;
    if (fstat(s->answers, &st) < 0 || st.st_size == s->told)
        return true;
    s->told = st.st_size;
    s->deadline = clock_now() + r->limits->seconds;
    return false;
}

static void step(struct runner *r, struct running *s)
{
    int status = 0;
    if (proc_ended(&s->proc, &status)) {
        end(r, s, status, false);
    } else if (too_late(r, s)) {
        kill(-s->group, SIGKILL);
        while (!proc_ended(&s->proc, &status))
            clock_sleep(0.002);
        end(r, s, status, true);
    }
}

static void await(struct runner *r)
{
    double left = 0.2;
    for (size_t i = 0; i < lengthof(r->slots); i++)
        if (r->slots[i].dir && r->slots[i].deadline - clock_now() < left)
            left = r->slots[i].deadline - clock_now();
    struct pollfd pf = {.fd = proc_signal_fd(), .events = POLLIN};
    poll(&pf, 1, left > 0 ? (int)(left * 1000) + 1 : 0);
    proc_signal_drain();
    progress_tick(r->limits->progress);
}

static void abandon(struct runner *r)
{
    for (size_t i = 0; i < lengthof(r->slots); i++) {
        struct running *s = &r->slots[i];
        int status;
        if (!s->dir)
            continue;
        kill(-s->group, SIGKILL);
        for (double limit = clock_now() + 1; !proc_ended(&s->proc, &status) && clock_now() < limit;)
            clock_sleep(0.002);
        release(s);
    }
}

static int loop(struct runner *r)
{
    int jobs = r->limits->jobs < 1 ? 1 : r->limits->jobs > MAX_JOBS ? MAX_JOBS : r->limits->jobs;
    while (r->ended < r->n) {
        int rc = proc_check();
        for (int i = 0; rc == 0 && i < jobs; i++) {
            struct running *s = &r->slots[i];
            if (s->dir)
                step(r, s);
            if (!s->dir && r->next < r->n)
                rc = start(r, s);
        }
        if (rc < 0)
            return rc;
        if (r->ended < r->n)
            await(r);
    }
    return 0;
}

int audit_probe_all(const struct audit_site *site, const struct audit_limits *limits,
                    struct audit_probe *probes, size_t n)
{
    struct runner r = {.site = site, .limits = limits, .probes = probes, .n = n, .lock = -1};
    for (size_t i = 0; i < lengthof(r.slots); i++)
        r.slots[i] = (struct running){.proc = PROC_INIT, .answers = -1, .printed = -1};
    make_token(r.token);
    int rc = audit_scratch(&r.dir, &r.lock);
    if (rc == 0)
        rc = write_kernel(r.dir);
    if (rc == 0)
        rc = loop(&r);
    if (rc < 0)
        abandon(&r);
    if (r.dir && fs_remove_tree(r.dir) < 0)
        err_clear();
    if (r.lock >= 0)
        close(r.lock);
    free(r.dir);
    return rc;
}

void audit_probe_free(struct audit_probe *probes, size_t n)
{
    for (size_t i = 0; probes && i < n; i++) {
        strv_free(&probes[i].targets);
        json_decref(probes[i].result);
    }
    free(probes);
}
