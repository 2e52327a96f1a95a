/* Copies of installed prefixes, see bundle_copy.h. */
#include "core/bundle_copy.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "core/cache.h"
#include "core/dirs.h"
#include "core/manifest.h"
#include "core/receipt.h"
#include "core/relocate.h"
#include "core/runtime.h"
#include "core/store.h"
#include "core/text_json.h"
#include "io/archive.h"
#include "io/digest.h"

enum { NAMED = 5 }; /* files that a message names */

/* ---- As it was installed ---- */

struct copying {
    struct bundle_copy *to;
    struct strv changed; /* files that are not as they were installed */
    size_t files;
};

static int copy_file(struct copying *p, const struct archive_mtree_entry *e, const char *from,
                     const char *to)
{
    char hex[SHA256_HEX];
    struct stat st;
    if (lstat(from, &st) < 0 || !S_ISREG(st.st_mode)) {
        strv_add(&p->changed, e->path);
        return 0;
    }
    int rc = fs_copy_file(from, to);
    if (rc == 0)
        rc = digest_file(to, hex);
    if (rc == 0 && strcmp(hex, e->sha256) != 0)
        strv_add(&p->changed, e->path);
    return rc;
}

static int copy_link(struct copying *p, const struct archive_mtree_entry *e, const char *from,
                     const char *to)
{
    autofree char *target = NULL;
    if (fs_read_link(from, &target) < 0 || !str_eq(target, e->link)) {
        err_clear();
        strv_add(&p->changed, e->path);
        return 0;
    }
    if (!fs_link_stays_inside(e->path, target)) /* what comes next may be written through it */
        return fail(E_INTEGRITY, "%s is not packed: its link %s leads out of it", p->to->r->name,
                    e->path);
    return symlink(target, to) < 0 ? fail_errno(E_FAILED, "cannot make the link %s", to) : 0;
}

/* Directories come into being with what they hold. */
static int copy_one(const struct archive_mtree_entry *e, void *arg)
{
    struct copying *p = arg;
    int rc = proc_check();
    if (rc < 0 || (e->type != 'f' && e->type != 'l') || bundle_part_of(e->path) != p->to->part)
        return rc;
    autofree char *from = path_join(p->to->prefix, e->path), *to = path_join(p->to->dir, e->path);
    autofree char *dir = path_dir(to);
    rc = fs_mkdirs(dir, 0755);
    if (rc < 0)
        return rc;
    p->files++;
    return e->type == 'f' ? copy_file(p, e, from, to) : copy_link(p, e, from, to);
}

static int not_as_installed(const struct copying *p)
{
    autostrv some = {0};
    for (size_t i = 0; i < p->changed.n && i < NAMED; i++)
        strv_add(&some, p->changed.v[i]);
    autofree char *names = strv_join(&some, ", ");
    int rc = fail(E_INTEGRITY, "%s is not packed: %zu of its files %s not as installed: %s%s",
                  p->to->r->name, p->changed.n, p->changed.n == 1 ? "is" : "are", names,
                  p->changed.n > NAMED ? " ..." : "");
    return err_hint(rc,
                    "\"ungil verify --files %s\" names all; \"ungil install --force\" makes it "
                    "anew",
                    p->to->r->name);
}

static int make_copy(struct copying *p, const char *cache)
{
    autofree char *dir = path_join(cache, "pack");
    int rc = cache_use(cache);
    if (rc == 0)
        rc = fs_mkdirs(dir, 0755);
    if (rc == 0)
        rc = fs_mkdtemp(dir, p->to->r->name, &p->to->dir);
    if (rc < 0)
        return rc;
    autofree char *manifest = path_join(p->to->prefix, "ungil.mtree");
    rc = archive_mtree_read(manifest, copy_one, p);
    if (rc == E_NOTFOUND && !*err_message())
        rc = fail(E_FAILED, "%s has no manifest", p->to->prefix);
    if (rc == 0 && p->changed.n > 0)
        rc = not_as_installed(p);
    if (rc == 0 && p->files == 0)
        rc = fail(E_NOTFOUND, "%s has no part \"%s\"", p->to->r->name,
                  bundle_part_names[p->to->part]);
    return rc;
}

