/* Packing: from an installed prefix to a bundle, see bundle.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/bundle.h"
#include "core/cache.h"
#include "core/dirs.h"
#include "core/manifest.h"
#include "core/receipt.h"
#include "core/relocate.h"
#include "core/runtime.h"
#include "core/store.h"
#include "core/text_json.h"
#include "io/archive.h"
#include "io/archive_write.h"
#include "io/digest.h"

enum { LEVEL = 19 }; /* packed once, fetched by hundreds; unpacking takes no longer */
enum { NAMED = 5 };  /* files that a message names */

/* ---- Parts ---- */

/* Whether one of the directories in `relative` has this name. */
static bool is_below(const char *relative, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = relative; (at = strstr(at, name)); at++)
        if ((at == relative || at[-1] == '/') && at[n] == '/')
            return true;
    return false;
}

/* Modules that only the test suite imports; --disable-test-modules leaves out the same. */
static bool is_test_module(const char *base)
{
    static const char *const heads[] = {"_test", "_ctypes_test", "_xxtestfuzz", "xxlimited",
                                        "xxsubtype"};
    for (size_t i = 0; i < lengthof(heads); i++)
        if (str_starts(base, heads[i]))
            return true;
    return false;
}

enum bundle_part bundle_part_of(const char *relative)
{
    if (str_ends(relative, ".a"))
        return BUNDLE_STATIC;
    if (str_starts(relative, "lib/debug/"))
        return BUNDLE_DEBUG;
    if (!str_starts(relative, "lib/python") || is_below(relative, "site-packages"))
        return BUNDLE_MAIN;
    if (is_below(relative, "lib-dynload"))
        return is_test_module(path_base(relative)) ? BUNDLE_TESTS : BUNDLE_MAIN;
    return is_below(relative, "test") || is_below(relative, "tests") ||
                   is_below(relative, "idle_test")
               ? BUNDLE_TESTS
               : BUNDLE_MAIN;
}

/* ---- The copy, as it was installed ---- */

struct packing {
    const struct store *store;
    const struct receipt *r;
    enum bundle_part part;
    char *prefix, *copy; /* where it is installed, and the copy that becomes the bundle */
    struct strv changed; /* files that are not as they were installed */
    size_t files;
    struct archive_writer *writer;
    struct strv libraries; /* "SHA-256 NAME" of static libraries that are in the archive */
};

static void packing_free(struct packing *p)
{
    if (p->copy)
        fs_remove_tree(p->copy);
    free(p->prefix);
    free(p->copy);
    strv_free(&p->changed);
    strv_free(&p->libraries);
}

