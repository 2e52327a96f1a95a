/* Installing bundles, see bundle.h: made right for where they are, proven, committed. */
#include "core/bundle_install.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/dirs.h"
#include "core/finish.h"
#include "core/install.h"
#include "core/linked_copy.h"
#include "core/manifest.h"
#include "core/progress.h"
#include "core/relocate.h"
#include "core/runtime.h"
#include "core/text_json.h"
#include "core/timeline.h"
#include "core/verify_receipt.h"

/* One bundle on its way into a root. */
struct landing {
    struct bundle_origin *from;
    struct arrival *in;
    const struct install_opts *opts;
    struct store store;
    struct receipt
        *base; /* of the prefix that an additional part is added to; NULL: the main one */
    char *stage, *final;
    struct strv changed; /* paths below the prefix that relocation wrote */
    struct strv absent;  /* optional modules whose libraries this machine lacks */
    json_t *verification;
};

static void landing_free(struct landing *a)
{
    if (a->stage)
        fs_remove_tree(a->stage);
    free(a->stage);
    free(a->final);
    strv_free(&a->absent);
    strv_free(&a->changed);
    json_decref(a->verification);
    receipt_free(a->base);
    store_close(&a->store);
}

/* ---- Made right for here, and proven ---- */

/* The prefix of the GIL build for a free-threaded one and the other way round, installed; owned. */
static char *sibling_of(const struct landing *a)
{
    const struct receipt *r = a->in->receipt;
    autofree char *name = xasprintf("%s%s", r->release, r->free_threaded ? "" : "t");
    autofree char *prefix = store_prefix(&a->store, name);
    return fs_is_dir(prefix) ? steal(&prefix) : NULL;
}

static int verify(struct landing *a)
{
    autofree char *sibling = sibling_of(a);
    enum verdict verdict;
    struct verify_question q;
    double start = clock_now();
    verify_question_of(a->base ? a->base : a->in->receipt, a->in->prefix, sibling, &q);
    if (!strv_has(&q.parts, bundle_part_names[a->in->part]))
        strv_add(&q.parts, bundle_part_names[a->in->part]);
    q.opts.final = a->final;
    q.opts.progress = a->opts->progress;
    progress_stage(a->opts->progress, a->in->receipt->name, "verify", -1);
    int rc = verify_run(&q.opts, &a->verification, &verdict);
    verify_question_free(&q);
    if (rc < 0)
        return err_context(rc, "cannot verify");
    progress_done(a->opts->progress, a->in->receipt->name, "verify", clock_now() - start);
    return finish_judge(a->in->receipt->name, "unpacked", verdict, a->verification);
}

/* ---- Adding to what is installed ---- */

/* The prefix becomes what is installed, and what has just been unpacked. */
static int merge(struct landing *a)
{
    autofree char *both = path_join(a->stage, "both"), *digest = NULL;
    int rc = manifest_renew(a->in->prefix, &a->changed, &digest);
    if (rc == 0)
        rc = linked_copy(a->final, both);
    if (rc == 0)
        rc = linked_copy(a->in->prefix, both);
    if (rc == 0)
        str_set(&a->in->prefix, steal(&both));
    return rc;
}

static int settle(struct landing *a)
{
    autofree char *configured = dirs_configured_prefix(a->in->receipt->name);
    autofree char *sibling = a->opts->share ? sibling_of(a) : NULL;
    unsigned long long saved = 0;
    int rc = relocate_prefix(a->in->prefix, configured, a->final, NULL, &a->changed);
    if (rc == 0 && a->base)
        rc = merge(a);
    else if (rc == 0 && sibling)
        rc = relocate_share(a->in->prefix, sibling, &saved);
    return rc < 0 ? err_context(rc, "%s", a->in->receipt->name) : 0;
}

/* The receipt of what is installed then: the bundle's own, and for an additional part that of the
 * prefix that it is added to. */
static json_t *installed_receipt(struct landing *a)
{
    json_t *json = a->in->receipt->json, *source;
    if (a->in->part != BUNDLE_MAIN) {
        json = a->base->json;
        json_array_append_new(json_object_get(json_object_get(json, "bundle"), "parts"),
                              json_string(bundle_part_names[a->in->part]));
        return json;
    }
    json_object_set_new(json, "bundle",
                        json_pack("{s:[s], s:o, s:s, s:O}", "parts", bundle_part_names[a->in->part],
                                  "file", text_json(a->from->spec), "sha256", a->from->sha256,
                                  "manifest",
                                  json_object_get(json_object_get(json, "manifest"), "digest")));
    json_object_set_new(json, "root_prefix", text_json(a->final));
    json_object_set_new(json, "requested",
                        json_pack("{s:o, s:n}", "spec", text_json(a->from->spec), "newest_pin"));
    source = json_object_get(json, "source");
    json_object_set_new(source, "provider", json_string(a->from->provider));
    json_object_set_new(source, "location", text_json(a->from->location));
    return json;
}

