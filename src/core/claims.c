#include "core/claims.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/embedded.h"
#include "core/stats.h"
#include "core/text_json.h"

/* From the strongest to the weakest say in the verdict on several conditions together. */
enum say { FAILS, UNMEASURED, UNSAID, HOLDS };
static const char *const verdicts[] = {"does not hold here", "not measured", "cannot be said",
                                       "holds here"};
static const char *const why_keys[] = {"fails", "unmeasured", "unsaid", "holds"};

/* The ratios that a condition chose. */
struct found {
    double *ratio, *low, *high;
    struct strv names;
    size_t n;
    bool bare;     /* one of them has no interval: one round */
    int workers;   /* of each of them */
    json_t *asked; /* borrowed: the condition's workers, or NULL */
};

static const char *text(json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* Whether `o` has what the condition asks of this key; it may ask nothing. */
static bool fits(json_t *condition, json_t *o, const char *key)
{
    json_t *wanted = json_object_get(condition, key);
    return !wanted || json_equal(wanted, json_object_get(o, key));
}

static bool scaling(json_t *condition)
{
    return str_eq(text(condition, "what"), "scaling");
}

static bool ratio_fits(json_t *condition, json_t *ratio)
{
    const char *mode = text(condition, "mode");
    return fits(condition, ratio, "what") && str_eq(text(ratio, "mode"), mode ? mode : "threads") &&
           (!scaling(condition) || fits(condition, ratio, "build")) &&
           json_number(ratio, "ratio") > 0;
}

static bool row_fits(json_t *condition, json_t *row)
{
    return fits(condition, row, "kernel") && fits(condition, row, "form") &&
           fits(condition, row, "kind");
}

typedef void visit_fn(json_t *row, json_t *ratio, void *arg);

static void each_ratio(json_t *condition, json_t *result, visit_fn *visit, void *arg)
{
    size_t i, j;
    json_t *row, *ratio;
    json_array_foreach(json_object_get(result, "kernels"), i, row)
    {
        if (!row_fits(condition, row))
            continue;
        json_array_foreach(json_object_get(row, "ratios"), j, ratio)
        {
            if (ratio_fits(condition, ratio))
                visit(row, ratio, arg);
        }
    }
}

/* The most workers that were measured, but not more than were asked for. */
static void note_workers(json_t *row, json_t *ratio, void *arg)
{
    struct found *f = arg;
    int workers = (int)json_number(ratio, "workers");
    (void)row;
    if (workers > f->workers && (!f->asked || workers <= json_integer_value(f->asked)))
        f->workers = workers;
}

static void note_ratio(json_t *row, json_t *ratio, void *arg)
{
    struct found *f = arg;
    if ((int)json_number(ratio, "workers") != f->workers)
        return;
    f->ratio = xrealloc(f->ratio, (f->n + 1) * sizeof *f->ratio);
    f->low = xrealloc(f->low, (f->n + 1) * sizeof *f->low);
    f->high = xrealloc(f->high, (f->n + 1) * sizeof *f->high);
    double r = json_number(ratio, "ratio"), low = json_number(ratio, "low"),
           high = json_number(ratio, "high");
    bool whole = low > 0 && high >= low;
    f->bare |= !whole;
    f->ratio[f->n] = r;
    f->low[f->n] = whole ? low : r;
    f->high[f->n++] = whole ? high : r;
    const char *kernel = text(row, "kernel"), *form = text(row, "form");
    strv_addf(&f->names, "%s %s", kernel ? kernel : "?", form ? form : "");
}

static void find(json_t *condition, json_t *result, struct found *f)
{
    *f = (struct found){.asked = json_object_get(condition, "workers")};
    each_ratio(condition, result, note_workers, f);
    if (f->workers)
        each_ratio(condition, result, note_ratio, f);
}

static void found_free(struct found *f)
{
    free(f->ratio);
    free(f->low);
    free(f->high);
    strv_free(&f->names);
}

/* --- verdicts ----------------------------------------------------------------------------------
 */

static enum say judge_found(json_t *condition, const struct found *f)
{
    double low = stats_median(f->low, f->n), high = stats_median(f->high, f->n);
    json_t *least = json_object_get(condition, "at_least"),
           *share = json_object_get(condition, "at_least_of_ideal"),
           *most = json_object_get(condition, "at_most"),
           *within = json_object_get(condition, "within");
    int asked = f->asked ? (int)json_integer_value(f->asked) : f->workers;
    if (f->bare)
        return UNSAID;
    if (least || share) {
        double want = least ? json_number_value(least) : json_number_value(share) * asked;
        if (high * asked / f->workers < want)
            return FAILS;
        return low >= want && f->workers >= asked ? HOLDS : UNSAID;
    }
    if (f->workers < asked)
        return UNSAID;
    if (most) {
        double limit = json_number_value(most);
        return high <= limit ? HOLDS : low > limit ? FAILS : UNSAID;
    }
    double slack = json_number(condition, "slack"),
           from = json_number_value(json_array_get(within, 0)),
           to = json_number_value(json_array_get(within, 1));
    if (high < from || low > to)
        return FAILS;
    return low >= from - slack && high <= to + slack ? HOLDS : UNSAID;
}

/* --- texts -------------------------------------------------------------------------------------
 */

/* "1.93×", or "+6 %" for what costs. */
static char *figure(double ratio, bool overhead)
{
    if (!overhead)
        return xasprintf("%.2f×", ratio);
    double exact = (ratio - 1) * 100;
    long percent = (long)(exact + (exact < 0 ? -0.5 : 0.5));
    return percent ? xasprintf("%s%ld %%", percent < 0 ? "−" : "+", labs(percent)) : xstrdup("0 %");
}

/* "on 2 threads", "in 4 processes" */
static void add_where(struct str *out, json_t *condition, const struct found *f)
{
    const char *mode = text(condition, "mode");
    if (scaling(condition))
        str_addf(out, " %s %d %s", mode ? "in" : "on", f->workers, mode ? mode : "threads");
}

static void add_measured(struct str *out, json_t *condition, const struct found *f)
{
    bool overhead = !scaling(condition);
    const char *label = text(condition, "label");
    autofree char *middle = figure(stats_median(f->ratio, f->n), overhead);
    str_addf(out, "%s%s%s%s", out->len ? "; " : "", label ? label : "", label ? ": " : "", middle);
    add_where(out, condition, f);
    if (f->n == 1) {
        autofree char *low = figure(f->low[0], overhead), *high = figure(f->high[0], overhead);
        if (!f->bare)
            str_addf(out, " (%s to %s)", low, high);
        return;
    }
    size_t least = 0, most = 0;
    for (size_t i = 1; i < f->n; i++) {
        least = f->ratio[i] < f->ratio[least] ? i : least;
        most = f->ratio[i] > f->ratio[most] ? i : most;
    }
    autofree char *from = figure(f->ratio[least], overhead), *to = figure(f->ratio[most], overhead);
    str_addf(out, " in the middle of %zu, from %s (%s) to %s (%s)", f->n, from, f->names.v[least],
             to, f->names.v[most]);
}

static bool has_build(json_t *result, const char *id)
{
    size_t i;
    json_t *build;
    json_array_foreach(json_object_get(result, "builds"), i, build)
    {
        if (str_eq(text(build, "id"), id))
            return true;
    }
    return false;
}

/* Why there is no ratio for this condition; owned. */
static char *absence(json_t *condition, json_t *result)
{
    bool overhead = !scaling(condition);
    const char *build = text(condition, "build"), *refused = text(result, "scaling");
    if (!has_build(result, "ft") && (overhead || str_eq(build, "ft")))
        return xstrdup("No free-threaded build was measured.");
    if (!has_build(result, "gil") && (overhead || str_eq(build, "gil")))
        return xstrdup("No build with the GIL was measured.");
    if (!overhead && refused && strcmp(refused, "measured") != 0)
        return xasprintf("Scaling %s.", refused);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(result, "kernels"), i, row)
    {
        if (row_fits(condition, row) && text(row, "skip"))
            return xasprintf("Not here: %s.", text(row, "skip"));
    }
    return xstrdup("This run did not include it.");
}

