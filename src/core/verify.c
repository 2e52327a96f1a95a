#include "core/verify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/kernel.h"
#include "core/progress.h"
#include "core/text_json.h"
#include "core/verify_checks.h"

static const int most_threads = 4; /* more show nothing that these do not */

/* The seconds a kernel may take: many times what it needs on a slow machine. */
static const double limit = 600;

/* The parameters of all kernels; each takes what it knows. */
static json_t *make_params(const struct verify_opts *o)
{
    const char *flags = o->abiflags ? o->abiflags : o->free_threaded ? "t" : "";
    int cpus = cpu_count();
    json_t *p =
        json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:f, s:o, s:o, s:o, s:o, s:o}", "variant",
                  o->free_threaded ? "ft" : "gil", "abiflags", flags, "jobs", cpus, "threads",
                  cpus < most_threads ? cpus : most_threads, "cpus", cpus, "affinity",
                  cpu_affinity(), "quota", cpu_quota(), "require", texts_json(o->required),
                  "optional", texts_json(o->optional), "import", texts_json(o->import), "stale",
                  texts_json(o->stale), "only", texts_json(o->only));
    if (o->release)
        json_object_set_new(p, "release", json_string(o->release));
    if (o->parts && o->parts->n > 0)
        json_object_set_new(p, "parts", texts_json(o->parts));
    if (o->options)
        json_object_set_new(p, "configure", texts_json(o->options));
    /* Not checked when they are no UTF-8. */
    if (o->prefix) {
        json_object_set_new(p, "prefix", json_string(o->prefix));
        json_object_set_new(p, "final", json_string(o->final ? o->final : o->prefix));
        if (o->configured)
            json_object_set_new(p, "configured", json_string(o->configured));
    }
    return p;
}

static json_t *find_check(json_t *checks, const char *name)
{
    size_t i;
    json_t *check;
    json_array_foreach(
        checks, i,
        check) if (str_eq(json_string_value(json_object_get(check, "check")), name)) return check;
    return NULL;
}

struct file_id {
    char *path; /* of the file itself, owned */
    struct stat st;
};

/* Kernels that mostly wait for programs of their own: in the background of the others. */
static const char *const slow[] = {"venv_pip", "compile"};
/* One run of a verification. */
struct verification {
    const struct verify_opts *o;
    json_t *params; /* of all kernels */
    json_t *result, *checks;
    json_t *speaker; /* who answered first: version and prefix */
    char *impostor;  /* who answered as somebody else; NULL: nobody */
    double start;
    struct file_id before; /* the interpreter's file, at the start */
    struct kernel_run runs[lengthof(slow)];
    struct kernel background[lengthof(slow)];
};

/* Adds a check, if it was asked for, with the line that says why it matters. */
static void add_check(struct verification *v, json_t *check)
{
    const char *name = json_string_value(json_object_get(check, "check"));
    if (!name || !verify_wanted(v->o->only, name))
        return;
    const struct verify_check *line = verify_check_of(name);
    if (line)
        json_object_set_new(check, "why", json_string(line->why));
    json_array_append(v->checks, check);
}

static void add_failure(struct verification *v, const char *name, bool proof, const char *expected,
                        const char *seen, const char *reason)
{
    json_t *check =
        json_pack("{s:s, s:s, s:s?, s:s, s:s, s:o, s:b}", "check", name, "expected", expected,
                  "seen", seen, "verdict", "fail", "why", "what does not answer proves nothing",
                  "reason", text_json(reason), "proof", proof);
    const struct verify_check *line = verify_check_of(name);
    if (line)
        json_object_set_new(check, "why", json_string(line->why));
    json_array_append_new(v->checks, check);
}

/* Every kernel says at its start which interpreter it runs on: it must be one and the same. */
static void compare_speaker(struct verification *v, const char *kernel, json_t *speaker)
{
    if (!v->speaker)
        v->speaker = json_incref(speaker);
    else if (!json_equal(v->speaker, speaker) && !v->impostor)
        v->impostor = xasprintf("the kernel %s ran on %s in %s", kernel,
                                json_string_value(json_object_get(speaker, "version")),
                                json_string_value(json_object_get(speaker, "prefix")));
}

/* Sorts a kernel's answers into the result; a kernel that failed is a failed check. */
static int take_answers(struct verification *v, const char *kernel, bool proof, int rc,
                        json_t *answers)
{
    if (rc == E_SIGNAL) {
        json_decref(answers);
        return rc;
    }
    json_t *answer;
    size_t i;
    json_array_foreach(answers, i, answer)
    {
        if (json_object_get(answer, "check"))
            add_check(v, answer);
        else if (json_object_get(answer, "info"))
            json_object_set(v->result, "info", json_object_get(answer, "info"));
        else if (json_object_get(answer, "interpreter"))
            compare_speaker(v, kernel, json_object_get(answer, "interpreter"));
    }
    json_decref(answers);
    if (rc < 0)
        add_failure(v, kernel, proof, "answers", "failed", err_message());
    err_clear();
    return 0;
}

