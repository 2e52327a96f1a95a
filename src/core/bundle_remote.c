/* Bundles from a registry, see bundle_registry.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/bundle_index.h"
#include "core/bundle_install.h"
#include "core/bundle_layers.h"
#include "core/bundle_registry.h"
#include "core/bundle_sign.h"
#include "core/cache.h"
#include "core/install.h"
#include "core/progress.h"
#include "core/registry.h"
#include "core/runtime.h"
#include "core/text_json.h"

enum { CONFIG_LIMIT = BUNDLE_RECEIPT_LIMIT, KEPT_DAYS = 30 };

/* One bundle of a registry. */
struct remote {
    struct bundle_origin origin; /* first: the callbacks find the rest by it */
    struct registry *r;
    const struct remote_opts *opts;
    struct oci_descriptor d; /* of its manifest */
    struct bundle_layers layers;
    char *receipt; /* the text of ungil.json */
    char *location;
};

static void remote_free(struct remote *m)
{
    bundle_layers_free(&m->layers);
    free(m->receipt);
    free(m->location);
}

/* ---- What it says of itself ---- */

static int take_manifest(struct remote *m, struct arrival *a, json_t *manifest)
{
    struct oci_descriptor config;
    int rc = bundle_layers_parse(a, manifest, &m->layers);
    if (rc == 0 && strcmp(json_text(manifest, "artifactType"), BUNDLE_ARTIFACT) != 0)
        rc = arrival_refuse(a, NULL, "it is no bundle of ungil");
    if (rc == 0)
        rc = oci_descriptor_parse(json_object_get(manifest, "config"), a->label, &config);
    if (rc == 0 &&
        (strcmp(config.media_type, BUNDLE_CONFIG_TYPE) != 0 || config.size > CONFIG_LIMIT))
        rc = arrival_refuse(a, NULL, "its config is no receipt");
    if (rc == 0)
        rc = registry_blob_read(m->r, &config, &m->receipt);
    return rc == 0 ? arrival_take_receipt(a, m->receipt, strlen(m->receipt)) : rc;
}

/* Fetches manifest and receipt. `entry`: what an index says of it. */
static int remote_open(struct remote *m, json_t *entry, struct arrival *a)
{
    autofree char *text = NULL;
    json_t *manifest = NULL;
    int rc = oci_descriptor_parse(entry, registry_name(m->r), &m->d);
    if (rc < 0)
        return rc;
    m->location = xasprintf("oci://%s@%s", registry_name(m->r), m->d.digest);
    a->label = m->location;
    if (m->opts->verify)
        rc = bundle_sign_verify(m->r, &m->d, m->opts->verify);
    if (rc == 0)
        rc = registry_manifest_fetch(m->r, &m->d, &text);
    if (rc == 0)
        rc = oci_manifest_parse(text, strlen(text), &m->d, a->label, &manifest);
    if (rc == 0)
        rc = take_manifest(m, a, manifest);
    json_decref(manifest);
    return rc;
}

/* ---- Its layers, by way of the cache ---- */

/* What no install asked for in a month goes. Others may be at it: what is young stays. */
static void prune(const char *dir)
{
    autostrv names = {0};
    time_t now = time(NULL);
    if (fs_list(dir, &names) < 0)
        err_clear();
    for (size_t i = 0; i < names.n; i++) {
        autofree char *path = path_join(dir, names.v[i]);
        struct stat st;
        if (lstat(path, &st) == 0 && st.st_mtime < now - KEPT_DAYS * 86400L)
            unlink(path);
    }
}

static int get_layers(struct remote *m)
{
    autofree char *dir = path_join(m->opts->cache, "blobs");
    autofree struct registry_blob *blobs = xcalloc(m->layers.n, sizeof *blobs);
    int rc = cache_use(m->opts->cache);
    if (rc == 0)
        rc = fs_mkdirs(dir, 0755);
    if (rc < 0)
        return rc;
    prune(dir);
    for (size_t i = 0; i < m->layers.n; i++) {
        struct bundle_layer *l = &m->layers.v[i];
        l->path = path_join(dir, l->d.digest + strlen("sha256:"));
        blobs[i] = (struct registry_blob){.d = l->d, .path = l->path};
    }
    rc = registry_blobs_get(m->r, blobs, m->layers.n);
    for (size_t i = 0; rc == 0 && i < m->layers.n; i++)
        utimensat(AT_FDCWD, m->layers.v[i].path, NULL, 0); /* used now */
    return rc;
}

