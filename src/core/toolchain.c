#include "core/toolchain.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"
#include "core/distro.h"
#include "io/digest.h"
#include "io/elf.h"

enum { ANSWER_SECONDS = 20, ANSWER_LIMIT = 64 << 10 };

struct compiler {
    const struct strv *env;
    struct strv wrappers, words; /* words.v[0]: the driver, as found */
    char *driver;                /* past all links */
    struct str text;
};

/* ---- CC ---- */

/* Programs that pass a compiler's work on, to a store or another machine, and have no part in the
 * result. */
static bool is_wrapper(const char *program)
{
    static const char *const names[] = {"ccache", "sccache", "distcc",
                                        "icecc",  "icerun",  "buildcache"};
    for (size_t i = 0; i < lengthof(names); i++)
        if (strcmp(path_base(program), names[i]) == 0)
            return true;
    return false;
}

static char *resolve(const char *name)
{
    autofree char *path = fs_find_program(name);
    return path ? realpath(path, NULL) : NULL;
}

/* /usr/lib/ccache/gcc is a link to ccache, which runs the next gcc in PATH: owned, or NULL. */
static char *behind_masquerade(const char *name)
{
    const char *path = getenv("PATH");
    autofree char *copy = xstrdup(path ? path : ""), *base = xstrdup(path_base(name));
    char *rest = NULL;
    for (char *dir = strtok_r(copy, ":", &rest); dir; dir = strtok_r(NULL, ":", &rest)) {
        autofree char *candidate = path_join(dir, base), *found = fs_find_program(candidate);
        autofree char *real = found ? realpath(found, NULL) : NULL;
        if (real && !is_wrapper(real))
            return xstrdup(candidate);
    }
    return NULL;
}

void toolchain_words(const char *cc, struct strv *wrappers, struct strv *words)
{
    autostrv all = {0};
    size_t at = 0;
    strv_split(&all, cc ? cc : "");
    while (at < all.n && is_wrapper(all.v[at])) {
        if (wrappers)
            strv_add(wrappers, path_base(all.v[at]));
        at++;
        while (at < all.n && strchr(all.v[at], '=')) /* ccache takes settings there */
            at++;
    }
    if (at == all.n || all.v[at][0] == '-') { /* configure's choice, and distcc's */
        autofree char *gcc = fs_find_program("gcc");
        strv_add(words, gcc && at == 0 ? "gcc" : "cc");
    }
    for (; at < all.n; at++)
        strv_add(words, all.v[at]);
    autofree char *real = resolve(words->v[0]);
    if (!real || !is_wrapper(real))
        return;
    if (wrappers)
        strv_add(wrappers, path_base(real));
    char *behind = behind_masquerade(words->v[0]);
    if (behind) {
        free(words->v[0]);
        words->v[0] = behind;
    }
}

/* ---- Questions ---- */

static int ask(const struct compiler *c, const char *option, char **answer, int *status)
{
    autostrv argv = {0};
    strv_addv(&argv, &c->words);
    strv_add(&argv, option);
    struct proc_opts o = PROC_OPTS_INIT;
    o.env = c->env;
    return proc_capture(&argv, &o, ANSWER_SECONDS, ANSWER_LIMIT, answer, status);
}

/* Its first line; "" where it has no answer. Owned. */
static char *ask_line(const struct compiler *c, const char *option)
{
    autofree char *answer = NULL;
    int status = 0;
    if (ask(c, option, &answer, &status) < 0 || !proc_ok(status)) {
        err_clear();
        return xstrdup("");
    }
    return xstrndup(answer, strcspn(answer, "\n"));
}

static int cannot_run(const struct compiler *c, const char *cc, const char *why)
{
    autofree char *words = strv_join(&c->words, " ");
    int rc = cc && *cc ? fail(E_BUILD, "the C compiler \"%s\" (CC) cannot be run: %s", words, why)
                       : fail(E_BUILD, "no C compiler can be run: %s: %s", words, why);
    autostrv keys = {0};
    strv_add(&keys, "cc");
    autofree char *command = distro_install_command(&keys);
    return err_hint(rc, "name one that is there in CC, or install one%s%s", command ? ": " : "",
                    command ? command : "");
}

