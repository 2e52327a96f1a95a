/* Tags and indexes of bundles, see bundle_index.h. */
#include "core/bundle_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "core/release.h"
#include "core/text_json.h"

#define VENDOR "vnd.ungil."

json_t *index_annotations(json_t *receipt)
{
    static const char *const copied[] = {"name",   "series",   "release", "variant",
                                         "preset", "platform", "inputs"};
    json_t *to = json_object(), *manifest = json_object_get(receipt, "manifest");
    const char *name = json_text(receipt, "name"), *platform = json_text(receipt, "platform");
    const char *part = json_text(json_object_get(receipt, "bundle"), "part");
    for (size_t i = 0; i < lengthof(copied); i++) {
        autofree char *key = xasprintf(VENDOR "%s", copied[i]);
        json_object_set_new(to, key, json_string(json_text(receipt, copied[i])));
    }
    bool main_part = strcmp(part, "main") == 0;
    autofree char *title =
        xasprintf("%s-%s%s%s", name, platform, main_part ? "" : "-", main_part ? "" : part);
    json_object_set_new(to, VENDOR "part", json_string(part));
    json_object_set_new(to, VENDOR "manifest", json_string(json_text(manifest, "digest")));
    json_object_set_new(to, "org.opencontainers.image.title", json_string(title));
    json_object_set_new(to, "org.opencontainers.image.version",
                        json_string(json_text(receipt, "release")));
    const char *date = json_text(json_object_get(receipt, "source"), "date");
    if (*date)
        json_object_set_new(to, "org.opencontainers.image.created", json_string(date));
    return to;
}

json_t *index_entry(json_t *receipt, const struct oci_descriptor *d)
{
    const char *os, *architecture, *variant;
    json_t *annotations = index_annotations(receipt);
    json_t *entry = oci_descriptor_json(d, annotations), *platform = json_object();
    oci_platform(&os, &architecture, &variant);
    json_object_set_new(platform, "os", json_string(os));
    json_object_set_new(platform, "architecture", json_string(architecture));
    if (*variant)
        json_object_set_new(platform, "variant", json_string(variant));
    json_object_set_new(entry, "platform", platform);
    json_object_set_new(entry, "artifactType", json_string(BUNDLE_ARTIFACT));
    json_decref(annotations);
    return entry;
}

const char *index_text(json_t *entry, const char *key)
{
    autofree char *whole = xasprintf(VENDOR "%s", key);
    return json_text(json_object_get(entry, "annotations"), whole);
}

char *index_inputs_tag(const char *inputs)
{
    return xasprintf("inputs-%s", inputs);
}

char *index_manifest_tag(const char *manifest)
{
    return xasprintf("manifest-%s", manifest);
}

/* Whether an index is one of bundles: by the names of its entries, because tools that copy an index
 * from one registry to another may know no artifactType and leave it out. */
static bool holds_bundles(json_t *index)
{
    size_t i;
    json_t *entry, *manifests = json_object_get(index, "manifests");
    json_array_foreach(manifests, i, entry) if (!*index_text(entry, "name")) return false;
    return json_array_size(manifests) > 0;
}

/* ---- Publishing ---- */

static bool same_place(json_t *a, json_t *b)
{
    static const char *const keys[] = {"series", "variant", "part", "platform"};
    for (size_t i = 0; i < lengthof(keys); i++)
        if (strcmp(index_text(a, keys[i]), index_text(b, keys[i])) != 0)
            return false;
    return true;
}

/* Puts `entry` in its place among `manifests`; with `forward` not in place of a newer release. */
static void replace(json_t *manifests, json_t *entry, bool forward)
{
    for (size_t i = json_array_size(manifests); i-- > 0;) {
        json_t *old = json_array_get(manifests, i);
        if (!same_place(old, entry))
            continue;
        if (forward &&
            release_compare_text(index_text(old, "release"), index_text(entry, "release")) > 0)
            return;
        json_array_remove(manifests, i);
    }
    json_array_append(manifests, entry);
}

static int by_place(const void *a, const void *b)
{
    json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    static const char *const keys[] = {"name", "part", "platform"};
    for (size_t i = 0; i < lengthof(keys); i++) {
        int order = strcmp(index_text(x, keys[i]), index_text(y, keys[i]));
        if (order)
            return order;
    }
    return 0;
}

/* In an order that does not tell who pushed first. */
static json_t *sorted(json_t *manifests)
{
    size_t n = json_array_size(manifests), i;
    autofree json_t **list = xcalloc(n ? n : 1, sizeof(json_t *));
    json_t *one, *out = json_array();
    json_array_foreach(manifests, i, one) list[i] = one;
    if (n)
        qsort(list, n, sizeof(json_t *), by_place);
    for (i = 0; i < n; i++)
        json_array_append(out, list[i]);
    return out;
}

