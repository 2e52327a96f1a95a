/* Goal: a claim holds or fails only when the whole interval says so, and what was not measured, or
 * could not be, is said so. */
#include <stdlib.h>

#include "base/str.h"
#include "core/claims.h"
#include "tap.h"

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, 0, &error);
    if (!json) {
        printf("Bail out! line %d: %s in %s\n", error.line, error.text, text);
        exit(99);
    }
    return json;
}

/* One claim with these conditions (JSON), judged on a result of these kernels; borrowed members of
 * *all. */
static const char *judge(const char *conditions, const char *result, json_t **all,
                         const char *member)
{
    autofree char *text =
        xasprintf("[{\"id\": \"x\", \"said\": \"s\", \"who\": \"w\", \"conditions\": %s, \"why\": "
                  "{\"holds\": \"H\", \"fails\": \"F\"}}]",
                  conditions);
    json_t *claims = parse(text), *r = parse(result);
    json_decref(*all);
    *all = claims_judge(claims, r);
    json_decref(claims);
    json_decref(r);
    return json_string_value(json_object_get(json_array_get(*all, 0), member));
}

/* A pair's result with one kernel, "primes equal", that has these ratios. */
static char *pair(const char *ratios)
{
    return xasprintf(
        "{\"scaling\": \"measured\", \"builds\": [{\"id\": \"gil\", \"release\": \"3.14.7\"}, "
        "{\"id\": "
        "\"ft\"}], \"kernels\": [{\"kernel\": \"primes\", \"form\": \"equal\", \"kind\": "
        "\"friendly\", \"ratios\": [%s]}]}",
        ratios);
}

static char *scaling(int workers, double ratio, double low, double high)
{
    return xasprintf("{\"what\": \"scaling\", \"build\": \"ft\", \"mode\": \"threads\", "
                     "\"workers\": %d, \"ratio\": %g, "
                     "\"low\": %g, \"high\": %g}",
                     workers, ratio, low, high);
}

static const char holds[] = "holds here", fails[] = "does not hold here",
                  unsaid[] = "cannot be said", unmeasured[] = "not measured";

static json_t *all;

static void one(const char *condition, int workers, double ratio, double low, double high,
                const char *expected, const char *what)
{
    autofree char *r = scaling(workers, ratio, low, high), *result = pair(r);
    autofree char *conditions =
        xasprintf("[{\"what\": \"scaling\", \"build\": \"ft\", %s}]", condition);
    is_str(judge(conditions, result, &all, "verdict"), expected, what);
}

static void test_intervals(void)
{
    one("\"workers\": 4, \"at_least\": 3.2", 4, 3.5, 3.3, 3.6, holds,
        "at least: the whole interval is above");
    one("\"workers\": 4, \"at_least\": 3.2", 4, 3.3, 3.0, 3.6, unsaid,
        "at least: the interval is on both sides");
    one("\"workers\": 4, \"at_least\": 3.2", 4, 2.9, 2.7, 3.1, fails,
        "at least: the whole interval is below");
    one("\"workers\": 4, \"at_least\": 3.2", 2, 1.95, 1.9, 2.0, unsaid,
        "two threads do not say what four do");
    one("\"workers\": 4, \"at_least\": 3.2", 2, 1.2, 1.1, 1.5, fails,
        "but rule out what twice as many cannot reach");
    one("\"workers\": 4, \"at_least\": 3.2", 8, 6, 5, 7, unmeasured, "eight threads are not four");
    one("\"at_least_of_ideal\": 0.75", 8, 6.5, 6.1, 7, holds,
        "a share of the ideal follows the workers");
    one("\"at_least_of_ideal\": 0.75", 8, 5.5, 5.1, 5.9, fails, "and fails with them");
    one("\"at_most\": 1.1", 2, 1.0, 0.98, 1.05, holds, "at most: the whole interval is below");
    one("\"at_most\": 1.1", 2, 1.1, 1.0, 1.2, unsaid, "at most: on both sides");
    one("\"at_most\": 1.1", 2, 1.5, 1.4, 1.6, fails, "at most: above");
    one("\"within\": [1.05, 1.1], \"slack\": 0.01", 2, 1.07, 1.045, 1.105, holds,
        "within, with slack");
    one("\"within\": [1.05, 1.1], \"slack\": 0.01", 2, 1.07, 1.0, 1.2, unsaid,
        "an interval wider than the claim");
    one("\"within\": [1.05, 1.1]", 2, 1.01, 0.99, 1.03, fails, "outside");
    one("\"kernel\": \"sha256\", \"at_most\": 2", 2, 1, 1, 1, unmeasured, "another kernel");
    one("\"mode\": \"processes\", \"at_most\": 2", 2, 1, 1, 1, unmeasured, "another mode");
    one("\"kind\": \"contended\", \"at_most\": 2", 2, 1, 1, 1, unmeasured, "another kind");
    one("\"at_most\": 2", 2, 1, 0, 0, unsaid, "one round: no interval, no verdict");
}

