/* Each of the 120 headers that configure looks for costs it a compilation, one after the other,
 * while the other CPUs have nothing to do yet; so does each size of a type. Here the same small
 * files are compiled by one compiler a CPU, and one program tells all sizes.
 *
 * As in build_probe.c, only what configure would find itself is told: each file holds what autoconf
 * 2.71 puts into it (AC_CHECK_HEADERS and AC_CHECK_SIZEOF with their default includes), and an
 * object file is the proof that it could be compiled. A header that is missing is left to
 * configure. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "core/build_stage.h"

enum { PROBE_SECONDS = 20, PROBE_OUTPUT = 1 << 16, MOST_COMPILERS = 8 };

/* What configure includes before anything else, on a system that has all of it; else no file here
 * can be compiled, and nothing is told. */
static const char default_includes[] =
    "#define _GNU_SOURCE 1\n"
    "#include <stddef.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
    "#include <inttypes.h>\n#include <stdint.h>\n#include <strings.h>\n#include <sys/types.h>\n"
    "#include <sys/stat.h>\n#include <unistd.h>\n";

/* The text between `at` and the next quote, owned; *after is behind that quote. */
static char *quoted(const char *at, const char **after)
{
    size_t n = strcspn(at, "\"\n");
    *after = at + n + (at[n] == '"');
    return xstrndup(at, n);
}

/* Calls of one of autoconf's shell functions with the default includes and nothing else:
 * `call` WHAT `middle` "VARIABLE" "$ac_includes_default". Each variable once, WHAT beside it. */
static void find_calls(const char *configure, const char *call, const char *middle,
                       const char *variable_prefix, struct strv *what, struct strv *variables)
{
    for (const char *at = configure; (at = strstr(at, call));) {
        at += strlen(call);
        const char *end = strstr(at, middle), *rest;
        size_t line = strcspn(at, "\n");
        if (!end || (size_t)(end - at) > line)
            continue;
        autofree char *name = xstrndup(at, (size_t)(end - at));
        autofree char *variable = quoted(end + strlen(middle), &rest);
        rest += strspn(rest, " ");
        if (str_starts(variable, variable_prefix) && !strpbrk(name, "\"$`\\") &&
            !strpbrk(variable, "$`\\ ") && str_starts(rest, "\"$ac_includes_default\"\n") &&
            !strv_has(variables, variable)) {
            strv_add(what, name);
            strv_add(variables, variable);
        }
    }
}

void probe_header_names(const char *configure, struct strv *headers, struct strv *variables)
{
    find_calls(configure, "ac_fn_c_check_header_compile \"$LINENO\" \"", "\" \"", "ac_cv_header_",
               headers, variables);
}

void probe_size_names(const char *configure, struct strv *types, struct strv *variables)
{
    find_calls(configure, "ac_fn_c_compute_int \"$LINENO\" \"(long int) (sizeof (", "))\" \"",
               "ac_cv_sizeof_", types, variables);
}

/* ---- Headers ---- */

static int write_header_tests(const char *dir, const struct strv *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        autofree char *path = xasprintf("%s/h%zu.c", dir, i);
        autofree char *text = xasprintf("%s#include <%s>\n", default_includes, headers->v[i]);
        autofd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || fs_write_all(fd, text, strlen(text)) < 0)
            return fail_errno(E_FAILED, "cannot write %s", path);
    }
    return 0;
}

/* Every n-th file from the k-th, all in one call: gcc and clang go on after one that fails. */
static int start_compiler(const struct pipeline *p, const char *dir, size_t k, size_t n,
                          size_t files, struct proc *proc)
{
    autostrv argv = {0};
    probe_compiler(p, &argv);
    strv_split(&argv, "-O0 -g0 -fno-lto -c");
    for (size_t i = k; i < files; i += n)
        strv_addf(&argv, "h%zu.c", i);
    struct proc_opts o = PROC_OPTS_INIT;
    o.cwd = dir;
    o.env = &p->env;
    return proc_spawn(proc, &argv, &o);
}

