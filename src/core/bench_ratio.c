/* Ratios of core/bench.h, each within the rounds, and which of them are differences.
 *
 * The interval of each ratio is its own, 95 %. A table asks the same question of dozens of kernels,
 * and one in twenty would stray without any reason; so what is *called* a difference must stand as
 * one of all the table's ratios of that kind asked at once (Holm's method), be large enough to
 * matter, and rest on three rounds. Of two equal builds, one self-check in a hundred may call one.
 */
#include <math.h>
#include <stdlib.h>

#include "core/bench_plan.h"

const double bench_family_error = 0.01;
const double bench_least_effect = 0.02;
enum { LEAST_ROUNDS = 3 };

struct found {
    size_t row;
    const char *what, *build; /* build: NULL where `what` tells which */
    int workers;
    struct stats_ratio r;
};

struct finds {
    struct found *v;
    size_t n;
};

static void find(struct finds *f, const struct bench *b, size_t row, struct found as,
                 const struct bench_cell *over, const struct bench_cell *under)
{
    if (!over || !under)
        return;
    as.row = row;
    as.r = stats_paired(over->seconds, under->seconds, b->rounds);
    f->v = xrealloc(f->v, (f->n + 1) * sizeof *f->v);
    f->v[f->n++] = as;
}

static size_t build_at(const struct bench *b, const char *id)
{
    for (size_t i = 0; i < b->n_builds; i++)
        if (str_eq(b->builds[i].id, id))
            return i;
    return b->n_builds; /* no cell has it */
}

static void find_in_row(struct finds *f, const struct bench *b, size_t row)
{
    const struct bench_row *r = &b->rows[row];
    size_t gil = build_at(b, "gil"), ft = build_at(b, "ft"), forced = build_at(b, "ft+gil");
    find(f, b, row, (struct found){.what = "build_overhead", .workers = 1}, bench_cell(r, ft, 1),
         bench_cell(r, gil, 1));
    for (size_t w = 0; w < b->n_workers; w++) {
        int n = b->workers[w];
        find(f, b, row, (struct found){.what = "gil_effect", .workers = n},
             bench_cell(r, forced, n), bench_cell(r, ft, n));
        if (b->o->self_check)
            find(f, b, row, (struct found){.what = "self_check", .workers = n}, bench_cell(r, 1, n),
                 bench_cell(r, 0, n));
        for (size_t i = 0; i < b->n_builds && !b->o->self_check; i++)
            if (n > 1 && n <= b->cpus)
                find(f, b, row,
                     (struct found){.what = "scaling", .build = b->builds[i].id, .workers = n},
                     bench_cell(r, i, 1), bench_cell(r, i, n));
    }
}

static bool differs(const struct found *f, double p, size_t rounds)
{
    return rounds >= LEAST_ROUNDS && p <= bench_family_error &&
           fabs(log(f->r.ratio)) >= log(1 + bench_least_effect);
}

static json_t *ratio_json(const struct bench *b, const struct found *f, double p, bool difference)
{
    json_t *o = json_pack("{s:s, s:s, s:i, s:f, s:i, s:f, s:s}", "what", f->what, "mode",
                          b->rows[f->row].plan->mode, "workers", f->workers, "ratio", f->r.ratio,
                          "rounds", (int)b->rounds, "p", p, "verdict",
                          difference ? "difference" : "no difference seen");
    if (f->build)
        json_object_set_new(o, "build", json_string(f->build));
    if (isfinite(f->r.low) && isfinite(f->r.high)) {
        json_object_set_new(o, "low", json_real(f->r.low));
        json_object_set_new(o, "high", json_real(f->r.high));
    }
    return o;
}

/* One question (what of all kernels) is one family. */
static void correct(const struct finds *f, double *p)
{
    static const char *const questions[] = {"build_overhead", "gil_effect", "scaling",
                                            "self_check"};
    autofree double *some = xcalloc(f->n + 1, sizeof *some);
    for (size_t q = 0; q < lengthof(questions); q++) {
        size_t n = 0;
        for (size_t i = 0; i < f->n; i++)
            if (str_eq(f->v[i].what, questions[q]))
                some[n++] = f->v[i].r.p;
        stats_holm(some, n);
        n = 0;
        for (size_t i = 0; i < f->n; i++)
            if (str_eq(f->v[i].what, questions[q]))
                p[i] = some[n++];
    }
}

size_t bench_add_ratios(const struct bench *b, json_t *rows)
{
    struct finds f = {0};
    for (size_t i = 0; i < b->n_rows; i++)
        if (!b->rows[i].skip)
            find_in_row(&f, b, i);
    autofree double *p = xcalloc(f.n + 1, sizeof *p);
    correct(&f, p);
    size_t differences = 0;
    for (size_t i = 0; i < f.n; i++) {
        bool difference = differs(&f.v[i], p[i], b->rounds);
        differences += difference;
        json_array_append_new(json_object_get(json_array_get(rows, f.v[i].row), "ratios"),
                              ratio_json(b, &f.v[i], p[i], difference));
    }
    free(f.v);
    return differences;
}
