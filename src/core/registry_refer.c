/* Manifests, tags, and what refers to a manifest. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "core/registry_ask.h"
#include "core/text_json.h"
#include "io/http_common.h"

enum { PAGES = 1000, PAGE = 100 };

static const char accept[] = "Accept: " OCI_INDEX_TYPE ", " OCI_MANIFEST_TYPE
                             ", application/vnd.docker.distribution.manifest.list.v2+json"
                             ", application/vnd.docker.distribution.manifest.v2+json";

static bool is_digest(const char *reference)
{
    return strchr(reference, ':') != NULL; /* no tag has one */
}

/* ---- Getting ---- */

/* The media type of what has come: that of the header; else what the text says of itself. */
static int media_type_of(struct ask *a, char out[128])
{
    autofree char *type = ask_media_type(a);
    json_t *json;
    int rc = ask_json(a, &json);
    if (rc < 0)
        return rc;
    const char *own = json_text(json, "mediaType");
    const char *is = str_eq(type, "") || str_eq(type, "application/json") ||
                             str_eq(type, "application/octet-stream") ||
                             str_starts(type, "text/plain")
                         ? own
                         : type;
    if (!*is && json_object_get(json, "manifests"))
        is = OCI_INDEX_TYPE;
    if (!*is)
        is = OCI_MANIFEST_TYPE;
    if (!oci_is_media_type(is) || strlen(is) >= 128)
        rc = ask_fail(a, E_INTEGRITY, "its media type is none");
    else
        strcpy(out, is);
    json_decref(json);
    return rc;
}

/* What has come is what the registry says, and what was asked for. */
static int check_digest(struct ask *a, const char *reference, const struct oci_descriptor *d)
{
    const char *said = http_header(&a->http, "Docker-Content-Digest", 0);
    if (is_digest(reference) && strcmp(reference, d->digest) != 0)
        return ask_fail(a, E_INTEGRITY, "what came has the digest %s", d->digest);
    if (said && str_starts(said, "sha256:") && strcmp(said, d->digest) != 0)
        return ask_fail(a, E_INTEGRITY, "what came has the digest %s, but the registry says %s",
                        d->digest, oci_is_digest(said) ? said : "something else");
    return 0;
}

static void ask_manifest(struct ask *a, struct registry *r, const char *method,
                         const char *reference)
{
    ask_init(a, r, SCOPE_PULL, "get the manifest %s", reference);
    ask_url(a, method, registry_url(r, "manifests/%s", reference));
    strv_add(&a->headers, accept);
}

/* `type`: the only media type that it may have, NULL: any. */
static int get_manifest(struct registry *r, const char *reference, const char *type, char **text,
                        struct oci_descriptor *d)
{
    struct ask a;
    char media_type[128];
    int rc = registry_reach(r);
    if (rc < 0)
        return rc;
    ask_manifest(&a, r, "GET", reference);
    if (type)
        ask_header(&a, "Accept: %s", type);
    rc = ask_run(&a);
    if (rc == 0 && a.http.status != 200)
        rc = ask_refused(&a);
    if (rc == 0 && a.http.body.len == 0)
        rc = ask_fail(&a, E_INTEGRITY, "nothing came");
    if (rc == 0) {
        oci_describe("", a.http.body.s, a.http.body.len, d);
        rc = check_digest(&a, reference, d);
    }
    if (rc == 0)
        rc = media_type_of(&a, media_type);
    if (rc == 0 && type && strcmp(type, media_type) != 0)
        rc = ask_fail(&a, E_INTEGRITY, "it is %s, but %s was announced", media_type, type);
    if (rc == 0) {
        memcpy(d->media_type, media_type, sizeof media_type);
        *text = str_take(&a.http.body);
    }
    ask_free(&a);
    return rc;
}

int registry_manifest_get(struct registry *r, const char *reference, char **text,
                          struct oci_descriptor *d)
{
    return get_manifest(r, reference, NULL, text, d);
}

int registry_manifest_fetch(struct registry *r, const struct oci_descriptor *d, char **text)
{
    struct oci_descriptor got;
    if (d->size > OCI_MANIFEST_LIMIT)
        return fail(E_INTEGRITY,
                    "%s: the manifest %s is announced with %llu bytes; %d MiB is the "
                    "most",
                    r->name, d->digest, d->size, OCI_MANIFEST_LIMIT >> 20);
    int rc = get_manifest(r, d->digest, d->media_type, text, &got);
    if (rc < 0 || got.size == d->size)
        return rc;
    free(steal(text));
    return fail(E_INTEGRITY, "%s: the manifest %s has %llu bytes, but %llu were announced", r->name,
                d->digest, got.size, d->size);
}

