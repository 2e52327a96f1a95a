/* What differs between a lock and what is here, see lockfile_facts.h. */
#include <stdlib.h>
#include <string.h>

#include "core/lockfile_facts.h"
#include "core/lockfile_files.h"
#include "core/text_json.h"

static void difference_free(struct lock_difference *one)
{
    free(one->where);
    free(one->what);
    free(one->lock);
    free(one->here);
    strv_free(&one->files);
}

void lock_differences_free(struct lock_differences *d)
{
    for (size_t i = 0; i < d->n; i++)
        difference_free(&d->all[i]);
    free(d->all);
    *d = (struct lock_differences){0};
}

void lock_differ(struct lock_differences *d, const char *where, const char *what, const char *lock,
                 const char *here)
{
    for (size_t i = 0; i < d->n; i++)
        if (strcmp(d->all[i].where, where) == 0 && strcmp(d->all[i].what, what) == 0)
            return; /* a section that several have in common */
    d->all = xrealloc(d->all, (d->n + 1) * sizeof *d->all);
    d->all[d->n++] = (struct lock_difference){.where = xstrdup(where),
                                              .what = xstrdup(what),
                                              .lock = xstrdup(lock),
                                              .here = xstrdup(here)};
}

static bool is_among(const char *key, const char *const *list)
{
    for (; list && *list; list++)
        if (strcmp(key, *list) == 0)
            return true;
    return false;
}

bool lock_perhaps_unknown(const char *key)
{
    static const char *const names[] = {"as", "cc1", "ld", "toolchain", "libc", NULL};
    return is_among(key, names) || (str_starts(key, "lib") && strstr(key, ".so"));
}

static void compare_one(const struct lock_section *lock, const struct lock_section *here,
                        const char *key, struct lock_differences *d)
{
    const char *a = lock ? lock_get(lock, key) : NULL, *b = here ? lock_get(here, key) : NULL;
    if (!str_eq(a, b) && !((!a || !b) && lock_perhaps_unknown(key)))
        lock_differ(d, lock ? lock->id : here->id, key, a, b);
}

static void compare_sections(const struct lock_section *lock, const struct lock_section *here,
                             const char *const *ignored, struct lock_differences *d)
{
    for (size_t i = 0; lock && i < lock->keys.n; i++)
        if (!is_among(lock->keys.v[i], ignored))
            compare_one(lock, here, lock->keys.v[i], d);
    for (size_t i = 0; here && i < here->keys.n; i++)
        if (!is_among(here->keys.v[i], ignored) && !(lock && lock_get(lock, here->keys.v[i])))
            compare_one(lock, here, here->keys.v[i], d);
}

/* One of `what`, said of this interpreter or of its release. */
static bool is_told(const struct lock_differences *d, const char *where, const char *const *what)
{
    for (size_t i = 0; i < d->n; i++)
        if (is_among(d->all[i].what, what) && str_starts(where, d->all[i].where))
            return true;
    return false;
}

/* The digest of many things says nothing beside the one of them that differs. */
static void drop_summary(struct lock_differences *d, const char *summary, const char *const *parts)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->n; i++) {
        struct lock_difference one = d->all[i];
        if (strcmp(one.what, summary) == 0 && is_told(d, one.where, parts))
            difference_free(&one);
        else
            d->all[kept++] = one;
    }
    d->n = kept;
}

void lock_compare(const struct lockfile *lock, const struct lockfile *here, const char *name,
                  const char *platform, const char *const *ignored, struct lock_differences *d)
{
    static const char *const of_inputs[] = {"commit",     "engine",  "environment", "preset",
                                            "program",    "recipe",  "tree",        "sha256-tar.xz",
                                            "sha256-tgz", "variant", NULL};
    static const char *const of_toolchain[] = {"as", "cc1", "compiler", "ld", NULL};
    const struct {
        enum lock_kind kind;
        bool named, placed;
    } kinds[] = {{LOCK_RELEASE, false, false},
                 {LOCK_INTERPRETER, true, false},
                 {LOCK_PLATFORM, false, true},
                 {LOCK_BUNDLE, true, true}};
    const char *release = lockfile_find(lock, LOCK_INTERPRETER, name, "")->release;
    for (size_t i = 0; i < lengthof(kinds); i++) {
        const char *id = kinds[i].named ? name : release;
        if (kinds[i].placed && !platform)
            continue;
        const char *place = kinds[i].placed ? platform : "";
        compare_sections(lockfile_find(lock, kinds[i].kind, id, place),
                         lockfile_find(here, kinds[i].kind, id, place), ignored, d);
    }
    drop_summary(d, "inputs", of_inputs);
    drop_summary(d, "toolchain", of_toolchain);
}

/* ---- For people ---- */

/* A digest is told by its first digits; owned. */
static char *shown(const char *value)
{
    enum { LONG = 40, DIGITS = 12 };
    if (!value)
        return xstrdup("none");
    const char *colon = strchr(value, ':');
    const char *hex = colon ? colon + 1 : value;
    size_t n = strlen(hex);
    if (n < LONG || strspn(hex, "0123456789abcdef") != n)
        return xstrdup(value);
    return xasprintf("%.*s%.*s", (int)(hex - value), value, DIGITS, hex);
}

char *lock_differences_text(const struct lock_differences *d, const char *indent)
{
    struct str out = {0};
    for (size_t i = 0; i < d->n; i++) {
        const struct lock_difference *one = &d->all[i];
        autofree char *lock = shown(one->lock), *here = shown(one->here);
        autofree char *files = lock_some_files(&one->files);
        str_addf(&out, "%s%s%s: %s: the lock has %s, this machine %s%s%s", i ? "\n" : "", indent,
                 one->where, one->what, lock, here, *files ? "; not the same: " : "", files);
    }
    return str_take(&out);
}

json_t *lock_differences_json(const struct lock_differences *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->n; i++) {
        const struct lock_difference *one = &d->all[i];
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o, s:o, s:o}", "where", text_json(one->where), "what",
                            text_json(one->what), "lock", text_json(one->lock), "here",
                            text_json(one->here), "files", texts_json(&one->files)));
    }
    return list;
}
