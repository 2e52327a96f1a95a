/* `ungil lock --check`: see lockfile_work.h. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/bundle_copy.h"
#include "core/lockfile_facts.h"
#include "core/lockfile_files.h"
#include "core/lockfile_work.h"
#include "core/machine.h"
#include "core/progress.h"
#include "core/receipt.h"
#include "core/runtime.h"
#include "core/store.h"
#include "core/text_json.h"

static const char *const not_compared[] = {"sha256", NULL}; /* of the packing, not of what is */

struct checking {
    const struct store *store;
    const struct lock_opts *opts;
    char *platform;
    struct lockfile lock;
    struct lock_differences d;
};

/* Of the manifest that has just been found to differ. */
static int add_files(struct checking *c, const char *name, const char *copy)
{
    const char *sha256 =
        lock_get(lockfile_find(&c->lock, LOCK_BUNDLE, name, c->platform), "sha256");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->d.n; i++)
        if (strcmp(c->d.all[i].where, name) == 0 && strcmp(c->d.all[i].what, "manifest") == 0)
            rc = lock_differing_files(c->opts->cache, sha256, copy, &c->d.all[i].files);
    return rc == E_NOTFOUND ? 0 : rc;
}

/* What its receipt says, and its files, read now. */
static int compare(struct checking *c, const struct receipt *r)
{
    autolockfile here = {0};
    struct bundle_copy copy = {0};
    int rc = lock_add_installed(&here, r, c->platform);
    if (rc == E_FAILED) { /* nobody would have locked that */
        lock_differ(&c->d, r->name, "receipt", "one that says what it was built from",
                    err_message());
        err_clear();
        return 0;
    }
    if (rc == 0)
        rc = bundle_copy_make(c->store, r, BUNDLE_MAIN, c->opts->cache, &copy);
    if (rc == E_INTEGRITY) {
        lock_differ(&c->d, r->name, "files", "them as they were installed", err_message());
        err_clear();
        rc = 0;
    } else if (rc == 0) {
        lock_set(lockfile_find(&here, LOCK_BUNDLE, r->name, c->platform), "manifest",
                 bundle_copy_digest(&copy));
        lock_compare(&c->lock, &here, r->name, c->platform, not_compared, &c->d);
        rc = add_files(c, r->name, copy.dir);
    }
    bundle_copy_free(&copy);
    return rc;
}

static int check_one(struct checking *c, const char *name)
{
    struct receipt *r = NULL;
    autofree char *prefix = store_prefix(c->store, name);
    int rc = receipt_read(prefix, &r);
    if (rc == E_NOTFOUND) {
        lock_differ(&c->d, name, "installed", "yes", "no");
        return 0;
    }
    if (rc < 0)
        return rc;
    progress_stage(c->opts->progress, name, "compare", -1);
    rc = compare(c, r);
    progress_done(c->opts->progress, name, NULL, 0);
    receipt_free(r);
    return rc;
}

static int check_all(struct checking *c, const struct strv *names)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < names->n; i++) {
        const char *release = lockfile_find(&c->lock, LOCK_INTERPRETER, names->v[i], "")->release;
        autostrv platforms = {0};
        lockfile_platforms(&c->lock, release, &platforms);
        autofree char *known = strv_join(&platforms, ", ");
        if (strv_has(&platforms, c->platform))
            rc = check_one(c, names->v[i]);
        else
            lock_differ(&c->d, release, "platform", known, c->platform);
    }
    return rc;
}

static int verdict(const struct checking *c)
{
    if (c->d.n == 0)
        return 0;
    autofree char *text = lock_differences_text(&c->d, "    ");
    return err_hint(
        fail(E_INTEGRITY, "what is installed is not what %s names:\n%s", c->opts->file, text),
        "\"ungil install --locked\" makes it so; \"ungil lock\" writes down what is "
        "here");
}

int lock_check(const struct store *s, const struct lock_opts *opts, json_t **report)
{
    struct checking c = {.store = s, .opts = opts, .platform = runtime_platform_here()};
    autostrv names = {0};
    int rc = lockfile_read(opts->file, &c.lock);
    if (rc == 0) {
        lockfile_names(&c.lock, NULL, &names);
        rc = check_all(&c, &names);
    }
    *report = json_pack("{s:i, s:o, s:s, s:b, s:o, s:o}", "format", 1, "file",
                        text_json(opts->file), "platform", c.platform, "equal", c.d.n == 0,
                        "checked", texts_json(&names), "differences", lock_differences_json(&c.d));
    if (rc == 0)
        rc = verdict(&c);
    free(c.platform);
    lockfile_free(&c.lock);
    lock_differences_free(&c.d);
    return rc;
}
