/* The rows of an audit: one for each distribution, and for each extension module that belongs to
 * none. cmd_audit.c documents their keys. */
#ifndef UNGIL_CORE_AUDIT_ROWS_H
#define UNGIL_CORE_AUDIT_ROWS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"
#include "core/audit_target.h"

/* The rows of a place that was listed, before anything is imported; a new array. `interpreter`:
 * what audit_list.py says of the one that is to import them. */
json_t *audit_rows(const struct audit_place *p, json_t *interpreter);

/* Whether this verdict keeps a module from being imported: "crashed", "hung", "missing", "error",
 * "foreign". */
bool audit_is_broken(const char *verdict);

/* The worse verdict of two, borrowed. */
const char *audit_worse(const char *a, const char *b);

/* Once its probes have answered: verdict, gil, culprits (with their distributions, from `rows`),
 * why and notes of one row. `stdlib`: directories of the standard library. */
void audit_row_conclude(json_t *row, json_t *rows, json_t *stdlib);

/* The distribution that a culprit {module, file} belongs to, into it. */
void audit_locate(json_t *culprit, json_t *rows, json_t *stdlib);

/* What a row counts for in the verdict: "on", "failed", "allowed" (both, but for `allow`, which
 * names it, or every culprit and every extension that failed); NULL: nothing is wrong with it. What
 * of `allow` that used is added to `used`. */
const char *audit_row_counts(json_t *row, const struct strv *allow, struct strv *used);
bool audit_culprits_allowed(json_t *culprits, const struct strv *allow, struct strv *used);

/* Worst first. */
void audit_rows_sort(json_t *rows);

#endif
