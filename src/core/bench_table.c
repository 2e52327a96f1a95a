/* The tables of core/bench.h. */
#include <string.h>

#include "core/bench.h"
#include "core/bench_plan.h"
#include "core/text_json.h"

static const double unsteady_percent = 15;
static const double quiet_share = 0.9; /* of a CPU, for one worker */
enum { WIDTH = 80, RATIO_WIDTH = 20, TIME_WIDTH = 8, LEAST_NAME = 20, MOST_COLUMNS = 8 };

/* A table being written: a name, and cells of one width, aligned to the right. */
struct writer {
    struct str out;
    bool markdown;
    int name, width;
};

static void add_name(struct writer *w, const char *name)
{
    if (w->markdown)
        str_addf(&w->out, "| %s |", name);
    else
        str_addf(&w->out, "%-*s", w->name, name);
}

static void add_text(struct writer *w, const char *cell)
{
    if (w->markdown)
        str_addf(&w->out, " %s |", cell);
    else
        str_addf(&w->out, "%*s", w->width, cell);
}

static void end_head(struct writer *w, size_t columns)
{
    str_add(&w->out, "\n");
    if (!w->markdown)
        return;
    str_add(&w->out, "|---|");
    for (size_t i = 0; i < columns; i++)
        str_add(&w->out, "---:|");
    str_add(&w->out, "\n");
}

static char *row_name(json_t *row)
{
    return xasprintf("%s %s", json_text(row, "kernel"), json_text(row, "form"));
}

/* --- what took how long ---------------------------------------------------------------------- */

static int most_workers(json_t *result)
{
    json_t *list = json_object_get(result, "workers");
    return (int)json_integer_value(json_array_get(list, json_array_size(list) - 1));
}

static void add_time(struct writer *w, json_t *cell)
{
    double s = json_number(cell, "seconds");
    autofree char *t = cell ? xasprintf(s < 10 ? "%.3f" : "%.1f", s) : xstrdup("-");
    add_text(w, t);
}

static void add_times_head(struct writer *w, json_t *builds, int most)
{
    size_t i;
    json_t *build;
    w->width = TIME_WIDTH;
    if (!w->markdown) {
        str_addf(&w->out, "%*s", w->name, "");
        json_array_foreach(builds, i, build)
            str_addf(&w->out, "%*s", 2 * TIME_WIDTH, json_text(build, "id"));
        str_add(&w->out, "\n");
    }
    add_name(w, "seconds, by workers");
    json_array_foreach(builds, i, build) for (int one = 1; one >= 0; one--)
    {
        autofree char *head = w->markdown
                                  ? xasprintf("%s, %d", json_text(build, "id"), one ? 1 : most)
                                  : xasprintf("%d", one ? 1 : most);
        add_text(w, head);
    }
    end_head(w, 2 * json_array_size(builds));
}

static void add_times(struct writer *w, json_t *result)
{
    size_t i, k;
    json_t *row, *build, *builds = json_object_get(result, "builds");
    int most = most_workers(result);
    add_times_head(w, builds, most);
    json_array_foreach(json_object_get(result, "kernels"), i, row)
    {
        autofree char *name = row_name(row);
        const char *skip = json_string_value(json_object_get(row, "skip"));
        add_name(w, name);
        json_array_foreach(builds, k, build) for (int one = 1; one >= 0 && !skip; one--)
            add_time(w, bench_cell_of(row, json_text(build, "id"), one ? 1 : most));
        if (skip)
            str_addf(&w->out, w->markdown ? " not measured: %s |" : "   not measured: %s", skip);
        str_add(&w->out, "\n");
    }
    str_add(&w->out, "\n");
}

/* --- ratios ---------------------------------------------------------------------------------- */

struct column {
    const char *what, *build; /* build: "" where `what` tells which */
    int workers;
    bool percent; /* a difference, or else a factor */
    char head[64];
};

static json_t *find_ratio(json_t *row, const struct column *c)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(row, "ratios"), i,
                       r) if (strcmp(json_text(r, "what"), c->what) == 0 &&
                              strcmp(json_text(r, "build"), c->build) == 0 &&
                              (int)json_number(r, "workers") == c->workers) return r;
    return NULL;
}

/* "1.93x [1.90, 1.96]", "+31 % [+29, +33]"; owned. Where the interval has no room, without it. */
static char *ratio_text(json_t *r, bool percent)
{
    double ratio = json_number(r, "ratio"), low = json_number(r, "low"),
           high = json_number(r, "high");
    autofree char *plain =
        percent ? xasprintf("%+.0f %%", (ratio - 1) * 100) : xasprintf("%.2fx", ratio);
    autofree char *interval = percent
                                  ? xasprintf("[%+.0f, %+.0f]", (low - 1) * 100, (high - 1) * 100)
                                  : xasprintf("[%.2f, %.2f]", low, high);
    bool room = strlen(plain) + 1 + strlen(interval) < RATIO_WIDTH;
    return json_object_get(r, "low") && room ? xasprintf("%s %s", plain, interval) : xstrdup(plain);
}

