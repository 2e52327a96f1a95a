/* Verification: the verdict on one interpreter.
 *
 * The kernels of the table in core/verify_checks.h run on it, as far as they can side by side;
 * nothing is written into its prefix. Each check says what was expected, what was seen, why that
 * matters and, unless it passed, the reason; those marked "proof" are the ones without which a
 * build is not proven free-threaded.
 */
#ifndef UNGIL_CORE_VERIFY_H
#define UNGIL_CORE_VERIFY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct progress;

struct verify_opts {
    const char *python;          /* path of the interpreter: <prefix>/bin/python3.14t */
    const char *prefix;          /* what sys.prefix must be; NULL: ungil did not install it */
    const char *final;           /* where it will be, when still in the stage; NULL: at prefix */
    const char *configured;      /* the prefix it was configured for; NULL: not known */
    const struct strv *stale;    /* more paths that no file may hold; NULL: none */
    const char *release;         /* what it must be; NULL: not checked */
    const char *abiflags;        /* what sys.abiflags must be; NULL: "t" or "" */
    bool free_threaded;          /* what it must be */
    const struct strv *options;  /* what configure was given; NULL: not known */
    const struct strv *required; /* modules that must work; NULL: none */
    const struct strv *optional; /* modules that may be missing; NULL: none */
    const struct strv *parts;    /* what was installed of a bundle; NULL: all there is */
    const struct strv *import;   /* more to import with the GIL off, names or paths; NULL: none */
    const struct strv *only;     /* the checks to run, see verify_check_names; NULL: all */
    double seconds;              /* time limit of one kernel; 0: a generous one */
    const char *control;         /* the GIL build beside a free-threaded one; NULL: none */
    const char *who;             /* for progress; the caller says where the stage begins and ends */
    const struct progress *progress;
};

enum verdict {
    VERDICT_PROVEN,
    VERDICT_PASSED,
    VERDICT_INCONCLUSIVE,
    VERDICT_FAILED,
    VERDICT_UNPROVEN
};

/* Runs the checks. *result (owned): {"verdict": "proven|passed|inconclusive|failed|unproven",
 * "python", "control", "seconds", "info": {...}, "checks": [{"check", "expected", "seen",
 * "verdict", "why", "reason", "proof", "culprits"}]}. Returns 0 when the checks could be run,
 * whatever they say; a kernel that crashes or hangs is a failed check, not an error. UNPROVEN:
 * free-threading itself is in doubt (exit 3); FAILED: another check failed; INCONCLUSIVE: nothing
 * failed, but this machine could not show that threads run at once; PASSED: nothing failed, but not
 * every check was asked for. */
int verify_run(const struct verify_opts *opts, json_t **result, enum verdict *verdict);
/* The same of n interpreters in less time: what one of them waits for runs beside the others.
 * results[i] and verdicts[i] belong to opts[i]; all results are NULL on an error. */
int verify_together(const struct verify_opts *opts, size_t n, json_t **results,
                    enum verdict *verdicts);
const char *verdict_name(enum verdict v);

/* What is wrong, a line for each failed check: "CHECK: expected X, seen Y: reason"; owned, "" when
 * none failed. */
char *verify_explain(json_t *result);

/* The names of the checks that failed: "gil-off, parallel"; owned, "" when none did. */
char *verify_failed(json_t *result);

/* What the file name of an interpreter promises, seen through symlinks: the ABI flags "t" of
 * python3.14t, "" of python3.14; owned. */
char *verify_promised_flags(const char *python);

/* The same; where the file name says nothing (a copy called "python3", a wrapper), what the
 * interpreter says itself; owned. */
char *verify_flags(const char *python);

#endif
