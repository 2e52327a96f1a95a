/* Benchmarks: what free-threading is worth on this machine.
 *
 * Each value comes from a fresh process (kernel bench.py), after a warm-up that is not counted. One
 * round measures all cells of a kernel one after the other: GIL and free-threaded build, 1 and N
 * threads; a machine that changes its pace meanwhile touches all of them. Ratios are taken within
 * a round, then the median over the rounds. Rounds go on until the budget is used up.
 */
#ifndef UNGIL_CORE_BENCH_H
#define UNGIL_CORE_BENCH_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"

struct progress;

struct bench_opts {
    const char *gil, *ft;       /* paths of the interpreters; one may be NULL */
    int threads;                /* N, at least 2; 0: cpu_count(), 2 to 4 */
    double budget;              /* seconds; the quick run of install: bench_quick_budget */
    int rounds;                 /* at most; 0: as many as the budget allows, up to 9 */
    const struct strv *kernels; /* "primes", "matmul:private"; NULL or empty: all */
    const char *who;            /* for progress; NULL: "bench" */
    const struct progress *progress;
};

extern const double bench_quick_budget; /* seconds: what install spends */

/* clang-format off */
/* *result (owned):
 *
 *     {"threads", "cpus", "load", "rounds", "seconds", "gil", "ft",
 *      "cpu_granted": the least share of a CPU that one thread got,
 *      "scaling": "measured", or why it is refused,
 *      "kernels": [{"kernel", "form", "shows", "scale", "checksum", "skip"?,
 *                   "cells": {"gil/1": {"seconds", "mad", "cpu_seconds", "values": []},
 *                             "gil/N", "ft/1", "ft/N"},
 *                   "build_overhead": ft/1 by gil/1,
 *                   "gil_scaling", "ft_scaling": 1 thread by N threads}]}
 *
 * "mad" is the median absolute deviation, in seconds like all times. A ratio that could not be had
 * or would not be true is null. E_USAGE for an unknown kernel; E_FAILED when a kernel fails, when
 * two cells do not agree on the result, or when the GIL is not as it should be in a worker. */
/* clang-format on */
int bench_run(const struct bench_opts *opts, json_t **result);

/* The tables people read, at most 80 columns; owned. With `markdown` to paste somewhere. */
char *bench_table(json_t *result, bool markdown);

#endif
