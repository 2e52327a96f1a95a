#include "core/audit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/confine.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/audit_files.h"
#include "core/audit_rows.h"
#include "core/audit_target.h"
#include "core/progress.h"
#include "core/text_json.h"

static const char *text_at(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* --- the processes of one place ----------------------------------------------------------------
 */

struct batch {
    struct audit_probe *probes;
    json_t **into; /* borrowed: the row or the extension that a probe answers for */
    size_t n;
};

static struct audit_probe *batch_add(struct batch *b, json_t *into)
{
    b->probes = xrealloc(b->probes, (b->n + 1) * sizeof *b->probes);
    b->into = xrealloc(b->into, (b->n + 1) * sizeof *b->into);
    b->into[b->n] = into;
    b->probes[b->n] = (struct audit_probe){0};
    return &b->probes[b->n++];
}

/* How an extension is asked for: by its name where it is found by it, else by its file. */
static void add_target(struct strv *targets, const struct audit_place *p, json_t *ext)
{
    if (p->kind == AUDIT_EXTENSION)
        strv_addf(targets, "%s=%s", text_at(ext, "module"), text_at(ext, "file"));
    else
        strv_add(targets, text_at(ext, "module"));
}

/* Foreign or damaged: that is known without loading it, which might end in a signal. */
static bool is_decided(json_t *ext)
{
    return !json_is_null(json_object_get(ext, "verdict"));
}

/* What the distribution lets an application import is one extension module, which is imported
 * alone anyhow. */
static bool is_one_extension(json_t *row)
{
    json_t *extensions = json_object_get(row, "extensions"),
           *modules = json_object_get(row, "modules");
    return json_array_size(extensions) == 1 && json_array_size(modules) == 1 &&
           str_eq(text_at(json_array_get(extensions, 0), "module"),
                  json_string_value(json_array_get(modules, 0)));
}

static void collect(struct batch *b, const struct audit_place *p, json_t *rows)
{
    size_t i, k;
    json_t *row, *ext, *name;
    json_array_foreach(rows, i, row)
    {
        json_t *modules = json_object_get(row, "modules");
        struct audit_probe *import = NULL;
        if (json_array_size(modules) && !is_one_extension(row))
            import = batch_add(b, row);
        json_array_foreach(modules, k, name) if (import)
            strv_add(&import->targets, json_string_value(name));
        json_array_foreach(json_object_get(row, "extensions"), k, ext) if (!is_decided(ext))
            add_target(&batch_add(b, ext)->targets, p, ext);
    }
}

static void hand_over(struct batch *b)
{
    static const char *const keys[] = {"verdict", "gil",     "culprits", "why",
                                       "needs",   "seconds", "finished"};
    for (size_t i = 0; i < b->n; i++) {
        json_t *result = b->probes[i].result;
        if (json_object_get(b->into[i], "extensions")) {
            json_object_set(b->into[i], "import", result);
            continue;
        }
        for (size_t k = 0; k < lengthof(keys); k++)
            json_object_set(b->into[i], keys[k], json_object_get(result, keys[k]));
    }
}

static int import_alone(const struct audit_site *site, const struct audit_opts *opts,
                        const struct audit_place *p, json_t *rows)
{
    struct batch b = {0};
    collect(&b, p, rows);
    int rc = b.n ? audit_probe_all(site, &opts->limits, b.probes, b.n) : 0;
    if (rc == 0)
        hand_over(&b);
    audit_probe_free(b.probes, b.n);
    free(b.into);
    return rc;
}

/* Whatever did not come to its end alone would end the common process as well, and hide the others.
 */
static bool ends_process(json_t *row)
{
    json_t *import = json_object_get(row, "import");
    json_t *ext = json_array_get(json_object_get(row, "extensions"), 0);
    return json_is_false(json_object_get(import ? import : ext, "finished"));
}

static void together_targets(const struct audit_place *p, json_t *rows, struct strv *targets,
                             json_t *left_out)
{
    size_t i, k;
    json_t *row, *name;
    json_array_foreach(rows, i, row)
    {
        json_t *modules = json_object_get(row, "modules");
        json_t *first = json_array_get(json_object_get(row, "extensions"), 0);
        if (ends_process(row)) {
            json_array_append(left_out, json_object_get(row, "library"));
            continue;
        }
        json_array_foreach(modules, k, name) strv_add(targets, json_string_value(name));
        bool whole = !audit_is_broken(text_at(first, "verdict"));
        if (!json_is_true(json_object_get(row, "distribution")) && first && whole)
            add_target(targets, p, first);
    }
}

static int import_together(const struct audit_site *site, const struct audit_opts *opts,
                           const struct audit_place *p, json_t *rows, json_t **together)
{
    struct batch b = {0};
    json_t *left_out = json_array();
    together_targets(p, rows, &batch_add(&b, NULL)->targets, left_out);
    int rc = 0;
    *together = json_null();
    if (b.probes[0].targets.n > 1) /* one alone is what was done already */
        rc = audit_probe_all(site, &opts->limits, b.probes, 1);
    if (rc == 0 && b.probes[0].result) {
        *together = json_incref(b.probes[0].result);
        json_object_set(*together, "left_out", left_out);
    }
    json_decref(left_out);
    audit_probe_free(b.probes, b.n);
    free(b.into);
    return rc;
}

/* --- one place ---------------------------------------------------------------------------------
 */

/* A wheel that was not unpacked is a row as well, unless another one stands for it. */
static void add_skipped(const struct audit_place *p, json_t *rows)
{
    size_t i;
    json_t *s;
    json_array_foreach(p->skipped, i, s)
    {
        if (str_eq(text_at(s, "verdict"), "skipped"))
            continue;
        json_t *row = json_pack(
            "{s:o, s:n, s:b, s:s, s:[], s:[], s:[{s:o, s:O, s:O, s:O, s:n, s:[], s:n}]}", "library",
            text_json(path_base(text_at(s, "file"))), "version", "distribution", 0, "wheel", "no",
            "tags", "modules", "extensions", "module", text_json(path_base(text_at(s, "file"))),
            "file", json_object_get(s, "file"), "verdict", json_object_get(s, "verdict"), "why",
            json_object_get(s, "why"), "gil", "culprits", "static");
        json_array_append_new(rows, row);
    }
}

/* Files in a throw-away directory are shown by their path in the wheel, or in the environment. */
static void show_inside(const struct audit_place *p, json_t *value)
{
    const char *text = json_string_value(value), *key;
    size_t i, n = p->scratch ? strlen(p->scratch) : 0;
    json_t *more;
    void *next;
    if (!n)
        return;
    json_array_foreach(value, i, more) show_inside(p, more);
    if (json_is_object(value))
        json_object_foreach_safe(value, next, key, more) show_inside(p, more);
    if (!text || strncmp(text, p->scratch, n) != 0 || text[n] != '/')
        return;
    const char *inside = text + n + 1;
    if (p->kind == AUDIT_WHEELS) /* SCRATCH/NUMBER/PATH */
        inside += strspn(inside, "0123456789") + 1;
    autofree char *copy = xstrdup(inside);
    json_string_set(value, copy);
}

/* What the interpreter says of itself in this place. */
static json_t *interpreter_of(const struct audit_place *p, json_t *asked)
{
    json_t *own = json_object_get(json_array_get(p->listing, 0), "interpreter");
    return own ? own : asked;
}

static int run_place(const struct audit_place *p, const struct audit_opts *opts, json_t *asked,
                     json_t *report)
{
    double began = clock_now();
    json_t *interpreter = interpreter_of(p, asked), *row, *together = NULL;
    json_t *startup = json_object_get(interpreter, "startup");
    json_t *stdlib = json_object_get(interpreter, "stdlib");
    autostrv paths = {0};
    struct audit_site site = {.python = p->python, .paths = &paths, .bare = p->bare};
    size_t i;
    strv_addv(&paths, &p->paths);
    /* Something that is loaded at every start would switch the GIL on before each import. */
    if (json_array_size(startup) && !site.bare) {
        site.bare = true;
        json_array_foreach(json_object_get(interpreter, "sites"), i, row)
            strv_add(&paths, json_string_value(row));
    }
    json_t *rows = audit_rows(p, interpreter);
    int rc = import_alone(&site, opts, p, rows);
    if (rc == 0)
        rc = import_together(&site, opts, p, rows, &together);
    if (rc == 0)
        add_skipped(p, rows);
    json_array_foreach(rows, i, row) if (rc == 0) audit_row_conclude(row, rows, stdlib);
    json_array_foreach(json_object_get(together, "culprits"), i, row)
        audit_locate(row, rows, stdlib);
    json_array_foreach(startup, i, row) audit_locate(row, rows, stdlib);
    show_inside(p, rows);
    show_inside(p, together);
    audit_rows_sort(rows);
    json_array_append_new(report,
                          json_pack("{s:o, s:s, s:o, s:O, s:O, s:o, s:o, s:O, s:f}", "target",
                                    text_json(p->label), "kind", audit_kind_name(p->kind), "python",
                                    text_json(p->scratch ? opts->python : p->python), "release",
                                    json_object_get(interpreter, "version"), "at_start",
                                    startup ? startup : json_null(), "libraries", rows, "together",
                                    together ? together : json_null(), "skipped", p->skipped,
                                    "seconds", clock_now() - began));
    return rc;
}

/* --- the verdict -------------------------------------------------------------------------------
 */

struct verdict {
    bool on, broken;
    struct strv used; /* of --allow */
};

static void judge_together(json_t *together, const struct strv *allow, struct verdict *v)
{
    const char *said = text_at(together, "verdict");
    bool on = json_is_true(json_object_get(together, "gil"));
    if (on && !audit_culprits_allowed(json_object_get(together, "culprits"), allow, &v->used))
        v->on = true;
    /* what cannot be imported was counted in its own row */
    v->broken = v->broken || (said && !json_is_true(json_object_get(together, "finished")));
}

static void judge_place(json_t *place, const struct strv *allow, struct verdict *v)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(place, "libraries"), i, row)
    {
        const char *counts = audit_row_counts(row, allow, &v->used);
        json_object_set_new(row, "counts", text_json(counts));
        v->on = v->on || str_eq(counts, "on");
        v->broken = v->broken || str_eq(counts, "failed");
    }
    json_t *startup = json_object_get(place, "at_start");
    if (json_array_size(startup) && !audit_culprits_allowed(startup, allow, &v->used))
        v->on = true;
    judge_together(json_object_get(place, "together"), allow, v);
}

