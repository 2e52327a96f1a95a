#include "base/confine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"

#ifdef __linux__
static bool put(const char *path, const char *text)
{
    autofd fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && fs_write_all(fd, text, strlen(text)) == 0;
}

/* In a new user namespace an unmapped user is "nobody". */
static void stay_oneself(uid_t uid, gid_t gid)
{
    autofree char *users = xasprintf("%u %u 1\n", (unsigned)uid, (unsigned)uid);
    autofree char *groups = xasprintf("%u %u 1\n", (unsigned)gid, (unsigned)gid);
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", users);
    put("/proc/self/gid_map", groups);
}

char *confine_network(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWNET) == 0)
        return NULL;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
        stay_oneself(uid, gid);
        return NULL;
    }
    return xasprintf("this system allows no network namespace: %s", strerror(errno));
}

void confine_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The parent of a process, 0 when it cannot be told. "PID (any name) STATE PPID ..." */
static pid_t parent_of(const char *pid)
{
    autofree char *path = xasprintf("/proc/%s/stat", pid);
    autofd fd = open(path, O_RDONLY | O_CLOEXEC);
    char buf[512];
    ssize_t n = fd >= 0 ? read(fd, buf, sizeof buf - 1) : -1;
    if (n <= 0)
        return 0;
    buf[n] = '\0';
    const char *end = strrchr(buf, ')');
    int parent = 0;
    return end && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static void kill_children(void)
{
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && (e = readdir(proc));) {
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        if (pid > 0 && parent_of(e->d_name) == getpid())
            kill(pid, SIGKILL);
    }
    if (proc)
        closedir(proc);
}
#else
char *confine_network(void)
{
    return xstrdup("only Linux has network namespaces");
}

void confine_adopt(void)
{
}

static void kill_children(void)
{
}
#endif

void confine_kill_all(void)
{
    /* Killing one makes its children ours: again, until there is none. */
    for (double end = clock_now() + 1; clock_now() < end;) {
        pid_t gone = waitpid(-1, NULL, WNOHANG);
        if (gone < 0 && errno == ECHILD)
            return;
        if (gone > 0)
            continue;
        kill_children();
        clock_sleep(0.002);
    }
}
