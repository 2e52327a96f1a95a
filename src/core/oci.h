/* The words of OCI (image-spec, distribution-spec): references, descriptors, manifests, indexes.
 * Texts only: nothing here opens a file or a connection. */
#ifndef UNGIL_CORE_OCI_H
#define UNGIL_CORE_OCI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define OCI_INDEX_TYPE      "application/vnd.oci.image.index.v1+json"
#define OCI_MANIFEST_TYPE   "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG_TYPE     "application/vnd.oci.image.config.v1+json"
#define OCI_EMPTY_TYPE      "application/vnd.oci.empty.v1+json" /* of the two bytes "{}" */
#define OCI_LAYER_GZIP_TYPE "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_DIGEST          72         /* "sha256:", 64 digits, NUL */
enum { OCI_MANIFEST_LIMIT = 4 << 20 }; /* bytes; what the distribution-spec asks of registries */

/* oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]; texts owned, free with oci_ref_free. */
struct oci_ref {
    char *host;       /* "localhost:5000", "[::1]:5000" */
    char *repository; /* "lab/python" */
    char *tag;        /* NULL: none given */
    char *digest;     /* "sha256:…"; NULL: none given */
};
/* E_USAGE, saying which part is wrong and how it should be. "oci://" may be missing. */
int oci_ref_parse(const char *text, struct oci_ref *out);
void oci_ref_free(struct oci_ref *r);
char *oci_ref_text(const struct oci_ref *r); /* owned; with "oci://" */
/* Whether a SPEC of `install` is such a reference: it begins with "oci://". */
bool oci_is_ref(const char *spec);

/* Their grammars. What fits can be shown, and be a part of a path or of a header. */
bool oci_is_digest(const char *text);     /* sha256:…, 64 digits */
bool oci_is_tag(const char *text);        /* at most 128 characters */
bool oci_is_media_type(const char *text); /* TYPE/SUBTYPE, without parameters */

/* What a digest, a size and a media type say about a blob or a manifest. */
struct oci_descriptor {
    char media_type[128];
    char digest[OCI_DIGEST];
    unsigned long long size; /* bytes */
};
/* From the object of a manifest. E_INTEGRITY, with `where` in front, for what is no descriptor: no
 * or another kind of digest than sha256, a size that is no number or below 0, no media type. */
int oci_descriptor_parse(json_t *json, const char *where, struct oci_descriptor *out);
/* The object; `annotations` (borrowed, may be NULL) become a member of it. Owned. */
json_t *oci_descriptor_json(const struct oci_descriptor *d, json_t *annotations);
/* Of a text of this media type. */
void oci_describe(const char *media_type, const void *data, size_t size,
                  struct oci_descriptor *out);
/* Of a file; 0 or an error. */
int oci_describe_file(const char *media_type, const char *path, struct oci_descriptor *out);

/* Parses an index or a manifest that has been compared with its digest: size, JSON, schemaVersion
 * 2, a media type inside that is not another one than `d` says, and the members that its kind must
 * have ("manifests"; "config", "layers"). *json is owned. E_INTEGRITY. */
int oci_manifest_parse(const char *text, size_t size, const struct oci_descriptor *d,
                       const char *where, json_t **json);
/* Written so that equal objects make equal texts (keys sorted, no white space); owned. */
char *oci_text(json_t *json);

/* This machine's platform as OCI (Go) calls it: "linux", "amd64", and "v7" or "". */
void oci_platform(const char **os, const char **architecture, const char **variant);
/* The platform of an entry of an index is this machine's, or it has none. */
bool oci_platform_fits(json_t *entry);

#endif
