/* Two results of core/bench.h beside each other.
 *
 * Times can be compared where both did the same work: same kernel, form, size and result. Where
 * they did not, what each says of its own machine can: build overhead and scaling. Between two
 * runs a machine may change its pace as a whole, and no statistics within a run can see that; so
 * the pace, the median over all times, is told beside them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/bench_plan.h"
#include "core/text_json.h"

static const double trusted_value =
    0.09; /* seconds: 0.1, and a little for what differs by itself */

static bool same(json_t *a, json_t *b, const char *key)
{
    return json_equal(json_object_get(a, key), json_object_get(b, key));
}

/* The values of a cell; owned, *n of them. */
static double *values_of(json_t *cell, size_t *n)
{
    json_t *list = json_object_get(cell, "values");
    *n = json_array_size(list);
    double *v = xcalloc(*n + 1, sizeof *v);
    for (size_t i = 0; i < *n; i++)
        v[i] = json_number_value(json_array_get(list, i));
    return v;
}

static json_t *find_row(json_t *result, json_t *like)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(result, "kernels"), i,
                       row) if (same(row, like, "kernel") && same(row, like, "form")) return row;
    return NULL;
}

/* The quotients, round by round, of two cells; owned, *n of them; NULL when one is missing. */
static double *quotients(json_t *over, json_t *under, size_t *n)
{
    if (!over || !under)
        return NULL;
    size_t n_over, n_under;
    double *q = values_of(over, &n_over);
    autofree double *u = values_of(under, &n_under);
    *n = n_over < n_under ? n_over : n_under;
    for (size_t i = 0; i < *n; i++)
        q[i] /= u[i];
    return q;
}

static bool all_positive(const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(v[i] > 0) || !isfinite(v[i]))
            return false;
    return n > 0;
}

static void add_change(json_t *changes, json_t *row, const char *what, json_t *cell,
                       struct stats_ratio r)
{
    json_t *c = json_pack("{s:O, s:O, s:s, s:O, s:O, s:O, s:f, s:f}", "kernel",
                          json_object_get(row, "kernel"), "form", json_object_get(row, "form"),
                          "what", what, "build", json_object_get(cell, "build"), "mode",
                          json_object_get(cell, "mode"), "workers",
                          json_object_get(cell, "workers"), "ratio", r.ratio, "p", r.p);
    if (isfinite(r.low) && isfinite(r.high)) {
        json_object_set_new(c, "low", json_real(r.low));
        json_object_set_new(c, "high", json_real(r.high));
    }
    json_array_append_new(changes, c);
}

static void compare_times(json_t *changes, json_t *row, json_t *old)
{
    size_t i;
    json_t *cell;
    json_array_foreach(json_object_get(row, "cells"), i, cell)
    {
        json_t *before =
            bench_cell_of(old, json_text(cell, "build"), (int)json_number(cell, "workers"));
        size_t n, m;
        autofree double *a = values_of(cell, &n), *b = values_of(before, &m);
        if (before && all_positive(a, n) && all_positive(b, m))
            add_change(changes, row, "seconds", cell, stats_unpaired(a, n, b, m));
    }
}

/* `over` and `under` within each result, and how much larger that is in the new one. */
static void compare_quotients(json_t *changes, json_t *row, json_t *old, const char *what,
                              json_t *cell, const char *under, int workers)
{
    const char *build = json_text(cell, "build");
    int own = (int)json_number(cell, "workers");
    size_t n = 0, m = 0;
    autofree double *a = quotients(cell, bench_cell_of(row, under, workers), &n);
    autofree double *b =
        quotients(bench_cell_of(old, build, own), bench_cell_of(old, under, workers), &m);
    if (a && b && all_positive(a, n) && all_positive(b, m))
        add_change(changes, row, what, cell, stats_unpaired(a, n, b, m));
}

static void compare_relations(json_t *changes, json_t *row, json_t *old)
{
    size_t i;
    json_t *cell;
    json_array_foreach(json_object_get(row, "cells"), i, cell)
    {
        const char *build = json_text(cell, "build");
        if (strcmp(build, "ft") == 0 && (int)json_number(cell, "workers") == 1)
            compare_quotients(changes, row, old, "build_overhead", cell, "gil", 1);
        if ((int)json_number(cell, "workers") > 1) /* N by 1: larger is worse, as with times */
            compare_quotients(changes, row, old, "scaling", cell, build, 1);
    }
}

