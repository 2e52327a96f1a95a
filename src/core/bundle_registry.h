/* Bundles to and from OCI registries: `push`, `pull`, `install oci://...`, UNGIL_REGISTRY. How they
 * look there: bundle_index.h, bundle_layers.h. */
#ifndef UNGIL_CORE_BUNDLE_REGISTRY_H
#define UNGIL_CORE_BUNDLE_REGISTRY_H

#include <jansson.h>
#include <stdbool.h>

#include "core/bundle.h"

struct install_opts;
struct progress;

struct remote_opts {
    bool plain_http;    /* registry.h */
    const char *sign;   /* a file with a private key: what is pushed is signed; NULL: not */
    const char *verify; /* a file with a public key: what is not signed with it is refused */
    const char *cache;
    const struct progress *progress;
};

/* Packs these parts of each of the installed `receipts` and puts them into the repository, with all
 * tags that lead to them (and `ref`'s own). `optional`: a part that is not there is no error.
 * *report (owned): {"pushed": [{name, part, platform, digest, bytes, blobs, sent}], "tags":
 * [{tag, digest}], "sent_bytes"}. */
int bundle_push(const struct store *s, struct receipt *const *receipts, size_t n,
                const bool parts[BUNDLE_PARTS], bool optional, const char *ref,
                const struct remote_opts *opts, json_t **report);

/* Gets the bundles that `ref` leads to, for `platform` (NULL: this machine's; "all"), as the files
 * that `ungil pack` writes, into the directory `dir` (NULL: the working directory). *report
 * (owned): {"pulled": [{name, part, file, sha256, bytes}], "received_bytes"}. */
int bundle_pull(const char *ref, const char *platform, const bool parts[BUNDLE_PARTS],
                const char *dir, const struct remote_opts *opts, json_t **report);

/* Installs what `ref` leads to for this machine, as bundle_install does. */
int bundle_install_ref(const char *ref, const struct install_opts *opts, json_t *report);

/* One interpreter, named by what is known of it: the digest of its inputs, or of its manifest
 * (NULL: the other one counts). */
struct remote_key {
    const char *name, *inputs, *manifest;
};

/* A repository that is asked for several of them. `ref` is borrowed and outlives it.
 * *r (owned): bundle_remote_close; NULL after an error. */
struct bundle_remote;
int bundle_remote_open(const char *ref, const struct remote_opts *opts, struct bundle_remote **r);
void bundle_remote_close(struct bundle_remote *r); /* NULL is nothing */
/* 0 when the repository has it for this machine; E_NOTFOUND. */
int bundle_remote_find(struct bundle_remote *r, const struct remote_key *key);
/* Installs it, as bundle_install does; E_NOTFOUND when it is not there. */
int bundle_remote_install(struct bundle_remote *r, const struct remote_key *key,
                          const struct install_opts *opts, json_t *report);

#endif
