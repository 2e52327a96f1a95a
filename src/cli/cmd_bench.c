/* ungil bench [NAME]...: what free-threading is worth on this machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/progress.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/bench.h"
#include "core/claims.h"
#include "core/receipt.h"
#include "core/report.h"
#include "core/verify.h"

static struct {
    bool quick, thorough, markdown, self_check;
    int rounds;
    double budget, limit;
    const char *kernels, *modes, *workers; /* "primes,matmul:private", "threads", "1,2,4" */
    const char *compare, *from, *threshold, *html;
} wish;

static const double default_threshold = 5; /* percent */

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"quick", 0, OPT_FLAG, &wish.quick, NULL,
                              "What install does: half a minute, the kernels of articles."});
    opt_add(set, (struct opt){"thorough", 0, OPT_FLAG, &wish.thorough, NULL,
                              "A quarter of an hour: every kernel in every mode it can run in, "
                              "more rounds. Default: all kernels, three minutes on 2 CPUs."});
    opt_add(set, (struct opt){"budget", 0, OPT_SECONDS, &wish.budget, "SECONDS",
                              "As many rounds as fit into this time."});
    opt_add(set, (struct opt){"rounds", 0, OPT_COUNT, &wish.rounds, "N",
                              "At most so many rounds, whatever the time; at most 31."});
    opt_add(set, (struct opt){"limit", 0, OPT_SECONDS, &wish.limit, "SECONDS",
                              "A value that takes longer has failed. Default: 60."});
    opt_add(set, (struct opt){"workers", 0, OPT_STRING, &wish.workers, "N[,...]",
                              "How many, beside 1. Default: 2, 4, ... CPUs, at most 8; --quick: "
                              "the CPUs, 2 to 4."});
    opt_add(set, (struct opt){"kernel", 0, OPT_STRING, &wish.kernels, "KERNEL[:FORM][,...]",
                              "Only these: primes (equal, balanced), sha256 (9000, 900), matmul "
                              "(shared, private), squares (threads, interpreters, processes), "
                              "tokenise, pipeline, requests, dict (shared, private), local, "
                              "refcount (shared, private)."});
    opt_add(set, (struct opt){"mode", 0, OPT_STRING, &wish.modes, "MODE[,...]",
                              "Only these: threads, interpreters (InterpreterPoolExecutor, 3.14 "
                              "and later), processes. Kernels that share nothing run in each."});
    opt_add(set, (struct opt){"self-check", 0, OPT_FLAG, &wish.self_check, NULL,
                              "Measure one build against itself: whatever is called a difference "
                              "is none. Exit status 1 if anything was."});
    opt_add(set, (struct opt){"compare", 0, OPT_STRING, &wish.compare, "OLD.json",
                              "Compare with a result of --json or a receipt (ungil.json), whose "
                              "sizes are used again. Exit status 1 if something got slower."});
    opt_add(set, (struct opt){"threshold", 0, OPT_STRING, &wish.threshold, "PERCENT",
                              "With --compare: what got slower by no more than that is let pass. "
                              "Default: 5."});
    opt_add(set, (struct opt){"from", 0, OPT_STRING, &wish.from, "FILE.json",
                              "Measure nothing: report on this result or receipt."});
    opt_add(set, (struct opt){"html", 0, OPT_STRING, &wish.html, "FILE",
                              "Write a report, too: one page that needs no network. - is standard "
                              "output, which then has nothing else."});
    opt_add(set, (struct opt){"markdown", 0, OPT_FLAG, &wish.markdown, NULL,
                              "The tables as Markdown, for a summary in CI."});
    opt_add_root(set);
    opt_add_json(set);
}

/* The two interpreters to compare; owned, NULL: none of that kind. */
struct contestants {
    char *gil, *ft;
};

static int enter(struct contestants *c, char *python, bool free_threaded)
{
    char **place = free_threaded ? &c->ft : &c->gil;
    if (*place) {
        fail(E_USAGE, "%s and %s are both %s", *place, python,
             free_threaded ? "free-threaded" : "builds with the GIL");
        free(python);
        return err_hint(E_USAGE, "compare one of each kind");
    }
    *place = python;
    return 0;
}

/* Their timings would be quoted as Python's. */
static int refuse_slow(const char *name, const char *release)
{
    return err_hint(fail(E_USAGE,
                         "%s is built for debugging: its timings say nothing about what "
                         "its release can do",
                         name),
                    "measure builds that are made for use, such as %s and %st", release, release);
}

