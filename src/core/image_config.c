#include "core/image_config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "core/bundle_copy.h"
#include "core/dirs.h"
#include "core/image_base.h"
#include "core/receipt.h"
#include "core/text_json.h"

static const char bin[] = "/opt/ungil/bin";
static const char system_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

char *image_time(char buf[32], long seconds)
{
    time_t t = seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return buf;
}

/* ---- What it is ---- */

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text && *text)
        json_object_set_new(object, key, text_json(text));
}

/* "3.14.7, 3.14.7t"; owned. */
static char *names_of(const struct image_facts *f)
{
    autostrv names = {0};
    for (size_t i = 0; i < f->n; i++)
        strv_add(&names, f->copies[i].r->name);
    return strv_join(&names, ", ");
}

/* The predefined annotation keys of the image-spec, for labels and for annotations. */
static void add_words(const struct image_facts *f, json_t *to)
{
    const struct bundle_copy *first = &f->copies[0];
    char created[32];
    autofree char *names = names_of(f), *title = xasprintf("CPython %s", first->r->release);
    autofree char *description = xasprintf("CPython, installed by ungil: %s", names);
    set_text(to, "org.opencontainers.image.title", title);
    set_text(to, "org.opencontainers.image.description", description);
    set_text(to, "org.opencontainers.image.version", first->r->release);
    set_text(to, "org.opencontainers.image.created", image_time(created, f->created));
    set_text(to, "org.opencontainers.image.revision",
             json_text(json_object_get(first->json, "source"), "commit"));
    set_text(to, "org.opencontainers.image.licenses", "PSF-2.0");
    for (size_t i = 0; i < f->n; i++) {
        const struct bundle_copy *c = &f->copies[i];
        autofree char *manifest = xasprintf("ungil.interpreter.%s.manifest", c->r->name);
        autofree char *digest =
            xasprintf("sha256:%s", json_text(json_object_get(c->json, "manifest"), "digest"));
        set_text(to, manifest, digest);
    }
}

/* ---- The configuration ---- */

/* Index of "NAME=…" in Env; its size when there is none. */
static size_t find_variable(json_t *env, const char *name)
{
    size_t n = strlen(name), i;
    json_t *value;
    json_array_foreach(env, i, value)
    {
        const char *text = json_string_value(value);
        if (text && strncmp(text, name, n) == 0 && text[n] == '=')
            return i;
    }
    return json_array_size(env);
}

static void add_variable(json_t *env, const char *name, const char *value)
{
    autofree char *text = xasprintf("%s=%s", name, value);
    if (find_variable(env, name) == json_array_size(env))
        json_array_append_new(env, text_json(text));
}

static void add_path(json_t *env)
{
    size_t at = find_variable(env, "PATH");
    const char *old = json_string_value(json_array_get(env, at));
    const char *rest = old ? old + strlen("PATH=") : system_path;
    if (str_starts(rest, bin) && (!rest[strlen(bin)] || rest[strlen(bin)] == ':'))
        return; /* the base is such an image, too */
    autofree char *text = xasprintf("PATH=%s:%s", bin, rest);
    if (old)
        json_array_set_new(env, at, text_json(text));
    else
        json_array_append_new(env, text_json(text));
}

/* The object or array `key` of an object, made where there is none (or something else). */
static json_t *member(json_t *object, const char *key, json_t *otherwise)
{
    json_t *there = json_object_get(object, key);
    if (there && json_typeof(there) == json_typeof(otherwise)) {
        json_decref(otherwise);
        return there;
    }
    json_object_set_new(object, key, otherwise);
    return otherwise;
}

/* What runs when the user names nothing; owned. */
static char *program(const struct image_facts *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (!*f->copies[i].r->suffix)
            return xstrdup("python3");
    return xasprintf("python%s%s", f->copies[0].r->series, f->copies[0].r->suffix);
}

