#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

extern char **environ;

static const double grace_seconds = 1.0;

static int self_pipe[2] = {-1, -1};
static volatile sig_atomic_t interrupted;

static void on_signal(int signo)
{
    int saved = errno;
    if (signo != SIGCHLD && !interrupted)
        interrupted = signo;
    ssize_t ignored = write(self_pipe[1], "", 1);
    (void)ignored;
    errno = saved;
}

/* Started with one of 0, 1, 2 closed: what is opened next (the lock of a root) would become
 * standard output and be written over. They are taken the wrong way round, so that using one
 * stays an error. */
static int occupy_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            return fail_errno(E_FAILED, "cannot open /dev/null");
    return 0;
}

int proc_init(void)
{
    int rc = occupy_standard_descriptors();
    if (rc < 0)
        return rc;
    if (pipe2(self_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return fail_errno(E_FAILED, "cannot make a pipe");
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < lengthof(stops); i++) {
        /* Under nohup or in a script's background an ignored signal stays ignored for ungil itself.
         */
        struct sigaction old;
        if (sigaction(stops[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(stops[i], &sa, NULL);
    }
    sigaction(SIGCHLD, &sa, NULL);
    sa.sa_handler = SIG_IGN; /* a peer that closes its socket is an error code, not a death */
    sigaction(SIGPIPE, &sa, NULL);
    return 0;
}

int proc_interrupted(void)
{
    return interrupted;
}

int proc_check(void)
{
    return interrupted ? err_set_signal(interrupted) : 0;
}

int proc_signal_fd(void)
{
    return self_pipe[0];
}

void proc_signal_drain(void)
{
    char buf[64];
    while (read(self_pipe[0], buf, sizeof buf) > 0)
        ;
}

/* Above every descriptor that a child is passed, and below any limit (ulimit -n) one can work with.
 */
enum { OUT_OF_THE_WAY = 10 };

/* In the child, after fork: only async-signal-safe calls. Descriptors that are to be passed are
 * first moved out of the way of their targets. */
static int arrange_descriptors(const struct proc_opts *o)
{
#if defined(__linux__) && defined(SYS_close_range)
    /* What ungil itself inherited without CLOEXEC goes no further (4: CLOSE_RANGE_CLOEXEC). An
     * older kernel refuses; then ungil's own descriptors are still closed. */
    syscall(SYS_close_range, 3u, ~0u, 4u);
#endif
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return -1;
    int from[7] = {fcntl(o->in > 0 ? o->in : null, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY),
                   fcntl(o->out < 0 ? null : o->out, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY),
                   fcntl(o->err < 0 ? null : o->err, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)};
    int to[7] = {0, 1, 2};
    size_t n = 3;
    for (size_t i = 0; i < lengthof(o->pass) && n < lengthof(from) && o->pass[i][1]; i++, n++) {
        from[n] = fcntl(o->pass[i][0], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
        to[n] = o->pass[i][1];
    }
    for (size_t i = 0; i < n; i++)
        if (from[i] < 0 || dup2(from[i], to[i]) < 0)
            return -1;
    return 0;
}

/* In the child. */
static void set_limits(const struct proc_opts *o)
{
    if (o->memory_limit)
        setrlimit(RLIMIT_AS, &(struct rlimit){o->memory_limit, o->memory_limit});
    if (o->data_limit)
        setrlimit(RLIMIT_DATA, &(struct rlimit){o->data_limit, o->data_limit});
    if (o->data_limit)
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (o->file_limit)
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){o->file_limit, o->file_limit});
}

static void child(const struct strv *argv, const struct proc_opts *o, char *const *envp,
                  pid_t parent, int report)
{
    setpgid(0, 0);
    struct sigaction sa = {.sa_handler = SIG_DFL};
    for (int s = 1; s < NSIG; s++)
        sigaction(s, &sa, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022); /* what is built has the same modes for everybody; who may enter the root is the
                   caller's affair */
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127); /* ungil died between fork and prctl */
#else
    (void)parent;
#endif
    set_limits(o);
    int up = fcntl(report, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
    if (up >= 0 && (!o->cwd || chdir(o->cwd) == 0) && arrange_descriptors(o) == 0)
        execve(argv->v[0], argv->v, envp);
    int why = errno;
    ssize_t ignored = write(up >= 0 ? up : report, &why, sizeof why);
    (void)ignored;
    _exit(127);
}

int proc_spawn(struct proc *p, const struct strv *argv, const struct proc_opts *opts)
{
    /* "./configure" means the one in opts->cwd, which exec will find or not. */
    bool in_cwd = opts->cwd && argv->v[0][0] != '/' && strchr(argv->v[0], '/');
    autofree char *program = in_cwd ? xstrdup(argv->v[0]) : fs_find_program(argv->v[0]);
    if (!program)
        return fail(E_NOTFOUND, "there is no program \"%s\"", argv->v[0]);
    struct strv real = *argv;
    autofree char **words = xmalloc((argv->n + 1) * sizeof *words);
    memcpy(words, argv->v, (argv->n + 1) * sizeof *words);
    words[0] = program;
    real.v = words;
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return fail_errno(E_FAILED, "cannot make a pipe");
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        child(&real, opts, opts->env && opts->env->v ? opts->env->v : environ, parent, report[1]);
    close(report[1]);
    autofd in = report[0];
    if (pid < 0)
        return fail_errno(E_FAILED, "cannot start %s", program);
    setpgid(pid, pid);
    int why;
    if (fs_read_fd(in, &why, sizeof why) == (ssize_t)sizeof why) {
        waitpid(pid, NULL, 0);
        errno = why;
        return fail_errno(E_FAILED, "cannot start %s%s%s", program, opts->cwd ? " in " : "",
                          opts->cwd ? opts->cwd : "");
    }
    *p = (struct proc){.pid = pid};
    return 0;
}

bool proc_ended(struct proc *p, int *status)
{
    if (p->pid == 0)
        return true;
    pid_t r;
    do
        r = waitpid(p->pid, status, WNOHANG);
    while (r < 0 && errno == EINTR);
    if (r == 0)
        return false;
    if (r < 0)
        *status = 127 << 8;
    p->pid = 0;
    return true;
}

void proc_kill(struct proc *p, int signo)
{
    if (p->pid > 0)
        kill(-p->pid, signo);
}

/* True when nothing is left of the process group. */
static bool group_gone(pid_t group)
{
    return kill(-group, 0) < 0 && errno == ESRCH;
}

void proc_stop_all(struct proc *const *procs, size_t n, int signo)
{
    pid_t groups[16];
    size_t count = 0;
    for (size_t i = 0; i < n && count < lengthof(groups); i++) {
        if (procs[i]->pid <= 0)
            continue;
        groups[count++] = procs[i]->pid;
        proc_kill(procs[i], signo);
    }
    double deadline = clock_now() + grace_seconds;
    for (;;) {
        size_t left = 0;
        int status;
        for (size_t i = 0; i < n; i++)
            proc_ended(procs[i], &status); /* reap, so that the group can vanish */
        for (size_t g = 0; g < count; g++)
            left += !group_gone(groups[g]);
        if (left == 0)
            return;
        if (clock_now() > deadline)
            break;
        struct pollfd none = {.fd = -1};
        poll(&none, 1, 10);
    }
    for (size_t g = 0; g < count; g++)
        kill(-groups[g], SIGKILL);
    for (size_t i = 0; i < n; i++)
        if (procs[i]->pid > 0) {
            waitpid(procs[i]->pid, NULL, 0);
            procs[i]->pid = 0;
        }
}

static int wait_step(double deadline)
{
    double left = deadline < 0 ? 60 : deadline - clock_now();
    struct pollfd pf = {.fd = self_pipe[0], .events = POLLIN};
    if (left > 60)
        left = 60;
    poll(&pf, 1, left <= 0 ? 0 : (int)(left * 1000) + 1);
    proc_signal_drain();
    return deadline >= 0 && clock_now() >= deadline;
}

static int timed_out(double seconds)
{
    return fail(E_FAILED, "it did not end within %g s and was killed", seconds);
}

int proc_wait(struct proc *p, double seconds, int *status)
{
    double deadline = seconds < 0 ? -1 : clock_now() + seconds;
    while (!proc_ended(p, status)) {
        if (interrupted) {
            proc_stop_all(&p, 1, interrupted);
            return proc_check();
        }
        if (wait_step(deadline) && !proc_ended(p, status)) {
            proc_stop_all(&p, 1, SIGKILL);
            return timed_out(seconds);
        }
    }
    return 0;
}

/* Reads until end of file, the deadline or an interruption; what is over the limit is thrown away.
 * A grandchild that went to the background may hold the pipe for ever: once the child itself has
 * ended, what lies in the pipe is the last. True when it ended; then *status is set. */
static bool collect(struct proc *p, int fd, double deadline, size_t limit, struct str *out,
                    int *status)
{
    char buf[8192];
    bool ended = false;
    for (int late = 0; !interrupted && late < 64; late += ended) {
        ended = ended || proc_ended(p, status);
        struct pollfd pf[2] = {{.fd = fd, .events = POLLIN},
                               {.fd = self_pipe[0], .events = POLLIN}};
        double left = deadline < 0 ? 60 : deadline - clock_now();
        if (left <= 0)
            return ended;
        poll(pf, 2, ended ? 0 : left > 60 ? 60000 : (int)(left * 1000) + 1);
        if (pf[1].revents)
            proc_signal_drain();
        if (!pf[0].revents && ended)
            return true;
        if (!pf[0].revents)
            continue;
        ssize_t n = read(fd, buf, sizeof buf);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return ended;
        size_t room = out->len < limit ? limit - out->len : 0;
        str_addn(out, buf, (size_t)n < room ? (size_t)n : room);
    }
    return ended;
}

int proc_capture(const struct strv *argv, const struct proc_opts *opts, double seconds,
                 size_t limit, char **out, int *status)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return fail_errno(E_FAILED, "cannot make a pipe");
    struct proc_opts o = *opts;
    o.out = fds[1];
    if (o.err < 0)
        o.err = fds[1];
    struct proc p = PROC_INIT;
    int rc = proc_spawn(&p, argv, &o);
    close(fds[1]);
    autofd in = fds[0];
    if (rc < 0)
        return rc;
    double deadline = seconds < 0 ? -1 : clock_now() + seconds;
    autostr text = {0};
    if (!collect(&p, in, deadline, limit, &text, status)) {
        double left = deadline < 0 ? -1 : deadline - clock_now();
        rc = proc_wait(&p, deadline >= 0 && left < 0 ? 0 : left, status);
        if (rc == E_FAILED)
            rc = timed_out(seconds);
    }
    if (out)
        *out = str_take(&text);
    return rc < 0 ? err_context(rc, "%s", argv->v[0]) : 0;
}

char *proc_describe(int status)
{
    if (WIFSIGNALED(status))
        return xasprintf("killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return xasprintf("exit status %d", WEXITSTATUS(status));
}

bool proc_ok(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

const char *env_get(const struct strv *env, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < env->n; i++)
        if (strncmp(env->v[i], name, n) == 0 && env->v[i][n] == '=')
            return env->v[i] + n + 1;
    return NULL;
}

void env_set(struct strv *env, const char *name, const char *value)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < env->n; i++) {
        if (strncmp(env->v[i], name, n) != 0 || env->v[i][n] != '=')
            continue;
        free(env->v[i]);
        env->v[i] = env->v[--env->n];
        env->v[env->n] = NULL;
        break;
    }
    if (value)
        strv_addf(env, "%s=%s", name, value);
}

void proc_clean_environment(struct strv *env)
{
    static const char *const colouring[] = {
        "MAKEFLAGS", "MAKELEVEL",    "MFLAGS",          "GNUMAKEFLAGS", "MAKEFILES",  "BASH_ENV",
        "ENV",       "CDPATH",       "CONFIG_SITE",     "DESTDIR",      "LD_PRELOAD", "LC_ALL",
        "LANGUAGE",  "GREP_OPTIONS", "POSIXLY_CORRECT", "VIRTUAL_ENV"};
    for (char **e = environ; *e; e++) {
        if (str_starts(*e, "PYTHON") || str_starts(*e, "UNGIL_") || str_starts(*e, "PIP_"))
            continue;
        bool drop = false;
        for (size_t i = 0; i < lengthof(colouring) && !drop; i++) {
            size_t n = strlen(colouring[i]);
            drop = strncmp(*e, colouring[i], n) == 0 && (*e)[n] == '=';
        }
        if (!drop)
            strv_add(env, *e);
    }
    strv_add(env, "LC_ALL=C.UTF-8");
}
