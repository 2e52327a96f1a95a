/* Bundles that are kept under their digest, see bundle.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/bundle.h"
#include "core/cache.h"
#include "io/digest.h"

static char *path_of(const char *cache, const char *sha256)
{
    return xasprintf("%s/bundles/%s.tar.zst", cache, sha256);
}

int bundle_cache_pack(const struct store *s, const struct receipt *r, const char *cache,
                      const struct progress *progress, struct bundle_made *made)
{
    autofree char *dir = path_join(cache, "bundles"), *packing = path_join(cache, "pack");
    autofree char *passing = NULL, *file = NULL;
    *made = (struct bundle_made){0};
    int rc = cache_use(cache);
    if (rc == 0)
        rc = fs_mkdirs(dir, 0755);
    if (rc == 0)
        rc = fs_mkdirs(packing, 0755);
    if (rc == 0) /* where a killed ungil's are swept by "clean" */
        rc = fs_mkdtemp(packing, "bundle", &passing);
    if (rc < 0)
        return rc;
    file = path_join(passing, "bundle.tar.zst");
    rc = bundle_pack(s, r, BUNDLE_MAIN, file, cache, progress, made);
    if (rc == 0) {
        str_set(&made->file, path_of(cache, made->sha256));
        if (rename(file, made->file) < 0)
            rc = fail_errno(E_FAILED, "cannot write %s", made->file);
    }
    fs_remove_tree(passing);
    if (rc < 0)
        bundle_made_free(made);
    return rc;
}

int bundle_cache_find(const char *cache, const char *sha256, char **file)
{
    char hex[SHA256_HEX];
    autofree char *path = path_of(cache, sha256);
    if (!fs_exists(path))
        return E_NOTFOUND;
    int rc = cache_use(cache);
    if (rc == 0)
        rc = digest_file(path, hex);
    if (rc < 0)
        return rc;
    if (strcmp(hex, sha256) != 0) {
        warn("%s is damaged, its SHA-256 is %s; it is deleted", path, hex);
        rc = cache_remove(path);
        return rc < 0 ? rc : E_NOTFOUND;
    }
    *file = steal(&path);
    return 0;
}
