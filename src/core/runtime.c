#include "core/runtime.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/distro.h"
#include "core/modules.h"
#include "core/text_json.h"
#include "io/elf.h"

/* ---- What it needs ---- */

struct library {
    char *soname;
    struct strv versions, modules;
};

struct collection {
    char *machine, *loader;
    struct library *all;
    size_t n;
    struct strv own; /* names of files in the prefix: libpython3.14.so.1.0 */
};

static void collection_free(struct collection *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->all[i].soname);
        strv_free(&c->all[i].versions);
        strv_free(&c->all[i].modules);
    }
    free(c->all);
    free(c->machine);
    free(c->loader);
    strv_free(&c->own);
}

static struct library *library_of(struct collection *c, const char *soname)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->all[i].soname, soname) == 0)
            return &c->all[i];
    c->all = xrealloc(c->all, (c->n + 1) * sizeof *c->all);
    c->all[c->n] = (struct library){.soname = xstrdup(soname)};
    return &c->all[c->n++];
}

static void add_once(struct strv *list, const char *text)
{
    if (!strv_has(list, text))
        strv_add(list, text);
}

static bool is_elf(const char *path)
{
    char magic[4] = "";
    autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && fs_read_fd(fd, magic, sizeof magic) == sizeof magic &&
           memcmp(magic, "\177ELF", sizeof magic) == 0;
}

/* Two machines in one prefix would make no sense; the first program's is taken. */
static void add_file(struct collection *c, const char *file, const struct elf_runtime *r)
{
    autofree char *module = xstrndup(file, strcspn(file, "."));
    const char *who = r->interpreter ? file : module;
    if (!c->machine)
        c->machine = xstrdup(r->machine);
    if (r->interpreter && !c->loader)
        c->loader = xstrdup(r->interpreter);
    for (size_t i = 0; i < r->libraries.n; i++)
        add_once(&library_of(c, r->libraries.v[i])->modules, who);
    for (size_t i = 0; i < r->versions.n; i++) {
        const char *space = strchr(r->versions.v[i], ' ');
        autofree char *soname = xstrndup(r->versions.v[i], (size_t)(space - r->versions.v[i]));
        add_once(&library_of(c, soname)->versions, space + 1);
    }
}

static int collect_one(const char *relative, const char *path, const struct stat *st, void *arg)
{
    struct collection *c = arg;
    int rc = proc_check();
    if (rc < 0 || !S_ISREG(st->st_mode) || !is_elf(path))
        return rc;
    if (strstr(relative, "/debug/") || str_ends(relative, ".o") ||
        strstr(relative, "/site-packages/"))
        return 0; /* read by debuggers and linkers, never loaded; what users added */
    struct elf_runtime r;
    rc = elf_runtime_read(path, &r);
    if (rc == E_NOTFOUND) {
        err_clear();
        return 0;
    }
    if (rc < 0)
        return rc;
    strv_add(&c->own, path_base(relative));
    add_file(c, path_base(relative), &r);
    elf_runtime_free(&r);
    return 0;
}

static int by_soname(const void *a, const void *b)
{
    const struct library *x = a, *y = b;
    return strcmp(x->soname, y->soname);
}

/* Compares "2.9" with "2.34" as versions are meant. */
static int version_compare(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            char *ea, *eb;
            unsigned long x = strtoul(a, &ea, 10), y = strtoul(b, &eb, 10);
            if (x != y)
                return x < y ? -1 : 1;
            a = ea;
            b = eb;
        } else if (*a != *b) {
            return *a < *b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return *a ? 1 : *b ? -1 : 0;
}

/* The highest "GLIBC_2.34" among versions, without its head; NULL: none. Borrowed. */
static const char *newest_glibc(const struct strv *versions)
{
    static const char head[] = "GLIBC_";
    const char *newest = NULL;
    for (size_t i = 0; i < versions->n; i++) {
        const char *v = versions->v[i];
        if (!str_starts(v, head) || !isdigit((unsigned char)v[sizeof head - 1]))
            continue; /* GLIBC_PRIVATE */
        v += sizeof head - 1;
        if (!newest || version_compare(v, newest) > 0)
            newest = v;
    }
    return newest;
}