/* The entries that are at a tag now, appended; none where there is no such tag. */
static int read_tag(struct registry *r, const char *tag, json_t *manifests)
{
    struct oci_descriptor d;
    json_t *json;
    int rc = registry_manifest_read(r, tag, &d, &json);
    if (rc == E_NOTFOUND) {
        err_clear();
        return 0;
    }
    if (rc < 0)
        return rc;
    if (strcmp(d.media_type, OCI_INDEX_TYPE) != 0 || !holds_bundles(json)) {
        rc = fail(E_FAILED, "%s:%s is there, and not an index of bundles", registry_name(r), tag);
        err_hint(rc, "push to a repository that has only bundles");
    } else {
        json_array_extend(manifests, json_object_get(json, "manifests"));
    }
    json_decref(json);
    return rc;
}

static int put_tag(struct registry *r, const char *tag, json_t *entries, bool forward, json_t *tags)
{
    json_t *manifests = json_array(), *entry;
    size_t i;
    struct oci_descriptor d;
    int rc = read_tag(r, tag, manifests);
    if (rc < 0) {
        json_decref(manifests);
        return rc;
    }
    json_array_foreach(entries, i, entry) replace(manifests, entry, forward);
    json_t *index =
        json_pack("{s:i, s:s, s:s, s:o}", "schemaVersion", 2, "mediaType", OCI_INDEX_TYPE,
                  "artifactType", BUNDLE_ARTIFACT, "manifests", sorted(manifests));
    autofree char *text = oci_text(index);
    oci_describe(OCI_INDEX_TYPE, text, strlen(text), &d);
    rc = registry_manifest_put(r, tag, text, &d);
    if (rc == 0)
        json_array_append_new(tags, json_pack("{s:s, s:s}", "tag", tag, "digest", d.digest));
    json_decref(index);
    json_decref(manifests);
    return rc;
}

/* Tags and the entries that belong under each. */
static void assign(json_t *table, const char *tag, json_t *entry)
{
    json_t *list = json_object_get(table, tag);
    if (!list) {
        list = json_array();
        json_object_set_new(table, tag, list);
    }
    json_array_append(list, entry);
}

/* Under a series' tag the newest release stays. */
static bool is_series(const char *tag, json_t *entry)
{
    const char *series = index_text(entry, "series");
    size_t n = strlen(series);
    return strncmp(tag, series, n) == 0 && tag[n] != '.' &&
           strcmp(tag, index_text(entry, "name")) != 0;
}

static void assign_all(json_t *table, const char *tag, json_t *entry)
{
    const char *name = index_text(entry, "name"), *series = index_text(entry, "series");
    const char *release = index_text(entry, "release"), *suffix = name + strlen(release);
    autofree char *inputs = index_inputs_tag(index_text(entry, "inputs"));
    autofree char *moving = xasprintf("%s%s", series, suffix);
    autofree char *manifest = index_manifest_tag(index_text(entry, "manifest"));
    assign(table, inputs, entry);
    assign(table, manifest, entry);
    if (tag)
        assign(table, tag, entry);
    assign(table, name, entry);
    assign(table, moving, entry);
    if (strcmp(suffix, "t") == 0) { /* of the pair */
        assign(table, release, entry);
        assign(table, series, entry);
    }
}

int index_publish(struct registry *r, const char *tag, json_t *entries, json_t **tags)
{
    json_t *table = json_object(), *entry, *list;
    const char *key;
    size_t i;
    int rc = 0;
    *tags = json_array();
    json_array_foreach(entries, i, entry) assign_all(table, tag, entry);
    json_object_foreach(table, key, list)
    {
        bool forward = !str_eq(tag, key) && is_series(key, json_array_get(list, 0));
        rc = put_tag(r, key, list, forward, *tags);
        if (rc < 0)
            break;
    }
    json_decref(table);
    return rc;
}

/* ---- Finding ---- */

static bool fits(json_t *entry, const struct index_wish *w)
{
    const char *const wanted[][2] = {{"name", w->name},         {"variant", w->variant},
                                     {"inputs", w->inputs},     {"manifest", w->manifest},
                                     {"platform", w->platform}, {"part", w->part}};
    for (size_t i = 0; i < lengthof(wanted); i++)
        if (wanted[i][1] && strcmp(index_text(entry, wanted[i][0]), wanted[i][1]) != 0)
            return false;
    return true;
}

