/* The few statistics that a handful of timings allow. */
#ifndef UNGIL_CORE_STATS_H
#define UNGIL_CORE_STATS_H

#include <stddef.h>

/* The middle value; the mean of the middle two of an even number; NAN of none. */
double stats_median(const double *values, size_t n);

/* Median absolute deviation from the median: half of the values lie closer to it than this. Not
 * scaled to a standard deviation. NAN of none. */
double stats_mad(const double *values, size_t n);

#endif
