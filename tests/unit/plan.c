/* Goal: a SPEC means the right variants and releases, and only equal inputs count as installed. */
#include <jansson.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/plan.h"
#include "core/receipt.h"
#include "scratch.h"
#include "tap.h"

static const char recipe_text[] =
    "[recipe]\nseries = 9.14\ntag = v{release}\nproviders = git\ngit = /nowhere\n"
    "[variant gil]\nsuffix =\n[variant ft]\nsuffix = t\nconfigure = --disable-gil\n"
    "free-threaded = yes\n[variant debug]\nsuffix = d\nconfigure = --with-pydebug\n[preset "
    "quick]\nconfigure =\n"
    "[preset release]\nconfigure = --with-lto\n"
    "[pin 9.14.2]\nsha256-tgz = 1111111111111111111111111111111111111111111111111111111111111111\n"
    "[pin 9.14.10]\nsha256-tgz = 2222222222222222222222222222222222222222222222222222222222222222\n"
    "[pin 9.14.0rc1]\nsha256-tgz = "
    "3333333333333333333333333333333333333333333333333333333333333333\n";

static struct plan make(const char *spec, struct plan_opts o)
{
    struct plan p = {0};
    if (!o.preset)
        o.preset = "quick";
    ok(plan_make(spec, &o, &p) == 0, spec ? spec : "(default)");
    return p;
}

/* A receipt as install would have written it. */
static struct receipt receipt_of(const struct plan *p, const struct pin *pin,
                                 const struct variant *v)
{
    struct receipt r = {.name = plan_name(pin->release, v),
                        .inputs = plan_inputs(p, pin, v),
                        .inputs_text = plan_inputs_text(p, pin, v)};
    r.json = json_pack("{s:{s:s}}", "requested", "newest_pin", plan_wish(p));
    return r;
}

static void forget(struct receipt *r)
{
    free((void *)r->name);
    free((void *)r->inputs);
    free((void *)r->inputs_text);
    json_decref(r->json);
}

static void specs_mean_variants_and_releases(void)
{
    struct plan p = make("9.14", (struct plan_opts){0});
    is_int((long long)p.n_variants, 2, "a series is the pair, not every variant");
    is_int((long long)p.n_candidates, 2, "prereleases are no candidates beside finished releases");
    is_str(plan_wish(&p), "9.14.10", "10 is newer than 2");
    plan_free(&p);
    p = make("9.14.2t", (struct plan_opts){0});
    is_int((long long)p.n_variants, 1, "a suffix is one variant");
    is_str(p.variants[0]->id, "ft", "the one with that suffix");
    is_str(plan_wish(&p), "9.14.2", "an exact release is that one");
    ok(p.exact, "and is exact");
    plan_free(&p);
    p = make("9.14.0rc1", (struct plan_opts){.variant = "debug"});
    is_str(p.variants[0]->suffix, "d", "--variant finds any variant of the recipe");
    plan_free(&p);
    struct plan_opts quick = {.preset = "quick"}, wrong = {.preset = "qiuck"},
                     ft = {.preset = "quick", .variant = "gil"};
    ok(plan_make("9.14.3", &quick, &p) == E_USAGE, "a release that is not pinned is refused");
    ok(plan_make("9.14x", &quick, &p) == E_USAGE, "an unknown suffix is refused");
    ok(plan_make("9.14", &wrong, &p) == E_USAGE, "an unknown preset is refused");
    ok(plan_make("9.14t", &ft, &p) == E_USAGE, "a suffix against --variant is refused");
    ok(plan_make("8.1", &quick, &p) == E_USAGE, "an unknown series is refused");
    p = make("9.14.3", (struct plan_opts){.unpinned = true, .source = "/there"});
    is_str(plan_wish(&p), "9.14.3", "--unpinned takes a release of the user's");
    plan_free(&p);
}

static void inputs_tell_builds_apart(void)
{
    struct plan quick = make("9.14", (struct plan_opts){0});
    struct plan lto = make("9.14", (struct plan_opts){.preset = "release"});
    autofree char *a = plan_inputs(&quick, quick.candidates[0], quick.variants[0]);
    autofree char *again = plan_inputs(&quick, quick.candidates[0], quick.variants[0]);
    autofree char *ft = plan_inputs(&quick, quick.candidates[0], quick.variants[1]);
    autofree char *older = plan_inputs(&quick, quick.candidates[1], quick.variants[0]);
    autofree char *optimised = plan_inputs(&lto, lto.candidates[0], lto.variants[0]);
    setenv("CFLAGS", "-O1", 1);
    autofree char *flags = plan_inputs(&quick, quick.candidates[0], quick.variants[0]);
    unsetenv("CFLAGS");
    is_str(again, a, "equal inputs, equal digest");
    ok(strcmp(ft, a) != 0 && strcmp(older, a) != 0 && strcmp(optimised, a) != 0 &&
           strcmp(flags, a) != 0,
       "variant, release, preset and CFLAGS each make another digest");
    plan_free(&quick);
    plan_free(&lto);
}

static void only_equal_inputs_satisfy(void)
{
    struct plan p = make("9.14", (struct plan_opts){0});
    const struct pin *pin = NULL;
    struct receipt gil = receipt_of(&p, p.candidates[1], p.variants[0]);
    struct receipt ft = receipt_of(&p, p.candidates[1], p.variants[1]);
    struct receipt *both[] = {&gil, &ft};
    ok(!plan_satisfied(&p, both, 1, false, &pin), "half a pair does not satisfy");
    ok(plan_satisfied(&p, both, 2, false, &pin),
       "an older release satisfies when the newest was tried");
    is_str(pin ? pin->release : NULL, "9.14.2", "and is told");
    ok(!plan_satisfied(&p, both, 2, true, &pin), "--upgrade asks again");
    json_object_set_new(json_object_get(ft.json, "requested"), "newest_pin", json_string("9.14.2"));
    ok(!plan_satisfied(&p, both, 2, false, &pin), "a pin added since then is asked for");
    json_object_set_new(json_object_get(ft.json, "requested"), "newest_pin",
                        json_string("9.14.10"));
    free((void *)gil.inputs_text);
    gil.inputs_text = xstrdup("");
    ok(plan_satisfied(&p, both, 2, false, &pin), "the digest alone is enough");
    free((void *)gil.inputs);
    gil.inputs = xstrdup("other");
    ok(!plan_satisfied(&p, both, 2, false, &pin), "other inputs do not satisfy");
    forget(&gil);
    forget(&ft);
    plan_free(&p);
}

int main(void)
{
    scratch_enter();
    scratch_file("recipes/9.14.ini", recipe_text, 0644);
    setenv("UNGIL_RECIPES", "recipes", 1);
    unsetenv("CFLAGS");
    specs_mean_variants_and_releases();
    inputs_tell_builds_apart();
    only_equal_inputs_satisfy();
    err_clear();
    return tap_done();
}
