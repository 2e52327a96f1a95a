#include "core/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "core/bench_plan.h"
#include "core/progress.h"

static const double shortest_value =
    0.1;                            /* seconds: below, the clock's and the system's noise counts */
static const double caution = 1.08; /* a round may take so much longer than those before it */
enum { RESIZES = 2, SELF_CHECK_ROUNDS = 3 };

/* splitmix64: the order of measuring needs no better one. */
static unsigned long long draw(struct bench *b)
{
    unsigned long long z = b->random += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static void shuffle(struct bench *b, size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)(draw(b) % i), kept = order[i - 1];
        order[i - 1] = order[k];
        order[k] = kept;
    }
}

/* All cells of a row once, close together in time, in an order of their own. */
static int run_row(struct bench *b, struct bench_row *r)
{
    autofree size_t *order = xcalloc(r->n_cells, sizeof *order);
    shuffle(b, order, r->n_cells);
    autofree char *label =
        xasprintf("%s %s, round %zu", r->plan->kernel, r->plan->form, b->rounds + 1);
    progress_update(b->o->progress, b->who, -1, label);
    for (size_t i = 0; i < r->n_cells && !r->skip; i++) {
        int rc = bench_measure(b, r, &r->cells[order[i]], b->rounds);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The first round shows whether the size was well chosen: if not, it begins again with a larger
 * one. A size that must stay as it is in another result stays. */
static int run_first(struct bench *b, struct bench_row *r)
{
    for (int tries = 0;; tries++) {
        int rc = run_row(b, r);
        if (rc < 0 || r->skip || r->fixed || tries == RESIZES)
            return rc;
        double least = INFINITY;
        for (size_t i = 0; i < r->n_cells; i++)
            least = fmin(least, r->cells[i].seconds[0]);
        if (least >= shortest_value)
            return 0;
        r->scale *= fmin(4, 1.15 * shortest_value / least);
        free(steal(&r->checksum));
    }
}

/* Fewer rounds call nothing, so a self-check of fewer is none, whatever it takes. */
static bool one_more(const struct bench *b, double end)
{
    if (b->rounds >= b->most_rounds)
        return false;
    return end < b->budget || (b->o->self_check && b->rounds < SELF_CHECK_ROUNDS);
}

static int run_rounds(struct bench *b)
{
    double first = clock_now(), round; /* what the next one takes, repetitions apart */
    do {
        for (size_t i = 0; i < b->n_rows; i++) {
            /* who comes first changes, so that nobody is always measured after the same one */
            struct bench_row *r = &b->rows[(i + b->rounds) % b->n_rows];
            int rc = r->skip ? 0 : b->rounds == 0 ? run_first(b, r) : run_row(b, r);
            if (rc < 0)
                return rc;
        }
        b->rounds++;
        round = (clock_now() - first - b->again) / (double)b->rounds;
    } while (one_more(b, clock_now() - b->start + round * caution));
    return 0;
}

static int prepare(struct bench *b)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->n_builds; i++)
        rc = bench_ask_facts(b, &b->builds[i]);
    for (size_t i = 0; rc == 0 && i < b->n_rows; i++) {
        autofree char *label =
            xasprintf("%s %s, size", b->rows[i].plan->kernel, b->rows[i].plan->form);
        progress_update(b->o->progress, b->who, -1, label);
        rc = bench_calibrate(b, &b->rows[i]);
    }
    return rc;
}

int bench_run(const struct bench_opts *opts, json_t **result)
{
    struct bench b = {.o = opts, .who = opts->who ? opts->who : "bench"};
    *result = NULL;
    b.start = clock_now();
    clock_rfc3339(b.started);
    b.seed = b.random = (unsigned long long)(b.start * 1e6) & 0xffffffffffULL;
    int rc = bench_plan(&b);
    if (rc == 0) {
        progress_stage(opts->progress, b.who, "measure", b.budget);
        rc = prepare(&b);
    }
    if (rc == 0)
        rc = run_rounds(&b);
    if (rc == 0) {
        *result = bench_result(&b, clock_now() - b.start);
        progress_done(opts->progress, b.who, "measure", clock_now() - b.start);
    }
    bench_free(&b);
    return rc;
}
