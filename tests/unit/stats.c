/* Goal: medians and deviations equal values that were computed elsewhere (Python's statistics). */
#include <math.h>

#include "core/stats.h"
#include "tap.h"

static int near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

int main(void)
{
    const double odd[] = {3.5, -1, 2}, even[] = {4, 1, 3, 2}, one[] = {7.25};
    const double spread[] = {1, 1, 2, 2, 4, 6, 9}, same[] = {5, 5, 5};
    const double times[] = {0.194, 0.197, 0.349, 0.201, 0.193, 0.210};
    const double outlier[] = {1, 2, 3, 4, 1e9};
    ok(near(stats_median(odd, 3), 2), "the middle of three, unsorted");
    ok(near(stats_median(even, 4), 2.5), "the mean of the middle two of four");
    ok(near(stats_median(one, 1), 7.25), "of one, itself");
    ok(near(stats_median(times, 6), 0.199), "six timings");
    ok(near(stats_median(outlier, 5), 3), "an outlier does not move it");
    ok(isnan(stats_median(one, 0)), "of none, not a number");
    ok(near(stats_mad(spread, 7), 1), "the deviation of seven");
    ok(near(stats_mad(times, 6), 0.0055), "the deviation of six timings");
    ok(near(stats_mad(same, 3), 0), "equal values do not deviate");
    ok(near(stats_mad(outlier, 5), 1), "an outlier does not stretch it");
    ok(isnan(stats_mad(one, 0)), "the deviation of none is not a number");
    ok(odd[0] == 3.5 && odd[1] == -1, "the caller's values stay in their order");
    return tap_done();
}
