/* Installing bundles, see bundle.h. A bundle comes from anywhere: nothing in it is believed but
 * that its manifest has the digest that its receipt names, and each file the one that the manifest
 * names.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/bundle.h"
#include "core/dirs.h"
#include "core/finish.h"
#include "core/install.h"
#include "core/linked_copy.h"
#include "core/manifest.h"
#include "core/progress.h"
#include "core/receipt.h"
#include "core/release.h"
#include "core/relocate.h"
#include "core/runtime.h"
#include "core/store.h"
#include "core/text_json.h"
#include "core/timeline.h"
#include "core/verify_receipt.h"
#include "io/archive.h"
#include "io/archive_name.h"
#include "io/digest.h"

static const char kind[] = "a bundle of ungil";
static const char receipt_name[] = "ungil.json", manifest_name[] = "ungil.mtree";

enum { RECEIPT_LIMIT = 1 << 20, MANIFEST_LIMIT = 32 << 20 }; /* they have 10 and 430 KB */
enum { ENTRY_LIMIT = 50000 };                                /* a prefix has 2500 */
static const unsigned long long byte_limit = 4ull << 30;

/* One file of the manifest that is to come. */
struct expected {
    struct archive_mtree_entry e; /* path and link are owned */
    bool seen;
};

struct arrival {
    const char *file; /* the bundle */
    const struct install_opts *opts;
    struct store store;
    struct receipt *receipt; /* what it says of itself */
    struct receipt
        *base; /* of the prefix that an additional part is added to; NULL: the main one */
    enum bundle_part part;
    char sha256[SHA256_HEX];
    char *stage, *prefix; /* where it is unpacked */
    char *final;
    bool began; /* ungil.json came */
    struct expected *list;
    size_t n, cap;
    struct strv changed; /* paths below the prefix that relocation wrote */
    struct strv absent;  /* optional modules whose libraries this machine lacks */
    json_t *verification;
};

static void arrival_free(struct arrival *a)
{
    if (a->stage)
        fs_remove_tree(a->stage);
    for (size_t i = 0; i < a->n; i++) {
        free((char *)a->list[i].e.path);
        free((char *)a->list[i].e.link);
    }
    free(a->list);
    free(a->stage);
    free(a->prefix);
    free(a->final);
    strv_free(&a->absent);
    strv_free(&a->changed);
    json_decref(a->verification);
    receipt_free(a->receipt);
    receipt_free(a->base);
    store_close(&a->store);
}

static int refuse(const struct arrival *a, const char *path, const char *why)
{
    autofree char *name = path ? archive_printable(path) : NULL;
    int rc = fail(E_INTEGRITY, "%s is refused: %s%s%s", path_base(a->file), name ? name : "",
                  name ? " " : "", why);
    return err_hint(rc, "nothing was installed; get the bundle again, from whom you trust");
}

bool bundle_is_file(const char *spec)
{
    return str_ends(spec, ".tar.zst") || str_ends(spec, ".tar.gz");
}

/* ---- What it says of itself ---- */

