/* Which URLs git understands; see git.h. Needs no libgit2. */
#include "io/git_url.h"

#include <string.h>

#include "base/fs.h"
#include "base/str.h"
#include "io/git.h"

static bool is_scp_like(const char *text)
{
    const char *colon = strchr(text, ':'), *slash = strchr(text, '/'), *at = strchr(text, '@');
    return colon && at && at < colon && (!slash || colon < slash) && !strstr(text, "://");
}

bool git_url_is_ssh(const char *url)
{
    return str_starts(url, "ssh://") || str_starts(url, "git+ssh://") || is_scp_like(url);
}

bool repo_is_url(const char *text)
{
    return str_starts(text, "git://") || git_url_is_ssh(text) || str_ends(text, ".git") ||
           str_ends(text, ".git/");
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

char *git_local_path(const char *url)
{
    if (!str_starts(url, "file://"))
        return strstr(url, "://") || is_scp_like(url) ? NULL : xstrdup(url);
    const char *from = url + strlen("file://");
    if (str_starts(from, "localhost/"))
        from += strlen("localhost");
    char *path = xstrdup(from), *to = path;
    for (; *from; from++) {
        if (*from == '%' && hex_value(from[1]) >= 0 && hex_value(from[2]) >= 0) {
            *to++ = (char)(hex_value(from[1]) << 4 | hex_value(from[2]));
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return path;
}

bool repo_is_local(const char *url)
{
    autofree char *path = git_local_path(url);
    if (!path)
        return false;
    autofree char *dotgit = path_join(path, ".git"), *objects = path_join(path, "objects"),
                  *refs = path_join(path, "refs");
    return fs_exists(dotgit) || (fs_is_dir(objects) && fs_is_dir(refs));
}
