/* `ungil install --locked`: see lockfile_work.h. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/bundle.h"
#include "core/bundle_copy.h"
#include "core/bundle_registry.h"
#include "core/dirs.h"
#include "core/install.h"
#include "core/lockfile_facts.h"
#include "core/lockfile_files.h"
#include "core/lockfile_work.h"
#include "core/machine.h"
#include "core/manifest.h"
#include "core/plan.h"
#include "core/progress.h"
#include "core/receipt.h"
#include "core/runtime.h"
#include "core/store.h"
#include "core/text_json.h"
#include "core/training.h"

struct bringing {
    const char *file; /* the lock */
    const struct install_opts *opts;
    struct lockfile lock;
    char *platform;
    struct store store;
    json_t *report;
    struct strv bundles; /* "NAME\nFILE": what is to be installed from the cache */
    struct strv remote;  /* names; from the registry */
    struct strv builds;  /* names */
    struct bundle_remote *registry;
    bool registry_asked; /* there or not: it is not asked to answer a second time */
};

static void bringing_free(struct bringing *b)
{
    lockfile_free(&b->lock);
    free(b->platform);
    store_close(&b->store);
    strv_free(&b->bundles);
    strv_free(&b->remote);
    strv_free(&b->builds);
    bundle_remote_close(b->registry);
}

static const struct lock_section *bundle_of(const struct bringing *b, const char *name)
{
    return lockfile_find(&b->lock, LOCK_BUNDLE, name, b->platform);
}

/* ---- What is there already ---- */

/* What the receipt knows of its manifest as a bundle would have it: "" when nobody has asked. */
static const char *known_digest(const struct receipt *r)
{
    const char *of_bundle = json_text(json_object_get(r->json, "bundle"), "manifest");
    return *of_bundle ? of_bundle : json_text(json_object_get(r->json, "manifest"), "canonical");
}

static void set_known(struct receipt *r, const char *digest)
{
    json_object_set_new(json_object_get(r->json, "manifest"), "canonical", json_string(digest));
}

/* So that nobody has to read all files again. Of no consequence where it cannot be done now. */
static void remember(const struct bringing *b, struct receipt *r, const char *digest)
{
    struct store s;
    store_open(&s, b->opts->root);
    set_known(r, digest);
    if (store_lock(&s, b->opts->command, 0) < 0 || store_update_receipt(&s, r) < 0)
        detail("%s: its digest is not kept: %s", r->name, err_message());
    err_clear();
    store_close(&s);
}

/* Whether its files are those of its manifest. What was added does not count: it would not be in a
 * bundle either. */
static bool is_intact(const char *name, const char *prefix)
{
    struct manifest_report m = {0};
    bool read = manifest_check(prefix, &m) == 0;
    size_t n = m.changed.n + m.missing.n;
    if (!read)
        note("%s: %s", name, err_message());
    else if (n > 0)
        note("%s: %zu file%s not as installed (%s): installing it again", name, n,
             n == 1 ? " is" : "s are", m.changed.n ? m.changed.v[0] : m.missing.v[0]);
    err_clear();
    manifest_report_free(&m);
    return read && n == 0;
}

static int is_there(struct bringing *b, const char *name, bool *there)
{
    autofree char *prefix = store_prefix(&b->store, name);
    const char *wanted = lock_get(bundle_of(b, name), "manifest");
    struct receipt *r = NULL;
    struct bundle_copy copy = {0};
    *there = false;
    if (b->opts->force || !fs_is_dir(prefix))
        return 0;
    int rc = receipt_read(prefix, &r);
    if (rc < 0) {
        err_clear();
        return store_check_own(&b->store, name);
    }
    progress_stage(b->opts->progress, name, "compare", -1);
    if (*known_digest(r)) {
        *there = strcmp(known_digest(r), wanted) == 0 && is_intact(name, prefix);
    } else {
        rc = bundle_copy_make(&b->store, r, BUNDLE_MAIN, b->opts->cache, &copy);
        *there = rc == 0 && strcmp(bundle_copy_digest(&copy), wanted) == 0;
        if (*there)
            remember(b, r, wanted);
        if (rc == E_INTEGRITY) { /* somebody changed files: made anew */
            note("%s", err_message());
            err_clear();
            rc = 0;
        }
        bundle_copy_free(&copy);
    }
    progress_done(b->opts->progress, name, NULL, 0);
    receipt_free(r);
    return rc;
}

