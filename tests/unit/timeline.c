/* Goal: what a stage came after, waited for and took is told as it was; the critical path and the
 * idle share are computed right, and what the system does not tell is not made up. */
#include "core/timeline.h"

#include <math.h>

#include "base/cpu.h"
#include "base/err.h"
#include "core/timeline_spans.h"
#include "scratch.h"
#include "tap.h"

static double now;

static double fake_clock(void)
{
    return now;
}

/* A timeline by the test's clock, and by the counters in the file stat if there is one. */
static struct timeline *made(const struct progress *inner, const char *stat)
{
    struct timeline *t = timeline_new(inner);
    now = 100;
    t->clock = fake_clock;
    t->began = now;
    t->stat = stat;
    t->n_cpus = 2;
    t->cpus[0] = 0;
    t->cpus[1] = 1;
    t->seen_at = -1;
    t->n_samples = 0;
    timeline_sample(t, true);
    return t;
}

static json_t *span(json_t *json, size_t id)
{
    return json_array_get(json_object_get(json, "spans"), id);
}

static double figure(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static int about(double got, double expected, const char *what)
{
    int good = ok(fabs(got - expected) < 0.0015, what);
    if (!good)
        printf("#      got: %g\n# expected: %g\n", got, expected);
    return good;
}

static void is_list(json_t *list, const char *expected, const char *what)
{
    char *text = json_dumps(list, JSON_COMPACT | JSON_REAL_PRECISION(6));
    is_str(text, expected, what);
    free(text);
}

static void is_outcome(json_t *json, size_t id, const char *expected, const char *what)
{
    is_str(json_string_value(json_object_get(span(json, id), "outcome")), expected, what);
}

/* Two builds: the second's configure waits for the first's, its install pauses. */
static void test_pair(void)
{
    struct timeline *t = made(NULL, "no stat");
    const struct progress *p = timeline_progress(t, NULL);
    progress_stage(p, "source", "fetch 3.99.1 (git)", -1); /* 0 */
    now += 1;
    progress_stage(p, "source", "fetch 3.99.1 (tarball)", -1); /* 1 */
    now += 1;
    progress_stage(p, "source", "unpack", -1); /* 2 */
    now += 1;
    progress_done(p, "source", NULL, 2);
    timeline_barrier(t);
    progress_stage(p, "a", "configure", 5); /* 3 */
    timeline_waits(t, "b", "configure");
    now += 2;
    timeline_waits(t, "b", "configure"); /* on every tick */
    now += 2;
    progress_done(p, "a", "configure", 4);
    progress_stage(p, "a", "make", -1); /* 4 */
    timeline_waits(t, "b", NULL);
    progress_stage(p, "b", "configure", 5); /* 5 */
    now += 1;
    progress_done(p, "b", "configure", 1);
    progress_stage(p, "b", "make", -1); /* 6 */
    timeline_resumed(t, "b");
    now += 10;
    progress_done(p, "a", "make", 11);
    timeline_waits(t, "b", "install");
    now += 2;
    timeline_waits(t, "b", NULL);
    now += 1;
    progress_done(p, "b", "make", 13);
    timeline_barrier(t);
    timeline_begin(t, "pair", "commit"); /* 7 */
    now += 0.5;
    timeline_end(t, "pair");
    timeline_close(t, 0);
    json_t *json = timeline_json(t), *summary = json_object_get(json, "summary");
    is_outcome(json, 0, "failed", "a source that another one was tried after did not deliver");
    is_outcome(json, 1, "done", "one that is unpacked did");
    is_str(json_string_value(json_object_get(span(json, 1), "stage")), "fetch",
           "a stage is a word");
    is_str(json_string_value(json_object_get(span(json, 1), "detail")), "3.99.1 (tarball)",
           "and what is behind it");
    is_list(json_object_get(span(json, 0), "after"), "[]", "the first one comes after nothing");
    is_list(json_object_get(span(json, 3), "after"), "[2]", "a new lane after what ended last");
    is_list(json_object_get(span(json, 4), "after"), "[3]", "within a lane after the one before");
    is_list(json_object_get(span(json, 5), "after"), "[2,3]", "and after what it waited for");
    about(figure(span(json, 5), "waited"), 0, "it began as soon as that had ended");
    is_str(json_string_value(json_object_get(span(json, 5), "waited_for")), "configure",
           "which has a name");
    about(figure(span(json, 6), "paused"), 2, "a pause in the middle");
    ok(json_is_true(json_object_get(span(json, 6), "resumed")) &&
           json_is_false(json_object_get(span(json, 4), "resumed")),
       "the one that was resumed");
    is_list(json_object_get(span(json, 7), "after"), "[4,6]", "behind a barrier after all lanes");
    is_list(json_object_get(summary, "critical"), "[0,1,2,3,5,6,7]", "the critical path");
    about(figure(summary, "critical_seconds"), 21.5, "and how long it is");
    about(figure(summary, "wall"), 21.5, "no gap in it");
    ok(json_is_true(json_object_get(span(json, 5), "critical")) &&
           json_is_false(json_object_get(span(json, 4), "critical")),
       "a stage says whether it is on it");
    about(figure(json_object_get(json_object_get(summary, "stages"), "make"), "seconds"), 24,
          "both makes together");
    ok(json_is_null(json_object_get(json, "busy")) &&
           json_is_null(json_object_get(summary, "idle_share")) &&
           json_is_null(json_object_get(span(json, 4), "idle_share")),
       "without /proc/stat nothing is said of idling");
    json_decref(json);
    timeline_free(t);
}

/* One token: the second lane comes after the one that gave it back. */
static void test_token(void)
{
    struct timeline *t = made(NULL, "no stat");
    timeline_begin(t, "a", "copy"); /* 0 */
    timeline_waits(t, "b", "token");
    now += 1;
    timeline_begin(t, "a", "make"); /* 1 */
    now += 3;
    timeline_end(t, "a");
    now += 0.25;
    timeline_begin(t, "b", "copy"); /* 2 */
    now += 1;
    timeline_close(t, 0);
    json_t *json = timeline_json(t);
    is_list(json_object_get(span(json, 2), "after"), "[1]", "after the one that had the token");
    about(figure(span(json, 2), "waited"), 0.25, "a quarter of a second later");
    is_str(json_string_value(json_object_get(span(json, 2), "waited_for")), "token", "for a token");
    json_decref(json);
    timeline_free(t);
}

static json_t *ended(int rc)
{
    struct timeline *t = made(NULL, "no stat");
    timeline_begin(t, "a", "make");
    timeline_begin(t, "b", "make");
    now += 1;
    progress_update(timeline_progress(t, NULL), "a", -1, ""); /* it is looked after */
    timeline_close(t, rc);
    json_t *json = timeline_json(t);
    timeline_free(t);
    return json;
}

static void test_ends(void)
{
    json_t *json = ended(E_BUILD);
    is_outcome(json, 0, "failed", "a failure is that of the lane at work");
    is_outcome(json, 1, "interrupted", "the other one was stopped by it");
    is_str(json_string_value(json_object_get(json, "outcome")), "failed", "and the whole failed");
    json_decref(json);
    json = ended(E_SIGNAL);
    is_outcome(json, 0, "interrupted", "a signal stops both");
    is_outcome(json, 1, "interrupted", "both");
    is_str(json_string_value(json_object_get(json, "outcome")), "interrupted", "and the whole");
    json_decref(json);
    struct timeline *t = made(NULL, "no stat");
    timeline_begin(t, "a", "verify");
    timeline_end(t, "a");
    timeline_fail(t, "a");
    timeline_fail(t, "b"); /* nothing to say that of */
    timeline_close(t, E_UNPROVEN);
    json = timeline_json(t);
    is_outcome(json, 0, "failed", "what is judged after its end can fail, too");
    json_decref(json);
    timeline_free(t);
    t = made(NULL, "no stat");
    timeline_close(t, 0);
    json = timeline_json(t);
    ok(json && json_array_size(json_object_get(json, "spans")) == 0, "nothing done is a document");
    json_decref(json);
    timeline_free(t);
}

static void counters(unsigned user, unsigned idle, unsigned iowait)
{
    autofree char *text =
        xasprintf("cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 %u 10 10 %u %u 5 5 10 77 0\ncpu1 %u 0 0 %u 0 0 0 "
                  "0 0 0\ncpu10 1 1 1 1 1 1 1 1\nintr 7\n",
                  user, idle, iowait, user, idle);
    scratch_file("stat", text, 0644);
}

static void test_idle(void)
{
    double busy, idle;
    const int both[] = {0, 1}, second[] = {1}, missing[] = {0, 3};
    counters(1000, 500, 20);
    ok(cpu_use("stat", both, 2, &busy, &idle), "the counters are read");
    is_int((long long)busy, 2040, "user, nice, system, interrupts and what was stolen: busy");
    is_int((long long)idle, 1020, "idle, and waiting for a disk: idle; guests are in user already");
    ok(cpu_use("stat", second, 1, &busy, &idle) && (int)busy == 1000, "only the CPUs asked for");
    ok(!cpu_use("stat", missing, 2, &busy, &idle), "a CPU that is not there: not known");
    ok(!cpu_use("no stat", both, 2, &busy, &idle), "no file: not known");
    scratch_file("odd", "\ncpu0 1 2\ncpu1 x\n", 0644);
    ok(!cpu_use("odd", both, 2, &busy, &idle), "what is not understood: not known");

    struct timeline *t = made(NULL, "stat");
    timeline_begin(t, "a", "make");
    now += 1;
    counters(1100, 500, 20); /* both busy for a second */
    timeline_end(t, "a");
    timeline_begin(t, "a", "install");
    now += 0.1;
    progress_tick(timeline_progress(t, NULL)); /* too soon */
    now += 2.9;
    counters(1175, 575, 170); /* then for 3 s half, a quarter and a half of a third disk */
    timeline_end(t, "a");
    timeline_close(t, 0);
    json_t *json = timeline_json(t), *summary = json_object_get(json, "summary");
    is_list(json_object_get(json_object_get(json, "busy"), "at"), "[1.0,4.0]", "two readings");
    is_list(json_object_get(json_object_get(json, "busy"), "share"), "[1.0,0.333]", "two shares");
    about(figure(span(json, 0), "idle_share"), 0, "no idling in make");
    about(figure(span(json, 1), "idle_share"), 0.667, "two thirds in install");
    about(figure(summary, "idle_share"), 0.5, "1 - busy / (CPUs * wall)");
    about(figure(summary, "underused_share"), 0.75, "half a CPU or more idled in 3 s of 4");
    json_decref(json);
    timeline_free(t);
}

/* A day long. */
static void test_thinning(void)
{
    unsigned ticks = 0;
    counters(0, 0, 0);
    struct timeline *t = made(NULL, "stat");
    for (int i = 0; i < 2200; i++) {
        now += 1;
        ticks += 50;
        counters(ticks, ticks, 0);
        progress_tick(timeline_progress(t, NULL));
    }
    timeline_close(t, 0);
    ok(t->n_samples < 2048 && t->n_samples > 500, "samples do not grow without end");
    json_t *json = timeline_json(t);
    about(figure(json_object_get(json, "summary"), "idle_share"), 0.5, "and tell the same");
    about(t->samples[t->n_samples - 1].at, 2200, "up to the end");
    json_decref(json);
    timeline_free(t);
}

static void burn(double seconds)
{
    struct timeline *t = timeline_new(NULL); /* a clock of its own */
    double start = t->clock();
    while (t->clock() - start < seconds)
        ;
    timeline_free(t);
}

static void test_cpu(void)
{
    struct timeline *t = timeline_new(NULL);
    const struct progress *p = timeline_progress(t, NULL);
    timeline_begin(t, "a", "make");
    timeline_begin(t, "b", "make");
    progress_update(p, "a", -1, "");
    burn(0.2);
    progress_update(p, "b", -1, "");
    timeline_end(t, "b");
    timeline_end(t, "a");
    timeline_close(t, 0);
    ok(t->spans[0].cpu > 0.02 && t->spans[1].cpu < t->spans[0].cpu / 2,
       "processor time is that of the lane that was looked after");
    timeline_free(t);
}

static int told;

static void hear(void *arg)
{
    (*(int *)arg)++;
}

static void test_inner(void)
{
    struct progress inner = {.tick = hear, .arg = &told};
    struct timeline *t = timeline_new(&inner);
    progress_tick(timeline_progress(t, &inner));
    is_int(told, 1, "who draws is told as well");
    timeline_free(t);
    ok(timeline_progress(NULL, &inner) == &inner, "without a timeline it is told directly");
    timeline_begin(NULL, "a", "b");
    timeline_end(NULL, "a");
    timeline_fail(NULL, "a");
    timeline_resumed(NULL, "a");
    timeline_waits(NULL, "a", "b");
    timeline_barrier(NULL);
    timeline_close(NULL, 0);
    timeline_free(NULL);
}

static void test_file(void)
{
    is_int(timeline_check("x.svg"), E_USAGE, "an ending that is not known");
    ok(strstr(err_hint_text(), "FILE.json") && strstr(err_hint_text(), "FILE.html"),
       "those that are known are named");
    is_int(timeline_check("json"), E_USAGE, "no ending");
    is_int(timeline_check(""), E_USAGE, "no name");
    is_int(timeline_check("missing/x.json"), E_FAILED, "no directory");
    is_int(timeline_check("x.html"), 0, "a good one");
    struct timeline *t = made(NULL, "no stat");
    timeline_begin(t, "\xff", "</script>");
    timeline_close(t, 0);
    is_int(timeline_write(t, "x.json"), 0, "the figures are written");
    json_t *json = json_load_file("x.json", 0, NULL);
    is_int(json_integer_value(json_object_get(json, "format")), 1, "and can be read");
    json_decref(json);
    is_int(timeline_write(t, "x.html"), 0, "and the page");
    autofree char *text = scratch_read("x.html");
    ok(text && strstr(text, "default-src 'none'") && !strstr(text, "\"</script>"),
       "out of which nothing gets");
    timeline_free(t);
}

int main(void)
{
    scratch_enter();
    test_pair();
    test_token();
    test_ends();
    test_idle();
    test_thinning();
    test_cpu();
    test_inner();
    test_file();
    return tap_done();
}
