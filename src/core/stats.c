#include "core/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_median(const double *values, size_t n)
{
    if (n == 0)
        return NAN;
    autofree double *sorted = xmalloc(n * sizeof *sorted);
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, ascending);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double stats_mad(const double *values, size_t n)
{
    if (n == 0)
        return NAN;
    double middle = stats_median(values, n);
    autofree double *distance = xmalloc(n * sizeof *distance);
    for (size_t i = 0; i < n; i++)
        distance[i] = fabs(values[i] - middle);
    return stats_median(distance, n);
}
