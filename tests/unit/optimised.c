/* Tests to train with are dealt out evenly, each once, the longest first. */
#include <string.h>

#include "base/str.h"
#include "core/build_stage.h"
#include "tap.h"

static void deal(const char *tests, int jobs, struct strv *groups)
{
    autostrv list = {0};
    strv_split(&list, tests);
    train_groups(&list, jobs, groups);
}

static void dealing(void)
{
    autostrv none = {0}, few = {0}, many = {0}, all = {0}, again = {0};
    deal("", 2, &none);
    is_int((long)none.n, 0, "no test, no group");
    deal("test_re test_set", 2, &few);
    is_int((long)few.n, 2, "fewer tests than groups: no group is empty");
    is_str(few.v[0], "test_set", "the longest test comes first");
    deal("test_re test_int test_set test_pickle test_array test_heapq", 1, &many);
    is_int((long)many.n, 4, "four groups for one job");
    is_str(many.v[0], "test_pickle", "a long test has a process to itself");
    is_str(many.v[1], "test_set", "and so has the next");
    is_str(many.v[2], "test_array test_int", "short ones share one");
    autofree char *joined = strv_join(&many, " ");
    strv_split(&all, joined);
    is_int((long)all.n, 6, "every test is in a group, and in no other");
    deal("test_heapq test_array test_pickle test_set test_int test_re", 1, &again);
    autofree char *other = strv_join(&again, " ");
    is_str(other, joined, "in whatever order they were named");
}

int main(void)
{
    dealing();
    return tap_done();
}
