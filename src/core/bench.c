#include "core/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "core/kernel.h"
#include "core/progress.h"
#include "core/stats.h"
#include "core/text_json.h"

const double bench_quick_budget = 26;

enum { MOST_ROUNDS = 9, LEAST_ROUNDS = 2, CELLS = 4 };
static const double least_value = 0.11; /* seconds: below 0.1 s the clock's noise counts */
static const double limit_seconds = 300;
static const double caution = 1.15; /* a round may take so much longer than the one before it */

static const struct plan {
    const char *kernel, *form;
    const char *shows; /* what this form is there to say */
} plans[] = {
    {"primes", "equal", "as published: equal ranges, of which the last costs most"},
    {"primes", "balanced", "the same numbers in 64 ranges, taken by whoever is free"},
    {"sha256", "9000", "hashlib drops the GIL from 2048 bytes on: scales on every build"},
    {"sha256", "900", "below 2048 bytes it keeps it: only the free-threaded build can scale"},
    {"matmul", "shared", "all threads read two lists: their reference counts travel"},
    {"matmul", "private", "each thread works on a copy of its own"},
    {"squares", "threads", "a sum of generated numbers; nothing is shared"},
    {"squares", "interpreters", "the same, each in an interpreter with a GIL of its own"},
};

/* The columns, in the order of a round. */
static const struct cell {
    const char *key;
    bool free_threaded, many;
} cells[CELLS] = {
    {"gil/1", false, false}, {"ft/1", true, false}, {"gil/N", false, true}, {"ft/N", true, true}};
enum { GIL_1, FT_1, GIL_N, FT_N };

struct row {
    const struct plan *plan;
    double scale;
    double seconds[CELLS][MOST_ROUNDS], cpu[CELLS][MOST_ROUNDS];
    char *checksum; /* owned; NULL: not measured yet */
    char *skip;     /* owned: why it cannot be measured here; NULL: it can */
};

struct bench {
    const struct bench_opts *o;
    const char *who;
    int threads;
    struct row rows[lengthof(plans)];
    size_t n_rows, rounds;
};

static bool wanted(const struct strv *kernels, const struct plan *p)
{
    autofree char *full = xasprintf("%s:%s", p->kernel, p->form);
    return !kernels || kernels->n == 0 || strv_has(kernels, p->kernel) || strv_has(kernels, full);
}

static int choose_rows(struct bench *b)
{
    const struct strv *kernels = b->o->kernels;
    for (size_t k = 0; kernels && k < kernels->n; k++) {
        const struct strv one = {.v = &kernels->v[k], .n = 1};
        bool known = false;
        for (size_t i = 0; i < lengthof(plans); i++)
            known |= wanted(&one, &plans[i]);
        if (!known) {
            fail(E_USAGE, "there is no benchmark kernel \"%s\"", kernels->v[k]);
            return err_hint(E_USAGE, "known: primes, sha256, matmul, squares; or one form of them, "
                                     "such as primes:balanced");
        }
    }
    for (size_t i = 0; i < lengthof(plans); i++)
        if (wanted(kernels, &plans[i]))
            b->rows[b->n_rows++].plan = &plans[i];
    return 0;
}

static const char *interpreter(const struct bench *b, int cell)
{
    return cells[cell].free_threaded ? b->o->ft : b->o->gil;
}

/* Runs bench.py; *answer (owned) is its one object. */
static int ask(struct bench *b, const char *python, json_t *params, json_t **answer)
{
    /* 3.14's free-threaded build turns both on, the other one off; they cost a little. */
    autostrv options = {0};
    strv_split(&options, "-X thread_inherit_context=1 -X context_aware_warnings=1");
    struct kernel_run run = {.python = python,
                             .kernel = "bench",
                             .params = params,
                             .options = &options,
                             .seconds = limit_seconds,
                             .progress = b->o->progress};
    json_t *answers = NULL;
    int rc = kernel_run(&run, &answers);
    if (rc == 0 && json_array_size(answers) != 1)
        rc = fail(E_FAILED, "kernel bench on %s gave %zu answers instead of one", python,
                  json_array_size(answers));
    if (rc == 0)
        *answer = json_incref(json_array_get(answers, 0));
    json_decref(answers);
    json_decref(params);
    return rc;
}