static int judge(json_t *report, const struct audit_opts *opts)
{
    struct verdict v = {0};
    size_t i;
    json_t *place, *audited = json_object_get(report, "audited");
    json_array_foreach(audited, i, place) judge_place(place, opts->allow, &v);
    for (i = 0; i < opts->allow->n; i++)
        if (!strv_has(&v.used, opts->allow->v[i]))
            warn("--allow %s matched nothing", opts->allow->v[i]);
    strv_free(&v.used);
    const char *said = v.on ? "on" : v.broken ? "failed" : "clear";
    json_object_set_new(report, "verdict", json_string(said));
    return v.on ? E_UNPROVEN : v.broken ? E_FAILED : 0;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static int identify(const struct audit_opts *opts, json_t **listing)
{
    int rc = audit_list(opts->python, NULL, true, opts, listing);
    if (rc < 0)
        return rc;
    json_t *i = json_object_get(json_array_get(*listing, 0), "interpreter");
    if (json_is_true(json_object_get(i, "free_threaded")))
        return 0;
    return err_hint(fail(E_USAGE, "%s is built with the GIL: nothing can switch it on", opts->name),
                    "audit with the free-threaded one: %st; \"ungil list\" shows what there is",
                    json_string_value(json_object_get(i, "series")));
}

static json_t *isolation(const struct audit_opts *opts)
{
    autofree char *why = opts->net ? xstrdup("--net was given") : confine_network();
    if (why && !opts->net)
        warn("what is imported can reach the network: %s", why);
    confine_adopt();
    return json_pack("{s:s, s:o, s:f, s:I}", "network", why ? "open" : "none", "network_why",
                     text_json(why), "seconds", opts->limits.seconds, "memory",
                     (json_int_t)opts->limits.memory);
}

static int run_places(const struct audit_opts *opts, struct audit_place *places, size_t n,
                      json_t *report)
{
    json_t *listing = NULL, *audited = json_object_get(report, "audited");
    int rc = identify(opts, &listing);
    json_t *interpreter = json_object_get(json_array_get(listing, 0), "interpreter");
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = audit_place_prepare(&places[i], opts, interpreter);
    if (rc == 0)
        json_object_set_new(report, "isolation", isolation(opts));
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = audit_place_list(&places[i], opts, interpreter);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = run_place(&places[i], opts, interpreter, audited);
    confine_kill_all();
    json_decref(listing);
    return rc;
}

int audit_run(const struct audit_opts *opts, json_t **report)
{
    struct audit_place *places = NULL;
    size_t n = 0;
    *report = json_pack("{s:i, s:s, s:o, s:o, s:b, s:[]}", "format", 1, "verdict", "", "name",
                        text_json(opts->name), "python", text_json(opts->python), "static",
                        opts->static_only, "audited");
    int rc = audit_places(opts, &places, &n);
    if (rc == 0)
        rc = opts->static_only ? audit_files(opts, places, n, json_object_get(*report, "audited"))
                               : run_places(opts, places, n, *report);
    audit_places_free(places, n);
    if (rc == 0)
        return judge(*report, opts);
    json_decref(*report);
    *report = NULL;
    return rc;
}
