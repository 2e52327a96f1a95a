/* Inside of core/bench.h: what is to be measured, and what was. */
#ifndef UNGIL_CORE_BENCH_PLAN_H
#define UNGIL_CORE_BENCH_PLAN_H

#include <sys/stat.h>

#include "core/bench.h"
#include "core/stats.h"

enum { BENCH_MOST_ROUNDS = 31, BENCH_MOST_ROWS = 32, BENCH_MOST_WORKERS = 16 };

/* One form of a kernel. */
struct bench_plan {
    const char *kernel, *form; /* as the user knows it */
    const char *work;          /* the form as bench.py knows it; NULL: the same */
    const char *mode;
    const char *kind;  /* friendly, contended, or released: the library drops the GIL by itself */
    const char *shows; /* what this form is there to say */
    const char *resource; /* what the workers contend for; NULL: nothing */
    bool quick;           /* in the quick run */
    bool check;           /* in the quick self-check */
    bool extra;           /* only in the thorough run, or when it is asked for */
    bool waits;           /* for another process: it does not use all of a CPU */
};

struct bench_build {
    const char *id;     /* "gil", "ft", "ft+gil"; of a self-check "A", "B" */
    const char *python; /* borrowed; NULL: there is none */
    bool gil;           /* what it must be in a worker */
    bool forced;        /* -X gil=1 */
    struct stat file;   /* the program, when it was first run */
    json_t *facts;      /* what it says of itself, owned */
};

struct bench_cell {
    size_t build;
    int workers;
    double seconds[BENCH_MOST_ROUNDS], cpu[BENCH_MOST_ROUNDS];
};

struct bench_row {
    const struct bench_plan *plan;
    double scale;
    bool fixed;               /* the scale is that of another result */
    struct bench_cell *cells; /* owned */
    size_t n_cells;
    char *checksum; /* owned; NULL: not measured yet */
    char *skip;     /* owned: why it cannot be measured here; NULL: it can */
};

struct bench {
    const struct bench_opts *o;
    const char *who;
    double budget;
    size_t most_rounds;
    int workers[BENCH_MOST_WORKERS];
    size_t n_workers;
    double cpus; /* that may be used: affinity and quota together */
    struct bench_build builds[3];
    size_t n_builds;
    struct bench_row rows[BENCH_MOST_ROWS];
    size_t n_rows, rounds;
    unsigned long long seed, random; /* of the order */
    double start;                    /* clock_now() */
    double again;                    /* seconds spent on measuring disturbed values again */
    size_t repeated;                 /* how many */
    char started[32];
};

/* bench_plan.c: fills in everything that is decided before the first process starts. */
int bench_plan(struct bench *b);
void bench_free(struct bench *b);
int bench_most_workers(const struct bench *b);
struct bench_cell *bench_cell(const struct bench_row *r, size_t build, int workers); /* or NULL */

/* bench_value.c */
int bench_ask_facts(struct bench *b, struct bench_build *build);
int bench_calibrate(struct bench *b, struct bench_row *r);
int bench_measure(struct bench *b, struct bench_row *r, struct bench_cell *c, size_t round);

/* bench_ratio.c: adds "ratios" to each of the rows. Returns how many differ. */
size_t bench_add_ratios(const struct bench *b, json_t *rows);
/* How sure a table is: a false find in at most so many of all tables; and the smallest difference
 * that is called one. */
extern const double bench_family_error, bench_least_effect;

/* bench_facts.c: new references */
json_t *bench_machine(const struct bench *b);
json_t *bench_builds(const struct bench *b);

/* bench_json.c */
json_t *bench_result(const struct bench *b, double seconds);
/* The cell of a row of such a result; borrowed, NULL: not measured. */
json_t *bench_cell_of(json_t *row, const char *build, int workers);

#endif
