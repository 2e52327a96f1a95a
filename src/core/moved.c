#include "core/moved.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/linked_copy.h"
#include "core/manifest.h"
#include "core/receipt.h"
#include "core/relocate.h"
#include "core/store.h"
#include "core/text_json.h"

bool moved_is(const struct store *s, const struct receipt *r)
{
    autofree char *prefix = store_prefix(s, r->name);
    const char *then = json_text(r->json, "root_prefix");
    return *then && strcmp(then, prefix) != 0;
}

/* Programs and libraries are changed in place, and so must be files of their own. */
static int own_binaries(const char *copy, const char *dir, const char *beginning)
{
    autofree char *path = path_join(copy, dir);
    autostrv names = {0};
    int rc = fs_is_dir(path) ? fs_list(path, &names) : 0; /* a link may lead anywhere */
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        autofree char *file = path_join(path, names.v[i]), *own = xasprintf("%s.own", file);
        struct stat st;
        if (!str_starts(names.v[i], beginning) || lstat(file, &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        rc = fs_remove_tree(own);
        if (rc == 0)
            rc = fs_copy_file(file, own);
        if (rc == 0 && rename(own, file) < 0)
            rc = fs_remove_tree(own) < 0 ? E_FAILED : fail_errno(E_FAILED, "cannot write %s", file);
    }
    return rc;
}

static int make_right(struct store *s, struct receipt *r, const char *copy, bool dry_run,
                      struct strv *files)
{
    autofree char *prefix = store_prefix(s, r->name), *digest = NULL;
    autofree char *then = xstrdup(json_text(r->json, "root_prefix"));
    int rc = linked_copy(prefix, copy);
    if (rc == 0)
        rc = own_binaries(copy, "bin", "python");
    if (rc == 0)
        rc = own_binaries(copy, "lib", "libpython");
    if (rc == 0)
        rc = relocate_prefix(copy, then, prefix, NULL, files);
    if (rc < 0 || dry_run)
        return rc;
    rc = manifest_write(copy, &digest);
    if (rc < 0)
        return rc;
    json_object_set_new(r->json, "manifest", json_pack("{s:s}", "digest", digest));
    json_object_set_new(r->json, "root_prefix", text_json(prefix));
    rc = receipt_write(copy, r->json);
    const struct store_commit commit = {.name = r->name, .prefix = copy};
    return rc < 0 ? rc : store_commit(s, &commit, 1);
}

int moved_relocate(struct store *s, struct receipt *r, bool dry_run, struct strv *files)
{
    autofree char *dir = NULL;
    int rc = store_stage(s, r->name, &dir);
    if (rc < 0)
        return rc;
    autofree char *copy = path_join(dir, r->name);
    rc = make_right(s, r, copy, dry_run, files);
    int removed = fs_remove_tree(dir);
    return rc < 0 ? rc : removed;
}
