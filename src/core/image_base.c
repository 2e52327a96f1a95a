/* Base images, see image_base.h. They come from anywhere: nothing of them is used before it has
 * been compared with its digest and size. */
#include "core/image_base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "core/oci_layout.h"
#include "core/registry.h"
#include "core/text_json.h"
#include "io/archive_name.h"

enum { LAYERS_LIMIT = 500, DEPTH_LIMIT = 3 }; /* engines stop at 127 layers */

bool image_layout_split(const char *where, char **dir, char **tag)
{
    static const char head[] = "oci:";
    if (!str_starts(where, head) || str_starts(where, "oci://"))
        return false;
    where += strlen(head);
    const char *colon = strrchr(where, ':');
    bool tagged = colon && !strchr(colon, '/') && colon[1] && colon > where;
    *dir = xstrndup(where, tagged ? (size_t)(colon - where) : strlen(where));
    *tag = tagged ? xstrdup(colon + 1) : NULL;
    return **dir != '\0';
}

/* Where it comes from: a layout or a repository. */
struct place {
    const struct image_base_opts *opts;
    char *dir; /* of the layout; NULL: a registry */
    struct registry *registry;
    struct image_base *base;
};

static int read_manifest(const struct place *p, const struct oci_descriptor *d, char **text)
{
    return p->dir ? layout_read(p->dir, d, OCI_MANIFEST_LIMIT, text)
                  : registry_manifest_fetch(p->registry, d, text);
}

static int read_config(const struct place *p, const struct oci_descriptor *d, char **text)
{
    if (d->size > OCI_MANIFEST_LIMIT)
        return fail(E_INTEGRITY, "%s: its configuration is larger than it may be", p->opts->where);
    return p->dir ? layout_read(p->dir, d, OCI_MANIFEST_LIMIT, text)
                  : registry_blob_read(p->registry, d, text);
}

/* ---- The image for this machine ---- */

static bool is_index(const char *type)
{
    return strcmp(type, OCI_INDEX_TYPE) == 0 ||
           strcmp(type, "application/vnd.docker.distribution.manifest.list.v2+json") == 0;
}

static bool is_manifest(const char *type)
{
    return strcmp(type, OCI_MANIFEST_TYPE) == 0 ||
           strcmp(type, "application/vnd.docker.distribution.manifest.v2+json") == 0;
}

static int none_for_us(const struct place *p, json_t *list)
{
    enum { NAMED = 12 };
    const char *os, *architecture, *variant;
    autostrv names = {0};
    json_t *entry;
    size_t i;
    oci_platform(&os, &architecture, &variant);
    json_array_foreach(list, i, entry)
    {
        json_t *platform = json_object_get(entry, "platform");
        if (names.n < NAMED && platform)
            strv_addf(&names, "%.32s/%.32s", json_text(platform, "os"),
                      json_text(platform, "architecture"));
    }
    autofree char *all = strv_join(&names, ", "), *text = archive_printable(all);
    int rc = fail(E_FAILED, "%s has no image for %s/%s", p->opts->where, os, architecture);
    return err_hint(rc, "it has: %s", *text ? text : "nothing");
}

/* From an index to the manifest, which may take more than one. */
static int choose(const struct place *p, json_t **json, struct oci_descriptor *d, int depth)
{
    json_t *list = json_object_get(*json, "manifests"), *entry, *found = NULL;
    autofree char *text = NULL;
    size_t i;
    json_array_foreach(list, i, entry)
    {
        const char *type = json_text(entry, "mediaType");
        if (!found && oci_platform_fits(entry) && (is_index(type) || is_manifest(type)))
            found = entry;
    }
    if (!found)
        return none_for_us(p, list);
    int rc = oci_descriptor_parse(found, p->opts->where, d);
    if (rc == 0)
        rc = read_manifest(p, d, &text);
    json_decref(*json);
    *json = NULL;
    if (rc == 0)
        rc = oci_manifest_parse(text, strlen(text), d, p->opts->where, json);
    if (rc < 0 || is_manifest(d->media_type))
        return rc;
    return depth < DEPTH_LIMIT
               ? choose(p, json, d, depth + 1)
               : fail(E_INTEGRITY, "%s: one index stands in the other, too often", p->opts->where);
}