/* The runs of the free-threaded build, whose workers all say that the GIL is off. */
static size_t free_runs(json_t *result)
{
    size_t i, j, n = 0;
    json_t *row, *cell;
    json_array_foreach(json_object_get(result, "kernels"), i, row)
    {
        json_array_foreach(json_object_get(row, "cells"), j, cell)
        {
            if (str_eq(text(cell, "build"), "ft"))
                n += json_array_size(json_object_get(cell, "values"));
        }
    }
    return n;
}

static enum say judge_condition(json_t *condition, json_t *result, struct str *measured,
                                char **reason)
{
    if (str_eq(text(condition, "what"), "gil_off")) {
        size_t n = free_runs(result);
        if (n)
            str_addf(measured, "off in every worker of %zu runs", n);
        return n ? HOLDS : UNMEASURED;
    }
    struct found f;
    enum say say = UNMEASURED;
    find(condition, result, &f);
    if (f.n) {
        add_measured(measured, condition, &f);
        say = judge_found(condition, &f);
        int asked = f.asked ? (int)json_integer_value(f.asked) : 0;
        if (f.bare)
            str_set(reason, xstrdup("One round gives no interval."));
        else if (say == UNSAID && f.workers < asked)
            str_set(reason, xasprintf("It is about %d threads, and %d could be compared here.",
                                      asked, f.workers));
    } else if (!*reason) {
        *reason = absence(condition, result);
    }
    found_free(&f);
    return say;
}

