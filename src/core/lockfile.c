#include "core/lockfile.h"

#include <stdlib.h>
#include <string.h>

#include "core/release.h"

enum { VALUE_LIMIT = 120 }; /* a line has at most 199 bytes: io/ini.c */

static void section_free(struct lock_section *s)
{
    free(s->id);
    free(s->platform);
    free(s->release);
    strv_free(&s->keys);
    strv_free(&s->values);
}

void lockfile_free(struct lockfile *l)
{
    for (size_t i = 0; i < l->n; i++)
        section_free(&l->all[i]);
    free(l->all);
    *l = (struct lockfile){0};
}

/* ---- Sections ---- */

/* Newest release first; of one, first what is the same everywhere. */
static int compare(const struct lock_section *a, const struct lock_section *b)
{
    int order = release_compare_text(b->release, a->release);
    if (order == 0)
        order = strcmp(a->platform, b->platform);
    if (order == 0)
        order = (int)a->kind - (int)b->kind;
    return order ? order : strcmp(a->id, b->id);
}

struct lock_section *lockfile_find(const struct lockfile *l, enum lock_kind kind, const char *id,
                                   const char *platform)
{
    for (size_t i = 0; i < l->n; i++) {
        struct lock_section *s = &l->all[i];
        if (s->kind == kind && strcmp(s->id, id) == 0 && strcmp(s->platform, platform) == 0)
            return s;
    }
    return NULL;
}

/* What precedes the suffix; the whole of what is no name; owned. */
static char *release_of(const char *id)
{
    autofree char *release = NULL, *suffix = NULL;
    return name_split(id, &release, &suffix) ? steal(&release) : xstrdup(id);
}

struct lock_section *lockfile_make(struct lockfile *l, enum lock_kind kind, const char *id,
                                   const char *platform)
{
    struct lock_section *found = lockfile_find(l, kind, id, platform);
    if (found)
        return found;
    struct lock_section fresh = {
        .kind = kind, .id = xstrdup(id), .platform = xstrdup(platform), .release = release_of(id)};
    size_t at = 0;
    l->all = xrealloc(l->all, (l->n + 1) * sizeof *l->all);
    while (at < l->n && compare(&l->all[at], &fresh) < 0)
        at++;
    memmove(&l->all[at + 1], &l->all[at], (l->n - at) * sizeof *l->all);
    l->all[at] = fresh;
    l->n++;
    return &l->all[at];
}

void lockfile_drop(struct lockfile *l, const char *release, const char *platform)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->all[i].release, release) == 0 && strcmp(l->all[i].platform, platform) == 0)
            section_free(&l->all[i]);
        else
            l->all[kept++] = l->all[i];
    l->n = kept;
}

static void add_once(struct strv *list, const char *text)
{
    if (!strv_has(list, text))
        strv_add(list, text);
}

void lockfile_names(const struct lockfile *l, const char *release, struct strv *names)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->all[i].kind == LOCK_INTERPRETER &&
            (!release || strcmp(l->all[i].release, release) == 0))
            add_once(names, l->all[i].id);
}

void lockfile_platforms(const struct lockfile *l, const char *release, struct strv *platforms)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->all[i].kind == LOCK_BUNDLE && strcmp(l->all[i].release, release) == 0)
            add_once(platforms, l->all[i].platform);
}

/* ---- Keys ---- */

const char *lock_get(const struct lock_section *s, const char *key)
{
    for (size_t i = 0; i < s->keys.n; i++)
        if (strcmp(s->keys.v[i], key) == 0)
            return s->values.v[i];
    return NULL;
}

/* " ;" would begin a comment. Bytes beyond ASCII stay in whole characters or not at all: the text
 * is cut at ASCII only. */
static char *plain(const char *value)
{
    struct str out = {0};
    str_add(&out, "");
    for (const char *c = value; *c && out.len < VALUE_LIMIT; c++) {
        char one = *c;
        if ((unsigned char)one < ' ' || one == 0x7f)
            one = ' ';
        if ((unsigned char)one >= 0x80)
            one = '?';
        if (one == ';')
            one = ',';
        if (one != ' ' || (out.len > 0 && out.s[out.len - 1] != ' '))
            str_addn(&out, &one, 1);
    }
    str_trim(out.s);
    return str_take(&out);
}

void lock_set(struct lock_section *s, const char *key, const char *value)
{
    size_t at = 0;
    char *text = plain(value);
    while (at < s->keys.n && strcmp(s->keys.v[at], key) < 0)
        at++;
    if (at < s->keys.n && strcmp(s->keys.v[at], key) == 0) {
        free(s->values.v[at]);
        s->values.v[at] = text;
        return;
    }
    strv_take(&s->values, text);
    strv_add(&s->keys, key);
    for (size_t i = s->keys.n - 1; i > at; i--) { /* to its place */
        char *k = s->keys.v[i], *v = s->values.v[i];
        s->keys.v[i] = s->keys.v[i - 1];
        s->values.v[i] = s->values.v[i - 1];
        s->keys.v[i - 1] = k;
        s->values.v[i - 1] = v;
    }
}

char *lock_title(const struct lock_section *s)
{
    return xasprintf("[%s %s%s%s]", lock_kind_names[s->kind], s->id, *s->platform ? " " : "",
                     s->platform);
}

/* ---- Text ---- */

char *lockfile_text(const struct lockfile *l)
{
    struct str out = {0};
    str_addf(&out,
             "; Made by \"ungil lock\"; \"ungil install --locked\" makes the same interpreters\n"
             "; elsewhere. Commit this file. \"man ungil\" explains it: LOCK FILES.\n"
             "\n"
             "[lock]\n"
             "format = %d\n",
             LOCK_FORMAT);
    for (size_t i = 0; i < l->n; i++) {
        const struct lock_section *s = &l->all[i];
        autofree char *title = lock_title(s);
        str_addf(&out, "\n%s\n", title);
        for (size_t k = 0; k < s->keys.n; k++)
            str_addf(&out, "%s = %s\n", s->keys.v[k], s->values.v[k]);
    }
    return str_take(&out);
}
