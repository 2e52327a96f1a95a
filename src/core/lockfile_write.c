/* `ungil lock`: see lockfile_work.h. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/bundle.h"
#include "core/bundle_copy.h"
#include "core/lockfile_facts.h"
#include "core/lockfile_work.h"
#include "core/machine.h"
#include "core/progress.h"
#include "core/receipt.h"
#include "core/release.h"
#include "core/runtime.h"
#include "core/store.h"
#include "core/text_json.h"

struct locking {
    const struct store *store;
    const struct lock_opts *opts;
    char *platform;
    struct lockfile old;  /* the file as it is; empty: there is none */
    struct lockfile lock; /* what it becomes */
    struct receipt **installed;
    size_t n;
    struct strv names; /* what is to be locked */
    json_t *report;
};

static void locking_free(struct locking *l)
{
    free(l->platform);
    lockfile_free(&l->old);
    lockfile_free(&l->lock);
    store_list_free(l->installed, l->n);
    strv_free(&l->names);
}

static const struct receipt *find(const struct locking *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->installed[i]->name, name) == 0)
            return l->installed[i];
    return NULL;
}

/* ---- Which ---- */

static int not_installed(const char *name, const char *why)
{
    autofree char *release = NULL, *suffix = NULL;
    bool pair = name_split(name, &release, &suffix) && (!*suffix || strcmp(suffix, "t") == 0);
    return err_hint(fail(E_FAILED, "%s is not installed%s", name, why),
                    "a lock says what is installed: \"ungil install %s\" first",
                    pair ? release : name);
}

static void choose(struct locking *l, const char *name)
{
    if (!strv_has(&l->names, name))
        strv_add(&l->names, name);
}

/* The newest installed release of a series that has what is asked for; owned, NULL. */
static char *newest(const struct locking *l, const char *series, const char *suffix)
{
    for (size_t i = 0; i < l->n; i++) { /* newest first */
        const struct receipt *r = l->installed[i];
        if (strcmp(r->series, series) == 0 && strcmp(r->suffix, suffix) == 0)
            return xstrdup(r->release);
    }
    return NULL;
}

static int choose_spec(struct locking *l, const char *text)
{
    struct spec spec = {0};
    int rc = spec_parse(text, &spec);
    if (rc < 0)
        return rc;
    const char *suffixes[] = {spec.suffix ? spec.suffix : "", spec.suffix ? NULL : "t"};
    autofree char *release =
        spec.release ? xstrdup(spec.release) : newest(l, spec.series, suffixes[0]);
    if (!release)
        rc = not_installed(text, "");
    for (size_t i = 0; rc == 0 && i < lengthof(suffixes) && suffixes[i]; i++) {
        autofree char *name = xasprintf("%s%s", release, suffixes[i]);
        if (!find(l, name))
            rc = not_installed(name, spec.suffix ? "" : ", and a release means the pair");
        else
            choose(l, name);
    }
    spec_free(&spec);
    return rc;
}

static int choose_all(struct locking *l, const struct strv *specs)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < specs->n; i++)
        rc = choose_spec(l, specs->v[i]);
    if (specs->n > 0)
        return rc;
    lockfile_names(&l->old, NULL, &l->names);
    for (size_t i = 0; rc == 0 && i < l->names.n; i++)
        if (!find(l, l->names.v[i])) {
            autofree char *why = xasprintf(", and %s names it", l->opts->file);
            rc = not_installed(l->names.v[i], why);
        }
    if (l->names.n > 0)
        return rc;
    for (size_t i = 0; i < l->n; i++)
        choose(l, l->installed[i]->name);
    return l->n ? 0
                : err_hint(fail(E_FAILED, "nothing is installed below %s", l->store->root),
                           "a lock says what is installed: \"ungil install\" first");
}

/* ---- One interpreter ---- */

