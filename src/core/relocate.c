#include "core/relocate.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "core/embedded.h"
#include "core/rewrite.h"

/* What the build tree's path becomes: a constant, so that equal builds stay equal. Only
 * informational variables (abs_srcdir, coverage files) and debug flags name it. */
static const char no_build_dir[] = "/usr/src/python";

struct relocation {
    const char *prefix, *configured, *final;
    const char *build_dir; /* NULL: none */
    char *real_build_dir;  /* its physical path when that is another one */
    char *link_with;       /* what a static libpython needs; NULL: there is a shared one */
    struct strv compile;   /* .py files that were rewritten, whose .pyc are gone */
    struct strv *changed;  /* paths below the prefix; NULL: nobody asks */
};

enum { TEXT_LIMIT = 16 << 20 }; /* bytes; the largest of these files has 120 KB */

typedef char *rewrite(const struct relocation *r, const char *text, size_t size);

static void note_changed(const struct relocation *r, const char *path)
{
    if (r->changed)
        strv_add(r->changed, path + strlen(r->prefix) + 1);
}

/* Rewrites one file when that changes it; its mode and times stay: equal inputs are to give equal
 * trees. *changed may be NULL. */
static int rewrite_file(const struct relocation *r, const char *path, rewrite *how, bool *changed)
{
    struct stat st;
    if (changed)
        *changed = false;
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > TEXT_LIMIT)
        return 0;
    autofree char *old = NULL;
    size_t size;
    off_t at = 0;
    int rc = fs_find(path, "", 1, &at); /* a program of 40 MB need not be in memory to be no text */
    if (rc != 0)
        return rc == 1 ? 0 : rc;
    rc = fs_read(path, &old, &size);
    if (rc < 0)
        return rc == E_NOTFOUND ? 0 : rc;
    autofree char *new = how(r, old, size);
    if (!new || strcmp(new, old) == 0)
        return 0;
    autofree char *temporary = xasprintf("%s.XXXXXX.tmp", path);
    int fd = mkostemps(temporary, (int)strlen(".tmp"), O_CLOEXEC);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot write %s", temporary);
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    bool bad = fs_write_all(fd, new, strlen(new)) < 0 || fchmod(fd, st.st_mode & 07777) < 0 ||
               futimens(fd, times) < 0;
    bad |= close(fd) < 0;
    if (bad || rename(temporary, path) < 0) {
        rc = fail_errno(E_FAILED, "cannot write %s", path);
        unlink(temporary);
        return rc;
    }
    if (changed)
        *changed = true;
    note_changed(r, path);
    return 0;
}

/* Both paths, written the way this kind of file writes text. */
static char *replace_paths(const struct relocation *r, const char *text, rewrite_escape *escape)
{
    autofree char *configured = escape(r->configured), *final = escape(r->final);
    autofree char *out = rewrite_path(text, configured, final);
    const char *const builds[] = {r->build_dir, r->real_build_dir};
    for (size_t i = 0; i < lengthof(builds); i++) {
        if (!builds[i])
            continue;
        autofree char *build = escape(builds[i]);
        str_set(&out, rewrite_path(out, build, no_build_dir));
    }
    return steal(&out);
}

static char *as_python(const struct relocation *r, const char *text, size_t size)
{
    (void)size;
    return replace_paths(r, text, rewrite_escape_python);
}

static char *as_json(const struct relocation *r, const char *text, size_t size)
{
    (void)size;
    autofree char *at_home = rewrite_user_base(text);
    return replace_paths(r, at_home, rewrite_escape_json);
}

static char *as_makefile(const struct relocation *r, const char *text, size_t size)
{
    (void)size;
    return replace_paths(r, text, rewrite_escape_make);
}

static char *as_build_details(const struct relocation *r, const char *text, size_t size)
{
    (void)size;
    autofree char *configured = rewrite_escape_json(r->configured),
                  *final = rewrite_escape_json(r->final);
    autofree char *once = rewrite_build_details(text, configured);
    return rewrite_build_details(once, final);
}

static char *as_pkgconfig(const struct relocation *r, const char *text, size_t size)
{
    (void)size;
    return rewrite_pkgconfig(text, r->link_with);
}

static char *as_script(const struct relocation *r, const char *text, size_t size)
{
    (void)size;
    autofree char *special = rewrite_config_script(text);
    if (!special)
        special = rewrite_shebang(text, r->configured);
    return special ? steal(&special) : rewrite_path(text, r->configured, r->final);
}