static int find_manifest(const struct place *p, const char *reference)
{
    struct oci_descriptor *d = &p->base->d;
    autofree char *text = NULL;
    int rc;
    if (p->dir) {
        rc = layout_find(p->dir, reference, d);
        if (rc == 0 && !is_index(d->media_type) && !is_manifest(d->media_type))
            rc = fail(E_FAILED, "%s is no image, but %s", p->opts->where, d->media_type);
        if (rc == 0)
            rc = read_manifest(p, d, &text);
    } else {
        rc = registry_manifest_get(p->registry, reference, &text, d);
    }
    if (rc == 0)
        rc = oci_manifest_parse(text, strlen(text), d, p->opts->where, &p->base->manifest);
    if (rc == 0 && is_index(d->media_type))
        rc = choose(p, &p->base->manifest, d, 1);
    return rc;
}

/* ---- Its configuration ---- */

static int check_platform(const struct place *p)
{
    const char *os, *architecture, *variant;
    json_t *config = p->base->config;
    oci_platform(&os, &architecture, &variant);
    if (strcmp(json_text(config, "os"), os) == 0 &&
        strcmp(json_text(config, "architecture"), architecture) == 0)
        return 0;
    autofree char *is =
        xasprintf("%.32s/%.32s", json_text(config, "os"), json_text(config, "architecture"));
    autofree char *text = archive_printable(is);
    return err_hint(fail(E_FAILED, "%s is for %s, the interpreters are for %s/%s", p->opts->where,
                         text, os, architecture),
                    "choose the image of this name that is for %s/%s", os, architecture);
}

static int check_config(const struct place *p)
{
    json_t *ids, *id;
    size_t i;
    int rc = check_platform(p);
    if (rc < 0)
        return rc;
    ids = json_object_get(json_object_get(p->base->config, "rootfs"), "diff_ids");
    if (json_array_size(ids) != p->base->n)
        return fail(E_INTEGRITY, "%s: its configuration is not that of an image of %zu layers",
                    p->opts->where, p->base->n);
    json_array_foreach(ids, i, id)
    {
        const char *text = json_string_value(id);
        if (!text || strlen(text) >= OCI_DIGEST)
            return fail(E_INTEGRITY, "%s: its configuration names no digest of a layer",
                        p->opts->where);
        strcpy(p->base->layers[i].diff_id, text);
    }
    return 0;
}

static int find_config(const struct place *p)
{
    autofree char *text = NULL;
    struct oci_descriptor d;
    json_t *json = json_object_get(p->base->manifest, "config");
    int rc = oci_descriptor_parse(json, p->opts->where, &d);
    if (rc == 0)
        rc = read_config(p, &d, &text);
    if (rc < 0)
        return rc;
    p->base->config = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(p->base->config))
        return fail(E_INTEGRITY, "%s: its configuration is no JSON object", p->opts->where);
    return check_config(p);
}

/* ---- Its layers ---- */

/* The type in an OCI manifest of what Docker calls otherwise; false for no layer that is known. */
static bool layer_type(struct oci_descriptor *d)
{
    static const char *const types[][2] = {
        {"application/vnd.docker.image.rootfs.diff.tar.gzip", OCI_LAYER_GZIP_TYPE},
        {"application/vnd.docker.image.rootfs.diff.tar.zstd",
         "application/vnd.oci.image.layer.v1.tar+zstd"},
        {"application/vnd.docker.image.rootfs.diff.tar", "application/vnd.oci.image.layer.v1.tar"},
        {OCI_LAYER_GZIP_TYPE, NULL},
        {"application/vnd.oci.image.layer.v1.tar+zstd", NULL},
        {"application/vnd.oci.image.layer.v1.tar", NULL}};
    for (size_t i = 0; i < lengthof(types); i++) {
        if (strcmp(d->media_type, types[i][0]) != 0)
            continue;
        if (types[i][1])
            snprintf(d->media_type, sizeof d->media_type, "%s", types[i][1]);
        return true;
    }
    return false;
}

