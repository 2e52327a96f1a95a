#include "core/dirs.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

static char *home_below(const char *variable, const char *fallback)
{
    const char *value = getenv(variable);
    if (value && *value == '/')
        return xstrdup(value); /* the XDG specification: relative ones are to be ignored */
    const char *home = getenv("HOME");
    return path_join(home && *home ? home : "/", fallback);
}

static char *below_or_itself(const char *dir, const char *below)
{
    return below ? path_join(dir, below) : xstrdup(dir);
}

char *dirs_root(const char *option)
{
    const char *variable = getenv("UNGIL_ROOT");
    if (option || (variable && *variable))
        return path_absolute(option ? option : variable);
    if (geteuid() == 0)
        return xstrdup("/opt/ungil");
    autofree char *data = home_below("XDG_DATA_HOME", ".local/share");
    return path_join(data, "ungil");
}

char *dirs_cache(const char *below)
{
    autofree char *cache = home_below("XDG_CACHE_HOME", ".cache");
    autofree char *own = path_join(cache, "ungil");
    return below_or_itself(own, below);
}

char *dirs_config(const char *below)
{
    autofree char *config = home_below("XDG_CONFIG_HOME", ".config");
    autofree char *own = path_join(config, "ungil");
    return below_or_itself(own, below);
}

char *dirs_data(const char *below)
{
    const char *variable = getenv("UNGIL_DATADIR");
    return below_or_itself(variable && *variable ? variable : UNGIL_DATADIR, below);
}

int dirs_check(const char *path, const char *what, const char *how)
{
    const char *why = NULL;
    for (const char *p = path; *p && !why; p++)
        if (iscntrl((unsigned char)*p))
            why = "has a control character in its path";
        else if (strchr("'\"`$\\", *p))
            why = "has a quote, a backslash or \"$\" in its path";
    json_t *text = json_string(path);
    if (!text)
        why = "has a path that is not UTF-8";
    json_decref(text);
    if (!why)
        return 0;
    int rc = fail(E_USAGE, "the %s %s %s: CPython cannot be built that way", what, path, why);
    return err_hint(rc, "choose another one with %s", how);
}

char *dirs_configured_prefix(const char *name)
{
    return xasprintf("/opt/ungil/versions/%s", name);
}
