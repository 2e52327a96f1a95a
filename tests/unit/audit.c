/* Goal: what a process of the audit answers and prints becomes the right verdict, and nothing that
 * it prints in between can pass for one. */
#include <signal.h>
#include <string.h>

#include "core/audit_probe.h"
#include "core/audit_rows.h"
#include "tap.h"

#define BEGIN(i)    "{\"token\": \"T\", \"begin\": " #i "}\n"
#define END(i, gil) "{\"token\": \"T\", \"end\": " #i ", \"seconds\": 0.5, \"gil\": " #gil "}\n"
#define FAIL(i, error)                                                                             \
    "{\"token\": \"T\", \"end\": " #i ", \"seconds\": 0.5, \"gil\": false, " error "}\n"
#define START "{\"token\": \"T\", \"start\": false}\n"
#define DONE                                                                                       \
    "{\"token\": \"T\", \"files\": {\"b\": \"/x/b.so\"}}\n{\"token\": \"T\", \"done\": true}\n"
#define LOADING(m) "# loading module '" m "', which requires the GIL\n"
#define WARNING(m)                                                                                 \
    "<frozen>:1: RuntimeWarning: The global interpreter lock (GIL) has been enabled to load "      \
    "module '" m "', which has not declared that it can run safely without the GIL.\n"

static json_t *judged(const char *targets, const char *answers, const char *printed, int status,
                      bool hung)
{
    struct audit_probe probe = {0};
    strv_split(&probe.targets, targets);
    json_t *result = audit_probe_judge(&probe, "T", answers, printed, status, hung);
    strv_free(&probe.targets);
    return result;
}

static const char *at(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void verdict_is(json_t *result, const char *verdict, const char *why, const char *what)
{
    is_str(at(result, "verdict"), verdict, what);
    if (why)
        is_str(at(result, "why"), why, "  and why");
    json_decref(result);
}

/* "a b": the culprits' names. */
static void culprits_are(json_t *result, const char *names, const char *what)
{
    autostr text = {0};
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(result, "culprits"), i, c)
        str_addf(&text, "%s%s", i ? " " : "", at(c, "module"));
    is_str(text.s ? text.s : "", names, what);
    ok(json_is_true(json_object_get(result, "gil")), "  and the GIL is on");
}

static void test_culprits(void)
{
    static const char answers[] = START BEGIN(0) END(0, true) DONE;
    json_t *r = judged("a", answers, LOADING("a") LOADING("b") WARNING("a"), 0, false);
    culprits_are(r, "a b", "3.13 and 3.14: -v prints every culprit, the warning the first");
    is_str(at(json_array_get(json_object_get(r, "culprits"), 1), "file"), "/x/b.so",
           "the file of one that is loaded is known");
    json_decref(r);
    r = judged("a", answers, WARNING("a") LOADING("b") LOADING("c"), 0, false);
    culprits_are(r, "a b c", "3.15: the warning prints the first, -v all the others");
    json_decref(r);
    r = judged("a", answers, "no newline" LOADING("p.q") "# loading module 'x' otherwise", 0,
               false);
    culprits_are(r, "p.q", "in the middle of a line; other words are none");
    json_decref(r);
    r = judged("a", START BEGIN(0), LOADING("a"), SIGSEGV, false);
    culprits_are(r, "a", "one that crashed behind its check is a culprit all the same");
    json_decref(r);
}

static void test_endings(void)
{
    static const char good[] = START BEGIN(0) END(0, false) DONE;
    verdict_is(judged("a", good, "", 0, false), "off", NULL, "imported, and off");
    verdict_is(judged("a", START BEGIN(0), "", SIGSEGV, false), "crashed", "SIGSEGV", "a signal");
    verdict_is(judged("a", START BEGIN(0), "", SIGKILL, true), "hung",
               "did not end within the time limit", "the time limit");
    verdict_is(judged("a", START BEGIN(0), "# x\nlast words\nimport 'y' # z\n", 3 << 8, false),
               "error", "ended the process with exit status 3: last words",
               "os._exit in a module is no good end");
    verdict_is(judged("a", "", "Fatal Python error: no\n", 1 << 8, false), "error",
               "could not start with exit status 1: Fatal Python error: no",
               "an interpreter that does not start");
    verdict_is(judged("a", START BEGIN(0) "{\"done\": true}\n{\"token\": \"U\", \"done\": true}\n",
                      "", 0, false),
               "error", NULL, "an end without our token is none");
    verdict_is(
        judged("a", "garbage\n{]\n\"T\"\n" START BEGIN(0) "[]\n" END(0, false) DONE, "", 0, false),
        "off", NULL, "garbage between the answers is passed over");
    verdict_is(judged("a", START BEGIN(0) "{\"token\": \"T\", \"end\": 77}\n" DONE, "", 0, false),
               "off", NULL, "an import that was not asked for is none");
}