static void add_ratio(struct writer *w, json_t *row, const struct column *c)
{
    json_t *r = find_ratio(row, c);
    bool few = json_number(r, "rounds") < 3;
    autofree char *t = !r ? xstrdup("-")
                       : few || strcmp(json_text(r, "verdict"), "difference") == 0
                           ? ratio_text(r, c->percent)
                           : xstrdup("no difference seen");
    add_text(w, t);
}

static bool has_column(json_t *result, const struct column *c)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(result, "kernels"), i,
                       row) if (find_ratio(row, c)) return true;
    return false;
}

static size_t choose_columns(json_t *result, struct column *columns)
{
    int most = most_workers(result);
    const struct column all[] = {
        {"build_overhead", "", 1, true, "build overhead"},
        {"gil_effect", "", most, false, "GIL on / off, by "},
        {"scaling", "gil", most, false, "gil scaling, 1 to "},
        {"scaling", "ft", most, false, "ft scaling, 1 to "},
        {"self_check", "", 1, true, "B by A, by "},
        {"self_check", "", most, true, "B by A, by "},
    };
    size_t n = 0;
    for (size_t i = 0; i < lengthof(all); i++) {
        if (!has_column(result, &all[i]))
            continue;
        columns[n] = all[i];
        size_t used = strlen(columns[n].head);
        if (columns[n].head[used - 1] == ' ')
            snprintf(columns[n].head + used, sizeof columns[n].head - used, "%d",
                     columns[n].workers);
        n++;
    }
    return n;
}

static void add_ratio_table(struct writer *w, json_t *result, const struct column *columns,
                            size_t n)
{
    size_t i;
    json_t *row;
    w->width = RATIO_WIDTH;
    add_name(w, "[95 % interval]");
    for (size_t c = 0; c < n; c++)
        add_text(w, columns[c].head);
    end_head(w, n);
    json_array_foreach(json_object_get(result, "kernels"), i, row)
    {
        if (json_object_get(row, "skip"))
            continue;
        autofree char *name = row_name(row);
        add_name(w, name);
        for (size_t c = 0; c < n; c++)
            add_ratio(w, row, &columns[c]);
        str_add(&w->out, "\n");
    }
    str_add(&w->out, "\n");
}

static void add_ratios(struct writer *w, json_t *result)
{
    struct column columns[MOST_COLUMNS];
    size_t n = choose_columns(result, columns);
    /* as many side by side as there is room for, and as even as it goes: 4 are 2 and 2 */
    size_t room = w->markdown ? MOST_COLUMNS : (size_t)(WIDTH - w->name) / RATIO_WIDTH;
    size_t tables = room ? (n + room - 1) / room : 1, at = 0;
    for (size_t t = 0; t < tables; t++) {
        size_t share = (n - at + (tables - t) - 1) / (tables - t);
        add_ratio_table(w, result, columns + at, share);
        at += share;
    }
}

/* With more than two numbers of workers: how each build goes on. */
static void add_curve(struct writer *w, json_t *result, const char *build)
{
    json_t *workers = json_object_get(result, "workers"), *row, *number_of;
    size_t i, k, n = json_array_size(workers);
    struct column c = {"scaling", build, most_workers(result), false, ""};
    if (n < 3 || !has_column(result, &c))
        return;
    w->width = TIME_WIDTH;
    autofree char *title = xasprintf("%s scaling, 1 to", build);
    add_name(w, title);
    json_array_foreach(workers, k, number_of) if (k > 0)
    {
        autofree char *head = xasprintf("%d", (int)json_integer_value(number_of));
        add_text(w, head);
    }
    end_head(w, n - 1);
    json_array_foreach(json_object_get(result, "kernels"), i, row)
    {
        if (json_object_get(row, "skip"))
            continue;
        autofree char *name = row_name(row);
        add_name(w, name);
        json_array_foreach(workers, k, number_of) if (k > 0)
        {
            c.workers = (int)json_integer_value(number_of);
            json_t *r = find_ratio(row, &c);
            autofree char *t = r ? xasprintf("%.2fx", json_number(r, "ratio")) : xstrdup("-");
            add_text(w, t);
        }
        str_add(&w->out, "\n");
    }
    str_add(&w->out, "\n");
}

/* --- what to make of it ---------------------------------------------------------------------- */