/* ---- Made equal ---- */

/* The umask of who built it has no say. */
static int plain_mode(const char *relative, const char *path, const struct stat *st, void *arg)
{
    (void)relative;
    (void)arg;
    mode_t mode = S_ISDIR(st->st_mode) || (st->st_mode & 0111) ? 0755 : 0644;
    if (S_ISLNK(st->st_mode) || (st->st_mode & 07777) == mode || chmod(path, mode) == 0)
        return 0;
    return fail_errno(E_FAILED, "cannot change the mode of %s", path);
}

static int describe(struct bundle_copy *c)
{
    autofree char *digest = NULL;
    json_t *runtime = NULL;
    int rc = runtime_collect(c->part == BUNDLE_MAIN ? c->dir : c->prefix, &runtime);
    if (rc == 0)
        rc = manifest_write(c->dir, &digest);
    if (rc == 0) {
        c->json = bundle_receipt(c->r, c->part);
        c->platform = runtime_platform(runtime);
        json_object_set_new(c->json, "platform", json_string(c->platform));
        if (c->part == BUNDLE_MAIN)
            json_object_set(c->json, "runtime", runtime);
        json_object_set_new(c->json, "manifest", json_pack("{s:s}", "digest", digest));
        rc = receipt_write(c->dir, c->json);
    }
    json_decref(runtime);
    return rc;
}

/* Rewritten for the prefix that it was configured for. Where its interpreter does not run, what it
 * had compiled would be missing without a word, and the bundle would not be the one that another
 * machine makes. */
static int relocate_copy(const struct bundle_copy *c)
{
    autofree char *configured = dirs_configured_prefix(c->r->name);
    autostrv changed = {0};
    int rc =
        relocate_prefix(c->dir, json_text(c->r->json, "root_prefix"), configured, NULL, &changed);
    for (size_t i = 0; rc == 0 && i < changed.n; i++) {
        autofree char *path = path_join(c->dir, changed.v[i]);
        if (str_ends(path, ".pyc") && !fs_exists(path)) {
            rc = fail(E_FAILED,
                      "%s cannot be packed: its interpreter does not run in %s to compile %s",
                      c->r->name, c->dir, changed.v[i]);
            err_hint(rc,
                     "\"ungil verify %s\" says why; if it runs there, XDG_CACHE_HOME names another "
                     "place for the copy (this one may be mounted noexec)",
                     c->r->name);
        }
    }
    return rc;
}

int bundle_copy_make(const struct store *s, const struct receipt *r, enum bundle_part part,
                     const char *cache, struct bundle_copy *out)
{
    autofree char *prefix = store_prefix(s, r->name);
    return bundle_copy_make_of(prefix, r, part, cache, out);
}

int bundle_copy_make_of(const char *prefix, const struct receipt *r, enum bundle_part part,
                        const char *cache, struct bundle_copy *out)
{
    struct copying p = {.to = out};
    *out = (struct bundle_copy){
        .r = r, .part = part, .prefix = xstrdup(prefix), .mtime = bundle_time(r)};
    int rc = make_copy(&p, cache);
    strv_free(&p.changed);
    if (rc == 0)
        rc = relocate_copy(out);
    if (rc == 0)
        rc = fs_walk(out->dir, plain_mode, NULL);
    return rc == 0 ? describe(out) : rc;
}

const char *bundle_copy_digest(const struct bundle_copy *c)
{
    return json_text(json_object_get(c->json, "manifest"), "digest");
}

void bundle_copy_free(struct bundle_copy *c)
{
    if (c->dir)
        fs_remove_tree(c->dir);
    free(c->prefix);
    free(c->dir);
    free(c->platform);
    json_decref(c->json);
    *c = (struct bundle_copy){0};
}
