/* All extension modules below a directory, or in a wheel, see audit_static.h. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "core/audit_static.h"
#include "core/text_json.h"
#include "core/wheel.h"

/* ---- Who installed what ---- */

struct owned_file {
    char *path; /* as the walk has it */
    char *name, *version;
};

struct tree {
    struct strv files, infos; /* relative paths: *.so, and *.dist-info directories */
    struct owned_file *owned;
    size_t n_owned, owned_cap;
};

static int visit(const char *relative, const char *path, const struct stat *st, void *arg)
{
    struct tree *t = arg;
    (void)path;
    if (S_ISREG(st->st_mode) && str_ends(relative, ".so"))
        strv_add(&t->files, relative);
    if (S_ISDIR(st->st_mode) && str_ends(relative, ".dist-info"))
        strv_add(&t->infos, relative);
    return proc_check();
}

/* The first field of a line of RECORD: a path, perhaps quoted. Owned. */
static char *recorded_path(const char *line)
{
    if (*line != '"')
        return xstrndup(line, strcspn(line, ",\r\n"));
    autostr path = {0};
    for (const char *p = line + 1; *p && *p != '\n'; p++) {
        if (*p == '"' && *++p != '"')
            break;
        str_addn(&path, p, 1);
    }
    return str_take(&path);
}

static void own(struct tree *t, char *path, const char *name, const char *version)
{
    if (t->n_owned == t->owned_cap) {
        t->owned_cap = t->owned_cap ? t->owned_cap * 2 : 64;
        t->owned = xrealloc(t->owned, t->owned_cap * sizeof *t->owned);
    }
    t->owned[t->n_owned++] =
        (struct owned_file){.path = path, .name = xstrdup(name), .version = xstrdup(version)};
}

static void read_record(struct tree *t, const char *dir, const char *info)
{
    autofree char *at = path_join(dir, info), *file = path_join(at, "RECORD"), *text = NULL;
    autofree char *name = NULL, *version = NULL, *base = path_dir(info);
    if (fs_read_text(file, &text) < 0)
        return; /* nothing is known of its files; that is no error */
    wheel_identity(at, &name, &version);
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        autofree char *path = recorded_path(line);
        if (str_ends(path, ".so"))
            own(t, strcmp(base, ".") == 0 ? steal(&path) : path_join(base, path), name, version);
        line += n + (line[n] == '\n');
    }
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct owned_file *)a)->path, ((const struct owned_file *)b)->path);
}

static void tree_free(struct tree *t)
{
    strv_free(&t->files);
    strv_free(&t->infos);
    for (size_t i = 0; i < t->n_owned; i++) {
        free(t->owned[i].path);
        free(t->owned[i].name);
        free(t->owned[i].version);
    }
    free(t->owned);
}

/* ---- A directory ---- */

static int audit_one(const struct tree *t, const char *dir, const char *relative, json_t *results)
{
    autofree char *path = path_join(dir, relative);
    json_t *r = NULL;
    int rc = audit_static_file(path, &r);
    if (rc == E_NOTFOUND) /* a library, most likely */
        return 0;
    if (rc < 0) {
        r = json_pack("{s:o, s:o}", "file", text_json(path), "error", text_json(err_message()));
        err_clear();
    }
    struct owned_file key = {.path = (char *)relative}, *owner = NULL;
    if (t->n_owned)
        owner = bsearch(&key, t->owned, t->n_owned, sizeof key, by_path);
    json_object_set_new(r, "relative", text_json(relative));
    json_object_set_new(r, "distribution", text_json(owner ? owner->name : NULL));
    json_object_set_new(r, "version", text_json(owner ? owner->version : NULL));
    json_array_append_new(results, r);
    return proc_check();
}

int audit_static_tree(const char *dir, json_t *results)
{
    struct tree t = {0};
    struct stat st;
    if (stat(dir, &st) < 0)
        return fail_errno(E_FAILED, "cannot read %s", dir);
    int rc = fs_walk(dir, visit, &t);
    for (size_t i = 0; i < t.infos.n && rc == 0; i++)
        read_record(&t, dir, t.infos.v[i]);
    if (t.n_owned)
        qsort(t.owned, t.n_owned, sizeof *t.owned, by_path);
    for (size_t i = 0; i < t.files.n && rc == 0; i++)
        rc = audit_one(&t, dir, t.files.v[i], results);
    tree_free(&t);
    return rc;
}

/* ---- A wheel ---- */

