#include "core/install.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/bench.h"
#include "core/build.h"
#include "core/build_ccache.h"
#include "core/bundle.h"
#include "core/cache.h"
#include "core/dirs.h"
#include "core/finish.h"
#include "core/install_registry.h"
#include "core/need.h"
#include "core/oci.h"
#include "core/plan.h"
#include "core/progress.h"
#include "core/receipt.h"
#include "core/store.h"
#include "core/timeline.h"
#include "core/variant.h"

/* One SPEC on its way through. */
struct install {
    const struct install_opts *opts;
    struct plan *plan; /* borrowed */
    struct store store;
    struct source source;
    struct finish
        *all; /* what is built: the plan's variants less those installed with equal inputs */
    size_t n;
    json_t *report; /* borrowed */
};

static void install_free(struct install *in)
{
    for (size_t i = 0; i < in->n; i++) {
        if (in->all[i].build.destdir)
            fs_remove_tree(in->all[i].build.destdir);
        finish_free(&in->all[i]);
    }
    free(in->all);
    source_free(&in->source);
    store_close(&in->store);
}

static json_t *list_in(json_t *report, const char *key)
{
    json_t *list = json_object_get(report, key);
    if (!list) {
        list = json_array();
        json_object_set_new(report, key, list);
    }
    return list;
}

static bool lists(json_t *list, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) if (str_eq(json_string_value(json_object_get(one, "name")),
                                                name)) return true;
    return false;
}

static void report_name(struct install *in, const char *key, const char *name)
{
    if (lists(json_object_get(in->report, "installed"), name))
        return; /* a moment ago, from a registry */
    autofree char *prefix = store_prefix(&in->store, name);
    json_array_append_new(list_in(in->report, key),
                          json_pack("{s:s, s:s}", "name", name, "prefix", prefix));
}

/* True, with a line for people, when there is nothing to do. */
static int nothing_to_do(struct install *in, bool *nothing)
{
    struct receipt **installed;
    size_t n;
    const struct pin *pin;
    *nothing = false;
    if (in->opts->force)
        return 0;
    int rc = store_list(&in->store, &installed, &n);
    if (rc < 0)
        return rc;
    if (plan_satisfied(in->plan, installed, n, in->opts->upgrade, &pin)) {
        *nothing = true;
        for (size_t v = 0; v < in->plan->n_variants; v++) {
            autofree char *name = plan_name(pin->release, in->plan->variants[v]);
            report_name(in, "unchanged", name);
        }
        if (!in->plan->exact && strcmp(pin->release, plan_wish(in->plan)) != 0)
            note("%s: the recipe pins %s, which could not be had when %s was installed; --upgrade "
                 "tries again",
                 in->plan->spec, plan_wish(in->plan), pin->release);
    }
    store_list_free(installed, n);
    return 0;
}

/* Why an interpreter that is there is built once more: half an hour for a word that was forgotten
 * is to be seen at its beginning. */
static void tell_again(const struct install *in, const struct receipt *r)
{
    const char *wanted = in->plan->preset->id;
    if (strcmp(r->preset, wanted) != 0)
        note("%s is installed with preset %s: building it again with %s (--preset %s asks for that "
             "one)",
             r->name, r->preset, wanted, r->preset);
    else
        note("%s is installed, but from other inputs (recipe, compiler, environment, ungil): "
             "building it again",
             r->name);
}

/* Which of the plan's variants are to be built for the release that the source delivered. */
static int choose_builds(struct install *in, const struct pin *pin)
{
    struct receipt **installed;
    size_t n_installed;
    int rc = store_list(&in->store, &installed, &n_installed);
    if (rc < 0)
        return rc;
    in->all = xcalloc(in->plan->n_variants, sizeof *in->all);
    for (size_t v = 0; v < in->plan->n_variants; v++) {
        const struct variant *variant = in->plan->variants[v];
        autofree char *name = plan_name(pin->release, variant);
        const struct receipt *there =
            in->opts->force ? NULL : receipt_named(installed, n_installed, name);
        if (there && plan_equals(in->plan, pin, variant, there)) {
            report_name(in, "unchanged", name);
            continue;
        }
        if (there)
            tell_again(in, there);
        rc = store_check_own(&in->store, name);
        if (rc < 0)
            break;
        struct finish *f = &in->all[in->n++];
        f->name = steal(&name);
        f->inputs = plan_inputs(in->plan, pin, variant);
        f->inputs_text = plan_inputs_text(in->plan, pin, variant);
        f->build = (struct build){.variant = variant, .name = f->name, .inputs = f->inputs};
    }
    store_list_free(installed, n_installed);
    return rc;
}

