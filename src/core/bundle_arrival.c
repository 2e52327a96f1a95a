/* What is checked of a bundle, see bundle_arrival.h. It comes from anywhere: nothing in it is
 * believed but that its manifest has the digest that its receipt names, and each file the one that
 * the manifest names.
 */
#include "core/bundle_arrival.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/release.h"
#include "core/text_json.h"
#include "io/archive_name.h"

const char bundle_kind[] = "a bundle of ungil";
const char bundle_receipt_name[] = "ungil.json", bundle_manifest_name[] = "ungil.mtree";
const unsigned long long bundle_byte_limit = 4ull << 30;

/* One file of the manifest that is to come. */
struct expected {
    struct archive_mtree_entry e; /* path and link are owned */
    bool seen;
};

void arrival_free(struct arrival *a)
{
    for (size_t i = 0; i < a->n; i++) {
        free((char *)a->list[i].e.path);
        free((char *)a->list[i].e.link);
    }
    free(a->list);
    free(a->prefix);
    receipt_free(a->receipt);
    *a = (struct arrival){0};
}

int arrival_refuse(const struct arrival *a, const char *path, const char *why)
{
    autofree char *name = path ? archive_printable(path) : NULL;
    int rc = fail(E_INTEGRITY, "%s is refused: %s%s%s", a->label, name ? name : "", name ? " " : "",
                  why);
    return err_hint(rc, "nothing was installed; get the bundle again, from whom you trust");
}

/* ---- What it says of itself ---- */

static bool has_control(const char *text, bool lines)
{
    for (const char *c = text; *c; c++)
        if (archive_is_control(c) && !(lines && *c == '\n'))
            return true;
    return false;
}

/* Whether a text in it would steer the terminal that shows it, or pass for a line of ungil's own.
 */
static bool is_printable(json_t *value, bool lines)
{
    const char *text = json_string_value(value), *key;
    size_t i;
    json_t *member;
    if (text && has_control(text, lines))
        return false;
    json_array_foreach(value, i, member) if (!is_printable(member, false)) return false;
    json_object_foreach(value, key, member)
    {
        /* Only this one has lines: it is compared, and never shown. */
        bool inputs = strcmp(key, "inputs_text") == 0;
        if (has_control(key, false) || !is_printable(member, inputs))
            return false;
    }
    return true;
}

static int check_receipt(struct arrival *a)
{
    const struct receipt *r = a->receipt;
    json_t *bundle = json_object_get(r->json, "bundle");
    const char *part = json_text(bundle, "part");
    autofree char *release = NULL, *suffix = NULL;
    autofree char *series = series_of(r->release);
    if (!name_split(r->name, &release, &suffix) || strcmp(release, r->release) != 0 ||
        strcmp(suffix, r->suffix) != 0 || strcmp(series, r->series) != 0)
        return arrival_refuse(a, bundle_receipt_name, "names no interpreter");
    if (!is_printable(r->json, false))
        return arrival_refuse(a, bundle_receipt_name, "holds control characters");
    if (strcmp(part, bundle_part_names[BUNDLE_MAIN]) == 0 &&
        !json_is_object(json_object_get(r->json, "runtime")))
        return arrival_refuse(a, bundle_receipt_name, "does not say what it needs of a machine");
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (strcmp(part, bundle_part_names[p]) == 0) {
            a->part = (enum bundle_part)p;
            return 0;
        }
    return arrival_refuse(a, bundle_receipt_name,
                          "names no part of an interpreter that this ungil knows");
}

int arrival_take_receipt(struct arrival *a, const char *text, size_t size)
{
    autofree char *where = xasprintf("%s: %s", a->label, bundle_receipt_name);
    int rc = receipt_parse(text, size, where, &a->receipt);
    if (rc < 0)
        return err_hint(fail(E_INTEGRITY, "%s", err_message()), "\"ungil pack\" makes bundles");
    return check_receipt(a);
}

/* ---- Each entry ---- */

static int by_path(const void *a, const void *b)
{
    const struct expected *x = a, *y = b;
    return strcmp(x->e.path, y->e.path);
}

