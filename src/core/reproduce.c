#include "core/reproduce.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/bundle_copy.h"
#include "core/cache.h"
#include "core/install.h"
#include "core/lockfile_files.h"
#include "core/manifest.h"
#include "core/progress.h"
#include "core/receipt.h"
#include "core/store.h"
#include "core/text_json.h"
#include "core/training.h"

enum { DIFF_SECONDS = 900, DIFF_LIMIT = 64 << 10 };

struct twice {
    const struct install_opts *opts;
    char *dir, *cache, *root; /* of the second build; dir holds the others */
    struct strv names;        /* of what both builds have */
};

static void twice_free(struct twice *t)
{
    free(t->dir);
    free(t->cache);
    free(t->root);
    strv_free(&t->names);
}

/* ---- The second build ---- */

static int make_place(struct twice *t)
{
    autofree char *parent = path_join(t->opts->cache, "pack"); /* which "clean" empties */
    int rc = cache_use(t->opts->cache);
    if (rc == 0)
        rc = fs_mkdirs(parent, 0755);
    if (rc == 0)
        rc = fs_mkdtemp(parent, "once-more-in-a-directory-of-another-length", &t->dir);
    if (rc < 0)
        return rc;
    t->cache = path_join(t->dir, "cache");
    t->root = path_join(t->dir, "root");
    return fs_mkdirs(t->cache, 0755);
}

static int read_receipt(const char *root, const char *name, struct receipt **r)
{
    struct store s;
    store_open(&s, root);
    autofree char *prefix = store_prefix(&s, name);
    int rc = receipt_read(prefix, r);
    store_close(&s);
    return rc == E_NOTFOUND ? fail(E_FAILED, "%s is not below %s any more", name, root) : rc;
}

/* What is counted in a training depends on the hour; given the same, a build gives the same. */
static int hand_on_training(struct twice *t)
{
    autostrv keys = {0}, imported = {0}, there = {0};
    autofree char *file = path_join(t->dir, "training.tar.zst");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->names.n; i++) {
        struct receipt *r = NULL;
        rc = read_receipt(t->opts->root, t->names.v[i], &r);
        if (rc < 0)
            break;
        json_t *training = json_object_get(json_object_get(r->json, "build"), "training");
        const char *key = json_text(training, "key");
        if (*key && !strv_has(&keys, key))
            strv_add(&keys, key);
        receipt_free(r);
    }
    if (rc == 0 && keys.n > 0)
        rc = training_export(t->opts->cache, &keys, file);
    if (rc == 0 && keys.n > 0)
        rc = training_import(t->cache, file, &imported, &there);
    return rc < 0 ? err_context(rc, "the second build needs the training data of the first") : 0;
}

static int build_again(struct twice *t, const char *const *specs, size_t n)
{
    struct install_opts o = *t->opts;
    json_t *report = NULL;
    o.cache = t->cache;
    o.root = t->root;
    o.jobs = o.jobs > 1 ? o.jobs - 1 : 2;
    o.force = true;
    o.share = !o.share;
    o.bench = o.upgrade = o.push = false;
    note("once more, below %s", t->dir);
    mode_t before = umask(0027);
    int rc = install_run(specs, n, &o, &report);
    umask(before);
    json_decref(report);
    return rc < 0 ? err_context(rc, "the second build") : 0;
}

/* ---- Compared ---- */

/* What diffoscope says of them, in a file that the message names; owned, NULL: it is not here. */
static char *diffoscope(const struct twice *t, const char *name, const char *one, const char *other)
{
    autofree char *program = fs_find_program("diffoscope"), *dir = path_join(t->opts->cache, "log");
    autofree char *file = xasprintf("%s/%s-diffoscope.txt", dir, name), *said = NULL;
    if (!program || fs_mkdirs(dir, 0755) < 0)
        return NULL;
    /* inodes and times of the two copies are no difference of what was built */
    const char *const words[] = {
        program, "--no-progress", "--exclude-directory-metadata=yes", "--text", file, one, other};
    autostrv argv = {0}, env = {0};
    int status = 0;
    for (size_t i = 0; i < lengthof(words); i++)
        strv_add(&argv, words[i]);
    proc_clean_environment(&env);
    struct proc_opts o = PROC_OPTS_INIT;
    o.env = &env;
    progress_stage(t->opts->progress, name, "diffoscope", -1);
    unlink(file);
    int rc = proc_capture(&argv, &o, DIFF_SECONDS, DIFF_LIMIT, &said, &status);
    progress_done(t->opts->progress, name, NULL, 0);
    if (rc < 0 && rc != E_SIGNAL)
        warn("diffoscope: %s", err_message());
    else if (rc == 0 && !fs_exists(file))
        warn("diffoscope wrote nothing: %.200s", said ? said : "");
    err_clear();
    return fs_exists(file) ? steal(&file) : NULL;
}

