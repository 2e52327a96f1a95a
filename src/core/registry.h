/* A client of OCI registries (distribution-spec 1.1): what `push`, `pull`, `install oci://…` and
 * `image` speak.
 *
 * Everything that arrives is compared with its digest and size before it is used. Tokens and
 * passwords go to the host that they are for, and to no other after a redirect. What fails for a
 * while is tried again, as http.h says; UNGIL_RETRY_BASE and UNGIL_HTTP_STALL hold here, too.
 *
 * Credentials: from the first that knows the host of $DOCKER_CONFIG/config.json (where that is not
 * set, ~/.docker/config.json), $REGISTRY_AUTH_FILE and $XDG_RUNTIME_DIR/containers/auth.json: a
 * helper in "credHelpers" or "credsStore" (docker-credential-NAME get), else "auths" (auth,
 * identitytoken; HOST, https://HOST/v1/, HOST/PART-OF-A-REPOSITORY).
 *
 * Errors: E_UNREACHABLE when the registry cannot be reached, fails, or does not let this user in
 * (401 and 403 say whose credentials were used and where they came from); E_NOTFOUND for what it
 * has not; E_INTEGRITY when it sends something else than its digest says; E_FAILED when it refuses
 * otherwise (quota, read-only), or something cannot be written here; E_SIGNAL. Messages name
 * registry, repository, what was asked for, and give the registry's own words ("errors": code,
 * message), printable.
 */
#ifndef UNGIL_CORE_REGISTRY_H
#define UNGIL_CORE_REGISTRY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/oci.h"

struct progress;

struct registry_opts {
    /* --plain-http: also for other hosts than this machine (localhost, 127.0.0.0/8, ::1). Such a
     * host is asked by HTTPS first, and by HTTP when it speaks no TLS; never when its certificate
     * is not good. */
    bool plain_http;
    /* NULL: nobody watches. Updates and ticks for the task registry_name(); the stage is the
     * caller's. */
    const struct progress *progress;
};

struct registry; /* one repository on one registry */

/* Nothing is asked yet: the first request does, beginning with /v2/. `ref` is copied. */
int registry_open(const struct oci_ref *ref, const struct registry_opts *opts,
                  struct registry **out);
void registry_close(struct registry *r);
const char *registry_name(const struct registry *r); /* "HOST/REPOSITORY"; borrowed */

/* What the wire carried since registry_open: bodies, in bytes. */
void registry_traffic(const struct registry *r, unsigned long long *received,
                      unsigned long long *sent);

/* ---- Manifests and indexes ---- */

/* The one at `reference` (a tag or a digest) and what it is: its digest is that of the bytes which
 * came, compared with `reference` where that is a digest. *text is owned and NUL-terminated. A
 * tag's Docker-Content-Digest that differs is E_INTEGRITY, as is more than OCI_MANIFEST_LIMIT. */
int registry_manifest_get(struct registry *r, const char *reference, char **text,
                          struct oci_descriptor *d);
/* The same for a descriptor that is known: digest, size and media type must be these. */
int registry_manifest_fetch(struct registry *r, const struct oci_descriptor *d, char **text);
/* The same, parsed as oci_manifest_parse does; *json is owned. */
int registry_manifest_read(struct registry *r, const char *reference, struct oci_descriptor *d,
                           json_t **json);
/* E_NOTFOUND silently when it is not there. */
int registry_manifest_head(struct registry *r, const char *reference, struct oci_descriptor *d);
/* Everything that it names must be there. `reference`: a tag, or d->digest. With a member
 * "subject", a registry that does not list referrers by itself (no OCI-Subject header in its
 * answer) gets them in the index at the tag "sha256-HEX". */
int registry_manifest_put(struct registry *r, const char *reference, const char *text,
                          const struct oci_descriptor *d);
/* The descriptors of what refers to `digest`, of this artifactType (NULL: of any); by the API, or
 * where that answers 404 by the tag. *list is owned, an empty array when there are none. */
int registry_referrers(struct registry *r, const char *digest, const char *artifact_type,
                       json_t **list);
/* The repository's tags, all pages; *tags is owned, an array of strings. */
int registry_tags(struct registry *r, json_t **tags);

/* ---- Blobs ---- */

/* One blob and the file it comes from or goes to. */
struct registry_blob {
    struct oci_descriptor d;
    const char *path; /* borrowed */
};
/* Gets all of them, a few at a time, each to `path` through `path`.part, from which an interrupted
 * one goes on by Range; what is at `path` already with this digest is not asked for. On error those
 * that are complete stay. */
int registry_blobs_get(struct registry *r, const struct registry_blob *blobs, size_t n);
/* Puts each that is not there yet (HEAD; a mount from `from`, another repository of this registry,
 * NULL: none): in one request, or, from 64 MiB on and where the registry wants it, in chunks of at
 * least OCI-Chunk-Min-Length, which after a break go on where the registry says it stands. *sent
 * (may be NULL) counts those that had to be sent. */
int registry_blobs_put(struct registry *r, const struct registry_blob *blobs, size_t n,
                       const char *from, size_t *sent);
/* A small blob from and to memory. *data is owned and NUL-terminated. */
int registry_blob_read(struct registry *r, const struct oci_descriptor *d, char **data);
int registry_blob_write(struct registry *r, const struct oci_descriptor *d, const void *data);

#endif
