/* The tables of core/bench.h. */
#include <string.h>

#include "core/bench.h"

static const double unsteady_percent = 15;
static const double quiet_share = 0.9; /* of a CPU, for one thread */

static double number(json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

/* "0.194", "1.87", "-" when the cell was not measured. */
static void add_cell(struct str *out, json_t *row, const char *key, bool markdown)
{
    json_t *cell = json_object_get(json_object_get(row, "cells"), key);
    double s = number(cell, "seconds");
    autofree char *text = cell ? xasprintf(s < 10 ? "%.3f" : "%.1f", s) : xstrdup("-");
    str_addf(out, markdown ? " %s |" : "%8s", text);
}

/* A ratio as a factor ("1.85x") or as a difference ("+5 %"). */
static void add_ratio(struct str *out, json_t *row, const char *key, bool difference, bool markdown)
{
    json_t *ratio = json_object_get(row, key);
    double r = json_number_value(ratio);
    autofree char *text = !json_is_number(ratio) ? xstrdup("-")
                          : difference           ? xasprintf("%+.0f %%", (r - 1) * 100)
                                                 : xasprintf("%.2fx", r);
    str_addf(out, markdown ? " %s |" : difference ? "%9s" : "%8s", text);
}

static void add_row(struct str *out, json_t *row, bool markdown)
{
    autofree char *name = xasprintf("%s %s", json_string_value(json_object_get(row, "kernel")),
                                    json_string_value(json_object_get(row, "form")));
    str_addf(out, markdown ? "| %s |" : "%-20s", name);
    const char *skip = json_string_value(json_object_get(row, "skip"));
    if (skip) {
        str_addf(out, markdown ? " %s | | | | | | |\n" : "   not measured: %s\n", skip);
        return;
    }
    static const char *const order[] = {"gil/1", "gil/N", "ft/1", "ft/N"};
    for (size_t i = 0; i < lengthof(order); i++)
        add_cell(out, row, order[i], markdown);
    add_ratio(out, row, "build_overhead", true, markdown);
    add_ratio(out, row, "gil_scaling", false, markdown);
    add_ratio(out, row, "ft_scaling", false, markdown);
    str_add(out, "\n");
}

/* The largest spread of any cell, in percent of its median. */
static double worst_spread(json_t *rows)
{
    double worst = 0;
    size_t i;
    json_t *row, *cell;
    const char *key;
    json_array_foreach(rows, i, row) json_object_foreach(json_object_get(row, "cells"), key, cell)
    {
        double spread = number(cell, "mad") / number(cell, "seconds") * 100;
        worst = spread > worst ? spread : worst;
    }
    return worst;
}

static void add_head(struct str *out, int threads, bool markdown)
{
    if (markdown) {
        str_addf(out,
                 "| seconds | GIL, 1 thread | GIL, %d threads | free-threaded, 1 thread | "
                 "free-threaded, %d threads | build overhead | GIL scaling | ft scaling |\n"
                 "|---|---:|---:|---:|---:|---:|---:|---:|\n",
                 threads, threads);
        return;
    }
    str_addf(out, "%-20s%16s%16s%9s%16s\n", "", "with the GIL", "free-threaded", "build",
             "scaling");
    str_addf(out, "%-20s%8d%8d%8d%8d%9s%8s%8s\n", "seconds, by threads", 1, threads, 1, threads,
             "overhead", "GIL", "ft");
}

/* How far the figures can be trusted. */
static void add_reliability(struct str *out, json_t *result, json_t *rows)
{
    int rounds = (int)number(result, "rounds");
    double spread = worst_spread(rows), granted = number(result, "cpu_granted");
    if (rounds < 2)
        str_add(out, "\nOne value each, from a fresh process: how steady they are is not known.\n");
    else
        str_addf(out,
                 "\nMedian of %d rounds, each value from a fresh process. Spread (median absolute\n"
                 "deviation) at most %.0f %%.\n",
                 rounds, spread);
    if (granted < quiet_share)
        str_addf(
            out,
            "The machine was busy: one thread got as little as %.0f %% of a CPU. Ratios of such\n"
            "times say little; measure again when it is quiet.\n",
            granted * 100);
    else if (spread > unsteady_percent)
        str_add(out, "The machine was not steady; measure again when it is.\n");
}

char *bench_table(json_t *result, bool markdown)
{
    autostr out = {0};
    int threads = (int)number(result, "threads");
    json_t *rows = json_object_get(result, "kernels"), *row;
    const char *scaling = json_string_value(json_object_get(result, "scaling"));
    size_t i;
    add_head(&out, threads, markdown);
    json_array_foreach(rows, i, row)
    {
        add_row(&out, row, markdown);
    }
    add_reliability(&out, result, rows);
    str_addf(&out,
             "Build overhead: the free-threaded build on one thread against the GIL build.\n"
             "Scaling: one thread against %d of the same build.\n",
             threads);
    if (scaling && strcmp(scaling, "measured") != 0)
        str_addf(&out, "Scaling %s.\n", scaling);
    str_add(&out, "\n");
    json_array_foreach(rows, i, row)
    {
        str_addf(&out, markdown ? "- %s %s: %s\n" : "%s %s:\n    %s\n",
                 json_string_value(json_object_get(row, "kernel")),
                 json_string_value(json_object_get(row, "form")),
                 json_string_value(json_object_get(row, "shows")));
    }
    return str_take(&out);
}
