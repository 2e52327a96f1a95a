#include "core/verify.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/kernel.h"
#include "core/progress.h"
#include "core/text_json.h"

static const int most_threads = 4; /* more show nothing that these do not */

/* The seconds a kernel may take: several times what it needs on a slow machine. */
static const double limit_short = 120, limit_long = 600;

/* A free-threaded build is proven by these and no fewer: a check that was not answered fails. */
static const char *const proofs[] = {"gil-off",      "build-flag",   "abiflags",        "soabi",
                                     "version-text", "stdlib-alone", "stdlib-together", "parallel"};
static const char *const expected_of_gil[] = {"gil-on", "build-flag", "stdlib-alone"};

/* The parameters of all kernels; each takes what it knows. */
static json_t *make_params(const struct verify_opts *o)
{
    const char *flags = o->abiflags ? o->abiflags : o->free_threaded ? "t" : "";
    int cpus = cpu_count();
    json_t *p =
        json_pack("{s:s, s:s, s:i, s:i, s:o, s:o, s:o}", "variant", o->free_threaded ? "ft" : "gil",
                  "abiflags", flags, "jobs", cpus, "threads",
                  cpus < most_threads ? cpus : most_threads, "require", texts_json(o->required),
                  "optional", texts_json(o->optional), "import", texts_json(o->import));
    if (o->release)
        json_object_set_new(p, "release", json_string(o->release));
    if (o->prefix)
        json_object_set_new(p, "prefix", json_string(o->prefix)); /* not checked when no UTF-8 */
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

/* Sorts a kernel's answers into the result; a kernel that failed is a failed check. */
static int take_answers(json_t *result, const char *kernel, bool proof, int rc, json_t *answers)
{
    if (rc == E_SIGNAL) {
        json_decref(answers);
        return rc;
    }
    json_t *checks = json_object_get(result, "checks"), *answer;
    size_t i;
    json_array_foreach(answers, i, answer)
    {
        if (json_object_get(answer, "check"))
            json_array_append(checks, answer);
        else if (json_object_get(answer, "info"))
            json_object_set(result, "info", json_object_get(answer, "info"));
    }
    json_decref(answers);
    if (rc < 0)
        json_array_append_new(checks,
                              json_pack("{s:s, s:s, s:s, s:s, s:o, s:b}", "check", kernel,
                                        "expected", "answers", "seen", "failed", "verdict", "fail",
                                        "why", text_json(err_message()), "proof", proof));
    err_clear();
    return 0;
}

static struct kernel_run plan(const struct verify_opts *o, const char *kernel, json_t *params,
                              double seconds)
{
    return (struct kernel_run){.python = o->python,
                               .kernel = kernel,
                               .params = params,
                               .seconds = seconds,
                               .progress = o->progress};
}

/* The kernels that need no quiet machine: the slow one in the background of the others. */
static int run_together(const struct verify_opts *o, json_t *params, json_t *result)
{
    struct kernel_run slow = plan(o, "venv_pip", params, limit_long);
    struct kernel background;
    json_t *answers = NULL;
    int rc = kernel_start(&background, &slow);
    if (rc < 0)
        return rc;
    static const struct {
        const char *name;
        bool proof;
    } others[] = {{"identity", true}, {"modules", false}, {"stdlib", true}};
    for (size_t i = 0; i < lengthof(others); i++) {
        progress_update(o->progress, o->who, (double)i / 5, others[i].name);
        struct kernel_run run = plan(o, others[i].name, params, limit_long);
        rc = kernel_run(&run, &answers);
        rc = take_answers(result, others[i].name, others[i].proof && o->free_threaded, rc, answers);
        if (rc < 0) {
            kernel_abandon(&background);
            return rc;
        }
    }
    progress_update(o->progress, o->who, 0.6, "venv and pip");
    rc = kernel_finish(&background, &answers);
    return take_answers(result, "venv_pip", false, rc, answers);
}

/* {"name", "ratio"} of the GIL build's threads, or NULL: the kernel then has one of its own. */
static json_t *measure_control(const struct verify_opts *o, json_t *params)
{
    json_t *gil = json_copy(params), *answers = NULL, *answer, *control = NULL;
    json_object_set_new(gil, "variant", json_string("gil"));
    struct kernel_run run = plan(o, "parallel", gil, limit_short);
    run.python = o->control;
    int rc = kernel_run(&run, &answers);
    size_t i;
    json_array_foreach(answers, i, answer)
    {
        json_t *ratio = json_object_get(answer, "ratio");
        if (rc == 0 && json_is_number(ratio))
            control = json_pack("{s:o, s:O}", "name", text_json(o->control), "ratio", ratio);
    }
    json_decref(answers);
    json_decref(gil);
    if (rc < 0 && rc != E_SIGNAL) {
        detail("no control: %s", err_message());
        err_clear();
    }
    return control;
}

static int run_parallel(const struct verify_opts *o, json_t *params, json_t *result)
{
    progress_update(o->progress, o->who, 0.8, "parallel");
    if (o->free_threaded && o->control) {
        json_t *control = measure_control(o, params);
        if (control)
            json_object_set_new(params, "control", control);
    }
    int rc = proc_check();
    if (rc < 0)
        return rc;
    json_t *answers = NULL;
    struct kernel_run run = plan(o, "parallel", params, limit_short);
    rc = kernel_run(&run, &answers);
    return take_answers(result, "parallel", o->free_threaded, rc, answers);
}

static void miss_unanswered(json_t *checks, const char *const *wanted, size_t n, bool proof)
{
    for (size_t i = 0; i < n; i++)
        if (!find_check(checks, wanted[i]))
            json_array_append_new(
                checks, json_pack("{s:s, s:s, s:n, s:s, s:s, s:b}", "check", wanted[i], "expected",
                                  "an answer", "seen", "verdict", "fail", "why",
                                  "the kernel did not answer this", "proof", proof));
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

int verify_run(const struct verify_opts *o, json_t **result, enum verdict *verdict)
{
    double start = clock_now();
    json_t *params = make_params(o);
    json_t *checks = json_array();
    *result = json_pack("{s:s, s:o, s:o, s:o}", "verdict", "", "python", text_json(o->python),
                        "control", text_json(o->control), "checks", checks);
    int rc = run_together(o, params, *result);
    if (rc == 0)
        rc = run_parallel(o, params, *result);
    json_decref(params);
    if (rc < 0) {
        json_decref(*result);
        *result = NULL;
        return rc;
    }
    if (o->free_threaded)
        miss_unanswered(checks, proofs, lengthof(proofs), true);
    else
        miss_unanswered(checks, expected_of_gil, lengthof(expected_of_gil), false);
    *verdict = sum_up(checks, o->free_threaded);
    json_object_set_new(*result, "verdict", json_string(verdict_name(*verdict)));
    json_object_set_new(*result, "seconds", json_real(clock_now() - start));
    return 0;
}

const char *verdict_name(enum verdict v)
{
    static const char *const table[] = {"proven", "inconclusive", "failed", "unproven"};
    return table[v];
}

static bool failed(json_t *check)
{
    return str_eq(json_string_value(json_object_get(check, "verdict")), "fail");
}

/* A value in a few words, owned; NULL when there is none or it is long. */
static char *brief(json_t *check, const char *key)
{
    json_t *value = json_object_get(check, key);
    if (!value || json_is_null(value))
        return NULL;
    autofree char *text = json_is_string(value) && *json_string_value(value)
                              ? xstrdup(json_string_value(value))
                              : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    return text && strlen(text) <= 60 ? steal(&text) : NULL;
}

char *verify_explain(json_t *result)
{
    autostr text = {0};
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(result, "checks"), i, check)
    {
        if (!failed(check))
            continue;
        const char *why = json_string_value(json_object_get(check, "why"));
        autofree char *expected = brief(check, "expected"), *seen = brief(check, "seen");
        str_addf(&text, "%s%s: ", text.len ? "\n" : "",
                 json_string_value(json_object_get(check, "check")));
        if (expected && seen)
            str_addf(&text, "expected %s, seen %s: ", expected, seen);
        str_add(&text, why ? why : "no reason was given");
    }
    return str_take(&text);
}

char *verify_failed(json_t *result)
{
    autostr text = {0};
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(result, "checks"), i, check)
    {
        const char *name = json_string_value(json_object_get(check, "check"));
        if (name && failed(check))
            str_addf(&text, "%s%s", text.len ? ", " : "", name);
    }
    return str_take(&text);
}

char *verify_promised_flags(const char *python)
{
    autofree char *real = realpath(python, NULL);
    const char *name = path_base(real ? real : python);
    if (!str_starts(name, "python"))
        return xstrdup("");
    name += strlen("python");
    name += strspn(name, "0123456789.");
    return xstrndup(name, strspn(name, "td"));
}