__attribute__((format(printf, 2, 3))) static void note_down(json_t *notes, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    autofree char *line = xvasprintf(fmt, ap);
    va_end(ap);
    json_array_append_new(notes, json_string(line));
}

static void note_machines(json_t *notes, json_t *before, json_t *after)
{
    static const char *const keys[] = {"cpu", "cpus", "arch", "system", "kernel"};
    json_t *a = json_object_get(before, "machine"), *b = json_object_get(after, "machine");
    for (size_t i = 0; i < lengthof(keys); i++)
        if (!same(a, b, keys[i])) {
            autofree char *x = json_dumps(json_object_get(a, keys[i]), JSON_ENCODE_ANY);
            autofree char *y = json_dumps(json_object_get(b, keys[i]), JSON_ENCODE_ANY);
            note_down(notes, "not the same machine: %s was %s, now %s", keys[i], x ? x : "unknown",
                      y ? y : "unknown");
        }
}

static void note_builds(json_t *notes, json_t *before, json_t *after)
{
    static const char *const keys[] = {"release", "compiler", "configure", "preset"};
    json_t *olds = json_object_get(before, "builds"), *news = json_object_get(after, "builds");
    size_t i, k;
    json_t *a, *b;
    json_array_foreach(news, i, b) json_array_foreach(
        olds, k, a) if (same(a, b, "id") &&
                        strcmp(json_text(a, "id"), "ft+gil")) for (size_t f = 0; f < lengthof(keys);
                                                                   f++) if (!same(a, b, keys[f]))
        note_down(notes, "%s: %s was %s, now %s", json_text(a, "id"), keys[f],
                  *json_text(a, keys[f]) ? json_text(a, keys[f]) : "unknown",
                  *json_text(b, keys[f]) ? json_text(b, keys[f]) : "unknown");
}

/* The median of all times, new by old; NAN when there is none. */
static double pace_of(json_t *changes)
{
    size_t i, n = 0;
    json_t *c;
    autofree double *v = xcalloc(json_array_size(changes) + 1, sizeof *v);
    json_array_foreach(changes, i, c) if (strcmp(json_text(c, "what"), "seconds") == 0) v[n++] =
        json_number(c, "ratio");
    return stats_median(v, n);
}

/* One question (what of all kernels) is one family, as in one table. */
static void correct(json_t *changes, double *p)
{
    static const char *const questions[] = {"seconds", "build_overhead", "scaling"};
    size_t i;
    json_t *c;
    autofree double *some = xcalloc(json_array_size(changes) + 1, sizeof *some);
    for (size_t q = 0; q < lengthof(questions); q++) {
        size_t n = 0;
        json_array_foreach(changes, i, c) if (str_eq(json_text(c, "what"), questions[q]))
            some[n++] = json_number(c, "p");
        stats_holm(some, n);
        n = 0;
        json_array_foreach(changes, i, c) if (str_eq(json_text(c, "what"), questions[q])) p[i] =
            some[n++];
    }
}

/* Returns how many are regressions. */
static int judge(json_t *changes, double threshold)
{
    size_t i, n = json_array_size(changes);
    json_t *c;
    int regressions = 0;
    autofree double *p = xcalloc(n + 1, sizeof *p);
    correct(changes, p);
    json_array_foreach(changes, i, c)
    {
        double ratio = json_number(c, "ratio");
        bool seen = p[i] <= bench_family_error && fabs(log(ratio)) >= log(1 + bench_least_effect) &&
                    json_object_get(c, "low");
        bool regression = seen && (ratio - 1) * 100 > threshold;
        json_object_set_new(c, "p", json_real(p[i]));
        json_object_set_new(c, "verdict",
                            json_string(!seen       ? "no difference seen"
                                        : ratio > 1 ? "slower"
                                                    : "faster"));
        json_object_set_new(c, "regression", json_boolean(regression));
        regressions += regression;
    }
    return regressions;
}

static json_t *label_of(json_t *result)
{
    json_t *first = json_array_get(json_object_get(result, "builds"), 0);
    autofree char *s =
        xasprintf("%s, measured %s", json_text(first, "release"), json_text(result, "started"));
    return json_string(s);
}

