#include "core/variant.h"

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

char *variant_cc(const struct variant *v)
{
    const char *own = plan_getenv("CC");
    if (own || !v->compiler)
        return own ? xstrdup(own) : NULL;
    struct need need;
    need_parse(v->compiler, &need);
    autofree char *path = need_find(&need);
    need_free(&need);
    /* The name: configure, too, looks in PATH, and so does who builds extensions elsewhere. */
    return path ? xstrdup(path_base(path)) : NULL;
}

/* ---- Is it all here? ---- */

static char *who(const struct plan *plan, const struct variant *v)
{
    return xasprintf("%s%s", plan->recipe->series, v->suffix);
}

static int add_command(int rc, const struct variant *v)
{
    autofree char *command = distro_install_packages(&v->packages);
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

static int check_program(const struct plan *plan, const struct variant *v, const struct need *need)
{
    autofree char *name = who(plan, v), *wanted = need_text(need), *path = need_find(need);
    autofree char *printed = NULL, *seen = NULL;
    if (!path)
        return add_command(fail(E_BUILD, "%s is built with %s, which is not in PATH", name, wanted),
                           v);
    int rc = ask_version(path, &printed);
    if (rc < 0 || need_is_met(need, printed, &seen))
        return rc;
    return add_command(fail(E_BUILD, "%s is built with %s, but %s %s%s", name, wanted, path,
                            seen ? "is " : "does not say its version", seen ? seen : ""),
                       v);
}

/* The caller's CC is heard where it can do what the variant needs; another one is not replaced in
 * silence. */
static int check_own_cc(const struct plan *plan, const struct variant *v, const struct need *need,
                        const char *cc)
{
    autofree char *name = who(plan, v), *wanted = need_text(need);
    autofree char *printed = NULL, *seen = NULL;
    int rc = ask_version(cc, &printed);
    if (rc < 0 || need_is_met(need, printed, &seen))
        return rc;
    autofree char *line = xstrndup(printed, strcspn(printed, "\n"));
    rc = fail(E_BUILD, "%s is built with %s, but CC in the environment is \"%s\"%s%s", name, wanted,
              cc, *line ? ": " : "", line);
    return err_hint(rc, "unset CC: %s is then looked for in PATH", wanted);
}

static int check_one(const struct plan *plan, const struct variant *v, const char *word,
                     const char *cc)
{
    struct need need;
    need_parse(word, &need);
    int rc = cc ? check_own_cc(plan, v, &need, cc) : check_program(plan, v, &need);
    need_free(&need);
    return rc;
}

int variant_check(const struct plan *plan)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < plan->n_variants; i++) {
        const struct variant *v = plan->variants[i];
        if (v->compiler)
            rc = check_one(plan, v, v->compiler, plan_getenv("CC"));
        for (size_t k = 0; rc == 0 && k < v->needs.n; k++)
            rc = check_one(plan, v, v->needs.v[k], NULL);
    }
    return rc;
}

/* ---- The environment ---- */

static char *name_of(const char *setting)
{
    return xstrndup(setting, strcspn(setting, "="));
}

static void add_settings(struct strv *env, const struct strv *settings, bool always)
{
    for (size_t i = 0; i < settings->n; i++) {
        autofree char *name = name_of(settings->v[i]);
        const char *value = settings->v[i] + strlen(name) + 1, *own = env_get(env, name);
        autofree char *both = xasprintf("%s%s%s", value, own && *own ? " " : "", own ? own : "");
        if (!own)
            strv_add(env, settings->v[i]);
        else if (always)
            env_set(env, name, both);
    }
}

void variant_environment(struct strv *env, const struct variant *v, const struct preset *preset)
{
    autofree char *cc = variant_cc(v);
    env_set(env, "CC", cc);
    add_settings(env, &v->environment, true);
    add_settings(env, &preset->environment, false);
}

char *variant_settings(const struct strv *env, const struct variant *v,
                         const struct preset *preset)
{
    const struct strv *lists[] = {&v->environment, &preset->environment};
    autostrv shown = {0};
    autostr text = {0};
    if (v->compiler)
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