/* ---- Installing ---- */

static int fetch(struct bundle_origin *o, struct arrival *a)
{
    struct remote *m = (struct remote *)o;
    (void)a;
    snprintf(o->sha256, sizeof o->sha256, "%s", m->d.digest + strlen("sha256:"));
    return get_layers(m);
}

static int unpack(struct bundle_origin *o, struct arrival *a)
{
    struct remote *m = (struct remote *)o;
    return bundle_layers_unpack(&m->layers, a, bundle_time(a->receipt));
}

/* `manifest`: the digest that its manifest must have, which only its index has said; NULL: any. */
static int install_entry(struct registry *r, json_t *entry, const char *spec, const char *manifest,
                         const struct install_opts *opts, json_t *report)
{
    struct arrival a = {0};
    struct remote m = {.r = r, .opts = &opts->remote};
    int rc = remote_open(&m, entry, &a);
    const char *is =
        rc == 0 ? json_text(json_object_get(a.receipt->json, "manifest"), "digest") : "";
    if (rc == 0 && manifest && strcmp(is, manifest) != 0)
        rc = fail(E_INTEGRITY, "%s has a manifest of SHA-256 %s, not %s", m.location, is, manifest);
    m.origin = (struct bundle_origin){.label = a.label,
                                      .provider = "registry",
                                      .location = m.location,
                                      .spec = spec,
                                      .fetch = fetch,
                                      .unpack = unpack};
    if (rc == 0)
        rc = bundle_bring(&m.origin, &a, opts, report);
    remote_free(&m);
    arrival_free(&a);
    return rc;
}

static int connect_to(const char *text, const struct remote_opts *opts, struct oci_ref *ref,
                      struct registry **r)
{
    const struct registry_opts ro = {.plain_http = opts->plain_http, .progress = opts->progress};
    *r = NULL;
    int rc = oci_ref_parse(text, ref);
    if (rc == 0 && opts->verify)
        rc = bundle_sign_check_key(opts->verify, false);
    return rc == 0 ? registry_open(ref, &ro, r) : rc;
}

static const char *reference_of(const struct oci_ref *ref)
{
    return ref->digest ? ref->digest : ref->tag ? ref->tag : "latest";
}

int bundle_install_ref(const char *text, const struct install_opts *opts, json_t *report)
{
    struct oci_ref ref;
    struct registry *r;
    json_t *entries = NULL, *entry;
    size_t i;
    autofree char *platform = runtime_platform_here();
    const struct index_wish wish = {
        .variant = opts->variant, .platform = platform, .part = bundle_part_names[BUNDLE_MAIN]};
    if (opts->source.offline)
        return err_hint(fail(E_UNREACHABLE,
                             "%s is in a registry, and --offline allows no "
                             "connection",
                             text),
                        "\"ungil pull\" gets it as a file");
    int rc = connect_to(text, &opts->remote, &ref, &r);
    if (rc == 0)
        rc = index_resolve(r, reference_of(&ref), &wish, &entries);
    json_array_foreach(entries, i, entry)
    {
        rc = install_entry(r, entry, text, NULL, opts, report);
        if (rc < 0)
            break;
    }
    json_decref(entries);
    registry_close(r);
    oci_ref_free(&ref);
    return rc;
}

/* ---- Asked for by what it is made of ---- */

struct bundle_remote {
    const char *text;
    struct oci_ref ref;
    struct registry *r;
};

int bundle_remote_open(const char *text, const struct remote_opts *opts, struct bundle_remote **r)
{
    struct bundle_remote *b = xcalloc(1, sizeof *b);
    b->text = text;
    int rc = connect_to(text, opts, &b->ref, &b->r);
    if (rc < 0)
        bundle_remote_close(steal(&b));
    *r = b;
    return rc;
}

void bundle_remote_close(struct bundle_remote *b)
{
    if (!b)
        return;
    registry_close(b->r);
    oci_ref_free(&b->ref);
    free(b);
}

static int find_key(struct bundle_remote *b, const struct remote_key *key, json_t **entries)
{
    autofree char *platform = runtime_platform_here();
    autofree char *tag =
        key->manifest ? index_manifest_tag(key->manifest) : index_inputs_tag(key->inputs);
    const struct index_wish wish = {.name = key->name,
                                    .inputs = key->inputs,
                                    .manifest = key->manifest,
                                    .platform = platform,
                                    .part = bundle_part_names[BUNDLE_MAIN]};
    return index_find(b->r, tag, &wish, entries);
}

