/* configure asks for some 230 functions, each with a program of its own that it compiles and links:
 * a third of its time. Here one program asks for all of them. (build_probe_headers.c: for headers.)
 *
 * Only a yes is told to configure, and only one that configure would give itself: the declarations
 * and the call are those of autoconf's AC_CHECK_FUNC, the compiler and its options are those that
 * configure gets, and in the end all functions told are in one program that was linked without an
 * error. Whatever else comes up is left to configure. */
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "core/build_stage.h"
#include "core/recipe.h"

enum { PROBE_SECONDS = 20, PROBE_OUTPUT = 1 << 20 };

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

void probe_names(const char *configure, struct strv *names)
{
    static const char call[] = "ac_fn_c_check_func \"$LINENO\" \"";
    for (const char *at = configure; (at = strstr(at, call));) {
        at += strlen(call);
        size_t n = 0;
        while (is_name(at[n]))
            n++;
        autofree char *name = xstrndup(at, n);
        autofree char *rest = xasprintf("\" \"ac_cv_func_%s\"", name);
        if (n > 0 && str_starts(at + n, rest) && !strv_has(names, name))
            strv_add(names, name);
    }
}

bool probe_mentions(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = text; (at = strstr(at, name)); at += n)
        if ((at == text || !is_name(at[-1])) && !is_name(at[n]))
            return true;
    return false;
}

/* As autoconf 2.71 does it for one function, without its trick for functions that <limits.h>
 * declares: with such a one this does not compile, and nothing is told. A function that the C
 * library has only as a stub, which always fails, is a `#warning`, or an `#error` in the last
 * program. */
static char *program(const struct strv *names, const char *about_stubs)
{
    struct str text = {0};
    str_add(&text, "#include <limits.h>\n");
    for (size_t i = 0; i < names->n; i++) {
        const char *name = names->v[i];
        str_addf(&text,
                 "#undef %s\n#if defined __stub_%s || defined __stub___%s\n"
                 "#%s %s is a stub\n#endif\nchar %s ();\n",
                 name, name, name, about_stubs, name, name);
    }
    str_add(&text, "int main (void)\n{\n  int sum = 0;\n");
    for (size_t i = 0; i < names->n; i++)
        str_addf(&text, "  sum += %s ();\n", names->v[i]);
    str_add(&text, "  return sum;\n}\n");
    return str_take(&text);
}

static void add_words(struct strv *argv, const struct strv *env, const char *name)
{
    const char *value = env_get(env, name);
    strv_split(argv, value ? value : "");
}

void probe_compiler(const struct pipeline *p, struct strv *argv)
{
    const char *cc = env_get(&p->env, "CC");
    autofree char *gcc = fs_find_program("gcc");
    strv_split(argv, cc ? cc : "");
    if (argv->n == 0)
        strv_add(argv, gcc ? "gcc" : "cc"); /* as configure looks for it */
    add_words(argv, &p->env, "CFLAGS");
    add_words(argv, &p->env, "CPPFLAGS");
}

/* Compiles and links the program for `names`; 1 when that went well, 0 when not. `last`: it must
 * be without a flaw; otherwise it may lack functions. `output`: what was said, owned by the caller.
 */
static int try_program(const struct pipeline *p, const struct strv *names, bool last, char **output)
{
    autofree char *source = path_join(p->dir, "ungil-probe.c");
    autofree char *text = program(names, last ? "error" : "warning");
    autofree char *made = path_join(p->dir, "ungil-probe");
    int rc = fs_write_atomic(source, text, strlen(text), 0644);
    if (rc < 0)
        return rc;
    autostrv argv = {0};
    probe_compiler(p, &argv);
    add_words(&argv, &p->env, "LDFLAGS");
    /* A builtin of the compiler is no function of the library. */
    strv_split(&argv, "-O0 -fno-builtin -fno-lto");
    if (!last)
        strv_add(&argv, "-Wl,--warn-unresolved-symbols");
    strv_split(&argv, "-o ungil-probe ungil-probe.c");
    add_words(&argv, &p->env, "LIBS");
    struct proc_opts o = PROC_OPTS_INIT;
    o.cwd = p->dir;
    o.env = &p->env;
    int status = 0;
    rc = proc_capture(&argv, &o, PROBE_SECONDS, PROBE_OUTPUT, output, &status);
    unlink(made);
    if (rc == E_SIGNAL)
        return rc;
    if (rc < 0)
        err_clear(); /* configure will say what is wrong with this compiler */
    return rc == 0 && proc_ok(status);
}

bool probe_knows_the_options(const struct pipeline *p)
{
    const struct strv *lists[] = {&p->opts->preset->configure, &p->build->variant->configure};
    const char *cflags = env_get(&p->env, "CFLAGS"), *cppflags = env_get(&p->env, "CPPFLAGS");
    for (size_t i = 0; i < lengthof(lists); i++)
        for (size_t j = 0; j < lists[i]->n; j++)
            if (lists[i]->v[j][0] != '-' || str_starts(lists[i]->v[j], "--host"))
                return false;
    return !(cflags && strstr(cflags, "-Werror")) && !(cppflags && strstr(cppflags, "-Werror"));
}

int probe_functions(const struct pipeline *p, struct str *cache)
{
    if (!probe_knows_the_options(p))
        return 0;
    autofree char *path = path_join(p->dir, "configure"), *configure = NULL;
    autostrv asked = {0}, found = {0};
    autofree char *said = NULL, *last = NULL;
    int rc = fs_read_text(path, &configure);
    if (rc < 0)
        return rc == E_NOTFOUND ? 0 : rc;
    probe_names(configure, &asked);
    if (asked.n == 0)
        return 0;
    rc = try_program(p, &asked, false, &said);
    for (size_t i = 0; rc == 1 && i < asked.n; i++)
        if (!probe_mentions(said, asked.v[i]))
            strv_add(&found, asked.v[i]);
    if (rc == 1)
        rc = try_program(p, &found, true, &last);
    for (size_t i = 0; rc == 1 && i < found.n; i++)
        str_addf(cache, "ac_cv_func_%s=${ac_cv_func_%s=yes}\n", found.v[i], found.v[i]);
    return rc < 0 ? rc : 0;
}
