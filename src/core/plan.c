#include "core/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/dirs.h"
#include "core/receipt.h"
#include "core/variant.h"
#include "io/digest.h"

/* Raised when ungil itself builds differently from the same inputs, so that old prefixes are not
 * taken for equal. */
static const int engine = 4;

const char *const plan_environment[] = {"CC",
                                        "CPP",
                                        "CFLAGS",
                                        "CPPFLAGS",
                                        "LDFLAGS",
                                        "LIBS",
                                        "CFLAGS_NODIST",
                                        "LDFLAGS_NODIST",
                                        "OPT",
                                        "EXTRA_CFLAGS",
                                        "PROFILE_TASK",
                                        "PKG_CONFIG_PATH",
                                        "PKG_CONFIG_LIBDIR",
                                        NULL};

const char *plan_getenv(const char *name)
{
    const char *value = getenv(name);
    bool blank = value && value[strspn(value, " \t\n")] == '\0';
    return blank && strcmp(name, "CC") == 0 ? NULL : value;
}

char *plan_name(const char *release, const struct variant *v)
{
    return xasprintf("%s%s", release, v->suffix);
}

const char *plan_wish(const struct plan *p)
{
    return p->candidates[0]->release;
}

static int unknown_id(const struct recipe *r, const char *what, const char *id,
                      const char *const *ids, size_t n)
{
    autostr known = {0};
    for (size_t i = 0; i < n; i++)
        str_addf(&known, "%s%s", i ? ", " : "", ids[i]);
    int rc = fail(E_USAGE, "series %s has no %s \"%s\"", r->series, what, id);
    return err_hint(rc, "%s knows: %s", r->file, known.s ? known.s : "none");
}

static int choose_preset(struct plan *p, const char *id)
{
    p->asked = p->preset = recipe_preset(p->recipe, id);
    if (p->preset)
        return 0;
    autofree const char **ids = xcalloc(p->recipe->n_presets, sizeof *ids);
    for (size_t i = 0; i < p->recipe->n_presets; i++)
        ids[i] = p->recipe->presets[i].id;
    return unknown_id(p->recipe, "preset", id, ids, p->recipe->n_presets);
}

/* The best that this machine can build: of the pair only, because a variant that is built in its
 * own way was not measured with it, and not against the caller's own CC. */
static void choose_better(struct plan *p)
{
    bool plain = !plan_getenv("CC");
    for (size_t i = 0; i < p->n_variants; i++)
        plain = plain && variant_is_plain(p->variants[i]);
    for (size_t left = p->recipe->n_presets; plain && p->preset->better && left > 0; left--) {
        const struct preset *better = recipe_preset(p->recipe, p->preset->better);
        if (!tools_are_here(&better->tools))
            return;
        p->preset = better;
    }
}

static int no_variant(const struct recipe *r, const char *what, const char *word)
{
    autofree const char **ids = xcalloc(r->n_variants * 2, sizeof *ids);
    size_t n = 0;
    for (size_t i = 0; i < r->n_variants; i++)
        ids[n++] = strcmp(what, "variant") == 0 ? r->variants[i].id
                   : *r->variants[i].suffix     ? r->variants[i].suffix
                                                : "(none)";
    return unknown_id(r, what, word, ids, n);
}

/* Which variants: the suffix of the SPEC, --variant, or the pair (the recipe's gil and ft, else all
 * it has). */
static int choose_variants(struct plan *p, const char *suffix, const char *id)
{
    const struct recipe *r = p->recipe;
    p->variants = xcalloc(r->n_variants, sizeof *p->variants);
    const struct variant *one = NULL;
    if (suffix && !(one = recipe_variant_by_suffix(r, suffix)))
        return no_variant(r, "variant with the suffix", suffix);
    if (id) {
        const struct variant *named = recipe_variant_by_id(r, id);
        if (!named)
            return no_variant(r, "variant", id);
        if (one && one != named)
            return err_hint(
                fail(E_USAGE, "%s is the variant %s, but --variant says %s", p->spec, one->id, id),
                "leave out --variant, or the suffix of the SPEC");
        one = named;
    }
    if (one) {
        p->variants[p->n_variants++] = one;
        return 0;
    }
    bool pair = recipe_variant_by_id(r, "gil") && recipe_variant_by_id(r, "ft");
    for (size_t i = 0; i < r->n_variants; i++)
        if (!pair || strcmp(r->variants[i].id, "gil") == 0 || strcmp(r->variants[i].id, "ft") == 0)
            p->variants[p->n_variants++] = &r->variants[i];
    return 0;
}

