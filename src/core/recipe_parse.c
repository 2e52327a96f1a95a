#include "core/recipe_parse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/dirs.h"
#include "core/need.h"
#include "io/ini.h"

/* ---- One key: where its value goes and what it must look like ---- */

enum kind {
    TEXT,
    SUFFIX,
    WORDS,
    SETTINGS,
    NEED,
    NEEDS,
    PACKAGES,
    BOOL,
    HEX40,
    HEX64,
    DATE,
    SERIES
};

struct key {
    const char *name;
    enum kind kind;
    size_t offset; /* in the struct of its section */
};

static const struct key recipe_keys[] = {
    {"series", SERIES, offsetof(struct recipe, series)},
    {"prerelease", BOOL, offsetof(struct recipe, prerelease)},
    {"tag", TEXT, offsetof(struct recipe, tag)},
    {"providers", WORDS, offsetof(struct recipe, providers)},
    {"git", TEXT, offsetof(struct recipe, git)},
    {"tarball", TEXT, offsetof(struct recipe, tarball)},
    {"apt", TEXT, offsetof(struct recipe, apt)},
    {"install-tests", BOOL, offsetof(struct recipe, install_tests)},
    {"preset", TEXT, offsetof(struct recipe, default_preset)},
};
static const struct key modules_keys[] = {
    {"require", WORDS, offsetof(struct recipe, required)},
    {"optional", WORDS, offsetof(struct recipe, optional)},
};
static const struct key sigstore_keys[] = {
    {"identity", TEXT, offsetof(struct recipe, sigstore_identity)},
    {"issuer", TEXT, offsetof(struct recipe, sigstore_issuer)},
};
static const struct key variant_keys[] = {
    {"suffix", SUFFIX, offsetof(struct variant, suffix)},
    {"configure", WORDS, offsetof(struct variant, configure)},
    {"environment", SETTINGS, offsetof(struct variant, environment)},
    {"free-threaded", BOOL, offsetof(struct variant, free_threaded)},
    {"compiler", NEED, offsetof(struct variant, tools.compiler)},
    {"needs", NEEDS, offsetof(struct variant, tools.needs)},
    {"packages", PACKAGES, offsetof(struct variant, tools.packages)},
};
static const struct key preset_keys[] = {
    {"configure", WORDS, offsetof(struct preset, configure)},
    {"environment", SETTINGS, offsetof(struct preset, environment)},
    {"precompile-headers", BOOL, offsetof(struct preset, precompile_headers)},
    {"share-objects", WORDS, offsetof(struct preset, share_objects)},
    {"debug-info", BOOL, offsetof(struct preset, debug_info)},
    {"compiler", NEED, offsetof(struct preset, tools.compiler)},
    {"needs", NEEDS, offsetof(struct preset, tools.needs)},
    {"packages", PACKAGES, offsetof(struct preset, tools.packages)},
    {"better", TEXT, offsetof(struct preset, better)},
};
static const struct key pin_keys[] = {
    {"tag", HEX40, offsetof(struct pin, tag)},
    {"commit", HEX40, offsetof(struct pin, commit)},
    {"tree", HEX40, offsetof(struct pin, tree)},
    {"date", DATE, offsetof(struct pin, date)},
    {"sha256-tar.xz", HEX64, offsetof(struct pin, sha256_xz)},
    {"sha256-tgz", HEX64, offsetof(struct pin, sha256_tgz)},
};

static bool is_hex(const char *s, size_t digits)
{
    return strlen(s) == digits && strspn(s, "0123456789abcdef") == digits;
}

static bool is_date(const char *s)
{
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; form[i]; i++)
        if (form[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != '-')
            return false;
    return strlen(s) == strlen(form);
}

static bool is_series(const char *s)
{
    struct spec spec;
    bool ok = spec_parse(s, &spec) == 0;
    ok = ok && !spec.release && !spec.suffix;
    spec_free(&spec);
    return ok;
}

/* Words like CFLAGS=-O2: a name and '='. */
static bool are_settings(const char *s)
{
    autostrv words = {0};
    strv_split(&words, s);
    for (size_t i = 0; i < words.n; i++) {
        const char *p = words.v[i];
        while (isalnum((unsigned char)*p) || *p == '_')
            p++;
        if (*p != '=' || p == words.v[i])
            return false;
    }
    return true;
}

static bool is_package(const char *word)
{
    const char *colon = strchr(word, ':');
    return colon && colon > word && colon[1];
}

static bool is_need(const char *word)
{
    struct need need;
    bool good = need_parse(word, &need);
    need_free(&need);
    return good;
}

