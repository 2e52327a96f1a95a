/* Goal: medians, intervals, tails and corrections equal what was computed elsewhere: by Python's
 * statistics module and by SciPy (stats_reference.py, which prints the figures below). */
#include <math.h>

#include "base/str.h"
#include "core/stats.h"
#include "tap.h"

static int near(double a, double b)
{
    return fabs(a - b) <= 1e-9 * fabs(b);
}

static void medians(void)
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
}

static void student(void)
{
    static const struct {
        double t, df, tail;
    } tails[] = {{1, 1, 0.5},
                 {2.5, 3, 0.0877066470081},
                 {12.7, 1, 0.0500243276893},
                 {0.1, 30, 0.92100961179},
                 {6, 4.37, 0.00291166648878},
                 {-6, 4.37, 0.00291166648878},
                 {40, 2, 0.000624414672185}};
    static const struct {
        double p, df, t;
    } quantiles[] = {{0.05, 1, 12.7062047364}, {0.05, 2, 4.30265272991},
                     {0.05, 6, 2.44691184879}, {0.001, 3, 12.9239786366},
                     {1e-6, 5, 28.478473463},  {0.05, 7.31, 2.34444711359}};
    for (size_t i = 0; i < lengthof(tails); i++)
        ok(near(stats_t_tail(tails[i].t, tails[i].df), tails[i].tail), "a tail of t");
    for (size_t i = 0; i < lengthof(quantiles); i++)
        ok(near(stats_t_quantile(quantiles[i].p, quantiles[i].df), quantiles[i].t),
           "a quantile of t");
    ok(stats_t_tail(INFINITY, 3) == 0 && stats_t_tail(0, 3) == 1, "the ends of the tail");
}

static const double two_over[] = {1.10, 1.14}, two_under[] = {1.00, 1.02};
static const double three_over[] = {0.2513, 0.2498, 0.2551},
                    three_under[] = {0.1327, 0.1301, 0.1366};
static const double four_over[] = {0.2513, 0.2498, 0.2551, 0.2467},
                    four_under[] = {0.2487, 0.2512, 0.2549, 0.2471};
static const double five_over[] = {1.31, 1.29, 1.35, 1.30, 2.9},
                    five_under[] = {1.00, 1.01, 0.99, 1.02, 1.0};
static const double nine_over[] = {0.182, 0.186, 0.160, 0.375, 0.181, 0.179, 0.188, 0.183, 0.184},
                    nine_under[] = {0.180, 0.184, 0.165, 0.181, 0.185, 0.176, 0.184, 0.186, 0.179};
static const double twelve_over[] = {1.02, 0.98, 1.01, 1.05, 0.97, 1.00,
                                     1.03, 0.99, 1.02, 1.01, 1.04, 0.96},
                    twelve_under[] = {1.00, 1.01, 0.99, 1.02, 1.00, 0.98,
                                      1.01, 1.00, 0.97, 1.03, 1.00, 0.99};
static const double seventeen_over[] = {1.02, 0.98, 1.01, 1.05, 0.97, 1.00, 1.03, 0.99, 1.02,
                                        1.01, 1.04, 0.96, 1.9,  1.01, 0.5,  1.02, 1.00},
                    seventeen_under[] = {0.99, 1.01, 0.98, 1.02, 1.00, 0.98, 1.01, 1.00, 0.97,
                                         0.93, 1.00, 0.99, 1.01, 0.97, 0.98, 1.03, 0.99};

static int is_ratio(struct stats_ratio r, double ratio, double low, double high, double p)
{
    return near(r.ratio, ratio) && near(r.low, low) && near(r.high, high) && near(r.p, p);
}

static void ratios(void)
{
#define PAIRED(name)   stats_paired(name##_over, name##_under, lengthof(name##_over))
#define UNPAIRED(a, b) stats_unpaired(a##_over, lengthof(a##_over), b##_under, lengthof(b##_under))
    ok(is_ratio(PAIRED(two), 1.10878842198, 1.00215771519, 1.22676475576, 0.04896056196),
       "two pairs");
    ok(is_ratio(PAIRED(three), 1.89364611335, 1.82946932099, 1.9600741928, 0.000157465869956),
       "three pairs");
    ok(is_ratio(PAIRED(four), 1.00099436434, 0.990222996528, 1.01188290007, 0.789071253489),
       "four pairs");
    ok(is_ratio(PAIRED(five), 1.53177817346, 0.982261670669, 2.38871620744, 0.0561201192288),
       "five pairs, of which one was spoilt: too few to know that it was");
    ok(is_ratio(PAIRED(nine), 1.00712517921, 0.985245076058, 1.02949119082, 0.45909180449),
       "nine pairs, of which one was spoilt");
    ok(is_ratio(PAIRED(twelve), 1.00577175977, 0.984048253379, 1.02797482673, 0.565710685517),
       "twelve pairs");
    ok(is_ratio(PAIRED(seventeen), 1.01459224089, 0.993062885394, 1.03658834743, 0.166850002681),
       "seventeen pairs, of which two were spoilt");
    ok(is_ratio(UNPAIRED(nine, five), 0.182543419015, 0.178616483201, 0.186556689666,
                7.81176681956e-18),
       "nine values over five");
    ok(is_ratio(UNPAIRED(three, twelve), 0.252071950546, 0.24691910935, 0.257332324013,
                5.5456485053e-10),
       "three values over twelve");
    ok(is_ratio(UNPAIRED(twelve, nine), 5.55432407272, 5.40957454269, 5.70294681427,
                7.00799399667e-24),
       "twelve values over nine");
    ok(is_ratio(UNPAIRED(seventeen, twelve), 1.00757518271, 0.988545514008, 1.02697117576,
                0.417725123542),
       "seventeen values over twelve");
    struct stats_ratio one = stats_paired(two_over, two_under, 1);
    ok(near(one.ratio, 1.1) && isnan(one.low) && isnan(one.high) && one.p == 1,
       "one pair has a ratio, no interval, and shows nothing");
    ok(isnan(stats_paired(two_over, two_under, 0).ratio), "no pair has no ratio");
    one = stats_unpaired(two_over, 1, nine_under, 9);
    ok(isnan(one.low) && one.p == 1, "one value against nine shows nothing");
    const double same[] = {2, 2, 2}, twice[] = {4, 4, 4};
    one = stats_paired(twice, same, 3);
    ok(one.ratio == 2 && one.low == 2 && one.high == 2 && one.p == 0, "equal to the last bit");
    ok(stats_paired(same, same, 3).p == 1, "and no difference at all");
}

static void holm(void)
{
    double four[] = {0.01, 0.04, 0.03, 0.005}, one[] = {0.5};
    double six[] = {0.2, 0.0004, 0.9, 0.0003, 0.0004, 0.02};
    const double four_adjusted[] = {0.03, 0.06, 0.06, 0.02};
    const double six_adjusted[] = {0.4, 0.002, 0.9, 0.0018, 0.002, 0.06};
    int good = 1;
    stats_holm(four, 4);
    stats_holm(six, 6);
    stats_holm(one, 1);
    stats_holm(NULL, 0);
    for (size_t i = 0; i < 4; i++)
        good &= near(four[i], four_adjusted[i]);
    ok(good, "Holm's correction of four, in their order");
    good = 1;
    for (size_t i = 0; i < 6; i++)
        good &= near(six[i], six_adjusted[i]);
    ok(good, "of six, two of them equal");
    ok(one[0] == 0.5, "one question alone stays as it is");
}

int main(void)
{
    medians();
    student();
    ratios();
    holm();
    return tap_done();
}