static int digest(const struct locking *l, const struct receipt *r, struct lock_section *s)
{
    struct bundle_copy copy;
    double start = clock_now();
    progress_stage(l->opts->progress, r->name, "digest", -1);
    int rc = bundle_copy_make(l->store, r, BUNDLE_MAIN, l->opts->cache, &copy);
    if (rc == 0)
        lock_set(s, "manifest", bundle_copy_digest(&copy));
    bundle_copy_free(&copy);
    if (rc == 0)
        progress_done(l->opts->progress, r->name, "digest", clock_now() - start);
    return rc;
}

/* The manifest decides: another library for packing makes other bytes of the same files. Where it
 * is as before, the bundle of the file stays, and is packed only if it is not at hand. */
static int pack(const struct locking *l, const struct receipt *r, const struct lock_section *before,
                struct lock_section *s)
{
    autofree char *there = NULL;
    struct bundle_made made;
    int rc = before ? digest(l, r, s) : 0;
    if (rc < 0)
        return rc;
    bool same = before && strcmp(lock_get(before, "manifest"), lock_get(s, "manifest")) == 0;
    if (same) {
        lock_set(s, "sha256", lock_get(before, "sha256"));
        rc = bundle_cache_find(l->opts->cache, lock_get(s, "sha256"), &there);
        if (rc != E_NOTFOUND)
            return rc;
    }
    double start = clock_now();
    progress_stage(l->opts->progress, r->name, "pack", -1);
    rc = bundle_cache_pack(l->store, r, l->opts->cache, l->opts->progress, &made);
    if (rc < 0)
        return rc;
    progress_done(l->opts->progress, r->name, "pack", clock_now() - start);
    lock_set(s, "manifest", made.manifest);
    if (!same)
        lock_set(s, "sha256", made.sha256);
    else if (strcmp(made.sha256, lock_get(s, "sha256")) != 0)
        detail("%s: packed here, the same files have another SHA-256: %s", r->name, made.sha256);
    bundle_made_free(&made);
    return 0;
}

/* What was built by an ungil that did not write down what of the machine went into it. */
static int add_unknown(struct locking *l, const struct receipt *r)
{
    struct lock_section *s = lockfile_make(&l->lock, LOCK_PLATFORM, r->release, l->platform);
    autofree char *prefix = store_prefix(l->store, r->name), *libc = NULL;
    autostrv sonames = {0}, versions = {0};
    if (lock_get(s, "libc") || json_object_get(r->json, "bundle"))
        return 0;
    libc = machine_libc();
    lock_set(s, "libc", libc);
    int rc = machine_sonames(prefix, &sonames);
    if (rc == 0)
        rc = machine_versions(&sonames, &versions);
    for (size_t i = 0; rc == 0 && i < versions.n; i++)
        lock_set(s, sonames.v[i], versions.v[i]);
    return rc;
}

/* What came in a bundle has no word of compiler and libraries; the lock that it came from has. */
static void keep_known(struct lock_section *to, const struct lock_section *from)
{
    for (size_t i = 0; from && i < from->keys.n; i++)
        if (!lock_get(to, from->keys.v[i]) && lock_perhaps_unknown(from->keys.v[i]))
            lock_set(to, from->keys.v[i], from->values.v[i]);
}

static int lock_one(struct locking *l, const struct receipt *r)
{
    const struct lock_section *before = lockfile_find(&l->old, LOCK_BUNDLE, r->name, l->platform);
    struct lock_section *s = lockfile_find(&l->lock, LOCK_BUNDLE, r->name, l->platform);
    int rc = pack(l, r, before, s);
    if (rc < 0)
        return rc;
    if (before && strcmp(lock_get(before, "manifest"), lock_get(s, "manifest")) == 0) {
        keep_known(s, before);
        keep_known(lockfile_find(&l->lock, LOCK_PLATFORM, r->release, l->platform),
                   lockfile_find(&l->old, LOCK_PLATFORM, r->release, l->platform));
    }
    json_array_append_new(json_object_get(l->report, "locked"),
                          json_pack("{s:s, s:s, s:s}", "name", r->name, "sha256",
                                    lock_get(s, "sha256"), "manifest", lock_get(s, "manifest")));
    return 0;
}