static int not_the_same(const struct twice *t, const struct bundle_copy *one,
                        const struct bundle_copy *other)
{
    autostrv paths = {0};
    const char *name = one->r->name;
    int rc = manifest_compare(one->dir, other->dir, &paths);
    if (rc < 0)
        return rc;
    autofree char *more = diffoscope(t, name, one->dir, other->dir);
    autofree char *some = lock_some_files(&paths);
    rc = proc_check();
    if (rc < 0)
        return rc;
    rc =
        fail(E_INTEGRITY,
             "%s is not reproducible here: built twice, %zu file%s: %s (manifests %.12s and %.12s)",
             name, paths.n, paths.n == 1 ? " differs" : "s differ", some, bundle_copy_digest(one),
             bundle_copy_digest(other));
    if (more)
        return err_hint(rc, "diffoscope tells in what: %s", more);
    return err_hint(rc, "the first build stays as it was installed; diffoscope, where it is "
                        "installed, tells in what they differ");
}

static int compare_one(const struct twice *t, const char *name, json_t *proven)
{
    struct receipt *first = NULL, *second = NULL;
    struct bundle_copy one = {0}, other = {0};
    struct store here, there;
    store_open(&here, t->opts->root);
    store_open(&there, t->root);
    progress_stage(t->opts->progress, name, "compare", -1);
    int rc = read_receipt(t->opts->root, name, &first);
    if (rc == 0)
        rc = read_receipt(t->root, name, &second);
    if (rc == 0)
        rc = bundle_copy_make(&here, first, BUNDLE_MAIN, t->opts->cache, &one);
    if (rc == 0)
        rc = bundle_copy_make(&there, second, BUNDLE_MAIN, t->opts->cache, &other);
    if (rc == 0 && strcmp(bundle_copy_digest(&one), bundle_copy_digest(&other)) != 0)
        rc = not_the_same(t, &one, &other);
    if (rc == 0)
        json_array_append_new(
            proven, json_pack("{s:s, s:s}", "name", name, "manifest", bundle_copy_digest(&one)));
    progress_done(t->opts->progress, name, NULL, 0);
    bundle_copy_free(&one);
    bundle_copy_free(&other);
    receipt_free(first);
    receipt_free(second);
    store_close(&here);
    store_close(&there);
    return rc;
}

static void add_names(struct twice *t, json_t *report, const char *key)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(report, key), i, one)
        strv_add(&t->names, json_text(one, "name"));
}

static int once_more(struct twice *t, const char *const *specs, size_t n, json_t *report)
{
    json_t *proven = json_array();
    json_object_set_new(report, "reproducible", proven);
    int rc = make_place(t);
    if (rc == 0)
        rc = hand_on_training(t);
    if (rc == 0)
        rc = build_again(t, specs, n);
    if (rc == E_BUILD)
        return rc; /* the message names a log in there */
    for (size_t i = 0; rc == 0 && i < t->names.n; i++)
        rc = compare_one(t, t->names.v[i], proven);
    if (t->dir)
        fs_remove_tree(t->dir);
    return rc;
}

int reproduce_check(const char *const *specs, size_t n, const struct install_opts *opts,
                    json_t **report)
{
    struct twice t = {.opts = opts};
    int rc = install_run(specs, n, opts, report);
    add_names(&t, *report, "unchanged");
    add_names(&t, *report, "installed");
    if (rc == 0)
        rc = once_more(&t, specs, n, *report);
    twice_free(&t);
    return rc;
}
