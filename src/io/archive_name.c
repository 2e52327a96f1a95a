/* See archive_name.h. */
#include "io/archive_name.h"

#include <stdbool.h>
#include <string.h>

#include "base/str.h"

bool archive_is_control(const char *c)
{
    unsigned char first = (unsigned char)c[0];
    if (first == 0xc2) /* U+0080 to U+009F in UTF-8; one of them begins what ESC [ begins */
        return (unsigned char)c[1] >= 0x80 && (unsigned char)c[1] < 0xa0;
    return first < ' ' || first == 0x7f;
}

char *archive_printable(const char *name)
{
    char *text = xstrndup(name, 200);
    for (char *p = text; *p; p++)
        if (archive_is_control(p))
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