static int build(struct install *in)
{
    const struct install_opts *o = in->opts;
    autofree struct build *builds = xcalloc(in->n, sizeof *builds);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < in->n; i++)
        rc = store_stage(&in->store, in->all[i].name, &in->all[i].build.destdir);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < in->n; i++)
        builds[i] = in->all[i].build;
    struct build_opts bo = {.recipe = in->plan->recipe,
                            .preset = in->plan->preset,
                            .source = &in->source,
                            .cache = o->cache,
                            .jobs = o->jobs,
                            .verbose = o->verbose,
                            .ccache = o->ccache,
                            .keep = o->keep_build,
                            .again = o->force,
                            .pgo_keep_going = o->pgo_keep_going,
                            .progress = o->progress,
                            .timeline = o->timeline};
    timeline_barrier(o->timeline);
    rc = build_run(builds, in->n, &bo);
    for (size_t i = 0; i < in->n; i++)
        in->all[i].build = builds[i];
    return rc;
}

/* The other one of the pair: staged beside it, else installed. Sharing and the control of the proof
 * want it. */
static void find_siblings(struct install *in)
{
    for (size_t i = 0; i < in->n; i++) {
        const struct variant *v = in->all[i].build.variant;
        for (size_t j = 0; j < in->n && !in->all[i].sibling; j++)
            if (in->all[j].build.variant->free_threaded != v->free_threaded)
                in->all[i].sibling = xstrdup(in->all[j].build.prefix);
        autofree char *name = xasprintf("%s%s", in->source.release, v->free_threaded ? "" : "t");
        autofree char *prefix = store_prefix(&in->store, name);
        if (!in->all[i].sibling && fs_is_dir(prefix))
            in->all[i].sibling = steal(&prefix);
    }
}

static int commit(struct install *in)
{
    autofree struct store_commit *commits = xcalloc(in->n, sizeof *commits);
    for (size_t i = 0; i < in->n; i++)
        commits[i] =
            (struct store_commit){.name = in->all[i].name, .prefix = in->all[i].build.prefix};
    timeline_barrier(in->opts->timeline);
    timeline_begin(in->opts->timeline, "pair", "commit");
    int rc = store_commit(&in->store, commits, in->n);
    if (rc == 0)
        timeline_end(in->opts->timeline, "pair");
    for (size_t i = 0; rc == 0 && i < in->n; i++)
        report_name(in, "installed", in->all[i].name);
    return rc;
}

/* The prefixes that did not pass, under a name that the sweep of stale stages spares. */
static void keep_failed(struct install *in)
{
    for (size_t i = 0; i < in->n; i++) {
        struct build *b = &in->all[i].build;
        if (!b->destdir || !b->prefix || !fs_is_dir(b->prefix))
            continue;
        autofree char *kept = xasprintf("%s/failed-%s", in->store.stage, in->all[i].name);
        if (fs_remove_tree(kept) == 0 && fs_rename_noreplace(b->destdir, kept) == 0)
            note("kept: %s%s", kept, b->prefix + strlen(b->destdir));
    }
}

/* Adds the table to both receipts. */
static int record(struct install *in, const char *const *names, size_t n, json_t *result)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        autofree char *prefix = store_prefix(&in->store, names[i]);
        struct receipt *r;
        rc = receipt_read(prefix, &r);
        if (rc < 0)
            break;
        json_object_set(r->json, "bench", result);
        rc = store_update_receipt(&in->store, r);
        receipt_free(r);
    }
    return rc;
}