/* Finds the scale at which the slower of 1 and N threads still takes long enough to be timed. */
static int calibrate(struct bench *b, struct row *r)
{
    double wished = least_value * b->threads;
    json_t *answer = NULL;
    json_t *params = json_pack("{s:s, s:s, s:f}", "kernel", r->plan->kernel, "form", r->plan->form,
                               "calibrate", wished);
    int rc = ask(b, b->o->gil ? b->o->gil : b->o->ft, params, &answer);
    if (rc < 0)
        return rc;
    r->skip = xstrdup(json_string_value(json_object_get(answer, "skip")));
    r->scale = json_number_value(json_object_get(answer, "scale"));
    json_decref(answer);
    if (!r->skip && !(r->scale > 0))
        return fail(E_FAILED, "kernel bench did not find a size for %s", r->plan->kernel);
    return 0;
}

/* A time counts only if the GIL was as it should be, and the work was the same work. */
static int check_answer(struct bench *b, struct row *r, int cell, json_t *answer)
{
    const char *python = interpreter(b, cell), *sum = "";
    int before = -1, after = -1, seen = 0;
    if (json_unpack(answer, "{s:b, s:b, s:s, s:i}", "gil_before", &before, "gil_after", &after,
                    "checksum", &sum, "workers_seen", &seen) < 0)
        return fail(E_FAILED, "kernel bench on %s left out what proves its time", python);
    bool wish = !cells[cell].free_threaded;
    if (before != wish || after != wish)
        return fail(E_FAILED,
                    "%s %s: the GIL was %s in a worker of %s, so its time is worth nothing",
                    r->plan->kernel, r->plan->form, wish ? "off" : "on", python);
    if (seen != (cells[cell].many ? b->threads : 1))
        return fail(E_FAILED, "%s %s: %d workers were seen on %s instead of %d", r->plan->kernel,
                    r->plan->form, seen, python, cells[cell].many ? b->threads : 1);
    if (!r->checksum)
        r->checksum = xstrdup(sum);
    if (!str_eq(r->checksum, sum) || str_eq(sum, "differ"))
        return fail(E_FAILED, "%s %s: %s computed %s, and before it was %s", r->plan->kernel,
                    r->plan->form, python, sum, r->checksum);
    return 0;
}

static int measure(struct bench *b, struct row *r, int cell, size_t round)
{
    json_t *answer = NULL;
    json_t *params =
        json_pack("{s:s, s:s, s:f, s:i, s:i}", "kernel", r->plan->kernel, "form", r->plan->form,
                  "scale", r->scale, "workers", cells[cell].many ? b->threads : 1, "repeat", 1);
    int rc = ask(b, interpreter(b, cell), params, &answer);
    if (rc == 0)
        rc = check_answer(b, r, cell, answer);
    if (rc == 0) {
        json_t *wall = json_array_get(json_object_get(answer, "seconds"), 0);
        json_t *cpu = json_array_get(json_object_get(answer, "cpu_seconds"), 0);
        r->seconds[cell][round] = json_number_value(wall);
        r->cpu[cell][round] = json_number_value(cpu);
        if (!(r->seconds[cell][round] > 0))
            rc = fail(E_FAILED, "kernel bench on %s gave no time", interpreter(b, cell));
    }
    json_decref(answer);
    return rc;
}

static int run_round(struct bench *b)
{
    for (size_t i = 0; i < b->n_rows; i++) {
        struct row *r = &b->rows[i];
        autofree char *text = xasprintf("%s %s", r->plan->kernel, r->plan->form);
        progress_update(b->o->progress, b->who, -1, text);
        for (int c = 0; c < CELLS && !r->skip; c++) {
            int rc = interpreter(b, c) ? measure(b, r, c, b->rounds) : 0;
            if (rc < 0)
                return rc;
        }
    }
    b->rounds++;
    return 0;
}

static int run_rounds(struct bench *b, double start)
{
    size_t most =
        b->o->rounds > 0 && b->o->rounds < MOST_ROUNDS ? (size_t)b->o->rounds : MOST_ROUNDS;
    size_t least = most < LEAST_ROUNDS ? most : LEAST_ROUNDS;
    for (;;) {
        double before = clock_now();
        int rc = run_round(b);
        if (rc < 0)
            return rc;
        double now = clock_now(), end = now - start + (now - before);
        /* A second round is worth a little more than the budget; a third must fit well. */
        double allowed = b->rounds < least ? b->o->budget * caution : b->o->budget / caution;
        if (b->rounds >= most || end > allowed)
            return 0;
    }
}

/* The median over the rounds of a ratio taken within each. */
static double ratio(const struct bench *b, const struct row *r, int over, int under)
{
    double values[MOST_ROUNDS];
    for (size_t i = 0; i < b->rounds; i++)
        values[i] = r->seconds[over][i] / r->seconds[under][i];
    return stats_median(values, b->rounds);
}

static json_t *number_or_null(bool have, double x)
{
    return have && isfinite(x) ? json_real(x) : json_null();
}