static void test_words(void)
{
    autofree char *two = scaling(2, 1.93, 1.9, 1.96), *four = scaling(4, 3.6, 3.5, 3.7);
    autofree char *both = xasprintf("%s, %s", two, four), *result = pair(both);
    static const char ask[] =
        "[{\"label\": \"free\", \"what\": \"scaling\", \"build\": \"ft\", \"at_least\": 3}]";
    is_str(judge(ask, result, &all, "measured"), "free: 3.60× on 4 threads (3.50× to 3.70×)",
           "the most workers that were measured, with the interval");
    is_str(judge(ask, result, &all, "why"), "H", "the reason that belongs to the verdict");
    static const char asks2[] =
        "[{\"what\": \"scaling\", \"build\": \"ft\", \"workers\": 3, \"at_least\": 2.5}]";
    is_str(judge(asks2, result, &all, "why"),
           "It is about 3 threads, and 2 could be compared here.",
           "how many were asked for and compared");
    autofree char *cost = pair(
        "{\"what\": \"build_overhead\", \"mode\": \"threads\", \"workers\": 1, \"ratio\": 0.94, "
        "\"low\": 0.9, \"high\": 1.001}");
    is_str(judge("[{\"what\": \"build_overhead\", \"within\": [1, 2]}]", cost, &all, "measured"),
           "−6 % (−10 % to 0 %)", "a cost is told in percent");
    autofree char *none = pair("");
    is_str(judge(ask, none, &all, "why"), "This run did not include it.", "a ratio that is absent");
}

static void test_absence(void)
{
    static const char ft[] = "[{\"what\": \"scaling\", \"build\": \"ft\", \"at_least\": 1}]";
    is_str(judge(ft,
                 "{\"scaling\": \"refused: 2 threads need 2 CPUs\", \"builds\": [{\"id\": "
                 "\"ft\"}], \"kernels\": []}",
                 &all, "why"),
           "Scaling refused: 2 threads need 2 CPUs.", "one CPU");
    is_str(judge(ft,
                 "{\"scaling\": \"measured\", \"builds\": [{\"id\": \"gil\"}], \"kernels\": []}",
                 &all, "why"),
           "No free-threaded build was measured.", "the GIL build alone");
    is_str(judge("[{\"what\": \"build_overhead\", \"within\": [1, 2]}]",
                 "{\"scaling\": \"measured\", \"builds\": [{\"id\": \"ft\"}], \"kernels\": []}",
                 &all, "why"),
           "No build with the GIL was measured.", "the free-threaded build alone");
    is_str(judge(ft,
                 "{\"builds\": [{\"id\": \"ft\"}], \"kernels\": [{\"kernel\": \"k\", \"skip\": "
                 "\"it came with 3.14\"}]}",
                 &all, "why"),
           "Not here: it came with 3.14.", "a kernel that cannot run");
    is_str(judge(ft, "{}", &all, "verdict"), unmeasured, "an empty result");
    is_str(judge(ft, "[1, null]", &all, "verdict"), unmeasured, "no result at all");
    is_str(judge("[{\"what\": \"gil_off\"}]",
                 "{\"kernels\": [{\"cells\": [{\"build\": \"ft\", \"values\": [1, 2]}, {\"build\": "
                 "\"gil\", \"values\": [1]}]}]}",
                 &all, "measured"),
           "off in every worker of 2 runs", "the GIL was off in what was measured without it");
    is_str(judge("[{\"what\": \"gil_off\"}]", "{\"kernels\": []}", &all, "verdict"), unmeasured,
           "or nothing was");
}