static bool each_word(const char *s, bool (*good)(const char *word))
{
    autostrv words = {0};
    strv_split(&words, s);
    bool all = true;
    for (size_t i = 0; i < words.n; i++)
        all &= good(words.v[i]);
    return all;
}

static int bad_value(const char *section, const char *key, const char *value, const char *expected)
{
    return fail(E_USAGE, "[%s] %s = %s: expected %s", section, key, value, expected);
}

static int set_bool(bool *at, const char *section, const char *key, const char *value)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return bad_value(section, key, value, "yes or no");
    *at = strcmp(value, "yes") == 0;
    return 0;
}

static int set_value(const struct key *k, void *object, const char *section, const char *value)
{
    void *at = (char *)object + k->offset;
    const char *expected = NULL;
    if (k->kind == BOOL)
        return set_bool(at, section, k->name, value);
    if (k->kind == HEX40 && !is_hex(value, 40))
        expected = "40 lower-case hexadecimal digits (a git object id)";
    else if (k->kind == HEX64 && !is_hex(value, 64))
        expected = "64 lower-case hexadecimal digits (a SHA-256)";
    else if (k->kind == DATE && !is_date(value))
        expected = "a date like 2026-08-05";
    else if (k->kind == SERIES && !is_series(value))
        expected = "a series like 3.14";
    else if (k->kind == TEXT && !*value)
        expected = "a value";
    else if (k->kind == SETTINGS && !are_settings(value))
        expected = "words like NAME=value";
    else if (k->kind == NEED && !is_need(value))
        expected = "a program and its version, as in clang>=19";
    else if (k->kind == NEEDS && !each_word(value, is_need))
        expected = "programs and their versions, as in clang=19 python3>=3.11";
    else if (k->kind == PACKAGES && !each_word(value, is_package))
        expected = "words like apt:clang-19,llvm-19";
    if (expected)
        return bad_value(section, k->name, value, expected);
    if (k->kind == WORDS || k->kind == SETTINGS || k->kind == NEEDS || k->kind == PACKAGES)
        strv_split(at, value);
    else
        str_set(at, xstrdup(value));
    return 0;
}

/* ---- One section: which keys it knows, which object they fill ---- */

struct section {
    const char *name; /* "pin": the first word */
    bool has_id;      /* [pin 3.14.7] */
    const struct key *keys;
    size_t n_keys;
};

static const struct section sections[] = {
    {"recipe", false, recipe_keys, lengthof(recipe_keys)},
    {"modules", false, modules_keys, lengthof(modules_keys)},
    {"variant", true, variant_keys, lengthof(variant_keys)},
    {"preset", true, preset_keys, lengthof(preset_keys)},
    {"pin", true, pin_keys, lengthof(pin_keys)},
    {"sigstore", false, sigstore_keys, lengthof(sigstore_keys)},
};

struct loading {
    struct recipe *recipe;
    struct strv seen; /* "section\nkey", sections in one spelling */
};

static int unknown_section(const char *name)
{
    const char *names[lengthof(sections)];
    for (size_t i = 0; i < lengthof(sections); i++)
        names[i] = sections[i].name;
    autofree char *word = xstrndup(name, strcspn(name, " "));
    const char *nearest = str_nearest(word, names, lengthof(names));
    int rc = fail(E_USAGE, "[%s]: no such section", name);
    return err_hint(
        rc, "%s%s%sknown: [recipe] [modules] [variant ID] [preset ID] [pin RELEASE] [sigstore]",
        nearest ? "did you mean [" : "", nearest ? nearest : "", nearest ? "]? " : "");
}

static int unknown_key(const struct section *s, const char *section, const char *key)
{
    const char *names[16];
    autostr known = {0};
    for (size_t i = 0; i < s->n_keys; i++) {
        names[i] = s->keys[i].name;
        str_addf(&known, " %s", names[i]);
    }
    const char *nearest = str_nearest(key, names, s->n_keys);
    int rc = fail(E_USAGE, "[%s] %s: no such key", section, key);
    return err_hint(rc, "%s%s%sknown here:%s", nearest ? "did you mean \"" : "",
                    nearest ? nearest : "", nearest ? "\"? " : "", known.s);
}

/* The element with this id, appended where there is none. */
static void *element(void **array, size_t *n, size_t size, const char *id)
{
    const void *found = recipe_element(*array, *n, size, id);
    if (found)
        return (char *)*array + ((const char *)found - (const char *)*array);
    *array = xrealloc(*array, (*n + 1) * size);
    char *at = (char *)*array + (*n)++ * size;
    memset(at, 0, size);
    *(char **)(void *)at = xstrdup(id);
    return at;
}