/* Measures the pair. What goes wrong takes nothing back, and says so: the pair is installed. */
static int measure(struct install *in)
{
    const char *series = in->plan->recipe->series, *gil_name = in->source.release;
    autofree char *ft_name = xasprintf("%st", gil_name);
    autofree char *gil_prefix = store_prefix(&in->store, gil_name);
    autofree char *ft_prefix = store_prefix(&in->store, ft_name);
    if (!fs_is_dir(gil_prefix) || !fs_is_dir(ft_prefix))
        return 0;
    autofree char *gil = finish_python(gil_prefix, series, ""),
                  *ft = finish_python(ft_prefix, series, "t");
    struct bench_opts bo = {.gil = gil,
                            .ft = ft,
                            .length = BENCH_QUICK,
                            .who = "bench",
                            .progress = in->opts->progress};
    json_t *result = NULL;
    timeline_barrier(in->opts->timeline);
    int rc = bench_run(&bo, &result);
    if (rc == E_SIGNAL)
        return err_hint(rc, "%s and %s are installed; \"ungil bench %s\" measures them", gil_name,
                        ft_name, gil_name);
    const char *missed = "could not be measured";
    if (rc == 0) {
        json_object_set_new(in->report, "bench", result);
        rc = record(in, (const char *const[]){gil_name, ft_name}, 2, result);
        missed = "was measured, but not all of its receipts say so";
    }
    if (rc < 0)
        warn("%s and %s are installed; the pair %s: %s", gil_name, ft_name, missed, err_message());
    err_clear();
    return 0;
}

/* Before anything is fetched: half an hour later is too late to say it. */
static int check_cache(const char *cache)
{
    return cache_use(cache);
}

/* What the build needed goes. That it cannot takes nothing back. */
static void clean_up(struct install *in)
{
    const struct install_opts *o = in->opts;
    struct build_opts bo = {.cache = o->cache, .source = &in->source, .keep = o->keep_build};
    int rc = 0;
    timeline_begin(o->timeline, "pair", "clean");
    for (size_t i = 0; rc == 0 && i < in->n; i++)
        rc = build_clean(&in->all[i].build, 1, &bo);
    if (rc == 0 && !o->keep_build)
        rc = source_remove(&in->source);
    if (rc < 0)
        warn("%s is installed, but what it was built from is left: %s", in->source.release,
             err_message());
    err_clear();
    timeline_end(o->timeline, "pair");
}

static void tell_preset(const struct plan *plan)
{
    if (plan->preset == plan->asked)
        return;
    struct need need;
    need_parse(tools_first(&plan->preset->tools), &need);
    autofree char *what = need_text(&need);
    need_free(&need);
    note("preset %s instead of %s: %s is here; with CC=gcc in the environment it is %s",
         plan->preset->id, plan->asked->id, what, plan->asked->id);
}

static int provision(struct install *in)
{
    const struct install_opts *o = in->opts;
    int rc = check_cache(o->cache);
    if (rc < 0)
        return rc;
    tell_preset(in->plan);
    rc = variant_check(in->plan);
    if (rc < 0)
        return rc;
    rc = source_fetch(in->plan->recipe, in->plan->candidates, in->plan->n_candidates, &o->source,
                      &in->source);
    if (rc < 0)
        return rc;
    const struct pin *pin = recipe_pin(in->plan->recipe, in->source.release);
    rc = choose_builds(in, pin ? pin : &in->plan->own);
    if (rc == 0 && in->n == 0 && !o->keep_build)
        rc = source_remove(&in->source);
    if (rc < 0 || in->n == 0)
        return rc;
    rc = build(in);
    if (rc < 0)
        return rc;
    find_siblings(in);
    rc = finish_all(in->all, in->n, in->plan, &in->source, &in->store, o);
    for (size_t i = 0; rc == 0 && o->judge && i < in->n; i++)
        rc = o->judge(o->judge_arg, in->all[i].name, in->all[i].build.prefix);
    if (rc < 0 && rc != E_SIGNAL && o->keep_failed)
        keep_failed(in);
    if (rc == 0)
        rc = commit(in);
    if (rc == 0)
        clean_up(in);
    return rc;
}

/* Only then is the pair another one than was measured before; other variants are left to `bench`.
 */
static bool installed_one_of_the_pair(const struct install *in)
{
    for (size_t i = 0; i < in->n; i++) {
        const char *suffix = in->all[i].build.variant->suffix;
        if (!*suffix || strcmp(suffix, "t") == 0)
            return true;
    }
    return false;
}

