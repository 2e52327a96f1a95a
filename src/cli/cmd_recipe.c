/* ungil recipe list|show|check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/cmd.h"
#include "cli/table.h"
#include "core/recipe.h"
#include "core/text_json.h"

static void options(struct optset *set)
{
    opt_add_json(set);
}

static json_t *brief_json(const struct recipe *r)
{
    return json_pack("{s:s, s:o, s:b, s:i, s:s?}", "series", r->series, "file", text_json(r->file),
                     "prerelease", r->prerelease, "pins", (int)r->n_pins, "newest",
                     r->n_pins ? r->pins[0].release : NULL);
}

static int see_uses(int rc)
{
    return err_hint(rc, "ungil recipe list, ungil recipe show SERIES, ungil recipe check FILE");
}

static int recipe_verb_list(const struct strv *files)
{
    autostrv series = {0};
    int rc =
        files->n == 0
            ? recipe_list(&series)
            : see_uses(fail(E_USAGE, "recipe list: \"%s\" is one argument too many", files->v[0]));
    struct table *t = table_new("SERIES|NEWEST|>PINS|FILE|NOTE");
    json_t *array = json_array();
    for (size_t i = 0; rc == 0 && i < series.n; i++) {
        struct recipe *r = NULL;
        rc = recipe_find(series.v[i], &r);
        if (rc < 0)
            break;
        char pins[16];
        snprintf(pins, sizeof pins, "%zu", r->n_pins);
        table_row(t, (const char *[]){r->series, r->n_pins ? r->pins[0].release : "-", pins,
                                      r->file, r->prerelease ? "prerelease" : NULL});
        json_array_append_new(array, brief_json(r));
        recipe_free(r);
    }
    if (rc == 0 && common.json)
        rc = print_json(json_pack("{s:i, s:O}", "format", 1, "recipes", array));
    else if (rc == 0)
        table_print(t);
    json_decref(array);
    table_free(t);
    return rc;
}

/* A series, or a file. */
static int load(const char *which, struct recipe **r)
{
    if (!strchr(which, '/') && !str_ends(which, ".ini"))
        return recipe_find(which, r);
    int rc = recipe_load(which, r);
    return rc == E_NOTFOUND
               ? err_hint(E_USAGE, "a word with a slash or .ini is the path of a recipe")
               : rc;
}

static json_t *variants_json(const struct recipe *r)
{
    json_t *array = json_array();
    for (size_t i = 0; i < r->n_variants; i++) {
        const struct variant *v = &r->variants[i];
        json_array_append_new(
            array,
            json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "id", v->id, "suffix", v->suffix,
                      "free_threaded", v->free_threaded, "configure", texts_json(&v->configure),
                      "environment", texts_json(&v->environment), "compiler",
                      text_json(v->tools.compiler), "needs", texts_json(&v->tools.needs),
                      "packages", texts_json(&v->tools.packages)));
    }
    return array;
}

static json_t *presets_json(const struct recipe *r)
{
    json_t *array = json_array();
    for (size_t i = 0; i < r->n_presets; i++) {
        const struct preset *p = &r->presets[i];
        json_array_append_new(
            array, json_pack("{s:s, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:s?}", "id", p->id,
                             "configure", texts_json(&p->configure), "environment",
                             texts_json(&p->environment), "precompile_headers",
                             p->precompile_headers, "debug_info", p->debug_info, "share_objects",
                             texts_json(&p->share_objects), "compiler",
                             text_json(p->tools.compiler), "needs", texts_json(&p->tools.needs),
                             "packages", texts_json(&p->tools.packages), "better", p->better));
    }
    return array;
}

static json_t *pins_json(const struct recipe *r)
{
    json_t *array = json_array();
    for (size_t i = 0; i < r->n_pins; i++) {
        const struct pin *p = &r->pins[i];
        json_array_append_new(
            array, json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?}", "release", p->release,
                             "date", p->date, "tag", p->tag, "commit", p->commit, "tree", p->tree,
                             "sha256_xz", p->sha256_xz, "sha256_tgz", p->sha256_tgz));
    }
    return array;
}

static json_t *recipe_json(const struct recipe *r)
{
    autofree char *digest = recipe_digest(r);
    return json_pack("{s:i, s:s, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:s, s:o, "
                     "s:o, s:o}",
                     "format", 1, "series", r->series, "file", text_json(r->file), "digest", digest,
                     "prerelease", r->prerelease, "tag", text_json(r->tag), "providers",
                     texts_json(&r->providers), "git", text_json(r->git), "tarball",
                     text_json(r->tarball), "apt", text_json(r->apt), "required",
                     texts_json(&r->required), "optional", texts_json(&r->optional),
                     "install_tests", r->install_tests, "preset", recipe_preset(r, NULL)->id,
                     "variants", variants_json(r), "presets", presets_json(r), "pins",
                     pins_json(r));
}

static void show_words(const char *label, const struct strv *words)
{
    autofree char *text = strv_join(words, " ");
    printf("  %-10s %s\n", label, text);
}

/* Three keys and their values, of what is there. */
static void show_more(const char *const more[3][2])
{
    for (size_t i = 0; i < 3; i++)
        if (more[i][1] && *more[i][1])
            printf("  %-10s   %s %s\n", "", more[i][0], more[i][1]);
}