static void test_together(void)
{
    autofree char *low = scaling(2, 1.0, 0.99, 1.01), *result = pair(low);
    is_str(judge("[{\"what\": \"scaling\", \"build\": \"ft\", \"at_most\": 1.1}, {\"what\": "
                 "\"scaling\", \"build\": "
                 "\"gil\", \"at_most\": 1.1}]",
                 result, &all, "verdict"),
           unmeasured, "one of two conditions was not measured");
    is_str(judge("[{\"what\": \"scaling\", \"build\": \"ft\", \"at_least\": 1.5}, {\"what\": "
                 "\"scaling\", \"build\": "
                 "\"gil\", \"at_most\": 1.1}]",
                 result, &all, "verdict"),
           fails, "one that fails decides, whatever the other");
    /* the middle of three kernels is asked, not the best one */
    is_str(judge("[{\"what\": \"scaling\", \"build\": \"ft\", \"at_least\": 1.5}]",
                 "{\"scaling\": \"measured\", \"builds\": [{\"id\": \"ft\"}], \"kernels\": ["
                 "{\"kernel\": \"a\", \"form\": \"1\", \"ratios\": [{\"what\": \"scaling\", "
                 "\"build\": \"ft\", \"mode\": \"threads\", \"workers\": 2, \"ratio\": 1, \"low\": "
                 "1, \"high\": 1}]},"
                 "{\"kernel\": \"b\", \"form\": \"1\", \"ratios\": [{\"what\": \"scaling\", "
                 "\"build\": \"ft\", \"mode\": \"threads\", \"workers\": 2, \"ratio\": 1.8, "
                 "\"low\": 1.7, \"high\": 1.9}]},"
                 "{\"kernel\": \"c\", \"form\": \"1\", \"ratios\": [{\"what\": \"scaling\", "
                 "\"build\": \"ft\", \"mode\": \"threads\", \"workers\": 2, \"ratio\": 2, \"low\": "
                 "2, \"high\": 2}]}]}",
                 &all, "measured"),
           "1.80× on 2 threads in the middle of 3, from 1.00× (a 1) to 2.00× (c 1)",
           "the middle of three, and the ends");
}

static json_t *claim(json_t *result, const char *id)
{
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(result, "claims"), i, c)
    {
        if (str_eq(json_string_value(json_object_get(c, "id")), id))
            return c;
    }
    return NULL;
}

static const char *verdict(json_t *result, const char *id)
{
    return json_string_value(json_object_get(claim(result, id), "verdict"));
}

/* The claims that ungil carries. */
static void test_carried(void)
{
    autofree char *ratio = scaling(4, 3.7, 3.6, 3.8), *text = pair(ratio);
    json_t *result = parse(text);
    claims_add(result);
    size_t n = json_array_size(json_object_get(result, "claims")), i, whole = 0;
    json_t *c;
    ok(n >= 15, "there are claims in the binary");
    json_array_foreach(json_object_get(result, "claims"), i, c)
    {
        const char *why = json_string_value(json_object_get(c, "why"));
        whole += json_is_string(json_object_get(c, "said")) &&
                 json_is_string(json_object_get(c, "who")) && why && *why;
    }
    ok(whole == n, "each says what, who and why");
    is_str(verdict(result, "primes-four-threads"), holds, "a figure that was reached");
    is_str(verdict(result, "overhead-3.13"), unmeasured, "a claim about another series");
    is_str(verdict(result, "libraries"), unmeasured, "a claim for another tool");
    claims_add(result);
    ok(json_array_size(json_object_get(result, "claims")) == n,
       "judged again, they replace the old ones");
    json_decref(result);
}

int main(void)
{
    test_intervals();
    test_words();
    test_absence();
    test_together();
    test_carried();
    json_decref(all);
    return tap_done();
}
