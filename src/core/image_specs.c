#include "core/image_specs.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "core/receipt.h"
#include "core/release.h"
#include "core/store.h"

/* The index of a release (NULL: the newest) of a series with a suffix; n when there is none. */
static size_t find(struct receipt *const *list, size_t n, const struct spec *spec,
                   const char *release, const char *suffix)
{
    size_t i = 0;
    while (i < n && (strcmp(list[i]->suffix, suffix) != 0 ||
                     strcmp(release ? list[i]->release : list[i]->series,
                            release ? release : spec->series) != 0))
        i++;
    return i;
}

/* Marks both of a pair; false when there is none that is complete. */
static bool want_pair(struct receipt *const *list, size_t n, const struct spec *spec, bool *wanted)
{
    for (size_t i = 0; i < n; i++) {
        bool meant = spec->release ? strcmp(list[i]->release, spec->release) == 0
                                   : strcmp(list[i]->series, spec->series) == 0;
        size_t other = find(list, n, spec, list[i]->release, "t");
        if (!meant || *list[i]->suffix || other == n)
            continue;
        wanted[i] = wanted[other] = true;
        return true;
    }
    return false;
}

static bool want(struct receipt *const *list, size_t n, const struct spec *spec, bool *wanted)
{
    if (!spec->suffix)
        return want_pair(list, n, spec, wanted);
    size_t i = find(list, n, spec, spec->release, spec->suffix);
    if (i < n)
        wanted[i] = true;
    return i < n;
}

static int not_installed(const struct store *s, struct receipt *const *list, size_t n,
                         const struct spec *spec)
{
    autostrv names = {0};
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i]->series, spec->series) == 0)
            strv_add(&names, list[i]->name);
    autofree char *text = strv_join(&names, ", ");
    int rc = fail(E_FAILED, "%s is not installed in %s", spec->text, s->root);
    if (!spec->suffix && names.n > 0)
        return err_hint(rc,
                        "it means the pair, with the GIL and without; installed: %s. Name one of "
                        "them, or first: ungil install %s",
                        text, spec->text);
    return err_hint(rc, "first: ungil install %s", spec->text);
}

int image_specs(const struct store *s, const struct strv *specs, struct receipt ***out, size_t *n)
{
    size_t all = 0, kept = 0;
    *out = NULL;
    *n = 0;
    int rc = store_list(s, out, &all);
    if (rc < 0)
        return rc;
    autofree bool *wanted = xcalloc(all + 1, sizeof *wanted);
    for (size_t i = 0; rc == 0 && i < specs->n; i++) {
        struct spec spec;
        rc = spec_parse(specs->v[i], &spec);
        if (rc == 0 && !want(*out, all, &spec, wanted))
            rc = not_installed(s, *out, all, &spec);
        spec_free(&spec);
    }
    for (size_t i = 0; i < all; i++) {
        if (rc == 0 && wanted[i])
            (*out)[kept++] = (*out)[i];
        else
            receipt_free((*out)[i]);
    }
    *n = kept;
    return rc;
}
