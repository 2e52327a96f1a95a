#include "core/finish.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/debug_info.h"
#include "core/dirs.h"
#include "core/install.h"
#include "core/machine.h"
#include "core/manifest.h"
#include "core/plan.h"
#include "core/progress.h"
#include "core/receipt.h"
#include "core/release.h"
#include "core/relocate.h"
#include "core/store.h"
#include "core/text_json.h"
#include "core/timeline.h"

char *finish_python(const char *prefix, const char *series, const char *suffix)
{
    autofree char *program = python_program(series, suffix);
    return xasprintf("%s/bin/%s", prefix, program);
}

void finish_free(struct finish *f)
{
    build_result_free(&f->build);
    free(f->name);
    free(f->inputs);
    free(f->inputs_text);
    free(f->sibling);
    json_decref(f->verification);
    *f = (struct finish){0};
}

/* ---- tidy, relocate, share ---- */

static int settle(struct finish *f, const struct plan *plan, const struct store *store)
{
    const char *suffix = f->build.variant->suffix;
    autofree char *configured = dirs_configured_prefix(f->name);
    autofree char *final = store_prefix(store, f->name);
    unsigned files = 0;
    int rc = relocate_tidy(f->build.prefix, plan->recipe->series, suffix);
    if (rc == 0 && plan->preset->debug_info)
        rc = debug_info_separate(f->build.prefix, &files);
    if (files > 0)
        detail("%s: the debugging information of %u files is in lib/debug", f->name, files);
    if (rc == 0)
        rc = relocate_prefix(f->build.prefix, configured, final, f->build.directory, NULL);
    return rc < 0 ? err_context(rc, "%s", f->name) : 0;
}

static int share(struct finish *all, size_t n)
{
    unsigned long long saved = 0;
    for (size_t i = 0; i < n; i++) {
        if (!all[i].sibling || (i == 0 && n > 1))
            continue; /* of two staged prefixes the second takes from the first */
        int rc = relocate_share(all[i].build.prefix, all[i].sibling, &saved);
        if (rc < 0)
            return err_context(rc, "%s: cannot share files with %s", all[i].name, all[i].sibling);
    }
    char text[16];
    if (saved)
        detail("%s shared by hard links between the two", str_bytes(text, saved));
    return 0;
}

/* ---- verify ---- */

int finish_judge(const char *name, const char *made, enum verdict verdict, json_t *verification)
{
    if (verdict == VERDICT_PROVEN || verdict == VERDICT_PASSED)
        return 0;
    if (verdict == VERDICT_INCONCLUSIVE) {
        warn("%s: the proof is inconclusive on this machine; \"ungil show\" tells which checks, "
             "\"ungil verify %s\" tries again",
             name, name);
        return 0;
    }
    autofree char *why = verify_explain(verification);
    bool unproven = verdict == VERDICT_UNPROVEN;
    return fail(unproven ? E_UNPROVEN : E_FAILED, "%s was %s, but %s; it was not installed:\n%s",
                name, made, unproven ? "is not proven free-threaded" : "did not pass verification",
                why);
}

/* What the options of one verification borrow. */
struct question {
    char *python, *control, *abiflags, *final, *configured;
    struct strv stale, options;
};

static struct verify_opts ask(struct question *q, const struct finish *f, const struct plan *plan,
                              const struct source *source, const struct store *store,
                              const struct install_opts *opts)
{
    const struct variant *v = f->build.variant;
    q->python = finish_python(f->build.prefix, plan->recipe->series, v->suffix);
    if (v->free_threaded && f->sibling)
        q->control = finish_python(f->sibling, plan->recipe->series, "");
    q->abiflags = suffix_abiflags(v->suffix);
    q->final = store_prefix(store, f->name);
    q->configured = dirs_configured_prefix(f->name);
    if (f->build.directory)
        strv_add(&q->stale, f->build.directory);
    strv_addv(&q->options, &plan->preset->configure);
    strv_addv(&q->options, &v->configure);
    return (struct verify_opts){
        .python = q->python,
        .prefix = f->build.prefix,
        .final = q->final,
        .configured = q->configured,
        .stale = &q->stale,
        .release = source->release,
        .free_threaded = v->free_threaded,
        .abiflags = q->abiflags,
        .options = &q->options,
        .required = &plan->recipe->required,
        .optional = &plan->recipe->optional,
        .control = q->control && fs_exists(q->control) ? q->control : NULL,
        .who = f->name,
        .progress = opts->progress,
    };
}

static void question_free(struct question *q)
{
    free(q->python);
    free(q->control);
    free(q->abiflags);
    free(q->final);
    free(q->configured);
    strv_free(&q->stale);
    strv_free(&q->options);
}

