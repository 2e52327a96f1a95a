/* Why the training data that is there does not fit. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "core/training_store.h"

enum { SHOWN = 3, LONG_VALUE = 72 };

/* The line of `text` that gives the `nth` value of `name`; NULL: there are not so many. */
static const char *find(const char *text, const char *name, size_t n, int nth)
{
    for (const char *line = text; line && *line;) {
        if (strncmp(line, name, n) == 0 && line[n] == '=' && nth-- == 0)
            return line;
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return NULL;
}

/* Owned; NULL: no such line. */
static char *value_at(const char *line, size_t name)
{
    return line ? xstrndup(line + name + 1, strcspn(line + name + 1, "\n")) : NULL;
}

char *training_value(const char *key_text, const char *name)
{
    size_t n = strlen(name);
    return value_at(find(key_text, name, n, 0), n);
}

/* What people call it; owned. The release comes once more: the compiler's. */
static char *label(const char *name, size_t n, int nth)
{
    static const struct {
        const char *name;
        int nth;
        const char *label;
    } labels[] = {{"version", 0, "compiler version"}, {"release", 1, "compiler release"},
                  {"machine", 0, "target machine"},   {"cc", 0, "CC"},
                  {"driver", 0, "compiler program"},  {"modules", 0, "what modules are built"},
                  {"rules", 0, "how ungil builds"}};
    for (size_t i = 0; i < lengthof(labels); i++)
        if (strlen(labels[i].name) == n && strncmp(labels[i].name, name, n) == 0 &&
            labels[i].nth == nth)
            return xstrdup(labels[i].label);
    return xstrndup(name, n);
}

/* A digest says nothing to anybody, and a long list hides the point. */
static bool is_telling(const char *value)
{
    size_t n = value ? strlen(value) : 0;
    return n <= LONG_VALUE && !(n >= 40 && strspn(value, "0123456789abcdef") == n);
}

static bool is_word(const char *word)
{
    return *word && is_telling(word) && !strchr(word, ':') &&
           strspn(word, "0123456789") <= strlen(word) / 2;
}

/* Of two values that are too long to be shown: the first words that differ, unless they are a
 * program's size or identity. */
static bool find_words(const char *a, const char *b, char **x, char **y)
{
    autostrv p = {0}, q = {0};
    size_t i = 0;
    strv_split(&p, a ? a : "");
    strv_split(&q, b ? b : "");
    while (i < p.n && i < q.n && strcmp(p.v[i], q.v[i]) == 0)
        i++;
    *x = xstrdup(i < p.n ? p.v[i] : "");
    *y = xstrdup(i < q.n ? q.v[i] : "");
    return is_word(*x) && is_word(*y) && strcmp(*x, *y) != 0;
}

struct differences {
    struct strv told, named; /* with both values; by name only, because they would say nothing */
};

static void differences_free(struct differences *d)
{
    strv_free(&d->told);
    strv_free(&d->named);
}
#define autodifferences __attribute__((cleanup(differences_free))) struct differences

static const char *shown(const char *value)
{
    return value && *value ? value : "none";
}

/* The lines of `text`, each of which is looked for in `other`. `here`: whether text is of the build
 * that asks. Those of both are compared once, on its behalf. */
static void compare(const char *text, const char *other, bool here, struct differences *d)
{
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "=\n");
        int nth = 0;
        while (find(text, line, n, nth) != line)
            nth++;
        const char *match = find(other, line, n, nth);
        autofree char *mine = value_at(line, n), *theirs = value_at(match, n);
        if (!match || (here && strcmp(mine, theirs) != 0)) {
            autofree char *what = label(line, n, nth);
            const char *there = here ? theirs : mine;
            const char *is = here ? mine : theirs;
            autofree char *x = NULL, *y = NULL;
            if (is_telling(there) && is_telling(is))
                strv_addf(&d->told, "%s %s there, %s here", what, shown(there), shown(is));
            else if (find_words(there, is, &x, &y))
                strv_addf(&d->told, "%s %s there, %s here", what, shown(x), shown(y));
            else
                strv_addf(&d->named, "%s differs", what);
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
}

static bool is_alike(const char *a, const char *b)
{
    static const char *const names[] = {"release", "variant"};
    for (size_t i = 0; i < lengthof(names); i++) {
        autofree char *x = training_value(a, names[i]), *y = training_value(b, names[i]);
        if (!str_eq(x, y))
            return false;
    }
    return true;
}

/* The first of them, telling ones before others; owned. */
static char *summary(const struct differences *d)
{
    autostrv all = {0}, few = {0};
    strv_addv(&all, &d->told);
    strv_addv(&all, &d->named);
    for (size_t i = 0; i < all.n && i < SHOWN; i++)
        strv_add(&few, all.v[i]);
    if (all.n > SHOWN)
        strv_addf(&few, "%zu more differ", all.n - SHOWN);
    return strv_join(&few, "; ");
}

static void say(const char *key_text, const struct training_entry *e, const struct differences *d)
{
    autofree char *name = training_value(key_text, "name"), *text = summary(d);
    note("%s: training anew: the nearest training data (%.12s) differs: %s",
         name ? name : "this build", e->key, text);
}

/* How CC is written is the caller's business; the release that comes first is not the compiler's.
 */
char *training_misfit(const char *key_text, const char *toolchain)
{
    autodifferences d = {0};
    autostrv lines = {0};
    autofree char *release = training_value(key_text, "release"), *copy = xstrdup(toolchain);
    char *at = NULL;
    strv_addf(&lines, "release=%s", release ? release : "");
    for (char *line = strtok_r(copy, "\n", &at); line; line = strtok_r(NULL, "\n", &at))
        if (!str_starts(line, "cc=") && !str_starts(line, "wrapper="))
            strv_add(&lines, line);
    strv_add(&lines, "");
    autofree char *here = strv_join(&lines, "\n");
    compare(here, key_text, true, &d);
    return d.told.n + d.named.n > 0 ? summary(&d) : NULL;
}

void training_explain(const struct training_store *s, const char *key_text)
{
    struct training_entry *list, *best = NULL;
    autodifferences least = {0};
    size_t n;
    if (training_entries(s, &list, &n) < 0)
        err_clear();
    for (size_t i = 0; i < n; i++) {
        autodifferences d = {0};
        if (list[i].damage || !is_alike(list[i].key_text, key_text))
            continue;
        compare(key_text, list[i].key_text, true, &d);
        compare(list[i].key_text, key_text, false, &d);
        if (best && d.told.n + d.named.n >= least.told.n + least.named.n)
            continue;
        differences_free(&least);
        least = d;
        d = (struct differences){0};
        best = &list[i];
    }
    if (best)
        say(key_text, best, &least);
    training_list_free(list, n);
}
