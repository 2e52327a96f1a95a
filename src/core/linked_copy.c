#include "core/linked_copy.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"

static int link_one(const char *relative, const char *path, const struct stat *st, void *arg)
{
    autofree char *to = path_join(arg, relative), *target = NULL;
    int rc = proc_check();
    if (rc < 0)
        return rc;
    if (S_ISDIR(st->st_mode))
        return fs_mkdirs(to, st->st_mode & 07777);
    if (S_ISLNK(st->st_mode)) {
        rc = fs_read_link(path, &target);
        return rc < 0 ? rc : fs_symlink_replace(target, to);
    }
    unlink(to);
    return link(path, to) == 0 ? 0 : fs_copy_file(path, to);
}

int linked_copy(const char *from, const char *to)
{
    autofree char *dir = xstrdup(to);
    int rc = fs_mkdirs(to, 0755);
    return rc < 0 ? rc : fs_walk(from, link_one, dir);
}
