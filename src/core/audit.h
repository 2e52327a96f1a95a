/* The audit: which extension module switches the GIL back on.
 *
 * Each extension module, and what each distribution lets an application import, is imported in a
 * fresh process of a free-threaded interpreter (audit_probe.h); then everything in one. Beside that
 * stands what the files themselves say (audit_static.h). With `static_only`, nothing is executed.
 */
#ifndef UNGIL_CORE_AUDIT_H
#define UNGIL_CORE_AUDIT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"
#include "core/audit_probe.h"

struct audit_opts {
    const char *name;           /* the interpreter, as it was asked for */
    const char *python;         /* its path */
    const char *series;         /* "3.14"; NULL: not known. For static_only, which cannot ask */
    const struct strv *targets; /* none: what is installed in the interpreter */
    const struct strv *pip;     /* more arguments for `pip install`, for a requirements file */
    const struct strv *allow;   /* distributions or modules that may do what they do */
    struct audit_limits limits;
    bool net, static_only;
};

/* *report (owned) is what `ungil audit --json` prints; cmd_audit.c documents it. Returns 0 when all
 * is clear; with a report E_UNPROVEN (3) when something that is not allowed switches the GIL on
 * (or, static_only, does not declare that it runs without), else E_FAILED (1) when something could
 * not be imported (or told). Without one (NULL) an error: E_USAGE for an interpreter or a TARGET of
 * the wrong kind, E_SIGNAL, E_FAILED. Leaves the network for good unless `net`. */
int audit_run(const struct audit_opts *opts, json_t **report);

#endif
