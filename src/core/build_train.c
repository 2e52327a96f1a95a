/* Training: the interpreter that counts runs the tests that configure's PROFILE_TASK names.
 *
 * Upstream runs them in one process. Here they are dealt out to a few, which make runs at once: to
 * few, because starting the test suite's own machinery takes an instrumented interpreter 1.4 s. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/build_stage.h"

/* Of a build directory: the tests' names, a line each; how many of them worked. */
static const char tests_file[] = "ungil-tests", trained_file[] = "ungil-trained";

/* ---- Groups ---- */

/* Seconds of those that take more than the others' two or three: an instrumented free-threaded
 * 3.14.7, gcc 12. Only their proportions matter. */
static long weight(const char *test)
{
    static const struct {
        const char *name;
        long seconds;
    } known[] = {{"test_pickle", 16},    {"test_set", 16},      {"test_datetime", 13},
                 {"test_itertools", 12}, {"test_decimal", 10},  {"test_str", 10},
                 {"test_math", 8},       {"test_long", 7},      {"test_statistics", 7},
                 {"test_xml_etree", 7},  {"test_functools", 5}, {"test_xml_etree_c", 4}};
    for (size_t i = 0; i < lengthof(known); i++)
        if (strcmp(test, known[i].name) == 0)
            return known[i].seconds;
    return 2;
}

static int heavier(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    long difference = weight(y) - weight(x);
    return difference ? (difference > 0) - (difference < 0) : strcmp(x, y);
}

void train_groups(const struct strv *tests, int jobs, struct strv *groups)
{
    enum { GROUPS_A_JOB = 4 }; /* so that none of them is long enough for the others to wait for */
    size_t most = (size_t)jobs * GROUPS_A_JOB, n = tests->n < most ? tests->n : most;
    if (n == 0)
        return;
    autostrv sorted = {0};
    autofree long *load = xcalloc(n, sizeof *load);
    struct str *texts = xcalloc(n, sizeof *texts);
    strv_addv(&sorted, tests);
    qsort(sorted.v, sorted.n, sizeof *sorted.v, heavier);
    for (size_t i = 0; i < sorted.n; i++) {
        size_t least = 0;
        for (size_t g = 1; g < n; g++)
            if (load[g] < load[least])
                least = g;
        load[least] += weight(sorted.v[i]);
        str_addf(&texts[least], "%s%s", texts[least].len ? " " : "", sorted.v[i]);
    }
    for (size_t g = 0; g < n; g++)
        strv_take(groups, str_take(&texts[g]));
    free(texts);
}

static int read_tests(struct pipeline *p)
{
    autofree char *path = path_join(p->dir, tests_file), *text = NULL;
    strv_free(&p->o.tests);
    strv_free(&p->o.groups);
    if (!fs_exists(path))
        return 0;
    int rc = fs_read_text(path, &text);
    if (rc < 0)
        return rc;
    strv_split(&p->o.tests, text);
    train_groups(&p->o.tests, p->jobserver->jobs, &p->o.groups);
    return 0;
}

/* ---- Rules ---- */

static void group_rule(struct str *out, const char *target, const char *tests)
{
    str_addf(out,
             "ungil-train: ungil-train/%s\n"
             "ungil-train/%s:\n"
             "\t@echo 'ungil: training with %s' && $(UNGIL_TRAIN) %s\n",
             target, target, tests, tests);
}

/* A training task of its own kind is left in one piece: only a list of options can be asked which
 * tests they mean. */
void train_rules(const struct pipeline *p, struct str *out)
{
    str_addf(out,
             "UNGIL_TRAIN = $(LLVM_PROF_FILE) $(RUNSHARED) ./$(BUILDPYTHON) $(PROFILE_TASK)\n"
             "ungil-tests-listed:\n"
             "\t@rm -f %s\n"
             "ifeq ($(wordlist 1,2,$(PROFILE_TASK))$(filter-out -%%,$(wordlist "
             "3,99,$(PROFILE_TASK))),-m test)\n"
             "\t-@$(UNGIL_TRAIN) --list-tests >%s.new && mv %s.new %s\n"
             "endif\n"
             "ungil-merged:\n"
             "\t$(LLVM_PROF_MERGER)\n"
             ".PHONY: ungil-tests-listed ungil-train ungil-merged\n",
             tests_file, tests_file, tests_file, tests_file);
    const struct optimisation *o = &p->o;
    for (size_t i = 0; o->training == TRAIN_ALONE && i < o->alone.n; i++)
        group_rule(out, o->alone.v[i], o->alone.v[i]);
    for (size_t i = 0; o->training == TRAIN_GROUPS && i < o->groups.n; i++) {
        autofree char *number = xasprintf("%zu", i + 1);
        group_rule(out, number, o->groups.v[i]);
    }
    if (o->training == TRAIN_GROUPS && o->groups.n == 0)
        str_add(out, "ungil-train:\n\t$(UNGIL_TRAIN)\n");
}

/* ---- Commands ---- */