static struct kernel_run plan(const struct verification *v, const char *kernel)
{
    return (struct kernel_run){.python = v->o->python,
                               .kernel = kernel,
                               .params = v->params,
                               .seconds = v->o->seconds > 0 ? v->o->seconds : limit,
                               .progress = v->o->progress};
}

static const struct {
    const char *name;
    bool proof;
} quick[] = {{"identity", true}, {"modules", false}, {"features", false},
             {"variant", false}, {"files", false},   {"stdlib", true}};

static int run_quick(struct verification *v)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < lengthof(quick); i++) {
        if (!verify_wants_kernel(v->o->only, quick[i].name))
            continue;
        json_t *answers = NULL;
        progress_update(v->o->progress, v->o->who, (double)i / 9, quick[i].name);
        struct kernel_run run = plan(v, quick[i].name);
        rc = kernel_run(&run, &answers);
        rc = take_answers(v, quick[i].name, quick[i].proof && v->o->free_threaded, rc, answers);
    }
    return rc;
}

static int start_slow(struct verification *v)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < lengthof(slow); i++) {
        if (!verify_wants_kernel(v->o->only, slow[i]))
            continue;
        v->runs[i] = plan(v, slow[i]);
        if (kernel_start(&v->background[i], &v->runs[i]) < 0)
            rc = take_answers(v, slow[i], false, E_FAILED, NULL);
    }
    return rc;
}

static int finish_slow(struct verification *v)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < lengthof(slow); i++) {
        if (!v->background[i].dir)
            continue;
        json_t *answers = NULL;
        progress_update(v->o->progress, v->o->who, 0.65 + 0.1 * (double)i, slow[i]);
        rc = kernel_finish(&v->background[i], &answers);
        rc = take_answers(v, slow[i], false, rc, answers);
    }
    return rc;
}

/* {"name", "ratio"} of the GIL build's threads, or NULL: the kernel then has one of its own. */
static json_t *measure_control(const struct verification *v)
{
    json_t *gil = json_copy(v->params), *answers = NULL, *answer, *control = NULL;
    json_object_set_new(gil, "variant", json_string("gil"));
    struct kernel_run run = plan(v, "parallel");
    run.params = gil;
    run.python = v->o->control;
    int rc = kernel_run(&run, &answers);
    size_t i;
    json_array_foreach(answers, i, answer)
    {
        json_t *ratio = json_object_get(answer, "ratio");
        if (rc == 0 && json_is_number(ratio))
            control = json_pack("{s:o, s:O}", "name", text_json(v->o->control), "ratio", ratio);
    }
    json_decref(answers);
    json_decref(gil);
    if (rc < 0 && rc != E_SIGNAL) {
        detail("no control: %s", err_message());
        err_clear();
    }
    return control;
}

static int run_parallel(struct verification *v)
{
    if (!verify_wants_kernel(v->o->only, "parallel"))
        return 0;
    progress_update(v->o->progress, v->o->who, 0.85, "parallel");
    if (v->o->free_threaded && v->o->control) {
        json_t *control = measure_control(v);
        if (control)
            json_object_set_new(v->params, "control", control);
    }
    int rc = proc_check();
    if (rc < 0)
        return rc;
    json_t *answers = NULL;
    struct kernel_run run = plan(v, "parallel");
    rc = kernel_run(&run, &answers);
    return take_answers(v, "parallel", v->o->free_threaded, rc, answers);
}

/* What the table wants for this kind of build and nobody answered. */
static void miss_unanswered(struct verification *v)
{
    bool ft = v->o->free_threaded;
    for (unsigned i = 0; i < verify_checks_count; i++) {
        const struct verify_check *line = &verify_checks[i];
        if (line->needed & (ft ? NEEDED_FT : NEEDED_GIL) && verify_wanted(v->o->only, line->name) &&
            !find_check(v->checks, line->name))
            add_failure(v, line->name, ft, "an answer", NULL, "the kernel did not answer this");
    }
}

/* ---- Is it one and the same interpreter from the first question to the last? ---- */

static struct file_id identify(const char *python)
{
    struct file_id id = {.path = realpath(python, NULL)};
    if (!id.path || stat(id.path, &id.st) < 0)
        id.st = (struct stat){0};
    return id;
}

static const char *difference(const struct file_id *a, const struct file_id *b)
{
    if (!str_eq(a->path, b->path))
        return "its path leads to another file now";
    if (a->st.st_dev != b->st.st_dev || a->st.st_ino != b->st.st_ino)
        return "its file was replaced";
    return fs_is_unchanged(&a->st, &b->st) ? NULL : "its file was changed";
}