/* The largest spread of any cell, in percent of its median. */
static double worst_spread(json_t *rows)
{
    double worst = 0;
    size_t i, k;
    json_t *row, *cell;
    json_array_foreach(rows, i, row) json_array_foreach(json_object_get(row, "cells"), k, cell)
    {
        double spread = json_number(cell, "mad") / json_number(cell, "seconds") * 100;
        worst = spread > worst ? spread : worst;
    }
    return worst;
}

/* How far the figures can be trusted. */
static void add_reliability(struct str *out, json_t *result)
{
    int rounds = (int)json_number(result, "rounds");
    double spread = worst_spread(json_object_get(result, "kernels"));
    double granted = json_number(json_object_get(result, "machine"), "cpu_granted");
    if (rounds < 2)
        str_add(out, "One value each, from a fresh process: how steady they are is not known, and\n"
                     "nothing can be called a difference.\n");
    else
        str_addf(out,
                 "Seconds: median of %d rounds, each value from a fresh process. Spread (median\n"
                 "absolute deviation) at most %.0f %%.%s\n",
                 rounds, spread,
                 rounds < 3 ? " Too few rounds to call anything a difference." : "");
    if (granted < quiet_share)
        str_addf(
            out,
            "The machine was busy: one worker got as little as %.0f %% of a CPU. Ratios of such\n"
            "times say little; measure again when it is quiet.\n",
            granted * 100);
    else if (spread > unsteady_percent)
        str_add(out, "The machine was not steady; measure again when it is.\n");
}

static void add_legend(struct str *out, json_t *result)
{
    const char *scaling = json_text(result, "scaling");
    int most = most_workers(result);
    json_t *check = json_object_get(result, "self_check");
    if (check) {
        int found = (int)json_number(check, "differences");
        str_addf(out, "Self-check: A and B are the same build. Differences called: %d%s.\n", found,
                 found ? ", none of which can be true" : "");
        return;
    }
    static const struct column of_pair = {"build_overhead", "", 1, true, ""};
    struct column of_gil = {"gil_effect", "", most, false, ""};
    if (has_column(result, &of_pair))
        str_add(out,
                "Build overhead: the free-threaded build (ft) by the GIL build, 1 worker each.\n");
    if (has_column(result, &of_gil))
        str_addf(
            out,
            "GIL on / off: the ft build with its GIL forced on by itself without, %d workers.\n",
            most);
    str_addf(out,
             "Scaling: 1 worker by %d of the same build: 2.00x is twice as fast.\n"
             "A difference is called where all ratios of a kind together leave a doubt of 1 %%,\n"
             "and from 2 %% on; the interval of each ratio is its own.\n",
             most);
    if (*scaling && strcmp(scaling, "measured") != 0)
        str_addf(out, "Scaling %s.\n", scaling);
}

static void add_notes(struct writer *w, json_t *result)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(result, "kernels"), i, row)
    {
        autofree char *name = row_name(row);
        const char *resource = json_text(row, "resource");
        str_addf(&w->out, w->markdown ? "- %s: %s" : "%s:\n    %s", name, json_text(row, "shows"));
        if (*resource)
            str_addf(&w->out, w->markdown ? " (contended: %s)" : "\n    contended: %s", resource);
        str_add(&w->out, "\n");
    }
}

static void add_builds(struct writer *w, json_t *result)
{
    size_t i;
    json_t *build, *machine = json_object_get(result, "machine");
    json_array_foreach(json_object_get(result, "builds"), i, build) str_addf(
        &w->out, w->markdown ? "- %s: CPython %s, %s, %s\n" : "%-7s CPython %s, %s\n        %s\n",
        json_text(build, "id"), json_text(build, "release"), json_text(build, "compiler"),
        json_text(build, "python"));
    str_addf(&w->out, w->markdown ? "- on %d CPUs, %s, %s\n\n" : "on      %d CPUs, %s, %s\n\n",
             (int)json_number(machine, "cpus"), json_text(machine, "cpu"),
             json_text(machine, "system"));
}

char *bench_table(json_t *result, bool markdown)
{
    struct writer w = {.markdown = markdown, .name = LEAST_NAME};
    size_t i;
    json_t *row;
    if ((int)json_number(result, "format") != BENCH_FORMAT)
        return xstrdup(
            "What was measured is in a format of another ungil; \"ungil bench\" measures "
            "again.\n");
    json_array_foreach(json_object_get(result, "kernels"), i, row)
    {
        autofree char *name = row_name(row);
        w.name = (int)strlen(name) > w.name ? (int)strlen(name) : w.name;
    }
    add_builds(&w, result);
    add_times(&w, result);
    add_ratios(&w, result);
    add_curve(&w, result, "gil");
    add_curve(&w, result, "ft");
    add_reliability(&w.out, result);
    add_legend(&w.out, result);
    str_add(&w.out, "\n");
    add_notes(&w, result);
    return str_take(&w.out);
}
