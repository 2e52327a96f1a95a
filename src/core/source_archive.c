/* Sources from archives: tarballs over HTTP or from a file, and Debian's orig.tar. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/progress.h"
#include "core/recipe.h"
#include "core/source_try.h"
#include "io/apt.h"
#include "io/archive.h"
#include "io/digest.h"
#include "io/http.h"

static const char *const endings[] = {".tar.xz", ".tar.gz", ".tgz", ".tar.bz2", ".tar.zst"};

static const char *ending_of(const char *name)
{
    for (size_t i = 0; i < lengthof(endings); i++)
        if (str_ends(name, endings[i]))
            return endings[i];
    return NULL;
}

bool source_is_archive(const char *name)
{
    return ending_of(name) != NULL;
}

/* The digest pinned for an archive with that ending; NULL: none. */
static const char *pinned_digest(const struct pin *pin, const char *ending)
{
    if (ending && strcmp(ending, ".tar.xz") == 0)
        return pin->sha256_xz;
    if (ending && (strcmp(ending, ".tgz") == 0 || strcmp(ending, ".tar.gz") == 0))
        return pin->sha256_tgz;
    return NULL;
}

static int mismatch(const struct attempt *a, const char *what, const char *got, const char *pin)
{
    int rc = fail(E_INTEGRITY, "%s has SHA-256 %s, the recipe pins %s for %s", what, got, pin,
                  a->pin->release);
    return err_hint(rc, "the archive was changed, or it is another release: nothing was kept");
}

/* A kind of archive whose digest the recipe does not know is used only with --unpinned. */
static int require_pin(const struct attempt *a, const char *name, const char *pin)
{
    if (pin || a->opts->unpinned)
        return 0;
    int rc = fail(E_NOTFOUND, "the recipe pins no digest of %s", name);
    return err_hint(rc, "--unpinned accepts it unverified, and records that");
}

/* Unpacks a verified archive into its place. */
static int unpack(const struct attempt *a, const char *file, const char *sha256, struct source *out)
{
    static const struct archive_limits limits = ARCHIVE_LIMITS_SOURCE;
    autofree char *dir = NULL;
    int rc = source_tree_new(a, &dir);
    if (rc < 0)
        return rc;
    progress_stage(a->opts->progress, "source", "unpack", -1);
    rc = archive_unpack(file, dir, 1, &limits);
    if (rc < 0) {
        fs_remove_tree(dir);
        return rc;
    }
    out->sha256 = xstrdup(sha256);
    out->date = xstrdup(a->pin->date);
    return source_tree_keep(a, dir, sha256, out);
}

/* <cache>/tarballs/SHA256.tar.xz, owned; the directory is made. */
static int cache_name(const struct attempt *a, const char *sha256, const char *ending, char **path)
{
    autofree char *dir = path_join(a->opts->cache, "tarballs");
    *path = xasprintf("%s/%s%s", dir, sha256, ending);
    return fs_mkdirs(dir, 0755);
}

/* True when the cache holds the archive, whole; a damaged one is removed. */
static bool is_cached(const char *path, const char *sha256)
{
    char got[SHA256_HEX];
    if (!fs_exists(path) || digest_file(path, got) < 0)
        return false;
    if (strcmp(got, sha256) == 0)
        return true;
    unlink(path);
    return false;
}

static int not_cached(const struct attempt *a)
{
    return fail(E_NOTFOUND, "offline: no archive of %s in the cache", a->pin->release);
}

/* A file of the user's own: read where it is. */
static int use_file(struct attempt *a, const char *file, struct source *out)
{
    char got[SHA256_HEX];
    const char *pin = pinned_digest(a->pin, ending_of(file));
    a->host_down = true; /* there is only this one */
    if (!fs_exists(file))
        return fail(E_NOTFOUND, "there is no file %s", file);
    int rc = require_pin(a, path_base(file), pin);
    if (rc == 0)
        rc = digest_file(file, got);
    if (rc < 0)
        return rc;
    if (pin && strcmp(pin, got) != 0)
        return mismatch(a, file, got, pin);
    out->location = path_absolute(file);
    out->pinned = pin != NULL;
    rc = source_tree_find(a, got, out);
    return rc == E_NOTFOUND ? unpack(a, file, got, out) : rc;
}

/* Without a pin the name is only known afterwards. */
static int download_unpinned(struct attempt *a, const char *url, struct source *out)
{
    char got[SHA256_HEX];
    autofree char *part = NULL, *file = NULL, *name = xasprintf("unpinned-%d", (int)getpid());
    struct http_progress progress = {source_progress_bytes, a};
    int rc = cache_name(a, name, ending_of(url) ? ending_of(url) : ".tar", &part);
    if (rc == 0)
        rc = http_download(url, part, NULL, got, &progress, &a->host_down);
    if (rc == 0)
        rc = cache_name(a, got, ending_of(url) ? ending_of(url) : ".tar", &file);
    if (rc == 0 && rename(part, file) < 0)
        rc = fail_errno(E_FAILED, "cannot rename %s", part);
    return rc < 0 ? rc : unpack(a, file, got, out);
}

/* The URL of the pinned archive, .tar.xz rather than .tgz; owned. */
static char *recipe_url(const struct attempt *a)
{
    const char *ending = a->pin->sha256_xz || !a->pin->sha256_tgz ? "tar.xz" : "tgz";
    autofree char *file = xasprintf("Python-%s.%s", a->pin->release, ending);
    return recipe_tarball_url(a->recipe, a->pin->release, a->opts->mirror, file);
}

