/* Paths as text; declared in fs.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

char *path_join(const char *dir, const char *name)
{
    if (name[0] == '/' || !*dir)
        return xstrdup(name);
    return xasprintf(str_ends(dir, "/") ? "%s%s" : "%s/%s", dir, name);
}

char *path_absolute(const char *path)
{
    autofree char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
    autofree char *full = path[0] == '/' ? xstrdup(path) : path_join(cwd ? cwd : "/", path);
    autostr out = {0};
    for (char *save = NULL, *part = strtok_r(full, "/", &save); part;
         part = strtok_r(NULL, "/", &save)) {
        if (strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") == 0) {
            while (out.len > 0 && out.s[--out.len] != '/')
                ;
            if (out.s)
                out.s[out.len] = '\0';
            continue;
        }
        str_addf(&out, "/%s", part);
    }
    return out.len ? str_take(&out) : xstrdup("/");
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return xstrdup(".");
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}
