/* Bundles: an installed prefix as one file that can be installed anywhere.
 *
 * A bundle is a pax tar, packed with zstd, of one directory NAME/: first ungil.json (the receipt,
 * as far as equal inputs give equal texts), then ungil.mtree (the manifest), then everything that
 * the manifest lists, sorted. Owners are 0, modes 0755 or 0644, times those of the release. Every
 * file is as if the prefix were /opt/ungil/versions/NAME, wherever it was packed. So equal prefixes
 * make equal bundles, byte for byte.
 *
 * Not everybody wants all of a prefix: it is packed in parts, each a bundle of its own. The main
 * part is an interpreter; the others are added to one that is installed.
 */
#ifndef UNGIL_CORE_BUNDLE_H
#define UNGIL_CORE_BUNDLE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"

struct install_opts;
struct progress;
struct receipt;
struct store;

enum bundle_part { BUNDLE_MAIN, BUNDLE_STATIC, BUNDLE_DEBUG, BUNDLE_TESTS, BUNDLE_PARTS };
extern const char *const bundle_part_names[]; /* "main", "static", "debug", "tests" */
/* Which part of a prefix the file at `relative` belongs to. */
enum bundle_part bundle_part_of(const char *relative);

/* What was written; free with bundle_made_free. */
struct bundle_made {
    char *file, *sha256;
    char *manifest; /* the SHA-256 of the manifest in it */
    unsigned long long bytes;
};
/* Packs one part of an installed prefix into `file`, or, when that is NULL or a directory, into
 * NAME-PLATFORM[-PART].tar.zst there. E_INTEGRITY when files are not as they were installed;
 * E_NOTFOUND, with a message, when the prefix has nothing of that part. Appears complete or not at
 * all. `cache` has room for a copy of the prefix; `progress` (NULL: none) is told that time passes.
 */
int bundle_pack(const struct store *s, const struct receipt *r, enum bundle_part part,
                const char *file, const char *cache, const struct progress *progress,
                struct bundle_made *made);
/* The same of a part that was unpacked as it is in its bundle, into `prefix`, to which `receipt`
 * (the text of its ungil.json) is added; below the existing directory `dir` (NULL: the working
 * directory). */
int bundle_repack(const char *prefix, const char *receipt, const struct receipt *r,
                  enum bundle_part part, long mtime, const char *dir,
                  const struct progress *progress, struct bundle_made *made);
void bundle_made_free(struct bundle_made *m);

/* ---- bundle_cache.c: <cache>/bundles/SHA256.tar.zst, bundles that lock files name ---- */

/* Packs the main part into the cache. made->file is there. */
int bundle_cache_pack(const struct store *s, const struct receipt *r, const char *cache,
                      const struct progress *progress, struct bundle_made *made);
/* The file, if it is there and is what its name says: a damaged one is deleted, with a warning.
 * Owned; E_NOTFOUND silently. */
int bundle_cache_find(const char *cache, const char *sha256, char **file);

/* Whether a SPEC of `install` names a file of bundles, by its end. */
bool bundle_is_file(const char *spec);
/* E_USAGE when it cannot be read, or is no regular file: nothing waits for a pipe. */
int bundle_check_file(const char *file);

/* Installs one: compared with its manifest while it is written, made right for where it is,
 * verified, committed like a build. Adds to the report of install_run. E_INTEGRITY when it is not
 * what it says; E_FAILED when this machine cannot run it. */
int bundle_install(const char *file, const struct install_opts *opts, json_t *report);

/* The receipt in a bundle, compared with nothing; *out is the caller's. */
int bundle_read_receipt(const char *file, struct receipt **out);

/* ---- bundle_receipt.c ---- */

/* The receipt inside a bundle, from that of an installed prefix, without manifest and runtime,
 * which the caller adds; owned. */
json_t *bundle_receipt(const struct receipt *r, enum bundle_part part);
/* The parts that a prefix was installed from, appended; none where it was built. */
void bundle_parts(const struct receipt *r, struct strv *parts);
/* When its release was made, which every file of it says: seconds since 1970, at least 1. */
long bundle_time(const struct receipt *r);
/* A "name=value" of the text that the inputs' digest is of; owned, NULL when there is none. */
char *bundle_input(const struct receipt *r, const char *name);

#endif
