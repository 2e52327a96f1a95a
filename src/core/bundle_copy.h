/* A copy of one part of an installed prefix, made as if it had been installed at
 * /opt/ungil/versions/NAME by anybody: what bundles and images are written from. */
#ifndef UNGIL_CORE_BUNDLE_COPY_H
#define UNGIL_CORE_BUNDLE_COPY_H

#include <jansson.h>

#include "base/str.h"
#include "core/bundle.h"

struct bundle_copy {
    const struct receipt *r; /* of what is installed; borrowed */
    enum bundle_part part;
    char *prefix;   /* where it is installed */
    char *dir;      /* the copy: plain modes, with a manifest, and ungil.json as bundle_receipt */
    char *platform; /* "x86_64-linux-gnu" */
    json_t *json;   /* what ungil.json holds */
    long mtime;     /* of every file, seconds since 1970: the release's */
};
/* Below `cache`. Every file is compared with the manifest of the prefix: E_INTEGRITY names those
 * that are not as they were installed; E_NOTFOUND, with a message, when it has nothing of the part.
 * *out is freed with bundle_copy_free also after an error. */
int bundle_copy_make(const struct store *s, const struct receipt *r, enum bundle_part part,
                     const char *cache, struct bundle_copy *out);
/* The same for an interpreter that stands elsewhere: one that is staged. */
int bundle_copy_make_of(const char *prefix, const struct receipt *r, enum bundle_part part,
                        const char *cache, struct bundle_copy *out);
/* The SHA-256 of its manifest: equal for equal interpreters, wherever they are. Borrowed. */
const char *bundle_copy_digest(const struct bundle_copy *c);
void bundle_copy_free(struct bundle_copy *c); /* removes the copy, too */

#endif