static int unknown_release(const struct plan *p, const char *release)
{
    const struct recipe *r = p->recipe;
    autostr known = {0};
    for (size_t i = 0; i < r->n_pins && i < 12; i++)
        str_addf(&known, "%s%s", i ? ", " : "", r->pins[i].release);
    int rc = fail(E_USAGE, "the recipe of series %s does not pin release %s", r->series, release);
    return err_hint(rc, "pinned: %s%s. \"ungil install --unpinned %s\" takes it on trust",
                    known.s ? known.s : "none", r->n_pins > 12 ? ", …" : "", release);
}

static int choose_candidates(struct plan *p, const char *release)
{
    const struct recipe *r = p->recipe;
    p->candidates = xcalloc(r->n_pins + 1, sizeof *p->candidates);
    p->exact = release != NULL;
    if (release) {
        const struct pin *pin = recipe_pin(r, release);
        if (!pin && !p->unpinned)
            return unknown_release(p, release);
        if (!pin) {
            p->own = (struct pin){.release = xstrdup(release)};
            pin = &p->own;
        }
        p->candidates[p->n_candidates++] = pin;
        return 0;
    }
    /* Finished releases first; a series that has none yet (3.15 before October) offers its
     * prereleases. */
    for (int prereleases = 0; prereleases < 2 && p->n_candidates == 0; prereleases++)
        for (size_t i = 0; i < r->n_pins; i++) {
            struct release parsed;
            if (release_parse(r->pins[i].release, &parsed) &&
                release_is_prerelease(&parsed) == (prereleases == 1))
                p->candidates[p->n_candidates++] = &r->pins[i];
        }
    if (p->n_candidates == 0)
        return err_hint(fail(E_USAGE, "%s pins no release", r->file),
                        "name a release and take it on trust with --unpinned, or add a [pin]");
    return 0;
}

static int refuse_future(const char *spec)
{
    if (str_starts(spec, "oci://") || str_ends(spec, ".tar.zst"))
        return err_hint(fail(E_USAGE, "%s: this version of ungil installs from source only", spec),
                        "give a series (3.14), a release (3.14.7) or a recipe (FILE.ini)");
    return 0;
}

int plan_make(const char *text, const struct plan_opts *opts, struct plan *out)
{
    struct plan p = {.unpinned = opts->unpinned};
    struct spec spec = {0};
    int rc = text ? refuse_future(text) : 0;
    if (rc == 0 && text && (str_ends(text, ".ini") || strchr(text, '/'))) {
        rc = recipe_load(text, &p.recipe);
        if (rc == E_NOTFOUND && strchr(text, ':')) {
            fail(E_USAGE, "%s is neither a SPEC nor the path of a recipe", text);
            rc = err_hint(E_USAGE, "a registry is written oci://HOST/REPOSITORY:TAG");
        } else if (rc == E_NOTFOUND) {
            rc = err_hint(E_USAGE, "a SPEC with a slash or .ini is the path of a recipe");
        }
    } else if (rc == 0 && text) {
        rc = spec_parse(text, &spec);
        if (rc == 0)
            rc = recipe_find(spec.series, &p.recipe);
    } else if (rc == 0) {
        rc = recipe_find_default(&p.recipe);
    }
    if (rc == 0) {
        p.spec = xstrdup(text ? text : p.recipe->series);
        if (p.unpinned && opts->source)
            p.origin = xstrdup(opts->source);
        rc = choose_preset(&p, opts->preset);
    }
    if (rc == 0)
        rc = choose_variants(&p, spec.suffix, opts->variant);
    if (rc == 0 && !opts->exact_preset)
        choose_better(&p);
    if (rc == 0)
        rc = choose_candidates(&p, spec.release);
    spec_free(&spec);
    if (rc < 0) {
        plan_free(&p);
        return rc;
    }
    *out = p;
    if (p.n_candidates == 1 && p.candidates[0] == &p.own)
        out->candidates[0] = &out->own; /* it moved along */
    return 0;
}

void plan_free(struct plan *p)
{
    free(p->spec);
    free(p->origin);
    free(p->own.release);
    free(p->variants);
    free(p->candidates);
    recipe_free(p->recipe);
    *p = (struct plan){0};
}

static void add_words(struct str *text, const char *key, const struct strv *words)
{
    autofree char *joined = strv_join(words, " ");
    str_addf(text, "%s=%s\n", key, joined);
}

