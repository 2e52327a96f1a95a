/* See archive_name.h. */
#include "io/archive_name.h"

#include <stdbool.h>
#include <string.h>

#include "base/str.h"

char *archive_printable(const char *name)
{
    char *text = xstrndup(name, 200);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    return text;
}

int archive_depth(const char *path)
{
    int depth = 0;
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n == 2 && path[0] == '.' && path[1] == '.')
            return -1;
        depth += n > 0 && !(n == 1 && *path == '.');
        path += n + (path[n] == '/');
    }
    return depth;
}

char *archive_stripped(const char *path, int strip)
{
    autostr out = {0};
    for (int skip = strip; *path;) {
        size_t n = strcspn(path, "/");
        if (n > 0 && !(n == 1 && *path == '.') && skip-- <= 0) {
            if (out.len)
                str_add(&out, "/");
            str_addn(&out, path, n);
        }
        path += n + (path[n] == '/');
    }
    return str_take(&out);
}