static enum training_step next_step(const struct pipeline *p)
{
    if (p->step == 0)
        return TRAIN_LIST;
    if (p->o.training == TRAIN_LIST)
        return TRAIN_GROUPS;
    if (p->o.training == TRAIN_GROUPS && p->o.alone.n > 0)
        return TRAIN_ALONE;
    /* What clang's programs counted is a file for each until it is merged. */
    return p->o.training == TRAIN_MERGE || p->o.gcc ? TRAIN_DONE : TRAIN_MERGE;
}

/* What the programs counted that the build itself runs is not of it: whether they ran depends on
 * what an interrupted build had left to do. */
static int prepare(struct pipeline *p)
{
    autofree char *trained = path_join(p->dir, trained_file);
    if (p->o.training == TRAIN_GROUPS)
        return read_tests(p);
    if (p->o.training != TRAIN_LIST)
        return 0;
    unlink(trained);
    strv_free(&p->o.alone);
    return 0;
}

int train_command(struct pipeline *p, struct strv *argv)
{
    static const char *const targets[] = {[TRAIN_LIST] = "ungil-tests-listed",
                                          [TRAIN_GROUPS] = "-k ungil-train",
                                          [TRAIN_ALONE] = "-k ungil-train",
                                          [TRAIN_MERGE] = "ungil-merged"};
    p->o.training = next_step(p);
    if (p->o.training == TRAIN_DONE)
        return 0;
    int rc = prepare(p);
    /* Listing counts, too. */
    if (rc == 0 && (p->o.training == TRAIN_LIST || p->o.training == TRAIN_GROUPS))
        rc = pgo_forget_counts(p);
    if (rc == 0)
        rc = rules_write(p);
    command_make(p, argv);
    strv_split(argv, targets[p->o.training]);
    return rc;
}

/* ---- What failed ---- */

/* The targets that make gave up: "make: *** [ungil.mk:9: ungil-train/test_json] Error 2". */
static void failed_targets(const char *log, struct strv *names)
{
    static const char target[] = "ungil-train/";
    for (const char *at = log; (at = strstr(at, target)); at++) {
        const char *name = at + strlen(target);
        size_t n = strcspn(name, "] \n");
        if (name[n] != ']') /* make's last word on it, not the command */
            continue;
        autofree char *copy = xstrndup(name, n);
        if (!strv_has(names, copy))
            strv_add(names, copy);
    }
}

/* How many worked, also for a run that goes on after the training. */
static int note_tests(struct pipeline *p, size_t failed)
{
    autofree char *path = path_join(p->dir, trained_file);
    size_t n = p->o.tests.n;
    str_set(&p->o.facts.tests,
            n ? xasprintf("%zu of %zu", n - failed, n) : xstrdup("PROFILE_TASK"));
    return fs_write_atomic(path, p->o.facts.tests, strlen(p->o.facts.tests), 0644);
}

int train_recall(struct pipeline *p)
{
    autofree char *path = path_join(p->dir, trained_file), *text = NULL;
    if (p->o.facts.tests || !fs_exists(path))
        return 0;
    int rc = fs_read_text(path, &text);
    if (rc == 0)
        str_set(&p->o.facts.tests, xstrdup(str_trim(text)));
    return rc;
}

/* A program that fails may be a test that does, or one that ends the program with all the others
 * that it was to run. Each alone says which, and those that work count. */
static int try_alone(struct pipeline *p, const struct strv *targets)
{
    for (size_t i = 0; i < targets->n; i++) {
        size_t group = (size_t)strtoul(targets->v[i], NULL, 10);
        if (group >= 1 && group <= p->o.groups.n)
            strv_split(&p->o.alone, p->o.groups.v[group - 1]);
    }
    if (p->o.alone.n == 0)
        return E_BUILD;
    detail("%s: training failed beside other tests; each test of those on its own", p->build->name);
    return 0;
}

static int tests_failed(struct pipeline *p, const struct strv *failed)
{
    bool some = failed->n < p->o.tests.n, going_on = p->opts->pgo_keep_going;
    autofree char *names = strv_join(failed, " ");
    if (going_on && some) {
        warn("%s: training goes on without what failed: %s; see %s", p->build->name, names,
             p->log_path);
        return note_tests(p, failed->n);
    }
    int rc =
        fail(E_BUILD, "%s: training failed: %s; its log is %s", p->build->name, names, p->log_path);
    return err_hint(rc, going_on ? "no test of the training suite works: the log says why"
                                 : "--pgo-keep-going optimises for the tests that work; after a "
                                   "repair, the same command goes on from here");
}

int train_done(struct pipeline *p)
{
    return p->o.facts.tests ? 0 : note_tests(p, 0);
}

int train_failed(struct pipeline *p)
{
    autofree char *log = NULL;
    autostrv targets = {0}, tests = {0};
    int rc = pgo_read_log(p, &log);
    if (rc < 0)
        return rc;
    failed_targets(log, &targets);
    if (targets.n > 0 && p->o.training == TRAIN_GROUPS)
        return try_alone(p, &targets);
    for (size_t i = 0; p->o.training == TRAIN_ALONE && i < targets.n; i++)
        if (strv_has(&p->o.alone, targets.v[i])) /* the others are numbers of groups */
            strv_add(&tests, targets.v[i]);
    /* Not a test: what the log's last lines say. */
    return tests.n > 0 ? tests_failed(p, &tests) : E_BUILD;
}
