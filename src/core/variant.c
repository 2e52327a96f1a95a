#include "core/variant.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "core/distro.h"
#include "core/need.h"
#include "core/plan.h"
#include "core/recipe.h"

enum { VERSION_SECONDS = 20, VERSION_OUTPUT = 4096 };

/* Who says what the compiler must be; NULL: nobody does. */
static const struct tools *who_names_cc(const struct variant *v, const struct preset *preset)
{
    if (v->tools.compiler)
        return &v->tools;
    return preset->tools.compiler ? &preset->tools : NULL;
}

char *variant_cc(const struct variant *v, const struct preset *preset)
{
    const char *own = plan_getenv("CC");
    const struct tools *tools = who_names_cc(v, preset);
    if (own || !tools)
        return own ? xstrdup(own) : NULL;
    struct need need;
    need_parse(tools->compiler, &need);
    autostrv paths = {0};
    need_find(&need, &paths);
    need_free(&need);
    /* The name: configure, too, looks in PATH, and so does who builds extensions elsewhere. */
    return paths.n ? xstrdup(path_base(paths.v[0])) : NULL;
}

/* True when such a program is here under a name with that version. *version -1: with any, that of
 * the first one found, which is stored. */
static bool is_here(const char *word, int *version)
{
    struct need need;
    autostrv paths = {0};
    bool here = false;
    need_parse(word, &need);
    need_find(&need, &paths);
    if (*version < 0 && paths.n)
        *version = need_named_version(&need, paths.v[0]);
    for (size_t i = 0; i < paths.n && *version >= 0; i++)
        here |= need_named_version(&need, paths.v[i]) == *version;
    need_free(&need);
    return here;
}

bool tools_are_here(const struct tools *tools)
{
    const char *first = tools_first(tools);
    int version = -1;
    bool all = first && is_here(first, &version);
    for (size_t i = 0; i < tools->needs.n; i++)
        all = all && is_here(tools->needs.v[i], &version);
    return all;
}

/* ---- Is it all here? ---- */

static char *who(const struct plan *plan, const struct variant *v)
{
    return xasprintf("%s%s", plan->recipe->series, v->suffix);
}

static int add_command(int rc, const struct tools *tools)
{
    autofree char *command = distro_install_packages(&tools->packages);
    if (command)
        return err_hint(rc, "install it with \"%s\", then run the same command again", command);
    return err_hint(rc, "install it with this system's package manager, then run the same command "
                        "again");
}

/* What `command --version` prints; owned, "" when it cannot be run. E_SIGNAL. */
static int ask_version(const char *command, char **printed)
{
    autostrv argv = {0}, env = {0};
    strv_split(&argv, command);
    strv_add(&argv, "--version");
    proc_clean_environment(&env);
    struct proc_opts o = PROC_OPTS_INIT;
    o.env = &env;
    int status = 0, rc = proc_capture(&argv, &o, VERSION_SECONDS, VERSION_OUTPUT, printed, &status);
    if (rc == E_SIGNAL)
        return rc;
    if (rc < 0 || !*printed) {
        err_clear();
        free(*printed);
        *printed = xstrdup("");
    }
    return 0;
}

/* A program that meets the need, one of the first `most`: a name may be there and be no more than a
 * shim that fails. *path is NULL when there is none, `why` then what is wrong with the first; both
 * owned. E_SIGNAL. */
static int find_program(const struct need *need, size_t most, char **path, char **why)
{
    autostrv paths = {0};
    need_find(need, &paths);
    *path = *why = NULL;
    for (size_t i = 0; i < paths.n && i < most; i++) {
        autofree char *printed = NULL, *seen = NULL;
        int rc = ask_version(paths.v[i], &printed);
        if (rc < 0)
            return rc;
        if (need_is_met(need, printed, &seen)) {
            str_set(path, xstrdup(paths.v[i]));
            return 0;
        }
        if (!*why)
            *why = xasprintf("but %s %s%s", paths.v[i], seen ? "is " : "does not say its version",
                             seen ? seen : "");
    }
    if (!*why)
        *why = xstrdup("which is not in PATH");
    return 0;
}

static int check_program(const char *name, const struct tools *tools, const struct need *need,
                         size_t most)
{
    autofree char *wanted = need_text(need), *path = NULL, *why = NULL;
    int rc = find_program(need, most, &path, &why);
    if (rc < 0 || path)
        return rc;
    return add_command(fail(E_BUILD, "%s is built with %s, %s", name, wanted, why), tools);
}

/* The caller's CC is heard where it can do what the variant needs; another one is not replaced in
 * silence. */
static int check_own_cc(const char *name, const struct need *need, const char *cc)
{
    autofree char *wanted = need_text(need);
    autofree char *printed = NULL, *seen = NULL;
    int rc = ask_version(cc, &printed);
    if (rc < 0 || need_is_met(need, printed, &seen))
        return rc;
    autofree char *line = xstrndup(printed, strcspn(printed, "\n"));
    rc = fail(E_BUILD, "%s is built with %s, but CC in the environment is \"%s\"%s%s", name, wanted,
              cc, *line ? ": " : "", line);
    return err_hint(rc, "unset CC: %s is then looked for in PATH", wanted);
}

static int check_one(const char *name, const struct tools *tools, const char *word, const char *cc)
{
    struct need need;
    need_parse(word, &need);
    /* The compiler is the first by its name, see variant_cc; of other programs, one that works. */
    size_t most = word == tools->compiler ? 1 : SIZE_MAX;
    int rc = cc ? check_own_cc(name, &need, cc) : check_program(name, tools, &need, most);
    need_free(&need);
    return rc;
}