/* python-config.py lies three directories away from the interpreter and is run by it. */
static char *as_config_py(const struct relocation *r, const char *text, size_t size)
{
    (void)size;
    autofree char *shebang = xasprintf("#!%s/bin/", r->configured);
    if (!str_starts(text, shebang))
        return NULL;
    return xasprintf("#!/usr/bin/env %s", text + strlen(shebang));
}

static int each_file(const struct relocation *r, const char *dir, const char *suffix, rewrite *how)
{
    autofree char *path = path_join(r->prefix, dir);
    autostrv names = {0};
    int rc = fs_list(path, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        if (!str_ends(names.v[i], suffix))
            continue;
        autofree char *file = path_join(path, names.v[i]);
        rc = rewrite_file(r, file, how, NULL);
    }
    return rc;
}

/* The first name in a directory with this beginning, as a path; owned, NULL when there is none. */
static char *first_with(const char *dir, const char *beginning)
{
    autostrv names = {0};
    if (fs_list(dir, &names) < 0)
        err_clear();
    for (size_t i = 0; i < names.n; i++)
        if (str_starts(names.v[i], beginning))
            return path_join(dir, names.v[i]);
    return NULL;
}

/* What to link with a static libpython, from the Makefile of the build; owned, NULL when there is a
 * shared one or no Makefile. */
static char *link_flags(const char *prefix)
{
    autofree char *lib = path_join(prefix, "lib");
    autostrv names = {0};
    if (fs_list(lib, &names) < 0)
        err_clear();
    for (size_t i = 0; i < names.n; i++)
        if (str_starts(names.v[i], "libpython") && !str_ends(names.v[i], ".a"))
            return NULL;
    autofree char *library = first_with(lib, "python");
    autofree char *config = library ? first_with(library, "config-") : NULL;
    autofree char *makefile = config ? path_join(config, "Makefile") : NULL;
    autofree char *text = NULL;
    struct stat st;
    if (!makefile || lstat(makefile, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > TEXT_LIMIT ||
        fs_read_text(makefile, &text) < 0)
        return NULL;
    return rewrite_link_flags(text);
}

/* bin/ holds interpreters of 40 MB beside the scripts: only what begins with "#!" is read. */
static int relocate_scripts(const struct relocation *r)
{
    autofree char *dir = path_join(r->prefix, "bin");
    autostrv names = {0};
    int rc = fs_list(dir, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        autofree char *path = path_join(dir, names.v[i]);
        char magic[2] = "";
        autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && read(fd, magic, 2) == 2 && memcmp(magic, "#!", 2) == 0)
            rc = rewrite_file(r, path, as_script, NULL);
    }
    return rc;
}

/* Removes the compiled forms of MODULE.py in `dir`; true when there were some. */
static bool remove_compiled(const struct relocation *r, const char *dir, const char *file)
{
    autofree char *cache = path_join(dir, "__pycache__");
    if (!fs_is_dir(cache))
        return false;
    autofree char *stem = xstrndup(file, strlen(file) - strlen("py"));
    autostrv names = {0};
    bool any = false;
    if (fs_list(cache, &names) < 0)
        err_clear();
    for (size_t i = 0; i < names.n; i++) {
        autofree char *path = path_join(cache, names.v[i]);
        if (!str_starts(names.v[i], stem) || !str_ends(names.v[i], ".pyc") || unlink(path) < 0)
            continue;
        any = true;
        note_changed(r, path); /* it will be compiled again */
    }
    return any;
}

static int relocate_config_dir(const struct relocation *r, const char *dir)
{
    autofree char *makefile = path_join(dir, "Makefile"),
                  *script = path_join(dir, "python-config.py");
    if (!fs_is_dir(dir))
        return 0;
    int rc = rewrite_file(r, makefile, as_makefile, NULL);
    return rc < 0 ? rc : rewrite_file(r, script, as_config_py, NULL);
}