static int ask_version(struct compiler *c, const char *cc, char **version)
{
    int status = 0;
    autofree char *path = fs_find_program(c->words.v[0]);
    if (!path)
        return cannot_run(c, cc, "no such program in PATH");
    int rc = ask(c, "--version", version, &status);
    if (rc == E_SIGNAL)
        return rc;
    if (rc < 0) {
        autofree char *why = xstrdup(err_message());
        return cannot_run(c, cc, why);
    }
    if (!proc_ok(status)) {
        autofree char *how = proc_describe(status);
        autofree char *first = xstrndup(*version, strcspn(*version, "\n"));
        autofree char *why = xasprintf("--version: %s%s%s", how, *first ? ": " : "", first);
        return cannot_run(c, cc, why);
    }
    c->driver = realpath(path, NULL);
    return 0;
}

/* ---- Files ---- */

/* Adds the file's identity, and returns whether it is a program or library with a build id. */
static bool add_file(struct str *text, const char *name, const char *path)
{
    autofree char *real = path && *path ? realpath(path, NULL) : NULL;
    struct stat st;
    char hex[SHA256_HEX] = "unreadable"; /* its size has to do */
    if (!real || stat(real, &st) < 0 || !S_ISREG(st.st_mode)) {
        str_addf(text, "%s=none\n", name);
        return false;
    }
    autofree char *id = elf_build_id(real);
    if (!id && digest_file(real, hex) < 0)
        err_clear();
    str_addf(text, "%s=%s %lld %s:%s\n", name, real, (long long)st.st_size,
             id ? "build-id" : "sha256", id ? id : hex);
    return id != NULL;
}

/* Whether a library does part of a compiler's work, and does not only serve it. */
static bool is_working_library(const char *name)
{
    static const char *const names[] = {"libclang", "libLLVM", "liblld",  "libbfd", "libopcodes",
                                        "libisl",   "libgmp",  "libmpfr", "libmpc", "libLTO"};
    for (size_t i = 0; i < lengthof(names); i++)
        if (str_starts(name, names[i]))
            return true;
    return false;
}

/* The compiler proper may be all in libraries: clang's driver has 100 KB. The dynamic loader of
 * glibc tells which ones it would load; that of musl starts the program, which --version ends. */
static void add_libraries(struct compiler *c, const char *name, const char *program)
{
    autostrv argv = {0}, env = {0};
    strv_add(&argv, program);
    strv_add(&argv, "--version");
    strv_addv(&env, c->env);
    env_set(&env, "LD_TRACE_LOADED_OBJECTS", "1");
    struct proc_opts o = PROC_OPTS_INIT;
    o.env = &env;
    autofree char *answer = NULL;
    int status = 0;
    if (proc_capture(&argv, &o, ANSWER_SECONDS, ANSWER_LIMIT, &answer, &status) < 0) {
        err_clear();
        return;
    }
    autostrv found = {0};
    char *at = NULL;
    for (char *line = strtok_r(answer, "\n", &at); line; line = strtok_r(NULL, "\n", &at)) {
        char *arrow = strstr(line, " => "), *library = str_trim(line);
        if (!arrow || !is_working_library(library))
            continue;
        *arrow = '\0';
        char *path = arrow + strlen(" => ");
        path[strcspn(path, " ")] = '\0';
        strv_addf(&found, "%s %s=%s", name, library, path);
    }
    strv_sort(&found);
    for (size_t i = 0; i < found.n; i++) {
        char *equals = strchr(found.v[i], '=');
        *equals = '\0';
        add_file(&c->text, found.v[i], equals + 1);
    }
}

static void add_program(struct compiler *c, const char *name, const char *path)
{
    autofree char *found = path ? fs_find_program(path) : NULL;
    if (add_file(&c->text, name, found))
        add_libraries(c, name, found);
}

static void add_asked(struct compiler *c, const char *name)
{
    autofree char *option = xasprintf("-print-prog-name=%s", name);
    autofree char *path = ask_line(c, option);
    add_program(c, name, path);
}

/* What the driver links, by the name it finds it under; a bare name is not there. */
static void add_linked(struct compiler *c, const char *name)
{
    autofree char *option = xasprintf("-print-file-name=%s", name);
    autofree char *path = ask_line(c, option);
    add_file(&c->text, name, strchr(path, '/') ? path : NULL);
}

/* ---- Kinds of compilers ---- */

static void add_gcc(struct compiler *c)
{
    static const char *const programs[] = {"cc1", "lto1", "collect2", "lto-wrapper", "as", "ld"};
    static const char *const files[] = {"liblto_plugin.so", "libgcov.a"};
    for (size_t i = 0; i < lengthof(programs); i++)
        add_asked(c, programs[i]);
    for (size_t i = 0; i < lengthof(files); i++)
        add_linked(c, files[i]);
}

