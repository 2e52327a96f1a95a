#include "core/verify_receipt.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/bundle.h"
#include "core/dirs.h"
#include "core/finish.h"
#include "core/receipt.h"
#include "core/recipe.h"
#include "core/release.h"

static void wanted_modules(const struct receipt *r, struct verify_question *q)
{
    struct recipe *recipe = NULL;
    if (recipe_find(r->series, &recipe) == 0) {
        strv_addv(&q->required, &recipe->required);
        strv_addv(&q->optional, &recipe->optional);
        recipe_free(recipe);
        return;
    }
    err_clear();
    autofree char *require = bundle_input(r, "require"), *optional = bundle_input(r, "optional");
    strv_split(&q->required, require ? require : "");
    strv_split(&q->optional, optional ? optional : "");
}

void verify_question_of(const struct receipt *r, const char *prefix, const char *sibling,
                        struct verify_question *q)
{
    *q = (struct verify_question){0};
    q->python = finish_python(prefix, r->series, r->suffix);
    q->abiflags = suffix_abiflags(r->suffix);
    q->configured = dirs_configured_prefix(r->name);
    if (r->free_threaded && sibling)
        q->control = finish_python(sibling, r->series, "");
    receipt_configure(r, &q->options);
    wanted_modules(r, q);
    bundle_parts(r, &q->parts);
    q->opts = (struct verify_opts){
        .python = q->python,
        .prefix = prefix,
        .configured = q->configured,
        .stale = &q->stale,
        .release = r->release,
        .abiflags = q->abiflags,
        .options = &q->options,
        .free_threaded = r->free_threaded,
        .required = &q->required,
        .optional = &q->optional,
        .parts = &q->parts,
        .control = q->control && fs_exists(q->control) ? q->control : NULL,
        .who = r->name,
    };
}

void verify_question_free(struct verify_question *q)
{
    free(q->python);
    free(q->control);
    free(q->abiflags);
    free(q->configured);
    strv_free(&q->stale);
    strv_free(&q->options);
    strv_free(&q->required);
    strv_free(&q->optional);
    strv_free(&q->parts);
}