static int compile_headers(const struct pipeline *p, const char *dir, size_t files)
{
    size_t n = p->opts->jobs < 1                ? 1
               : p->opts->jobs > MOST_COMPILERS ? MOST_COMPILERS
                                                : (size_t)p->opts->jobs;
    struct proc procs[MOST_COMPILERS] = {PROC_INIT};
    int rc = 0, status;
    for (size_t k = 0; k < n && rc == 0; k++)
        rc = start_compiler(p, dir, k, n, files, &procs[k]);
    for (size_t k = 0; k < n; k++) {
        int waited = procs[k].pid ? proc_wait(&procs[k], PROBE_SECONDS, &status) : 0;
        if (waited == E_SIGNAL)
            rc = waited;
    }
    if (rc < 0 && rc != E_SIGNAL) {
        err_clear(); /* configure will say what is wrong with this compiler */
        rc = 0;
    }
    return rc;
}

static int tell_headers(const struct pipeline *p, const char *dir, const char *configure,
                        struct str *cache)
{
    autostrv headers = {0}, variables = {0};
    probe_header_names(configure, &headers, &variables);
    int rc = write_header_tests(dir, &headers);
    if (rc == 0)
        rc = compile_headers(p, dir, headers.n);
    for (size_t i = 0; rc == 0 && i < headers.n; i++) {
        autofree char *object = xasprintf("%s/h%zu.o", dir, i);
        if (fs_exists(object))
            str_addf(cache, "%s=${%s=yes}\n", variables.v[i], variables.v[i]);
    }
    return rc;
}

/* ---- Sizes ---- */

/* Where pointers have 64 bits no switch for large files or times changes a size; elsewhere
 * configure may set one first. */
static char *size_program(const struct strv *types, const struct strv *variables)
{
    struct str text = {0};
    str_addf(&text, "%sint main(void)\n{\n  if (sizeof(void *) != 8) return 1;\n",
             default_includes);
    for (size_t i = 0; i < types->n; i++)
        str_addf(&text, "  printf(\"%s=${%s=%%d}\\n\", (int)sizeof(%s));\n", variables->v[i],
                 variables->v[i], types->v[i]);
    str_add(&text, "  return fflush(stdout) != 0;\n}\n");
    return str_take(&text);
}

static int run_program(const struct pipeline *p, const char *dir, const struct strv *argv,
                       char **output, bool *went_well)
{
    struct proc_opts o = PROC_OPTS_INIT;
    o.cwd = dir;
    o.env = &p->env;
    int status = 0;
    int rc = proc_capture(argv, &o, PROBE_SECONDS, PROBE_OUTPUT, output, &status);
    *went_well = rc == 0 && proc_ok(status);
    if (rc == E_SIGNAL)
        return rc;
    if (rc < 0)
        err_clear();
    return 0;
}

static int tell_sizes(const struct pipeline *p, const char *dir, const char *configure,
                      struct str *cache)
{
    autostrv types = {0}, variables = {0}, compile = {0}, run = {0};
    probe_size_names(configure, &types, &variables);
    autofree char *path = path_join(dir, "sizes.c"), *text = size_program(&types, &variables);
    autofree char *said = NULL, *sizes = NULL;
    bool went_well = false;
    int rc = fs_write_atomic(path, text, strlen(text), 0644);
    if (rc < 0)
        return rc;
    probe_compiler(p, &compile);
    strv_split(&compile, "-O0 -o sizes sizes.c");
    const char *ldflags = env_get(&p->env, "LDFLAGS");
    strv_split(&compile, ldflags ? ldflags : "");
    strv_add(&run, "./sizes");
    rc = run_program(p, dir, &compile, &said, &went_well);
    if (rc == 0 && went_well)
        rc = run_program(p, dir, &run, &sizes, &went_well);
    if (rc == 0 && went_well && sizes)
        str_add(cache, sizes);
    return rc;
}

int probe_headers(const struct pipeline *p, struct str *cache)
{
    if (!probe_knows_the_options(p))
        return 0;
    autofree char *path = path_join(p->dir, "configure"), *configure = NULL;
    autofree char *dir = path_join(p->dir, "ungil-probe.d");
    int rc = fs_read_text(path, &configure);
    if (rc < 0)
        return rc == E_NOTFOUND ? 0 : rc;
    rc = fs_remove_tree(dir); /* an object that a killed run left is no proof */
    if (rc == 0)
        rc = fs_mkdirs(dir, 0755);
    if (rc == 0)
        rc = tell_headers(p, dir, configure, cache);
    if (rc == 0)
        rc = tell_sizes(p, dir, configure, cache);
    int removed = fs_remove_tree(dir);
    return rc < 0 ? rc : removed;
}
