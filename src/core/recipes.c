/* Finding recipes in the directories they are read from, see recipe.h. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/dirs.h"
#include "core/embedded.h"
#include "core/recipe.h"

/* The recipe of a series that the binary carries, for a binary that was copied without its data;
 * NULL. */
static const struct embedded *built_in(const char *series)
{
    autofree char *name = xasprintf("%s.ini", series);
    for (size_t i = 0; i < embedded_count; i++)
        if (strcmp(embedded_files[i].name, name) == 0)
            return &embedded_files[i];
    return NULL;
}

/* Directories, first hit wins. */
static void recipe_dirs(struct strv *dirs)
{
    const char *variable = getenv("UNGIL_RECIPES");
    if (variable && *variable)
        strv_add(dirs, variable);
    strv_take(dirs, dirs_config("recipes"));
    strv_take(dirs, dirs_data("recipes"));
}

static int newest_series_first(const void *a, const void *b)
{
    autofree char *ra = xasprintf("%s.0", *(char *const *)a);
    autofree char *rb = xasprintf("%s.0", *(char *const *)b);
    return release_compare_text(rb, ra);
}

/* Adds the series that a file name like "3.14.ini" stands for. */
static void add_series(struct strv *series, const char *file)
{
    if (!str_ends(file, ".ini"))
        return;
    struct release r;
    autofree char *stem = xstrndup(file, strlen(file) - strlen(".ini"));
    autofree char *as_release = xasprintf("%s.0", stem);
    if (release_parse(as_release, &r) && !strv_has(series, stem))
        strv_add(series, stem);
}

int recipe_list(struct strv *series)
{
    autostrv dirs = {0};
    recipe_dirs(&dirs);
    for (size_t i = 0; i < dirs.n; i++) {
        autostrv names = {0};
        int rc = fs_list(dirs.v[i], &names);
        if (rc < 0)
            return rc;
        for (size_t j = 0; j < names.n; j++)
            add_series(series, names.v[j]);
    }
    for (size_t i = 0; i < embedded_count; i++)
        add_series(series, embedded_files[i].name);
    if (series->n > 1)
        qsort(series->v, series->n, sizeof *series->v, newest_series_first);
    return 0;
}

static int no_recipe(const char *series)
{
    autostrv all = {0};
    int rc = recipe_list(&all);
    if (rc < 0)
        return rc;
    rc = fail(E_USAGE, "there is no recipe for series %s", series);
    autofree char *known = strv_join(&all, ", ");
    return err_hint(rc, "known: %s. A recipe of your own goes to ~/.config/ungil/recipes/%s.ini",
                    known, series);
}

int recipe_find(const char *series, struct recipe **out)
{
    autostrv dirs = {0};
    recipe_dirs(&dirs);
    for (size_t i = 0; i < dirs.n; i++) {
        autofree char *file = xasprintf("%s/%s.ini", dirs.v[i], series);
        if (!fs_exists(file))
            continue;
        int rc = recipe_load(file, out);
        if (rc == E_NOTFOUND)
            rc = err_hint(E_USAGE, "move it away: a recipe is a file");
        if (rc == 0 && strcmp((*out)->series, series) != 0) {
            rc = fail(E_USAGE, "%s: its name says series %s, [recipe] series says %s", file, series,
                      (*out)->series);
            recipe_free(*out);
            *out = NULL;
        }
        return rc;
    }
    const struct embedded *own = built_in(series);
    if (!own)
        return no_recipe(series);
    autofree char *name = xasprintf("built in: %s", own->name);
    return recipe_load_text(name, (const char *)own->data, out);
}

int recipe_find_default(struct recipe **out)
{
    autostrv all = {0};
    int rc = recipe_list(&all);
    for (size_t i = 0; rc == 0 && i < all.n; i++) {
        rc = recipe_find(all.v[i], out);
        if (rc < 0)
            return rc;
        if (!(*out)->prerelease && (*out)->n_pins > 0)
            return 0;
        recipe_free(*out);
        *out = NULL;
    }
    return rc < 0 ? rc : no_recipe("(the newest stable one)");
}
