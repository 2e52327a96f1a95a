/* Children get what they need and nothing else, end when they must, and leave nobody behind. */
#include "base/proc.h"

#include <errno.h>
#include <signal.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "scratch.h"
#include "tap.h"

/* Runs a shell script (the tests may; ungil does not); its output, owned, and status. */
static char *shell(const char *script, double seconds, size_t limit, int *rc, int *status)
{
    autostrv argv = {0};
    struct proc_opts o = PROC_OPTS_INIT;
    char *out = NULL;
    strv_add(&argv, "sh");
    strv_add(&argv, "-c");
    strv_add(&argv, script);
    *status = -1;
    *rc = proc_capture(&argv, &o, seconds, limit, &out, status);
    return out;
}

static int alive(const char *pid_file)
{
    autofree char *text = scratch_read(pid_file);
    pid_t pid = text ? atoi(text) : 0;
    if (pid <= 0 || kill(pid, 0) < 0)
        return 0;
    /* a zombie that nobody reaps is not alive */
    autofree char *path = xasprintf("/proc/%ld/stat", (long)pid);
    autofree char *stat = scratch_read(path);
    return !stat || !strstr(stat, ") Z ");
}

static void capture(void)
{
    int rc, status;
    char *out = shell("echo out; echo err >&2; exit 3", 10, 1000, &rc, &status);
    is_int(rc, 0, "a child that fails is no error");
    is_str(out, "out\nerr\n", "both outputs");
    ok(!proc_ok(status), "its status is");
    char *text = proc_describe(status);
    is_str(text, "exit status 3", "in words");
    free(text);
    free(out);
    out = shell("kill -9 $$", 10, 1000, &rc, &status);
    text = proc_describe(status);
    ok(strstr(text, "signal 9"), "killed by a signal");
    free(text);
    free(out);
    out = shell("head -c 100000 /dev/zero | tr '\\0' x", 10, 100, &rc, &status);
    ok(rc == 0 && proc_ok(status) && strlen(out) == 100,
       "the limit holds, the child does not block");
    free(out);
    out = shell("cat", 10, 100, &rc, &status);
    is_str(out, "", "stdin is empty");
    free(out);
    double before = clock_now();
    out = shell("sleep 30 & echo $! >background; echo done", 10, 100, &rc, &status);
    ok(rc == 0 && clock_now() - before < 5, "a grandchild with the pipe is not waited for");
    is_str(out, "done\n", "nothing of the output is lost");
    free(out);
    autofree char *pid = scratch_read("background");
    kill(atoi(pid), SIGKILL);
}

static void deadlines(void)
{
    int rc, status;
    double before = clock_now();
    char *out = shell("echo $$ >child; sleep 60 & echo $! >grandchild; trap '' TERM INT; wait", 0.5,
                      100, &rc, &status);
    is_int(rc, E_FAILED, "a time-out is an error");
    ok(strstr(err_message(), "0.5 s"), "that says how long");
    ok(clock_now() - before < 4, "in time");
    clock_sleep(0.1);
    ok(!alive("child") && !alive("grandchild"), "the grandchild is gone, too");
    free(out);
}

static void failures(void)
{
    autostrv argv = {0};
    struct proc p = PROC_INIT;
    struct proc_opts o = PROC_OPTS_INIT;
    strv_add(&argv, "no-such-program-at-all");
    is_int(proc_spawn(&p, &argv, &o), E_NOTFOUND, "no such program");
    ok(strstr(err_message(), "no-such-program-at-all"), "named");
    scratch_file("there/script", "#!/bin/sh\npwd\n", 0755);
    scratch_file("there/broken", "#!/no/such/interpreter\n", 0755);
    strv_free(&argv);
    strv_add(&argv, "./script");
    o.cwd = "there";
    char *out = NULL;
    int status;
    is_int(proc_capture(&argv, &o, 10, 1000, &out, &status), 0, "a program in the directory given");
    ok(out && strstr(out, "/there\n"), "runs there");
    free(out);
    strv_free(&argv);
    strv_add(&argv, "./broken");
    is_int(proc_spawn(&p, &argv, &o), E_FAILED, "a script without its interpreter");
    o.cwd = "nowhere";
    is_int(proc_spawn(&p, &argv, &o), E_FAILED, "a directory that is not there");
    ok(strstr(err_message(), "nowhere"), "named");
    is_int(p.pid, 0, "nothing runs");
}

