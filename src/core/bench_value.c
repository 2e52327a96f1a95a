/* One value of core/bench.h: a kernel in a fresh process, and whether its time can be believed. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/fs.h"
#include "core/bench_plan.h"
#include "core/kernel.h"
#include "core/text_json.h"

static const double default_limit = 60;  /* seconds */
static const double least_value = 0.112; /* seconds wished for the fastest cell; 0.1 must be kept */
static const double disturbed_share = 0.02; /* of a value, spent waiting for a CPU */
static const double again_share = 0.25; /* of the budget, for measuring disturbed values again */
enum { most_tries = 3 };
static const double scale_step = 1.05; /* sizes are powers of it: two runs often have the same */

/* One answer to one question; takes `params`. */
static int ask(const struct bench *b, const struct bench_build *build, json_t *params,
               json_t **answer)
{
    /* 3.14's free-threaded build turns both on, the other one off; they cost a little. */
    autostrv options = {0};
    strv_split(&options, "-X thread_inherit_context=1 -X context_aware_warnings=1");
    if (build->forced)
        strv_split(&options, "-X gil=1");
    struct kernel_run run = {.python = build->python,
                             .kernel = "bench",
                             .params = params,
                             .options = &options,
                             .seconds = b->o->limit > 0 ? b->o->limit : default_limit,
                             .progress = b->o->progress};
    json_t *answers = NULL;
    *answer = NULL;
    int rc = kernel_run(&run, &answers);
    if (rc == 0 && json_array_size(answers) != 1)
        rc = fail(E_FAILED, "kernel bench on %s gave %zu answers instead of one", build->python,
                  json_array_size(answers));
    if (rc == 0)
        *answer = json_incref(json_array_get(answers, 0));
    json_decref(answers);
    json_decref(params);
    return rc;
}

/* Which work it was, for what failed in it. */
static int in_row(int rc, const struct bench_row *r, int workers)
{
    if (rc == 0 || rc == E_SIGNAL)
        return rc;
    return err_context(rc, "%s %s, %d worker%s", r->plan->kernel, r->plan->form, workers,
                       workers == 1 ? "" : "s");
}

static int replaced(const char *python)
{
    return err_hint(fail(E_FAILED, "%s was replaced while it was measured", python),
                    "measure again when nothing installs there");
}

/* The program must be the one that was run first: a table of two builds in one column is none. */
static int check_file(const struct bench_build *build)
{
    struct stat now;
    const struct stat *then = &build->file;
    if (stat(build->python, &now) < 0)
        return fail_errno(E_FAILED, "%s is gone", build->python);
    return fs_is_unchanged(then, &now) ? 0 : replaced(build->python);
}

int bench_ask_facts(struct bench *b, struct bench_build *build)
{
    if (stat(build->python, &build->file) < 0)
        return fail_errno(E_FAILED, "cannot run %s", build->python);
    int rc = ask(b, build, json_pack("{s:b}", "facts", true), &build->facts);
    if (rc == 0 && !*json_text(build->facts, "version"))
        rc = fail(E_FAILED, "kernel bench on %s did not say what it runs on", build->python);
    return rc;
}

/* The CPUs to bind the workers to; empty when there are not enough: then nobody is bound. */
static json_t *cpus_for(int workers)
{
    int cpus[256];
    size_t n = cpu_list(cpus, lengthof(cpus));
    json_t *list = json_array();
    for (size_t i = 0; (size_t)workers <= n && i < (size_t)workers; i++)
        json_array_append_new(list, json_integer(cpus[i]));
    return list;
}

static json_t *question(const struct bench_row *r, int workers)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:o}", "kernel", r->plan->kernel, "form",
                     r->plan->work ? r->plan->work : r->plan->form, "mode", r->plan->mode,
                     "workers", workers, "cpus", cpus_for(workers));
}

/* Takes note of why it cannot be measured, if the answer says so. */
static bool skipped(struct bench_row *r, json_t *answer)
{
    const char *why = json_string_value(json_object_get(answer, "skip"));
    if (why && !r->skip)
        r->skip = xstrdup(why);
    return why;
}