int registry_manifest_read(struct registry *r, const char *reference, struct oci_descriptor *d,
                           json_t **json)
{
    autofree char *text = NULL;
    *json = NULL;
    int rc = registry_manifest_get(r, reference, &text, d);
    autofree char *where = xasprintf("%s: %s", r->name, reference);
    return rc < 0 ? rc : oci_manifest_parse(text, strlen(text), d, where, json);
}

int registry_manifest_head(struct registry *r, const char *reference, struct oci_descriptor *d)
{
    struct ask a;
    int rc = registry_reach(r);
    if (rc < 0)
        return rc;
    ask_manifest(&a, r, "HEAD", reference);
    rc = ask_run(&a);
    bool there = rc == 0 && a.http.status == 200;
    const char *said = there ? http_header(&a.http, "Docker-Content-Digest", 0) : NULL;
    const char *length = there ? http_header(&a.http, "Content-Length", 0) : NULL;
    autofree char *type = there ? ask_media_type(&a) : NULL;
    if (rc == 0 && a.http.status == 404) {
        err_clear(); /* of a try before */
        rc = E_NOTFOUND;
    }
    if (rc == 0 && !there)
        rc = ask_refused(&a);
    bool whole = there && said && length && oci_is_digest(said) && oci_is_media_type(type) &&
                 strlen(type) < sizeof d->media_type;
    if (whole) {
        *d = (struct oci_descriptor){.size = strtoull(length, NULL, 10)};
        strcpy(d->digest, said);
        strcpy(d->media_type, type);
    }
    if (whole && is_digest(reference) && strcmp(reference, said) != 0)
        rc = ask_fail(&a, E_INTEGRITY, "the registry says that its digest is %s", said);
    ask_free(&a);
    if (rc < 0 || whole)
        return rc;
    autofree char *text = NULL; /* a registry that tells too little */
    return registry_manifest_get(r, reference, &text, d);
}

/* ---- What refers to it ---- */

static char *fallback_tag(const char *digest)
{
    char *tag = xstrdup(digest);
    tag[strcspn(tag, ":")] = '-';
    return tag;
}

static char *artifact_type(json_t *manifest)
{
    const char *own = json_text(manifest, "artifactType");
    return xstrdup(*own ? own : json_text(json_object_get(manifest, "config"), "mediaType"));
}

/* The index at the fallback tag, or a new one; owned. */
static int read_fallback(struct registry *r, const char *tag, json_t **index)
{
    struct oci_descriptor d;
    int rc = registry_manifest_read(r, tag, &d, index);
    if (rc != E_NOTFOUND)
        return rc;
    err_clear();
    *index =
        json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", OCI_INDEX_TYPE, "manifests");
    return 0;
}

static int put_manifest(struct registry *r, const char *reference, const char *text,
                        const struct oci_descriptor *d, bool *knows_subject);

/* For registries that do not list referrers themselves (distribution-spec, "Referrers tag schema").
 * Two who do so at once may lose one of the two: the specification knows no way around it. */
static int add_fallback(struct registry *r, json_t *manifest, const char *subject,
                        const struct oci_descriptor *d)
{
    autofree char *tag = fallback_tag(subject), *type = artifact_type(manifest);
    json_t *index, *entry;
    int rc = read_fallback(r, tag, &index);
    size_t i;
    if (rc < 0)
        return rc;
    json_t *list = json_object_get(index, "manifests");
    json_array_foreach(list, i, entry)
    {
        if (str_eq(json_text(entry, "digest"), d->digest)) {
            json_decref(index);
            return 0;
        }
    }
    entry = oci_descriptor_json(d, json_object_get(manifest, "annotations"));
    json_object_set_new(entry, "artifactType", json_string(type));
    json_array_append_new(list, entry);
    autofree char *text = oci_text(index);
    json_decref(index);
    struct oci_descriptor of_index;
    bool ignored;
    oci_describe(OCI_INDEX_TYPE, text, strlen(text), &of_index);
    return put_manifest(r, tag, text, &of_index, &ignored);
}

/* ---- Putting ---- */

static int put_manifest(struct registry *r, const char *reference, const char *text,
                        const struct oci_descriptor *d, bool *knows_subject)
{
    struct ask a;
    ask_init(&a, r, SCOPE_PUSH, "put the manifest %s", reference);
    ask_url(&a, "PUT", registry_url(r, "manifests/%s", reference));
    ask_body(&a, d->media_type, text, d->size);
    int rc = ask_run(&a);
    if (rc == 0 && a.http.status != 201)
        rc = ask_refused(&a);
    if (rc == 0)
        rc = check_digest(&a, d->digest, d);
    *knows_subject = rc == 0 && http_header(&a.http, "OCI-Subject", 0);
    ask_free(&a);
    return rc;
}