static int verify(struct finish *all, size_t n, const struct plan *plan,
                  const struct source *source, const struct store *store,
                  const struct install_opts *opts)
{
    autofree struct question *questions = xcalloc(n + 1, sizeof *questions);
    autofree struct verify_opts *asked = xcalloc(n + 1, sizeof *asked);
    autofree json_t **results = xcalloc(n + 1, sizeof *results);
    autofree enum verdict *verdicts = xcalloc(n + 1, sizeof *verdicts);
    double start = clock_now();
    for (size_t i = 0; i < n; i++) {
        asked[i] = ask(&questions[i], &all[i], plan, source, store, opts);
        progress_stage(opts->progress, all[i].name, "verify", -1);
    }
    int rc = verify_together(asked, n, results, verdicts);
    if (rc < 0)
        rc = err_context(rc, "cannot verify");
    for (size_t i = 0; i < n; i++) {
        question_free(&questions[i]);
        if (!results[i])
            continue;
        all[i].verification = results[i];
        all[i].verdict = verdicts[i];
        progress_done(opts->progress, all[i].name, "verify", clock_now() - start);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = finish_judge(all[i].name, "built", all[i].verdict, all[i].verification);
        if (rc < 0 && !opts->keep_failed)
            err_hint(rc, "--keep-failed keeps the prefix for a look");
        if (rc < 0)
            timeline_fail(opts->timeline, all[i].name);
    }
    return rc;
}

/* ---- manifest and receipt ---- */

static json_t *source_json(const struct source *s)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "provider", s->provider,
                     "location", text_json(s->location), "commit", text_json(s->commit), "tree",
                     text_json(s->tree), "sha256", text_json(s->sha256), "date", text_json(s->date),
                     "pinned", s->pinned, "tried", texts_json(&s->tried));
}

static json_t *environment_json(void)
{
    json_t *object = json_object();
    for (size_t i = 0; plan_environment[i]; i++) {
        const char *name = plan_environment[i], *value = plan_getenv(name);
        if (value)
            json_object_set_new(object, name, text_json(value));
    }
    return object;
}

static json_t *build_json(const struct build *b, const struct plan *plan,
                          const struct install_opts *opts)
{
    struct utsname host;
    uname(&host);
    autofree char *where = xasprintf("%s %s %s", host.sysname, host.release, host.machine);
    json_t *training = json_null();
    if (b->training_key)
        training = json_pack("{s:s, s:o, s:o, s:I}", "key", b->training_key, "origin",
                             text_json(b->training_origin), "tests", text_json(b->training_tests),
                             "missing", (json_int_t)b->training_missing);
    return json_pack("{s:o, s:o, s:o, s:s, s:i, s:o, s:o, s:o, s:o, s:o*}", "configure",
                     text_json(b->configure), "cc", text_json(b->cc), "compiler",
                     text_json(b->compiler), "host", where, "jobs", opts->jobs, "environment",
                     environment_json(), "stages", texts_json(&b->stages), "missing",
                     texts_json(&b->missing), "training", training, "machine",
                     machine_json(b->variant, plan->preset, b->prefix));
}

static json_t *requested_json(const struct plan *plan)
{
    return json_pack("{s:o, s:o}", "spec", text_json(plan->spec), "newest_pin",
                     plan->exact ? json_null() : json_string(plan_wish(plan)));
}

static int write_receipt(struct finish *f, const struct plan *plan, const struct source *source,
                         const struct store *store, const struct install_opts *opts)
{
    autofree char *digest = NULL;
    int rc = manifest_write(f->build.prefix, &digest);
    if (rc < 0)
        return err_context(rc, "%s", f->name);
    const struct variant *v = f->build.variant;
    autofree char *final = store_prefix(store, f->name);
    autofree char *recipe = recipe_digest(plan->recipe);
    char now[32];
    json_t *json = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:{s:o, s:s}, s:o, "
        "s:{s:s}, s:O, s:s}",
        "format", 1, "name", f->name, "release", source->release, "series", plan->recipe->series,
        "variant", v->id, "suffix", v->suffix, "free_threaded", v->free_threaded, "preset",
        plan->preset->id, "inputs", f->inputs, "inputs_text", text_json(f->inputs_text),
        "installed", clock_rfc3339(now), "root_prefix", final, "requested", requested_json(plan),
        "source", source_json(source), "recipe", "file", text_json(plan->recipe->file), "digest",
        recipe, "build", build_json(&f->build, plan, opts), "manifest", "digest", digest, "verify",
        f->verification, "ungil", PACKAGE_VERSION);
    if (!json)
        return fail(E_FAILED, "%s: cannot make the receipt (a text in it is not UTF-8)", f->name);
    rc = receipt_write(f->build.prefix, json);
    json_decref(json);
    return rc;
}

/* One after the other: ungil does these by itself. */
static void step(const struct install_opts *opts, const char *lane, const char *stage)
{
    timeline_barrier(opts->timeline);
    timeline_begin(opts->timeline, lane, stage);
}

int finish_all(struct finish *all, size_t n, const struct plan *plan, const struct source *source,
               const struct store *store, const struct install_opts *opts)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        step(opts, all[i].name, "relocate");
        rc = settle(&all[i], plan, store);
        if (rc == 0)
            timeline_end(opts->timeline, all[i].name);
    }
    if (rc == 0 && opts->share) {
        step(opts, "pair", "share");
        rc = share(all, n);
        if (rc == 0)
            timeline_end(opts->timeline, "pair");
    }
    timeline_barrier(opts->timeline);
    if (rc == 0)
        rc = verify(all, n, plan, source, store, opts);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        step(opts, all[i].name, "manifest");
        rc = write_receipt(&all[i], plan, source, store, opts);
        if (rc == 0)
            timeline_end(opts->timeline, all[i].name);
    }
    return rc < 0 ? rc : proc_check();
}