/* ---- From where ---- */

/* Whether the registry has it. One that cannot be asked is a warning, as without a lock. */
static int ask_registry(struct bringing *b, const struct lock_section *bundle)
{
    const struct install_opts *o = b->opts;
    const struct remote_key key = {.name = bundle->id, .manifest = lock_get(bundle, "manifest")};
    int rc = 0;
    if (!o->registry || o->force || o->source.offline)
        return E_NOTFOUND;
    if (!b->registry_asked)
        rc = bundle_remote_open(o->registry, &o->remote, &b->registry);
    b->registry_asked = true;
    if (rc == 0)
        rc = b->registry ? bundle_remote_find(b->registry, &key) : E_NOTFOUND;
    if (rc != E_UNREACHABLE && rc != E_FAILED)
        return rc;
    warn_of_error("");
    return E_NOTFOUND;
}

/* A lock that was put together by hand may name a bundle of something else. */
static int check_bundle(const struct bringing *b, const struct lock_section *s, const char *file)
{
    struct receipt *r = NULL;
    int rc = bundle_read_receipt(file, &r);
    if (rc < 0)
        return rc;
    const char *digest = json_text(json_object_get(r->json, "manifest"), "digest");
    if (strcmp(r->name, s->id) != 0 || strcmp(digest, lock_get(s, "manifest")) != 0) {
        autofree char *title = lock_title(s);
        rc = fail(E_INTEGRITY,
                  "%s:%d: %s contradicts itself: the bundle of this sha256 is of %s, with the "
                  "manifest %.12s",
                  b->file, s->line, title, r->name, digest);
        err_hint(rc, "\"ungil lock\" writes what is true, where it was built");
    }
    receipt_free(r);
    return rc;
}

static int find_bundle(struct bringing *b, const char *name)
{
    const struct lock_section *s = bundle_of(b, name);
    autofree char *file = NULL;
    int rc = b->opts->force ? E_NOTFOUND
                            : bundle_cache_find(b->opts->cache, lock_get(s, "sha256"), &file);
    if (rc == E_NOTFOUND) {
        rc = ask_registry(b, s);
        if (rc == 0 || rc == E_NOTFOUND)
            strv_add(rc == 0 ? &b->remote : &b->builds, name);
        return rc == E_NOTFOUND ? 0 : rc;
    }
    if (rc == 0)
        rc = check_bundle(b, s, file);
    if (rc == 0)
        strv_addf(&b->bundles, "%s\n%s", name, file);
    return rc;
}

static void report_unchanged(struct bringing *b, const char *name)
{
    autofree char *prefix = store_prefix(&b->store, name);
    json_array_append_new(json_object_get(b->report, "unchanged"),
                          json_pack("{s:s, s:o}", "name", name, "prefix", text_json(prefix)));
}

static int no_platform(const struct bringing *b, const char *release)
{
    autostrv platforms = {0};
    lockfile_platforms(&b->lock, release, &platforms);
    autofree char *names = strv_join(&platforms, ", ");
    return err_hint(fail(E_INTEGRITY, "%s has no %s for %s", b->file, b->platform, release),
                    "it has %s; \"ungil install\" and then \"ungil lock\" on such a machine add it",
                    names);
}

static int sort_out(struct bringing *b)
{
    autostrv names = {0};
    int rc = 0;
    lockfile_names(&b->lock, NULL, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        bool there = false;
        if (!bundle_of(b, names.v[i]))
            return no_platform(b,
                               lockfile_find(&b->lock, LOCK_INTERPRETER, names.v[i], "")->release);
        rc = is_there(b, names.v[i], &there);
        if (rc == 0 && there)
            report_unchanged(b, names.v[i]);
        else if (rc == 0)
            rc = find_bundle(b, names.v[i]);
    }
    return rc;
}

/* ---- Before a build ---- */

static int has_training(const struct bringing *b, const char *key, bool *has)
{
    struct training_entry *list = NULL;
    size_t n = 0;
    int rc = training_list(b->opts->cache, &list, &n);
    *has = false;
    for (size_t i = 0; i < n; i++)
        *has |= strcmp(list[i].key, key) == 0 && !list[i].damage;
    training_list_free(list, n);
    return rc;
}

