/* A requirements file, installed by pip into a virtual environment that is thrown away. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "core/audit.h"
#include "core/audit_target.h"
#include "core/progress.h"

extern char **environ;

static const double pip_seconds = 3600;      /* it may have to compile */
static const size_t output_limit = 8u << 20; /* bytes */

/* The caller's own settings for pip hold, but for where it installs. */
static void pip_environment(struct strv *env)
{
    static const char *const own[] = {
        "PIP_TARGET=", "PIP_PREFIX=", "PIP_USER=", "PIP_ROOT=", "PIP_REQUIRE_VIRTUALENV=",
        "PIP_PYTHON=", "PIP_DRY_RUN="};
    proc_clean_environment(env);
    for (char **e = environ; *e; e++) {
        bool keep = str_starts(*e, "PIP_");
        for (size_t i = 0; i < lengthof(own); i++)
            keep = keep && !str_starts(*e, own[i]);
        if (keep)
            strv_add(env, *e);
    }
}

static int call(const struct strv *argv, char **said, int *status)
{
    autostrv env = {0};
    pip_environment(&env);
    struct proc_opts opts = PROC_OPTS_INIT; /* in ungil's own directory: paths are relative to it */
    opts.env = &env;
    return proc_capture(argv, &opts, pip_seconds, output_limit, said, status);
}

/* "      RuntimeError: text", from a program that pip ran: the exception's line. */
static bool is_exception(const char *line, size_t n)
{
    size_t word = strcspn(line, ": \n");
    return word < n && line[word] == ':' && word > 5 &&
           (strncmp(line + word - 5, "Error", 5) == 0 ||
            (word > 9 && strncmp(line + word - 9, "Exception", 9) == 0));
}

/* The lines that say why: pip's own ERROR lines and the exception behind them, else the last one.
 * Owned. */
static char *reason(const char *said)
{
    autostr text = {0};
    const char *last = "", *exception = NULL;
    for (const char *line = said; *line;) {
        size_t n = strcspn(line, "\n");
        if (n > strspn(line, " \t"))
            last = line;
        size_t indent = strspn(line, " \t");
        if (n > indent && is_exception(line + indent, n - indent))
            exception = line + indent;
        if (str_starts(line, "ERROR: ") && text.len < 600) {
            str_add(&text, text.len ? "; " : "");
            str_addn(&text, line + 7, n - 7 < 300 ? n - 7 : 300);
        }
        line += n + (line[n] == '\n');
    }
    if (exception) {
        size_t n = strcspn(exception, "\n");
        str_add(&text, text.len ? "; " : "");
        str_addn(&text, exception, n < 300 ? n : 300);
    }
    if (!text.len)
        str_addn(&text, last, strcspn(last, "\n"));
    return str_take(&text);
}

static const char *advice(const char *said)
{
    static const char *const words[][2] = {
        {"No module named pip",
         "install it with \"NAME -m ensurepip\" (ungil exec NAME -- python -m ensurepip)"},
        {"Connection", "no index can be reached: --index-url URL names a mirror, --find-links DIR "
                       "--no-index takes wheels from a directory"},
        {"Name or service not known", "no index can be reached: --index-url URL names a mirror, "
                                      "--find-links DIR --no-index takes wheels from a directory"},
        {"recursive", "the requirements files name each other in a circle: take one of the \"-r\" "
                      "lines out"},
        {"Failed to build", "it must be built and cannot: \"--only-binary :all:\" as "
                            "a line of the requirements takes only what is built already"},
        {"subprocess-exited-with-error", "it must be built and cannot: \"--only-binary :all:\" "
                                         "as a line of the requirements takes only what is built"},
        {"No matching distribution",
         "nothing there fits this interpreter: --index-url or --find-links may name another place; "
         "a wheel for the GIL build does not count"},
        {"ResolutionImpossible", "the versions asked for exclude each other"},
    };
    for (size_t i = 0; i < lengthof(words); i++)
        if (strstr(said, words[i][0]))
            return words[i][1];
    return "run \"PYTHON -m pip install -r FILE\" in a virtual environment to see all of it";
}

static int install(struct audit_place *p, const struct audit_opts *opts)
{
    autostrv argv = {0};
    autofree char *said = NULL;
    int status = 0;
    strv_take(&argv, path_absolute(opts->python));
    strv_split(&argv, "-I -B -m pip");
    strv_addf(&argv, "--python=%s/bin/python", p->scratch);
    strv_split(&argv, "install --no-input --disable-pip-version-check --progress-bar=off -r");
    strv_add(&argv, p->label);
    strv_addv(&argv, opts->pip);
    int rc = call(&argv, &said, &status);
    if (rc < 0)
        return rc;
    if (proc_ok(status))
        return 0;
    autofree char *why = reason(said);
    rc = fail(E_FAILED, "%s cannot be installed: pip says: %s", p->label, why);
    return err_hint(rc, "%s", advice(said));
}

int audit_pip(struct audit_place *p, const struct audit_opts *opts)
{
    int status = 0, rc = audit_scratch(&p->scratch, &p->lock);
    if (rc < 0)
        return rc;
    autofree char *said = NULL;
    autostrv argv = {0};
    progress_stage(opts->limits.progress, opts->limits.who, "pip install", 0);
    strv_take(&argv, path_absolute(opts->python));
    strv_split(&argv, "-I -B -m venv --without-pip");
    strv_add(&argv, p->scratch);
    rc = call(&argv, &said, &status);
    if (rc == 0 && !proc_ok(status)) {
        autofree char *why = reason(said);
        rc = fail(E_FAILED, "no virtual environment can be made with %s: %s", opts->python, why);
    }
    return rc < 0 ? rc : install(p, opts);
}
