/* Importing modules in fresh processes of the free-threaded interpreter, some at a time.
 *
 * `PYTHON -I -v [-S] audit.py …` in a directory of its own that is also its HOME and TMPDIR, stdin
 * /dev/null, with limits of time, memory and file size. PYTHON_GIL is never set: forcing the GIL
 * off hides who asks for it. What it prints is kept only to read CPython's own words about the GIL
 * in it; the answers come by another way. Its process group is killed when it has ended.
 */
#ifndef UNGIL_CORE_AUDIT_PROBE_H
#define UNGIL_CORE_AUDIT_PROBE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct progress;

struct audit_limits {
    double seconds;       /* for one import */
    unsigned long memory; /* bytes of private writable memory (RLIMIT_DATA); 0: no limit */
    int jobs;             /* processes at a time, at most 64 */
    const struct progress *progress;
    const char *who;
};

/* Where the modules are. */
struct audit_site {
    const char *python;
    const struct strv *paths; /* behind the interpreter's own sys.path */
    bool bare;                /* without the interpreter's site-packages and their .pth files */
};

/* One process. */
struct audit_probe {
    struct strv targets; /* imported in this order: NAME, or NAME=PATH for just this file */
    /* Set by audit_probe_all, owned by the caller:
     *   verdict   off, on, crashed, hung, missing (a dependency), error (any other import error)
     *   gil       true: on afterwards; false; null: not known (crashed, hung)
     *   culprits  array of {module, file (or null)}: who switched it on, in CPython's own words
     *   at, why   the module that failed first and what came of it; null
     *   needs     the module or shared library that is missing; null
     *   seconds   all imports together; null: not known
     *   imports   array of {module, verdict, why, needs, seconds}
     *   at_start  the GIL was on before the first import
     *   finished  it came to its own end: not crashed, hung, or ended by a module */
    json_t *result;
};

/* Runs them all. 0 whatever the modules do; E_SIGNAL when ungil was interrupted, E_FAILED when no
 * process could be started: then some results may be NULL. */
int audit_probe_all(const struct audit_site *site, const struct audit_limits *limits,
                    struct audit_probe *probes, size_t n);
void audit_probe_free(struct audit_probe *probes, size_t n);

/* What one process answered and printed, judged; for audit_probe_all and its test. `status` as from
 * waitpid; hung: it was killed at its time limit. */
json_t *audit_probe_judge(const struct audit_probe *probe, const char *token, const char *answers,
                          const char *printed, int status, bool hung);

/* A private temporary directory that a later ungil deletes when this one is killed (see kernel.c);
 * *lock is to be kept open as long as it is used. */
int audit_scratch(char **dir, int *lock);

#endif
