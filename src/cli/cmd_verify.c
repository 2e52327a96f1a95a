/* ungil verify [NAME]...: is it what its name says? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/junit.h"
#include "cli/progress.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/dirs.h"
#include "core/manifest.h"
#include "core/progress.h"
#include "core/receipt.h"
#include "core/recipe.h"
#include "core/release.h"
#include "core/text_json.h"
#include "core/verify.h"
#include "core/verify_checks.h"
#include "core/verify_receipt.h"

/* --files, --import ("numpy,pandas"), --check ("gil-off,module"), --junit FILE, --timeout SECONDS
 */
static bool files;
static const char *to_import, *to_check, *junit;
static double timeout;
static struct strv only; /* the words of --check */

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"files", 0, OPT_FLAG, &files, NULL,
                              "Compare the installed files with the manifest instead of running "
                              "the interpreter."});
    opt_add(set, (struct opt){"import", 0, OPT_STRING, &to_import, "MODULE[,MODULE]...",
                              "Import these as well, each alone, and fail if one switches the GIL "
                              "on. A MODULE with a slash is the path of an extension module."});
    opt_add(set, (struct opt){"check", 0, OPT_STRING, &to_check, "CHECK[,CHECK]...",
                              "Only these, by the names that the report uses; \"module\" means "
                              "all that are called \"module:...\". The verdict is then \"passed\" "
                              "at best."});
    opt_add(set, (struct opt){"junit", 0, OPT_STRING, &junit, "FILE",
                              "Write the result as JUnit XML, which CI systems read, too."});
    opt_add(set, (struct opt){"timeout", 0, OPT_SECONDS, &timeout, "SECONDS",
                              "End each of the programs after this time; its checks fail then. "
                              "600 without this option."});
    opt_add_root(set);
    opt_add_json(set);
}

/* What the run has found out so far. */
struct findings {
    json_t *report;  /* one object for each interpreter */
    struct strv bad; /* their names and checks, for the error message */
    int status;      /* the worst: 0, E_FAILED, E_UNPROVEN */
};

static void worsen(struct findings *f, int status)
{
    if (f->status == 0 || status == E_UNPROVEN)
        f->status = status;
}

/* A value as text, owned; NULL when there is none. */
static char *value_text(json_t *value)
{
    if (!value || json_is_null(value))
        return NULL;
    return json_is_string(value) && *json_string_value(value)
               ? xstrdup(json_string_value(value))
               : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

enum { NAME_WIDTH = 23, INDENT = 8 };

/* Columns of a line: the terminal's, within what can be read well. */
static int line_width(void)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col == 0)
        return 96;
    return w.ws_col < 60 ? 60 : w.ws_col > 100 ? 100 : w.ws_col;
}