static bool asks_registry(const struct install_opts *o)
{
    return o->registry && !o->force && !o->source.offline && !o->source.unpinned;
}

static int push(struct install *in)
{
    const char **names = xcalloc(in->n, sizeof *names);
    for (size_t i = 0; i < in->n; i++)
        names[i] = in->all[i].name;
    int rc = install_push(names, in->n, in->opts, &in->store);
    free(names);
    return rc;
}

static int install_one(struct plan *plan, const struct install_opts *opts, json_t *report)
{
    struct install in = {.opts = opts, .plan = plan, .report = report};
    store_open(&in.store, opts->root);
    bool nothing;
    int rc = nothing_to_do(&in, &nothing);
    if (rc == 0 && nothing && opts->push)
        note("nothing is built, so nothing is pushed; \"ungil push %s NAME...\" puts there what is "
             "installed",
             opts->registry);
    if (rc == 0 && !nothing && asks_registry(opts)) {
        rc = install_from_registry(plan, opts, &in.store, report);
        if (rc == 0)
            rc = nothing_to_do(&in, &nothing);
    }
    if (rc == 0 && !nothing) {
        rc = store_lock(&in.store, opts->command, opts->lock_wait);
        if (rc == 0)
            rc = nothing_to_do(&in,
                               &nothing); /* whoever held the lock may have installed just this */
        if (rc == 0 && !nothing)
            rc = provision(&in);
        if (rc == E_SIGNAL && !err_hint_text()) /* a build knows better where it stands */
            err_hint(rc, "nothing is left running; run the same command again: it goes on from "
                         "the last finished stage");
        if (rc == 0 && opts->bench && installed_one_of_the_pair(&in))
            rc = measure(&in);
        if (rc == 0 && opts->push && in.n > 0)
            rc = push(&in);
    }
    install_free(&in);
    return rc;
}

/* All SPECs are read before the first is built: a wrong one shows at once, not after minutes. */
static int make_plans(const char *const *specs, size_t n, const struct install_opts *opts,
                      struct plan *plans)
{
    struct plan_opts po = {.preset = opts->preset,
                           .variant = opts->variant,
                           .source = opts->source.from,
                           .unpinned = opts->source.unpinned,
                           .exact_preset = opts->exact_preset};
    int rc = n == 0 ? plan_make(NULL, &po, &plans[0]) : 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (oci_is_ref(specs[i])) {
            struct oci_ref ref;
            rc = oci_ref_parse(specs[i], &ref);
            oci_ref_free(&ref);
        } else if (!bundle_is_file(specs[i]))
            rc = plan_make(specs[i], &po, &plans[i]);
        else
            rc = bundle_check_file(specs[i]);
    return rc;
}

int install_run(const char *const *specs, size_t n, const struct install_opts *opts,
                json_t **report)
{
    *report = json_pack("{s:i, s:s*, s:[], s:[]}", "format", 1, "root", opts->root, "installed",
                        "unchanged");
    int rc = dirs_check(opts->root, "root", "--root DIR or UNGIL_ROOT");
    if (rc == 0)
        rc = dirs_check(opts->cache, "cache", "XDG_CACHE_HOME");
    if (rc == 0 && opts->ccache)
        rc = ccache_check();
    if (rc < 0)
        return rc;
    size_t n_plans = n ? n : 1;
    struct plan *plans = xcalloc(n_plans, sizeof *plans);
    rc = make_plans(specs, n, opts, plans);
    for (size_t i = 0; rc == 0 && i < n_plans; i++) {
        timeline_barrier(opts->timeline);
        if (n > 0 && oci_is_ref(specs[i]))
            rc = bundle_install_ref(specs[i], opts, *report);
        else if (n > 0 && bundle_is_file(specs[i]))
            rc = bundle_install(specs[i], opts, *report);
        else
            rc = install_one(&plans[i], opts, *report);
        if (rc < 0 && n > 1)
            err_context(rc, "%s", specs[i]);
    }
    for (size_t i = 0; i < n_plans; i++)
        plan_free(&plans[i]);
    free(plans);
    return rc;
}
