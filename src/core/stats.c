#include "core/stats.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static const size_t trimmed_each = 8; /* one of so many values is cut off, at either end */
static const double interval_tail = 0.05;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *sorted_copy(const double *values, size_t n)
{
    double *sorted = xmalloc(n * sizeof *sorted);
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, ascending);
    return sorted;
}

double stats_median(const double *values, size_t n)
{
    if (n == 0)
        return NAN;
    autofree double *sorted = sorted_copy(values, n);
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

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. */
static double beta_fraction(double x, double a, double b)
{
    const double tiny = DBL_MIN / DBL_EPSILON;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double f = d;
    for (int m = 1; m < 1000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        const double steps[] = {even, odd};
        double change = 1;
        for (size_t i = 0; i < lengthof(steps); i++) {
            d = 1 + steps[i] * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + steps[i] / c;
            c = fabs(c) < tiny ? tiny : c;
            change = c * d;
            f *= change;
        }
        if (fabs(change - 1) < 4 * DBL_EPSILON)
            break;
    }
    return f;
}

/* The regularised incomplete beta function I_x(a, b). */
static double incomplete_beta(double x, double a, double b)
{
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(x, a, b) / a;
    return 1 - front * beta_fraction(1 - x, b, a) / b;
}

double stats_t_tail(double t, double df)
{
    if (isinf(t))
        return 0;
    return incomplete_beta(df / (df + t * t), df / 2, 0.5);
}

double stats_t_quantile(double p, double df)
{
    double low = 0, high = 1;
    while (stats_t_tail(high, df) > p && high < 1e300)
        high *= 2;
    for (int i = 0; i < 200 && high - low > DBL_EPSILON * high; i++) {
        double middle = low + (high - low) / 2;
        *(stats_t_tail(middle, df) > p ? &low : &high) = middle;
    }
    return high;
}

/* What a t interval needs to know of one sample. */
struct centre {
    double mean;    /* trimmed */
    double squared; /* the standard error of it, squared: from the winsorized sum of squares */
    double df;
};

static struct centre centre_of(const double *values, size_t n)
{
    autofree double *v = sorted_copy(values, n);
    size_t cut = n / trimmed_each, kept = n - 2 * cut;
    double sum = 0, all = 0, squares = 0;
    for (size_t i = cut; i < n - cut; i++)
        sum += v[i];
    for (size_t i = 0; i < n; i++) {
        v[i] = i < cut ? v[cut] : i >= n - cut ? v[n - cut - 1] : v[i];
        all += v[i];
    }
    for (size_t i = 0; i < n; i++)
        squares += (v[i] - all / (double)n) * (v[i] - all / (double)n);
    double h = (double)kept;
    return (struct centre){
        .mean = sum / h, .squared = kept > 1 ? squares / (h * (h - 1)) : NAN, .df = h - 1};
}

/* From the logarithm of a ratio, its standard error and its degrees of freedom. */
static struct stats_ratio ratio_of(double mean, double error, double df)
{
    struct stats_ratio r = {.ratio = exp(mean), .low = NAN, .high = NAN, .p = 1};
    if (!(df > 0) || isnan(error))
        return r;
    double half = error > 0 ? error * stats_t_quantile(interval_tail, df) : 0;
    r.low = exp(mean - half);
    r.high = exp(mean + half);
    /* values that are all the same to the last bit are no measurement, but have an answer */
    r.p = error > 0 ? stats_t_tail(mean / error, df) : mean != 0 ? 0 : 1;
    return r;
}

struct stats_ratio stats_paired(const double *over, const double *under, size_t n)
{
    if (n == 0)
        return (struct stats_ratio){NAN, NAN, NAN, 1};
    autofree double *logs = xmalloc(n * sizeof *logs);
    for (size_t i = 0; i < n; i++)
        logs[i] = log(over[i] / under[i]);
    struct centre c = centre_of(logs, n);
    return ratio_of(c.mean, sqrt(c.squared), c.df);
}

static struct centre centre_of_logs(const double *values, size_t n)
{
    autofree double *logs = xmalloc(n * sizeof *logs);
    for (size_t i = 0; i < n; i++)
        logs[i] = log(values[i]);
    return centre_of(logs, n);
}

struct stats_ratio stats_unpaired(const double *over, size_t n_over, const double *under,
                                  size_t n_under)
{
    if (n_over == 0 || n_under == 0)
        return (struct stats_ratio){NAN, NAN, NAN, 1};
    struct centre a = centre_of_logs(over, n_over), b = centre_of_logs(under, n_under);
    double both = a.squared + b.squared;
    /* Welch: the two need not spread alike */
    double df = both > 0
                    ? both * both / (a.squared * a.squared / a.df + b.squared * b.squared / b.df)
                    : a.df + b.df;
    return ratio_of(a.mean - b.mean, sqrt(both), df);
}

struct ranked {
    double p;
    size_t at;
};

static int by_p(const void *a, const void *b)
{
    return ascending(&((const struct ranked *)a)->p, &((const struct ranked *)b)->p);
}

void stats_holm(double *p, size_t n)
{
    if (n == 0)
        return;
    autofree struct ranked *order = xmalloc(n * sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = (struct ranked){p[i], i};
    qsort(order, n, sizeof *order, by_p);
    double least = 0;
    for (size_t i = 0; i < n; i++) {
        double worth = order[i].p * (double)(n - i);
        least = worth > least ? worth : least;
        p[order[i].at] = least < 1 ? least : 1;
    }
}
