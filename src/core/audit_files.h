/* The audit that executes nothing: what the files themselves say. */
#ifndef UNGIL_CORE_AUDIT_FILES_H
#define UNGIL_CORE_AUDIT_FILES_H

#include <jansson.h>
#include <stddef.h>

struct audit_opts;
struct audit_place;

/* Appends an object for each place to `audited`, of the form that the dynamic audit gives; the
 * verdicts are "off" (declares), "undeclared", "cannot tell", "error". E_USAGE for requirements,
 * which only pip can resolve. */
int audit_files(const struct audit_opts *opts, struct audit_place *places, size_t n,
                json_t *audited);

#endif