static int make_plan(const struct bringing *b, const char *spec, struct plan *plan)
{
    const struct lock_section *any = lockfile_find(&b->lock, LOCK_INTERPRETER, spec, "");
    const char *release = any ? any->release : spec;
    const struct plan_opts po = {
        .preset = lock_get(lockfile_find(&b->lock, LOCK_RELEASE, release, ""), "preset"),
        .exact_preset = true};
    int rc = plan_make(spec, &po, plan);
    return rc < 0 ? err_context(rc, "%s cannot be built as %s says", spec, b->file) : 0;
}

static int compare_inputs(const struct bringing *b, const char *name, struct lock_differences *d)
{
    static const char *const of_result[] = {"manifest", "sha256", "training", NULL};
    const struct lock_section *bundle = bundle_of(b, name);
    const char *training = lock_get(bundle, "training");
    autolockfile here = {0};
    struct plan plan;
    int rc = make_plan(b, name, &plan);
    if (rc < 0)
        return rc;
    rc = lock_add_here(&here, &plan, plan.candidates[0], plan.variants[0], b->platform,
                       lockfile_find(&b->lock, LOCK_PLATFORM, bundle->release, b->platform));
    if (rc == 0)
        lock_compare(&b->lock, &here, name, b->platform, of_result, d);
    bool trained = true;
    if (rc == 0 && training)
        rc = has_training(b, training, &trained);
    if (!trained)
        lock_differ(d, name, "training", training, NULL);
    plan_free(&plan);
    return rc;
}

static int other_inputs(const struct bringing *b, const struct lock_differences *d)
{
    autofree char *text = lock_differences_text(d, "    ");
    bool training = false;
    for (size_t i = 0; i < d->n; i++)
        training |= strcmp(d->all[i].what, "training") == 0;
    int rc = fail(E_INTEGRITY, "a build here would not be what %s names; this differs:\n%s",
                  b->file, text);
    if (training && d->n == 1)
        return err_hint(rc, "\"ungil training export\" where it was built and \"ungil training "
                            "import\" here bring the data along");
    return err_hint(rc,
                    "nothing was built. Put the bundles that the lock names into %s/bundles, "
                    "name a registry that has them (UNGIL_REGISTRY), or make this machine the "
                    "same",
                    b->opts->cache);
}

static int check_inputs(struct bringing *b)
{
    autolockdiff d = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->builds.n; i++)
        rc = compare_inputs(b, b->builds.v[i], &d);
    return rc == 0 && d.n > 0 ? other_inputs(b, &d) : rc;
}

/* ---- After it, in the stage ---- */

/* Which input turned out to be another, or else which files are. */
static int other_result(const struct bringing *b, const struct receipt *r,
                        const struct bundle_copy *copy)
{
    static const char *const of_packing[] = {"manifest", "sha256", NULL};
    const struct lock_section *s = bundle_of(b, r->name);
    autolockfile here = {0};
    autolockdiff d = {0};
    autostrv paths = {0};
    autofree char *why = NULL;
    if (lock_add_installed(&here, r, b->platform) == 0)
        lock_compare(&b->lock, &here, r->name, b->platform, of_packing, &d);
    if (d.n > 0)
        why = lock_differences_text(&d, "    ");
    else if (lock_differing_files(b->opts->cache, lock_get(s, "sha256"), copy->dir, &paths) == 0) {
        autofree char *some = lock_some_files(&paths);
        why = xasprintf("    its inputs are the same, but %zu file%s not: %s", paths.n,
                        paths.n == 1 ? " is" : "s are", some);
    } else
        why = xasprintf("    its inputs are the same; the bundle of the lock, %.12s, is not in the "
                        "cache to see which files are not",
                        lock_get(s, "sha256"));
    int rc = fail(E_INTEGRITY,
                  "%s was built, but is not what %s names: manifest %.12s, not %.12s; it was not "
                  "installed:\n%s",
                  r->name, b->file, bundle_copy_digest(copy), lock_get(s, "manifest"), why);
    return err_hint(rc, "--keep-failed keeps the prefix for a look");
}