static json_t *cell_json(const struct bench *b, const struct row *r, int cell)
{
    json_t *values = json_array();
    for (size_t i = 0; i < b->rounds; i++)
        json_array_append_new(values, json_real(r->seconds[cell][i]));
    return json_pack("{s:f, s:f, s:f, s:o}", "seconds", stats_median(r->seconds[cell], b->rounds),
                     "mad", stats_mad(r->seconds[cell], b->rounds), "cpu_seconds",
                     stats_median(r->cpu[cell], b->rounds), "values", values);
}

static json_t *row_json(const struct bench *b, const struct row *r, bool scaling)
{
    json_t *row = json_pack("{s:s, s:s, s:s}", "kernel", r->plan->kernel, "form", r->plan->form,
                            "shows", r->plan->shows);
    if (r->skip) {
        json_object_set_new(row, "skip", json_string(r->skip));
        return row;
    }
    json_t *table = json_object();
    for (int c = 0; c < CELLS; c++)
        if (interpreter(b, c))
            json_object_set_new(table, cells[c].key, cell_json(b, r, c));
    json_object_set_new(row, "scale", json_real(r->scale));
    json_object_set_new(row, "checksum", json_string(r->checksum));
    json_object_set_new(row, "cells", table);
    bool gil = b->o->gil, ft = b->o->ft;
    json_object_set_new(row, "build_overhead",
                        number_or_null(gil && ft, gil && ft ? ratio(b, r, FT_1, GIL_1) : NAN));
    json_object_set_new(
        row, "gil_scaling",
        number_or_null(gil && scaling, gil && scaling ? ratio(b, r, GIL_1, GIL_N) : NAN));
    json_object_set_new(
        row, "ft_scaling",
        number_or_null(ft && scaling, ft && scaling ? ratio(b, r, FT_1, FT_N) : NAN));
    return row;
}

/* What share of a CPU one thread got, in the worst cell: 1 on a quiet machine. */
static double granted(const struct bench *b)
{
    double worst = 1;
    for (size_t i = 0; i < b->n_rows; i++)
        for (int c = 0; c < CELLS; c++)
            for (size_t k = 0; k < b->rounds && !cells[c].many && b->rows[i].checksum; k++)
                if (interpreter(b, c) && b->rows[i].cpu[c][k] / b->rows[i].seconds[c][k] < worst)
                    worst = b->rows[i].cpu[c][k] / b->rows[i].seconds[c][k];
    return worst;
}

static json_t *result_json(const struct bench *b, double took)
{
    int cpus = cpu_count();
    bool scaling = cpus >= b->threads;
    autofree char *why =
        scaling ? xstrdup("measured")
                : xasprintf("refused: %d threads need %d CPUs, and this process may use %d",
                            b->threads, b->threads, cpus);
    json_t *rows = json_array();
    for (size_t i = 0; i < b->n_rows; i++)
        json_array_append_new(rows, row_json(b, &b->rows[i], scaling));
    return json_pack("{s:i, s:i, s:f, s:f, s:s, s:i, s:f, s:o, s:o, s:o}", "threads", b->threads,
                     "cpus", cpus, "load", cpu_load(), "cpu_granted", granted(b), "scaling", why,
                     "rounds", (int)b->rounds, "seconds", took, "gil", text_json(b->o->gil), "ft",
                     text_json(b->o->ft), "kernels", rows);
}

static int default_threads(void)
{
    int cpus = cpu_count();
    return cpus < 2 ? 2 : cpus > 4 ? 4 : cpus; /* the published table has 4 */
}

static int too_few_threads(void)
{
    return err_hint(fail(E_USAGE, "a benchmark compares 1 thread with at least 2"),
                    "--threads N with N from 2, or leave it out");
}

int bench_run(const struct bench_opts *opts, json_t **result)
{
    struct bench b = {.o = opts,
                      .who = opts->who ? opts->who : "bench",
                      .threads = opts->threads > 0 ? opts->threads : default_threads()};
    double start = clock_now();
    *result = NULL;
    int rc = b.threads < 2 ? too_few_threads() : 0;
    if (rc == 0)
        rc = choose_rows(&b);
    if (rc == 0)
        progress_stage(opts->progress, b.who, "measure", opts->budget);
    for (size_t i = 0; rc == 0 && i < b.n_rows; i++)
        rc = calibrate(&b, &b.rows[i]);
    if (rc == 0)
        rc = run_rounds(&b, start);
    if (rc == 0) {
        *result = result_json(&b, clock_now() - start);
        progress_done(opts->progress, b.who, "measure", clock_now() - start);
    }
    for (size_t i = 0; i < b.n_rows; i++) {
        free(b.rows[i].checksum);
        free(b.rows[i].skip);
    }
    return rc;
}