int source_try_tarball(struct attempt *a, struct source *out)
{
    if (a->from && !strstr(a->from, "://"))
        return use_file(a, a->from, out);
    autofree char *url = a->from ? xstrdup(a->from) : recipe_url(a);
    autofree char *file = NULL;
    const char *ending = ending_of(url), *pin = pinned_digest(a->pin, ending);
    char got[SHA256_HEX];
    struct http_progress progress = {source_progress_bytes, a};
    out->location = str_public_url(url);
    out->pinned = pin != NULL;
    int rc = require_pin(a, path_base(url), pin);
    if (rc < 0)
        return rc;
    if (!pin)
        return a->opts->offline ? not_cached(a) : download_unpinned(a, url, out);
    rc = cache_name(a, pin, ending, &file);
    if (rc == 0 && !is_cached(file, pin)) {
        if (a->opts->offline)
            return not_cached(a);
        rc = http_download(url, file, pin, got, &progress, &a->host_down);
    }
    return rc < 0 ? rc : unpack(a, file, pin, out);
}

/* "3.13.5" in "python3.13_3.13.5.orig.tar.xz", but not in "Python-3.13.50.tgz". */
static bool names_release(const char *name, const char *release)
{
    size_t n = strlen(release);
    for (const char *p = name; (p = strstr(p, release)); p++) {
        char before = p > name ? p[-1] : ' ', after = p[n];
        if (!isalnum((unsigned char)before) && before != '.' && !isalnum((unsigned char)after) &&
            !(after == '.' && isdigit((unsigned char)p[n + 1])))
            return true;
    }
    return false;
}

int source_archive_release(const char *from, const struct pin *const *candidates, size_t n,
                           bool unpinned, size_t *which)
{
    char got[SHA256_HEX] = "";
    bool local = !strstr(from, "://");
    *which = 0;
    if (n < 2 || (local && !fs_exists(from)))
        return 0;
    int rc = local ? digest_file(from, got) : 0;
    if (rc < 0)
        return rc;
    for (*which = 0; *which < n; ++*which) {
        const struct pin *pin = candidates[*which];
        if (str_eq(pin->sha256_xz, got) || str_eq(pin->sha256_tgz, got))
            return 0;
    }
    for (*which = 0; *which < n; ++*which)
        if (names_release(path_base(from), candidates[*which]->release))
            return 0;
    *which = 0;
    if (!local || unpinned)
        return 0;
    rc = fail(E_INTEGRITY, "%s (SHA-256 %s) is none of the releases the recipe pins", from, got);
    return err_hint(rc, "--unpinned accepts it unverified, and records that");
}

/* ---- apt ---- */

/* Downloads what the index offers for the release, newest revision last in, first tried. */
static int apt_download(struct attempt *a, const char *state, const char *dir, char **file)
{
    struct strv *versions = a->packaged;
    int rc = versions->n ? 0 : apt_versions(state, a->recipe->apt, a->opts->offline, versions);
    if (rc < 0) {
        a->host_down = rc == E_UNREACHABLE;
        return rc;
    }
    if (versions->n == 0) {
        a->host_down = true;
        return fail(E_NOTFOUND, "the mirror has no source package %s", a->recipe->apt);
    }
    rc = fail(E_NOTFOUND, "not offered");
    for (size_t i = 0; i < versions->n && rc == E_NOTFOUND; i++) {
        autofree char *upstream = apt_upstream(versions->v[i]);
        if (str_eq(upstream, a->pin->release))
            rc = apt_orig(state, a->recipe->apt, versions->v[i], dir, file);
    }
    return rc;
}

/* The downloaded file is checked, gets its name in the cache and is unpacked from there. */
static int adopt(struct attempt *a, const char *downloaded, struct source *out)
{
    char got[SHA256_HEX];
    autofree char *file = NULL;
    const char *ending = ending_of(downloaded), *pin = pinned_digest(a->pin, ending);
    if (!ending)
        return fail(E_NOTFOUND, "%s is no archive ungil reads", path_base(downloaded));
    int rc = require_pin(a, path_base(downloaded), pin);
    if (rc == 0)
        rc = digest_file(downloaded, got);
    if (rc < 0)
        return rc;
    if (pin && strcmp(pin, got) != 0)
        return mismatch(a, path_base(downloaded), got, pin);
    out->pinned = pin != NULL;
    out->location = xasprintf("apt:%s", path_base(downloaded));
    rc = cache_name(a, got, ending, &file);
    if (rc == 0 && rename(downloaded, file) < 0)
        rc = fail_errno(E_FAILED, "cannot rename %s", downloaded);
    return rc < 0 ? rc : unpack(a, file, got, out);
}

int source_try_apt(struct attempt *a, struct source *out)
{
    autofree char *state = path_join(a->opts->cache, "apt");
    autofree char *dir = NULL, *downloaded = NULL, *cached = NULL;
    if (a->pin->sha256_xz) {
        int rc = cache_name(a, a->pin->sha256_xz, ".tar.xz", &cached);
        if (rc < 0)
            return rc;
        if (is_cached(cached, a->pin->sha256_xz)) {
            out->pinned = true;
            out->location = xasprintf("apt:%s", a->recipe->apt);
            return unpack(a, cached, a->pin->sha256_xz, out);
        }
    }
    if (a->opts->offline)
        return not_cached(a);
    int rc = fs_mkdirs(state, 0755);
    if (rc == 0)
        rc = fs_mkdtemp(state, "download", &dir);
    if (rc < 0)
        return rc;
    progress_update(a->opts->progress, "source", -1, "apt-get");
    rc = apt_download(a, state, dir, &downloaded);
    if (rc == 0)
        rc = adopt(a, downloaded, out);
    fs_remove_tree(dir);
    return rc;
}
