#include "core/bench_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/err.h"

static const char counts[] = "the reference counts of what all threads read";
static const char alone[] = "the same, each worker in an interpreter of its own";
static const char apart[] = "the same, each worker in a process of its own";

static const struct bench_plan plans[] = {
    {"primes", "equal", NULL, "threads", "friendly",
     "as published: equal ranges, of which the last costs most", NULL, false, false, false, false},
    {"primes", "balanced", NULL, "threads", "friendly",
     "the same numbers in 64 ranges, taken by whoever is free", NULL, true, true, false, false},
    {"sha256", "9000", NULL, "threads", "released",
     "hashlib drops the GIL from 2048 bytes on: scales on every build", NULL, true, true, false,
     false},
    {"sha256", "900", NULL, "threads", "friendly",
     "below 2048 bytes it keeps it: only the free-threaded build can scale", NULL, true, false,
     false, false},
    {"matmul", "shared", NULL, "threads", "contended",
     "all threads read two lists: their reference counts travel", counts, true, false, false,
     false},
    {"matmul", "private", NULL, "threads", "friendly", "each thread works on a copy of its own",
     NULL, true, true, false, false},
    {"squares", "threads", "sum", "threads", "friendly",
     "a sum of generated numbers; nothing is shared", NULL, false, false, false, false},
    {"squares", "interpreters", "sum", "interpreters", "friendly",
     "the same, each in an interpreter with a GIL of its own", NULL, false, false, false, false},
    {"squares", "processes", "sum", "processes", "friendly",
     "the same, each in a process: what one did before", NULL, false, false, false, false},
    {"tokenise", "text", NULL, "threads", "friendly",
     "words found by a regular expression and counted: preparing data", NULL, false, false, false,
     false},
    {"pipeline", "records", NULL, "threads", "friendly",
     "lines to records, checked, grouped, written as JSON", NULL, false, false, false, false},
    {"requests", "http", NULL, "threads", "friendly",
     "requests that cost CPU time; a second worker fills the first one's waits", NULL, false, false,
     false, true},
    {"dict", "shared", NULL, "threads", "contended", "all threads write to one dict",
     "the lock and the table of one dict", false, false, false, false},
    {"dict", "private", NULL, "threads", "friendly", "each thread writes to a dict of its own",
     NULL, false, false, false, false},
    {"local", "reads", NULL, "threads", "friendly",
     "an attribute of a threading.local, read again and again", NULL, false, false, false, false},
    {"refcount", "shared", NULL, "threads", "contended",
     "all threads take and drop references to one object", "the reference count of one object",
     false, false, false, false},
    {"refcount", "private", NULL, "threads", "friendly",
     "each thread to an object of its own: the count stays with it", NULL, false, false, false,
     false},
    {"primes", "balanced/interpreters", "balanced", "interpreters", "friendly", alone, NULL, false,
     false, true, false},
    {"primes", "balanced/processes", "balanced", "processes", "friendly", apart, NULL, false, false,
     true, false},
    {"matmul", "private/interpreters", "private", "interpreters", "friendly", alone, NULL, false,
     false, true, false},
    {"matmul", "private/processes", "private", "processes", "friendly", apart, NULL, false, false,
     true, false},
    {"tokenise", "text/interpreters", "text", "interpreters", "friendly", alone, NULL, false, false,
     true, false},
    {"tokenise", "text/processes", "text", "processes", "friendly", apart, NULL, false, false, true,
     false},
    {"pipeline", "records/interpreters", "records", "interpreters", "friendly", alone, NULL, false,
     false, true, false},
    {"pipeline", "records/processes", "records", "processes", "friendly", apart, NULL, false, false,
     true, false},
};
_Static_assert(lengthof(plans) <= BENCH_MOST_ROWS, "room for all rows");

static const struct length {
    double budget;      /* seconds, a little below what is promised: the last round may be slow */
    double self_budget; /* of a self-check */
    size_t rounds;      /* at most */
    int workers;        /* at most, unless asked for: by one worker a value takes 0.1 s for each */
} lengths[] = {[BENCH_QUICK] = {28, 18, 9, 4},
               [BENCH_DEFAULT] = {170, 80, 15, 8},
               [BENCH_THOROUGH] = {900, 300, BENCH_MOST_ROUNDS, 64}};

static bool has_any(const struct strv *list)
{
    return list && list->n > 0;
}

/* By name: "primes" is all of the length's own forms, "primes:balanced" just this one. */
static bool named(const struct bench *b, const struct bench_plan *p)
{
    const struct strv *kernels = b->o->kernels;
    autofree char *full = xasprintf("%s:%s", p->kernel, p->form);
    bool extra = !p->extra || b->o->length == BENCH_THOROUGH || has_any(b->o->modes);
    return strv_has(kernels, full) || (extra && strv_has(kernels, p->kernel));
}

static bool wanted(const struct bench *b, const struct bench_plan *p)
{
    const struct bench_opts *o = b->o;
    if (has_any(o->modes) && !strv_has(o->modes, p->mode))
        return false;
    if (has_any(o->kernels))
        return named(b, p);
    if (has_any(o->modes) || o->length == BENCH_THOROUGH)
        return true;
    if (o->self_check)
        return o->length == BENCH_QUICK ? p->check : p->quick;
    return o->length == BENCH_QUICK ? p->quick : !p->extra;
}

