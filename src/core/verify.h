/* Verification: the verdict on one interpreter.
 *
 * The kernels identity, modules, stdlib, venv_pip and parallel run on it, as far as they can side
 * by side; nothing is written into its prefix. Each check says what was expected, what was seen and
 * why; those marked "proof" are the ones without which a build is not proven free-threaded.
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
    const char *prefix;          /* what sys.prefix must be; NULL: not checked */
    const char *release;         /* what it must be; NULL: not checked */
    const char *abiflags;        /* what sys.abiflags must be; NULL: "t" or "" */
    bool free_threaded;          /* what it must be */
    const struct strv *required; /* modules that must work; NULL: none */
    const struct strv *optional; /* modules that may be missing; NULL: none */
    const struct strv *import;   /* more to import with the GIL off, names or paths; NULL: none */
    const char *control;         /* the GIL build beside a free-threaded one; NULL: none */
    const char *who;             /* for progress; the caller says where the stage begins and ends */
    const struct progress *progress;
};

enum verdict { VERDICT_PROVEN, VERDICT_INCONCLUSIVE, VERDICT_FAILED, VERDICT_UNPROVEN };

/* Runs every check. *result (owned): {"verdict": "proven|inconclusive|failed|unproven", "python",
 * "control", "seconds", "info": {...}, "checks": [{"check", "expected", "seen", "verdict", "why",
 * "proof", "culprits"}]}. Returns 0 when the checks could be run, whatever they say; a kernel that
 * crashes or hangs is a failed check, not an error. UNPROVEN: free-threading itself is in doubt
 * (exit 3); FAILED: another check failed; INCONCLUSIVE: nothing failed, but this machine could not
 * show that threads run at once. */
int verify_run(const struct verify_opts *opts, json_t **result, enum verdict *verdict);
const char *verdict_name(enum verdict v);

/* What is wrong, a line for each failed check: "CHECK: expected X, seen Y: why"; owned, "" when
 * none failed. */
char *verify_explain(json_t *result);

/* The names of the checks that failed: "gil-off, parallel"; owned, "" when none did. */
char *verify_failed(json_t *result);

/* What the file name of an interpreter promises, seen through symlinks: the ABI flags "t" of
 * python3.14t, "" of python3.14; owned. */
char *verify_promised_flags(const char *python);

#endif