static int write_receipt(struct landing *a)
{
    autofree char *digest = NULL;
    char now[32];
    /* What was changed or added in the prefix since then does not become what was installed. */
    int rc = a->base ? manifest_join(a->in->prefix, a->final, &digest)
                     : manifest_renew(a->in->prefix, &a->changed, &digest);
    if (rc < 0)
        return rc;
    json_t *json = installed_receipt(a);
    json_object_set_new(json, "manifest", json_pack("{s:s}", "digest", digest));
    json_object_set_new(json, "installed", json_string(clock_rfc3339(now)));
    json_object_set(json, "verify", a->verification);
    return receipt_write(a->in->prefix, json);
}

static void step(const struct landing *a, const char *stage)
{
    timeline_barrier(a->opts->timeline);
    timeline_begin(a->opts->timeline, a->in->receipt->name, stage);
}

static void done(const struct landing *a)
{
    timeline_end(a->opts->timeline, a->in->receipt->name);
}

static int unpack(struct landing *a)
{
    int rc = store_stage(&a->store, a->in->receipt->name, &a->stage);
    if (rc < 0)
        return rc;
    a->in->prefix = path_join(a->stage, a->in->receipt->name);
    rc = fs_mkdirs(a->in->prefix, 0755);
    return rc == 0 ? a->from->unpack(a->from, a->in) : rc;
}

static int bring_in(struct landing *a)
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
        const struct store_commit c = {.name = a->in->receipt->name, .prefix = a->in->prefix};
        rc = store_commit(&a->store, &c, 1);
    }
    if (rc == 0)
        done(a);
    return rc;
}

/* ---- The whole ---- */

static void report_name(const struct landing *a, json_t *report, const char *key)
{
    json_t *list = json_object_get(report, key);
    if (!list) {
        list = json_array();
        json_object_set_new(report, key, list);
    }
    json_array_append_new(
        list, json_pack("{s:s, s:o}", "name", a->in->receipt->name, "prefix", text_json(a->final)));
}

/* The prefix that an additional part belongs to, and whether it has this part. */
static int find_base(struct landing *a, bool *there)
{
    const char *name = a->in->receipt->name, *part = bundle_part_names[a->in->part];
    autostrv parts = {0};
    receipt_free(steal(&a->base));
    if (!fs_is_dir(a->final) || receipt_read(a->final, &a->base) < 0) {
        err_clear();
        return err_hint(fail(E_FAILED, "%s is the part \"%s\" of %s, which is not installed",
                             a->from->label, part, name),
                        "install the bundle of %s first", name);
    }
    if (strcmp(a->base->inputs, a->in->receipt->inputs) != 0)
        return err_hint(fail(E_FAILED, "%s is the part \"%s\" of another %s than is installed",
                             a->from->label, part, name),
                        "what is installed was built from other inputs: \"ungil show %s\"", name);
    bundle_parts(a->base, &parts);
    *there = parts.n == 0 || (!a->opts->force && strv_has(&parts, part)); /* a build has all */
    return 0;
}

/* Whether just this is installed already. */
static int is_there(struct landing *a, bool *there)
{
    struct receipt *installed = NULL;
    *there = false;
    if (a->in->part != BUNDLE_MAIN)
        return find_base(a, there);
    if (a->opts->force || !fs_is_dir(a->final))
        return 0;
    if (receipt_read(a->final, &installed) < 0) {
        err_clear();
        return store_check_own(&a->store, a->in->receipt->name);
    }
    json_t *manifest = json_object_get(a->in->receipt->json, "manifest");
    json_t *bundle = json_object_get(installed->json, "bundle");
    /* What was built here from equal inputs is the same, and did not come from anywhere. */
    *there = bundle ? strcmp(json_text(bundle, "manifest"), json_text(manifest, "digest")) == 0
                    : strcmp(installed->inputs, a->in->receipt->inputs) == 0;
    receipt_free(installed);
    return 0;
}

static int check_here(struct landing *a)
{
    if (a->in->part != BUNDLE_MAIN)
        return 0;
    struct verify_question q;
    verify_question_of(a->in->receipt, "/", NULL, &q);
    int rc = runtime_check(json_object_get(a->in->receipt->json, "runtime"), a->from->label,
                           &q.optional, &a->absent);
    verify_question_free(&q);
    autofree char *names = strv_join(&a->absent, ", ");
    if (rc == 0 && a->absent.n > 0)
        note("%s: without %s: this machine lacks the libraries", a->in->receipt->name, names);
    return rc;
}

static int install(struct landing *a, json_t *report)
{
    bool there;
    a->final = store_prefix(&a->store, a->in->receipt->name);
    int rc = is_there(a, &there);
    if (rc == 0 && !there)
        rc = check_here(a);
    if (rc == 0 && !there)
        rc = a->from->fetch(a->from, a->in);
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

int bundle_bring(struct bundle_origin *from, struct arrival *in, const struct install_opts *opts,
                 json_t *report)
{
    struct landing a = {.from = from, .in = in, .opts = opts};
    store_open(&a.store, opts->root);
    int rc = install(&a, report);
    if (rc == E_SIGNAL && !err_hint_text())
        err_hint(rc, "nothing of %s is installed", from->label);
    landing_free(&a);
    return rc;
}