static int describe_layers(const struct place *p)
{
    json_t *list = json_object_get(p->base->manifest, "layers"), *entry;
    size_t i, n = json_array_size(list);
    if (n > LAYERS_LIMIT)
        return fail(E_INTEGRITY, "%s has %zu layers; no image has so many", p->opts->where, n);
    p->base->layers = xcalloc(n + 1, sizeof *p->base->layers);
    json_array_foreach(list, i, entry)
    {
        struct image_layer *l = &p->base->layers[i];
        p->base->n++;
        l->what = xstrdup("of the base");
        int rc = oci_descriptor_parse(entry, p->opts->where, &l->d);
        if (rc < 0)
            return rc;
        if (!layer_type(&l->d))
            return fail(E_FAILED, "%s: layer %zu is of a kind that this ungil does not know: %s",
                        p->opts->where, i + 1, l->d.media_type);
    }
    return 0;
}

static int check_blob(const struct place *p, struct image_layer *l)
{
    struct oci_descriptor is;
    struct stat st;
    l->path = layout_blob(p->dir, l->d.digest);
    if (lstat(l->path, &st) < 0 || !S_ISREG(st.st_mode))
        return fail(E_INTEGRITY, "%s lacks the blob %s", p->dir, l->d.digest);
    if ((unsigned long long)st.st_size != l->d.size)
        return fail(E_INTEGRITY, "%s has %lld bytes, and should have %llu", l->path,
                    (long long)st.st_size, l->d.size);
    int rc = oci_describe_file(l->d.media_type, l->path, &is);
    if (rc == 0 && strcmp(is.digest, l->d.digest) != 0)
        rc = fail(E_INTEGRITY, "%s has the digest %s", l->path, is.digest);
    return rc;
}

static int fetch_layers(const struct place *p)
{
    autofree char *dir = path_join(p->opts->work, "base");
    struct image_base *b = p->base;
    autofree struct registry_blob *blobs = xcalloc(b->n + 1, sizeof *blobs);
    int rc = fs_mkdirs(dir, 0755);
    for (size_t i = 0; i < b->n; i++) {
        struct image_layer *l = &b->layers[i];
        l->path = path_join(dir, strchr(l->d.digest, ':') + 1);
        blobs[i] = (struct registry_blob){.d = l->d, .path = l->path};
    }
    return rc == 0 ? registry_blobs_get(p->registry, blobs, b->n) : rc;
}

static int find_layers(const struct place *p)
{
    int rc = 0;
    if (!p->dir)
        return fetch_layers(p);
    for (size_t i = 0; rc == 0 && i < p->base->n; i++)
        rc = check_blob(p, &p->base->layers[i]);
    return rc;
}

/* ---- The whole ---- */

static int open_registry(struct place *p, const char **reference)
{
    struct image_base *b = p->base;
    const struct registry_opts opts = {.plain_http = p->opts->plain_http,
                                       .progress = p->opts->progress};
    int rc = oci_ref_parse(p->opts->where, &b->ref);
    if (rc < 0)
        return rc;
    if (!b->ref.tag && !b->ref.digest)
        b->ref.tag = xstrdup("latest");
    *reference = b->ref.digest ? b->ref.digest : b->ref.tag;
    b->name = xasprintf("%s/%s%s%s", b->ref.host, b->ref.repository, b->ref.tag ? ":" : "",
                        b->ref.tag ? b->ref.tag : "");
    return registry_open(&b->ref, &opts, &p->registry);
}

int image_base_open(const struct image_base_opts *opts, struct image_base *out)
{
    struct place p = {.opts = opts, .base = out};
    autofree char *tag = NULL;
    const char *reference = NULL;
    *out = (struct image_base){0};
    int rc = 0;
    if (image_layout_split(opts->where, &p.dir, &tag))
        reference = tag;
    else
        rc = open_registry(&p, &reference);
    if (rc == 0)
        rc = find_manifest(&p, reference);
    if (rc == 0)
        rc = describe_layers(&p);
    if (rc == 0)
        rc = find_config(&p);
    if (rc == 0)
        rc = find_layers(&p);
    if (p.registry)
        registry_close(p.registry);
    free(p.dir);
    return rc < 0 ? err_context(rc, "the base") : 0;
}

void image_base_free(struct image_base *b)
{
    for (size_t i = 0; i < b->n; i++)
        image_layer_free(&b->layers[i]);
    free(b->layers);
    free(b->name);
    oci_ref_free(&b->ref);
    json_decref(b->manifest);
    json_decref(b->config);
    *b = (struct image_base){0};
}