int bundle_remote_find(struct bundle_remote *b, const struct remote_key *key)
{
    json_t *entries;
    int rc = find_key(b, key, &entries);
    json_decref(entries);
    return rc;
}

int bundle_remote_install(struct bundle_remote *b, const struct remote_key *key,
                          const struct install_opts *opts, json_t *report)
{
    json_t *entries;
    int rc = find_key(b, key, &entries);
    if (rc == 0)
        rc = install_entry(b->r, json_array_get(entries, 0), b->text, key->manifest, opts, report);
    json_decref(entries);
    return rc;
}

/* ---- Pulling ---- */

/* Unpacks it as it is, and packs it as a file. */
static int pull_entry(struct registry *r, json_t *entry, const char *dir,
                      const struct remote_opts *opts, json_t *pulled)
{
    struct arrival a = {0};
    struct remote m = {.r = r, .opts = opts};
    struct bundle_made made = {0};
    autofree char *below = path_join(opts->cache, "pack"), *stage = NULL;
    const char *name = index_text(entry, "name");
    progress_stage(opts->progress, name, "pull", -1);
    int rc = remote_open(&m, entry, &a);
    if (rc == 0)
        rc = get_layers(&m);
    if (rc == 0) {
        progress_stage(opts->progress, name, "pack", -1);
        rc = fs_mkdirs(below, 0755);
    }
    if (rc == 0)
        rc = fs_mkdtemp(below, "pull", &stage);
    if (rc == 0) {
        a.prefix = path_join(stage, "prefix");
        rc = fs_mkdirs(a.prefix, 0755);
    }
    if (rc == 0)
        rc = bundle_layers_unpack(&m.layers, &a, bundle_time(a.receipt));
    if (rc == 0)
        rc = bundle_repack(a.prefix, m.receipt, a.receipt, a.part, bundle_time(a.receipt), dir,
                           opts->progress, &made);
    if (rc == 0)
        json_array_append_new(pulled, json_pack("{s:s, s:s, s:o, s:s, s:I}", "name",
                                                a.receipt->name, "part", bundle_part_names[a.part],
                                                "file", text_json(made.file), "sha256", made.sha256,
                                                "bytes", (json_int_t)made.bytes));
    progress_done(opts->progress, name, NULL, 0);
    if (stage)
        fs_remove_tree(stage);
    bundle_made_free(&made);
    remote_free(&m);
    arrival_free(&a);
    return rc;
}

static bool is_wanted(json_t *entry, const bool parts[BUNDLE_PARTS])
{
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (parts[p] && strcmp(index_text(entry, "part"), bundle_part_names[p]) == 0)
            return true;
    return false;
}

static int pull_all(struct registry *r, const struct oci_ref *ref, const char *platform,
                    const bool parts[BUNDLE_PARTS], const char *dir, const struct remote_opts *opts,
                    json_t *pulled)
{
    const struct index_wish wish = {.platform = platform};
    json_t *entries = NULL, *entry;
    size_t i;
    int rc = index_resolve(r, reference_of(ref), &wish, &entries);
    json_array_foreach(entries, i, entry)
    {
        if (is_wanted(entry, parts))
            rc = pull_entry(r, entry, dir, opts, pulled);
        if (rc < 0)
            break;
    }
    json_decref(entries);
    if (rc == 0 && json_array_size(pulled) == 0)
        rc = fail(E_FAILED, "%s:%s has none of these parts", registry_name(r), reference_of(ref));
    return rc;
}

int bundle_pull(const char *text, const char *platform, const bool parts[BUNDLE_PARTS],
                const char *dir, const struct remote_opts *opts, json_t **report)
{
    struct oci_ref ref;
    struct registry *r;
    json_t *pulled = json_array();
    unsigned long long received = 0, sent = 0;
    autofree char *here = runtime_platform_here();
    *report = NULL;
    if (!platform)
        platform = here;
    else if (strcmp(platform, "all") == 0)
        platform = NULL;
    int rc = connect_to(text, opts, &ref, &r);
    if (rc == 0)
        rc = pull_all(r, &ref, platform, parts, dir, opts, pulled);
    if (rc == 0) {
        registry_traffic(r, &received, &sent);
        *report = json_pack("{s:i, s:O, s:I}", "format", 1, "pulled", pulled, "received_bytes",
                            (json_int_t)received);
    }
    json_decref(pulled);
    registry_close(r);
    oci_ref_free(&ref);
    return rc;
}
