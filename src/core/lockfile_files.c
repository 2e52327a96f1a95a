#include "core/lockfile_files.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/bundle.h"
#include "core/manifest.h"
#include "io/archive.h"

enum { NAMED = 5 }; /* files that a message names */

static int unpack(const char *file, const char *dir)
{
    const struct archive_limits limits = {
        .bytes = 4ull << 30, .entries = 50000, .kind = "a bundle of ungil"};
    return archive_unpack(file, dir, 1, &limits);
}

int lock_differing_files(const char *cache, const char *sha256, const char *copy,
                         struct strv *paths)
{
    autofree char *file = NULL, *dir = NULL, *parent = path_join(cache, "pack");
    int rc = bundle_cache_find(cache, sha256, &file);
    if (rc == 0)
        rc = fs_mkdirs(parent, 0755);
    if (rc == 0)
        rc = fs_mkdtemp(parent, "compare", &dir);
    if (rc < 0)
        return rc;
    rc = unpack(file, dir);
    if (rc == 0)
        rc = manifest_compare(dir, copy, paths);
    fs_remove_tree(dir);
    return rc;
}

char *lock_some_files(const struct strv *paths)
{
    autostrv some = {0};
    for (size_t i = 0; i < paths->n && i < NAMED; i++)
        strv_add(&some, paths->v[i]);
    autofree char *names = strv_join(&some, ", ");
    return paths->n > NAMED ? xasprintf("%s and %zu more", names, paths->n - NAMED) : steal(&names);
}