static int expect(const struct archive_mtree_entry *e, void *arg)
{
    struct arrival *a = arg;
    if (e->type == '?' || (e->type == 'f' && !*e->sha256) || a->n >= BUNDLE_ENTRY_LIMIT ||
        e->size > bundle_byte_limit || (a->bytes += e->size) > bundle_byte_limit)
        return arrival_refuse(a, e->path, "in its manifest makes no sense");
    /* An additional part brings what is its own, and replaces nothing of the interpreter. */
    if (a->part != BUNDLE_MAIN && e->type != 'd' && bundle_part_of(e->path) != a->part)
        return arrival_refuse(a, e->path, "is of another part than the bundle");
    if (a->n == a->cap) {
        a->cap = a->cap ? a->cap * 2 : 4096;
        a->list = xrealloc(a->list, a->cap * sizeof *a->list);
    }
    a->list[a->n] = (struct expected){.e = *e};
    a->list[a->n].e.path = xstrdup(e->path);
    a->list[a->n].e.link = xstrdup(e->link);
    a->n++;
    return 0;
}

static int read_manifest(struct arrival *a, const struct archive_mtree_entry *e)
{
    json_t *manifest = json_object_get(a->receipt->json, "manifest");
    if (e->size > BUNDLE_MANIFEST_LIMIT)
        return arrival_refuse(a, bundle_manifest_name, "is larger than it may be");
    if (strcmp(e->sha256, json_text(manifest, "digest")) != 0)
        return arrival_refuse(a, bundle_manifest_name, "is not the one that ungil.json names");
    autofree char *path = path_join(a->prefix, bundle_manifest_name);
    int rc = archive_mtree_read(path, expect, a);
    if (rc == 0 && a->n)
        qsort(a->list, a->n, sizeof *a->list, by_path);
    return rc;
}

static struct expected *find(const struct arrival *a, const char *path)
{
    struct expected key = {.e.path = path};
    return a->n ? bsearch(&key, a->list, a->n, sizeof key, by_path) : NULL;
}

static const char *difference(const struct arrival *a, const struct archive_mtree_entry *is,
                              const struct archive_mtree_entry *should)
{
    if (is->type == 'h') { /* one more name of a file that came before */
        const struct expected *target = find(a, is->link);
        bool same = target && target->seen && should->type == 'f' &&
                    strcmp(target->e.sha256, should->sha256) == 0;
        return same ? NULL : "is not the file that the manifest names";
    }
    if (is->type != should->type)
        return "is of another kind than the manifest says";
    if (is->type == 'l')
        return str_eq(is->link, should->link) ? NULL : "leads elsewhere than the manifest says";
    if (is->mode != should->mode)
        return "has other permissions than the manifest says";
    if (is->type == 'd')
        return NULL;
    if (is->size != should->size)
        return "has another size than the manifest says";
    return strcmp(is->sha256, should->sha256) == 0 ? NULL
                                                   : "has another SHA-256 than the manifest says";
}

int arrival_take(struct arrival *a, const struct archive_mtree_entry *e)
{
    if (strcmp(e->path, bundle_receipt_name) == 0)
        return arrival_refuse(a, e->path, "comes twice");
    if (!a->list)
        return strcmp(e->path, bundle_manifest_name) == 0
                   ? read_manifest(a, e)
                   : arrival_refuse(a, e->path, "stands where the manifest must");
    struct expected *should = find(a, e->path);
    if (!should)
        return arrival_refuse(a, e->path, "is not in its manifest");
    if (should->seen)
        return arrival_refuse(a, e->path, "comes twice");
    should->seen = true;
    const char *why = difference(a, e, &should->e);
    return why ? arrival_refuse(a, e->path, why) : 0;
}

int arrival_take_entry(const struct archive_mtree_entry *e, void *arg)
{
    struct arrival *a = arg;
    if (a->began)
        return arrival_take(a, e);
    a->began = true;
    if (strcmp(e->path, bundle_receipt_name) != 0 || e->type != 'f')
        return arrival_refuse(a, e->path, "stands where ungil.json must");
    return 0; /* ungil.json, which was read before; it is written anew */
}

bool arrival_has_directory(const struct arrival *a, const char *path)
{
    const struct expected *e = find(a, path);
    return e && e->seen && e->e.type == 'd';
}

int arrival_check_complete(const struct arrival *a)
{
    for (size_t i = 0; i < a->n; i++)
        if (!a->list[i].seen)
            return arrival_refuse(a, a->list[i].e.path, "is in its manifest, and missing");
    return a->n ? 0 : arrival_refuse(a, NULL, "it holds nothing");
}
