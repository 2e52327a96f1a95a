/* ungil list: what is installed; --available: what the recipes pin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/receipt.h"
#include "core/recipe.h"
#include "core/text_json.h"

/* --available */
static bool available;

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"available", 0, OPT_FLAG, &available, NULL,
                              "What the recipes pin, instead of what is installed."});
    opt_add_root(set);
    opt_add_json(set);
}

/* ---- installed ---- */

static json_t *installed_json(const struct store *s, const struct receipt *r, bool is_default)
{
    autofree char *prefix = store_prefix(s, r->name), *python = root_python(s, r);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:b}", "name",
                     r->name, "release", r->release, "series", r->series, "variant", r->variant,
                     "suffix", r->suffix, "free_threaded", r->free_threaded, "preset", r->preset,
                     "verdict", r->verdict, "installed", r->installed, "prefix", prefix, "python",
                     python, "default", is_default);
}

static void print_installed(const struct store *s, struct receipt **list, size_t n,
                            const char *chosen)
{
    if (n == 0) {
        note("nothing is installed in %s; \"ungil install\" changes that", s->root);
        return;
    }
    struct table *t = table_new("NAME|VARIANT|PRESET|VERDICT|INSTALLED|DEFAULT");
    for (size_t i = 0; i < n; i++) {
        autofree char *day = xstrndup(list[i]->installed, strlen("2026-08-05"));
        table_row(t, (const char *[]){list[i]->name, list[i]->variant, list[i]->preset,
                                      list[i]->verdict, day,
                                      str_eq(list[i]->name, chosen) ? "default" : NULL});
    }
    table_print(t);
    table_free(t);
}

static int list_installed(const struct store *s, struct receipt **list, size_t n)
{
    autofree char *chosen = store_default(s, list, n);
    if (common.json) {
        json_t *array = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(array, installed_json(s, list[i], str_eq(list[i]->name, chosen)));
        return print_json(json_pack("{s:i, s:s, s:s?, s:o}", "format", 1, "root", s->root,
                                    "default", chosen, "installed", array));
    }
    print_installed(s, list, n, chosen);
    return 0;
}

/* ---- available ---- */

/* Names of installed variants of a release; owned. */
static char *installed_of(struct receipt **list, size_t n, const char *release)
{
    autostrv names = {0};
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i]->release, release) == 0)
            strv_add(&names, list[i]->name);
    return strv_join(&names, " ");
}

static char *sources_of(const struct pin *p)
{
    autostrv from = {0};
    if (p->commit)
        strv_add(&from, "git");
    if (p->sha256_xz || p->sha256_tgz)
        strv_add(&from, "archive");
    return strv_join(&from, " ");
}

static json_t *pin_json(const struct pin *p, const char *installed)
{
    autostrv words = {0};
    strv_split(&words, installed);
    json_t *names = json_array();
    for (size_t i = 0; i < words.n; i++)
        json_array_append_new(names, json_string(words.v[i]));
    return json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?, s:o}", "release", p->release,
                     "date", p->date, "tag", p->tag, "commit", p->commit, "tree", p->tree,
                     "sha256_xz", p->sha256_xz, "sha256_tgz", p->sha256_tgz, "installed", names);
}

static void add_series(const struct recipe *r, struct receipt **list, size_t n, struct table *t,
                       json_t *array)
{
    json_t *releases = json_array();
    for (size_t i = 0; i < r->n_pins; i++) {
        const struct pin *p = &r->pins[i];
        autofree char *installed = installed_of(list, n, p->release), *sources = sources_of(p);
        table_row(t, (const char *[]){r->series, p->release, p->date ? p->date : "-", sources,
                                      installed, r->prerelease ? "prerelease" : NULL});
        json_array_append_new(releases, pin_json(p, installed));
    }
    json_array_append_new(array, json_pack("{s:s, s:b, s:o, s:o}", "series", r->series,
                                           "prerelease", r->prerelease, "recipe",
                                           text_json(r->file), "releases", releases));
}

static int list_available(struct receipt **list, size_t n)
{
    autostrv series = {0};
    struct table *t = table_new("SERIES|RELEASE|DATE|PINNED FOR|INSTALLED|NOTE");
    json_t *array = json_array();
    int rc = recipe_list(&series);
    for (size_t i = 0; rc == 0 && i < series.n; i++) {
        struct recipe *r = NULL;
        rc = recipe_find(series.v[i], &r);
        if (rc == 0)
            add_series(r, list, n, t, array);
        recipe_free(r);
    }
    if (rc == 0 && common.json)
        rc = print_json(json_pack("{s:i, s:O}", "format", 1, "available", array));
    else if (rc == 0)
        table_print(t);
    json_decref(array);
    table_free(t);
    return rc;
}

static int run(const struct strv *operands)
{
    if (operands->n > 0)
        return err_hint(fail(E_USAGE, "list: \"%s\" is one argument too many", operands->v[0]),
                        "\"ungil show %s\" tells about one interpreter", operands->v[0]);
    autostore s;
    struct receipt **list;
    size_t n;
    root_open(&s);
    int rc = store_list(&s, &list, &n);
    if (rc < 0)
        return rc;
    rc = available ? list_available(list, n) : list_installed(&s, list, n);
    store_list_free(list, n);
    return rc;
}

const struct verb cmd_list = {
    .name = "list",
    .usage = "list [OPTION]...",
    .summary = "List what is installed, or what could be",
    .description =
        "Reads the receipts in ROOT/versions; needs no lock. VERDICT is what the proof made at "
        "installation said: proven, or inconclusive where this machine could not tell (one CPU, "
        "or a busy one). DEFAULT is what python and python3 in ROOT/bin lead to.\n\n"
        "With --available, PINNED FOR says which sources can be verified: git, or an archive "
        "(from tarball or apt).",
    .run = run,
    .options = options,
};