static bool other_series(json_t *claim, json_t *result, char **reason)
{
    const char *series = text(claim, "series"),
               *release = text(json_array_get(json_object_get(result, "builds"), 0), "release");
    if (!series)
        return false;
    autofree char *prefix = xasprintf("%s.", series);
    if (release && str_starts(release, prefix))
        return false;
    *reason = xasprintf("The builds here are %s.", release ? release : "of no known release");
    return true;
}

static json_t *judge_claim(json_t *claim, json_t *result)
{
    json_t *conditions = json_object_get(claim, "conditions"), *condition;
    autostr measured = {0};
    autofree char *reason = NULL;
    enum say say = json_array_size(conditions) ? HOLDS : UNMEASURED;
    size_t i;
    if (other_series(claim, result, &reason)) {
        say = UNMEASURED;
    } else {
        json_array_foreach(conditions, i, condition)
        {
            enum say one = judge_condition(condition, result, &measured, &reason);
            say = one < say ? one : say;
        }
        json_array_foreach(json_object_get(claim, "context"), i, condition)
        {
            struct found f;
            find(condition, result, &f);
            if (f.n)
                add_measured(&measured, condition, &f);
            found_free(&f);
        }
    }
    const char *words = text(json_object_get(claim, "why"), why_keys[say]);
    if (say == UNSAID && !reason && !words)
        reason = xstrdup("The interval leaves both open.");
    bool both = reason && words && (say == UNSAID || say == UNMEASURED);
    autofree char *why = xasprintf("%s%s%s", both || !words ? (reason ? reason : "") : "",
                                   both ? " " : "", words ? words : "");
    return json_pack("{s:O, s:O, s:O, s:o, s:s, s:s}", "id", json_object_get(claim, "id"), "said",
                     json_object_get(claim, "said"), "who", json_object_get(claim, "who"),
                     "measured", measured.len ? json_string(measured.s) : json_null(), "verdict",
                     verdicts[say], "why", why);
}

json_t *claims_judge(json_t *claims, json_t *result)
{
    json_t *list = json_array(), *claim;
    size_t i;
    json_array_foreach(claims, i, claim)
    {
        json_array_append_new(list, judge_claim(claim, result));
    }
    return list;
}

void claims_add(json_t *result)
{
    const struct embedded *said = embedded_find("claims.json");
    json_t *file = said ? json_loadb((const char *)said->data, said->size, 0, NULL) : NULL;
    json_object_set_new(result, "claims", claims_judge(json_object_get(file, "claims"), result));
    json_decref(file);
}
