/* Bundles into a registry, see bundle_registry.h. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "core/bundle_copy.h"
#include "core/bundle_index.h"
#include "core/bundle_layers.h"
#include "core/bundle_registry.h"
#include "core/bundle_sign.h"
#include "core/progress.h"
#include "core/receipt.h"
#include "core/registry.h"

struct pushing {
    struct registry *r;
    const struct remote_opts *opts;
    json_t *pushed;  /* of the report */
    json_t *entries; /* for the indexes */
};

/* The manifest of a bundle: everything but the blobs themselves. Owned. */
static json_t *manifest_of(const struct bundle_copy *copy, const struct oci_descriptor *config,
                           const struct bundle_layers *layers)
{
    json_t *list = json_array();
    for (size_t i = 0; i < layers->n; i++) {
        json_t *at = *layers->v[i].at ? json_pack("{s:s}", BUNDLE_LAYER_AT, layers->v[i].at) : NULL;
        json_array_append_new(list, oci_descriptor_json(&layers->v[i].d, at));
        json_decref(at);
    }
    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:o}", "schemaVersion", 2, "mediaType",
                     OCI_MANIFEST_TYPE, "artifactType", BUNDLE_ARTIFACT, "config",
                     oci_descriptor_json(config, NULL), "layers", list, "annotations",
                     index_annotations(copy->json));
}

static int put_blobs(struct pushing *p, const struct bundle_copy *copy,
                     const struct bundle_layers *layers, struct oci_descriptor *config,
                     size_t *sent)
{
    autofree struct registry_blob *blobs = xcalloc(layers->n + 1, sizeof *blobs);
    autofree char *receipt = path_join(copy->dir, bundle_receipt_name);
    int rc = oci_describe_file(BUNDLE_CONFIG_TYPE, receipt, config);
    blobs[0] = (struct registry_blob){.d = *config, .path = receipt};
    for (size_t i = 0; i < layers->n; i++)
        blobs[i + 1] = (struct registry_blob){.d = layers->v[i].d, .path = layers->v[i].path};
    return rc == 0 ? registry_blobs_put(p->r, blobs, layers->n + 1, NULL, sent) : rc;
}

static void report_one(struct pushing *p, const struct bundle_copy *copy,
                       const struct bundle_layers *layers, const struct oci_descriptor *d,
                       size_t sent)
{
    unsigned long long bytes = 0;
    for (size_t i = 0; i < layers->n; i++)
        bytes += layers->v[i].d.size;
    json_array_append_new(p->entries, index_entry(copy->json, d));
    json_array_append_new(p->pushed,
                          json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "name", copy->r->name,
                                    "part", bundle_part_names[copy->part], "platform",
                                    copy->platform, "digest", d->digest, "bytes", (json_int_t)bytes,
                                    "blobs", (json_int_t)layers->n + 1, "sent", (json_int_t)sent));
}

static int put_bundle(struct pushing *p, const struct bundle_copy *copy,
                      const struct bundle_layers *layers)
{
    struct oci_descriptor config, d;
    size_t sent = 0;
    int rc = put_blobs(p, copy, layers, &config, &sent);
    if (rc < 0)
        return rc;
    json_t *manifest = manifest_of(copy, &config, layers);
    autofree char *text = oci_text(manifest);
    json_decref(manifest);
    oci_describe(OCI_MANIFEST_TYPE, text, strlen(text), &d);
    rc = registry_manifest_put(p->r, d.digest, text, &d);
    if (rc == 0 && p->opts->sign)
        rc = bundle_sign(p->r, &d, p->opts->sign);
    if (rc == 0)
        report_one(p, copy, layers, &d, sent);
    return rc;
}

static int push_part(struct pushing *p, const struct store *s, const struct receipt *r,
                     enum bundle_part part)
{
    struct bundle_copy copy;
    struct bundle_layers layers = {0};
    autofree char *dir = NULL;
    double start = clock_now();
    progress_stage(p->opts->progress, r->name, "pack", -1);
    int rc = bundle_copy_make(s, r, part, p->opts->cache, &copy);
    if (rc == 0) {
        autofree char *below = path_join(p->opts->cache, "pack");
        rc = fs_mkdtemp(below, "layers", &dir);
    }
    if (rc == 0)
        rc = bundle_layers_make(&copy, dir, &layers);
    if (rc == 0) {
        progress_done(p->opts->progress, r->name, "pack", clock_now() - start);
        progress_stage(p->opts->progress, r->name, "push", -1);
        start = clock_now();
        rc = put_bundle(p, &copy, &layers);
    }
    if (rc == 0)
        progress_done(p->opts->progress, r->name, "push", clock_now() - start);
    if (dir)
        fs_remove_tree(dir);
    bundle_layers_free(&layers);
    bundle_copy_free(&copy);
    return rc;
}

static int push_all(struct pushing *p, const struct store *s, struct receipt *const *receipts,
                    size_t n, const bool parts[BUNDLE_PARTS], bool optional)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        for (int part = 0; rc == 0 && part < BUNDLE_PARTS; part++) {
            if (parts[part])
                rc = push_part(p, s, receipts[i], (enum bundle_part)part);
            if (rc == E_NOTFOUND && optional) {
                err_clear();
                rc = 0;
            }
        }
    return rc;
}

/* The indexes last, when everything that they lead to is there. */
static int publish(struct pushing *p, const char *tag, json_t **tags)
{
    json_t *one;
    size_t i;
    int rc = index_publish(p->r, tag, p->entries, tags);
    if (rc < 0 || !p->opts->sign)
        return rc;
    json_array_foreach(*tags, i, one)
    {
        struct oci_descriptor d = {.media_type = OCI_INDEX_TYPE};
        rc = registry_manifest_head(p->r, json_string_value(json_object_get(one, "digest")), &d);
        if (rc == 0)
            rc = bundle_sign(p->r, &d, p->opts->sign);
        if (rc < 0)
            break;
    }
    return rc;
}

int bundle_push(const struct store *s, struct receipt *const *receipts, size_t n,
                const bool parts[BUNDLE_PARTS], bool optional, const char *ref,
                const struct remote_opts *opts, json_t **report)
{
    struct oci_ref where;
    struct pushing p = {.opts = opts, .pushed = json_array(), .entries = json_array()};
    json_t *tags = NULL;
    unsigned long long received = 0, sent = 0;
    *report = NULL;
    int rc = oci_ref_parse(ref, &where);
    const struct registry_opts ro = {.plain_http = opts->plain_http, .progress = opts->progress};
    if (rc == 0)
        rc = registry_open(&where, &ro, &p.r);
    if (rc == 0 && opts->sign)
        rc = bundle_sign_check_key(opts->sign, true);
    if (rc == 0)
        rc = push_all(&p, s, receipts, n, parts, optional);
    if (rc == 0)
        rc = publish(&p, where.tag, &tags);
    if (rc == 0) {
        registry_traffic(p.r, &received, &sent);
        *report = json_pack("{s:i, s:O, s:O, s:I}", "format", 1, "pushed", p.pushed, "tags", tags,
                            "sent_bytes", (json_int_t)sent);
    }
    registry_close(p.r);
    oci_ref_free(&where);
    json_decref(tags);
    json_decref(p.pushed);
    json_decref(p.entries);
    return rc;
}
