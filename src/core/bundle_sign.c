/* Signatures in registries, see bundle_sign.h. */
#include "core/bundle_sign.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "core/text_json.h"
#include "io/sign.h"

#define PAYLOAD_TYPE       "application/vnd.dev.cosign.simplesigning.v1+json"
#define SIGNATURE_KEY      "dev.cosignproject.cosign/signature"
#define SIGNATURE_ARTIFACT "application/vnd.dev.cosign.artifact.sig.v1+json"
#define SIGNED_TYPE        "cosign container image signature"

enum { PAYLOAD_LIMIT = 64 << 10, SIGNATURE_LIMIT = 64 };

int bundle_sign_check_key(const char *key, bool is_private)
{
    if (!is_private)
        return sign_check_public(key);
    autofree char *signature = NULL;
    return sign_data(key, "", 0, &signature);
}

/* sha256-HEX.sig of a digest sha256:HEX; owned. */
static char *signature_tag(const char *digest)
{
    return xasprintf("sha256-%s.sig", digest + strlen("sha256:"));
}

/* The layers of the signatures that there are; owned, an empty array where there are none. */
static int read_signatures(struct registry *r, const char *tag, json_t **layers)
{
    struct oci_descriptor d;
    json_t *json;
    *layers = json_array();
    int rc = registry_manifest_read(r, tag, &d, &json);
    if (rc == E_NOTFOUND) {
        err_clear();
        return 0;
    }
    if (rc == 0 && json_is_array(json_object_get(json, "layers")))
        json_array_extend(*layers, json_object_get(json, "layers"));
    json_decref(json);
    return rc;
}

static bool is_about(const char *payload, const char *digest)
{
    json_t *json = json_loads(payload, JSON_REJECT_DUPLICATES, NULL);
    json_t *critical = json_object_get(json, "critical");
    bool about = strcmp(json_text(critical, "type"), SIGNED_TYPE) == 0 &&
                 strcmp(json_text(json_object_get(critical, "image"), "docker-manifest-digest"),
                        digest) == 0;
    json_decref(json);
    return about;
}

/* Whether one of the signatures is of this key. */
static int find_signature(struct registry *r, json_t *layers, const char *digest, const char *key,
                          bool *found)
{
    json_t *layer;
    size_t i;
    *found = false;
    json_array_foreach(layers, i, layer)
    {
        struct oci_descriptor d;
        autofree char *payload = NULL;
        const char *signature = json_text(json_object_get(layer, "annotations"), SIGNATURE_KEY);
        if (i >= SIGNATURE_LIMIT)
            break;
        int rc = oci_descriptor_parse(layer, "signature", &d);
        if (rc < 0 || strcmp(d.media_type, PAYLOAD_TYPE) != 0 || d.size > PAYLOAD_LIMIT) {
            err_clear();
            continue; /* not one of cosign's */
        }
        rc = registry_blob_read(r, &d, &payload);
        if (rc < 0)
            return rc;
        if (!is_about(payload, digest))
            continue;
        rc = sign_check(key, payload, d.size, signature);
        *found = rc == 0;
        if (rc != E_INTEGRITY)
            return rc;
    }
    return 0;
}

/* The same among what refers to it: where it was copied to without its tags. *n: how many there
 * are. */
static int find_referrer(struct registry *r, const char *digest, const char *key, size_t *n,
                         bool *found)
{
    json_t *list = NULL, *one, *json;
    size_t i;
    /* Of any type: tools that copy lists of referrers may leave it out. */
    int rc = registry_referrers(r, digest, NULL, &list);
    *n += json_array_size(list);
    json_array_foreach(list, i, one)
    {
        struct oci_descriptor d;
        if (i >= SIGNATURE_LIMIT || *found || rc < 0)
            break;
        rc = oci_descriptor_parse(one, registry_name(r), &d);
        if (rc == 0)
            rc = registry_manifest_read(r, d.digest, &d, &json);
        if (rc < 0)
            break;
        rc = find_signature(r, json_object_get(json, "layers"), digest, key, found);
        json_decref(json);
    }
    json_decref(list);
    return rc;
}

