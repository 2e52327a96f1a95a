/* What configure looks at, without running it: sizes and times of some 30 000 files, 0.1 s. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "core/build_answers.h"
#include "core/plan.h"
#include "core/toolchain.h"
#include "io/digest.h"

enum { ANSWER_SECONDS = 20, ANSWER_LIMIT = 256 << 10, FILE_LIMIT = 150000 };

/* ---- Files ---- */

static void add_stat(struct digest *d, const char *name, const struct stat *st)
{
    char numbers[96];
    int n = snprintf(numbers, sizeof numbers, " %o %lld %lld.%09ld\n", (unsigned)st->st_mode,
                     (long long)st->st_size, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    digest_add(d, name, strlen(name));
    digest_add(d, numbers, (size_t)n);
}

struct walk {
    struct digest *digest;
    struct strv *dirs; /* those that links lead to are walked, too */
    size_t files;
};

static int visit(const char *relative, const char *path, const struct stat *st, void *arg)
{
    struct walk *w = arg;
    struct stat to;
    if (++w->files > FILE_LIMIT)
        return fail(E_NOTFOUND, "too many files");
    if (S_ISLNK(st->st_mode) && stat(path, &to) == 0) {
        autofree char *real = S_ISDIR(to.st_mode) ? realpath(path, NULL) : NULL;
        digest_add(w->digest, real ? real : "", real ? strlen(real) : 0);
        if (real)
            strv_take(w->dirs, steal(&real));
        st = &to;
    }
    if (!S_ISDIR(st->st_mode))
        add_stat(w->digest, relative, st);
    else
        digest_add(w->digest, relative, strlen(relative) + 1);
    return 0;
}

static bool is_below(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* Everything below `dirs`, each file once. */
static int add_trees(struct strv *dirs, struct str *text)
{
    struct walk w = {.dirs = dirs};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < dirs->n; i++) {
        bool done = false;
        for (size_t j = 0; j < i && !done; j++)
            done = is_below(dirs->v[i], dirs->v[j]);
        if (done)
            continue;
        char hex[SHA256_HEX];
        w.digest = digest_new();
        autofree char *dir = xstrdup(dirs->v[i]); /* the list may move */
        rc = fs_walk(dir, visit, &w);
        digest_hex(w.digest, hex);
        digest_free(w.digest);
        str_addf(text, "tree %s %s\n", dir, hex);
    }
    return rc;
}

static bool is_library(const char *name)
{
    return str_ends(name, ".a") || str_ends(name, ".so") || strstr(name, ".so.");
}

static bool is_package(const char *name)
{
    return str_ends(name, ".pc");
}

/* The files in `dirs` themselves that are `wanted`; all names, without a look at the files, when it
 * is NULL. */
static void add_directories(const char *from, const struct strv *dirs,
                            bool (*wanted)(const char *name), struct str *text)
{
    autostrv seen = {0};
    for (size_t i = 0; i < dirs->n; i++) {
        autofree char *named = path_join(from, dirs->v[i]), *dir = realpath(named, NULL);
        autostrv names = {0};
        if (!dir || strv_has(&seen, dir) || fs_list(dir, &names) < 0) {
            err_clear();
            continue;
        }
        strv_add(&seen, dir);
        struct digest *d = digest_new();
        char hex[SHA256_HEX];
        for (size_t n = 0; n < names.n; n++) {
            struct stat st = {0};
            autofree char *path = wanted ? path_join(dir, names.v[n]) : NULL;
            if (!wanted)
                digest_add(d, names.v[n], strlen(names.v[n]) + 1);
            else if (wanted(names.v[n]) && stat(path, &st) == 0)
                add_stat(d, names.v[n], &st);
        }
        digest_hex(d, hex);
        digest_free(d);
        str_addf(text, "directory %s %s\n", dir, hex);
    }
}

static void add_one(const char *path, struct str *text)
{
    struct stat st;
    autofree char *real = path ? realpath(path, NULL) : NULL;
    if (real && stat(real, &st) == 0)
        str_addf(text, "file %s %lld %lld.%09ld\n", real, (long long)st.st_size,
                 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    else
        str_addf(text, "file %s none\n", path ? path : "");
}

/* ---- Where they are ---- */

/* Where configure runs, and with what. */
struct place {
    const char *dir;
    const struct strv *env;
};

static int ask(const struct place *at, const struct strv *argv, char **answer)
{
    struct proc_opts o = PROC_OPTS_INIT;
    int status = 0;
    o.cwd = at->dir;
    o.env = at->env;
    int rc = proc_capture(argv, &o, ANSWER_SECONDS, ANSWER_LIMIT, answer, &status);
    if (rc == E_SIGNAL)
        return rc;
    if (rc < 0 || !proc_ok(status)) {
        err_clear();
        return E_NOTFOUND;
    }
    return 0;
}

/* The compiler behind any wrapper, with the options that configure compiles and links with. */
static void compiler(const struct strv *env, struct strv *argv)
{
    static const char *const names[] = {"CFLAGS", "CPPFLAGS", "LDFLAGS"};
    toolchain_words(env_get(env, "CC"), NULL, argv);
    for (size_t i = 0; i < lengthof(names); i++) {
        const char *value = env_get(env, names[i]);
        strv_split(argv, value ? value : "");
    }
}

static void split_path(const char *path, struct strv *dirs)
{
    autofree char *copy = xstrdup(path ? path : "");
    char *rest = NULL;
    for (char *dir = strtok_r(copy, ":", &rest); dir; dir = strtok_r(NULL, ":", &rest))
        strv_add(dirs, dir);
}

static int add_headers(const struct place *at, struct str *text)
{
    autostrv argv = {0}, dirs = {0};
    autofree char *answer = NULL;
    compiler(at->env, &argv);
    strv_split(&argv, "-E -v -x c /dev/null");
    int rc = ask(at, &argv, &answer);
    const char *begin = rc == 0 ? strstr(answer, "search starts here:") : NULL;
    char *end = begin ? strstr(answer, "End of search list") : NULL;
    if (rc < 0 || !end)
        return rc < 0 ? rc : E_NOTFOUND;
    *end = '\0';
    str_addf(text, "headers %s\n", begin);
    char *rest = NULL;
    for (char *line = strtok_r(strchr(begin, '\n'), "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        autofree char *dir = path_join(at->dir, *line == ' ' ? line + 1 : "/");
        char *real = *line == ' ' ? realpath(dir, NULL) : NULL;
        if (real)
            strv_take(&dirs, real);
    }
    strv_sort(&dirs); /* what holds others first */
    return add_trees(&dirs, text);
}

/* Behind -L and --sysroot, in this word or the next. */
static void add_option_dirs(const struct strv *argv, struct strv *dirs)
{
    for (size_t i = 0; i < argv->n; i++) {
        const char *word = argv->v[i], *next = i + 1 < argv->n ? argv->v[i + 1] : "";
        if (str_starts(word, "-L"))
            strv_add(dirs, word[2] ? word + 2 : next);
        if (!str_starts(word, "--sysroot"))
            continue;
        const char *root = word[strlen("--sysroot")] ? word + strlen("--sysroot=") : next;
        strv_addf(dirs, "%s/lib", root);
        strv_addf(dirs, "%s/usr/lib", root);
        strv_addf(dirs, "%s/usr/local/lib", root);
    }
}

static int add_libraries(const struct place *at, struct str *text)
{
    static const char heading[] = "libraries: =";
    autostrv argv = {0}, dirs = {0};
    autofree char *answer = NULL;
    compiler(at->env, &argv);
    add_option_dirs(&argv, &dirs);
    strv_add(&argv, "-print-search-dirs");
    int rc = ask(at, &argv, &answer);
    char *list = rc == 0 ? strstr(answer, heading) : NULL;
    if (rc == E_SIGNAL)
        return rc;
    if (list) {
        list += strlen(heading);
        list[strcspn(list, "\n")] = '\0';
        split_path(list, &dirs);
    }
    split_path(env_get(at->env, "LIBRARY_PATH"), &dirs);
    split_path("/lib:/lib64:/usr/lib:/usr/lib64:/usr/local/lib:/usr/local/lib64", &dirs);
    add_directories(at->dir, &dirs, is_library, text);
    add_one("/etc/ld.so.cache", text);
    return 0;
}

static int add_packages(const struct place *at, struct str *text)
{
    const char *named = env_get(at->env, "PKG_CONFIG");
    autofree char *program = fs_find_program(named ? named : "pkg-config"), *answer = NULL;
    autostrv argv = {0}, dirs = {0};
    add_one(program, text);
    if (!program)
        return 0;
    strv_add(&argv, program);
    strv_split(&argv, "--variable pc_path pkg-config");
    if (ask(at, &argv, &answer) == E_SIGNAL)
        return E_SIGNAL;
    if (answer)
        answer[strcspn(answer, "\n")] = '\0';
    split_path(env_get(at->env, "PKG_CONFIG_PATH"), &dirs);
    split_path(env_get(at->env, "PKG_CONFIG_LIBDIR"), &dirs);
    split_path(answer, &dirs);
    add_directories(at->dir, &dirs, is_package, text);
    return 0;
}

static void add_system(const struct place *at, struct str *text)
{
    static const char *const devices[] = {"/dev/ptmx", "/dev/ptc", "/dev/shm"};
    struct utsname u;
    autostrv path = {0};
    if (uname(&u) == 0)
        str_addf(text, "system %s %s\n", u.sysname, u.machine);
    for (size_t i = 0; i < lengthof(devices); i++)
        str_addf(text, "device %s %d\n", devices[i], access(devices[i], W_OK) == 0);
    split_path(env_get(at->env, "PATH"), &path);
    add_directories(at->dir, &path, NULL, text);
}

/* ---- All of it ---- */

/* A pair's builds ask for the same within moments. */
static struct {
    double at;
    char key[SHA256_HEX], *text;
} last;
enum { FRESH_SECONDS = 2 };

int fingerprint_machine(const char *dir, const struct strv *env, struct str *text)
{
    char key[SHA256_HEX];
    const struct place place = {dir, env};
    autofree char *all = strv_join(env, "\n");
    digest_text(all, key);
    if (last.text && strcmp(last.key, key) == 0 && clock_now() - last.at < FRESH_SECONDS) {
        str_add(text, last.text);
        return 0;
    }
    autostr fresh = {0};
    autofree char *toolchain = NULL;
    double at = clock_now();
    int rc = toolchain_describe(env, env_get(env, "CC"), &toolchain);
    if (rc == 0) {
        str_add(&fresh, toolchain);
        rc = add_headers(&place, &fresh);
    }
    if (rc == 0)
        rc = add_libraries(&place, &fresh);
    if (rc == 0)
        rc = add_packages(&place, &fresh);
    if (rc < 0) {
        if (rc != E_SIGNAL)
            err_clear(); /* configure will say what is wrong */
        return rc == E_SIGNAL ? rc : E_NOTFOUND;
    }
    add_system(&place, &fresh);
    str_add(text, fresh.s);
    last.at = at;
    memcpy(last.key, key, sizeof key);
    str_set(&last.text, str_take(&fresh));
    return 0;
}

/* Set by shells and terminals; scripts mention them, too. */
static bool is_passing(const char *name)
{
    static const char *const names[] = {"PWD",  "OLDPWD",  "SHLVL", "_",       "HOME",  "TERM",
                                        "USER", "LOGNAME", "LINES", "COLUMNS", "TMPDIR"};
    for (size_t i = 0; i < lengthof(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool is_read(const char *name, const char *script)
{
    /* by compilers, linkers and pkg-config */
    static const char *const prefixes[] = {"PKG_CONFIG",     "LD_",       "GCC_",         "CCC_",
                                           "CLANG_",         "COMPILER_", "LIBRARY_PATH", "CPATH",
                                           "C_INCLUDE_PATH", "SDKROOT",   "SYSROOT"};
    for (size_t i = 0; i < lengthof(prefixes); i++)
        if (str_starts(name, prefixes[i]))
            return true;
    for (size_t i = 0; plan_environment[i]; i++)
        if (strcmp(name, plan_environment[i]) == 0)
            return true;
    return strstr(name, "_cv_") || probe_mentions(script, name);
}

void fingerprint_environment(const struct strv *env, const char *script, struct str *text)
{
    autostrv read = {0};
    for (size_t i = 0; i < env->n; i++) {
        autofree char *name = xstrndup(env->v[i], strcspn(env->v[i], "="));
        if (*name && !is_passing(name) && is_read(name, script))
            strv_add(&read, env->v[i]);
    }
    strv_sort(&read);
    for (size_t i = 0; i < read.n; i++)
        str_addf(text, "env %s\n", read.v[i]);
}
