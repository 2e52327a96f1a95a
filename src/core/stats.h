/* The few statistics that a handful of timings allow.
 *
 * Intervals are Student's t on logarithms of ratios, from 8 values on about a trimmed mean (Tukey
 * and McLaughlin 1963; for two samples Yuen 1974): of every 8, one is cut off at either end, so
 * that a value which another process spoilt neither moves the ratio nor hides what the others agree
 * on. Rank methods (the signed-rank interval, that of the median) promise nothing about the shape
 * of the noise, but cannot reach 95 % with fewer than 6 rounds, nor a verdict on 20 ratios at once
 * with fewer than 12; a benchmark of half a minute has 4. What t asks for instead holds well enough
 * here: when two things are equally fast, the logarithm of their paired ratio is symmetric, because
 * they could be swapped; and for symmetric noise with long tails the t interval errs on the wide
 * side (Cressie 1980). tests/unit/bench.c tries it on a thousand tables of such noise.
 */
#ifndef UNGIL_CORE_STATS_H
#define UNGIL_CORE_STATS_H

#include <stddef.h>

/* The middle value; the mean of the middle two of an even number; NAN of none. */
double stats_median(const double *values, size_t n);

/* Median absolute deviation from the median: half of the values lie closer to it than this. Not
 * scaled to a standard deviation. NAN of none. */
double stats_mad(const double *values, size_t n);

/* A ratio with its 95 % interval. */
struct stats_ratio {
    double ratio;
    double low, high; /* NAN: one value says nothing about its own spread */
    double p; /* how likely so much or more is when the true ratio is 1, two-sided; 1: not known */
};

/* Of n pairs taken together, over[i] / under[i]; all above 0. NAN of none. */
struct stats_ratio stats_paired(const double *over, const double *under, size_t n);

/* Of two sets taken apart: how much larger `over` is than `under`; all above 0. */
struct stats_ratio stats_unpaired(const double *over, size_t n_over, const double *under,
                                  size_t n_under);

/* Holm's step-down: p[i] becomes what it is worth as one of n questions asked at once. Keeping
 * those below A makes a false find in at most A of all such families, whatever ties them together.
 */
void stats_holm(double *p, size_t n);

/* Student's t: the two-sided tail beyond t, and the t beyond which that tail is p. df > 0. */
double stats_t_tail(double t, double df);
double stats_t_quantile(double p, double df);

#endif