/* Columns that a text takes: UTF-8, by code point. */
static int columns(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

/* "LABEL TEXT" below a check, broken between words so that it fits. */
static void print_note(const char *label, const char *text)
{
    autostrv words = {0};
    int width = line_width(), column = printf("%*s%s", INDENT, "", label);
    strv_split(&words, text);
    for (size_t i = 0; i < words.n; i++) {
        if (column + 1 + columns(words.v[i]) > width && column > INDENT + 2)
            column = printf("\n%*s", INDENT + 1, "") - 1;
        printf(" %s", words.v[i]);
        column += 1 + columns(words.v[i]);
    }
    printf("\n");
}

static void print_seen(const char *text)
{
    int room = line_width() - INDENT - NAME_WIDTH - 2, n = columns(text) > room ? room - 3 : room;
    const char *end = text;
    while (*end && (n > 0 || (*end & 0xc0) == 0x80))
        n -= (*end++ & 0xc0) != 0x80 ? 1 : 0;
    printf("  %.*s%s\n", (int)(end - text), text, *end ? "..." : "");
}

static void print_check(json_t *check)
{
    const char *said = json_string_value(json_object_get(check, "verdict"));
    const char *why = json_string_value(json_object_get(check, "why"));
    const char *reason = json_string_value(json_object_get(check, "reason"));
    autofree char *seen = value_text(json_object_get(check, "seen"));
    autofree char *expected = value_text(json_object_get(check, "expected"));
    bool passed = str_eq(said, "pass"), skipped = str_eq(said, "skip");
    const char *mark = passed || skipped ? said : str_eq(said, "inconclusive") ? "open" : "FAIL";
    bool full = common.verbose || (!passed && !skipped);
    bool short_skip = skipped && !seen && reason && !full;
    printf("  %-4s  %-*s", mark, NAME_WIDTH, json_string_value(json_object_get(check, "check")));
    print_seen(short_skip ? reason : seen ? seen : "-");
    if (expected && full)
        print_note("expected:", expected);
    if (reason && !short_skip)
        print_note("reason:", reason);
    if (why && full)
        print_note("why it matters:", why);
}

static void print_checks(const char *name, json_t *result)
{
    json_t *checks = json_object_get(result, "checks"), *check;
    printf("%s: %s (%zu checks, %.1f s)\n", name,
           json_string_value(json_object_get(result, "verdict")), json_array_size(checks),
           json_number_value(json_object_get(result, "seconds")));
    size_t i;
    json_array_foreach(checks, i, check) print_check(check);
}

static void note_failures(struct findings *f, const char *name, json_t *result,
                          enum verdict verdict)
{
    if (verdict < VERDICT_FAILED)
        return;
    autofree char *what = verify_failed(result);
    strv_addf(&f->bad, "%s %s: %s", name,
              verdict == VERDICT_UNPROVEN ? "is not proven free-threaded"
                                          : "is not as it should be",
              what);
    worsen(f, verdict == VERDICT_UNPROVEN ? E_UNPROVEN : E_FAILED);
}

static int verify_one(struct findings *f, const char *name, struct verify_opts *v)
{
    autostrv import = {0}, words = {0};
    strv_split_commas(&words, to_import);
    for (size_t i = 0; i < words.n; i++)
        strv_take(&import,
                  strchr(words.v[i], '/') ? path_absolute(words.v[i]) : xstrdup(words.v[i]));
    v->import = &import;
    v->only = &only;
    v->seconds = timeout;
    v->who = name;
    v->progress = progress_display_begin();
    progress_stage(v->progress, name, "verify", 0);
    json_t *result = NULL;
    enum verdict verdict;
    int rc = verify_run(v, &result, &verdict);
    if (rc == 0)
        progress_done(v->progress, name, "verify",
                      json_number_value(json_object_get(result, "seconds")));
    progress_display_end();
    if (rc < 0)
        return rc;
    if (!common.json)
        print_checks(name, result);
    note_failures(f, name, result, verdict);
    json_object_set_new(result, "name", text_json(name));
    json_array_append_new(f->report, result);
    return 0;
}

/* An interpreter that ungil did not install: its name says what it must be, or else itself. */
static int verify_path(struct findings *f, const char *path)
{
    if (fs_is_dir(path) || !fs_exists(path))
        return err_hint(fail(E_USAGE, "%s is not an interpreter", path),
                        "give a NAME that \"ungil list\" shows, or the path of a python program");
    autofree char *python = path_absolute(path);
    autofree char *flags = verify_flags(python);
    struct verify_opts v = {.python = python, .free_threaded = *flags == 't', .abiflags = flags};
    return verify_one(f, path, &v);
}

static int verify_installed(struct findings *f, const struct store *s, const struct receipt *r)
{
    autofree char *prefix = store_prefix(s, r->name), *sibling = store_prefix(s, r->release);
    autofree char *builds = dirs_cache("build");
    autofree char *stage = path_join(s->root, "stage");
    struct verify_question q;
    verify_question_of(r, prefix, sibling, &q);
    strv_add(&q.stale, builds);
    strv_add(&q.stale, stage);
    int rc = verify_one(f, r->name, &q.opts);
    verify_question_free(&q);
    return rc;
}

static void print_paths(const char *what, const struct strv *paths)
{
    for (size_t i = 0; i < paths->n; i++)
        printf("  %-8s  %s\n", what, paths->v[i]);
}

static int check_files(struct findings *f, const struct store *s, const struct receipt *r)
{
    autofree char *prefix = store_prefix(s, r->name);
    struct manifest_report m = {0};
    int rc = manifest_check(prefix, &m);
    if (rc < 0)
        return rc;
    size_t wrong = m.changed.n + m.missing.n + m.extra.n;
    if (!common.json) {
        printf("%s: %zu files, %s\n", r->name, m.checked,
               wrong ? "not as they were installed" : "as they were installed");
        print_paths("changed", &m.changed);
        print_paths("missing", &m.missing);
        print_paths("extra", &m.extra);
    }
    if (wrong) {
        strv_addf(&f->bad, "%s: %zu files changed, %zu missing, %zu extra", r->name, m.changed.n,
                  m.missing.n, m.extra.n);
        worsen(f, E_FAILED);
    }
    json_array_append_new(f->report,
                          json_pack("{s:s, s:s, s:i, s:o, s:o, s:o}", "name", r->name, "verdict",
                                    wrong ? "changed" : "intact", "files", (int)m.checked,
                                    "changed", texts_json(&m.changed), "missing",
                                    texts_json(&m.missing), "extra", texts_json(&m.extra)));
    manifest_report_free(&m);
    return 0;
}

static int handle(struct findings *f, const struct store *s, const struct receipt *r)
{
    return files ? check_files(f, s, r) : verify_installed(f, s, r);
}

static int verify_all(struct findings *f, const struct store *s)
{
    struct receipt **list = NULL;
    size_t n = 0;
    int rc = store_list(s, &list, &n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = handle(f, s, list[i]);
    if (rc == 0 && n == 0) /* who asks for a proof must not take this for one */
        rc = err_hint(fail(E_FAILED, "nothing is installed in %s", s->root),
                      "--root DIR or UNGIL_ROOT names another root");
    store_list_free(list, n);
    return rc;
}

static int verify_operand(struct findings *f, const struct store *s, const char *operand)
{
    if (strchr(operand, '/') && !files)
        return verify_path(f, operand);
    struct receipt *r = NULL;
    int rc = store_find(s, operand, &r);
    if (rc == 0)
        rc = handle(f, s, r);
    receipt_free(r);
    return rc;
}

static int conclude(struct findings *f)
{
    int written = junit ? junit_write(junit, f->report) : 0;
    if (common.json) {
        int rc = print_json(json_pack("{s:i, s:O}", "format", 1, "verified", f->report));
        if (rc < 0)
            return rc;
    }
    if (written < 0)
        return written;
    autofree char *what = strv_join(&f->bad, "\n");
    return f->status < 0 ? fail((enum err)f->status, "%s", what) : 0;
}

static int run(const struct strv *operands)
{
    autostore s;
    root_open(&s);
    struct findings f = {.report = json_array()};
    strv_split_commas(&only, to_check);
    int rc = verify_check_names(&only);
    if (rc == 0 && operands->n == 0)
        rc = verify_all(&f, &s);
    for (size_t i = 0; rc == 0 && i < operands->n; i++)
        rc = verify_operand(&f, &s, operands->v[i]);
    if (rc == 0)
        rc = conclude(&f);
    json_decref(f.report);
    strv_free(&f.bad);
    strv_free(&only);
    return rc;
}

const struct verb cmd_verify = {
    .name = "verify",
    .usage = "verify [OPTION]... [NAME|PYTHON]...",
    .summary = "Prove that an interpreter is what its name says",
    .description =
        "Runs small programs on each NAME (all that are installed, without one) or on the "
        "interpreter PYTHON, a path, whoever installed it. Nothing is written into its prefix. Of "
        "each check it tells what was seen; unless it passed, also what was expected, the reason, "
        "and why it matters (with -v for all of them). What an older series does not have, or "
        "this machine cannot try, is skipped, with the reason.\n\n"
        "gil-off, gil-on, gil-flag, gil-option: the GIL's state right now (only one of the first "
        "two), sys.flags.gil, and what -X gil does. build-flag, abiflags, soabi, abi-info, "
        "version-text, build-details, release, prefix, sysconfig: what it says about itself. "
        "module:NAME: the modules that the recipe requires or wishes for. certificates: ssl finds "
        "this machine's. template-strings, annotationlib, interpreters, jit: what came with 3.14. "
        "stdlib-alone, stdlib-together: every extension module of the standard library imports "
        "and leaves the GIL off, each in a process of its own and all in one. import:NAME: the "
        "same for what --import names.\n\n"
        "extension, trap: two extension modules are compiled with the interpreter's own compiler "
        "and flags; the one that declares Py_mod_gil must leave the GIL off, the other one must "
        "be seen to switch it on. embed-config, embed-pkgconfig: a program that embeds the "
        "interpreter, built with what python-config and pkg-config say, runs. stale-paths: no "
        "file holds a path of the build tree, of the stage, or of the prefix it was configured "
        "for when that is elsewhere; allowed are the interpreter and libpython, which look there "
        "last, ungil.json and ungil.mtree, and what was put into site-packages. venv, pip: a "
        "virtual environment is of the same kind, and so are the wheels its pip looks for. "
        "parallel: threads run at the same time, with the GIL build of the same release as "
        "control; on a machine that is too busy, or has one CPU, it stays open, with the load. "
        "same-interpreter: all answers came from one interpreter.\n\n"
        "The verdict is \"proven\"; \"passed\" when only the checks of --check were run; "
        "\"inconclusive\" when nothing failed but this machine could not show that threads run at "
        "once; \"failed\": exit status 1; or \"unproven\" when a build that should be "
        "free-threaded could not be proven so: exit status 3.\n\n"
        "With --json: format (1), and verified, an object for each interpreter: name, verdict, "
        "python, control, seconds, info, and checks, each with check (its name), expected, seen, "
        "verdict (pass, fail, skip, inconclusive), why (it matters), reason (of another verdict "
        "than pass, or null), proof (whether free-threading is unproven without it), culprits "
        "(module and file, where some switch the GIL on). With --files and --json: name, verdict "
        "(intact, changed), files, changed, missing, extra.\n\n"
        "With --junit: a testsuite for each interpreter, a testcase for each check; skip and "
        "inconclusive are \"skipped\".",
    .run = run,
    .options = options,
};