static void test_errors(void)
{
#define IMPORT_ERROR(text)                                                                         \
    START BEGIN(0) FAIL(0, "\"type\": \"ImportError\", \"error\": \"" text "\"") DONE
#define NOT_FOUND(name)                                                                            \
    START BEGIN(0)                                                                                 \
        FAIL(0, "\"type\": \"ModuleNotFoundError\", \"error\": \"No\", \"name\": \"" name "\"")    \
            DONE
    json_t *r = judged("a.b", NOT_FOUND("numpy"), "", 0, false);
    is_str(at(r, "needs"), "numpy", "the module that is missing");
    verdict_is(r, "missing", "ModuleNotFoundError: No", "a dependency that is missing");
    verdict_is(judged("a.b", NOT_FOUND("a"), "", 0, false), "error", NULL,
               "a package without itself");
    verdict_is(judged("a.b", NOT_FOUND("a.b"), "", 0, false), "error", NULL,
               "a module without itself");
    verdict_is(judged("ab", NOT_FOUND("a"), "", 0, false), "missing", NULL,
               "a prefix is no package");
    r = judged("a", IMPORT_ERROR("libfoo.so.1: cannot open shared object file: No such"), "", 0,
               false);
    is_str(at(r, "needs"), "libfoo.so.1", "the library that is missing");
    verdict_is(r, "missing", NULL, "a library that is missing");
    r = judged("a", IMPORT_ERROR("/lib/libc.so.6: version `GLIBC_2.99' not found (required by x)"),
               "", 0, false);
    is_str(at(r, "needs"), "GLIBC_2.99", "the version of libc that is missing");
    json_decref(r);
    verdict_is(judged("a", IMPORT_ERROR("undefined symbol: x"), "", 0, false), "error",
               "ImportError: undefined symbol: x", "any other import error");
}

static void test_several(void)
{
    json_t *r = judged("a b=/x/b.so c",
                       START BEGIN(0) END(0, false) BEGIN(1)
                           FAIL(1, "\"type\": \"X\", \"error\": \"\"") BEGIN(2) END(2, true) DONE,
                       LOADING("c"), 0, false);
    is_str(at(r, "at"), "b", "the first that failed, by its name");
    ok(json_real_value(json_object_get(r, "seconds")) == 1.5, "the time of all");
    is_int((long long)json_array_size(json_object_get(r, "imports")), 3, "each import");
    culprits_are(r, "c", "the culprit among them");
    json_decref(r);
    r = judged("a b", START BEGIN(0) END(0, false) BEGIN(1), "", SIGABRT, false);
    is_str(at(r, "at"), "b", "where it crashed");
    ok(json_is_null(json_object_get(r, "gil")), "what the GIL did is not known then");
    json_decref(r);
}

/* A row with the extension `a` of distribution Dist-A, and what was said and seen of it. */
static json_t *row_with(const char *answer, bool on, const char *verdict)
{
    json_t *ext = json_pack("{s:s, s:s, s:s, s:b, s:[], s:n, s:{s:s}}", "module", "pkg.a", "file",
                            "/nowhere/a.so", "verdict", verdict, "gil", on, "culprits", "why",
                            "static", "answer", answer);
    if (on)
        json_array_append_new(json_object_get(ext, "culprits"),
                              json_pack("{s:s, s:n}", "module", "pkg.a", "file"));
    json_t *row =
        json_pack("{s:s, s:b, s:[o]}", "library", "Dist_A", "distribution", 1, "extensions", ext);
    json_t *rows = json_pack("[O]", row);
    audit_row_conclude(row, rows, NULL);
    json_decref(rows);
    return row;
}

static size_t contradictions(const char *answer, bool on, const char *verdict)
{
    json_t *row = row_with(answer, on, verdict);
    size_t n = json_array_size(json_object_get(row, "contradictions"));
    json_decref(row);
    return n;
}

static void test_contradictions(void)
{
    is_int((long long)contradictions("declares", true, "on"), 1, "declared, and yet the culprit");
    is_int((long long)contradictions("does not declare", false, "off"), 1,
           "undeclared, and yet off");
    is_int((long long)contradictions("declares", false, "off"), 0, "declared, and off");
    is_int((long long)contradictions("does not declare", true, "on"), 0, "undeclared, and on");
    is_int((long long)contradictions("cannot tell", true, "on"), 0,
           "what cannot tell contradicts nothing");
    is_int((long long)contradictions("does not declare", false, "crashed"), 0,
           "what crashed says nothing about it");
}

/* What it counts for when `name` is allowed. */
static void counts_is(json_t *row, const char *name, const char *expected, const char *what)
{
    autostrv allow = {0}, used = {0};
    strv_add(&allow, name);
    const char *counts = audit_row_counts(row, &allow, &used);
    is_str(counts, expected, what);
    ok(!str_eq(counts, "allowed") || used.n == 1, "  what is allowed is counted as used");
    json_decref(row);
}

static void test_allowed(void)
{
    counts_is(row_with("", false, "off"), "x", NULL, "all is well");
    counts_is(row_with("", true, "on"), "dist-a", "allowed",
              "a distribution, as the index spells it");
    counts_is(row_with("", true, "on"), "pkg.a", "allowed", "the module that is the culprit");
    counts_is(row_with("", true, "on"), "pkg", "allowed", "the package that it is in");
    counts_is(row_with("", true, "on"), "pk", "on", "not the beginning of a name");
    counts_is(row_with("", true, "on"), "pkg.a.b", "on", "not a module below it");
    counts_is(row_with("", false, "crashed"), "pkg.a", "allowed", "one that crashes");
    counts_is(row_with("", false, "crashed"), "other", "failed", "not another one");
    json_t *both = row_with("", true, "on");
    json_array_append_new(json_object_get(both, "extensions"),
                          json_pack("{s:s, s:s}", "module", "pkg.b", "verdict", "crashed"));
    json_incref(both);
    json_incref(both);
    counts_is(both, "pkg.a", "failed", "a culprit that is allowed does not hide another's crash");
    counts_is(both, "pkg.b", "on", "nor the other way round");
    counts_is(both, "pkg", "allowed", "unless both are");
}

int main(void)
{
    test_contradictions();
    test_allowed();
    test_culprits();
    test_endings();
    test_errors();
    test_several();
    return tap_done();
}