/* A release means its pair, as far as it is installed. */
static int enter_name(struct contestants *c, const struct store *s, const char *name, bool alone)
{
    struct receipt *r = NULL, *sibling = NULL;
    int rc = store_find(s, name, &r);
    if (rc < 0)
        return rc;
    rc = receipt_is_slow(r) ? refuse_slow(r->name, r->release)
                            : enter(c, root_python(s, r), r->free_threaded);
    if (rc == 0 && alone && !*r->suffix) {
        autofree char *other = xasprintf("%st", r->release);
        if (store_find(s, other, &sibling) == 0)
            rc = enter(c, root_python(s, sibling), true);
        else
            err_clear();
    }
    receipt_free(sibling);
    receipt_free(r);
    return rc;
}

static int enter_operand(struct contestants *c, const struct store *s, const char *operand,
                         bool alone)
{
    if (!strchr(operand, '/'))
        return enter_name(c, s, operand, alone);
    if (fs_is_dir(operand) || !fs_exists(operand))
        return err_hint(fail(E_USAGE, "%s is not an interpreter", operand),
                        "give a NAME that \"ungil list\" shows, or the path of a python program");
    autofree char *flags = verify_promised_flags(operand);
    if (strchr(flags, 'd'))
        return err_hint(
            fail(E_USAGE, "%s is a debug build: its timings say nothing about Python's", operand),
            "measure builds that are made for use");
    return enter(c, path_absolute(operand), *flags == 't');
}

/* Without a name: the newest pair, or the newest of what there is. */
static int enter_newest(struct contestants *c, const struct store *s)
{
    struct receipt **list = NULL;
    size_t n = 0, chosen = 0;
    int rc = store_list(s, &list, &n);
    if (rc < 0)
        return rc;
    for (size_t i = n; i-- > 0;)
        for (size_t k = 0; k < n && !*list[i]->suffix; k++)
            if (str_eq(list[k]->suffix, "t") && str_eq(list[k]->release, list[i]->release))
                chosen = i;
    rc = n ? enter_name(c, s, list[chosen]->name, true)
           : err_hint(fail(E_FAILED, "nothing is installed in %s", s->root),
                      "\"ungil install 3.14\" installs a pair");
    store_list_free(list, n);
    return rc;
}

static int choose(struct contestants *c, const struct store *s, const struct strv *operands)
{
    if (operands->n > 2)
        return err_hint(fail(E_USAGE, "bench compares two interpreters, not %zu", operands->n),
                        "give a release (its pair), or one build of each kind");
    int rc = operands->n == 0 ? enter_newest(c, s) : 0;
    for (size_t i = 0; rc == 0 && i < operands->n; i++)
        rc = enter_operand(c, s, operands->v[i], operands->n == 1);
    return rc;
}

