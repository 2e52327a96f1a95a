#include "core/image_out.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/bundle_copy.h"
#include "core/image_base.h"
#include "core/oci_layout.h"
#include "core/receipt.h"
#include "core/registry.h"

static void add_layer(struct image_out *out, const struct image_layer *l)
{
    for (size_t i = 0; i < out->n; i++)
        if (strcmp(out->layers[i]->d.digest, l->d.digest) == 0)
            return;
    out->layers[out->n++] = l;
}

int image_out_make(const struct image_facts *facts, struct image_out *out)
{
    size_t of_base = facts->base ? facts->base->n : 0;
    *out = (struct image_out){.facts = facts};
    out->layers = xcalloc(of_base + facts->n_layers, sizeof(struct image_layer *));
    for (size_t i = 0; i < of_base; i++)
        add_layer(out, &facts->base->layers[i]);
    for (size_t i = 0; i < facts->n_layers; i++)
        add_layer(out, &facts->layers[i]);
    json_t *config = image_config(facts);
    out->config_text = oci_text(config);
    json_decref(config);
    oci_describe(OCI_CONFIG_TYPE, out->config_text, strlen(out->config_text), &out->config);
    json_t *manifest = image_manifest(facts, &out->config);
    out->manifest_text = oci_text(manifest);
    json_decref(manifest);
    size_t size = strlen(out->manifest_text);
    oci_describe(OCI_MANIFEST_TYPE, out->manifest_text, size, &out->manifest);
    if (size > OCI_MANIFEST_LIMIT)
        return fail(E_FAILED, "the manifest of the image is larger than registries take");
    return 0;
}

void image_out_free(struct image_out *out)
{
    free(out->config_text);
    free(out->manifest_text);
    free((void *)out->layers);
    free(out->named);
    free(out->pushed);
}

static const char *default_tag(const struct image_out *out)
{
    const struct image_facts *f = out->facts;
    return f->n == 1 ? f->copies[0].r->name : f->copies[0].r->release; /* 3.14.7 is the pair */
}

/* ---- An image layout ---- */

static json_t *platform(void)
{
    const char *os, *architecture, *variant;
    oci_platform(&os, &architecture, &variant);
    json_t *json = json_pack("{s:s, s:s}", "os", os, "architecture", architecture);
    if (*variant)
        json_object_set_new(json, "variant", json_string(variant));
    return json;
}

int image_out_layout(struct image_out *out, const char *where)
{
    autofree char *dir = NULL, *tag = NULL;
    struct oci_descriptor d;
    if (!image_layout_split(where, &dir, &tag))
        return fail(E_USAGE, "\"%s\" names no image layout", where);
    if (!tag)
        tag = xstrdup(default_tag(out));
    int rc = layout_open(dir);
    for (size_t i = 0; rc == 0 && i < out->n; i++) {
        const struct image_layer *l = out->layers[i];
        rc = layout_take(dir, l->d.media_type, l->path, &d);
        if (rc == 0 && strcmp(d.digest, l->d.digest) != 0)
            rc = fail(E_INTEGRITY, "%s changed while the image was made", l->path);
    }
    if (rc == 0)
        rc = layout_write(dir, OCI_CONFIG_TYPE, out->config_text, strlen(out->config_text), &d);
    if (rc == 0)
        rc = layout_write(dir, OCI_MANIFEST_TYPE, out->manifest_text, strlen(out->manifest_text),
                          &d);
    json_t *here = platform();
    if (rc == 0)
        rc = layout_name(dir, tag, &out->manifest, here);
    json_decref(here);
    if (rc == 0)
        out->named = xasprintf("oci:%s:%s", dir, tag);
    return rc;
}

/* ---- A registry ---- */

/* The other repository of the same registry that the base came from: nothing of it is sent. */
static const char *mount_from(const struct image_out *out, const struct oci_ref *to)
{
    const struct image_base *base = out->facts->base;
    if (!base || !base->ref.host || strcmp(base->ref.host, to->host) != 0 ||
        strcmp(base->ref.repository, to->repository) == 0)
        return NULL;
    return base->ref.repository;
}

static int push_all(struct image_out *out, struct registry *r, const struct oci_ref *ref)
{
    autofree struct registry_blob *blobs = xcalloc(out->n + 1, sizeof *blobs);
    for (size_t i = 0; i < out->n; i++)
        blobs[i] = (struct registry_blob){.d = out->layers[i]->d, .path = out->layers[i]->path};
    int rc = registry_blobs_put(r, blobs, out->n, mount_from(out, ref), &out->sent);
    if (rc == 0)
        rc = registry_blob_write(r, &out->config, out->config_text);
    return rc == 0 ? registry_manifest_put(r, ref->tag, out->manifest_text, &out->manifest) : rc;
}

int image_out_push(struct image_out *out, const struct image_opts *opts)
{
    const struct registry_opts how = {.plain_http = opts->plain_http, .progress = opts->progress};
    struct oci_ref ref;
    struct registry *r = NULL;
    int rc = oci_ref_parse(opts->push, &ref);
    if (rc < 0)
        return rc;
    if (ref.digest)
        rc = err_hint(fail(E_USAGE, "image --push: the digest is not known before"),
                      "name a tag: oci://%s/%s:TAG", ref.host, ref.repository);
    if (rc == 0 && !ref.tag)
        ref.tag = xstrdup(default_tag(out));
    if (rc == 0)
        rc = registry_open(&ref, &how, &r);
    if (rc == 0)
        rc = push_all(out, r, &ref);
    if (rc == 0)
        out->pushed = oci_ref_text(&ref);
    if (r)
        registry_close(r);
    oci_ref_free(&ref);
    return rc;
}