/* What cosign writes as the config of such an image. */
static json_t *config_of(json_t *layers)
{
    json_t *ids = json_array(), *layer;
    size_t i;
    json_array_foreach(layers, i, layer) json_array_append(ids, json_object_get(layer, "digest"));
    return json_pack("{s:s, s:s, s:{}, s:s, s:{s:s, s:o}}", "architecture", "", "created",
                     "0001-01-01T00:00:00Z", "config", "os", "", "rootfs", "type", "layers",
                     "diff_ids", ids);
}

/* At the tag, and as what refers to `of`. */
static int put_signatures(struct registry *r, const char *tag, const struct oci_descriptor *of,
                          json_t *layers)
{
    json_t *config = config_of(layers);
    autofree char *config_text = oci_text(config);
    struct oci_descriptor c, d;
    oci_describe(OCI_CONFIG_TYPE, config_text, strlen(config_text), &c);
    json_t *manifest = json_pack("{s:i, s:s, s:s, s:o, s:O, s:o}", "schemaVersion", 2, "mediaType",
                                 OCI_MANIFEST_TYPE, "artifactType", SIGNATURE_ARTIFACT, "config",
                                 oci_descriptor_json(&c, NULL), "layers", layers, "subject",
                                 oci_descriptor_json(of, NULL));
    autofree char *text = oci_text(manifest);
    json_decref(config);
    json_decref(manifest);
    oci_describe(OCI_MANIFEST_TYPE, text, strlen(text), &d);
    int rc = registry_blob_write(r, &c, config_text);
    return rc == 0 ? registry_manifest_put(r, tag, text, &d) : rc;
}

static int add_signature(struct registry *r, json_t *layers, const char *digest, const char *key)
{
    struct oci_descriptor d;
    autofree char *signature = NULL;
    json_t *json = json_pack("{s:{s:{s:s}, s:{s:s}, s:s}, s:n}", "critical", "identity",
                             "docker-reference", registry_name(r), "image",
                             "docker-manifest-digest", digest, "type", SIGNED_TYPE, "optional");
    autofree char *payload = oci_text(json);
    json_decref(json);
    int rc = sign_data(key, payload, strlen(payload), &signature);
    oci_describe(PAYLOAD_TYPE, payload, strlen(payload), &d);
    if (rc == 0)
        rc = registry_blob_write(r, &d, payload);
    if (rc < 0)
        return rc;
    json_t *annotations = json_pack("{s:s}", SIGNATURE_KEY, signature);
    json_array_append_new(layers, oci_descriptor_json(&d, annotations));
    json_decref(annotations);
    return 0;
}

int bundle_sign(struct registry *r, const struct oci_descriptor *d, const char *key)
{
    json_t *layers;
    bool found = false;
    autofree char *tag = signature_tag(d->digest);
    int rc = read_signatures(r, tag, &layers);
    if (rc == 0)
        rc = find_signature(r, layers, d->digest, key, &found);
    if (rc == 0 && !found) {
        rc = add_signature(r, layers, d->digest, key);
        if (rc == 0)
            rc = put_signatures(r, tag, d, layers);
    }
    json_decref(layers);
    return rc;
}

int bundle_sign_verify(struct registry *r, const struct oci_descriptor *d, const char *key)
{
    json_t *layers;
    bool found = false;
    autofree char *tag = signature_tag(d->digest);
    int rc = read_signatures(r, tag, &layers);
    if (rc == 0)
        rc = find_signature(r, layers, d->digest, key, &found);
    size_t n = json_array_size(layers);
    json_decref(layers);
    if (rc == 0 && !found)
        rc = find_referrer(r, d->digest, key, &n, &found);
    if (rc < 0 || found)
        return rc;
    rc = fail(E_INTEGRITY, "%s@%s is refused: %s %s", registry_name(r), d->digest,
              n ? "none of its signatures is by" : "it is not signed by", key);
    return err_hint(rc, "\"ungil push --sign KEY\" or \"cosign sign --key KEY\" signs it");
}