static int nothing_fits(struct registry *r, const char *reference, const struct index_wish *w,
                        json_t *manifests)
{
    autostrv have = {0};
    json_t *entry;
    size_t i;
    json_array_foreach(manifests, i, entry)
    {
        const char *part = index_text(entry, "part");
        if (have.n < 8 && *part)
            strv_addf(&have, "%s %s%s%s", index_text(entry, "name"), index_text(entry, "platform"),
                      strcmp(part, "main") == 0 ? "" : " ", strcmp(part, "main") == 0 ? "" : part);
    }
    autofree char *list = strv_join(&have, ", ");
    int rc = fail(E_FAILED, "%s:%s has no bundle%s%s of %s%s%s", registry_name(r), reference,
                  w->variant ? " of the variant " : "", w->variant ? w->variant : "",
                  w->platform ? w->platform : "any platform", w->part ? ", part " : "",
                  w->part ? w->part : "");
    return err_hint(rc, *list ? "it has %s" : "it holds no bundles", list);
}

static int no_such_tag(struct registry *r, const char *reference)
{
    json_t *tags = NULL, *tag;
    size_t i;
    autostrv names = {0};
    int listed = registry_tags(r, &tags);
    err_clear();
    json_array_foreach(tags, i, tag)
    {
        const char *text = json_string_value(tag);
        bool machines = text && (str_starts(text, "inputs-") || str_starts(text, "manifest-") ||
                                 str_starts(text, "sha256-"));
        if (text && !machines && names.n < 12)
            strv_add(&names, text);
    }
    bool empty = listed == E_NOTFOUND || (listed == 0 && json_array_size(tags) == 0);
    json_decref(tags);
    autofree char *list = strv_join(&names, ", ");
    int rc = fail(E_NOTFOUND, "%s has no %s \"%s\"", registry_name(r),
                  strchr(reference, ':') ? "manifest" : "tag", reference);
    if (empty)
        return err_hint(rc, "it has no tags at all: look at its name, or put something there with "
                            "\"ungil push\"");
    if (listed < 0)
        return rc;
    return err_hint(rc, *list ? "its tags are %s" : "it has no tags that a person would name",
                    list);
}

/* A bundle itself, as an entry of an index would name it. */
static json_t *entry_of_bundle(json_t *manifest, const struct oci_descriptor *d)
{
    return oci_descriptor_json(d, json_object_get(manifest, "annotations"));
}

/* What `reference` leads to: all entries of an index, or, with *index false, the one of a bundle
 * itself. *entries is owned. */
static int read_entries(struct registry *r, const char *reference, bool *index, json_t **entries)
{
    struct oci_descriptor d;
    json_t *json;
    *entries = NULL;
    int rc = registry_manifest_read(r, reference, &d, &json);
    if (rc < 0)
        return rc;
    *index = strcmp(d.media_type, OCI_INDEX_TYPE) == 0;
    if (strcmp(json_text(json, "artifactType"), BUNDLE_ARTIFACT) != 0 &&
        !(*index && holds_bundles(json))) {
        rc = fail(E_FAILED, "%s:%s is no bundle of ungil", registry_name(r), reference);
        err_hint(rc, "it may be an image; \"ungil push\" makes bundles");
    } else if (*index) {
        *entries = json_incref(json_object_get(json, "manifests"));
    } else {
        *entries = json_array();
        json_array_append_new(*entries, entry_of_bundle(json, &d));
    }
    json_decref(json);
    return rc;
}

/* read_entries, and of an index what fits. *all (owned): what there was. */
static int choose(struct registry *r, const char *reference, const struct index_wish *wish,
                  json_t **entries, json_t **all)
{
    bool index;
    json_t *entry;
    size_t i;
    *entries = NULL;
    int rc = read_entries(r, reference, &index, all);
    if (rc < 0)
        return rc;
    *entries = json_array();
    json_array_foreach(*all, i, entry) if (!index || fits(entry, wish))
        json_array_append(*entries, entry);
    return 0;
}

int index_find(struct registry *r, const char *reference, const struct index_wish *wish,
               json_t **entries)
{
    json_t *all;
    int rc = choose(r, reference, wish, entries, &all);
    if (rc == 0 && json_array_size(*entries) == 0) {
        rc = fail(E_NOTFOUND, "%s:%s has none for this machine", registry_name(r), reference);
        json_decref(steal(entries));
    }
    json_decref(all);
    return rc;
}

int index_resolve(struct registry *r, const char *reference, const struct index_wish *wish,
                  json_t **entries)
{
    json_t *all;
    int rc = choose(r, reference, wish, entries, &all);
    if (rc == E_NOTFOUND)
        return no_such_tag(r, reference);
    if (rc == 0 && json_array_size(*entries) == 0) {
        rc = nothing_fits(r, reference, wish, all);
        json_decref(steal(entries));
    }
    json_decref(all);
    return rc;
}