static json_t *collection_json(struct collection *c)
{
    json_t *libraries = json_array();
    const char *glibc = NULL;
    qsort(c->all, c->n, sizeof *c->all, by_soname);
    for (size_t i = 0; i < c->n; i++) {
        struct library *l = &c->all[i];
        if (strv_has(&c->own, l->soname))
            continue;
        strv_sort(&l->versions);
        strv_sort(&l->modules);
        const char *newest = newest_glibc(&l->versions);
        if (newest && (!glibc || version_compare(newest, glibc) > 0))
            glibc = newest;
        json_array_append_new(libraries, json_pack("{s:s, s:o, s:o}", "soname", l->soname,
                                                   "versions", texts_json(&l->versions), "modules",
                                                   texts_json(&l->modules)));
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "machine", text_json(c->machine), "loader",
                     text_json(c->loader), "glibc", text_json(glibc), "libraries", libraries);
}

int runtime_collect(const char *prefix, json_t **out)
{
    struct collection c = {0};
    int rc = fs_walk(prefix, collect_one, &c);
    *out = rc == 0 ? collection_json(&c) : NULL;
    collection_free(&c);
    return rc;
}

char *runtime_platform(json_t *runtime)
{
    const char *machine = json_text(runtime, "machine"), *loader = json_text(runtime, "loader");
    const char *libc = strstr(loader, "ld-musl") ? "musl" : "gnu";
    return xasprintf("%s-linux-%s%s", *machine ? machine : "any", libc,
                     strstr(loader, "armhf") ? "eabihf" : "");
}

/* ---- Whether it is here ---- */

/* As elf.c names machines; owned. */
static char *this_machine(void)
{
    struct utsname host;
    uname(&host);
    const char *m = host.machine;
    if (strcmp(m, "i486") == 0 || strcmp(m, "i586") == 0 || strcmp(m, "i686") == 0)
        m = "i386";
    if (str_starts(m, "arm"))
        m = "arm";
    return xstrdup(m);
}

/* The shell is dynamically linked almost everywhere; ungil itself need not be. */
json_t *runtime_here(void)
{
    static const char *const programs[] = {"/bin/sh", "/proc/self/exe"};
    autofree char *machine = this_machine(), *loader = NULL;
    for (size_t i = 0; i < lengthof(programs) && !loader; i++) {
        struct elf_runtime r;
        if (elf_runtime_read(programs[i], &r) < 0) {
            err_clear();
            continue;
        }
        str_set(&loader, xstrdup(r.interpreter));
        if (loader)
            str_set(&machine, xstrdup(r.machine));
        elf_runtime_free(&r);
    }
    return json_pack("{s:s, s:o}", "machine", machine, "loader", text_json(loader));
}

char *runtime_platform_here(void)
{
    json_t *here = runtime_here();
    char *platform = runtime_platform(here);
    json_decref(here);
    return platform;
}

/* What is missing, gathered for one message. */
struct lack {
    struct str text;
    struct strv sonames; /* for the package manager */
};

static void add_lack(struct lack *lack, const char *what, const struct strv *modules)
{
    enum { NAMED = 4 };
    autostrv some = {0};
    for (size_t i = 0; i < modules->n && i < NAMED; i++)
        strv_add(&some, modules->v[i]);
    autofree char *names = strv_join(&some, ", ");
    str_addf(&lack->text, "\n    %s, for %s%s", what, names, modules->n > NAMED ? " ..." : "");
}

/* The names that recipes use for the extension modules, where all of them are optional. */
static bool all_optional(const struct strv *modules, const struct strv *optional,
                         struct strv *names)
{
    for (size_t i = 0; i < modules->n; i++) {
        const char *found = NULL;
        for (size_t o = 0; o < optional->n && !found; o++)
            if (modules_is_extension(optional->v[o], modules->v[i]))
                found = optional->v[o];
        if (!found)
            return false;
        add_once(names, found);
    }
    return modules->n > 0;
}

static void texts_of(json_t *array, struct strv *out)
{
    size_t i;
    json_t *value;
    json_array_foreach(array, i, value) if (json_is_string(value))
        strv_add(out, json_string_value(value));
}

