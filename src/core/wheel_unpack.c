/* What is in a wheel, see wheel.h. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/wheel.h"
#include "io/archive.h"

/* What a wheel may grow to: code and data shrink to a tenth at best, what is made to fill a disk to
 * a thousandth. Small ones may be unusual; the largest that are published unpack to 4 GiB. */
enum { GROWTH = 100, TEXT_LIMIT = 64 << 20 };
static const unsigned long long always = 256ull << 20, never = 16ull << 30;

int wheel_unpack(const char *file, const char *dir)
{
    struct stat st;
    if (stat(file, &st) < 0)
        return fail_errno(E_FAILED, "cannot read %s", file);
    if (!S_ISREG(st.st_mode))
        return err_hint(fail(E_INTEGRITY, "%s is not a regular file", file),
                        "a wheel that was unpacked is audited as a directory of another name");
    unsigned long long size = (unsigned long long)st.st_size;
    struct archive_limits limits = {
        .bytes = size > never / GROWTH ? never : size * GROWTH, .entries = 200000, .zip = true};
    if (limits.bytes < always)
        limits.bytes = always;
    return archive_unpack(file, dir, 0, &limits);
}

/* ---- METADATA and WHEEL: fields like those of mail ---- */

/* The values of `field` up to the empty line that ends the fields. */
static void fields_of(const char *text, const char *field, struct strv *values)
{
    size_t n = strlen(field);
    for (const char *line = text; *line && *line != '\n' && *line != '\r';) {
        size_t length = strcspn(line, "\n");
        if (strncasecmp(line, field, n) == 0 && line[n] == ':') {
            autofree char *value = xstrndup(line + n + 1, length - n - 1);
            strv_add(values, str_trim(value));
        }
        line += length + (line[length] == '\n');
    }
}

/* The first value (owned), or NULL. */
static char *field_of(const char *text, const char *field)
{
    autostrv values = {0};
    fields_of(text, field, &values);
    return values.n ? xstrdup(values.v[0]) : NULL;
}

void wheel_identity(const char *info_dir, char **name, char **version)
{
    autofree char *file = path_join(info_dir, "METADATA"), *text = NULL;
    *name = *version = NULL;
    if (fs_read_text(file, &text) == 0) {
        *name = field_of(text, "Name");
        *version = field_of(text, "Version");
    }
    if (*name && *version)
        return;
    /* NAME-VERSION.dist-info */
    const char *base = path_base(info_dir), *dash = strchr(base, '-');
    size_t n = strlen(base) - strlen(".dist-info");
    if (!*name)
        *name = xstrndup(base, dash && (size_t)(dash - base) < n ? (size_t)(dash - base) : n);
    if (!*version && dash && (size_t)(dash - base) < n)
        *version = xstrndup(dash + 1, n - (size_t)(dash - base) - 1);
}

/* The only *.dist-info (owned), or NULL with an error recorded. */
static char *find_info(const char *dir)
{
    autostrv names = {0};
    char *found = NULL;
    size_t count = 0;
    if (fs_list(dir, &names) < 0)
        return NULL;
    for (size_t i = 0; i < names.n; i++)
        if (str_ends(names.v[i], ".dist-info") && count++ == 0)
            found = path_join(dir, names.v[i]);
    if (count == 1)
        return found;
    free(found);
    int rc = fail(E_INTEGRITY, "this is no wheel: it has %s *.dist-info directory",
                  count ? "more than one" : "no");
    err_hint(rc, "get it again; a source distribution must be built into a wheel first");
    return NULL;
}

/* Text of one file of the *.dist-info. */
static int read_member(const char *info_dir, const char *name, char **text)
{
    autofree char *file = path_join(info_dir, name);
    struct stat st;
    if (stat(file, &st) == 0 && st.st_size > TEXT_LIMIT)
        return fail(E_INTEGRITY, "this is no wheel: its %s/%s is too large", path_base(info_dir),
                    name);
    int rc = fs_read_text(file, text);
    return rc == E_NOTFOUND
               ? fail(E_INTEGRITY, "this is no wheel: it has no %s/%s", path_base(info_dir), name)
               : rc;
}

/* Versions that differ only in how they are written: case, and what separates. */
static bool same_version(const char *a, const char *b)
{
    autofree char *x = wheel_normalise(a), *y = wheel_normalise(b);
    return strcmp(x, y) == 0;
}

static void compare(const struct wheel *w, struct wheel_info *info)
{
    autofree char *name = info->name ? wheel_normalise(info->name) : NULL;
    autostrv tags = {0};
    wheel_tags(w, &tags);
    if (name && strcmp(name, w->distribution) != 0)
        strv_addf(&info->notes, "the file is called %s, but METADATA says %s", w->distribution,
                  info->name);
    if (info->version && !same_version(info->version, w->version))
        strv_addf(&info->notes, "the file says version %s, but METADATA says %s", w->version,
                  info->version);
    for (size_t i = 0; i < tags.n; i++)
        if (!strv_has(&info->tags, tags.v[i]))
            strv_addf(&info->notes, "the file's name has the tag %s, its WHEEL has not", tags.v[i]);
    for (size_t i = 0; i < info->tags.n; i++)
        if (!strv_has(&tags, info->tags.v[i]))
            strv_addf(&info->notes, "WHEEL has the tag %s, the file's name has not",
                      info->tags.v[i]);
}

int wheel_read_info(const char *dir, const struct wheel *w, struct wheel_info *info)
{
    *info = (struct wheel_info){0};
    autofree char *at = find_info(dir), *metadata = NULL, *wheel = NULL, *record = NULL;
    if (!at)
        return E_INTEGRITY;
    int rc = read_member(at, "METADATA", &metadata);
    if (rc == 0)
        rc = read_member(at, "WHEEL", &wheel);
    if (rc == 0)
        rc = read_member(at, "RECORD", &record);
    if (rc < 0)
        return rc;
    info->name = field_of(metadata, "Name");
    info->version = field_of(metadata, "Version");
    autostrv sets = {0};
    fields_of(wheel, "Tag", &sets);
    for (size_t i = 0; i < sets.n; i++) {
        /* Most tools write one combination a line, some a compressed set. */
        autofree char *file = xasprintf("x-1-%s.whl", sets.v[i]);
        autowheel one;
        if (wheel_parse_name(file, &one) == 0 && !one.build)
            wheel_tags(&one, &info->tags);
        else
            strv_addf(&info->notes, "WHEEL has a tag that is none: \"%s\"", sets.v[i]);
    }
    err_clear();
    compare(w, info);
    return 0;
}

void wheel_info_free(struct wheel_info *info)
{
    free(info->name);
    free(info->version);
    strv_free(&info->tags);
    strv_free(&info->notes);
    *info = (struct wheel_info){0};
}
