/* Verification: the verdict on one interpreter. */
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
    bool free_threaded;          /* what it must be */
    const struct strv *required; /* modules that must import; NULL: none */
    const char *control;         /* the GIL build beside a free-threaded one; NULL: none */
    const char *who;             /* for progress */
    const struct progress *progress;
};

enum verdict { VERDICT_PROVEN, VERDICT_INCONCLUSIVE, VERDICT_FAILED, VERDICT_UNPROVEN };

/* Runs every check. *result (owned): {"verdict": "proven|inconclusive|failed|unproven", "checks":
 * [...]}. Returns 0 when the checks could be run, whatever they say; a kernel that crashes or hangs
 * is a failed check, not an error. UNPROVEN: free-threading itself is in doubt (exit 3); FAILED:
 * another check failed. */
int verify_run(const struct verify_opts *opts, json_t **result, enum verdict *verdict);
const char *verdict_name(enum verdict v);

#endif