static int ascending(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* "2,4": always with 1, in order, each once. */
static int read_workers(int *workers, size_t most, size_t *n)
{
    autostrv words = {0};
    strv_split_commas(&words, wish.workers);
    *n = 0;
    if (!wish.workers)
        return 0;
    workers[(*n)++] = 1;
    for (size_t i = 0; i < words.n; i++) {
        char *end;
        long w = strtol(words.v[i], &end, 10);
        if (*end || w < 1 || w > 1024 || *n == most)
            return err_hint(fail(E_USAGE, "--workers: \"%s\" is no number of workers", words.v[i]),
                            "such as --workers 2,4: from 1 to 1024, at most %zu of them", most - 1);
        bool there = false;
        for (size_t k = 0; k < *n; k++)
            there |= workers[k] == w;
        if (!there)
            workers[(*n)++] = (int)w;
    }
    qsort(workers, *n, sizeof *workers, ascending);
    if (*n < 2)
        return err_hint(fail(E_USAGE, "a benchmark compares 1 worker with at least 2"),
                        "--workers N with N from 2, or leave it out");
    return 0;
}

static int read_threshold(double *threshold)
{
    char *end = NULL;
    *threshold = wish.threshold ? strtod(wish.threshold, &end) : default_threshold;
    if (wish.threshold && (end == wish.threshold || *end || !(*threshold >= 0)))
        return err_hint(fail(E_USAGE, "--threshold: \"%s\" is no percentage", wish.threshold),
                        "a number such as 5; \"ungil help bench\" explains it");
    return 0;
}

static int measure(const struct contestants *c, json_t *previous, json_t **result)
{
    autostrv kernels = {0}, modes = {0};
    int workers[16];
    strv_split_commas(&kernels, wish.kernels);
    strv_split_commas(&modes, wish.modes);
    struct bench_opts b = {.gil = c->gil,
                           .ft = c->ft,
                           .self_check = wish.self_check,
                           .length = wish.quick      ? BENCH_QUICK
                                     : wish.thorough ? BENCH_THOROUGH
                                                     : BENCH_DEFAULT,
                           .budget = wish.budget,
                           .rounds = wish.rounds,
                           .limit = wish.limit,
                           .kernels = &kernels,
                           .modes = &modes,
                           .workers = workers,
                           .previous = previous,
                           .who = "bench"};
    int rc = read_workers(workers, lengthof(workers), &b.n_workers);
    if (rc < 0)
        return rc;
    b.progress = progress_display_begin();
    rc = bench_run(&b, result);
    progress_display_end();
    return rc;
}

/* The first thing to look at when something got slower. */
static int regressed(json_t *comparison)
{
    json_t *c, *worst = NULL;
    size_t i;
    json_array_foreach(json_object_get(comparison, "changes"), i, c)
    {
        if (json_is_true(json_object_get(c, "regression")) &&
            (!worst || json_number_value(json_object_get(c, "ratio")) >
                           json_number_value(json_object_get(worst, "ratio"))))
            worst = c;
    }
    if (!worst)
        return 0;
    const char *what = json_string_value(json_object_get(worst, "what"));
    return fail(E_FAILED,
                "%d slower than before, most of all %s %s on %s, %d workers: %s%s%+.0f %%",
                (int)json_integer_value(json_object_get(comparison, "regressions")),
                json_string_value(json_object_get(worst, "kernel")),
                json_string_value(json_object_get(worst, "form")),
                json_string_value(json_object_get(worst, "build")),
                (int)json_integer_value(json_object_get(worst, "workers")),
                str_eq(what, "seconds") ? "" : what, str_eq(what, "seconds") ? "" : " ",
                (json_number_value(json_object_get(worst, "ratio")) - 1) * 100);
}

/* What is made of a result: every form of report begins here. Takes both references. */
static int report(json_t *result, json_t *comparison)
{
    int differences = (int)json_integer_value(
        json_object_get(json_object_get(result, "self_check"), "differences"));
    bool alone = str_eq(wish.html, "-");
    int rc = 0;
    if (!wish.self_check)
        claims_add(result);
    if (common.json) {
        if (comparison)
            json_object_set(result, "compare", comparison);
        rc = print_json(json_incref(result));
    } else if (!alone) {
        autofree char *table = bench_table(result, wish.markdown);
        printf("%s", table);
        autofree char *changes =
            comparison ? bench_compare_table(comparison, wish.markdown) : xstrdup("");
        printf("%s%s", comparison ? "\n" : "", changes);
    }
    if (rc == 0 && wish.html)
        rc = report_write("bench", result, wish.html);
    if (rc == 0 && comparison)
        rc = regressed(comparison);
    if (rc == 0 && wish.self_check && differences > 0)
        rc = fail(E_FAILED, "%d differences were called between a build and itself", differences);
    json_decref(result);
    json_decref(comparison);
    return rc;
}

static int check_options(const struct strv *operands)
{
    if (wish.quick && wish.thorough)
        return err_hint(fail(E_USAGE, "--quick and --thorough exclude each other"),
                        "leave one of them out");
    if (wish.self_check && operands->n != 1)
        return err_hint(fail(E_USAGE, "--self-check measures one build, not %zu", operands->n),
                        "give one NAME that \"ungil list\" shows");
    if (wish.from && (operands->n > 0 || wish.self_check))
        return err_hint(fail(E_USAGE, "--from measures nothing"),
                        "leave out the NAME, or leave out --from");
    if (wish.threshold && !wish.compare)
        return err_hint(fail(E_USAGE, "--threshold says nothing without --compare"),
                        "--compare OLD.json names what to compare with");
    if (str_eq(wish.html, "-") && common.json)
        return err_hint(fail(E_USAGE, "--json and --html - both want standard output"),
                        "--html FILE writes the report to a file");
    if (wish.html && wish.self_check)
        return err_hint(fail(E_USAGE, "there is no report of a self-check"), "leave out --html");
    return wish.html ? report_check(wish.html) : 0;
}

static int choose_and_measure(const struct strv *operands, json_t *previous, json_t **result)
{
    autostore s;
    root_open(&s);
    struct contestants c = {0};
    int rc =
        wish.self_check ? enter_operand(&c, &s, operands->v[0], false) : choose(&c, &s, operands);
    if (rc == 0)
        rc = measure(&c, previous, result);
    free(c.gil);
    free(c.ft);
    return rc;
}

static int run(const struct strv *operands)
{
    json_t *previous = NULL, *result = NULL, *comparison = NULL;
    double threshold;
    int rc = check_options(operands);
    if (rc == 0)
        rc = read_threshold(&threshold);
    if (rc == 0 && wish.compare)
        rc = bench_read(wish.compare, &previous);
    if (rc == 0)
        rc = wish.from ? bench_read(wish.from, &result)
                       : choose_and_measure(operands, previous, &result);
    if (rc == 0 && previous)
        comparison = bench_compare(previous, result, threshold);
    if (rc == 0)
        rc = report(result, comparison);
    json_decref(previous);
    return rc;
}

const struct verb cmd_bench = {
    .name = "bench",
    .usage = "bench [OPTION]... [NAME|PYTHON]...",
    .summary = "Measure what free-threading is worth here",
    .description =
        "Compares the GIL build and the free-threaded build of a release, by 1 worker and by more, "
        "and the free-threaded build with itself when its GIL is forced on. NAME is a release (its "
        "pair; the newest one, without a NAME) or one or two names; PYTHON is the path of an "
        "interpreter.\n\n"
        "Every value comes from a fresh process and takes 0.1 s or more, after a warm-up that is "
        "not counted; workers are bound to CPUs. A round measures all cells of a kernel one after "
        "the other, in an order drawn anew, and ratios are taken within a round. The work and its "
        "result are the same in every cell, and each worker makes sure that the GIL is on or off "
        "as it should be: else there is no table. Where fewer CPUs may be used than there are "
        "workers, no scaling is claimed.\n\n"
        "Intervals are 95 %: Student's t on the logarithms of the ratios of the rounds, of eight "
        "or "
        "more about a trimmed mean (Yuen 1974), so that one spoilt value does not spoil the ratio. "
        "A value whose workers had to wait for their "
        "CPUs is measured again, up to twice. "
        "What is called a difference must hold among all ratios of its kind in the table at once "
        "(Holm's method, 1 %), be 2 % or more, and rest on three rounds; all else is \"no "
        "difference "
        "seen\". --self-check puts that to the test.\n\n"
        "--compare takes times where both did the same work (the old sizes are used again), and "
        "where they did not, build overhead and scaling; it says when machines, builds or kernels "
        "are not the same, and how much all times moved together, which is the machine and not a "
        "build. Only what is called a difference, and is slower by more than --threshold, "
        "counts.\n\n"
        "With --json: format (2), ungil, started, seconds, length, rounds, repeated (values), seed "
        "(of the order), "
        "machine (cpu, cpus that may be used, cpus_online, quota or null, load, system, kernel, "
        "arch, cpu_granted: the least share of a CPU that one worker got), builds (each with id: "
        "\"gil\", \"ft\", \"ft+gil\" with the GIL forced on, or of a self-check \"A\", \"B\"; "
        "python, variant, release, version, compiler, configure, and name and preset, null if not "
        "installed by ungil), workers, scaling (\"measured\", or why it is refused), and kernels, "
        "each with kernel, form, mode, kind (\"friendly\", \"contended\", \"released\": the "
        "library "
        "drops the GIL by itself), shows, resource (what is contended, or null), checksum, scale, "
        "cells (build, mode, workers, seconds: the median, mad: the median absolute deviation, "
        "cpu_seconds, values: one a round) and ratios (what, mode, workers, build if what is "
        "scaling, ratio, low and high: the interval, not with one round; rounds, p: after Holm's "
        "method, verdict); or skip, the reason why it cannot run. Of ratios, build_overhead is ft "
        "by gil, gil_effect ft+gil by ft, scaling 1 worker by N, self_check B by A. A ratio that "
        "could not be had or would not be true is left out. Times are in seconds. A self-check "
        "adds "
        "self_check (differences). --compare adds compare: before, after, threshold, notes, pace "
        "(all times together, null if none), changes (kernel, form, what: seconds, build_overhead, "
        "scaling; build, mode, workers, ratio: above 1 is worse, low, high, p, verdict: slower, "
        "faster, no difference seen; regression), regressions. claims is what is commonly said "
        "beside "
        "what was measured (id, said, who, measured: text or null, verdict: holds here, does not "
        "hold here, cannot be said, not measured; why). The member bench of receipts and of "
        "install --json is the same, without claims.\n\n"
        "--html makes a page of it: curves, overhead, what is contended, what it means, and the "
        "claims. It opens offline, asks nothing of any network, and holds all that it shows; with "
        "--from, of a result that was kept.",
    .run = run,
    .options = options,
};