static void show_variant(const struct variant *v, const char *label)
{
    autofree char *words = strv_join(&v->configure, " "),
                  *environment = strv_join(&v->environment, " "),
                  *needs = strv_join(&v->tools.needs, " ");
    printf("  %-10s %s: suffix \"%s\"%s%s\n", label, v->id, v->suffix, *words ? ", configure " : "",
           words);
    show_more((const char *const[][2]){
        {"environment", environment}, {"compiler", v->tools.compiler}, {"needs", needs}});
}

static void show_recipe(const struct recipe *r)
{
    autofree char *digest = recipe_digest(r);
    printf("%s%s: %s\n", r->series, r->prerelease ? " (prerelease)" : "", r->file);
    printf("  %-10s %s\n", "SHA-256", digest);
    show_words("providers", &r->providers);
    const char *const places[][2] = {{"git", r->git}, {"tarball", r->tarball}, {"apt", r->apt}};
    for (size_t i = 0; i < lengthof(places); i++)
        if (places[i][1])
            printf("  %-10s %s\n", places[i][0], places[i][1]);
    show_words("required", &r->required);
    show_words("optional", &r->optional);
    for (size_t i = 0; i < r->n_variants; i++)
        show_variant(&r->variants[i], i ? "" : "variants");
    for (size_t i = 0; i < r->n_presets; i++) {
        const struct preset *p = &r->presets[i];
        autofree char *words = strv_join(&p->configure, " "),
                      *needs = strv_join(&p->tools.needs, " ");
        printf("  %-10s %s: configure %s%s\n", i ? "" : "presets", p->id, words,
               p == recipe_preset(r, NULL) ? " (the default)" : "");
        show_more((const char *const[][2]){
            {"compiler", p->tools.compiler}, {"needs", needs}, {"better", p->better}});
    }
    for (size_t i = 0; i < r->n_pins; i++) {
        const struct pin *p = &r->pins[i];
        printf("  %-10s %-10s %s%s%s%s\n", i ? "" : "pins", p->release, p->date ? p->date : "",
               p->commit ? " commit " : "", p->commit ? p->commit : "",
               p->sha256_xz || p->sha256_tgz ? " archive" : "");
    }
}

static int recipe_verb_show(const struct strv *which)
{
    if (which->n != 1)
        return err_hint(fail(E_USAGE, "recipe show: give one SERIES or FILE"),
                        "\"ungil recipe list\" shows the series");
    struct recipe *r = NULL;
    int rc = load(which->v[0], &r);
    if (rc == 0 && common.json)
        rc = print_json(recipe_json(r));
    else if (rc == 0)
        show_recipe(r);
    recipe_free(r);
    return rc;
}

static int recipe_verb_check(const struct strv *which)
{
    json_t *array = json_array();
    int rc = which->n > 0 ? 0
                          : err_hint(fail(E_USAGE, "recipe check: which SERIES or FILE?"),
                                     "for example: ungil recipe check ./my.ini");
    for (size_t i = 0; rc == 0 && i < which->n; i++) {
        struct recipe *r = NULL;
        rc = load(which->v[i], &r);
        if (rc == 0 && !common.json)
            printf("%s: good; series %s, %zu pins\n", which->v[i], r->series, r->n_pins);
        if (rc == 0)
            json_array_append_new(array, brief_json(r));
        recipe_free(r);
    }
    if (rc == 0 && common.json)
        rc = print_json(json_pack("{s:i, s:O}", "format", 1, "checked", array));
    json_decref(array);
    return rc;
}

static int run(const struct strv *operands)
{
    static const struct action actions[] = {
        {"list", recipe_verb_list}, {"show", recipe_verb_show}, {"check", recipe_verb_check}};
    bool unknown;
    int rc = verb_action("recipe", actions, lengthof(actions), operands, &unknown);
    return unknown ? see_uses(rc) : rc;
}

const struct verb cmd_recipe = {
    .name = "recipe",
    .usage = "recipe list [OPTION]...\nrecipe show [OPTION]... SERIES|FILE\n"
             "recipe check [OPTION]... SERIES|FILE...",
    .summary = "List, show and check recipes",
    .description =
        "A recipe is an INI file that says where a series comes from, how its variants are built "
        "and what its releases are pinned to. The first one found for a series is used: in "
        "$UNGIL_RECIPES, in ~/.config/ungil/recipes, the installed ones, the ones built in. "
        "A [variant ID] has a suffix for its name, and what is added to configure and to the "
        "build's "
        "environment; it can name its compiler (compiler = clang>=19), other programs that it "
        "needs "
        "(needs = llvm-readobj=19 python3>=3.11) and who ships them (packages = apt:clang-19). The "
        "comments of the recipes explain every key. A [preset ID] names what it needs with the "
        "same keys, and "
        "with better = ID a preset that is taken instead where this machine has what that one "
        "needs. In \"show --json\", variants is an array of "
        "objects with id, suffix, free_threaded, configure, environment, compiler (null: any), "
        "needs "
        "and packages; presets have these three, too, and better. "
        "\"check\" names file, line, section and key of the first mistake: exit status 2.",
    .run = run,
    .options = options,
};