static int relocate_library_file(struct relocation *r, const char *dir, const char *name)
{
    autofree char *path = path_join(dir, name);
    bool changed = false;
    int rc = 0;
    if (str_starts(name, "_sysconfigdata") && str_ends(name, ".py")) {
        rc = rewrite_file(r, path, as_python, &changed);
        if (changed && remove_compiled(r, dir, name))
            strv_add(&r->compile, path);
    } else if (str_starts(name, "_sysconfig_vars") && str_ends(name, ".json")) {
        rc = rewrite_file(r, path, as_json, NULL);
    } else if (strcmp(name, "build-details.json") == 0) {
        rc = rewrite_file(r, path, as_build_details, NULL);
    } else if (str_starts(name, "config-")) {
        rc = relocate_config_dir(r, path);
    }
    return rc;
}

/* Compiles again what lost its .pyc, with the interpreter of the tree itself. Not being able to is
 * no error: Python then compiles at import. */
static int compile_rewritten(const struct relocation *r, const char *library)
{
    if (r->compile.n == 0)
        return 0;
    const struct embedded *program = embedded_find("bytecode.py");
    autostrv argv = {0}, env = {0};
    strv_addf(&argv, "%s/bin/python3", r->prefix); /* python3.14td has lib/python3.14t */
    strv_split(&argv, "-I -S -B -c");
    strv_addf(&argv, "%.*s", (int)program->size, (const char *)program->data);
    strv_add(&argv, library);
    strv_add(&argv, "1");
    strv_addv(&argv, &r->compile);
    proc_clean_environment(&env);
    struct proc_opts opts = PROC_OPTS_INIT;
    opts.env = &env;
    autofree char *output = NULL;
    int status = 0, rc = proc_capture(&argv, &opts, 60, 4096, &output, &status);
    if (rc == E_SIGNAL)
        return rc;
    if (rc < 0 || !proc_ok(status))
        detail("%s could not compile what was rewritten: %s", argv.v[0],
               rc < 0 ? err_message() : output);
    err_clear();
    return 0;
}

/* lib/python3.14 or lib/python3.14t. */
static int relocate_library(struct relocation *r, const char *library)
{
    autofree char *dir = xasprintf("%s/lib/%s", r->prefix, library);
    autostrv names = {0};
    if (!fs_is_dir(dir))
        return 0;
    int rc = fs_list(dir, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        rc = relocate_library_file(r, dir, names.v[i]);
    if (rc == 0)
        rc = compile_rewritten(r, dir);
    strv_free(&r->compile);
    return rc;
}

static int relocate_libraries(struct relocation *r)
{
    autofree char *dir = path_join(r->prefix, "lib");
    autostrv names = {0};
    int rc = fs_list(dir, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        if (str_starts(names.v[i], "python"))
            rc = relocate_library(r, names.v[i]);
    return rc;
}

/* What lies behind a symbolic link belongs to somebody else. */
static int check_directories(const char *prefix)
{
    static const char *const names[] = {"bin", "lib", "lib/pkgconfig"};
    for (size_t i = 0; i < lengthof(names); i++) {
        autofree char *dir = path_join(prefix, names[i]);
        struct stat st;
        if (lstat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
            return fail(E_INTEGRITY, "%s is not a directory, as it is in every interpreter", dir);
    }
    return 0;
}

int relocate_prefix(const char *prefix, const char *configured, const char *final,
                    const char *build_dir, struct strv *changed)
{
    if (configured[0] != '/' || final[0] != '/')
        return fail(E_FAILED, "the path \"%s\" is not absolute",
                    configured[0] != '/' ? configured : final);
    for (const char *p = final; *p; p++)
        if (iscntrl((unsigned char)*p))
            return err_hint(fail(E_FAILED, "there is a control character in the path %s", final),
                            "choose another root with --root DIR or UNGIL_ROOT");
    struct relocation r = {.prefix = prefix,
                           .configured = configured,
                           .final = final,
                           .build_dir = build_dir,
                           .changed = changed};
    int rc = check_directories(prefix);
    if (rc < 0)
        return rc;
    r.real_build_dir = build_dir ? realpath(build_dir, NULL) : NULL;
    r.link_with = link_flags(prefix);
    rc = relocate_scripts(&r);
    if (rc == 0)
        rc = each_file(&r, "lib/pkgconfig", ".pc", as_pkgconfig);
    if (rc == 0)
        rc = relocate_libraries(&r);
    if (rc == 0)
        rc = relocate_binaries(prefix, configured, final, changed);
    free(r.real_build_dir);
    free(r.link_with);
    strv_free(&r.compile);
    return rc;
}