static void *object_of(struct recipe *r, const struct section *s, const char *id)
{
    if (strcmp(s->name, "variant") == 0) {
        struct variant *v =
            element((void **)(void *)&r->variants, &r->n_variants, sizeof *r->variants, id);
        if (!v->suffix)
            v->suffix = xstrdup("");
        return v;
    }
    if (strcmp(s->name, "preset") == 0)
        return element((void **)(void *)&r->presets, &r->n_presets, sizeof *r->presets, id);
    if (strcmp(s->name, "pin") == 0)
        return element((void **)(void *)&r->pins, &r->n_pins, sizeof *r->pins, id);
    return r;
}

static int check_section(const struct section *s, const char *section, const char *id)
{
    struct release release;
    if (s->has_id && (!*id || strpbrk(id, " \t")))
        return fail(E_USAGE, "[%s]: expected [%s ID], the ID one word", section, s->name);
    if (!s->has_id && *id)
        return fail(E_USAGE, "[%s]: expected [%s] alone", section, s->name);
    if (strcmp(s->name, "pin") == 0 && !release_parse(id, &release))
        return fail(E_USAGE, "[%s]: expected a release, as in [pin 3.14.7]", section);
    return 0;
}

static const struct section *find_section(const char *name)
{
    size_t word = strcspn(name, " ");
    for (size_t i = 0; i < lengthof(sections); i++)
        if (strlen(sections[i].name) == word && strncmp(sections[i].name, name, word) == 0)
            return &sections[i];
    return NULL;
}

static int once(struct loading *l, const struct section *s, const char *id, const char *section,
                const char *name)
{
    autofree char *mark = xasprintf("%s %s\n%s", s->name, id, name);
    if (strv_has(&l->seen, mark))
        return fail(E_USAGE, "[%s] %s: given a second time", section, name);
    strv_take(&l->seen, steal(&mark));
    return 0;
}

static int on_key(void *arg, int line, const char *section, const char *name, const char *value)
{
    (void)line;
    struct loading *l = arg;
    if (!*section && name)
        return fail(E_USAGE, "%s: it stands before the first [section]", name);
    const struct section *s = find_section(section);
    if (!s)
        return unknown_section(section);
    const char *id = section + strlen(s->name);
    id += strspn(id, " ");
    int rc = check_section(s, section, id);
    if (rc < 0)
        return rc;
    void *object = object_of(l->recipe, s, id);
    if (!name) /* the section begins; it may stay without keys */
        return 0;
    const struct key *k = NULL;
    for (size_t i = 0; i < s->n_keys && !k; i++)
        if (strcmp(s->keys[i].name, name) == 0)
            k = &s->keys[i];
    if (!k)
        return unknown_key(s, section, name);
    rc = once(l, s, id, section, name);
    return rc < 0 ? rc : set_value(k, object, section, value);
}

/* ---- The whole file ---- */

static int compare_pins(const void *a, const void *b)
{
    return release_compare_text(((const struct pin *)b)->release, ((const struct pin *)a)->release);
}

static int check_providers(const struct recipe *r)
{
    const struct {
        const char *name, *location;
    } known[] = {{"git", r->git}, {"tarball", r->tarball}, {"apt", r->apt}};
    for (size_t i = 0; i < r->providers.n; i++) {
        size_t k = 0;
        while (k < lengthof(known) && strcmp(known[k].name, r->providers.v[i]) != 0)
            k++;
        if (k == lengthof(known))
            return fail(E_USAGE, "%s: [recipe] providers: \"%s\" is none of git, tarball, apt",
                        r->file, r->providers.v[i]);
        if (!known[k].location)
            return fail(E_USAGE, "%s: [recipe] providers names %s, but the key %s is missing",
                        r->file, known[k].name, known[k].name);
    }
    return 0;
}

/* The letters of a suffix are a promise: programs, pip and the proof take them for ABI flags. */
static int check_abiflags(const struct recipe *r, const struct variant *v)
{
    autofree char *said = suffix_abiflags(v->suffix);
    autofree char *flags = xasprintf("%s%s", v->free_threaded ? "t" : "",
                                     strv_has(&v->configure, "--with-pydebug") ? "d" : "");
    if (strcmp(said, flags) == 0)
        return 0;
    int rc = fail(E_USAGE,
                  "%s: [variant %s] suffix = %s: its letters are the ABI flags, which are \"%s\"",
                  r->file, v->id, v->suffix, flags);
    return err_hint(rc,
                    "\"t\" stands for free-threaded = yes, \"d\" for --with-pydebug; any other "
                    "word comes after a '-', as in suffix = %s-%s",
                    flags, v->id);
}

