#include "core/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "core/recipe_parse.h"
#include "io/digest.h"

static void tools_free(struct tools *t)
{
    free(t->compiler);
    strv_free(&t->needs);
    strv_free(&t->packages);
}

const char *tools_first(const struct tools *tools)
{
    if (tools->compiler)
        return tools->compiler;
    return tools->needs.n ? tools->needs.v[0] : NULL;
}

static void variant_free(struct variant *v)
{
    free(v->id);
    free(v->suffix);
    strv_free(&v->configure);
    strv_free(&v->environment);
    tools_free(&v->tools);
}

static void preset_free(struct preset *p)
{
    free(p->id);
    strv_free(&p->configure);
    strv_free(&p->environment);
    strv_free(&p->share_objects);
    tools_free(&p->tools);
    free(p->better);
}

static void pin_free(struct pin *p)
{
    free(p->release);
    free(p->tag);
    free(p->commit);
    free(p->tree);
    free(p->date);
    free(p->sha256_xz);
    free(p->sha256_tgz);
}

void recipe_free(struct recipe *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_variants; i++)
        variant_free(&r->variants[i]);
    for (size_t i = 0; i < r->n_presets; i++)
        preset_free(&r->presets[i]);
    for (size_t i = 0; i < r->n_pins; i++)
        pin_free(&r->pins[i]);
    free(r->variants);
    free(r->presets);
    free(r->pins);
    strv_free(&r->providers);
    strv_free(&r->required);
    strv_free(&r->optional);
    char *const texts[] = {
        r->file, r->text,    r->series, r->default_preset,    r->tag,
        r->git,  r->tarball, r->apt,    r->sigstore_identity, r->sigstore_issuer};
    for (size_t i = 0; i < lengthof(texts); i++)
        free(texts[i]);
    free(r);
}

char *recipe_digest(const struct recipe *r)
{
    char hex[SHA256_HEX];
    digest_text(r->text, hex);
    return xstrdup(hex);
}

const struct variant *recipe_variant_by_suffix(const struct recipe *r, const char *suffix)
{
    for (size_t i = 0; i < r->n_variants; i++)
        if (strcmp(r->variants[i].suffix, suffix) == 0)
            return &r->variants[i];
    return NULL;
}

const void *recipe_element(const void *array, size_t n, size_t size, const char *id)
{
    for (size_t i = 0; i < n; i++) {
        const char *element = (const char *)array + i * size;
        if (strcmp(*(char *const *)(const void *)element, id) == 0)
            return element;
    }
    return NULL;
}

const struct variant *recipe_variant_by_id(const struct recipe *r, const char *id)
{
    return recipe_element(r->variants, r->n_variants, sizeof *r->variants, id);
}

static char *flags_but_gil(const struct variant *v)
{
    autostr text = {0};
    for (size_t i = 0; i < v->configure.n; i++)
        if (strcmp(v->configure.v[i], "--disable-gil") != 0)
            str_addf(&text, "%s\n", v->configure.v[i]);
    autofree char *environment = strv_join(&v->environment, "\n");
    return xasprintf("%s\n%s\n%s", v->tools.compiler ? v->tools.compiler : "", environment,
                     text.s ? text.s : "");
}

bool variants_compile_alike(const struct variant *a, const struct variant *b)
{
    autofree char *one = flags_but_gil(a), *other = flags_but_gil(b);
    return strcmp(one, other) == 0;
}

bool variant_is_plain(const struct variant *v)
{
    static const struct variant nothing;
    return v->tools.needs.n == 0 && variants_compile_alike(v, &nothing);
}

const struct preset *recipe_preset(const struct recipe *r, const char *id)
{
    if (!id && !r->default_preset)
        return r->n_presets ? &r->presets[0] : NULL;
    return recipe_element(r->presets, r->n_presets, sizeof *r->presets,
                          id ? id : r->default_preset);
}

const struct pin *recipe_pin(const struct recipe *r, const char *release)
{
    return recipe_element(r->pins, r->n_pins, sizeof *r->pins, release);
}

/* `pattern` with each {word} replaced; unknown words stay. */
static char *expand(const char *pattern, const char *const (*words)[2], size_t n)
{
    autostr out = {0};
    for (const char *p = pattern; *p;) {
        size_t i = 0;
        for (; *p == '{' && i < n; i++) {
            size_t length = strlen(words[i][0]);
            if (strncmp(p + 1, words[i][0], length) == 0 && p[length + 1] == '}') {
                str_add(&out, words[i][1]);
                p += length + 2;
                break;
            }
        }
        if (*p && (*p != '{' || i == n))
            str_addn(&out, p++, 1);
    }
    return str_take(&out);
}

char *recipe_tag(const struct recipe *r, const char *release)
{
    const char *const words[][2] = {{"release", release}};
    return expand(r->tag, words, lengthof(words));
}

char *recipe_tarball_url(const struct recipe *r, const char *release, const char *base_url,
                         const char *file)
{
    if (base_url)
        return path_join(base_url, file);
    /* Prereleases lie in the directory of the release they precede: 3.15.0rc1 in 3.15.0/. */
    autofree char *base = xstrndup(release, strcspn(release, "abr"));
    const char *const words[][2] = {{"release", release}, {"base", base}, {"file", file}};
    return expand(r->tarball ? r->tarball : "{file}", words, lengthof(words));
}
