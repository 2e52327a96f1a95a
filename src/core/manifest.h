/* The manifest of a prefix: ungil.mtree, every file with type, mode, size, SHA-256 (mtree(5)). */
#ifndef UNGIL_CORE_MANIFEST_H
#define UNGIL_CORE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* Writes <prefix>/ungil.mtree over everything below prefix but itself and ungil.json; equal trees
 * give equal bytes (no times, no owners). *digest (owned) is the manifest's SHA-256, hex. Anything
 * but files, directories and symbolic links is E_FAILED. */
int manifest_write(const char *prefix, char **digest);

/* The same where a manifest is there already, and all but the files `changed` (paths below prefix)
 * are as it says: only these are read again. */
int manifest_renew(const char *prefix, const struct strv *changed, char **digest);

/* `prefix` is a copy of `base` to which the manifest that it has now was added: that of `base` and
 * that one become its manifest. What neither of them lists, or what is not as they say, stays so.
 */
int manifest_join(const char *prefix, const char *base, char **digest);

struct manifest_report {
    size_t checked;
    struct strv changed, missing,
        extra; /* relative paths; "changed" says what: "bin/pip3: SHA-256" */
};
/* Compares the prefix with its manifest. 0 even when something differs: look at the report, which
 * the caller frees. E_FAILED without a manifest, E_INTEGRITY when it cannot be parsed; then the
 * report is empty. "changed" also names what cannot be read.
 * __pycache__ files that the manifest does not list are not "extra": importing makes them. */
int manifest_check(const char *prefix, struct manifest_report *report);
/* The paths of which the manifests of two prefixes say different things, appended, sorted. */
int manifest_compare(const char *one, const char *other, struct strv *paths);
void manifest_report_free(struct manifest_report *r);

#endif
