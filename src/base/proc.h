/* Child processes and signals.
 *
 * A child is an argv, never a shell line. It gets its own process group, /dev/null as stdin,
 * default signal dispositions and an empty signal mask (CPython's PGO training fails when SIGINT is
 * inherited as ignored), no descriptor but 0, 1, 2 and those asked for, and dies with ungil
 * (PR_SET_PDEATHSIG). proc_init() catches SIGINT, SIGTERM and SIGHUP: the first one is remembered
 * (proc_interrupted), everything that waits here returns E_SIGNAL, and the group is stopped: the
 * signal itself, after one second SIGKILL, so that no descendant outlives ungil by two seconds.
 * main.c raises the signal again at the end.
 */
#ifndef UNGIL_BASE_PROC_H
#define UNGIL_BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct strv;

struct proc_opts {
    const char *cwd;        /* NULL: ungil's own */
    const struct strv *env; /* "NAME=value", the whole environment; NULL: ungil's own */
    int in;                 /* a descriptor for stdin; 0: /dev/null */
    int out, err;           /* descriptors for stdout and stderr; -1: /dev/null */
    int pass[4][2];         /* {ungil's descriptor, its number in the child}; {0,0} ends the list */
    unsigned long memory_limit; /* RLIMIT_AS in bytes; 0: none */
    unsigned long data_limit;   /* RLIMIT_DATA in bytes, and no core file; 0: none */
    unsigned long file_limit;   /* RLIMIT_FSIZE in bytes; 0: none */
};
#define PROC_OPTS_INIT                                                                             \
    {                                                                                              \
        .out = -1, .err = -1                                                                       \
    }

struct proc {
    pid_t pid; /* 0: not running; also its process group */
};
#define PROC_INIT                                                                                  \
    {                                                                                              \
        .pid = 0                                                                                   \
    }

int proc_init(void);        /* the signal handlers; once, in main */
int proc_interrupted(void); /* the signal that asked ungil to stop, 0: none */
int proc_signal_fd(
    void); /* readable when a signal (also SIGCHLD) came: poll it, then proc_signal_drain() */
void proc_signal_drain(void);
int proc_check(void); /* 0, or E_SIGNAL recorded when proc_interrupted() */

/* argv[0] without a slash is looked for in ungil's own PATH; with one it is relative to opts->cwd.
 * E_NOTFOUND: there is no such program. */
int proc_spawn(struct proc *p, const struct strv *argv, const struct proc_opts *opts);

/* True when it has ended; *status as from waitpid. Does not block. */
bool proc_ended(struct proc *p, int *status);

/* Waits at most `seconds` (negative: no limit). 0 with *status set; E_SIGNAL after ungil was
 * interrupted (the group was stopped); E_FAILED on time-out (the group was killed). */
int proc_wait(struct proc *p, double seconds, int *status);

/* Sends a signal to the whole group; nothing when it is not running. */
void proc_kill(struct proc *p, int signo);

/* Stops the groups of n processes together: `signo`, up to one second of grace, SIGKILL; reaps
 * them. */
void proc_stop_all(struct proc *const *procs, size_t n, int signo);

/* Spawns, collects stdout (and stderr unless opts->err is set) up to `limit` bytes, waits. A status
 * other than exit 0 is not an error here: look at *status. `out` may be NULL; otherwise it is set
 * (owned) also on a time-out, but not when nothing could be started. What a grandchild in the
 * background writes after the child's end is not waited for. */
int proc_capture(const struct strv *argv, const struct proc_opts *opts, double seconds,
                 size_t limit, char **out, int *status);

/* "exit status 2", "killed by signal 9 (Killed)"; owned. */
char *proc_describe(int status);
bool proc_ok(int status); /* exited with 0 */

/* A copy of ungil's environment for builds and proofs: without what colours a result (PYTHON*,
 * MAKEFLAGS, MAKELEVEL, MFLAGS, GNUMAKEFLAGS, BASH_ENV, ENV, CDPATH, CONFIG_SITE, DESTDIR,
 * LD_PRELOAD …), LC_ALL=C.UTF-8. */
void proc_clean_environment(struct strv *env);
void env_set(struct strv *env, const char *name, const char *value); /* NULL value: unset */
const char *env_get(const struct strv *env, const char *name);       /* borrowed or NULL */

#endif