static void inheritance(void)
{
    int rc, status;
    /* as under nohup */
    signal(SIGINT, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    sigset_t usr2;
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigprocmask(SIG_BLOCK, &usr2, NULL);
    char *out = shell("grep -E '^Sig(Blk|Ign)' /proc/self/status", 10, 1000, &rc, &status);
    unsigned long long blocked = 1, ignored = 1;
    const char *lines = out ? out : "";
    /* 32 and 33 are the C library's own: it lets nobody reset them, and make's children inherit
     * them ignored. */
    const unsigned long long own = 3ULL << 31;
    ok(sscanf(lines, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored) == 2 && blocked == 0 &&
           (ignored & ~own) == 0,
       "no signal is ignored or blocked");
    free(out);
    signal(SIGINT, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &usr2, NULL);

    int fds[4][2], leak = open("/dev/null", O_RDONLY); /* without CLOEXEC */
    autostrv argv = {0};
    struct proc_opts o = PROC_OPTS_INIT;
    for (int i = 0; i < 4; i++) {
        if (pipe(fds[i]) != 0)
            return;
        fcntl(fds[i][0], F_SETFD, FD_CLOEXEC);
        fcntl(fds[i][1], F_SETFD, FD_CLOEXEC);
        o.pass[i][0] = fds[i][1];
        o.pass[i][1] = 3 + i;
    }
    strv_add(&argv, "sh");
    strv_add(&argv, "-c");
    strv_add(&argv, "echo 3 >&3; echo 4 >&4; echo 5 >&5; echo 6 >&6; ls /proc/self/fd | wc -l");
    out = NULL;
    rc = proc_capture(&argv, &o, 10, 1000, &out, &status);
    ok(rc == 0 && proc_ok(status), "4 descriptors are passed");
    is_int(out ? atoi(out) : 0, 8, "and 0, 1, 2 and ls's own: no other");
    for (int i = 0; i < 4; i++) {
        char c = 0;
        close(fds[i][1]);
        ok(read(fds[i][0], &c, 1) == 1 && c == '3' + i, "each under its number");
        close(fds[i][0]);
    }
    close(leak);
    free(out);
}

static void environment(void)
{
    setenv("PYTHONHOME", "/nowhere", 1);
    setenv("MAKEFLAGS", "-j99", 1);
    setenv("CC", "false", 1);
    autostrv env = {0};
    proc_clean_environment(&env);
    is_str(env_get(&env, "PYTHONHOME"), NULL, "nothing of Python's");
    is_str(env_get(&env, "MAKEFLAGS"), NULL, "nothing of make's");
    is_str(env_get(&env, "CC"), "false", "the compiler is the user's choice");
    is_str(env_get(&env, "LC_ALL"), "C.UTF-8", "one locale for all");
    env_set(&env, "CC", "gcc");
    is_str(env_get(&env, "CC"), "gcc", "replaced");
    env_set(&env, "CC", NULL);
    is_str(env_get(&env, "CC"), NULL, "unset");
    is_str(env_get(&env, "C"), NULL, "half a name is none");
    unsetenv("PYTHONHOME");
    unsetenv("MAKEFLAGS");
    unsetenv("CC");
}

static void interruption(void)
{
    int rc, status;
    double before = clock_now();
    char *out = shell("trap 'echo told >told; exit' TERM; echo $$ >child; (sleep 60) & "
                      "kill -TERM $PPID; wait",
                      30, 100, &rc, &status);
    is_int(rc, E_SIGNAL, "a signal to ungil ends the wait");
    ok(clock_now() - before < 3, "soon");
    is_int(proc_interrupted(), SIGTERM, "the first signal is remembered");
    is_int(proc_check(), E_SIGNAL, "and asked for everywhere");
    is_int(err_exit_status(E_SIGNAL), 128 + SIGTERM, "it makes the exit status");
    ok(fs_exists("told"), "the child was told first");
    ok(!alive("child"), "and is gone");
    free(out);
}

static void cpus(void)
{
    int list[1024];
    size_t n = cpu_list(list, lengthof(list)), again = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            again += list[i] == list[k];
    ok((int)n == cpu_affinity() && again == 0, "every CPU of the mask is listed once");
    ok(cpu_list(list, 1) <= 1, "and no more than there is room for");
    ok(cpu_allowed() > 0 && cpu_allowed() <= cpu_count(), "what is allowed is not rounded");
    ok(cpu_affinity() >= 1 && cpu_count() >= 1, "there is a CPU");
    ok(cpu_count() <= cpu_affinity(), "a quota never makes more of them");
    ok(cpu_quota() >= 0, "no quota is 0");
}

int main(void)
{
    scratch_enter();
    if (proc_init() < 0)
        return 99;
    capture();
    deadlines();
    failures();
    inheritance();
    environment();
    cpus();
    interruption(); /* the last: what comes after it is interrupted */
    return tap_done();
}