static int copy_file(struct packing *p, const struct archive_mtree_entry *e, const char *from,
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

static int copy_link(struct packing *p, const struct archive_mtree_entry *e, const char *from,
                     const char *to)
{
    autofree char *target = NULL;
    if (fs_read_link(from, &target) < 0 || !str_eq(target, e->link)) {
        err_clear();
        strv_add(&p->changed, e->path);
        return 0;
    }
    if (!fs_link_stays_inside(e->path, target)) /* what comes next may be written through it */
        return fail(E_INTEGRITY, "%s is not packed: its link %s leads out of it", p->r->name,
                    e->path);
    return symlink(target, to) < 0 ? fail_errno(E_FAILED, "cannot make the link %s", to) : 0;
}

/* Directories come into being with what they hold. */
static int copy_one(const struct archive_mtree_entry *e, void *arg)
{
    struct packing *p = arg;
    int rc = proc_check();
    if (rc < 0 || (e->type != 'f' && e->type != 'l') || bundle_part_of(e->path) != p->part)
        return rc;
    autofree char *from = path_join(p->prefix, e->path), *to = path_join(p->copy, e->path);
    autofree char *dir = path_dir(to);
    rc = fs_mkdirs(dir, 0755);
    if (rc < 0)
        return rc;
    p->files++;
    return e->type == 'f' ? copy_file(p, e, from, to) : copy_link(p, e, from, to);
}

static int not_as_installed(const struct packing *p)
{
    autostrv some = {0};
    for (size_t i = 0; i < p->changed.n && i < NAMED; i++)
        strv_add(&some, p->changed.v[i]);
    autofree char *names = strv_join(&some, ", ");
    int rc = fail(E_INTEGRITY, "%s is not packed: %zu of its files %s not as installed: %s%s",
                  p->r->name, p->changed.n, p->changed.n == 1 ? "is" : "are", names,
                  p->changed.n > NAMED ? " ..." : "");
    return err_hint(rc,
                    "\"ungil verify --files %s\" names all; \"ungil install --force\" makes it "
                    "anew",
                    p->r->name);
}

static int make_copy(struct packing *p, const char *cache)
{
    autofree char *dir = path_join(cache, "pack");
    int rc = cache_use(cache);
    if (rc == 0)
        rc = fs_mkdirs(dir, 0755);
    if (rc == 0)
        rc = fs_mkdtemp(dir, p->r->name, &p->copy);
    if (rc < 0)
        return rc;
    autofree char *manifest = path_join(p->prefix, "ungil.mtree");
    rc = archive_mtree_read(manifest, copy_one, p);
    if (rc == E_NOTFOUND && !*err_message())
        rc = fail(E_FAILED, "%s has no manifest", p->prefix);
    if (rc == 0 && p->changed.n > 0)
        rc = not_as_installed(p);
    if (rc == 0 && p->files == 0)
        rc = fail(E_NOTFOUND, "%s has no part \"%s\"", p->r->name, bundle_part_names[p->part]);
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

static int settle(struct packing *p, char **platform)
{
    autofree char *configured = dirs_configured_prefix(p->r->name), *digest = NULL;
    const char *now = json_text(p->r->json, "root_prefix");
    json_t *runtime = NULL, *json = bundle_receipt(p->r, p->part);
    int rc = relocate_prefix(p->copy, now, configured, NULL, NULL);
    if (rc == 0)
        rc = fs_walk(p->copy, plain_mode, NULL);
    if (rc == 0)
        rc = runtime_collect(p->part == BUNDLE_MAIN ? p->copy : p->prefix, &runtime);
    if (rc == 0)
        rc = manifest_write(p->copy, &digest);
    if (rc == 0) {
        *platform = runtime_platform(runtime);
        json_object_set_new(json, "platform", json_string(*platform));
        if (p->part == BUNDLE_MAIN)
            json_object_set(json, "runtime", runtime);
        json_object_set_new(json, "manifest", json_pack("{s:s}", "digest", digest));
        rc = receipt_write(p->copy, json);
    }
    json_decref(runtime);
    json_decref(json);
    return rc;
}

/* ---- The archive ---- */

/* The name of an equal static library that is in the archive; NULL. Upstream has two of each. */
static int same_library(struct packing *p, const char *name, const char *path, char **same)
{
    char hex[SHA256_HEX];
    int rc = digest_file(path, hex);
    for (size_t i = 0; rc == 0 && i < p->libraries.n && !*same; i++)
        if (strncmp(p->libraries.v[i], hex, SHA256_HEX - 1) == 0)
            *same = xstrdup(p->libraries.v[i] + SHA256_HEX);
    if (rc == 0 && !*same)
        strv_addf(&p->libraries, "%s %s", hex, name);
    return rc;
}

static int add_one(const char *relative, const char *path, const struct stat *st, void *arg)
{
    struct packing *p = arg;
    if (strcmp(relative, "ungil.json") == 0 || strcmp(relative, "ungil.mtree") == 0)
        return 0; /* they came first */
    autofree char *name = xasprintf("%s/%s", p->r->name, relative), *same = NULL;
    int rc = 0;
    if (S_ISREG(st->st_mode) && p->part == BUNDLE_STATIC)
        rc = same_library(p, name, path, &same);
    return rc < 0 ? rc : archive_writer_add(p->writer, name, path, st, same);
}

static int add_head(struct packing *p, const char *relative)
{
    autofree char *path = *relative ? path_join(p->copy, relative) : xstrdup(p->copy);
    autofree char *name = xasprintf("%s/%s", p->r->name, relative);
    struct stat st;
    if (lstat(path, &st) < 0)
        return fail_errno(E_FAILED, "cannot read %s", path);
    st.st_mode = S_ISDIR(st.st_mode) ? S_IFDIR | 0755 : S_IFREG | 0644;
    return archive_writer_add(p->writer, name, path, &st, NULL);
}

static long release_time(const struct receipt *r)
{
    json_t *source = json_object_get(r->json, "source");
    const char *date = json_text(source, "date");
    long seconds = *date ? clock_epoch(date) : -1;
    return seconds > 0 ? seconds : 1;
}

static int write_archive(struct packing *p, const char *file)
{
    struct archive_writer_opts opts = {.mtime = release_time(p->r), .level = LEVEL};
    int rc = archive_writer_open(file, &opts, &p->writer);
    if (rc < 0)
        return rc;
    rc = add_head(p, "");
    if (rc == 0)
        rc = add_head(p, "ungil.json");
    if (rc == 0)
        rc = add_head(p, "ungil.mtree");
    if (rc == 0)
        rc = fs_walk(p->copy, add_one, p);
    int closed = archive_writer_close(p->writer, rc == 0);
    return rc < 0 ? rc : closed;
}

static char *file_name(const struct packing *p, const char *file, const char *platform)
{
    bool main_part = p->part == BUNDLE_MAIN;
    autofree char *name = xasprintf("%s-%s%s%s.tar.zst", p->r->name, platform, main_part ? "" : "-",
                                    main_part ? "" : bundle_part_names[p->part]);
    if (!file)
        return steal(&name);
    struct stat st;
    bool directory = str_ends(file, "/") || (stat(file, &st) == 0 && S_ISDIR(st.st_mode));
    return directory ? path_join(file, name) : xstrdup(file);
}

static int describe(struct bundle_made *made)
{
    char hex[SHA256_HEX];
    struct stat st;
    autofree char *real = realpath(made->file, NULL); /* no digest is made through a link */
    int rc = digest_file(real ? real : made->file, hex);
    if (rc == 0 && stat(made->file, &st) < 0)
        rc = fail_errno(E_FAILED, "cannot read %s", made->file);
    if (rc < 0)
        return rc;
    made->sha256 = xstrdup(hex);
    made->bytes = (unsigned long long)st.st_size;
    return 0;
}

int bundle_pack(const struct store *s, const struct receipt *r, enum bundle_part part,
                const char *file, const char *cache, struct bundle_made *made)
{
    struct packing p = {.store = s, .r = r, .part = part, .prefix = store_prefix(s, r->name)};
    autofree char *platform = NULL;
    *made = (struct bundle_made){0};
    int rc = make_copy(&p, cache);
    if (rc == 0)
        rc = settle(&p, &platform);
    if (rc == 0) {
        made->file = file_name(&p, file, platform);
        rc = write_archive(&p, made->file);
    }
    if (rc == 0)
        rc = describe(made);
    packing_free(&p);
    if (rc < 0)
        bundle_made_free(made);
    return rc;
}

void bundle_made_free(struct bundle_made *m)
{
    free(m->file);
    free(m->sha256);
    *m = (struct bundle_made){0};
}