static int check_variants(const struct recipe *r)
{
    for (size_t i = 0; i < r->n_variants; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(r->variants[i].suffix, r->variants[j].suffix) == 0)
                return fail(E_USAGE,
                            "%s: [variant %s] and [variant %s] have the same suffix \"%s\"",
                            r->file, r->variants[j].id, r->variants[i].id, r->variants[i].suffix);
    for (size_t i = 0; i < r->n_variants; i++) {
        autofree char *release = NULL, *suffix = NULL;
        autofree char *name = xasprintf("%s.0%s", r->series, r->variants[i].suffix);
        if (!name_split(name, &release, &suffix))
            return fail(E_USAGE,
                        "%s: [variant %s] suffix = %s: expected letters, or '-' and a word",
                        r->file, r->variants[i].id, r->variants[i].suffix);
        int rc = check_abiflags(r, &r->variants[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int check(const struct recipe *r)
{
    if (!r->series || !r->tag || r->providers.n == 0)
        return fail(E_USAGE, "%s: [recipe] needs the keys series, tag and providers", r->file);
    if (!strstr(r->tag, "{release}"))
        return fail(E_USAGE, "%s: [recipe] tag = %s: expected a pattern with {release} in it",
                    r->file, r->tag);
    if (r->n_variants == 0 || r->n_presets == 0)
        return fail(E_USAGE, "%s: at least one [variant ID] and one [preset ID] are needed",
                    r->file);
    if (!recipe_preset(r, NULL))
        return fail(E_USAGE, "%s: [recipe] preset = %s: there is no [preset %s]", r->file,
                    r->default_preset, r->default_preset);
    for (size_t i = 0; i < r->n_presets; i++) {
        const struct preset *p = &r->presets[i];
        const struct preset *better = p->better ? recipe_preset(r, p->better) : NULL;
        if (p->better && !better)
            return fail(E_USAGE, "%s: [preset %s] better = %s: there is no [preset %s]", r->file,
                        p->id, p->better, p->better);
        if (better && !tools_first(&better->tools))
            return fail(E_USAGE,
                        "%s: [preset %s] better = %s: [preset %s] has no compiler and no needs, so "
                        "nothing tells where it is the better one",
                        r->file, p->id, p->better, p->better);
    }
    for (size_t i = 0; i < r->n_pins; i++) {
        const struct pin *p = &r->pins[i];
        autofree char *series = series_of(p->release);
        if (strcmp(series, r->series) != 0)
            return fail(E_USAGE, "%s: [pin %s] is no release of series %s", r->file, p->release,
                        r->series);
        if (!p->commit != !p->tree)
            return fail(E_USAGE, "%s: [pin %s] needs commit and tree together", r->file,
                        p->release);
        if (!p->commit && !p->sha256_xz && !p->sha256_tgz)
            return fail(E_USAGE, "%s: [pin %s] pins nothing: give commit and tree, or a sha256",
                        r->file, p->release);
    }
    int rc = check_providers(r);
    return rc < 0 ? rc : check_variants(r);
}

int recipe_load_text(const char *name, const char *text, struct recipe **out)
{
    struct recipe *r = xcalloc(1, sizeof *r);
    r->file = xstrdup(name);
    struct loading l = {.recipe = r};
    int rc = ini_read_text(name, text, on_key, &l);
    strv_free(&l.seen);
    if (rc == 0) {
        if (r->n_pins > 1)
            qsort(r->pins, r->n_pins, sizeof *r->pins, compare_pins);
        rc = check(r);
    }
    if (rc < 0) {
        recipe_free(r);
        return rc;
    }
    r->text = xstrdup(text);
    *out = r;
    return 0;
}

int recipe_load(const char *file, struct recipe **out)
{
    autofree char *path = path_absolute(file), *text = NULL;
    size_t size;
    if (fs_is_dir(path))
        return fail(E_NOTFOUND, "%s is a directory, not a recipe", path);
    int rc = fs_read(path, &text, &size);
    if (rc < 0)
        return rc == E_NOTFOUND ? fail(E_NOTFOUND, "there is no recipe %s", path) : rc;
    if (strlen(text) != size)
        return fail(E_USAGE, "%s is not a text file", path);
    return recipe_load_text(path, text, out);
}