static int check_names(const struct bench_opts *o)
{
    for (size_t k = 0; o->kernels && k < o->kernels->n; k++) {
        bool known = false;
        for (size_t i = 0; i < lengthof(plans); i++) {
            autofree char *full = xasprintf("%s:%s", plans[i].kernel, plans[i].form);
            known |= str_eq(o->kernels->v[k], full) || str_eq(o->kernels->v[k], plans[i].kernel);
        }
        if (!known) {
            fail(E_USAGE, "there is no benchmark kernel \"%s\"", o->kernels->v[k]);
            return err_hint(E_USAGE,
                            "known: primes, sha256, matmul, squares, tokenise, pipeline, requests, "
                            "dict, local, refcount; or one form of them, such as primes:balanced");
        }
    }
    for (size_t k = 0; o->modes && k < o->modes->n; k++)
        if (!str_eq(o->modes->v[k], "threads") && !str_eq(o->modes->v[k], "interpreters") &&
            !str_eq(o->modes->v[k], "processes"))
            return err_hint(fail(E_USAGE, "there is no mode \"%s\"", o->modes->v[k]),
                            "known: threads, interpreters, processes");
    return 0;
}

/* 1, 2, 4 … and the number of CPUs itself; the quick run has only the first and the last of it. On
 * one CPU still 1 and 2: what more workers cost there is a fact, what they gain is not claimed. */
static void choose_workers(struct bench *b)
{
    int cpus = (int)b->cpus, most = lengths[b->o->length].workers;
    cpus = cpus < 2 ? 2 : cpus > most ? most : cpus;
    b->workers[b->n_workers++] = 1;
    for (int w = 2; w < cpus && b->o->length != BENCH_QUICK && !b->o->self_check; w *= 2)
        b->workers[b->n_workers++] = w;
    b->workers[b->n_workers++] = cpus;
}

static int take_workers(struct bench *b)
{
    if (b->o->n_workers == 0) {
        choose_workers(b);
        return 0;
    }
    if (b->o->n_workers > BENCH_MOST_WORKERS)
        return fail(E_USAGE, "more than %d numbers of workers", BENCH_MOST_WORKERS);
    memcpy(b->workers, b->o->workers, b->o->n_workers * sizeof *b->workers);
    b->n_workers = b->o->n_workers;
    return 0;
}

static void add_build(struct bench *b, const char *id, const char *python, bool gil, bool forced)
{
    if (python)
        b->builds[b->n_builds++] =
            (struct bench_build){.id = id, .python = python, .gil = gil, .forced = forced};
}

static void choose_builds(struct bench *b)
{
    const struct bench_opts *o = b->o;
    if (o->self_check) {
        add_build(b, "A", o->gil ? o->gil : o->ft, o->gil != NULL, false);
        add_build(b, "B", o->gil ? o->gil : o->ft, o->gil != NULL, false);
        return;
    }
    add_build(b, "gil", o->gil, true, false);
    add_build(b, "ft", o->ft, false, false);
    if (o->length != BENCH_QUICK)
        add_build(b, "ft+gil", o->ft, true, true);
}

/* Of the build with its GIL forced on, what as many workers as there are do is enough; alone, its
 * worker only takes a lock that nobody else wants. */
static void add_cells(struct bench *b, struct bench_row *r)
{
    r->cells = xcalloc(b->n_builds * b->n_workers, sizeof *r->cells);
    for (size_t i = 0; i < b->n_builds; i++)
        for (size_t w = 0; w < b->n_workers; w++)
            if (!b->builds[i].forced || w + 1 == b->n_workers || b->o->length == BENCH_THOROUGH)
                r->cells[r->n_cells++] = (struct bench_cell){.build = i, .workers = b->workers[w]};
}

/* The size that another result used, so that its times can be compared with ours. */
static void take_scale(struct bench *b, struct bench_row *r)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(b->o->previous, "kernels"), i, row)
    {
        double scale = json_number_value(json_object_get(row, "scale"));
        if (scale > 0 &&
            str_eq(json_string_value(json_object_get(row, "kernel")), r->plan->kernel) &&
            str_eq(json_string_value(json_object_get(row, "form")), r->plan->form)) {
            r->scale = scale;
            r->fixed = true;
        }
    }
}

int bench_plan(struct bench *b)
{
    const struct bench_opts *o = b->o;
    const struct length *length = &lengths[o->length];
    int rc = check_names(o);
    b->cpus = cpu_allowed();
    if (rc == 0)
        rc = take_workers(b);
    if (rc < 0)
        return rc;
    b->budget = o->budget > 0 ? o->budget : o->self_check ? length->self_budget : length->budget;
    b->most_rounds = o->budget > 0 ? BENCH_MOST_ROUNDS : length->rounds;
    if (o->rounds > 0)
        b->most_rounds =
            o->rounds < BENCH_MOST_ROUNDS ? (size_t)o->rounds : (size_t)BENCH_MOST_ROUNDS;
    choose_builds(b);
    for (size_t i = 0; i < lengthof(plans); i++)
        if (wanted(b, &plans[i])) {
            struct bench_row *r = &b->rows[b->n_rows++];
            r->plan = &plans[i];
            add_cells(b, r);
            take_scale(b, r);
        }
    if (b->n_rows == 0)
        return err_hint(fail(E_USAGE, "none of these kernels can be measured in these modes"),
                        "\"ungil help bench\" says which there are");
    return 0;
}

void bench_free(struct bench *b)
{
    for (size_t i = 0; i < b->n_rows; i++) {
        free(b->rows[i].cells);
        free(b->rows[i].checksum);
        free(b->rows[i].skip);
    }
    for (size_t i = 0; i < b->n_builds; i++)
        json_decref(b->builds[i].facts);
}

int bench_most_workers(const struct bench *b)
{
    return b->workers[b->n_workers - 1];
}

struct bench_cell *bench_cell(const struct bench_row *r, size_t build, int workers)
{
    for (size_t i = 0; i < r->n_cells; i++)
        if (r->cells[i].build == build && r->cells[i].workers == workers)
            return &r->cells[i];
    return NULL;
}