/* Whether a text in it would steer the terminal that shows it. Keys are not shown. */
static bool is_printable(json_t *value)
{
    const char *text = json_string_value(value), *key;
    size_t i;
    json_t *member;
    for (const char *c = text ? text : ""; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\n') || *c == 0x7f)
            return false;
    json_array_foreach(value, i, member) if (!is_printable(member)) return false;
    json_object_foreach(value, key, member) if (!is_printable(member)) return false;
    return true;
}

static int check_receipt(struct arrival *a)
{
    const struct receipt *r = a->receipt;
    json_t *bundle = json_object_get(r->json, "bundle");
    const char *part = json_text(bundle, "part");
    autofree char *release = NULL, *suffix = NULL;
    if (!name_split(r->name, &release, &suffix) || strcmp(release, r->release) != 0 ||
        strcmp(suffix, r->suffix) != 0 || !str_starts(r->release, r->series))
        return refuse(a, receipt_name, "names no interpreter");
    if (!is_printable(r->json))
        return refuse(a, receipt_name, "holds control characters");
    if (strcmp(part, bundle_part_names[BUNDLE_MAIN]) == 0 &&
        !json_is_object(json_object_get(r->json, "runtime")))
        return refuse(a, receipt_name, "does not say what it needs of a machine");
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (strcmp(part, bundle_part_names[p]) == 0) {
            a->part = (enum bundle_part)p;
            return 0;
        }
    return refuse(a, receipt_name, "names no part of an interpreter that this ungil knows");
}

static int read_receipt(struct arrival *a)
{
    autofree char *text = NULL;
    int rc = archive_first(a->file, receipt_name, RECEIPT_LIMIT, kind, &text);
    if (rc < 0)
        return rc;
    autofree char *where = xasprintf("%s: %s", a->file, receipt_name);
    rc = receipt_parse(text, strlen(text), where, &a->receipt);
    if (rc < 0)
        return err_hint(fail(E_INTEGRITY, "%s", err_message()), "\"ungil pack\" makes bundles");
    return check_receipt(a);
}

int bundle_read_receipt(const char *file, struct receipt **out)
{
    struct arrival a = {.file = file, .store = {.lock = -1}};
    int rc = read_receipt(&a);
    *out = rc == 0 ? steal(&a.receipt) : NULL;
    arrival_free(&a);
    return rc;
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
    if (e->type == '?' || (e->type == 'f' && !*e->sha256) || a->n >= ENTRY_LIMIT)
        return refuse(a, e->path, "in its manifest makes no sense");
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
    if (e->size > MANIFEST_LIMIT)
        return refuse(a, manifest_name, "is larger than it may be");
    if (strcmp(e->sha256, json_text(manifest, "digest")) != 0)
        return refuse(a, manifest_name, "is not the one that ungil.json names");
    autofree char *path = path_join(a->prefix, manifest_name);
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

static int take_entry(const struct archive_mtree_entry *e, void *arg)
{
    struct arrival *a = arg;
    if (!a->began) {
        a->began = true;
        return 0; /* ungil.json, which was read before; it is written anew */
    }
    if (strcmp(e->path, receipt_name) == 0)
        return refuse(a, e->path, "comes twice");
    if (!a->list)
        return strcmp(e->path, manifest_name) == 0
                   ? read_manifest(a, e)
                   : refuse(a, e->path, "stands where the manifest must");
    struct expected *should = find(a, e->path);
    if (!should)
        return refuse(a, e->path, "is not in its manifest");
    if (should->seen)
        return refuse(a, e->path, "comes twice");
    should->seen = true;
    const char *why = difference(a, e, &should->e);
    return why ? refuse(a, e->path, why) : 0;
}

static int check_complete(const struct arrival *a)
{
    for (size_t i = 0; i < a->n; i++)
        if (!a->list[i].seen)
            return refuse(a, a->list[i].e.path, "is in its manifest, and missing");
    return a->n ? 0 : refuse(a, NULL, "it holds nothing");
}

static int unpack(struct arrival *a)
{
    const struct archive_limits limits = {.bytes = byte_limit,
                                          .entries = ENTRY_LIMIT,
                                          .kind = kind,
                                          .each = take_entry,
                                          .arg = a,
                                          .threads = cpu_count(),
                                          .alone =
                                              3}; /* the directory, the receipt, the manifest */
    int rc = store_stage(&a->store, a->receipt->name, &a->stage);
    if (rc < 0)
        return rc;
    a->prefix = path_join(a->stage, a->receipt->name);
    rc = fs_mkdirs(a->prefix, 0755);
    if (rc == 0)
        rc = archive_unpack(a->file, a->prefix, 1, &limits);
    return rc == 0 ? check_complete(a) : rc;
}

/* ---- Made right for here, and proven ---- */

/* The prefix of the GIL build for a free-threaded one and the other way round, installed; owned. */
static char *sibling_of(const struct arrival *a)
{
    const struct receipt *r = a->receipt;
    autofree char *name = xasprintf("%s%s", r->release, r->free_threaded ? "" : "t");
    autofree char *prefix = store_prefix(&a->store, name);
    return fs_is_dir(prefix) ? steal(&prefix) : NULL;
}

static int verify(struct arrival *a)
{
    autofree char *sibling = sibling_of(a);
    enum verdict verdict;
    struct verify_question q;
    double start = clock_now();
    verify_question_of(a->base ? a->base : a->receipt, a->prefix, sibling, &q);
    if (!strv_has(&q.parts, bundle_part_names[a->part]))
        strv_add(&q.parts, bundle_part_names[a->part]);
    q.opts.final = a->final;
    q.opts.progress = a->opts->progress;
    progress_stage(a->opts->progress, a->receipt->name, "verify", -1);
    int rc = verify_run(&q.opts, &a->verification, &verdict);
    verify_question_free(&q);
    if (rc < 0)
        return err_context(rc, "cannot verify");
    progress_done(a->opts->progress, a->receipt->name, "verify", clock_now() - start);
    return finish_judge(a->receipt->name, "unpacked", verdict, a->verification);
}

/* ---- Adding to what is installed ---- */

/* The prefix becomes what is installed, and what has just been unpacked. */
static int merge(struct arrival *a)
{
    autofree char *both = path_join(a->stage, "both");
    int rc = linked_copy(a->final, both);
    if (rc == 0)
        rc = linked_copy(a->prefix, both);
    if (rc == 0)
        str_set(&a->prefix, steal(&both));
    return rc;
}

static int settle(struct arrival *a)
{
    autofree char *configured = dirs_configured_prefix(a->receipt->name);
    autofree char *sibling = a->opts->share ? sibling_of(a) : NULL;
    unsigned long long saved = 0;
    int rc = relocate_prefix(a->prefix, configured, a->final, NULL, &a->changed);
    if (rc == 0 && a->base)
        rc = merge(a);
    else if (rc == 0 && sibling)
        rc = relocate_share(a->prefix, sibling, &saved);
    return rc < 0 ? err_context(rc, "%s", a->receipt->name) : 0;
}

/* The receipt of what is installed then: the bundle's own, and for an additional part that of the
 * prefix that it is added to. */
static json_t *installed_receipt(struct arrival *a)
{
    json_t *json = a->receipt->json, *source;
    autofree char *location = path_absolute(a->file);
    if (a->part != BUNDLE_MAIN) {
        json = a->base->json;
        json_array_append_new(json_object_get(json_object_get(json, "bundle"), "parts"),
                              json_string(bundle_part_names[a->part]));
        return json;
    }
    json_object_set_new(json, "bundle",
                        json_pack("{s:[s], s:o, s:s, s:O}", "parts", bundle_part_names[a->part],
                                  "file", text_json(path_base(a->file)), "sha256", a->sha256,
                                  "manifest",
                                  json_object_get(json_object_get(json, "manifest"), "digest")));
    json_object_set_new(json, "root_prefix", text_json(a->final));
    json_object_set_new(
        json, "requested",
        json_pack("{s:o, s:n}", "spec", text_json(path_base(a->file)), "newest_pin"));
    source = json_object_get(json, "source");
    json_object_set_new(source, "provider", json_string("bundle"));
    json_object_set_new(source, "location", text_json(location));
    return json;
}

static int write_receipt(struct arrival *a)
{
    autofree char *digest = NULL;
    char now[32];
    int rc = a->base ? manifest_write(a->prefix, &digest)
                     : manifest_renew(a->prefix, &a->changed, &digest);
    if (rc < 0)
        return rc;
    json_t *json = installed_receipt(a);
    json_object_set_new(json, "manifest", json_pack("{s:s}", "digest", digest));
    json_object_set_new(json, "installed", json_string(clock_rfc3339(now)));
    json_object_set(json, "verify", a->verification);
    return receipt_write(a->prefix, json);
}

static void step(const struct arrival *a, const char *stage)
{
    timeline_barrier(a->opts->timeline);
    timeline_begin(a->opts->timeline, a->receipt->name, stage);
}

static void done(const struct arrival *a)
{
    timeline_end(a->opts->timeline, a->receipt->name);
}

static int bring_in(struct arrival *a)
{
    int rc = unpack(a);
    if (rc == 0) {
        done(a);
        step(a, "relocate");
        rc = settle(a);
    }
    if (rc == 0) {
        done(a);
        timeline_barrier(a->opts->timeline);
        rc = verify(a);
    }
    if (rc == 0) {
        step(a, "manifest");
        rc = write_receipt(a);
    }
    if (rc == 0) {
        done(a);
        step(a, "commit");
        const struct store_commit c = {.name = a->receipt->name, .prefix = a->prefix};
        rc = store_commit(&a->store, &c, 1);
    }
    if (rc == 0)
        done(a);
    return rc;
}

/* ---- The whole ---- */

static void report_name(const struct arrival *a, json_t *report, const char *key)
{
    json_t *list = json_object_get(report, key);
    if (!list) {
        list = json_array();
        json_object_set_new(report, key, list);
    }
    json_array_append_new(
        list, json_pack("{s:s, s:o}", "name", a->receipt->name, "prefix", text_json(a->final)));
}

/* The prefix that an additional part belongs to, and whether it has this part. */
static int find_base(struct arrival *a, bool *there)
{
    const char *name = a->receipt->name, *part = bundle_part_names[a->part];
    autostrv parts = {0};
    receipt_free(steal(&a->base));
    if (!fs_is_dir(a->final) || receipt_read(a->final, &a->base) < 0) {
        err_clear();
        return err_hint(fail(E_FAILED, "%s is the part \"%s\" of %s, which is not installed",
                             path_base(a->file), part, name),
                        "install the bundle of %s first", name);
    }
    if (strcmp(a->base->inputs, a->receipt->inputs) != 0)
        return err_hint(fail(E_FAILED, "%s is the part \"%s\" of another %s than is installed",
                             path_base(a->file), part, name),
                        "what is installed was built from other inputs: \"ungil show %s\"", name);
    bundle_parts(a->base, &parts);
    *there = parts.n == 0 || (!a->opts->force && strv_has(&parts, part)); /* a build has all */
    return 0;
}

/* Whether just this is installed already. */
static int is_there(struct arrival *a, bool *there)
{
    struct receipt *installed = NULL;
    *there = false;
    if (a->part != BUNDLE_MAIN)
        return find_base(a, there);
    if (a->opts->force || !fs_is_dir(a->final))
        return 0;
    if (receipt_read(a->final, &installed) < 0) {
        err_clear();
        return store_check_own(&a->store, a->receipt->name);
    }
    json_t *manifest = json_object_get(a->receipt->json, "manifest");
    json_t *bundle = json_object_get(installed->json, "bundle");
    /* What was built here from equal inputs is the same, and did not come from anywhere. */
    *there = bundle ? strcmp(json_text(bundle, "manifest"), json_text(manifest, "digest")) == 0
                    : strcmp(installed->inputs, a->receipt->inputs) == 0;
    receipt_free(installed);
    return 0;
}

static int check_here(struct arrival *a)
{
    if (a->part != BUNDLE_MAIN)
        return 0;
    struct verify_question q;
    verify_question_of(a->receipt, "/", NULL, &q);
    int rc = runtime_check(json_object_get(a->receipt->json, "runtime"), path_base(a->file),
                           &q.optional, &a->absent);
    verify_question_free(&q);
    autofree char *names = strv_join(&a->absent, ", ");
    if (rc == 0 && a->absent.n > 0)
        note("%s: without %s: this machine lacks the libraries", a->receipt->name, names);
    return rc;
}

static int install(struct arrival *a, json_t *report)
{
    bool there;
    int rc = read_receipt(a);
    if (rc < 0)
        return rc;
    a->final = store_prefix(&a->store, a->receipt->name);
    rc = is_there(a, &there);
    if (rc == 0 && !there)
        rc = check_here(a);
    if (rc == 0 && !there)
        rc = digest_file(a->file, a->sha256);
    if (rc == 0 && !there)
        rc = store_lock(&a->store, a->opts->command, a->opts->lock_wait);
    if (rc == 0 && !there)
        rc = is_there(a, &there); /* whoever held the lock may have installed just this */
    if (rc == 0 && !there) {
        step(a, "unpack");
        rc = bring_in(a);
    }
    if (rc == 0)
        report_name(a, report, there ? "unchanged" : "installed");
    return rc;
}

int bundle_install(const char *file, const struct install_opts *opts, json_t *report)
{
    struct arrival a = {.file = file, .opts = opts};
    store_open(&a.store, opts->root);
    int rc = install(&a, report);
    if (rc == E_SIGNAL && !err_hint_text())
        err_hint(rc, "nothing of %s is installed", path_base(file));
    arrival_free(&a);
    return rc;
}