int bench_calibrate(struct bench *b, struct bench_row *r)
{
    if (r->fixed)
        return 0;
    json_t *answer = NULL, *params = question(r, 1);
    json_object_set_new(params, "calibrate", json_real(least_value * bench_most_workers(b)));
    int rc = in_row(ask(b, &b->builds[0], params, &answer), r, 1);
    if (rc == 0 && !skipped(r, answer)) {
        double scale = json_number_value(json_object_get(answer, "scale"));
        if (scale > 0)
            r->scale = pow(scale_step, ceil(log(scale) / log(scale_step)));
        else
            rc = fail(E_FAILED, "kernel bench did not find a size for %s", r->plan->kernel);
    }
    json_decref(answer);
    return rc;
}

/* A time counts only if the GIL was as it should be, and the work was the same work. */
static int check_answer(const struct bench_build *build, struct bench_row *r, int workers,
                        json_t *answer)
{
    int before = -1, after = -1, seen = 0;
    const char *sum = "", *version = "";
    if (json_unpack(answer, "{s:b, s:b, s:s, s:i, s:s}", "gil_before", &before, "gil_after", &after,
                    "checksum", &sum, "workers_seen", &seen, "version", &version) < 0)
        return fail(E_FAILED, "kernel bench on %s left out what proves its time", build->python);
    if (!str_eq(version, json_text(build->facts, "version")))
        return replaced(build->python);
    if (before != build->gil || after != build->gil)
        return fail(E_FAILED, "the GIL was %s in a worker of %s, so its time is worth nothing",
                    build->gil ? "off" : "on", build->python);
    if (seen != workers)
        return fail(E_FAILED, "%d workers were seen on %s instead of %d", seen, build->python,
                    workers);
    if (!r->checksum)
        r->checksum = xstrdup(sum);
    if (!str_eq(r->checksum, sum) || str_eq(sum, "differ"))
        return fail(E_FAILED, "%s computed %s, and before it was %s", build->python, sum,
                    r->checksum);
    return 0;
}

/* One answer that can be believed; *answer is NULL where the kernel cannot run. */
static int believe(struct bench *b, struct bench_row *r, const struct bench_cell *c,
                   json_t **answer)
{
    struct bench_build *build = &b->builds[c->build];
    json_t *params = question(r, c->workers);
    json_object_set_new(params, "scale", json_real(r->scale));
    int rc = ask(b, build, params, answer);
    if (rc == 0)
        rc = check_file(build);
    if (rc == 0 && skipped(r, *answer)) {
        json_decref(steal(answer));
        return 0;
    }
    if (rc == 0)
        rc = check_answer(build, r, c->workers, *answer);
    double seconds = json_number_value(json_object_get(*answer, "seconds"));
    if (rc == 0 && (!(seconds > 0) || !isfinite(seconds)))
        rc = fail(E_FAILED, "kernel bench on %s gave no time", build->python);
    return rc;
}

/* A value during which other processes held the workers' CPUs tells about those. It is measured
 * again, as long as that does not cost too much, and the least disturbed one counts. What decides
 * is how long the workers had to wait for their CPUs, never how long the work took. */
int bench_measure(struct bench *b, struct bench_row *r, struct bench_cell *c, size_t round)
{
    double least = INFINITY;
    for (int tries = 0; tries < most_tries; tries++) {
        json_t *answer = NULL;
        double start = clock_now();
        int rc = in_row(believe(b, r, c, &answer), r, c->workers);
        if (rc < 0 || !answer) {
            json_decref(answer);
            return rc;
        }
        double seconds = json_number_value(json_object_get(answer, "seconds"));
        double waited = json_number_value(json_object_get(answer, "waited_seconds")) / seconds;
        if (waited < least) {
            least = waited;
            c->seconds[round] = seconds;
            c->cpu[round] = json_number_value(json_object_get(answer, "cpu_seconds"));
        }
        json_decref(answer);
        double took = clock_now() - start;
        /* who waits for clients has to share its CPU with them */
        if (waited <= disturbed_share || r->plan->waits || tries + 1 == most_tries ||
            b->again + took > again_share * (clock_now() - b->start))
            break;
        b->again += took;
        b->repeated++;
    }
    return 0;
}