/* Whether one of its platform tags is for the machine that an ELF file is for. */
static bool platform_fits(const struct wheel *w, const char *machine)
{
    static const struct {
        const char *machine, *tag;
    } others[] = {{"i386", "i686"}, {"arm", "armv7l"}, {"arm", "armv6l"}, {"ppc64", "ppc64le"}};
    for (size_t i = 0; i < w->platform.n; i++) {
        const char *tag = w->platform.v[i];
        if (str_ends(tag, machine))
            return true;
        for (size_t k = 0; k < lengthof(others); k++)
            if (str_eq(machine, others[k].machine) && str_ends(tag, others[k].tag))
                return true;
    }
    return false;
}

static bool abi_fits(const struct wheel *w, const char *abi, const json_t *free_threaded)
{
    if (abi)
        return strv_has(&w->abi, abi);
    if (strv_has(&w->abi, "none"))
        return false;
    bool any_t = false, all_t = true; /* "cp314t", "abi3t" */
    for (size_t i = 0; i < w->abi.n; i++) {
        bool t = str_ends(w->abi.v[i], "t");
        any_t |= t;
        all_t &= t;
    }
    return json_is_true(free_threaded) ? any_t : json_is_false(free_threaded) ? !all_t : true;
}

static void note_misfits(const struct wheel *w, const json_t *extension, json_t *notes)
{
    const char *relative = json_string_value(json_object_get(extension, "relative"));
    const char *abi = json_string_value(json_object_get(extension, "abi"));
    const char *machine = json_string_value(json_object_get(extension, "machine"));
    const char *own = json_string_value(json_object_get(extension, "abi_note"));
    const json_t *t = json_object_get(extension, "free_threaded_abi");
    autofree char *tags = strv_join(&w->abi, ".");
    autofree char *platforms = strv_join(&w->platform, ".");
    if (!machine) /* it could not be read */
        return;
    if (!abi_fits(w, abi, t)) {
        autofree char *line =
            xasprintf("%s is built for %s, but the ABI tag of the wheel is %s", relative,
                      abi               ? abi
                      : json_is_true(t) ? "a build without the GIL"
                                        : "a build with the GIL",
                      tags);
        json_array_append_new(notes, text_json(line));
    }
    if (!platform_fits(w, machine)) {
        autofree char *line = xasprintf("%s is for %s, but the platform tag of the wheel is %s",
                                        relative, machine, platforms);
        json_array_append_new(notes, text_json(line));
    }
    if (own) {
        autofree char *line = xasprintf("%s: %s", relative, own);
        json_array_append_new(notes, text_json(line));
    }
}

/* A wheel for another system has extension modules of another format, under other names, too. */
static void note_system(const struct wheel *w, json_t *notes)
{
    for (size_t i = 0; i < w->platform.n; i++)
        if (strstr(w->platform.v[i], "linux") || str_eq(w->platform.v[i], "any"))
            return;
    autofree char *platforms = strv_join(&w->platform, ".");
    autofree char *line = xasprintf(
        "it is for %s: only extension modules for Linux (ELF files) can be read", platforms);
    json_array_append_new(notes, text_json(line));
}

static int audit_unpacked(const char *path, const struct wheel *w, const char *dir, json_t **result)
{
    struct wheel_info info = {0};
    int rc = wheel_unpack(path, dir);
    if (rc == 0)
        rc = wheel_read_info(dir, w, &info);
    if (rc < 0) {
        wheel_info_free(&info);
        return err_context(rc, "%s", path_base(path));
    }
    json_t *extensions = json_array(), *notes = texts_json(&info.notes), *one;
    wheel_info_free(&info);
    rc = audit_static_tree(dir, extensions);
    size_t i;
    json_array_foreach(extensions, i, one)
    {
        json_object_set(one, "file", json_object_get(one, "relative"));
        note_misfits(w, one, notes);
    }
    note_system(w, notes);
    autostrv tags = {0};
    wheel_tags(w, &tags);
    *result = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "file", text_json(path),
                        "distribution", text_json(w->distribution), "version",
                        text_json(w->version), "build", text_json(w->build), "tags",
                        texts_json(&tags), "notes", notes, "extensions", extensions);
    return rc;
}

int audit_static_wheel(const char *path, json_t **result)
{
    *result = NULL;
    autowheel w;
    autofree char *dir = NULL;
    const char *tmp = getenv("TMPDIR");
    int rc = wheel_parse_name(path, &w);
    if (rc == 0)
        rc = fs_mkdtemp(tmp && *tmp ? tmp : "/tmp", "ungil-wheel", &dir);
    if (rc < 0)
        return rc;
    rc = audit_unpacked(path, &w, dir, result);
    if (fs_remove_tree(dir) < 0 && rc == 0)
        rc = E_FAILED;
    if (rc < 0) {
        json_decref(*result);
        *result = NULL;
    }
    return rc;
}