/* Its tools are beside it, with or without the links that lead to it. An answer of clang's own
 * takes 20 ms. */
static void add_clang(struct compiler *c)
{
    static const char *const tools[] = {"ld.lld", "llvm-profdata", "llvm-ar"};
    autofree char *dir = path_dir(c->driver);
    add_asked(c, "ld");
    for (size_t i = 0; i < lengthof(tools); i++) {
        autofree char *beside = path_join(dir, tools[i]);
        add_program(c, tools[i], fs_exists(beside) ? beside : tools[i]);
    }
}

/* -fuse-ld=NAME among CC's words and the options that configure and make get. */
static void add_chosen_linkers(struct compiler *c)
{
    static const char option[] = "-fuse-ld=";
    const char *cflags = env_get(c->env, "CFLAGS"), *ldflags = env_get(c->env, "LDFLAGS");
    autostrv words = {0}, seen = {0};
    strv_addv(&words, &c->words);
    strv_split(&words, cflags ? cflags : "");
    strv_split(&words, ldflags ? ldflags : "");
    for (size_t i = 0; i < words.n; i++) {
        const char *name = words.v[i] + strlen(option);
        if (!str_starts(words.v[i], option) || strv_has(&seen, name))
            continue;
        strv_add(&seen, name);
        autofree char *linker = xasprintf("ld.%s", name);
        if (strchr(name, '/'))
            add_program(c, name, name);
        else
            add_asked(c, linker);
    }
}

/* The word behind `before` in clang's --version; owned. */
static char *word_behind(const char *text, const char *before)
{
    const char *at = strstr(text, before);
    at = at ? at + strlen(before) : "";
    return xstrndup(at, strcspn(at, " \n"));
}

static void describe(struct compiler *c, const char *version)
{
    bool clang = strstr(version, "clang version ") && strstr(version, "Target: ");
    for (size_t i = 0; i < c->wrappers.n; i++)
        str_addf(&c->text, "wrapper=%s\n", c->wrappers.v[i]);
    autofree char *words = strv_join(&c->words, " ");
    str_addf(&c->text, "cc=%s\nversion=%.*s\n", words, (int)strcspn(version, "\n"), version);
    autofree char *machine = clang ? word_behind(version, "Target: ") : ask_line(c, "-dumpmachine");
    autofree char *release =
        clang ? word_behind(version, "clang version ") : ask_line(c, "-dumpversion");
    str_addf(&c->text, "machine=%s\nrelease=%s\n", machine, release);
    add_program(c, "driver", c->driver);
    if (clang)
        add_clang(c);
    else
        add_gcc(c);
    add_chosen_linkers(c);
}

int toolchain_describe(const struct strv *env, const char *cc, char **text)
{
    struct compiler c = {.env = env};
    autofree char *version = NULL;
    toolchain_words(cc, &c.wrappers, &c.words);
    int rc = ask_version(&c, cc, &version);
    if (rc == 0)
        describe(&c, version);
    if (rc == 0)
        rc = proc_check();
    strv_free(&c.wrappers);
    strv_free(&c.words);
    free(c.driver);
    if (rc == 0)
        *text = str_take(&c.text);
    str_free(&c.text);
    return rc;
}

/* configure takes the first llvm-profdata in PATH, which reads no profile of another LLVM. */
int toolchain_add_llvm(struct strv *env)
{
    static const char *const tools[][2] = {{"LLVM_PROFDATA", "llvm-profdata"},
                                           {"LLVM_AR", "llvm-ar"},
                                           {"LLVM_BOLT", "llvm-bolt"},
                                           {"MERGE_FDATA", "merge-fdata"}};
    struct compiler c = {.env = env};
    toolchain_words(env_get(env, "CC"), &c.wrappers, &c.words);
    autofree char *version = ask_line(&c, "--version");
    for (size_t i = 0; strstr(version, "clang version") && i < lengthof(tools); i++) {
        autofree char *option = xasprintf("-print-prog-name=%s", tools[i][1]);
        autofree char *path = ask_line(&c, option);
        if (*path == '/' && access(path, X_OK) == 0 && !env_get(env, tools[i][0]))
            env_set(env, tools[i][0], path);
    }
    strv_free(&c.wrappers);
    strv_free(&c.words);
    return proc_check();
}
