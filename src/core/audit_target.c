#include "core/audit_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/audit.h"
#include "core/kernel.h"
#include "core/text_json.h"
#include "core/wheel.h"

static const double list_seconds = 300; /* a large environment on a slow disk */

const char *audit_kind_name(enum audit_kind kind)
{
    static const char *const names[] = {"installed", "venv",      "requirements",
                                        "wheels",    "directory", "extension"};
    return names[kind];
}

/* Whether the file's text looks like requirements: what is no ELF file and no archive. */
static bool is_text(const char *path)
{
    char buf[4096];
    autofd fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, buf, sizeof buf) : -1;
    return n >= 0 && !memchr(buf, 0, (size_t)n);
}

static struct audit_place *add_place(struct audit_place **places, size_t *n, enum audit_kind kind,
                                     const char *label)
{
    *places = xrealloc(*places, (*n + 1) * sizeof **places);
    struct audit_place *p = &(*places)[(*n)++];
    *p = (struct audit_place){.kind = kind, .label = xstrdup(label), .lock = -1};
    p->skipped = json_array();
    return p;
}

/* All wheels are one place, as one application would use them. */
static void add_wheel(struct audit_place **places, size_t *n, const char *label, const char *file)
{
    for (size_t i = 0; i < *n; i++) {
        if ((*places)[i].kind == AUDIT_WHEELS) {
            if (!strv_has(&(*places)[i].wheels, file))
                strv_add(&(*places)[i].wheels, file);
            return;
        }
    }
    strv_add(&add_place(places, n, AUDIT_WHEELS, label)->wheels, file);
}

static int add_directory(struct audit_place **places, size_t *n, const char *path)
{
    autofree char *marker = path_join(path, "pyvenv.cfg");
    if (fs_exists(marker)) {
        add_place(places, n, AUDIT_VENV, path);
        return 0;
    }
    autostrv names = {0};
    bool wheels = false;
    int rc = fs_list(path, &names);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < names.n; i++) {
        autofree char *file = path_join(path, names.v[i]);
        if (!str_ends(names.v[i], ".whl"))
            continue;
        wheels = true;
        add_wheel(places, n, path, file);
    }
    if (!wheels) {
        autofree char *absolute = path_absolute(path);
        strv_add(&add_place(places, n, AUDIT_DIRECTORY, path)->paths, absolute);
    }
    return 0;
}

/* An extension module inside a package is imported by its full name: the directories above it that
 * have an __init__.py are the package. */
static void add_extension(struct audit_place **places, size_t *n, const char *path)
{
    struct audit_place *p = add_place(places, n, AUDIT_EXTENSION, path);
    p->file = path_absolute(path);
    const char *base = path_base(p->file);
    p->module = xstrndup(base, strcspn(base, "."));
    autofree char *dir = path_dir(p->file);
    for (;;) {
        autofree char *init = path_join(dir, "__init__.py");
        if (!fs_exists(init) || str_eq(dir, "/"))
            break;
        str_set(&p->module, xasprintf("%s.%s", path_base(dir), p->module));
        str_set(&dir, path_dir(dir));
    }
    strv_add(&p->paths, dir);
}

static int add_target(struct audit_place **places, size_t *n, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return err_hint(fail_errno(E_USAGE, "%s", path),
                        "a TARGET is a virtual environment, a wheel, a directory, a requirements "
                        "file or an extension module");
    if (access(path, R_OK) < 0)
        return err_hint(fail_errno(E_USAGE, "%s cannot be read", path),
                        "run ungil as a user who may read it");
    if (S_ISDIR(st.st_mode))
        return add_directory(places, n, path);
    if (str_ends(path, ".whl"))
        add_wheel(places, n, path, path);
    else if (str_ends(path, ".so"))
        add_extension(places, n, path);
    else if (S_ISREG(st.st_mode) && is_text(path))
        add_place(places, n, AUDIT_REQUIREMENTS, path);
    else
        return err_hint(fail(E_USAGE, "%s is nothing that can be audited", path),
                        "a TARGET is a virtual environment, a wheel (*.whl), a directory, a "
                        "requirements file (text) or an extension module (*.so)");
    return 0;
}

