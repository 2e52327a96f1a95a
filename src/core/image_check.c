/* Whether interpreters can run on a base image, see image_base.h. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "core/distro.h"
#include "core/image_base.h"
#include "core/image_files.h"
#include "core/image_rootfs.h"
#include "core/runtime.h"
#include "core/text_json.h"
#include "io/archive_list.h"

enum { LIBRARY_LIMIT = 64 << 20, NAMED = 4 }; /* bytes; modules that a message names */

/* One library that the interpreters need. */
struct need {
    json_t *library; /* of a runtime; borrowed */
    char *path;      /* a copy of what the base has; "" where it has none */
};

struct checking {
    const struct image_base *base;
    struct image_files *files;
    struct need *needs;
    size_t n;
    struct strv *paths, *copies; /* for each layer: what is taken out of it */
    struct str fatal, missing;
    struct strv sonames; /* of what the base has not at all */
};

static const char *who(const struct checking *c)
{
    return c->base->name ? c->base->name : "the base";
}

/* ---- Programs ---- */

static int check_loader(const struct checking *c, json_t *runtime)
{
    const char *loader = json_text(runtime, "loader");
    if (!*loader || image_files_find(c->files, loader))
        return 0;
    int rc = fail(E_FAILED,
                  "%s lacks the dynamic loader %s, without which no program of the "
                  "interpreters starts",
                  who(c), loader);
    return err_hint(rc, "they were built for %s: choose a base that has this C library",
                    strstr(loader, "musl") ? "musl" : "glibc");
}

static int check_programs(const struct checking *c)
{
    autostrv missing = {0};
    if (!image_files_find(c->files, IMAGE_SHELL))
        return err_hint(fail(E_FAILED,
                             "%s lacks " IMAGE_SHELL ", which the programs in "
                             "/opt/ungil/bin need",
                             who(c)),
                        "choose a base with a shell, or leave out --base: the image then has one");
    for (size_t i = 0; image_programs[i]; i++) {
        autofree char *other = xasprintf("/bin/%s", path_base(image_programs[i]));
        if (!image_files_find(c->files, image_programs[i]) && !image_files_find(c->files, other))
            strv_add(&missing, path_base(image_programs[i]));
    }
    autofree char *names = strv_join(&missing, ", ");
    if (missing.n > 0)
        warn("%s lacks %s: scripts as pip need it", who(c), names);
    return 0;
}

/* ---- Libraries ---- */

static void add_need(struct checking *c, json_t *library, const char *work)
{
    const char *soname = json_text(library, "soname");
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(json_text(c->needs[i].library, "soname"), soname) == 0)
            return;
    const struct image_file *file = image_files_library(c->files, soname);
    c->needs = xrealloc(c->needs, (c->n + 1) * sizeof *c->needs);
    c->needs[c->n].library = library;
    c->needs[c->n].path = file ? xasprintf("%s/base-library-%zu", work, c->n) : xstrdup("");
    if (file) {
        strv_add(&c->paths[file->layer], file->path);
        strv_add(&c->copies[file->layer], c->needs[c->n].path);
    }
    c->n++;
}

/* Whether a program needs it, and not only modules. */
static bool is_vital(json_t *modules)
{
    json_t *name;
    size_t i;
    json_array_foreach(modules, i,
                       name) if (str_starts(json_string_value(name), "python") ||
                                 str_starts(json_string_value(name), "libpython")) return true;
    return false;
}

static void judge(struct checking *c, const struct need *need)
{
    autofree char *what = runtime_lacking(need->library, need->path, who(c));
    json_t *modules = json_object_get(need->library, "modules"), *name;
    autostrv names = {0};
    size_t i;
    if (!what)
        return;
    if (!*need->path)
        strv_add(&c->sonames, json_text(need->library, "soname"));
    json_array_foreach(modules, i, name) if (names.n < NAMED)
        strv_add(&names, json_string_value(name));
    autofree char *text = strv_join(&names, ", ");
    str_addf(is_vital(modules) ? &c->fatal : &c->missing, "\n    %s, for %s%s", what, text,
             json_array_size(modules) > NAMED ? " ..." : "");
}

/* How the base gets them, where it has this machine's package manager; owned, NULL otherwise. */
static char *remedy(const struct checking *c)
{
    autofree char *command = distro_install_libraries(&c->sonames);
    if (!command)
        return NULL;
    const char *plain = command + (str_starts(command, "sudo ") ? strlen("sudo ") : 0);
    autofree char *program = xasprintf("/usr/bin/%.*s", (int)strcspn(plain, " "), plain);
    return image_files_find(c->files, program) ? xstrdup(plain) : NULL;
}

static int check_libraries(struct checking *c, json_t *const *runtimes, size_t n, const char *work)
{
    json_t *library;
    size_t i;
    int rc = 0;
    for (size_t r = 0; r < n; r++)
        json_array_foreach(json_object_get(runtimes[r], "libraries"), i, library)
            add_need(c, library, work);
    for (i = 0; rc == 0 && i < c->base->n; i++)
        if (c->paths[i].n > 0)
            rc = archive_take(c->base->layers[i].path, &c->paths[i], &c->copies[i], LIBRARY_LIMIT);
    for (i = 0; rc == 0 && i < c->n; i++)
        judge(c, &c->needs[i]);
    if (rc == 0 && c->fatal.len)
        return err_hint(
            fail(E_FAILED, "the interpreters cannot run on %s; it lacks:%s", who(c), c->fatal.s),
            "choose a base that is as new as the system they were built on");
    if (rc < 0 || !c->missing.len)
        return rc;
    autofree char *command = remedy(c);
    warn("%s lacks libraries; what needs them cannot be imported:%s%s%s", who(c), c->missing.s,
         command ? "\n  they come with this, in the base or on top of the image: " : "",
         command ? command : "");
    return 0;
}

int image_base_check(const struct image_base *b, json_t *const *runtimes, size_t n,
                     const char *work)
{
    struct checking c = {.base = b};
    c.paths = xcalloc(b->n + 1, sizeof *c.paths);
    c.copies = xcalloc(b->n + 1, sizeof *c.copies);
    int rc = image_files_read(b->layers, b->n, &c.files);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = check_loader(&c, runtimes[i]);
    if (rc == 0)
        rc = check_programs(&c);
    if (rc == 0)
        rc = check_libraries(&c, runtimes, n, work);
    for (size_t i = 0; i < b->n; i++) {
        strv_free(&c.paths[i]);
        strv_free(&c.copies[i]);
    }
    for (size_t i = 0; i < c.n; i++)
        free(c.needs[i].path);
    free(c.needs);
    free(c.paths);
    free(c.copies);
    str_free(&c.fatal);
    str_free(&c.missing);
    strv_free(&c.sonames);
    image_files_free(c.files);
    return rc;
}
