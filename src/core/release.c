#include "core/release.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

/* Reads a decimal number of at most four digits without a leading zero; the end, or NULL. */
static const char *number(const char *p, int *out)
{
    if (!isdigit((unsigned char)*p) || (*p == '0' && isdigit((unsigned char)p[1])))
        return NULL;
    int value = 0;
    for (int digits = 0; isdigit((unsigned char)*p); p++) {
        if (++digits > 4)
            return NULL;
        value = value * 10 + (*p - '0');
    }
    *out = value;
    return p;
}

/* Reads MAJOR.MINOR; the end, or NULL. */
static const char *read_series(const char *text, struct release *r)
{
    const char *p = number(text, &r->major);
    return p && *p == '.' ? number(p + 1, &r->minor) : NULL;
}

/* Reads a whole release at the beginning of text; the end, or NULL. */
static const char *read_release(const char *text, struct release *r)
{
    *r = (struct release){.stage = 'f'};
    const char *p = read_series(text, r);
    p = p && *p == '.' ? number(p + 1, &r->micro) : NULL;
    if (!p)
        return NULL;
    const char *serial = str_starts(p, "rc") ? p + 2 : *p == 'a' || *p == 'b' ? p + 1 : NULL;
    const char *end = serial ? number(serial, &r->serial) : NULL;
    if (!end)
        return p;
    r->stage = *p == 'r' ? 'c' : *p;
    return end;
}

bool release_parse(const char *text, struct release *r)
{
    const char *end = read_release(text, r);
    return end && *end == '\0';
}

int release_compare(const struct release *a, const struct release *b)
{
    const int pairs[][2] = {{a->major, b->major},
                            {a->minor, b->minor},
                            {a->micro, b->micro},
                            {a->stage, b->stage},
                            {a->serial, b->serial}};
    for (size_t i = 0; i < lengthof(pairs); i++)
        if (pairs[i][0] != pairs[i][1])
            return pairs[i][0] < pairs[i][1] ? -1 : 1;
    return 0;
}

int release_compare_text(const char *a, const char *b)
{
    struct release ra, rb;
    bool has_a = release_parse(a, &ra), has_b = release_parse(b, &rb);
    if (has_a && has_b)
        return release_compare(&ra, &rb);
    return has_a - has_b;
}

/* "", a word of lower-case letters ("t", "td"), "-jit", or both ("t-tsan"). */
static bool is_suffix(const char *s)
{
    for (; islower((unsigned char)*s); s++)
        ;
    if (*s == '-' && islower((unsigned char)s[1]))
        for (s++; islower((unsigned char)*s) || isdigit((unsigned char)*s) || *s == '-'; s++)
            ;
    return *s == '\0';
}

bool name_split(const char *name, char **release, char **suffix)
{
    struct release r;
    const char *end = read_release(name, &r);
    if (!end || !is_suffix(end))
        return false;
    *release = xstrndup(name, (size_t)(end - name));
    *suffix = xstrdup(end);
    return true;
}

char *suffix_abiflags(const char *suffix)
{
    return xstrndup(suffix, strcspn(suffix, "-"));
}

char *python_program(const char *series, const char *suffix)
{
    autofree char *flags = suffix_abiflags(suffix);
    return xasprintf("python%s%s", series, flags);
}

char *series_of(const char *release)
{
    struct release r = {0};
    const char *end = read_series(release, &r);
    return end ? xstrndup(release, (size_t)(end - release)) : xstrdup(release);
}

int name_compare(const char *a, const char *b)
{
    autofree char *ra = NULL, *rb = NULL, *sa = NULL, *sb = NULL;
    if (!name_split(a, &ra, &sa) || !name_split(b, &rb, &sb))
        return strcmp(a, b);
    int by_release = release_compare_text(rb, ra);
    return by_release ? by_release : strcmp(sa, sb);
}

/* What `text` most likely was to be, owned: v3.14.7, python3.14, cpython-3.14.7, 3,14, 3.14.7-t,
 * 3.14T and blanks are written elsewhere; NULL: no idea. */
static char *nearest_spec(const char *text)
{
    autostr plain = {0};
    for (const char *c = text + strcspn(text, "0123456789"); *c; c++) {
        char lower = (char)(*c == ',' ? '.' : tolower((unsigned char)*c));
        if (!isspace((unsigned char)*c) && !(*c == '-' && strcmp(c, "-t") == 0))
            str_addn(&plain, &lower, 1);
    }
    while (plain.len && plain.s[plain.len - 1] == '.')
        plain.s[--plain.len] = '\0';
    autofree char *release = NULL, *suffix = NULL;
    struct release r = {0};
    if (!plain.s || strcmp(plain.s, text) == 0)
        return NULL;
    const char *end = read_series(plain.s, &r);
    bool good = name_split(plain.s, &release, &suffix) || (end && is_suffix(end));
    return good ? str_take(&plain) : NULL;
}

int spec_parse(const char *text, struct spec *spec)
{
    *spec = (struct spec){0};
    autofree char *release = NULL, *suffix = NULL;
    struct release r = {0};
    const char *end;
    if (name_split(text, &release, &suffix)) {
        spec->series = series_of(release);
        spec->release = steal(&release);
    } else if ((end = read_series(text, &r)) && is_suffix(end)) {
        spec->series = xstrndup(text, (size_t)(end - text));
        suffix = xstrdup(end);
    } else {
        autofree char *nearest = nearest_spec(text);
        int rc = fail(E_USAGE, "\"%.80s\" is no SPEC", text);
        if (nearest)
            return err_hint(rc, "did you mean %s?", nearest);
        return err_hint(rc, "a SPEC is a series (3.14), a release (3.14.7), one variant of them "
                            "(3.14t, 3.14.7t) or a recipe (FILE.ini)");
    }
    spec->text = xstrdup(text);
    spec->suffix = *suffix ? steal(&suffix) : NULL;
    return 0;
}

void spec_free(struct spec *spec)
{
    free(spec->text);
    free(spec->series);
    free(spec->release);
    free(spec->suffix);
    *spec = (struct spec){0};
}