char *runtime_lacking(json_t *library, const char *path, const char *who)
{
    const char *soname = json_text(library, "soname");
    autostrv versions = {0};
    texts_of(json_object_get(library, "versions"), &versions);
    if (!*path)
        return xasprintf("%s", soname);
    if (versions.n == 0)
        return NULL;
    struct elf_runtime r;
    if (elf_runtime_read(path, &r) < 0) {
        err_clear(); /* the dynamic loader took it; it has the last word */
        return NULL;
    }
    autostrv missing = {0};
    for (size_t i = 0; r.provides.n && i < versions.n; i++)
        if (!strv_has(&r.provides, versions.v[i]))
            strv_add(&missing, versions.v[i]);
    char *text = NULL;
    const char *wants = newest_glibc(&missing), *has = newest_glibc(&r.provides);
    if (wants && has)
        text = xasprintf("glibc %s or later (%s has %s)", wants, who, has);
    else if (missing.n > 0)
        text = xasprintf("%s with %s (that of %s lacks it)", soname, missing.v[0], who);
    elf_runtime_free(&r);
    return text;
}

static void check_library(json_t *library, const char *path, const struct strv *optional,
                          struct lack *lack, struct strv *absent)
{
    autostrv modules = {0}, names = {0};
    texts_of(json_object_get(library, "modules"), &modules);
    const char *soname = json_text(library, "soname");
    autofree char *what = runtime_lacking(library, path, "this machine");
    if (!what)
        return;
    if (optional && all_optional(&modules, optional, &names)) {
        for (size_t i = 0; i < names.n; i++)
            add_once(absent, names.v[i]);
        return;
    }
    add_lack(lack, what, &modules);
    if (!*path)
        strv_add(&lack->sonames, soname);
}

static int check_machine(json_t *runtime, const char *name)
{
    autofree char *here = this_machine();
    const char *machine = json_text(runtime, "machine"), *loader = json_text(runtime, "loader");
    if (strcmp(machine, here) != 0)
        return err_hint(fail(E_FAILED, "%s is for %s; this machine is %s", name, machine, here),
                        "take the bundle that was made for this machine");
    if (*loader && access(loader, X_OK) < 0)
        return err_hint(
            fail(E_FAILED, "%s needs the dynamic loader %s, which this machine does not have", name,
                 loader),
            "it was built for another C library: %s", strstr(loader, "musl") ? "musl" : "glibc");
    return 0;
}

/* Each is loaded to see whether it is there, and is shown in a command for a shell: a name, which
 * the dynamic loader looks for in the system's own directories, and not the path of any file. */
static int check_sonames(const struct strv *sonames, const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._+-";
    for (size_t i = 0; i < sonames->n; i++) {
        const char *soname = sonames->v[i];
        if (*soname && *soname != '-' && soname[strspn(soname, allowed)] == '\0')
            continue;
        return err_hint(fail(E_INTEGRITY,
                             "%s is refused: it needs a library \"%s\", which is no "
                             "name of one",
                             name, soname),
                        "get it again, from whom you trust");
    }
    return 0;
}

int runtime_check(json_t *runtime, const char *name, const struct strv *optional,
                  struct strv *absent)
{
    json_t *libraries = json_object_get(runtime, "libraries"), *library;
    autostrv sonames = {0}, paths = {0};
    struct lack lack = {0};
    size_t i;
    int rc = check_machine(runtime, name);
    json_array_foreach(libraries, i, library) strv_add(&sonames, json_text(library, "soname"));
    if (rc == 0)
        rc = check_sonames(&sonames, name);
    if (rc == 0)
        rc = dl_locate(&sonames, &paths);
    if (rc < 0)
        return rc;
    json_array_foreach(libraries, i, library)
        check_library(library, paths.v[i], optional, &lack, absent);
    if (lack.text.len) {
        rc = fail(E_FAILED, "%s cannot run on this machine; it lacks:%s", name, lack.text.s);
        autofree char *command = distro_install_libraries(&lack.sonames);
        if (command)
            err_hint(rc, "\"%s\" installs the libraries", command);
        else if (lack.sonames.n > 0)
            err_hint(rc, "install the packages that hold these libraries");
        else
            err_hint(rc, "take a bundle that was built on an older system, or build it here: "
                         "ungil install");
    }
    str_free(&lack.text);
    strv_free(&lack.sonames);
    return rc;
}