static void add_run(const struct image_facts *f, json_t *run)
{
    autofree char *command = program(f);
    json_t *env = member(run, "Env", json_array());
    add_path(env);
    add_variable(env, "LANG", "C.UTF-8");
    json_object_set_new(run, "Cmd", json_pack("[s]", command));
    add_words(f, member(run, "Labels", json_object()));
}

/* One entry for each layer, also for those of a base that lacks them: tools count them. */
static void add_history(const struct image_facts *f, json_t *config)
{
    json_t *history = member(config, "history", json_array()), *entry;
    char created[32];
    size_t i, there = 0;
    json_array_foreach(history, i, entry) there +=
        !json_is_true(json_object_get(entry, "empty_layer"));
    for (; f->base && there < f->base->n; there++)
        json_array_append_new(history, json_pack("{s:s}", "comment", "of the base image"));
    for (i = 0; i < f->n_layers; i++) {
        autofree char *by = xasprintf("ungil image: %s", f->layers[i].what);
        json_array_append_new(
            history,
            json_pack("{s:s, s:s}", "created", image_time(created, f->created), "created_by", by));
    }
}

json_t *image_config(const struct image_facts *f)
{
    const char *os, *architecture, *variant;
    char created[32];
    json_t *config = f->base ? json_deep_copy(f->base->config) : json_object();
    oci_platform(&os, &architecture, &variant);
    set_text(config, "os", os);
    set_text(config, "architecture", architecture);
    if (!f->base)
        set_text(config, "variant", variant);
    set_text(config, "created", image_time(created, f->created));
    add_run(f, member(config, "config", json_object()));
    json_t *rootfs = member(config, "rootfs", json_object());
    set_text(rootfs, "type", "layers");
    json_t *ids = member(rootfs, "diff_ids", json_array());
    for (size_t i = 0; i < f->n_layers; i++)
        json_array_append_new(ids, json_string(f->layers[i].diff_id));
    add_history(f, config);
    return config;
}

/* ---- The manifest ---- */

json_t *image_manifest(const struct image_facts *f, const struct oci_descriptor *config)
{
    json_t *layers = json_array(), *annotations = json_object();
    for (size_t i = 0; f->base && i < f->base->n; i++)
        json_array_append_new(layers, oci_descriptor_json(&f->base->layers[i].d, NULL));
    for (size_t i = 0; i < f->n_layers; i++)
        json_array_append_new(layers, oci_descriptor_json(&f->layers[i].d, NULL));
    add_words(f, annotations);
    if (f->base) {
        set_text(annotations, "org.opencontainers.image.base.name", f->base->name);
        set_text(annotations, "org.opencontainers.image.base.digest", f->base->d.digest);
    }
    return json_pack("{s:i, s:s, s:o, s:o, s:o}", "schemaVersion", 2, "mediaType",
                     OCI_MANIFEST_TYPE, "config", oci_descriptor_json(config, NULL), "layers",
                     layers, "annotations", annotations);
}

/* ---- The receipt inside ---- */

int image_receipt(const struct bundle_copy *c)
{
    autofree char *prefix = dirs_configured_prefix(c->r->name);
    char installed[32];
    json_t *json = c->json, *source = member(json, "source", json_object());
    const char *digest = json_text(json_object_get(json, "manifest"), "digest");
    json_object_set_new(
        json, "bundle",
        json_pack("{s:[s], s:s}", "parts", bundle_part_names[BUNDLE_MAIN], "manifest", digest));
    json_object_set_new(json, "root_prefix", text_json(prefix));
    json_object_set_new(json, "requested",
                        json_pack("{s:s, s:n}", "spec", c->r->name, "newest_pin"));
    set_text(source, "provider", "image");
    set_text(source, "location", "ungil image");
    json_object_set_new(json, "installed", json_string(image_time(installed, c->mtime)));
    /* What was proven is of another machine and its load, of which equal images know nothing. */
    json_object_set_new(json, "verify",
                        json_pack("{s:s, s:[]}", "verdict", "unverified", "checks"));
    return receipt_write(c->dir, json);
}