/* Nothing for those without: they were installed before there were such keys. */
static void add_tools(struct str *text, const char *key, const struct tools *tools)
{
    if (tools->compiler)
        str_addf(text, "%s=%s\n", key, tools->compiler);
    if (tools->needs.n)
        add_words(text, key, &tools->needs);
}

static void add_environment(struct str *text, const struct variant *v, const struct preset *preset)
{
    for (size_t i = 0; plan_environment[i]; i++) {
        const char *value = plan_getenv(plan_environment[i]);
        if (value)
            str_addf(text, "env %s=%s\n", plan_environment[i], value);
    }
    autofree char *cc = variant_cc(v, preset);
    autostrv words = {0};
    strv_split(&words, cc ? cc : "gcc");
    autofree char *program = fs_find_program(words.v[0]);
    str_addf(text, "compiler=%s\n", program ? program : words.v[0]);
}

char *plan_inputs_text(const struct plan *p, const struct pin *pin, const struct variant *v)
{
    struct str text = {0};
    autofree char *name = plan_name(pin->release, v);
    autofree char *prefix = dirs_configured_prefix(name);
    autofree char *origin = str_public_url(p->origin ? p->origin : "");
    str_addf(&text, "engine=%d\nrelease=%s\nprefix=%s\n", engine, pin->release, prefix);
    str_addf(&text, "commit=%s\ntree=%s\nxz=%s\ntgz=%s\norigin=%s\n",
             pin->commit ? pin->commit : "", pin->tree ? pin->tree : "",
             pin->sha256_xz ? pin->sha256_xz : "", pin->sha256_tgz ? pin->sha256_tgz : "", origin);
    str_addf(&text, "variant=%s\nsuffix=%s\nfree-threaded=%d\n", v->id, v->suffix,
             v->free_threaded);
    add_words(&text, "configure", &v->configure);
    /* Not of those that are without: they were installed before there were such keys. */
    if (v->environment.n)
        add_words(&text, "variant-environment", &v->environment);
    add_tools(&text, "needs", &v->tools);
    str_addf(&text, "preset=%s\n", p->preset->id);
    add_words(&text, "preset-configure", &p->preset->configure);
    add_words(&text, "preset-environment", &p->preset->environment);
    if (p->preset->debug_info) /* not a word otherwise: what was installed before has none */
        str_add(&text, "debug-info=1\n");
    add_tools(&text, "preset-needs", &p->preset->tools);
    add_words(&text, "require", &p->recipe->required);
    add_words(&text, "optional", &p->recipe->optional);
    str_addf(&text, "install-tests=%d\n", p->recipe->install_tests);
    add_environment(&text, v, p->preset);
    return str_take(&text);
}

char *plan_inputs(const struct plan *p, const struct pin *pin, const struct variant *v)
{
    autofree char *text = plan_inputs_text(p, pin, v);
    char hex[SHA256_HEX];
    digest_text(text, hex);
    return xstrdup(hex);
}

bool plan_equals(const struct plan *p, const struct pin *pin, const struct variant *v,
                 const struct receipt *r)
{
    autofree char *text = plan_inputs_text(p, pin, v);
    /* No digest, no libcrypto: loading it would be most of the time that an install with nothing to
     * do takes. */
    if (strcmp(r->inputs_text, text) == 0)
        return true;
    char hex[SHA256_HEX];
    digest_text(text, hex);
    return strcmp(r->inputs, hex) == 0;
}

/* The newest pin of its series when this one was installed. */
static const char *newest_pin_then(const struct receipt *r)
{
    const char *value =
        json_string_value(json_object_get(json_object_get(r->json, "requested"), "newest_pin"));
    return value ? value : "";
}

bool plan_satisfied(const struct plan *p, struct receipt *const *installed, size_t n, bool upgrade,
                    const struct pin **pin)
{
    for (size_t c = 0; c < p->n_candidates; c++) {
        size_t equal = 0;
        for (size_t v = 0; v < p->n_variants; v++) {
            autofree char *name = plan_name(p->candidates[c]->release, p->variants[v]);
            const struct receipt *r = receipt_named(installed, n, name);
            if (!r)
                break;
            bool newest_known =
                c == 0 || (!upgrade && strcmp(newest_pin_then(r), plan_wish(p)) == 0);
            if (!newest_known || !plan_equals(p, p->candidates[c], p->variants[v], r))
                break;
            equal++;
        }
        if (equal == p->n_variants) {
            *pin = p->candidates[c];
            return true;
        }
    }
    return false;
}