int audit_places(const struct audit_opts *opts, struct audit_place **places, size_t *n)
{
    *places = NULL;
    *n = 0;
    if (opts->targets->n == 0)
        add_place(places, n, AUDIT_INSTALLED, opts->name);
    for (size_t i = 0; i < opts->targets->n; i++) {
        int rc = add_target(places, n, opts->targets->v[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void audit_places_free(struct audit_place *places, size_t n)
{
    for (size_t i = 0; places && i < n; i++) {
        struct audit_place *p = &places[i];
        if (p->scratch && fs_remove_tree(p->scratch) < 0)
            warn("%s is left behind", p->scratch);
        if (p->lock >= 0)
            close(p->lock);
        free(p->label);
        free(p->python);
        free(p->file);
        free(p->module);
        free(p->scratch);
        strv_free(&p->paths);
        strv_free(&p->wheels);
        json_decref(p->listing);
        json_decref(p->skipped);
    }
    free(places);
}

int audit_list(const char *python, const struct strv *paths, bool bare,
               const struct audit_opts *opts, json_t **listing)
{
    autostrv options = {0};
    if (bare)
        strv_add(&options, "-S");
    json_t *params = json_object();
    if (paths && paths->n)
        json_object_set_new(params, "paths", texts_json(paths));
    struct kernel_run run = {.python = python,
                             .kernel = "audit_list",
                             .params = params,
                             .options = &options,
                             .seconds = list_seconds,
                             .progress = opts->limits.progress};
    int rc = kernel_run(&run, listing);
    json_decref(params);
    if (rc < 0) {
        json_decref(*listing);
        *listing = NULL;
    }
    return rc;
}

/* --- wheels ------------------------------------------------------------------------------------
 */

static void skip_wheel(struct audit_place *p, const char *file, const char *verdict,
                       const char *why)
{
    json_array_append_new(p->skipped, json_pack("{s:o, s:s, s:o}", "file", text_json(file),
                                                "verdict", verdict, "why", text_json(why)));
}

/* Whether it is made for the system that the interpreter runs on; what runs under another libc's
 * name is left to the import to find out. */
static bool fits_platform(const struct wheel *w)
{
    for (size_t i = 0; i < w->platform.n; i++) {
        const char *tag = w->platform.v[i];
        if (str_eq(tag, "any"))
            return true;
#if defined(__linux__) && defined(__x86_64__)
        if ((strstr(tag, "linux") && str_ends(tag, "_x86_64")))
            return true;
#elif defined(__linux__) && defined(__aarch64__)
        if ((strstr(tag, "linux") && str_ends(tag, "_aarch64")))
            return true;
#else
        return true;
#endif
    }
    return false;
}

struct candidate {
    const char *file;
    struct wheel wheel;
    enum wheel_kind kind;
    bool fits, taken;
};

static int parse_candidate(struct audit_place *p, const char *file, const char *series,
                           struct candidate *c)
{
    *c = (struct candidate){.file = file};
    int rc = wheel_parse_name(file, &c->wheel);
    if (rc < 0) {
        skip_wheel(p, file, "error", err_message());
        err_clear();
        return rc;
    }
    c->kind = wheel_free_threaded(&c->wheel, series);
    c->fits = c->kind != WHEEL_NOT_FREE_THREADED && fits_platform(&c->wheel);
    return 0;
}

/* Of several wheels of one distribution, the best for this interpreter. */
static bool is_best(const struct candidate *list, size_t n, size_t i)
{
    for (size_t k = 0; k < n; k++) {
        if (k == i || !list[k].fits ||
            !str_eq(list[k].wheel.distribution, list[i].wheel.distribution))
            continue;
        if (!list[i].fits || list[k].kind > list[i].kind || (list[k].kind == list[i].kind && k < i))
            return false;
    }
    return true;
}

static int unpack(struct audit_place *p, const struct candidate *c, size_t i)
{
    autofree char *dir = xasprintf("%s/%zu", p->scratch, i);
    int rc = fs_mkdirs(dir, 0700);
    if (rc < 0)
        return rc;
    rc = wheel_unpack(c->file, dir);
    if (rc == E_SIGNAL)
        return rc;
    if (rc < 0) {
        skip_wheel(p, c->file, "error", err_message());
        err_clear();
        if (fs_remove_tree(dir) < 0)
            err_clear();
        return 0;
    }
    strv_add(&p->paths, dir);
    return 0;
}

static int unpack_best(struct audit_place *p, struct candidate *list, size_t n, const char *series)
{
    for (size_t i = 0; i < n; i++) {
        const char *file = list[i].file;
        autofree char *tags = strv_join(&list[i].wheel.abi, ".");
        autofree char *systems = strv_join(&list[i].wheel.platform, ".");
        autofree char *why = NULL;
        int rc = 0;
        if (!list[i].wheel.distribution)
            continue;
        if (list[i].fits && is_best(list, n, i)) {
            rc = unpack(p, &list[i], i);
        } else if (!is_best(list, n, i)) {
            skip_wheel(p, file, "skipped", "another wheel of the same distribution is preferred");
        } else {
            why = list[i].kind == WHEEL_NOT_FREE_THREADED
                      ? xasprintf("built for %s, which %st cannot load", tags, series)
                      : xasprintf("built for %s, which is another system", systems);
            skip_wheel(p, file, "foreign", why);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* What pip does at an installation; else each fresh process would compile the sources anew. */
static int compile_all(const struct audit_place *p)
{
    autostrv argv = {0}, env = {0};
    strv_add(&argv, p->python);
    strv_split(&argv, "-I -S -m compileall -q -j 0");
    strv_addv(&argv, &p->paths);
    proc_clean_environment(&env);
    struct proc_opts opts = PROC_OPTS_INIT;
    opts.env = &env;
    opts.cwd = p->scratch;
    int status;
    int rc = proc_capture(&argv, &opts, 600, 0, NULL, &status);
    return rc == E_SIGNAL ? rc : 0; /* what does not compile will be seen when it is imported */
}

static int prepare_wheels(struct audit_place *p, const char *series)
{
    int rc = audit_scratch(&p->scratch, &p->lock);
    if (rc < 0)
        return rc;
    p->bare = true;
    struct candidate *list = xcalloc(p->wheels.n + 1, sizeof *list);
    for (size_t i = 0; i < p->wheels.n; i++)
        parse_candidate(p, p->wheels.v[i], series, &list[i]);
    rc = unpack_best(p, list, p->wheels.n, series);
    for (size_t i = 0; i < p->wheels.n; i++)
        wheel_free(&list[i].wheel);
    free(list);
    return rc == 0 && p->paths.n ? compile_all(p) : rc;
}

/* --- the others --------------------------------------------------------------------------------
 */

static int same_kind(const struct audit_place *p, json_t *theirs, json_t *ours)
{
    const char *a = json_string_value(json_object_get(theirs, "soabi"));
    const char *b = json_string_value(json_object_get(ours, "soabi"));
    if (a && b && str_eq(a, b))
        return 0;
    return err_hint(
        fail(E_USAGE, "%s is an environment of %s, not of %s", p->label, a ? a : "an old Python",
             b ? b : "this interpreter"),
        "make one with \"PYTHON -m venv DIR\", or audit its \"pip freeze\" as a requirements file");
}

int audit_place_prepare(struct audit_place *p, const struct audit_opts *opts, json_t *interpreter)
{
    int rc = 0;
    p->python = path_absolute(opts->python);
    if (p->kind == AUDIT_REQUIREMENTS)
        rc = audit_pip(p, opts);
    if (p->kind == AUDIT_WHEELS)
        rc = prepare_wheels(p, json_string_value(json_object_get(interpreter, "series")));
    if (rc < 0 || (p->kind != AUDIT_VENV && p->kind != AUDIT_REQUIREMENTS))
        return rc;
    autofree char *python = xasprintf("%s/bin/python", p->scratch ? p->scratch : p->label);
    str_set(&p->python, path_absolute(python));
    if (!fs_exists(p->python))
        return err_hint(fail(E_USAGE, "%s has no interpreter", p->label),
                        "what its bin/python points to is gone; make the environment again");
    return 0;
}

int audit_place_list(struct audit_place *p, const struct audit_opts *opts, json_t *interpreter)
{
    if (p->kind == AUDIT_WHEELS && p->paths.n == 0)
        return 0;
    /* of one file, the interpreter alone: its directory may hold anything */
    const struct strv *paths = p->kind == AUDIT_EXTENSION ? NULL : &p->paths;
    int rc = audit_list(p->python, paths, p->bare, opts, &p->listing);
    if (rc == 0 && p->kind == AUDIT_EXTENSION)
        while (json_array_size(p->listing) > 1)
            json_array_remove(p->listing, 1);
    if (rc < 0 || (p->kind != AUDIT_VENV && p->kind != AUDIT_REQUIREMENTS))
        return rc;
    return same_kind(p, json_object_get(json_array_get(p->listing, 0), "interpreter"), interpreter);
}
