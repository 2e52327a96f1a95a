/* Benchmarks: what free-threading is worth on this machine. */
#ifndef UNGIL_CORE_BENCH_H
#define UNGIL_CORE_BENCH_H

#include <jansson.h>

#include "base/str.h"

struct progress;

struct bench_opts {
    const char *gil, *ft;       /* paths of the interpreters; one may be NULL */
    int threads;                /* N; 0: cpu_count(), at most 8 */
    double budget;              /* seconds; the quick run of install: 30 */
    const struct strv *kernels; /* NULL: all */
    const struct progress *progress;
};
/* *result (owned): documented in the manual, BENCH. Per kernel and form: seconds (median, spread)
 * for gil/1, gil/N, ft/1, ft/N, build overhead and scaling as ratios. */
int bench_run(const struct bench_opts *opts, json_t **result);
/* The table people read, 80 columns: one line a kernel; to a buffer. */
char *bench_table(json_t *result);

#endif