/* A size that suited another machine may be too small for this one. */
static void note_short(json_t *notes, json_t *row)
{
    size_t i;
    json_t *cell;
    double least = INFINITY;
    json_array_foreach(json_object_get(row, "cells"), i, cell) least =
        fmin(least, json_number(cell, "seconds"));
    if (least < trusted_value)
        note_down(notes,
                  "%s %s takes only %.3f s at the size it had before: that is short for a "
                  "time to be trusted",
                  json_text(row, "kernel"), json_text(row, "form"), least);
}

json_t *bench_compare(json_t *before, json_t *after, double threshold)
{
    json_t *changes = json_array(), *notes = json_array(), *row;
    size_t i;
    note_machines(notes, before, after);
    note_builds(notes, before, after);
    json_array_foreach(json_object_get(after, "kernels"), i, row)
    {
        json_t *old = find_row(before, row);
        if (!json_object_get(row, "cells"))
            continue;
        if (!old || !json_object_get(old, "cells")) {
            note_down(notes, "%s %s was not measured before", json_text(row, "kernel"),
                      json_text(row, "form"));
            continue;
        }
        if (same(row, old, "scale") && same(row, old, "checksum")) {
            compare_times(changes, row, old);
            note_short(notes, row);
            continue;
        }
        note_down(notes, "%s %s did other work before (%s): its times cannot be compared",
                  json_text(row, "kernel"), json_text(row, "form"),
                  same(row, old, "scale") ? "another result" : "another size");
        compare_relations(changes, row, old);
    }
    json_array_foreach(json_object_get(before, "kernels"), i, row) if (!find_row(after, row))
        note_down(notes, "%s %s was measured before and not now", json_text(row, "kernel"),
                  json_text(row, "form"));
    int regressions = judge(changes, threshold);
    double pace = pace_of(changes);
    return json_pack("{s:o, s:o, s:f, s:o, s:o, s:o, s:i}", "before", label_of(before), "after",
                     label_of(after), "threshold", threshold, "notes", notes, "pace",
                     isfinite(pace) ? json_real(pace) : json_null(), "changes", changes,
                     "regressions", regressions);
}

static void add_line(struct str *out, json_t *c, bool markdown)
{
    autofree char *name = xasprintf("%s %s", json_text(c, "kernel"), json_text(c, "form"));
    autofree char *what = xasprintf("%s %s, %d", json_text(c, "build"), json_text(c, "what"),
                                    (int)json_number(c, "workers"));
    autofree char *interval = json_object_get(c, "low")
                                  ? xasprintf("[%+.0f, %+.0f]", (json_number(c, "low") - 1) * 100,
                                              (json_number(c, "high") - 1) * 100)
                                  : xstrdup("");
    str_addf(out,
             markdown ? "| %s | %s | %+.1f %% | %s | %s%s |\n"
                      : "%-20s %-20s%+7.1f %% %-12s %s%s\n",
             name, what, (json_number(c, "ratio") - 1) * 100, interval, json_text(c, "verdict"),
             json_is_true(json_object_get(c, "regression")) ? " !" : "");
}

char *bench_compare_table(json_t *comparison, bool markdown)
{
    autostr out = {0};
    size_t i;
    json_t *c, *changes = json_object_get(comparison, "changes");
    json_t *pace = json_object_get(comparison, "pace");
    int same_ones = 0;
    str_addf(&out, "Before: %s\nNow:    %s\n", json_text(comparison, "before"),
             json_text(comparison, "after"));
    json_array_foreach(json_object_get(comparison, "notes"), i, c)
        str_addf(&out, "- %s\n", json_string_value(c));
    if (json_is_number(pace))
        str_addf(&out, "All times together: %+.1f %%. When all of them moved, the machine did.\n",
                 (json_number_value(pace) - 1) * 100);
    str_add(&out,
            markdown
                ? "\n| kernel | what, workers | change | 95 % | verdict |\n|---|---|---:|---|---|\n"
                : "\n");
    json_array_foreach(changes, i, c)
    {
        if (strcmp(json_text(c, "verdict"), "no difference seen") == 0)
            same_ones++;
        else
            add_line(&out, c, markdown);
    }
    str_addf(&out, "\n%d of %zu: no difference seen. %d slower by more than %g %% (marked !).\n",
             same_ones, json_array_size(changes), (int)json_number(comparison, "regressions"),
             json_number(comparison, "threshold"));
    return str_take(&out);
}
