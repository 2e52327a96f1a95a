/* Benchmarks: what free-threading is worth on this machine.
 *
 * Each value comes from a fresh process (kernel bench.py), after a warm-up that is not counted. One
 * round measures all cells of a kernel one after the other, in an order drawn anew: each build, by
 * 1 worker and by more; a machine that changes its pace meanwhile touches all of them. Ratios are
 * taken within a round, and their intervals over the rounds (core/stats.h). How many rounds there
 * are is planned from what the first one took, so that the budget is kept.
 *
 *     bench_plan.c     which kernels there are, what is measured of them
 *     bench_value.c    one value: run the kernel, and believe it only if it proves itself
 *     bench.c          the rounds
 *     bench_ratio.c    ratios, intervals, verdicts
 *     bench_json.c     the result; bench_facts.c what it says of the machine and the builds
 *     bench_table.c    what people read; bench_compare.c two results beside each other
 */
#ifndef UNGIL_CORE_BENCH_H
#define UNGIL_CORE_BENCH_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"

struct progress;

enum bench_length { BENCH_QUICK, BENCH_DEFAULT, BENCH_THOROUGH };
enum { BENCH_FORMAT = 2 };

struct bench_opts {
    const char *gil, *ft;       /* paths of the interpreters; one may be NULL */
    bool self_check;            /* measure the one that is given against itself */
    enum bench_length length;   /* which kernels and builds, and how long */
    double budget;              /* seconds; 0: what the length says */
    int rounds;                 /* at most; 0: as many as the budget allows */
    double limit;               /* seconds that one value may take; 0: 60 */
    const struct strv *kernels; /* "primes", "matmul:private"; NULL or empty: all of the length */
    const struct strv *modes; /* "threads", "interpreters", "processes"; NULL or empty: as above */
    const int *workers;       /* ascending, from 1; NULL: 1, 2, 4 … CPUs */
    size_t n_workers;
    json_t *previous; /* borrowed: a result whose sizes are used again; NULL: none */
    const char *who;  /* for progress; NULL: "bench" */
    const struct progress *progress;
};

/* *result (owned): the document of format 2, see "ungil help bench" for its members. E_USAGE for
 * an unknown kernel or mode; E_FAILED when a kernel fails, when two cells do not agree on the
 * result, when the GIL is not as it should be in a worker, or when an interpreter was replaced
 * meanwhile. */
int bench_run(const struct bench_opts *opts, json_t **result);

/* The tables people read, at most 80 columns; owned. With `markdown` to paste somewhere. Of a
 * result in a format of another ungil: a line that says so. */
char *bench_table(json_t *result, bool markdown);

/* A result from a file: what --json printed, or a receipt. Owned. E_USAGE when it is neither, or
 * of another format. */
int bench_read(const char *path, json_t **result);

/* What `after` says beside `before`: {"before", "after" (what was measured: strings), "threshold",
 * "notes": [], "pace": the median of all times, after by before,
 * "changes": [{"kernel", "form", "what": "seconds|build_overhead|scaling", "build", "mode",
 * "workers", "ratio": > 1 is worse, "low", "high", "p", "verdict": "slower|faster|no difference
 * seen", "regression"}], "regressions": how many}. A regression is slower, and by more than
 * `threshold` percent. Owned. */
json_t *bench_compare(json_t *before, json_t *after, double threshold);
char *bench_compare_table(json_t *comparison, bool markdown); /* owned */

#endif