int registry_manifest_put(struct registry *r, const char *reference, const char *text,
                          const struct oci_descriptor *d)
{
    bool knows_subject;
    json_t *manifest;
    autofree char *where = xasprintf("the manifest for %s", r->name);
    int rc = oci_manifest_parse(text, strlen(text), d, where, &manifest);
    if (rc < 0)
        return rc;
    rc = registry_reach(r);
    if (rc == 0)
        rc = put_manifest(r, reference, text, d, &knows_subject);
    const char *subject = json_text(json_object_get(manifest, "subject"), "digest");
    if (rc == 0 && *subject && !knows_subject)
        rc = add_fallback(r, manifest, subject, d);
    json_decref(manifest);
    return rc;
}

/* ---- Lists in pages ---- */

/* The next page of a list by its Link header: the ask's new URL; false: it was the last. */
static int next_page(struct ask *a, bool *more)
{
    const char *link = http_header(&a->http, "Link", 0);
    const char *begin = link ? strchr(link, '<') : NULL, *end = begin ? strchr(begin, '>') : NULL;
    *more = false;
    if (!end || !strstr(end, "next"))
        return 0;
    autofree char *target = xstrndup(begin + 1, (size_t)(end - begin - 1));
    char *url;
    int rc = ask_location(a, target, &url);
    if (rc < 0)
        return rc;
    if (strcmp(url, a->url) == 0) {
        free(url);
        return ask_fail(a, E_UNREACHABLE, "the list's next page is the same page");
    }
    *more = true;
    ask_url(a, "GET", url);
    return 0;
}

/* Asks for all pages; `add` takes the items of one. An answer 404 is E_NOTFOUND. */
static int read_pages(struct ask *a, int (*add)(struct ask *a, json_t *page, void *arg), void *arg)
{
    bool more = true;
    int rc = 0;
    for (int n = 0; rc == 0 && more; n++) {
        json_t *page = NULL;
        rc = n < PAGES ? ask_run(a) : ask_fail(a, E_UNREACHABLE, "the list does not end");
        if (rc == 0 && a->http.status != 200)
            rc = ask_refused(a);
        if (rc == 0)
            rc = ask_json(a, &page);
        if (rc == 0)
            rc = add(a, page, arg);
        json_decref(page);
        if (rc == 0)
            rc = next_page(a, &more);
    }
    return rc;
}

static int add_tags(struct ask *a, json_t *page, void *arg)
{
    json_t *tags = json_object_get(page, "tags"), *tag;
    size_t i;
    json_array_foreach(tags, i, tag)
    {
        if (!json_is_string(tag) || !oci_is_tag(json_string_value(tag)))
            return ask_fail(a, E_UNREACHABLE, "there is a tag that is none");
        json_array_append(arg, tag);
    }
    return 0;
}

int registry_tags(struct registry *r, json_t **tags)
{
    struct ask a;
    int rc = registry_reach(r);
    *tags = NULL;
    if (rc < 0)
        return rc;
    ask_init(&a, r, SCOPE_PULL, "list the tags");
    ask_url(&a, "GET", registry_url(r, "tags/list?n=%d", PAGE));
    json_t *list = json_array();
    rc = read_pages(&a, add_tags, list);
    ask_free(&a);
    if (rc < 0)
        json_decref(list);
    else
        *tags = list;
    return rc;
}

struct referrers {
    json_t *list;
    const char *type; /* NULL: any */
};

static int add_referrers(struct ask *a, json_t *page, void *arg)
{
    struct referrers *found = arg;
    autofree char *where = xasprintf("%s: the list of referrers", a->r->name);
    json_t *entry;
    size_t i;
    json_array_foreach(json_object_get(page, "manifests"), i, entry)
    {
        struct oci_descriptor d;
        int rc = oci_descriptor_parse(entry, where, &d);
        if (rc < 0)
            return rc;
        if (!found->type || str_eq(json_text(entry, "artifactType"), found->type))
            json_array_append(found->list, entry);
    }
    return 0;
}

int registry_referrers(struct registry *r, const char *digest, const char *type, json_t **list)
{
    struct ask a;
    struct referrers found = {.type = type};
    autofree char *query = type ? http_url_escape(type) : NULL;
    int rc = registry_reach(r);
    *list = NULL;
    if (rc < 0)
        return rc;
    found.list = json_array();
    ask_init(&a, r, SCOPE_PULL, "list what refers to %s", digest);
    ask_url(&a, "GET",
            registry_url(r, "referrers/%s%s%s", digest, query ? "?artifactType=" : "",
                         query ? query : ""));
    ask_header(&a, "Accept: %s", OCI_INDEX_TYPE);
    rc = read_pages(&a, add_referrers, &found);
    if (rc == E_NOTFOUND) {
        autofree char *tag = fallback_tag(digest);
        json_t *index;
        err_clear();
        rc = read_fallback(r, tag, &index);
        if (rc == 0) {
            rc = add_referrers(&a, index, &found);
            json_decref(index);
        }
    }
    ask_free(&a);
    if (rc < 0)
        json_decref(found.list);
    else
        *list = found.list;
    return rc;
}