/* ---- The file that is there ---- */

static bool has_others(const struct locking *l)
{
    for (size_t i = 0; i < l->old.n; i++)
        if (*l->old.all[i].platform && strcmp(l->old.all[i].platform, l->platform) != 0)
            return true;
    return false;
}

static int anew(const struct locking *l, int rc)
{
    return err_hint(rc,
                    "one lock has the same interpreters for all its platforms; to begin anew, "
                    "delete %s, or write another with -o",
                    l->opts->file);
}

/* Are they the same interpreters, made from the same? */
static int fits(const struct locking *l)
{
    autostrv was = {0}, is = {0};
    autolockdiff d = {0};
    lockfile_names(&l->old, NULL, &was);
    lockfile_names(&l->lock, NULL, &is);
    autofree char *a = strv_join(&was, ", "), *b = strv_join(&is, ", ");
    if (strcmp(a, b) != 0)
        return anew(l, fail(E_FAILED, "%s locks %s, for other platforms too; here it would be %s",
                            l->opts->file, a, b));
    for (size_t i = 0; i < is.n; i++)
        lock_compare(&l->old, &l->lock, is.v[i], NULL, NULL, &d);
    if (d.n == 0)
        return 0;
    autofree char *text = lock_differences_text(&d, "    ");
    return anew(l, fail(E_FAILED, "%s cannot be added to %s, because they differ:\n%s", l->platform,
                        l->opts->file, text));
}

static void take_over(struct lock_section *to, const struct lock_section *from)
{
    for (size_t i = 0; i < from->keys.n; i++)
        lock_set(to, from->keys.v[i], from->values.v[i]);
}

/* What the file says of other platforms stays, if there is any; else all is new. */
static int merge(struct locking *l)
{
    int rc = has_others(l) ? fits(l) : 0;
    for (size_t i = 0; rc == 0 && i < l->old.n; i++) {
        const struct lock_section *s = &l->old.all[i];
        if (*s->platform && strcmp(s->platform, l->platform) != 0)
            take_over(lockfile_make(&l->lock, s->kind, s->id, s->platform), s);
    }
    return rc;
}

static int write_file(struct locking *l)
{
    autofree char *text = lockfile_text(&l->lock), *was = NULL;
    if (fs_read_text(l->opts->file, &was) < 0)
        err_clear();
    bool changed = !str_eq(text, was);
    json_object_set_new(l->report, "changed", json_boolean(changed));
    return changed ? fs_write_atomic(l->opts->file, text, strlen(text), 0644) : 0;
}

static int write_lock(struct locking *l, const struct strv *specs)
{
    int rc = fs_exists(l->opts->file) ? lockfile_read(l->opts->file, &l->old) : 0;
    if (rc == 0)
        rc = store_list(l->store, &l->installed, &l->n);
    if (rc == 0)
        rc = choose_all(l, specs);
    for (size_t i = 0; rc == 0 && i < l->names.n; i++) {
        rc = lock_add_installed(&l->lock, find(l, l->names.v[i]), l->platform);
        if (rc == 0)
            rc = add_unknown(l, find(l, l->names.v[i]));
    }
    if (rc == 0)
        rc = merge(l); /* what does not fit is said before anything is packed */
    for (size_t i = 0; rc == 0 && i < l->names.n; i++)
        rc = lock_one(l, find(l, l->names.v[i]));
    return rc == 0 ? write_file(l) : rc;
}

int lock_write(const struct store *s, const struct strv *specs, const struct lock_opts *opts,
               json_t **report)
{
    struct locking l = {.store = s, .opts = opts, .platform = runtime_platform_here()};
    *report = l.report = json_pack("{s:i, s:o, s:s, s:[]}", "format", 1, "file",
                                   text_json(opts->file), "platform", l.platform, "locked");
    int rc = write_lock(&l, specs);
    locking_free(&l);
    return rc;
}