static int check_tools(const char *name, const struct tools *tools, bool compiler)
{
    int rc = 0;
    if (compiler && tools->compiler)
        rc = check_one(name, tools, tools->compiler, plan_getenv("CC"));
    for (size_t k = 0; rc == 0 && k < tools->needs.n; k++)
        rc = check_one(name, tools, tools->needs.v[k], NULL);
    return rc;
}

/* The last of such words counts, as configure reads them. */
static const char *jit_word(const struct strv *words)
{
    const char *word = NULL;
    for (size_t i = 0; i < words->n; i++)
        if (str_starts(words->v[i], "--enable-experimental-jit"))
            word = words->v[i];
    return word && !str_ends(word, "=no") ? word : NULL;
}

/* 3.14's configure refuses it, after a while; the others build a JIT that is never used. */
static int check_jit(const struct plan *plan, const struct variant *v)
{
    autostrv words = {0};
    strv_addv(&words, &plan->preset->configure);
    strv_addv(&words, &v->configure);
    const char *jit = jit_word(&words);
    if (!jit || !strv_has(&words, "--disable-gil"))
        return 0;
    autofree char *name = who(plan, v);
    int rc =
        fail(E_USAGE, "%s: %s and --disable-gil exclude each other: CPython's JIT needs the GIL",
             name, jit);
    return err_hint(rc, "leave out one of them in %s, [variant %s] or [preset %s]",
                    plan->recipe->file, v->id, plan->preset->id);
}

int variant_check(const struct plan *plan)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < plan->n_variants; i++) {
        const struct variant *v = plan->variants[i];
        autofree char *name = who(plan, v);
        autofree char *both = xasprintf("%s, preset %s,", name, plan->preset->id);
        rc = check_jit(plan, v);
        if (rc == 0)
            rc = check_tools(name, &v->tools, true);
        if (rc == 0)
            rc = check_tools(both, &plan->preset->tools, !v->tools.compiler);
    }
    return rc;
}

/* ---- The environment ---- */

static char *name_of(const char *setting)
{
    return xstrndup(setting, strcspn(setting, "="));
}

/* What {word} stands for in a setting: the build directory, or a program that variant or preset
 * need; owned, NULL: nothing. */
static char *meaning_of(const char *word, size_t n, const struct tools *tools, const char *dir)
{
    if (n == strlen("build") && strncmp(word, "build", n) == 0)
        return xstrdup(dir);
    char *path = NULL;
    for (size_t i = 0; i < tools->needs.n && !path; i++) {
        struct need need;
        need_parse(tools->needs.v[i], &need);
        autofree char *why = NULL;
        if (strlen(need.program) == n && strncmp(need.program, word, n) == 0 &&
            find_program(&need, SIZE_MAX, &path, &why) < 0)
            err_clear(); /* interrupted, which the caller will see */
        need_free(&need);
    }
    /* Past all links: Debian's llvm-bolt-19 looks for its library beside the name it is called by.
     */
    char *real = path ? realpath(path, NULL) : NULL;
    if (real)
        str_set(&path, real);
    return path;
}

/* The value of a setting; owned. */
static char *value_of(const char *setting, const struct tools *tools, const char *dir)
{
    autostr out = {0};
    for (const char *at = strchr(setting, '=') + 1; *at;) {
        size_t n = *at == '{' ? strcspn(at, "}") : 0;
        autofree char *meaning = n && at[n] ? meaning_of(at + 1, n - 1, tools, dir) : NULL;
        if (meaning)
            str_add(&out, meaning);
        else
            str_addn(&out, at, 1);
        at += meaning ? n + 1 : 1;
    }
    return str_take(&out);
}

/* From the last to the first, so that the order is the recipe's and the caller's own comes last. */
static void add_own(struct strv *env, const struct variant *v, const char *dir)
{
    for (size_t i = v->environment.n; i-- > 0;) {
        const char *setting = v->environment.v[i];
        autofree char *name = name_of(setting), *value = value_of(setting, &v->tools, dir);
        const char *more = env_get(env, name);
        autofree char *both =
            xasprintf("%s%s%s", value, more && *more ? " " : "", more ? more : "");
        env_set(env, name, both);
    }
}

void variant_environment(struct strv *env, const struct variant *v, const struct preset *preset,
                         const char *dir)
{
    autofree char *cc = variant_cc(v, preset);
    env_set(env, "CC", cc);
    add_own(env, v, dir);
    for (size_t i = 0; i < preset->environment.n; i++) {
        autofree char *name = name_of(preset->environment.v[i]);
        if (env_get(env, name))
            continue;
        autofree char *value = value_of(preset->environment.v[i], &preset->tools, dir);
        env_set(env, name, value);
    }
}

char *variant_settings(const struct strv *env, const struct variant *v, const struct preset *preset)
{
    const struct strv *lists[] = {&v->environment, &preset->environment};
    autostrv shown = {0};
    autostr text = {0};
    if (who_names_cc(v, preset))
        str_addf(&text, "CC=%s ", env_get(env, "CC"));
    for (size_t k = 0; k < lengthof(lists); k++)
        for (size_t i = 0; i < lists[k]->n; i++) {
            autofree char *name = name_of(lists[k]->v[i]);
            if (!strv_has(&shown, name))
                str_addf(&text, "%s=%s ", name, env_get(env, name)); /* perhaps the caller's */
            strv_add(&shown, name);
        }
    return str_take(&text);
}