static void check_same(struct verification *v)
{
    struct file_id after = identify(v->o->python);
    const char *changed = difference(&v->before, &after);
    const char *reason = v->impostor ? v->impostor : changed;
    if (reason)
        add_failure(v, "same-interpreter", v->o->free_threaded, "one interpreter", "another one",
                    reason);
    else if (verify_wanted(v->o->only, "same-interpreter"))
        json_array_append_new(
            v->checks, json_pack("{s:s, s:s, s:s, s:s, s:s, s:n, s:b}", "check", "same-interpreter",
                                 "expected", "one interpreter", "seen", "one interpreter",
                                 "verdict", "pass", "why", verify_check_of("same-interpreter")->why,
                                 "reason", "proof", v->o->free_threaded));
    free(after.path);
}

/* The order of the table, whoever answered first; what is not in it comes last. */
static void put_in_order(json_t *checks)
{
    json_t *all = json_copy(checks), *check;
    json_array_clear(checks);
    for (unsigned k = 0; k <= verify_checks_count; k++) {
        const struct verify_check *line = k < verify_checks_count ? &verify_checks[k] : NULL;
        size_t i;
        json_array_foreach(all, i, check) if (verify_check_of(json_string_value(
                                                  json_object_get(check, "check"))) == line)
            json_array_append(checks, check);
    }
    json_decref(all);
}

static enum verdict sum_up(json_t *checks, bool free_threaded)
{
    enum verdict worst = VERDICT_PROVEN;
    size_t i;
    json_t *check;
    json_array_foreach(checks, i, check)
    {
        const char *said = json_string_value(json_object_get(check, "verdict"));
        bool proof = free_threaded && json_is_true(json_object_get(check, "proof"));
        enum verdict v = VERDICT_PROVEN;
        if (proof && !str_eq(said, "pass"))
            v = str_eq(said, "inconclusive") ? VERDICT_INCONCLUSIVE : VERDICT_UNPROVEN;
        else if (!str_eq(said, "pass") && !str_eq(said, "skip") && !str_eq(said, "inconclusive"))
            v = VERDICT_FAILED;
        if (v > worst)
            worst = v;
    }
    return worst;
}

static void begin(struct verification *v, const struct verify_opts *o)
{
    *v = (struct verification){.o = o,
                               .params = make_params(o),
                               .checks = json_array(),
                               .start = clock_now(),
                               .before = identify(o->python)};
    v->result = json_pack("{s:s, s:o, s:o, s:o}", "verdict", "", "python", text_json(o->python),
                          "control", text_json(o->control), "checks", v->checks);
    for (size_t i = 0; i < lengthof(slow); i++)
        v->background[i] = (struct kernel)KERNEL_INIT;
}

static void conclude(struct verification *v, json_t **result, enum verdict *verdict)
{
    miss_unanswered(v);
    check_same(v);
    put_in_order(v->checks);
    *verdict = sum_up(v->checks, v->o->free_threaded);
    if (*verdict == VERDICT_PROVEN && v->o->only && v->o->only->n)
        *verdict = VERDICT_PASSED;
    json_object_set_new(v->result, "verdict", json_string(verdict_name(*verdict)));
    json_object_set_new(v->result, "seconds", json_real(clock_now() - v->start));
    *result = json_incref(v->result);
}

static void end(struct verification *v)
{
    for (size_t i = 0; i < lengthof(slow); i++)
        kernel_abandon(&v->background[i]);
    free(v->before.path);
    free(v->impostor);
    json_decref(v->speaker);
    json_decref(v->params);
    json_decref(v->result);
}

/* A step of all of them before the next step of any. */
static int each(struct verification *all, size_t n, int (*step)(struct verification *))
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = step(&all[i]);
    return rc;
}

int verify_together(const struct verify_opts *opts, size_t n, json_t **results,
                    enum verdict *verdicts)
{
    autofree struct verification *all = xcalloc(n + 1, sizeof *all);
    for (size_t i = 0; i < n; i++) {
        begin(&all[i], &opts[i]);
        results[i] = NULL;
    }
    int rc = each(all, n, start_slow);
    if (rc == 0)
        rc = each(all, n, run_quick);
    if (rc == 0)
        rc = each(all, n, finish_slow);
    if (rc == 0) /* this one needs a quiet machine */
        rc = each(all, n, run_parallel);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            conclude(&all[i], &results[i], &verdicts[i]);
        end(&all[i]);
    }
    return rc;
}

int verify_run(const struct verify_opts *opts, json_t **result, enum verdict *verdict)
{
    return verify_together(opts, 1, result, verdict);
}
