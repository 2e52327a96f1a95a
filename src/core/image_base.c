#include "core/image_base.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

bool image_layout_split(const char *where, char **dir, char **tag)
{
    static const char head[] = "oci:";
    if (!str_starts(where, head) || str_starts(where, "oci://"))
        return false;
    where += strlen(head);
    const char *colon = strrchr(where, ':');
    bool tagged = colon && !strchr(colon, '/') && colon[1] && colon > where;
    *dir = xstrndup(where, tagged ? (size_t)(colon - where) : strlen(where));
    *tag = tagged ? xstrdup(colon + 1) : NULL;
    return **dir != '\0';
}

int image_base_open(const struct image_base_opts *opts, struct image_base *out)
{
    *out = (struct image_base){0};
    return fail(E_USAGE, "cannot read %s", opts->where);
}
void image_base_free(struct image_base *b)
{
    (void)b;
}
int image_base_check(const struct image_base *b, json_t *const *runtimes, size_t n,
                     const char *work)
{
    (void)b;
    (void)runtimes;
    (void)n;
    (void)work;
    return 0;
}