static int judge(void *arg, const char *name, const char *prefix)
{
    struct bringing *b = arg;
    struct bundle_copy copy = {0};
    struct receipt *r = NULL;
    int rc = receipt_read(prefix, &r);
    if (rc == 0)
        rc = bundle_copy_make_of(prefix, r, BUNDLE_MAIN, b->opts->cache, &copy);
    if (rc == 0 && strcmp(bundle_copy_digest(&copy), lock_get(bundle_of(b, name), "manifest")))
        rc = other_result(b, r, &copy);
    if (rc == 0) {
        set_known(r, bundle_copy_digest(&copy));
        rc = receipt_write(prefix, r->json);
    }
    bundle_copy_free(&copy);
    receipt_free(r);
    return rc;
}

/* ---- The work ---- */

static int install_bundles(struct bringing *b)
{
    struct install_opts o = *b->opts;
    int rc = 0;
    o.force = true; /* what is there is something else, also where it says the same of itself */
    for (size_t i = 0; rc == 0 && i < b->bundles.n; i++)
        rc = bundle_install(strchr(b->bundles.v[i], '\n') + 1, &o, b->report);
    for (size_t i = 0; rc == 0 && i < b->remote.n; i++) {
        const char *name = b->remote.v[i];
        const struct remote_key key = {.name = name,
                                       .manifest = lock_get(bundle_of(b, name), "manifest")};
        rc = bundle_remote_install(b->registry, &key, &o, b->report);
    }
    return rc;
}

/* The SPECs for what is to be built: the pair is one, because it is built at once. */
static void build_specs(const struct bringing *b, struct strv *specs)
{
    for (size_t i = 0; i < b->builds.n; i++) {
        const char *release =
            lockfile_find(&b->lock, LOCK_INTERPRETER, b->builds.v[i], "")->release;
        autofree char *ft = xasprintf("%st", release);
        bool pair = strv_has(&b->builds, release) && strv_has(&b->builds, ft);
        bool of_pair = strcmp(b->builds.v[i], release) == 0 || strcmp(b->builds.v[i], ft) == 0;
        if (!pair || !of_pair)
            strv_add(specs, b->builds.v[i]);
        else if (!strv_has(specs, release))
            strv_add(specs, release);
    }
}

static int build(struct bringing *b, const char *spec)
{
    struct install_opts o = *b->opts;
    const struct lock_section *any = lockfile_find(&b->lock, LOCK_INTERPRETER, spec, "");
    json_t *report = NULL, *value;
    const char *key;
    o.preset = lock_get(lockfile_find(&b->lock, LOCK_RELEASE, any->release, ""), "preset");
    o.exact_preset = o.force = true;
    o.judge = judge;
    o.judge_arg = b;
    int rc = install_run(&spec, 1, &o, &report);
    json_object_foreach(report, key, value)
    {
        if (json_is_array(value) && json_object_get(b->report, key))
            json_array_extend(json_object_get(b->report, key), value);
        else
            json_object_set(b->report, key, value);
    }
    json_decref(report);
    return rc;
}

static int bring(struct bringing *b)
{
    autostrv specs = {0};
    int rc = sort_out(b);
    if (rc == 0)
        rc = check_inputs(b);
    if (rc == 0)
        rc = install_bundles(b);
    build_specs(b, &specs);
    for (size_t i = 0; rc == 0 && i < specs.n; i++)
        rc = build(b, specs.v[i]);
    return rc;
}

int lock_install(const char *file, const struct install_opts *opts, json_t **report)
{
    struct bringing b = {.file = file, .opts = opts, .platform = runtime_platform_here()};
    *report = b.report = json_pack("{s:i, s:o, s:[], s:[]}", "format", 1, "root",
                                   text_json(opts->root), "installed", "unchanged");
    store_open(&b.store, opts->root);
    int rc = dirs_check(opts->root, "root", "--root DIR or UNGIL_ROOT");
    if (rc == 0)
        rc = dirs_check(opts->cache, "cache", "XDG_CACHE_HOME");
    if (rc == 0)
        rc = lockfile_read(file, &b.lock);
    if (rc == 0)
        rc = bring(&b);
    bringing_free(&b);
    return rc;
}
