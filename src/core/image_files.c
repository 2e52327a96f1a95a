#include "core/image_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "io/archive_list.h"

enum { ENTRY_LIMIT = 2000000, LINK_LIMIT = 40, PATH_LIMIT = 4096 };

struct image_files {
    struct image_file *all; /* in the order of the layers */
    size_t n, cap;
    size_t layer; /* the one that is read */
};

static int add_name(const struct archive_name *name, void *arg)
{
    struct image_files *f = arg;
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 4096;
        f->all = xrealloc(f->all, f->cap * sizeof *f->all);
    }
    f->all[f->n++] = (struct image_file){.path = xstrdup(name->path),
                                         .layer = f->layer,
                                         .type = name->type,
                                         .link = xstrdup(name->link)};
    return 0;
}

int image_files_read(const struct image_layer *layers, size_t n, struct image_files **out)
{
    struct image_files *f = xcalloc(1, sizeof *f);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        f->layer = i;
        rc = archive_list(layers[i].path, ENTRY_LIMIT - f->n, add_name, f);
    }
    *out = f;
    return rc;
}

void image_files_free(struct image_files *f)
{
    for (size_t i = 0; f && i < f->n; i++) {
        free((char *)f->all[i].path);
        free((char *)f->all[i].link);
    }
    if (f)
        free(f->all);
    free(f);
}

/* Whether `path` is gone with this entry of a higher layer: "DIR/.wh.NAME" takes NAME away and all
 * below it, "DIR/.wh..wh..opq" all that lower layers have in DIR (image-spec, layers). */
static bool takes_away(const struct image_file *e, const char *path)
{
    static const char head[] = ".wh.", opaque[] = ".wh..wh..opq";
    const char *base = path_base(e->path);
    if (!str_starts(base, head))
        return false;
    size_t n = (size_t)(base - e->path);
    if (strncmp(path, e->path, n) != 0)
        return false;
    if (strcmp(base, opaque) == 0)
        return path[n] != '\0';
    const char *name = base + strlen(head);
    size_t length = strlen(name);
    return length && strncmp(path + n, name, length) == 0 &&
           (path[n + length] == '/' || !path[n + length]);
}

/* The entry of exactly this path that is the last one; NULL. */
static const struct image_file *entry_of(const struct image_files *f, const char *path)
{
    size_t lowest = 0;
    for (size_t i = f->n; i-- > 0;) {
        const struct image_file *e = &f->all[i];
        if (e->layer < lowest)
            return NULL;
        if (strcmp(e->path, path) == 0)
            return e;
        if (takes_away(e, path))
            lowest = e->layer;
    }
    return NULL;
}

/* The path of `link`, found at `at` (a directory), in front of `rest`; owned. */
static char *follow(const char *at, const char *link, const char *rest)
{
    return *link == '/' ? xasprintf("%s/%s", link + 1, rest)
                        : xasprintf("%s/%s/%s", at, link, rest);
}

const struct image_file *image_files_find(const struct image_files *f, const char *path)
{
    autofree char *rest = xstrdup(path), *at = xstrdup("");
    const struct image_file *e = NULL;
    int links = 0;
    for (char *word = rest; *word;) {
        word += strspn(word, "/");
        size_t n = strcspn(word, "/");
        if (n == 0)
            break;
        autofree char *name = xstrndup(word, n);
        word += n;
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            char *slash = strrchr(at, '/');
            *(slash ? slash : at) = '\0';
            continue;
        }
        autofree char *next = xasprintf("%s%s%s", at, *at ? "/" : "", name);
        e = entry_of(f, next);
        if (e && e->type == 'h')
            e = entry_of(f, e->link);
        if (e && e->type == 'l') {
            autofree char *target = follow(at, e->link, word);
            if (++links > LINK_LIMIT || strlen(target) > PATH_LIMIT)
                return NULL;
            str_set(&rest, steal(&target));
            str_set(&at, xstrdup(""));
            word = rest;
            continue;
        }
        str_set(&at, steal(&next));
    }
    return e && e->type == 'f' ? e : NULL;
}

const struct image_file *image_files_library(const struct image_files *f, const char *soname)
{
    size_t n = strlen(soname);
    for (size_t i = f->n; i-- > 0;) {
        const char *path = f->all[i].path;
        size_t length = strlen(path);
        if (length <= n || path[length - n - 1] != '/' || strcmp(path + length - n, soname) != 0 ||
            !strstr(path, "lib"))
            continue;
        autofree char *absolute = xasprintf("/%s", path);
        const struct image_file *found = image_files_find(f, absolute);
        if (found)
            return found;
    }
    return NULL;
}
